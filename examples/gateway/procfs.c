// SPDX-License-Identifier: Apache-2.0
#define _POSIX_C_SOURCE 200809L
#include "procfs.h"

#include "names.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTOR_BYTES 512u // the unit of /proc/diskstats, whatever the disk's own sectors are

void
procfile_open(struct procfile *file, const char *path)
{
    file->path = path;
    file->fd = -1;
    file->text[0] = '\0';
}

void
procfile_close(struct procfile *file)
{
    if (file->fd >= 0) {
        close(file->fd);
        file->fd = -1;
    }
}

bool
procfile_read(struct procfile *file)
{
    if (file->fd < 0) {
        file->fd = open(file->path, O_RDONLY | O_CLOEXEC);
        if (file->fd < 0) {
            return false;
        }
    }
    size_t len = 0;
    while (len < sizeof file->text - 1) {
        ssize_t got = pread(file->fd, file->text + len, sizeof file->text - 1 - len, (off_t) len);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            int reason = errno;
            procfile_close(file);
            errno = reason;
            return false;
        }
        if (got == 0) {
            break;
        }
        len += (size_t) got;
    }
    file->text[len] = '\0';
    return true;
}

// next_line copies the line at *cursor and moves on. A last line without its newline was cut off in
// the middle of something: it does not count.
static bool
next_line(const char **cursor, char *line, size_t size)
{
    const char *end = strchr(*cursor, '\n');
    if (end == NULL) {
        return false;
    }
    size_t len = (size_t) (end - *cursor);
    if (len > size - 1) {
        len = size - 1;
    }
    memcpy(line, *cursor, len);
    line[len] = '\0';
    *cursor = end + 1;
    return true;
}

// scan_numbers reads up to max numbers separated by blanks and returns how many there were.
static size_t
scan_numbers(const char *text, uint64_t *out, size_t max)
{
    size_t n = 0;
    while (n < max) {
        text += strspn(text, " ");
        if (*text < '0' || *text > '9') {
            break;
        }
        char *end;
        out[n++] = strtoull(text, &end, 10);
        text = end;
    }
    return n;
}

size_t
procfs_stat(const char *text, struct host_cpu *out, size_t max)
{
    char line[512];
    size_t n = 0;
    while (next_line(&text, line, sizeof line) && strncmp(line, "cpu", 3) == 0) {
        char *rest = line + 3;
        int32_t cpu = ALL_CPUS;
        if (*rest != ' ') {
            cpu = (int32_t) strtol(rest, &rest, 10);
        }
        uint64_t v[8];
        if (scan_numbers(rest, v, 8) < 8) {
            return n;
        }
        if (n++ < max) {
            out[n - 1] = (struct host_cpu){ .cpu = cpu,
                                            .user = v[0],
                                            .nice = v[1],
                                            .system = v[2],
                                            .idle = v[3],
                                            .iowait = v[4],
                                            .irq = v[5],
                                            .softirq = v[6],
                                            .steal = v[7] };
        }
    }
    return n;
}

