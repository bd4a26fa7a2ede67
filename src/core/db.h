// SPDX-License-Identifier: Apache-2.0
// A database, its tasks, and the context of a callback, in memory.
#ifndef AIMDB_CORE_DB_H
#define AIMDB_CORE_DB_H

#include <aimdb/builder.h>
#include <aimdb/context.h>

#include "record.h"

struct aimdbi_latency; // latency.h

// What a task does right now.
//
//   IDLE      sleeps; a wake makes it QUEUED and hands it to the executor
//   QUEUED    is in a queue of the executor
//   RUNNING   a thread of the executor is in aimdbi_task_run
//   PARKING   as RUNNING, and announces to sleep; a wake makes it NOTIFIED
//   NOTIFIED  as RUNNING; will be QUEUED again instead of IDLE
//   DEFERRING as RUNNING, while its consumer's AIMDB_EPENDING is being noted; aimdb_done makes it
//             NOTIFIED
//   WAITING   its consumer returned AIMDB_EPENDING; aimdb_done makes it QUEUED
//   LEFT      over; nobody touches it any more
//
// INV-T1  Exactly one thread runs a task at a time: whoever took it from a queue, until the store
//         that makes it IDLE, QUEUED, WAITING or LEFT, which is the last access to the task and to
//         anything of its database by that thread.
// INV-T2  A task is in at most one queue, and only while QUEUED.
// INV-T3  A wake between PARKING and IDLE is never lost: the thread's compare-and-swap to IDLE fails.
// INV-T4  Once LEFT, always LEFT.
enum aimdbi_state {
    AIMDBI_IDLE,
    AIMDBI_QUEUED,
    AIMDBI_RUNNING,
    AIMDBI_PARKING,
    AIMDBI_NOTIFIED,
    AIMDBI_DEFERRING,
    AIMDBI_WAITING,
    AIMDBI_LEFT
};

// What makes a consumer a transform. Part of the task's allocation.
struct aimdbi_transform {
    aimdb_record *out;
    aimdb_transform_call call;
};

// Keeps one kind of log line about a task rare. Any thread may complain.
struct aimdbi_complaint {
    aimdb_word said_at_; // ms, never 0 once something was said
    aimdb_word unsaid_;  // lines held back since
};

// One allocation: this struct, the name, and what a transform has.
struct aimdb_task {
    aimdb_word state_;      // enum aimdbi_state
    aimdb_task *next_ready; // the executor's, while QUEUED; of a source while it is not stepped
    aimdb_fn fn;
    void *user;
    union {
        aimdb_task *more_due;               // source: the executor's, while it is not stepped
        struct aimdbi_transform *transform; // consumer: constant; NULL: an ordinary one
    };
    union {
        aimdb_time wake_at;                                                // source: the executor's
        aimdb_err (*call)(aimdb_ctx *ctx, aimdb_fn fn, const void *value); // consumer: constant
    };
    aimdb_reader reader; // a source has only .record_; written by the running thread
    union {
        aimdb_word defer_;    // consumer: phase and turn of an asynchronous value, see task.c
        aimdb_word overruns_; // source: running thread
    };
    union {
        size_t lag;     // consumer: missed just before the next value; running thread
        aimdb_time due; // source: when its next step is due; running thread
    };
    aimdb_word errors_;             // running thread, and aimdb_done
    aimdb_word finished_;           // consumer of a ring: pushes it has finished with, see flush.c
    struct aimdbi_latency *latency; // with `stamp`; of a source: how late its steps begin
    // Of lags; of a source's overruns.
    struct aimdbi_complaint of_lags;
    struct aimdbi_complaint of_errors;
    uint16_t block;       // running thread: values to copy out at once; 0: not known yet
    uint16_t empty_polls; // running thread: fruitless runs in a row
    uint16_t look_away;   // running thread: ns, see executor.h
    uint16_t source_lane; // constant; of the executor's, for a source
    aimdb_task *next;     // of the same record
    void *lane;           // the executor's
    size_t bytes;         // of this allocation
    uint32_t index;       // constant: place in the database
    bool is_source;       // constant
    bool blocking;        // constant
    bool streams;         // running thread: values come faster than wakes
    char name[];
};

