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

#include "copy.h"
#include "figures.h"
#include "reader.h"

static void
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

static aimdb_err
push(const struct aimdbi_static_record *rec, const void *values, size_t count)
{
    const struct aimdbi_shape *shape = &rec->shape;
    size_t pushed;
#ifdef AIMDB_ONE_CORE
    // Interrupts that push into the same record wait for this push; with one writer there are none.
    size_t mask = shape->one_writer ? 0 : aimdbp_mask();
#endif
    aimdb_err err = shape->buffer == AIMDB_BUFFER_SPMC_RING
                        ? aimdbi_ring_push(shape, rec->cells, values, count, &pushed)
                        : aimdbi_latest_push(shape, rec->cells, values, count);
#ifdef AIMDB_ONE_CORE
    if (!shape->one_writer) {
        aimdbp_unmask(mask);
    }
#endif
    if (err != AIMDB_OK) {
        return err;
    }
    tell(rec->home);
    return AIMDB_OK;
}

// Each context is set member by member: a compiler would clear it with a call of memset.
static void
begin(aimdb_ctx *ctx, const struct aimdbi_static_record *rec, void *user)
{
    ctx->db = NULL;
    ctx->from = (aimdb_record *) (void *) (uintptr_t) rec;
    ctx->user = user;
    ctx->missed = 0;
}

static void
begin_task(aimdb_ctx *ctx, const struct aimdbi_static_task *task, aimdb_time now)
{
    begin(ctx, task->record, task->user);
    ctx->static_task = task;
    ctx->now = now;
    ctx->next = AIMDB_FOREVER;
    ctx->left_out = 0;
    ctx->depth = 0;
    ctx->is_deferred = false;
}

static aimdb_err
pass(const struct aimdbi_static_record *rec, const void *value, unsigned depth)
{
    if (depth >= AIMDB_EMIT_DEPTH_MAX) {
        return AIMDB_ELOOP;
    }
    struct aimdb_ctx ctx;
    begin(&ctx, rec, rec->producer->user);
    ctx.static_task = NULL;
    ctx.depth = (uint8_t) (depth + 1);
    return rec->producer->pass(&ctx, value);
}

aimdb_err
aimdbi_static_accept(aimdb_ctx *ctx, aimdb_err err, const void *value)
{
    const struct aimdbi_static_record *rec = static_record(ctx->from);
    if (err != AIMDB_OK) {
        (void) fetch_add_relaxed(&rec->cells->refused_, 1); // relaxed: a figure
        return err;
    }
    return push(rec, value, 1);
}

aimdb_err
aimdbi_static_produce(aimdb_record *record, const void *values, size_t size, size_t count,
                      unsigned depth)
{
    const struct aimdbi_static_record *rec = static_record(record);
    if (size != rec->shape.size) {
        return AIMDB_ETYPE;
    }
    if (!rec->producer) {
        return push(rec, values, count);
    }
    aimdb_err first_error = AIMDB_OK;
    for (const unsigned char *value = values; count > 0; count--, value += size) {
        aimdb_err err = pass(rec, value, depth);
        first_error = first_error == AIMDB_OK ? err : first_error;
    }
    return first_error;
}

aimdb_err
aimdbi_static_subscribe(aimdb_record *record, aimdb_reader *reader, bool takes)
{
    aimdbi_reader_init(reader, record, takes ? AIMDBI_TAKES : AIMDBI_OBSERVES);
    return AIMDB_OK;
}

void
aimdbi_static_copy(void *to, const void *from, size_t size)
{
    copy_value(to, from, size);
}

// --- consumers ------------------------------------------------------------------------------------

static bool
next_of_ring(const struct aimdbi_static_record *rec, struct aimdbi_static_reader *reader,
             void *value)
{
    size_t cursor = load_relaxed(&reader->cursor_);
    size_t lag;
    aimdb_err err;
    while ((err = aimdbi_ring_take(&rec->shape, rec->cells, &cursor, value, &lag)) ==
           AIMDB_ELAGGED) {
        count(&reader->lags_, reader->lag_ == 0 ? 1 : 0);
        count(&reader->missed_, lag);
        reader->lag_ += lag;
    }
    store_relaxed(&reader->cursor_, cursor);
    return err == AIMDB_OK;
}

static bool
next_of_latest(const struct aimdbi_static_record *rec, struct aimdbi_static_reader *reader,
               void *value)
{
    if (rec->takes) {
        return aimdbi_mailbox_take(&rec->shape, rec->cells, rec->takes, value, NULL);
    }
    size_t seen = load_relaxed(&reader->cursor_);
    size_t newest;
    if (!aimdbi_latest_read(&rec->shape, rec->cells, seen, value, NULL, &newest)) {
        return false;
    }
    count(&reader->missed_, (newest - seen) / AIMDBI_STEP - 1);
    store_relaxed(&reader->cursor_, newest);
    return true;
}

