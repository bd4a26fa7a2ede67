// SPDX-License-Identifier: Apache-2.0
// Static records on a host: threads bring them values, one thread polls and idles, and records of a
// database are at the other end. What static records promise everywhere is in tests/portable. They
// begin once for each program, not for each test: accounts are differences.
#include "contract.h"

#include <aimdb/static.h>
#include <signal.h>

// Polls, and sleeps while there are no news, as the loop of a program does.
#define POLL_UNTIL(db, claim)                                                                      \
    for (;;) {                                                                                     \
        aimdb_time next_ = aimdb_poll((db), aimdb_clock());                                        \
        if (claim)                                                                                 \
            break;                                                                                 \
        aimdb_idle((db), next_);                                                                   \
    }

// Consumers of which the test at hand says what they count on.
static struct {
    struct gate *heard;
    number_record back; // a record of a database
    uint64_t last, missed;
    aimdb_token token;
    aimdb_err result;
} now;

static aimdb_err
hear(aimdb_ctx *ctx, const struct number *value)
{
    now.last = value->n;
    now.missed += aimdb_missed(ctx);
    gate_add(now.heard, 1);
    return now.result;
}

static void
hear_from_now_on(struct world *w)
{
    memset(&now, 0, sizeof now);
    now.heard = gate_new(w);
}

// Threads --------------------------------------------------------------------------------------

#define WRITERS 4u

struct note {
    uint64_t writer, n;
};
AIMDB_RECORD_TYPE(note, struct note);

// Of each consumer: the newest value of each writer.
struct seen {
    uint64_t newest[WRITERS];
};
static struct seen ring_seen, latest_seen, mailbox_seen;

static aimdb_err
see(aimdb_ctx *ctx, const struct note *value)
{
    struct seen *seen = aimdb_user(ctx);
    CHECK(value->n > seen->newest[value->writer]);
    seen->newest[value->writer] = value->n;
    return AIMDB_OK;
}

AIMDB_STATIC_SPMC_RING(note, crowd_ring, "crowd.ring", 64);
AIMDB_STATIC_SINGLE_LATEST(note, crowd_latest, "crowd.latest");
AIMDB_STATIC_MAILBOX(note, crowd_mailbox, "crowd.mailbox");
AIMDB_STATIC_CONSUMER_AS(see_ring, crowd_ring, see, &ring_seen);
AIMDB_STATIC_CONSUMER_AS(see_latest, crowd_latest, see, &latest_seen);
AIMDB_STATIC_CONSUMER_AS(see_mailbox, crowd_mailbox, see, &mailbox_seen);
AIMDB_STATIC_DB(crowd, crowd_ring, crowd_latest, crowd_mailbox, see_ring, see_latest, see_mailbox);

struct writer {
    uint64_t number, values;
};

static void
write_to_all(void *arg)
{
    const struct writer *writer = arg;
    for (uint64_t n = 1; n <= writer->values; n++) {
        const struct note note = { writer->number, n };
        CHECK_OK(note_produce(crowd_ring, &note));
        CHECK_OK(note_produce(crowd_latest, &note));
        CHECK_OK(note_produce(crowd_mailbox, &note));
    }
}

static uint64_t
produced_by(note_record record)
{
    return record_stats((number_record){ record.raw }).produced;
}

static bool
has_all(note_record record, aimdb_task *task, uint64_t total)
{
    return produced_by(record) == total && task_stats(task).pending == 0;
}

