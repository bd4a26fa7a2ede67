// SPDX-License-Identifier: Apache-2.0
// The newest value of everything this machine has: what the metrics file and the screen show.
#ifndef GATEWAY_LATEST_H
#define GATEWAY_LATEST_H

#include "names.h"

// All zero is empty. One thread at a time.
struct latest {
    struct host_cpu cpus[CPUS_MAX + 1]; // by processor; [0] is all of them together
    struct host_memory memory;
    struct names network_names;
    struct host_network networks[DEVICES_MAX]; // by slot of its names, as the following
    struct names disk_names;
    struct host_disk disks[DEVICES_MAX];
    struct names thermal_names;
    struct host_thermal thermals[DEVICES_MAX];
};

void
latest_cpu(struct latest *latest, const struct host_cpu *value);
void
latest_memory(struct latest *latest, const struct host_memory *value);
void
latest_network(struct latest *latest, const struct host_network *value);
void
latest_disk(struct latest *latest, const struct host_disk *value);
void
latest_thermal(struct latest *latest, const struct host_thermal *value);

// A device that was unplugged stays in its slot until the slot is needed. It is current as long as
// it is not much older than what the same source said last: so a pause makes nothing outdated.
bool
latest_cpu_is_current(const struct latest *latest, size_t index);
bool
latest_is_current(const struct names *names, size_t slot);

#endif
