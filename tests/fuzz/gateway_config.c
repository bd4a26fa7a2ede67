// SPDX-License-Identifier: Apache-2.0
// A fuzzer of the gateway's configuration file: any bytes are either taken, and then mean the same when
// they are written out and read again, or refused, each mistake with its line; and then nothing changes.
#define _GNU_SOURCE // memfd_create
#include "config.h"
#include "fail.h"
#include "program.h"

#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define COMPLAINTS_MAX 11u // ten, and that there are more
#define COMPLAINT_SIZE 1024u

struct complaints {
    char path[64];
    char text[COMPLAINTS_MAX][COMPLAINT_SIZE]; // without path and line
    unsigned long line[COMPLAINTS_MAX];
    unsigned count;
};

static void
complain(void *user, const char *text)
{
    struct complaints *all = user;
    size_t len = strlen(all->path);
    char *rest;
    FUZZ_REQUIRE(all->count < COMPLAINTS_MAX, "too many complaints: %s", text);
    FUZZ_REQUIRE(strncmp(text, all->path, len) == 0 && text[len] == ':', "no file: %s", text);
    unsigned long line = strtoul(text + len + 1, &rest, 10);
    FUZZ_REQUIRE(line > 0 && strncmp(rest, ": ", 2) == 0 && rest[2] != '\0', "no line: %s", text);
    all->line[all->count] = line;
    snprintf(all->text[all->count++], COMPLAINT_SIZE, "%s", rest + 2);
}

// Reads a file of `before` and `data`, one after the other.
static bool
load(const char *before, const uint8_t *data, size_t size, struct host_config *out,
     struct complaints *all)
{
    int fd = memfd_create("gateway.conf", 0);
    FUZZ_REQUIRE(fd >= 0, "no file");
    FILE *file = fdopen(fd, "w");
    FUZZ_REQUIRE(file, "no file");
    fputs(before, file);
    if (size > 0) {
        fwrite(data, 1, size, file);
    }
    fflush(file);
    all->count = 0;
    snprintf(all->path, sizeof all->path, "/proc/self/fd/%d", fd);
    bool is_taken = config_load(all->path, out, complain, all);
    fclose(file);
    return is_taken;
}

static void
check_ranges(const struct host_config *config)
{
    for (int i = 0; i < SOURCE_COUNT; i++) {
        FUZZ_REQUIRE(config->rate_hz[i] >= RATE_MIN_HZ && config->rate_hz[i] <= RATE_MAX_HZ,
                     "a rate of %u Hz", config->rate_hz[i]);
    }
    const double percents[] = { config->cpu_busy_percent, config->memory_used_percent,
                                config->disk_busy_percent };
    for (int i = 0; i < 3; i++) {
        FUZZ_REQUIRE(percents[i] >= 0.0 && percents[i] <= 100.0, "%g %%", percents[i]);
    }
    FUZZ_REQUIRE(isfinite(config->network_errors_per_s) && config->network_errors_per_s >= 0.0 &&
                     config->thermal_celsius >= 0.0 && config->thermal_celsius <= 250.0,
                 "a limit out of range");
    FUZZ_REQUIRE(!config->is_paused, "a file paused the gateway");
}

static void
write_out(const struct host_config *config, char *text, size_t size)
{
    size_t at = 0;
    for (int i = 0; i < SOURCE_COUNT; i++) {
        at += (size_t) snprintf(text + at, size - at, "rate.%s=%u\n",
                                config_source_name((enum source_id) i), config->rate_hz[i]);
    }
    snprintf(text + at, size - at,
             "alert.cpu_busy_percent = %.17g\nalert.memory_used_percent = %.17g # text\n"
             "  alert.network_errors_per_s\t=%.17g\nalert.disk_busy_percent = %.17g\n\n"
             "alert.thermal_celsius = %.17g\n",
             config->cpu_busy_percent, config->memory_used_percent, config->network_errors_per_s,
             config->disk_busy_percent, config->thermal_celsius);
}

static void
check_taken(const uint8_t *data, size_t size, const struct host_config *config)
{
    char text[1024];
    char again[1024];
    struct complaints all;
    struct host_config read;
    check_ranges(config);
    write_out(config, text, sizeof text);
    FUZZ_REQUIRE(load(text, NULL, 0, &read, &all), "what was taken is refused: %s", all.text[0]);
    write_out(&read, again, sizeof again);
    FUZZ_REQUIRE(strcmp(text, again) == 0, "it became\n%s, not\n%s", again, text);
    // A file after all its own settings: only what it does not say is left of those before.
    FUZZ_REQUIRE(load(text, data, size, &read, &all), "it is taken alone only: %s", all.text[0]);
    write_out(&read, again, sizeof again);
    FUZZ_REQUIRE(strcmp(text, again) == 0, "behind itself it is\n%s, not\n%s", again, text);
}

// Behind two lines of comment the same mistakes are two lines further down.
static void
check_refused(const uint8_t *data, size_t size, const struct complaints *all)
{
    struct complaints shifted;
    struct host_config read;
    unsigned long lines = 1;
    for (size_t i = 0; i < size; i++) {
        lines += data[i] == '\n';
    }
    FUZZ_REQUIRE(!load("# one\n# two\n", data, size, &read, &shifted), "it is refused alone only");
    FUZZ_REQUIRE(all->count == shifted.count, "%u complaints, and %u", all->count, shifted.count);
    for (unsigned i = 0; i < all->count; i++) {
        FUZZ_REQUIRE(all->line[i] <= lines && (i == 0 || all->line[i] >= all->line[i - 1]),
                     "line %lu of %lu", all->line[i], lines);
        FUZZ_REQUIRE(
            shifted.line[i] == all->line[i] + 2 && strcmp(shifted.text[i], all->text[i]) == 0,
            "%lu: %s became %lu: %s", all->line[i], all->text[i], shifted.line[i], shifted.text[i]);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct host_config config;
    struct host_config before;
    struct complaints all;
    memset(&config, 0x5a, sizeof config);
    memset(&before, 0x5a, sizeof before);
    bool is_taken = load("", data, size, &config, &all);
    FUZZ_REQUIRE(is_taken == (all.count == 0), "taken with %u complaints", all.count);
    if (is_taken) {
        check_taken(data, size, &config);
    } else {
        FUZZ_REQUIRE(memcmp(&config, &before, sizeof config) == 0, "a refused file left traces");
        check_refused(data, size, &all);
    }
    return 0;
}
