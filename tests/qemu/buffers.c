// SPDX-License-Identifier: Apache-2.0
// All three buffers, a consumer each, and sleep between: what it links is the core that tests/qemu/budgets
// measures. With -DWITH_SOURCE there are a source and an emission as well.
#include <aimdb/static.h>

#include "check.h"

struct value {
    uint32_t number;
};

AIMDB_RECORD_TYPE(value, struct value);
AIMDB_STATIC_SPMC_RING(value, ring, "ring", 4);
AIMDB_STATIC_SINGLE_LATEST(value, latest, "latest");
AIMDB_STATIC_MAILBOX(value, mailbox, "mailbox");

static uint32_t seen;

static aimdb_err
see(aimdb_ctx *ctx, const struct value *value)
{
    (void) ctx;
    seen += value->number;
    return AIMDB_OK;
}

AIMDB_STATIC_CONSUMER_AS(see_ring, ring, see, NULL);
AIMDB_STATIC_CONSUMER_AS(see_latest, latest, see, NULL);
AIMDB_STATIC_CONSUMER_AS(see_mailbox, mailbox, see, NULL);

#ifdef WITH_SOURCE
static aimdb_time
make(aimdb_ctx *ctx, value_record record)
{
    (void) value_emit(ctx, record, &(struct value){ 1 });
    return aimdb_every(ctx, AIMDB_MS(10));
}

AIMDB_STATIC_SOURCE(ring, make, NULL);
AIMDB_STATIC_DB(db, ring, make, latest, mailbox, see_ring, see_latest, see_mailbox);
#else
AIMDB_STATIC_DB(db, ring, latest, mailbox, see_ring, see_latest, see_mailbox);
#endif

static void
tick(void)
{
    const struct value value = { 100 };
    CHECK(value_produce(ring, &value) == AIMDB_OK);
    CHECK(value_produce(latest, &value) == AIMDB_OK);
    CHECK(value_produce(mailbox, &value) == AIMDB_OK);
}

int
main(void)
{
    board_start(tick);
    while (seen < 3000) {
        aimdb_idle(&db, aimdb_poll(&db, aimdb_clock()));
    }
    return 0;
}
