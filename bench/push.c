// SPDX-License-Identifier: Apache-2.0
// A push, and a push with the read of it, all in one thread: what the instructions cost when no
// cache line moves.
#include <math.h>

#include "bare.h"
#include "world.h"

#define CAPACITY 1024
#define LIMIT_LONGER 8 // a run of a limit takes so many more values, to take about as long

static const struct bench_figure figures[] = { { "time", "ns", BENCH_LESS } };

static double
each(int64_t ns, uint64_t count)
{
    return (double) ns / (double) count;
}

// --- ours ----------------------------------------------------------------------------------------

struct setup {
    struct world world;
    const struct values *values;
    aimdb_record *record;
    aimdb_reader reader;
};

static void
set_up(struct setup *setup, const struct bench_case *c)
{
    aimdb_buffer_cfg cfg = { .buffer = c->buffer,
                             .capacity = c->buffer == AIMDB_BUFFER_SPMC_RING ? CAPACITY : 1,
                             .one_writer = c->one_writer };
    world_begin(&setup->world, 1, 0);
    setup->values = values_of(c->bytes);
    setup->record = world_record(&setup->world, "bench", setup->values, cfg);
    world_build(&setup->world);
    must(aimdb_subscribe(setup->record, &setup->reader), "aimdb_subscribe");
}

static void
tear_down(struct setup *setup)
{
    aimdb_unsubscribe(&setup->reader);
    world_end(&setup->world);
}

// Reads what the buffer still holds, and adds up what became of all pushes.
static void
account(struct setup *setup, const struct bench_case *c, struct bench_run *ret)
{
    struct value1024 out;
    uint64_t at = 0;
    for (;;) {
        aimdb_err err = aimdb_try_recv(&setup->reader, &out, c->bytes);
        if (err == AIMDB_ELAGGED) {
            at += aimdb_missed_by(&setup->reader);
            continue;
        }
        if (err != AIMDB_OK) {
            break;
        }
        at = c->buffer == AIMDB_BUFFER_SPMC_RING ? at : c->count - 1;
        ret->intact = ret->intact && mismatch(setup->values, &out, c->bytes, at) == 0;
        at++;
    }
    aimdb_reader_stats stats = { .size = sizeof stats };
    must(aimdb_reader_metrics(&setup->reader, &stats), "aimdb_reader_metrics");
    ret->expected = c->count;
    ret->delivered = stats.received;
    ret->accounted = stats.received + stats.missed + stats.skipped + stats.pending +
                     record_stats(setup->record).overwritten;
}

static void
run_push(const struct bench_case *c, struct bench_run *ret)
{
    struct setup setup;
    set_up(&setup, c);
    unsigned refused = 0;
    int64_t begin = bench_now();
    for (uint64_t i = 0; i < c->count; i++) {
        refused += aimdb_produce(setup.record, value_at(setup.values, i), c->bytes) != AIMDB_OK;
    }
    ret->figures[0] = each(bench_now() - begin, c->count);
    account(&setup, c, ret);
    ret->intact = ret->intact && refused == 0;
    tear_down(&setup);
}

static void
run_push_recv(const struct bench_case *c, struct bench_run *ret)
{
    struct setup setup;
    struct value1024 out;
    uint64_t wrong = 0;
    set_up(&setup, c);
    int64_t begin = bench_now();
    for (uint64_t i = 0; i < c->count; i++) {
        wrong |= aimdb_produce(setup.record, value_at(setup.values, i), c->bytes) != AIMDB_OK;
        wrong |= aimdb_try_recv(&setup.reader, &out, c->bytes) != AIMDB_OK;
        wrong |= mismatch(setup.values, &out, c->bytes, i);
    }
    ret->figures[0] = each(bench_now() - begin, c->count);
    account(&setup, c, ret);
    ret->intact = wrong == 0 && ret->delivered == c->count;
    tear_down(&setup);
}

// --- limits --------------------------------------------------------------------------------------

static void
settle_limit(const struct bench_case *c, int64_t ns, uint64_t done, struct bench_run *ret)
{
    ret->figures[0] = each(ns, c->count);
    ret->expected = c->count;
    ret->accounted = done;
    ret->delivered = done;
}

BARE_INLINE void
push_loop(const struct bench_case *c, struct bare_ring *ring, const struct values *values,
          size_t bytes)
{
    for (uint64_t i = 0; i < c->count; i++) {
        if (c->one_writer) {
            bare_push_one(ring, value_at(values, i), bytes, 1);
        } else {
            bare_push_any(ring, value_at(values, i), bytes);
        }
        bare_keep();
    }
}

static void
run_bare_push(const struct bench_case *c, struct bench_run *ret)
{
    const struct values *values = values_of(c->bytes);
    struct bare_ring *ring = bare_ring_new(CAPACITY, c->bytes);
    int64_t begin = bench_now();
    BARE_BY_SIZE(c->bytes, push_loop, c, ring, values);
    settle_limit(c, bench_now() - begin, bare_committed(ring), ret);
    bare_ring_free(ring);
}

