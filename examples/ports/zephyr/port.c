// SPDX-License-Identifier: Apache-2.0
// AimDB as a guest of Zephyr: one thread polls a database, and sleeps in a semaphore; handlers and other
// threads produce. For kernels that run on one core (CONFIG_SMP=n).
//
//  1. The thread that idles has its semaphore before it looks at the ready word. A producer that sets
//     the word after that look finds it and gives it, which k_sem_take() finds whether it sleeps
//     already or will: no wake is lost.
//  2. Its limit is 1: what was given while nobody slept ends one later sleep early.
//  3. Whoever has locked the interrupts owns `places`. irq_lock() nests; interrupts of zero latency
//     (CONFIG_ZERO_LATENCY_IRQS) it does not lock, and these may call neither the kernel nor AimDB.
//
// Source: Zephyr's documentation: semaphores, interrupts, kernel timing; docs/guide/porting.md.
#ifdef __ZEPHYR__

#include <zephyr/kernel.h>

#include <aimdb.h>

#ifdef CONFIG_SMP
#error "AimDB: static records are for one core: CONFIG_SMP=n"
#endif

#pragma weak aimdb_fault // an application need not define it

static struct place {
    aimdbi_signal *ready; // never changes once it is set
    struct k_sem news;
} places[CONFIG_AIMDB_DATABASES];

size_t
aimdbp_mask(void)
{
    return (size_t) irq_lock();
}

void
aimdbp_unmask(size_t state)
{
    irq_unlock((unsigned int) state);
}

aimdb_time
aimdbp_clock(void)
{
    return (aimdb_time) k_ticks_to_ns_floor64((uint64_t) k_uptime_ticks());
}

void
aimdbp_wake(aimdbi_signal *ready)
{
    struct place *found = NULL;
    size_t state = aimdbp_mask();
    for (size_t i = 0; i < CONFIG_AIMDB_DATABASES; i++) {
        found = places[i].ready == ready ? &places[i] : found;
    }
    aimdbp_unmask(state);
    if (found) {
        k_sem_give(&found->news);
    }
}

static struct place *
place_of(aimdbi_signal *ready)
{
    size_t state = aimdbp_mask();
    size_t at = 0;
    while (at < CONFIG_AIMDB_DATABASES && places[at].ready && places[at].ready != ready) {
        at++;
    }
    if (at == CONFIG_AIMDB_DATABASES) {
        aimdbp_panic(__FILE__, __LINE__, "more databases idle than CONFIG_AIMDB_DATABASES");
    }
    if (!places[at].ready) {
        (void) k_sem_init(&places[at].news, 0, 1);
        places[at].ready = ready;
    }
    aimdbp_unmask(state);
    return &places[at];
}

void
aimdbp_idle(aimdbi_signal *ready, aimdb_time deadline)
{
    struct place *place = place_of(ready); // [1]
    aimdb_time now = aimdbp_clock();
    if (!aimdbp_is_ready(ready) && now < deadline) {
        // Clocks of 32 bits count to some days; idling may end early.
        aimdb_time left = deadline - now < AIMDB_SEC(86400) ? deadline - now : AIMDB_SEC(86400);
        (void) k_sem_take(&place->news, deadline == AIMDB_FOREVER ? K_FOREVER : K_NSEC(left));
    }
}

void
aimdbp_panic(const char *file, int line, const char *text)
{
    (void) aimdbp_mask();
    if (aimdb_fault) {
        aimdb_fault(file, line, text);
    }
    k_panic();
    for (;;) {
        __asm__ volatile("" : : : "memory");
    }
}

#else
typedef int aimdb_zephyr_not_here; // a file without a declaration is no C
#endif
