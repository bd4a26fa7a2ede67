// SPDX-License-Identifier: Apache-2.0
#define _POSIX_C_SOURCE 200809L
#include "view.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DRAIN 64u // values taken at once

static aimdb_err
subscribe(struct view *view)
{
    const struct records *records = &view->records;
    aimdb_err err = host_cpu_subscribe(records->cpu, &view->cpu);
    if (err == AIMDB_OK) {
        err = host_memory_subscribe(records->memory, &view->memory);
    }
    if (err == AIMDB_OK) {
        err = host_network_subscribe(records->network, &view->network);
    }
    if (err == AIMDB_OK) {
        err = host_disk_subscribe(records->disk, &view->disk);
    }
    if (err == AIMDB_OK && records->has_thermal) {
        err = host_thermal_subscribe(records->thermal, &view->thermal);
    }
    if (err == AIMDB_OK) {
        err = alert_subscribe(records->alerts, &view->alerts_reader);
    }
    return err;
}

bool
view_start(struct view *view)
{
    aimdb_err err = subscribe(view);
    if (err != AIMDB_OK) {
        notes_add(view->notes, "the view cannot read the records: %s", aimdb_err_text(err));
        return false;
    }
    view->started = aimdb_clock();
    view->is_live = screen_open(view->screen);
    notes_set_live(view->notes, view->is_live);
    return true;
}

void
view_stop(struct view *view)
{
    screen_close(view->screen);
    notes_set_live(view->notes, false);
    host_cpu_unsubscribe(&view->cpu);
    host_memory_unsubscribe(&view->memory);
    host_network_unsubscribe(&view->network);
    host_disk_unsubscribe(&view->disk);
    host_thermal_unsubscribe(&view->thermal);
    alert_unsubscribe(&view->alerts_reader);
}

// The following take what is new. What a reader may have missed is of no interest here: only the
// newest values are shown.

static void
take_cpu(struct view *view)
{
    struct host_cpu values[DRAIN];
    size_t n;
    while ((n = host_cpu_drain(&view->cpu, values, DRAIN, NULL)) > 0) {
        for (size_t i = 0; i < n; i++) {
            latest_cpu(&view->latest, &values[i]);
        }
    }
}

static void
take_memory(struct view *view)
{
    struct host_memory values[DRAIN];
    size_t n;
    while ((n = host_memory_drain(&view->memory, values, DRAIN, NULL)) > 0) {
        latest_memory(&view->latest, &values[n - 1]);
    }
}

static void
take_network(struct view *view)
{
    struct host_network values[DRAIN];
    size_t n;
    while ((n = host_network_drain(&view->network, values, DRAIN, NULL)) > 0) {
        for (size_t i = 0; i < n; i++) {
            latest_network(&view->latest, &values[i]);
        }
    }
}

static void
take_disk(struct view *view)
{
    struct host_disk values[DRAIN];
    size_t n;
    while ((n = host_disk_drain(&view->disk, values, DRAIN, NULL)) > 0) {
        for (size_t i = 0; i < n; i++) {
            latest_disk(&view->latest, &values[i]);
        }
    }
}

static void
take_thermal(struct view *view)
{
    struct host_thermal values[DRAIN];
    size_t n;
    while (view->records.has_thermal &&
           (n = host_thermal_drain(&view->thermal, values, DRAIN, NULL)) > 0) {
        for (size_t i = 0; i < n; i++) {
            latest_thermal(&view->latest, &values[i]);
        }
    }
}

static void
take_alerts(struct view *view)
{
    struct alert values[DRAIN];
    size_t n;
    while ((n = alert_drain(&view->alerts_reader, values, DRAIN, NULL)) > 0) {
        for (size_t i = 0; i < n; i++) {
            view->alerts[view->alert_count++ % VIEW_ALERTS] = values[i];
        }
    }
}

static void
measure_rates(struct view *view)
{
    for (size_t i = 0; i < VIEW_RECORDS && i < aimdb_record_count(view->db); i++) {
        aimdb_record_stats stats = { .size = sizeof stats };
        int64_t growth;
        (void) aimdb_record_metrics(aimdb_record_at(view->db, i), &stats);
        aimdb_time span = window_add(&view->windows[i], view->now, &stats.produced, 1, &growth);
        view->produced_per_s[i] = window_per_second(growth, span);
    }
}

