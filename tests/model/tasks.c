// SPDX-License-Identifier: Apache-2.0
// Consumers, and an executor that is a queue of tasks: what it hands over happens before what its
// taker does, as every executor must see to. The pool's own queues and sleeping are in lane.c.
#include "inside.h"

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
    (void) fetch_add_acq_rel(&bench_of(executor)->rest.attending_, 1);
}

static uint32_t
bench_settle_begin(aimdb_executor *executor)
{
    return signal_load_acquire(&bench_of(executor)->rest.settled);
}

static void
bench_settle(aimdb_executor *executor, uint32_t ticket, aimdb_time deadline)
{
    aimdbp_wait(&bench_of(executor)->rest.settled, ticket, deadline);
}

// The workers end: no task is run from here on.
static void
bench_close(aimdb_executor *executor, aimdb *db)
{
    struct bench *b = bench_of(executor);
    (void) fetch_sub_acq_rel(&b->rest.attending_, 1);
    b->reporter = model_self;
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

static void
bench_free(aimdb_executor *executor)
{
    (void) executor;
    model_fail("the executor is freed");
}

static aimdb_time
bench_clock(const aimdb_executor *executor)
{
    (void) executor;
    if (aimdbp_current()) { // a run looks at the clock last of all, and may then write to its task
        model_touch(aimdbp_current());
    }
    return aimdbp_clock();
}

const struct aimdbi_executor_ops bench_executor_ops = {
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
    .free = bench_free,
};

// Runs a task that was taken from the queue.
static void
run_task(struct bench *b, size_t number)
{
    _Alignas(16) unsigned char scratch[512];
    aimdb_task *task = b->tasks[number];
    model_touch(&b->run[number]);
    model_note("runs task %zu", number);
    aimdbp_set_current(&b->run[number]);
    struct aimdbi_loan loan = { scratch, AIMDBI_RUN_VALUES, true };
    enum aimdbi_verdict verdict = aimdbi_task_run(task, &loan);
    aimdbp_set_current(NULL);
    if (b->given_up) {
        model_put(&b->deferred, b->given_up);
        b->given_up = 0;
    }
    if (verdict == AIMDBI_GONE) {
        aimdbi_rest_note(&b->rest);
        return;
    }
    task->streams = false; // one fruitless poll shows what thirty-two would
    model_put(&b->ready, number);
}

void
role_work(struct bench *b, int self, size_t n)
{
    (void) self, (void) n;
    for (size_t number = model_take(&b->ready); number < STOP; number = model_take(&b->ready)) {
        run_task(b, number);
    }
}

static bool
is_any_queued(const struct bench *b)
{
    bool any = false;
    for (size_t i = 0; i < b->scenario->consumers; i++) {
        any = any || load_relaxed(&b->tasks[i]->state_) == AIMDBI_QUEUED;
    }
    return any;
}

void
role_push_and_work(struct bench *b, int self, size_t n)
{
    for (size_t i = 0; i <= n; i++) {
        while (is_any_queued(b)) {
            run_task(b, model_take(&b->ready));
        }
        if (i < n) {
            bench_push(b, self, i + 1);
        }
    }
}

static void
emit_one(struct bench *b, aimdb_ctx *ctx)
{
    struct large value = make_value(EMITTER, 1);
    aimdb_err err = aimdb_emit(ctx, b->rec, &value, value_size(b));
    model_note("emits %zu: %s", value.id, aimdb_err_name(err));
    MODEL_REQUIRE(err == AIMDB_OK || err == AIMDB_ECLOSED, "an emission returned %s",
                  aimdb_err_name(err));
    b->accepted[EMITTER] += err == AIMDB_OK;
}

static aimdb_err
consume(aimdb_ctx *ctx, const struct large *value)
{
    struct bench *b = aimdb_user(ctx);
    size_t index = ctx->task->index;
    model_touch(&b->run[index]);
    model_note("task %zu got %zu", index, value->id);
    bench_got_value(b, &ctx->task->inputs[0].reader, &b->accounts[MODEL_THREADS + index], value);
    model_touch(&b->finished[index]);
    MODEL_REQUIRE(!is_ring(b) ||
                      accounted(b, &ctx->task->inputs[0].reader) - 1 + b->scenario->cfg.capacity >=
                          b->scenario->pushed_before,
                  "task %zu is not told that it lagged", index);
    if (b->scenario->emits && b->accepted[EMITTER] == 0) {
        emit_one(b, ctx);
    }
    MODEL_REQUIRE(!b->is_unfinished[index], "task %zu is called before the value before is done",
                  index);
    if (!(b->scenario->defers >> index & 1)) {
        return AIMDB_OK;
    }
    size_t number = index * VALUES + load_relaxed(&ctx->task->inputs[0].reader.received_);
    b->tokens[number] = aimdb_defer(ctx);
    if (b->scenario->gives_up && number % 2 == 0) {
        b->given_up = number; // run_task puts it into the queue
        return AIMDB_OK;
    }
    b->is_unfinished[index] = !b->scenario->gives_up;
    model_put(&b->deferred, number);
    return b->scenario->gives_up ? AIMDB_OK : AIMDB_EPENDING;
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
        size_t number = model_take(&b->deferred);
        aimdb_token token = b->tokens[number];
        b->is_unfinished[number / VALUES] = false;
        if (!b->scenario->gives_up) {
            model_touch(&b->finished[number / VALUES]);
        }
        aimdb_err err = aimdb_done(token, AIMDB_OK);
        model_note("aimdb_done: %s", aimdb_err_name(err));
        MODEL_REQUIRE(err == AIMDB_OK ? !b->scenario->gives_up || number % 2 == 1
                                      : err == AIMDB_EINVAL && b->scenario->gives_up,
                      "aimdb_done returned %s", aimdb_err_name(err));
        MODEL_REQUIRE(!b->scenario->done_twice || aimdb_done(token, AIMDB_OK) == AIMDB_EINVAL,
                      "a token worked twice");
    }
}

