// SPDX-License-Identifier: Apache-2.0
// SingleLatest: the newest value, once to each reader, and what was skipped.
#include "contract.h"

static number_record
latest_new(struct world *w)
{
    number_record record = number_configure(w->builder, "latest", AIMDB_SINGLE_LATEST);
    world_build(w);
    return record;
}

static number_record
latest_with_reader(struct world *w, number_reader *reader)
{
    number_record record = latest_new(w);
    CHECK_OK(number_subscribe(record, reader));
    return record;
}

// proves L1 L2
static void
push_replaces_the_value_before_it(void **state)
{
    number_reader reader;
    number_record record = latest_with_reader(*state, &reader);
    push_range(record, 1, 5);
    expect(&reader, 5);
    expect_err(&reader, AIMDB_EEMPTY);
    push(record, 3); // newer, not larger
    expect(&reader, 3);
    number_unsubscribe(&reader);
}

struct waiter {
    number_reader *reader;
    aimdb_err err;
    struct number out;
};

static void
wait_for_value(void *arg)
{
    struct waiter *waiter = arg;
    helper_about_to_block();
    waiter->err = number_recv(waiter->reader, &waiter->out, AIMDB_FOREVER);
}

// proves L1 L3
static void
reader_with_nothing_to_see_waits_and_is_told_of_the_first_push(void **state)
{
    struct world *w = *state;
    number_reader reader;
    number_record record = latest_with_reader(w, &reader);
    struct waiter *waiter = world_memory(w, sizeof *waiter);
    expect_err(&reader, AIMDB_EEMPTY);
    waiter->reader = &reader;
    struct helper *helper = helper_start(w, wait_for_value, waiter);
    helper_until_asleep(helper);
    push(record, 17);
    helper_join(helper);
    CHECK_OK(waiter->err);
    CHECK_EQ(17, waiter->out.n);
    number_unsubscribe(&reader);
}

// proves L1
static void
reader_that_has_seen_the_value_is_told_of_the_next(void **state)
{
    struct world *w = *state;
    number_reader reader;
    number_record record = latest_with_reader(w, &reader);
    struct waiter *waiter = world_memory(w, sizeof *waiter);
    push(record, 1);
    expect(&reader, 1);
    waiter->reader = &reader;
    struct helper *helper = helper_start(w, wait_for_value, waiter);
    helper_until_asleep(helper);
    push(record, 2);
    helper_join(helper);
    CHECK_OK(waiter->err);
    CHECK_EQ(2, waiter->out.n);
    number_unsubscribe(&reader);
}

// proves L2 L7
static void
values_in_between_are_skipped_and_lag_does_not_exist(void **state)
{
    number_reader reader;
    number_record record = latest_with_reader(*state, &reader);
    const uint64_t pushes = contract_many(100000);
    push_range(record, 1, pushes);
    expect(&reader, pushes);
    expect_err(&reader, AIMDB_EEMPTY);
    aimdb_reader_stats stats = reader_stats(&reader);
    CHECK_EQ(1, stats.received);
    CHECK_EQ(pushes - 1, stats.skipped);
    CHECK_EQ(0, stats.missed);
    CHECK_EQ(0, stats.lags);
    CHECK_EQ(0, number_missed(&reader));
    number_unsubscribe(&reader);
}

// proves L3
static void
late_reader_of_single_latest_gets_the_current_value(void **state)
{
    number_record record = latest_new(*state);
    number_reader reader;
    push_range(record, 1, 9);
    CHECK_OK(number_subscribe(record, &reader));
    CHECK_EQ(1, reader_stats(&reader).pending);
    expect(&reader, 9);
    expect_err(&reader, AIMDB_EEMPTY); // exactly once
    CHECK_EQ(0, reader_stats(&reader).skipped);
    number_unsubscribe(&reader);
    CHECK_OK(number_subscribe(record, &reader)); // who comes back is new
    expect(&reader, 9);
    expect_err(&reader, AIMDB_EEMPTY);
    number_unsubscribe(&reader);
}

