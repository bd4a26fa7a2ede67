// SPDX-License-Identifier: Apache-2.0
// A ring: an interrupt produces samples, two consumers get each of them.
#include <aimdb/static.h>

#include "print.h"

struct sample {
    int32_t value;
};
AIMDB_RECORD_TYPE(sample, struct sample);

AIMDB_STATIC_SPMC_RING(sample, samples, "samples", 16, .one_writer = true);

static int32_t sum, count;

static aimdb_err
show(aimdb_ctx *ctx, const struct sample *sample)
{
    (void) ctx;
    print_line("sample ", sample->value);
    return AIMDB_OK;
}

static aimdb_err
add(aimdb_ctx *ctx, const struct sample *sample)
{
    (void) ctx;
    sum += sample->value;
    count++;
    return AIMDB_OK;
}

AIMDB_STATIC_CONSUMER(samples, show, NULL);
AIMDB_STATIC_CONSUMER(samples, add, NULL);
AIMDB_STATIC_DB(db, samples, show, add);

// Each millisecond, in an interrupt.
static void
tick(void)
{
    static int32_t n;
    if (n < 10) {
        n++;
        (void) sample_produce(samples, &(struct sample){ n * n });
    }
}

int
main(void)
{
    board_start(tick);
    for (;;) {
        aimdb_time next = aimdb_poll(&db, aimdb_clock());
        if (count == 10) {
            break;
        }
        aimdb_idle(&db, next);
    }
    print_line("sum ", sum);
    return 0;
}
