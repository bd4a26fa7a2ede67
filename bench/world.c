// SPDX-License-Identifier: Apache-2.0
#include "world.h"

#include <string.h>

#include "bench.h"

void
must(aimdb_err err, const char *what)
{
    if (err != AIMDB_OK) {
        bench_die("%s: %s", what, aimdb_err_text(err));
    }
}

void
world_begin(struct world *world, uint32_t threads, uint32_t spin_us)
{
    world_begin_with(world, &(aimdb_pool_options){ .threads = threads, .spin_us = spin_us });
}

void
world_begin_with(struct world *world, const aimdb_pool_options *options)
{
    *world = (struct world){ .executor = aimdb_pool_new(options) };
    world->builder = world->executor ? aimdb_builder_new(world->executor) : NULL;
    if (!world->builder) {
        bench_die("no memory for a database");
    }
}

aimdb_record *
world_record(struct world *world, const char *key, const struct values *values,
             aimdb_buffer_cfg cfg)
{
    aimdb_record *record = aimdb_configure(world->builder, key, values->type, cfg);
    if (!record) {
        bench_die("no memory for record %s", key);
    }
    return record;
}

void
world_build(struct world *world)
{
    aimdb_err err = aimdb_build(world->builder, &world->db);
    if (err != AIMDB_OK) {
        aimdb_builder_report(world->builder, stderr);
        must(err, "aimdb_build");
    }
}

void
world_end(struct world *world)
{
    must(aimdb_close(world->db, aimdb_clock() + AIMDB_SEC(1), NULL), "aimdb_close");
    aimdb_free(world->db);
    aimdb_builder_free(world->builder);
    aimdb_executor_free(world->executor);
}

aimdb_record_stats
record_stats(aimdb_record *record)
{
    aimdb_record_stats stats = { .size = sizeof stats };
    must(aimdb_record_metrics(record, &stats), "aimdb_record_metrics");
    return stats;
}

aimdb_task_stats
task_stats(aimdb_task *task)
{
    aimdb_task_stats stats = { .size = sizeof stats };
    must(aimdb_task_metrics(task, &stats), "aimdb_task_metrics");
    return stats;
}

void
thread_start(pthread_t *ret_thread, void *(*main)(void *), void *argument)
{
    int err = pthread_create(ret_thread, NULL, main, argument);
    if (err != 0) {
        bench_die("pthread_create: %s", strerror(err));
    }
}

void
thread_join(pthread_t thread)
{
    (void) pthread_join(thread, NULL);
}
