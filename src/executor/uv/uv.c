// SPDX-License-Identifier: Apache-2.0
// The uv executor: common/loop.c, woken by a uv_async, with a uv_timer for the sources and uv_queue_work
// for blocking consumers.
//
// libuv's rules. Handles are made, started, stopped and closed in the loop's thread; only
// uv_async_send comes from others, and none once the handles close. uv_close is done when its callback
// came, in a later turn of the loop, so the executor's memory outlives aimdb_executor_free: it goes
// with the last of its pieces (both handles, every work request that libuv still has, the references
// of core).
//
// Blocking consumers. libuv has a request from uv_queue_work until its second callback, which comes in
// the loop. A task has one request; made ready while libuv still has it, it is held and queued when
// the callback comes. While the loop's own thread waits inside AimDB (closing) no such callback can
// come: then that thread runs held tasks itself.
//
// Source: SPEC D4, D6; docs/adr/0010; libuv's guide on handles and requests.
#define _GNU_SOURCE // what <uv.h> needs of the system
#include <aimdb/uv.h>

#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "executor/common/loop.h"
#include "port/posix/thread.h"

#define ENDED ((size_t) 1) // in senders_
#define SENDER ((size_t) 2)

struct uv_executor;

// What a blocking task is run through.
struct request {
    uv_work_t work;
    struct uv_executor *executor;
    aimdb_task *task; // NULL: its database is closed
    bool is_out;      // libuv has it
    bool is_held;     // the task is ready and waits for it
    struct request *next;
};

struct uv_executor {
    struct aimdbi_loop loop;
    uv_loop_t *uv;
    uv_async_t async;
    uv_timer_t timer;
    uv_thread_t owner;        // the loop's thread
    uv_mutex_t lock;          // requests and what is in them; not held in callbacks
    struct request *requests; // of open databases, and those that libuv still has
    aimdb_word pieces_;       // see above
    aimdb_word senders_;      // threads in raise_async(), times SENDER; and ENDED
    unsigned helping;         // depth of waits in the loop's thread; that thread's
    bool is_ref;              // the handles keep uv_run going; the loop's thread
    unsigned handles;         // not closed yet; the loop's thread
    bool has_own_loop;        // constant
    pthread_t thread;         // own loop
    uv_sem_t started;         // own loop: its thread has begun
    aimdb_word ending_;       // own loop: its thread is to end
    uv_loop_t own;
};

static struct uv_executor *
uv_of(const aimdb_executor *executor)
{
    return (struct uv_executor *) executor; // loop is its first member, base is loop's
}

static bool
is_owner(const struct uv_executor *executor)
{
    uv_thread_t self = uv_thread_self();
    return uv_thread_equal(&self, &executor->owner) != 0;
}

static void
release_piece(struct uv_executor *executor)
{
    if (fetch_sub_acq_rel(&executor->pieces_, 1) != 1) {
        return;
    }
    uv_mutex_destroy(&executor->lock);
    aimdbi_loop_fini(&executor->loop);
    aimdbp_release(executor, sizeof *executor);
}

// --- blocking consumers --------------------------------------------------------------------------

static struct request *
request_of(const aimdb_task *task)
{
    return task->lane;
}

// In a thread of libuv's pool.
static void
work(uv_work_t *work)
{
    struct request *request = work->data;
    struct aimdbi_loop *loop = &request->executor->loop;
    aimdb_task *task = request->task;
    _Alignas(AIMDB_ALIGN_MAX) unsigned char scratch[AIMDBI_SCRATCH_BYTES];
    struct aimdbi_frame frame = { &loop->base, 0 };
    aimdbp_set_current(&frame);
    struct aimdbi_loan loan = { scratch, AIMDBI_RUN_VALUES, false };
    if (aimdbi_task_run(task, &loan) == AIMDBI_GONE) {
        aimdbi_rest_note(&loop->rest);
    } else {
        aimdbi_loop_push(loop, task); // behind the others that wait for libuv's threads [D5]
    }
    aimdbp_set_current(NULL);
}

