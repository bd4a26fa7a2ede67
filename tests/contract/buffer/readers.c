// SPDX-License-Identifier: Apache-2.0
// Pulling readers: deadlines, waking, coming and going from any thread, and outliving a database.
#include "contract.h"

static const char *const keys[] = { "ring", "latest", "mailbox" };

struct records {
    number_record all[3];
};

static void
records_new(struct world *w, struct records *records)
{
    records->all[0] = number_configure(w->builder, keys[0], AIMDB_SPMC_RING(16));
    records->all[1] = number_configure(w->builder, keys[1], AIMDB_SINGLE_LATEST);
    records->all[2] = number_configure(w->builder, keys[2], AIMDB_MAILBOX);
    world_build(w);
}

// Deadlines -----------------------------------------------------------------------------------

// proves L3, section 11
static void
deadline_in_the_past_looks_once(void **state)
{
    const aimdb_time past[] = { 0, -1, INT64_MIN, 1 };
    struct records records;
    records_new(*state, &records);
    for (size_t i = 0; i < 3; i++) {
        number_reader reader;
        struct number out = { 5 };
        CHECK_OK(number_subscribe(records.all[i], &reader));
        for (size_t k = 0; k < 4; k++) {
            CHECK_ERR(AIMDB_ETIMEDOUT, number_recv(&reader, &out, past[k]));
            CHECK_EQ(5, out.n);
            push(records.all[i], 9);
            CHECK_OK(number_recv(&reader, &out, past[k]));
            CHECK_EQ(9, out.n);
            out.n = 5;
        }
        CHECK_EQ(4, reader_stats(&reader).received);
        number_unsubscribe(&reader);
    }
}

// proves section 11
static void
recv_does_not_give_up_before_its_deadline(void **state)
{
    struct records records;
    records_new(*state, &records);
    for (size_t i = 0; i < 3; i++) {
        number_reader reader;
        struct number out = { 5 };
        CHECK_OK(number_subscribe(records.all[i], &reader));
        aimdb_time deadline = aimdb_clock() + AIMDB_MS(30);
        CHECK_ERR(AIMDB_ETIMEDOUT, number_recv(&reader, &out, deadline));
        CHECK(aimdb_clock() >= deadline);
        CHECK_EQ(5, out.n);
        push(records.all[i], 1);
        expect(&reader, 1); // still a reader like any other
        number_unsubscribe(&reader);
    }
}

struct waiter {
    number_reader reader;
    aimdb_time deadline;
    aimdb_err err;
    struct number out;
};

static void
wait_for_one(void *arg)
{
    struct waiter *waiter = arg;
    helper_about_to_block();
    waiter->err = number_recv(&waiter->reader, &waiter->out, waiter->deadline);
}

static struct waiter *
waiter_new(struct world *w, number_record record, aimdb_time deadline)
{
    struct waiter *waiter = world_memory(w, sizeof *waiter);
    waiter->deadline = deadline;
    CHECK_OK(number_subscribe(record, &waiter->reader));
    return waiter;
}

// proves P1 L1 M1
static void
blocked_reader_wakes_for_a_value_with_and_without_a_deadline(void **state)
{
    struct world *w = *state;
    const aimdb_time deadlines[] = { AIMDB_FOREVER, aimdb_clock() + AIMDB_SEC(1000) };
    struct records records;
    records_new(w, &records);
    for (size_t i = 0; i < 6; i++) {
        struct waiter *waiter = waiter_new(w, records.all[i % 3], deadlines[i / 3]);
        struct helper *helper;
        if (i / 3 == 1 && i % 3 == 1) // the value of the first round is new to this reader
            CHECK_OK(number_recv(&waiter->reader, &waiter->out, 0));
        helper = helper_start(w, wait_for_one, waiter);
        helper_until_asleep(helper);
        push(records.all[i % 3], 100 + i);
        helper_join(helper);
        CHECK_OK(waiter->err);
        CHECK_EQ(100 + i, waiter->out.n);
        number_unsubscribe(&waiter->reader);
    }
}

// proves R2 L1
static void
all_blocked_readers_of_a_record_wake(void **state)
{
    struct world *w = *state;
    struct records records;
    records_new(w, &records);
    for (size_t i = 0; i < 2; i++) {
        struct waiter *waiters[8];
        struct helper *helpers[8];
        for (size_t k = 0; k < 8; k++) {
            waiters[k] = waiter_new(w, records.all[i], AIMDB_FOREVER);
            helpers[k] = helper_start(w, wait_for_one, waiters[k]);
        }
        for (size_t k = 0; k < 8; k++)
            helper_until_asleep(helpers[k]);
        push(records.all[i], 77);
        for (size_t k = 0; k < 8; k++) {
            helper_join(helpers[k]);
            CHECK_OK(waiters[k]->err);
            CHECK_EQ(77, waiters[k]->out.n);
            number_unsubscribe(&waiters[k]->reader);
        }
    }
}

