// SPDX-License-Identifier: Apache-2.0
// The pool executor in memory.
#ifndef AIMDB_EXECUTOR_POOL_POOL_H
#define AIMDB_EXECUTOR_POOL_POOL_H

#include "executor/common/due.h"
#include "executor/common/lane.h"

// A source lane: sources, and the one thread that steps them.
struct aimdbi_sources {
    struct aimdbi_due due; // the thread's own
    pthread_mutex_t lock;  // of the post, which these three are
    aimdb_task *arrivals;  // to be stepped from now on, linked through next_ready
    bool retires;          // sources of a closing database must leave
    bool stops;            // the thread must end: all its sources have left
    aimdbi_signal changed; // counts: there is post
    size_t expected;       // sources of all open databases; 0: no thread. Under the pool's lock
    pthread_t thread;      // likewise
    uint64_t cpus;         // constant, as all below; bit n: processor n; 0: any
    uint32_t priority;     // of SCHED_FIFO; 0: as the thread that builds
    uint32_t number;       // from 0
    struct aimdbi_pool *pool;
};

struct aimdbi_pool {
    aimdb_executor base;
    pthread_mutex_t lock; // opening and closing of databases
    uint32_t threads;
    uint32_t blocking_threads; // at most; 0: one for each blocking consumer
    size_t open_databases;
    size_t blocking_tasks; // of all open databases
    struct aimdbi_lane compute;
    struct aimdbi_lane blocking;
    struct aimdbi_rest rest;
    aimdb_word forked_; // nonzero in the child of a fork
    struct aimdbp_fork_watch fork_watch;
    size_t bytes;                    // of this allocation
    struct aimdbi_sources sources[]; // base.source_lanes of them
};

// sources.c: prepares a zeroed lane.
void
aimdbi_sources_init(struct aimdbi_sources *lane, struct aimdbi_pool *pool, uint32_t number,
                    aimdb_lane_options options);

// There is going to be one source more, or less: the first one starts the lane's thread, the last one
// ends it. A thread that cannot run as the lane's options say is refused, and explained in `why`.
aimdb_err
aimdbi_sources_expect(struct aimdbi_sources *lane, char *why, size_t why_size);
void
aimdbi_sources_release(struct aimdbi_sources *lane);

// Steps the sources of db that are in this lane from now on.
void
aimdbi_sources_start(struct aimdbi_sources *lane, aimdb *db);
// Steps the sources of closing databases once more.
void
aimdbi_sources_retire(struct aimdbi_sources *lane);

#endif
