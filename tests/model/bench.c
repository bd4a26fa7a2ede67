// SPDX-License-Identifier: Apache-2.0
// Runs scenarios on the real calls and checks what they promise.
//
// A value names its writer and its number among that writer's. Every reader knows, from its counters,
// at which position among all pushes a value was that it got; positions of all readers must agree,
// and each writer's values must come in order. At the end everything that is left is read, and the
// sums must be exact: for a ring received + missed, for a latest received + skipped, for a mailbox
// taken + overwritten, are the pushes that returned AIMDB_OK. Nobody may sleep while something waits.
#include "bench.h"

#include <aimdb/context.h>
#include <aimdb/metrics.h>
#include <aimdb/typed.h>

#define VALUES 32 // of one writer
#define POSITIONS 64
#define STOP 32 // numbers in the ready queue that end a worker

struct small {
    size_t id;
};

struct large {
    size_t id;
    size_t again; // a function of id
};

AIMDB_RECORD_TYPE(small, struct small);
AIMDB_RECORD_TYPE(large, struct large);

// How one reader or consumer is doing.
struct account {
    size_t start;               // pushes before its first
    size_t last[MODEL_THREADS]; // number of the last value of each writer
    bool is_used;
    bool is_closed; // was told so
};

struct bench {
    aimdb_executor executor;
    const struct scenario *scenario;
    aimdb *db;
    aimdb_record *rec;
    aimdb_task *tasks[2];
    aimdb_reader readers[MODEL_THREADS];
    struct account accounts[MODEL_THREADS + 2]; // of the threads' readers, then of the tasks
    size_t accepted[MODEL_THREADS];             // values of each writer
    size_t at[POSITIONS];                       // which value, as far as somebody got it
    bool was_taken[MODEL_THREADS * VALUES];
    aimdb_token tokens[MODEL_THREADS * VALUES];
    char ready;    // queue of tasks
    char deferred; // queue of values
    char run[2];   // touched by whoever runs the task
    aimdb_word attending_;
    aimdbi_signal settled;
    aimdb_close_report report;
    bool was_closed;
};

static struct bench *b_;

// --- values --------------------------------------------------------------------------------------

static size_t
value_size(const struct bench *b)
{
    return b->scenario->large ? sizeof(struct large) : sizeof(struct small);
}

static struct large
make_value(int writer, size_t number)
{
    size_t id = (size_t) writer * VALUES + number;
    return (struct large){ id, id * 77 + 1 };
}

static size_t
total_accepted(const struct bench *b)
{
    size_t sum = 0;
    for (int i = 0; i < MODEL_THREADS; i++) {
        sum += b->accepted[i];
    }
    return sum;
}

static bool
is_mailbox(const struct bench *b)
{
    return b->scenario->cfg.buffer == AIMDB_BUFFER_MAILBOX;
}

static bool
is_ring(const struct bench *b)
{
    return b->scenario->cfg.buffer == AIMDB_BUFFER_SPMC_RING;
}

static void
check_whole(const struct bench *b, const struct large *value)
{
    size_t number = value->id % VALUES;
    MODEL_REQUIRE(value->id < MODEL_THREADS * VALUES && number > 0, "a value nobody pushed: %zu",
                  value->id);
    MODEL_REQUIRE(!b->scenario->large || value->again == value->id * 77 + 1,
                  "a torn value: %zu with the rest of another", value->id);
}

static size_t
accounted(const struct bench *b, const aimdb_reader *reader)
{
    return load_relaxed(&reader->received_) +
           load_relaxed(is_ring(b) ? &reader->missed_ : &reader->skipped_);
}