static void
unlink_request(struct uv_executor *executor, const struct request *request)
{
    struct request **link = &executor->requests;
    while (*link != request) {
        link = &(*link)->next;
    }
    *link = request->next;
}

// In the loop: libuv gives the request back.
static void
after_work(uv_work_t *work, int status)
{
    (void) status; // nothing is ever cancelled
    struct request *request = work->data;
    struct uv_executor *executor = request->executor;
    uv_mutex_lock(&executor->lock);
    request->is_out = false;
    if (!request->task) {
        unlink_request(executor, request);
        aimdbp_release(request, sizeof *request);
    } else if (request->is_held) {
        request->is_held = false;
        aimdbi_loop_push(&executor->loop, request->task);
    }
    uv_mutex_unlock(&executor->lock);
    release_piece(executor);
}

// Takes a ready task that must not run in the loop's thread. False: it may, this time.
static bool
divert(struct aimdbi_loop *loop, aimdb_task *task)
{
    struct uv_executor *executor = (struct uv_executor *) loop;
    struct request *request = request_of(task);
    uv_mutex_lock(&executor->lock);
    bool is_taken = true;
    if (!request->is_out) {
        request->is_out = true;
        (void) fetch_add_acq_rel(&executor->pieces_, 1);
        int err = uv_queue_work(executor->uv, &request->work, work, after_work);
        AIMDBI_REQUIRE(err == 0, "uv_queue_work refused a request"); // only one without a callback
    } else if (executor->helping == 0) {
        request->is_held = true;
    } else {
        is_taken = false;
    }
    uv_mutex_unlock(&executor->lock);
    return is_taken;
}

// The loop's thread is going to wait: no request comes back meanwhile.
static void
let_go_held(struct uv_executor *executor)
{
    uv_mutex_lock(&executor->lock);
    for (struct request *request = executor->requests; request; request = request->next) {
        if (request->is_held) {
            request->is_held = false;
            aimdbi_loop_push(&executor->loop, request->task);
        }
    }
    uv_mutex_unlock(&executor->lock);
}

// --- the loop ------------------------------------------------------------------------------------

static void
set_ref(struct uv_executor *executor)
{
    bool wanted = executor->has_own_loop || load_acquire(&executor->loop.open_) > 0;
    if (wanted != executor->is_ref) {
        executor->is_ref = wanted;
        if (wanted) {
            uv_ref((uv_handle_t *) &executor->async);
            uv_ref((uv_handle_t *) &executor->timer);
        } else {
            uv_unref((uv_handle_t *) &executor->async);
            uv_unref((uv_handle_t *) &executor->timer);
        }
    }
}

static void
on_timer(uv_timer_t *timer);

static void
set_timer(struct uv_executor *executor)
{
    aimdb_time deadline = aimdbi_loop_deadline(&executor->loop);
    if (deadline == AIMDB_FOREVER || deadline == 0) { // nothing is due, or the async will fire
        (void) uv_timer_stop(&executor->timer);
        return;
    }
    aimdb_time left = deadline - aimdbp_clock();
    uint64_t ms = left > 0 ? (uint64_t) ((left + AIMDB_MS(1) - 1) / AIMDB_MS(1)) : 0;
    uv_update_time(executor->uv);
    (void) uv_timer_start(&executor->timer, on_timer, ms, 0);
}

static void
on_closed(uv_handle_t *handle)
{
    struct uv_executor *executor = handle->data;
    if (--executor->handles == 0) {
        release_piece(executor);
    }
}

static void
close_handles(struct uv_executor *executor)
{
    uv_close((uv_handle_t *) &executor->async, on_closed);
    uv_close((uv_handle_t *) &executor->timer, on_closed);
}

