// SPDX-License-Identifier: Apache-2.0
// A database, its tasks, and the context of a callback, in memory.
#ifndef AIMDB_CORE_DB_H
#define AIMDB_CORE_DB_H

#include <aimdb/builder.h>
#include <aimdb/context.h>

#include "callback.h"
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
//         Of a join this holds for all its records: it is PARKING before it marks the first of them,
//         and looks at all of them again after it marked the last.
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

// Keeps one kind of log line about a task rare. Any thread may complain.
struct aimdbi_complaint {
    aimdb_word said_at_; // ms, never 0 once something was said
    aimdb_word unsaid_;  // lines held back since
};

enum aimdbi_kind { AIMDBI_SOURCE, AIMDBI_CONSUMER, AIMDBI_JOIN, AIMDBI_TRANSFORM };

// A task's position in a record, and what belongs to it. A consumer has one, a join one for each of its
// records. A source has one as well: it names the source's record and counts its steps.
struct aimdbi_input {
    aimdb_reader
        reader; // written by the running thread; .lag_ is missed just before the next value
    struct aimdbi_input *next; // constant: of the same record
    aimdb_task *task;          // constant: whose it is
    aimdb_word finished_;      // of a ring: pushes it has finished with, see flush.c
    uint16_t block;            // running thread: values to copy out at once; 0: not known yet
    uint8_t index;             // constant: place among the inputs of the task
    bool is_stamped;           // constant: the record's, which would be on the writers' line
};

// One allocation: this struct, its inputs, then the name.
struct aimdb_task {
    aimdb_word state_;      // enum aimdbi_state
    aimdb_task *next_ready; // the executor's, while QUEUED; of a source while it is not stepped;
                            // until the build: of the same builder
    aimdb_fn fn;
    void *user;
    void *lane;                      // the executor's
    struct aimdbi_latency *latency;  // with `stamp`; of a source: how late its steps begin
    struct aimdbi_complaint of_lags; // of a source: of its overruns
    union {
        struct {                  // a source
            aimdb_time due;       // when its next step is due; running thread
            aimdb_time wake_at;   // the executor's
            aimdb_task *more_due; // the executor's, while it is not stepped
            aimdb_word overruns_; // running thread
            uint16_t source_lane; // constant; of the executor's
        };
        struct {                // a dispatcher
            aimdb_word defer_;  // phase and turn of an asynchronous value, see defer.c
            aimdb_word errors_; // running thread, and aimdb_done
            struct aimdbi_complaint of_errors;
            aimdb_record *out;           // of a transform: constant; what it derives
            aimdb_transform_call derive; // likewise: gives fn its own type back
            uint16_t empty_polls;        // running thread: fruitless runs in a row
            uint16_t look_away;          // running thread: ns, see executor.h
            uint16_t turn;               // running thread: of a join, the input to begin with
            bool streams;                // running thread: values come faster than wakes
        };
    };
    uint32_t index;       // constant: place in the database
    uint32_t bytes;       // constant: of this allocation
    uint16_t input_count; // constant
    uint8_t kind;         // constant; enum aimdbi_kind
    bool is_source;       // constant; the kind, as executors ask
    bool blocking;        // constant
    struct aimdbi_input inputs[];
};

#define AIMDBI_TASK_NAME_BYTES                                                                     \
    16 // of a task that was given no name, as long as numbers have few digits

_Static_assert(sizeof(void *) != 8 || sizeof(aimdb_reader) <= 64, "SPEC section 8: a reader");
_Static_assert(sizeof(void *) != 8 || sizeof(struct aimdb_task) + sizeof(struct aimdbi_input) +
                                              AIMDBI_TASK_NAME_BYTES <=
                                          sizeof(aimdb_reader) + 192,
               "SPEC section 8: a dispatcher adds 192 bytes to its reader");
_Static_assert(sizeof(void *) != 8 || sizeof(struct aimdbi_input) <= 112,
               "SPEC section 8: a further record of a join");

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

// True if two descriptors are of one type.
bool
aimdbi_is_same_type(const aimdb_type *a, const aimdb_type *b);

// Calls the function of a transform, and emits what it derived.
aimdb_err
aimdbi_call_transform(aimdb_ctx *ctx, const void *value);

// True if a run of a task would find something to do at one of its inputs, or the end of all of them.
// May be wrong only by saying true.
bool
aimdbi_task_has_news(const aimdb_task *task);

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

// The record of a source, of a consumer, or a join's first one.
static inline aimdb_record *
task_record(const aimdb_task *task)
{
    return task->inputs[0].reader.record_;
}

static inline aimdb *
task_db(const aimdb_task *task)
{
    return task_record(task)->db;
}

static inline const char *
task_name(const aimdb_task *task)
{
    return (const char *) (task->inputs + task->input_count);
}

static inline bool
task_is_stamped(const aimdb_task *task)
{
    bool is_stamped = false;
    for (size_t i = 0; i < task->input_count; i++) {
        is_stamped = is_stamped || task->inputs[i].is_stamped;
    }
    return is_stamped;
}

// The light half of turn.h's pair, of a line that no writer writes to.
static inline void
fence_light_of(const aimdb *db)
{
    if (__builtin_expect(db->asymmetric, 1)) {
        fence_compiler();
    } else {
        fence_seq_cst();
    }
}

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
