// SPDX-License-Identifier: Apache-2.0
// A user's program of static records: ten values to a consumer and to a reader, no builder, no threads.
#include <aimdb/static.h>
#include <inttypes.h>
#include <stdio.h>

struct reading {
    int64_t number;
    double volts;
};
AIMDB_RECORD_TYPE(reading, struct reading);
AIMDB_STATIC_SPMC_RING(reading, volts, "volts", 64);

struct account {
    int values;
    int64_t sum;
};
static struct account consumed;

static aimdb_err
check(aimdb_ctx *ctx, struct reading *r)
{
    (void) ctx;
    r->volts = (double) r->number / 10;
    return r->number > 0 ? AIMDB_OK : AIMDB_EINVAL;
}
AIMDB_STATIC_PRODUCER(volts, check, NULL);

static aimdb_err
add(aimdb_ctx *ctx, const struct reading *r)
{
    struct account *account = aimdb_user(ctx);
    account->values += 1;
    account->sum += r->number;
    return AIMDB_OK;
}
AIMDB_STATIC_CONSUMER(volts, add, &consumed);
AIMDB_STATIC_DB(db, volts, add);

int
main(void)
{
    reading_reader reader;
    aimdb_err err = reading_subscribe(volts, &reader);
    for (int64_t n = 0; n <= 10; n++) { // the producer function refuses the first
        struct reading r = { .number = n };
        if (reading_produce(volts, &r) != (n > 0 ? AIMDB_OK : AIMDB_EINVAL)) {
            return 1;
        }
    }
    aimdb_idle(&db, AIMDB_FOREVER); // there are news
    while (consumed.values < 10) {
        (void) aimdb_poll(&db, aimdb_clock());
    }
    struct account read = { 0, 0 };
    struct reading r;
    while (reading_try_recv(&reader, &r) == AIMDB_OK) {
        read.values += 1;
        read.sum += r.number;
    }
    printf("aimdb %s: %s; consumer %d values, sum %" PRId64 "; reader %d values, sum %" PRId64 "\n",
           aimdb_version(), aimdb_err_text(err), consumed.values, consumed.sum, read.values,
           read.sum);
    return 0;
}
