// SPDX-License-Identifier: Apache-2.0
// The three buffers, as readers see them: everywhere the same.
#include "rig.h"

// --- the ring -------------------------------------------------------------------------------------

RIG_RING(number, four, 4);
RIG_DB(four_db, four);

// proves R1 R4
static void
ten_pushes_into_four_are_six_missed_and_then_seven_to_ten(void)
{
    number_reader reader;
    RIG_OPEN(four_db);
    CHECK_OK(number_subscribe(four, &reader));
    push_range(four, 1, 10);
    CHECK_EQ(AIMDB_ELAGGED, no_value(&reader));
    CHECK_EQ(6, number_missed(&reader));
    for (uint32_t n = 7; n <= 10; n++) {
        CHECK_EQ(n, take(&reader));
    }
    CHECK_EQ(AIMDB_EEMPTY, no_value(&reader));
    aimdb_reader_stats stats = reader_stats(&reader);
    CHECK(stats.received == 4 && stats.missed == 6 && stats.lags == 1 && stats.pending == 0);
    number_unsubscribe(&reader);
    RIG_CLOSE(four_db);
}

RIG_RING(number, one, 1);
RIG_DB(one_db, one);

// proves R1
static void
ring_of_one_holds_the_last_value(void)
{
    number_reader reader;
    RIG_OPEN(one_db);
    CHECK_OK(number_subscribe(one, &reader));
    push_range(one, 1, 1);
    CHECK_EQ(1, take(&reader));
    push_range(one, 2, 4);
    CHECK_EQ(AIMDB_ELAGGED, no_value(&reader));
    CHECK_EQ(2, number_missed(&reader));
    CHECK_EQ(4, take(&reader));
    number_unsubscribe(&reader);
    RIG_CLOSE(one_db);
}

RIG_RING(number, apart, 8, .one_writer = true);
RIG_DB(apart_db, apart);

// proves R2 R3
static void
each_reader_has_a_position_and_a_new_one_starts_at_the_tail(void)
{
    number_reader early, late;
    RIG_OPEN(apart_db);
    CHECK_OK(number_subscribe(apart, &early));
    push_range(apart, 1, 3);
    CHECK_OK(number_subscribe(apart, &late));
    CHECK_EQ(AIMDB_EEMPTY, no_value(&late));
    push_range(apart, 4, 5);
    CHECK_EQ(4, take(&late));
    CHECK_EQ(1, take(&early));
    CHECK_EQ(5, take(&late));
    CHECK_EQ(AIMDB_EEMPTY, no_value(&late));
    CHECK_EQ(4, reader_stats(&early).pending);
    number_unsubscribe(&early);
    number_unsubscribe(&late);
    RIG_CLOSE(apart_db);
}

RIG_RING(number, twice, 4);
RIG_DB(twice_db, twice);

// proves R5 R7
static void
drain_counts_a_gap_once_and_two_overruns_are_one_lag(void)
{
    number_reader reader;
    struct number values[8];
    uint64_t missed = 99;
    RIG_OPEN(twice_db);
    CHECK_OK(number_subscribe(twice, &reader));
    push_range(twice, 1, 6);
    push_range(twice, 7, 20);
    CHECK_EQ(3, number_drain(&reader, values, 3, &missed));
    CHECK_EQ(16, missed);
    CHECK(values[0].n == 17 && values[1].n == 18 && values[2].n == 19);
    CHECK_EQ(1, number_drain(&reader, values, 8, &missed));
    CHECK(missed == 0 && values[0].n == 20);
    CHECK_EQ(0, number_drain(&reader, values, 8, &missed));
    aimdb_reader_stats stats = reader_stats(&reader);
    CHECK(stats.received == 4 && stats.missed == 16 && stats.lags == 1);
    struct number out = number_of(77);
    CHECK_EQ(AIMDB_ENOTSUP, number_peek(twice, &out));
    CHECK_EQ(77, out.n);
    number_unsubscribe(&reader);
    RIG_CLOSE(twice_db);
}

RIG_RING(number, batches, 4);
RIG_DB(batches_db, batches);

// proves P4 R1
static void
batch_larger_than_the_ring_counts_whole_and_leaves_its_end(void)
{
    number_reader reader;
    struct number values[7];
    RIG_OPEN(batches_db);
    CHECK_OK(number_subscribe(batches, &reader));
    for (uint32_t i = 0; i < 7; i++) {
        values[i] = number_of(i + 1);
    }
    CHECK_OK(number_produce_n(batches, values, 0));
    CHECK_OK(number_produce_n(batches, values, 7));
    CHECK_EQ(7, record_stats(batches).produced);
    CHECK_EQ(AIMDB_ELAGGED, no_value(&reader));
    CHECK_EQ(3, number_missed(&reader));
    CHECK_EQ(4, take(&reader));
    number_unsubscribe(&reader);
    RIG_CLOSE(batches_db);
}

// --- SingleLatest ---------------------------------------------------------------------------------