// proves X3 R8
static void
blocked_readers_wake_when_the_database_closes(void **state)
{
    struct world *w = *state;
    struct waiter *waiters[6];
    struct helper *helpers[6];
    struct records records;
    records_new(w, &records);
    for (size_t i = 0; i < 6; i++) {
        waiters[i] = waiter_new(w, records.all[i % 3],
                                i < 3 ? AIMDB_FOREVER : aimdb_clock() + AIMDB_SEC(1000));
        waiters[i]->out.n = 5;
        helpers[i] = helper_start(w, wait_for_one, waiters[i]);
        helper_until_asleep(helpers[i]);
    }
    world_close(w);
    for (size_t i = 0; i < 6; i++) {
        helper_join(helpers[i]);
        CHECK_ERR(AIMDB_ECLOSED, waiters[i]->err);
        CHECK_EQ(5, waiters[i]->out.n);
        number_unsubscribe(&waiters[i]->reader);
    }
}

// Coming and going ----------------------------------------------------------------------------

// proves B4
static void
readers_come_and_go_at_any_time_and_are_counted(void **state)
{
    struct records records;
    records_new(*state, &records);
    for (size_t i = 0; i < 3; i++) {
        number_reader readers[10];
        for (uint32_t k = 0; k < 10; k++) {
            CHECK_EQ(k, record_stats(records.all[i]).readers);
            CHECK_OK(number_subscribe(records.all[i], &readers[k]));
        }
        for (uint32_t k = 10; k-- > 0;) {
            number_unsubscribe(&readers[k]);
            CHECK_EQ(k, record_stats(records.all[i]).readers);
        }
    }
}

// proves B4
static void
ending_a_reader_twice_or_never_subscribed_does_nothing(void **state)
{
    struct records records;
    number_reader reader, other, zero;
    records_new(*state, &records);
    memset(&zero, 0, sizeof zero);
    number_unsubscribe(NULL);
    number_unsubscribe(&zero);
    CHECK_OK(number_subscribe(records.all[0], &reader));
    CHECK_OK(number_subscribe(records.all[0], &other));
    number_unsubscribe(&reader);
    number_unsubscribe(&reader);
    CHECK_EQ(1, record_stats(records.all[0]).readers);
    push(records.all[0], 3);
    expect(&other, 3);
    number_unsubscribe(&other);
    CHECK_EQ(0, record_stats(records.all[0]).readers);
}

// proves B4 R2 L3
static void
reader_that_leaves_changes_nothing_for_the_others(void **state)
{
    struct records records;
    records_new(*state, &records);
    for (size_t i = 0; i < 2; i++) {
        number_reader stays, leaves;
        CHECK_OK(number_subscribe(records.all[i], &stays));
        CHECK_OK(number_subscribe(records.all[i], &leaves));
        push(records.all[i], 1);
        number_unsubscribe(&leaves);
        expect(&stays, 1);
        push(records.all[i], 2);
        expect(&stays, 2);
        expect_err(&stays, AIMDB_EEMPTY);
        number_unsubscribe(&stays);
    }
}

struct visitor {
    number_record record;
    struct gate *flowing;
    uint64_t visits; // at the least: it stays until it has seen something
};

static void
visit(void *arg)
{
    struct visitor *visitor = arg;
    uint64_t received = 0;
    gate_wait(visitor->flowing, 1);
    for (uint64_t i = 0; i < visitor->visits || received == 0; i++) {
        number_reader reader;
        struct number out;
        uint64_t last = 0, got = 0;
        CHECK_OK(number_subscribe(visitor->record, &reader));
        for (int k = 0; k < 4; k++) {
            aimdb_err err = number_try_recv(&reader, &out);
            CHECK(err == AIMDB_OK || err == AIMDB_EEMPTY || err == AIMDB_ELAGGED);
            if (err != AIMDB_OK)
                continue;
            CHECK(out.n > last);
            last = out.n;
            got++;
        }
        CHECK_EQ(got, reader_stats(&reader).received);
        received += got;
        number_unsubscribe(&reader);
    }
}

struct flow {
    number_record record;
    struct gate *flowing;
    atomic_bool stop;
    uint64_t produced;
};

static void
flow_run(void *arg)
{
    struct flow *flow = arg;
    while (!atomic_load(&flow->stop)) {
        push(flow->record, ++flow->produced);
        if (flow->produced == 1000)
            gate_add(flow->flowing, 1);
    }
}

