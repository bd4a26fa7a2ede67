// SPDX-License-Identifier: Apache-2.0
// The way of a value: produce, producer functions, writers, and that every value is accounted for.
#include "contract.h"

// P1 ------------------------------------------------------------------------------------------

// Sleeps until there is news, so that pushes have somebody to wake.
static void
observe_until_closed(void *arg)
{
    number_reader *reader = arg;
    struct number out;
    aimdb_err err;
    helper_about_to_block();
    do
        err = number_recv(reader, &out, AIMDB_FOREVER);
    while (err == AIMDB_OK || err == AIMDB_ELAGGED);
    CHECK_ERR(AIMDB_ECLOSED, err);
    number_unsubscribe(reader);
}

static void
stuck_consumer_holds_up_nobody(struct world *w, aimdb_buffer_cfg cfg)
{
    number_record record = number_configure(w->builder, "stuck", cfg);
    struct sink *stuck = sink_held_new(w, 1);
    struct sink *blocking = sink_held_new(w, 1);
    number_reader *observer = world_memory(w, sizeof *observer);
    sink_attach(w, record, stuck, !contract_blocking_threads_are_its_own());
    sink_attach(w, record, blocking, true);
    world_build(w);
    CHECK_OK(number_observe(record, observer));
    struct helper *helper = helper_start(w, observe_until_closed, observer);
    push(record, 1);
    if (cfg.buffer == AIMDB_BUFFER_MAILBOX) {
        EVENTUALLY(gate_count(stuck->calls) + gate_count(blocking->calls) == 1);
        push(record, 2); // for the one that has no value yet
    }
    gate_wait(stuck->calls, 1);
    gate_wait(blocking->calls, 1);
    helper_until_asleep(helper);
    push_range(record, 3, 5002); // would never return if it waited for one of the two
    CHECK_EQ(1, gate_count(stuck->calls));
    CHECK_EQ(1, gate_count(blocking->calls));
    CHECK_EQ(cfg.buffer == AIMDB_BUFFER_MAILBOX ? 5002 : 5001, record_stats(record).produced);
    sink_let_go(stuck);
    sink_let_go(blocking);
}

// proves P1
static void
produce_into_a_ring_returns_while_all_consumers_are_stuck(void **state)
{
    stuck_consumer_holds_up_nobody(*state, AIMDB_SPMC_RING(4));
}

// proves P1
static void
produce_into_a_latest_returns_while_all_consumers_are_stuck(void **state)
{
    stuck_consumer_holds_up_nobody(*state, AIMDB_SINGLE_LATEST);
}

// proves P1 M1
static void
produce_into_a_mailbox_returns_while_all_consumers_are_stuck(void **state)
{
    stuck_consumer_holds_up_nobody(*state, AIMDB_MAILBOX);
}

// proves P1
static void
produced_value_is_in_the_buffer_when_produce_returns(void **state)
{
    struct world *w = *state;
    const aimdb_buffer_cfg buffers[] = { AIMDB_SPMC_RING(2), AIMDB_SINGLE_LATEST, AIMDB_MAILBOX };
    const char *const keys[] = { "ring", "latest", "mailbox" };
    number_record records[3];
    for (size_t i = 0; i < 3; i++)
        records[i] = number_configure(w->builder, keys[i], buffers[i]);
    world_build(w);
    for (size_t i = 0; i < 3; i++) {
        number_reader reader;
        CHECK_OK(number_subscribe(records[i], &reader));
        push(records[i], 41 + i);
        expect(&reader, 41 + i);
        number_unsubscribe(&reader);
    }
}

// P2 ------------------------------------------------------------------------------------------

struct gatekeeper {
    pthread_t thread; // that called it last
    uint64_t calls;
    uint64_t threshold; // this and all above are refused
    aimdb_err refusal;
};