// A reader got a value. Its counters include it.
static void
got_value(struct bench *b, const aimdb_reader *reader, struct account *account,
          const struct large *value)
{
    check_whole(b, value);
    size_t number = value->id % VALUES;
    size_t *last = &account->last[value->id / VALUES];
    MODEL_REQUIRE(number > *last, "value %zu came after %zu of the same writer", number, *last);
    *last = number;
    if (reader_competes(reader)) {
        MODEL_REQUIRE(!b->was_taken[value->id], "value %zu was taken twice", value->id);
        b->was_taken[value->id] = true;
        return;
    }
    size_t position = account->start + accounted(b, reader) - 1;
    MODEL_REQUIRE(position < POSITIONS, "a position beyond all pushes: %zd", (ptrdiff_t) position);
    MODEL_REQUIRE(b->at[position] == 0 || b->at[position] == value->id,
                  "position %zu held %zu for one reader and %zu for another", position,
                  b->at[position], value->id);
    b->at[position] = value->id;
}

// --- writing -------------------------------------------------------------------------------------

void
role_push(struct bench *b, int self, size_t n)
{
    for (size_t i = 1; i <= n; i++) {
        struct large value = make_value(self, i);
        aimdb_err err = aimdb_produce(b->rec, &value, value_size(b));
        model_note("push of %zu: %s", value.id, aimdb_err_name(err));
        if (err != AIMDB_OK) {
            MODEL_REQUIRE(err == AIMDB_ECLOSED, "a push returned %s", aimdb_err_name(err));
            return;
        }
        b->accepted[self]++;
    }
}

static void
push_batch(struct bench *b, int self, size_t first, size_t n)
{
    struct large large[8];
    struct small small[8];
    for (size_t i = 0; i < n; i++) {
        large[i] = make_value(self, first + i);
        small[i].id = large[i].id;
    }
    const void *values = b->scenario->large ? (const void *) large : (const void *) small;
    aimdb_err err = aimdb_produce_n(b->rec, values, value_size(b), n);
    model_note("push of %zu values: %s", n, aimdb_err_name(err));
    MODEL_REQUIRE(err == AIMDB_OK || err == AIMDB_ECLOSED, "a push returned %s",
                  aimdb_err_name(err));
    b->accepted[self] += err == AIMDB_OK ? n : 0;
}

void
role_push_batch(struct bench *b, int self, size_t n)
{
    push_batch(b, self, 1, n);
}

void
role_push_and_batch(struct bench *b, int self, size_t n)
{
    role_push(b, self, 1);
    push_batch(b, self, 2, n);
}

// --- reading -------------------------------------------------------------------------------------

// Pushes that the thread knows to be committed, and that its reader has not accounted for.
static ptrdiff_t
known_news(const struct bench *b, int self)
{
    const aimdb_record *rec = b->rec;
    const aimdb_reader *reader = &b->readers[self];
    bool takes = reader_competes(reader);
    size_t seen = takes ? model_known(&rec->taken_) : load_relaxed(&reader->cursor_);
    return count_difference(model_known(&rec->commit_) & AIMDBI_COUNT, seen);
}

// Counts what an attempt to read returned.
static void
got(struct bench *b, int self, aimdb_err err, const struct large *value)
{
    aimdb_reader *reader = &b->readers[self];
    switch (err) {
    case AIMDB_OK:
        model_note("got %zu", value->id);
        got_value(b, reader, &b->accounts[self], value);
        break;
    case AIMDB_ELAGGED:
        model_note("missed %zu", (size_t) aimdb_missed_by(reader));
        MODEL_REQUIRE(aimdb_missed_by(reader) > 0, "a lag of nothing");
        MODEL_REQUIRE(aimdb_missed_by(reader) < POSITIONS, "a lag of %zu",
                      (size_t) aimdb_missed_by(reader));
        break;
    case AIMDB_ECLOSED:
        model_note("closed");
        b->accounts[self].is_closed = true;
        break;
    default:
        model_note("%s", aimdb_err_name(err));
        MODEL_REQUIRE(err == AIMDB_EEMPTY, "a read returned %s", aimdb_err_name(err));
    }
}

