// SPDX-License-Identifier: Apache-2.0
// The pool executor in memory.
#ifndef AIMDB_EXECUTOR_POOL_POOL_H
#define AIMDB_EXECUTOR_POOL_POOL_H

#include "executor/common/due.h"
#include "executor/common/lane.h"

// The sources, and the one thread that steps them.
struct aimdbi_sources {
    pthread_mutex_t lock; // due, is_stopping; not held while a source is stepped
    struct aimdbi_due due;
    size_t expected;    // of all open databases; 0: no thread
    aimdb_word wanted_; // threads that wait for the lock, the sources' own aside
    bool is_stopping;
    bool has_thread;
    aimdbi_signal changed; // counts: look again
    pthread_t thread;
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
    struct aimdbi_sources sources;
    struct aimdbi_rest rest;
    aimdb_word forked_; // nonzero in the child of a fork
    struct aimdbp_fork_watch fork_watch;
};

// sources.c
int
aimdbi_sources_expect(struct aimdbi_sources *sources, size_t more);
void
aimdbi_sources_start(struct aimdbi_sources *sources, aimdb *db);
void
aimdbi_sources_retire(struct aimdbi_sources *sources);
void
aimdbi_sources_release(struct aimdbi_sources *sources, size_t fewer);

#endif
