// SPDX-License-Identifier: Apache-2.0
// Reading what Linux tells about itself: text in, raw counters out. Sources: proc(5),
// Documentation/admin-guide/iostats.rst and Documentation/driver-api/thermal of the kernel.
#ifndef GATEWAY_PROCFS_H
#define GATEWAY_PROCFS_H

#include "samples.h"

#define PROCFILE_SIZE 65536u

// A file that is kept open and read again and again from its start.
struct procfile {
    const char *path;
    int fd; // -1: not open
    char text[PROCFILE_SIZE];
};

// procfile_open names the file; it is opened by the first read.
void
procfile_open(struct procfile *file, const char *path);

// procfile_read fills file->text, ended by a zero. A text too long loses its end.
// On failure errno says why, and the next read opens the file again.
bool
procfile_read(struct procfile *file);

// procfile_close accepts one that was never opened.
void
procfile_close(struct procfile *file);

// The parsers fill the raw counters and leave everything else of a value zero. They return how many
// values there were, of which the first max are written.

// procfs_stat reads the "cpu" lines of /proc/stat.
size_t
procfs_stat(const char *text, struct host_cpu *out, size_t max);

// procfs_meminfo reads /proc/meminfo; it returns 1, or 0 when a line is missing.
size_t
procfs_meminfo(const char *text, struct host_memory *out);

// procfs_net_dev reads /proc/net/dev, leaving out interfaces that never carried a byte.
size_t
procfs_net_dev(const char *text, struct host_network *out, size_t max);

// procfs_diskstats reads /proc/diskstats, leaving out disks that were never used.
// Partitions are in it too: see procfs_is_whole_disk.
size_t
procfs_diskstats(const char *text, struct host_disk *out, size_t max);

// procfs_is_whole_disk tells disks from partitions.
bool
procfs_is_whole_disk(const char *name);

// The thermal zones of a machine.
struct thermal_zones {
    struct {
        char name[NAME_SIZE];
        char path[128]; // of the file with the temperature
    } zones[DEVICES_MAX];
    size_t count;
};

// thermal_find looks for zones in a folder, normally THERMAL_FOLDER. None is an ordinary result.
#define THERMAL_FOLDER "/sys/class/thermal"
void
thermal_find(struct thermal_zones *zones, const char *folder);

// thermal_read reads one zone's temperature. On failure errno says why.
bool
thermal_read(const struct thermal_zones *zones, size_t index, struct host_thermal *out);

#endif
