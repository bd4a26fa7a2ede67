// SPDX-License-Identifier: Apache-2.0
// The pool executor in memory.
#ifndef AIMDB_EXECUTOR_POOL_POOL_H
#define AIMDB_EXECUTOR_POOL_POOL_H

#include "lane.h"

// Sources, ordered by when they are due, and the one thread that steps them.
struct aimdbi_sources {
    pthread_mutex_t lock; // heap, count, room, is_stopping; not held while a source is stepped
    aimdb_task **heap;    // earliest first
    size_t count;
    size_t room;
    size_t expected;    // sources of all open databases: room for them is kept
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
    aimdb_time spin;           // ns an idle worker spins before it sleeps
    bool asymmetric;
    size_t open_databases;
    size_t blocking_tasks; // of all open databases
    struct aimdbi_lane compute;
    struct aimdbi_lane blocking;
    struct aimdbi_sources sources;
    aimdb_word attending_; // closers that use settled
    aimdbi_signal settled; // counts: a task came to rest
    aimdb_word forked_;    // nonzero in the child of a fork
    struct aimdbp_fork_watch fork_watch;
};

// A task came to rest: tells closers. The task must not be touched any more.
void
aimdbi_pool_settled(struct aimdbi_pool *pool);

// sources.c
aimdb_err
aimdbi_sources_reserve(struct aimdbi_sources *sources, size_t more, int *ret_errno);
void
aimdbi_sources_start(struct aimdbi_sources *sources, aimdb *db);
void
aimdbi_sources_retire(struct aimdbi_sources *sources);
void
aimdbi_sources_release(struct aimdbi_sources *sources, size_t fewer);

#endif
