// SPDX-License-Identifier: Apache-2.0
//
// What an emit returns is not looked at here. A value that the producer function refuses is counted
// on the record, and once the database closes there is nobody left to complain to.
#define _POSIX_C_SOURCE 200809L
#include "sources.h"

#include <errno.h>
#include <string.h>
#include <time.h>

// Before host.config has a value a source looks again so often.
#define START_POLL AIMDB_MS(1)

static void
init_source(struct source *source, enum source_id id, const char *key, const char *path,
            struct notes *notes)
{
    source->id = id;
    source->key = key;
    source->notes = notes;
    procfile_open(&source->file, path);
}

void
sources_init(struct sources *sources, struct notes *notes)
{
    init_source(&sources->cpu.base, SOURCE_CPU, "host.cpu", "/proc/stat", notes);
    init_source(&sources->memory.base, SOURCE_MEMORY, "host.memory", "/proc/meminfo", notes);
    init_source(&sources->network.base, SOURCE_NETWORK, "host.network", "/proc/net/dev", notes);
    init_source(&sources->disk.base, SOURCE_DISK, "host.disk", "/proc/diskstats", notes);
    init_source(&sources->thermal.base, SOURCE_THERMAL, "host.thermal", THERMAL_FOLDER, notes);
    thermal_find(&sources->thermal.zones, THERMAL_FOLDER);
}

void
sources_set_config(struct sources *sources, host_config_record config)
{
    sources->cpu.base.config = config;
    sources->memory.base.config = config;
    sources->network.base.config = config;
    sources->disk.base.config = config;
    sources->thermal.base.config = config;
    sources->tick.config = config;
}

void
sources_fini(struct sources *sources)
{
    procfile_close(&sources->cpu.base.file);
    procfile_close(&sources->memory.base.file);
    procfile_close(&sources->network.base.file);
    procfile_close(&sources->disk.base.file);
}

static int64_t
unix_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// begin_step tells whether to read now, and in any case when to come back.
static bool
begin_step(aimdb_ctx *ctx, const struct source *source, aimdb_time *ret_next)
{
    struct host_config config;
    if (host_config_peek(source->config, &config) != AIMDB_OK) {
        *ret_next = aimdb_now(ctx) + START_POLL;
        return false;
    }
    *ret_next = aimdb_every(ctx, AIMDB_SEC(1) / config.rate_hz[source->id]);
    return !config.is_paused;
}

// note_trouble says once that a source has nothing to read, or that it works again.
static void
note_trouble(struct source *source, bool is_failing, const char *reason)
{
    if (is_failing && !source->is_failing) {
        notes_add(source->notes, "%s: %s: %s; no values until it can be read", source->key,
                  source->file.path, reason);
    } else if (!is_failing && source->is_failing) {
        notes_add(source->notes, "%s: %s can be read again", source->key, source->file.path);
    }
    source->is_failing = is_failing;
}

// read_file is procfile_read with the trouble noted.
static bool
read_file(struct source *source)
{
    if (procfile_read(&source->file)) {
        return true;
    }
    note_trouble(source, true, strerror(errno));
    return false;
}

// usable notes what is odd about the number of values found, and returns how many there are to use.
static size_t
usable(struct source *source, size_t found, size_t max)
{
    if (found > max && !source->has_said_excess) {
        source->has_said_excess = true;
        notes_add(source->notes, "%s: only the first %zu of %zu in %s are followed", source->key,
                  max, found, source->file.path);
    }
    return found < max ? found : max;
}

aimdb_time
source_cpu(aimdb_ctx *ctx, host_cpu_record out)
{
    struct cpu_source *self = aimdb_user(ctx);
    aimdb_time next;
    if (!begin_step(ctx, &self->base, &next) || !read_file(&self->base)) {
        return next;
    }
    aimdb_time at = aimdb_now(ctx);
    int64_t unix_ms = unix_now_ms();
    size_t found = procfs_stat(self->base.file.text, self->found, CPUS_MAX + 1);
    note_trouble(&self->base, found == 0, "has no line of a processor");
    size_t count = usable(&self->base, found, CPUS_MAX + 1);
    for (size_t i = 0; i < count; i++) {
        self->found[i].at = at;
        self->found[i].unix_ms = unix_ms;
        (void) host_cpu_emit(ctx, out, &self->found[i]);
    }
    return next;
}

