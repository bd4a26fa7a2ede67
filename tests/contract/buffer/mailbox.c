// SPDX-License-Identifier: Apache-2.0
// The mailbox: one value that one consumer takes, and observers that never take anything.
#include "contract.h"

static number_record
mailbox_new(struct world *w)
{
    number_record record = number_configure(w->builder, "mailbox", AIMDB_MAILBOX);
    world_build(w);
    return record;
}

static number_record
mailbox_with_reader(struct world *w, number_reader *reader)
{
    number_record record = mailbox_new(w);
    CHECK_OK(number_subscribe(record, reader));
    return record;
}

// proves M1
static void
push_overwrites_an_unread_value_and_counts_it(void **state)
{
    number_reader reader;
    number_record record = mailbox_with_reader(*state, &reader);
    push_range(record, 1, 5);
    CHECK_EQ(4, record_stats(record).overwritten);
    CHECK_EQ(5, record_stats(record).produced);
    expect(&reader, 5);
    expect_err(&reader, AIMDB_EEMPTY);
    push(record, 6); // the one before was taken: nothing is overwritten
    CHECK_EQ(4, record_stats(record).overwritten);
    expect(&reader, 6);
    CHECK_EQ(2, reader_stats(&reader).received);
    CHECK_EQ(0, reader_stats(&reader).missed);
    CHECK_EQ(0, reader_stats(&reader).lags);
    number_unsubscribe(&reader);
}

// proves M1 P4
static void
overwriting_without_any_reader_is_counted_as_well(void **state)
{
    number_record record = mailbox_new(*state);
    number_reader reader;
    push_range(record, 1, 100);
    CHECK_EQ(99, record_stats(record).overwritten);
    CHECK_OK(number_subscribe(record, &reader));
    CHECK_EQ(1, reader_stats(&reader).pending);
    expect(&reader, 100);
    CHECK_EQ(99, record_stats(record).overwritten);
    number_unsubscribe(&reader);
}

// proves M1 P4
static void
batch_overwrites_all_but_its_last_value(void **state)
{
    number_reader reader;
    number_record record = mailbox_with_reader(*state, &reader);
    push(record, 9);
    CHECK_OK(number_produce_n(record, (struct number[]){ { 1 }, { 2 }, { 3 } }, 3));
    CHECK_EQ(4, record_stats(record).produced);
    CHECK_EQ(3, record_stats(record).overwritten);
    expect(&reader, 3);
    number_unsubscribe(&reader);
}

// proves M2
static void
value_that_one_reader_took_is_gone_for_the_others(void **state)
{
    number_reader readers[3];
    number_record record = mailbox_new(*state);
    for (size_t i = 0; i < 3; i++)
        CHECK_OK(number_subscribe(record, &readers[i]));
    for (uint64_t n = 0; n < 30; n++) {
        push(record, n);
        for (size_t i = 0; i < 3; i++)
            CHECK_EQ(1, reader_stats(&readers[i]).pending);
        expect(&readers[n % 3], n);
        for (size_t i = 0; i < 3; i++)
            expect_err(&readers[i], AIMDB_EEMPTY);
    }
    for (size_t i = 0; i < 3; i++) {
        CHECK_EQ(10, reader_stats(&readers[i]).received);
        number_unsubscribe(&readers[i]);
    }
}

struct taker {
    number_record record;
    number_reader reader;
    _Atomic uint64_t *got; // how often each value was taken, by all
    struct gate *taken;
    _Atomic uint64_t count; // taken by this one
};

static void
take(struct taker *taker, uint64_t n)
{
    atomic_fetch_add(&taker->got[n], 1);
    atomic_fetch_add(&taker->count, 1);
    gate_add(taker->taken, 1);
}

static void
take_until_closed(void *arg)
{
    struct taker *taker = arg;
    struct number out;
    aimdb_err err;
    while ((err = number_recv(&taker->reader, &out, AIMDB_FOREVER)) == AIMDB_OK)
        take(taker, out.n);
    CHECK_ERR(AIMDB_ECLOSED, err);
}

