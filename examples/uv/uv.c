// SPDX-License-Identifier: Apache-2.0
// AimDB on the application's own libuv loop: consumers run in its callbacks, on its thread, and an
// open database keeps uv_run going.
#define _GNU_SOURCE // what <uv.h> needs of the system
#include <aimdb/aimdb.h>
#include <aimdb/uv.h>
#include <uv.h>

struct temperature {
    float celsius;
};
AIMDB_RECORD_TYPE(temperature, struct temperature);

static aimdb *db;
static temperature_record indoor;

static aimdb_err
show(aimdb_ctx *ctx, const struct temperature *t) // as the timer below: in a callback of the loop
{
    (void) ctx;
    return printf("%.1f degC\n", (double) t->celsius) > 0 ? AIMDB_OK : AIMDB_EIO;
}

static void
sample(uv_timer_t *timer)
{
    static int samples;
    temperature_produce(indoor, &(struct temperature){ 21.0f + 0.5f * (float) samples++ });
    if (samples == 4) {
        aimdb_close(db, aimdb_clock() + AIMDB_SEC(1), NULL); // shows the last one, then
        uv_close((uv_handle_t *) timer, NULL);               // nothing keeps the loop going
    }
}

int
main(void)
{
    uv_loop_t *loop = uv_default_loop();
    uv_timer_t timer;
    aimdb_executor *executor = aimdb_uv_new(&(aimdb_uv_options){ .loop = loop });
    aimdb_builder *b = aimdb_builder_new(executor);
    indoor = temperature_configure(b, "sensors.indoor", AIMDB_SPMC_RING(16));
    temperature_add_consumer(b, indoor, show, NULL);
    if (aimdb_build(b, &db) != AIMDB_OK) {
        aimdb_builder_report(b, stderr);
        return 1;
    }
    uv_timer_init(loop, &timer);
    uv_timer_start(&timer, sample, 1, 1);
    uv_run(loop, UV_RUN_DEFAULT); // until the database is closed
    aimdb_free(db);
    aimdb_builder_free(b);
    aimdb_executor_free(executor);
    uv_run(loop, UV_RUN_DEFAULT); // its handles close
    return uv_loop_close(loop) == 0 ? 0 : 1;
}
