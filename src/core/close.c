// SPDX-License-Identifier: Apache-2.0
// Running and ending a database.
//
// Closing goes through these steps, each complete before the next begins:
//   1 gate      produce and subscribe refuse; sources leave. What callbacks emit still passes.
//   2 quiet     until every dispatcher sleeps with nothing to read and no push happened between two
//               looks at all of them (then nothing can move any more), or the deadline.
//   3 buffers   close (turn.h). A push that was in flight counts; none begins any more. Dispatchers
//               take what is left and leave.
//   4 abandon   only if the deadline passed: those that have not left stop handing on values; calls
//               in progress are waited for, asynchronous values are not.
//   5 report    and the executor forgets the database. No callback runs from here on.
//
// INV-C1  A value whose push returned AIMDB_OK is delivered, missed, or in report.lost (mailbox:
//         overwritten as well; latest: skipped as well).
// INV-C2  When aimdb_close returns, no consumer and no source of the database runs or will run. (A
//         producer function runs inside its caller's produce: its caller knows when that is over.)
// INV-C3  The closer never waits while holding anything another thread needs.
//
// Source: SPEC X1-X4; docs/adr/0006.
#include "executor.h"
#include "flush.h"
#include "reader.h"

#define IN_FLIGHT_PATIENCE 500 // looks at a push in flight: some 20 ms, most of them asleep

static size_t
pushes_of(const aimdb *db)
{
    size_t sum = 0;
    for (size_t i = 0; i < db->record_count; i++) {
        sum += load_acquire(&db->records[i]->cells.commit_) & AIMDBI_COUNT;
    }
    return sum;
}

static bool
is_quiet(const aimdb_task *task)
{
    size_t state = load_acquire(&task->state_);
    if (state == AIMDBI_LEFT) {
        return true;
    }
    return !task->is_source && state == AIMDBI_IDLE && !aimdbi_task_has_news(task);
}

static bool
has_left(const aimdb_task *task)
{
    return load_acquire(&task->state_) == AIMDBI_LEFT;
}

// Waits until every task fulfils the claim. Goes on from the first that does not, so that 10,000
// tasks are not looked at again for each that changes.
static bool
wait_for_all(aimdb *db, bool (*claim)(const aimdb_task *), aimdb_time deadline)
{
    aimdb_executor *executor = db->executor;
    size_t i = 0;
    while (i < db->task_count) {
        uint32_t ticket = executor->ops->settle_begin(executor);
        while (i < db->task_count && claim(db->tasks[i])) {
            i++;
        }
        if (i == db->task_count) {
            break;
        }
        if (deadline != AIMDB_FOREVER && executor->ops->clock(executor) >= deadline) {
            return false;
        }
        executor->ops->settle(executor, ticket, deadline);
    }
    return true;
}

// True when nothing moves any more, false when the deadline passed before.
static bool
wait_until_quiet(aimdb *db, aimdb_time deadline)
{
    for (;;) {
        if (!wait_for_all(db, is_quiet, deadline)) {
            return false;
        }
        // All were quiet, one after another. If all still are and nothing was pushed meanwhile, there
        // was a moment when all were.
        size_t pushes = pushes_of(db);
        bool quiet = true;
        for (size_t i = 0; i < db->task_count && quiet; i++) {
            quiet = is_quiet(db->tasks[i]);
        }
        if (quiet && pushes == pushes_of(db)) {
            return true;
        }
        // A value that goes round in a circle is never seen at rest, nor is its end waited for.
        if (deadline != AIMDB_FOREVER && db->executor->ops->clock(db->executor) >= deadline) {
            return false;
        }
    }
}

static void
close_buffers(aimdb *db)
{
    for (size_t i = 0; i < db->record_count; i++) {
        aimdbi_turn_close_begin(db->records[i]);
    }
    fence_heavy_of(db); // [C1] pairs with [T2]
    for (size_t i = 0; i < db->record_count; i++) {
        aimdbi_turn_close_end(db->records[i]);
    }
}

