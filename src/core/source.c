// SPDX-License-Identifier: Apache-2.0
// Sources, and what callbacks of all kinds may ask of their context. Source: SPEC D7, section 11.
#include "latency.h"
#include "statics.h"
#include "task.h"

static aimdb_time
source_leaves(aimdb_task *task)
{
    store_release(&task->state_, AIMDBI_LEFT);
    return AIMDB_FOREVER;
}

aimdb_time
aimdbi_source_step(aimdb_task *task)
{
    aimdb_record *rec = task_record(task);
    if (load_acquire(&rec->db->gate_) & AIMDBI_GATE_SHUT) {
        return source_leaves(task);
    }
    store_relaxed(&task->state_,
                  AIMDBI_RUNNING); // relaxed: only the executor's source lane runs it
    aimdb_ctx ctx = { .db = rec->db, .from = rec, .task = task, .user = task->user };
    count(&task->inputs[0].reader.received_, 1);
    if (task->latency) {
        aimdbi_latency_add(task->latency, clock_of(rec->db) - task->due);
    }
    aimdb_time next = rec->type->call_source(&ctx, task->fn, rec);
    if (next == AIMDB_FOREVER) {
        return source_leaves(task);
    }
    if (next == ctx.next && ctx.left_out > 0) {
        aimdbi_count_overruns(task, ctx.left_out);
    }
    // A time that is not after this step's is no later point of a grid: it means at once.
    task->due = next > task->due ? next : clock_of(rec->db);
    store_release(&task->state_, AIMDBI_IDLE);
    return next;
}

// --- what callbacks may ask ----------------------------------------------------------------------

void *
aimdb_user(const aimdb_ctx *ctx)
{
    return ctx ? ctx->user : NULL;
}

aimdb_time
aimdb_now(const aimdb_ctx *ctx)
{
    if (ctx && !ctx->db) {
        return ctx->static_task ? ctx->now : aimdbp_clock();
    }
    return ctx ? clock_of(ctx->db) : aimdbp_clock();
}

// Sums that would be beyond the end of time are at it.
static aimdb_time
later(aimdb_time from, aimdb_time by)
{
    aimdb_time sum;
    return __builtin_add_overflow(from, by, &sum) ? AIMDB_FOREVER : sum;
}

aimdb_time
aimdb_every(aimdb_ctx *ctx, aimdb_time period)
{
    if (ctx && !ctx->db) {
        return aimdbi_static_every(ctx, period);
    }
    aimdb_time now = aimdb_now(ctx);
    aimdb_time step = period > 0 ? period : 1;
    if (!ctx || !ctx->task || !ctx->task->is_source) {
        return later(now, step);
    }
    aimdb_time next = later(ctx->task->due, step);
    aimdb_time passed = 0;
    if (next <= now) {
        passed = (now - next) / step + 1;
        next = passed < INT64_MAX / step ? later(next, passed * step) : AIMDB_FOREVER;
    }
    ctx->next = next;
    ctx->left_out = (size_t) passed;
    return next;
}

uint64_t
aimdb_missed(const aimdb_ctx *ctx)
{
    return ctx ? ctx->missed : 0;
}