static aimdb_err
take_call(aimdb_ctx *ctx, const struct number *value)
{
    take(aimdb_user(ctx), value->n);
    return AIMDB_OK;
}

#define TAKERS 3u
#define VALUES 3000u        // at the least
#define VALUES_MOST 300000u // a taker that has still got next to nothing then is starved
#define SHARE 20u           // next to nothing
#define TURNS 300u          // when all begin alike

static struct taker *
taker_new(struct world *w, struct gate *taken, _Atomic uint64_t *got)
{
    struct taker *taker = world_memory(w, sizeof *taker);
    taker->taken = taken;
    taker->got = got;
    return taker;
}

// One value after the other, each once the one before was taken, until everybody had a share.
static uint64_t
feed(number_record record, struct taker *const *takers, struct gate *taken)
{
    uint64_t n = 0, least = 0;
    while (n < contract_many(VALUES) || least < SHARE) {
        CHECK(n < VALUES_MOST);
        push(record, ++n);
        gate_wait(taken, n);
        least = atomic_load(&takers[0]->count);
        for (size_t i = 1; i < TAKERS; i++)
            if (atomic_load(&takers[i]->count) < least)
                least = atomic_load(&takers[i]->count);
    }
    return n;
}

static void
each_value_once(struct taker *const *takers, _Atomic uint64_t *got, uint64_t values)
{
    uint64_t sum = 0;
    for (uint64_t n = 1; n <= values; n++)
        CHECK_EQ(1, atomic_load(&got[n]));
    for (size_t i = 0; i < TAKERS; i++)
        sum += atomic_load(&takers[i]->count);
    CHECK_EQ(values, sum);
}

// proves M2
static void
competing_readers_get_each_value_once_and_none_starves(void **state)
{
    struct world *w = *state;
    struct gate *taken = gate_new(w);
    _Atomic uint64_t *got = world_memory(w, (VALUES_MOST + 1) * sizeof *got);
    struct taker *takers[TAKERS];
    struct helper *helpers[TAKERS];
    number_record record = mailbox_new(w);
    for (size_t i = 0; i < TAKERS; i++) {
        takers[i] = taker_new(w, taken, got);
        CHECK_OK(number_subscribe(record, &takers[i]->reader));
        helpers[i] = helper_start(w, take_until_closed, takers[i]);
    }
    uint64_t values = feed(record, takers, taken);
    world_close(w);
    for (size_t i = 0; i < TAKERS; i++) {
        helper_join(helpers[i]);
        CHECK_EQ(atomic_load(&takers[i]->count), reader_stats(&takers[i]->reader).received);
        number_unsubscribe(&takers[i]->reader);
    }
    each_value_once(takers, got, values);
    CHECK_EQ(0, record_stats(record).overwritten);
}

// proves M2
static void
competing_consumers_get_each_value_once_and_none_starves(void **state)
{
    struct world *w = *state;
    struct gate *taken = gate_new(w);
    _Atomic uint64_t *got = world_memory(w, (VALUES_MOST + 1) * sizeof *got);
    struct taker *takers[TAKERS];
    aimdb_task *tasks[TAKERS];
    number_record record = number_configure(w->builder, "mailbox", AIMDB_MAILBOX);
    for (size_t i = 0; i < TAKERS; i++) {
        takers[i] = taker_new(w, taken, got);
        tasks[i] = number_add_consumer(w->builder, record, take_call, takers[i]);
    }
    world_build(w);
    uint64_t values = feed(record, takers, taken);
    world_close(w);
    for (size_t i = 0; i < TAKERS; i++)
        CHECK_EQ(atomic_load(&takers[i]->count), task_stats(tasks[i]).received);
    each_value_once(takers, got, values);
}

