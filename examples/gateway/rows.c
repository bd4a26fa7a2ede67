// SPDX-License-Identifier: Apache-2.0
#include "rows.h"

void
bind_integer(struct binder *b, int64_t value)
{
    if (b->result == SQLITE_OK) {
        b->result = sqlite3_bind_int64(b->statement, ++b->column, value);
    }
}

// SQLite's integers are signed. A counter beyond 2^63 does not happen; it would become negative.
static void
bind_counter(struct binder *b, uint64_t value)
{
    bind_integer(b, (int64_t) value);
}

static void
bind_real(struct binder *b, double value)
{
    if (b->result == SQLITE_OK) {
        b->result = sqlite3_bind_double(b->statement, ++b->column, value);
    }
}

// bind_rate leaves NULL in the row while a rate is not known yet.
static void
bind_rate(struct binder *b, double value, aimdb_time span)
{
    if (span > 0) {
        bind_real(b, value);
    } else if (b->result == SQLITE_OK) {
        b->result = sqlite3_bind_null(b->statement, ++b->column);
    }
}

// bind_text expects text that lives until the row is written.
static void
bind_text(struct binder *b, const char *text)
{
    if (b->result == SQLITE_OK) {
        b->result = sqlite3_bind_text(b->statement, ++b->column, text, -1, SQLITE_STATIC);
    }
}

static void
bind_cpu(struct binder *b, const struct row *row)
{
    const struct host_cpu *v = &row->value.cpu;
    bind_integer(b, v->unix_ms);
    bind_integer(b, v->cpu);
    bind_counter(b, v->user);
    bind_counter(b, v->nice);
    bind_counter(b, v->system);
    bind_counter(b, v->idle);
    bind_counter(b, v->iowait);
    bind_counter(b, v->irq);
    bind_counter(b, v->softirq);
    bind_counter(b, v->steal);
    bind_rate(b, v->busy_percent, v->span);
    bind_rate(b, v->user_percent, v->span);
    bind_rate(b, v->system_percent, v->span);
    bind_rate(b, v->iowait_percent, v->span);
    bind_rate(b, v->steal_percent, v->span);
}

static void
bind_memory(struct binder *b, const struct row *row)
{
    const struct host_memory *v = &row->value.memory;
    bind_integer(b, v->unix_ms);
    bind_counter(b, v->total);
    bind_counter(b, v->free);
    bind_counter(b, v->available);
    bind_counter(b, v->swap_total);
    bind_counter(b, v->swap_free);
    bind_counter(b, v->used);
    bind_real(b, v->used_percent);
}

static void
bind_network(struct binder *b, const struct row *row)
{
    const struct host_network *v = &row->value.network;
    bind_integer(b, v->unix_ms);
    bind_text(b, v->name);
    bind_counter(b, v->received_bytes);
    bind_counter(b, v->received_packets);
    bind_counter(b, v->sent_bytes);
    bind_counter(b, v->sent_packets);
    bind_counter(b, v->errors);
    bind_rate(b, v->received_bytes_per_s, v->span);
    bind_rate(b, v->sent_bytes_per_s, v->span);
    bind_rate(b, v->errors_per_s, v->span);
}

static void
bind_disk(struct binder *b, const struct row *row)
{
    const struct host_disk *v = &row->value.disk;
    bind_integer(b, v->unix_ms);
    bind_text(b, v->name);
    bind_counter(b, v->reads);
    bind_counter(b, v->read_bytes);
    bind_counter(b, v->writes);
    bind_counter(b, v->written_bytes);
    bind_counter(b, v->busy_ms);
    bind_rate(b, v->read_bytes_per_s, v->span);
    bind_rate(b, v->written_bytes_per_s, v->span);
    bind_rate(b, v->busy_percent, v->span);
}

static void
bind_thermal(struct binder *b, const struct row *row)
{
    const struct host_thermal *v = &row->value.thermal;
    bind_integer(b, v->unix_ms);
    bind_text(b, v->name);
    bind_real(b, v->celsius);
}

