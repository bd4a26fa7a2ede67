// SPDX-License-Identifier: Apache-2.0
// Tests of the ring from within: states that a test through the public API can only hope for.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <aimdb/aimdb.h>

#include "core/turn.h"

struct number {
    uint64_t n;
};
AIMDB_RECORD_TYPE(number, struct number);

struct fixture {
    aimdb_executor *pool;
    aimdb_builder *builder;
    aimdb *db;
    number_record record;
};

static void
open_ring(struct fixture *f, size_t capacity, bool one_writer)
{
    aimdb_buffer_cfg cfg = AIMDB_SPMC_RING(capacity);
    cfg.one_writer = one_writer;
    f->pool = aimdb_pool_new(&(aimdb_pool_options){ .threads = 1 });
    f->builder = aimdb_builder_new(f->pool);
    f->record = number_configure(f->builder, "n", cfg);
    assert_int_equal(aimdb_build(f->builder, &f->db), AIMDB_OK);
}

static void
close_ring(struct fixture *f)
{
    aimdb_free(f->db);
    aimdb_builder_free(f->builder);
    aimdb_executor_free(f->pool);
}

static void
push(struct fixture *f, uint64_t from, uint64_t to)
{
    for (uint64_t n = from; n < to; n++) {
        assert_int_equal(number_produce(f->record, &(struct number){ n }), AIMDB_OK);
    }
}

static uint64_t
take(number_reader *reader)
{
    struct number out = { 0 };
    assert_int_equal(number_try_recv(reader, &out), AIMDB_OK);
    return out.n;
}

static aimdb_err
nothing(number_reader *reader)
{
    struct number out = { 77 };
    aimdb_err err = number_try_recv(reader, &out);
    assert_true(err == AIMDB_OK || out.n == 77); // untouched on failure
    return err;
}

// As if 2^61 - 3 values had been pushed: the counts of reserve_ and commit_ are about to wrap.
static void
wind_to_the_end(struct fixture *f)
{
    size_t near_the_end = (size_t) 0 - 3 * AIMDBI_STEP;
    store_relaxed(&f->record.raw->cells.reserve_, near_the_end);
    store_relaxed(&f->record.raw->cells.commit_, near_the_end);
}

// proves R4, R5: order, lag and capacity are the same across the wrap of the counters
static void
counters_survive_wrap_around(void **state)
{
    (void) state;
    for (int one_writer = 0; one_writer < 2; one_writer++) {
        struct fixture f;
        number_reader reader;
        open_ring(&f, 4, one_writer);
        wind_to_the_end(&f);
        assert_int_equal(number_subscribe(f.record, &reader), AIMDB_OK);
        push(&f, 1, 11);
        assert_int_equal(nothing(&reader), AIMDB_ELAGGED);
        assert_int_equal(number_missed(&reader), 6);
        for (uint64_t n = 7; n <= 10; n++) {
            assert_int_equal(take(&reader), n);
        }
        assert_int_equal(nothing(&reader), AIMDB_EEMPTY);
        number_unsubscribe(&reader);
        close_ring(&f);
    }
}

// proves R6: after a lag the cursor may be ahead of the commit this reader sees; that is no lag
static void
a_cursor_ahead_of_the_commit_reads_as_empty(void **state)
{
    (void) state;
    struct fixture f;
    number_reader reader;
    open_ring(&f, 4, false);
    assert_int_equal(number_subscribe(f.record, &reader), AIMDB_OK);
    push(&f, 0, 3);
    store_relaxed(&reader.raw.cursor_, 5 * AIMDBI_STEP);
    assert_int_equal(nothing(&reader), AIMDB_EEMPTY);
    assert_int_equal(load_relaxed(&reader.raw.missed_), 0);
    assert_int_equal(load_relaxed(&reader.raw.cursor_), 5 * AIMDBI_STEP);
    number_unsubscribe(&reader);
    close_ring(&f);
}