static aimdb_err
double_or_refuse(aimdb_ctx *ctx, struct number *value)
{
    struct gatekeeper *keeper = aimdb_user(ctx);
    keeper->thread = pthread_self();
    keeper->calls++;
    if (value->n >= keeper->threshold)
        return keeper->refusal;
    value->n *= 2;
    return AIMDB_OK;
}

static number_record
kept_record(struct world *w, aimdb_buffer_cfg cfg, struct gatekeeper **ret_keeper)
{
    struct gatekeeper *keeper = world_memory(w, sizeof *keeper);
    number_record record = number_configure(w->builder, "kept", cfg);
    keeper->threshold = 100;
    keeper->refusal = AIMDB_EINVAL;
    number_set_producer(w->builder, record, double_or_refuse, keeper);
    *ret_keeper = keeper;
    return record;
}

// proves P2
static void
consumers_get_what_the_producer_function_leaves(void **state)
{
    struct world *w = *state;
    struct gatekeeper *keeper;
    number_record record = kept_record(w, AIMDB_SPMC_RING(4), &keeper);
    struct sink *sink = sink_new(w, 4);
    number_reader reader;
    sink_attach(w, record, sink, false);
    world_build(w);
    CHECK_OK(number_subscribe(record, &reader));
    push(record, 21);
    expect(&reader, 42);
    gate_wait(sink->calls, 1);
    CHECK_EQ(42, sink->values[0]);
    number_unsubscribe(&reader);
}

// proves P2
static void
producer_function_runs_in_the_thread_that_produces(void **state)
{
    struct world *w = *state;
    struct gatekeeper *keeper;
    number_record record = kept_record(w, AIMDB_SINGLE_LATEST, &keeper);
    world_build(w);
    push(record, 1);
    CHECK_EQ(1, keeper->calls);
    CHECK(pthread_equal(pthread_self(), keeper->thread));
}

// proves P2
static void
value_of_the_caller_is_only_read(void **state)
{
    struct world *w = *state;
    struct gatekeeper *keeper;
    number_record record = kept_record(w, AIMDB_SPMC_RING(4), &keeper);
    struct number mine[3] = { { 7 }, { 8 }, { 100 } };
    world_build(w);
    CHECK_OK(number_produce(record, &mine[0]));
    CHECK_ERR(AIMDB_EINVAL, number_produce_n(record, mine, 3));
    CHECK_EQ(7, mine[0].n);
    CHECK_EQ(8, mine[1].n);
    CHECK_EQ(100, mine[2].n);
}

// proves P2
static void
refused_value_goes_nowhere_and_the_error_comes_back(void **state)
{
    struct world *w = *state;
    const aimdb_err errors[] = { AIMDB_EINVAL, AIMDB_EIO, AIMDB_ENOTSUP, AIMDB_EBUSY };
    struct gatekeeper *keeper;
    number_record record = kept_record(w, AIMDB_SPMC_RING(4), &keeper);
    number_reader reader;
    world_build(w);
    CHECK_OK(number_subscribe(record, &reader));
    for (size_t i = 0; i < 4; i++) {
        keeper->refusal = errors[i];
        CHECK_ERR(errors[i], number_produce(record, &(struct number){ 100 }));
        expect_err(&reader, AIMDB_EEMPTY);
    }
    CHECK_EQ(4, record_stats(record).refused);
    CHECK_EQ(0, record_stats(record).produced);
    push(record, 1);
    expect(&reader, 2);
    CHECK_EQ(1, record_stats(record).produced);
    number_unsubscribe(&reader);
}

// proves P2
static void
refusal_keeps_what_the_buffer_held(void **state)
{
    struct world *w = *state;
    struct gatekeeper *keeper;
    number_record record = kept_record(w, AIMDB_SINGLE_LATEST, &keeper);
    struct number out = { 0 };
    world_build(w);
    push(record, 4);
    CHECK_ERR(AIMDB_EINVAL, number_produce(record, &(struct number){ 200 }));
    CHECK_OK(number_peek(record, &out));
    CHECK_EQ(8, out.n);
}

