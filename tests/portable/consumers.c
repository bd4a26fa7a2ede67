// SPDX-License-Identifier: Apache-2.0
// Consumers, producer functions, sources and emission: everywhere the same.
#include "rig.h"

// --- dispatch -------------------------------------------------------------------------------------

RIG_RING(number, stream, 16);
static struct log stream_log, stream_log_too;
RIG_CONSUMER(number, stream_one, stream, keep, &stream_log);
RIG_CONSUMER(number, stream_two, stream, keep, &stream_log_too);
RIG_DB(stream_db, stream, stream_one, stream_two);

// proves D1 D2
static void
each_consumer_gets_each_value_in_order(void)
{
    RIG_OPEN(stream_db);
    for (uint32_t round = 0; round < 3; round++) {
        push_range(stream, round * 10 + 1, round * 10 + 10);
        RIG_SETTLE(stream_db);
    }
    CHECK(log_calls(&stream_log) == 30 && log_calls(&stream_log_too) == 30);
    for (uint32_t i = 0; i < 30; i++) {
        CHECK(stream_log.values[i] == i + 1 && stream_log_too.values[i] == i + 1);
    }
    aimdb_task_stats stats = task_stats(RIG_TASK(stream_two));
    CHECK(stats.received == 30 && stats.missed == 0 && stats.pending == 0 && stats.errors == 0);
    RIG_CLOSE(stream_db);
}

RIG_LATEST(number, state);
RIG_MAILBOX(number, orders);
static struct log state_log, order_logs[2];
RIG_CONSUMER(number, state_seen, state, keep, &state_log);
RIG_CONSUMER(number, order_one, orders, keep, &order_logs[0]);
RIG_CONSUMER(number, order_two, orders, keep, &order_logs[1]);
RIG_DB(kinds_db, state, orders, state_seen, order_one, order_two);

// proves L2 M2 P4 D1
static void
latest_and_mailbox_reach_their_consumers_and_the_sums_agree(void)
{
    RIG_OPEN(kinds_db);
    for (uint32_t round = 0; round < 5; round++) {
        push_range(state, round * 3 + 1, round * 3 + 3);
        push_range(orders, round * 3 + 1, round * 3 + 3);
        RIG_SETTLE(kinds_db);
    }
    aimdb_task_stats seen = task_stats(RIG_TASK(state_seen));
    CHECK(seen.received >= 5 && seen.received + seen.skipped == 15 && seen.missed == 0);
    CHECK_EQ(15, state_log.values[log_calls(&state_log) - 1]);
    aimdb_task_stats one = task_stats(RIG_TASK(order_one));
    aimdb_task_stats two = task_stats(RIG_TASK(order_two));
    aimdb_record_stats stats = record_stats(orders);
    CHECK_EQ(15, stats.produced);
    CHECK_EQ(15, one.received + two.received + stats.overwritten);
    CHECK(one.received + two.received >= 5 && one.skipped == 0);
    CHECK_EQ(one.received, log_calls(&order_logs[0]));
    RIG_CLOSE(kinds_db);
}

RIG_MAILBOX(number, shared);

static aimdb_err
look(aimdb_ctx *ctx, const struct number *value)
{
    (void) ctx;
    CHECK(value->not_n == ~value->n);
    return AIMDB_OK;
}

RIG_CONSUMER(number, shared_one, shared, look, NULL);
RIG_CONSUMER(number, shared_two, shared, look, NULL);
RIG_CONSUMER(number, shared_three, shared, look, NULL);
RIG_DB(shared_db, shared, shared_one, shared_two, shared_three);

// Where one thread runs them the turns are exact. Several threads take them as they come: nobody
// goes without for ever.
#define SHARES_MAX 3000u

// proves M2
static void
consumers_of_a_mailbox_compete_fairly(void)
{
    uint64_t least = 0, sum = 0;
    uint32_t n = 0;
    RIG_OPEN(shared_db);
    aimdb_task *const tasks[] = { RIG_TASK(shared_one), RIG_TASK(shared_two),
                                  RIG_TASK(shared_three) };
    while (least < 5 && n < SHARES_MAX) {
        push_range(shared, n + 1, n + 1);
        RIG_SETTLE(shared_db);
        n++;
        least = UINT64_MAX, sum = 0;
        for (int i = 0; i < 3; i++) {
            uint64_t received = task_stats(tasks[i]).received;
            least = received < least ? received : least;
            sum += received;
        }
    }
    CHECK(least >= 5);
    CHECK_EQ(n, sum + record_stats(shared).overwritten);
    RIG_CLOSE(shared_db);
}

// --- answers of consumers -------------------------------------------------------------------------

RIG_RING(number, judged, 16);

