// SPDX-License-Identifier: Apache-2.0
// Dispatchers and sources: what a task does when an executor runs it.
//
// A dispatcher takes everything that is there, up to a budget, so that a busy record costs one
// validation and one look at the writer's line for a block of values, and cannot starve the others
// [D5]. When it runs dry it announces to sleep and looks once more (turn.h). While values stream, that
// is while they come faster than a sleep and a wake would take, it does not sleep at once but lets
// itself be polled some more: a wake costs the producer microseconds, a poll costs it nothing.
//
// An asynchronous value [D3] is tracked in defer_: a turn number, and a phase.
//   NONE -> TAKEN (aimdb_defer) -> AWAITED (the consumer returned AIMDB_EPENDING) -> NONE (aimdb_done)
//                               -> FINISHED (aimdb_done came first) -> NONE (the consumer returned)
// Each end moves to the next turn, so that a token works once. A token holds a reference on the
// database.
//
// The states of a task and their invariants are in db.h. Source: SPEC D1-D7.
#include "executor.h"
#include "flush.h"
#include "latency.h"
#include "reader.h"
#include "text.h"

#define BATCH 128           // values copied out of a ring in one go, at most
#define BATCH_BYTES 16384   // likewise; fits the first-level cache beside the consumer's own data
#define SLICE AIMDB_MS(1)   // of time, likewise, when they wait
#define FRESH AIMDB_US(100) // how old a copied block may become before the ring is looked at again
#define STREAM 8            // pushes between two looks that make looking less often worth while
#define PATIENCE 32         // fruitless polls of a streaming task before it sleeps
#define COMPLAINT_GAP_MS 1000 // between two log lines of a kind about one task

enum phase { NONE, TAKEN, AWAITED, FINISHED };

#define PHASE ((size_t) 3)
#define TURN ((size_t) 4)

enum flow { DRY, FULL, STALE, SLICED, DEFERRED, ABANDONED };

static aimdb *
db_of(const aimdb_task *task)
{
    return task->reader.record_->db;
}

static aimdb_time
clock_of(const aimdb *db)
{
    return db->executor->ops->clock(db->executor);
}

// --- log -----------------------------------------------------------------------------------------

// True once in COMPLAINT_GAP_MS; otherwise the complaint is counted for the next line.
static bool
may_complain(const aimdb_task *task, struct aimdbi_complaint *about)
{
    if (!db_of(task)->log) {
        return false;
    }
    size_t now = (size_t) (clock_of(db_of(task)) / AIMDB_MS(1)) | 1;
    size_t last = load_relaxed(&about->said_at_); // relaxed: decided by the exchange below
    if ((last != 0 && now - last < COMPLAINT_GAP_MS) ||
        !cas_relaxed(&about->said_at_, &last, now)) {
        (void) fetch_add_relaxed(&about->unsaid_, 1);
        return false;
    }
    return true;
}

static void
begin_line(struct aimdbi_text *text, const aimdb_task *task)
{
    text->used = 0;
    aimdbi_text_add(text, "record \"");
    aimdbi_text_add(text, task->reader.record_->key);
    aimdbi_text_add(text, task->is_source ? "\": source \"" : "\": consumer \"");
    aimdbi_text_add(text, task->name);
    aimdbi_text_add(text, "\" ");
}

static void
end_line(struct aimdbi_text *text, const aimdb_task *task, struct aimdbi_complaint *about)
{
    size_t unsaid = exchange_acquire(&about->unsaid_, 0);
    if (unsaid > 0) {
        aimdbi_text_add(text, " (");
        aimdbi_text_number(text, unsaid);
        aimdbi_text_add(text, " more since the last such line)");
    }
    db_of(task)->log(db_of(task)->log_user, AIMDB_LOG_WARNING, text->line);
}

static void
complain_of_lag(aimdb_task *task, size_t lag)
{
    if (!may_complain(task, &task->of_lags)) {
        return;
    }
    struct aimdbi_text text;
    begin_line(&text, task);
    aimdbi_text_add(&text, "lagged and missed ");
    aimdbi_text_number(&text, lag);
    aimdbi_text_add(&text, lag == 1 ? " value" : " values");
    end_line(&text, task, &task->of_lags);
}

