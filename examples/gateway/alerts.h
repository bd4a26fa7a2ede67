// SPDX-License-Identifier: Apache-2.0
// The alert checkers: consumers that compare values with the limits in host.config and emit into
// `alerts` when something crosses its limit or comes back.
#ifndef GATEWAY_ALERTS_H
#define GATEWAY_ALERTS_H

#include "names.h"

// One checker a record: they run in parallel and share nothing.
struct checker {
    host_config_record config;
    alert_record alerts;
    struct names names;
    bool is_raised[DEVICES_MAX]; // by slot of names
};

// The consumers; user is the record's struct checker.
host_cpu_consumer_fn check_cpu;
host_memory_consumer_fn check_memory;
host_network_consumer_fn check_network;
host_disk_consumer_fn check_disk;
host_thermal_consumer_fn check_thermal;

#endif