static aimdb_err
judge(aimdb_ctx *ctx, const struct number *value)
{
    (void) keep(ctx, value);
    return value->n % 2 == 0 ? AIMDB_EIO : AIMDB_OK;
}

static struct log judge_log;
RIG_CONSUMER(number, judging, judged, judge, &judge_log);
RIG_DB(judge_db, judged, judging);

// proves D3
static void
error_of_a_consumer_is_counted_and_the_next_value_comes(void)
{
    RIG_OPEN(judge_db);
    push_range(judged, 1, 7);
    RIG_SETTLE(judge_db);
    CHECK_EQ(7, log_calls(&judge_log));
    CHECK_EQ(3, task_stats(RIG_TASK(judging)).errors);
    RIG_CLOSE(judge_db);
}

RIG_RING(number, slow, 16);

enum { DONE_LATER = 1, DONE_AT_ONCE, DROPPED, PENDING_WITHOUT };
static struct {
    struct log log;
    aimdb_token token;
    aimdb_err done;
} later;

static aimdb_err
work(aimdb_ctx *ctx, const struct number *value)
{
    log_value(&later.log, value, aimdb_missed(ctx));
    switch (value->n) {
    case DONE_LATER:
        later.token = aimdb_defer(ctx);
        return AIMDB_EPENDING;
    case DONE_AT_ONCE:
        later.token = aimdb_defer(ctx);
        later.done = aimdb_done(later.token, AIMDB_EIO);
        return AIMDB_EPENDING;
    case DROPPED:
        later.token = aimdb_defer(ctx);
        return AIMDB_OK;
    case PENDING_WITHOUT:
        return AIMDB_EPENDING;
    default:
        return AIMDB_OK;
    }
}

RIG_CONSUMER(number, working, slow, work, NULL);
RIG_DB(later_db, slow, working);

// proves D3
static void
value_that_is_deferred_holds_up_the_next_until_it_is_done(void)
{
    RIG_OPEN(later_db);
    push_range(slow, DONE_LATER, DONE_LATER);
    RIG_SETTLE(later_db);
    push_range(slow, 10, 11);
    CHECK_EQ(1, log_calls(&later.log));
    CHECK_OK(aimdb_done(later.token, AIMDB_OK));
    CHECK_EQ(AIMDB_EINVAL, aimdb_done(later.token, AIMDB_OK));
    RIG_SETTLE(later_db);
    CHECK(log_calls(&later.log) == 3 && later.log.values[2] == 11);
    push_range(slow, DONE_AT_ONCE, PENDING_WITHOUT);
    push_range(slow, 12, 12);
    RIG_SETTLE(later_db);
    CHECK(log_calls(&later.log) == 7 && later.log.values[6] == 12);
    CHECK_OK(later.done);
    CHECK_EQ(AIMDB_EINVAL, aimdb_done(later.token, AIMDB_OK)); // of the one that was dropped
    aimdb_task_stats stats = task_stats(RIG_TASK(working));
    CHECK(stats.errors == 2 && stats.received == 7 && stats.pending == 0);
    RIG_CLOSE(later_db);
}

// --- producer functions ---------------------------------------------------------------------------

RIG_RING(number, checked, 16);

static aimdb_err
check(aimdb_ctx *ctx, struct number *value)
{
    const uint32_t *limit = aimdb_user(ctx);
    if (value->n > *limit) {
        return AIMDB_EINVAL;
    }
    *value = number_of(value->n * 10);
    return AIMDB_OK;
}

static uint32_t limit = 5;
RIG_PRODUCER(number, checked, check, &limit);
static struct log checked_log;
RIG_CONSUMER(number, checked_seen, checked, keep, &checked_log);
RIG_DB(checked_db, checked, checked_seen);

// proves P2
static void
producer_function_changes_a_value_or_refuses_it(void)
{
    struct number values[] = { number_of(2), number_of(9), number_of(3) };
    RIG_OPEN(checked_db);
    CHECK_OK(push(checked, 1));
    CHECK_EQ(AIMDB_EINVAL, push(checked, 6));
    CHECK_EQ(AIMDB_EINVAL, number_produce_n(checked, values, 3));
    CHECK_EQ(2, values[0].n);
    RIG_SETTLE(checked_db);
    CHECK(log_calls(&checked_log) == 3 && checked_log.values[0] == 10);
    CHECK(checked_log.values[1] == 20 && checked_log.values[2] == 30);
    aimdb_record_stats stats = record_stats(checked);
    CHECK(stats.produced == 3 && stats.refused == 2);
    RIG_CLOSE(checked_db);
}

// --- emission -------------------------------------------------------------------------------------

RIG_RING(number, ping, 16);
RIG_RING(number, pong, 16);