// proves L3 L7
static void
current_value_replaced_before_a_late_reader_looked_is_skipped(void **state)
{
    number_record record = latest_new(*state);
    number_reader reader;
    push_range(record, 1, 9);
    CHECK_OK(number_subscribe(record, &reader));
    push_range(record, 10, 12);
    expect(&reader, 12);
    expect_err(&reader, AIMDB_EEMPTY);
    CHECK_EQ(3, reader_stats(&reader).skipped); // 9, 10 and 11
    number_unsubscribe(&reader);
}

// proves L3
static void
new_reader_of_an_empty_latest_waits(void **state)
{
    number_reader reader;
    number_record record = latest_with_reader(*state, &reader);
    struct number out = { 5 };
    CHECK_ERR(AIMDB_ETIMEDOUT, number_recv(&reader, &out, aimdb_clock() + AIMDB_MS(5)));
    CHECK_EQ(5, out.n);
    CHECK_EQ(0, reader_stats(&reader).pending);
    push(record, 1);
    expect(&reader, 1);
    number_unsubscribe(&reader);
}

// proves L4
static void
same_push_is_never_delivered_twice_but_the_same_value_is(void **state)
{
    number_reader readers[3];
    number_record record = latest_new(*state);
    for (size_t i = 0; i < 3; i++)
        CHECK_OK(number_subscribe(record, &readers[i]));
    for (uint64_t n = 0; n < 100; n++) {
        push(record, 7); // each time another push
        for (size_t i = 0; i < 3; i++) {
            expect(&readers[i], 7);
            expect_err(&readers[i], AIMDB_EEMPTY);
        }
    }
    for (size_t i = 0; i < 3; i++)
        number_unsubscribe(&readers[i]);
}

struct counter {
    number_record record;
    number_reader reader;
    uint64_t pushes;
    uint64_t received;
    struct gate *start;
};

static void
count_up(void *arg)
{
    struct counter *counter = arg;
    gate_wait(counter->start, 1);
    push_range(counter->record, 1, counter->pushes);
}

static void
follow_to_the_last(void *arg)
{
    struct counter *counter = arg;
    struct number out = { 0 };
    uint64_t last = 0;
    gate_wait(counter->start, 1);
    while (last < counter->pushes) {
        CHECK_OK(number_recv(&counter->reader, &out, AIMDB_FOREVER));
        CHECK(out.n > last);
        last = out.n;
        counter->received++;
    }
}

// proves L4 P4
static void
every_reader_converges_on_the_last_value(void **state)
{
    struct world *w = *state;
    const uint64_t pushes = contract_many(50000);
    struct counter *counters[3];
    struct helper *helpers[3];
    struct gate *start = gate_new(w);
    struct sink *sink = sink_new(w, 1);
    number_record record = number_configure(w->builder, "latest", AIMDB_SINGLE_LATEST);
    aimdb_task *task = sink_attach(w, record, sink, false);
    world_build(w);
    for (size_t i = 0; i < 3; i++) {
        counters[i] = world_memory(w, sizeof *counters[i]);
        *counters[i] = (struct counter){ .record = record, .pushes = pushes, .start = start };
        CHECK_OK(number_subscribe(record, &counters[i]->reader));
        helpers[i] = helper_start(w, i == 0 ? count_up : follow_to_the_last, counters[i]);
    }
    gate_add(start, 1);
    for (size_t i = 0; i < 3; i++)
        helper_join(helpers[i]);
    for (size_t i = 1; i < 3; i++) {
        CHECK_EQ(pushes, counters[i]->received + reader_stats(&counters[i]->reader).skipped);
        expect_err(&counters[i]->reader, AIMDB_EEMPTY);
    }
    for (size_t i = 0; i < 3; i++)
        number_unsubscribe(&counters[i]->reader);
    world_close(w);
    CHECK_EQ(pushes, task_stats(task).received + task_stats(task).skipped);
    CHECK_EQ(gate_count(sink->calls), task_stats(task).received);
}

static aimdb_err
keep_newest(aimdb_ctx *ctx, const struct number *value)
{
    atomic_store((_Atomic uint64_t *) aimdb_user(ctx), value->n);
    return AIMDB_OK;
}

