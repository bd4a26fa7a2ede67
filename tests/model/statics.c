// SPDX-License-Identifier: Apache-2.0
// Static records on a host: threads that push, and one that polls and idles.
//
// The records are those that the macros of static.h make, but in the explorer's memory. The polling
// thread goes on for ever, so each execution ends with it asleep over the ready word. Then every push
// must be accounted for (INV-S1), and no bit may be left (INV-S2). Values come whole and in the order
// of their writer; with one writer the counters must say which push each one was. A consumer gets
// nothing while its value is being worked on, and what was done before aimdb_done happened before its
// next call (INV-S4).
#include <aimdb/typed.h>

#include "core/callback.h"
#include "core/statics.h"
#include "suite.h"

#define RECORDS 2
#define CONSUMERS 2
#define NAME_BYTES 128
#define VALUES 8              // pushes of one writer at most
#define EMITTER MODEL_THREADS // the writer of what is emitted, or pushed by setup

struct item {
    size_t number; // which of its writer's, from 1, and VALUES times the writer
};

AIMDB_RECORD_TYPE(item, struct item);

struct statics;

struct part {
    void (*run)(struct statics *s, int self, size_t n);
    size_t n;
    size_t record; // that is pushed into
};

struct static_case {
    const char *name;
    aimdb_buffer buffer;
    uint32_t capacity;
    struct part parts[MODEL_THREADS];
    size_t consumers; // number n is of record n if there is one; else of the first
    size_t records;
    size_t pushed_before; // by setup, into the first record
    int asleep;           // see model_case
    bool defers;          // the first consumer finishes its values later
    bool gives_up;   // it returns AIMDB_OK even so for the first one; aimdb_done comes at any time
    bool done_twice; // aimdb_done is called twice for each value
    bool emits;      // the first consumer emits what it gets into the second record
    bool only_any;
    bool one_writer;
};

struct one_record {
    struct aimdbi_static_record rec;
    struct aimdbi_cells cells;
    struct aimdbi_takes takes;
    struct aimdbi_home home;
    aimdb_word slots[4];
    size_t pushed;
    size_t writers; // threads that push
};

struct one_consumer {
    struct aimdbi_static_task task;
    struct aimdbi_static_reader reader;
    struct aimdbi_static_part part;
    size_t last[MODEL_THREADS + 1]; // number of each writer's last value
    size_t told;                    // missed, by aimdb_missed
};

struct statics {
    const struct static_case *what;
    struct aimdbi_static_state state;
    const struct aimdbi_static_part *parts[CONSUMERS];
    aimdb_static db;
    struct one_record records[RECORDS];
    struct one_consumer consumers[CONSUMERS];
    aimdb_token tokens[VALUES + 1];
    size_t token_count;
    bool is_unfinished;
    char deferred; // queue: indices of tokens
    char work;     // touched by who works on deferred values
};

static struct statics *s_;

static item_record
handle(struct statics *s, size_t record)
{
    return (item_record){ (aimdb_record *) (void *) &s->records[record].rec };
}

// --- what threads do -----------------------------------------------------------------------------

static void
part_push(struct statics *s, int self, size_t n)
{
    size_t record = s->what->parts[self].record;
    for (size_t i = 1; i <= n; i++) {
        struct item item = { (size_t) self * VALUES + i };
        aimdb_err err = item_produce(handle(s, record), &item);
        model_note("push of %zu: %s", item.number, aimdb_err_name(err));
        MODEL_REQUIRE(err == AIMDB_OK, "a push returned %s", aimdb_err_name(err));
        s->records[record].pushed++;
    }
}

static void
part_push_batch(struct statics *s, int self, size_t n)
{
    struct item items[VALUES];
    for (size_t i = 0; i < n; i++) {
        items[i].number = (size_t) self * VALUES + i + 1;
    }
    aimdb_err err = item_produce_n(handle(s, 0), items, n);
    model_note("push of %zu at once: %s", n, aimdb_err_name(err));
    MODEL_REQUIRE(err == AIMDB_OK, "a push returned %s", aimdb_err_name(err));
    s->records[0].pushed += n;
}