static void
bind_alert(struct binder *b, const struct row *row)
{
    const struct alert *v = &row->value.alert;
    bind_integer(b, v->unix_ms);
    bind_text(b, v->record);
    bind_text(b, v->device);
    bind_text(b, v->what);
    bind_text(b, v->unit);
    bind_real(b, v->value);
    bind_real(b, v->limit);
    bind_integer(b, v->is_raised ? 1 : 0);
}

// RUN is in every table: which start of the gateway a row belongs to.
#define RUN "run INTEGER NOT NULL REFERENCES runs(id), unix_ms INTEGER NOT NULL, "

const struct table tables[TABLE_COUNT] = {
    [TABLE_CPU] = { "host.cpu", "host_cpu",
                    "CREATE TABLE IF NOT EXISTS host_cpu(" RUN "cpu INTEGER NOT NULL, "
                    "user INTEGER, nice INTEGER, system INTEGER, idle INTEGER, iowait INTEGER, "
                    "irq INTEGER, softirq INTEGER, steal INTEGER, "
                    "busy_percent REAL, user_percent REAL, system_percent REAL, "
                    "iowait_percent REAL, steal_percent REAL)",
                    "INSERT INTO host_cpu(run, unix_ms, cpu, "
                    "user, nice, system, idle, iowait, irq, softirq, steal, "
                    "busy_percent, user_percent, system_percent, iowait_percent, steal_percent) "
                    "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    bind_cpu },
    [TABLE_MEMORY] = { "host.memory", "host_memory",
                       "CREATE TABLE IF NOT EXISTS host_memory(" RUN
                       "total INTEGER, free INTEGER, available INTEGER, "
                       "swap_total INTEGER, swap_free INTEGER, used INTEGER, used_percent REAL)",
                       "INSERT INTO host_memory(run, unix_ms, total, free, available, "
                       "swap_total, swap_free, used, used_percent) "
                       "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
                       bind_memory },
    [TABLE_NETWORK] = { "host.network", "host_network",
                        "CREATE TABLE IF NOT EXISTS host_network(" RUN
                        "name TEXT NOT NULL, received_bytes INTEGER, received_packets INTEGER, "
                        "sent_bytes INTEGER, sent_packets INTEGER, errors INTEGER, "
                        "received_bytes_per_s REAL, sent_bytes_per_s REAL, errors_per_s REAL)",
                        "INSERT INTO host_network(run, unix_ms, name, received_bytes, "
                        "received_packets, sent_bytes, sent_packets, errors, "
                        "received_bytes_per_s, sent_bytes_per_s, errors_per_s) "
                        "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        bind_network },
    [TABLE_DISK] = { "host.disk", "host_disk",
                     "CREATE TABLE IF NOT EXISTS host_disk(" RUN
                     "name TEXT NOT NULL, reads INTEGER, read_bytes INTEGER, writes INTEGER, "
                     "written_bytes INTEGER, busy_ms INTEGER, "
                     "read_bytes_per_s REAL, written_bytes_per_s REAL, busy_percent REAL)",
                     "INSERT INTO host_disk(run, unix_ms, name, reads, read_bytes, writes, "
                     "written_bytes, busy_ms, "
                     "read_bytes_per_s, written_bytes_per_s, busy_percent) "
                     "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                     bind_disk },
    [TABLE_THERMAL] = { "host.thermal", "host_thermal",
                        "CREATE TABLE IF NOT EXISTS host_thermal(" RUN
                        "name TEXT NOT NULL, celsius REAL)",
                        "INSERT INTO host_thermal(run, unix_ms, name, celsius) VALUES(?, ?, ?, ?)",
                        bind_thermal },
    [TABLE_ALERT] = { "alerts", "alerts",
                      "CREATE TABLE IF NOT EXISTS alerts(" RUN
                      "record TEXT NOT NULL, device TEXT NOT NULL, what TEXT NOT NULL, "
                      "unit TEXT NOT NULL, value REAL, \"limit\" REAL, is_raised INTEGER)",
                      "INSERT INTO alerts(run, unix_ms, record, device, what, unit, value, "
                      "\"limit\", is_raised) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
                      bind_alert },
};
