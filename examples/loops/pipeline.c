// SPDX-License-Identifier: Apache-2.0
#include "pipeline.h"

#include <pthread.h>

struct tick {
    int number;
    const char *from;
};
AIMDB_RECORD_TYPE(tick, struct tick);

static aimdb *db;
static tick_record ticks;
static pthread_t thread;
static void (*then_call)(void *loop);

static aimdb_time
count_up(aimdb_ctx *ctx, tick_record out) // the source
{
    static int count;
    (void) tick_emit(ctx, out, &(struct tick){ ++count, "source" });
    return count < 5 ? aimdb_every(ctx, AIMDB_MS(1)) : AIMDB_FOREVER;
}

static void *
produce_one_more(void *arg) // the thread: the loop may be asleep by now, or not yet
{
    (void) tick_produce(ticks, &(struct tick){ 6, "thread" });
    return arg;
}

static aimdb_err
show(aimdb_ctx *ctx, const struct tick *tick) // the consumer
{
    printf("tick %d, from the %s\n", tick->number, tick->from);
    if (tick->number == 6) {
        then_call(aimdb_user(ctx));
    } else if (tick->number == 5 && pthread_create(&thread, NULL, produce_one_more, NULL) != 0) {
        return AIMDB_EIO;
    }
    return AIMDB_OK;
}

bool
pipeline_start(aimdb_executor *executor, void (*then)(void *loop), void *loop)
{
    aimdb_builder *b = aimdb_builder_new(executor);
    ticks = tick_configure(b, "ticks", AIMDB_SPMC_RING(16));
    tick_add_source(b, ticks, count_up, NULL);
    tick_add_consumer(b, ticks, show, loop);
    then_call = then;
    bool is_built = aimdb_build(b, &db) == AIMDB_OK;
    aimdb_builder_report(b, stderr);
    aimdb_builder_free(b);
    return is_built;
}

void
pipeline_end(void)
{
    (void) pthread_join(thread, NULL);
    aimdb_free(db);
}
