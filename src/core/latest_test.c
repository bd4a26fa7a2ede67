// SPDX-License-Identifier: Apache-2.0
// Tests of SingleLatest and mailbox from within.
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
    number_record latest;
    number_record mailbox;
};

static int
open_both(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->pool = aimdb_pool_new(&(aimdb_pool_options){ .threads = 1 });
    f->builder = aimdb_builder_new(f->pool);
    f->latest = number_configure(f->builder, "latest", AIMDB_SINGLE_LATEST);
    f->mailbox = number_configure(f->builder, "mailbox", AIMDB_MAILBOX);
    *state = f;
    return aimdb_build(f->builder, &f->db);
}

static int
close_both(void **state)
{
    struct fixture *f = *state;
    aimdb_free(f->db);
    aimdb_builder_free(f->builder);
    aimdb_executor_free(f->pool);
    free(f);
    return 0;
}

static void
put(number_record record, uint64_t n)
{
    assert_int_equal(number_produce(record, &(struct number){ n }), AIMDB_OK);
}

static aimdb_err
get(number_reader *reader, uint64_t *n)
{
    struct number out = { 0 };
    aimdb_err err = number_try_recv(reader, &out);
    *n = out.n;
    return err;
}

static size_t
current_slot(const aimdb_record *rec)
{
    return (load_relaxed(&rec->cells.commit_) & AIMDBI_SLOT) != 0;
}

// proves L6, P3: with a writer stopped in mid-push the value before it is read, and then nothing
static void
a_writer_stopped_in_mid_push_leaves_the_current_value(void **state)
{
    struct fixture *f = *state;
    aimdb_record *rec = f->latest.raw;
    number_reader reader;
    uint64_t n;
    put(f->latest, 1);
    put(f->latest, 2);
    assert_int_equal(number_subscribe(f->latest, &reader), AIMDB_OK);
    size_t other = 1 - current_slot(rec);
    size_t next = (load_relaxed(&rec->cells.commit_) & AIMDBI_COUNT) + AIMDBI_STEP;
    store_relaxed(&rec->cells.reserve_, next);
    store_relaxed(&rec->cells.whole_[other], next | (other ? AIMDBI_SLOT : 0));
    store_relaxed(&rec->shape.slots[other], 666); // half-written
    struct number peeked = { 0 };
    assert_int_equal(number_peek(f->latest, &peeked), AIMDB_OK);
    assert_int_equal(peeked.n, 2);
    assert_int_equal(get(&reader, &n), AIMDB_OK);
    assert_int_equal(n, 2);
    assert_int_equal(get(&reader, &n), AIMDB_EEMPTY);
    store_release(&rec->cells.commit_, next | (other ? AIMDBI_SLOT : 0));
    assert_int_equal(get(&reader, &n), AIMDB_OK);
    assert_int_equal(n, 666);
    number_unsubscribe(&reader);
}

// proves L6: while a reader holds a slot, pushes go on beside it and it keeps its value
static void
a_pinned_slot_is_never_written(void **state)
{
    struct fixture *f = *state;
    aimdb_record *rec = f->latest.raw;
    for (uint64_t n = 1; n <= 2; n++) { // once for each slot
        put(f->latest, n);
        size_t slot = current_slot(rec);
        size_t push = load_relaxed(&rec->cells.commit_);
        (void) fetch_or_acq_rel(&rec->cells.flags_, AIMDBI_PIN << slot);
        for (uint64_t later = 100; later < 110; later++) {
            put(f->latest, later);
            assert_int_equal(load_relaxed(&rec->cells.whole_[slot]), push);
            assert_int_equal(load_relaxed(&rec->shape.slots[slot]), n);
            struct number peeked = { 0 };
            assert_int_equal(number_peek(f->latest, &peeked), AIMDB_OK);
            assert_int_equal(peeked.n, later);
        }
        (void) fetch_and_acq_rel(&rec->cells.flags_, ~AIMDBI_PINS);
        put(f->latest, 50);
        put(f->latest, 51);
        assert_int_not_equal(load_relaxed(&rec->cells.whole_[slot]), push);
    }
}