// No value is lost or counted twice, none comes in the wrong order, and no wake is lost: at the end all
// writers are silent, and a sleep without news has no end.
// proves P3 P4 section 11
static void
threads_write_while_one_polls_and_idles(void **state)
{
    struct world *w = *state;
    const uint64_t values = contract_many(20000);
    const uint64_t total = produced_by(crowd_ring) + WRITERS * values;
    struct writer *writers = world_memory(w, WRITERS * sizeof *writers);
    struct helper *helpers[WRITERS];
    memset(&ring_seen, 0, sizeof ring_seen);
    memset(&latest_seen, 0, sizeof latest_seen);
    memset(&mailbox_seen, 0, sizeof mailbox_seen);
    world_build(w);
    for (uint64_t i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){ i, values };
        helpers[i] = helper_start(w, write_to_all, &writers[i]);
    }
    POLL_UNTIL(&crowd, has_all(crowd_ring, AIMDB_STATIC_TASK(see_ring), total) &&
                           has_all(crowd_latest, AIMDB_STATIC_TASK(see_latest), total) &&
                           has_all(crowd_mailbox, AIMDB_STATIC_TASK(see_mailbox), total));
    for (size_t i = 0; i < WRITERS; i++)
        helper_join(helpers[i]);
    aimdb_task_stats ring = task_stats(AIMDB_STATIC_TASK(see_ring));
    CHECK_EQ(total, ring.received + ring.missed);
    aimdb_task_stats latest = task_stats(AIMDB_STATIC_TASK(see_latest));
    CHECK_EQ(total, latest.received + latest.skipped);
    number_record mailbox = { crowd_mailbox.raw };
    CHECK_EQ(total, task_stats(AIMDB_STATIC_TASK(see_mailbox)).received +
                        record_stats(mailbox).overwritten);
}

AIMDB_STATIC_SPMC_RING(number, lone_ring, "lone.ring", 4, .one_writer = true);
AIMDB_STATIC_CONSUMER_AS(hear_lone, lone_ring, hear, NULL);
AIMDB_STATIC_DB(lone, lone_ring, hear_lone);

struct rally {
    struct gate *heard;
    uint64_t values;
};

static void
write_when_heard(void *arg)
{
    const struct rally *rally = arg;
    for (uint64_t n = 1; n <= rally->values; n++) {
        push(lone_ring, n);
        gate_wait(rally->heard, n);
    }
}

// Each value comes when the one before it was heard, mostly while the other thread is about to sleep.
// proves section 11, D5
static void
no_news_are_slept_over(void **state)
{
    struct world *w = *state;
    struct rally *rally = world_memory(w, sizeof *rally);
    world_build(w);
    hear_from_now_on(w);
    *rally = (struct rally){ now.heard, contract_many(20000) };
    struct helper *helper = helper_start(w, write_when_heard, rally);
    POLL_UNTIL(&lone, now.last == rally->values);
    helper_join(helper);
    CHECK_EQ(rally->values, now.last);
    CHECK_EQ(0, now.missed);
}

static aimdb_err
count_up(aimdb_ctx *ctx, const struct number *value)
{
    (void) value;
    ++*(uint64_t *) aimdb_user(ctx);
    return AIMDB_OK;
}

static uint64_t piled, piled_again;
AIMDB_STATIC_SPMC_RING(number, pile, "pile", 64);
AIMDB_STATIC_CONSUMER_AS(count_pile, pile, count_up, &piled);
AIMDB_STATIC_CONSUMER_AS(count_pile_again, pile, count_up, &piled_again);
AIMDB_STATIC_DB(piles, pile, count_pile, count_pile_again);

// proves section 11, D5
static void
poll_gives_each_consumer_a_burst_and_asks_to_be_called_again(void **state)
{
    struct world *w = *state;
    world_build(w);
    piled = piled_again = 0;
    push_range(pile, 1, 2 * AIMDB_STATIC_BURST + 8);
    for (uint64_t n = 1; n <= 2; n++) {
        CHECK_EQ(AIMDB_MS(n), aimdb_poll(&piles, AIMDB_MS(n)));
        CHECK(piled == n * AIMDB_STATIC_BURST && piled_again == piled);
    }
    CHECK_EQ(AIMDB_FOREVER, aimdb_poll(&piles, AIMDB_MS(3)));
    CHECK(piled == 2 * AIMDB_STATIC_BURST + 8 && piled_again == piled);
}

// One that polls and idles until it is told to stop, by a value.
static void
turn_until_stopped(void *arg)
{
    const aimdb_static *db = arg;
    helper_about_to_block();
    POLL_UNTIL(db, now.last == UINT64_MAX);
}

static _Atomic uint64_t to_produce;