static void
turn(struct uv_executor *executor)
{
    if (load_acquire(&executor->loop.forked_)) {
        return;
    }
    AIMDBI_REQUIRE(is_owner(executor),
                   "the uv loop is run by another thread than called aimdb_uv_new");
    // The loop's other handles wait, whoever they are [D5].
    aimdb_time until = aimdbp_clock() + AIMDBI_LOOP_SLICE;
    (void) aimdbi_loop_dispatch(&executor->loop, AIMDBI_RUN_VALUES, until);
    set_timer(executor);
    set_ref(executor);
}

static void
on_timer(uv_timer_t *timer)
{
    turn(timer->data);
}

static void
on_async(uv_async_t *async)
{
    struct uv_executor *executor = async->data;
    if (load_acquire(&executor->ending_)) {
        close_handles(executor);
        return;
    }
    turn(executor);
}

// A thread that made a task ready may come here after that task has left, its database and the
// executor are freed and the loop is gone: what it has is a reference on the executor's memory. So it
// signs in, and does not send once the handles are about to close. It is not cancelled in between: it
// would never sign out, and libuv would take the wake for sent.
static void
raise_async(struct aimdbi_loop *loop)
{
    struct uv_executor *executor = (struct uv_executor *) loop;
    int cancel = aimdbp_cancel_off();
    if (!(fetch_add_acq_rel(&executor->senders_, SENDER) & ENDED)) { // [U1]
        // libuv first looks, with a plain load, whether it sent already: not before our awake_ is seen.
        fence_seq_cst();
        (void) uv_async_send(&executor->async);
    }
    (void) fetch_sub_acq_rel(&executor->senders_, SENDER); // [U2]
    aimdbp_cancel_restore(cancel);
}

// Before the handles close: afterwards nobody sends, or is still at it.
static void
end_senders(struct uv_executor *executor)
{
    (void) fetch_or_acq_rel(&executor->senders_, ENDED); // [U1]
    for (unsigned spins = 0; load_acquire(&executor->senders_) != ENDED; spins++) {
        aimdbp_relax(spins); // [U2]
    }
}

static void
lower_nothing(struct aimdbi_loop *loop)
{
    (void) loop;
}

static bool
may_drive(const struct aimdbi_loop *loop)
{
    const struct uv_executor *executor = (const struct uv_executor *) loop;
    return !executor->has_own_loop && is_owner(executor);
}

static const struct aimdbi_loop_hooks hooks = {
    .raise = raise_async,
    .lower = lower_nothing,
    .may_drive = may_drive,
    .divert = divert,
};

// --- operations ----------------------------------------------------------------------------------

// Drops the requests of a database. Those that libuv still has go when they come back.
static void
drop_requests(struct uv_executor *executor, const aimdb *db)
{
    for (size_t i = 0; i < db->task_count; i++) {
        struct request *request = request_of(db->tasks[i]);
        if (!request) {
            continue;
        }
        db->tasks[i]->lane = NULL;
        request->task = NULL;
        if (!request->is_out) {
            unlink_request(executor, request);
            aimdbp_release(request, sizeof *request);
        }
    }
}

// Releases the requests of all databases, which are gone: those that libuv has as well, or not.
static void
release_requests(struct uv_executor *executor, bool all)
{
    struct request **link = &executor->requests;
    while (*link) {
        struct request *request = *link;
        request->task = NULL;
        if (request->is_out && !all) {
            link = &request->next;
        } else {
            *link = request->next;
            aimdbp_release(request, sizeof *request);
        }
    }
}

static aimdb_err
make_requests(struct uv_executor *executor, const aimdb *db)
{
    for (size_t i = 0; i < db->task_count; i++) {
        aimdb_task *task = db->tasks[i];
        task->lane = NULL;
        if (task->is_source || !task->blocking) {
            continue;
        }
        struct request *request = aimdbp_alloc(sizeof *request, _Alignof(max_align_t));
        if (!request) {
            drop_requests(executor, db);
            return AIMDB_ENOMEM;
        }
        *request = (struct request){ .executor = executor, .task = task };
        request->work.data = request;
        request->next = executor->requests;
        executor->requests = request;
        task->lane = request;
    }
    return AIMDB_OK;
}