// Nobody is nearer to the value than the others: whom the push wakes first decides.
// proves M2
static void
consumers_that_all_wait_take_turns(void **state)
{
    struct world *w = *state;
    struct gate *taken = gate_new(w);
    _Atomic uint64_t *got = world_memory(w, (TURNS + 1) * sizeof *got);
    struct taker *takers[TAKERS];
    number_record record = number_configure(w->builder, "mailbox", AIMDB_MAILBOX);
    for (size_t i = 0; i < TAKERS; i++) {
        takers[i] = taker_new(w, taken, got);
        CHECK(number_add_consumer(w->builder, record, take_call, takers[i]) != NULL);
    }
    world_build(w);
    for (uint64_t n = 1; n <= TURNS; n++) {
        EVENTUALLY(contract_others_asleep());
        push(record, n);
        gate_wait(taken, n);
    }
    for (size_t i = 0; i < TAKERS; i++)
        CHECK(atomic_load(&takers[i]->count) >= SHARE);
    each_value_once(takers, got, TURNS);
}

// proves M2
static void
value_goes_to_a_consumer_that_is_free(void **state)
{
    struct world *w = *state;
    struct sink *first = sink_held_new(w, 4);
    struct sink *second = sink_held_new(w, 4);
    number_record record = number_configure(w->builder, "mailbox", AIMDB_MAILBOX);
    sink_attach(w, record, first, true);
    sink_attach(w, record, second, true);
    world_build(w);
    EVENTUALLY(contract_others_asleep()); // both wait for a value
    push(record, 1);
    EVENTUALLY(gate_count(first->calls) + gate_count(second->calls) == 1);
    push(record, 2); // one of the two is stuck in its call: the other must get this one
    gate_wait(first->calls, 1);
    gate_wait(second->calls, 1);
    CHECK_EQ(3, first->values[0] + second->values[0]);
    CHECK_EQ(0, record_stats(record).overwritten);
    sink_let_go(first);
    sink_let_go(second);
}

static aimdb_err
keep_newest(aimdb_ctx *ctx, const struct number *value)
{
    atomic_store((_Atomic uint64_t *) aimdb_user(ctx), value->n);
    return AIMDB_OK;
}

// proves M3
static void
last_value_of_every_burst_is_delivered(void **state)
{
    struct world *w = *state;
    _Atomic uint64_t *newest = world_memory(w, sizeof *newest);
    number_record record = number_configure(w->builder, "mailbox", AIMDB_MAILBOX);
    aimdb_task *task = number_add_consumer(w->builder, record, keep_newest, newest);
    world_build(w);
    for (uint64_t burst = 1; burst <= 300; burst++) {
        push_range(record, burst * 1000, burst * 1000 + 20);
        EVENTUALLY(atomic_load(newest) == burst * 1000 + 20);
    }
    world_close(w);
    CHECK(task_stats(task).received >= 300);
    CHECK_EQ(300 * 21, task_stats(task).received + record_stats(record).overwritten);
}

// proves M3 P4
static void
last_value_waits_for_a_stuck_consumer(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_held_new(w, 4);
    number_record record = number_configure(w->builder, "mailbox", AIMDB_MAILBOX);
    aimdb_task *task = sink_attach(w, record, sink, true);
    world_build(w);
    push(record, 1);
    gate_wait(sink->calls, 1);
    push_range(record, 2, 50);
    CHECK_EQ(48, record_stats(record).overwritten);
    CHECK_EQ(1, task_stats(task).pending);
    sink_let_go(sink);
    gate_wait(sink->calls, 2);
    CHECK_EQ(50, sink->values[1]);
    world_close(w);
    CHECK_EQ(2, task_stats(task).received);
    CHECK_EQ(50, task_stats(task).received + record_stats(record).overwritten);
}

