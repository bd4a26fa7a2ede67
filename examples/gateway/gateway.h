// SPDX-License-Identifier: Apache-2.0
// All parts of the gateway in one place. main.c creates and ends them, graph.c connects them.
//
//   samples               the values that move: one struct a record
//   sources, procfs       reading this machine
//   rates, window, names  the producer functions: checking counters, making rates
//   logger, rows          every value into SQLite
//   openmetrics, exposition, latest      the newest values into a file for Prometheus
//   alerts                limits, and what crosses them
//   settings, config      host.config and the file it comes from
//   console, command      lines on stdin, and carrying them out
//   view, live, plain     what is shown: on a terminal, elsewhere
//   screen, frame         the terminal, and a picture for it
//   account               where every value went
//   options, signals, notes, slow        what the names say
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

#include "alerts.h"
#include "console.h"
#include "logger.h"
#include "openmetrics.h"
#include "options.h"
#include "rates.h"
#include "records.h"
#include "signals.h"
#include "slow.h"
#include "sources.h"
#include "view.h"

#define CPU_RING 1024u

struct gateway {
    struct options options;
    struct notes notes;
    struct screen screen;
    struct settings settings;
    struct sources sources;
    struct rates rates;
    struct checker checkers[SOURCE_COUNT];
    struct logger *logger;   // NULL without --db
    struct metrics *metrics; // NULL without --metrics
    struct control control;
    struct view view;
    struct console console;
    struct signals signals;
    struct records records;
    aimdb_executor *pool;
    aimdb *db;
};

// graph_describe tells a builder of every record: who writes it and who reads it.
void
graph_describe(struct gateway *gateway, aimdb_builder *builder);

#endif
