// SPDX-License-Identifier: Apache-2.0
// Spinning, and the asymmetric fences.
//
// The litmus is the store buffer's: each of two threads writes its own word, and then reads the
// other's. With a sequentially consistent fence between the two, at least one of them sees what the
// other wrote. Here one side has the light fence, a compiler barrier, and the other the heavy one.
//
// A heavy fence takes microseconds, so that two threads that meet for every round would rarely be in
// the same place at the same time. Instead both run freely, and count: the light side n, which it
// writes before it reads the round; the heavy side the round, which it writes before it reads n. If
// in round r it read a, then the light side wrote a + 1 after that, and must have read r or more then.
#include "suite.h"

#include <errno.h>
#include <stdlib.h>

#define LITMUS_ROUNDS 100000u
#define LINE 64

struct litmus {
    aimdb_word n; // written by the light side
    char apart_1[LINE];
    aimdb_word round; // written by the heavy side
    char apart_2[LINE];
    size_t rounds;
    size_t *light_knew; // at which n it first read this round, or a later one
    size_t *heavy_read; // n in this round
    bool asymmetric;
    bool with_heavy_fence;
};

static void
run_light_side(void *arg)
{
    struct litmus *litmus = arg;
    size_t known = 0;
    for (size_t n = 1; known < litmus->rounds; n++) {
        store_relaxed(&litmus->n, n);
        if (litmus->asymmetric)
            fence_compiler();
        else
            fence_seq_cst();
        size_t round = load_relaxed(&litmus->round);
        while (known < round)
            litmus->light_knew[++known] = n;
    }
}

static void
run_heavy_side(struct litmus *litmus)
{
    EVENTUALLY(load_acquire(&litmus->n) > 0);
    for (size_t round = 1; round <= litmus->rounds; round++) {
        store_relaxed(&litmus->round, round);
        fence_compiler();
        if (litmus->with_heavy_fence && litmus->asymmetric)
            aimdbp_fence_heavy();
        else if (litmus->with_heavy_fence)
            fence_seq_cst();
        litmus->heavy_read[round] = load_relaxed(&litmus->n);
        if (litmus->heavy_read[round] == litmus->heavy_read[round - 1])
            aimdbp_relax(64); // the other has no processor
    }
}

size_t
litmus_violations(size_t rounds, bool with_heavy_fence)
{
    struct litmus litmus = { .rounds = rounds,
                             .light_knew = calloc(rounds + 1, sizeof(size_t)),
                             .heavy_read = calloc(rounds + 1, sizeof(size_t)),
                             .asymmetric = aimdbp_fence_is_asymmetric(),
                             .with_heavy_fence = with_heavy_fence };
    struct helper light;
    size_t violations = 0;
    CHECK(litmus.light_knew != NULL && litmus.heavy_read != NULL);
    helper_start(&light, run_light_side, &litmus);
    run_heavy_side(&litmus);
    helper_join(&light);
    for (size_t round = 1; round <= rounds; round++)
        violations += litmus.light_knew[round] > litmus.heavy_read[round] + 1;
    free(litmus.light_knew);
    free(litmus.heavy_read);
    return violations;
}

static void
light_and_heavy_fence_order_what_two_threads_do(void **state)
{
    (void) state;
    aimdbp_init();
    CHECK(litmus_violations(LITMUS_ROUNDS, true) == 0);
}

static void
heavy_fence_leaves_errno_alone(void **state)
{
    (void) state;
    aimdbp_init();
    errno = 4711;
    if (aimdbp_fence_is_asymmetric())
        aimdbp_fence_heavy();
    CHECK(errno == 4711);
}

// Spinning ----------------------------------------------------------------------------------------

#define TURNS 1000u
#define SPINS_A_TURN 2000u // much less than a time slice is good for

static void
relaxing_comes_to_an_end_however_long_one_spins(void **state)
{
    (void) state;
    for (unsigned spins = 0; spins < 10000; spins++)
        aimdbp_relax(spins);
    aimdbp_relax(UINT32_MAX);
}

// Two that spin on one processor: each lets the other run long before its time slice is over.
struct spinner {
    struct helper helper;
    aimdb_word *turn; // whose: even and odd
    size_t first;
    size_t spins;
};

static void
take_turns(void *arg)
{
    struct spinner *spinner = arg;
    helper_stay_on_one_processor();
    for (size_t turn = spinner->first; turn < TURNS; turn += 2) {
        unsigned spins = 0;
        for (; load_acquire(spinner->turn) != turn; spins++)
            aimdbp_relax(spins);
        spinner->spins += turn > 1 ? spins : 0; // the other one may not have begun
        store_release(spinner->turn, turn + 1);
    }
}

static void
spinning_lets_others_run(void **state)
{
    (void) state;
    aimdb_word turn = { 0 };
    struct spinner spinners[2];
    for (size_t i = 0; i < 2; i++) {
        spinners[i] = (struct spinner){ .turn = &turn, .first = i };
        helper_start(&spinners[i].helper, take_turns, &spinners[i]);
    }
    for (size_t i = 0; i < 2; i++)
        helper_join(&spinners[i].helper);
    CHECK(spinners[0].spins + spinners[1].spins < TURNS * SPINS_A_TURN);
}

static const struct CMUnitTest tests[] = {
    PORT_TEST(light_and_heavy_fence_order_what_two_threads_do),
    PORT_TEST(heavy_fence_leaves_errno_alone),
    PORT_TEST(relaxing_comes_to_an_end_however_long_one_spins),
    PORT_TEST(spinning_lets_others_run),
};
const struct suite_part fence_part = SUITE_PART(spinning and fences, tests);