static void
part_poll(struct statics *s, int self, size_t n)
{
    (void) self, (void) n;
    for (;;) {
        aimdb_time next = aimdb_poll(&s->db, aimdbp_clock());
        model_note("poll: %s", next == AIMDB_FOREVER ? "nothing more" : "more");
        aimdb_idle(&s->db, next);
    }
}

// aimdb_done for n values.
static void
part_finish(struct statics *s, int self, size_t n)
{
    (void) self;
    for (size_t i = 0; i < n; i++) {
        size_t number = model_take(&s->deferred);
        bool may_be_dead = s->what->gives_up && number == 1;
        if (!may_be_dead) {
            model_touch(&s->work);
            s->is_unfinished = false;
        }
        aimdb_err err = aimdb_done(s->tokens[number], AIMDB_OK);
        model_note("aimdb_done: %s", aimdb_err_name(err));
        MODEL_REQUIRE(err == AIMDB_OK || (may_be_dead && err == AIMDB_EINVAL),
                      "aimdb_done returned %s", aimdb_err_name(err));
        MODEL_REQUIRE(!s->what->done_twice ||
                          aimdb_done(s->tokens[number], AIMDB_OK) == AIMDB_EINVAL,
                      "a token worked twice");
    }
}

// --- consumers -----------------------------------------------------------------------------------

// How many pushes a consumer has dealt with.
static size_t
accounted(const struct one_consumer *consumer)
{
    const struct aimdbi_static_record *rec = consumer->task.record;
    size_t passed = rec->takes ? load_relaxed(&rec->takes->overwritten_)
                               : load_relaxed(&consumer->reader.missed_);
    return load_relaxed(&consumer->reader.received_) + passed;
}

static void
check_value(struct statics *s, struct one_consumer *consumer, size_t number)
{
    size_t writer = number / VALUES;
    size_t place = number % VALUES;
    MODEL_REQUIRE(writer <= EMITTER && place > 0, "a value nobody pushed: %zu", number);
    MODEL_REQUIRE(place > consumer->last[writer], "value %zu came after %zu of the same writer",
                  place, consumer->last[writer]);
    consumer->last[writer] = place;
    const struct one_record *record = &s->records[consumer->task.record == &s->records[1].rec];
    bool competes = consumer->task.record->takes && s->what->consumers > s->what->records;
    MODEL_REQUIRE(record->writers > 1 || competes || place == accounted(consumer),
                  "value %zu came as push %zu", place, accounted(consumer));
}

static aimdb_err
defer(struct statics *s, aimdb_ctx *ctx)
{
    MODEL_REQUIRE(!s->is_unfinished, "the consumer is called before the value before is done");
    size_t number = ++s->token_count;
    bool gives_up = s->what->gives_up && number == 1;
    if (!gives_up) {
        model_touch(&s->work);
    }
    s->tokens[number] = aimdb_defer(ctx);
    MODEL_REQUIRE(s->tokens[number].task_, "the consumer gets no token");
    s->is_unfinished = !gives_up;
    model_put(&s->deferred, number);
    return gives_up ? AIMDB_OK : AIMDB_EPENDING;
}

static aimdb_err
consume(aimdb_ctx *ctx, const struct item *item)
{
    struct statics *s = s_;
    struct one_consumer *consumer = aimdb_user(ctx);
    bool is_first = consumer == &s->consumers[0];
    model_note("consumer %td got %zu", consumer - s->consumers, item->number);
    consumer->told += ctx->missed;
    check_value(s, consumer, item->number);
    if (is_first && s->what->emits) {
        size_t number = EMITTER * VALUES + ++s->records[1].pushed;
        return item_emit(ctx, handle(s, 1), &(struct item){ number });
    }
    return is_first && s->what->defers ? defer(s, ctx) : AIMDB_OK;
}

// As AIMDB_STATIC_CONSUMER makes it.
static void
run_consumer(aimdb_ctx *ctx)
{
    struct item item;
    unsigned got = aimdbi_static_next(ctx, &item);
    while (got > 0) {
        aimdb_err err = consume(ctx, &item);
        if (err != AIMDB_OK) {
            aimdbi_static_finish(ctx, err);
        }
        got = got > 1 ? aimdbi_static_next(ctx, &item) : 0;
    }
}

