// SPDX-License-Identifier: Apache-2.0
// The poll executor: an event loop's guest. One file descriptor says that there is work, one number
// when the next source is due, and aimdb_dispatch does it, on the caller's thread.
//
// It has no thread of its own, unless the options allow some to run blocking consumers on [D4];
// those are a lane as the pool's, see common/lane.c.
#include <pthread.h>

#include "executor/common/lane.h"
#include "executor/common/loop.h"
#include "port/posix/event.h"

#define THREADS_MAX 1024

struct poll {
    struct aimdbi_loop loop;
    int event;
    aimdb_word raised_;          // nonzero: the event was raised since the last dispatch began
    uint32_t blocking_threads;   // constant: at most so many
    pthread_mutex_t lock;        // opening and closing: size of the lane, blocking_tasks
    size_t blocking_tasks;       // of all open databases, under the lock
    struct aimdbi_lane blocking; // has threads while there are such tasks
};

static struct poll *
poll_of(aimdb_executor *executor)
{
    return (struct poll *) executor; // loop is its first member, base is loop's
}

// The event first, then the mark: who finds the mark finds the event. The other way round a dispatch
// between the two would leave an event that no later one takes back.
static void
poll_raise(struct aimdbi_loop *loop)
{
    struct poll *poll = (struct poll *) loop;
    aimdbp_event_raise(poll->event);
    store_release(&poll->raised_, 1);
}

static void
poll_lower(struct aimdbi_loop *loop)
{
    struct poll *poll = (struct poll *) loop;
    if (exchange_acquire(&poll->raised_, 0)) {
        aimdbp_event_lower(poll->event);
    }
}

// Any thread may, one at a time.
static bool
poll_may_drive(const struct aimdbi_loop *loop)
{
    (void) loop;
    return true;
}

static const struct aimdbi_loop_hooks poll_hooks = {
    .raise = poll_raise,
    .lower = poll_lower,
    .may_drive = poll_may_drive,
};

// --- opening and closing -------------------------------------------------------------------------

static size_t
append_text(char *to, size_t size, size_t at, const char *text)
{
    for (; *text && at + 1 < size; text++) {
        to[at++] = *text;
    }
    to[at] = '\0';
    return at;
}

static aimdb_err
refuse_blocking(const aimdb_task *task, char *why, size_t why_size)
{
    size_t at = append_text(why, why_size, 0, "consumer \"");
    at = append_text(why, why_size, at, task_name(task));
    at = append_text(why, why_size, at, "\" of \"");
    at = append_text(why, why_size, at, task_record(task)->key);
    (void) append_text(why, why_size, at, "\" blocks: set aimdb_poll_options.blocking_threads");
    return AIMDB_ECONFIG;
}

static size_t
count_blocking(const aimdb *db, const aimdb_task **ret_first)
{
    size_t count = 0;
    for (size_t i = db->task_count; i > 0; i--) {
        if (!db->tasks[i - 1]->is_source && db->tasks[i - 1]->blocking) {
            *ret_first = db->tasks[i - 1];
            count++;
        }
    }
    return count;
}

// Threads for `more` blocking tasks. Those there are stay: they may be in a call.
static aimdb_err
grow_lane(struct poll *poll, size_t more, char *why, size_t why_size)
{
    (void) pthread_mutex_lock(&poll->lock);
    size_t tasks = poll->blocking_tasks + more;
    uint32_t threads = tasks < poll->blocking_threads ? (uint32_t) tasks : poll->blocking_threads;
    int err = 0;
    if (threads > poll->blocking.worker_count) {
        err = aimdbi_lane_resize(&poll->blocking, threads);
    }
    poll->blocking_tasks += err == 0 ? more : 0;
    (void) pthread_mutex_unlock(&poll->lock);
    if (err != 0) {
        (void) append_text(why, why_size, 0, "it cannot start threads for blocking consumers");
        return AIMDB_EIO;
    }
    return AIMDB_OK;
}

static aimdb_err
poll_open(aimdb_executor *executor, aimdb *db, char *why, size_t why_size)
{
    struct poll *poll = poll_of(executor);
    const aimdb_task *first = NULL;
    size_t blocking = count_blocking(db, &first);
    if (blocking > 0 && poll->blocking_threads == 0) {
        return refuse_blocking(first, why, why_size);
    }
    aimdb_err err = aimdbi_loop_open(executor, db, why, why_size);
    if (err != AIMDB_OK) {
        return err;
    }
    err = grow_lane(poll, blocking, why, why_size);
    if (err != AIMDB_OK) {
        (void) fetch_sub_acq_rel(&poll->loop.open_, 1);
        return err;
    }
    for (size_t i = 0; i < db->task_count; i++) {
        db->tasks[i]->lane = db->tasks[i]->blocking ? &poll->blocking : NULL;
    }
    return AIMDB_OK;
}

