// SPDX-License-Identifier: Apache-2.0
// The sources: they read this machine at the rates of host.config and emit raw counters.
#ifndef GATEWAY_SOURCES_H
#define GATEWAY_SOURCES_H

#include "notes.h"
#include "procfs.h"

// What every source needs. Each has its own; the sources share nothing.
struct source {
    enum source_id id;
    const char *key; // of its record, for notes
    host_config_record config;
    struct notes *notes;
    struct procfile file;
    bool is_failing;      // the trouble was noted; it is noted once, and once when it is over
    bool has_said_excess; // so was that there are more devices than this program follows
};

struct cpu_source {
    struct source base;
    struct host_cpu found[CPUS_MAX + 1];
};

struct memory_source {
    struct source base;
};

struct network_source {
    struct source base;
    struct host_network found[DEVICES_MAX];
};

struct disk_source {
    struct source base;
    struct host_disk found[DEVICES_MAX];
};

struct thermal_source {
    struct source base;
    struct thermal_zones zones;
};

struct tick_source {
    host_config_record config;
    uint64_t number;
};

struct sources {
    struct cpu_source cpu;
    struct memory_source memory;
    struct network_source network;
    struct disk_source disk;
    struct thermal_source thermal;
    struct tick_source tick;
};

// sources_init looks around; afterwards sources->thermal.zones.count tells of thermal zones.
void
sources_init(struct sources *sources, struct notes *notes);

// sources_set_config says where the rates are.
void
sources_set_config(struct sources *sources, host_config_record config);

void
sources_fini(struct sources *sources);

// The source functions; user is the member of struct sources with the same name. All of them, the
// tick included, wait for the first value of host.config: it is the starter's gun.
host_cpu_source_fn source_cpu;
host_memory_source_fn source_memory;
host_network_source_fn source_network;
host_disk_source_fn source_disk;
host_thermal_source_fn source_thermal;
gateway_tick_source_fn source_tick;

#endif