bool
aimdbi_static_next(aimdb_ctx *ctx, void *value)
{
    const struct aimdbi_static_record *rec = static_record(ctx->from);
    struct aimdbi_static_reader *reader = ctx->static_task->reader;
    if (ctx->left == 0 || (load_acquire(&reader->turn_) & 1) != 0) {
        return false;
    }
    bool is_ring = rec->shape.buffer == AIMDB_BUFFER_SPMC_RING;
    if (!(is_ring ? next_of_ring(rec, reader, value) : next_of_latest(rec, reader, value))) {
        return false;
    }
    ctx->left--;
    ctx->missed = reader->lag_;
    reader->lag_ = 0;
    count(&reader->received_, 1);
    return true;
}

// Ends a turn, unless somebody else did.
static bool
end_turn(struct aimdbi_static_reader *reader, size_t turn)
{
    return (turn & 1) != 0 && cas_acq_rel(&reader->turn_, &turn, turn + 1);
}

void
aimdbi_static_finish(aimdb_ctx *ctx, aimdb_err err)
{
    struct aimdbi_static_reader *reader = ctx->static_task->reader;
    bool is_deferred = ctx->is_deferred;
    ctx->is_deferred = false;
    if (is_deferred && err == AIMDB_EPENDING) {
        return;
    }
    if (is_deferred) {
        (void) end_turn(reader, load_relaxed(&reader->turn_)); // its token is dead
    }
    if (err != AIMDB_OK) {
        (void) fetch_add_relaxed(&reader->errors_, 1); // relaxed: a figure; aimdb_done adds as well
    }
}

aimdb_token
aimdbi_static_defer(aimdb_ctx *ctx)
{
    aimdb_token token = { 0 };
    const struct aimdbi_static_task *task = ctx->static_task;
    if (task && task->reader && !ctx->is_deferred) {
        token.turn_ = load_relaxed(&task->reader->turn_) + 1;
        token.task_ = (aimdb_task *) (void *) (uintptr_t) task;
        store_release(&task->reader->turn_, token.turn_);
        ctx->is_deferred = true;
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
    tell(task->home);
    return AIMDB_OK;
}

// --- sources --------------------------------------------------------------------------------------

// Whole periods in `span`, without a division: microcontrollers have none of 64 bits.
static size_t
periods_in(aimdb_time span, aimdb_time period)
{
    size_t found = 0;
    for (unsigned shift = 31; shift-- > 0;) {
        if (span >> shift >= period) {
            span -= period << shift;
            found |= (size_t) 1 << shift;
        }
    }
    return found;
}

aimdb_time
aimdbi_static_every(aimdb_ctx *ctx, aimdb_time period)
{
    aimdb_time step = period > 0 ? period : 1;
    const struct aimdbi_static_task *task = ctx->static_task;
    if (!task || !task->clock) {
        aimdb_time now = task ? ctx->now : aimdbp_clock();
        return step > AIMDB_FOREVER - now ? AIMDB_FOREVER : now + step;
    }
    aimdb_time due = task->clock->due;
    if (step > AIMDB_FOREVER - due) {
        return AIMDB_FOREVER;
    }
    ctx->left_out = ctx->now >= due + step ? periods_in(ctx->now - due, step) : 0;
    ctx->next = due + step;
    for (size_t points = ctx->left_out; points > 0; points >>= 1) {
        ctx->next += points & 1 ? step : 0;
        step *= 2;
    }
    return ctx->next;
}

static void
step(const struct aimdbi_static_task *task, aimdb_time now)
{
    struct aimdbi_static_clock *clock = task->clock;
    struct aimdb_ctx ctx;
    begin_task(&ctx, task, now);
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

static void
run(const struct aimdbi_static_task *task, aimdb_time now)
{
    struct aimdb_ctx ctx;
    begin_task(&ctx, task, now);
    ctx.left = AIMDB_STATIC_BURST;
    task->run(&ctx);
    if (ctx.left == 0) { // there may be more
        (void) signal_or_acq_rel(task->home->ready, task->home->bit);
    }
}

aimdb_time
aimdb_poll(const aimdb_static *db, aimdb_time now)
{
    struct aimdbi_static_state *state = db->state_;
    if (now >= state->due) {
        step_sources(db, now);
    }
    if (signal_load_acquire(&state->ready_) == 0) {
        return state->due;
    }
    uint32_t ready = signal_exchange_acq_rel(&state->ready_, 0); // [S6] pairs with [S5]
    for (size_t i = 0; i < db->count_; i++) {
        const struct aimdbi_static_task *task = db->parts_[i]->task;
        if (task && task->run && (task->home->bit & ready) != 0) {
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
    size_t passed = load_relaxed(&reader->missed_);
    shown.skipped_.word_ = is_ring ? 0 : passed;
    ret->received = load_relaxed(&reader->received_);
    ret->missed = is_ring ? passed : 0;
    ret->skipped = aimdbi_skipped(&shown);
    ret->lags = load_relaxed(&reader->lags_);
    ret->errors = load_relaxed(&reader->errors_);
    ret->pending = aimdbi_reader_pending(&shown);
}
