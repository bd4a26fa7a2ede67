// SPDX-License-Identifier: Apache-2.0
// What the files about tasks share: task.c runs dispatchers, source.c sources; defer.c is about values
// that are finished later, complain.c about what the log is told.
#ifndef AIMDB_CORE_TASK_H
#define AIMDB_CORE_TASK_H

#include "executor.h"

static inline aimdb_time
clock_of(const aimdb *db)
{
    return db->executor->ops->clock(db->executor);
}

// --- complain.c: all of them any thread ----------------------------------------------------------

// The input missed values.
void
aimdbi_complain_of_lag(const struct aimdbi_input *input, size_t lag);

// Counts an error of the consumer for a value of the input, and complains; `remark` ends the line.
void
aimdbi_count_error(const struct aimdbi_input *input, aimdb_err err, const char *remark);

// Counts steps that a source left out, and complains.
void
aimdbi_count_overruns(aimdb_task *task, size_t points);

// --- defer.c -------------------------------------------------------------------------------------

#define AIMDBI_DEFER_PHASE ((size_t) 3) // in defer_; 0: no token was taken

// The consumer returned AIMDB_EPENDING. True if the value is still being worked on; the task is then
// DEFERRING.
bool
aimdbi_is_awaited(struct aimdbi_input *input);

// Ends the turn of a value whose consumer has returned, whatever became of its token.
void
aimdbi_cancel_token(aimdb_task *task);

#endif