static void
handle(int number)
{
    (void) number;
    (void) number_produce(lone_ring, &(struct number){ to_produce });
}

// proves section 11, P3
static void
handler_produces_on_the_thread_that_idles_and_on_another(void **state)
{
    struct world *w = *state;
    struct sigaction action = { .sa_handler = handle };
    SKIP_IF_SIMULATED("signals are of processes");
    world_build(w);
    hear_from_now_on(w);
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    struct helper *helper = helper_start(w, turn_until_stopped, (void *) (uintptr_t) &lone);
    for (uint64_t n = 1; n <= 3; n++) {
        helper_until_asleep(helper);
        to_produce = n < 3 ? n : UINT64_MAX;
        CHECK(pthread_kill(n == 2 ? pthread_self() : helper_pthread(helper), SIGUSR1) == 0);
        gate_wait(now.heard, n);
    }
    helper_join(helper);
    CHECK(signal(SIGUSR1, SIG_DFL) != SIG_ERR);
    CHECK_EQ(0, now.missed);
}

// Values that are finished later -----------------------------------------------------------------

static aimdb_err
put_off(aimdb_ctx *ctx, const struct number *value)
{
    now.last = value->n;
    if (value->n == UINT64_MAX)
        return AIMDB_OK;
    now.token = aimdb_defer(ctx);
    gate_add(now.heard, 1);
    return AIMDB_EPENDING;
}

AIMDB_STATIC_SPMC_RING(number, late_ring, "late.ring", 8);
AIMDB_STATIC_CONSUMER(late_ring, put_off, NULL);
AIMDB_STATIC_DB(late, late_ring, put_off);

// proves D3 section 11
static void
done_of_another_thread_wakes_who_idles(void **state)
{
    struct world *w = *state;
    const uint64_t errors = task_stats(AIMDB_STATIC_TASK(put_off)).errors;
    world_build(w);
    hear_from_now_on(w);
    struct helper *helper = helper_start(w, turn_until_stopped, (void *) (uintptr_t) &late);
    push_range(late_ring, 1, 3);
    for (uint64_t n = 1; n <= 3; n++) {
        gate_wait(now.heard, n);
        aimdb_token token = now.token;
        helper_until_asleep(helper); // however much there is to be had
        CHECK_EQ(n, gate_count(now.heard));
        CHECK_OK(aimdb_done(token, n == 2 ? AIMDB_EINVAL : AIMDB_OK));
        CHECK_ERR(AIMDB_EINVAL, aimdb_done(token, AIMDB_OK));
    }
    push(late_ring, UINT64_MAX);
    helper_join(helper);
    CHECK_EQ(errors + 1, task_stats(AIMDB_STATIC_TASK(put_off)).errors);
}

static aimdb_err
finish_at_once(aimdb_ctx *ctx, const struct number *value)
{
    now.last = value->n;
    CHECK_OK(aimdb_done(aimdb_defer(ctx), AIMDB_OK));
    return AIMDB_OK; // in spite of the token
}

AIMDB_STATIC_SPMC_RING(number, soon, "soon", 8);
AIMDB_STATIC_CONSUMER(soon, finish_at_once, NULL);
AIMDB_STATIC_DB(soon_done, soon, finish_at_once);

// proves D3 section 11
static void
value_that_is_done_before_its_call_ends_leaves_the_next_one_its_token(void **state)
{
    struct world *w = *state;
    world_build(w);
    push_range(soon, 1, 3);
    (void) aimdb_poll(&soon_done, 1);
    CHECK_EQ(3, now.last);
}

// Databases ------------------------------------------------------------------------------------

static aimdb_err
pass_on(aimdb_ctx *ctx, const struct number *value)
{
    now.last = value->n;
    return number_emit(ctx, now.back, value);
}

AIMDB_STATIC_SPMC_RING(number, between, "between", 128);
AIMDB_STATIC_CONSUMER(between, pass_on, NULL);
AIMDB_STATIC_DB(bridge, between, pass_on);

static aimdb_err
pass_in(aimdb_ctx *ctx, const struct number *value)
{
    return number_emit(ctx, between, value);
}

