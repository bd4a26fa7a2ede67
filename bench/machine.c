// SPDX-License-Identifier: Apache-2.0
// On what machine, with what compiler, and who else uses it.
#define _GNU_SOURCE // syscall, nanosleep
#include "bench.h"

#include <linux/membarrier.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define CALM_WINDOW 200000000 // ns
#define NOISE_FLOOR 30000000  // ns: what the ticks of /proc/stat cannot tell from nothing
#define NOISE_SHARE 0.05      // of all processors

// --- other programs ------------------------------------------------------------------------------

// Processor time that the machine has spent on anything, in ns; steal by the host included.
static int64_t
machine_busy(void)
{
    unsigned long long user = 0, nice = 0, system = 0, idle = 0, wait = 0;
    unsigned long long irq = 0, softirq = 0, steal = 0;
    FILE *file = fopen("/proc/stat", "r");
    if (file) {
        if (fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system,
                   &idle, &wait, &irq, &softirq, &steal) != 8) {
            user = nice = system = irq = softirq = steal = 0; // unknown: nobody disturbs
        }
        (void) fclose(file);
    }
    long ticks = sysconf(_SC_CLK_TCK);
    unsigned long long busy = user + nice + system + irq + softirq + steal;
    return (int64_t) busy * (1000000000 / (ticks > 0 ? ticks : 100));
}

struct bench_others
bench_others_begin(void)
{
    return (struct bench_others){ bench_now(), machine_busy(), bench_cpu_time() };
}

bool
bench_others_disturbed(struct bench_others since)
{
    struct bench_others now = bench_others_begin();
    int64_t others = (now.busy - since.busy) - (now.own - since.own);
    double all = (double) (now.at - since.at) * (double) sysconf(_SC_NPROCESSORS_ONLN);
    return others > NOISE_FLOOR && (double) others > NOISE_SHARE * all;
}

void
bench_wait_for_calm(struct bench *bench)
{
    struct timespec window = { .tv_nsec = CALM_WINDOW };
    bool calm = false;
    while (!calm && bench->patience > 0) {
        struct bench_others before = bench_others_begin();
        (void) nanosleep(&window, NULL);
        calm = !bench_others_disturbed(before);
        if (!calm) {
            bench->patience -= bench_now() - before.at;
        }
    }
}

// --- the machine ---------------------------------------------------------------------------------

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
                                   "ratio,expected,accounted,delivered,intact,disturbed\n");
    }
}