// proves L4 D1
static void
consumer_gets_the_last_value_of_every_burst(void **state)
{
    struct world *w = *state;
    _Atomic uint64_t *newest = world_memory(w, sizeof *newest);
    number_record record = number_configure(w->builder, "latest", AIMDB_SINGLE_LATEST);
    CHECK(number_add_consumer(w->builder, record, keep_newest, newest) != NULL);
    world_build(w);
    for (uint64_t burst = 1; burst <= 300; burst++) {
        push_range(record, burst * 1000, burst * 1000 + 20);
        EVENTUALLY(atomic_load(newest) == burst * 1000 + 20);
    }
}

// proves L4 L1
static void
value_pushed_during_a_call_is_delivered_after_it(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_held_new(w, 100);
    number_record record = number_configure(w->builder, "latest", AIMDB_SINGLE_LATEST);
    sink_attach(w, record, sink, false);
    world_build(w);
    push(record, 0);
    for (uint64_t n = 1; n < 100; n++) {
        gate_wait(sink->calls, n);
        push(record, n);
        gate_add(sink->leave, 1);
    }
    gate_wait(sink->calls, 100);
    for (uint64_t n = 0; n < 100; n++)
        CHECK_EQ(n, sink->values[n]);
    sink_let_go(sink);
}

// proves L5
static void
peek_before_the_first_push_finds_nothing(void **state)
{
    number_record record = latest_new(*state);
    struct number out = { 5 };
    CHECK_ERR(AIMDB_EEMPTY, number_peek(record, &out));
    CHECK_EQ(5, out.n);
}

// proves L5
static void
peek_copies_without_marking_as_seen(void **state)
{
    number_reader reader;
    number_record record = latest_with_reader(*state, &reader);
    struct number out = { 0 };
    push(record, 7);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(number_peek(record, &out));
        CHECK_EQ(7, out.n);
    }
    expect(&reader, 7);
    CHECK_OK(number_peek(record, &out)); // seen by all, still current
    CHECK_EQ(7, out.n);
    CHECK_EQ(1, reader_stats(&reader).received);
    number_unsubscribe(&reader);
}

struct page {
    uint64_t words[8192];
};
AIMDB_RECORD_TYPE(page, struct page);

struct hammer {
    page_record record;
    struct gate *going;
    atomic_bool stop;
    struct page page;
};

static void
hammer_run(void *arg)
{
    struct hammer *hammer = arg;
    for (uint64_t n = 1; !atomic_load(&hammer->stop); n++) {
        for (size_t i = 0; i < 8192; i++)
            hammer->page.words[i] = n;
        CHECK_OK(page_produce(hammer->record, &hammer->page));
        if (n == 1)
            gate_add(hammer->going, 1);
    }
}

static void
pages_get_through(struct hammer *hammer, page_reader *reader, struct page *out)
{
    uint64_t last = 0;
    for (uint64_t i = contract_many(300); i > 0; i--) {
        CHECK_OK(page_recv(reader, out, AIMDB_FOREVER));
        CHECK(out->words[0] > last);
        last = out->words[0];
        for (size_t k = 1; k < 8192; k++)
            CHECK_EQ(last, out->words[k]);
        CHECK_OK(page_peek(hammer->record, out));
        CHECK(out->words[0] >= last);
        for (size_t k = 1; k < 8192; k++)
            CHECK_EQ(out->words[0], out->words[k]);
    }
}

static void
tight_writer_starves_no_reader(struct world *w, aimdb_buffer_cfg cfg)
{
    struct hammer *hammer = world_memory(w, sizeof *hammer);
    struct page *out = world_memory(w, sizeof *out);
    page_reader reader;
    hammer->record = page_configure(w->builder, "pages", cfg);
    hammer->going = gate_new(w);
    world_build(w);
    CHECK_OK(page_subscribe(hammer->record, &reader));
    struct helper *helper = helper_start(w, hammer_run, hammer);
    gate_wait(hammer->going, 1);
    pages_get_through(hammer, &reader, out);
    atomic_store(&hammer->stop, true);
    helper_join(helper);
    page_unsubscribe(&reader);
}

// proves L6
static void
writer_in_a_tight_loop_starves_no_reader(void **state)
{
    tight_writer_starves_no_reader(*state, AIMDB_SINGLE_LATEST);
}

// proves L6 P3
static void
one_writer_in_a_tight_loop_starves_no_reader(void **state)
{
    tight_writer_starves_no_reader(*state, AIMDB_SINGLE_LATEST_WITH(.one_writer = true));
}

