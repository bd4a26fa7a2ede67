// SPDX-License-Identifier: Apache-2.0
// The command line.
#ifndef GATEWAY_OPTIONS_H
#define GATEWAY_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct options {
    const char *db; // the paths are NULL when not given
    const char *metrics;
    const char *config;
    uint32_t seconds; // 0: until it is told to stop
    uint32_t slow_ms; // 0: no slow consumer
    bool wants_help;
};

#define OPTIONS_COMPLAINT 256u

// options_parse understands the command line, or says in complaint what is wrong with it.
bool
options_parse(int argc, char **argv, struct options *out, char complaint[OPTIONS_COMPLAINT]);

// options_help is what --help prints.
extern const char options_help[];

#endif