static void
poll_close(aimdb_executor *executor, aimdb *db)
{
    struct poll *poll = poll_of(executor);
    const aimdb_task *first = NULL;
    size_t blocking = count_blocking(db, &first);
    (void) pthread_mutex_lock(&poll->lock);
    poll->blocking_tasks -= blocking;
    if (poll->blocking_tasks == 0) {
        (void) aimdbi_lane_resize(&poll->blocking, 0);
    }
    (void) pthread_mutex_unlock(&poll->lock);
    aimdbi_loop_close(executor, db);
}

static void
poll_ready(aimdb_executor *executor, aimdb_task *task)
{
    if (task->lane) {
        aimdbi_lane_push(task->lane, task);
    } else {
        aimdbi_loop_push(&poll_of(executor)->loop, task);
    }
}

static bool
poll_others_wait(aimdb_executor *executor, const aimdb_task *task)
{
    return task->lane ? aimdbi_lane_others_wait(task->lane)
                      : aimdbi_loop_others_wait(executor, task);
}

static void
poll_free(aimdb_executor *executor)
{
    struct poll *poll = poll_of(executor);
    aimdbi_lane_release(&poll->blocking);
    aimdbi_loop_fini(&poll->loop);
    aimdbp_event_close(poll->event);
    (void) pthread_mutex_destroy(&poll->lock);
    aimdbp_release(poll, sizeof *poll);
}

static const struct aimdbi_executor_ops poll_ops = {
    .version = AIMDBI_EXECUTOR_VERSION,
    .open = poll_open,
    .start = aimdbi_loop_start,
    .ready = poll_ready,
    .attend = aimdbi_loop_attend,
    .retire = aimdbi_loop_retire,
    .settle_begin = aimdbi_loop_settle_begin,
    .settle = aimdbi_loop_settle,
    .wait = aimdbi_loop_wait,
    .nudge = aimdbi_loop_nudge,
    .close = poll_close,
    .clock = aimdbi_loop_clock,
    .others_wait = poll_others_wait,
    .end = aimdbi_loop_end,
    .free = poll_free,
};

// --- the public functions ------------------------------------------------------------------------

static aimdb_err
init(struct poll *poll, uint32_t blocking_threads)
{
    poll->event = aimdbp_event_open();
    if (poll->event < 0) {
        return AIMDB_EIO;
    }
    aimdb_err err = aimdbi_loop_init(&poll->loop, &poll_ops, &poll_hooks);
    if (err != AIMDB_OK) {
        aimdbp_event_close(poll->event);
        return err;
    }
    poll->blocking_threads = blocking_threads;
    poll->blocking.executor = &poll->loop.base;
    poll->blocking.rest = &poll->loop.rest;
    poll->blocking.name = "aimdb-blocking";
    (void) pthread_mutex_init(&poll->lock, NULL);
    return AIMDB_OK;
}

aimdb_executor *
aimdb_poll_new(const aimdb_poll_options *options)
{
    aimdb_poll_options given = { 0 };
    if (options && !aimdbi_take_options(&given, sizeof given, options)) {
        return NULL;
    }
    if (given.blocking_threads > THREADS_MAX) {
        return NULL;
    }
    size_t bytes = (sizeof(struct poll) + AIMDBI_LINE - 1) & ~(size_t) (AIMDBI_LINE - 1);
    struct poll *poll = aimdbp_alloc(bytes, AIMDBI_LINE);
    if (!poll) {
        return NULL;
    }
    __builtin_memset(poll, 0, bytes);
    if (init(poll, given.blocking_threads) != AIMDB_OK) {
        aimdbp_release(poll, bytes);
        return NULL;
    }
    return &poll->loop.base;
}

static struct poll *
checked(aimdb_executor *executor)
{
    return executor && executor->ops == &poll_ops ? poll_of(executor) : NULL;
}

int
aimdb_fd(aimdb_executor *executor)
{
    const struct poll *poll = checked(executor);
    return poll ? poll->event : -1;
}

aimdb_time
aimdb_next_deadline(aimdb_executor *executor)
{
    struct poll *poll = checked(executor);
    return poll ? aimdbi_loop_deadline(&poll->loop) : AIMDB_FOREVER;
}

aimdb_err
aimdb_dispatch(aimdb_executor *executor, size_t budget)
{
    struct poll *poll = checked(executor);
    if (!poll) {
        return executor ? AIMDB_ENOTSUP : AIMDB_EINVAL;
    }
    return aimdbi_loop_dispatch(&poll->loop, budget ? budget : AIMDBI_RUN_VALUES, AIMDB_FOREVER);
}
