// SPDX-License-Identifier: Apache-2.0
// Sleeping over two records at once: threads in aimdb_select, and joins. Waiting in aimdb_produce_wait
// for a join.
//
// Two rings, at the most one push into each at a time, and somebody who sleeps over both. Whoever
// sleeps must have nothing to read, and what is read is what was pushed, in order. Each case is
// explored on both write paths and with both kinds of fences.
#include <aimdb/typed.h>

#include "suite.h"

#define RECORDS 2
#define NAME_BYTES 128

struct item {
    size_t number; // from 1, in the order of its record
};

AIMDB_RECORD_TYPE(item, struct item);

struct several;

struct part {
    void (*run)(struct several *s, size_t n);
    size_t n;
};

struct case_of_several {
    const char *name;
    struct part parts[MODEL_THREADS];
    bool joins;   // the records have a join instead of readers
    bool follows; // the join answers the first value with a second one, and the call for that ends
                  // when the wait for the first one has
    bool awaits;  // the join's call for a value of the second record that comes after one of the
                  // first ends when the wait for that one has; the second record has a value
    bool only_plain; // with heavy fences it would take minutes
    bool only_any;   // and so it would with one writer
    bool one_writer;
    bool asymmetric;
};

struct several {
    aimdb_executor executor;
    const struct case_of_several *what;
    aimdb *db;
    item_record records[RECORDS];
    item_reader readers[RECORDS];
    aimdb_task *join;
    char ready;             // queue of tasks: of the join's index
    char ended;             // queue: the wait is over
    char run;               // touched by whoever runs the join
    char finished[RECORDS]; // touched by calls, and by who waits for them
    size_t pushed[RECORDS];
    size_t read[RECORDS];
};

static struct several *s_;

// --- what threads do -----------------------------------------------------------------------------

// Pushes the next value of record n.
static void
part_push(struct several *s, size_t n)
{
    struct item item = { ++s->pushed[n] };
    aimdb_err err = item_produce(s->records[n], &item);
    model_note("push into record %zu: %s", n, aimdb_err_name(err));
    MODEL_REQUIRE(err == AIMDB_OK, "a push returned %s", aimdb_err_name(err));
}

// Pushes the next value of record n, and waits until the join has finished with it.
static void
part_push_and_wait(struct several *s, size_t n)
{
    struct item item = { ++s->pushed[n] };
    aimdb_err err = item_produce_wait(s->records[n], &item, AIMDB_FOREVER);
    model_note("produce_wait into record %zu: %s", n, aimdb_err_name(err));
    MODEL_REQUIRE(err == AIMDB_OK, "aimdb_produce_wait returned %s", aimdb_err_name(err));
    model_touch(&s->finished[n]); // what the call did happened before
    MODEL_REQUIRE(s->read[n] >= item.number, "the value was not consumed yet");
    if (s->what->follows || s->what->awaits) {
        model_put(&s->ended, 0);
    }
}

static void
part_push_into_each(struct several *s, size_t n)
{
    for (size_t i = 0; i < n * RECORDS; i++) {
        part_push(s, i % RECORDS);
    }
}

static void
check_next(struct several *s, size_t record, size_t number)
{
    MODEL_REQUIRE(number == s->read[record] + 1, "value %zu of record %zu came after %zu", number,
                  record, s->read[record]);
    s->read[record] = number;
}

// Selects and reads until n values were read.
static void
part_select(struct several *s, size_t n)
{
    aimdb_reader *readers[RECORDS] = { &s->readers[0].raw, &s->readers[1].raw };
    while (n > 0) {
        ptrdiff_t chosen = aimdb_select(readers, RECORDS, AIMDB_FOREVER);
        model_note("select: %td", chosen);
        MODEL_REQUIRE(chosen >= 0 && chosen < RECORDS, "aimdb_select gave %td", chosen);
        struct item item = { 0 };
        aimdb_err err = item_try_recv(&s->readers[chosen], &item);
        MODEL_REQUIRE(err == AIMDB_OK, "the chosen reader gets %s", aimdb_err_name(err));
        check_next(s, (size_t) chosen, item.number);
        n--;
    }
}

// Runs the join whenever it is ready.
static void
part_work(struct several *s, size_t n)
{
    (void) n;
    _Alignas(16) unsigned char scratch[512];
    for (;;) {
        (void) model_take(&s->ready);
        model_touch(&s->run);
        model_note("runs the join");
        struct aimdbi_loan loan = { scratch, AIMDBI_RUN_VALUES, false };
        if (aimdbi_task_run(s->join, &loan) != AIMDBI_GONE) {
            model_put(&s->ready, 0);
        }
    }
}

