// SPDX-License-Identifier: Apache-2.0
// What a firmware does with the two files, once: three buffers, several writers, a producer function,
// a source on a grid, an asynchronous consumer, readers of its own, figures.
#include "aimdb.h"

#include "check.h"

struct sample {
    uint32_t number;
    uint8_t bytes[29]; // no whole number of words
};
AIMDB_RECORD_TYPE(sample, struct sample);

AIMDB_STATIC_SPMC_RING(sample, fast, "fast", 16);
AIMDB_STATIC_SINGLE_LATEST(sample, newest, "newest");
AIMDB_STATIC_MAILBOX(sample, orders, "orders");

static volatile uint32_t ticks;
static uint32_t beats, received, lost, latest, order;
static aimdb_token pending;
static bool is_pending;

static struct sample
make(uint32_t number)
{
    struct sample made = { .number = number };
    for (size_t i = 0; i < sizeof made.bytes; i++) {
        made.bytes[i] = (uint8_t) (number + i);
    }
    return made;
}

static bool
is_whole(const struct sample *s)
{
    for (size_t i = 0; i < sizeof s->bytes; i++) {
        if (s->bytes[i] != (uint8_t) (s->number + i)) {
            return false;
        }
    }
    return true;
}

static void
on_tick(void)
{
    ticks = ticks + 1;
    struct sample made = make(ticks);
    CHECK(sample_produce(fast, &made) == (ticks % 10 == 0 ? AIMDB_EINVAL : AIMDB_OK));
    CHECK(sample_produce(newest, &made) == AIMDB_OK);
}

static aimdb_err
refuse_tenth(aimdb_ctx *ctx, struct sample *s)
{
    (void) ctx;
    return s->number % 10 == 0 ? AIMDB_EINVAL : AIMDB_OK;
}
AIMDB_STATIC_PRODUCER(fast, refuse_tenth, NULL);

static aimdb_err
count(aimdb_ctx *ctx, const struct sample *s)
{
    CHECK(is_whole(s) && s->number % 10 != 0);
    received++;
    lost += (uint32_t) aimdb_missed(ctx);
    return AIMDB_OK;
}
AIMDB_STATIC_CONSUMER(fast, count, NULL);

static aimdb_err
see(aimdb_ctx *ctx, const struct sample *s)
{
    (void) ctx;
    CHECK(is_whole(s) && s->number > latest);
    latest = s->number;
    return AIMDB_OK;
}
AIMDB_STATIC_CONSUMER(newest, see, NULL);

static aimdb_err
obey(aimdb_ctx *ctx, const struct sample *s)
{
    CHECK(!is_pending && s->number > order);
    order = s->number;
    pending = aimdb_defer(ctx);
    is_pending = true;
    return AIMDB_EPENDING;
}
AIMDB_STATIC_CONSUMER(orders, obey, NULL);

static aimdb_time
beat(aimdb_ctx *ctx, sample_record out)
{
    struct sample made = make(++beats);
    CHECK(sample_emit(ctx, out, &made) == AIMDB_OK);
    return aimdb_every(ctx, AIMDB_MS(2));
}
AIMDB_STATIC_SOURCE(orders, beat, NULL);

AIMDB_STATIC_DB(db, fast, newest, orders, count, see, obey, beat);

static void
check_figures(void)
{
    aimdb_record_stats stats = { .size = sizeof stats };
    CHECK(aimdb_record_metrics(fast.raw, &stats) == AIMDB_OK);
    CHECK(stats.refused == ticks / 10 && stats.produced == ticks - ticks / 10);
    CHECK(received + lost == stats.produced);
    aimdb_task_stats task = { .size = sizeof task };
    CHECK(aimdb_task_metrics(AIMDB_STATIC_TASK(beat), &task) == AIMDB_OK);
    CHECK(task.received == beats);
}

int
main(void)
{
    sample_reader reader;
    struct sample got;
    CHECK(sample_subscribe(fast, &reader) == AIMDB_OK);
    board_start(on_tick);
    while (ticks < 100) {
        aimdb_idle(&db, aimdb_poll(&db, aimdb_clock()));
        if (is_pending) {
            is_pending = false;
            CHECK(aimdb_done(pending, AIMDB_OK) == AIMDB_OK);
        }
    }
    uint32_t end = ticks;
    (void) aimdb_poll(&db, aimdb_clock());
    if (ticks == end) {
        check_figures();
    }
    CHECK(beats >= 48 && beats <= 51 && order >= 48);
    CHECK(latest >= end - 1);
    CHECK(sample_try_recv(&reader, &got) == AIMDB_ELAGGED);
    CHECK(sample_try_recv(&reader, &got) == AIMDB_OK && is_whole(&got));
    CHECK(sample_peek(newest, &got) == AIMDB_OK && is_whole(&got));
    print_number("two files work on this board: ", (int64_t) received);
    board_print("\n");
    return 0;
}
