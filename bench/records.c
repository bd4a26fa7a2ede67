// SPDX-License-Identifier: Apache-2.0
// Many records with a consumer each: how long they take to build, what they weigh, and how fast
// values move when each push goes to another record than the one before.
//
// Lossless: rounds are counted in epochs of half a ring. A consumer adds each value to the count of
// its thread for the value's epoch, and the producer begins an epoch only when everything of the
// one before the last has been taken. So no ring ever holds more than two epochs.
#define _GNU_SOURCE // posix_memalign
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "bare.h"
#include "world.h"

#define CAPACITY 16
#define EPOCH (CAPACITY / 2) // rounds
#define THREADS_MAX 64

enum { RATE, BUILD, BYTES };

static const struct bench_figure figures[] = { { "rate", "M/s", BENCH_MORE },
                                               { "build", "ms", BENCH_LESS },
                                               { "memory", "B/rec", BENCH_LESS } };

// Values taken by one thread: in even epochs and in odd ones.
struct taken {
    _Alignas(64) atomic_size_t of[2];
};

static struct taken counters[THREADS_MAX];
static atomic_uint threads_seen; // since the run began
static atomic_uint run_number;
static _Thread_local struct taken *mine;
static _Thread_local unsigned mine_of; // the run that `mine` belongs to

static void
begin_counting(void)
{
    for (size_t i = 0; i < THREADS_MAX; i++) {
        atomic_store(&counters[i].of[0], 0);
        atomic_store(&counters[i].of[1], 0);
    }
    atomic_store(&threads_seen, 0);
    atomic_fetch_add(&run_number, 1);
}

static struct taken *
my_counter(void)
{
    unsigned now = atomic_load_explicit(&run_number, memory_order_relaxed);
    if (mine_of != now) {
        unsigned at = atomic_fetch_add(&threads_seen, 1);
        if (at >= THREADS_MAX) {
            bench_die("more than %d threads run consumers", THREADS_MAX);
        }
        mine = &counters[at];
        mine_of = now;
    }
    return mine;
}

static void
count_taken(uint64_t number)
{
    atomic_size_t *count = &my_counter()->of[(number / EPOCH) % 2];
    size_t before = atomic_load_explicit(count, memory_order_relaxed);
    atomic_store_explicit(count, before + 1, memory_order_release);
}

static uint64_t
taken_in(unsigned parity)
{
    uint64_t sum = 0;
    unsigned threads = atomic_load(&threads_seen);
    for (unsigned i = 0; i < threads && i < THREADS_MAX; i++) {
        sum += atomic_load_explicit(&counters[i].of[parity], memory_order_acquire);
    }
    return sum;
}

// Waits until all values of the epochs before `epoch` that have its parity were taken.
static void
wait_for_epoch(uint64_t epoch, uint64_t records)
{
    uint64_t wanted = epoch / 2 * EPOCH * records;
    for (unsigned spins = 0; taken_in(epoch % 2) < wanted; spins++) {
        bench_look_away(spins);
    }
}

// --- ours ----------------------------------------------------------------------------------------

// One consumer.
struct taker {
    uint64_t at;
    uint64_t wrong;
};

static aimdb_err
take(aimdb_ctx *ctx, const struct value32 *value)
{
    struct taker *taker = aimdb_user(ctx);
    taker->wrong |= mismatch(values_of(32), value, sizeof *value, taker->at);
    count_taken(taker->at++);
    return AIMDB_OK;
}

// The database's memory, counted where it is asked for.
struct meter {
    size_t held;
};

static void *
metered_alloc(void *user, size_t size, size_t align)
{
    struct meter *meter = user;
    void *memory = NULL;
    size_t least = align < sizeof(void *) ? sizeof(void *) : align;
    if (posix_memalign(&memory, least, size) != 0) {
        return NULL;
    }
    meter->held += size;
    return memory;
}

static void
metered_release(void *user, void *memory, size_t size)
{
    struct meter *meter = user;
    if (memory) {
        meter->held -= size;
        free(memory);
    }
}