static aimdb_err
consume(aimdb_ctx *ctx, size_t index, const void *value)
{
    struct several *s = aimdb_user(ctx);
    const struct item *item = value;
    model_touch(&s->run);
    model_note("the join got %zu of record %zu", item->number, index);
    check_next(s, index, item->number);
    if (s->what->follows && item->number == 2) {
        (void) model_take(&s->ended);
        return AIMDB_OK;
    }
    if (s->what->awaits && index == 1 && s->read[0] > 0) {
        (void) model_take(&s->ended);
        return AIMDB_OK;
    }
    model_touch(&s->finished[index]);
    return s->what->follows
               ? item_emit(ctx, s->records[index], &(struct item){ ++s->pushed[index] })
               : AIMDB_OK;
}

// --- an executor ---------------------------------------------------------------------------------

static aimdb_err
several_open(aimdb_executor *executor, aimdb *db, char *why, size_t why_size)
{
    (void) executor, (void) db, (void) why, (void) why_size;
    return AIMDB_OK;
}

static void
several_start(aimdb_executor *executor, aimdb *db)
{
    (void) executor, (void) db;
}

static void
several_ready(aimdb_executor *executor, aimdb_task *task)
{
    (void) task;
    model_put(&((struct several *) executor)->ready, 0); // the executor is its first member
}

static void
several_wait(aimdb_executor *executor, aimdbi_signal *signal, uint32_t expected,
             aimdb_time deadline)
{
    (void) executor;
    aimdbp_wait(signal, expected, deadline);
}

static void
several_nudge(aimdb_executor *executor)
{
    (void) executor;
}

static bool
several_others_wait(aimdb_executor *executor, const aimdb_task *task)
{
    (void) executor, (void) task;
    return false;
}

static aimdb_time
several_clock(const aimdb_executor *executor)
{
    (void) executor;
    return aimdbp_clock();
}

static const struct aimdbi_executor_ops several_ops = {
    .version = AIMDBI_EXECUTOR_VERSION,
    .open = several_open,
    .start = several_start,
    .ready = several_ready,
    .wait = several_wait,
    .nudge = several_nudge,
    .others_wait = several_others_wait,
    .clock = several_clock,
};

// --- before and after ----------------------------------------------------------------------------

static void
name_record(const aimdb_record *rec, const char *prefix)
{
    model_name(&rec->cells.reserve_, prefix, "reserve_");
    model_name(&rec->cells.commit_, prefix, "commit_");
    model_name(&rec->cells.flags_, prefix, "flags_");
    model_name(&rec->watchers_, prefix, "watchers_");
    model_name(&rec->waiters_, prefix, "waiters_");
    model_name(&rec->flushers_, prefix, "flushers_");
    model_name(&rec->wakes_, prefix, "wakes_");
    model_name(&rec->shape.slots[0], prefix, "slot 0");
    model_name(&rec->shape.slots[1], prefix, "slot 1");
}

static void
setup(const void *what)
{
    static const char *const keys[RECORDS] = { "a", "b" };
    struct several *s = model_alloc(sizeof *s);
    s_ = s;
    s->what = what;
    s->executor.ops = &several_ops;
    aimdb_builder *builder = aimdb_builder_new(&s->executor);
    for (size_t i = 0; i < RECORDS; i++) {
        s->records[i] =
            item_configure(builder, keys[i], AIMDB_SPMC_RING(2, .one_writer = s->what->one_writer));
    }
    if (s->what->joins) {
        aimdb_record *raw[RECORDS] = { s->records[0].raw, s->records[1].raw };
        s->join = aimdb_add_join(builder, raw, RECORDS, consume, s);
    }
    if (aimdb_build(builder, &s->db) != AIMDB_OK) {
        model_fail("%s cannot be built", s->what->name);
    }
    for (size_t i = 0; i < RECORDS && !s->join; i++) {
        (void) item_subscribe(s->records[i], &s->readers[i]);
    }
    if (s->what->awaits) {
        part_push(s, 1);
    }
    name_record(s->records[0].raw, "a.");
    name_record(s->records[1].raw, "b.");
    model_name(&s->db->news, "db.", "news");
    model_name(&s->db->gate_, "db.", "gate_");
    model_name(&s->finished[0], "a.", "calls");
    model_name(&s->finished[1], "b.", "calls");
    model_name(&s->ready, "", "the ready queue");
    if (s->join) {
        model_name(&s->join->state_, "", "state_");
        model_name(&s->join->inputs[0].finished_, "a.", "finished_");
        model_name(&s->join->inputs[1].finished_, "b.", "finished_");
        model_name(&s->join->inputs[0].reader.cursor_, "a.", "cursor_");
        model_name(&s->join->inputs[1].reader.cursor_, "b.", "cursor_");
    }
}

static void
run_thread(const void *what, int self)
{
    const struct part *part = &((const struct case_of_several *) what)->parts[self];
    part->run(s_, part->n);
}