// proves E1 section 11
static void
records_of_both_kinds_emit_into_each_other(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_new(w, 100);
    aimdb_task *task = AIMDB_STATIC_TASK(pass_on);
    const uint64_t received = task_stats(task).received, errors = task_stats(task).errors;
    number_record in = number_configure(w->builder, "in", AIMDB_SPMC_RING(128));
    memset(&now, 0, sizeof now);
    now.back = number_configure(w->builder, "out", AIMDB_SPMC_RING(128));
    number_add_consumer(w->builder, in, pass_in, NULL);
    sink_attach(w, now.back, sink, false);
    world_build(w);
    push_range(in, 1, 100);
    POLL_UNTIL(&bridge, task_stats(task).received == received + 100);
    gate_wait(sink->calls, 100);
    for (uint64_t i = 0; i < 100; i++)
        CHECK_EQ(i + 1, sink->values[i]);
    CHECK_EQ(0, task_stats(task).missed);
    world_close(w);
    push(between, 101); // a static record knows no end
    CHECK_EQ(AIMDB_FOREVER, aimdb_poll(&bridge, aimdb_clock()));
    CHECK_EQ(101, now.last);
    CHECK_EQ(errors + 1, task_stats(task).errors);
}

static aimdb_err
send_back(aimdb_ctx *ctx, struct number *value)
{
    return number_emit(ctx, now.back, value);
}

AIMDB_STATIC_SPMC_RING(number, there, "there", 4);
AIMDB_STATIC_PRODUCER(there, send_back, NULL);
AIMDB_STATIC_DB(hall_of_mirrors, there);

static aimdb_err
send_there(aimdb_ctx *ctx, struct number *value)
{
    return number_emit(ctx, there, value);
}

// proves E2 section 11
static void
circle_of_producer_functions_over_both_kinds_ends(void **state)
{
    struct world *w = *state;
    const uint64_t refused = record_stats(there).refused;
    memset(&now, 0, sizeof now);
    now.back = number_configure(w->builder, "back", AIMDB_SPMC_RING(4));
    number_set_producer(w->builder, now.back, send_there, NULL);
    world_build(w);
    CHECK_ERR(AIMDB_ELOOP, number_produce(there, &(struct number){ 1 }));
    CHECK_ERR(AIMDB_ELOOP, number_produce(now.back, &(struct number){ 1 }));
    CHECK_EQ(2 * AIMDB_EMIT_DEPTH_MAX, record_stats(now.back).refused);
    CHECK_EQ(refused + 2 * AIMDB_EMIT_DEPTH_MAX + 1, record_stats(there).refused);
    CHECK_EQ(0, record_stats(now.back).produced + record_stats(there).produced);
    (void) hall_of_mirrors;
}

// What is not there ----------------------------------------------------------------------------

AIMDB_STATIC_SPMC_RING(number, quiet, "quiet", 4);
AIMDB_STATIC_DB(silence, quiet);

// proves section 11, S1, P6
static void
nobody_sleeps_over_a_static_record_but_who_idles(void **state)
{
    struct world *w = *state;
    number_record record = number_configure(w->builder, "record", AIMDB_SPMC_RING(4));
    number_reader reader, other;
    struct number out = { 0 };
    const uint64_t produced = record_stats(quiet).produced;
    const aimdb_time deadlines[] = { 0, AIMDB_FOREVER };
    world_build(w);
    (void) silence;
    CHECK_OK(number_subscribe(quiet, &reader));
    CHECK_OK(number_subscribe(record, &other));
    aimdb_reader *const both[] = { &reader.raw, &other.raw };
    aimdb_reader *const both_again[] = { &other.raw, &reader.raw };
    push(record, 1);
    for (size_t i = 0; i < 2; i++) {
        CHECK_ERR(AIMDB_ENOTSUP, number_recv(&reader, &out, deadlines[i]));
        CHECK_EQ(AIMDB_ENOTSUP, aimdb_select(both, 1, deadlines[i]));
        CHECK_EQ(AIMDB_ENOTSUP, aimdb_select(both, 2, deadlines[i]));
        CHECK_EQ(AIMDB_ENOTSUP, aimdb_select(both_again, 2, deadlines[i]));
        CHECK_ERR(AIMDB_ENOTSUP, number_produce_wait(quiet, &out, deadlines[i]));
    }
    CHECK_EQ(produced, record_stats(quiet).produced);
    push_range(quiet, 1, 6); // what is there needs no sleep
    CHECK_ERR(AIMDB_ELAGGED, number_recv(&reader, &out, AIMDB_FOREVER));
    CHECK_EQ(2, number_missed(&reader));
    CHECK_OK(number_recv(&reader, &out, AIMDB_FOREVER));
    CHECK_EQ(3, out.n);
    number_unsubscribe(&reader);
    number_unsubscribe(&other);
}

