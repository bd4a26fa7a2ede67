// SPDX-License-Identifier: Apache-2.0
#define _POSIX_C_SOURCE 200809L
#include "config.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define LINE_SIZE 256u

static const char *const source_names[SOURCE_COUNT] = {
    [SOURCE_CPU] = "cpu",   [SOURCE_MEMORY] = "memory",   [SOURCE_NETWORK] = "network",
    [SOURCE_DISK] = "disk", [SOURCE_THERMAL] = "thermal",
};

// The limits a file can set, as members of struct host_config.
static const struct limit {
    const char *name;
    size_t offset;
    double max;
} limits[] = {
    { "alert.cpu_busy_percent", offsetof(struct host_config, cpu_busy_percent), 100.0 },
    { "alert.memory_used_percent", offsetof(struct host_config, memory_used_percent), 100.0 },
    { "alert.network_errors_per_s", offsetof(struct host_config, network_errors_per_s), 1e9 },
    { "alert.disk_busy_percent", offsetof(struct host_config, disk_busy_percent), 100.0 },
    { "alert.thermal_celsius", offsetof(struct host_config, thermal_celsius), 250.0 },
};

struct host_config
config_defaults(void)
{
    return (struct host_config){
        .rate_hz = { [SOURCE_CPU] = 100,
                     [SOURCE_MEMORY] = 10,
                     [SOURCE_NETWORK] = 20,
                     [SOURCE_DISK] = 20,
                     [SOURCE_THERMAL] = 10 },
        .cpu_busy_percent = 90.0,
        .memory_used_percent = 90.0,
        .network_errors_per_s = 1.0,
        .disk_busy_percent = 90.0,
        .thermal_celsius = 85.0,
    };
}

const char *
config_source_name(enum source_id id)
{
    return id < SOURCE_COUNT ? source_names[id] : NULL;
}

enum source_id
config_find_source(const char *name)
{
    int id = 0;
    while (id < SOURCE_COUNT && strcmp(name, source_names[id]) != 0) {
        id++;
    }
    return (enum source_id) id;
}

bool
config_parse_rate(const char *text, uint32_t *out)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || value < RATE_MIN_HZ || value > RATE_MAX_HZ) {
        return false;
    }
    *out = (uint32_t) value;
    return true;
}

// One file being read.
struct reading {
    const char *path;
    unsigned line;
    unsigned mistakes;
    config_complaint *complain;
    void *user;
};

__attribute__((format(printf, 2, 3))) static void
mistake(struct reading *reading, const char *format, ...)
{
    char text[2 * LINE_SIZE];
    char where[3 * LINE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (reading->line > 0) {
        snprintf(where, sizeof where, "%s:%u: %s", reading->path, reading->line, text);
    } else {
        snprintf(where, sizeof where, "%s: %s", reading->path, text);
    }
    reading->mistakes++;
    reading->complain(reading->user, where);
}

static void
set_rate(struct reading *reading, const char *source, const char *value, struct host_config *out)
{
    enum source_id id = config_find_source(source);
    if (id == SOURCE_COUNT) {
        mistake(reading, "there is no source '%s'", source);
    } else if (!config_parse_rate(value, &out->rate_hz[id])) {
        mistake(reading, "rate.%s: '%s' is not a whole number from %u to %u", source, value,
                RATE_MIN_HZ, RATE_MAX_HZ);
    }
}

static void
set_limit(struct reading *reading, const struct limit *limit, const char *value,
          struct host_config *out)
{
    char *end;
    double number = strtod(value, &end);
    if (end == value || *end != '\0' || !isfinite(number) || number < 0.0 || number > limit->max) {
        mistake(reading, "%s: '%s' is not a number from 0 to %g", limit->name, value, limit->max);
        return;
    }
    memcpy((char *) out + limit->offset, &number, sizeof number);
}

static void
set(struct reading *reading, const char *name, const char *value, struct host_config *out)
{
    if (strncmp(name, "rate.", 5) == 0) {
        set_rate(reading, name + 5, value, out);
        return;
    }
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        if (strcmp(name, limits[i].name) == 0) {
            set_limit(reading, &limits[i], value, out);
            return;
        }
    }
    mistake(reading, "there is no setting '%s'", name);
}

// trim cuts blanks from both ends, in place.
static char *
trim(char *text)
{
    text += strspn(text, " \t\r\n");
    size_t len = strlen(text);
    while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL) {
        len--;
    }
    text[len] = '\0';
    return text;
}

static void
read_line(struct reading *reading, char *line, struct host_config *out)
{
    line[strcspn(line, "#")] = '\0';
    char *name = trim(line);
    if (*name == '\0') {
        return;
    }
    char *equals = strchr(name, '=');
    if (equals == NULL) {
        mistake(reading, "'%s' is not of the form name = value", name);
        return;
    }
    *equals = '\0';
    name = trim(name);
    char *value = trim(equals + 1);
    if (*name == '\0' || *value == '\0') {
        mistake(reading, "%s is missing", *name == '\0' ? "the name before '='" : "the value");
        return;
    }
    set(reading, name, value, out);
}

// read_lines goes through the file; a line too long or with a zero byte in it is a mistake.
static void
read_lines(struct reading *reading, FILE *file, struct host_config *out)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t len;
    while ((len = getline(&line, &size, file)) >= 0) {
        reading->line++;
        if ((size_t) len >= LINE_SIZE || strlen(line) != (size_t) len) {
            mistake(reading, "this is not a line of text of less than %u bytes", LINE_SIZE);
        } else {
            read_line(reading, line, out);
        }
        if (reading->mistakes >= 10) {
            mistake(reading, "too many mistakes; the rest was not read");
            break;
        }
    }
    if (ferror(file)) {
        reading->line = 0;
        mistake(reading, "%s", strerror(errno));
    }
    free(line);
}

bool
config_load(const char *path, struct host_config *out, config_complaint *complain, void *user)
{
    struct reading reading = { .path = path, .complain = complain, .user = user };
    struct host_config found = config_defaults();
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        mistake(&reading, "%s", strerror(errno));
        return false;
    }
    read_lines(&reading, file, &found);
    fclose(file);
    if (reading.mistakes > 0) {
        return false;
    }
    *out = found;
    return true;
}
