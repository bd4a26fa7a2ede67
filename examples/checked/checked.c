// SPDX-License-Identifier: Apache-2.0
#include <aimdb/aimdb.h>

#define TEMPERATURE(F, S) F(S, f32, celsius, "degC")
AIMDB_SCHEMA(temperature, TEMPERATURE); // struct temperature, its field table, its record type

// The producer function: runs inside produce, may correct a value or refuse it.
static aimdb_err
check(aimdb_ctx *ctx, struct temperature *t)
{
    (void) ctx;
    return t->celsius < -273.15f ? AIMDB_EINVAL : AIMDB_OK;
}

// A consumer: called by its own dispatcher, one value at a time, in order.
static aimdb_err
show(aimdb_ctx *ctx, const struct temperature *t)
{
    (void) ctx;
    return printf("%.1f degC\n", (double) t->celsius) > 0 ? AIMDB_OK : AIMDB_EIO;
}

int
main(void)
{
    aimdb_executor *pool = aimdb_pool_new(NULL); // a worker thread per processor
    aimdb_builder *b = aimdb_builder_new(pool);
    temperature_record indoor = temperature_configure(b, "sensors.indoor", AIMDB_SPMC_RING(16));
    temperature_set_producer(b, indoor, check, NULL);
    aimdb_task *consumer = temperature_add_consumer(b, indoor, show, NULL);
    aimdb *db;
    if (aimdb_build(b, &db) != AIMDB_OK) {
        aimdb_builder_report(b, stderr); // every mistake, each with its key
        return 1;
    }
    const float samples[] = { 20.5f, 21.0f, -300.0f, 21.5f };
    for (int i = 0; i < 4; i++) { // from any thread; never waits for the consumer
        aimdb_err err = temperature_produce(indoor, &(struct temperature){ samples[i] });
        if (err != AIMDB_OK) {
            fprintf(stderr, "refused: %s\n", aimdb_err_text(err));
        }
    }
    aimdb_close(db, aimdb_clock() + AIMDB_SEC(1), NULL); // drains first
    aimdb_record_stats stats = { .size = sizeof stats };
    aimdb_task_stats shown = { .size = sizeof shown };
    if (aimdb_record_metrics(indoor.raw, &stats) == AIMDB_OK &&
        aimdb_task_metrics(consumer, &shown) == AIMDB_OK) {
        printf("produced %d, refused %d, shown %d\n", (int) stats.produced, (int) stats.refused,
               (int) shown.received);
    }
    aimdb_free(db);
    aimdb_builder_free(b);
    aimdb_executor_free(pool);
    return 0;
}