// Makes those leave that sleep or wait for aimdb_done; the others do by themselves.
static void
abandon(aimdb *db)
{
    store_release(&db->abandon_, 1);
    for (size_t i = 0; i < db->task_count; i++) {
        size_t idle = AIMDBI_IDLE;
        size_t waiting = AIMDBI_WAITING;
        if (!db->tasks[i]->is_source && !cas_acq_rel(&db->tasks[i]->state_, &idle, AIMDBI_LEFT)) {
            (void) cas_acq_rel(&db->tasks[i]->state_, &waiting, AIMDBI_LEFT);
        }
    }
}

static bool
all_left_or_abandoned(aimdb *db)
{
    // A task may come to rest between two sweeps: IDLE, or WAITING for its consumer's aimdb_done.
    for (;;) {
        uint32_t ticket = db->executor->ops->settle_begin(db->executor);
        abandon(db);
        bool left = true;
        for (size_t i = 0; i < db->task_count && left; i++) {
            left = has_left(db->tasks[i]);
        }
        if (left) {
            return true;
        }
        db->executor->ops->settle(db->executor, ticket, AIMDB_FOREVER);
    }
}

static uint64_t
delivered_so_far(const aimdb *db)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < db->task_count; i++) {
        const aimdb_task *task = db->tasks[i];
        for (size_t k = 0; k < task->input_count && !task->is_source; k++) {
            sum += load_relaxed(&task->inputs[k].reader.received_);
        }
    }
    return sum;
}

// Values that consumers will not get any more: for each dispatcher of a ring or a latest its own, for
// the competing ones of a mailbox the one value. A push in flight counts as announced.
static uint64_t
lost_in(const aimdb_record *rec)
{
    uint64_t lost = 0;
    // A push in flight now was announced before the close, or is about to be withdrawn: give it the
    // time to decide, though a writer that is stopped cannot hold up the close.
    for (unsigned i = 0; i < IN_FLIGHT_PATIENCE; i++) {
        if (((load_relaxed(&rec->cells.reserve_) ^ load_relaxed(&rec->cells.commit_)) &
             AIMDBI_COUNT) == 0) {
            break;
        }
        aimdbp_relax(i);
    }
    size_t announced = load_relaxed(&rec->cells.reserve_) & AIMDBI_COUNT;
    for (const struct aimdbi_input *input = rec->inputs; input; input = input->next) {
        if (input->task->is_source) {
            continue;
        }
        ptrdiff_t behind = count_difference(announced, reader_seen(&input->reader));
        if (behind <= 0) {
            continue;
        }
        if (rec->shape.buffer == AIMDB_BUFFER_MAILBOX) {
            return 1;
        }
        lost += rec->shape.buffer == AIMDB_BUFFER_SPMC_RING ? (uint64_t) behind / AIMDBI_STEP : 1;
    }
    return lost;
}

static void
announce(aimdb *db, aimdbi_signal *signal)
{
    (void) signal_add_release(signal, 1);
    aimdbp_wake_all(signal);
    db->executor->ops->nudge(db->executor);
}

// Lets aimdb_run look again [C5].
static void
wake_runner(aimdb *db)
{
    announce(db, &db->stopped);
}

static void
close_gate(aimdb *db)
{
    (void) fetch_or_acq_rel(&db->gate_, AIMDBI_GATE_CLOSING);
    // After `attend` and this fence a task that comes to rest was seen by us or ends a settle [C3].
    fence_heavy_of(db);
    db->executor->ops->retire(db->executor, db);
    wake_runner(db);
}

// Those that were abandoned finish with nothing any more.
static void
tell_flushers(aimdb *db)
{
    fence_heavy_of(db); // pairs with [F3] of flush.c: the tasks have LEFT, then flushers_
    for (size_t i = 0; i < db->record_count; i++) {
        if (load_relaxed(&db->records[i]->flushers_) > 0) { // relaxed: ordered by the fence
            aimdbi_flush_tell(db->records[i]);
        }
    }
}

