// SPDX-License-Identifier: Apache-2.0
// The SPMC ring: capacity, positions, lag, drain, close.
#include "trap.h"

static number_record
ring_new(struct world *w, size_t capacity)
{
    number_record record = number_configure(w->builder, "ring", AIMDB_SPMC_RING(capacity));
    world_build(w);
    return record;
}

static number_record
ring_with_reader(struct world *w, size_t capacity, number_reader *reader)
{
    number_record record = ring_new(w, capacity);
    CHECK_OK(number_subscribe(record, reader));
    return record;
}

static const size_t capacities[] = { 1, 2, 3, 4, 5, 7, 8, 9, 63, 64, 65, 1000, 1023, 1024, 1025 };
#define CAPACITIES (sizeof capacities / sizeof capacities[0])

static void
build_all_capacities(struct world *w, number_record *records, number_reader *readers)
{
    for (size_t i = 0; i < CAPACITIES; i++) {
        char key[32] = "ring.";
        key[5] = (char) ('a' + i);
        records[i] = number_configure(w->builder, key, AIMDB_SPMC_RING(capacities[i]));
    }
    world_build(w);
    for (size_t i = 0; i < CAPACITIES; i++)
        CHECK_OK(number_subscribe(records[i], &readers[i]));
}

// proves R1
static void
full_ring_still_holds_every_value(void **state)
{
    number_record records[CAPACITIES];
    number_reader readers[CAPACITIES];
    build_all_capacities(*state, records, readers);
    for (size_t i = 0; i < CAPACITIES; i++) {
        for (uint64_t lap = 0; lap < 5; lap++) {
            push_range(records[i], lap * capacities[i] + 1, (lap + 1) * capacities[i]);
            CHECK_EQ(capacities[i], reader_stats(&readers[i]).pending);
            expect_range(&readers[i], lap * capacities[i] + 1, (lap + 1) * capacities[i]);
            expect_err(&readers[i], AIMDB_EEMPTY);
        }
        number_unsubscribe(&readers[i]);
    }
}

// proves R1 R4
static void
overrun_ring_holds_exactly_the_last_capacity_values(void **state)
{
    number_record records[CAPACITIES];
    number_reader readers[CAPACITIES];
    build_all_capacities(*state, records, readers);
    for (size_t i = 0; i < CAPACITIES; i++) {
        uint64_t total = 3 * capacities[i] + 1;
        push_range(records[i], 1, total);
        expect_lag(&readers[i], total - capacities[i]);
        expect_range(&readers[i], total - capacities[i] + 1, total);
        expect_err(&readers[i], AIMDB_EEMPTY);
        number_unsubscribe(&readers[i]);
    }
}

// proves R1 R4
static void
one_value_more_than_capacity_costs_exactly_one(void **state)
{
    number_record records[CAPACITIES];
    number_reader readers[CAPACITIES];
    build_all_capacities(*state, records, readers);
    for (size_t i = 0; i < CAPACITIES; i++) {
        push_range(records[i], 1, capacities[i] + 1);
        expect_lag(&readers[i], 1);
        expect_range(&readers[i], 2, capacities[i] + 1);
        number_unsubscribe(&readers[i]);
    }
}

// proves R2
static void
slow_reader_disturbs_neither_the_writer_nor_the_others(void **state)
{
    number_reader slow, fast;
    number_record record = ring_with_reader(*state, 4, &slow);
    CHECK_OK(number_subscribe(record, &fast));
    for (uint64_t n = 1; n <= 500; n++) {
        push(record, n);
        expect(&fast, n);
        expect_err(&fast, AIMDB_EEMPTY);
    }
    CHECK_EQ(0, reader_stats(&fast).missed);
    CHECK_EQ(0, reader_stats(&fast).lags);
    expect_lag(&slow, 496);
    expect_range(&slow, 497, 500);
    number_unsubscribe(&slow);
    number_unsubscribe(&fast);
}

