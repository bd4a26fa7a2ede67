// SPDX-License-Identifier: Apache-2.0
// Dispatchers: what a task does when an executor runs it.
//
// A dispatcher takes everything that is there, up to a budget, so that a busy record costs one
// validation and one look at the writer's line for a block of values, and cannot starve the others
// [D5]. When it runs dry it announces to sleep and looks once more (turn.h). While values stream, that
// is while they come faster than a sleep and a wake would take, it does not sleep at once but lets
// itself be polled some more: a wake costs the producer microseconds, a poll costs it nothing.
//
// A join is the same over several inputs: a run goes round them and gives each a share of the budget at
// a time; the next run goes on where this one ended. It is dry when all its inputs are, and leaves when
// all have ended. To sleep it marks all its records, then looks at all of them again.
//
// The states of a task and their invariants are in db.h. Source: SPEC D1-D8.
#include "task.h"

#include "flush.h"
#include "latency.h"
#include "reader.h"

#define BATCH 128           // values copied out of a ring in one go, at most
#define BATCH_BYTES 16384   // likewise; fits the first-level cache beside the consumer's own data
#define SLICE AIMDB_MS(1)   // of time, likewise, when they wait
#define FRESH AIMDB_US(100) // how old a copied block may become before the ring is looked at again
#define SHARE 16            // values of one input of a join in a row, at least
#define STREAM 8            // pushes between two looks that make looking less often worth while
#define PATIENCE 32         // fruitless polls of a streaming task before it sleeps

enum flow { DRY, FULL, STALE, SLICED, DEFERRED, ABANDONED };

static aimdb_err
call_function(const aimdb_task *task, aimdb_ctx *ctx, const void *value)
{
    if (__builtin_expect(task->kind == AIMDBI_CONSUMER, 1)) {
        return ctx->from->type->call_consumer(ctx, task->fn, value);
    }
    return task->kind == AIMDBI_JOIN ? ((aimdb_join_fn *) task->fn)(ctx, ctx->index, value)
                                     : aimdbi_call_transform(ctx, value);
}

// Calls the consumer with one value. True if it will be finished later.
static bool
call_consumer(struct aimdbi_input *input, const void *value, uint64_t stamp)
{
    aimdb_task *task = input->task;
    aimdb_record *rec = input->reader.record_;
    aimdb_ctx ctx = { .db = rec->db,
                      .from = rec,
                      .task = task,
                      .user = task->user,
                      .index = input->index,
                      .missed = input->reader.lag_ };
    input->reader.lag_ = 0;
    if (input->is_stamped) {
        aimdbi_latency_add(task->latency, aimdbp_clock() - (aimdb_time) stamp);
    }
    aimdb_err err = call_function(task, &ctx, value);
    if (err == AIMDB_EPENDING) {
        return aimdbi_is_awaited(input);
    }
    // relaxed: this thread left NONE, or nobody did
    if (load_relaxed(&task->defer_) & AIMDBI_DEFER_PHASE) {
        aimdbi_cancel_token(task);
    }
    if (err != AIMDB_OK) {
        aimdbi_count_error(input, err, "");
    }
    return false;
}

static bool
is_abandoned(const aimdb_task *task)
{
    return load_relaxed(&task_db(task)->abandon_) != 0; // relaxed: a request, seen sooner or later
}

// A run: how many values it may still hand on, and since when others wait for its thread.
struct run {
    size_t left;
    size_t handed;
    aimdb_time others_since; // 0: nobody waited at the last look
};

// Looks before the 1st, 2nd, 4th, 8th ... call of a run whether others wait, and if so at the clock: a
// slow consumer gives way after SLICE, a fast one pays for few looks [D5].
static bool
must_give_way(const aimdb_task *task, struct run *run)
{
    if ((run->handed & (run->handed - 1)) != 0) {
        return false;
    }
    aimdb_executor *executor = task_db(task)->executor;
    if (!executor->ops->others_wait(executor, task)) {
        run->others_since = 0;
        return false;
    }
    aimdb_time now = executor->ops->clock(executor);
    if (run->others_since == 0) {
        run->others_since = now;
    }
    return now - run->others_since >= SLICE;
}

// Called before each call of the consumer: whether to go on.
static enum flow
next_call(const aimdb_task *task, struct run *run)
{
    if (is_abandoned(task)) {
        return ABANDONED;
    }
    run->handed++;
    return must_give_way(task, run) ? SLICED : FULL;
}