// proves P3, R1: a writer that stands still in mid-push holds up no reader, whatever the capacity
static void
a_writer_stopped_in_mid_push_holds_up_no_reader(void **state)
{
    (void) state;
    for (size_t capacity = 1; capacity <= 5; capacity++) {
        struct fixture f;
        number_reader reader;
        open_ring(&f, capacity, false);
        assert_int_equal(number_subscribe(f.record, &reader), AIMDB_OK);
        push(&f, 0, capacity);
        size_t reserve = load_relaxed(&f.record.raw->cells.reserve_);
        store_relaxed(&f.record.raw->cells.reserve_,
                      reserve + AIMDBI_STEP); // announced, not committed
        // The oldest one may be gone, if the slots are all in use; the others are there.
        bool gone = (capacity & (capacity - 1)) == 0 && capacity > 1;
        if (gone) {
            assert_int_equal(nothing(&reader), AIMDB_ELAGGED);
            assert_int_equal(number_missed(&reader), 1);
        }
        for (uint64_t n = gone; n < capacity; n++) {
            assert_int_equal(take(&reader), n);
        }
        assert_int_equal(nothing(&reader), AIMDB_EEMPTY);
        store_relaxed(&f.record.raw->cells.reserve_, reserve);
        number_unsubscribe(&reader);
        close_ring(&f);
    }
}

// proves R8: the closing mark is not taken for pushes
static void
a_closed_ring_gives_what_is_left_and_then_says_so(void **state)
{
    (void) state;
    for (int one_writer = 0; one_writer < 2; one_writer++) {
        struct fixture f;
        number_reader reader;
        open_ring(&f, 4, one_writer);
        assert_int_equal(number_subscribe(f.record, &reader), AIMDB_OK);
        push(&f, 0, 4);
        assert_int_equal(aimdb_close(f.db, aimdb_clock(), NULL), AIMDB_OK);
        for (uint64_t n = 0; n < 4; n++) {
            assert_int_equal(take(&reader), n);
        }
        assert_int_equal(nothing(&reader), AIMDB_ECLOSED);
        assert_int_equal(number_produce(f.record, &(struct number){ 9 }), AIMDB_ECLOSED);
        assert_int_equal(aimdbi_record_push(f.record.raw, &(struct number){ 9 }, 1), AIMDB_ECLOSED);
        assert_int_equal(nothing(&reader), AIMDB_ECLOSED);
        number_unsubscribe(&reader);
        close_ring(&f);
    }
}

// proves X1: of a push that is in flight when the ring closes, a reader says neither "closed" nor
// more than is there; when it commits it is delivered
static void
a_push_in_flight_at_the_close_is_still_delivered(void **state)
{
    (void) state;
    struct fixture f;
    number_reader reader;
    open_ring(&f, 4, false);
    aimdb_record *rec = f.record.raw;
    assert_int_equal(number_subscribe(f.record, &reader), AIMDB_OK);
    push(&f, 0, 1);
    size_t next = load_relaxed(&rec->cells.commit_) + AIMDBI_STEP;
    store_relaxed(&rec->cells.reserve_, next); // announced
    aimdbi_turn_close_begin(rec);
    aimdbi_turn_close_end(rec);
    assert_int_equal(take(&reader), 0);
    assert_int_equal(nothing(&reader), AIMDB_EEMPTY);
    store_relaxed(&rec->shape.slots[1], 42);
    store_release(&rec->cells.commit_, next);
    assert_int_equal(take(&reader), 42);
    assert_int_equal(nothing(&reader), AIMDB_ECLOSED);
    number_unsubscribe(&reader);
    close_ring(&f);
}

// proves R4, P4: a batch that overtakes a drain in its middle loses nothing silently
static void
a_batch_larger_than_the_ring_counts_in_full(void **state)
{
    (void) state;
    struct fixture f;
    number_reader reader;
    struct number values[20];
    struct number got[20];
    uint64_t missed = 0;
    open_ring(&f, 5, true);
    assert_int_equal(number_subscribe(f.record, &reader), AIMDB_OK);
    for (uint64_t n = 0; n < 20; n++) {
        values[n].n = n;
    }
    assert_int_equal(number_produce_n(f.record, values, 20), AIMDB_OK);
    assert_int_equal(number_drain(&reader, got, 20, &missed), 5);
    assert_int_equal(missed, 15);
    assert_int_equal(got[0].n, 15);
    assert_int_equal(got[4].n, 19);
    number_unsubscribe(&reader);
    close_ring(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_survive_wrap_around),
        cmocka_unit_test(a_cursor_ahead_of_the_commit_reads_as_empty),
        cmocka_unit_test(a_writer_stopped_in_mid_push_holds_up_no_reader),
        cmocka_unit_test(a_closed_ring_gives_what_is_left_and_then_says_so),
        cmocka_unit_test(a_push_in_flight_at_the_close_is_still_delivered),
        cmocka_unit_test(a_batch_larger_than_the_ring_counts_in_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
