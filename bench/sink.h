// SPDX-License-Identifier: Apache-2.0
// Consumers that check what they get and count it where a producer can see it.
#ifndef BENCH_SINK_H
#define BENCH_SINK_H

#include <stdatomic.h>

#include "values.h"

// The state of one consumer, on cache lines of its own.
struct sink {
    _Alignas(64)
        atomic_size_t taken; // values so far; written by the consumer, read by the producer
    uint64_t at;             // number of the next value, those missed included
    uint64_t wrong;          // nonzero: a value was not the one it should have been
    const struct values *values;
};

// A consumer function for values of a size. One that is never overrun need not ask what it missed.
aimdb_fn
sink_lossless(size_t bytes);
aimdb_fn
sink_lossy(size_t bytes);

static inline size_t
sink_taken(const struct sink *sink)
{
    return atomic_load_explicit(&sink->taken, memory_order_acquire);
}

static inline void
sink_count(struct sink *sink)
{
    size_t taken = atomic_load_explicit(&sink->taken, memory_order_relaxed);
    atomic_store_explicit(&sink->taken, taken + 1, memory_order_release);
}

// What the slowest of them has taken.
static inline size_t
sinks_taken(const struct sink *sinks, size_t count)
{
    size_t least = sink_taken(&sinks[0]);
    for (size_t i = 1; i < count; i++) {
        size_t taken = sink_taken(&sinks[i]);
        least = taken < least ? taken : least;
    }
    return least;
}

#endif
