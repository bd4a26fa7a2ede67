// SPDX-License-Identifier: Apache-2.0
// Mistakes in types that the typed wrappers turn into compile errors, each beside its correction.
// tests/headers/run compiles this file as C11 and as C++17: as it is, which must succeed, and once
// for each WRONG_ name, which must fail within that name's lines.
#include <aimdb/aimdb.h>

#define TEMPERATURE(F, S)                                                                          \
    F(S, f32, celsius, "degC")                                                                     \
    F(S, i64, at, "ns")
AIMDB_SCHEMA(temperature, TEMPERATURE);

struct alert {
    int code;
};
AIMDB_RECORD_TYPE(alert, struct alert);

#ifdef WRONG_KIND
#define POSITION(F, S) F(S, f33, latitude, "deg")
AIMDB_SCHEMA(position, POSITION);
#else
#define POSITION(F, S) F(S, f32, latitude, "deg")
AIMDB_SCHEMA(position, POSITION);
#endif

#ifdef WRONG_SIZE
struct page {
    char bytes[AIMDB_VALUE_MAX + 1];
};
AIMDB_RECORD_TYPE(page, struct page);
#else
struct page {
    char bytes[AIMDB_VALUE_MAX];
};
AIMDB_RECORD_TYPE(page, struct page);
#endif

#ifdef WRONG_TRANSFORM_TYPE
AIMDB_TRANSFORM(judge, temperature, nobody);
#else
AIMDB_TRANSFORM(judge, temperature, alert);
#endif

struct all {
    aimdb_builder *builder;
    aimdb *db;
    aimdb_ctx *ctx;
    temperature_record indoor;
    alert_record alerts;
    temperature_reader reader;
    alert_reader other_reader;
    struct temperature t;
    struct alert a;
};

aimdb_err
check_temperature(aimdb_ctx *ctx, struct temperature *t);
aimdb_err
check_alert(aimdb_ctx *ctx, struct alert *a);
aimdb_err
use_temperature(aimdb_ctx *ctx, const struct temperature *t);
aimdb_err
use_alert(aimdb_ctx *ctx, const struct alert *a);
bool
judge_temperature(aimdb_ctx *ctx, const struct temperature *in, struct alert *out);
bool
judge_alert(aimdb_ctx *ctx, const struct alert *in, struct alert *out);
bool
judge_in_place(aimdb_ctx *ctx, struct temperature *in, struct temperature *out);
aimdb_err
use_anything(const void *value);
aimdb_err
use_both(aimdb_ctx *ctx, size_t index, const void *value);
aimdb_time
sample_temperature(aimdb_ctx *ctx, temperature_record out);
aimdb_time
sample_alert(aimdb_ctx *ctx, alert_record out);
void
sample_never(aimdb_ctx *ctx, temperature_record out);

void
values(struct all *x);
void
readers(struct all *x);
void
callbacks(struct all *x);
void
records(struct all *x);

void
values(struct all *x)
{
    struct temperature many[2] = { x->t, x->t };
    struct alert others[2] = { x->a, x->a };
    aimdb_err err;
    (void) many, (void) others, (void) err;

#ifdef WRONG_PRODUCE
    (void) temperature_produce(x->indoor, &x->a);
#else
    (void) temperature_produce(x->indoor, &x->t);
#endif
#ifdef WRONG_PRODUCE_BY_VALUE
    (void) temperature_produce(x->indoor, x->t);
#else
    (void) temperature_produce(x->indoor, &x->t);
#endif
#ifdef WRONG_PRODUCE_MEMBER
    (void) temperature_produce(x->indoor, &x->t.celsius);
#else
    (void) temperature_produce(x->indoor, &x->t);
#endif
#ifdef WRONG_PRODUCE_N
    (void) temperature_produce_n(x->indoor, others, 2);
#else
    (void) temperature_produce_n(x->indoor, many, 2);
#endif
#ifdef WRONG_EMIT
    (void) alert_emit(x->ctx, x->alerts, &x->t);
#else
    (void) alert_emit(x->ctx, x->alerts, &x->a);
#endif
#ifdef WRONG_TRY_RECV
    err = temperature_try_recv(&x->reader, &x->a);
#else
    err = temperature_try_recv(&x->reader, &x->t);
#endif
#ifdef WRONG_RECV
    err = temperature_recv(&x->reader, &x->a, AIMDB_FOREVER);
#else
    err = temperature_recv(&x->reader, &x->t, AIMDB_FOREVER);
#endif
#ifdef WRONG_DRAIN
    (void) temperature_drain(&x->reader, others, 2, NULL);
#else
    (void) temperature_drain(&x->reader, many, 2, NULL);
#endif
#ifdef WRONG_DRAIN_MISSED
    (void) temperature_drain(&x->reader, many, 2, &x->t);
#else
    (void) temperature_drain(&x->reader, many, 2, NULL);
#endif
#ifdef WRONG_PEEK
    err = temperature_peek(x->indoor, &x->a);
#else
    err = temperature_peek(x->indoor, &x->t);
#endif
}

