// SPDX-License-Identifier: Apache-2.0
#define _POSIX_C_SOURCE 200809L
#include "slow.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

aimdb_err
slow_consume(aimdb_ctx *ctx, const struct host_cpu *value)
{
    const uint32_t *ms = aimdb_user(ctx);
    struct timespec left = { .tv_sec = *ms / 1000, .tv_nsec = (long) (*ms % 1000) * 1000000 };
    (void) value;
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
    return AIMDB_OK;
}

void
slow_predict(uint32_t slow_ms, uint32_t rate_hz, size_t capacity, struct notes *notes)
{
    // The ring of host.cpu is large and its source reads 100 times a second at the most. That it
    // overruns within seconds all the same is because each sample is a value for every processor
    // and one for all of them.
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    double produced_per_s = rate_hz * (double) (processors + 1);
    double taken_per_s = 1000.0 / slow_ms;
    if (taken_per_s >= produced_per_s) {
        notes_add(notes, "slow consumer: it takes %.0f values/s, and host.cpu makes %.0f: no lag",
                  taken_per_s, produced_per_s);
    } else {
        notes_add(notes,
                  "slow consumer: it takes %.1f values/s, and host.cpu makes %.0f: "
                  "its ring of %zu will be overrun after about %.1f s",
                  taken_per_s, produced_per_s, capacity,
                  (double) capacity / (produced_per_s - taken_per_s));
    }
}