BARE_INLINE void
push_recv_loop(const struct bench_case *c, struct bare_ring *ring, const struct values *values,
               uint64_t *wrong, size_t bytes)
{
    unsigned char out[sizeof(struct value1024)];
    for (uint64_t i = 0; i < c->count; i++) {
        if (c->one_writer) {
            bare_push_one(ring, value_at(values, i), bytes, 1);
        } else {
            bare_push_any(ring, value_at(values, i), bytes);
        }
        *wrong |= bare_committed(ring) != i + 1;
        memcpy(out, bare_at(ring, i, bytes), bytes);
        bare_keep();
        *wrong |= mismatch(values, out, bytes, i);
    }
}

static void
run_bare_push_recv(const struct bench_case *c, struct bench_run *ret)
{
    const struct values *values = values_of(c->bytes);
    struct bare_ring *ring = bare_ring_new(CAPACITY, c->bytes);
    uint64_t wrong = 0;
    int64_t begin = bench_now();
    BARE_BY_SIZE(c->bytes, push_recv_loop, c, ring, values, &wrong);
    settle_limit(c, bench_now() - begin, bare_committed(ring), ret);
    ret->intact = wrong == 0;
    bare_ring_free(ring);
}

BARE_INLINE void
memcpy_loop(const struct bench_case *c, unsigned char *slots, const struct values *values,
            size_t bytes)
{
    for (uint64_t i = 0; i < c->count; i++) {
        memcpy(slots + (i & (CAPACITY - 1)) * bytes, value_at(values, i), bytes);
        bare_keep();
    }
}

static void
run_memcpy(const struct bench_case *c, struct bench_run *ret)
{
    const struct values *values = values_of(c->bytes);
    unsigned char *slots = bench_alloc(CAPACITY * c->bytes);
    int64_t begin = bench_now();
    BARE_BY_SIZE(c->bytes, memcpy_loop, c, slots, values);
    settle_limit(c, bench_now() - begin, c->count, ret);
    uint64_t last = c->count - 1;
    const unsigned char *at = slots + (last & (CAPACITY - 1)) * c->bytes;
    ret->intact = mismatch(values, at, c->bytes, last) == 0;
    free(slots);
}

// --- the groups ----------------------------------------------------------------------------------

static const struct kind {
    const char *name;
    aimdb_buffer buffer;
} kinds[] = { { "ring", AIMDB_BUFFER_SPMC_RING },
              { "latest", AIMDB_BUFFER_SINGLE_LATEST },
              { "mailbox", AIMDB_BUFFER_MAILBOX } };

#define KINDS (sizeof kinds / sizeof kinds[0])

typedef void
run_fn(const struct bench_case *c, struct bench_run *ret);

// The cases of one size and one way to write: three buffers and their limit.
static size_t
add_cases(struct bench_case *cases, struct bench_case model, run_fn *ours, run_fn *bare)
{
    const char *limit = model.one_writer ? "limit one_writer" : "limit any_writer";
    for (size_t i = 0; i < KINDS; i++) {
        cases[i] = model;
        cases[i].buffer = kinds[i].buffer;
        cases[i].run = ours;
        cases[i].limit = limit;
        (void) snprintf(cases[i].name, BENCH_NAME_MAX, "%s %s", kinds[i].name, limit + 6);
    }
    cases[KINDS] = model;
    cases[KINDS].run = bare;
    cases[KINDS].count *= LIMIT_LONGER;
    (void) snprintf(cases[KINDS].name, BENCH_NAME_MAX, "%s", limit);
    return KINDS + 1;
}

static void
run_group(struct bench *bench, const char *name, const char *title, run_fn *ours, run_fn *bare)
{
    static const size_t sizes[] = { 8, 32, 100, 1024 };
    struct bench_case cases[4 * (2 * (KINDS + 1) + 1)];
    size_t count = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct bench_case model = { .bytes = sizes[i], .one_writer = true };
        model.count = bench->quick ? 3000 : sizes[i] > 256 ? 400000 : 2000000;
        count += add_cases(cases + count, model, ours, bare);
        model.one_writer = false;
        count += add_cases(cases + count, model, ours, bare);
        if (ours == run_push) {
            model.run = run_memcpy;
            model.count *= LIMIT_LONGER;
            (void) snprintf(model.name, BENCH_NAME_MAX, "limit memcpy");
            cases[count++] = model;
        }
    }
    const struct bench_group group = { name, title, figures, 1, cases, count };
    bench_run_group(bench, &group);
}

void
bench_push(struct bench *bench)
{
    run_group(bench, "push", "one value, one reader that never reads, same thread", run_push,
              run_bare_push);
}

void
bench_push_recv(struct bench *bench)
{
    run_group(bench, "push_recv", "push, then try_recv of it, same thread", run_push_recv,
              run_bare_push_recv);
}
