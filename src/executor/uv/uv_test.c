// SPDX-License-Identifier: Apache-2.0
// The uv executor from within: threads stopped at chosen places, and failures of what it is made of.
#define _GNU_SOURCE // what <uv.h> needs of the system
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <aimdb/aimdb.h>
#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "executor/common/loop.h"
#include "port/posix/thread.h"

// The fail_at-th of these calls fails; 0: none does.
static unsigned calls;
static unsigned fail_at;

static bool
fails(void)
{
    return ++calls == fail_at;
}

static unsigned released; // pieces of memory

#define aimdbp_alloc(size, align) (fails() ? NULL : aimdbp_alloc(size, align))
#define aimdbp_release(memory, size) (released++, aimdbp_release(memory, size))
#define aimdbp_thread_start(thread, main, argument, name)                                          \
    (fails() ? EAGAIN : aimdbp_thread_start(thread, main, argument, name))
#define uv_loop_init(loop) (fails() ? UV_ENOMEM : uv_loop_init(loop))
#define uv_async_init(loop, handle, callback)                                                      \
    (fails() ? UV_EMFILE : uv_async_init(loop, handle, callback))

#include "uv.c"

struct number {
    uint64_t n;
};
AIMDB_RECORD_TYPE(number, struct number);

// --- a thread that comes late --------------------------------------------------------------------

static sem_t arrived;
static sem_t may_go;
static _Thread_local bool is_late;

// What aimdb_done does last of all, in a thread that was stopped just before it.
static void
late_raise(struct aimdbi_loop *loop)
{
    if (is_late) {
        sem_post(&arrived);
        sem_wait(&may_go);
    }
    raise_async(loop);
}

static const struct aimdbi_loop_hooks late_hooks = {
    .raise = late_raise,
    .lower = lower_nothing,
    .may_drive = may_drive,
    .divert = divert,
};

static void *
finish_late(void *token)
{
    is_late = true;
    assert_int_equal(aimdb_done(*(aimdb_token *) token, AIMDB_OK), AIMDB_OK);
    return NULL;
}

struct stage {
    aimdb_executor *executor;
    aimdb_builder *builder;
    aimdb *db;
    number_record record;
    aimdb_token token;
    sem_t deferred;
    pthread_t late;
};

static aimdb_err
defer(aimdb_ctx *ctx, const struct number *value)
{
    struct stage *stage = aimdb_user(ctx);
    (void) value;
    stage->token = aimdb_defer(ctx);
    sem_post(&stage->deferred);
    return AIMDB_EPENDING;
}

static bool
is_awake(const struct stage *stage)
{
    return load_acquire(&uv_of(stage->executor)->loop.awake_) != 0;
}

static void
set_up(struct stage *stage, uv_loop_t *loop)
{
    memset(stage, 0, sizeof *stage);
    sem_init(&arrived, 0, 0);
    sem_init(&may_go, 0, 0);
    sem_init(&stage->deferred, 0, 0);
    stage->executor = aimdb_uv_new(&(aimdb_uv_options){ .loop = loop });
    assert_non_null(stage->executor);
    uv_of(stage->executor)->loop.hooks = &late_hooks;
    stage->builder = aimdb_builder_new(stage->executor);
    stage->record = number_configure(stage->builder, "n", AIMDB_SPMC_RING(4));
    number_add_consumer(stage->builder, stage->record, defer, stage);
    assert_int_equal(aimdb_build(stage->builder, &stage->db), AIMDB_OK);
    assert_int_equal(number_produce(stage->record, &(struct number){ 1 }), AIMDB_OK);
}

// The value is finished by a thread that has made the task ready and is about to wake the loop.
static void
finish(struct stage *stage)
{
    assert_int_equal(pthread_create(&stage->late, NULL, finish_late, &stage->token), 0);
    sem_wait(&arrived);
}

static void
tear_down(struct stage *stage)
{
    assert_int_equal(aimdb_close(stage->db, AIMDB_FOREVER, NULL), AIMDB_OK);
    aimdb_free(stage->db);
    aimdb_builder_free(stage->builder);
    aimdb_executor_free(stage->executor);
}

static void
let_go(struct stage *stage)
{
    sem_post(&may_go);
    assert_int_equal(pthread_join(stage->late, NULL), 0);
}

