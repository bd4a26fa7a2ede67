// SPDX-License-Identifier: Apache-2.0
// The contract between core and an executor. An executor is what passes tests/contract.
//
// The core decides what a task does (aimdbi_task_run, aimdbi_source_step) and when it is runnable
// (ops->ready); the executor decides on which thread and when. It may keep pointers to the tasks of
// a database from `open` to `close`, and touches none after its run returned AIMDBI_GONE until the
// task is made ready again.
#ifndef AIMDB_CORE_EXECUTOR_H
#define AIMDB_CORE_EXECUTOR_H

#include "db.h"

#define AIMDBI_EXECUTOR_VERSION 2

// Where a worker keeps the values it copied out; one per thread that runs tasks.
#define AIMDBI_SCRATCH_BYTES AIMDB_VALUE_MAX

// Values that a run hands on before the others get their turn, unless the executor says less.
#define AIMDBI_RUN_VALUES 256

// How long a streaming task that ran dry leaves its record alone before the next look, ns.
#define AIMDBI_LOOK_AWAY_LEAST 200
#define AIMDBI_LOOK_AWAY_MOST 2000

// What an executor lends a task for one run.
struct aimdbi_loan {
    void *scratch; // AIMDBI_SCRATCH_BYTES, aligned to AIMDB_ALIGN_MAX
    size_t values; // to hand on, at most; the run takes off what it handed on
    bool watches;  // AIMDBI_WATCH may be the verdict; if not, a task that runs dry sleeps at once
};

enum aimdbi_verdict {
    AIMDBI_AGAIN, // QUEUED again: run it later, after the others that are ready
    AIMDBI_WATCH, // as AGAIN, but it ran dry: better look away first, for task->look_away
    AIMDBI_GONE   // idle, waiting or left: do not touch it
};

struct aimdbi_executor_ops {
    uint32_t version;
    // Makes threads and room for the tasks of db; runs nothing. On failure leaves nothing behind and
    // explains it in `why` (at most why_size bytes with the terminator).
    aimdb_err (*open)(aimdb_executor *executor, aimdb *db, char *why, size_t why_size);
    // Lets the sources take their first steps.
    void (*start)(aimdb_executor *executor, aimdb *db);
    // A task became QUEUED. Any thread; never blocks or allocates.
    void (*ready)(aimdb_executor *executor, aimdb_task *task);
    // Somebody closes db and will use `settle`, from now until `close`.
    void (*attend)(aimdb_executor *executor, aimdb *db);
    // The gate of db is shut: step each of its sources once more, so that it leaves.
    void (*retire)(aimdb_executor *executor, aimdb *db);
    // settle_begin takes a ticket; settle waits until some task was run to AIMDBI_GONE, or some
    // source left, after the ticket was taken, or until the deadline.
    uint32_t (*settle_begin)(aimdb_executor *executor);
    void (*settle)(aimdb_executor *executor, uint32_t ticket, aimdb_time deadline);
    // Waits as aimdbp_wait does. An executor whose tasks run on its callers' threads runs them
    // meanwhile if this thread may.
    void (*wait)(aimdb_executor *executor, aimdbi_signal *signal, uint32_t expected,
                 aimdb_time deadline);
    // A signal changed that a thread may be in `wait` for. Any thread, signal handlers too.
    void (*nudge)(aimdb_executor *executor);
    // All tasks of db have LEFT. Forget them.
    void (*close)(aimdb_executor *executor, aimdb *db);
    aimdb_time (*clock)(const aimdb_executor *executor);
    // Called on the running thread before it calls the consumer of `task`: true if other tasks wait
    // for such a thread; sees to it that an idle one comes for them.
    bool (*others_wait)(aimdb_executor *executor, const aimdb_task *task);
    // The calling thread is about to take a step that others could come before: it moves a value or
    // a task, or it only looks. Called for databases in whose gate `open` set AIMDBI_GATE_STEPS; NULL
    // if it never does.
    void (*step)(aimdb_executor *executor, bool moves);
    // The owner gives the executor up. All its databases are closed; their memory may still exist.
    void (*end)(aimdb_executor *executor);
    // No reference is left: release the memory.
    void (*free)(aimdb_executor *executor);
};

// An executor begins with this.
struct aimdb_executor {
    const struct aimdbi_executor_ops *ops;
    aimdb_word refs_;      // the owner, and every database whose memory still exists
    uint32_t source_lanes; // constant; 0: lanes mean nothing here, sources may name any
};

// Drops a reference; the last one ends the executor's memory. (A call of aimdb_done may still be in
// `ready` when its database is closed and freed and the executor freed as well.)
void
aimdbi_executor_release(aimdb_executor *executor);

// Copies caller's options, whose first member is their size, over the defaults in `known`. 0 stands
// for today's size. Returns false if the size makes no sense.
AIMDBI_SHARED bool
aimdbi_take_options(void *known, size_t known_size, const void *given);

// Runs a QUEUED task that was taken from a queue.
AIMDBI_SHARED enum aimdbi_verdict
aimdbi_task_run(aimdb_task *task, struct aimdbi_loan *loan);

// Takes a step of a source. Returns when the next one is due; AIMDB_FOREVER: it has LEFT.
AIMDBI_SHARED aimdb_time
aimdbi_source_step(aimdb_task *task);

// Announces a step, where the executor wants to know. Before sleeps, and where figures are read; what
// is fast looks at the gate as part of what it does (aimdbi_gate_pass).
static inline void
aimdbi_step(const aimdb *db, bool moves)
{
    if (load_relaxed(&db->gate_) & AIMDBI_GATE_STEPS) { // relaxed: set before the build ended
        db->executor->ops->step(db->executor, moves);
    }
}

// Makes an IDLE task QUEUED and ready; remembers it for one that is about to be IDLE.
void
aimdbi_task_wake(aimdb_task *task);

#endif