// --- before and after ----------------------------------------------------------------------------

static void
add_record(struct statics *s, size_t index)
{
    static const char *const prefixes[RECORDS] = { "a.", "b." };
    struct one_record *record = &s->records[index];
    bool is_ring = s->what->buffer == AIMDB_BUFFER_SPMC_RING;
    uint32_t slots = s->what->capacity < 2 ? 2 : s->what->capacity;
    record->home = (struct aimdbi_home){ &s->state.ready_, UINT32_C(1) << index };
    record->rec = (struct aimdbi_static_record){
        .shape = { .slots = record->slots,
                   .size = sizeof(struct item),
                   .accepts = AIMDBI_IS_STATIC,
                   .slot_words = 1,
                   .capacity = s->what->capacity,
                   .slot_mask = slots - 1,
                   .buffer = (uint8_t) s->what->buffer,
                   .one_writer = s->what->one_writer },
        .cells = &record->cells,
        .takes = s->what->buffer == AIMDB_BUFFER_MAILBOX ? &record->takes : NULL,
        .home = &record->home,
        .type = &item_type_,
        .key = prefixes[index],
    };
    store_relaxed(&record->cells.whole_[0], !is_ring); // AIMDBI_CELLS_*
    store_relaxed(&record->cells.whole_[1], !is_ring);
    for (int i = 0; i < MODEL_THREADS; i++) {
        const struct part *part = &s->what->parts[i];
        bool pushes = part->run == part_push || part->run == part_push_batch;
        record->writers += pushes && part->record == index;
    }
    record->writers += index == 0 && s->what->pushed_before > 0;
    model_name(&record->cells.reserve_, prefixes[index], "reserve_");
    model_name(&record->cells.commit_, prefixes[index], "commit_");
    model_name(&record->cells.flags_, prefixes[index], "flags_");
    model_name(&record->cells.whole_[0], prefixes[index], "whole_[0]");
    model_name(&record->cells.whole_[1], prefixes[index], "whole_[1]");
    model_name(&record->slots[0], prefixes[index], "slot 0");
    model_name(&record->slots[1], prefixes[index], "slot 1");
}

static void
add_consumer(struct statics *s, size_t index)
{
    struct one_consumer *consumer = &s->consumers[index];
    const struct one_record *record = &s->records[index < s->what->records ? index : 0];
    consumer->task = (struct aimdbi_static_task){ .marker = AIMDBI_STATIC_TASK,
                                                  .run = run_consumer,
                                                  .user = consumer,
                                                  .name = "consumer",
                                                  .record = &record->rec,
                                                  .reader = &consumer->reader };
    consumer->part = (struct aimdbi_static_part){ &record->home, &record->rec, &consumer->task };
    // The last one is asked first: what is emitted waits for the next poll.
    s->parts[s->what->consumers - 1 - index] = &consumer->part;
    model_name(&consumer->reader.turn_, "", "turn_");
}

static void
setup(const void *what)
{
    struct statics *s = model_alloc(sizeof *s);
    s_ = s;
    s->what = what;
    for (size_t i = 0; i < s->what->records; i++) {
        add_record(s, i);
    }
    for (size_t i = 0; i < s->what->consumers; i++) {
        add_consumer(s, i);
    }
    s->db = (aimdb_static){ &s->state, s->parts, s->what->consumers };
    for (size_t i = 1; i <= s->what->pushed_before; i++) {
        (void) item_produce(handle(s, 0), &(struct item){ EMITTER * VALUES + i });
        s->records[0].pushed++;
    }
    model_name(&s->state.ready_, "", "ready_");
    model_name(&s->deferred, "", "the queue of deferred values");
    model_name(&s->work, "", "deferred values");
}

static void
run_thread(const void *what, int self)
{
    const struct part *part = &((const struct static_case *) what)->parts[self];
    part->run(s_, self, part->n);
}

