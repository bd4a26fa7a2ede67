// SPDX-License-Identifier: Apache-2.0
// A histogram of the time from push to call, kept for the consumers of records with `stamp`, and of
// the time from due to begun for the steps of their sources.
//
// Buckets are four to an octave of nanoseconds, so a figure is at most 25 % too high; one writer
// (the running thread), any reader. Source: SPEC section 10.
#ifndef AIMDB_CORE_LATENCY_H
#define AIMDB_CORE_LATENCY_H

#include "atomics.h"

#define AIMDBI_LATENCY_BUCKETS 160 // up to 2^41 ns, 36 minutes

struct aimdbi_latency {
    aimdb_word max_; // ns
    aimdb_word counts_[AIMDBI_LATENCY_BUCKETS];
};

void
aimdbi_latency_add(struct aimdbi_latency *latency, aimdb_time ns);

// The upper edge of the bucket that holds the given share of all, ns; 0 when there are none.
aimdb_time
aimdbi_latency_percentile(const struct aimdbi_latency *latency, unsigned percent);

#endif
