// SPDX-License-Identifier: Apache-2.0
// How tasks reach threads.
//
// Whoever makes a task ready pushes it onto the inbox, a linked stack, with one compare-and-swap: no
// lock, so that a producer never waits for a worker. Workers move the whole inbox behind the backlog,
// oldest first, under a lock that only they take, and take tasks from its front one at a time: a
// worker that is long in one call holds back no other task.
//
// Sleeping and waking. A worker that finds nothing registers in sleepers_, fences, looks once more,
// and waits for a permit. A waker claims a sleeper by lowering sleepers_, and grants a permit. While a
// claimed worker is on its way (waking_) no further one is woken; when it arrives it clears waking_,
// fences and looks, and if tasks are left behind when it calls a consumer it wakes the next. So a
// burst of ready tasks costs its producer one wake, and all workers get to work.
//
// INV-P1  A task in the inbox or backlog is seen by a worker that is awake and will look, or
//         waking_ is set, or a waker is between its push and its look at sleepers_.
//         Each of these three looks is separated from its own write by a sequentially consistent
//         fence: [P1] pusher, [P2] sleeper, [P3] arriving worker, [P4] waker that found no sleeper,
//         [P5] worker that moved tasks from the inbox to the backlog.
// INV-P2  permits granted <= sleepers claimed; each claimed sleeper takes exactly one.
//
// Source: SPEC D2, D4, D5; docs/adr/0007.
#include "lane.h"

#include <errno.h>

#include "port/posix/thread.h"

#define DRY_LIMIT 4 // runs in a row that ran dry, after which a worker pauses
#define BUSY_RUNS 8 // tasks run since it woke, from which on a worker lingers before it sleeps
#define LINGER 100  // length of that: some microseconds, less than a wake costs its producer

struct aimdbi_worker {
    struct aimdbi_lane *lane;
    pthread_t thread;
    aimdb_word stop_;   // nonzero: leave
    aimdbi_signal left; // nonzero: it has, or is about to
};

// --- waking --------------------------------------------------------------------------------------

static bool
has_work(const struct aimdbi_lane *lane)
{
    return load_relaxed(&lane->inbox_) != 0 || load_relaxed(&lane->backlog_) != 0;
}

static bool
claim_sleeper(struct aimdbi_lane *lane)
{
    size_t sleepers = load_relaxed(&lane->sleepers_);
    while (sleepers > 0) {
        if (cas_acq_rel(&lane->sleepers_, &sleepers, sleepers - 1)) {
            return true;
        }
    }
    return false;
}

static void
grant_permit(struct aimdbi_lane *lane)
{
    (void) signal_add_release(&lane->permits, 1);
    aimdbp_wake_one(&lane->permits);
}

// Wakes one worker, unless one is on its way or none sleeps.
static void
wake_one(struct aimdbi_lane *lane)
{
    while (load_relaxed(&lane->sleepers_) > 0 && exchange_acq_rel(&lane->waking_, 1) == 0) {
        if (claim_sleeper(lane)) {
            grant_permit(lane);
            return;
        }
        store_release(&lane->waking_, 0);
        fence_seq_cst(); // [P4] a pusher may have relied on waking_
        if (!has_work(lane)) {
            return;
        }
    }
}

void
aimdbi_lane_push(struct aimdbi_lane *lane, aimdb_task *task)
{
    size_t newest = load_relaxed(&lane->inbox_);
    do {
        task->next_ready = (aimdb_task *) newest;
    } while (!cas_release(&lane->inbox_, &newest, (size_t) task)); // [Q1] pairs with collect()
    fence_seq_cst();                                               // [P1]
    if (load_relaxed(&lane->sleepers_) > 0 && load_relaxed(&lane->waking_) == 0) {
        wake_one(lane);
    }
}

bool
aimdbi_lane_others_wait(struct aimdbi_lane *lane)
{
    if (!has_work(lane)) {
        return false;
    }
    wake_one(lane);
    return true;
}

// --- the backlog ---------------------------------------------------------------------------------

static void
lock_backlog(struct aimdbi_lane *lane)
{
    for (unsigned spins = 0; exchange_acquire(&lane->lock_, 1) != 0; spins++) {
        aimdbp_relax(spins);
    }
}

static void
unlock_backlog(struct aimdbi_lane *lane)
{
    bool had_tasks = load_relaxed(&lane->backlog_) != 0;
    bool has_tasks = lane->first != NULL;
    store_relaxed(&lane->backlog_, has_tasks); // relaxed: see INV-P1 for its readers
    if (has_tasks && !had_tasks) {
        // [P5] Tasks that leave the inbox are no longer what their pusher looked for. Before a call
        // this worker, or the next one that has the lock, looks at sleepers_; who registers there after
        // that look sees the backlog.
        fence_seq_cst();
    }
    store_release(&lane->lock_, 0);
}

