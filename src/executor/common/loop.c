// SPDX-License-Identifier: Apache-2.0
// Ready tasks, due sources, and the one thread at a time that runs them.
//
// Whoever makes a task ready pushes it onto the inbox, a linked stack, and then makes sure that
// somebody will look: it exchanges awake_ for 1, and raises the loop's wake (an eventfd, a uv_async)
// only if that was 0. The driver empties the inbox into a queue of its own and runs that, and when it
// finds nothing more exchanges awake_ for 0 and looks at the inbox once more. So a burst of ready
// tasks costs one wake, and tasks made ready while the driver is at work cost none.
//
// Threads that wait for something the tasks do (closing, aimdb_run, aimdb_produce_wait) help: they
// drive if nobody else does and they may. A helper sleeps on `news`; what it waits for is announced
// there as well (nudge), because a thread can sleep on one word only.
//
// INV-O1  One thread drives at a time: whoever exchanged driver_ from 0 to 1. The queue, the due
//         sources and the scratch memory are its own until it stores 0.
// INV-O2  A task in the inbox is seen by a driver, or awake_ is 1 and the wake was raised and not yet
//         answered. Both sides exchange awake_, so they are ordered by that word alone [O1]: either
//         the driver's exchange comes after and acquires the push, or the pusher reads its 0.
// INV-O3  While a helper sleeps, its signal has not changed since it looked, and if something is
//         ready another thread drives. Changes of the signal, wakes of a sleeping loop, and drivers
//         that leave look at helpers_ after a sequentially consistent fence [O2]; a helper fences
//         between its registration and its last look [O3].
// INV-O4  The event loop leaves all to a driver only with refused_ set, and if that thread had not
//         left after a sequentially consistent fence [O5]. Who leaves looks at refused_ after its own
//         [O2], and raises.
// INV-O5  While owed_ is set every helper that leaves raises: the wake that it took back was meant for
//         the event loop, which has not dispatched since.
//
// Source: SPEC D5, D6, X1, X2; docs/adr/0010.
#include "loop.h"

static struct aimdbi_loop *
loop_of(const aimdb_executor *executor)
{
    return (struct aimdbi_loop *) executor; // base is its first member
}

// --- waking --------------------------------------------------------------------------------------

// Makes helpers look again.
static void
tell_helpers(struct aimdbi_loop *loop)
{
    fence_seq_cst();                         // [O2] pairs with [O3], [O5]
    if (load_relaxed(&loop->helpers_) > 0) { // relaxed: ordered by [O2]
        (void) signal_add_release(&loop->news, 1);
        aimdbp_wake_all(&loop->news);
    }
}

// Not in the child of a fork: what would wake there is the parent's.
static void
wake(struct aimdbi_loop *loop)
{
    if (exchange_acq_rel(&loop->awake_, 1) == 0 && !load_acquire(&loop->forked_)) { // [O1]
        loop->hooks->raise(loop);
        tell_helpers(loop);
    }
}

void
aimdbi_loop_push(struct aimdbi_loop *loop, aimdb_task *task)
{
    size_t newest = load_relaxed(&loop->inbox_);
    do {
        task->next_ready = (aimdb_task *) newest;
    } while (!cas_release(&loop->inbox_, &newest, (size_t) task)); // [Q2] pairs with collect()
    wake(loop);
}

void
aimdbi_loop_ready(aimdb_executor *executor, aimdb_task *task)
{
    aimdbi_loop_push(loop_of(executor), task);
}

void
aimdbi_loop_nudge(aimdb_executor *executor)
{
    tell_helpers(loop_of(executor));
}

// --- the driver ----------------------------------------------------------------------------------

static void
append(struct aimdbi_loop *loop, aimdb_task *task)
{
    task->next_ready = NULL;
    *(loop->first ? &loop->last->next_ready : &loop->first) = task;
    loop->last = task;
}

// Somebody else has taken a ready task, which must not run on this thread.
static bool
is_diverted(struct aimdbi_loop *loop, aimdb_task *task)
{
    return task->blocking && loop->hooks->divert && loop->hooks->divert(loop, task);
}

