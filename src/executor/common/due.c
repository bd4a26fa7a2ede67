// SPDX-License-Identifier: Apache-2.0
#include "due.h"

// In the heap the children of a task are next_ready and more_due.
static aimdb_task *
merge(aimdb_task *a, aimdb_task *b)
{
    aimdb_task *root = NULL;
    aimdb_task **link = &root;
    while (a && b) {
        if (b->wake_at < a->wake_at) {
            aimdb_task *held = a;
            a = b;
            b = held;
        }
        aimdb_task *rest = a->more_due;
        a->more_due = a->next_ready;
        *link = a;
        link = &a->next_ready;
        a = rest;
    }
    *link = a ? a : b;
    return root;
}

void
aimdbi_due_add(struct aimdbi_due *due, aimdb_task *task)
{
    task->next_ready = NULL;
    task->more_due = NULL;
    due->first = merge(due->first, task);
}

aimdb_task *
aimdbi_due_take(struct aimdbi_due *due)
{
    aimdb_task *first = due->first;
    due->first = merge(first->next_ready, first->more_due);
    return first;
}

void
aimdbi_due_retire(struct aimdbi_due *due)
{
    struct aimdbi_due kept = { NULL };
    while (due->first) {
        aimdb_task *task = aimdbi_due_take(due);
        if (load_acquire(&task_db(task)->gate_) & AIMDBI_GATE_SHUT) {
            task->wake_at = INT64_MIN;
        }
        aimdbi_due_add(&kept, task);
    }
    *due = kept;
}

bool
aimdbi_due_put_back(struct aimdbi_due *due, aimdb_task *task, aimdb_time next, aimdb_time now)
{
    if (next == AIMDB_FOREVER) {
        return false;
    }
    // One that is always due goes behind those that are due already [D5].
    task->wake_at = next > now ? next : now;
    if (load_acquire(&task_db(task)->gate_) & AIMDBI_GATE_SHUT) {
        task->wake_at = INT64_MIN; // retire came during the step and did not find it here
    }
    aimdbi_due_add(due, task);
    return true;
}