aimdb_time
source_memory(aimdb_ctx *ctx, host_memory_record out)
{
    struct memory_source *self = aimdb_user(ctx);
    aimdb_time next;
    if (!begin_step(ctx, &self->base, &next) || !read_file(&self->base)) {
        return next;
    }
    struct host_memory memory;
    bool is_found = procfs_meminfo(self->base.file.text, &memory) == 1;
    note_trouble(&self->base, !is_found, "lacks one of MemTotal, MemFree, MemAvailable, Swap*");
    if (is_found) {
        memory.at = aimdb_now(ctx);
        memory.unix_ms = unix_now_ms();
        (void) host_memory_emit(ctx, out, &memory);
    }
    return next;
}

aimdb_time
source_network(aimdb_ctx *ctx, host_network_record out)
{
    struct network_source *self = aimdb_user(ctx);
    aimdb_time next;
    if (!begin_step(ctx, &self->base, &next) || !read_file(&self->base)) {
        return next;
    }
    aimdb_time at = aimdb_now(ctx);
    int64_t unix_ms = unix_now_ms();
    note_trouble(&self->base, false, NULL);
    size_t found = procfs_net_dev(self->base.file.text, self->found, DEVICES_MAX);
    size_t count = usable(&self->base, found, DEVICES_MAX);
    for (size_t i = 0; i < count; i++) {
        self->found[i].at = at;
        self->found[i].unix_ms = unix_ms;
        (void) host_network_emit(ctx, out, &self->found[i]);
    }
    return next;
}

aimdb_time
source_disk(aimdb_ctx *ctx, host_disk_record out)
{
    struct disk_source *self = aimdb_user(ctx);
    aimdb_time next;
    if (!begin_step(ctx, &self->base, &next) || !read_file(&self->base)) {
        return next;
    }
    aimdb_time at = aimdb_now(ctx);
    int64_t unix_ms = unix_now_ms();
    note_trouble(&self->base, false, NULL);
    size_t found = procfs_diskstats(self->base.file.text, self->found, DEVICES_MAX);
    size_t count = usable(&self->base, found, DEVICES_MAX);
    for (size_t i = 0; i < count; i++) {
        if (procfs_is_whole_disk(self->found[i].name)) {
            self->found[i].at = at;
            self->found[i].unix_ms = unix_ms;
            (void) host_disk_emit(ctx, out, &self->found[i]);
        }
    }
    return next;
}

aimdb_time
source_thermal(aimdb_ctx *ctx, host_thermal_record out)
{
    struct thermal_source *self = aimdb_user(ctx);
    aimdb_time next;
    if (!begin_step(ctx, &self->base, &next)) {
        return next;
    }
    size_t read = 0;
    for (size_t i = 0; i < self->zones.count; i++) {
        struct host_thermal zone;
        if (!thermal_read(&self->zones, i, &zone)) {
            continue; // a zone may be switched off for a while: EAGAIN, ENODATA
        }
        zone.at = aimdb_now(ctx);
        zone.unix_ms = unix_now_ms();
        (void) host_thermal_emit(ctx, out, &zone);
        read++;
    }
    note_trouble(&self->base, read == 0, strerror(errno));
    return next;
}

aimdb_time
source_tick(aimdb_ctx *ctx, gateway_tick_record out)
{
    struct tick_source *self = aimdb_user(ctx);
    struct host_config config;
    if (host_config_peek(self->config, &config) != AIMDB_OK) {
        return aimdb_now(ctx) + START_POLL;
    }
    self->number++;
    (void) gateway_tick_emit(ctx, out, &(struct gateway_tick){ self->number });
    return aimdb_every(ctx, AIMDB_MS(TICK_MS));
}