// Gate bits: why produce and subscribe refuse. Zero: open.
#define AIMDBI_GATE_CLOSING ((size_t) 1)
#define AIMDBI_GATE_FORKED ((size_t) 2)
#define AIMDBI_GATE_SHUT (AIMDBI_GATE_CLOSING | AIMDBI_GATE_FORKED)
// Refuses nothing: the executor is told before each step that others may come between (executor.h).
#define AIMDBI_GATE_STEPS ((size_t) 4)

enum aimdbi_phase { AIMDBI_OPEN, AIMDBI_CLOSING, AIMDBI_ENDED_PHASE };

// One allocation: this struct, then the arrays.
struct aimdb {
    aimdb_word gate_;    // written by closers and by a fork; read by every produce
    aimdb_word abandon_; // nonzero: dispatchers leave without delivering
    aimdb_executor *executor;
    aimdb_word *edges; // hash table, see graph.c
    size_t edge_mask;
    aimdb_log_fn log;
    void *log_user;
    aimdb_record **records; // in the order of registration
    // --- 64 bytes: above what every produce and emission reads, below what is written often
    aimdb_record **by_key;
    aimdb_task **tasks; // consumers and sources in the order of registration
    size_t record_count;
    size_t task_count;
    aimdb_word edges_full_; // nonzero once the table had no room
    aimdb_word refs_;       // the owner, subscribed readers, tokens, calls of close and run
    aimdb_word phase_;      // enum aimdbi_phase
    aimdb_word stop_;
    aimdbi_signal ended;   // counts: the phase reached its end
    aimdbi_signal stopped; // counts: somebody asked to stop
    aimdbi_signal news;    // counts: a record that a thread in aimdb_select sleeps over has news
    aimdb_allocator allocator;
    aimdb_memory_stats memory;
    aimdb_close_report report; // written before the phase reaches its end
    struct aimdbp_fork_watch fork_watch;
    size_t bytes; // of this allocation
    bool asymmetric;
};

// What a callback is given. Lives on the stack of whoever calls it.
struct aimdb_ctx {
    aimdb *db;
    aimdb_record *from; // whose consumer, source or producer function is called
    aimdb_task *task;   // NULL: a producer function
    void *user;
    size_t missed;
    aimdb_time next; // source: what aimdb_every answered last in this step
    size_t left_out; // source: grid points that had passed by then
};

// What the calling thread is inside of: aimdbp_current() points to one, or is NULL outside of all
// callbacks. Lives on the stack of whoever calls them.
struct aimdbi_frame {
    aimdb_executor *executor; // whose callbacks these are
    unsigned depth;           // producer functions on the stack
};

void *
aimdbi_alloc(const aimdb_allocator *allocator, size_t size, size_t align, size_t *ret_bytes);
void
aimdbi_release(const aimdb_allocator *allocator, void *memory, size_t bytes);

// Releases one reference; the last one frees all memory.
void
aimdbi_db_release(aimdb *db);
void
aimdbi_db_retain(aimdb *db);

// What a nonzero gate of db means to a caller. AIMDB_OK: it is open, and the step was announced;
// `moves` as in executor.h.
aimdb_err
aimdbi_gate_pass(const aimdb *db, size_t gate, bool moves);

// Bytes of a record's slots, and of a task with its histogram, as asked from the allocator.
size_t
aimdbi_record_items(const aimdb_record *rec);
size_t
aimdbi_task_bytes(const aimdb_task *task);

// Notes that ctx emits into `to`.
void
aimdbi_edge_seen(const aimdb_ctx *ctx, const aimdb_record *to);
void
aimdbi_edge_declare(aimdb *db, const aimdb_task *task, const aimdb_record *to);

static inline void
fence_heavy_of(const aimdb *db)
{
    if (db->asymmetric) {
        aimdbp_fence_heavy();
    } else {
        fence_seq_cst();
    }
}

#endif