static void
wake_that_comes_after_the_callers_loop_is_gone_touches_nothing_of_it(void **state)
{
    struct stage stage;
    uv_loop_t *loop = malloc(sizeof *loop);
    (void) state;
    assert_int_equal(uv_loop_init(loop), 0);
    set_up(&stage, loop);
    while (sem_trywait(&stage.deferred) != 0 || is_awake(&stage)) {
        (void) uv_run(loop, UV_RUN_NOWAIT);
    }
    finish(&stage);
    tear_down(&stage); // this thread runs the task itself
    assert_int_equal(uv_run(loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(loop), 0);
    memset(loop, 0xff, sizeof *loop);
    free(loop);
    let_go(&stage);
}

static void
wake_that_comes_after_the_executors_own_loop_is_gone_touches_nothing_of_it(void **state)
{
    struct stage stage;
    (void) state;
    set_up(&stage, NULL);
    sem_wait(&stage.deferred);
    while (is_awake(&stage)) {
        sched_yield();
    }
    finish(&stage);
    raise_async(&uv_of(stage.executor)->loop); // another one was quicker, else nobody ran the task
    tear_down(&stage);
    let_go(&stage);
}

// --- failures ------------------------------------------------------------------------------------

static void
executor_whose_parts_are_not_to_be_had_leaves_nothing_behind(void **state)
{
    uv_loop_t loop;
    aimdb_executor *executor;
    (void) state;
    for (fail_at = 1;; fail_at++) { // memory, loop, handle, thread
        calls = 0;
        executor = aimdb_uv_new(NULL);
        if (executor) {
            break;
        }
    }
    assert_int_equal(fail_at, 5);
    fail_at = 0;
    aimdb_executor_free(executor);
    assert_int_equal(uv_loop_init(&loop), 0);
    for (fail_at = 1;; fail_at++) { // memory, handle
        calls = 0;
        executor = aimdb_uv_new(&(aimdb_uv_options){ .loop = &loop });
        if (executor) {
            break;
        }
    }
    assert_int_equal(fail_at, 3);
    fail_at = 0;
    aimdb_executor_free(executor);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static aimdb_err
count_it(aimdb_ctx *ctx, const struct number *value)
{
    (void) ctx;
    (void) value;
    return AIMDB_OK;
}

static void
build_without_memory_for_its_blocking_consumers_may_be_tried_again(void **state)
{
    const aimdb_consumer_options blocking = { .blocking = true };
    aimdb *db = NULL;
    (void) state;
    fail_at = 0;
    aimdb_executor *executor = aimdb_uv_new(NULL);
    aimdb_builder *builder = aimdb_builder_new(executor);
    number_record record = number_configure(builder, "n", AIMDB_SPMC_RING(4));
    for (int i = 0; i < 3; i++) {
        number_add_consumer(builder, record, count_it, NULL);
        number_add_consumer_with(builder, record, count_it, NULL, &blocking);
    }
    for (fail_at = 1; fail_at <= 3; fail_at++) {
        calls = 0;
        assert_int_equal(aimdb_build(builder, &db), AIMDB_ENOMEM);
        assert_null(db);
        assert_null(uv_of(executor)->requests);
    }
    calls = 0;
    assert_int_equal(aimdb_build(builder, &db), AIMDB_OK);
    fail_at = 0;
    aimdb_free(db);
    aimdb_builder_free(builder);
    aimdb_executor_free(executor);
}

// --- a child -------------------------------------------------------------------------------------

// Until libuv has given all requests back, and the executor's own thread sleeps.
static void
wait_for_rest(struct uv_executor *executor)
{
    bool is_at_rest = false;
    while (!is_at_rest) {
        sched_yield();
        is_at_rest = load_acquire(&executor->loop.awake_) == 0;
        uv_mutex_lock(&executor->lock);
        for (const struct request *request = executor->requests; request; request = request->next) {
            is_at_rest = is_at_rest && !request->is_out;
        }
        uv_mutex_unlock(&executor->lock);
    }
}

// The executor and the requests of its database are released in the child too, whoever runs the loop.
static void
child_releases_the_memory(uv_loop_t *loop)
{
    const aimdb_consumer_options blocking = { .blocking = true };
    aimdb *db;
    int status = -1;
    fail_at = 0;
    aimdb_executor *executor = aimdb_uv_new(&(aimdb_uv_options){ .loop = loop });
    aimdb_builder *builder = aimdb_builder_new(executor);
    number_record record = number_configure(builder, "n", AIMDB_SPMC_RING(4));
    number_add_consumer_with(builder, record, count_it, NULL, &blocking);
    number_add_consumer_with(builder, record, count_it, NULL, &blocking);
    assert_int_equal(aimdb_build(builder, &db), AIMDB_OK);
    if (!loop) {
        wait_for_rest(uv_of(executor));
    }
    pid_t child = fork();
    if (child == 0) {
        released = 0;
        aimdb_free(db);
        aimdb_builder_free(builder);
        aimdb_executor_free(executor);
        if (loop) {
            (void) uv_loop_fork(loop);
            (void) uv_run(loop, UV_RUN_DEFAULT);
        }
        _exit(released == 3 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    aimdb_free(db);
    aimdb_builder_free(builder);
    aimdb_executor_free(executor);
}

static void
child_releases_an_executor_with_a_loop_of_its_own(void **state)
{
    (void) state;
    child_releases_the_memory(NULL);
}

static void
child_releases_an_executor_on_a_loop_of_the_callers(void **state)
{
    uv_loop_t loop;
    (void) state;
    assert_int_equal(uv_loop_init(&loop), 0);
    child_releases_the_memory(&loop);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wake_that_comes_after_the_callers_loop_is_gone_touches_nothing_of_it),
        cmocka_unit_test(
            wake_that_comes_after_the_executors_own_loop_is_gone_touches_nothing_of_it),
        cmocka_unit_test(executor_whose_parts_are_not_to_be_had_leaves_nothing_behind),
        cmocka_unit_test(build_without_memory_for_its_blocking_consumers_may_be_tried_again),
        cmocka_unit_test(child_releases_an_executor_with_a_loop_of_its_own),
        cmocka_unit_test(child_releases_an_executor_on_a_loop_of_the_callers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
