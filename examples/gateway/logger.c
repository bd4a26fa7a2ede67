// SPDX-License-Identifier: Apache-2.0
#define _POSIX_C_SOURCE 200809L
#include "logger.h"

#include "rows.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RETRY_MS 250
#define LOCK_WAIT_MS 500 // for another program that holds the database

struct logger {
    pthread_mutex_t lock; // protects all below; it is held while SQLite writes
    pthread_cond_t hurry; // wakes consumers that wait for the disk
    sqlite3 *db;
    sqlite3_stmt *insert[TABLE_COUNT];
    struct row batch[LOGGER_ROWS];
    size_t count;                // rows in the batch
    aimdb_time due;              // when the batch is to be written next; unused while it is empty
    bool is_failing;             // the last write failed
    bool is_hurried;             // no waiting any more
    bool has_given_up;           // and then a write failed: no more attempts but the last
    uint64_t lost[TABLE_COUNT];  // values that ended up in no row
    int64_t run;                 // id of this run in the table runs
    int64_t before[TABLE_COUNT]; // the greatest rowid when this run began
    struct notes *notes;
    const char *path;
};

// note_failure says what SQLite complains about and, where it was the system that refused, why.
static void
note_failure(const struct logger *logger, const char *what)
{
    int code = sqlite3_errcode(logger->db) & 0xff; // the rest of an extended code is detail
    bool is_system = code == SQLITE_CANTOPEN || code == SQLITE_IOERR || code == SQLITE_FULL;
    int reason = is_system ? sqlite3_system_errno(logger->db) : 0;
    notes_add(logger->notes, "database %s: %s: %s%s%s%s", logger->path, what,
              sqlite3_errmsg(logger->db), reason != 0 ? " (" : "",
              reason != 0 ? strerror(reason) : "", reason != 0 ? ")" : "");
}

static bool
execute(struct logger *logger, const char *sql)
{
    return sqlite3_exec(logger->db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

// query_number runs a query that yields one number.
static bool
query_number(struct logger *logger, const char *sql, int64_t *out)
{
    sqlite3_stmt *query = NULL;
    bool is_ok = sqlite3_prepare_v2(logger->db, sql, -1, &query, NULL) == SQLITE_OK &&
                 sqlite3_step(query) == SQLITE_ROW;
    if (is_ok) {
        *out = sqlite3_column_int64(query, 0);
    }
    sqlite3_finalize(query);
    return is_ok;
}

// use_wal asks for a write-ahead log, and says so where there can be none (network file systems).
static bool
use_wal(struct logger *logger)
{
    sqlite3_stmt *query = NULL;
    bool is_ok = sqlite3_prepare_v2(logger->db, "PRAGMA journal_mode = WAL", -1, &query, NULL) ==
                     SQLITE_OK &&
                 sqlite3_step(query) == SQLITE_ROW;
    if (is_ok && strcmp((const char *) sqlite3_column_text(query, 0), "wal") != 0) {
        notes_add(logger->notes, "database %s: no write-ahead log here, its journal mode is %s",
                  logger->path, (const char *) sqlite3_column_text(query, 0));
    }
    sqlite3_finalize(query);
    return is_ok && execute(logger, "PRAGMA synchronous = NORMAL");
}

static bool
prepare_tables(struct logger *logger)
{
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        char sql[128];
        snprintf(sql, sizeof sql, "SELECT coalesce(max(rowid), 0) FROM %s", tables[i].name);
        if (!execute(logger, tables[i].create) ||
            sqlite3_prepare_v2(logger->db, tables[i].insert, -1, &logger->insert[i], NULL) !=
                SQLITE_OK ||
            !query_number(logger, sql, &logger->before[i])) {
            return false;
        }
    }
    return true;
}

static bool
begin_run(struct logger *logger)
{
    if (!execute(logger, "CREATE TABLE IF NOT EXISTS runs("
                         "id INTEGER PRIMARY KEY, started TEXT NOT NULL)") ||
        !execute(logger,
                 "INSERT INTO runs(started) VALUES(strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))")) {
        return false;
    }
    logger->run = sqlite3_last_insert_rowid(logger->db);
    return true;
}

// prepare makes tables and statements. A database that does not fit is left as it was.
static bool
prepare(struct logger *logger)
{
    return execute(logger, "BEGIN IMMEDIATE") && begin_run(logger) && prepare_tables(logger) &&
           execute(logger, "COMMIT");
}

struct logger *
logger_open(const char *path, struct notes *notes)
{
    struct logger *logger = calloc(1, sizeof *logger);
    if (logger == NULL) {
        notes_add(notes, "database %s: out of memory", path);
        return NULL;
    }
    logger->path = path;
    logger->notes = notes;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&logger->lock, NULL);
    pthread_cond_init(&logger->hurry, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (sqlite3_open(path, &logger->db) != SQLITE_OK ||
        sqlite3_busy_timeout(logger->db, LOCK_WAIT_MS) != SQLITE_OK || !prepare(logger) ||
        !use_wal(logger)) {
        note_failure(logger, "cannot be used");
        logger_close(logger);
        return NULL;
    }
    return logger;
}

void
logger_close(struct logger *logger)
{
    if (logger == NULL) {
        return;
    }
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        sqlite3_finalize(logger->insert[i]);
    }
    sqlite3_close(logger->db);
    pthread_cond_destroy(&logger->hurry);
    pthread_mutex_destroy(&logger->lock);
    free(logger);
}