static void
count_overruns(aimdb_task *task, size_t points)
{
    count(&task->overruns_, points);
    if (!may_complain(task, &task->of_lags)) {
        return;
    }
    struct aimdbi_text text;
    begin_line(&text, task);
    aimdbi_text_add(&text, "ran over and left out ");
    aimdbi_text_number(&text, points);
    aimdbi_text_add(&text, points == 1 ? " step" : " steps");
    end_line(&text, task, &task->of_lags);
}

static void
count_error(aimdb_task *task, aimdb_err err, const char *remark)
{
    (void) fetch_add_relaxed(&task->errors_, 1); // relaxed: a figure
    if (!may_complain(task, &task->of_errors)) {
        return;
    }
    struct aimdbi_text text;
    begin_line(&text, task);
    aimdbi_text_add(&text, "returned ");
    aimdbi_text_add(&text, aimdb_err_name(err));
    aimdbi_text_add(&text, remark);
    end_line(&text, task, &task->of_errors);
}

// --- asynchronous values -------------------------------------------------------------------------

aimdb_token
aimdb_defer(aimdb_ctx *ctx)
{
    aimdb_token nothing = { NULL, 0 };
    if (!ctx || !ctx->task || ctx->task->is_source) {
        return nothing;
    }
    aimdb_task *task = ctx->task;
    size_t word = load_relaxed(&task->defer_); // relaxed: in phase NONE only this thread writes it
    if ((word & PHASE) == NONE) {
        aimdbi_db_retain(ctx->db);
        store_release(&task->defer_, word | TAKEN); // [A1] pairs with aimdb_done
    }
    return (aimdb_token){ task, word / TURN };
}

// Ends the turn of a value whose consumer has returned, whatever became of its token.
static void
cancel_token(aimdb_task *task)
{
    size_t word = load_acquire(&task->defer_);
    size_t next = (word & ~PHASE) + TURN;
    if ((word & PHASE) == TAKEN && cas_acq_rel(&task->defer_, &word, next)) {
        aimdbi_db_release(db_of(task));
        return;
    }
    if ((word & PHASE) == FINISHED) { // aimdb_done has released the reference
        store_release(&task->defer_, next);
    }
}

// The consumer returned AIMDB_EPENDING. True if the value is still being worked on; the task is then
// DEFERRING.
static bool
is_awaited(aimdb_task *task)
{
    size_t word = load_acquire(&task->defer_);
    if ((word & PHASE) == NONE) {
        count_error(task, AIMDB_EPENDING, " without aimdb_defer");
        return false;
    }
    if ((word & PHASE) == TAKEN) {
        store_release(&task->state_, AIMDBI_DEFERRING); // before aimdb_done can see AWAITED [A2]
        if (cas_acq_rel(&task->defer_, &word, (word & ~PHASE) | AWAITED)) {
            return true;
        }
        store_relaxed(&task->state_, AIMDBI_RUNNING); // relaxed: in FINISHED nobody looks at it
    }
    cancel_token(task);
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
                aimdb_executor *executor = db_of(task)->executor;
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
    size_t word = load_acquire(&task->defer_); // [A1]
    for (;;) {
        size_t phase = word & PHASE;
        if (word / TURN != token.turn_ || (phase != TAKEN && phase != AWAITED)) {
            return AIMDB_EINVAL;
        }
        size_t next = phase == TAKEN ? (word | FINISHED) : (word & ~PHASE) + TURN;
        if (cas_acq_rel(&task->defer_, &word, next)) {
            aimdb *db = db_of(task);
            if (err != AIMDB_OK) {
                count_error(task, err, " through aimdb_done");
            }
            if (phase == AWAITED) {
                resume(task);
            }
            aimdbi_db_release(db);
            return AIMDB_OK;
        }
    }
}

// --- dispatchers ---------------------------------------------------------------------------------

// Calls the consumer with one value. True if it will be finished later.
static bool
call_consumer(aimdb_task *task, const void *value, uint64_t stamp)
{
    aimdb_record *rec = task->reader.record_;
    aimdb_ctx ctx = {
        .db = rec->db, .from = rec, .task = task, .user = task->user, .missed = task->lag
    };
    task->lag = 0;
    if (task->latency) {
        aimdbi_latency_add(task->latency, aimdbp_clock() - (aimdb_time) stamp);
    }
    aimdb_err err = task->call(&ctx, task->fn, value);
    if (err == AIMDB_EPENDING) {
        return is_awaited(task);
    }
    if (load_relaxed(&task->defer_) & PHASE) { // relaxed: this thread left NONE, or nobody did
        cancel_token(task);
    }
    if (err != AIMDB_OK) {
        count_error(task, err, "");
    }
    return false;
}

