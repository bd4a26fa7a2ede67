// SPDX-License-Identifier: Apache-2.0
// Static records: pushes, and the one loop that runs their consumers and sources.
//
// A database has one ready word: a bit for each record (the 33rd shares the first one's). A push sets
// its record's bit after it committed; aimdb_poll takes all bits at once and lets the consumers of
// those records read until they are dry. Whoever sets the first bit wakes who sleeps in aimdb_idle. So
// a push costs the same however many consumers there are, and with nothing ready a poll is one look.
//
// On one core a push that finds its bit set leaves it alone: whoever takes the bits runs in the thread
// that polls, and cannot come between that look and the push's end; it takes the bit later, and reads
// after that. Where threads run beside each other the bit is set in any case, and the order of the
// read-modify-writes of the ready word is the order in which values are seen.
//
// INV-S1  A committed push whose value no consumer has looked at yet has its bit set, or a poll that
//         has taken the bit has not looked yet.
// INV-S2  The word goes from zero to nonzero only in tell(), which wakes, or in a poll, which looks at
//         it again before it returns.
// INV-S3  Consumers run only in aimdb_poll; a producer function wherever its produce runs.
// INV-S4  turn_ of a reader is odd from aimdb_defer until aimdb_done or until the consumer answered
//         something else; its consumer gets nothing meanwhile.
//
// Source: SPEC section 11 (static variant), P1-P4, D1-D7, E1-E2; docs/adr/0012.
#include "statics.h"

#include "figures.h"
#include "latest.h"
#include "reader.h"
#include "ring.h"

static AIMDBI_ALWAYS inline void
tell(const struct aimdbi_home *home)
{
#ifdef AIMDB_ONE_CORE
    if (signal_load_acquire(home->ready) & home->bit) {
        return;
    }
#endif
    if (signal_or_acq_rel(home->ready, home->bit) == 0) { // [S5] pairs with [S6]
        aimdbp_wake(home->ready);
    }
}

static AIMDBI_ALWAYS inline aimdb_err
push(const struct aimdbi_static_record *rec, const void *values, size_t count)
{
    const struct aimdbi_shape *shape = &rec->shape;
    size_t pushed = 0;
#ifdef AIMDB_ONE_CORE
    // Interrupts that push into the same record wait for this push; with one writer there are none.
    size_t mask = shape->one_writer ? 0 : aimdbp_mask();
#endif
    aimdb_err err;
    if (shape->buffer != AIMDB_BUFFER_SPMC_RING) {
        err = latest_push(shape, rec->cells, values, count);
    } else if (count == 1) {
        err = ring_push_one(shape, rec->cells, values, 0, &pushed);
    } else {
        err = aimdbi_ring_push(shape, rec->cells, values, count, &pushed);
    }
#ifdef AIMDB_ONE_CORE
    if (!shape->one_writer) {
        aimdbp_unmask(mask);
    }
#endif
    if (err == AIMDB_OK) {
        tell(rec->home);
    }
    return err;
}

// Each context is set member by member: a compiler would clear it with a call of memset.
static void
begin(aimdb_ctx *ctx, const struct aimdbi_static_record *rec, void *user)
{
#ifndef AIMDB_ONE_CORE
    ctx->db = NULL;
#endif
    ctx->from = (aimdb_record *) (void *) (uintptr_t) rec;
    ctx->user = user;
}

static void
begin_task(aimdb_ctx *ctx, const struct aimdbi_static_task *task, aimdb_time now)
{
    begin(ctx, task->record, task->user);
    ctx->static_task = task;
    ctx->now = now;
    ctx->depth = 0;
    ctx->after = 0;
}

static aimdb_err
pass(const struct aimdbi_static_record *rec, const void *value, unsigned depth)
{
    if (depth >= AIMDB_EMIT_DEPTH_MAX) {
        return AIMDB_ELOOP;
    }
    struct aimdb_ctx ctx;
    begin(&ctx, rec, rec->producer->user);
    ctx.missed = 0;
    ctx.static_task = NULL;
    ctx.depth = (uint8_t) (depth + 1);
    return rec->producer->pass(&ctx, value);
}

// One value past all producer functions.
static __attribute__((noinline)) aimdb_err
push_one(const struct aimdbi_static_record *rec, const void *value)
{
    return push(rec, value, 1);
}

aimdb_err
aimdbi_static_accept(aimdb_ctx *ctx, aimdb_err err, const void *value)
{
    const struct aimdbi_static_record *rec = static_record(ctx->from);
    if (err != AIMDB_OK) {
        (void) fetch_add_relaxed(&rec->cells->refused_, 1); // relaxed: a figure
        return err;
    }
    return push_one(rec, value);
}