// proves R2
static void
readers_at_different_places_each_go_on_from_their_own(void **state)
{
    number_reader readers[20];
    number_record record = ring_new(*state, 20);
    for (uint64_t i = 0; i < 20; i++) {
        CHECK_OK(number_subscribe(record, &readers[i]));
        push(record, i);
    }
    for (uint64_t i = 0; i < 20; i++)
        expect_range(&readers[i], i, i + 19 - i);
    for (uint64_t i = 0; i < 20; i++) {
        expect_err(&readers[i], AIMDB_EEMPTY);
        CHECK_EQ(20 - i, reader_stats(&readers[i]).received);
        number_unsubscribe(&readers[i]);
    }
}

// proves R3
static void
new_reader_sees_only_what_is_pushed_after_it_subscribed(void **state)
{
    number_record record = ring_new(*state, 8);
    number_reader reader;
    push_range(record, 1, 5);
    CHECK_OK(number_subscribe(record, &reader));
    expect_err(&reader, AIMDB_EEMPTY);
    CHECK_EQ(0, reader_stats(&reader).pending);
    push_range(record, 6, 7);
    expect_range(&reader, 6, 7);
    number_unsubscribe(&reader);
    push(record, 8);
    CHECK_OK(number_subscribe(record, &reader)); // again: again from the tail
    expect_err(&reader, AIMDB_EEMPTY);
    CHECK_EQ(0, reader_stats(&reader).received);
    number_unsubscribe(&reader);
}

// proves R3
static void
new_reader_of_an_overrun_ring_has_missed_nothing(void **state)
{
    number_record record = ring_new(*state, 4);
    number_reader reader;
    push_range(record, 1, 100);
    CHECK_OK(number_subscribe(record, &reader));
    expect_err(&reader, AIMDB_EEMPTY);
    push_range(record, 101, 104);
    expect_range(&reader, 101, 104);
    CHECK_EQ(0, reader_stats(&reader).missed);
    number_unsubscribe(&reader);
}

// proves R4
static void
ten_pushes_into_four_are_six_missed_then_the_last_four(void **state)
{
    number_reader reader;
    number_record record = ring_with_reader(*state, 4, &reader);
    push_range(record, 1, 10);
    expect_lag(&reader, 6);
    expect_range(&reader, 7, 10);
    expect_err(&reader, AIMDB_EEMPTY);
    CHECK_EQ(6, reader_stats(&reader).missed);
    CHECK_EQ(1, reader_stats(&reader).lags);
    CHECK_EQ(4, reader_stats(&reader).received);
    number_unsubscribe(&reader);
}

// proves R4
static void
lag_in_the_middle_is_told_before_the_value_that_follows_it(void **state)
{
    number_reader reader;
    number_record record = ring_with_reader(*state, 4, &reader);
    push_range(record, 1, 3);
    expect_range(&reader, 1, 2);
    push_range(record, 4, 9); // 3, 4 and 5 are gone
    expect_lag(&reader, 3);
    expect_range(&reader, 6, 9);
    number_unsubscribe(&reader);
}

// proves R4
static void
lag_is_told_once_and_its_number_stays_until_the_next(void **state)
{
    number_reader reader;
    number_record record = ring_with_reader(*state, 2, &reader);
    CHECK_EQ(0, number_missed(&reader));
    push_range(record, 1, 5);
    expect_lag(&reader, 3);
    CHECK_EQ(3, number_missed(&reader));
    expect(&reader, 4);
    CHECK_EQ(3, number_missed(&reader));
    expect(&reader, 5);
    push_range(record, 6, 8);
    expect_lag(&reader, 1);
    expect_range(&reader, 7, 8);
    number_unsubscribe(&reader);
}

