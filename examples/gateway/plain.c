// SPDX-License-Identifier: Apache-2.0
// Output for pipes, files and terminals that cannot move their cursor: whole lines, one a second.
#define _POSIX_C_SOURCE 200809L
#include "view.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_SIZE 400u

struct line {
    char text[LINE_SIZE];
    size_t len;
};

__attribute__((format(printf, 2, 3))) static void
put(struct line *line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int written = vsnprintf(line->text + line->len, LINE_SIZE - line->len, format, args);
    va_end(args);
    size_t room = LINE_SIZE - 1 - line->len;
    line->len += written < 0 ? 0 : (size_t) written < room ? (size_t) written : room;
}

static bool
write_line(struct line *line)
{
    line->text[line->len < LINE_SIZE - 1 ? line->len++ : LINE_SIZE - 2] = '\n';
    return write_all(STDOUT_FILENO, line->text, line->len);
}

static bool
print_alerts(struct view *view)
{
    if (view->alert_count - view->alerts_printed > VIEW_ALERTS) {
        size_t unprinted = view->alert_count - view->alerts_printed - VIEW_ALERTS;
        struct line line = { .len = 0 };
        put(&line, "(%zu more alerts)", unprinted);
        view->alerts_printed += unprinted;
        if (!write_line(&line)) {
            return false;
        }
    }
    while (view->alerts_printed < view->alert_count) {
        char text[ALERT_TEXT];
        struct line line = { .len = 0 };
        alert_text(&view->alerts[view->alerts_printed % VIEW_ALERTS], text);
        put(&line, "%s", text);
        if (!write_line(&line)) {
            return false;
        }
        view->alerts_printed++;
    }
    return true;
}

static void
put_devices(struct line *line, const struct latest *latest)
{
    size_t slot;
    char in[FIGURE_SIZE];
    char out[FIGURE_SIZE];
    if (view_busiest_networks(latest, &slot, 1) == 1) {
        const struct host_network *v = &latest->networks[slot];
        put(line, "  %s %s/s in %s/s out", v->name, figure_bytes(in, v->received_bytes_per_s),
            figure_bytes(out, v->sent_bytes_per_s));
    }
    if (view_busiest_disks(latest, &slot, 1) == 1) {
        const struct host_disk *v = &latest->disks[slot];
        put(line, "  %s %s/s read %s/s written", v->name, figure_bytes(in, v->read_bytes_per_s),
            figure_bytes(out, v->written_bytes_per_s));
    }
    if (latest->thermal_names.count > 0) {
        put(line, "  %s %.1f C", latest->thermals[0].name, latest->thermals[0].celsius);
    }
}

// put_accounts names every consumer that has missed values.
static void
put_accounts(struct line *line, aimdb *db)
{
    uint64_t produced = 0;
    for (size_t i = 0; i < aimdb_record_count(db); i++) {
        aimdb_record_stats stats = { .size = sizeof stats };
        (void) aimdb_record_metrics(aimdb_record_at(db, i), &stats);
        produced += stats.produced;
    }
    put(line, "  values %" PRIu64, produced);
    for (size_t i = 0; i < aimdb_record_count(db); i++) {
        aimdb_record *record = aimdb_record_at(db, i);
        aimdb_task *task;
        for (size_t t = 0; (task = aimdb_record_task(record, t)) != NULL; t++) {
            aimdb_task_stats stats = { .size = sizeof stats };
            (void) aimdb_task_metrics(task, &stats);
            if (stats.missed > 0) {
                put(line, "  %s/%s missed %" PRIu64, aimdb_record_key(record),
                    aimdb_task_name(task), stats.missed);
            }
        }
    }
}

bool
plain_print(struct view *view)
{
    char clock[FIGURE_SIZE];
    char used[FIGURE_SIZE];
    const struct latest *latest = &view->latest;
    struct timespec now;
    struct line line = { .len = 0 };
    clock_gettime(CLOCK_REALTIME, &now);
    put(&line, "%s %s", figure_clock(clock, (int64_t) now.tv_sec * 1000),
        view->is_paused ? "paused" : "running");
    put(&line, "  cpu %.1f %%  memory %.1f %% (%s)", latest->cpus[0].busy_percent,
        latest->memory.used_percent, figure_bytes(used, (double) latest->memory.used));
    put_devices(&line, latest);
    put_accounts(&line, view->db);
    return print_alerts(view) && write_line(&line);
}