static void
visit_during_flow(struct world *w, aimdb_buffer_cfg cfg)
{
    struct flow *flow = world_memory(w, sizeof *flow);
    struct helper *helpers[4], *writer;
    number_reader resident;
    struct number out;
    uint64_t received = 0, missed = 0;
    aimdb_err err;
    flow->record = number_configure(w->builder, "flow", cfg);
    flow->flowing = gate_new(w);
    world_build(w);
    CHECK_OK(number_observe(flow->record, &resident));
    writer = helper_start(w, flow_run, flow);
    for (size_t i = 0; i < 4; i++) {
        struct visitor *visitor = world_memory(w, sizeof *visitor);
        *visitor = (struct visitor){ flow->record, flow->flowing, contract_many(2000) };
        helpers[i] = helper_start(w, visit, visitor);
    }
    for (size_t i = 0; i < 4; i++)
        helper_join(helpers[i]);
    atomic_store(&flow->stop, true);
    helper_join(writer);
    while ((err = number_try_recv(&resident, &out)) != AIMDB_EEMPTY) {
        received += err == AIMDB_OK;
        missed += err == AIMDB_ELAGGED ? number_missed(&resident) : 0;
    }
    CHECK_EQ(flow->produced, received + missed + reader_stats(&resident).skipped);
    CHECK_EQ(1, record_stats(flow->record).readers);
    number_unsubscribe(&resident);
}

// proves B4 P4 R2
static void
readers_of_a_ring_come_and_go_while_values_flow(void **state)
{
    visit_during_flow(*state, AIMDB_SPMC_RING(64));
}

// proves B4 P4 L2
static void
readers_of_a_latest_come_and_go_while_values_flow(void **state)
{
    visit_during_flow(*state, AIMDB_SINGLE_LATEST);
}

// proves B4 M5
static void
readers_of_a_mailbox_come_and_go_while_values_flow(void **state)
{
    visit_during_flow(*state, AIMDB_MAILBOX);
}

struct handover {
    number_record record;
    number_reader reader;
    struct gate *turns;
};

static void
subscribe_here(void *arg)
{
    struct handover *handover = arg;
    CHECK_OK(number_subscribe(handover->record, &handover->reader));
}

static void
read_here(void *arg)
{
    struct handover *handover = arg;
    expect_range(&handover->reader, 1, 3);
}

static void
unsubscribe_here(void *arg)
{
    struct handover *handover = arg;
    expect(&handover->reader, 4);
    number_unsubscribe(&handover->reader);
}

// proves B4 P3
static void
reader_may_be_handed_from_thread_to_thread(void **state)
{
    struct world *w = *state;
    struct handover *handover = world_memory(w, sizeof *handover);
    struct records records;
    records_new(w, &records);
    handover->record = records.all[0];
    helper_join(helper_start(w, subscribe_here, handover));
    push_range(records.all[0], 1, 4);
    helper_join(helper_start(w, read_here, handover));
    helper_join(helper_start(w, unsubscribe_here, handover));
    CHECK_EQ(0, record_stats(records.all[0]).readers);
}

static aimdb_err
read_another_record(aimdb_ctx *ctx, const struct number *value)
{
    struct handover *handover = aimdb_user(ctx);
    expect(&handover->reader, value->n + 1000);
    gate_add(handover->turns, 1);
    return AIMDB_OK;
}

// proves R2 P3
static void
consumer_may_read_another_record(void **state)
{
    struct world *w = *state;
    struct handover *handover = world_memory(w, sizeof *handover);
    number_record trigger = number_configure(w->builder, "trigger", AIMDB_SPMC_RING(16));
    handover->record = number_configure(w->builder, "other", AIMDB_SPMC_RING(16));
    handover->turns = gate_new(w);
    CHECK(number_add_consumer(w->builder, trigger, read_another_record, handover) != NULL);
    world_build(w);
    CHECK_OK(number_subscribe(handover->record, &handover->reader));
    for (uint64_t n = 1; n <= 10; n++) {
        push(handover->record, n + 1000);
        push(trigger, n);
    }
    gate_wait(handover->turns, 10);
    world_close(w);
    number_unsubscribe(&handover->reader);
}

// Outliving a database ------------------------------------------------------------------------

// proves X1 B4 R8
static void
subscribed_reader_outlives_its_database(void **state)
{
    struct world *w = *state;
    struct records records;
    number_reader readers[3];
    records_new(w, &records);
    for (size_t i = 0; i < 3; i++) {
        CHECK_OK(number_subscribe(records.all[i], &readers[i]));
        push(records.all[i], 50 + i);
    }
    world_free_db(w);
    CHECK(w->ledger.live > 0);
    for (size_t i = 0; i < 3; i++) {
        expect(&readers[i], 50 + i);
        expect_err(&readers[i], AIMDB_ECLOSED);
    }
    number_unsubscribe(&readers[0]);
    number_unsubscribe(&readers[1]);
    expect_err(&readers[2], AIMDB_ECLOSED);
    CHECK(w->ledger.live > 0);
    number_unsubscribe(&readers[2]);
    CHECK_EQ(0, w->ledger.live);
}