// A block of values copied out of the ring, and until when it may be handed on; later than that the
// rest is read anew, so that a slow consumer lags as if its values were read one by one [R1, R4].
struct block {
    const unsigned char *value;
    const uint64_t *stamps; // NULL: no figures wanted
    size_t values;
    aimdb_time fresh_until;
};

// Looks at the clock before the 2nd, 5th, 17th and 65th value of a block.
static bool
is_stale(const aimdb_task *task, const struct block *block, size_t i)
{
    return (i == 1 || i == 4 || i == 16 || i == 64) && clock_of(task_db(task)) > block->fresh_until;
}

// Hands on a block. The cursor moves value by value: what was copied but not handed on is pending.
static enum flow
hand_on(struct aimdbi_input *input, const struct block *block, struct run *run)
{
    const aimdb_task *task = input->task;
    aimdb_reader *reader = &input->reader;
    const unsigned char *value = block->value;
    for (size_t i = 0; i < block->values; i++) {
        enum flow flow = is_stale(task, block, i) ? STALE : next_call(task, run);
        if (flow != FULL) {
            return flow;
        }
        run->left--;
        store_relaxed(&reader->cursor_, load_relaxed(&reader->cursor_) + AIMDBI_STEP);
        count(&reader->received_, 1);
        if (call_consumer(input, value, block->stamps ? block->stamps[i] : 0)) {
            return DEFERRED;
        }
        flush_note(input);
        value += reader->record_->shape.size;
    }
    return FULL;
}

// Blocks grow while they are handed on in time, and begin anew with one value when they are not.
static enum flow
hand_on_timed(struct aimdbi_input *input, struct block *block, size_t most, struct run *run)
{
    const aimdb *db = input->reader.record_->db;
    aimdb_time begin = clock_of(db);
    block->fresh_until = begin + FRESH;
    enum flow flow = hand_on(input, block, run);
    if (flow == STALE) {
        input->block = 1;
        return FULL;
    }
    bool in_time = clock_of(db) <= block->fresh_until;
    if (flow == FULL && in_time && block->values >= input->block) {
        size_t twice = (size_t) input->block * 2;
        input->block = (uint16_t) (twice < most ? twice : most);
    } else if (!in_time) {
        input->block = 1;
    }
    return flow;
}

static enum flow
deliver_ring(struct aimdbi_input *input, unsigned char *scratch, struct run *run)
{
    aimdb_reader *reader = &input->reader;
    const aimdb_record *rec = reader->record_;
    uint64_t stamps[BATCH];
    size_t fit = rec->shape.size < BATCH_BYTES ? BATCH_BYTES / rec->shape.size : 1;
    size_t most = fit < BATCH ? fit : BATCH;
    while (run->left > 0) {
        struct aimdbi_batch batch;
        size_t cursor = load_relaxed(&reader->cursor_);
        size_t block = input->block > 0 ? input->block : 1;
        size_t wanted = block < run->left ? block : run->left;
        input->block = (uint16_t) block;
        aimdbi_ring_read(&rec->shape, &rec->cells, &cursor, scratch, wanted,
                         input->is_stamped ? stamps : NULL, &batch);
        store_relaxed(&reader->cursor_, cursor);
        if (batch.lag > 0) {
            reader_count_lag(reader, batch.lag, reader->lag_);
            aimdbi_complain_of_lag(input, batch.lag);
            flush_note(input);
        } else if (batch.count == 0) {
            return DRY;
        }
        struct block copied = { .value = scratch + batch.first * rec->shape.size,
                                .stamps = input->is_stamped ? stamps + batch.first : NULL,
                                .values = batch.count };
        // One value that was alone cannot become stale.
        enum flow flow = batch.there > 1 ? hand_on_timed(input, &copied, most, run)
                                         : hand_on(input, &copied, run);
        if (flow != FULL) {
            return flow;
        }
        if (batch.count == 0) {
            run->left--; // a reader that is overtaken without end must not hold its worker
            input->block = (uint16_t) (block * 2 < most ? block * 2 : most); // some may stay whole
        } else if (batch.count == batch.there) {
            return DRY; // that was all a moment ago; a second look costs the writer a cache miss
        }
    }
    return FULL;
}