static void
check(const void *what)
{
    const struct case_of_several *c = what;
    for (int i = 0; i < MODEL_THREADS && c->parts[i].run; i++) {
        MODEL_REQUIRE(!model_is_waiting(i) || c->parts[i].run == part_work, "thread %d never ends",
                      i);
    }
    if (s_->join) {
        MODEL_REQUIRE(load_relaxed(&s_->join->state_) == AIMDBI_IDLE, "the join ends in state %zu",
                      load_relaxed(&s_->join->state_));
    }
    for (size_t i = 0; i < RECORDS; i++) {
        bool must_read_all = s_->join != NULL; // who selects ends after so many values
        MODEL_REQUIRE(must_read_all ? s_->read[i] == s_->pushed[i] : s_->read[i] <= s_->pushed[i],
                      "%zu values of record %zu were read, of %zu", s_->read[i], i, s_->pushed[i]);
    }
}

// --- the cases -----------------------------------------------------------------------------------

static const struct case_of_several cases[] = {
    { .name = "two rings: push | join, worker",
      .joins = true,
      .parts = { { part_push, 1 }, { part_work, 0 } } },
    { .name = "two rings: push into each | join, worker",
      .joins = true,
      .parts = { { part_push_into_each, 1 }, { part_work, 0 } } },
    { .name = "two rings: push | push | join, worker",
      .joins = true,
      .only_plain = true,
      .only_any = true,
      .parts = { { part_push, 0 }, { part_push, 1 }, { part_work, 0 } } },
    { .name = "two rings: push and wait | join, worker",
      .joins = true,
      .parts = { { part_push_and_wait, 1 }, { part_work, 0 } } },
    { .name = "two rings: push and wait | following join, worker",
      .joins = true,
      .follows = true,
      .only_any = true,
      .parts = { { part_push_and_wait, 1 }, { part_work, 0 } } },
    { .name = "two rings: push and wait | join that awaits the end of that, worker",
      .joins = true,
      .awaits = true,
      .only_plain = true,
      .parts = { { part_push_and_wait, 0 }, { part_work, 0 } } },
    { .name = "two rings: push into the first | join, worker",
      .joins = true,
      .only_plain = true,
      .parts = { { part_push, 0 }, { part_work, 0 } } },
    { .name = "two rings: push into the first | select 1",
      .only_plain = true,
      .parts = { { part_push, 0 }, { part_select, 1 } } },
    { .name = "two rings: push | select 1", .parts = { { part_push, 1 }, { part_select, 1 } } },
    { .name = "two rings: push into each | select 1",
      .parts = { { part_push_into_each, 1 }, { part_select, 1 } } },
    { .name = "two rings: push into each | select 2",
      .only_plain = true,
      .parts = { { part_push_into_each, 1 }, { part_select, 2 } } },
    { .name = "two rings: push | push | select 1",
      .only_plain = true,
      .parts = { { part_push, 0 }, { part_push, 1 }, { part_select, 1 } } },
};

#define CASES (sizeof cases / sizeof cases[0])

// Variant of a case: its write path, its fences. Returns false if there is no such variant.
static bool
variant_of(const struct case_of_several *c, size_t variant, struct case_of_several *ret, char *name)
{
    *ret = *c;
    ret->one_writer = (variant & 1) != 0;
    ret->asymmetric = (variant & 2) != 0;
    (void) snprintf(name, NAME_BYTES, "%s; %s; %s fences", c->name,
                    ret->one_writer ? "one writer" : "any writer",
                    ret->asymmetric ? "heavy" : "plain");
    return !(ret->asymmetric && c->only_plain) && !(ret->one_writer && c->only_any);
}

static bool
explore_one(const struct case_of_several *c, const char *name, bool trace)
{
    int threads = 0;
    while (threads < MODEL_THREADS && c->parts[threads].run) {
        threads++;
    }
    const struct model_case explored = { .name = name,
                                         .setup = setup,
                                         .thread = run_thread,
                                         .check = check,
                                         .what = c,
                                         .threads = threads,
                                         .asymmetric = c->asymmetric,
                                         .overtaken_limit = 8 };
    return suite_explore(&explored, trace);
}

size_t
suite_several(const char *pattern, bool trace)
{
    size_t failed = 0;
    size_t explored = 0;
    for (size_t i = 0; i < CASES * 4; i++) {
        struct case_of_several c;
        char name[NAME_BYTES];
        if (variant_of(&cases[i / 4], i % 4, &c, name) && suite_is_wanted(name, false, pattern)) {
            explored++;
            failed += !explore_one(&c, name, trace);
        }
    }
    return explored == 0 ? SIZE_MAX : failed;
}

void
suite_list_several(void)
{
    for (size_t i = 0; i < CASES * 4; i++) {
        struct case_of_several c;
        char name[NAME_BYTES];
        if (variant_of(&cases[i / 4], i % 4, &c, name)) {
            (void) puts(name);
        }
    }
}