struct setup {
    struct world world;
    struct meter meter;
    value32_record *records;
    struct taker *takers;
};

static void
set_up(struct setup *setup, const struct bench_case *c, double *ret_ms)
{
    const struct values *values = values_of(32);
    aimdb_allocator allocator = { metered_alloc, metered_release, &setup->meter };
    aimdb_builder_options options = { .allocator = &allocator };
    setup->records = bench_alloc(c->records * sizeof *setup->records);
    setup->takers = bench_alloc(c->records * sizeof *setup->takers);
    setup->world.executor = aimdb_pool_new(NULL);
    int64_t begin = bench_now();
    setup->world.builder = aimdb_builder_new_with(setup->world.executor, &options);
    if (!setup->world.builder) {
        bench_die("no memory for a database");
    }
    for (unsigned i = 0; i < c->records; i++) {
        char key[32];
        (void) snprintf(key, sizeof key, "plant.sensor.%05u", i);
        aimdb_buffer_cfg cfg = AIMDB_SPMC_RING(CAPACITY, .one_writer = c->one_writer);
        setup->records[i].raw = world_record(&setup->world, key, values, cfg);
        (void) value32_add_consumer(setup->world.builder, setup->records[i], take,
                                    &setup->takers[i]);
    }
    world_build(&setup->world);
    *ret_ms = (double) (bench_now() - begin) / 1e6;
    aimdb_builder_free(setup->world.builder);
    setup->world.builder = NULL;
}

// What the database says it uses must be what the allocator gave it.
static double
bytes_a_record(const struct setup *setup, const struct bench_case *c, bool *ret_agree)
{
    aimdb_memory_stats memory = { .size = sizeof memory };
    must(aimdb_memory(setup->world.db, &memory), "aimdb_memory");
    *ret_agree = memory.total == setup->meter.held;
    return (double) memory.total / (double) c->records;
}

static void
tear_down(struct setup *setup, const struct bench_case *c, uint64_t rounds, struct bench_run *ret)
{
    must(aimdb_close(setup->world.db, AIMDB_FOREVER, NULL), "aimdb_close");
    ret->expected = rounds * c->records;
    for (unsigned i = 0; i < c->records; i++) {
        aimdb_task_stats stats = task_stats(aimdb_record_task(setup->records[i].raw, 0));
        ret->accounted += stats.received + stats.missed + stats.pending;
        ret->delivered += setup->takers[i].at;
        ret->intact = ret->intact && setup->takers[i].wrong == 0 && stats.missed == 0;
    }
    ret->intact = ret->intact && ret->delivered == ret->expected;
    world_end(&setup->world);
    free(setup->records);
    free(setup->takers);
}

// Rounds are whole epochs, so that both parities come out even.
static uint64_t
rounds_of(const struct bench_case *c)
{
    uint64_t rounds = c->count / c->records;
    return (rounds / (2 * EPOCH) + 1) * 2 * EPOCH;
}

static void
run(const struct bench_case *c, struct bench_run *ret)
{
    struct setup setup = { .meter = { 0 } };
    const struct values *values = values_of(32);
    uint64_t rounds = rounds_of(c);
    unsigned refused = 0;
    bool agree = false;
    begin_counting();
    set_up(&setup, c, &ret->figures[BUILD]);
    ret->figures[BYTES] = bytes_a_record(&setup, c, &agree);
    int64_t begin = bench_now();
    for (uint64_t round = 0; round < rounds; round++) {
        if (round % EPOCH == 0) {
            wait_for_epoch(round / EPOCH, c->records);
        }
        for (unsigned i = 0; i < c->records; i++) {
            refused += value32_produce(setup.records[i], value_at(values, round)) != AIMDB_OK;
        }
    }
    wait_for_epoch(rounds / EPOCH, c->records);
    wait_for_epoch(rounds / EPOCH + 1, c->records);
    ret->figures[RATE] = bench_mega_rate(rounds * c->records, bench_now() - begin);
    tear_down(&setup, c, rounds, ret);
    ret->intact = ret->intact && refused == 0 && agree;
}

