// SPDX-License-Identifier: Apache-2.0
// The poll executor beside threads that wait, and so call consumers and sources as well: what the
// thread of the event loop is told, by the descriptor and the deadline.
#define _GNU_SOURCE // poll, semaphores
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include <aimdb/aimdb.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 30000 // longer than this nothing takes

struct number {
    uint64_t n;
};
AIMDB_RECORD_TYPE(number, struct number);

struct stage {
    aimdb_executor *executor;
    aimdb_builder *builder;
    aimdb *db;
    number_record record;
    sem_t inside;
    sem_t leave;
    pthread_t runner;
};

static bool
is_readable(const struct stage *stage, int patience_ms)
{
    struct pollfd fd = { .fd = aimdb_fd(stage->executor), .events = POLLIN };
    return poll(&fd, 1, patience_ms) == 1;
}

// What an event loop does until there is nothing to do.
static void
dispatch_all(const struct stage *stage)
{
    while (is_readable(stage, 0)) {
        (void) aimdb_dispatch(stage->executor, 0);
    }
}

static aimdb_err
stay_inside(aimdb_ctx *ctx, const struct number *value)
{
    struct stage *stage = aimdb_user(ctx);
    (void) value;
    sem_post(&stage->inside);
    sem_wait(&stage->leave);
    return AIMDB_OK;
}

static void
set_up(struct stage *stage)
{
    *stage = (struct stage){ .executor = aimdb_poll_new(NULL) };
    sem_init(&stage->inside, 0, 0);
    sem_init(&stage->leave, 0, 0);
    stage->builder = aimdb_builder_new(stage->executor);
    stage->record = number_configure(stage->builder, "n", AIMDB_SPMC_RING(4));
    number_add_consumer(stage->builder, stage->record, stay_inside, stage);
    assert_int_equal(aimdb_build(stage->builder, &stage->db), AIMDB_OK);
    dispatch_all(stage);
}

static void
tear_down(struct stage *stage)
{
    aimdb_free(stage->db);
    aimdb_builder_free(stage->builder);
    aimdb_executor_free(stage->executor);
}

// --- another thread drives -----------------------------------------------------------------------

static void *
run(void *db)
{
    assert_int_equal(aimdb_run(db), AIMDB_OK);
    return NULL;
}

// A thread in aimdb_run is inside of a consumer.
static void
another_drives(struct stage *stage)
{
    assert_int_equal(pthread_create(&stage->runner, NULL, run, stage->db), 0);
    assert_int_equal(number_produce(stage->record, &(struct number){ 1 }), AIMDB_OK);
    sem_wait(&stage->inside);
}

static void
the_other_one_leaves(struct stage *stage)
{
    sem_post(&stage->leave);
    assert_true(is_readable(stage, PATIENCE_MS)); // the loop is asked to look again
    dispatch_all(stage);
    aimdb_stop(stage->db);
    assert_int_equal(pthread_join(stage->runner, NULL), 0);
}

static void
loop_that_was_turned_away_sleeps_until_the_other_thread_is_done(void **state)
{
    struct stage stage;
    (void) state;
    set_up(&stage);
    another_drives(&stage);
    assert_int_equal(aimdb_dispatch(stage.executor, 0), AIMDB_EBUSY);
    assert_true(aimdb_next_deadline(stage.executor) == AIMDB_FOREVER);
    assert_false(is_readable(&stage, 0));
    the_other_one_leaves(&stage);
    tear_down(&stage);
}

static void
loop_that_asks_for_the_deadline_meanwhile_sleeps_as_well(void **state)
{
    struct stage stage;
    (void) state;
    set_up(&stage);
    another_drives(&stage);
    assert_true(aimdb_next_deadline(stage.executor) == AIMDB_FOREVER);
    the_other_one_leaves(&stage);
    tear_down(&stage);
}

// --- another thread was quicker ------------------------------------------------------------------

static aimdb_time
hourly(aimdb_ctx *ctx, number_record out)
{
    (void) number_emit(ctx, out, &(struct number){ 1 });
    return aimdb_every(ctx, AIMDB_SEC(3600));
}

// The loop sleeps, for ever as far as it knows. A database with a source is built, and the thread that
// built it closes another one at once, which steps the source and takes back the wake.
static void
loop_is_told_of_a_source_that_another_thread_stepped_first(void **state)
{
    struct stage stage;
    aimdb *db;
    (void) state;
    set_up(&stage);
    aimdb_builder *builder = aimdb_builder_new(stage.executor);
    number_record record = number_configure(builder, "hours", AIMDB_SINGLE_LATEST);
    aimdb_task *source = number_add_source(builder, record, hourly, NULL);
    assert_true(aimdb_next_deadline(stage.executor) == AIMDB_FOREVER);
    assert_int_equal(aimdb_build(builder, &db), AIMDB_OK);
    assert_int_equal(aimdb_close(stage.db, AIMDB_FOREVER, NULL), AIMDB_OK);
    aimdb_task_stats stats = { .size = sizeof stats };
    assert_int_equal(aimdb_task_metrics(source, &stats), AIMDB_OK);
    assert_int_equal(stats.received, 1);
    assert_true(is_readable(&stage, 0));
    dispatch_all(&stage);
    assert_true(aimdb_next_deadline(stage.executor) < AIMDB_FOREVER);
    aimdb_free(db);
    aimdb_builder_free(builder);
    tear_down(&stage);
}

// --- a child -------------------------------------------------------------------------------------

static aimdb_err
defer(aimdb_ctx *ctx, const struct number *value)
{
    aimdb_token *token = aimdb_user(ctx);
    (void) value;
    *token = aimdb_defer(ctx);
    return AIMDB_EPENDING;
}

// The descriptor of a child is the parent's: what the child writes to it nobody would take back.
static void
child_that_finishes_a_value_does_not_wake_its_parent(void **state)
{
    struct stage stage;
    aimdb_token token = { NULL, 0 };
    int status = -1;
    (void) state;
    set_up(&stage);
    aimdb_builder *builder = aimdb_builder_new(stage.executor);
    aimdb *db;
    number_record record = number_configure(builder, "later", AIMDB_SPMC_RING(4));
    number_add_consumer(builder, record, defer, &token);
    assert_int_equal(aimdb_build(builder, &db), AIMDB_OK);
    assert_int_equal(number_produce(record, &(struct number){ 1 }), AIMDB_OK);
    dispatch_all(&stage);
    pid_t child = fork();
    if (child == 0) {
        _exit(aimdb_done(token, AIMDB_OK) == AIMDB_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_false(is_readable(&stage, 0));
    assert_int_equal(aimdb_done(token, AIMDB_OK), AIMDB_OK);
    assert_true(is_readable(&stage, 0));
    aimdb_free(db);
    aimdb_builder_free(builder);
    tear_down(&stage);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loop_that_was_turned_away_sleeps_until_the_other_thread_is_done),
        cmocka_unit_test(loop_that_asks_for_the_deadline_meanwhile_sleeps_as_well),
        cmocka_unit_test(loop_is_told_of_a_source_that_another_thread_stepped_first),
        cmocka_unit_test(child_that_finishes_a_value_does_not_wake_its_parent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