static bool
show(struct view *view, uint64_t tick)
{
    if (!view->is_live) {
        uint64_t second = tick / (1000 / TICK_MS); // a tick may be skipped, a line must not
        bool is_due = second != view->last_second;
        view->last_second = second;
        return !is_due || plain_print(view);
    }
    unsigned rows;
    unsigned columns;
    screen_size(&rows, &columns);
    live_draw(view, rows, columns);
    return screen_show(view->screen, view->frame.text, view->frame.len);
}

aimdb_err
view_tick(aimdb_ctx *ctx, const struct gateway_tick *tick)
{
    struct view *view = aimdb_user(ctx);
    struct host_config config;
    view->now = aimdb_now(ctx);
    view->is_paused =
        host_config_peek(view->records.config, &config) == AIMDB_OK && config.is_paused;
    take_cpu(view);
    take_memory(view);
    take_network(view);
    take_disk(view);
    take_thermal(view);
    take_alerts(view);
    measure_rates(view);
    if (show(view, tick->number)) {
        return AIMDB_OK;
    }
    int reason = errno;
    if (view->failures++ == 0) {
        notes_add(view->notes, "stdout: %s", strerror(reason));
    }
    if (reason == EPIPE || reason == EIO) { // nobody is watching any more
        aimdb_stop(view->db);
    }
    return AIMDB_EIO;
}

void
alert_text(const struct alert *alert, char out[ALERT_TEXT])
{
    char clock[FIGURE_SIZE];
    snprintf(out, ALERT_TEXT, "%s %-7s %s %s: %s %.1f %s, limit %g %s",
             figure_clock(clock, alert->unix_ms), alert->is_raised ? "ALERT" : "cleared",
             alert->record, alert->device, alert->what, alert->value, alert->unit, alert->limit,
             alert->unit);
}

// insert_busy keeps slots in order of weight, the heaviest first. n is how many there are already.
static size_t
insert_busy(size_t *slots, double *weights, size_t n, size_t max, size_t slot, double weight)
{
    size_t place = n;
    while (place > 0 && weights[place - 1] < weight) {
        place--;
    }
    if (place >= max) {
        return n;
    }
    size_t last = n < max ? n : max - 1;
    memmove(&slots[place + 1], &slots[place], (last - place) * sizeof slots[0]);
    memmove(&weights[place + 1], &weights[place], (last - place) * sizeof weights[0]);
    slots[place] = slot;
    weights[place] = weight;
    return last + 1;
}

size_t
view_busiest_networks(const struct latest *latest, size_t *slots, size_t max)
{
    double weights[DEVICES_MAX];
    size_t n = 0;
    max = max < DEVICES_MAX ? max : DEVICES_MAX;
    for (size_t slot = 0; slot < latest->network_names.count; slot++) {
        const struct host_network *v = &latest->networks[slot];
        if (latest_is_current(&latest->network_names, slot) && strcmp(v->name, "lo") != 0) {
            // Without any traffic at the moment the one that has carried most comes first.
            double weight =
                v->received_bytes_per_s + v->sent_bytes_per_s + (double) v->received_bytes / 1e18;
            n = insert_busy(slots, weights, n, max, slot, weight);
        }
    }
    return n;
}

size_t
view_busiest_disks(const struct latest *latest, size_t *slots, size_t max)
{
    double weights[DEVICES_MAX];
    size_t n = 0;
    max = max < DEVICES_MAX ? max : DEVICES_MAX;
    for (size_t slot = 0; slot < latest->disk_names.count; slot++) {
        const struct host_disk *v = &latest->disks[slot];
        if (latest_is_current(&latest->disk_names, slot)) {
            double weight =
                v->read_bytes_per_s + v->written_bytes_per_s + (double) v->read_bytes / 1e18;
            n = insert_busy(slots, weights, n, max, slot, weight);
        }
    }
    return n;
}
