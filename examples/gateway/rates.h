// SPDX-License-Identifier: Apache-2.0
// The producer functions: they validate raw counters and turn them into rates, in place, before a
// value enters its buffer. A record's values come from its one source, so one call at a time runs
// and the state needs no lock.
#ifndef GATEWAY_RATES_H
#define GATEWAY_RATES_H

#include "names.h"
#include "window.h"

struct cpu_rates {
    struct window windows[CPUS_MAX + 1]; // by processor; [0] is all of them together
};

struct device_rates {
    struct names names;
    struct window windows[DEVICES_MAX]; // by slot of names
};

struct rates {
    struct cpu_rates cpu;
    struct device_rates network;
    struct device_rates disk;
};

// user is the member of struct rates with the same name.
host_cpu_producer_fn rates_cpu;
host_network_producer_fn rates_network;
host_disk_producer_fn rates_disk;

// These need no state: user is NULL.
host_memory_producer_fn rates_memory;
host_thermal_producer_fn rates_thermal;

#endif
