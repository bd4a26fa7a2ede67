// SPDX-License-Identifier: Apache-2.0
// What the functions of the public API do with static records and tasks; who calls them has checked
// that they are static.
#ifndef AIMDB_CORE_STATICS_H
#define AIMDB_CORE_STATICS_H

#include <aimdb/metrics.h>
#include <aimdb/static.h>

#include "callback.h"
#include "record.h"

static inline bool
task_is_static(const aimdb_task *task)
{
#ifdef AIMDB_ONE_CORE
    (void) task;
    return true;
#else
    // relaxed: no state of a task of a database has this value
    return load_relaxed((const aimdb_word *) (const void *) task) == AIMDBI_STATIC_TASK;
#endif
}

static inline const struct aimdbi_static_task *
static_task(const aimdb_task *task)
{
    return (const struct aimdbi_static_task *) (const void *) task;
}

// Sends a value on its way.
aimdb_err
aimdbi_static_produce(aimdb_record *record, const void *value, size_t size);
// The same, with `depth` producer functions on the stack.
aimdb_err
aimdbi_static_emit(aimdb_record *record, const void *value, size_t size, unsigned depth);
aimdb_err
aimdbi_static_produce_n(aimdb_record *record, const void *values, size_t size, size_t count);

// The grid of a source (aimdb_every).
aimdb_time
aimdbi_static_every(aimdb_ctx *ctx, aimdb_time period);

aimdb_token
aimdbi_static_defer(aimdb_ctx *ctx);
aimdb_err
aimdbi_static_done(aimdb_token token, aimdb_err err);

void
aimdbi_static_figures(const aimdb_task *task, aimdb_task_stats *ret);

#endif
