// SPDX-License-Identifier: Apache-2.0
// The database logger: every value becomes a row in SQLite.
//
// Rows collect in memory and are written in one transaction: when LOGGER_ROWS are there, when the
// oldest is LOGGER_MS old, and at the end. A consumer is called only with values, so the age of a
// batch that nothing is added to is looked at by a consumer of gateway.tick. Between two writes no
// lock is held on the file: others can read it and write to it at any time (WAL).
//
// What happens when the disk is full, or another program holds the database locked:
//   1. The transaction is rolled back; its rows stay in memory and are tried again four times a
//      second.
//   2. Once LOGGER_ROWS wait, the consumers wait too. They are blocking: nobody else notices. Their
//      rings go on filling, and what a ring no longer holds is counted by AimDB as missed.
//   3. When writing works again, nothing is lost but those.
//   4. At the end nobody waits: rows that cannot be written then are counted as lost, by table.
#ifndef GATEWAY_LOGGER_H
#define GATEWAY_LOGGER_H

#include "notes.h"
#include "samples.h"

#define LOGGER_ROWS 512u
#define LOGGER_MS 500

struct logger;

// logger_open opens or creates the database. NULL: it could not; the reason was noted.
struct logger *
logger_open(const char *path, struct notes *notes);

// logger_hurry says that the end is near: no consumer waits for the disk any more. Any thread.
void
logger_hurry(struct logger *logger);

// logger_finish writes what is left; call it when no consumer runs any more. It returns how many
// rows were lost in all.
uint64_t
logger_finish(struct logger *logger);

// logger_table is the name of the table that a record's values go to; NULL: to none.
const char *
logger_table(const char *record_key);

// logger_lost tells how many values of a record that has a table ended up in no row.
uint64_t
logger_lost(struct logger *logger, const char *record_key);

// logger_count asks the database (SELECT count(*)) how many rows of this run are in the table of a
// record that has one. False: it did not answer, which was noted.
bool
logger_count(struct logger *logger, const char *record_key, uint64_t *ret_rows);

// logger_close accepts NULL.
void
logger_close(struct logger *logger);

// The consumers, all of them blocking; user is the struct logger.
host_cpu_consumer_fn log_cpu;
host_memory_consumer_fn log_memory;
host_network_consumer_fn log_network;
host_disk_consumer_fn log_disk;
host_thermal_consumer_fn log_thermal;
alert_consumer_fn log_alert;
gateway_tick_consumer_fn log_tick; // writes a batch that got old

#endif
