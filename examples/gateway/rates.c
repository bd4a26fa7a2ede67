// SPDX-License-Identifier: Apache-2.0
#include "rates.h"

// Counters only grow. One that went backwards belongs to a device that was replaced or reset: what
// it grew by is unknowable, so the value is refused (counted on the record) and counting starts
// anew from here.
static bool
has_gone_backwards(struct window *window, const int64_t *growth, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (growth[i] < 0) {
            window_restart(window);
            return true;
        }
    }
    return false;
}

static double
percent(int64_t part, int64_t whole)
{
    return whole > 0 ? 100.0 * (double) part / (double) whole : 0.0;
}

aimdb_err
rates_cpu(aimdb_ctx *ctx, struct host_cpu *v)
{
    enum { USER, NICE, SYSTEM, IRQ, SOFTIRQ, STEAL, GROW_ONLY, IDLE = GROW_ONLY, IOWAIT, COUNT };
    struct cpu_rates *self = aimdb_user(ctx);
    if (v->cpu < ALL_CPUS || v->cpu >= (int32_t) CPUS_MAX) {
        return AIMDB_EINVAL;
    }
    struct window *window = &self->windows[v->cpu + 1];
    const uint64_t counters[COUNT] = { v->user,    v->nice,  v->system, v->irq,
                                       v->softirq, v->steal, v->idle,   v->iowait };
    int64_t grown[COUNT];
    v->span = window_add(window, v->at, counters, COUNT, grown);
    if (has_gone_backwards(window, grown, GROW_ONLY)) {
        return AIMDB_EINVAL;
    }
    // proc(5): iowait "may decrease in certain conditions"; so may idle, a little.
    int64_t total = 0;
    for (size_t i = 0; i < COUNT; i++) {
        grown[i] = grown[i] < 0 ? 0 : grown[i];
        total += grown[i];
    }
    v->user_percent = percent(grown[USER] + grown[NICE], total);
    v->system_percent = percent(grown[SYSTEM] + grown[IRQ] + grown[SOFTIRQ], total);
    v->iowait_percent = percent(grown[IOWAIT], total);
    v->steal_percent = percent(grown[STEAL], total);
    v->busy_percent = percent(total - grown[IDLE] - grown[IOWAIT], total);
    return AIMDB_OK;
}

aimdb_err
rates_memory(aimdb_ctx *ctx, struct host_memory *v)
{
    (void) ctx;
    if (v->total == 0 || v->free > v->total || v->available > v->total ||
        v->swap_free > v->swap_total) {
        return AIMDB_EINVAL;
    }
    v->used = v->total - v->available;
    v->used_percent = 100.0 * (double) v->used / (double) v->total;
    return AIMDB_OK;
}

// device_window finds the window that belongs to a device.
static struct window *
device_window(struct device_rates *self, const char *name, aimdb_time at)
{
    bool is_new;
    size_t slot = names_slot(&self->names, name, at, &is_new);
    if (is_new) {
        window_restart(&self->windows[slot]);
    }
    return &self->windows[slot];
}

aimdb_err
rates_network(aimdb_ctx *ctx, struct host_network *v)
{
    enum { RECEIVED, SENT, ERRORS, COUNT };
    if (v->name[0] == '\0') {
        return AIMDB_EINVAL;
    }
    struct window *window = device_window(aimdb_user(ctx), v->name, v->at);
    const uint64_t counters[COUNT] = { v->received_bytes, v->sent_bytes, v->errors };
    int64_t grown[COUNT];
    v->span = window_add(window, v->at, counters, COUNT, grown);
    if (has_gone_backwards(window, grown, COUNT)) {
        return AIMDB_EINVAL;
    }
    v->received_bytes_per_s = window_per_second(grown[RECEIVED], v->span);
    v->sent_bytes_per_s = window_per_second(grown[SENT], v->span);
    v->errors_per_s = window_per_second(grown[ERRORS], v->span);
    return AIMDB_OK;
}

aimdb_err
rates_disk(aimdb_ctx *ctx, struct host_disk *v)
{
    enum { READ, WRITTEN, BUSY, COUNT };
    if (v->name[0] == '\0') {
        return AIMDB_EINVAL;
    }
    struct window *window = device_window(aimdb_user(ctx), v->name, v->at);
    const uint64_t counters[COUNT] = { v->read_bytes, v->written_bytes, v->busy_ms };
    int64_t grown[COUNT];
    v->span = window_add(window, v->at, counters, COUNT, grown);
    if (has_gone_backwards(window, grown, COUNT)) {
        return AIMDB_EINVAL;
    }
    v->read_bytes_per_s = window_per_second(grown[READ], v->span);
    v->written_bytes_per_s = window_per_second(grown[WRITTEN], v->span);
    double busy = window_per_second(grown[BUSY], v->span) / 10.0; // ms a second to percent
    v->busy_percent = busy < 100.0 ? busy : 100.0;                // the two clocks differ a little
    return AIMDB_OK;
}

aimdb_err
rates_thermal(aimdb_ctx *ctx, struct host_thermal *v)
{
    (void) ctx;
    // Sensors that are absent or asleep report such things as -273 or 65535 degrees.
    return v->celsius > -100.0 && v->celsius < 250.0 ? AIMDB_OK : AIMDB_EINVAL;
}