size_t
procfs_meminfo(const char *text, struct host_memory *out)
{
    struct host_memory found = { 0 };
    struct {
        const char *name;
        uint64_t *bytes;
        bool is_found;
    } wanted[] = {
        { "MemTotal:", &found.total, false },         { "MemFree:", &found.free, false },
        { "MemAvailable:", &found.available, false }, { "SwapTotal:", &found.swap_total, false },
        { "SwapFree:", &found.swap_free, false },
    };
    const size_t count = sizeof wanted / sizeof wanted[0];
    char line[256];
    while (next_line(&text, line, sizeof line)) {
        for (size_t i = 0; i < count; i++) {
            size_t len = strlen(wanted[i].name);
            uint64_t kilobytes;
            if (strncmp(line, wanted[i].name, len) == 0 &&
                scan_numbers(line + len, &kilobytes, 1) == 1) {
                *wanted[i].bytes = kilobytes * 1024;
                wanted[i].is_found = true;
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (!wanted[i].is_found) {
            return 0;
        }
    }
    *out = found;
    return 1;
}

size_t
procfs_net_dev(const char *text, struct host_network *out, size_t max)
{
    char line[512];
    size_t n = 0;
    while (next_line(&text, line, sizeof line)) {
        char *colon = strrchr(line, ':'); // an alias such as eth0:1 has one in its name
        uint64_t v[16];
        if (colon == NULL || scan_numbers(colon + 1, v, 16) < 16 || (v[0] == 0 && v[8] == 0)) {
            continue; // one of the two lines of heading, or an interface without traffic
        }
        *colon = '\0';
        if (n++ < max) {
            out[n - 1] = (struct host_network){ .received_bytes = v[0],
                                                .received_packets = v[1],
                                                .sent_bytes = v[8],
                                                .sent_packets = v[9],
                                                .errors = v[2] + v[3] + v[10] + v[11] };
            names_copy(out[n - 1].name, line + strspn(line, " "));
        }
    }
    return n;
}

size_t
procfs_diskstats(const char *text, struct host_disk *out, size_t max)
{
    char line[512];
    size_t n = 0;
    while (next_line(&text, line, sizeof line)) {
        char name[NAME_SIZE];
        int numbers_at = 0;
        uint64_t v[10];
        if (sscanf(line, "%*u %*u %31s%n", name, &numbers_at) != 1 ||
            scan_numbers(line + numbers_at, v, 10) < 10 || (v[0] == 0 && v[4] == 0)) {
            continue;
        }
        if (n++ < max) {
            out[n - 1] = (struct host_disk){ .reads = v[0],
                                             .read_bytes = v[2] * SECTOR_BYTES,
                                             .writes = v[4],
                                             .written_bytes = v[6] * SECTOR_BYTES,
                                             .busy_ms = v[9] };
            names_copy(out[n - 1].name, name);
        }
    }
    return n;
}

bool
procfs_is_whole_disk(const char *name)
{
    char path[sizeof "/sys/block/" + NAME_SIZE];
    snprintf(path, sizeof path, "/sys/block/%s", name);
    for (char *c = path + sizeof "/sys/block/" - 1; *c != '\0'; c++) {
        if (*c == '/') {
            *c = '!'; // sysfs' own way with names such as cciss/c0d0
        }
    }
    return access(path, F_OK) == 0;
}

// read_small reads the first line of a small file.
static bool
read_small(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ssize_t got = read(fd, text, size - 1);
    int reason = errno;
    close(fd);
    errno = reason;
    if (got < 0) {
        return false;
    }
    text[got] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return true;
}

void
thermal_find(struct thermal_zones *zones, const char *folder)
{
    zones->count = 0;
    for (unsigned number = 0; number < DEVICES_MAX; number++) {
        char path[sizeof zones->zones[0].path];
        char type[NAME_SIZE - 8]; // leaves room for the number
        snprintf(path, sizeof path, "%s/thermal_zone%u/type", folder, number);
        if (!read_small(path, type, sizeof type)) {
            continue;
        }
        size_t i = zones->count++;
        snprintf(zones->zones[i].name, NAME_SIZE, "%s.%u", type, number);
        snprintf(zones->zones[i].path, sizeof path, "%s/thermal_zone%u/temp", folder, number);
    }
}

bool
thermal_read(const struct thermal_zones *zones, size_t index, struct host_thermal *out)
{
    char text[32];
    if (!read_small(zones->zones[index].path, text, sizeof text)) {
        return false;
    }
    char *end;
    long millidegrees = strtol(text, &end, 10);
    if (end == text || *end != '\0') {
        errno = EINVAL;
        return false;
    }
    *out = (struct host_thermal){ .celsius = (double) millidegrees / 1000.0 };
    names_copy(out->name, zones->zones[index].name);
    return true;
}
