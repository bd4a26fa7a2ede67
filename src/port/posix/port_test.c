// SPDX-License-Identifier: Apache-2.0
// Tests of what the port promises beyond the executor suites: waiting under real-time priority.
#define _GNU_SOURCE // CPU_SET, pthread_attr_setaffinity_np
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/port.h"

#define SPINS_MAX 200000u // a tenth of a second that nobody else gets: far too much

// Two threads on one processor, the second of which runs only when the first lets it.
struct pair {
    atomic_bool is_up;   // the first is about to wait
    atomic_bool is_done; // what it waits for
    unsigned spins;      // that took
};

static void *
wait_for_the_other(void *argument)
{
    struct pair *pair = argument;
    atomic_store(&pair->is_up, true);
    while (!atomic_load(&pair->is_done) && pair->spins < SPINS_MAX) {
        aimdbp_relax(pair->spins++);
    }
    return NULL;
}

static void *
be_waited_for(void *argument)
{
    struct pair *pair = argument;
    atomic_store(&pair->is_done, true);
    return NULL;
}

// Returns 0 or an errno: without the privilege there is no such thread.
static int
start_on(int processor, int priority, pthread_t *ret_thread, void *(*main)(void *), void *argument)
{
    pthread_attr_t how;
    cpu_set_t set;
    struct sched_param param = { .sched_priority = priority };
    CPU_ZERO(&set);
    CPU_SET((size_t) processor, &set);
    (void) pthread_attr_init(&how);
    (void) pthread_attr_setaffinity_np(&how, sizeof set, &set);
    (void) pthread_attr_setinheritsched(&how, PTHREAD_EXPLICIT_SCHED);
    (void) pthread_attr_setschedpolicy(&how, priority > 0 ? SCHED_FIFO : SCHED_OTHER);
    (void) pthread_attr_setschedparam(&how, &param);
    int err = pthread_create(ret_thread, &how, main, argument);
    (void) pthread_attr_destroy(&how);
    return err;
}

static int
first_processor(void)
{
    cpu_set_t set;
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    int processor = 0;
    while (!CPU_ISSET((size_t) processor, &set)) {
        processor++;
    }
    return processor;
}

// A writer of low priority that was stopped in mid-push by a source of high priority, which waits for
// the turn: giving the processor away to equals would not let the writer run.
static void
waiting_lets_a_thread_of_less_priority_run(void **state)
{
    (void) state;
    struct pair pair = { 0 };
    pthread_t high;
    pthread_t low;
    if (start_on(first_processor(), 1, &high, wait_for_the_other, &pair) != 0) {
        skip();
    }
    while (!atomic_load(&pair.is_up)) {
        (void) sched_yield();
    }
    assert_int_equal(start_on(first_processor(), 0, &low, be_waited_for, &pair), 0);
    (void) pthread_join(high, NULL);
    (void) pthread_join(low, NULL);
    assert_true(pair.spins < SPINS_MAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waiting_lets_a_thread_of_less_priority_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