aimdb_err
aimdbi_static_produce(aimdb_record *record, const void *value, size_t size)
{
    const struct aimdbi_static_record *rec = static_record(record);
    if (!rec || !value) {
        return AIMDB_EINVAL;
    }
    if (size != rec->shape.size) {
        return AIMDB_ETYPE;
    }
    return rec->producer ? pass(rec, value, 0) : push(rec, value, 1);
}

aimdb_err
aimdbi_static_emit(aimdb_record *record, const void *value, size_t size, unsigned depth)
{
    const struct aimdbi_static_record *rec = static_record(record);
    if (rec && value && size == rec->shape.size && rec->producer) {
        return pass(rec, value, depth);
    }
    return aimdbi_static_produce(record, value, size);
}

aimdb_err
aimdbi_static_produce_n(aimdb_record *record, const void *values, size_t size, size_t count)
{
    const struct aimdbi_static_record *rec = static_record(record);
    if (!rec || !values) {
        return AIMDB_EINVAL;
    }
    if (size != rec->shape.size) {
        return AIMDB_ETYPE;
    }
    if (!rec->producer) {
        return count > 0 ? push(rec, values, count) : AIMDB_OK;
    }
    aimdb_err first_error = AIMDB_OK;
    for (const unsigned char *value = values; count > 0; count--, value += size) {
        aimdb_err err = pass(rec, value, 0);
        first_error = first_error == AIMDB_OK ? err : first_error;
    }
    return first_error;
}

void
aimdbi_static_copy(void *to, const void *from, size_t size)
{
    copy_value(to, from, size);
}

// --- consumers ------------------------------------------------------------------------------------

static AIMDBI_ALWAYS inline unsigned
next_of_ring(const struct aimdbi_static_record *rec, struct aimdbi_static_reader *reader,
             void *value)
{
    size_t cursor = load_relaxed(&reader->cursor_);
    size_t lag;
    aimdb_err err;
    while ((err = ring_take(&rec->shape, rec->cells, &cursor, value, &lag)) == AIMDB_ELAGGED) {
        count(&reader->lags_, reader->lag_ == 0 ? 1 : 0);
        count(&reader->missed_, lag);
        reader->lag_ += lag;
    }
    store_relaxed(&reader->cursor_, cursor);
    if (err != AIMDB_OK) {
        return 0;
    }
    return load_relaxed(&rec->cells->commit_) == cursor ? 1 : 2; // relaxed: INV-S1
}

// Of a SingleLatest or a mailbox; what was pushed since has set its bit again.
static AIMDBI_ALWAYS inline unsigned
next_of_latest(const struct aimdbi_static_record *rec, struct aimdbi_static_reader *reader,
               void *value)
{
    const struct aimdbi_shape *shape = &rec->shape;
    if (rec->takes) {
        return mailbox_take(shape, rec->cells, rec->takes, value) ? 1 : 0;
    }
    size_t seen = load_relaxed(&reader->cursor_);
    size_t newest;
#ifdef AIMDB_ONE_CORE
    bool has_value = latest_take(shape, rec->cells, seen, value, &newest);
#else
    bool has_value = aimdbi_latest_read(shape, rec->cells, seen, value, NULL, &newest);
#endif
    if (!has_value) {
        return 0;
    }
    count(&reader->missed_, (newest - seen) / AIMDBI_STEP - 1);
    store_relaxed(&reader->cursor_, newest);
    return 1;
}

// Ends a turn, unless somebody else did.
static bool
end_turn(struct aimdbi_static_reader *reader, size_t turn)
{
    return (turn & 1) != 0 && cas_acq_rel(&reader->turn_, &turn, turn + 1);
}

// A token is out. True if its value is still being worked on.
static bool
is_awaited(aimdb_ctx *ctx)
{
    struct aimdbi_static_reader *reader = ctx->static_task->reader;
    if (ctx->after & AIMDBI_AFTER_DEFER) { // and the consumer returned AIMDB_OK: the token is dead
        ctx->after = 0;
        (void) end_turn(reader, load_relaxed(&reader->turn_));
    }
    return (load_acquire(&reader->turn_) & 1) != 0;
}

unsigned
aimdbi_static_next(aimdb_ctx *ctx, void *value)
{
    const struct aimdbi_static_record *rec = static_record(ctx->from);
    struct aimdbi_static_reader *reader = ctx->static_task->reader;
    if (__builtin_expect((load_acquire(&reader->turn_) & 1) != 0, 0) && is_awaited(ctx)) {
        return 0;
    }
    bool is_ring = rec->shape.buffer == AIMDB_BUFFER_SPMC_RING;
    unsigned got = is_ring ? next_of_ring(rec, reader, value) : next_of_latest(rec, reader, value);
    if (got == 0) {
        return 0;
    }
    ctx->missed = reader->lag_;
    reader->lag_ = 0;
    count(&reader->received_, 1);
    if (got > 1 && --ctx->left == 0) {
        ctx->after |= AIMDBI_AFTER_MORE;
        return 1;
    }
    return got;
}

