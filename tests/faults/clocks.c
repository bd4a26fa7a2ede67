// SPDX-License-Identifier: Apache-2.0
// Clocks that leap and stand still. The program is linked so that clock_gettime of AimDB is the one here.
//
// Only executors whose sleeping is their loop's, with a time that is relative: a futex has the kernel's
// clock, which cannot be made to leap.
#include "faults.h"

#include <time.h>

#define PERIOD AIMDB_MS(1)
#define HOUR AIMDB_SEC(3600)
#define LEAPS 5u

static _Atomic int64_t ahead;      // ns by which time is ahead of the kernel's
static _Atomic int64_t stands_at;  // ns; 0: it does not stand
static _Atomic uint64_t wall_time; // reads of the clock that people set

int
__real_clock_gettime(clockid_t clock, struct timespec *ret_time);
int
__wrap_clock_gettime(clockid_t clock, struct timespec *ret_time);

int
__wrap_clock_gettime(clockid_t clock, struct timespec *ret_time)
{
    int err = __real_clock_gettime(clock, ret_time);
    int64_t stands = atomic_load(&stands_at);
    if (clock == CLOCK_REALTIME)
        atomic_fetch_add(&wall_time, 1);
    if (clock != CLOCK_MONOTONIC)
        return err;
    int64_t now = AIMDB_SEC(ret_time->tv_sec) + ret_time->tv_nsec + atomic_load(&ahead);
    now = stands != 0 ? stands : now;
    ret_time->tv_sec = (time_t) (now / AIMDB_SEC(1));
    ret_time->tv_nsec = (long) (now % AIMDB_SEC(1));
    return err;
}

static void
leap(void)
{
    atomic_fetch_add(&ahead, HOUR);
    contract_tally(1);
}

static void
stand_still(void)
{
    atomic_store(&stands_at, aimdb_clock());
    contract_tally(1);
}

// Goes on from where it stood.
static void
go_on(void)
{
    int64_t stood = atomic_load(&stands_at);
    atomic_store(&stands_at, 0);
    atomic_fetch_sub(&ahead, aimdb_clock() - stood);
}

static void
leap_inside(void *arg, uint64_t step)
{
    (void) arg;
    if (step % 4 == 2 && step / 4 < LEAPS)
        leap();
}

// One step a leap, and not 3,600,000.
static void
hours_were_left_out(const struct ticks *ticks)
{
    ticks_account(ticks);
    CHECK(ticks->left_out >= LEAPS * (uint64_t) (HOUR / PERIOD - 1));
    CHECK_EQ(0, atomic_load(&wall_time));
}

static void
clock_that_leaps_in_a_step_makes_overruns_and_no_burst(void **state)
{
    struct world *w = *state;
    number_record record = number_configure(w->builder, "record", AIMDB_SPMC_RING(4));
    struct ticks *ticks = ticks_attach(w, record, PERIOD);
    ticks->each = leap_inside;
    world_build(w);
    gate_wait(ticks->steps, 4 * LEAPS + 2);
    (void) world_close(w);
    hours_were_left_out(ticks);
}

// The step that the loop sleeps for comes an hour late; the one after it is on time.
static void
clock_that_leaps_between_steps_makes_overruns_and_no_burst(void **state)
{
    struct world *w = *state;
    number_record record = number_configure(w->builder, "record", AIMDB_SPMC_RING(4));
    struct ticks *ticks = ticks_attach(w, record, PERIOD);
    world_build(w);
    gate_wait(ticks->steps, 3);
    for (unsigned i = 0; i < LEAPS; i++) {
        leap();
        gate_wait(ticks->steps, gate_count(ticks->steps) + 3);
    }
    (void) world_close(w);
    hours_were_left_out(ticks);
}

static void
stop_time_in_step_5(void *arg, uint64_t step)
{
    struct gate *standing = arg;
    if (step == 5) {
        stand_still();
        gate_add(standing, 1);
    }
}

static void
values_flow_while_the_clock_stands_still_and_sources_wait(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_new(w, 0);
    number_record record = number_configure(w->builder, "record", AIMDB_SPMC_RING(4));
    number_record clock = number_configure(w->builder, "clock", AIMDB_SPMC_RING(4));
    sink_attach(w, record, sink, false);
    struct ticks *ticks = ticks_attach(w, clock, PERIOD);
    ticks->each = stop_time_in_step_5;
    ticks->arg = gate_new(w);
    world_build(w);
    gate_wait(ticks->arg, 1);
    for (uint64_t n = 1; n <= 100; n++) {
        push(record, n);
        gate_wait(sink->calls, n);
    }
    gate_wait(ticks->steps, 6);
    CHECK_EQ(6, gate_count(ticks->steps)); // none is due
    go_on();
    gate_wait(ticks->steps, 10);
    CHECK_EQ(0, world_close(w).lost);
    ticks_account(ticks);
    CHECK_EQ(0, atomic_load(&wall_time));
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(clock_that_leaps_in_a_step_makes_overruns_and_no_burst),
        CONTRACT_TEST(clock_that_leaps_between_steps_makes_overruns_and_no_burst),
        CONTRACT_TEST(values_flow_while_the_clock_stands_still_and_sources_wait),
    };
    return FAULTS_RUN(tests, argc, argv);
}