// Moves the inbox behind the queue, oldest first, and its sources among the due ones.
static void
collect(struct aimdbi_loop *loop)
{
    aimdb_task *newest = NULL;
    if (load_relaxed(&loop->inbox_) != 0) {                         // relaxed: the exchange decides
        newest = (aimdb_task *) exchange_acquire(&loop->inbox_, 0); // [Q2]
    }
    aimdb_task *oldest = NULL;
    while (newest) {
        aimdb_task *older = newest->next_ready;
        newest->next_ready = oldest;
        oldest = newest;
        newest = older;
    }
    while (oldest) {
        aimdb_task *next = oldest->next_ready;
        if (oldest->is_source) {
            aimdbi_due_add(&loop->due, oldest);
        } else if (!is_diverted(loop, oldest)) {
            append(loop, oldest);
        }
        oldest = next;
    }
    if (load_relaxed(&loop->retire_) != 0) { // relaxed: announced by awake_ [O1]
        (void) exchange_acquire(&loop->retire_, 0);
        aimdbi_due_retire(&loop->due);
    }
}

// Steps the earliest source if it is due.
static bool
step_source(struct aimdbi_loop *loop)
{
    aimdb_time at = aimdbi_due_at(&loop->due);
    if (at == AIMDB_FOREVER || at > aimdbp_clock()) {
        return false;
    }
    aimdb_task *task = aimdbi_due_take(&loop->due);
    aimdb_time next = aimdbi_source_step(task);
    if (!aimdbi_due_put_back(&loop->due, task, next, aimdbp_clock())) {
        aimdbi_rest_note(&loop->rest);
    }
    return true;
}

// Runs the oldest ready task. Returns how much of the budget that was.
static size_t
run_task(struct aimdbi_loop *loop, size_t budget)
{
    aimdb_task *task = loop->first;
    size_t values = budget < AIMDBI_RUN_VALUES ? budget : AIMDBI_RUN_VALUES;
    // A task that runs dry sleeps at once: there is no thread here to look away with.
    struct aimdbi_loan loan = { loop->scratch, values, false };
    loop->first = task->next_ready;
    if (is_diverted(loop, task)) { // it was let in while a thread waited, and that is over
        return 1;
    }
    if (aimdbi_task_run(task, &loan) == AIMDBI_GONE) {
        aimdbi_rest_note(&loop->rest);
    } else {
        collect(loop); // what came meanwhile goes first
        append(loop, task);
    }
    return loan.values < values ? values - loan.values : 1; // a fruitless run costs as well
}

static void
run_some(struct aimdbi_loop *loop, size_t *budget)
{
    while (*budget > 0) {
        collect(loop);
        bool stepped = step_source(loop);
        *budget -= stepped;
        if (loop->first && *budget > 0) {
            *budget -= run_task(loop, *budget);
        } else if (!stepped) {
            return;
        }
    }
}

// Something is ready that the driver knows of.
static bool
is_ready(const struct aimdbi_loop *loop)
{
    return loop->first || load_relaxed(&loop->inbox_) != 0 || load_relaxed(&loop->retire_) != 0;
}

// Runs until nothing is ready and nobody expects this thread to look again. False: the budget ended.
static bool
drive(struct aimdbi_loop *loop, size_t *budget)
{
    for (;;) {
        (void) exchange_acq_rel(&loop->awake_, 1); // [O1]
        loop->hooks->lower(loop);
        run_some(loop, budget);
        if (*budget == 0 && (is_ready(loop) || aimdbi_due_at(&loop->due) <= aimdbp_clock())) {
            return false; // awake_ stays 1: the caller raises
        }
        (void) exchange_acq_rel(&loop->awake_, 0); // [O1]
        if (!is_ready(loop)) {
            return true;
        }
    }
}

// As drive(), but not much longer than `until`: in rounds of 1, 2, 4, 8 ... calls.
static bool
drive_until(struct aimdbi_loop *loop, size_t budget, aimdb_time until)
{
    size_t round = until == AIMDB_FOREVER ? budget : 1;
    for (;;) {
        size_t left = round < budget ? round : budget;
        budget -= left;
        if (drive(loop, &left)) {
            return true;
        }
        if (budget == 0 || aimdbp_clock() >= until) {
            return false;
        }
        round *= 2;
    }
}

// Who dispatches: the thread of the event loop, or one that waits and helps.
enum guise { LOOP, HELPER };