// proves M4
static void
value_pushed_before_the_first_reader_waits_for_it(void **state)
{
    number_record record = mailbox_new(*state);
    number_reader first, second;
    push(record, 1);
    CHECK_OK(number_subscribe(record, &first));
    expect(&first, 1);
    CHECK_OK(number_subscribe(record, &second));
    expect_err(&second, AIMDB_EEMPTY);
    number_unsubscribe(&first);
    number_unsubscribe(&second);
    push(record, 2); // nobody is left
    CHECK_OK(number_subscribe(record, &second));
    expect(&second, 2);
    number_unsubscribe(&second);
}

// proves M4
static void
peek_looks_without_taking(void **state)
{
    number_reader reader;
    number_record record = mailbox_with_reader(*state, &reader);
    struct number out = { 5 };
    CHECK_ERR(AIMDB_EEMPTY, number_peek(record, &out));
    CHECK_EQ(5, out.n);
    push(record, 7);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(number_peek(record, &out));
        CHECK_EQ(7, out.n);
    }
    expect(&reader, 7);
    out.n = 5;
    CHECK_ERR(AIMDB_EEMPTY, number_peek(record, &out)); // it was taken
    CHECK_EQ(5, out.n);
    number_unsubscribe(&reader);
}

// proves M5
static void
observer_sees_each_new_value_and_leaves_it(void **state)
{
    number_reader taker, observer;
    number_record record = mailbox_with_reader(*state, &taker);
    CHECK_OK(number_observe(record, &observer));
    expect_err(&observer, AIMDB_EEMPTY);
    for (uint64_t n = 1; n <= 20; n++) {
        push(record, n);
        expect(&observer, n);
        expect_err(&observer, AIMDB_EEMPTY);
        expect(&taker, n);
        expect_err(&taker, AIMDB_EEMPTY);
    }
    CHECK_EQ(0, record_stats(record).overwritten);
    CHECK_EQ(20, reader_stats(&observer).received);
    number_unsubscribe(&taker);
    number_unsubscribe(&observer);
}

// proves M5 M1
static void
looking_does_not_count_as_taking(void **state)
{
    number_reader taker, observer;
    number_record record = mailbox_with_reader(*state, &taker);
    CHECK_OK(number_observe(record, &observer));
    push(record, 1);
    expect(&observer, 1);
    push(record, 2); // only the observer had seen the one before
    CHECK_EQ(1, record_stats(record).overwritten);
    push_range(record, 3, 5);
    expect(&observer, 5);
    CHECK_EQ(3, reader_stats(&observer).skipped);
    expect(&taker, 5);
    CHECK_EQ(0, reader_stats(&taker).skipped);
    number_unsubscribe(&taker);
    number_unsubscribe(&observer);
}

// proves M5
static void
observer_alone_keeps_nothing_from_a_later_consumer(void **state)
{
    number_record record = mailbox_new(*state);
    number_reader taker, observers[2];
    CHECK_OK(number_observe(record, &observers[0]));
    CHECK_OK(number_observe(record, &observers[1]));
    push(record, 1);
    expect(&observers[0], 1);
    expect(&observers[1], 1);
    CHECK_OK(number_subscribe(record, &taker));
    expect(&taker, 1);
    number_unsubscribe(&observers[0]);
    number_unsubscribe(&observers[1]);
    number_unsubscribe(&taker);
}

struct watcher {
    number_reader reader;
    aimdb_err err;
    struct number out;
};

static void
watch_one(void *arg)
{
    struct watcher *watcher = arg;
    helper_about_to_block();
    watcher->err = number_recv(&watcher->reader, &watcher->out, AIMDB_FOREVER);
}

