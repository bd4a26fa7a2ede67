// SPDX-License-Identifier: Apache-2.0
#include "latest.h"

#define OUTDATED AIMDB_SEC(1) // ten periods of the slowest source

void
latest_cpu(struct latest *latest, const struct host_cpu *value)
{
    latest->cpus[value->cpu + 1] = *value; // the producer function has checked its range
}

void
latest_memory(struct latest *latest, const struct host_memory *value)
{
    latest->memory = *value;
}

void
latest_network(struct latest *latest, const struct host_network *value)
{
    bool is_new;
    latest->networks[names_slot(&latest->network_names, value->name, value->at, &is_new)] = *value;
}

void
latest_disk(struct latest *latest, const struct host_disk *value)
{
    bool is_new;
    latest->disks[names_slot(&latest->disk_names, value->name, value->at, &is_new)] = *value;
}

void
latest_thermal(struct latest *latest, const struct host_thermal *value)
{
    bool is_new;
    latest->thermals[names_slot(&latest->thermal_names, value->name, value->at, &is_new)] = *value;
}

bool
latest_cpu_is_current(const struct latest *latest, size_t index)
{
    aimdb_time at = latest->cpus[index].at;
    return at != 0 && latest->cpus[0].at - at < OUTDATED;
}

bool
latest_is_current(const struct names *names, size_t slot)
{
    aimdb_time newest = names->seen[slot];
    for (size_t i = 0; i < names->count; i++) {
        newest = names->seen[i] > newest ? names->seen[i] : newest;
    }
    return newest - names->seen[slot] < OUTDATED;
}
