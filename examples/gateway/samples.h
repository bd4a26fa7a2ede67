// SPDX-License-Identifier: Apache-2.0
// The values that move through the gateway: one struct a record. Raw counters and derived rates
// travel together; the record's producer function (rates.h) fills the rates in.
#ifndef GATEWAY_SAMPLES_H
#define GATEWAY_SAMPLES_H

#include <aimdb/aimdb.h>

#define CPUS_MAX 256u   // processors that are looked at; a note says when there are more
#define DEVICES_MAX 64u // the same for network interfaces, disks and thermal zones
#define NAME_SIZE 32u   // bytes of a device's name with its end (IFNAMSIZ is 16, DISK_NAME_LEN 32)

#define ALL_CPUS (-1) // host_cpu.cpu of the value that sums up all processors

// One line of /proc/stat. `at` is the moment of reading on aimdb_clock(), `unix_ms` the same for
// people. `span` is the time the percentages cover, about a second; while it is 0 there was nothing
// to compare with, and they mean nothing.
#define HOST_CPU(F, S)                                                                             \
    F(S, i64, at, "ns")                                                                            \
    F(S, i64, unix_ms, "ms")                                                                       \
    F(S, i32, cpu, "")                                                                             \
    F(S, u64, user, "ticks")                                                                       \
    F(S, u64, nice, "ticks")                                                                       \
    F(S, u64, system, "ticks")                                                                     \
    F(S, u64, idle, "ticks")                                                                       \
    F(S, u64, iowait, "ticks")                                                                     \
    F(S, u64, irq, "ticks")                                                                        \
    F(S, u64, softirq, "ticks")                                                                    \
    F(S, u64, steal, "ticks")                                                                      \
    F(S, i64, span, "ns")                                                                          \
    F(S, f64, busy_percent, "%")                                                                   \
    F(S, f64, user_percent, "%")                                                                   \
    F(S, f64, system_percent, "%")                                                                 \
    F(S, f64, iowait_percent, "%")                                                                 \
    F(S, f64, steal_percent, "%")
AIMDB_SCHEMA(host_cpu, HOST_CPU);

// What /proc/meminfo says.
#define HOST_MEMORY(F, S)                                                                          \
    F(S, i64, at, "ns")                                                                            \
    F(S, i64, unix_ms, "ms")                                                                       \
    F(S, u64, total, "B")                                                                          \
    F(S, u64, free, "B")                                                                           \
    F(S, u64, available, "B")                                                                      \
    F(S, u64, swap_total, "B")                                                                     \
    F(S, u64, swap_free, "B")                                                                      \
    F(S, u64, used, "B")                                                                           \
    F(S, f64, used_percent, "%")
AIMDB_SCHEMA(host_memory, HOST_MEMORY);

// The fields of a schema are scalars; a struct with a name in it is a record type like this.

// One line of /proc/net/dev: an interface that has ever carried a byte.
struct host_network {
    aimdb_time at;
    int64_t unix_ms;
    char name[NAME_SIZE];
    uint64_t received_bytes;
    uint64_t received_packets;
    uint64_t sent_bytes;
    uint64_t sent_packets;
    uint64_t errors; // errors and drops, both ways
    aimdb_time span; // as in host_cpu
    double received_bytes_per_s;
    double sent_bytes_per_s;
    double errors_per_s;
};
AIMDB_RECORD_TYPE(host_network, struct host_network);

// One line of /proc/diskstats: a whole disk that has ever been used.
struct host_disk {
    aimdb_time at;
    int64_t unix_ms;
    char name[NAME_SIZE];
    uint64_t reads;
    uint64_t read_bytes;
    uint64_t writes;
    uint64_t written_bytes;
    uint64_t busy_ms;
    aimdb_time span; // as in host_cpu
    double read_bytes_per_s;
    double written_bytes_per_s;
    double busy_percent;
};
AIMDB_RECORD_TYPE(host_disk, struct host_disk);

// One thermal zone, named by its type and number.
struct host_thermal {
    aimdb_time at;
    int64_t unix_ms;
    char name[NAME_SIZE];
    double celsius;
};
AIMDB_RECORD_TYPE(host_thermal, struct host_thermal);

// Something crossed its limit, or came back.
struct alert {
    aimdb_time at;
    int64_t unix_ms;
    char record[NAME_SIZE]; // the record it was seen in, such as "host.disk"
    char device[NAME_SIZE]; // "all", "eth0", "sda"
    char what[NAME_SIZE];   // "busy", "used"
    char unit[NAME_SIZE];   // of value and limit
    double value;
    double limit;
    bool is_raised; // false: the value has come back
};
AIMDB_RECORD_TYPE(alert, struct alert);

// The sources whose rate can be set.
enum source_id {
    SOURCE_CPU,
    SOURCE_MEMORY,
    SOURCE_NETWORK,
    SOURCE_DISK,
    SOURCE_THERMAL,
    SOURCE_COUNT
};

#define RATE_MIN_HZ 10u
#define RATE_MAX_HZ 100u

// How the gateway is set: host.config. Sources and alert checkers look at it whenever they run.
struct host_config {
    uint32_t rate_hz[SOURCE_COUNT];
    double cpu_busy_percent; // limits: an alert is raised above them
    double memory_used_percent;
    double network_errors_per_s;
    double disk_busy_percent;
    double thermal_celsius;
    bool is_paused; // sources go on ticking, but read and emit nothing
};
AIMDB_RECORD_TYPE(host_config, struct host_config);

// One line typed on stdin: gateway.command.
struct gateway_command {
    enum { COMMAND_PAUSE, COMMAND_RESUME, COMMAND_RATE, COMMAND_QUIT } kind;
    enum source_id source; // of COMMAND_RATE
    uint32_t rate_hz;
};
AIMDB_RECORD_TYPE(gateway_command, struct gateway_command);

// The gateway's heartbeat. Consumers are called only with values, so whatever must also happen when
// no sample arrives (flush a batch, redraw the screen) hangs on this record.
#define TICK_MS 250
struct gateway_tick {
    uint64_t number;
};
AIMDB_RECORD_TYPE(gateway_tick, struct gateway_tick);

#endif
