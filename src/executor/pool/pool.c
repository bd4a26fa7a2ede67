// SPDX-License-Identifier: Apache-2.0
// The pool: an executor of threads. Workers for consumers, one thread per blocking consumer, one for
// each lane of sources; all of them exist while a database is open, and none allocates.
#include "pool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "port/posix/thread.h"

#define THREADS_MAX 1024
#define PRIORITY_MAX 99 // of SCHED_FIFO

static struct aimdbi_pool *
pool_of(const aimdb_executor *executor)
{
    return (struct aimdbi_pool *) executor; // base is its first member
}

// --- opening and closing -------------------------------------------------------------------------

static size_t
count_blocking(const aimdb *db)
{
    size_t blocking = 0;
    for (size_t i = 0; i < db->task_count; i++) {
        blocking += !db->tasks[i]->is_source && db->tasks[i]->blocking;
    }
    return blocking;
}

static uint32_t
blocking_threads_for(const struct aimdbi_pool *pool, size_t tasks)
{
    uint32_t limit = pool->blocking_threads ? pool->blocking_threads : UINT32_MAX;
    return tasks < limit ? (uint32_t) tasks : limit;
}

static aimdb_err
explain(const char *what, int err, char *why, size_t why_size)
{
    (void) snprintf(why, why_size, "the pool cannot start %s: %s", what, strerror(err));
    return err == ENOMEM ? AIMDB_ENOMEM : AIMDB_EIO;
}

// Releases the sources among the first `count` tasks of db.
static void
release_sources(const aimdb *db, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (db->tasks[i]->is_source) {
            aimdbi_sources_release(db->tasks[i]->lane);
        }
    }
}

static aimdb_err
expect_sources(struct aimdbi_pool *pool, aimdb *db, char *why, size_t why_size)
{
    for (size_t i = 0; i < db->task_count; i++) {
        aimdb_task *task = db->tasks[i];
        if (!task->is_source) {
            continue;
        }
        task->lane = &pool->sources[task->source_lane];
        aimdb_err err = aimdbi_sources_expect(task->lane, why, why_size);
        if (err != AIMDB_OK) {
            release_sources(db, i);
            return err;
        }
    }
    return AIMDB_OK;
}

// Threads for one more database. Those there are stay: they may be in a call.
static aimdb_err
grow(struct aimdbi_pool *pool, aimdb *db, size_t blocking_more, char *why, size_t why_size)
{
    int err = aimdbi_lane_resize(&pool->compute, pool->threads);
    if (err != 0) {
        return explain("its workers", err, why, why_size);
    }
    uint32_t blocking = blocking_threads_for(pool, pool->blocking_tasks + blocking_more);
    if (blocking > pool->blocking.worker_count) {
        err = aimdbi_lane_resize(&pool->blocking, blocking);
    }
    if (err != 0) {
        return explain("threads for blocking consumers", err, why, why_size);
    }
    return expect_sources(pool, db, why, why_size);
}

static aimdb_err
pool_open(aimdb_executor *executor, aimdb *db, char *why, size_t why_size)
{
    struct aimdbi_pool *pool = pool_of(executor);
    if (load_acquire(&pool->forked_)) {
        (void) snprintf(why, why_size, "the pool belongs to the parent process");
        return AIMDB_EFORKED;
    }
    size_t blocking_more = count_blocking(db);
    (void) pthread_mutex_lock(&pool->lock);
    uint32_t workers = pool->compute.worker_count;
    uint32_t blocking = pool->blocking.worker_count;
    aimdb_err err = grow(pool, db, blocking_more, why, why_size);
    if (err == AIMDB_OK) {
        pool->open_databases++;
        pool->blocking_tasks += blocking_more;
    } else {
        (void) aimdbi_lane_resize(&pool->compute, workers);
        (void) aimdbi_lane_resize(&pool->blocking, blocking);
    }
    (void) pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < db->task_count && err == AIMDB_OK; i++) {
        if (!db->tasks[i]->is_source) {
            db->tasks[i]->lane = db->tasks[i]->blocking ? &pool->blocking : &pool->compute;
        }
    }
    return err;
}

static void
pool_start(aimdb_executor *executor, aimdb *db)
{
    for (uint32_t i = 0; i < executor->source_lanes; i++) {
        aimdbi_sources_start(&pool_of(executor)->sources[i], db);
    }
}

static void
pool_ready(aimdb_executor *executor, aimdb_task *task)
{
    (void) executor;
    aimdbi_lane_push(task->lane, task);
}

static void
pool_attend(aimdb_executor *executor, aimdb *db)
{
    (void) db;
    (void) fetch_add_acq_rel(&pool_of(executor)->rest.attending_, 1);
}

static void
pool_retire(aimdb_executor *executor, aimdb *db)
{
    (void) db;
    for (uint32_t i = 0; i < executor->source_lanes; i++) {
        aimdbi_sources_retire(&pool_of(executor)->sources[i]);
    }
}

static uint32_t
pool_settle_begin(aimdb_executor *executor)
{
    return signal_load_acquire(&pool_of(executor)->rest.settled);
}

static void
pool_settle(aimdb_executor *executor, uint32_t ticket, aimdb_time deadline)
{
    aimdbp_wait(&pool_of(executor)->rest.settled, ticket, deadline);
}

static void
pool_wait(aimdb_executor *executor, aimdbi_signal *signal, uint32_t expected, aimdb_time deadline)
{
    (void) executor;
    aimdbp_wait(signal, expected, deadline);
}

static void
pool_nudge(aimdb_executor *executor)
{
    (void) executor; // who waits sleeps on the signal itself
}

