// SPDX-License-Identifier: Apache-2.0
// A user's program in C: ten values through a ring to a consumer and to a reader.
#include <aimdb/aimdb.h>
#include <inttypes.h>
#include <stdio.h>

#define READING(F, S)                                                                              \
    F(S, i64, number, "1")                                                                         \
    F(S, f64, volts, "V")
AIMDB_SCHEMA(reading, READING);

struct account {
    int values;
    int64_t sum;
};

static aimdb_err
add(aimdb_ctx *ctx, const struct reading *r)
{
    struct account *account = aimdb_user(ctx);
    account->values += 1;
    account->sum += r->number;
    return AIMDB_OK;
}

static aimdb_err
check(aimdb_ctx *ctx, struct reading *r)
{
    (void) ctx;
    r->volts = (double) r->number / 10;
    return r->number > 0 ? AIMDB_OK : AIMDB_EINVAL;
}

static struct account
pull(reading_reader *reader)
{
    struct account account = { 0, 0 };
    struct reading r;
    while (reading_try_recv(reader, &r) == AIMDB_OK) {
        account.values += 1;
        account.sum += r.number;
    }
    return account;
}

static int
run(aimdb *db, reading_record volts, const struct account *consumed)
{
    reading_reader reader;
    if (reading_subscribe(volts, &reader) != AIMDB_OK) {
        return 1;
    }
    for (int64_t n = 0; n <= 10; n++) { // the producer function refuses the first
        struct reading r = { .number = n };
        if (reading_produce(volts, &r) != (n > 0 ? AIMDB_OK : AIMDB_EINVAL)) {
            return 1;
        }
    }
    struct account read = pull(&reader);
    aimdb_close_report report = { .size = sizeof report };
    aimdb_err err = aimdb_close(db, aimdb_clock() + AIMDB_SEC(10), &report);
    reading_unsubscribe(&reader);
    printf("aimdb %s: %s; consumer %d values, sum %" PRId64 "; reader %d values, sum %" PRId64
           "; lost %" PRIu64 "\n",
           aimdb_version(), aimdb_err_text(err), consumed->values, consumed->sum, read.values,
           read.sum, report.lost);
    return 0;
}

int
main(void)
{
    struct account consumed = { 0, 0 };
    aimdb_executor *pool = aimdb_pool_new(&(aimdb_pool_options){ .threads = 2 });
    aimdb_builder *b = aimdb_builder_new(pool);
    reading_record volts = reading_configure(b, "volts", AIMDB_SPMC_RING(64, .stamp = true));
    reading_set_producer(b, volts, check, NULL);
    reading_add_consumer(b, volts, add, &consumed);
    aimdb *db;
    if (aimdb_build(b, &db) != AIMDB_OK) {
        aimdb_builder_report(b, stderr);
        return 1;
    }
    int status = run(db, volts, &consumed);
    aimdb_free(db);
    aimdb_builder_free(b);
    aimdb_executor_free(pool);
    return status;
}
