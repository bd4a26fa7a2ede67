// SPDX-License-Identifier: Apache-2.0
// The tables of the database and how a value becomes a row of one.
#ifndef GATEWAY_ROWS_H
#define GATEWAY_ROWS_H

#include "samples.h"

#include <inttypes.h>
#include <sqlite3.h>

enum table_id {
    TABLE_CPU,
    TABLE_MEMORY,
    TABLE_NETWORK,
    TABLE_DISK,
    TABLE_THERMAL,
    TABLE_ALERT,
    TABLE_COUNT
};

struct row {
    enum table_id table;
    union {
        struct host_cpu cpu;
        struct host_memory memory;
        struct host_network network;
        struct host_disk disk;
        struct host_thermal thermal;
        struct alert alert;
    } value;
};

// Gives an INSERT its values one after another, and remembers the first failure.
struct binder {
    sqlite3_stmt *statement;
    int column; // bound so far
    int result; // SQLITE_OK or the first error
};

void
bind_integer(struct binder *binder, int64_t value);

struct table {
    const char *record_key;
    const char *name;
    const char *create;
    const char *insert; // its first value is the run's id; bind gives the others
    void (*bind)(struct binder *binder, const struct row *row);
};
extern const struct table tables[TABLE_COUNT];

#endif
