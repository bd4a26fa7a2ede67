// SPDX-License-Identifier: Apache-2.0
// The clock, and memory.
#include "suite.h"

#include <aimdb/record.h> // AIMDB_ALIGN_MAX
#include <string.h>

static void
clock_never_goes_backwards(void **state)
{
    (void) state;
    aimdb_time before = aimdbp_clock();
    CHECK(before >= 0);
    for (int i = 0; i < 100000; i++) {
        aimdb_time now = aimdbp_clock();
        CHECK(now >= before);
        before = now;
    }
}

#define HAND_OVERS 20000u

// A time that goes to and fro: who gets it must not see an earlier one on its own clock.
struct relay {
    aimdb_word turn; // whose: even and odd
    aimdb_time at;   // read and written by whose turn it is
};

static void
pass_on_the_time(struct relay *relay, size_t first)
{
    for (size_t turn = first; turn < HAND_OVERS; turn += 2) {
        for (unsigned spins = 0; load_acquire(&relay->turn) != turn; spins++)
            aimdbp_relax(spins);
        aimdb_time now = aimdbp_clock();
        CHECK(now >= relay->at);
        relay->at = now;
        store_release(&relay->turn, turn + 1);
    }
}

static void
pass_on_odd_turns(void *arg)
{
    pass_on_the_time(arg, 1);
}

static void
clock_is_the_same_in_every_thread(void **state)
{
    (void) state;
    struct relay relay = { { 0 }, 0 };
    struct helper other;
    helper_start(&other, pass_on_odd_turns, &relay);
    pass_on_the_time(&relay, 0);
    helper_join(&other);
}

#define BLOCKS 24u

static void
fill_and_check(unsigned char *blocks[BLOCKS], const size_t sizes[BLOCKS])
{
    for (size_t i = 0; i < BLOCKS; i++)
        memset(blocks[i], (int) i + 1, sizes[i]);
    for (size_t i = 0; i < BLOCKS; i++)
        for (size_t at = 0; at < sizes[i]; at++)
            CHECK(blocks[i][at] == i + 1);
}

// Every power of two up to the largest alignment of a value, in sizes of once to 24 times as much.
static void
memory_is_aligned_as_asked_and_as_large(void **state)
{
    (void) state;
    for (size_t align = 1; align <= AIMDB_ALIGN_MAX; align *= 2) {
        unsigned char *blocks[BLOCKS];
        size_t sizes[BLOCKS];
        for (size_t i = 0; i < BLOCKS; i++) {
            sizes[i] = (i + 1) * align;
            blocks[i] = aimdbp_alloc(sizes[i], align);
            CHECK(blocks[i] != NULL);
            CHECK((uintptr_t) blocks[i] % align == 0);
        }
        fill_and_check(blocks, sizes);
        for (size_t i = 0; i < BLOCKS; i++)
            aimdbp_release(blocks[i], sizes[i]);
    }
}

static void
memory_that_is_not_to_be_had_is_null(void **state)
{
    (void) state;
    const size_t all = (SIZE_MAX >> 1) & ~(size_t) (AIMDB_ALIGN_MAX - 1);
    CHECK(aimdbp_alloc(all, 1) == NULL);
    CHECK(aimdbp_alloc(all, 64) == NULL);
    CHECK(aimdbp_alloc(all, AIMDB_ALIGN_MAX) == NULL);
}

static void
releasing_nothing_does_nothing(void **state)
{
    (void) state;
    aimdbp_release(NULL, 0);
    aimdbp_release(NULL, 64);
}

static const struct CMUnitTest tests[] = {
    PORT_TEST(clock_never_goes_backwards),
    PORT_TEST(clock_is_the_same_in_every_thread),
    PORT_TEST(memory_is_aligned_as_asked_and_as_large),
    PORT_TEST(memory_that_is_not_to_be_had_is_null),
    PORT_TEST(releasing_nothing_does_nothing),
};
const struct suite_part memory_part = SUITE_PART(clock and memory, tests);
