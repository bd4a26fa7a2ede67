// SPDX-License-Identifier: Apache-2.0
#define _POSIX_C_SOURCE 200809L
#include "openmetrics.h"

#include "exposition.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define WRITE_EVERY AIMDB_SEC(1)

struct metrics {
    pthread_mutex_t lock;      // protects content; held for a copy, not while a file is written
    struct exposition content; // written by the consumers
    struct exposition shown;   // the writer's copy
    aimdb *db;
    char *path;
    char *temporary_path;
    aimdb_time due;
    uint64_t failures;
    bool is_failing;
    struct notes *notes;
};

// replace_file writes the temporary file and renames it. On failure errno says why, and the old
// file is still there. There is no fsync: after a power cut the next second brings a new file.
static bool
replace_file(struct metrics *metrics)
{
    FILE *file = fopen(metrics->temporary_path, "w");
    if (file == NULL) {
        return false;
    }
    exposition_write(file, &metrics->shown, metrics->db);
    bool is_written = fflush(file) == 0 && !ferror(file);
    int reason = errno;
    if (fclose(file) != 0 && is_written) {
        is_written = false;
        reason = errno;
    }
    if (is_written && rename(metrics->temporary_path, metrics->path) == 0) {
        return true;
    }
    reason = is_written ? errno : reason;
    (void) remove(metrics->temporary_path);
    errno = reason;
    return false;
}

static bool
write_file(struct metrics *metrics)
{
    pthread_mutex_lock(&metrics->lock);
    metrics->shown = metrics->content;
    pthread_mutex_unlock(&metrics->lock);
    bool is_written = replace_file(metrics);
    if (!is_written) {
        metrics->failures++;
        if (!metrics->is_failing) {
            notes_add(metrics->notes, "metrics file %s: not written: %s", metrics->path,
                      strerror(errno));
        }
    } else if (metrics->is_failing) {
        notes_add(metrics->notes, "metrics file %s: written again", metrics->path);
    }
    metrics->is_failing = !is_written;
    return is_written;
}

// is_replaceable refuses what a rename would destroy: devices, pipes, folders.
static bool
is_replaceable(const char *path, struct notes *notes)
{
    struct stat found;
    if (stat(path, &found) == 0 && !S_ISREG(found.st_mode)) {
        notes_add(notes, "metrics file %s: it exists and is not a regular file", path);
        return false;
    }
    return true;
}

struct metrics *
metrics_open(const char *path, struct notes *notes)
{
    static const char suffix[] = ".tmp";
    if (!is_replaceable(path, notes)) {
        return NULL;
    }
    struct metrics *metrics = calloc(1, sizeof *metrics);
    size_t size = strlen(path) + sizeof suffix;
    char *paths = malloc(2 * size);
    if (metrics == NULL || paths == NULL) {
        notes_add(notes, "metrics file %s: out of memory", path);
        free(metrics);
        free(paths);
        return NULL;
    }
    metrics->path = paths;
    metrics->temporary_path = paths + size;
    snprintf(metrics->path, size, "%s", path);
    snprintf(metrics->temporary_path, size, "%s%s", path, suffix);
    metrics->notes = notes;
    pthread_mutex_init(&metrics->lock, NULL);
    if (!write_file(metrics)) {
        metrics_close(metrics);
        return NULL;
    }
    return metrics;
}

void
metrics_set_db(struct metrics *metrics, aimdb *db)
{
    metrics->db = db;
}

uint64_t
metrics_finish(struct metrics *metrics)
{
    (void) write_file(metrics);
    return metrics->failures;
}

void
metrics_close(struct metrics *metrics)
{
    if (metrics != NULL) {
        pthread_mutex_destroy(&metrics->lock);
        free(metrics->path);
        free(metrics);
    }
}

aimdb_err
metrics_cpu(aimdb_ctx *ctx, const struct host_cpu *value)
{
    struct metrics *metrics = aimdb_user(ctx);
    pthread_mutex_lock(&metrics->lock);
    latest_cpu(&metrics->content.latest, value);
    pthread_mutex_unlock(&metrics->lock);
    aimdb_time now = aimdb_now(ctx);
    if (now < metrics->due) {
        return AIMDB_OK;
    }
    metrics->due = now + WRITE_EVERY;
    return write_file(metrics) ? AIMDB_OK : AIMDB_EIO;
}

aimdb_err
metrics_memory(aimdb_ctx *ctx, const struct host_memory *value)
{
    struct metrics *metrics = aimdb_user(ctx);
    pthread_mutex_lock(&metrics->lock);
    latest_memory(&metrics->content.latest, value);
    pthread_mutex_unlock(&metrics->lock);
    return AIMDB_OK;
}

aimdb_err
metrics_network(aimdb_ctx *ctx, const struct host_network *value)
{
    struct metrics *metrics = aimdb_user(ctx);
    pthread_mutex_lock(&metrics->lock);
    latest_network(&metrics->content.latest, value);
    pthread_mutex_unlock(&metrics->lock);
    return AIMDB_OK;
}

aimdb_err
metrics_disk(aimdb_ctx *ctx, const struct host_disk *value)
{
    struct metrics *metrics = aimdb_user(ctx);
    pthread_mutex_lock(&metrics->lock);
    latest_disk(&metrics->content.latest, value);
    pthread_mutex_unlock(&metrics->lock);
    return AIMDB_OK;
}

aimdb_err
metrics_thermal(aimdb_ctx *ctx, const struct host_thermal *value)
{
    struct metrics *metrics = aimdb_user(ctx);
    pthread_mutex_lock(&metrics->lock);
    latest_thermal(&metrics->content.latest, value);
    pthread_mutex_unlock(&metrics->lock);
    return AIMDB_OK;
}

aimdb_err
metrics_alert(aimdb_ctx *ctx, const struct alert *value)
{
    struct metrics *metrics = aimdb_user(ctx);
    pthread_mutex_lock(&metrics->lock);
    metrics->content.alerts_raised += value->is_raised ? 1 : 0;
    pthread_mutex_unlock(&metrics->lock);
    return AIMDB_OK;
}