void
aimdbi_static_finish(aimdb_ctx *ctx, aimdb_err err)
{
    if ((ctx->after & AIMDBI_AFTER_DEFER) && err == AIMDB_EPENDING) {
        ctx->after &= (uint8_t) ~AIMDBI_AFTER_DEFER;
        return;
    }
    // relaxed: a figure; aimdb_done adds as well
    (void) fetch_add_relaxed(&ctx->static_task->reader->errors_, 1);
}

aimdb_token
aimdbi_static_defer(aimdb_ctx *ctx)
{
    aimdb_token token = { 0 };
    const struct aimdbi_static_task *task = ctx->static_task;
    // relaxed: what ended the turn before was seen by aimdbi_static_next
    if (task && task->reader && (load_relaxed(&task->reader->turn_) & 1) == 0) {
        token.turn_ = load_relaxed(&task->reader->turn_) + 1;
        token.task_ = (aimdb_task *) (void *) (uintptr_t) task;
        store_release(&task->reader->turn_, token.turn_);
        ctx->after |= AIMDBI_AFTER_DEFER;
    }
    return token;
}

aimdb_err
aimdbi_static_done(aimdb_token token, aimdb_err err)
{
    const struct aimdbi_static_task *task = static_task(token.task_);
    if (!end_turn(task->reader, token.turn_)) {
        return AIMDB_EINVAL;
    }
    if (err != AIMDB_OK) {
        (void) fetch_add_relaxed(&task->reader->errors_, 1); // relaxed: a figure
    }
    tell(task->record->home);
    return AIMDB_OK;
}

// --- sources --------------------------------------------------------------------------------------

aimdb_time
aimdbi_static_every(aimdb_ctx *ctx, aimdb_time period)
{
    aimdb_time step = period > 0 ? period : 1;
    const struct aimdbi_static_task *task = ctx->static_task;
    aimdb_time now = task ? ctx->now : aimdbp_clock();
    bool is_source = task && task->clock;
    aimdb_time from = is_source ? task->clock->due : now;
    if (step > AIMDB_FOREVER - from) {
        return AIMDB_FOREVER;
    }
    aimdb_time next = from + step;
    size_t left_out = 0;
    // Whole periods that have passed, bit by bit: microcontrollers have no division of 64 bits.
    for (unsigned shift = 31; next <= now && shift-- > 0;) {
        if ((now - next) >> shift >= step) {
            next += step << shift;
            left_out |= (size_t) 1 << shift;
        }
    }
    if (next <= now) {
        next += step;
        left_out++;
    }
    ctx->next = next;
    ctx->left_out = left_out;
    return next;
}

static void
step(const struct aimdbi_static_task *task, aimdb_time now)
{
    struct aimdbi_static_clock *clock = task->clock;
    struct aimdb_ctx ctx;
    begin_task(&ctx, task, now);
    ctx.missed = 0;
    ctx.next = AIMDB_FOREVER;
    ctx.left_out = 0;
    aimdb_time next = task->step(&ctx);
    count(&clock->steps_, 1);
    if (next == ctx.next) {
        count(&clock->overruns_, ctx.left_out);
    }
    // A time that is not after this step's is no later point of a grid: it means at once.
    clock->due = next > clock->due ? next : now;
}

static void
step_sources(const aimdb_static *db, aimdb_time now)
{
    aimdb_time first = AIMDB_FOREVER;
    for (size_t i = 0; i < db->count_; i++) {
        const struct aimdbi_static_task *task = db->parts_[i]->task;
        if (!task || !task->step) {
            continue;
        }
        if (task->clock->due == 0) {
            task->clock->due = now; // its grid starts here
        }
        if (task->clock->due <= now) {
            step(task, now);
        }
        first = task->clock->due < first ? task->clock->due : first;
    }
    db->state_->due = first;
}

// --- the loop -------------------------------------------------------------------------------------

static __attribute__((noinline)) void
after_run(aimdb_ctx *ctx)
{
    const struct aimdbi_static_task *task = ctx->static_task;
    if (ctx->after & AIMDBI_AFTER_DEFER) { // the consumer returned AIMDB_OK: its token is dead
        (void) end_turn(task->reader, load_relaxed(&task->reader->turn_));
    }
    if (ctx->after & AIMDBI_AFTER_MORE) {
        const struct aimdbi_home *home = task->record->home;
        (void) signal_or_acq_rel(home->ready, home->bit);
    }
}

