// SPDX-License-Identifier: Apache-2.0
#include "kernel.h"

#include <stdio.h>
#include <stdlib.h>

static struct {
    void (*handler)(void); // NULL: it has come
    unsigned points;
    bool as_task;
    bool came_asleep;
    bool is_in_handler;
    unsigned masked;
    uint64_t ms;
} kernel;

void
kernel_expect(bool claim, const char *file, int line, const char *text)
{
    if (!claim) {
        printf("%s:%d: does not hold: %s\n", file, line, text);
        exit(1);
    }
}

void
kernel_interrupt(unsigned points, void (*handler)(void), bool as_task)
{
    kernel.handler = handler;
    kernel.points = points;
    kernel.as_task = as_task;
    kernel.came_asleep = false;
}

bool
kernel_has_come(bool *ret_asleep)
{
    *ret_asleep = kernel.came_asleep;
    return !kernel.handler;
}

bool
kernel_in_handler(void)
{
    return kernel.is_in_handler;
}

static void
take_interrupt(void)
{
    void (*handler)(void) = kernel.handler;
    kernel.handler = NULL;
    kernel.is_in_handler = !kernel.as_task;
    handler();
    kernel.is_in_handler = false;
}

void
kernel_point(void)
{
    if (kernel.masked == 0 && kernel.handler && kernel.points > 0 && --kernel.points == 0) {
        take_interrupt();
    }
}

unsigned
kernel_mask(void)
{
    kernel_point();
    return kernel.masked++;
}

void
kernel_unmask(unsigned state)
{
    EXPECT(kernel.masked == state + 1);
    kernel.masked = state;
    kernel_point();
}

uint64_t
kernel_time(void)
{
    return kernel.ms;
}

void
kernel_set_time(uint64_t ms)
{
    kernel.ms = ms;
}

void
kernel_sleep(const volatile unsigned *news, uint64_t ms)
{
    EXPECT(kernel.masked == 0 && !kernel.is_in_handler);
    kernel_point();
    if (*news == 0 && kernel.handler) {
        kernel.came_asleep = true;
        take_interrupt();
    }
    if (*news == 0) {
        EXPECT(ms != UINT64_MAX); // asleep for good: a wake was lost
        kernel.ms += ms;
    }
}