static bool
is_abandoned(const aimdb_task *task)
{
    return load_relaxed(&db_of(task)->abandon_) != 0; // relaxed: a request, seen sooner or later
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
    aimdb_executor *executor = db_of(task)->executor;
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
    return (i == 1 || i == 4 || i == 16 || i == 64) && clock_of(db_of(task)) > block->fresh_until;
}

// Hands on a block. The cursor moves value by value: what was copied but not handed on is pending.
static enum flow
hand_on(aimdb_task *task, const struct block *block, struct run *run)
{
    aimdb_reader *reader = &task->reader;
    const unsigned char *value = block->value;
    for (size_t i = 0; i < block->values; i++) {
        enum flow flow = is_stale(task, block, i) ? STALE : next_call(task, run);
        if (flow != FULL) {
            return flow;
        }
        run->left--;
        store_relaxed(&reader->cursor_, load_relaxed(&reader->cursor_) + AIMDBI_STEP);
        count(&reader->received_, 1);
        if (call_consumer(task, value, block->stamps ? block->stamps[i] : 0)) {
            return DEFERRED;
        }
        if (load_relaxed(&reader->record_->flushers_) > 0) { // relaxed: seen at the end, if not now
            flush_note(task, load_relaxed(&reader->cursor_));
        }
        value += reader->record_->size;
    }
    return FULL;
}

// Blocks grow while they are handed on in time, and begin anew with one value when they are not.
static enum flow
hand_on_timed(aimdb_task *task, struct block *block, size_t most, struct run *run)
{
    aimdb_time begin = clock_of(db_of(task));
    block->fresh_until = begin + FRESH;
    enum flow flow = hand_on(task, block, run);
    if (flow == STALE) {
        task->block = 1;
        return FULL;
    }
    bool in_time = clock_of(db_of(task)) <= block->fresh_until;
    if (flow == FULL && in_time && block->values >= task->block) {
        task->block = (uint16_t) (task->block * 2u < most ? task->block * 2u : most);
    } else if (!in_time) {
        task->block = 1;
    }
    return flow;
}

static enum flow
deliver_ring(aimdb_task *task, unsigned char *scratch, struct run *run)
{
    aimdb_reader *reader = &task->reader;
    const aimdb_record *rec = reader->record_;
    uint64_t stamps[BATCH];
    size_t fit = rec->size < BATCH_BYTES ? BATCH_BYTES / rec->size : 1;
    size_t most = fit < BATCH ? fit : BATCH;
    while (run->left > 0) {
        struct aimdbi_batch batch;
        size_t cursor = load_relaxed(&reader->cursor_);
        size_t block = task->block > 0 ? task->block : 1;
        size_t wanted = block < run->left ? block : run->left;
        task->block = (uint16_t) block;
        aimdbi_ring_read(rec, &cursor, scratch, wanted, task->latency ? stamps : NULL, &batch);
        store_relaxed(&reader->cursor_, cursor);
        if (batch.lag > 0) {
            reader_count_lag(reader, batch.lag, task->lag);
            task->lag += batch.lag;
            complain_of_lag(task, batch.lag);
        } else if (batch.count == 0) {
            return DRY;
        }
        struct block copied = { .value = scratch + batch.first * rec->size,
                                .stamps = task->latency ? stamps + batch.first : NULL,
                                .values = batch.count };
        // One value that was alone cannot become stale.
        enum flow flow =
            batch.there > 1 ? hand_on_timed(task, &copied, most, run) : hand_on(task, &copied, run);
        if (flow != FULL) {
            return flow;
        }
        if (batch.count == 0) {
            run->left--; // a reader that is overtaken without end must not hold its worker
            task->block = (uint16_t) (block * 2 < most ? block * 2 : most); // some may stay whole
        } else if (batch.count == batch.there) {
            return DRY; // that was all a moment ago; a second look costs the writer a cache miss
        }
    }
    return FULL;
}