static void
append(struct aimdbi_lane *lane, aimdb_task *first, aimdb_task *last)
{
    last->next_ready = NULL;
    *(lane->first ? &lane->last->next_ready : &lane->first) = first;
    lane->last = last;
}

// Moves the inbox behind the backlog, oldest first.
static void
collect(struct aimdbi_lane *lane)
{
    if (load_relaxed(&lane->inbox_) == 0) {
        return;
    }
    aimdb_task *newest = (aimdb_task *) exchange_acquire(&lane->inbox_, 0); // [Q1]
    aimdb_task *oldest = NULL;
    for (aimdb_task *task = newest; task;) {
        aimdb_task *older = task->next_ready;
        task->next_ready = oldest;
        oldest = task;
        task = older;
    }
    if (oldest) {
        append(lane, oldest, newest);
    }
}

// Takes the oldest task. NULL: there is none.
static aimdb_task *
take(struct aimdbi_lane *lane)
{
    if (!has_work(lane)) {
        return NULL;
    }
    lock_backlog(lane);
    collect(lane);
    aimdb_task *task = lane->first;
    if (task) {
        lane->first = task->next_ready;
    }
    unlock_backlog(lane);
    return task;
}

static void
put_back(struct aimdbi_lane *lane, aimdb_task *task)
{
    lock_backlog(lane);
    collect(lane); // what came meanwhile goes first
    append(lane, task, task);
    unlock_backlog(lane);
}

// --- workers -------------------------------------------------------------------------------------

// Leaves the writer's lines alone for the time that the core asked for, unless other tasks come.
static void
look_away(const struct aimdbi_lane *lane, aimdb_time span, bool alone)
{
    aimdb_time until = aimdbp_clock() + span;
    do {
        aimdbp_relax(0);
    } while (aimdbp_clock() < until && !(alone && has_work(lane)));
}

static void
run_task(struct aimdbi_worker *worker, aimdb_task *task, void *scratch, unsigned *dry)
{
    struct aimdbi_loan loan = { scratch, AIMDBI_RUN_VALUES, true };
    switch (aimdbi_task_run(task, &loan)) {
    case AIMDBI_AGAIN:
        *dry = 0;
        put_back(worker->lane, task);
        return;
    case AIMDBI_WATCH:
        ++*dry;
        if (!has_work(worker->lane)) {
            look_away(worker->lane, task->look_away, true);
        } else if (*dry >= DRY_LIMIT) {
            look_away(worker->lane, AIMDBI_LOOK_AWAY_LEAST, false);
        }
        put_back(worker->lane, task);
        return;
    case AIMDBI_GONE:
        *dry = 0;
        aimdbi_rest_note(worker->lane->rest);
        return;
    }
}

// Looks for work a little longer before the worker sleeps: as long as the options say, and if the
// worker was busy, about as long as a wake would take. True if there is work.
static bool
linger(const struct aimdbi_worker *worker, bool was_busy)
{
    const struct aimdbi_lane *lane = worker->lane;
    for (unsigned i = 0; was_busy && i < LINGER; i++) {
        if (has_work(lane)) {
            return true;
        }
        aimdbp_relax(0);
    }
    aimdb_time end = lane->spin > 0 ? aimdbp_clock() + lane->spin : 0;
    while (end > 0 && load_relaxed(&worker->stop_) == 0 && aimdbp_clock() < end) {
        if (has_work(lane)) {
            return true;
        }
        aimdbp_relax(0);
    }
    return false;
}

static void
take_permit(struct aimdbi_lane *lane)
{
    for (;;) {
        uint32_t permits = signal_load_acquire(&lane->permits);
        while (permits > 0) {
            if (signal_cas_acquire(&lane->permits, &permits, permits - 1)) {
                return;
            }
        }
        aimdbp_wait(&lane->permits, 0, AIMDB_FOREVER);
    }
}

static void
sleep_until_woken(struct aimdbi_worker *worker)
{
    struct aimdbi_lane *lane = worker->lane;
    (void) fetch_add_acq_rel(&lane->sleepers_, 1);
    fence_seq_cst(); // [P2]
    bool must_stay = has_work(lane) || load_relaxed(&worker->stop_) != 0;
    // To stay awake take the registration back; if all were claimed, one of the permits is ours.
    if (must_stay && claim_sleeper(lane)) {
        return;
    }
    take_permit(lane);
    store_relaxed(&lane->waking_, 0);
    fence_seq_cst(); // [P3]
}

