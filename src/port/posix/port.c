// SPDX-License-Identifier: Apache-2.0
// The port to Linux: monotonic clock, malloc, futex, membarrier, fork handlers.
//
// Sleeping is a private futex with an absolute monotonic deadline. Where the kernel offers
// membarrier(PRIVATE_EXPEDITED), writers need no fence (turn.h): registration happens once, in
// aimdbp_init, before any database exists; where it is refused (old kernels, seccomp filters that
// answer with an error) both sides use real fences.
//
// A thread that is in a simulation has its clock, its sleeping and its spinning replaced (virtual.h).
//
// Source: futex(2), membarrier(2), sched(7), pthread_atfork(3).
#define _GNU_SOURCE
#include "port/posix/thread.h"
#include "port/posix/virtual.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static pthread_once_t init_once = PTHREAD_ONCE_INIT;
static bool is_asymmetric; // written once, by init
static _Thread_local void *current;
// Initial-exec: aimdbp_clock looks at it, and a call to find it would cost more than the look.
static _Thread_local __attribute__((tls_model("initial-exec"))) struct aimdbp_virtual *simulated;

// Guards the list of fork watches. Held over a fork, so that the child finds the list whole.
static pthread_mutex_t watch_lock = PTHREAD_MUTEX_INITIALIZER;
static struct aimdbp_fork_watch *watches;

aimdb_time
aimdbp_clock(void)
{
    struct timespec now;
    if (__builtin_expect(simulated != NULL, 0)) {
        return simulated->clock(simulated);
    }
    (void) clock_gettime(CLOCK_MONOTONIC, &now);
    return AIMDB_SEC(now.tv_sec) + now.tv_nsec;
}

void *
aimdbp_alloc(size_t size, size_t align)
{
    void *memory = NULL;
    if (align <= _Alignof(max_align_t)) {
        return malloc(size);
    }
    return posix_memalign(&memory, align, size) == 0 ? memory : NULL;
}

void
aimdbp_release(void *memory, size_t size)
{
    (void) size;
    free(memory);
}

// --- sleeping ------------------------------------------------------------------------------------

void
aimdbp_wait(aimdbi_signal *signal, uint32_t expected, aimdb_time deadline)
{
    struct timespec at = { .tv_sec = (time_t) (deadline / AIMDB_SEC(1)),
                           .tv_nsec = (long) (deadline % AIMDB_SEC(1)) };
    if (deadline < 0) {
        return;
    }
    if (simulated) {
        simulated->wait(simulated, signal, expected, deadline);
        return;
    }
    // FUTEX_WAIT_BITSET takes an absolute time on CLOCK_MONOTONIC. Every way to return early is one
    // the caller expects: woken, changed, timed out, interrupted.
    (void) syscall(SYS_futex, &signal->signal_, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected,
                   deadline == AIMDB_FOREVER ? NULL : &at, NULL, FUTEX_BITSET_MATCH_ANY);
}

// Wakes are made from signal handlers, which must leave errno alone.
static void
wake(aimdbi_signal *signal, int how_many)
{
    int saved = errno;
    if (simulated) {
        simulated->wake(simulated, signal, how_many > 1);
        return;
    }
    (void) syscall(SYS_futex, &signal->signal_, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, how_many, NULL,
                   NULL, 0);
    errno = saved;
}

void
aimdbp_wake_one(aimdbi_signal *signal)
{
    wake(signal, 1);
}

void
aimdbp_wake_all(aimdbi_signal *signal)
{
    wake(signal, INT_MAX);
}

void
aimdbp_wake(aimdbi_signal *ready)
{
    aimdbp_wake_all(ready);
}

void
aimdbp_idle(aimdbi_signal *ready, aimdb_time deadline)
{
    aimdbp_wait(ready, 0, deadline);
}

// Whoever we wait for may need this processor. A yield gives it to equals only: a thread of real-time
// priority that waits for one without must sleep.
static void
give_way(unsigned spins)
{
    static const struct timespec nap = { .tv_nsec = 50000 };
    if (spins < 256) {
        (void) sched_yield();
    } else {
        int cancel = aimdbp_cancel_off(); // who waits here is in the middle of the library
        (void) clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
        aimdbp_cancel_restore(cancel);
    }
}

void
aimdbp_relax(unsigned spins)
{
    if (simulated) {
        simulated->relax(simulated);
        return;
    }
    if (spins >= 64) {
        give_way(spins);
        return;
    }
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");
#endif
}

// --- fences --------------------------------------------------------------------------------------

static int
membarrier(int command)
{
    return (int) syscall(SYS_membarrier, command, 0, 0);
}

bool
aimdbp_fence_is_asymmetric(void)
{
    return is_asymmetric || simulated; // there is but one thread, and the heavy fence can be seen
}

void
aimdbp_fence_heavy(void)
{
    int saved = errno;
    if (simulated) {
        simulated->fence_heavy(simulated);
        return;
    }
    if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0) {
        // It was registered and worked; a filter installed since then must not break ordering.
        aimdbp_panic(__FILE__, __LINE__, "membarrier was taken away from a running process");
    }
    errno = saved;
}

// --- forks ---------------------------------------------------------------------------------------

static void
before_fork(void)
{
    (void) pthread_mutex_lock(&watch_lock);
}

static void
after_fork_in_parent(void)
{
    (void) pthread_mutex_unlock(&watch_lock);
}

static void
after_fork_in_child(void)
{
    for (struct aimdbp_fork_watch *watch = watches; watch; watch = watch->next) {
        (void) fetch_or_acq_rel(watch->word, watch->bits);
    }
    (void) pthread_mutex_unlock(&watch_lock);
}

void
aimdbp_fork_watch(struct aimdbp_fork_watch *watch, aimdb_word *word, size_t bits)
{
    (void) pthread_mutex_lock(&watch_lock);
    *watch = (struct aimdbp_fork_watch){ .next = watches, .word = word, .bits = bits };
    if (watches) {
        watches->previous = watch;
    }
    watches = watch;
    (void) pthread_mutex_unlock(&watch_lock);
}

void
aimdbp_fork_unwatch(struct aimdbp_fork_watch *watch)
{
    (void) pthread_mutex_lock(&watch_lock);
    if (watch->next) {
        watch->next->previous = watch->previous;
    }
    *(watch->previous ? &watch->previous->next : &watches) = watch->next;
    (void) pthread_mutex_unlock(&watch_lock);
}

static void
init(void)
{
    int known = membarrier(MEMBARRIER_CMD_QUERY);
    bool offered = known > 0 && (known & MEMBARRIER_CMD_PRIVATE_EXPEDITED) &&
                   (known & MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
    is_asymmetric = offered && membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0 &&
                    membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0;
    (void) pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

void
aimdbp_init(void)
{
    (void) pthread_once(&init_once, init);
}

// --- the rest ------------------------------------------------------------------------------------

void *
aimdbp_current(void)
{
    return current;
}

void
aimdbp_set_current(void *now)
{
    current = now;
}

struct aimdbp_virtual *
aimdbp_virtual(void)
{
    return simulated;
}

void
aimdbp_set_virtual(struct aimdbp_virtual *replacement)
{
    simulated = replacement;
}

uint64_t
aimdbp_noise(void)
{
    struct timespec now;
    (void) clock_gettime(CLOCK_REALTIME, &now);
    uint64_t ns = (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec;
    return (ns ^ (uint64_t) getpid() << 40) | 1;
}

_Noreturn void
aimdbp_panic(const char *file, int line, const char *text)
{
    (void) fprintf(stderr, "aimdb: %s:%d: %s\n", file, line, text);
    abort();
}
