// SPDX-License-Identifier: Apache-2.0
#define _POSIX_C_SOURCE 200809L
#include "settings.h"

static void
complain(void *user, const char *text)
{
    notes_add(user, "%s", text);
}

bool
settings_init(struct settings *settings, const char *path, struct notes *notes)
{
    *settings = (struct settings){ .now = config_defaults(), .path = path, .notes = notes };
    if (path != NULL && !config_load(path, &settings->now, complain, notes)) {
        return false;
    }
    pthread_mutex_init(&settings->lock, NULL);
    return true;
}

void
settings_fini(struct settings *settings)
{
    pthread_mutex_destroy(&settings->lock);
}

bool
settings_publish(struct settings *settings)
{
    pthread_mutex_lock(&settings->lock);
    aimdb_err err = host_config_produce(settings->record, &settings->now);
    pthread_mutex_unlock(&settings->lock);
    if (err != AIMDB_OK) {
        notes_add(settings->notes, "host.config: %s", aimdb_err_text(err));
    }
    return err == AIMDB_OK;
}

void
settings_reload(struct settings *settings)
{
    if (settings->path == NULL) {
        notes_add(settings->notes, "SIGHUP: there is no --config FILE to read again");
        return;
    }
    struct host_config read;
    if (!config_load(settings->path, &read, complain, settings->notes)) {
        notes_add(settings->notes, "%s: not used; everything stays as it was", settings->path);
        return;
    }
    pthread_mutex_lock(&settings->lock);
    read.is_paused = settings->now.is_paused;
    settings->now = read;
    aimdb_err err = host_config_produce(settings->record, &settings->now);
    pthread_mutex_unlock(&settings->lock);
    if (err == AIMDB_OK) {
        notes_add(settings->notes, "%s: read again", settings->path);
    }
}

aimdb_err
settings_set_rate(struct settings *settings, aimdb_ctx *ctx, enum source_id id, uint32_t rate_hz)
{
    pthread_mutex_lock(&settings->lock);
    settings->now.rate_hz[id] = rate_hz;
    aimdb_err err = host_config_emit(ctx, settings->record, &settings->now);
    pthread_mutex_unlock(&settings->lock);
    return err;
}

aimdb_err
settings_set_paused(struct settings *settings, aimdb_ctx *ctx, bool is_paused)
{
    pthread_mutex_lock(&settings->lock);
    settings->now.is_paused = is_paused;
    aimdb_err err = host_config_emit(ctx, settings->record, &settings->now);
    pthread_mutex_unlock(&settings->lock);
    return err;
}

aimdb_err
settings_announce(aimdb_ctx *ctx, const struct host_config *config)
{
    const uint32_t *hz = config->rate_hz;
    notes_add(aimdb_user(ctx),
              "%s; Hz: cpu %u, memory %u, network %u, disk %u, thermal %u; limits: cpu %g %%, "
              "memory %g %%, network %g errors/s, disk %g %%, thermal %g C",
              config->is_paused ? "paused" : "running", hz[SOURCE_CPU], hz[SOURCE_MEMORY],
              hz[SOURCE_NETWORK], hz[SOURCE_DISK], hz[SOURCE_THERMAL], config->cpu_busy_percent,
              config->memory_used_percent, config->network_errors_per_s, config->disk_busy_percent,
              config->thermal_celsius);
    return AIMDB_OK;
}