static aimdb_err
dispatch(struct aimdbi_loop *loop, size_t budget, aimdb_time until, enum guise guise)
{
    if (load_acquire(&loop->forked_)) {
        return AIMDB_EFORKED;
    }
    if (exchange_acquire(&loop->driver_, 1) != 0) { // [O4] pairs with the store below
        return AIMDB_EBUSY;
    }
    size_t due_before = load_relaxed(&loop->next_due_); // relaxed: [O4]
    if (guise == LOOP) {
        store_relaxed(&loop->owed_, 0); // relaxed: before this dispatch takes the wake back
    }
    void *outer = aimdbp_current();
    struct aimdbi_frame frame = { &loop->base, 0 };
    aimdbp_set_current(&frame);
    bool is_done = drive_until(loop, budget, until);
    aimdbp_set_current(outer);
    aimdb_time due = aimdbi_due_at(&loop->due);
    store_relaxed(&loop->next_due_, (size_t) due); // relaxed: a figure, [O4]
    // The event loop may sleep until what it knows to be due, and its wake was taken back here.
    if (guise == HELPER && due < (aimdb_time) due_before) {
        store_relaxed(&loop->owed_, 1); // relaxed: [O4]
    }
    if (!is_done ||
        (guise == HELPER && load_relaxed(&loop->owed_))) { // relaxed: [O4], or raised anew
        loop->hooks->raise(loop);
    }
    store_release(&loop->driver_, 0); // [O4]
    tell_helpers(loop);
    if (load_relaxed(&loop->refused_) && exchange_acquire(&loop->refused_, 0)) { // relaxed: [O2]
        store_release(&loop->owed_, 1); // before the wake: a helper that takes that back sees it
        loop->hooks->raise(loop);
    }
    return is_done ? AIMDB_OK : AIMDB_EPENDING;
}

// Whether this thread is in a callback of the loop's executor: nothing of it can be dispatched then.
static bool
is_inside(const struct aimdbi_loop *loop)
{
    const struct aimdbi_frame *frame = aimdbp_current();
    return frame && frame->executor == &loop->base;
}

// Whether a thread drives that will raise when it leaves.
static bool
is_left_to_a_driver(struct aimdbi_loop *loop)
{
    if (!load_relaxed(&loop->driver_)) { // relaxed: looked at once more
        return false;
    }
    store_relaxed(&loop->refused_, 1);        // relaxed: ordered by [O5]
    fence_seq_cst();                          // [O5] pairs with [O2]
    return load_relaxed(&loop->driver_) != 0; // relaxed: ordered by [O5]
}

aimdb_err
aimdbi_loop_dispatch(struct aimdbi_loop *loop, size_t budget, aimdb_time until)
{
    aimdb_err err;
    if (is_inside(loop) && !load_acquire(&loop->forked_)) {
        return AIMDB_EBUSY;
    }
    do {
        err = dispatch(loop, budget, until, LOOP);
    } while (err == AIMDB_EBUSY && !is_left_to_a_driver(loop));
    return err;
}

aimdb_time
aimdbi_loop_deadline(struct aimdbi_loop *loop)
{
    if (!is_inside(loop) && is_left_to_a_driver(loop)) {
        return AIMDB_FOREVER;
    }
    // relaxed: both are hints of one moment
    return load_relaxed(&loop->awake_) ? 0 : (aimdb_time) load_relaxed(&loop->next_due_);
}

// --- helping -------------------------------------------------------------------------------------

void
aimdbi_loop_wait(aimdb_executor *executor, aimdbi_signal *signal, uint32_t expected,
                 aimdb_time deadline)
{
    struct aimdbi_loop *loop = loop_of(executor);
    bool drives = loop->hooks->may_drive(loop);
    (void) fetch_add_acq_rel(&loop->helpers_, 1);
    if (drives && signal_load_acquire(signal) == expected) {
        aimdb_time slice = aimdbp_clock() + AIMDBI_LOOP_SLICE;
        aimdb_time until = slice < deadline ? slice : deadline;
        (void) dispatch(loop, AIMDBI_RUN_VALUES, until, HELPER);
    }
    uint32_t ticket = signal_load_acquire(&loop->news);
    fence_seq_cst();                                          // [O3] pairs with [O2]
    bool can_drive = drives && !load_relaxed(&loop->driver_); // another one tells when it leaves
    bool must_drive = can_drive && load_relaxed(&loop->awake_);
    if (!must_drive && signal_load_acquire(signal) == expected) {
        aimdb_time due = can_drive ? (aimdb_time) load_relaxed(&loop->next_due_) : AIMDB_FOREVER;
        aimdbp_wait(&loop->news, ticket, due < deadline ? due : deadline);
    }
    (void) fetch_sub_acq_rel(&loop->helpers_, 1);
}