// --- the limit -----------------------------------------------------------------------------------

// Bare rings, and one thread that goes round them for ever.
struct bare_records {
    struct bare_ring **rings;
    struct taker *takers;
    const struct bench_case *c;
    uint64_t rounds;
};

static void *
bare_reader_main(void *argument)
{
    struct bare_records *all = argument;
    const struct values *values = values_of(32);
    uint64_t left = all->rounds * all->c->records;
    for (unsigned spins = 0; left > 0; spins++) {
        uint64_t before = left;
        for (unsigned i = 0; i < all->c->records; i++) {
            struct taker *taker = &all->takers[i];
            size_t commit = bare_committed(all->rings[i]);
            for (; taker->at < commit; left--) {
                const unsigned char *value = bare_at(all->rings[i], taker->at, 32);
                taker->wrong |= mismatch(values, value, 32, taker->at);
                count_taken(taker->at++);
            }
        }
        spins = left < before ? 0 : spins;
        bench_relax(spins);
    }
    return NULL;
}

static void
run_bare(const struct bench_case *c, struct bench_run *ret)
{
    struct bare_records all = { .c = c, .rounds = rounds_of(c) };
    const struct values *values = values_of(32);
    pthread_t reader;
    all.rings = bench_alloc(c->records * sizeof *all.rings);
    all.takers = bench_alloc(c->records * sizeof *all.takers);
    for (unsigned i = 0; i < c->records; i++) {
        all.rings[i] = bare_ring_new(CAPACITY, 32);
    }
    begin_counting();
    thread_start(&reader, bare_reader_main, &all);
    int64_t begin = bench_now();
    for (uint64_t round = 0; round < all.rounds; round++) {
        if (round % EPOCH == 0) {
            wait_for_epoch(round / EPOCH, c->records);
        }
        for (unsigned i = 0; i < c->records; i++) {
            bare_push_one(all.rings[i], value_at(values, round), 32, 1);
        }
    }
    thread_join(reader);
    ret->figures[RATE] = bench_mega_rate(all.rounds * c->records, bench_now() - begin);
    ret->figures[BUILD] = NAN;
    ret->figures[BYTES] = NAN;
    ret->expected = all.rounds * c->records;
    for (unsigned i = 0; i < c->records; i++) {
        ret->delivered += all.takers[i].at;
        ret->intact = ret->intact && all.takers[i].wrong == 0;
        bare_ring_free(all.rings[i]);
    }
    ret->accounted = ret->delivered;
    free(all.rings);
    free(all.takers);
}

// --- the group -----------------------------------------------------------------------------------

void
bench_records(struct bench *bench)
{
    static const unsigned counts[2] = { 1000, 10000 };
    static char limits[2][BENCH_NAME_MAX];
    struct bench_case cases[2 * 3];
    size_t at = 0;
    for (size_t i = 0; i < 2; i++) {
        unsigned records = bench->quick ? counts[i] / 100 : counts[i];
        struct bench_case model = {
            .run = run, .bytes = 32, .records = records, .count = bench->quick ? 10 : 3000000
        };
        (void) snprintf(limits[i], BENCH_NAME_MAX, "limit %u bare rings", records);
        model.limit = limits[i];
        for (int one_writer = 1; one_writer >= 0; one_writer--) {
            cases[at] = model;
            cases[at].one_writer = one_writer;
            (void) snprintf(cases[at].name, BENCH_NAME_MAX, "%u records %s", records,
                            one_writer ? "one_writer" : "any_writer");
            at++;
        }
        cases[at] = model;
        cases[at].run = run_bare;
        cases[at].limit = NULL;
        memcpy(cases[at].name, limits[i], sizeof limits[i]);
        at++;
    }
    const struct bench_group group = {
        "records", "a consumer each, ring of 16, round robin, lossless", figures, 3, cases, at
    };
    bench_run_group(bench, &group);
}
