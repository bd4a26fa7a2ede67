// SPDX-License-Identifier: Apache-2.0
// The loop that executors without threads share, from within: what a waiting thread sleeps on.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "executor/common/loop.h"

static aimdb_time slept_until; // by the last aimdbp_wait; 0: there was none

static void
note_sleep(const aimdbi_signal *signal, uint32_t expected, aimdb_time deadline)
{
    (void) signal;
    (void) expected;
    slept_until = deadline;
}

#define aimdbp_wait(signal, expected, deadline) note_sleep(signal, expected, deadline)

#include "loop.c"

static void
do_nothing(struct aimdbi_loop *loop)
{
    (void) loop;
}

static bool
anybody(const struct aimdbi_loop *loop)
{
    (void) loop;
    return true;
}

static const struct aimdbi_loop_hooks test_hooks = { .raise = do_nothing,
                                                     .lower = do_nothing,
                                                     .may_drive = anybody };
static const struct aimdbi_executor_ops no_ops = { .version = AIMDBI_EXECUTOR_VERSION };

static struct aimdbi_loop *
loop_new(void)
{
    struct aimdbi_loop *loop = calloc(1, sizeof *loop);
    assert_non_null(loop);
    assert_int_equal(aimdbi_loop_init(loop, &no_ops, &test_hooks), AIMDB_OK);
    slept_until = 0;
    return loop;
}

static void
loop_free(struct aimdbi_loop *loop)
{
    aimdbi_loop_end(&loop->base);
    aimdbi_loop_fini(loop);
    free(loop);
}

static void
waiting_thread_sleeps_until_the_next_source_is_due(void **state)
{
    struct aimdbi_loop *loop = loop_new();
    aimdbi_signal signal = { 0 };
    (void) state;
    aimdb_task task = { .wake_at = aimdbp_clock() + AIMDB_SEC(3600), .is_source = true };
    aimdbi_due_add(&loop->due, &task);
    aimdbi_loop_wait(&loop->base, &signal, 0, AIMDB_FOREVER);
    assert_true(slept_until == task.wake_at);
    loop_free(loop);
}

// Else it would look again and again, as long as the other thread is inside of one consumer.
static void
waiting_thread_sleeps_on_while_another_one_drives_whatever_is_due(void **state)
{
    struct aimdbi_loop *loop = loop_new();
    aimdbi_signal signal = { 0 };
    (void) state;
    store_relaxed(&loop->driver_, 1);
    store_relaxed(&loop->awake_, 1);
    store_relaxed(&loop->next_due_, 1); // as the other one left it, long ago
    aimdbi_loop_wait(&loop->base, &signal, 0, AIMDB_FOREVER);
    assert_true(slept_until == AIMDB_FOREVER);
    loop_free(loop);
}

static void
waiting_thread_does_not_sleep_when_something_became_ready(void **state)
{
    struct aimdbi_loop *loop = loop_new();
    aimdbi_signal signal = { 1 };
    (void) state;
    store_relaxed(&loop->awake_, 1);
    aimdbi_loop_wait(&loop->base, &signal, 1, AIMDB_FOREVER); // answers it first
    assert_true(slept_until == AIMDB_FOREVER);
    slept_until = 0;
    aimdbi_loop_wait(&loop->base, &signal, 0, AIMDB_FOREVER); // the signal has changed
    assert_true(slept_until == 0);
    loop_free(loop);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waiting_thread_sleeps_until_the_next_source_is_due),
        cmocka_unit_test(waiting_thread_sleeps_on_while_another_one_drives_whatever_is_due),
        cmocka_unit_test(waiting_thread_does_not_sleep_when_something_became_ready),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