// proves R4
static void
recv_tells_a_lag_like_try_recv(void **state)
{
    number_reader reader;
    number_record record = ring_with_reader(*state, 4, &reader);
    struct number out = { 99 };
    push_range(record, 1, 10);
    CHECK_ERR(AIMDB_ELAGGED, number_recv(&reader, &out, AIMDB_FOREVER));
    CHECK_EQ(99, out.n);
    CHECK_EQ(6, number_missed(&reader));
    CHECK_OK(number_recv(&reader, &out, AIMDB_FOREVER));
    CHECK_EQ(7, out.n);
    number_unsubscribe(&reader);
}

// proves R5
static void
two_overruns_without_a_read_are_one_lag_with_the_sum(void **state)
{
    number_reader reader;
    number_record record = ring_with_reader(*state, 4, &reader);
    push_range(record, 1, 10);
    push_range(record, 11, 25);
    expect_lag(&reader, 21);
    expect_range(&reader, 22, 25);
    CHECK_EQ(1, reader_stats(&reader).lags);
    CHECK_EQ(21, reader_stats(&reader).missed);
    number_unsubscribe(&reader);
}

// proves R5 R4
static void
overrun_between_a_lag_and_its_next_read_is_a_lag_of_its_own(void **state)
{
    number_reader reader;
    number_record record = ring_with_reader(*state, 4, &reader);
    push_range(record, 1, 10);
    expect_lag(&reader, 6);
    push_range(record, 11, 12);
    expect_lag(&reader, 2);
    expect_range(&reader, 9, 12);
    CHECK_EQ(2, reader_stats(&reader).lags);
    CHECK_EQ(8, reader_stats(&reader).missed);
    number_unsubscribe(&reader);
}

// proves R5 R1
static void
counters_and_slots_agree_over_many_laps_of_an_odd_ring(void **state)
{
    number_reader reader;
    number_record record = ring_with_reader(*state, 7, &reader);
    const uint64_t pushes = contract_many(30000) * 10;
    uint64_t missed = 0;
    for (uint64_t n = 0; n < pushes; n += 10) {
        push_range(record, n, n + 9);
        expect_lag(&reader, 3);
        expect_range(&reader, n + 3, n + 9);
        missed += 3;
    }
    CHECK_EQ(missed, reader_stats(&reader).missed);
    CHECK_EQ(pushes, reader_stats(&reader).received + missed);
    number_unsubscribe(&reader);
}

struct byte {
    uint8_t b;
};
AIMDB_RECORD_TYPE(byte, struct byte);

// A counter of 32 bits would be back at 5 after so many.
// proves R5 P4
static void
lag_of_more_than_32_bits_is_counted_exactly(void **state)
{
    struct world *w = *state;
    const size_t batch = (size_t) 1 << 26, batches = 64;
    byte_record record = byte_configure(w->builder, "bytes", AIMDB_SPMC_RING(3));
    struct byte *zeros, out, drained[4];
    byte_reader reader, drainer;
    uint64_t missed = 0;
    if (CONTRACT_SANITIZED || sizeof(size_t) < 8)
        skip();
    zeros = calloc(batch, sizeof *zeros);
    CHECK(zeros != NULL);
    world_build(w);
    CHECK_OK(byte_subscribe(record, &reader));
    CHECK_OK(byte_subscribe(record, &drainer));
    for (size_t i = 0; i < batches; i++)
        CHECK_OK(byte_produce_n(record, zeros, batch));
    CHECK_OK(byte_produce_n(record, zeros, 5));
    free(zeros);
    CHECK_ERR(AIMDB_ELAGGED, byte_try_recv(&reader, &out));
    CHECK_EQ(batch * batches + 2, byte_missed(&reader));
    CHECK_OK(byte_try_recv(&reader, &out));
    CHECK_EQ(3, byte_drain(&drainer, drained, 4, &missed));
    CHECK_EQ(batch * batches + 2, missed);
    byte_unsubscribe(&reader);
    byte_unsubscribe(&drainer);
}

struct page {
    uint64_t words[1024];
};
AIMDB_RECORD_TYPE(page, struct page);

