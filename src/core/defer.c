// SPDX-License-Identifier: Apache-2.0
// Asynchronous values [D3]: a consumer returns AIMDB_EPENDING, and gets its next value after aimdb_done.
//
// A value is tracked in defer_: a turn number, the input that the value came from, and a phase.
//   NONE -> TAKEN (aimdb_defer) -> AWAITED (the consumer returned AIMDB_EPENDING) -> NONE (aimdb_done)
//                               -> FINISHED (aimdb_done came first) -> NONE (the consumer returned)
// Each end moves to the next turn, so that a token works once. A token holds a reference on the
// database.
//
// Source: SPEC D3.
#include "flush.h"
#include "statics.h"
#include "task.h"

enum phase { NONE, TAKEN, AWAITED, FINISHED }; // AIMDBI_DEFER_PHASE of defer_

#define INPUT                                                                                      \
    (AIMDBI_DEFER_PHASE + 1) // times the index of the input; what a token knows is in these
#define TURN (INPUT * AIMDB_JOIN_MAX)

// The next turn, of no input, in phase NONE.
static size_t
next_turn(size_t word)
{
    return (word & ~(TURN - 1)) + TURN;
}

aimdb_token
aimdb_defer(aimdb_ctx *ctx)
{
    aimdb_token nothing = { NULL, 0 };
    if (ctx && !ctx->db) {
        return aimdbi_static_defer(ctx);
    }
    if (!ctx || !ctx->task || ctx->task->is_source) {
        return nothing;
    }
    aimdb_task *task = ctx->task;
    size_t word = load_relaxed(&task->defer_); // relaxed: in phase NONE only this thread writes it
    if ((word & AIMDBI_DEFER_PHASE) == NONE) {
        aimdbi_db_retain(ctx->db);
        word |= ctx->index * INPUT | TAKEN;
        store_release(&task->defer_, word); // [A1] pairs with aimdb_done
    }
    return (aimdb_token){ task, word / INPUT };
}

void
aimdbi_cancel_token(aimdb_task *task)
{
    size_t word = load_acquire(&task->defer_);
    size_t next = next_turn(word);
    if ((word & AIMDBI_DEFER_PHASE) == TAKEN && cas_acq_rel(&task->defer_, &word, next)) {
        aimdbi_db_release(task_db(task));
        return;
    }
    if ((word & AIMDBI_DEFER_PHASE) == FINISHED) { // aimdb_done has released the reference
        store_release(&task->defer_, next);
    }
}

bool
aimdbi_is_awaited(struct aimdbi_input *input)
{
    aimdb_task *task = input->task;
    size_t word = load_acquire(&task->defer_);
    if ((word & AIMDBI_DEFER_PHASE) == NONE) {
        aimdbi_count_error(input, AIMDB_EPENDING, " without aimdb_defer");
        return false;
    }
    if ((word & AIMDBI_DEFER_PHASE) == TAKEN) {
        store_release(&task->state_, AIMDBI_DEFERRING); // before aimdb_done can see AWAITED [A2]
        if (cas_acq_rel(&task->defer_, &word, (word & ~AIMDBI_DEFER_PHASE) | AWAITED)) {
            return true;
        }
        store_relaxed(&task->state_, AIMDBI_RUNNING); // relaxed: in FINISHED nobody looks at it
    }
    aimdbi_cancel_token(task);
    return false;
}

// aimdb_done ended a value the task was waiting for.
static void
resume(aimdb_task *task)
{
    size_t state = load_acquire(&task->state_); // [A2]
    for (;;) {
        if (state == AIMDBI_WAITING) {
            if (cas_acq_rel(&task->state_, &state, AIMDBI_QUEUED)) {
                aimdb_executor *executor = task_db(task)->executor;
                executor->ops->ready(executor, task);
                return;
            }
        } else if (state == AIMDBI_DEFERRING) {
            if (cas_acq_rel(&task->state_, &state, AIMDBI_NOTIFIED)) {
                return;
            }
        } else {
            return; // it has left
        }
    }
}

aimdb_err
aimdb_done(aimdb_token token, aimdb_err err)
{
    aimdb_task *task = token.task_;
    if (!task) {
        return AIMDB_EINVAL;
    }
    if (task_is_static(task)) {
        return aimdbi_static_done(token, err);
    }
    size_t word = load_acquire(&task->defer_); // [A1]
    for (;;) {
        size_t phase = word & AIMDBI_DEFER_PHASE;
        if (word / INPUT != token.turn_ || (phase != TAKEN && phase != AWAITED)) {
            return AIMDB_EINVAL;
        }
        size_t next = phase == TAKEN ? (word | FINISHED) : next_turn(word);
        if (cas_acq_rel(&task->defer_, &word, next)) {
            aimdb *db = task_db(task);
            size_t input = word / INPUT % AIMDB_JOIN_MAX;
            if (err != AIMDB_OK) {
                aimdbi_count_error(&task->inputs[input], err, " through aimdb_done");
            }
            if (phase == AWAITED) {
                if (task->inputs[input].reader.record_->shape.buffer == AIMDB_BUFFER_SPMC_RING) {
                    flush_note(&task->inputs[input]);
                }
                resume(task);
            }
            aimdbi_db_release(db);
            return AIMDB_OK;
        }
    }
}
