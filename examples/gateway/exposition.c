// SPDX-License-Identifier: Apache-2.0
#define _POSIX_C_SOURCE 200809L
#include "exposition.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static void
put_gauge(FILE *file, const char *name, const char *unit, const char *help)
{
    fprintf(file, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
    if (unit != NULL) {
        fprintf(file, "# UNIT %s %s\n", name, unit);
    }
}

static void
put_counter(FILE *file, const char *name, const char *help)
{
    fprintf(file, "# HELP %s %s\n", name, help);
}

// put_label writes name="value" with what must be escaped in it escaped.
static void
put_label(FILE *file, const char *name, const char *value)
{
    fprintf(file, "%s=\"", name);
    for (; *value != '\0'; value++) {
        if (*value == '\n') {
            fputs("\\n", file);
        } else {
            fprintf(file, *value == '"' || *value == '\\' ? "\\%c" : "%c", *value);
        }
    }
    fputc('"', file);
}

static void
put_device(FILE *file, const char *metric, const char *label, const char *name, double value)
{
    fprintf(file, "%s{", metric);
    put_label(file, label, name);
    fprintf(file, "} %.17g\n", value);
}

static const char *
cpu_label(char out[NAME_SIZE], const struct host_cpu *cpu)
{
    if (cpu->cpu == ALL_CPUS) {
        return "all";
    }
    snprintf(out, NAME_SIZE, "%" PRId32, cpu->cpu);
    return out;
}

static void
put_cpus(FILE *file, const struct latest *latest)
{
    const double ticks_per_s = (double) sysconf(_SC_CLK_TCK);
    char label[NAME_SIZE];
    put_gauge(file, "gateway_cpu_busy_ratio", "ratio",
              "Part of the last second a processor was busy.");
    for (size_t i = 0; i <= CPUS_MAX; i++) {
        const struct host_cpu *cpu = &latest->cpus[i];
        if (latest_cpu_is_current(latest, i) && cpu->span > 0) {
            put_device(file, "gateway_cpu_busy_ratio", "cpu", cpu_label(label, cpu),
                       cpu->busy_percent / 100.0);
        }
    }
    put_counter(file, "gateway_cpu_seconds_total", "Time a processor has spent in each mode.");
    for (size_t i = 0; i <= CPUS_MAX; i++) {
        const struct host_cpu *cpu = &latest->cpus[i];
        const struct {
            const char *name;
            uint64_t ticks;
        } modes[] = { { "user", cpu->user },       { "nice", cpu->nice },
                      { "system", cpu->system },   { "idle", cpu->idle },
                      { "iowait", cpu->iowait },   { "irq", cpu->irq },
                      { "softirq", cpu->softirq }, { "steal", cpu->steal } };
        for (size_t m = 0; latest_cpu_is_current(latest, i) && m < sizeof modes / sizeof modes[0];
             m++) {
            fprintf(file, "gateway_cpu_seconds_total{cpu=\"%s\",mode=\"%s\"} %.2f\n",
                    cpu_label(label, cpu), modes[m].name, (double) modes[m].ticks / ticks_per_s);
        }
    }
}

static void
put_memory(FILE *file, const struct host_memory *memory)
{
    const struct {
        const char *name;
        const char *help;
        uint64_t bytes;
    } gauges[] = {
        { "gateway_memory_total_bytes", "Memory this machine has.", memory->total },
        { "gateway_memory_available_bytes", "Memory that programs can have.", memory->available },
        { "gateway_memory_used_bytes", "Memory that is not available.", memory->used },
        { "gateway_swap_total_bytes", "Swap space this machine has.", memory->swap_total },
        { "gateway_swap_free_bytes", "Swap space that is not in use.", memory->swap_free },
    };
    for (size_t i = 0; memory->at != 0 && i < sizeof gauges / sizeof gauges[0]; i++) {
        put_gauge(file, gauges[i].name, "bytes", gauges[i].help);
        fprintf(file, "%s %" PRIu64 "\n", gauges[i].name, gauges[i].bytes);
    }
}

// Counters of devices: which member of a device's struct is which metric.
struct device_counter {
    const char *name;
    const char *help;
    size_t offset;
    double unit; // how many of the member's make one of the metric's
};

static void
put_device_counters(FILE *file, const struct device_counter *counters, size_t count,
                    const struct names *names, const void *devices, size_t device_size)
{
    for (size_t c = 0; c < count; c++) {
        put_counter(file, counters[c].name, counters[c].help);
        for (size_t slot = 0; slot < names->count; slot++) {
            uint64_t value;
            memcpy(&value, (const char *) devices + slot * device_size + counters[c].offset,
                   sizeof value);
            if (latest_is_current(names, slot)) {
                put_device(file, counters[c].name, "device", names->name[slot],
                           (double) value / counters[c].unit);
            }
        }
    }
}

static void
put_networks(FILE *file, const struct latest *latest)
{
    static const struct device_counter counters[] = {
        { "gateway_network_received_bytes_total", "Bytes an interface has received.",
          offsetof(struct host_network, received_bytes), 1.0 },
        { "gateway_network_sent_bytes_total", "Bytes an interface has sent.",
          offsetof(struct host_network, sent_bytes), 1.0 },
        { "gateway_network_errors_total", "Errors and drops of an interface, both ways.",
          offsetof(struct host_network, errors), 1.0 },
    };
    put_device_counters(file, counters, sizeof counters / sizeof counters[0],
                        &latest->network_names, latest->networks, sizeof latest->networks[0]);
}

static void
put_disks(FILE *file, const struct latest *latest)
{
    static const struct device_counter counters[] = {
        { "gateway_disk_read_bytes_total", "Bytes read from a disk.",
          offsetof(struct host_disk, read_bytes), 1.0 },
        { "gateway_disk_written_bytes_total", "Bytes written to a disk.",
          offsetof(struct host_disk, written_bytes), 1.0 },
        { "gateway_disk_busy_seconds_total", "Time a disk was busy.",
          offsetof(struct host_disk, busy_ms), 1000.0 },
    };
    put_device_counters(file, counters, sizeof counters / sizeof counters[0], &latest->disk_names,
                        latest->disks, sizeof latest->disks[0]);
}

static void
put_thermals(FILE *file, const struct latest *latest)
{
    if (latest->thermal_names.count > 0) {
        put_gauge(file, "gateway_thermal_celsius", "celsius", "Temperature of a thermal zone.");
    }
    for (size_t slot = 0; slot < latest->thermal_names.count; slot++) {
        if (latest_is_current(&latest->thermal_names, slot)) {
            put_device(file, "gateway_thermal_celsius", "zone", latest->thermal_names.name[slot],
                       latest->thermals[slot].celsius);
        }
    }
}

static void
put_records(FILE *file, aimdb *db)
{
    static const struct {
        const char *name;
        const char *help;
        size_t offset;
    } counters[] = {
        { "aimdb_record_produced_total", "Values that reached a record's buffer.",
          offsetof(aimdb_record_stats, produced) },
        { "aimdb_record_refused_total", "Values a record's producer function turned away.",
          offsetof(aimdb_record_stats, refused) },
        { "aimdb_record_overwritten_total", "Values of a mailbox replaced before they were taken.",
          offsetof(aimdb_record_stats, overwritten) },
    };
    for (size_t c = 0; c < sizeof counters / sizeof counters[0]; c++) {
        put_counter(file, counters[c].name, counters[c].help);
        for (size_t i = 0; i < aimdb_record_count(db); i++) {
            aimdb_record *record = aimdb_record_at(db, i);
            aimdb_record_stats stats = { .size = sizeof stats };
            uint64_t value;
            (void) aimdb_record_metrics(record, &stats);
            memcpy(&value, (char *) &stats + counters[c].offset, sizeof value);
            fprintf(file, "%s{record=\"%s\"} %" PRIu64 "\n", counters[c].name,
                    aimdb_record_key(record), value);
        }
    }
}

// put_consumer_figure writes one figure of every consumer of every record.
static void
put_consumer_figure(FILE *file, aimdb *db, const char *name, size_t offset)
{
    for (size_t i = 0; i < aimdb_record_count(db); i++) {
        aimdb_record *record = aimdb_record_at(db, i);
        aimdb_task *task;
        for (size_t t = 0; (task = aimdb_record_task(record, t)) != NULL; t++) {
            aimdb_task_stats stats = { .size = sizeof stats };
            uint64_t value;
            (void) aimdb_task_metrics(task, &stats);
            memcpy(&value, (char *) &stats + offset, sizeof value);
            if (!aimdb_task_is_source(task)) {
                fprintf(file, "%s{record=\"%s\",consumer=\"%s\"} %" PRIu64 "\n", name,
                        aimdb_record_key(record), aimdb_task_name(task), value);
            }
        }
    }
}

static void
put_consumers(FILE *file, aimdb *db)
{
    static const struct {
        const char *name;
        const char *help;
        size_t offset;
    } counters[] = {
        { "aimdb_consumer_received_total", "Values handed to a consumer.",
          offsetof(aimdb_task_stats, received) },
        { "aimdb_consumer_missed_total", "Values a consumer lost to lag.",
          offsetof(aimdb_task_stats, missed) },
        { "aimdb_consumer_skipped_total", "Values replaced before a consumer saw them.",
          offsetof(aimdb_task_stats, skipped) },
        { "aimdb_consumer_errors_total", "Calls of a consumer that returned an error.",
          offsetof(aimdb_task_stats, errors) },
    };
    for (size_t c = 0; c < sizeof counters / sizeof counters[0]; c++) {
        put_counter(file, counters[c].name, counters[c].help);
        put_consumer_figure(file, db, counters[c].name, counters[c].offset);
    }
    put_gauge(file, "aimdb_consumer_pending", NULL, "Values waiting for a consumer.");
    put_consumer_figure(file, db, "aimdb_consumer_pending", offsetof(aimdb_task_stats, pending));
}

void
exposition_write(FILE *file, const struct exposition *content, aimdb *db)
{
    put_cpus(file, &content->latest);
    put_memory(file, &content->latest.memory);
    put_networks(file, &content->latest);
    put_disks(file, &content->latest);
    put_thermals(file, &content->latest);
    put_counter(file, "gateway_alerts_raised_total", "Alerts raised since the gateway started.");
    fprintf(file, "gateway_alerts_raised_total %" PRIu64 "\n", content->alerts_raised);
    if (db != NULL) {
        put_records(file, db);
        put_consumers(file, db);
    }
    fputs("# EOF\n", file);
}