// A countdown that goes to and fro.
static aimdb_err
to_pong(aimdb_ctx *ctx, const struct number *value)
{
    struct number next = number_of(value->n - 1);
    return value->n > 0 ? number_emit(ctx, pong, &next) : AIMDB_OK;
}

static aimdb_err
to_ping(aimdb_ctx *ctx, const struct number *value)
{
    struct number next = number_of(value->n - 1);
    return value->n > 0 ? number_emit(ctx, ping, &next) : AIMDB_OK;
}

RIG_CONSUMER(number, pinging, ping, to_pong, NULL);
RIG_CONSUMER(number, ponging, pong, to_ping, NULL);
RIG_DB(circle_db, ping, pong, pinging, ponging);

// proves E1 E2
static void
circle_through_buffers_ends_when_its_values_do(void)
{
    RIG_OPEN(circle_db);
    push_range(ping, 1000, 1000);
    for (uint32_t i = 0; record_stats(pong).produced < 500 && i < 100; i++) {
        RIG_SETTLE(circle_db);
    }
    RIG_SETTLE(circle_db);
    CHECK_EQ(501, record_stats(ping).produced);
    CHECK_EQ(500, record_stats(pong).produced);
    CHECK_EQ(0, task_stats(RIG_TASK(pinging)).errors + task_stats(RIG_TASK(ponging)).errors);
    RIG_CLOSE(circle_db);
}

RIG_RING(number, mirror, 16);

static uint32_t depth, deepest;
static aimdb_err looped;

// Emits into its own record: a circle through producer functions alone.
static aimdb_err
reflect(aimdb_ctx *ctx, struct number *value)
{
    struct number again = *value;
    depth++;
    deepest = depth > deepest ? depth : deepest;
    aimdb_err err = number_emit(ctx, mirror, &again);
    if (err != AIMDB_OK) {
        looped = err;
    }
    depth--;
    return AIMDB_OK;
}

RIG_PRODUCER(number, mirror, reflect, NULL);
RIG_DB(mirror_db, mirror);

// proves E2
static void
circle_of_producer_functions_stops_at_depth_eight(void)
{
    RIG_OPEN(mirror_db);
    CHECK_OK(push(mirror, 1));
    CHECK_EQ(8, deepest);
    CHECK_EQ(AIMDB_ELOOP, looped);
    CHECK_EQ(8, record_stats(mirror).produced);
    RIG_CLOSE(mirror_db);
}

// --- sources --------------------------------------------------------------------------------------

RIG_RING(number, samples, 16);
RIG_LATEST(number, last_sample);

static aimdb_time
sample(aimdb_ctx *ctx, number_record out)
{
    uint32_t *steps = aimdb_user(ctx);
    struct number value = number_of(++*steps);
    CHECK_OK(number_emit(ctx, out, &value));
    CHECK_OK(number_emit(ctx, last_sample, &value));
    return *steps < 4 ? aimdb_now(ctx) : AIMDB_FOREVER;
}

static uint32_t steps;
static struct log sample_log;
RIG_SOURCE(number, sampling, samples, sample, &steps);
RIG_CONSUMER(number, sampled, samples, keep, &sample_log);
RIG_DB(sample_db, samples, last_sample, sampling, sampled);

// proves D7 E1
static void
source_steps_until_it_says_never(void)
{
    struct number out = number_of(0);
    RIG_OPEN(sample_db);
    for (uint32_t i = 0; task_stats(RIG_TASK(sampling)).received < 4 && i < 100; i++) {
        RIG_SETTLE(sample_db);
    }
    RIG_SETTLE(sample_db);
    CHECK(log_calls(&sample_log) == 4 && sample_log.values[3] == 4);
    CHECK_OK(number_peek(last_sample, &out));
    CHECK_EQ(4, out.n);
    CHECK_EQ(4, task_stats(RIG_TASK(sampling)).received);
    CHECK(aimdb_task_is_source(RIG_TASK(sampling)) && !aimdb_task_is_source(RIG_TASK(sampled)));
    RIG_CLOSE(sample_db);
}

const struct rig_test rig_tests[] = {
    TEST(each_consumer_gets_each_value_in_order),
    TEST(latest_and_mailbox_reach_their_consumers_and_the_sums_agree),
    TEST(consumers_of_a_mailbox_compete_fairly),
    TEST(error_of_a_consumer_is_counted_and_the_next_value_comes),
    TEST(value_that_is_deferred_holds_up_the_next_until_it_is_done),
    TEST(producer_function_changes_a_value_or_refuses_it),
    TEST(circle_through_buffers_ends_when_its_values_do),
    TEST(circle_of_producer_functions_stops_at_depth_eight),
    TEST(source_steps_until_it_says_never),
    { NULL, NULL },
};