// proves P2 P4
static void
batch_publishes_the_accepted_values_in_order_and_counts_the_rest(void **state)
{
    struct world *w = *state;
    struct gatekeeper *keeper;
    number_record record = kept_record(w, AIMDB_SPMC_RING(2000), &keeper);
    number_reader reader;
    struct number *batch = world_memory(w, 1500 * sizeof *batch); // more than one part of 4 KB
    uint64_t accepted = 0;
    world_build(w);
    CHECK_OK(number_subscribe(record, &reader));
    for (size_t i = 0; i < 1500; i++)
        batch[i].n = i % 3 == 1 ? 100 : i % 50;
    CHECK_ERR(AIMDB_EINVAL, number_produce_n(record, batch, 1500));
    CHECK_EQ(1500, keeper->calls);
    for (size_t i = 0; i < 1500; i++)
        if (batch[i].n < 100) {
            expect(&reader, 2 * batch[i].n);
            accepted++;
        }
    expect_err(&reader, AIMDB_EEMPTY);
    CHECK_EQ(accepted, record_stats(record).produced);
    CHECK_EQ(1500 - accepted, record_stats(record).refused);
    number_unsubscribe(&reader);
}

static aimdb_err
refuse_by_value(aimdb_ctx *ctx, struct number *value)
{
    (void) ctx;
    return value->n == 2 ? AIMDB_EIO : value->n == 3 ? AIMDB_EINVAL : AIMDB_OK;
}

// proves P2
static void
batch_returns_the_first_error_and_goes_on(void **state)
{
    struct world *w = *state;
    number_record record = number_configure(w->builder, "batch", AIMDB_SPMC_RING(8));
    number_reader reader;
    number_set_producer(w->builder, record, refuse_by_value, NULL);
    world_build(w);
    CHECK_OK(number_subscribe(record, &reader));
    CHECK_ERR(AIMDB_EIO,
              number_produce_n(record, (struct number[]){ { 1 }, { 2 }, { 3 }, { 4 }, { 5 } }, 5));
    expect(&reader, 1);
    expect(&reader, 4);
    expect(&reader, 5);
    expect_err(&reader, AIMDB_EEMPTY);
    number_unsubscribe(&reader);
}

// P3 ------------------------------------------------------------------------------------------

#define WRITERS 4u
#define EACH 2000u

struct writer {
    number_record record;
    struct gate *start;
    uint64_t id;
};

static void
write_in_order(void *arg)
{
    struct writer *writer = arg;
    gate_wait(writer->start, 1);
    for (uint64_t i = 0; i < EACH; i++)
        push(writer->record, writer->id << 32 | i);
}

// proves P3 P4
static void
values_of_each_of_many_threads_arrive_in_that_threads_order(void **state)
{
    struct world *w = *state;
    number_record record = number_configure(w->builder, "many", AIMDB_SPMC_RING(WRITERS * EACH));
    struct gate *start = gate_new(w);
    struct sink *sink = sink_new(w, WRITERS * EACH);
    struct helper *helpers[WRITERS];
    uint64_t next[WRITERS] = { 0 };
    sink_attach(w, record, sink, false);
    world_build(w);
    for (size_t i = 0; i < WRITERS; i++) {
        struct writer *writer = world_memory(w, sizeof *writer);
        *writer = (struct writer){ record, start, i };
        helpers[i] = helper_start(w, write_in_order, writer);
    }
    gate_add(start, 1);
    for (size_t i = 0; i < WRITERS; i++)
        helper_join(helpers[i]);
    gate_wait(sink->calls, WRITERS * EACH);
    for (size_t i = 0; i < WRITERS * EACH; i++) {
        uint64_t id = sink->values[i] >> 32;
        CHECK(id < WRITERS);
        CHECK_EQ(next[id]++, sink->values[i] & UINT32_MAX);
    }
    CHECK_EQ(WRITERS * EACH, record_stats(record).produced);
    CHECK_EQ(0, sink->missed);
}

