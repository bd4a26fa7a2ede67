// SPDX-License-Identifier: Apache-2.0
// Several threads that write into one record, with a consumer and without.
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "bare.h"
#include "world.h"

#define CAPACITY 1024
#define WRITERS_MAX 4

static const struct bench_figure figures[] = { { "rate", "M/s", BENCH_MORE } };

// Values carry their writer, and their number within it.
struct counter {
    _Alignas(64) uint64_t next[WRITERS_MAX]; // least number that may come from each writer
    uint64_t received;
    uint64_t wrong;
};

struct crew {
    struct counter counter;
    const struct bench_case *c;
    aimdb_record *record;   // ours
    struct bare_ring *ring; // the limit's
    atomic_uint ready;      // writers that wait for the start
    _Alignas(64) atomic_uint started;
    atomic_uint refused;
};

struct writer {
    struct crew *crew;
    uint64_t number;
    uint64_t count; // values it writes
};

static void
wait_for_start(struct crew *crew)
{
    atomic_fetch_add(&crew->ready, 1);
    for (unsigned spins = 0; atomic_load(&crew->started) == 0; spins++) {
        bench_relax(spins);
    }
}

// A ring of values that are made well before they are sent (values.h).
#define AHEAD 16

static void *
writer_main(void *argument)
{
    struct writer *writer = argument;
    struct crew *crew = writer->crew;
    struct value32 values[AHEAD];
    unsigned refused = 0;
    for (uint64_t i = 0; i < AHEAD; i++) {
        values[i] = (struct value32){ { writer->number, i, 0, ~i } };
    }
    wait_for_start(crew);
    for (uint64_t i = 0; i < writer->count; i++) {
        struct value32 *value = &values[i % AHEAD];
        refused += aimdb_produce(crew->record, value, sizeof *value) != AIMDB_OK;
        value->words[1] = i + AHEAD;
        value->words[3] = ~(i + AHEAD);
    }
    atomic_fetch_add(&crew->refused, refused);
    return NULL;
}

static void *
bare_writer_main(void *argument)
{
    struct writer *writer = argument;
    struct crew *crew = writer->crew;
    const struct values *values = values_of(32);
    wait_for_start(crew);
    for (uint64_t i = 0; i < writer->count; i++) {
        bare_push_any(crew->ring, value_at(values, i), 32);
    }
    return NULL;
}

// Each writer's values must come in its order, whole, with gaps only where values were missed.
static aimdb_err
receive(aimdb_ctx *ctx, const struct value32 *value)
{
    struct counter *counter = aimdb_user(ctx);
    uint64_t writer = value->words[0];
    uint64_t number = value->words[1];
    counter->received++;
    if (writer >= WRITERS_MAX || number < counter->next[writer] || value->words[3] != ~number) {
        counter->wrong++;
        return AIMDB_OK;
    }
    counter->next[writer] = number + 1;
    return AIMDB_OK;
}

static double
run_crew(struct crew *crew, void *(*main)(void *) )
{
    const struct bench_case *c = crew->c;
    struct writer writers[WRITERS_MAX];
    pthread_t threads[WRITERS_MAX];
    for (unsigned i = 0; i < c->writers; i++) {
        writers[i] = (struct writer){ crew, i, c->count / c->writers };
        thread_start(&threads[i], main, &writers[i]);
    }
    while (atomic_load(&crew->ready) < c->writers) {
        bench_relax(UINT32_MAX);
    }
    int64_t begin = bench_now();
    atomic_store(&crew->started, 1);
    for (unsigned i = 0; i < c->writers; i++) {
        thread_join(threads[i]);
    }
    return bench_mega_rate(c->count / c->writers * c->writers, bench_now() - begin);
}

static void
run(const struct bench_case *c, struct bench_run *ret)
{
    struct crew *crew = bench_alloc(sizeof *crew);
    struct world world;
    aimdb_task *task = NULL;
    crew->c = c;
    world_begin(&world, 0, 0);
    value32_record record = { world_record(&world, "bench", values_of(32),
                                           AIMDB_SPMC_RING(CAPACITY)) };
    crew->record = record.raw;
    if (c->consumers > 0) {
        task = value32_add_consumer(world.builder, record, receive, &crew->counter);
    }
    world_build(&world);
    ret->figures[0] = run_crew(crew, writer_main);
    must(aimdb_close(world.db, AIMDB_FOREVER, NULL), "aimdb_close");
    ret->expected = c->count / c->writers * c->writers;
    ret->accounted = record_stats(record.raw).produced;
    if (task) {
        aimdb_task_stats stats = task_stats(task);
        ret->intact = ret->accounted == ret->expected && crew->counter.received == stats.received;
        ret->accounted = stats.received + stats.missed + stats.pending;
        ret->delivered = stats.received;
    }
    ret->intact = ret->intact && crew->counter.wrong == 0 && atomic_load(&crew->refused) == 0;
    world_end(&world);
    free(crew);
}

static void
run_bare(const struct bench_case *c, struct bench_run *ret)
{
    struct crew *crew = bench_alloc(sizeof *crew);
    (void) values_of(32);
    crew->c = c;
    crew->ring = bare_ring_new(CAPACITY, 32);
    ret->figures[0] = run_crew(crew, bare_writer_main);
    ret->expected = c->count / c->writers * c->writers;
    ret->accounted = bare_committed(crew->ring);
    bare_ring_free(crew->ring);
    free(crew);
}

void
bench_writers(struct bench *bench)
{
    static const unsigned counts[3] = { 1, 2, 4 };
    static char limits[3][BENCH_NAME_MAX];
    struct bench_case cases[3 * 3];
    for (size_t i = 0; i < 3; i++) {
        struct bench_case model = {
            .run = run, .bytes = 32, .writers = counts[i], .count = bench->quick ? 4000 : 2000000
        };
        const char *plural = counts[i] > 1 ? "s" : "";
        (void) snprintf(limits[i], BENCH_NAME_MAX, "limit %u writer%s", counts[i], plural);
        for (unsigned k = 0; k < 3; k++) {
            struct bench_case *c = &cases[i * 3 + k];
            *c = model;
            c->consumers = k == 1;
            c->limit = k < 2 ? limits[i] : NULL;
            c->run = k < 2 ? run : run_bare;
            (void) snprintf(c->name, BENCH_NAME_MAX, "%s%s", limits[i] + (k < 2 ? 6 : 0),
                            k == 1 ? " one consumer" : "");
        }
    }
    const struct bench_group group = { "writers", "threads into one record, all together",
                                       figures,   1,
                                       cases,     9 };
    bench_run_group(bench, &group);
}