// The observer may be woken and find the value taken already: it sees the value all the same.
// proves M5 M2
static void
blocked_taker_and_blocked_observer_both_get_the_value(void **state)
{
    struct world *w = *state;
    struct watcher *watchers[2];
    struct helper *helpers[2];
    number_record record = mailbox_new(w);
    for (size_t i = 0; i < 2; i++) {
        watchers[i] = world_memory(w, sizeof *watchers[i]);
        CHECK_OK(i == 0 ? number_subscribe(record, &watchers[i]->reader)
                        : number_observe(record, &watchers[i]->reader));
        helpers[i] = helper_start(w, watch_one, watchers[i]);
        helper_until_asleep(helpers[i]);
    }
    push(record, 11);
    for (size_t i = 0; i < 2; i++) {
        helper_join(helpers[i]);
        CHECK_OK(watchers[i]->err);
        CHECK_EQ(11, watchers[i]->out.n);
        number_unsubscribe(&watchers[i]->reader);
    }
}

// proves M2 M5
static void
drain_takes_the_one_value_and_an_observing_drain_leaves_it(void **state)
{
    number_reader taker, observer;
    number_record record = mailbox_with_reader(*state, &taker);
    struct number values[4] = { { 0 } };
    uint64_t missed = 9;
    CHECK_OK(number_observe(record, &observer));
    push_range(record, 1, 3);
    CHECK_EQ(1, number_drain(&observer, values, 4, &missed));
    CHECK_EQ(3, values[0].n);
    CHECK_EQ(0, missed);
    CHECK_EQ(1, number_drain(&taker, values, 4, &missed));
    CHECK_EQ(3, values[0].n);
    CHECK_EQ(0, number_drain(&taker, values, 4, &missed));
    CHECK_EQ(0, number_drain(&observer, values, 4, &missed));
    number_unsubscribe(&taker);
    number_unsubscribe(&observer);
}

// proves M3 X3
static void
closed_mailbox_gives_its_value_to_one_and_then_says_so(void **state)
{
    struct world *w = *state;
    number_reader readers[2];
    struct number out = { 0 };
    number_record record = mailbox_with_reader(w, &readers[0]);
    CHECK_OK(number_subscribe(record, &readers[1]));
    push(record, 4);
    world_close(w);
    expect(&readers[1], 4);
    expect_err(&readers[0], AIMDB_ECLOSED);
    expect_err(&readers[1], AIMDB_ECLOSED);
    CHECK_ERR(AIMDB_ECLOSED, number_recv(&readers[0], &out, AIMDB_FOREVER));
    number_unsubscribe(&readers[0]);
    number_unsubscribe(&readers[1]);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(push_overwrites_an_unread_value_and_counts_it),
        CONTRACT_TEST(overwriting_without_any_reader_is_counted_as_well),
        CONTRACT_TEST(batch_overwrites_all_but_its_last_value),
        CONTRACT_TEST(value_that_one_reader_took_is_gone_for_the_others),
        CONTRACT_TEST(competing_readers_get_each_value_once_and_none_starves),
        CONTRACT_TEST(competing_consumers_get_each_value_once_and_none_starves),
        CONTRACT_TEST(consumers_that_all_wait_take_turns),
        CONTRACT_TEST(value_goes_to_a_consumer_that_is_free),
        CONTRACT_TEST(last_value_of_every_burst_is_delivered),
        CONTRACT_TEST(last_value_waits_for_a_stuck_consumer),
        CONTRACT_TEST(value_pushed_before_the_first_reader_waits_for_it),
        CONTRACT_TEST(peek_looks_without_taking),
        CONTRACT_TEST(observer_sees_each_new_value_and_leaves_it),
        CONTRACT_TEST(looking_does_not_count_as_taking),
        CONTRACT_TEST(observer_alone_keeps_nothing_from_a_later_consumer),
        CONTRACT_TEST(blocked_taker_and_blocked_observer_both_get_the_value),
        CONTRACT_TEST(drain_takes_the_one_value_and_an_observing_drain_leaves_it),
        CONTRACT_TEST(closed_mailbox_gives_its_value_to_one_and_then_says_so),
    };
    return CONTRACT_RUN(tests, argc, argv);
}
