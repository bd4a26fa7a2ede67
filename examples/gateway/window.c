// SPDX-License-Identifier: Apache-2.0
#include "window.h"

#include <string.h>

void
window_restart(struct window *window)
{
    window->taken = 0;
}

static void
take_snapshot(struct window *window, aimdb_time at, const uint64_t *counters, size_t count)
{
    size_t slot = window->taken++ % WINDOW_SLOTS;
    window->at[slot] = at;
    memcpy(window->counters[slot], counters, count * sizeof counters[0]);
}

aimdb_time
window_add(struct window *window, aimdb_time at, const uint64_t *counters, size_t count,
           int64_t *growth)
{
    memset(growth, 0, count * sizeof growth[0]);
    if (window->taken > 0 && at - window->at[(window->taken - 1) % WINDOW_SLOTS] > WINDOW_STALE) {
        window_restart(window);
    }
    if (window->taken == 0) {
        take_snapshot(window, at, counters, count);
        return 0;
    }
    size_t newest = (window->taken - 1) % WINDOW_SLOTS;
    size_t oldest = window->taken < WINDOW_SLOTS ? 0 : window->taken % WINDOW_SLOTS;
    aimdb_time span = at - window->at[oldest];
    for (size_t i = 0; i < count; i++) {
        growth[i] = (int64_t) (counters[i] - window->counters[oldest][i]);
    }
    if (at - window->at[newest] >= WINDOW_STEP) {
        take_snapshot(window, at, counters, count);
    }
    return span >= WINDOW_SPAN_MIN ? span : 0;
}

double
window_per_second(int64_t growth, aimdb_time span)
{
    return span > 0 ? (double) growth * 1e9 / (double) span : 0.0;
}