static void
close_now(aimdb *db, aimdb_time deadline)
{
    uint64_t before = delivered_so_far(db);
    db->executor->ops->attend(db->executor, db);
    close_gate(db);
    bool timed_out = !wait_until_quiet(db, deadline);
    close_buffers(db);
    timed_out = timed_out || !wait_for_all(db, has_left, deadline);
    if (timed_out) {
        (void) all_left_or_abandoned(db);
    }
    db->executor->ops->close(db->executor, db);
    tell_flushers(db);
    db->report.delivered = delivered_so_far(db) - before;
    db->report.timed_out = timed_out;
    for (size_t i = 0; i < db->record_count; i++) {
        db->report.lost += lost_in(db->records[i]);
    }
    aimdbp_fork_unwatch(&db->fork_watch);
    store_release(&db->phase_, AIMDBI_ENDED_PHASE); // [C4] publishes the report
    announce(db, &db->ended);
}

static void
wait_for_the_other_closer(aimdb *db)
{
    for (;;) {
        uint32_t ticket = signal_load_acquire(&db->ended); // before the look: [C4] may come between
        if (load_acquire(&db->phase_) == AIMDBI_ENDED_PHASE) { // pairs with [C4]
            return;
        }
        db->executor->ops->wait(db->executor, &db->ended, ticket, AIMDB_FOREVER);
    }
}

static bool
is_inside_callback(const aimdb *db)
{
    const struct aimdbi_frame *frame = aimdbp_current();
    return frame && frame->executor == db->executor;
}

static void
hand_out_report(const aimdb *db, aimdb_close_report *ret_report)
{
    size_t size = ret_report->size ? ret_report->size : sizeof *ret_report;
    aimdb_close_report report = db->report;
    report.size = ret_report->size;
    __builtin_memcpy(ret_report, &report, size < sizeof report ? size : sizeof report);
}

aimdb_err
aimdb_close(aimdb *db, aimdb_time deadline, aimdb_close_report *ret_report)
{
    if (!db || (ret_report && ret_report->size && ret_report->size < sizeof(size_t))) {
        return AIMDB_EINVAL;
    }
    if (load_acquire(&db->gate_) & AIMDBI_GATE_FORKED) {
        return AIMDB_EFORKED;
    }
    if (load_acquire(&db->phase_) != AIMDBI_ENDED_PHASE && is_inside_callback(db)) {
        close_gate(db);
        return AIMDB_EPENDING;
    }
    aimdbi_db_retain(db); // another closer may free it as soon as it is closed
    size_t open = AIMDBI_OPEN;
    if (cas_acq_rel(&db->phase_, &open, AIMDBI_CLOSING)) {
        close_now(db, deadline);
    } else {
        wait_for_the_other_closer(db);
    }
    if (ret_report) {
        hand_out_report(db, ret_report);
    }
    aimdbi_db_release(db);
    return AIMDB_OK;
}

aimdb_err
aimdb_run(aimdb *db)
{
    if (!db) {
        return AIMDB_EINVAL;
    }
    aimdbi_db_retain(db);
    aimdb_err err = AIMDB_OK;
    for (;;) {
        uint32_t ticket = signal_load_acquire(&db->stopped); // [C5] before what is looked at
        size_t gate = load_acquire(&db->gate_);
        if (gate & AIMDBI_GATE_FORKED) {
            err = AIMDB_EFORKED;
            break;
        }
        if (load_acquire(&db->stop_)) {
            break;
        }
        if (gate & AIMDBI_GATE_CLOSING) {
            err = AIMDB_ECLOSED;
            break;
        }
        db->executor->ops->wait(db->executor, &db->stopped, ticket, AIMDB_FOREVER);
    }
    aimdbi_db_release(db);
    return err;
}

void
aimdb_stop(aimdb *db)
{
    if (db) {
        store_release(&db->stop_, 1); // [C5] before `stopped` changes
        wake_runner(db);
    }
}

void
aimdb_free(aimdb *db)
{
    if (!db) {
        return;
    }
    if (!(load_acquire(&db->gate_) & AIMDBI_GATE_FORKED)) {
        AIMDBI_REQUIRE(!is_inside_callback(db),
                       "aimdb_free called from a callback of the same executor (see aimdb_close)");
        (void) aimdb_close(db, aimdbp_clock(), NULL);
    } else {
        aimdbp_fork_unwatch(&db->fork_watch);
    }
    aimdbi_db_release(db);
}
