// SPDX-License-Identifier: Apache-2.0
// Static records as C11. tests/headers/run compiles this as it is, and once for each WRONG_ name, which
// must fail within that name's lines. GCC_WRONG_ ones only gcc can find.
#include <aimdb/static.h>

struct reading {
    long number;
};
AIMDB_RECORD_TYPE(reading, struct reading);
struct alert {
    int code;
};
AIMDB_RECORD_TYPE(alert, struct alert);

#ifdef WRONG_CAPACITY
AIMDB_STATIC_SPMC_RING(reading, volts, "volts", 48, .one_writer = true);
#else
AIMDB_STATIC_SPMC_RING(reading, volts, "volts", 64, .one_writer = true);
#endif

#ifdef WRONG_OPTION
AIMDB_STATIC_SINGLE_LATEST_WITH(reading, newest, "newest", .stamp = true);
#else
AIMDB_STATIC_SINGLE_LATEST_WITH(reading, newest, "newest", .one_writer = true);
#endif

#ifdef WRONG_KEY
AIMDB_STATIC_MAILBOX(alert, alerts, "");
#else
AIMDB_STATIC_MAILBOX(alert, alerts, "alerts");
#endif

static aimdb_err
check(aimdb_ctx *ctx, struct reading *reading)
{
    (void) ctx;
    return reading->number > 0 ? AIMDB_OK : AIMDB_EINVAL;
}

static aimdb_err
show(aimdb_ctx *ctx, const struct reading *reading)
{
    (void) ctx;
    (void) reading;
    return AIMDB_OK;
}

static aimdb_err
warn(aimdb_ctx *ctx, const struct alert *alert)
{
    (void) ctx;
    (void) alert;
    return AIMDB_OK;
}

static aimdb_time
sample(aimdb_ctx *ctx, reading_record out)
{
    (void) reading_emit(ctx, out, &(struct reading){ 1 });
    return aimdb_every(ctx, AIMDB_MS(1));
}

AIMDB_STATIC_PRODUCER(volts, check, NULL);
#ifdef WRONG_SECOND_PRODUCER
AIMDB_STATIC_PRODUCER(volts, check, NULL);
#endif

#ifdef WRONG_PRODUCER
AIMDB_STATIC_PRODUCER(newest, show, NULL);
#endif

#ifdef WRONG_CONSUMER
AIMDB_STATIC_CONSUMER(volts, warn, NULL);
#else
AIMDB_STATIC_CONSUMER(alerts, warn, NULL);
#endif
AIMDB_STATIC_CONSUMER(volts, show, NULL);

#ifdef WRONG_SOURCE
AIMDB_STATIC_SOURCE(alerts, sample, NULL);
#else
AIMDB_STATIC_SOURCE(volts, sample, NULL);
#endif

#ifdef GCC_WRONG_SAME_KEY
AIMDB_STATIC_MAILBOX(alert, again, "alerts");
AIMDB_STATIC_DB(db, volts, newest, alerts, again, warn, show, sample);
#else
AIMDB_STATIC_MAILBOX(alert, again, "again");
AIMDB_STATIC_DB(db, volts, newest, alerts, again, warn, show, sample);
#endif

#ifdef WRONG_TWICE
AIMDB_STATIC_DB(other, volts);
#endif

void
produce_some(void);

void
produce_some(void)
{
#ifdef WRONG_VALUE
    (void) alert_produce(alerts, &(struct reading){ 1 });
#else
    (void) alert_produce(alerts, &(struct alert){ 1 });
#endif
    aimdb_idle(&db, aimdb_poll(&db, aimdb_clock()));
}