static aimdb_err
try_once(struct bench *b, int self)
{
    struct large value = { 0 };
    ptrdiff_t news = known_news(b, self);
    aimdb_err err = aimdb_try_recv(&b->readers[self], &value, value_size(b));
    got(b, self, err, &value);
    // While a pin is held the newest value may be overwritten in place: its end will be told.
    MODEL_REQUIRE(err != AIMDB_EEMPTY || news <= 0 || b->scenario->overtaken_limit < DEFAULT_TRIES,
                  "thread %d finds nothing, and knew of news", self);
    return err;
}

void
role_try(struct bench *b, int self, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        (void) try_once(b, self);
    }
}

void
role_drain(struct bench *b, int self, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct small values[3];
        uint64_t missed = 0;
        aimdb_reader *reader = &b->readers[self];
        size_t taken = aimdb_drain(reader, values, sizeof values[0], 3, &missed);
        model_note("drained %zu, missed %zu", taken, (size_t) missed);
        // The counters include all of them already: count them one by one.
        size_t received = load_relaxed(&reader->received_);
        for (size_t j = 0; j < taken; j++) {
            struct large value = { values[j].id, 0 };
            store_relaxed(&reader->received_, received - taken + j + 1);
            got_value(b, reader, &b->accounts[self], &value);
        }
    }
}

static void
start_account(struct bench *b, int self)
{
    b->accounts[self].start = load_relaxed(&b->readers[self].cursor_) / AIMDBI_STEP;
    b->accounts[self].is_used = true;
}

static void
subscribe_late(struct bench *b, int self, size_t n,
               aimdb_err (*subscribe)(aimdb_record *, aimdb_reader *))
{
    b->readers[self] = (aimdb_reader){ 0 };
    if (subscribe(b->rec, &b->readers[self]) != AIMDB_OK) {
        b->accounts[self].is_used = false;
        return;
    }
    start_account(b, self);
    model_note("subscribed at %zd", (ptrdiff_t) b->accounts[self].start);
    role_try(b, self, n);
}

void
role_subscribe_try(struct bench *b, int self, size_t n)
{
    subscribe_late(b, self, n, aimdb_subscribe);
}

void
role_observe_try(struct bench *b, int self, size_t n)
{
    subscribe_late(b, self, n, aimdb_observe);
}

void
role_peek(struct bench *b, int self, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct large value = { 0 };
        aimdb_err err = aimdb_peek(b->rec, &value, value_size(b));
        model_note("peek: %s %zu", aimdb_err_name(err), value.id);
        MODEL_REQUIRE(err == AIMDB_OK || err == AIMDB_EEMPTY, "peek returned %s",
                      aimdb_err_name(err));
        if (err == AIMDB_OK) {
            check_whole(b, &value);
            size_t number = value.id % VALUES;
            size_t *last = &b->accounts[self].last[value.id / VALUES];
            MODEL_REQUIRE(number >= *last, "peek went back from %zu to %zu", *last, number);
            *last = number;
        }
    }
}

static aimdb_err
recv_once(struct bench *b, int self)
{
    struct large value = { 0 };
    aimdb_err err = aimdb_recv(&b->readers[self], &value, value_size(b), AIMDB_FOREVER);
    got(b, self, err, &value);
    return err;
}

void
role_recv(struct bench *b, int self, size_t n)
{
    while (accounted(b, &b->readers[self]) < n) {
        (void) recv_once(b, self);
    }
}

void
role_recv_to_end(struct bench *b, int self, size_t n)
{
    (void) n;
    while (recv_once(b, self) != AIMDB_ECLOSED) {
    }
}

void
role_serve(struct bench *b, int self, size_t n)
{
    role_recv_to_end(b, self, n);
}

// --- closing -------------------------------------------------------------------------------------

void
role_close_record(struct bench *b, int self, size_t n)
{
    (void) self, (void) n;
    aimdbi_turn_close_begin(b->rec);
    fence_heavy_of(b->db);
    aimdbi_turn_close_end(b->rec);
    b->was_closed = true;
}