uint32_t
aimdbi_loop_settle_begin(aimdb_executor *executor)
{
    return signal_load_acquire(&loop_of(executor)->rest.settled);
}

void
aimdbi_loop_settle(aimdb_executor *executor, uint32_t ticket, aimdb_time deadline)
{
    aimdbi_loop_wait(executor, &loop_of(executor)->rest.settled, ticket, deadline);
}

// --- databases come and go -----------------------------------------------------------------------

static void
say(char *why, size_t why_size, const char *text)
{
    size_t i = 0;
    for (; text[i] && i + 1 < why_size; i++) {
        why[i] = text[i];
    }
    why[i] = '\0';
}

aimdb_err
aimdbi_loop_open(aimdb_executor *executor, aimdb *db, char *why, size_t why_size)
{
    (void) db;
    struct aimdbi_loop *loop = loop_of(executor);
    if (load_acquire(&loop->forked_)) {
        say(why, why_size, "it belongs to the parent process");
        return AIMDB_EFORKED;
    }
    (void) fetch_add_acq_rel(&loop->open_, 1);
    return AIMDB_OK;
}

void
aimdbi_loop_start(aimdb_executor *executor, aimdb *db)
{
    for (size_t i = 0; i < db->task_count; i++) {
        aimdb_task *task = db->tasks[i];
        if (task->is_source) {
            task->wake_at = task->due;
            aimdbi_loop_push(loop_of(executor), task);
        }
    }
}

void
aimdbi_loop_attend(aimdb_executor *executor, aimdb *db)
{
    (void) db;
    (void) fetch_add_acq_rel(&loop_of(executor)->rest.attending_, 1);
}

void
aimdbi_loop_retire(aimdb_executor *executor, aimdb *db)
{
    (void) db;
    struct aimdbi_loop *loop = loop_of(executor);
    store_release(&loop->retire_, 1);
    wake(loop);
}

void
aimdbi_loop_close(aimdb_executor *executor, aimdb *db)
{
    (void) db;
    (void) fetch_sub_acq_rel(&loop_of(executor)->rest.attending_, 1);
    (void) fetch_sub_acq_rel(&loop_of(executor)->open_, 1);
}

aimdb_time
aimdbi_loop_clock(const aimdb_executor *executor)
{
    (void) executor;
    return aimdbp_clock();
}

bool
aimdbi_loop_others_wait(aimdb_executor *executor, const aimdb_task *task)
{
    (void) task;
    const struct aimdbi_loop *loop = loop_of(executor);
    return is_ready(loop) || aimdbi_due_at(&loop->due) <= aimdbp_clock();
}

aimdb_err
aimdbi_loop_init(struct aimdbi_loop *loop, const struct aimdbi_executor_ops *ops,
                 const struct aimdbi_loop_hooks *hooks)
{
    loop->scratch = aimdbp_alloc(AIMDBI_SCRATCH_BYTES, AIMDB_ALIGN_MAX);
    if (!loop->scratch) {
        return AIMDB_ENOMEM;
    }
    aimdbp_init();
    loop->base.ops = ops;
    loop->hooks = hooks;
    loop->rest.executor = &loop->base;
    loop->rest.asymmetric = aimdbp_fence_is_asymmetric();
    store_relaxed(&loop->base.refs_, 1); // relaxed, both: not shared yet
    store_relaxed(&loop->next_due_, (size_t) AIMDB_FOREVER);
    aimdbp_fork_watch(&loop->fork_watch, &loop->forked_, 1);
    return AIMDB_OK;
}

void
aimdbi_loop_end(aimdb_executor *executor)
{
    struct aimdbi_loop *loop = loop_of(executor);
    AIMDBI_REQUIRE(load_acquire(&loop->forked_) || load_acquire(&loop->open_) == 0,
                   "aimdb_executor_free: a database of this executor is still open");
    aimdbp_fork_unwatch(&loop->fork_watch);
}

void
aimdbi_loop_fini(struct aimdbi_loop *loop)
{
    aimdbp_release(loop->scratch, AIMDBI_SCRATCH_BYTES);
}
