// SPDX-License-Identifier: Apache-2.0
// A timer's handler produces, the main thread consumes and sleeps in between.
#include <zephyr/kernel.h>
#include <zephyr/sys/printk.h>

#include <aimdb.h>

struct sample {
    uint32_t number;
};
AIMDB_RECORD_TYPE(sample, struct sample);
AIMDB_STATIC_SPMC_RING(sample, samples, "timer.samples", 16, .one_writer = true);

static void
on_timer(struct k_timer *timer)
{
    static uint32_t number;
    (void) timer;
    (void) sample_produce(samples, &(struct sample){ ++number });
}
K_TIMER_DEFINE(ticker, on_timer, NULL);

static aimdb_err
show(aimdb_ctx *ctx, const struct sample *s)
{
    printk("sample %u, missed %u\n", (unsigned) s->number, (unsigned) aimdb_missed(ctx));
    return AIMDB_OK;
}
AIMDB_STATIC_CONSUMER(samples, show, NULL);
AIMDB_STATIC_DB(db, samples, show);

int
main(void)
{
    k_timer_start(&ticker, K_MSEC(100), K_MSEC(100));
    for (;;) {
        aimdb_idle(&db, aimdb_poll(&db, aimdb_clock()));
    }
}