void
readers(struct all *x)
{
    aimdb_reader *raw = &x->reader.raw;
    temperature_reader *typed = &x->reader;
    aimdb_err err;
    (void) err, (void) raw, (void) typed;

#ifdef WRONG_SUBSCRIBE_READER
    (void) temperature_subscribe(x->indoor, &x->other_reader);
#else
    (void) temperature_subscribe(x->indoor, &x->reader);
#endif
#ifdef WRONG_OBSERVE_READER
    (void) temperature_observe(x->indoor, &x->other_reader);
#else
    (void) temperature_observe(x->indoor, &x->reader);
#endif
#ifdef WRONG_TRY_RECV_READER
    err = temperature_try_recv(&x->other_reader, &x->t);
#else
    err = temperature_try_recv(&x->reader, &x->t);
#endif
#ifdef WRONG_RECV_READER
    err = temperature_recv(&x->other_reader, &x->t, AIMDB_FOREVER);
#else
    err = temperature_recv(&x->reader, &x->t, AIMDB_FOREVER);
#endif
#ifdef WRONG_DRAIN_READER
    (void) temperature_drain(&x->other_reader, &x->t, 1, NULL);
#else
    (void) temperature_drain(&x->reader, &x->t, 1, NULL);
#endif
#ifdef WRONG_MISSED_READER
    (void) temperature_missed(&x->other_reader);
#else
    (void) temperature_missed(&x->reader);
#endif
#ifdef WRONG_UNSUBSCRIBE_READER
    temperature_unsubscribe(&x->other_reader);
#else
    temperature_unsubscribe(&x->reader);
#endif
#ifdef WRONG_SELECT
    (void) (aimdb_select(&typed, 1, AIMDB_FOREVER) > 0);
#else
    (void) (aimdb_select(&raw, 1, AIMDB_FOREVER) > 0);
#endif
#ifdef WRONG_RAW_READER
    temperature_unsubscribe(&x->reader.raw);
#else
    temperature_unsubscribe(&x->reader);
#endif
}

