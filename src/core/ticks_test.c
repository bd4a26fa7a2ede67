// SPDX-License-Identifier: Apache-2.0
// Tests of ticks.h: nanoseconds from the ticks of clocks that boards have.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/ticks.h"

static const uint32_t clocks[] = { 32768,    1000000,  3000000,   8000000,   10000000,   16000000,
                                   24000000, 25000000, 168000000, 999999937, 4000000000u };
#define CLOCKS (sizeof clocks / sizeof *clocks)

static void
a_rate_is_the_quotient_rounded_down(void **state)
{
    (void) state;
    for (size_t i = 0; i < CLOCKS; i++) {
        uint64_t expected = ((uint64_t) AIMDBI_NS_PER_SEC << 32) / clocks[i];
        assert_int_equal(aimdbi_ticks_rate(AIMDBI_NS_PER_SEC, clocks[i]), expected);
        expected = ((uint64_t) clocks[i] << 32) / AIMDBI_NS_PER_SEC;
        assert_int_equal(aimdbi_ticks_rate(clocks[i], AIMDBI_NS_PER_SEC), expected);
    }
}

// Over a year of each clock; the error is at most one part in 2^32 of a nanosecond a tick.
static void
nanoseconds_are_right(void **state)
{
    (void) state;
    for (size_t i = 0; i < CLOCKS; i++) {
        uint64_t rate = aimdbi_ticks_rate(AIMDBI_NS_PER_SEC, clocks[i]);
        for (uint64_t second = 0; second < 31536000; second += 86399) {
            uint64_t ticks = second * clocks[i];
            uint64_t ns = aimdbi_ticks_convert(ticks, rate);
            assert_true(ns <= second * AIMDBI_NS_PER_SEC);
            assert_true(second * AIMDBI_NS_PER_SEC - ns <= (ticks >> 32) + 1);
        }
    }
}

static void
more_ticks_are_never_less_nanoseconds(void **state)
{
    (void) state;
    for (size_t i = 0; i < CLOCKS; i++) {
        uint64_t rate = aimdbi_ticks_rate(AIMDBI_NS_PER_SEC, clocks[i]);
        for (uint64_t start = 0; start < (uint64_t) 1 << 40; start = start * 2 + 1) {
            uint64_t last = 0;
            for (uint64_t ticks = start; ticks < start + 1000; ticks++) {
                uint64_t ns = aimdbi_ticks_convert(ticks, rate);
                assert_true(ns >= last);
                last = ns;
            }
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rate_is_the_quotient_rounded_down),
        cmocka_unit_test(nanoseconds_are_right),
        cmocka_unit_test(more_ticks_are_never_less_nanoseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
