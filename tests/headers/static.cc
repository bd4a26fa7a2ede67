// SPDX-License-Identifier: Apache-2.0
// Static records as C++17. tests/headers/run builds this with each compiler, links the library and
// runs it; then compiles it once for each WRONG_ name, which must fail within that name's lines.
#include <aimdb/aimdb.h>
#include <cstdint>
#include <iostream>
#include <thread>

struct reading {
    std::int64_t number;
    double volts;
};
AIMDB_RECORD_TYPE(reading, reading);
struct alert {
    int code;
};
AIMDB_RECORD_TYPE(alert, alert);

#ifdef WRONG_CAPACITY
AIMDB_STATIC_SPMC_RING(reading, volts, "volts", 48);
#else
AIMDB_STATIC_SPMC_RING(reading, volts, "volts", 64);
#endif
AIMDB_STATIC_SINGLE_LATEST(reading, newest, "newest");
AIMDB_STATIC_MAILBOX(alert, alerts, "alerts");

namespace
{
struct account {
    int values;
    std::int64_t sum;
};
account consumed = { 0, 0 };
int alerted = 0;

aimdb_err
check(aimdb_ctx *, reading *r)
{
    r->volts = static_cast<double>(r->number) / 10;
    return r->number > 0 ? AIMDB_OK : AIMDB_EINVAL;
}

aimdb_err
add(aimdb_ctx *ctx, const reading *r)
{
    account *all = static_cast<account *>(aimdb_user(ctx));
    all->values += 1;
    all->sum += r->number;
    const alert a = { static_cast<int>(r->number) };
    return r->number == 10 ? alert_emit(ctx, alerts, &a) : AIMDB_OK;
}

aimdb_err
warn(aimdb_ctx *, const alert *a)
{
    alerted = a->code;
    return AIMDB_OK;
}

aimdb_time
ask(aimdb_ctx *ctx, reading_record out)
{
    const reading r = { 1, 0 };
    (void) reading_emit(ctx, out, &r);
    return aimdb_every(ctx, AIMDB_MS(1));
}
} // namespace

#ifdef WRONG_PRODUCER
AIMDB_STATIC_PRODUCER(volts, warn, nullptr);
#else
AIMDB_STATIC_PRODUCER(volts, check, nullptr);
#endif
#ifdef WRONG_CONSUMER
AIMDB_STATIC_CONSUMER(volts, warn, &consumed);
#else
AIMDB_STATIC_CONSUMER(volts, add, &consumed);
#endif
AIMDB_STATIC_CONSUMER(alerts, warn, nullptr);
#ifdef WRONG_SOURCE
AIMDB_STATIC_SOURCE(alerts, ask, nullptr);
#else
AIMDB_STATIC_SOURCE(newest, ask, nullptr);
#endif
#ifdef WRONG_TWICE
AIMDB_STATIC_DB(db, volts, newest, alerts, add, warn, ask, add);
#else
AIMDB_STATIC_DB(db, volts, newest, alerts, add, warn, ask);
#endif

int
main()
{
    reading_reader reader;
    int read = 0;
    const bool subscribed = reading_subscribe(volts, &reader) == AIMDB_OK;
    std::thread producer([] {
        for (std::int64_t n = 0; n <= 10; n++) { // the producer function refuses the first
            const reading r = { n, 0 };
#ifdef WRONG_VALUE
            const alert a = { 0 };
            (void) reading_produce(volts, &a);
#else
            (void) reading_produce(volts, &r);
#endif
        }
    });
    while (alerted == 0) {
        aimdb_idle(&db, aimdb_poll(&db, aimdb_clock()));
    }
    producer.join();
    reading r;
    while (reading_try_recv(&reader, &r) == AIMDB_OK) {
        read += 1;
    }
    const bool stepped = reading_peek(newest, &r) == AIMDB_OK && r.number == 1;
    std::cout << (subscribed && stepped ? "" : "wrong: ") << "consumer " << consumed.values
              << " values, sum " << consumed.sum << "; reader " << read << " values; alert "
              << alerted << "\n";
    return 0;
}