// Figures --------------------------------------------------------------------------------------

static uint64_t overdue; // steps that were taken before their time

static aimdb_time
beat(aimdb_ctx *ctx, number_record out)
{
    static aimdb_time due;
    overdue += aimdb_clock() < due ? 1 : 0;
    CHECK_OK(number_emit(ctx, out, &(struct number){ (uint64_t) aimdb_now(ctx) }));
    due = aimdb_every(ctx, AIMDB_MS(1));
    return due;
}

AIMDB_STATIC_SINGLE_LATEST(number, pulse, "pulse");
AIMDB_STATIC_SOURCE(pulse, beat, NULL);
AIMDB_STATIC_CONSUMER_AS(hear_pulse, pulse, hear, NULL);
AIMDB_STATIC_DB(heart, pulse, beat, hear_pulse);

// proves section 11, D7, section 10
static void
idle_ends_when_a_source_is_due(void **state)
{
    struct world *w = *state;
    aimdb_task *source = AIMDB_STATIC_TASK(beat);
    const uint64_t steps = task_stats(source).received;
    world_build(w);
    hear_from_now_on(w);
    overdue = 0;
    uint64_t polls = 0;
    POLL_UNTIL(&heart, (polls++, task_stats(source).received == steps + 5));
    CHECK(polls < 100); // it does sleep
    CHECK_EQ(5, gate_count(now.heard));
    CHECK_EQ(0, overdue);
    aimdb_time due = aimdb_poll(&heart, aimdb_clock());
    uint64_t taken = task_stats(source).received, left_out = task_stats(source).overruns;
    CHECK_EQ(due, aimdb_poll(&heart, due - 1));
    CHECK_EQ(taken, task_stats(source).received);
    CHECK_EQ(due + AIMDB_SEC(1) + AIMDB_MS(1), aimdb_poll(&heart, due + AIMDB_SEC(1)));
    CHECK_EQ(taken + 1, task_stats(source).received);
    CHECK_EQ(left_out + 1000, task_stats(source).overruns);
    CHECK(aimdb_task_is_source(source) && strcmp(aimdb_task_name(source), "beat") == 0);
}

AIMDB_STATIC_SPMC_RING(number, told, "told", 4);
AIMDB_STATIC_SINGLE_LATEST(number, told_latest, "told.latest");
AIMDB_STATIC_CONSUMER_AS(hear_told, told, hear, NULL);
AIMDB_STATIC_CONSUMER_AS(hear_latest, told_latest, hear, NULL);
AIMDB_STATIC_DB(records, told, told_latest, hear_told, hear_latest);

