// SPDX-License-Identifier: Apache-2.0
// Sources in the order in which they are due: a skew heap, linked through the tasks themselves, so
// that it needs no memory of its own and has no limit. Not for several threads at once.
//
// A skew heap keeps no balance; each merge swaps the children it passes, which makes any sequence of
// n operations cost O(n log n). Source: Sleator and Tarjan, Self-Adjusting Heaps, 1986.
#ifndef AIMDB_EXECUTOR_COMMON_DUE_H
#define AIMDB_EXECUTOR_COMMON_DUE_H

#include "core/executor.h"

struct aimdbi_due {
    aimdb_task *first; // the earliest; NULL: none
};

// Adds a source that is due at task->wake_at.
void
aimdbi_due_add(struct aimdbi_due *due, aimdb_task *task);

// Takes out the earliest. There must be one.
aimdb_task *
aimdbi_due_take(struct aimdbi_due *due);

// Makes all sources due now whose database refuses new values, so that they find that out and leave.
void
aimdbi_due_retire(struct aimdbi_due *due);

// When the earliest is due; AIMDB_FOREVER: there is none.
static inline aimdb_time
aimdbi_due_at(const struct aimdbi_due *due)
{
    return due->first ? due->first->wake_at : AIMDB_FOREVER;
}

// Adds a source again whose step, that ended at `now`, returned `next`. Returns false if it has LEFT:
// then it must not be touched any more.
bool
aimdbi_due_put_back(struct aimdbi_due *due, aimdb_task *task, aimdb_time next, aimdb_time now);

#endif