// --- before and after ----------------------------------------------------------------------------

void
bench_add_consumers(struct bench *b, aimdb_builder *builder)
{
    b->rest.asymmetric = b->scenario->asymmetric;
    b->rest.executor = &b->executor;
    aimdb_fn fn = b->scenario->large ? (aimdb_fn) consume : (aimdb_fn) consume_small;
    for (size_t i = 0; i < b->scenario->consumers; i++) {
        b->tasks[i] = aimdb_add_consumer(builder, b->rec, fn, b, NULL);
        b->accounts[MODEL_THREADS + i].is_used = true;
    }
}

void
bench_name_tasks(const struct bench *b)
{
    model_name(&b->rest.attending_, "", "attending_");
    model_name(&b->rest.settled, "", "settled");
    model_name(&b->ready, "", "the ready queue");
    model_name(&b->deferred, "", "the queue of deferred values");
    static const char *const tasks[] = { "task 0 ", "task 1 " };
    for (size_t i = 0; i < b->scenario->consumers; i++) {
        model_name(&b->tasks[i]->state_, tasks[i], "state_");
        model_name(&b->tasks[i]->defer_, tasks[i], "defer_");
        model_name(&b->tasks[i]->inputs[0].reader.cursor_, tasks[i], "cursor_");
        model_name(&b->tasks[i]->inputs[0].finished_, tasks[i], "finished_");
        model_name(&b->finished[i], tasks[i], "calls");
        model_name(&b->run[i], tasks[i], "");
    }
}

static bool
has_finisher(const struct bench *b)
{
    bool has = false;
    for (int i = 0; i < MODEL_THREADS; i++) {
        has = has || b->scenario->roles[i].run == role_finish;
    }
    return has;
}

void
bench_check_states(const struct bench *b)
{
    for (size_t i = 0; i < b->scenario->consumers; i++) {
        const aimdb_task *task = b->tasks[i];
        size_t state = load_relaxed(&task->state_);
        if (b->was_closed) {
            MODEL_REQUIRE(state == AIMDBI_LEFT, "task %zu has not left after the close", i);
            continue;
        }
        bool may_wait = (b->scenario->defers >> i & 1) && !has_finisher(b);
        MODEL_REQUIRE(state == AIMDBI_IDLE || (state == AIMDBI_WAITING && may_wait),
                      "task %zu ends in state %zu", i, state);
        MODEL_REQUIRE(state == AIMDBI_WAITING || !aimdbi_task_has_news(task),
                      "task %zu sleeps while a value waits for it", i);
    }
}

// Values that a closed database's dispatchers did not get are in the report.
void
bench_check_accounts(const struct bench *b)
{
    size_t short_of = 0;
    for (size_t i = 0; i < b->scenario->consumers; i++) {
        const aimdb_reader *reader = &b->tasks[i]->inputs[0].reader;
        size_t missing = total_accepted(b) - accounted(b, reader);
        MODEL_REQUIRE(missing < POSITIONS, "task %zu accounts for more than was pushed", i);
        MODEL_REQUIRE(load_relaxed(&b->tasks[i]->errors_) == 0, "task %zu counts an error", i);
        short_of += is_ring(b) ? missing : missing > 0;
    }
    if (b->scenario->consumers > 0 && !is_mailbox(b)) {
        MODEL_REQUIRE(short_of == b->report.lost, "%zu values lost, %zu in the report", short_of,
                      (size_t) b->report.lost);
    }
}