// All takers of a mailbox together.
static void
check_mailbox(const struct statics *s)
{
    size_t received = 0;
    for (size_t i = 0; i < s->what->consumers; i++) {
        received += load_relaxed(&s->consumers[i].reader.received_);
    }
    size_t overwritten = load_relaxed(&s->records[0].takes.overwritten_);
    MODEL_REQUIRE(received + overwritten == s->records[0].pushed,
                  "%zu taken and %zu overwritten, of %zu: all sleep", received, overwritten,
                  s->records[0].pushed);
}

static void
check(const void *what)
{
    const struct static_case *c = what;
    for (int i = 0; i < MODEL_THREADS && c->parts[i].run; i++) {
        MODEL_REQUIRE(model_is_waiting(i) == (c->parts[i].run == part_poll), "thread %d %s", i,
                      c->parts[i].run == part_poll ? "ends" : "never ends");
    }
    for (size_t i = 0; i < c->consumers; i++) {
        const struct one_consumer *consumer = &s_->consumers[i];
        const struct one_record *record = &s_->records[i < c->records ? i : 0];
        bool is_ring = c->buffer == AIMDB_BUFFER_SPMC_RING;
        MODEL_REQUIRE(record->rec.takes || accounted(consumer) == record->pushed,
                      "consumer %zu accounts for %zu pushes, of %zu: all sleep", i,
                      accounted(consumer), record->pushed);
        MODEL_REQUIRE(!is_ring || consumer->told == load_relaxed(&consumer->reader.missed_),
                      "consumer %zu was told of %zu missed values, of %zu", i, consumer->told,
                      load_relaxed(&consumer->reader.missed_));
        MODEL_REQUIRE(load_relaxed(&consumer->reader.errors_) == 0, "consumer %zu counts an error",
                      i);
    }
    if (c->buffer == AIMDB_BUFFER_MAILBOX) {
        check_mailbox(s_);
    }
    MODEL_REQUIRE(signal_load_acquire(&s_->state.ready_) == 0, "a bit is left, and all sleep");
}

// --- the cases -----------------------------------------------------------------------------------

#define RING(N) .buffer = AIMDB_BUFFER_SPMC_RING, .capacity = (N), .records = 1, .consumers = 1
#define LATEST .buffer = AIMDB_BUFFER_SINGLE_LATEST, .capacity = 1, .records = 1, .consumers = 1
#define MAILBOX .buffer = AIMDB_BUFFER_MAILBOX, .capacity = 1, .records = 1
#define TWO_RINGS .buffer = AIMDB_BUFFER_SPMC_RING, .capacity = 2, .records = 2, .consumers = 2

