// SPDX-License-Identifier: Apache-2.0
// The limit: the least a ring can do on this machine. One commit counter, slots, a copy by memcpy
// whose size the compiler knows; no second counter, no flags, no metrics, no checks of arguments.
//
// Readers look at values in place and must not be overrun: these rings are only used where the
// writer waits for them. `bytes` must be a constant where speed counts: BARE_BY_SIZE makes it one.
#ifndef BENCH_BARE_H
#define BENCH_BARE_H

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define BARE_INLINE static inline __attribute__((always_inline))

struct bare_ring {
    _Alignas(64) atomic_size_t reserve; // any writer: takes the turn
    atomic_size_t commit;               // values complete
    unsigned char *slots;
    size_t mask;
};

static inline struct bare_ring *
bare_ring_new(size_t slots, size_t bytes)
{
    struct bare_ring *ring = bench_alloc(sizeof *ring);
    ring->slots = bench_alloc(slots * bytes);
    ring->mask = slots - 1;
    return ring;
}

static inline void
bare_ring_free(struct bare_ring *ring)
{
    free(ring->slots);
    free(ring);
}

BARE_INLINE void
bare_copy_in(struct bare_ring *ring, size_t n, const void *value, size_t bytes)
{
    memcpy(ring->slots + (n & ring->mask) * bytes, value, bytes);
}

// One writer: publishes `count` values at once.
BARE_INLINE void
bare_push_one(struct bare_ring *ring, const unsigned char *values, size_t bytes, size_t count)
{
    size_t n = atomic_load_explicit(&ring->commit, memory_order_relaxed);
    for (size_t i = 0; i < count; i++) {
        bare_copy_in(ring, n + i, values + i * bytes, bytes);
    }
    atomic_store_explicit(&ring->commit, n + count, memory_order_release);
}

// Any writer: one locked instruction takes the turn.
BARE_INLINE void
bare_push_any(struct bare_ring *ring, const unsigned char *value, size_t bytes)
{
    for (unsigned spins = 0;; spins++) {
        size_t n = atomic_load_explicit(&ring->commit, memory_order_acquire);
        size_t expected = n;
        if (atomic_compare_exchange_strong_explicit(&ring->reserve, &expected, n + 1,
                                                    memory_order_relaxed, memory_order_relaxed)) {
            bare_copy_in(ring, n, value, bytes);
            atomic_store_explicit(&ring->commit, n + 1, memory_order_release);
            return;
        }
        bench_relax(spins);
    }
}

BARE_INLINE size_t
bare_committed(const struct bare_ring *ring)
{
    return atomic_load_explicit(&ring->commit, memory_order_acquire);
}

BARE_INLINE const unsigned char *
bare_at(const struct bare_ring *ring, size_t n, size_t bytes)
{
    return ring->slots + (n & ring->mask) * bytes;
}

// Keeps the compiler from leaving out or merging stores.
BARE_INLINE void
bare_keep(void)
{
    __asm__ volatile("" ::: "memory");
}

// Calls function(arguments..., size) with the size as a constant.
#define BARE_BY_SIZE(size, function, ...)                                                          \
    do {                                                                                           \
        switch (size) {                                                                            \
        case 8:                                                                                    \
            function(__VA_ARGS__, 8);                                                              \
            break;                                                                                 \
        case 32:                                                                                   \
            function(__VA_ARGS__, 32);                                                             \
            break;                                                                                 \
        case 100:                                                                                  \
            function(__VA_ARGS__, 100);                                                            \
            break;                                                                                 \
        case 1024:                                                                                 \
            function(__VA_ARGS__, 1024);                                                           \
            break;                                                                                 \
        default:                                                                                   \
            bench_die("no limit for %zu bytes", (size_t) (size));                                  \
        }                                                                                          \
    } while (0)

#endif