RIG_LATEST(number, newest);
RIG_DB(newest_db, newest);

// proves L1 L2 L4 L7
static void
latest_reader_gets_the_newest_value_once_and_counts_what_it_skipped(void)
{
    number_reader reader;
    RIG_OPEN(newest_db);
    CHECK_OK(number_subscribe(newest, &reader));
    CHECK_EQ(AIMDB_EEMPTY, no_value(&reader));
    push_range(newest, 1, 5);
    CHECK_EQ(5, take(&reader));
    CHECK_EQ(AIMDB_EEMPTY, no_value(&reader));
    push_range(newest, 6, 6);
    CHECK_EQ(6, take(&reader));
    aimdb_reader_stats stats = reader_stats(&reader);
    CHECK(stats.received == 2 && stats.skipped == 4 && stats.missed == 0 && stats.lags == 0);
    number_unsubscribe(&reader);
    RIG_CLOSE(newest_db);
}

RIG_LATEST(number, held);
RIG_DB(held_db, held);

// proves L3 L5
static void
new_reader_gets_the_current_value_once_and_peek_marks_nothing(void)
{
    number_reader reader;
    struct number out = number_of(77);
    RIG_OPEN(held_db);
    CHECK_EQ(AIMDB_EEMPTY, number_peek(held, &out));
    CHECK_EQ(77, out.n);
    push_range(held, 1, 2);
    CHECK_OK(number_subscribe(held, &reader));
    CHECK_OK(number_peek(held, &out));
    CHECK_EQ(2, out.n);
    CHECK_EQ(2, take(&reader));
    CHECK_EQ(AIMDB_EEMPTY, no_value(&reader));
    CHECK_OK(number_peek(held, &out));
    CHECK_EQ(2, out.n);
    number_unsubscribe(&reader);
    RIG_CLOSE(held_db);
}

// --- the mailbox ----------------------------------------------------------------------------------

RIG_MAILBOX(number, letters);
RIG_DB(letters_db, letters);

// proves M1 M2 M3 M4 P4
static void
mailbox_keeps_the_last_value_for_whoever_comes_first(void)
{
    number_reader first, second;
    struct number out = number_of(77);
    RIG_OPEN(letters_db);
    CHECK_EQ(AIMDB_EEMPTY, number_peek(letters, &out));
    push_range(letters, 1, 3);
    CHECK_OK(number_subscribe(letters, &first));
    CHECK_OK(number_subscribe(letters, &second));
    CHECK_OK(number_peek(letters, &out));
    CHECK_EQ(3, out.n);
    CHECK_EQ(1, reader_stats(&first).pending);
    CHECK_EQ(3, take(&second));
    CHECK_EQ(AIMDB_EEMPTY, no_value(&first));
    CHECK_EQ(AIMDB_EEMPTY, number_peek(letters, &out));
    push_range(letters, 4, 4);
    CHECK_EQ(4, take(&first));
    CHECK_EQ(AIMDB_EEMPTY, no_value(&second));
    aimdb_record_stats stats = record_stats(letters);
    CHECK(stats.produced == 4 && stats.overwritten == 2);
    CHECK_EQ(2, reader_stats(&first).received + reader_stats(&second).received);
    number_unsubscribe(&first);
    number_unsubscribe(&second);
    RIG_CLOSE(letters_db);
}

RIG_MAILBOX(number, watched);
RIG_DB(watched_db, watched);

// proves M5
static void
observer_of_a_mailbox_never_takes(void)
{
    number_reader observer, taker;
    RIG_OPEN(watched_db);
    CHECK_OK(number_observe(watched, &observer));
    CHECK_OK(number_subscribe(watched, &taker));
    push_range(watched, 1, 1);
    CHECK_EQ(1, take(&observer));
    CHECK_EQ(AIMDB_EEMPTY, no_value(&observer));
    CHECK_EQ(1, take(&taker));
    push_range(watched, 2, 3);
    CHECK_EQ(3, take(&taker));
    CHECK_EQ(3, take(&observer));
    CHECK_EQ(1, record_stats(watched).overwritten);
    number_unsubscribe(&observer);
    number_unsubscribe(&taker);
    RIG_CLOSE(watched_db);
}

// --- values of all sizes --------------------------------------------------------------------------

struct odd {
    uint8_t bytes[13];
};
struct large {
    uint32_t words[33];
};
AIMDB_RECORD_TYPE(byte, uint8_t);
AIMDB_RECORD_TYPE(odd, struct odd);
AIMDB_RECORD_TYPE(large, struct large);

RIG_RING(byte, bytes, 4);
RIG_LATEST(odd, odds);
RIG_MAILBOX(large, larges);
RIG_DB(sizes_db, bytes, odds, larges);

