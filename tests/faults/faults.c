// SPDX-License-Identifier: Apache-2.0
#include "faults.h"

int
faults_tell(const char *program, int failed)
{
    uint64_t injected = contract_tell(program, "faults injected");
    return failed ? failed : injected == 0;
}

// The points of the grid are all later than the step that asked, and each later than the last one.
static aimdb_time
tick(aimdb_ctx *ctx, number_record out)
{
    struct ticks *ticks = aimdb_user(ctx);
    uint64_t step = ticks->count++;
    CHECK(aimdb_now(ctx) >= ticks->last);
    if (step == 1)
        ticks->before = task_stats(ticks->task).overruns;
    CHECK_OK(number_emit(ctx, out, &(struct number){ step }));
    if (ticks->each)
        ticks->each(ticks->arg, step);
    aimdb_time now = aimdb_now(ctx);
    aimdb_time next = aimdb_every(ctx, ticks->period);
    CHECK(next > now);
    if (step == 0) {
        ticks->first = next;
    } else {
        CHECK(next > ticks->last);
        CHECK_EQ(0, (next - ticks->last) % ticks->period);
        ticks->left_out += (uint64_t) ((next - ticks->last) / ticks->period) - 1;
    }
    ticks->last = next;
    gate_add(ticks->steps, 1);
    return next;
}

struct ticks *
ticks_attach(struct world *w, number_record record, aimdb_time period)
{
    struct ticks *ticks = world_memory(w, sizeof *ticks);
    ticks->period = period;
    ticks->steps = gate_new(w);
    ticks->task = number_add_source(w->builder, record, tick, ticks);
    CHECK(ticks->task != NULL);
    return ticks;
}

void
ticks_account(const struct ticks *ticks)
{
    aimdb_task_stats stats = task_stats(ticks->task);
    CHECK(ticks->count >= 2);
    CHECK_EQ(ticks->count, stats.received);
    CHECK_EQ(ticks->left_out, stats.overruns - ticks->before);
    CHECK_EQ((ticks->last - ticks->first) / ticks->period, ticks->count - 1 + ticks->left_out);
}