struct page_writer {
    page_record record;
    atomic_bool stop;
    uint64_t produced;
};

static void
write_pages(void *arg)
{
    struct page_writer *writer = arg;
    struct page page;
    while (!atomic_load(&writer->stop)) {
        writer->produced++;
        for (size_t i = 0; i < 1024; i++)
            page.words[i] = writer->produced + i;
        CHECK_OK(page_produce(writer->record, &page));
    }
}

static void
page_is_whole(const struct page *page)
{
    for (size_t i = 0; i < 1024; i++)
        CHECK_EQ(page->words[0] + i, page->words[i]);
}

// proves R6 P4
static void
value_overtaken_by_the_writer_is_a_lag_and_never_torn(void **state)
{
    struct world *w = *state;
    struct page_writer *writer = world_memory(w, sizeof *writer);
    struct page *page = world_memory(w, sizeof *page);
    uint64_t received = 0, missed = 0, lags = 0;
    aimdb_err err;
    page_reader reader;
    writer->record = page_configure(w->builder, "pages", AIMDB_SPMC_RING(1));
    world_build(w);
    CHECK_OK(page_subscribe(writer->record, &reader));
    struct helper *helper = helper_start(w, write_pages, writer);
    while (received < contract_many(500) || lags < contract_many(500)) {
        err = page_recv(&reader, page, AIMDB_FOREVER);
        if (err == AIMDB_ELAGGED) {
            missed += page_missed(&reader);
            lags++;
            continue;
        }
        CHECK_OK(err);
        page_is_whole(page);
        CHECK_EQ(++received + missed, page->words[0]);
    }
    atomic_store(&writer->stop, true);
    helper_join(helper);
    while ((err = page_try_recv(&reader, page)) != AIMDB_EEMPTY) {
        missed += err == AIMDB_ELAGGED ? page_missed(&reader) : 0;
        received += err == AIMDB_OK;
    }
    CHECK_EQ(writer->produced, received + missed);
    page_unsubscribe(&reader);
}

// proves R7
static void
peek_at_a_ring_is_not_supported(void **state)
{
    number_record record = ring_new(*state, 4);
    struct number out = { 5 };
    CHECK_ERR(AIMDB_ENOTSUP, number_peek(record, &out));
    push(record, 1);
    CHECK_ERR(AIMDB_ENOTSUP, number_peek(record, &out));
    CHECK_EQ(5, out.n);
}

static void
drained_are(number_reader *reader, size_t max, uint64_t missed, uint64_t first, size_t count)
{
    struct number values[64];
    uint64_t got_missed = UINT64_MAX;
    memset(values, 0x77, sizeof values);
    CHECK_EQ(count, number_drain(reader, values, max, &got_missed));
    CHECK_EQ(missed, got_missed);
    for (size_t i = 0; i < count; i++)
        CHECK_EQ(first + i, values[i].n);
    for (size_t i = max; i < 64; i++)
        CHECK_EQ(0x7777777777777777, values[i].n);
}

// proves R7
static void
drain_takes_up_to_the_number_asked_for(void **state)
{
    number_reader reader;
    number_record record = ring_with_reader(*state, 16, &reader);
    drained_are(&reader, 8, 0, 0, 0);
    push_range(record, 1, 12);
    drained_are(&reader, 5, 0, 1, 5);
    drained_are(&reader, 0, 0, 0, 0);
    drained_are(&reader, 64, 0, 6, 7);
    drained_are(&reader, 64, 0, 0, 0);
    CHECK_EQ(12, reader_stats(&reader).received);
    number_unsubscribe(&reader);
}

// proves R7 R4
static void
drain_tells_what_was_missed_before_its_first_value(void **state)
{
    number_reader reader;
    number_record record = ring_with_reader(*state, 4, &reader);
    push_range(record, 1, 10);
    drained_are(&reader, 3, 6, 7, 3);
    push_range(record, 11, 11);
    drained_are(&reader, 64, 0, 10, 2);
    CHECK_EQ(1, reader_stats(&reader).lags);
    CHECK_EQ(6, reader_stats(&reader).missed);
    number_unsubscribe(&reader);
}

