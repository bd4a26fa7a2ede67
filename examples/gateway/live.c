// SPDX-License-Identifier: Apache-2.0
// The picture on a terminal, from top to bottom: a title, the machine's values, the table of
// records and their consumers, alerts, notes. Below it the screen shows what is being typed.
#define _POSIX_C_SOURCE 200809L
#include "view.h"

#include <string.h>

#define NOTES_SHOWN 3u
#define ALERTS_SHOWN 4u
#define BAR 20u

// A table of 80 columns. What a narrow terminal cuts off is on the right.
#define TABLE_ROW "%-15s %-9s %9s %6s %9s %7s %7s %4s"
#define TABLE_LAST " %6s"

static void
draw_title(struct view *view)
{
    struct frame *frame = &view->frame;
    int64_t up = (view->now - view->started) / AIMDB_SEC(1);
    frame_put(frame, STYLE_BOLD, "AimDB gateway");
    frame_put(frame, STYLE_DIM, "  %s  up %d:%02d:%02d  ", aimdb_version(), (int) (up / 3600),
              (int) (up / 60 % 60), (int) (up % 60));
    frame_put(frame, view->is_paused ? STYLE_BAD : STYLE_GOOD, "%s",
              view->is_paused ? "paused" : "running");
    frame_line(frame);
}

static void
draw_bar(struct frame *frame, double percent)
{
    char bar[BAR + 1];
    unsigned full = percent > 0.0 ? (unsigned) (percent / 100.0 * BAR + 0.5) : 0;
    full = full < BAR ? full : BAR;
    memset(bar, '#', full);
    memset(bar + full, '.', BAR - full);
    bar[BAR] = '\0';
    frame_put(frame, STYLE_PLAIN, " [");
    frame_put(frame, percent > 80.0 ? STYLE_BAD : STYLE_GOOD, "%.*s", (int) full, bar);
    frame_put(frame, STYLE_DIM, "%s", bar + full);
    frame_put(frame, STYLE_PLAIN, "] ");
}

static void
draw_cpu(struct frame *frame, const struct latest *latest)
{
    const struct host_cpu *all = &latest->cpus[0];
    frame_put(frame, STYLE_PLAIN, "cpu      %5.1f %%", all->busy_percent);
    draw_bar(frame, all->busy_percent);
    frame_put(frame, STYLE_PLAIN, "user %.1f  sys %.1f  wait %.1f", all->user_percent,
              all->system_percent, all->iowait_percent);
    if (all->steal_percent >= 0.05) {
        frame_put(frame, STYLE_PLAIN, "  steal %.1f", all->steal_percent);
    }
    frame_line(frame);
}

static void
draw_processors(struct frame *frame, const struct latest *latest)
{
    frame_put(frame, STYLE_PLAIN, "  each   ");
    for (size_t i = 1; i <= CPUS_MAX; i++) {
        if (latest_cpu_is_current(latest, i)) {
            frame_put(frame, STYLE_DIM, " %2d:", latest->cpus[i].cpu);
            frame_put(frame, STYLE_PLAIN, "%3.0f %%", latest->cpus[i].busy_percent);
        }
    }
    frame_line(frame);
}

static void
draw_memory(struct frame *frame, const struct host_memory *memory)
{
    char used[FIGURE_SIZE];
    char total[FIGURE_SIZE];
    frame_put(frame, STYLE_PLAIN, "memory   %5.1f %%", memory->used_percent);
    draw_bar(frame, memory->used_percent);
    frame_put(frame, STYLE_PLAIN, "%s of %s", figure_bytes(used, (double) memory->used),
              figure_bytes(total, (double) memory->total));
    if (memory->swap_total > 0) {
        frame_put(frame, STYLE_PLAIN, "  swap %s",
                  figure_bytes(used, (double) (memory->swap_total - memory->swap_free)));
    }
    frame_line(frame);
}

static void
draw_devices(struct frame *frame, const struct latest *latest, size_t max)
{
    size_t slots[DEVICES_MAX];
    char one[FIGURE_SIZE];
    char two[FIGURE_SIZE];
    size_t n = view_busiest_networks(latest, slots, max);
    for (size_t i = 0; i < n; i++) {
        const struct host_network *v = &latest->networks[slots[i]];
        frame_put(frame, STYLE_PLAIN, "network  %-12s in   %10s/s  out     %10s/s  errors %.1f/s",
                  v->name, figure_bytes(one, v->received_bytes_per_s),
                  figure_bytes(two, v->sent_bytes_per_s), v->errors_per_s);
        frame_line(frame);
    }
    n = view_busiest_disks(latest, slots, max);
    for (size_t i = 0; i < n; i++) {
        const struct host_disk *v = &latest->disks[slots[i]];
        frame_put(frame, STYLE_PLAIN, "disk     %-12s read %10s/s  written %10s/s  busy %5.1f %%",
                  v->name, figure_bytes(one, v->read_bytes_per_s),
                  figure_bytes(two, v->written_bytes_per_s), v->busy_percent);
        frame_line(frame);
    }
    for (size_t slot = 0; slot < latest->thermal_names.count && slot < max; slot++) {
        const struct host_thermal *v = &latest->thermals[slot];
        frame_put(frame, STYLE_PLAIN, "thermal  %-12s %.1f C", v->name, v->celsius);
        frame_line(frame);
    }
}