// proves L6: if the current value is being overwritten in place, the pinned one serves a new reader,
// and one that has seen it waits instead of spinning
static void
during_a_push_in_place_the_other_slot_serves(void **state)
{
    struct fixture *f = *state;
    aimdb_record *rec = f->latest.raw;
    number_reader fresh;
    number_reader old;
    uint64_t n;
    assert_int_equal(number_subscribe(f->latest, &fresh), AIMDB_OK);
    put(f->latest, 1);
    assert_int_equal(number_subscribe(f->latest, &old), AIMDB_OK);
    assert_int_equal(get(&old, &n), AIMDB_OK);
    put(f->latest, 2);
    size_t slot = current_slot(rec);
    size_t next = (load_relaxed(&rec->cells.commit_) & AIMDBI_COUNT) + AIMDBI_STEP;
    store_relaxed(&rec->cells.reserve_, next);
    store_relaxed(&rec->cells.whole_[slot], next | (slot ? AIMDBI_SLOT : 0));
    store_relaxed(&rec->shape.slots[slot], 666);
    assert_int_equal(get(&fresh, &n), AIMDB_OK);
    assert_int_equal(n, 1);
    assert_int_equal(get(&old, &n), AIMDB_EEMPTY);
    store_release(&rec->cells.commit_, next | (slot ? AIMDBI_SLOT : 0));
    assert_int_equal(get(&old, &n), AIMDB_OK);
    assert_int_equal(n, 666);
    assert_int_equal(get(&fresh, &n), AIMDB_OK);
    number_unsubscribe(&fresh);
    number_unsubscribe(&old);
}

// proves M2: the loser of a race for a value leaves with nothing, not with the same value
static void
a_value_taken_by_another_is_not_taken_again(void **state)
{
    struct fixture *f = *state;
    number_reader reader;
    uint64_t n;
    assert_int_equal(number_subscribe(f->mailbox, &reader), AIMDB_OK);
    put(f->mailbox, 1);
    size_t push = load_relaxed(&f->mailbox.raw->cells.commit_) & AIMDBI_COUNT;
    store_relaxed(&f->mailbox.raw->takes.taken_, push); // somebody was quicker
    assert_int_equal(get(&reader, &n), AIMDB_EEMPTY);
    number_unsubscribe(&reader);
}

// proves L4, M2, P4: the counters of both survive their wrap
static void
counters_survive_wrap_around(void **state)
{
    struct fixture *f = *state;
    number_reader reader;
    number_reader taker;
    uint64_t n;
    assert_int_equal(number_subscribe(f->latest, &reader), AIMDB_OK);
    assert_int_equal(number_subscribe(f->mailbox, &taker), AIMDB_OK);
    size_t near_the_end = (size_t) 0 - 3 * AIMDBI_STEP;
    aimdb_record *both[] = { f->latest.raw, f->mailbox.raw };
    for (int i = 0; i < 2; i++) {
        store_relaxed(&both[i]->cells.reserve_, near_the_end);
        store_relaxed(&both[i]->cells.commit_, near_the_end);
        store_relaxed(&both[i]->takes.taken_, near_the_end);
    }
    store_relaxed(&reader.raw.cursor_, near_the_end);
    for (uint64_t v = 1; v <= 6; v++) {
        put(f->latest, v);
        put(f->mailbox, v);
        if (v % 2 == 0) {
            assert_int_equal(get(&reader, &n), AIMDB_OK);
            assert_int_equal(n, v);
            assert_int_equal(get(&taker, &n), AIMDB_OK);
            assert_int_equal(n, v);
        }
    }
    aimdb_reader_stats stats = { .size = sizeof stats };
    assert_int_equal(aimdb_reader_metrics(&reader.raw, &stats), AIMDB_OK);
    assert_int_equal(stats.skipped, 3);
    aimdb_record_stats record = { .size = sizeof record };
    assert_int_equal(aimdb_record_metrics(f->mailbox.raw, &record), AIMDB_OK);
    assert_int_equal(record.overwritten, 3);
    number_unsubscribe(&reader);
    number_unsubscribe(&taker);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_writer_stopped_in_mid_push_leaves_the_current_value,
                                        open_both, close_both),
        cmocka_unit_test_setup_teardown(a_pinned_slot_is_never_written, open_both, close_both),
        cmocka_unit_test_setup_teardown(during_a_push_in_place_the_other_slot_serves, open_both,
                                        close_both),
        cmocka_unit_test_setup_teardown(a_value_taken_by_another_is_not_taken_again, open_both,
                                        close_both),
        cmocka_unit_test_setup_teardown(counters_survive_wrap_around, open_both, close_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