// proves L7
static void
each_reader_counts_what_it_skipped_itself(void **state)
{
    number_reader eager, lazy;
    number_record record = latest_with_reader(*state, &eager);
    CHECK_OK(number_subscribe(record, &lazy));
    for (uint64_t n = 1; n <= 50; n++) {
        push(record, n);
        expect(&eager, n);
    }
    expect(&lazy, 50);
    CHECK_EQ(0, reader_stats(&eager).skipped);
    CHECK_EQ(50, reader_stats(&eager).received);
    CHECK_EQ(49, reader_stats(&lazy).skipped);
    CHECK_EQ(0, reader_stats(&lazy).missed);
    number_unsubscribe(&eager);
    number_unsubscribe(&lazy);
}

// proves L2 L7
static void
drain_of_a_latest_takes_the_one_value_there_is(void **state)
{
    number_reader reader;
    number_record record = latest_with_reader(*state, &reader);
    struct number values[4] = { { 0 } };
    uint64_t missed = 9;
    push_range(record, 1, 10);
    CHECK_EQ(1, number_drain(&reader, values, 4, &missed));
    CHECK_EQ(10, values[0].n);
    CHECK_EQ(0, missed);
    CHECK_EQ(0, number_drain(&reader, values, 4, &missed));
    CHECK_EQ(9, reader_stats(&reader).skipped);
    number_unsubscribe(&reader);
}

// proves L1 P4
static void
batch_leaves_its_last_value(void **state)
{
    number_reader reader;
    number_record record = latest_with_reader(*state, &reader);
    CHECK_OK(number_produce_n(record, (struct number[]){ { 1 }, { 2 }, { 3 } }, 3));
    expect(&reader, 3);
    CHECK_EQ(2, reader_stats(&reader).skipped);
    CHECK_EQ(3, record_stats(record).produced);
    number_unsubscribe(&reader);
}

// proves L3 X3
static void
closed_latest_gives_the_unseen_value_and_then_says_so(void **state)
{
    struct world *w = *state;
    number_reader unseen, seen;
    struct number out = { 0 };
    number_record record = latest_with_reader(w, &unseen);
    CHECK_OK(number_subscribe(record, &seen));
    push(record, 4);
    expect(&seen, 4);
    world_close(w);
    expect(&unseen, 4);
    expect_err(&unseen, AIMDB_ECLOSED);
    expect_err(&seen, AIMDB_ECLOSED);
    CHECK_ERR(AIMDB_ECLOSED, number_recv(&seen, &out, AIMDB_FOREVER));
    number_unsubscribe(&unseen);
    number_unsubscribe(&seen);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(push_replaces_the_value_before_it),
        CONTRACT_TEST(reader_with_nothing_to_see_waits_and_is_told_of_the_first_push),
        CONTRACT_TEST(reader_that_has_seen_the_value_is_told_of_the_next),
        CONTRACT_TEST(values_in_between_are_skipped_and_lag_does_not_exist),
        CONTRACT_TEST(late_reader_of_single_latest_gets_the_current_value),
        CONTRACT_TEST(current_value_replaced_before_a_late_reader_looked_is_skipped),
        CONTRACT_TEST(new_reader_of_an_empty_latest_waits),
        CONTRACT_TEST(same_push_is_never_delivered_twice_but_the_same_value_is),
        CONTRACT_TEST(every_reader_converges_on_the_last_value),
        CONTRACT_TEST(consumer_gets_the_last_value_of_every_burst),
        CONTRACT_TEST(value_pushed_during_a_call_is_delivered_after_it),
        CONTRACT_TEST(peek_before_the_first_push_finds_nothing),
        CONTRACT_TEST(peek_copies_without_marking_as_seen),
        CONTRACT_TEST(writer_in_a_tight_loop_starves_no_reader),
        CONTRACT_TEST(one_writer_in_a_tight_loop_starves_no_reader),
        CONTRACT_TEST(each_reader_counts_what_it_skipped_itself),
        CONTRACT_TEST(drain_of_a_latest_takes_the_one_value_there_is),
        CONTRACT_TEST(batch_leaves_its_last_value),
        CONTRACT_TEST(closed_latest_gives_the_unseen_value_and_then_says_so),
    };
    return CONTRACT_RUN(tests, argc, argv);
}
