// SPDX-License-Identifier: Apache-2.0
// On what machine, with what compiler, and how disturbed: printed, and kept as comments of the CSV.
#define _GNU_SOURCE // syscall
#include "bench.h"

#include <linux/membarrier.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static void
say(const struct bench *bench, const char *what, const char *value)
{
    (void) printf("  %-12s %s\n", what, value);
    if (bench->csv) {
        (void) fprintf(bench->csv, "# %s: %s\n", what, value);
    }
}

// Copies what follows `name` and its separators in the first line of a file that begins with it.
static void
look_up(const char *path, const char *name, char *out, size_t room)
{
    char line[512];
    FILE *file = fopen(path, "r");
    (void) snprintf(out, room, "unknown");
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, name, strlen(name)) == 0) {
            char *value = line + strlen(name);
            value += strspn(value, " \t:=\"");
            value[strcspn(value, "\"\n")] = '\0';
            (void) snprintf(out, room, "%s", value);
            break;
        }
    }
    if (file) {
        (void) fclose(file);
    }
}

static const char *
fences(void)
{
    long known = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
    return known > 0 && (known & MEMBARRIER_CMD_PRIVATE_EXPEDITED) ? "asymmetric (membarrier)"
                                                                   : "both sides";
}

static void
describe_system(const struct bench *bench)
{
    char text[256];
    look_up("/proc/cpuinfo", "model name", text, sizeof text);
    say(bench, "cpu", text);
    (void) snprintf(text, sizeof text, "%ld", sysconf(_SC_NPROCESSORS_ONLN));
    say(bench, "processors", text);
    look_up("/etc/os-release", "PRETTY_NAME", text, sizeof text);
    say(bench, "os", text);
    struct utsname name;
    if (uname(&name) == 0) {
        (void) snprintf(text, sizeof text, "%s %s", name.release, name.machine);
        say(bench, "kernel", text);
    }
    say(bench, "fences", fences());
    look_up("/proc/loadavg", "", text, sizeof text);
    say(bench, "load", text);
}

void
bench_describe(const struct bench *bench)
{
    char text[256];
    time_t now = time(NULL);
    struct tm utc;
    (void) printf("machine\n");
    describe_system(bench);
    say(bench, "compiler", __VERSION__);
    say(bench, "aimdb", aimdb_version());
    if (gmtime_r(&now, &utc) && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc) > 0) {
        say(bench, "date", text);
    }
    (void) snprintf(text, sizeof text, "%u of each case%s", bench->runs,
                    bench->quick ? ", quick: the figures mean nothing" : "");
    say(bench, "runs", text);
    if (bench->csv) {
        (void) fprintf(bench->csv, "group,case,bytes,figure,unit,better,median,min,max,runs,limit,"
                                   "ratio,expected,accounted,delivered,intact\n");
    }
}