static void
close_with(struct bench *b, aimdb_time deadline)
{
    aimdb_close_report report = { .size = sizeof report };
    aimdb_err err = aimdb_close(b->db, deadline, &report);
    MODEL_REQUIRE(err == AIMDB_OK, "aimdb_close returned %s", aimdb_err_name(err));
    model_note("closed: %zu delivered, %zu lost%s", (size_t) report.delivered, (size_t) report.lost,
               report.timed_out ? ", timed out" : "");
    MODEL_REQUIRE(!report.timed_out || deadline != AIMDB_FOREVER,
                  "a close without limit timed out");
    b->report = report;
    b->was_closed = true;
}

void
role_close(struct bench *b, int self, size_t n)
{
    (void) self, (void) n;
    close_with(b, AIMDB_FOREVER);
}

void
role_close_at_once(struct bench *b, int self, size_t n)
{
    (void) self, (void) n;
    close_with(b, 0);
}

// --- an executor ---------------------------------------------------------------------------------

static struct bench *
bench_of(const aimdb_executor *executor)
{
    return (struct bench *) executor; // its first member
}

static bool
bench_others_wait(aimdb_executor *executor, const aimdb_task *task)
{
    (void) executor, (void) task;
    return false;
}

static aimdb_err
bench_open(aimdb_executor *executor, aimdb *db, char *why, size_t why_size)
{
    (void) executor, (void) db, (void) why, (void) why_size;
    return AIMDB_OK;
}

static void
bench_start(aimdb_executor *executor, aimdb *db)
{
    (void) executor, (void) db;
}

static void
bench_ready(aimdb_executor *executor, aimdb_task *task)
{
    model_put(&bench_of(executor)->ready, task->index);
}

static void
bench_attend(aimdb_executor *executor, aimdb *db)
{
    (void) db;
    (void) fetch_add_acq_rel(&bench_of(executor)->attending_, 1);
}

static uint32_t
bench_settle_begin(aimdb_executor *executor)
{
    return signal_load_acquire(&bench_of(executor)->settled);
}

static void
bench_settle(aimdb_executor *executor, uint32_t ticket, aimdb_time deadline)
{
    aimdbp_wait(&bench_of(executor)->settled, ticket, deadline);
}

// The workers end: no task is run from here on.
static void
bench_close(aimdb_executor *executor, aimdb *db)
{
    struct bench *b = bench_of(executor);
    (void) fetch_sub_acq_rel(&b->attending_, 1);
    for (size_t i = 0; i < db->task_count; i++) {
        model_touch(&b->run[i]);
    }
    size_t workers = 0;
    for (int i = 0; i < MODEL_THREADS; i++) {
        if (b->scenario->roles[i].run == role_work) {
            model_put(&b->ready, STOP + workers++);
        }
    }
}

static void
bench_wait(aimdb_executor *executor, aimdbi_signal *signal, uint32_t expected, aimdb_time deadline)
{
    (void) executor;
    aimdbp_wait(signal, expected, deadline);
}

static void
bench_nudge(aimdb_executor *executor)
{
    (void) executor;
}

static aimdb_time
bench_clock(const aimdb_executor *executor)
{
    (void) executor;
    return aimdbp_clock();
}

static const struct aimdbi_executor_ops bench_ops = {
    .version = AIMDBI_EXECUTOR_VERSION,
    .open = bench_open,
    .start = bench_start,
    .ready = bench_ready,
    .attend = bench_attend,
    .retire = bench_start,
    .settle_begin = bench_settle_begin,
    .settle = bench_settle,
    .wait = bench_wait,
    .nudge = bench_nudge,
    .close = bench_close,
    .clock = bench_clock,
    .others_wait = bench_others_wait,
    .free = NULL,
};

// As the pool's, see aimdbi_pool_settled.
static void
has_settled(struct bench *b)
{
    if (b->scenario->asymmetric) {
        fence_compiler();
    } else {
        fence_seq_cst();
    }
    if (load_relaxed(&b->attending_) > 0) {
        (void) signal_add_release(&b->settled, 1);
        aimdbp_wake_all(&b->settled);
    }
}

