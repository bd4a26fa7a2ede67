// SPDX-License-Identifier: Apache-2.0
#include <aimdb/aimdb.h>

#define TEMPERATURE(F, S) F(S, f32, celsius, "degC")
AIMDB_SCHEMA(temperature, TEMPERATURE);

static aimdb_err
show(aimdb_ctx *ctx, const struct temperature *t) // on a thread of the pool, in order
{
    (void) ctx;
    return printf("%.1f degC\n", (double) t->celsius) > 0 ? AIMDB_OK : AIMDB_EIO;
}

int
main(void)
{
    aimdb *db;
    aimdb_executor *pool = aimdb_pool_new(NULL); // NULL: a worker thread per processor
    aimdb_builder *b = aimdb_builder_new(pool);
    temperature_record indoor = temperature_configure(b, "sensors.indoor", AIMDB_SPMC_RING(16));
    temperature_add_consumer(b, indoor, show, NULL);
    if (aimdb_build(b, &db) != AIMDB_OK) {
        aimdb_builder_report(b, stderr); // every mistake, each with its key
        return 1;
    }
    temperature_produce(indoor, &(struct temperature){ 21.5f }); // any thread; never waits
    aimdb_close(db, aimdb_clock() + AIMDB_SEC(1), NULL);         // drains first
    aimdb_free(db);
    aimdb_builder_free(b);
    aimdb_executor_free(pool);
    return 0;
}
