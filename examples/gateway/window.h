// SPDX-License-Identifier: Apache-2.0
// How much counters grew within about the last second.
//
// The kernel counts processor time in ticks of 10 ms. A rate taken from one sample to the next at
// 100 Hz would be 0 % or 100 %; taken over a second it has a resolution of 1 %. So a few snapshots
// of the last second are kept, 100 ms apart, and each sample is compared with the oldest of them.
#ifndef GATEWAY_WINDOW_H
#define GATEWAY_WINDOW_H

#include <aimdb/aimdb.h>

#define WINDOW_SLOTS 10u
#define WINDOW_STEP AIMDB_MS(95)      // every 10th sample at 100 Hz, every one at 10 Hz
#define WINDOW_SPAN_MIN AIMDB_MS(500) // a shorter comparison says too little
#define WINDOW_STALE AIMDB_SEC(2)     // older snapshots are from before a pause: start anew
#define WINDOW_COUNTERS 8u

// All zero is an empty window. One thread at a time.
struct window {
    aimdb_time at[WINDOW_SLOTS];
    uint64_t counters[WINDOW_SLOTS][WINDOW_COUNTERS];
    size_t taken; // snapshots taken since the last restart; the newest is number taken - 1
};

// window_add compares counters with the oldest snapshot and perhaps takes one of them.
//
// It writes to growth what each of count counters grew by, negative if it went backwards, and
// returns the time in between; 0 as long as that is too short to tell a rate.
aimdb_time
window_add(struct window *window, aimdb_time at, const uint64_t *counters, size_t count,
           int64_t *growth);

// window_restart forgets everything.
void
window_restart(struct window *window);

// window_per_second turns a growth into a rate; 0 when span is 0.
double
window_per_second(int64_t growth, aimdb_time span);

#endif