void
role_work(struct bench *b, int self, size_t n)
{
    (void) self, (void) n;
    _Alignas(16) unsigned char scratch[512];
    for (;;) {
        size_t number = model_take(&b->ready);
        if (number >= STOP) {
            return;
        }
        aimdb_task *task = b->tasks[number];
        model_touch(&b->run[number]);
        model_note("runs task %zu", number);
        struct aimdbi_loan loan = { scratch, AIMDBI_RUN_VALUES, true };
        enum aimdbi_verdict verdict = aimdbi_task_run(task, &loan);
        if (verdict == AIMDBI_GONE) {
            has_settled(b);
            continue;
        }
        task->streams = false; // one fruitless poll shows what thirty-two would
        model_put(&b->ready, number);
    }
}

static aimdb_err
consume(aimdb_ctx *ctx, const struct large *value)
{
    struct bench *b = b_;
    size_t index = ctx->task->index;
    model_touch(&b->run[index]);
    model_note("task %zu got %zu", index, value->id);
    got_value(b, &ctx->task->reader, &b->accounts[MODEL_THREADS + index], value);
    if (!b->scenario->defers) {
        return AIMDB_OK;
    }
    b->tokens[value->id] = aimdb_defer(ctx);
    MODEL_REQUIRE(value->id < 64, "the queue holds numbers below 64");
    model_put(&b->deferred, value->id);
    return AIMDB_EPENDING;
}

static aimdb_err
consume_small(aimdb_ctx *ctx, const struct small *value)
{
    struct large large = { value->id, 0 };
    return consume(ctx, &large);
}

void
role_finish(struct bench *b, int self, size_t n)
{
    (void) self;
    for (size_t i = 0; i < n; i++) {
        size_t id = model_take(&b->deferred);
        aimdb_err err = aimdb_done(b->tokens[id], AIMDB_OK);
        model_note("done with %zu: %s", id, aimdb_err_name(err));
        MODEL_REQUIRE(err == AIMDB_OK, "aimdb_done returned %s", aimdb_err_name(err));
        MODEL_REQUIRE(aimdb_done(b->tokens[id], AIMDB_OK) == AIMDB_EINVAL, "a token worked twice");
    }
}

// --- before and after ----------------------------------------------------------------------------

static void
name_words(const struct bench *b)
{
    const aimdb_record *rec = b->rec;
    model_name(&rec->reserve_, "", "reserve_");
    model_name(&rec->commit_, "", "commit_");
    model_name(&rec->flags_, "", "flags_");
    model_name(&rec->whole_[0], "", "whole_[0]");
    model_name(&rec->whole_[1], "", "whole_[1]");
    model_name(&rec->taken_, "", "taken_");
    model_name(&rec->overwritten_, "", "overwritten_");
    model_name(&rec->waiters_, "", "waiters_");
    model_name(&rec->readers_, "", "readers_");
    model_name(&rec->wakes_, "", "wakes_");
    static const char *const slots[] = { "slot 0", "slot 1", "slot 2", "slot 3" };
    static const char *const rests[] = { " of slot 0", " of slot 1", " of slot 2", " of slot 3" };
    for (size_t i = 0; i <= rec->slot_mask && i < 4; i++) {
        model_name(&rec->slots[i * rec->slot_words], "", slots[i]);
        if (rec->slot_words > 1) {
            model_name(&rec->slots[i * rec->slot_words + 1], "word 1", rests[i]);
        }
    }
    model_name(&b->db->gate_, "db.", "gate_");
    model_name(&b->db->abandon_, "db.", "abandon_");
    model_name(&b->db->refs_, "db.", "refs_");
    model_name(&b->db->phase_, "db.", "phase_");
    model_name(&b->attending_, "", "attending_");
    model_name(&b->settled, "", "settled");
    model_name(&b->ready, "", "the ready queue");
    model_name(&b->deferred, "", "the queue of deferred values");
    static const char *const tasks[] = { "task 0 ", "task 1 " };
    for (size_t i = 0; i < b->scenario->consumers; i++) {
        model_name(&b->tasks[i]->state_, tasks[i], "state_");
        model_name(&b->tasks[i]->defer_, tasks[i], "defer_");
        model_name(&b->tasks[i]->reader.cursor_, tasks[i], "cursor_");
        model_name(&b->run[i], tasks[i], "");
    }
}

