// SPDX-License-Identifier: Apache-2.0
// The handles of all records of the gateway.
#ifndef GATEWAY_RECORDS_H
#define GATEWAY_RECORDS_H

#include "samples.h"

struct records {
    host_cpu_record cpu;
    host_memory_record memory;
    host_network_record network;
    host_disk_record disk;
    host_thermal_record thermal;
    bool has_thermal; // false: this machine has no thermal zone, and the database no such record
    alert_record alerts;
    host_config_record config;
    gateway_command_record command;
    gateway_tick_record tick;
};

#endif