static aimdb_err
uv_open(aimdb_executor *base, aimdb *db, char *why, size_t why_size)
{
    struct uv_executor *executor = uv_of(base);
    if (!executor->has_own_loop && !is_owner(executor)) {
        (void) snprintf(why, why_size, "aimdb_build must be called in the thread of the uv loop");
        return AIMDB_EINVAL;
    }
    aimdb_err err = aimdbi_loop_open(base, db, why, why_size);
    if (err != AIMDB_OK) {
        return err;
    }
    uv_mutex_lock(&executor->lock);
    err = make_requests(executor, db);
    uv_mutex_unlock(&executor->lock);
    if (err != AIMDB_OK) {
        (void) snprintf(why, why_size, "no memory for its blocking consumers");
        (void) fetch_sub_acq_rel(&executor->loop.open_, 1);
    } else if (!executor->has_own_loop) {
        set_ref(executor);
    }
    return err;
}

static void
uv_wait(aimdb_executor *base, aimdbi_signal *signal, uint32_t expected, aimdb_time deadline)
{
    struct uv_executor *executor = uv_of(base);
    if (!may_drive(&executor->loop)) {
        aimdbi_loop_wait(base, signal, expected, deadline);
        return;
    }
    executor->helping++;
    let_go_held(executor);
    aimdbi_loop_wait(base, signal, expected, deadline);
    executor->helping--;
    set_timer(executor);
}

static void
uv_settle(aimdb_executor *base, uint32_t ticket, aimdb_time deadline)
{
    uv_wait(base, &uv_of(base)->loop.rest.settled, ticket, deadline);
}

// A blocking consumer cannot tell from its thread who else waits for libuv's: it gives way in time.
static bool
uv_others_wait(aimdb_executor *base, const aimdb_task *task)
{
    return task->blocking || aimdbi_loop_others_wait(base, task);
}

static void
uv_close_database(aimdb_executor *base, aimdb *db)
{
    struct uv_executor *executor = uv_of(base);
    uv_mutex_lock(&executor->lock);
    drop_requests(executor, db);
    uv_mutex_unlock(&executor->lock);
    aimdbi_loop_close(base, db);
    if (may_drive(&executor->loop)) {
        set_ref(executor);
    } else {
        raise_async(&executor->loop); // the loop's thread looks after its handles
    }
}

// In the child of a fork, where only the forking thread goes on. What is not surely whole is left as
// it is: the lock may be held, and a wake may have been under way, by threads that are not here.
static void
end_in_child(struct uv_executor *executor)
{
    if (uv_mutex_trylock(&executor->lock) != 0) {
        return;
    }
    release_requests(executor, executor->has_own_loop);
    if (executor->has_own_loop) { // that nobody runs: no request and no handle comes back
        store_relaxed(&executor->pieces_, 1); // relaxed: one thread; core's references
    }
    uv_mutex_unlock(&executor->lock);
    // The caller may go on with the loop, after uv_loop_fork. Closing these handles needs no system.
    if (!executor->has_own_loop && is_owner(executor) && load_acquire(&executor->senders_) == 0) {
        close_handles(executor);
    }
}

static void
uv_end(aimdb_executor *base)
{
    struct uv_executor *executor = uv_of(base);
    aimdbi_loop_end(base);
    if (load_acquire(&executor->loop.forked_)) {
        end_in_child(executor);
        return;
    }
    if (!executor->has_own_loop) {
        AIMDBI_REQUIRE(is_owner(executor),
                       "aimdb_executor_free must be called in the thread of the uv loop");
        end_senders(executor);
        close_handles(executor);
        return;
    }
    store_release(&executor->ending_, 1);
    raise_async(&executor->loop);
    end_senders(executor);
    aimdbp_thread_join(executor->thread);
    uv_sem_destroy(&executor->started);
    int cancel = aimdbp_cancel_off(); // it closes descriptors
    int err = uv_loop_close(&executor->own);
    aimdbp_cancel_restore(cancel);
    AIMDBI_REQUIRE(err == 0, "the executor's own uv loop is still in use");
}