struct relay {
    number_record record;
    struct gate *turns;
    uint64_t id;
};

static void
write_in_turn(void *arg)
{
    struct relay *relay = arg;
    for (uint64_t i = relay->id; i < 1000; i += 2) {
        gate_wait(relay->turns, i);
        push(relay->record, i + 1);
        gate_add(relay->turns, 1);
    }
}

// proves P3
static void
one_writer_record_may_be_handed_from_thread_to_thread(void **state)
{
    struct world *w = *state;
    number_record record =
        number_configure(w->builder, "relay", AIMDB_SPMC_RING(1000, .one_writer = true));
    struct gate *turns = gate_new(w);
    struct helper *helpers[2];
    number_reader reader;
    world_build(w);
    CHECK_OK(number_subscribe(record, &reader));
    for (size_t i = 0; i < 2; i++) {
        struct relay *relay = world_memory(w, sizeof *relay);
        *relay = (struct relay){ record, turns, i };
        helpers[i] = helper_start(w, write_in_turn, relay);
    }
    helper_join(helpers[0]);
    helper_join(helpers[1]);
    expect_range(&reader, 1, 1000);
    expect_err(&reader, AIMDB_EEMPTY);
    number_unsubscribe(&reader);
}

// P4 ------------------------------------------------------------------------------------------

// A small generator: the tests that mix pushes and reads are the same in every run.
static uint64_t
next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void
ring_account_agrees(const number_reader *reader, uint64_t produced)
{
    aimdb_reader_stats stats = reader_stats(reader);
    CHECK_EQ(produced, stats.received + stats.missed + stats.pending);
    CHECK_EQ(0, stats.skipped);
}

// proves P4 R4 R5
static void
account_of_a_ring_reader_is_exact_after_every_step(void **state)
{
    struct world *w = *state;
    number_record record = number_configure(w->builder, "ring", AIMDB_SPMC_RING(7));
    uint64_t random = 88172645463325252, produced = 0, taken = 0, missed = 0, lags = 0;
    number_reader reader;
    world_build(w);
    push_range(record, 1, 11); // before the reader: not its business
    CHECK_OK(number_subscribe(record, &reader));
    for (int step = 0; step < 5000; step++) {
        struct number out;
        if (next_random(&random) % 3 == 0) {
            uint64_t more = next_random(&random) % 12;
            push_range(record, produced + 1, produced + more);
            produced += more;
        } else {
            bool is_empty = taken + missed == produced;
            aimdb_err err = number_try_recv(&reader, &out);
            CHECK((err == AIMDB_EEMPTY) == is_empty);
            if (err == AIMDB_OK)
                CHECK_EQ(++taken + missed, out.n);
            missed += err == AIMDB_ELAGGED ? number_missed(&reader) : 0;
            lags += err == AIMDB_ELAGGED;
        }
        ring_account_agrees(&reader, produced);
    }
    CHECK(lags > 50 && taken > 50);
    CHECK_EQ(taken, reader_stats(&reader).received);
    CHECK_EQ(lags, reader_stats(&reader).lags);
    number_unsubscribe(&reader);
}

// proves P4 M1
static void
account_of_a_mailbox_is_exact_after_every_step(void **state)
{
    struct world *w = *state;
    number_record record = number_configure(w->builder, "mailbox", AIMDB_MAILBOX);
    uint64_t random = 2463534242, produced = 0, taken = 0;
    number_reader readers[2];
    world_build(w);
    CHECK_OK(number_subscribe(record, &readers[0]));
    CHECK_OK(number_subscribe(record, &readers[1]));
    for (int step = 0; step < 5000; step++) {
        struct number out;
        if (next_random(&random) % 2 == 0)
            push(record, ++produced);
        else
            taken += number_try_recv(&readers[step % 2], &out) == AIMDB_OK;
        CHECK_EQ(produced, record_stats(record).produced);
        CHECK_EQ(produced,
                 taken + record_stats(record).overwritten + reader_stats(&readers[0]).pending);
        CHECK_EQ(taken, reader_stats(&readers[0]).received + reader_stats(&readers[1]).received);
    }
    CHECK(taken > 500 && record_stats(record).overwritten > 500);
    number_unsubscribe(&readers[0]);
    number_unsubscribe(&readers[1]);
}

