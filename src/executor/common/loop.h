// SPDX-License-Identifier: Apache-2.0
// An executor without threads: tasks and sources are run by whoever calls aimdbi_loop_dispatch. What
// the poll executor and those on top of other event loops share.
#ifndef AIMDB_EXECUTOR_COMMON_LOOP_H
#define AIMDB_EXECUTOR_COMMON_LOOP_H

#include "due.h"
#include "rest.h"

// How long a thread runs consumers before it looks at what else it has to do, ns. It is exceeded by one
// call, or as much again.
#define AIMDBI_LOOP_SLICE AIMDB_MS(1)

struct aimdbi_loop;

struct aimdbi_loop_hooks {
    // Makes somebody call aimdbi_loop_dispatch. Any thread, signal handlers too; never blocks.
    void (*raise)(struct aimdbi_loop *loop);
    // A dispatch begins: takes back what `raise` left to be seen.
    void (*lower)(struct aimdbi_loop *loop);
    // Whether the calling thread may run tasks.
    bool (*may_drive)(const struct aimdbi_loop *loop);
    // Takes a ready task of a blocking consumer that is to run elsewhere; the driver. NULL: none is.
    bool (*divert)(struct aimdbi_loop *loop, aimdb_task *task);
};

// Begins with the executor; an event loop's own struct begins with this one.
struct aimdbi_loop {
    aimdb_executor base;
    const struct aimdbi_loop_hooks *hooks;
    void *scratch; // AIMDBI_SCRATCH_BYTES
    char apart_1[AIMDBI_LINE - sizeof(aimdb_executor) - 2 * sizeof(void *)];
    aimdb_word inbox_; // newest task made ready, linked through next_ready; any thread pushes
    aimdb_word awake_; // nonzero: somebody is going to look at the inbox
    char apart_2[AIMDBI_LINE - 2 * sizeof(aimdb_word)];
    aimdb_word owed_;      // nonzero: the event loop must be woken, whatever helpers did meanwhile
    aimdb_word refused_;   // nonzero: the event loop waits for the driver to leave
    aimdb_word driver_;    // nonzero: a thread dispatches; these three are its own
    aimdb_task *first;     // ready, oldest first
    aimdb_task *last;      //
    struct aimdbi_due due; // sources
    aimdb_word retire_;    // nonzero: sources of a closing database must leave
    aimdb_word next_due_;  // aimdb_time of the earliest source, as the last driver left it
    aimdb_word open_;      // open databases
    aimdb_word helpers_;   // threads in `wait`
    aimdbi_signal news;    // counts: helpers, look again
    struct aimdbi_rest rest;
    aimdb_word forked_; // nonzero in the child of a fork
    struct aimdbp_fork_watch fork_watch;
};

// Prepares a zeroed loop. AIMDB_ENOMEM: nothing was left behind.
AIMDBI_SHARED aimdb_err
aimdbi_loop_init(struct aimdbi_loop *loop, const struct aimdbi_executor_ops *ops,
                 const struct aimdbi_loop_hooks *hooks);

// Runs what is ready: at most `budget` calls of consumers and sources, and none that begins much later
// than `until`: the clock is looked at after 1, 3, 7, 15 ... calls. AIMDB_OK: nothing is left;
// _EPENDING: more is ready, and raised again; _EBUSY: another thread dispatches, or this one does
// further up its stack: `raise` comes when it is done; _EFORKED.
AIMDBI_SHARED aimdb_err
aimdbi_loop_dispatch(struct aimdbi_loop *loop, size_t budget, aimdb_time until);

// When a source is due next; 0: something is ready now. While a thread dispatches: AIMDB_FOREVER, and
// `raise` comes when it is done. Any thread.
AIMDBI_SHARED aimdb_time
aimdbi_loop_deadline(struct aimdbi_loop *loop);

// Adds a QUEUED task, or a source that starts. Any thread.
AIMDBI_SHARED void
aimdbi_loop_push(struct aimdbi_loop *loop, aimdb_task *task);

// Operations that an event loop's executor takes as they are, or calls from its own.
AIMDBI_SHARED aimdb_err
aimdbi_loop_open(aimdb_executor *executor, aimdb *db, char *why, size_t why_size);
AIMDBI_SHARED void
aimdbi_loop_start(aimdb_executor *executor, aimdb *db);
AIMDBI_SHARED void
aimdbi_loop_ready(aimdb_executor *executor, aimdb_task *task);
AIMDBI_SHARED void
aimdbi_loop_attend(aimdb_executor *executor, aimdb *db);
AIMDBI_SHARED void
aimdbi_loop_retire(aimdb_executor *executor, aimdb *db);
AIMDBI_SHARED uint32_t
aimdbi_loop_settle_begin(aimdb_executor *executor);
void
aimdbi_loop_settle(aimdb_executor *executor, uint32_t ticket, aimdb_time deadline);
AIMDBI_SHARED void
aimdbi_loop_wait(aimdb_executor *executor, aimdbi_signal *signal, uint32_t expected,
                 aimdb_time deadline);
AIMDBI_SHARED void
aimdbi_loop_nudge(aimdb_executor *executor);
AIMDBI_SHARED void
aimdbi_loop_close(aimdb_executor *executor, aimdb *db);
AIMDBI_SHARED aimdb_time
aimdbi_loop_clock(const aimdb_executor *executor);
AIMDBI_SHARED bool
aimdbi_loop_others_wait(aimdb_executor *executor, const aimdb_task *task);
AIMDBI_SHARED void
aimdbi_loop_end(aimdb_executor *executor);
// Releases what aimdbi_loop_init made; the struct itself is the caller's.
AIMDBI_SHARED void
aimdbi_loop_fini(struct aimdbi_loop *loop);

#endif