static bool
insert(struct logger *logger, const struct row *row)
{
    sqlite3_stmt *statement = logger->insert[row->table];
    struct binder binder = { .statement = statement, .result = SQLITE_OK };
    bind_integer(&binder, logger->run);
    tables[row->table].bind(&binder, row);
    bool is_ok = binder.result == SQLITE_OK && sqlite3_step(statement) == SQLITE_DONE;
    (void) sqlite3_reset(statement); // repeats the step's error, which has been seen
    return is_ok;
}

static bool
write_rows(struct logger *logger)
{
    for (size_t i = 0; i < logger->count; i++) {
        if (!insert(logger, &logger->batch[i])) {
            return false;
        }
    }
    return true;
}

// write_batch writes all rows in one transaction, or none.
static bool
write_batch(struct logger *logger)
{
    if (execute(logger, "BEGIN IMMEDIATE") && write_rows(logger) && execute(logger, "COMMIT")) {
        if (logger->is_failing) {
            notes_add(logger->notes, "database %s: written again", logger->path);
        }
        logger->is_failing = false;
        logger->count = 0;
        return true;
    }
    if (!logger->is_failing) {
        note_failure(logger, "not written, the rows wait");
    }
    logger->is_failing = true;
    if (!sqlite3_get_autocommit(logger->db)) { // a full disk has rolled back already, others not
        (void) execute(logger, "ROLLBACK");
    }
    logger->due = aimdb_clock() + AIMDB_MS(RETRY_MS);
    return false;
}

static void
wait_for_retry(struct logger *logger)
{
    struct timespec until = { .tv_sec = (time_t) (logger->due / AIMDB_SEC(1)),
                              .tv_nsec = (long) (logger->due % AIMDB_SEC(1)) };
    (void) pthread_cond_timedwait(&logger->hurry, &logger->lock, &until);
}

// make_room waits until the batch has room for a row. False: there will be none.
static bool
make_room(struct logger *logger)
{
    while (logger->count == LOGGER_ROWS && !logger->has_given_up) {
        if (logger->is_hurried || aimdb_clock() >= logger->due) {
            logger->has_given_up = !write_batch(logger) && logger->is_hurried;
        } else {
            wait_for_retry(logger);
        }
    }
    return logger->count < LOGGER_ROWS;
}