void
callbacks(struct all *x)
{
    aimdb_record *raw[] = { x->indoor.raw, x->alerts.raw };
    const struct temperature *t;
    (void) t;

#ifdef WRONG_JOIN
    (void) aimdb_add_join(x->builder, raw, 2, use_temperature, NULL);
#else
    (void) aimdb_add_join(x->builder, raw, 2, use_both, NULL);
#endif
#ifdef WRONG_JOIN_RECORDS
    (void) aimdb_add_join(x->builder, &x->indoor, 1, use_both, NULL);
#else
    (void) aimdb_add_join(x->builder, &x->indoor.raw, 1, use_both, NULL);
#endif
#ifdef WRONG_JOINED
    t = alert_joined(x->ctx, raw);
#else
    t = temperature_joined(x->ctx, raw);
#endif
#ifdef WRONG_PRODUCER
    temperature_set_producer(x->builder, x->indoor, check_alert, NULL);
#else
    temperature_set_producer(x->builder, x->indoor, check_temperature, NULL);
#endif
#ifdef WRONG_PRODUCER_CONST
    temperature_set_producer(x->builder, x->indoor, use_temperature, NULL);
#else
    temperature_set_producer(x->builder, x->indoor, check_temperature, NULL);
#endif
#ifdef WRONG_TRANSFORM_IN
    (void) judge_add_transform(x->builder, x->indoor, x->alerts, judge_alert, NULL);
#else
    (void) judge_add_transform(x->builder, x->indoor, x->alerts, judge_temperature, NULL);
#endif
#ifdef WRONG_TRANSFORM_OUT
    (void) judge_add_transform(x->builder, x->indoor, x->alerts, judge_in_place, NULL);
#else
    (void) judge_add_transform(x->builder, x->indoor, x->alerts, judge_temperature, NULL);
#endif
#ifdef WRONG_TRANSFORM_RECORDS
    (void) judge_add_transform(x->builder, x->alerts, x->indoor, judge_temperature, NULL);
#else
    (void) judge_add_transform(x->builder, x->indoor, x->alerts, judge_temperature, NULL);
#endif
#ifdef WRONG_CONSUMER
    (void) temperature_add_consumer(x->builder, x->indoor, use_alert, NULL);
#else
    (void) temperature_add_consumer(x->builder, x->indoor, use_temperature, NULL);
#endif
#ifdef WRONG_CONSUMER_NOT_CONST
    (void) temperature_add_consumer(x->builder, x->indoor, check_temperature, NULL);
#else
    (void) temperature_add_consumer(x->builder, x->indoor, use_temperature, NULL);
#endif
#ifdef WRONG_CONSUMER_WITHOUT_CTX
    (void) temperature_add_consumer(x->builder, x->indoor, use_anything, NULL);
#else
    (void) temperature_add_consumer(x->builder, x->indoor, use_temperature, NULL);
#endif
#ifdef WRONG_CONSUMER_WITH
    (void) temperature_add_consumer_with(x->builder, x->indoor, use_alert, NULL, NULL);
#else
    (void) temperature_add_consumer_with(x->builder, x->indoor, use_temperature, NULL, NULL);
#endif
#ifdef WRONG_SOURCE
    (void) temperature_add_source(x->builder, x->indoor, sample_alert, NULL);
#else
    (void) temperature_add_source(x->builder, x->indoor, sample_temperature, NULL);
#endif
#ifdef WRONG_SOURCE_WITH
    (void) temperature_add_source_with(x->builder, x->indoor, sample_alert, NULL, NULL);
#else
    (void) temperature_add_source_with(x->builder, x->indoor, sample_temperature, NULL, NULL);
#endif
#ifdef WRONG_SOURCE_RESULT
    (void) temperature_add_source(x->builder, x->indoor, sample_never, NULL);
#else
    (void) temperature_add_source(x->builder, x->indoor, sample_temperature, NULL);
#endif
}

void
records(struct all *x)
{
    aimdb_task *task;
    aimdb_err err;
    (void) task, (void) err;

#ifdef WRONG_CONFIGURE
    x->alerts = temperature_configure(x->builder, "indoor", AIMDB_SPMC_RING(16));
#else
    x->indoor = temperature_configure(x->builder, "indoor", AIMDB_SPMC_RING(16));
#endif
#ifdef WRONG_FIND
    err = temperature_find(x->db, "indoor", &x->alerts);
#else
    err = temperature_find(x->db, "indoor", &x->indoor);
#endif
#ifdef WRONG_PRODUCE_RECORD
    (void) temperature_produce(x->alerts, &x->t);
#else
    (void) temperature_produce(x->indoor, &x->t);
#endif
#ifdef WRONG_PRODUCE_RAW
    (void) temperature_produce(x->indoor.raw, &x->t);
#else
    (void) temperature_produce(x->indoor, &x->t);
#endif
#ifdef WRONG_EMIT_RECORD
    (void) alert_emit(x->ctx, x->indoor, &x->a);
#else
    (void) alert_emit(x->ctx, x->alerts, &x->a);
#endif
#ifdef WRONG_SUBSCRIBE_RECORD
    (void) temperature_subscribe(x->alerts, &x->reader);
#else
    (void) temperature_subscribe(x->indoor, &x->reader);
#endif
#ifdef WRONG_PEEK_RECORD
    err = temperature_peek(x->alerts, &x->t);
#else
    err = temperature_peek(x->indoor, &x->t);
#endif
#ifdef WRONG_PRODUCER_RECORD
    temperature_set_producer(x->builder, x->alerts, check_temperature, NULL);
#else
    temperature_set_producer(x->builder, x->indoor, check_temperature, NULL);
#endif
#ifdef WRONG_CONSUMER_RECORD
    task = temperature_add_consumer(x->builder, x->alerts, use_temperature, NULL);
#else
    task = temperature_add_consumer(x->builder, x->indoor, use_temperature, NULL);
#endif
#ifdef WRONG_SOURCE_RECORD
    task = temperature_add_source(x->builder, x->alerts, sample_temperature, NULL);
#else
    task = temperature_add_source(x->builder, x->indoor, sample_temperature, NULL);
#endif
#ifdef WRONG_EMITTED_BY_RECORD
    alert_emitted_by(x->builder, x->indoor, task);
#else
    alert_emitted_by(x->builder, x->alerts, task);
#endif
}
