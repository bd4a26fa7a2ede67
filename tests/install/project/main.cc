// SPDX-License-Identifier: Apache-2.0
// The program of main.c in C++.
#include <aimdb/aimdb.h>
#include <iostream>

struct reading {
    std::int64_t number;
    double volts;
};
AIMDB_RECORD_TYPE(reading, reading);

namespace
{
struct account {
    int values = 0;
    std::int64_t sum = 0;

    void
    add(const reading &r)
    {
        values += 1;
        sum += r.number;
    }
};

aimdb_err
add(aimdb_ctx *ctx, const reading *r)
{
    static_cast<account *>(aimdb_user(ctx))->add(*r);
    return AIMDB_OK;
}

aimdb_err
check(aimdb_ctx *, reading *r)
{
    r->volts = static_cast<double>(r->number) / 10;
    return r->number > 0 ? AIMDB_OK : AIMDB_EINVAL;
}

int
run(aimdb *db, reading_record volts, const account &consumed)
{
    reading_reader reader;
    if (reading_subscribe(volts, &reader) != AIMDB_OK) {
        return 1;
    }
    for (std::int64_t n = 0; n <= 10; n++) { // the producer function refuses the first
        const reading r = { n, 0 };
        if (reading_produce(volts, &r) != (n > 0 ? AIMDB_OK : AIMDB_EINVAL)) {
            return 1;
        }
    }
    account read;
    reading r;
    while (reading_try_recv(&reader, &r) == AIMDB_OK) {
        read.add(r);
    }
    aimdb_close_report report = {};
    report.size = sizeof report;
    const aimdb_err err = aimdb_close(db, aimdb_clock() + AIMDB_SEC(10), &report);
    reading_unsubscribe(&reader);
    std::cout << "aimdb " << aimdb_version() << ": " << aimdb_err_text(err) << "; consumer "
              << consumed.values << " values, sum " << consumed.sum << "; reader " << read.values
              << " values, sum " << read.sum << "; lost " << report.lost << "\n";
    return 0;
}
} // namespace

int
main()
{
    account consumed;
    aimdb_pool_options options = {};
    options.threads = 2;
    aimdb_executor *pool = aimdb_pool_new(&options);
    aimdb_builder *b = aimdb_builder_new(pool);
    aimdb_buffer_cfg cfg = AIMDB_SPMC_RING(64);
    cfg.stamp = true;
    const reading_record volts = reading_configure(b, "volts", cfg);
    reading_set_producer(b, volts, check, nullptr);
    reading_add_consumer(b, volts, add, &consumed);
    aimdb *db;
    if (aimdb_build(b, &db) != AIMDB_OK) {
        aimdb_builder_report(b, stderr);
        return 1;
    }
    const int status = run(db, volts, consumed);
    aimdb_free(db);
    aimdb_builder_free(b);
    aimdb_executor_free(pool);
    return status;
}