static void
pool_close(aimdb_executor *executor, aimdb *db)
{
    struct aimdbi_pool *pool = pool_of(executor);
    (void) fetch_sub_acq_rel(&pool->rest.attending_, 1);
    (void) pthread_mutex_lock(&pool->lock);
    pool->open_databases--;
    pool->blocking_tasks -= count_blocking(db);
    if (pool->open_databases == 0) {
        (void) aimdbi_lane_resize(&pool->compute, 0);
        (void) aimdbi_lane_resize(&pool->blocking, 0);
    }
    release_sources(db, db->task_count);
    (void) pthread_mutex_unlock(&pool->lock);
}

static aimdb_time
pool_clock(const aimdb_executor *executor)
{
    (void) executor;
    return aimdbp_clock();
}

static bool
pool_others_wait(aimdb_executor *executor, const aimdb_task *task)
{
    (void) executor;
    return aimdbi_lane_others_wait(task->lane);
}

static void
pool_end(aimdb_executor *executor)
{
    struct aimdbi_pool *pool = pool_of(executor);
    AIMDBI_REQUIRE(load_acquire(&pool->forked_) || pool->open_databases == 0,
                   "aimdb_executor_free: a database of this executor is still open");
    aimdbp_fork_unwatch(&pool->fork_watch);
}

static void
pool_free(aimdb_executor *executor)
{
    struct aimdbi_pool *pool = pool_of(executor);
    aimdbi_lane_release(&pool->compute);
    aimdbi_lane_release(&pool->blocking);
    for (uint32_t i = 0; i < executor->source_lanes; i++) {
        (void) pthread_mutex_destroy(&pool->sources[i].lock);
    }
    (void) pthread_mutex_destroy(&pool->lock);
    aimdbp_release(pool, pool->bytes);
}

static const struct aimdbi_executor_ops pool_ops = {
    .version = AIMDBI_EXECUTOR_VERSION,
    .open = pool_open,
    .start = pool_start,
    .ready = pool_ready,
    .attend = pool_attend,
    .retire = pool_retire,
    .settle_begin = pool_settle_begin,
    .settle = pool_settle,
    .wait = pool_wait,
    .nudge = pool_nudge,
    .close = pool_close,
    .clock = pool_clock,
    .others_wait = pool_others_wait,
    .end = pool_end,
    .free = pool_free,
};

static void
init_lane(struct aimdbi_pool *pool, struct aimdbi_lane *lane, const char *name, aimdb_time spin)
{
    lane->executor = &pool->base;
    lane->rest = &pool->rest;
    lane->name = name;
    lane->spin = spin;
}

// Of the caller's row of lane options the first one's size is that of all.
static aimdb_lane_options
lane_options(const aimdb_pool_options *given, uint32_t number)
{
    aimdb_lane_options lane = { 0 };
    if (given->lanes) {
        size_t size = given->lanes->size ? given->lanes->size : sizeof lane;
        memcpy(&lane, (const unsigned char *) given->lanes + number * size,
               size < sizeof lane ? size : sizeof lane);
    }
    return lane;
}

static bool
are_usable(const aimdb_pool_options *given)
{
    if (given->threads > THREADS_MAX || given->blocking_threads > THREADS_MAX ||
        given->source_lanes > AIMDB_SOURCE_LANES_MAX) {
        return false;
    }
    if (given->lanes && given->lanes->size != 0 && given->lanes->size < sizeof(size_t)) {
        return false;
    }
    for (uint32_t i = 0; i < given->source_lanes; i++) {
        if (lane_options(given, i).priority > PRIORITY_MAX) {
            return false;
        }
    }
    return true;
}

static void
init(struct aimdbi_pool *pool, const aimdb_pool_options *given)
{
    aimdbp_init();
    pool->base.ops = &pool_ops;
    store_relaxed(&pool->base.refs_, 1); // relaxed: not shared yet
    pool->threads = given->threads ? given->threads : aimdbp_processors();
    pool->blocking_threads = given->blocking_threads;
    pool->rest.executor = &pool->base;
    pool->rest.asymmetric = aimdbp_fence_is_asymmetric();
    init_lane(pool, &pool->compute, "aimdb-worker", AIMDB_US(given->spin_us));
    init_lane(pool, &pool->blocking, "aimdb-blocking", AIMDB_US(given->spin_us));
    (void) pthread_mutex_init(&pool->lock, NULL);
    pool->base.source_lanes = given->source_lanes;
    for (uint32_t i = 0; i < given->source_lanes; i++) {
        aimdbi_sources_init(&pool->sources[i], pool, i, lane_options(given, i));
    }
    aimdbp_fork_watch(&pool->fork_watch, &pool->forked_, 1);
}

aimdb_executor *
aimdb_pool_new(const aimdb_pool_options *options)
{
    aimdb_pool_options given = { 0 };
    if (options && !aimdbi_take_options(&given, sizeof given, options)) {
        return NULL;
    }
    given.source_lanes = given.source_lanes ? given.source_lanes : 1;
    if (!are_usable(&given)) {
        return NULL;
    }
    size_t lanes = given.source_lanes * sizeof(struct aimdbi_sources);
    size_t bytes =
        (sizeof(struct aimdbi_pool) + lanes + AIMDBI_LINE - 1) & ~(size_t) (AIMDBI_LINE - 1);
    struct aimdbi_pool *pool = aimdbp_alloc(bytes, AIMDBI_LINE);
    if (!pool) {
        return NULL;
    }
    memset(pool, 0, bytes);
    pool->bytes = bytes;
    init(pool, &given);
    return &pool->base;
}