static void
uv_free(aimdb_executor *base)
{
    release_piece(uv_of(base));
}

static const struct aimdbi_executor_ops uv_ops = {
    .version = AIMDBI_EXECUTOR_VERSION,
    .open = uv_open,
    .start = aimdbi_loop_start,
    .ready = aimdbi_loop_ready,
    .attend = aimdbi_loop_attend,
    .retire = aimdbi_loop_retire,
    .settle_begin = aimdbi_loop_settle_begin,
    .settle = uv_settle,
    .wait = uv_wait,
    .nudge = aimdbi_loop_nudge,
    .close = uv_close_database,
    .clock = aimdbi_loop_clock,
    .others_wait = uv_others_wait,
    .end = uv_end,
    .free = uv_free,
};

// --- making one ----------------------------------------------------------------------------------

static void *
own_main(void *argument)
{
    struct uv_executor *executor = argument;
    executor->owner = uv_thread_self();
    uv_sem_post(&executor->started);
    (void) uv_run(&executor->own, UV_RUN_DEFAULT);
    return NULL;
}

// Handles on the loop. Nothing is left behind on failure, but for a caller's loop one turn more.
static bool
init_handles(struct uv_executor *executor)
{
    if (uv_async_init(executor->uv, &executor->async, on_async) != 0) {
        return false;
    }
    (void) uv_timer_init(executor->uv, &executor->timer); // cannot fail
    executor->async.data = executor;
    executor->timer.data = executor;
    executor->handles = 2;
    executor->is_ref = true;
    return true;
}

static bool
start_own(struct uv_executor *executor)
{
    if (uv_loop_init(&executor->own) != 0) {
        return false;
    }
    executor->uv = &executor->own;
    if (!init_handles(executor)) {
        (void) uv_loop_close(&executor->own);
        return false;
    }
    (void) uv_sem_init(&executor->started, 0);
    if (aimdbp_thread_start(&executor->thread, own_main, executor, "aimdb-uv") != 0) {
        executor->handles++; // the piece is released by our caller
        close_handles(executor);
        (void) uv_run(&executor->own, UV_RUN_DEFAULT);
        (void) uv_loop_close(&executor->own);
        uv_sem_destroy(&executor->started);
        return false;
    }
    uv_sem_wait(&executor->started);
    return true;
}

static bool
start_on(struct uv_executor *executor, uv_loop_t *loop)
{
    executor->uv = loop;
    executor->owner = uv_thread_self();
    if (!init_handles(executor)) {
        return false;
    }
    set_ref(executor); // no database is open
    return true;
}

aimdb_executor *
aimdb_uv_new(const aimdb_uv_options *options)
{
    aimdb_uv_options given = { 0 };
    if (options && !aimdbi_take_options(&given, sizeof given, options)) {
        return NULL;
    }
    size_t bytes = (sizeof(struct uv_executor) + AIMDBI_LINE - 1) & ~(size_t) (AIMDBI_LINE - 1);
    struct uv_executor *executor = aimdbp_alloc(bytes, AIMDBI_LINE);
    if (!executor) {
        return NULL;
    }
    memset(executor, 0, bytes);
    if (aimdbi_loop_init(&executor->loop, &uv_ops, &hooks) != AIMDB_OK) {
        aimdbp_release(executor, bytes);
        return NULL;
    }
    (void) uv_mutex_init(&executor->lock);
    store_relaxed(&executor->pieces_,
                  2); // relaxed: not shared yet; both handles, core's references
    executor->has_own_loop = given.loop == NULL;
    if (!(given.loop ? start_on(executor, given.loop) : start_own(executor))) {
        store_relaxed(&executor->pieces_, 1); // relaxed: nobody else has it
        aimdbi_loop_end(&executor->loop.base);
        release_piece(executor);
        return NULL;
    }
    return &executor->loop.base;
}
