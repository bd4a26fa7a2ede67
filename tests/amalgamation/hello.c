// SPDX-License-Identifier: Apache-2.0
// The smallest firmware of two files: an interrupt produces, a consumer gets every value, main sleeps.
#include "aimdb.h"

#include "check.h"

struct tick {
    uint32_t number;
};
AIMDB_RECORD_TYPE(tick, struct tick);
AIMDB_STATIC_SPMC_RING(tick, ticks, "ticks", 8, .one_writer = true);

static uint32_t produced;
static uint32_t sum;

static void
on_tick(void)
{
    (void) tick_produce(ticks, &(struct tick){ ++produced });
}

static aimdb_err
add(aimdb_ctx *ctx, const struct tick *tick)
{
    sum += tick->number;
    return aimdb_missed(ctx) == 0 ? AIMDB_OK : AIMDB_ELAGGED;
}
AIMDB_STATIC_CONSUMER(ticks, add, NULL);
AIMDB_STATIC_DB(db, ticks, add);

int
main(void)
{
    board_start(on_tick);
    while (sum < 55) {
        aimdb_idle(&db, aimdb_poll(&db, aimdb_clock()));
    }
    CHECK(sum == 55);
    print_number("hello from two files: ", (int64_t) sum);
    board_print("\n");
    return 0;
}