// proves B5
static void
values_of_any_size_come_back_whole_and_nothing_beside_them_is_touched(void)
{
    byte_reader reader;
    struct {
        uint8_t before;
        struct odd odd;
        uint8_t after;
    } got = { 1, { { 0 } }, 2 };
    struct odd odd;
    struct large large, large_out;
    RIG_OPEN(sizes_db);
    CHECK_OK(byte_subscribe(bytes, &reader));
    for (uint32_t n = 0; n < 4; n++) {
        uint8_t value = (uint8_t) (200 + n);
        CHECK_OK(byte_produce(bytes, &value));
    }
    for (uint32_t n = 0; n < 4; n++) {
        uint8_t out[3] = { 9, 9, 9 };
        CHECK_OK(byte_try_recv(&reader, &out[1]));
        CHECK(out[0] == 9 && out[1] == 200 + n && out[2] == 9);
    }
    for (uint8_t i = 0; i < 13; i++) {
        odd.bytes[i] = (uint8_t) (i * 7 + 1);
    }
    for (uint32_t i = 0; i < 33; i++) {
        large.words[i] = i * 0x01010101u;
    }
    CHECK_OK(odd_produce(odds, &odd));
    CHECK_OK(odd_peek(odds, &got.odd));
    CHECK(got.before == 1 && got.after == 2);
    for (uint8_t i = 0; i < 13; i++) {
        CHECK(got.odd.bytes[i] == (uint8_t) (i * 7 + 1));
    }
    CHECK_OK(large_produce(larges, &large));
    CHECK_OK(large_peek(larges, &large_out));
    for (uint32_t i = 0; i < 33; i++) {
        CHECK(large_out.words[i] == i * 0x01010101u);
    }
    byte_unsubscribe(&reader);
    RIG_CLOSE(sizes_db);
}

RIG_RING(number, asked, 4);
RIG_LATEST(odd, asked_too);
RIG_DB(asked_db, asked, asked_too);

// proves section 9, B5
static void
bad_arguments_are_told_and_change_nothing(void)
{
    number_reader reader;
    struct number value = number_of(1);
    uint64_t missed = 5;
    RIG_OPEN(asked_db);
    CHECK_OK(number_subscribe(asked, &reader));
    CHECK_EQ(AIMDB_EINVAL, number_produce(asked, NULL));
    CHECK_EQ(AIMDB_EINVAL, aimdb_produce(NULL, &value, sizeof value));
    CHECK_EQ(AIMDB_ETYPE, aimdb_produce(asked.raw, &value, sizeof value - 1));
    CHECK_EQ(AIMDB_ETYPE, aimdb_produce_n(asked.raw, &value, sizeof value + 1, 1));
    CHECK_EQ(AIMDB_EINVAL, aimdb_emit(NULL, asked.raw, &value, sizeof value));
    CHECK_EQ(AIMDB_EINVAL, number_subscribe(asked, NULL));
    CHECK_EQ(AIMDB_EINVAL, number_try_recv(&reader, NULL));
    CHECK_EQ(AIMDB_ETYPE, aimdb_try_recv(&reader.raw, &value, 1));
    CHECK_EQ(AIMDB_EINVAL, number_peek(asked, NULL));
    CHECK_EQ(AIMDB_ETYPE, aimdb_peek(asked_too.raw, &value, 1));
    CHECK_EQ(0, number_drain(&reader, NULL, 1, &missed));
    CHECK_EQ(AIMDB_EINVAL, aimdb_record_metrics(asked.raw, NULL));
    CHECK_EQ(0, record_stats(asked).produced);
    CHECK_EQ(AIMDB_EEMPTY, no_value(&reader));
    CHECK(aimdb_record_key(asked.raw)[0] == 'a' && aimdb_record_key(asked.raw)[5] == '\0');
    CHECK(aimdb_record_type(asked.raw) == number_type());
    CHECK(aimdb_record_buffer(asked.raw) == AIMDB_BUFFER_SPMC_RING);
    CHECK(aimdb_record_buffer(asked_too.raw) == AIMDB_BUFFER_SINGLE_LATEST);
    number_unsubscribe(&reader);
    CHECK_EQ(AIMDB_EINVAL, number_try_recv(&reader, &value));
    RIG_CLOSE(asked_db);
}

const struct rig_test rig_tests[] = {
    TEST(ten_pushes_into_four_are_six_missed_and_then_seven_to_ten),
    TEST(ring_of_one_holds_the_last_value),
    TEST(each_reader_has_a_position_and_a_new_one_starts_at_the_tail),
    TEST(drain_counts_a_gap_once_and_two_overruns_are_one_lag),
    TEST(batch_larger_than_the_ring_counts_whole_and_leaves_its_end),
    TEST(latest_reader_gets_the_newest_value_once_and_counts_what_it_skipped),
    TEST(new_reader_gets_the_current_value_once_and_peek_marks_nothing),
    TEST(mailbox_keeps_the_last_value_for_whoever_comes_first),
    TEST(observer_of_a_mailbox_never_takes),
    TEST(values_of_any_size_come_back_whole_and_nothing_beside_them_is_touched),
    TEST(bad_arguments_are_told_and_change_nothing),
    { NULL, NULL },
};
