// SPDX-License-Identifier: Apache-2.0
// A user's program on its own libuv loop, in C: ten values to a consumer that runs in the loop.
#define _GNU_SOURCE // what <uv.h> needs of the system
#include <aimdb/aimdb.h>
#include <aimdb/uv.h>
#include <inttypes.h>
#include <uv.h>

struct reading {
    int64_t number;
};
AIMDB_RECORD_TYPE(reading, struct reading);

struct account {
    uv_loop_t loop;
    int values;
    int64_t sum;
};

static aimdb_err
add(aimdb_ctx *ctx, const struct reading *r)
{
    struct account *account = aimdb_user(ctx);
    account->sum += r->number;
    if (++account->values == 10) {
        uv_stop(&account->loop);
    }
    return AIMDB_OK;
}

int
main(void)
{
    struct account account = { .values = 0 };
    aimdb *db;
    if (uv_loop_init(&account.loop) != 0) {
        return 1;
    }
    aimdb_executor *executor = aimdb_uv_new(&(aimdb_uv_options){ .loop = &account.loop });
    aimdb_builder *b = aimdb_builder_new(executor);
    reading_record volts = reading_configure(b, "volts", AIMDB_SPMC_RING(64));
    reading_add_consumer(b, volts, add, &account);
    if (aimdb_build(b, &db) != AIMDB_OK) {
        aimdb_builder_report(b, stderr);
        return 1;
    }
    for (int64_t n = 1; n <= 10; n++) {
        reading_produce(volts, &(struct reading){ n });
    }
    uv_run(&account.loop, UV_RUN_DEFAULT);
    aimdb_close_report report = { .size = sizeof report };
    aimdb_err err = aimdb_close(db, aimdb_clock() + AIMDB_SEC(10), &report);
    printf("aimdb %s: %s; consumer %d values, sum %" PRId64 ", in the loop; lost %" PRIu64 "\n",
           aimdb_version(), aimdb_err_text(err), account.values, account.sum, report.lost);
    aimdb_free(db);
    aimdb_builder_free(b);
    aimdb_executor_free(executor);
    uv_run(&account.loop, UV_RUN_DEFAULT);
    return uv_loop_close(&account.loop) == 0 ? 0 : 1;
}