// One value a run: when the next look is a little later, it finds a newer one, and the writer had its
// cache lines to itself meanwhile. Consumers of one mailbox compete value by value.
static enum flow
deliver_latest(struct aimdbi_input *input, unsigned char *scratch, struct run *run)
{
    uint64_t stamp = 0;
    if (!aimdbi_reader_has_news(&input->reader)) {
        return DRY;
    }
    enum flow flow = next_call(input->task, run);
    if (flow != FULL) {
        return flow;
    }
    if (!aimdbi_reader_read_one(&input->reader, scratch, input->is_stamped ? &stamp : NULL)) {
        return DRY;
    }
    run->left--;
    return call_consumer(input, scratch, stamp) ? DEFERRED : DRY;
}

static enum flow
deliver_input(struct aimdbi_input *input, unsigned char *scratch, struct run *run)
{
    return input->reader.record_->shape.buffer == AIMDB_BUFFER_SPMC_RING
               ? deliver_ring(input, scratch, run)
               : deliver_latest(input, scratch, run);
}

// Goes round the inputs until all are dry, the budget is used up, or the run must end.
static enum flow
deliver_join(aimdb_task *task, unsigned char *scratch, struct run *run)
{
    size_t left = run->left;
    size_t share = left / task->input_count > SHARE ? left / task->input_count : SHARE;
    size_t dry = 0; // inputs in a row
    while (left > 0 && dry < task->input_count) {
        size_t given = share < left ? share : left;
        run->left = given;
        enum flow flow = deliver_input(&task->inputs[task->turn], scratch, run);
        size_t used = given - run->left;
        left -= used;
        // One that was sliced before it got anything keeps its turn.
        if (used > 0 || flow == DRY) {
            task->turn = (uint16_t) ((task->turn + 1u) % task->input_count);
        }
        if (flow != DRY && flow != FULL) {
            run->left = left;
            return flow;
        }
        dry = flow == DRY ? dry + 1 : 0;
    }
    run->left = left;
    return dry == task->input_count ? DRY : FULL;
}

static enum aimdbi_verdict
queue_again(aimdb_task *task, enum aimdbi_verdict verdict)
{
    store_release(&task->state_, AIMDBI_QUEUED);
    return verdict;
}

// True if nothing is left at any input, and nothing will come.
static bool
is_ended(const aimdb_task *task)
{
    bool is_ended = true;
    for (size_t i = 0; i < task->input_count && is_ended; i++) {
        is_ended = aimdbi_reader_is_ended(&task->inputs[i].reader);
    }
    return is_ended;
}

// The end of one of several inputs is no news: a task that woke for it again and again would spin as
// long as a push into another one is in flight.
bool
aimdbi_task_has_news(const aimdb_task *task)
{
    for (size_t i = 0; i < task->input_count; i++) {
        if (aimdbi_reader_has_values(&task->inputs[i].reader)) {
            return true;
        }
    }
    return is_ended(task);
}

// Marks all records. Returns false when a push may have slipped by: then the task must look again.
static bool
announce(const aimdb_task *task)
{
    bool is_certain = true;
    for (size_t i = 0; i < task->input_count; i++) {
        const aimdb_reader *reader = &task->inputs[i].reader;
        is_certain = park_mark(reader->record_, reader_seen(reader)) && is_certain;
    }
    if (!is_certain) {
        fence_heavy_of(task_db(task)); // [S1] pairs with [T4]
    }
    return is_certain;
}

// The task is dry: announces to sleep, and looks once more. See turn.h, INV-4 and INV-T3.
static enum aimdbi_verdict
park(aimdb_task *task)
{
    store_release(&task->state_, AIMDBI_PARKING); // before PARKED: a waker sees it [K1]
    aimdbi_step(task_db(task), true);
    if (!announce(task) && aimdbi_task_has_news(task)) {
        return queue_again(task, AIMDBI_AGAIN);
    }
    size_t parking = AIMDBI_PARKING;
    aimdbi_step(task_db(task), true);
    // If it fails it need not acquire: what the waker did is acquired by the next park_announce() at
    // the latest, and a fruitless run before that does no harm.
    if (!cas_release(&task->state_, &parking, AIMDBI_IDLE)) { // [K2] pairs with aimdbi_task_wake
        return queue_again(task, AIMDBI_AGAIN);
    }
    return AIMDBI_GONE;
}

static enum aimdbi_verdict
wait_for_done(aimdb_task *task)
{
    size_t deferring = AIMDBI_DEFERRING;
    aimdbi_step(task_db(task), true);
    // [A2] pairs with resume(). If aimdb_done was quicker, its new turn in defer_ must be seen by
    // whichever thread runs the task next: this one acquires it, and queue_again() releases it.
    if (!cas_acq_rel(&task->state_, &deferring, AIMDBI_WAITING)) {
        return queue_again(task, AIMDBI_AGAIN);
    }
    return AIMDBI_GONE;
}

