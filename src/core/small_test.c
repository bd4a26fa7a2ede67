// SPDX-License-Identifier: Apache-2.0
// Tests of the small helpers: copying words, lines of text, the latency histogram, scratch memory.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/copy.h"
#include "core/latency.h"
#include "core/scratch.h"
#include "core/text.h"

static void
a_value_of_any_size_comes_back_and_nothing_beside_it_is_touched(void **state)
{
    (void) state;
    enum { MOST = 300, GUARD = 16 };
    unsigned char in[MOST];
    for (size_t i = 0; i < MOST; i++) {
        in[i] = (unsigned char) (i * 7 + 1);
    }
    for (size_t size = 1; size <= MOST; size++) {
        aimdb_word slot[MOST / sizeof(size_t) + 2];
        unsigned char out[MOST + 2 * GUARD];
        memset(slot, 0xee, sizeof slot);
        memset(out, 0xcc, sizeof out);
        copy_words_in(slot, in, size);
        // At an odd address: no alignment is asked of the caller's memory.
        copy_words_out(out + GUARD - 1, slot, size);
        assert_memory_equal(out + GUARD - 1, in, size);
        for (size_t i = 0; i < GUARD - 1; i++) {
            assert_int_equal(out[i], 0xcc);
            assert_int_equal(out[GUARD - 1 + size + i], 0xcc);
        }
        aimdb_word beyond = slot[words_of(size)];
        assert_int_equal((unsigned char) load_relaxed(&beyond), 0xee);
    }
}

static void
numbers_and_pieces_make_a_line_that_is_cut_when_full(void **state)
{
    (void) state;
    struct aimdbi_text text = { 0 };
    aimdbi_text_add(&text, "n = ");
    aimdbi_text_number(&text, 0);
    aimdbi_text_add(&text, ", ");
    aimdbi_text_number(&text, UINT64_MAX);
    assert_string_equal(text.line, "n = 0, 18446744073709551615");
    for (int i = 0; i < 100; i++) {
        aimdbi_text_add(&text, "0123456789");
    }
    assert_int_equal(text.used, AIMDBI_LINE_BYTES - 1);
    assert_int_equal(strlen(text.line), AIMDBI_LINE_BYTES - 1);
}

static void
keys_compare_as_strings(void **state)
{
    (void) state;
    assert_true(aimdbi_compare("a", "b") < 0);
    assert_true(aimdbi_compare("b", "a") > 0);
    assert_true(aimdbi_compare("a", "a.b") < 0);
    assert_true(aimdbi_compare("\xff", "a") > 0);
    assert_int_equal(aimdbi_compare("same", "same"), 0);
}

static void
percentiles_are_at_most_a_quarter_too_high(void **state)
{
    (void) state;
    struct aimdbi_latency *latency = calloc(1, sizeof *latency);
    assert_int_equal(aimdbi_latency_percentile(latency, 50), 0);
    for (aimdb_time ns = 1; ns <= 1000; ns++) {
        aimdbi_latency_add(latency, ns * 100);
    }
    aimdb_time p50 = aimdbi_latency_percentile(latency, 50);
    aimdb_time p99 = aimdbi_latency_percentile(latency, 99);
    assert_true(p50 >= 50000 && p50 <= 62500);
    assert_true(p99 >= 99000 && p99 <= 100000);
    assert_int_equal(load_relaxed(&latency->max_), 100000);
    aimdbi_latency_add(latency, -5);        // a clock that stood still
    aimdbi_latency_add(latency, INT64_MAX); // and one that did not
    assert_true(aimdbi_latency_percentile(latency, 100) > 0);
    free(latency);
}

struct asked {
    size_t size;
    size_t align;
};

static aimdb_err
use_scratch(void *work, void *scratch)
{
    const struct asked *asked = work;
    assert_int_equal((uintptr_t) scratch % asked->align, 0);
    memset(scratch, 0x5a, asked->size); // sanitizers watch the edges
    return AIMDB_EPENDING;
}

static void
scratch_memory_is_large_enough_and_aligned(void **state)
{
    (void) state;
    const size_t sizes[] = { 1, 8, 128, 255, 256, 1000, 4000, 4096, 16384, AIMDB_VALUE_MAX };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (size_t align = 1; align <= AIMDB_ALIGN_MAX; align *= 2) {
            struct asked asked = { sizes[i], align };
            assert_int_equal(aimdbi_with_scratch(asked.size, align, use_scratch, &asked),
                             AIMDB_EPENDING);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_of_any_size_comes_back_and_nothing_beside_it_is_touched),
        cmocka_unit_test(numbers_and_pieces_make_a_line_that_is_cut_when_full),
        cmocka_unit_test(keys_compare_as_strings),
        cmocka_unit_test(percentiles_are_at_most_a_quarter_too_high),
        cmocka_unit_test(scratch_memory_is_large_enough_and_aligned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