// proves R7 R5
static void
drain_tells_two_overruns_as_one_lag_with_the_sum(void **state)
{
    number_reader reader;
    number_record record = ring_with_reader(*state, 4, &reader);
    push_range(record, 1, 10);
    push_range(record, 11, 25);
    drained_are(&reader, 64, 21, 22, 4);
    CHECK_EQ(1, reader_stats(&reader).lags);
    CHECK_EQ(21, reader_stats(&reader).missed);
    number_unsubscribe(&reader);
}

// proves R7
static void
drain_may_be_mixed_with_single_reads(void **state)
{
    number_reader reader;
    number_record record = ring_with_reader(*state, 4, &reader);
    struct number values[2];
    push_range(record, 1, 10);
    expect_lag(&reader, 6); // the drain must not tell this one again
    drained_are(&reader, 2, 0, 7, 2);
    expect(&reader, 9);
    CHECK_EQ(1, number_drain(&reader, values, 2, NULL));
    CHECK_EQ(10, values[0].n);
    expect_err(&reader, AIMDB_EEMPTY);
    number_unsubscribe(&reader);
}

#define BATCH 16384u // 128 KiB: more than one page

struct batch_writer {
    number_record record;
    const struct number *batch;
};

static void
write_batch(void *arg)
{
    struct batch_writer *writer = arg;
    CHECK_OK(number_produce_n(writer->record, writer->batch, BATCH));
}

// proves P1 P4 R7
static void
batch_becomes_visible_at_once(void **state)
{
    struct world *w = *state;
    struct batch_writer *writer = world_memory(w, sizeof *writer);
    struct stop *stop = stop_new(w);
    struct trap *trap = trap_new(w, BATCH * sizeof(struct number), stop_here, stop);
    struct number *batch = trap_memory(trap), values[8];
    number_reader reader;
    for (uint64_t i = 0; i < BATCH; i++)
        batch[i].n = i + 1;
    *writer = (struct batch_writer){ ring_with_reader(w, BATCH, &reader), batch };
    trap_close(trap, BATCH / 2 * sizeof(struct number));
    struct helper *helper = helper_start(w, write_batch, writer);
    gate_wait(stop->stopped, 1); // in the middle of the batch: nobody sees a part of it
    expect_err(&reader, AIMDB_EEMPTY);
    CHECK_EQ(0, number_drain(&reader, values, 8, NULL));
    CHECK_EQ(0, reader_stats(&reader).pending);
    CHECK_EQ(0, record_stats(writer->record).produced);
    gate_add(stop->resume, 1);
    helper_join(helper);
    CHECK_EQ(BATCH, reader_stats(&reader).pending);
    expect_range(&reader, 1, BATCH);
    number_unsubscribe(&reader);
}

// proves R1 R4 P4
static void
batch_larger_than_the_ring_leaves_its_last_values(void **state)
{
    number_record records[CAPACITIES];
    number_reader readers[CAPACITIES];
    struct number *batch = world_memory(*state, 4000 * sizeof *batch);
    build_all_capacities(*state, records, readers);
    for (uint64_t i = 0; i < 4000; i++)
        batch[i].n = i + 2;
    for (size_t i = 0; i < CAPACITIES; i++) {
        uint64_t count = 3 * capacities[i] + 5;
        push(records[i], 1);
        CHECK_OK(number_produce_n(records[i], batch, count));
        CHECK_EQ(count + 1, record_stats(records[i]).produced);
        expect_lag(&readers[i], count + 1 - capacities[i]);
        expect_range(&readers[i], count + 2 - capacities[i], count + 1);
        push(records[i], 7);
        expect(&readers[i], 7);
        number_unsubscribe(&readers[i]);
    }
}

