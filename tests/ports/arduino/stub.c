// SPDX-License-Identifier: Apache-2.0
// The clock and the masks of an Arduino core; yield() is where the interrupt comes.
#include "aimdb.h"

#include "Arduino.h"
#include "kernel.h"

unsigned long
micros(void)
{
    kernel_point();
    return (uint32_t) (kernel_time() * 1000);
}

void
yield(void)
{
    unsigned nothing = 0;
    kernel_sleep(&nothing, 1);
}

size_t
aimdbp_mask(void)
{
    return kernel_mask();
}

void
aimdbp_unmask(size_t state)
{
    kernel_unmask((unsigned) state);
}
