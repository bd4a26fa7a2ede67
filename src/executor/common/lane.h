// SPDX-License-Identifier: Apache-2.0
// A lane: tasks that are ready, and the threads that run them.
#ifndef AIMDB_EXECUTOR_COMMON_LANE_H
#define AIMDB_EXECUTOR_COMMON_LANE_H

#include <pthread.h>

#include "rest.h"

struct aimdbi_worker;

struct aimdbi_lane {
    aimdb_word inbox_; // newest task made ready, linked through next_ready; any thread pushes
    char apart_1[AIMDBI_LINE - sizeof(aimdb_word)];
    aimdb_word lock_;  // of the backlog; workers only, for a few instructions
    aimdb_task *first; // backlog, oldest first
    aimdb_task *last;
    aimdb_word backlog_; // nonzero while it has a task; written under the lock, read by all
    char apart_2[AIMDBI_LINE - 4 * sizeof(aimdb_word)];
    aimdb_word sleepers_;     // workers that sleep or are about to, and no waker has claimed
    aimdb_word waking_;       // nonzero: a claimed worker is on its way and will look for tasks
    aimdbi_signal permits;    // one for each claimed worker
    aimdb_executor *executor; // these four: constant
    struct aimdbi_rest *rest;
    aimdb_time spin;  // ns an idle worker spins before it sleeps
    const char *name; // of its threads
    struct aimdbi_worker **workers;
    uint32_t worker_count;
    uint32_t worker_room;
};

// Puts a QUEUED task into the lane and sees to it that a worker looks. Any thread; never blocks.
void
aimdbi_lane_push(struct aimdbi_lane *lane, aimdb_task *task);

// True if tasks wait in the lane; sees to it that a sleeping worker comes for them.
bool
aimdbi_lane_others_wait(struct aimdbi_lane *lane);

// Starts and ends threads until there are `count`. On failure (errno as result) there are as many as
// before.
int
aimdbi_lane_resize(struct aimdbi_lane *lane, uint32_t count);

// Releases the lane's memory. There are no threads any more, or they did not survive a fork.
void
aimdbi_lane_release(struct aimdbi_lane *lane);

#endif
