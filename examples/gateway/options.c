// SPDX-License-Identifier: Apache-2.0
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS_MAX (366u * 24u * 3600u)
#define SLOW_MAX_MS 5000u // closing waits for the call that is in progress

const char options_help[] =
    "usage: gateway [OPTION]...\n"
    "\n"
    "Reads this machine (/proc/stat, /proc/meminfo, /proc/net/dev, /proc/diskstats, thermal\n"
    "zones) 10 to 100 times a second into an AimDB database, and there logs the values,\n"
    "publishes them, and checks them for alerts. On a terminal it shows a live table.\n"
    "Ctrl-C ends it in good order and prints the account of every value.\n"
    "\n"
    "  --db FILE            log every value to this SQLite database\n"
    "  --metrics FILE       write this OpenMetrics file once a second, for Prometheus'\n"
    "                       textfile collector (there its name must end in .prom)\n"
    "  --config FILE        read rates and limits from FILE; again on SIGHUP\n"
    "  --seconds N          stop after N seconds\n"
    "  --slow-consumer MS   add a consumer of host.cpu that takes MS milliseconds (1 to 5000) a\n"
    "                       value: it falls behind, which is counted, and nobody else notices\n"
    "  --help               print this\n"
    "\n"
    "Commands, one a line on stdin:\n"
    "  pause                stop reading the machine\n"
    "  resume               go on\n"
    "  rate SOURCE HZ       read cpu, memory, network, disk or thermal 10 to 100 times a second\n"
    "  quit                 end, as Ctrl-C\n"
    "\n"
    "Exit status: 0 the account is balanced, 1 it is not, 2 a bad option, configuration or path\n"
    "at the start, 3 the account is balanced but an output could not be written in full.\n";

static bool
parse_number(const char *name, const char *text, uint32_t max, uint32_t *out, char *complaint)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || value < 1 || value > max) {
        snprintf(complaint, OPTIONS_COMPLAINT,
                 "option '%s': '%.100s' is not a whole number from 1 to %u", name, text, max);
        return false;
    }
    *out = (uint32_t) value;
    return true;
}

// take_value gives an option its value, once it is known to have one.
static bool
take_value(struct options *options, const char *name, const char *value, char *complaint)
{
    if (strcmp(name, "--seconds") == 0) {
        return parse_number(name, value, SECONDS_MAX, &options->seconds, complaint);
    }
    if (strcmp(name, "--slow-consumer") == 0) {
        return parse_number(name, value, SLOW_MAX_MS, &options->slow_ms, complaint);
    }
    if (*value == '\0') {
        snprintf(complaint, OPTIONS_COMPLAINT, "option '%s' needs the name of a file", name);
        return false;
    }
    const char **path = strcmp(name, "--db") == 0        ? &options->db
                        : strcmp(name, "--metrics") == 0 ? &options->metrics
                                                         : &options->config;
    *path = value;
    return true;
}

static bool
has_value(const char *name)
{
    static const char *const names[] = { "--db", "--metrics", "--config", "--seconds",
                                         "--slow-consumer" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

bool
options_parse(int argc, char **argv, struct options *out, char complaint[OPTIONS_COMPLAINT])
{
    struct options options = { 0 };
    for (int i = 1; i < argc; i++) {
        // --name VALUE and --name=VALUE are the same.
        char name[32];
        const char *equals = strchr(argv[i], '=');
        size_t len = equals != NULL ? (size_t) (equals - argv[i]) : strlen(argv[i]);
        snprintf(name, sizeof name, "%.*s", (int) (len < sizeof name ? len : sizeof name), argv[i]);
        if (strcmp(argv[i], "--help") == 0) {
            options.wants_help = true;
        } else if (!has_value(name)) {
            snprintf(complaint, OPTIONS_COMPLAINT, "%s '%.100s'",
                     argv[i][0] == '-' ? "unknown option" : "unexpected argument", argv[i]);
            return false;
        } else if (equals == NULL && i + 1 == argc) {
            snprintf(complaint, OPTIONS_COMPLAINT, "option '%s' needs a value", name);
            return false;
        } else if (!take_value(&options, name, equals != NULL ? equals + 1 : argv[++i],
                               complaint)) {
            return false;
        }
    }
    *out = options;
    return true;
}
