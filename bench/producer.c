// SPDX-License-Identifier: Apache-2.0
// What a produce costs when nobody consumes, when a consumer keeps up as well as it can, and when
// it sleeps in every call: it must not matter [P1].
#define _GNU_SOURCE // nanosleep
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "bench.h"
#include "world.h"

#define CAPACITY 1024
#define WARM_UP 64

static const struct bench_figure figures[] = { { "produce", "ns", BENCH_LESS } };

enum pace { NOBODY, FAST, ASLEEP, PACES };

static const char *const pace_names[PACES] = { "no consumer", "fast consumer", "consumer asleep" };

struct listener {
    _Alignas(64) atomic_size_t calls; // begun
    uint64_t sum;                     // so that a value is looked at
    unsigned sleep_ms;
};

static aimdb_err
listen(aimdb_ctx *ctx, const struct value32 *value)
{
    struct listener *listener = aimdb_user(ctx);
    listener->sum += value->words[0] ^ value->words[3];
    atomic_fetch_add_explicit(&listener->calls, 1, memory_order_release);
    if (listener->sleep_ms > 0) {
        struct timespec time = { .tv_sec = listener->sleep_ms / 1000,
                                 .tv_nsec = (long) (listener->sleep_ms % 1000) * 1000000 };
        (void) nanosleep(&time, NULL);
    }
    return AIMDB_OK;
}

struct setup {
    struct listener listener;
    struct world world;
    value32_record record;
    aimdb_task *task;
};

static void
set_up(struct setup *setup, const struct bench_case *c, const struct values *values)
{
    aimdb_buffer_cfg cfg = { .buffer = c->buffer,
                             .capacity = c->buffer == AIMDB_BUFFER_SPMC_RING ? CAPACITY : 1,
                             .one_writer = c->one_writer };
    setup->listener.sleep_ms = c->sleep_ms;
    world_begin(&setup->world, 0, 0);
    setup->record.raw = world_record(&setup->world, "bench", values, cfg);
    if (c->consumers > 0) {
        aimdb_consumer_options options = { .blocking = c->sleep_ms > 0 };
        setup->task = value32_add_consumer_with(setup->world.builder, setup->record, listen,
                                                &setup->listener, &options);
    }
    world_build(&setup->world);
}

// The consumer is awake, or in the call in which it sleeps.
static void
warm_up(struct setup *setup, const struct bench_case *c, const struct values *values)
{
    for (uint64_t i = 0; i < WARM_UP; i++) {
        must(value32_produce(setup->record, value_at(values, i)), "produce");
    }
    while (c->consumers > 0 && atomic_load(&setup->listener.calls) == 0) {
        bench_relax(UINT32_MAX);
    }
}

static void
account(struct setup *setup, const struct bench_case *c, struct bench_run *ret)
{
    uint64_t produced = record_stats(setup->record.raw).produced;
    ret->expected = c->count + WARM_UP;
    ret->accounted = produced;
    if (!setup->task) {
        return;
    }
    aimdb_task_stats stats = task_stats(setup->task);
    ret->delivered = stats.received;
    ret->intact = stats.received == atomic_load(&setup->listener.calls);
    if (c->buffer == AIMDB_BUFFER_SPMC_RING) {
        ret->accounted = stats.received + stats.missed + stats.pending;
        ret->intact = ret->intact && produced == ret->expected;
    }
}

static void
run(const struct bench_case *c, struct bench_run *ret)
{
    struct setup *setup = bench_alloc(sizeof *setup);
    const struct values *values = values_of(32);
    unsigned refused = 0;
    set_up(setup, c, values);
    warm_up(setup, c, values);
    int64_t begin = bench_now();
    for (uint64_t i = 0; i < c->count; i++) {
        refused += value32_produce(setup->record, value_at(values, i)) != AIMDB_OK;
    }
    ret->figures[0] = (double) (bench_now() - begin) / (double) c->count;
    must(aimdb_close(setup->world.db, aimdb_clock(), NULL), "aimdb_close");
    account(setup, c, ret);
    ret->intact = ret->intact && refused == 0;
    world_end(&setup->world);
    free(setup);
}

// --- the group -----------------------------------------------------------------------------------

static const struct kind {
    const char *name;
    aimdb_buffer buffer;
    bool one_writer;
} kinds[] = { { "ring one_writer", AIMDB_BUFFER_SPMC_RING, true },
              { "ring any_writer", AIMDB_BUFFER_SPMC_RING, false },
              { "latest any_writer", AIMDB_BUFFER_SINGLE_LATEST, false },
              { "mailbox any_writer", AIMDB_BUFFER_MAILBOX, false } };

#define KINDS (sizeof kinds / sizeof kinds[0])

void
bench_producer(struct bench *bench)
{
    struct bench_case cases[KINDS * PACES];
    for (size_t i = 0; i < KINDS * PACES; i++) {
        const struct kind *kind = &kinds[i / PACES];
        enum pace pace = (enum pace)(i % PACES);
        cases[i] = (struct bench_case){ .run = run,
                                        .bytes = 32,
                                        .buffer = kind->buffer,
                                        .one_writer = kind->one_writer,
                                        .consumers = pace != NOBODY,
                                        .count = bench->quick ? 3000 : 4000000 };
        cases[i].sleep_ms = pace != ASLEEP ? 0 : bench->quick ? 5 : 1000;
        cases[i].limit = pace != NOBODY ? cases[i - (size_t) pace].name : NULL;
        (void) snprintf(cases[i].name, BENCH_NAME_MAX, "%s %s", kind->name, pace_names[pace]);
    }
    const struct bench_group group = { "producer", "a produce beside consumers of different speed",
                                       figures,    1,
                                       cases,      KINDS * PACES };
    bench_run_group(bench, &group);
}