static void
work(struct aimdbi_worker *worker, void *scratch)
{
    struct aimdbi_lane *lane = worker->lane;
    unsigned dry = 0;
    unsigned runs = 0;                          // since it woke
    while (load_relaxed(&worker->stop_) == 0) { // relaxed: [P2] orders it before a sleep
        aimdb_task *task = take(lane);
        if (!task) {
            if (!linger(worker, runs >= BUSY_RUNS)) {
                sleep_until_woken(worker);
                runs = 0;
            }
            continue;
        }
        run_task(worker, task, scratch, &dry);
        runs++;
    }
}

static void *
worker_main(void *argument)
{
    struct aimdbi_worker *worker = argument;
    _Alignas(AIMDB_ALIGN_MAX) unsigned char scratch[AIMDBI_SCRATCH_BYTES];
    struct aimdbi_frame frame = { worker->lane->executor, 0 };
    aimdbp_set_current(&frame);
    work(worker, scratch);
    (void) signal_add_release(&worker->left, 1);
    aimdbp_wake_all(&worker->left);
    return NULL;
}

// --- threads -------------------------------------------------------------------------------------

// Permits are anybody's: a worker that stays may take the one that was granted for this one, and sleep
// again. Then there is one more to be granted; who has registered meanwhile is claimed for it.
static void
wait_until_left(struct aimdbi_lane *lane, struct aimdbi_worker *worker)
{
    while (signal_load_acquire(&worker->left) == 0) {
        while (claim_sleeper(lane)) {
            grant_permit(lane);
        }
        aimdbp_wait(&worker->left, 0, aimdbp_clock() + AIMDB_MS(1));
    }
    aimdbp_thread_join(worker->thread);
}

// Ends the last threads until `count` are left.
static void
shrink(struct aimdbi_lane *lane, uint32_t count)
{
    for (uint32_t i = count; i < lane->worker_count; i++) {
        store_relaxed(&lane->workers[i]->stop_, 1);
    }
    fence_seq_cst(); // pairs with [P2]: who registers after this sees its stop_
    for (uint32_t i = count; i < lane->worker_count; i++) {
        wait_until_left(lane, lane->workers[i]);
        aimdbp_release(lane->workers[i], sizeof *lane->workers[i]);
    }
    lane->worker_count = count;
    // A thread that left may have had the wake that was meant for a task.
    if (count > 0 && has_work(lane)) {
        wake_one(lane);
    }
}

static int
start_worker(struct aimdbi_lane *lane)
{
    struct aimdbi_worker *worker = aimdbp_alloc(sizeof *worker, sizeof(void *));
    if (!worker) {
        return ENOMEM;
    }
    *worker = (struct aimdbi_worker){ .lane = lane };
    int err = aimdbp_thread_start(&worker->thread, worker_main, worker, lane->name);
    if (err != 0) {
        aimdbp_release(worker, sizeof *worker);
        return err;
    }
    lane->workers[lane->worker_count++] = worker;
    return 0;
}

static int
make_room(struct aimdbi_lane *lane, uint32_t count)
{
    if (count <= lane->worker_room) {
        return 0;
    }
    struct aimdbi_worker **workers = aimdbp_alloc(count * sizeof *workers, sizeof(void *));
    if (!workers) {
        return ENOMEM;
    }
    for (uint32_t i = 0; i < lane->worker_count; i++) {
        workers[i] = lane->workers[i];
    }
    aimdbp_release(lane->workers, lane->worker_room * sizeof *workers);
    lane->workers = workers;
    lane->worker_room = count;
    return 0;
}

int
aimdbi_lane_resize(struct aimdbi_lane *lane, uint32_t count)
{
    uint32_t before = lane->worker_count;
    if (count <= before) {
        shrink(lane, count);
        return 0;
    }
    int err = make_room(lane, count);
    while (err == 0 && lane->worker_count < count) {
        err = start_worker(lane);
    }
    if (err != 0) {
        shrink(lane, before);
    }
    return err;
}

void
aimdbi_lane_release(struct aimdbi_lane *lane)
{
    for (uint32_t i = 0; i < lane->worker_count; i++) {
        aimdbp_release(lane->workers[i], sizeof *lane->workers[i]);
    }
    aimdbp_release(lane->workers, lane->worker_room * sizeof *lane->workers);
}
