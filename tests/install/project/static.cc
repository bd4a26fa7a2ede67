// SPDX-License-Identifier: Apache-2.0
// The program of static.c in C++.
#include <aimdb/static.h>
#include <cstdint>
#include <iostream>

struct reading {
    std::int64_t number;
    double volts;
};
AIMDB_RECORD_TYPE(reading, reading);
AIMDB_STATIC_SPMC_RING(reading, volts, "volts", 64);

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
account consumed;

aimdb_err
check(aimdb_ctx *, reading *r)
{
    r->volts = static_cast<double>(r->number) / 10;
    return r->number > 0 ? AIMDB_OK : AIMDB_EINVAL;
}

aimdb_err
add(aimdb_ctx *ctx, const reading *r)
{
    static_cast<account *>(aimdb_user(ctx))->add(*r);
    return AIMDB_OK;
}
} // namespace

AIMDB_STATIC_PRODUCER(volts, check, nullptr);
AIMDB_STATIC_CONSUMER(volts, add, &consumed);
AIMDB_STATIC_DB(db, volts, add);

int
main()
{
    reading_reader reader;
    const aimdb_err err = reading_subscribe(volts, &reader);
    for (std::int64_t n = 0; n <= 10; n++) { // the producer function refuses the first
        const reading r = { n, 0 };
        if (reading_produce(volts, &r) != (n > 0 ? AIMDB_OK : AIMDB_EINVAL)) {
            return 1;
        }
    }
    aimdb_idle(&db, AIMDB_FOREVER); // there are news
    while (consumed.values < 10) {
        (void) aimdb_poll(&db, aimdb_clock());
    }
    account read;
    reading r;
    while (reading_try_recv(&reader, &r) == AIMDB_OK) {
        read.add(r);
    }
    std::cout << "aimdb " << aimdb_version() << ": " << aimdb_err_text(err) << "; consumer "
              << consumed.values << " values, sum " << consumed.sum << "; reader " << read.values
              << " values, sum " << read.sum << "\n";
    return 0;
}
