// SPDX-License-Identifier: Apache-2.0
#include "latency.h"

static unsigned
bucket_of(uint64_t ns)
{
    if (ns < 4) {
        return (unsigned) ns;
    }
    unsigned octave = 63 - (unsigned) __builtin_clzll(ns);
    unsigned bucket = (octave - 1) * 4 + (unsigned) (ns >> (octave - 2) & 3);
    return bucket < AIMDBI_LATENCY_BUCKETS ? bucket : AIMDBI_LATENCY_BUCKETS - 1;
}

static aimdb_time
upper_edge(unsigned bucket)
{
    if (bucket < 4) {
        return (aimdb_time) bucket;
    }
    unsigned octave = bucket / 4 + 1;
    return (aimdb_time) (((uint64_t) (4 + bucket % 4) + 1) << (octave - 2)) - 1;
}

void
aimdbi_latency_add(struct aimdbi_latency *latency, aimdb_time ns)
{
    size_t value = ns > 0 ? (size_t) ns : 0;
    count(&latency->counts_[bucket_of(value)], 1);
    if (value > load_relaxed(&latency->max_)) {
        store_relaxed(&latency->max_, value); // relaxed: one writer, a figure
    }
}

aimdb_time
aimdbi_latency_percentile(const struct aimdbi_latency *latency, unsigned percent)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < AIMDBI_LATENCY_BUCKETS; i++) {
        total += load_relaxed(&latency->counts_[i]);
    }
    if (total == 0) {
        return 0;
    }
    uint64_t wanted = (total * percent + 99) / 100;
    uint64_t so_far = 0;
    aimdb_time max = (aimdb_time) load_relaxed(&latency->max_);
    for (unsigned i = 0; i < AIMDBI_LATENCY_BUCKETS; i++) {
        so_far += load_relaxed(&latency->counts_[i]);
        if (so_far >= wanted) {
            return upper_edge(i) < max ? upper_edge(i) : max;
        }
    }
    return max;
}