// proves X3 X1
static void
blocked_reader_survives_the_free_of_its_database(void **state)
{
    struct world *w = *state;
    struct records records;
    records_new(w, &records);
    struct waiter *waiter = waiter_new(w, records.all[0], AIMDB_FOREVER);
    struct helper *helper = helper_start(w, wait_for_one, waiter);
    helper_until_asleep(helper);
    world_free_db(w);
    helper_join(helper);
    CHECK_ERR(AIMDB_ECLOSED, waiter->err);
    CHECK(w->ledger.live > 0);
    number_unsubscribe(&waiter->reader);
    CHECK_EQ(0, w->ledger.live);
}

// proves X1
static void
closed_database_takes_no_new_reader(void **state)
{
    struct world *w = *state;
    struct records records;
    number_reader reader, before;
    records_new(w, &records);
    world_close(w);
    memset(&reader, 0x33, sizeof reader);
    before = reader;
    for (size_t i = 0; i < 3; i++) {
        CHECK_ERR(AIMDB_ECLOSED, number_subscribe(records.all[i], &reader));
        CHECK_ERR(AIMDB_ECLOSED, number_observe(records.all[i], &reader));
        CHECK(memcmp(&before, &reader, sizeof reader) == 0);
        CHECK_EQ(0, record_stats(records.all[i]).readers);
    }
}

// proves X1 L5 M4
static void
closed_database_can_still_be_read(void **state)
{
    struct world *w = *state;
    struct records records;
    number_reader reader;
    struct number out = { 0 };
    records_new(w, &records);
    CHECK_OK(number_subscribe(records.all[0], &reader));
    for (size_t i = 0; i < 3; i++)
        push(records.all[i], 8);
    world_close(w);
    for (size_t i = 1; i < 3; i++) {
        CHECK_OK(number_peek(records.all[i], &out));
        CHECK_EQ(8, out.n);
    }
    expect(&reader, 8);
    CHECK_EQ(1, record_stats(records.all[0]).produced);
    CHECK_EQ(1, reader_stats(&reader).received);
    number_unsubscribe(&reader);
}

// proves M5 R3
static void
observing_a_ring_or_a_latest_is_subscribing(void **state)
{
    struct records records;
    number_reader ring, latest;
    records_new(*state, &records);
    push(records.all[0], 1);
    push(records.all[1], 1);
    CHECK_OK(number_observe(records.all[0], &ring));
    CHECK_OK(number_observe(records.all[1], &latest));
    expect_err(&ring, AIMDB_EEMPTY);
    expect(&latest, 1);
    push_range(records.all[0], 2, 20);
    expect_lag(&ring, 3);
    expect_range(&ring, 5, 20);
    number_unsubscribe(&ring);
    number_unsubscribe(&latest);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(deadline_in_the_past_looks_once),
        CONTRACT_TEST(recv_does_not_give_up_before_its_deadline),
        CONTRACT_TEST(blocked_reader_wakes_for_a_value_with_and_without_a_deadline),
        CONTRACT_TEST(all_blocked_readers_of_a_record_wake),
        CONTRACT_TEST(blocked_readers_wake_when_the_database_closes),
        CONTRACT_TEST(readers_come_and_go_at_any_time_and_are_counted),
        CONTRACT_TEST(ending_a_reader_twice_or_never_subscribed_does_nothing),
        CONTRACT_TEST(reader_that_leaves_changes_nothing_for_the_others),
        CONTRACT_TEST(readers_of_a_ring_come_and_go_while_values_flow),
        CONTRACT_TEST(readers_of_a_latest_come_and_go_while_values_flow),
        CONTRACT_TEST(readers_of_a_mailbox_come_and_go_while_values_flow),
        CONTRACT_TEST(reader_may_be_handed_from_thread_to_thread),
        CONTRACT_TEST(consumer_may_read_another_record),
        CONTRACT_TEST(subscribed_reader_outlives_its_database),
        CONTRACT_TEST(blocked_reader_survives_the_free_of_its_database),
        CONTRACT_TEST(closed_database_takes_no_new_reader),
        CONTRACT_TEST(closed_database_can_still_be_read),
        CONTRACT_TEST(observing_a_ring_or_a_latest_is_subscribing),
    };
    return CONTRACT_RUN(tests, argc, argv);
}
