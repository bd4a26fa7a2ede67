// SPDX-License-Identifier: Apache-2.0
// A semaphore and locks of a Zephyr with one thread that sleeps.
#include <stdlib.h>
#include <zephyr/kernel.h>

#include "kernel.h"

int
k_sem_init(struct k_sem *sem, unsigned count, unsigned limit)
{
    kernel_point();
    *sem = (struct k_sem){ count, limit };
    return 0;
}

void
k_sem_give(struct k_sem *sem)
{
    EXPECT(sem->limit == 1);
    sem->count = 1;
}

int
k_sem_take(struct k_sem *sem, k_timeout_t timeout)
{
    EXPECT(sem->limit == 1 && timeout.ticks != 0);
    kernel_sleep(&sem->count, timeout.ticks < 0 ? UINT64_MAX : (uint64_t) timeout.ticks);
    int taken = sem->count > 0 ? 0 : -1;
    sem->count = 0;
    return taken;
}

unsigned int
irq_lock(void)
{
    return kernel_mask();
}

void
irq_unlock(unsigned int key)
{
    kernel_unmask(key);
}

int64_t
k_uptime_ticks(void)
{
    kernel_point();
    return (int64_t) kernel_time();
}

uint64_t
k_ticks_to_ns_floor64(uint64_t ticks)
{
    return ticks * 1000000;
}

void
k_panic(void)
{
    abort();
}
