// SPDX-License-Identifier: Apache-2.0
// What a produce costs when nobody consumes, when a consumer keeps up as well as it can, and when
// it sleeps in every call: it must not matter [P1].
//
// The bare ring says what the machine itself takes for it: a value that another processor has read
// must be fetched back before its slot can be written again, whatever the protocol.
#define _GNU_SOURCE // nanosleep
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "bare.h"
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

// --- the bare ring -------------------------------------------------------------------------------

struct bare_listener {
    struct bare_ring *ring;
    atomic_bool stop;
    _Alignas(64) uint64_t sum;
};

// Reads every value once; jumps to the newest when it was lapped. What it reads may be torn.
static void *
listen_bare(void *argument)
{
    struct bare_listener *listener = argument;
    size_t at = 0;
    for (unsigned spins = 0; !atomic_load_explicit(&listener->stop, memory_order_relaxed);) {
        size_t commit = bare_committed(listener->ring);
        at = commit - at > CAPACITY ? commit : at;
        spins = at < commit ? 0 : spins + 1;
        for (; at < commit; at++) {
            const struct value32 *value = (const void *) bare_at(listener->ring, at, 32);
            listener->sum += value->words[0] ^ value->words[3];
            bare_keep();
        }
        bench_look_away(spins);
    }
    return NULL;
}

static void
run_bare(const struct bench_case *c, struct bench_run *ret)
{
    struct bare_listener *listener = bench_alloc(sizeof *listener);
    const struct values *values = values_of(32);
    pthread_t thread;
    listener->ring = bare_ring_new(CAPACITY, 32);
    if (c->consumers > 0) {
        thread_start(&thread, listen_bare, listener);
    }
    int64_t begin = bench_now();
    for (uint64_t i = 0; i < c->count; i++) {
        if (c->one_writer) {
            bare_push_one(listener->ring, value_at(values, i), 32, 1);
        } else {
            bare_push_any(listener->ring, value_at(values, i), 32);
        }
        bare_keep();
    }
    ret->figures[0] = (double) (bench_now() - begin) / (double) c->count;
    atomic_store(&listener->stop, true);
    if (c->consumers > 0) {
        thread_join(thread);
    }
    ret->expected = ret->accounted = c->count;
    ret->intact = bare_committed(listener->ring) == c->count;
    bare_ring_free(listener->ring);
    free(listener);
}

// --- the group -----------------------------------------------------------------------------------

static const struct kind {
    const char *name;
    aimdb_buffer buffer;
    bool one_writer;
    bool bare;
} kinds[] = { { "ring one_writer", AIMDB_BUFFER_SPMC_RING, true, false },
              { "bare ring one_writer", AIMDB_BUFFER_SPMC_RING, true, true },
              { "ring any_writer", AIMDB_BUFFER_SPMC_RING, false, false },
              { "bare ring any_writer", AIMDB_BUFFER_SPMC_RING, false, true },
              { "latest any_writer", AIMDB_BUFFER_SINGLE_LATEST, false, false },
              { "mailbox any_writer", AIMDB_BUFFER_MAILBOX, false, false } };

#define KINDS (sizeof kinds / sizeof kinds[0])

void
bench_producer(struct bench *bench)
{
    struct bench_case cases[KINDS * PACES];
    size_t count = 0;
    for (size_t i = 0; i < KINDS * PACES; i++) {
        const struct kind *kind = &kinds[i / PACES];
        enum pace pace = (enum pace)(i % PACES);
        if (kind->bare && pace == ASLEEP) {
            continue;
        }
        struct bench_case *c = &cases[count++];
        *c = (struct bench_case){ .run = kind->bare ? run_bare : run,
                                  .bytes = 32,
                                  .buffer = kind->buffer,
                                  .one_writer = kind->one_writer,
                                  .consumers = pace != NOBODY,
                                  .count = bench->quick ? 3000 : 4000000 };
        c->sleep_ms = pace != ASLEEP ? 0 : bench->quick ? 5 : 1000;
        c->limit = pace != NOBODY ? c[-(ptrdiff_t) pace].name : NULL;
        (void) snprintf(c->name, BENCH_NAME_MAX, "%s %s", kind->name, pace_names[pace]);
    }
    const struct bench_group group = { "producer", "a produce beside consumers of different speed",
                                       figures,    1,
                                       cases,      count };
    bench_run_group(bench, &group);
}