static void
setup(const void *what)
{
    const struct scenario *scenario = what;
    struct bench *b = model_alloc(sizeof *b);
    b_ = b;
    b->executor.ops = &bench_ops;
    b->scenario = scenario;
    aimdb_builder *builder = aimdb_builder_new(&b->executor);
    b->rec =
        aimdb_configure(builder, "r", scenario->large ? large_type() : small_type(), scenario->cfg);
    for (size_t i = 0; i < scenario->consumers; i++) {
        b->tasks[i] = aimdb_add_consumer(
            builder, b->rec, scenario->large ? (aimdb_fn) consume : (aimdb_fn) consume_small, b,
            NULL);
        b->accounts[MODEL_THREADS + i].is_used = true;
    }
    if (aimdb_build(builder, &b->db) != AIMDB_OK) {
        const char *mistake = aimdb_builder_mistake(builder, 0);
        model_fail("%s cannot be built: %s", scenario->name, mistake ? mistake : "no reason given");
    }
    if (scenario->pushed_before > 0) {
        role_push(b, MODEL_THREADS - 1, scenario->pushed_before);
    }
    for (int i = 0; i < MODEL_THREADS; i++) {
        const struct role *role = &scenario->roles[i];
        if (role->run == role_try || role->run == role_drain || role->run == role_recv ||
            role->run == role_recv_to_end || role->run == role_serve) {
            (void) aimdb_subscribe(b->rec, &b->readers[i]);
            start_account(b, i);
        }
    }
    name_words(b);
}

static void
run_thread(const void *what, int self)
{
    const struct role *role = &((const struct scenario *) what)->roles[self];
    role->run(b_, self, role->n);
}

static void
check_nobody_sleeps_on_values(struct bench *b)
{
    for (int i = 0; i < MODEL_THREADS && b->scenario->roles[i].run; i++) {
        role_fn *run = b->scenario->roles[i].run;
        if (!model_is_waiting(i) || (run == role_work && !b->was_closed)) {
            continue;
        }
        MODEL_REQUIRE(run == role_serve && !b->was_closed, "thread %d never ends", i);
        MODEL_REQUIRE(!aimdbi_reader_has_news(&b->readers[i]),
                      "thread %d sleeps while a value waits for it", i);
    }
    for (size_t i = 0; i < b->scenario->consumers; i++) {
        const aimdb_task *task = b->tasks[i];
        size_t state = load_relaxed(&task->state_);
        if (b->was_closed) {
            MODEL_REQUIRE(state == AIMDBI_LEFT, "task %zu has not left after the close", i);
            continue;
        }
        MODEL_REQUIRE(state == AIMDBI_IDLE, "task %zu ends in state %zu", i, state);
        MODEL_REQUIRE(!aimdbi_reader_has_news(&task->reader),
                      "task %zu sleeps while a value waits for it", i);
    }
}

// Reads what is left, and compares the sums.
static void
check_reader(struct bench *b, int self)
{
    aimdb_reader *reader = &b->readers[self];
    struct account *account = &b->accounts[self];
    size_t total = total_accepted(b);
    aimdb_err err = AIMDB_OK;
    if (account->is_closed) {
        MODEL_REQUIRE(is_mailbox(b) || account->start + accounted(b, reader) == total,
                      "thread %d was told of the end at %zu of %zu pushes", self,
                      account->start + accounted(b, reader), total);
    }
    for (int i = 0; i < POSITIONS && (err == AIMDB_OK || err == AIMDB_ELAGGED); i++) {
        err = try_once(b, self);
    }
    MODEL_REQUIRE(err == (b->was_closed ? AIMDB_ECLOSED : AIMDB_EEMPTY),
                  "thread %d finds %s after everything", self, aimdb_err_name(err));
    if (!reader_competes(reader)) {
        MODEL_REQUIRE(account->start + accounted(b, reader) == total,
                      "thread %d accounts for %zd pushes from %zd, of %zu", self,
                      (ptrdiff_t) accounted(b, reader), (ptrdiff_t) account->start, total);
    }
}