static AIMDBI_ALWAYS inline void
run(const struct aimdbi_static_task *task, aimdb_time now)
{
    struct aimdb_ctx ctx;
    begin_task(&ctx, task, now);
    ctx.left = AIMDB_STATIC_BURST;
    task->run(&ctx);
    if (__builtin_expect(ctx.after != 0, 0)) {
        after_run(&ctx);
    }
}

// Consumers of one mailbox compete, fairly [M2]: the first of them in the list is asked for all, and
// each time another one begins. lags_ and missed_ of such readers mean nothing else: what a consumer is
// among those of its mailbox, and of the first one where in the list to begin.
enum competition { ALONE, FIRST_OF_ALL, AMONG_OTHERS };

static bool
is_consumer_of(const struct aimdbi_static_part *part, const struct aimdbi_static_record *rec)
{
    return part->record == rec && part->task && part->task->run;
}

static void
find_competitors(const aimdb_static *db)
{
    for (size_t i = 0; i < db->count_; i++) {
        const struct aimdbi_static_part *part = db->parts_[i];
        if (!part->record->takes || !is_consumer_of(part, part->record)) {
            continue;
        }
        size_t first = 0;
        while (!is_consumer_of(db->parts_[first], part->record)) {
            first++;
        }
        if (first != i) {
            store_relaxed(&part->task->reader->lags_, AMONG_OTHERS);
            store_relaxed(&db->parts_[first]->task->reader->lags_, FIRST_OF_ALL);
        }
    }
}

static __attribute__((noinline)) void
run_competitors(const aimdb_static *db, const struct aimdbi_static_task *first, aimdb_time now)
{
    if (load_relaxed(&first->reader->lags_) != FIRST_OF_ALL) {
        return; // the first one did
    }
    size_t at = load_relaxed(&first->reader->missed_);
    bool has_begun = false;
    for (size_t left = db->count_; left > 0; left--) {
        const struct aimdbi_static_part *part = db->parts_[at];
        at = at + 1 < db->count_ ? at + 1 : 0;
        if (is_consumer_of(part, first->record)) {
            run(part->task, now);
            if (!has_begun) {
                store_relaxed(&first->reader->missed_, at); // the next one begins
            }
            has_begun = true;
        }
    }
}

aimdb_time
aimdb_poll(const aimdb_static *db, aimdb_time now)
{
    struct aimdbi_static_state *state = db->state_;
    if (now >= state->due) {
        if (state->due == 0) {
            find_competitors(db);
        }
        step_sources(db, now);
    }
    if (signal_load_acquire(&state->ready_) == 0) {
        return state->due;
    }
    uint32_t ready = signal_exchange_acq_rel(&state->ready_, 0); // [S6] pairs with [S5]
    const struct aimdbi_static_part *const *end = db->parts_ + db->count_;
    for (const struct aimdbi_static_part *const *part = db->parts_; part != end; part++) {
        const struct aimdbi_static_task *task = (*part)->task;
        if (((*part)->home->bit & ready) == 0 || !task || !task->run) {
            continue;
        }
        if (task->record->takes && load_relaxed(&task->reader->lags_) != ALONE) {
            run_competitors(db, task, now);
        } else {
            run(task, now);
        }
    }
    return signal_load_acquire(&state->ready_) != 0 ? now : state->due;
}

void
aimdb_idle(const aimdb_static *db, aimdb_time deadline)
{
    aimdbp_idle(&db->state_->ready_, deadline);
}

void
aimdbi_static_figures(const aimdb_task *task, aimdb_task_stats *ret)
{
    const struct aimdbi_static_reader *reader = static_task(task)->reader;
    const struct aimdbi_static_clock *clock = static_task(task)->clock;
    if (clock) {
        ret->received = load_relaxed(&clock->steps_);
        ret->overruns = load_relaxed(&clock->overruns_);
        return;
    }
    // As a reader of its own has them, where skipped and missed are two counters.
    const struct aimdbi_static_record *rec = static_task(task)->record;
    bool is_ring = rec->shape.buffer == AIMDB_BUFFER_SPMC_RING;
    aimdb_reader shown = { .record_ = (aimdb_record *) (void *) (uintptr_t) rec,
                           .cursor_ = { load_relaxed(&reader->cursor_) },
                           .mode_ = { AIMDBI_TAKES } };
    size_t passed = rec->takes ? 0 : load_relaxed(&reader->missed_); // run_competitors
    shown.skipped_.word_ = is_ring ? 0 : passed;
    ret->received = load_relaxed(&reader->received_);
    ret->missed = is_ring ? passed : 0;
    ret->skipped = aimdbi_skipped(&shown);
    ret->lags = is_ring ? load_relaxed(&reader->lags_) : 0;
    ret->errors = load_relaxed(&reader->errors_);
    ret->pending = aimdbi_reader_pending(&shown);
}
