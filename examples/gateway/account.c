// SPDX-License-Identifier: Apache-2.0
#include "account.h"

#include <inttypes.h>
#include <string.h>

#define LOGGER_NAME "database" // of the consumers whose values become rows (graph.c)

struct account {
    FILE *out;
    aimdb *db;
    struct logger *logger;
    uint64_t lost;
    bool is_balanced;
};

static aimdb_record_stats
record_stats(aimdb_record *record)
{
    aimdb_record_stats stats = { .size = sizeof stats };
    (void) aimdb_record_metrics(record, &stats); // fails for NULL only, as the next
    return stats;
}

static aimdb_task_stats
task_stats(aimdb_task *task)
{
    aimdb_task_stats stats = { .size = sizeof stats };
    (void) aimdb_task_metrics(task, &stats);
    return stats;
}

// end_line ends a line of a table, and marks it if two sums differ.
static void
end_line(struct account *account, uint64_t expected, uint64_t found)
{
    if (expected != found) {
        fprintf(account->out, "  <- %" PRIu64 " is not %" PRIu64, found, expected);
        account->is_balanced = false;
    }
    fputc('\n', account->out);
}

static void
print_record(struct account *account, aimdb_record *record)
{
    aimdb_record_stats stats = record_stats(record);
    uint64_t accounted = stats.produced; // but of a mailbox this is for the consumers' lines
    if (aimdb_record_buffer(record) == AIMDB_BUFFER_MAILBOX) {
        aimdb_task *task;
        accounted = stats.overwritten;
        for (size_t t = 0; (task = aimdb_record_task(record, t)) != NULL; t++) {
            // All consumers of a mailbox see the same value pending: it counts once.
            aimdb_task_stats consumer = task_stats(task);
            accounted += consumer.received + (t == 0 ? consumer.pending : 0);
        }
    }
    fprintf(account->out, "%-15s %10" PRIu64 " %10" PRIu64 " %12" PRIu64, aimdb_record_key(record),
            stats.produced, stats.refused, stats.overwritten);
    end_line(account, stats.produced, accounted);
}

static void
print_consumer(struct account *account, aimdb_record *record, aimdb_task *task)
{
    uint64_t produced = record_stats(record).produced;
    aimdb_task_stats stats = task_stats(task);
    fprintf(account->out,
            "%-15s %-9s %10" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64,
            aimdb_record_key(record), aimdb_task_name(task), stats.received, stats.missed,
            stats.skipped, stats.pending, stats.errors);
    uint64_t accounted = stats.received + stats.missed + stats.skipped + stats.pending;
    bool is_alone = aimdb_record_buffer(record) != AIMDB_BUFFER_MAILBOX;
    end_line(account, is_alone ? produced : accounted, accounted);
    account->lost += stats.pending;
}

static void
print_table(struct account *account, aimdb_record *record, aimdb_task *task)
{
    const char *key = aimdb_record_key(record);
    const char *table = logger_table(key);
    uint64_t delivered = task_stats(task).received;
    uint64_t not_written = logger_lost(account->logger, key);
    uint64_t rows = 0;
    if (table == NULL || strcmp(aimdb_task_name(task), LOGGER_NAME) != 0) {
        return;
    }
    bool is_known = logger_count(account->logger, key, &rows);
    fprintf(account->out, "%-15s %20" PRIu64 " %12" PRIu64, table, delivered, not_written);
    fprintf(account->out, is_known ? " %9" PRIu64 : "   unknown", rows);
    end_line(account, delivered, rows + not_written);
    account->is_balanced = account->is_balanced && is_known;
}

static void
for_each_consumer(struct account *account,
                  void (*print)(struct account *account, aimdb_record *record, aimdb_task *task))
{
    for (size_t i = 0; i < aimdb_record_count(account->db); i++) {
        aimdb_record *record = aimdb_record_at(account->db, i);
        aimdb_task *task;
        for (size_t t = 0; (task = aimdb_record_task(record, t)) != NULL; t++) {
            if (!aimdb_task_is_source(task)) {
                print(account, record, task);
            }
        }
    }
}

bool
account_print(FILE *out, aimdb *db, const aimdb_close_report *closed, struct logger *logger)
{
    struct account account = { .out = out, .db = db, .logger = logger, .is_balanced = true };

    fprintf(out, "\n%-15s %10s %10s %12s\n", "RECORD", "PRODUCED", "REFUSED", "OVERWRITTEN");
    for (size_t i = 0; i < aimdb_record_count(db); i++) {
        print_record(&account, aimdb_record_at(db, i));
    }
    fprintf(out, "\n%-15s %-9s %10s %9s %9s %9s %9s\n", "RECORD", "CONSUMER", "DELIVERED", "MISSED",
            "SKIPPED", "LOST", "ERRORS");
    for_each_consumer(&account, print_consumer);
    if (logger != NULL) {
        fprintf(out, "\n%-15s %20s %12s %9s\n", "TABLE", "DELIVERED", "NOT WRITTEN", "ROWS");
        for_each_consumer(&account, print_table);
    }
    fprintf(out, "\nwhile closing: %" PRIu64 " values delivered, %" PRIu64 " lost%s",
            closed->delivered, closed->lost,
            closed->timed_out ? " (no time was left for them)" : "");
    end_line(&account, account.lost, closed->lost);
    fprintf(out, "account: %s\n", account.is_balanced ? "balanced" : "NOT balanced");
    return account.is_balanced;
}