// Values that a closed database's dispatchers did not get are in the report.
static void
check_tasks(const struct bench *b)
{
    size_t short_of = 0;
    for (size_t i = 0; i < b->scenario->consumers; i++) {
        const aimdb_reader *reader = &b->tasks[i]->reader;
        size_t missing = total_accepted(b) - accounted(b, reader);
        MODEL_REQUIRE(missing < POSITIONS, "task %zu accounts for more than was pushed", i);
        short_of += is_ring(b) ? missing : missing > 0;
    }
    if (b->scenario->consumers > 0 && !is_mailbox(b)) {
        MODEL_REQUIRE(short_of == b->report.lost, "%zu values lost, %zu in the report", short_of,
                      (size_t) b->report.lost);
    }
}

static void
check_mailbox(struct bench *b)
{
    aimdb_record_stats stats = { .size = sizeof stats };
    aimdb_err err = aimdb_record_metrics(b->rec, &stats);
    size_t taken = 0;
    for (size_t i = 0; i < sizeof b->was_taken; i++) {
        taken += b->was_taken[i];
    }
    size_t pending = load_relaxed(&b->rec->taken_) / AIMDBI_STEP != total_accepted(b);
    MODEL_REQUIRE(err == AIMDB_OK && stats.produced == total_accepted(b), "%zu produced, not %zu",
                  (size_t) stats.produced, total_accepted(b));
    MODEL_REQUIRE(taken + stats.overwritten <= stats.produced &&
                      (pending || taken + stats.overwritten == stats.produced),
                  "%zu taken and %zu overwritten of %zu", taken, (size_t) stats.overwritten,
                  (size_t) stats.produced);
}

static void
check_positions(const struct bench *b)
{
    size_t last[MODEL_THREADS] = { 0 };
    size_t writers = 0;
    size_t total = total_accepted(b);
    for (int i = 0; i < MODEL_THREADS; i++) {
        writers += b->accepted[i] > 0;
    }
    for (size_t i = 0; i < POSITIONS; i++) {
        if (b->at[i] == 0) {
            continue;
        }
        size_t writer = b->at[i] / VALUES;
        size_t number = b->at[i] % VALUES;
        MODEL_REQUIRE(i < total && number <= b->accepted[writer],
                      "value %zu at position %zu, of %zu pushes", b->at[i], i, total);
        MODEL_REQUIRE(number > last[writer], "value %zu out of order at %zu", b->at[i], i);
        MODEL_REQUIRE(writers > 1 || number == i + 1, "value %zu at position %zu", number, i);
        last[writer] = number;
    }
}

static void
check(const void *what)
{
    struct bench *b = b_;
    (void) what;
    model_overtaken_limit = DEFAULT_TRIES;
    check_nobody_sleeps_on_values(b);
    for (int i = 0; i < MODEL_THREADS; i++) {
        if (b->accounts[i].is_used) {
            check_reader(b, i);
        }
    }
    check_tasks(b);
    check_positions(b);
    if (is_mailbox(b)) {
        check_mailbox(b);
    }
}

struct model_case
bench_case(const struct scenario *scenario)
{
    int threads = 0;
    while (threads < MODEL_THREADS && scenario->roles[threads].run) {
        threads++;
    }
    return (struct model_case){ .name = scenario->name,
                                .setup = setup,
                                .thread = run_thread,
                                .check = check,
                                .what = scenario,
                                .threads = threads,
                                .loops = scenario->loops,
                                .never_spins = scenario->never_spins,
                                .asymmetric = scenario->asymmetric,
                                .overtaken_limit = scenario->overtaken_limit };
}