static enum aimdbi_verdict
leave(aimdb_task *task)
{
    store_release(&task->state_, AIMDBI_LEFT); // pairs with the closer's look; the last access
    return AIMDBI_GONE;
}

// Each look takes the writer's lines away from it, and each value that is copied out another one. Of
// a stream that is much faster than the looks there are fewer looks, as long as a ring cannot fill up
// meanwhile: a produce beside a consumer that keeps up costs little more than one beside none [P1].
static void
adapt_look_away(aimdb_task *task, size_t passed)
{
    bool is_fast = passed >= STREAM;
    for (size_t i = 0; i < task->input_count; i++) {
        const aimdb_record *rec = task->inputs[i].reader.record_;
        if (rec->shape.buffer == AIMDB_BUFFER_SPMC_RING && passed > rec->shape.capacity / 4) {
            is_fast = false;
        }
    }
    unsigned span = is_fast ? task->look_away * 2u : task->look_away / 2u;
    if (span < AIMDBI_LOOK_AWAY_LEAST) {
        span = AIMDBI_LOOK_AWAY_LEAST;
    }
    task->look_away = (uint16_t) (span < AIMDBI_LOOK_AWAY_MOST ? span : AIMDBI_LOOK_AWAY_MOST);
}

// Dry, after a run in which `passed` pushes were handed on or passed over: watch on, or sleep?
static enum aimdbi_verdict
run_dry(aimdb_task *task, size_t passed, bool may_watch)
{
    // relaxed: seen sooner or later
    bool closing = (load_relaxed(&task_db(task)->gate_) & AIMDBI_GATE_SHUT) != 0;
    if (closing && is_ended(task)) {
        return leave(task);
    }
    if (passed > 1) {
        task->streams = true;
    }
    task->empty_polls = passed > 0 ? 0 : task->empty_polls + 1;
    if (may_watch && task->streams && !closing && task->empty_polls < PATIENCE) {
        adapt_look_away(task, passed);
        return queue_again(task, AIMDBI_WATCH);
    }
    task->streams = false;
    task->empty_polls = 0;
    return park(task);
}

// Pushes that the task has seen, of all its records together.
static size_t
seen_by(const aimdb_task *task)
{
    size_t seen = 0;
    for (size_t i = 0; i < task->input_count; i++) {
        seen += reader_seen(&task->inputs[i].reader) / AIMDBI_STEP;
    }
    return seen;
}

enum aimdbi_verdict
aimdbi_task_run(aimdb_task *task, struct aimdbi_loan *loan)
{
    AIMDBI_ASSERT(load_relaxed(&task->state_) == AIMDBI_QUEUED); // INV-T2
    store_relaxed(&task->state_, AIMDBI_RUNNING); // relaxed: taken from a queue, which ordered it
    struct run run = { .left = loan->values };
    size_t seen_before = seen_by(task);
    enum flow flow = task->input_count == 1 ? deliver_input(&task->inputs[0], loan->scratch, &run)
                                            : deliver_join(task, loan->scratch, &run);
    loan->values = run.left;
    switch (flow) {
    case DRY:
        return run_dry(task, seen_by(task) - seen_before, loan->watches);
    case DEFERRED:
        return wait_for_done(task);
    case ABANDONED:
        return leave(task);
    case FULL:
    case STALE:
    case SLICED:
        break;
    }
    task->streams = true;
    task->empty_polls = 0;
    return queue_again(task, AIMDBI_AGAIN);
}

void
aimdbi_task_wake(aimdb_task *task)
{
    if (task->is_source) {
        return;
    }
    size_t state = load_acquire(&task->state_); // [K1]
    for (;;) {
        if (state == AIMDBI_IDLE) {
            if (cas_acq_rel(&task->state_, &state, AIMDBI_QUEUED)) { // [K2]
                aimdb_executor *executor = task_db(task)->executor;
                executor->ops->ready(executor, task);
                return;
            }
        } else if (state == AIMDBI_PARKING) {
            if (cas_acq_rel(&task->state_, &state, AIMDBI_NOTIFIED)) {
                return;
            }
        } else {
            return; // it runs or will run, and looks for itself; or waits, or has left
        }
    }
}
