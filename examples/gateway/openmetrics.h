// SPDX-License-Identifier: Apache-2.0
// The metrics writer: a text file for Prometheus' textfile collector, replaced once a second.
//
// The file is written under another name and renamed: who reads it sees a whole one, the old or the
// new. What is in it is exposition.h's business.
#ifndef GATEWAY_OPENMETRICS_H
#define GATEWAY_OPENMETRICS_H

#include "notes.h"
#include "samples.h"

struct metrics;

// metrics_open writes a first file. NULL: it could not; the reason was noted.
struct metrics *
metrics_open(const char *path, struct notes *notes);

// metrics_set_db says whose accounts the file shows; before any of the consumers runs.
void
metrics_set_db(struct metrics *metrics, aimdb *db);

// metrics_finish writes the last file, with the final accounts; call it when no consumer runs any
// more. It returns how many writes have failed.
uint64_t
metrics_finish(struct metrics *metrics);

// metrics_close accepts NULL.
void
metrics_close(struct metrics *metrics);

// The consumers; user is the struct metrics. That of host.cpu also writes the file and therefore is
// to be registered as blocking. While it gets no values (a pause) the file stays as it is: its age
// tells.
host_cpu_consumer_fn metrics_cpu;
host_memory_consumer_fn metrics_memory;
host_network_consumer_fn metrics_network;
host_disk_consumer_fn metrics_disk;
host_thermal_consumer_fn metrics_thermal;
alert_consumer_fn metrics_alert;

#endif
