// SPDX-License-Identifier: Apache-2.0
// The text of the metrics file, valid in two formats at once: OpenMetrics 1.0, and Prometheus' text
// format 0.0.4, which the textfile collector reads.
//
// They disagree about one thing: a counter's `# TYPE` line has its name without `_total` in the
// former and with it in the latter. So counters go without that line, which both allow; they are
// known by their name. Gauges have it.
#ifndef GATEWAY_EXPOSITION_H
#define GATEWAY_EXPOSITION_H

#include "latest.h"

#include <stdio.h>

struct exposition {
    struct latest latest;
    uint64_t alerts_raised;
};

// exposition_write writes all of it, with the accounts of db unless that is NULL. Errors are the
// stream's: see ferror.
void
exposition_write(FILE *file, const struct exposition *content, aimdb *db);

#endif
