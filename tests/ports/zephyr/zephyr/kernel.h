// SPDX-License-Identifier: Apache-2.0
// A stub: the names of Zephyr that the port and the sample use, declared by us. For stub.c, and for the
// compiler.
#ifndef ZEPHYR_INCLUDE_KERNEL_H_
#define ZEPHYR_INCLUDE_KERNEL_H_

#include <stddef.h>
#include <stdint.h>

typedef struct {
    int64_t ticks;
} k_timeout_t;
#define K_TICKS(t) ((k_timeout_t){ (t) })
#define K_FOREVER K_TICKS(-1)
#define K_NSEC(t) K_TICKS(((t) + 999999) / 1000000) // a tick is a millisecond
#define K_MSEC(t) K_TICKS(t)

struct k_sem {
    volatile unsigned count;
    unsigned limit;
};
int
k_sem_init(struct k_sem *sem, unsigned count, unsigned limit);
void
k_sem_give(struct k_sem *sem);
int
k_sem_take(struct k_sem *sem, k_timeout_t timeout);

unsigned int
irq_lock(void);
void
irq_unlock(unsigned int key);

int64_t
k_uptime_ticks(void);
uint64_t
k_ticks_to_ns_floor64(uint64_t ticks);

void
k_panic(void);

struct k_timer {
    void (*expiry)(struct k_timer *timer);
};
#define K_TIMER_DEFINE(name, expiry_, stop)                                                        \
    struct k_timer name = { expiry_ };                                                             \
    void (*const name##_stop)(struct k_timer *) = (stop)
void
k_timer_start(struct k_timer *timer, k_timeout_t duration, k_timeout_t period);

#endif
