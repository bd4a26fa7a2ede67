// SPDX-License-Identifier: Apache-2.0
// A database for one run of a case, and the threads beside it. Every failure ends the program.
#ifndef BENCH_WORLD_H
#define BENCH_WORLD_H

#include <pthread.h>

#include "values.h"

struct world {
    aimdb_executor *executor;
    aimdb_builder *builder;
    aimdb *db;
};

void
world_begin(struct world *world, uint32_t threads, uint32_t spin_us);
void
world_begin_with(struct world *world, const aimdb_pool_options *options);
aimdb_record *
world_record(struct world *world, const char *key, const struct values *values,
             aimdb_buffer_cfg cfg);
void
world_build(struct world *world);

// Closes with a second for draining, and releases everything.
void
world_end(struct world *world);

// Ends the program unless a call succeeded.
void
must(aimdb_err err, const char *what);

aimdb_record_stats
record_stats(aimdb_record *record);
aimdb_task_stats
task_stats(aimdb_task *task);

void
thread_start(pthread_t *ret_thread, void *(*main)(void *), void *argument);
void
thread_join(pthread_t thread);

#endif