static const struct static_case cases[] = {
    { .name = "static ring-2: push 1 | poll",
      RING(2),
      .parts = { { part_push, 1, 0 }, { part_poll, 0, 0 } } },
    { .name = "static ring-2: push 2 | poll",
      RING(2),
      .parts = { { part_push, 2, 0 }, { part_poll, 0, 0 } } },
    { .name = "static ring-1: push 2 | poll",
      RING(1),
      .parts = { { part_push, 2, 0 }, { part_poll, 0, 0 } } },
    { .name = "static ring-4: push 3 at once | poll",
      RING(4),
      .parts = { { part_push_batch, 3, 0 }, { part_poll, 0, 0 } } },
    { .name = "static ring-2: push 1 | push 1 | poll",
      RING(2),
      .only_any = true,
      .parts = { { part_push, 1, 0 }, { part_push, 1, 0 }, { part_poll, 0, 0 } } },
    { .name = "static latest: push 2 | poll",
      LATEST,
      .parts = { { part_push, 2, 0 }, { part_poll, 0, 0 } } },
    { .name = "static latest: push 1 | push 1 | poll",
      LATEST,
      .only_any = true,
      .parts = { { part_push, 1, 0 }, { part_push, 1, 0 }, { part_poll, 0, 0 } } },
    { .name = "static mailbox: push 2 | poll",
      MAILBOX,
      .consumers = 1,
      .parts = { { part_push, 2, 0 }, { part_poll, 0, 0 } } },
    { .name = "static mailbox: push 2 | poll, two consumers",
      MAILBOX,
      .consumers = 2,
      .parts = { { part_push, 2, 0 }, { part_poll, 0, 0 } } },
    { .name = "two static rings: push 1 | push 1 | poll",
      TWO_RINGS,
      .parts = { { part_push, 1, 0 }, { part_push, 1, 1 }, { part_poll, 0, 0 } } },
    { .name = "two static rings: push 2 | poll, emitting consumer",
      TWO_RINGS,
      .emits = true,
      .parts = { { part_push, 2, 0 }, { part_poll, 0, 0 } } },
    { .name = "static ring-2 with two values: poll, deferring consumer | done 2",
      RING(2),
      .pushed_before = 2,
      .defers = true,
      .parts = { { part_poll, 0, 0 }, { part_finish, 2, 0 } } },
    { .name = "static ring-2: push 1 | poll, deferring consumer | done 1",
      RING(2),
      .defers = true,
      .done_twice = true,
      .parts = { { part_push, 1, 0 }, { part_poll, 0, 0 }, { part_finish, 1, 0 } } },
    { .name = "static ring-2 with a value: push 1 | poll, deferring consumer | done 1",
      RING(2),
      .pushed_before = 1,
      .defers = true,
      .only_any = true,
      .parts = { { part_push, 1, 0 }, { part_poll, 0, 0 }, { part_finish, 1, 0 } } },
    { .name = "static ring-2 with two values: poll, consumer that gives up a token | done 2",
      RING(2),
      .pushed_before = 2,
      .defers = true,
      .gives_up = true,
      .parts = { { part_poll, 0, 0 }, { part_finish, 2, 0 } } },
    { .name = "static ring-2 with a value: push 1 | poll, consumer that gives up a token",
      RING(2),
      .pushed_before = 1,
      .defers = true,
      .gives_up = true,
      .only_any = true,
      .parts = { { part_push, 1, 0 }, { part_poll, 0, 0 } } },
    { .name = "static ring-2: poll asleep | push 1 | push 1",
      RING(2),
      .only_any = true,
      .asleep = 1,
      .parts = { { part_poll, 0, 0 }, { part_push, 1, 0 }, { part_push, 1, 0 } } },
    { .name = "two static rings: poll asleep | push 2 | push 1",
      TWO_RINGS,
      .asleep = 1,
      .parts = { { part_poll, 0, 0 }, { part_push, 2, 0 }, { part_push, 1, 1 } } },
};

#define CASES (sizeof cases / sizeof cases[0])
#define VARIANTS 2 // of a case

// Variant of a case: its write path. Returns false if there is no such variant.
static bool
variant_of(const struct static_case *c, size_t variant, struct static_case *ret, char *name)
{
    *ret = *c;
    ret->one_writer = variant == 1;
    (void) snprintf(name, NAME_BYTES, "%s; %s", c->name,
                    ret->one_writer ? "one writer" : "any writer");
    return !(ret->one_writer && c->only_any);
}

static bool
explore_one(const struct static_case *c, const char *name, bool trace)
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
                                         .asleep = c->asleep,
                                         .overtaken_limit = 8 };
    return suite_explore(&explored, trace);
}

size_t
suite_statics(const char *pattern, bool trace)
{
    size_t failed = 0;
    size_t explored = 0;
    for (size_t i = 0; i < CASES * VARIANTS; i++) {
        struct static_case c;
        char name[NAME_BYTES];
        if (variant_of(&cases[i / VARIANTS], i % VARIANTS, &c, name) &&
            suite_is_wanted(name, false, pattern)) {
            explored++;
            failed += !explore_one(&c, name, trace);
        }
    }
    return explored == 0 ? SIZE_MAX : failed;
}

void
suite_list_statics(void)
{
    for (size_t i = 0; i < CASES * VARIANTS; i++) {
        struct static_case c;
        char name[NAME_BYTES];
        if (variant_of(&cases[i / VARIANTS], i % VARIANTS, &c, name)) {
            (void) puts(name);
        }
    }
}