// proves R8
static void
closed_ring_gives_what_is_left_and_then_says_so(void **state)
{
    struct world *w = *state;
    number_reader reader;
    struct number out = { 5 };
    number_record record = ring_with_reader(w, 4, &reader);
    push_range(record, 1, 3);
    world_close(w);
    expect_range(&reader, 1, 3);
    expect_err(&reader, AIMDB_ECLOSED);
    expect_err(&reader, AIMDB_ECLOSED);
    CHECK_ERR(AIMDB_ECLOSED, number_recv(&reader, &out, AIMDB_FOREVER));
    CHECK_EQ(5, out.n);
    number_unsubscribe(&reader);
}

// proves R8 R4
static void
closed_ring_tells_a_lag_first(void **state)
{
    struct world *w = *state;
    number_reader reader;
    number_record record = ring_with_reader(w, 4, &reader);
    push_range(record, 1, 10);
    world_close(w);
    expect_lag(&reader, 6);
    expect_range(&reader, 7, 10);
    expect_err(&reader, AIMDB_ECLOSED);
    number_unsubscribe(&reader);
}

// proves R8 R7
static void
closed_ring_can_be_drained(void **state)
{
    struct world *w = *state;
    number_reader reader;
    number_record record = ring_with_reader(w, 4, &reader);
    push_range(record, 1, 10);
    world_close(w);
    drained_are(&reader, 64, 6, 7, 4);
    drained_are(&reader, 64, 0, 0, 0);
    expect_err(&reader, AIMDB_ECLOSED);
    number_unsubscribe(&reader);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(full_ring_still_holds_every_value),
        CONTRACT_TEST(overrun_ring_holds_exactly_the_last_capacity_values),
        CONTRACT_TEST(one_value_more_than_capacity_costs_exactly_one),
        CONTRACT_TEST(slow_reader_disturbs_neither_the_writer_nor_the_others),
        CONTRACT_TEST(readers_at_different_places_each_go_on_from_their_own),
        CONTRACT_TEST(new_reader_sees_only_what_is_pushed_after_it_subscribed),
        CONTRACT_TEST(new_reader_of_an_overrun_ring_has_missed_nothing),
        CONTRACT_TEST(ten_pushes_into_four_are_six_missed_then_the_last_four),
        CONTRACT_TEST(lag_in_the_middle_is_told_before_the_value_that_follows_it),
        CONTRACT_TEST(lag_is_told_once_and_its_number_stays_until_the_next),
        CONTRACT_TEST(recv_tells_a_lag_like_try_recv),
        CONTRACT_TEST(two_overruns_without_a_read_are_one_lag_with_the_sum),
        CONTRACT_TEST(overrun_between_a_lag_and_its_next_read_is_a_lag_of_its_own),
        CONTRACT_TEST(counters_and_slots_agree_over_many_laps_of_an_odd_ring),
        CONTRACT_TEST(lag_of_more_than_32_bits_is_counted_exactly),
        CONTRACT_TEST(value_overtaken_by_the_writer_is_a_lag_and_never_torn),
        CONTRACT_TEST(peek_at_a_ring_is_not_supported),
        CONTRACT_TEST(drain_takes_up_to_the_number_asked_for),
        CONTRACT_TEST(drain_tells_what_was_missed_before_its_first_value),
        CONTRACT_TEST(drain_tells_two_overruns_as_one_lag_with_the_sum),
        CONTRACT_TEST(drain_may_be_mixed_with_single_reads),
        CONTRACT_TEST(batch_becomes_visible_at_once),
        CONTRACT_TEST(batch_larger_than_the_ring_leaves_its_last_values),
        CONTRACT_TEST(closed_ring_gives_what_is_left_and_then_says_so),
        CONTRACT_TEST(closed_ring_tells_a_lag_first),
        CONTRACT_TEST(closed_ring_can_be_drained),
    };
    return CONTRACT_RUN(tests, argc, argv);
}
