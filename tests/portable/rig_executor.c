// SPDX-License-Identifier: Apache-2.0
// Databases of rig_executor.h.
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <aimdb/sim.h>
#include <aimdb/uv.h>

#include "rig.h"

void
rig_choose(const char *executor);

static const char *chosen;
static aimdb_executor *executor;

void
rig_choose(const char *name)
{
    chosen = name;
    if (strncmp(name, "pool:", 5) == 0) {
        executor = aimdb_pool_new(&(aimdb_pool_options){ .threads = (uint32_t) atoi(name + 5) });
    } else if (strcmp(name, "poll") == 0) {
        executor = aimdb_poll_new(NULL);
    } else if (strcmp(name, "uv") == 0) {
        executor = aimdb_uv_new(NULL);
    } else if (strcmp(name, "sim") == 0) {
        executor = aimdb_sim_new(&(aimdb_sim_options){ .seed = 1 });
    }
    if (!executor) {
        fprintf(stderr, "no executor '%s'\n", name);
        exit(2);
    }
}

void
rig_open(struct rig_db *db)
{
    db->builder = aimdb_builder_new(executor);
    CHECK(db->builder != NULL);
    db->describe(db->builder);
    if (aimdb_build(db->builder, &db->db) != AIMDB_OK) {
        aimdb_builder_report(db->builder, stdout);
        CHECK(false);
    }
}

// Values and steps that somebody still has to do something with.
static bool
is_quiet(const aimdb *db)
{
    for (size_t i = 0; i < aimdb_record_count(db); i++) {
        aimdb_task *task;
        for (size_t j = 0; (task = aimdb_record_task(aimdb_record_at(db, i), j)) != NULL; j++) {
            aimdb_task_stats stats = task_stats(task);
            if (stats.pending > 0 || (aimdb_task_is_source(task) && stats.received == 0)) {
                return false;
            }
        }
    }
    return true;
}

// Quiet for as long as a call may take that was begun: nothing here computes.
void
rig_settle(struct rig_db *db)
{
    if (strcmp(chosen, "sim") == 0) {
        aimdb_err err = aimdb_sim_run(executor, AIMDB_FOREVER, NULL);
        CHECK(err == AIMDB_OK || err == AIMDB_EPENDING); // somebody waits for aimdb_done
        return;
    }
    for (int quiet = 0; quiet < 20; quiet = is_quiet(db->db) ? quiet + 1 : 0) {
        if (strcmp(chosen, "poll") == 0) {
            (void) aimdb_dispatch(executor, 0);
        } else {
            (void) nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
        }
    }
}

void
rig_close(struct rig_db *db)
{
    aimdb_free(db->db);
    aimdb_builder_free(db->builder);
}