// One value a run: when the next look is a little later, it finds a newer one, and the writer had its
// cache lines to itself meanwhile. Consumers of one mailbox compete value by value.
static enum flow
deliver_latest(aimdb_task *task, unsigned char *scratch, struct run *run)
{
    uint64_t stamp = 0;
    if (!aimdbi_reader_has_news(&task->reader)) {
        return DRY;
    }
    enum flow flow = next_call(task, run);
    if (flow != FULL) {
        return flow;
    }
    if (!aimdbi_reader_read_one(&task->reader, scratch, task->latency ? &stamp : NULL)) {
        return DRY;
    }
    run->left--;
    return call_consumer(task, scratch, stamp) ? DEFERRED : DRY;
}

static enum aimdbi_verdict
queue_again(aimdb_task *task, enum aimdbi_verdict verdict)
{
    store_release(&task->state_, AIMDBI_QUEUED);
    return verdict;
}

// The task is dry: announces to sleep, and looks once more. See turn.h, INV-4 and INV-T3.
static enum aimdbi_verdict
park(aimdb_task *task)
{
    aimdb_record *rec = task->reader.record_;
    store_release(&task->state_, AIMDBI_PARKING); // before PARKED: a waker sees it [K1]
    aimdbi_step(rec->db, true);
    if (!park_announce(rec, reader_seen(&task->reader)) && aimdbi_reader_has_news(&task->reader)) {
        return queue_again(task, AIMDBI_AGAIN);
    }
    size_t parking = AIMDBI_PARKING;
    aimdbi_step(rec->db, true);
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
    aimdbi_step(db_of(task), true);
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
    const aimdb_record *rec = task->reader.record_;
    bool is_fast = passed >= STREAM;
    if (rec->buffer == AIMDB_BUFFER_SPMC_RING && passed > rec->capacity / 4) {
        is_fast = false;
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
    bool closing = (load_relaxed(&db_of(task)->gate_) & AIMDBI_GATE_SHUT) != 0;
    if (closing && aimdbi_reader_is_ended(&task->reader)) {
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

enum aimdbi_verdict
aimdbi_task_run(aimdb_task *task, struct aimdbi_loan *loan)
{
    const aimdb_record *rec = task->reader.record_;
    AIMDBI_ASSERT(load_relaxed(&task->state_) == AIMDBI_QUEUED); // INV-T2
    store_relaxed(&task->state_, AIMDBI_RUNNING); // relaxed: taken from a queue, which ordered it
    bool ring = rec->buffer == AIMDB_BUFFER_SPMC_RING;
    struct run run = { .left = loan->values };
    size_t seen_before = reader_seen(&task->reader);
    if (ring && load_relaxed(&task->finished_) != seen_before) {
        flush_note(task, seen_before); // a value that was deferred
    }
    enum flow flow =
        ring ? deliver_ring(task, loan->scratch, &run) : deliver_latest(task, loan->scratch, &run);
    loan->values = run.left;
    size_t seen = reader_seen(&task->reader);
    if (ring && seen != seen_before) {
        flush_note(task, flow == DEFERRED ? seen - AIMDBI_STEP : seen);
    }
    switch (flow) {
    case DRY:
        return run_dry(task, (seen - seen_before) / AIMDBI_STEP, loan->watches);
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
                aimdb_executor *executor = db_of(task)->executor;
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

// --- sources -------------------------------------------------------------------------------------

static aimdb_time
source_leaves(aimdb_task *task)
{
    store_release(&task->state_, AIMDBI_LEFT);
    return AIMDB_FOREVER;
}

aimdb_time
aimdbi_source_step(aimdb_task *task)
{
    aimdb_record *rec = task->reader.record_;
    if (load_acquire(&rec->db->gate_) & AIMDBI_GATE_SHUT) {
        return source_leaves(task);
    }
    store_relaxed(&task->state_,
                  AIMDBI_RUNNING); // relaxed: only the executor's source lane runs it
    aimdb_ctx ctx = { .db = rec->db, .from = rec, .task = task, .user = task->user };
    count(&task->reader.received_, 1);
    if (task->latency) {
        aimdbi_latency_add(task->latency, clock_of(rec->db) - task->due);
    }
    aimdb_time next = rec->type->call_source(&ctx, task->fn, rec);
    if (next == AIMDB_FOREVER) {
        return source_leaves(task);
    }
    if (next == ctx.next && ctx.left_out > 0) {
        count_overruns(task, ctx.left_out);
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