// proves P4 L7
static void
account_of_a_latest_reader_is_exact_after_every_step(void **state)
{
    struct world *w = *state;
    number_record record = number_configure(w->builder, "latest", AIMDB_SINGLE_LATEST);
    uint64_t random = 7, produced = 0, taken = 0;
    number_reader reader;
    world_build(w);
    CHECK_OK(number_subscribe(record, &reader));
    for (int step = 0; step < 5000; step++) {
        struct number out;
        if (next_random(&random) % 2 == 0) {
            push(record, ++produced);
        } else if (number_try_recv(&reader, &out) == AIMDB_OK) {
            taken++;
            CHECK_EQ(produced, out.n);
        }
        aimdb_reader_stats stats = reader_stats(&reader);
        CHECK_EQ(produced, stats.received + stats.skipped + stats.pending);
        CHECK_EQ(taken, stats.received);
        CHECK_EQ(0, stats.missed);
    }
    CHECK(taken > 500 && reader_stats(&reader).skipped > 500);
    number_unsubscribe(&reader);
}

// proves P4
static void
refused_values_are_in_nobodys_account(void **state)
{
    struct world *w = *state;
    struct gatekeeper *keeper;
    number_record record = kept_record(w, AIMDB_SPMC_RING(2), &keeper);
    number_reader reader;
    world_build(w);
    CHECK_OK(number_subscribe(record, &reader));
    for (uint64_t n = 95; n < 105; n++)
        (void) number_produce(record, &(struct number){ n });
    CHECK_EQ(5, record_stats(record).produced);
    CHECK_EQ(5, record_stats(record).refused);
    expect_lag(&reader, 3);
    expect(&reader, 196);
    expect(&reader, 198);
    ring_account_agrees(&reader, 5);
    number_unsubscribe(&reader);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(produce_into_a_ring_returns_while_all_consumers_are_stuck),
        CONTRACT_TEST(produce_into_a_latest_returns_while_all_consumers_are_stuck),
        CONTRACT_TEST(produce_into_a_mailbox_returns_while_all_consumers_are_stuck),
        CONTRACT_TEST(produced_value_is_in_the_buffer_when_produce_returns),
        CONTRACT_TEST(consumers_get_what_the_producer_function_leaves),
        CONTRACT_TEST(producer_function_runs_in_the_thread_that_produces),
        CONTRACT_TEST(value_of_the_caller_is_only_read),
        CONTRACT_TEST(refused_value_goes_nowhere_and_the_error_comes_back),
        CONTRACT_TEST(refusal_keeps_what_the_buffer_held),
        CONTRACT_TEST(batch_publishes_the_accepted_values_in_order_and_counts_the_rest),
        CONTRACT_TEST(batch_returns_the_first_error_and_goes_on),
        CONTRACT_TEST(values_of_each_of_many_threads_arrive_in_that_threads_order),
        CONTRACT_TEST(one_writer_record_may_be_handed_from_thread_to_thread),
        CONTRACT_TEST(account_of_a_ring_reader_is_exact_after_every_step),
        CONTRACT_TEST(account_of_a_mailbox_is_exact_after_every_step),
        CONTRACT_TEST(account_of_a_latest_reader_is_exact_after_every_step),
        CONTRACT_TEST(refused_values_are_in_nobodys_account),
    };
    return CONTRACT_RUN(tests, argc, argv);
}
