// SPDX-License-Identifier: Apache-2.0
// Idle means idle [D5]: what a database costs when nothing happens, and what threads cost that wait.
// The only tests that let time pass: the time is what they measure over.
#include "loop.h"

#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#define PROCESSOR_TIME_MAX AIMDB_MS(2)
#define SWITCHES_MAX 8 // a test's own sleep, and the driver's looks once a second
// What the thread sanitizer's own thread may add in two seconds:
#define TSAN_PROCESSOR_TIME AIMDB_MS(20)
#define TSAN_SWITCHES 30

struct cost {
    aimdb_time processor_time;
    long switches; // threads that slept and were woken
};

static struct cost
cost_so_far(void)
{
    struct rusage used;
    CHECK(getrusage(RUSAGE_SELF, &used) == 0);
    aimdb_time user = AIMDB_SEC(used.ru_utime.tv_sec) + AIMDB_US(used.ru_utime.tv_usec);
    aimdb_time system = AIMDB_SEC(used.ru_stime.tv_sec) + AIMDB_US(used.ru_stime.tv_usec);
    return (struct cost){ user + system, used.ru_nvcsw };
}

// Lets time pass in which nothing may happen.
static void
expect_idle(unsigned seconds)
{
    struct timespec end;
    EVENTUALLY(contract_others_asleep());
    struct cost before = cost_so_far();
    CHECK(clock_gettime(CLOCK_MONOTONIC, &end) == 0);
    end.tv_sec += seconds;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) != 0)
        continue;
    struct cost after = cost_so_far();
    aimdb_time processor_time = after.processor_time - before.processor_time;
    long switches = after.switches - before.switches;
    printf("%u s: %lld us of processor time, %ld switches\n", seconds,
           (long long) (processor_time / AIMDB_US(1)), switches);
    CHECK(processor_time <= PROCESSOR_TIME_MAX + (loop_is_tsan() ? TSAN_PROCESSOR_TIME : 0));
    CHECK(switches <= SWITCHES_MAX + (loop_is_tsan() ? TSAN_SWITCHES : 0));
}

// proves D5
static void
database_that_waits_for_values_and_time_is_idle(void **state)
{
    struct world *w = *state;
    const aimdb_buffer_cfg cfgs[] = { AIMDB_SPMC_RING(64), AIMDB_SINGLE_LATEST, AIMDB_MAILBOX };
    struct sink *sinks[6];
    number_record records[3];
    for (size_t i = 0; i < 6; i++) {
        sinks[i] = sink_new(w, 1);
        if (i < 3)
            records[i] = number_configure(w->builder, (char[]){ (char) ('a' + i), '\0' }, cfgs[i]);
        sink_attach(w, records[i % 3], sinks[i], i >= 3); // the second consumer of each blocks
    }
    ticker_attach(w, records[0], 2, AIMDB_SEC(1000));
    world_build(w);
    for (uint64_t n = 1; n <= 20; n++) // a stream, which dispatchers may watch for a while
        for (size_t i = 0; i < 3; i++)
            push(records[i], n);
    gate_wait(sinks[0]->calls, 21); // and the source's first
    expect_idle(2);
    uint64_t before = gate_count(sinks[0]->calls);
    push(records[0], 21);
    gate_wait(sinks[0]->calls, before + 1);
}

struct waiter {
    struct world *w;
    number_record record;
};

static void
receive(void *arg)
{
    struct waiter *waiter = arg;
    number_reader reader;
    struct number out;
    CHECK_OK(number_subscribe(waiter->record, &reader));
    helper_about_to_block();
    CHECK_ERR(AIMDB_ECLOSED, number_recv(&reader, &out, AIMDB_FOREVER));
    number_unsubscribe(&reader);
}

static void
run(void *arg)
{
    struct waiter *waiter = arg;
    helper_about_to_block();
    CHECK_ERR(AIMDB_ECLOSED, aimdb_run(waiter->w->db));
}

// proves D5 X1
static void
threads_that_wait_for_a_consumer_are_idle(void **state)
{
    struct world *w = *state;
    struct waiter *waiter = world_memory(w, sizeof *waiter);
    struct sink *sink = sink_held_new(w, 4);
    number_record record = number_configure(w->builder, "held", AIMDB_SPMC_RING(16));
    waiter->w = w;
    waiter->record = number_configure(w->builder, "quiet", AIMDB_SPMC_RING(16));
    sink_attach(w, record, sink, false);
    world_build(w);
    push_range(record, 1, 3);
    gate_wait(sink->calls, 1);
    struct helper *receiver = helper_start(w, receive, waiter);
    helper_until_asleep(receiver);
    expect_idle(1);
    struct helper *runner = helper_start(w, run, waiter);
    helper_until_asleep(runner);
    expect_idle(1);
    struct closer *closers[] = { closer_start(w, AIMDB_FOREVER), closer_start(w, AIMDB_FOREVER) };
    for (size_t i = 0; i < 2; i++)
        helper_until_asleep(closers[i]->helper);
    expect_idle(1);
    sink_let_go(sink);
    for (size_t i = 0; i < 2; i++)
        closer_join(closers[i]);
    helper_join(receiver);
    helper_join(runner);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(database_that_waits_for_values_and_time_is_idle),
        CONTRACT_TEST(threads_that_wait_for_a_consumer_are_idle),
    };
    return CONTRACT_RUN(tests, argc, argv);
}