// append adds a value to the batch, and writes the batch when that makes it full.
static aimdb_err
append(struct logger *logger, enum table_id table, const void *value, size_t size)
{
    aimdb_err err = AIMDB_OK;
    pthread_mutex_lock(&logger->lock);
    if (make_room(logger)) {
        if (logger->count == 0) {
            logger->due = aimdb_clock() + AIMDB_MS(LOGGER_MS);
        }
        struct row *row = &logger->batch[logger->count++];
        row->table = table;
        memcpy(&row->value, value, size);
        if (logger->count == LOGGER_ROWS && !logger->is_failing) {
            (void) write_batch(logger);
        }
    } else {
        logger->lost[table]++;
        err = AIMDB_EIO;
    }
    pthread_mutex_unlock(&logger->lock);
    return err;
}

aimdb_err
log_cpu(aimdb_ctx *ctx, const struct host_cpu *value)
{
    return append(aimdb_user(ctx), TABLE_CPU, value, sizeof *value);
}

aimdb_err
log_memory(aimdb_ctx *ctx, const struct host_memory *value)
{
    return append(aimdb_user(ctx), TABLE_MEMORY, value, sizeof *value);
}

aimdb_err
log_network(aimdb_ctx *ctx, const struct host_network *value)
{
    return append(aimdb_user(ctx), TABLE_NETWORK, value, sizeof *value);
}

aimdb_err
log_disk(aimdb_ctx *ctx, const struct host_disk *value)
{
    return append(aimdb_user(ctx), TABLE_DISK, value, sizeof *value);
}

aimdb_err
log_thermal(aimdb_ctx *ctx, const struct host_thermal *value)
{
    return append(aimdb_user(ctx), TABLE_THERMAL, value, sizeof *value);
}

aimdb_err
log_alert(aimdb_ctx *ctx, const struct alert *value)
{
    return append(aimdb_user(ctx), TABLE_ALERT, value, sizeof *value);
}

aimdb_err
log_tick(aimdb_ctx *ctx, const struct gateway_tick *tick)
{
    struct logger *logger = aimdb_user(ctx);
    (void) tick;
    pthread_mutex_lock(&logger->lock);
    if (logger->count > 0 && aimdb_clock() >= logger->due) {
        (void) write_batch(logger);
    }
    pthread_mutex_unlock(&logger->lock);
    return AIMDB_OK;
}

void
logger_hurry(struct logger *logger)
{
    pthread_mutex_lock(&logger->lock);
    logger->is_hurried = true;
    pthread_cond_broadcast(&logger->hurry);
    pthread_mutex_unlock(&logger->lock);
}

uint64_t
logger_finish(struct logger *logger)
{
    uint64_t lost = 0;
    pthread_mutex_lock(&logger->lock);
    if (logger->count > 0 && !write_batch(logger)) {
        for (size_t i = 0; i < logger->count; i++) {
            logger->lost[logger->batch[i].table]++;
        }
        logger->count = 0;
    }
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        lost += logger->lost[i];
    }
    pthread_mutex_unlock(&logger->lock);
    return lost;
}

static enum table_id
find_table(const char *record_key)
{
    int table = 0;
    while (table < TABLE_COUNT && strcmp(record_key, tables[table].record_key) != 0) {
        table++;
    }
    return (enum table_id) table;
}

const char *
logger_table(const char *record_key)
{
    enum table_id table = find_table(record_key);
    return table < TABLE_COUNT ? tables[table].name : NULL;
}

uint64_t
logger_lost(struct logger *logger, const char *record_key)
{
    enum table_id table = find_table(record_key);
    return table < TABLE_COUNT ? logger->lost[table] : 0;
}

bool
logger_count(struct logger *logger, const char *record_key, uint64_t *ret_rows)
{
    enum table_id table = find_table(record_key);
    int64_t rows = 0;
    char sql[160];
    if (table == TABLE_COUNT) {
        return false;
    }
    // Rows of this run are all above `before`, which spares a long scan; others may be there as
    // well, if another gateway writes to the same file.
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM %s WHERE rowid > %" PRId64 " AND run = %" PRId64,
             tables[table].name, logger->before[table], logger->run);
    if (!query_number(logger, sql, &rows)) {
        note_failure(logger, "the rows cannot be counted");
        return false;
    }
    *ret_rows = (uint64_t) rows;
    return true;
}