// draw_consumer draws a row of the table; the record's own columns are empty but in its first row.
static void
draw_consumer(struct frame *frame, aimdb_task *task, const char *key, const char *produced,
              const char *rate, bool is_ring)
{
    aimdb_task_stats stats = { .size = sizeof stats };
    char received[FIGURE_SIZE];
    char missed[FIGURE_SIZE];
    char pending[FIGURE_SIZE];
    char errors[FIGURE_SIZE];
    char delay[FIGURE_SIZE];
    (void) aimdb_task_metrics(task, &stats);
    frame_put(frame, STYLE_PLAIN, "%-15s ", key);
    frame_put(frame, STYLE_PLAIN, "%-9s %9s %6s %9s ", aimdb_task_name(task), produced, rate,
              figure_count(received, stats.received, 9));
    frame_put(frame, stats.missed > 0 ? STYLE_BAD : STYLE_PLAIN, "%7s",
              is_ring ? figure_count(missed, stats.missed, 7) : "-");
    frame_put(frame, STYLE_PLAIN, " %7s ", figure_count(pending, stats.pending, 7));
    frame_put(frame, stats.errors > 0 ? STYLE_BAD : STYLE_PLAIN, "%4s",
              figure_count(errors, stats.errors, 4));
    frame_put(frame, STYLE_DIM, TABLE_LAST,
              stats.latency_p99 > 0 ? figure_time(delay, stats.latency_p99) : "-");
    frame_line(frame);
}

static size_t
count_consumers(aimdb *db)
{
    size_t n = 0;
    for (size_t i = 0; i < aimdb_record_count(db); i++) {
        aimdb_record_stats stats = { .size = sizeof stats };
        (void) aimdb_record_metrics(aimdb_record_at(db, i), &stats);
        n += stats.consumers;
    }
    return n;
}

// draw_record draws at most max rows and returns how many.
static size_t
draw_record(struct view *view, size_t index, size_t max)
{
    aimdb_record *record = aimdb_record_at(view->db, index);
    aimdb_record_stats stats = { .size = sizeof stats };
    char produced[FIGURE_SIZE];
    char rate[FIGURE_SIZE];
    (void) aimdb_record_metrics(record, &stats);
    figure_count(produced, stats.produced, 9);
    figure_count(rate, index < VIEW_RECORDS ? (uint64_t) (view->produced_per_s[index] + 0.5) : 0,
                 6);
    bool is_ring = aimdb_record_buffer(record) == AIMDB_BUFFER_SPMC_RING;
    aimdb_task *task;
    size_t drawn = 0;
    for (size_t t = 0; drawn < max && (task = aimdb_record_task(record, t)) != NULL; t++) {
        if (!aimdb_task_is_source(task)) {
            bool is_first = drawn++ == 0;
            draw_consumer(&view->frame, task, is_first ? aimdb_record_key(record) : "",
                          is_first ? produced : "", is_first ? rate : "", is_ring);
        }
    }
    return drawn;
}

// draw_table draws at most max lines, heading included.
static void
draw_table(struct view *view, size_t max)
{
    struct frame *frame = &view->frame;
    size_t consumers = count_consumers(view->db);
    if (max < 2) {
        return;
    }
    frame_put(frame, STYLE_HEAD, TABLE_ROW TABLE_LAST, "RECORD", "CONSUMER", "PRODUCED", "RATE/S",
              "RECEIVED", "MISSED", "PENDING", "ERR", "P99");
    frame_line(frame);
    bool fits = consumers < max;
    size_t left = fits ? consumers : max - 2; // the last line says what does not fit
    for (size_t i = 0; i < aimdb_record_count(view->db) && left > 0; i++) {
        left -= draw_record(view, i, left);
    }
    if (!fits) {
        frame_put(frame, STYLE_DIM, "... %zu more consumers: a higher window shows them",
                  consumers - (max - 2));
        frame_line(frame);
    }
}

static void
draw_alerts(struct view *view, size_t max)
{
    size_t n = view->alert_count < max ? view->alert_count : max;
    for (size_t i = 0; i < n; i++) {
        char text[ALERT_TEXT];
        const struct alert *alert = &view->alerts[(view->alert_count - n + i) % VIEW_ALERTS];
        alert_text(alert, text);
        frame_put(&view->frame, alert->is_raised ? STYLE_BAD : STYLE_GOOD, "%s", text);
        frame_line(&view->frame);
    }
}

static size_t
at_most(size_t a, size_t b)
{
    return a < b ? a : b;
}

void
live_draw(struct view *view, unsigned rows, unsigned columns)
{
    struct frame *frame = &view->frame;
    char notes[NOTES_SHOWN][NOTE_SIZE];
    frame_begin(frame, rows - 1, columns); // the last row belongs to the prompt
    draw_title(view);
    draw_cpu(frame, &view->latest);
    if (rows >= 30) {
        draw_processors(frame, &view->latest);
    }
    draw_memory(frame, &view->latest.memory);
    draw_devices(frame, &view->latest, rows < 30 ? 1 : rows < 50 ? 2 : 4);

    // The table gets what it needs, but leaves room for some alerts and notes.
    size_t note_count = notes_latest(view->notes, notes, rows < 16 ? 1 : NOTES_SHOWN);
    size_t alert_rows = at_most(view->alert_count, rows < 30 ? 2 : ALERTS_SHOWN);
    size_t below = note_count + alert_rows;
    size_t left = frame_left(frame);
    size_t table = at_most(count_consumers(view->db) + 1, left > below ? left - below : 0);
    draw_table(view, table);
    if (frame_left(frame) > below) {
        frame_line(frame);
    }
    draw_alerts(view, at_most(frame_left(frame) > note_count ? frame_left(frame) - note_count : 0,
                              VIEW_ALERTS / 2));
    for (size_t i = 0; i < note_count; i++) {
        frame_put(frame, STYLE_DIM, "%s", notes[i]);
        frame_line(frame);
    }
    frame_end(frame);
}
