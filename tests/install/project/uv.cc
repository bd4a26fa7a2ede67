// SPDX-License-Identifier: Apache-2.0
// The program of uv.c in C++.
#include <aimdb/aimdb.h>
#include <aimdb/uv.h>
#include <iostream>
#include <uv.h>

struct reading {
    std::int64_t number;
};
AIMDB_RECORD_TYPE(reading, reading);

namespace
{
struct account {
    uv_loop_t loop;
    int values = 0;
    std::int64_t sum = 0;
};

aimdb_err
add(aimdb_ctx *ctx, const reading *r)
{
    auto *to = static_cast<account *>(aimdb_user(ctx));
    to->sum += r->number;
    if (++to->values == 10) {
        uv_stop(&to->loop);
    }
    return AIMDB_OK;
}
} // namespace

int
main()
{
    account consumed;
    aimdb *db;
    if (uv_loop_init(&consumed.loop) != 0) {
        return 1;
    }
    aimdb_uv_options options = {};
    options.loop = &consumed.loop;
    aimdb_executor *executor = aimdb_uv_new(&options);
    aimdb_builder *b = aimdb_builder_new(executor);
    const reading_record volts = reading_configure(b, "volts", AIMDB_SPMC_RING(64));
    reading_add_consumer(b, volts, add, &consumed);
    if (aimdb_build(b, &db) != AIMDB_OK) {
        aimdb_builder_report(b, stderr);
        return 1;
    }
    for (std::int64_t n = 1; n <= 10; n++) {
        const reading r = { n };
        if (reading_produce(volts, &r) != AIMDB_OK) {
            return 1;
        }
    }
    uv_run(&consumed.loop, UV_RUN_DEFAULT);
    aimdb_close_report report = {};
    report.size = sizeof report;
    const aimdb_err err = aimdb_close(db, aimdb_clock() + AIMDB_SEC(10), &report);
    std::cout << "aimdb " << aimdb_version() << ": " << aimdb_err_text(err) << "; consumer "
              << consumed.values << " values, sum " << consumed.sum << ", in the loop; lost "
              << report.lost << "\n";
    aimdb_free(db);
    aimdb_builder_free(b);
    aimdb_executor_free(executor);
    uv_run(&consumed.loop, UV_RUN_DEFAULT);
    return uv_loop_close(&consumed.loop) == 0 ? 0 : 1;
}
