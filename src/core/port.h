// SPDX-License-Identifier: Apache-2.0
// What the core needs from an operating system or a board. A port defines all of these.
#ifndef AIMDB_CORE_PORT_H
#define AIMDB_CORE_PORT_H

#include "atomics.h"

// Of inline functions on paths whose instructions are counted.
#define AIMDBI_ALWAYS __attribute__((always_inline))

#ifdef AIMDB_ONE_CORE

// A board without an operating system: these four, and mask.h. tests/qemu/port_suite.c holds a port to
// them.

#define AIMDBI_SHARED

// Monotonic nanoseconds, never backwards; from any context, handlers and masked sections too.
aimdb_time
aimdbp_clock(void);

// A database of static records got news: its ready word is no longer zero. From any context. Whoever is
// in aimdbp_idle() returns from it.
void
aimdbp_wake(aimdbi_signal *ready);

// Returns at once when *ready is not zero or the deadline has passed, else sleeps until an interrupt;
// its handler has run on return. May return early for no reason. An interrupt that comes after the
// look at *ready ends the sleep, too. Called with interrupts enabled, from no handler.
void
aimdbp_idle(aimdbi_signal *ready, aimdb_time deadline);

static inline void
aimdbp_relax(unsigned spins)
{
    (void) spins;
}

static inline void
aimdbp_fence_heavy(void)
{
    fence_compiler();
}

#else // threads

// For the project's other libraries, of exactly the same version (aimdb-uv); not for applications.
#define AIMDBI_SHARED __attribute__((visibility("default")))

// Monotonic nanoseconds, never backwards, same clock in every thread.
AIMDBI_SHARED aimdb_time
aimdbp_clock(void);

// Memory; `size` is a multiple of `align`, a power of two. NULL when there is none.
AIMDBI_SHARED void *
aimdbp_alloc(size_t size, size_t align);
AIMDBI_SHARED void
aimdbp_release(void *memory, size_t size);

// Sleeps while *signal == expected, until woken or the deadline. May return early for no reason.
void
aimdbp_wait(aimdbi_signal *signal, uint32_t expected, aimdb_time deadline);

// Wake those who sleep on the signal. Callable from interrupt and signal handlers.
void
aimdbp_wake_one(aimdbi_signal *signal);
AIMDBI_SHARED void
aimdbp_wake_all(aimdbi_signal *signal);

// A database of static records got news: its ready word is no longer zero. Any thread; interrupts and
// signal handlers too.
void
aimdbp_wake(aimdbi_signal *ready);
// Sleeps while *ready is zero, until the deadline. May return early for no reason; never misses a wake.
void
aimdbp_idle(aimdbi_signal *ready, aimdb_time deadline);

// Called in spin loops with a count that grows: a pause at first, then lets others run.
AIMDBI_SHARED void
aimdbp_relax(unsigned spins);

// Makes ready what the other hooks need. Called once per builder; idempotent.
void
aimdbp_init(void);

// Asymmetric fences. When true, a compiler barrier in one thread and aimdbp_fence_heavy() in another
// order their accesses as two sequentially consistent fences would. When false, both sides need
// fence_seq_cst().
bool
aimdbp_fence_is_asymmetric(void);
void
aimdbp_fence_heavy(void);

// What the calling thread executes right now: an opaque pointer of the executor's, NULL at first.
AIMDBI_SHARED void *
aimdbp_current(void);
AIMDBI_SHARED void
aimdbp_set_current(void *current);

// Has `bits` ored into *word in the child of every fork, until unwatched. `watch` is the caller's
// memory.
struct aimdbp_fork_watch {
    struct aimdbp_fork_watch *next;
    struct aimdbp_fork_watch *previous;
    aimdb_word *word;
    size_t bits;
};
void
aimdbp_fork_watch(struct aimdbp_fork_watch *watch, aimdb_word *word, size_t bits);
void
aimdbp_fork_unwatch(struct aimdbp_fork_watch *watch);

#endif // AIMDB_ONE_CORE

// Ends the program: an invariant is broken.
AIMDBI_SHARED _Noreturn void
aimdbp_panic(const char *file, int line, const char *text);

// For broken invariants and misuse that would corrupt memory; in every build.
#define AIMDBI_REQUIRE(claim, text)                                                                \
    do {                                                                                           \
        if (!(claim)) {                                                                            \
            aimdbp_panic(__FILE__, __LINE__, text);                                                \
        }                                                                                          \
    } while (0)

// Invariants that cost something to check: in debug builds.
#ifdef NDEBUG
#define AIMDBI_ASSERT(claim) ((void) 0)
#else
#define AIMDBI_ASSERT(claim) AIMDBI_REQUIRE(claim, #claim)
#endif

#endif