// proves section 11, section 10, P4
static void
figures_of_static_tasks_and_records_are_told(void **state)
{
    struct world *w = *state;
    aimdb_task *task = AIMDB_STATIC_TASK(hear_told), *other = AIMDB_STATIC_TASK(hear_latest);
    aimdb_memory_stats memory = { .size = sizeof memory };
    world_build(w);
    hear_from_now_on(w);
    now.result = AIMDB_EINVAL;
    const aimdb_task_stats before = task_stats(task), before_other = task_stats(other);
    push_range(told, 1, 10);
    push_range(told_latest, 1, 10);
    CHECK_EQ(before.pending + 10, task_stats(task).pending);
    CHECK_EQ(1, task_stats(other).pending);
    CHECK_EQ(AIMDB_FOREVER, aimdb_poll(&records, aimdb_clock()));
    const aimdb_task_stats after = task_stats(task), after_other = task_stats(other);
    CHECK_EQ(before.received + 4, after.received);
    CHECK_EQ(before.missed + 6, after.missed);
    CHECK_EQ(before.lags + 1, after.lags);
    CHECK_EQ(before.errors + 4, after.errors);
    CHECK_EQ(0, after.pending + after.skipped + after.overruns);
    CHECK_EQ(before_other.received + 1, after_other.received);
    CHECK_EQ(before_other.skipped + 9, after_other.skipped);
    CHECK_EQ(0, after_other.pending + after_other.missed);
    CHECK_EQ(6, now.missed);
    CHECK_EQ(4, record_stats(told).capacity);
    CHECK(!aimdb_task_is_source(task) && strcmp(aimdb_task_name(task), "hear_told") == 0);
    CHECK(aimdb_task_input_count(task) == 0 && aimdb_task_input_record(task, 0) == NULL);
    CHECK(strcmp(aimdb_record_key(told_latest.raw), "told.latest") == 0);
    CHECK_EQ(AIMDB_BUFFER_SINGLE_LATEST, aimdb_record_buffer(told_latest.raw));
    CHECK(aimdb_record_type(told.raw) == number_type());
    CHECK_ERR(AIMDB_ENOTSUP, aimdb_record_memory(told.raw, &memory));
}

static aimdb_err
hear_any(aimdb_ctx *ctx, size_t index, const void *value)
{
    (void) ctx;
    (void) index;
    (void) value;
    return AIMDB_OK;
}

// proves section 11, B1
static void
builder_refuses_static_records_by_their_keys(void **state)
{
    struct world *w = *state;
    number_record own = number_configure(w->builder, "own", AIMDB_SPMC_RING(4));
    aimdb_record *joined[] = { own.raw, told.raw };
    aimdb *db = NULL;
    number_set_producer(w->builder, told, NULL, NULL);
    CHECK(number_add_consumer(w->builder, told, hear, NULL) == NULL);
    CHECK(number_add_source(w->builder, told_latest, NULL, NULL) == NULL);
    CHECK(aimdb_add_join(w->builder, joined, 2, hear_any, NULL) == NULL);
    number_emitted_by(w->builder, told, AIMDB_STATIC_TASK(hear_told));
    number_emitted_by(w->builder, own, AIMDB_STATIC_TASK(hear_told));
    CHECK_EQ(6, aimdb_builder_mistakes(w->builder));
    for (size_t i = 0; i < 6; i++) {
        const char *line = aimdb_builder_mistake(w->builder, i);
        CHECK(strstr(line, "told") != NULL || (i == 5 && strstr(line, "own") != NULL));
        CHECK(i >= 4 || strstr(line, "static record") != NULL);
    }
    CHECK_ERR(AIMDB_ECONFIG, aimdb_build(w->builder, &db));
    CHECK(db == NULL && aimdb_record_task(told.raw, 0) == NULL);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(threads_write_while_one_polls_and_idles),
        CONTRACT_TEST(no_news_are_slept_over),
        CONTRACT_TEST(poll_gives_each_consumer_a_burst_and_asks_to_be_called_again),
        CONTRACT_TEST(handler_produces_on_the_thread_that_idles_and_on_another),
        CONTRACT_TEST(done_of_another_thread_wakes_who_idles),
        CONTRACT_TEST(value_that_is_done_before_its_call_ends_leaves_the_next_one_its_token),
        CONTRACT_TEST(records_of_both_kinds_emit_into_each_other),
        CONTRACT_TEST(circle_of_producer_functions_over_both_kinds_ends),
        CONTRACT_TEST(nobody_sleeps_over_a_static_record_but_who_idles),
        CONTRACT_TEST(idle_ends_when_a_source_is_due),
        CONTRACT_TEST(figures_of_static_tasks_and_records_are_told),
        CONTRACT_TEST(builder_refuses_static_records_by_their_keys),
    };
    return CONTRACT_RUN(tests, argc, argv);
}
