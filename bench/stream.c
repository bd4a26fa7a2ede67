// SPDX-License-Identifier: Apache-2.0
// Streams from one producer thread through dispatchers to consumer functions.
//
// The lossless ones wait for the slowest consumer: the producer looks at its counter only when the
// ring could be full, and goes on when half of it is free again, so that the line the consumer
// counts on moves seldom.
#include <math.h>

#include "bare.h"
#include "sink.h"
#include "world.h"

#define CAPACITY 1024
#define CONSUMERS_MAX 3

static const struct bench_figure rate_figures[] = { { "rate", "M/s", BENCH_MORE } };

// --- ours, lossless ------------------------------------------------------------------------------

struct stream {
    struct sink sinks[CONSUMERS_MAX];
    aimdb_task *tasks[CONSUMERS_MAX];
    struct world world;
    const struct values *values;
    aimdb_record *record;
};

static void
begin_sinks(struct sink *sinks, size_t count, const struct values *values)
{
    for (size_t i = 0; i < count; i++) {
        sinks[i] = (struct sink){ .values = values };
    }
}

static void
begin_stream(struct stream *stream, const struct bench_case *c, bool may_miss)
{
    aimdb_buffer_cfg cfg = AIMDB_SPMC_RING(CAPACITY, .one_writer = c->one_writer);
    stream->values = values_of(c->bytes);
    begin_sinks(stream->sinks, c->consumers, stream->values);
    world_begin(&stream->world, 0, 0);
    stream->record = world_record(&stream->world, "bench", stream->values, cfg);
    for (size_t i = 0; i < c->consumers; i++) {
        aimdb_fn fn = may_miss ? sink_lossy(c->bytes) : sink_lossless(c->bytes);
        stream->tasks[i] =
            aimdb_add_consumer(stream->world.builder, stream->record, fn, &stream->sinks[i], NULL);
    }
    world_build(&stream->world);
}

// Each consumer gets each value: what went in is the sum over all of them.
static void
end_stream(struct stream *stream, const struct bench_case *c, struct bench_run *ret)
{
    ret->expected = c->count * c->consumers;
    for (size_t i = 0; i < c->consumers; i++) {
        aimdb_task_stats stats = task_stats(stream->tasks[i]);
        ret->delivered += stats.received;
        ret->accounted += stats.received + stats.missed + stats.pending;
        ret->intact = ret->intact && stream->sinks[i].wrong == 0 &&
                      sink_taken(&stream->sinks[i]) == stats.received;
    }
    world_end(&stream->world);
}

// Waits until half of the ring is free. Returns how far the producer may go.
static uint64_t
wait_for_room(const struct sink *sinks, size_t count, uint64_t sent)
{
    uint64_t taken = sinks_taken(sinks, count);
    for (unsigned spins = 0; taken + CAPACITY < sent + CAPACITY / 2; spins++) {
        bench_look_away(spins);
        taken = sinks_taken(sinks, count);
    }
    return taken + CAPACITY;
}

static void
wait_for_all(const struct sink *sinks, size_t count, uint64_t sent)
{
    for (unsigned spins = 0; sinks_taken(sinks, count) < sent; spins++) {
        bench_look_away(spins);
    }
}

static void
run_stream(const struct bench_case *c, struct bench_run *ret)
{
    struct stream *stream = bench_alloc(sizeof *stream);
    begin_stream(stream, c, false);
    aimdb_err err = AIMDB_OK;
    uint64_t may_send = CAPACITY;
    int64_t begin = bench_now();
    for (uint64_t sent = 0; sent < c->count && err == AIMDB_OK; sent += c->batch) {
        if (sent + c->batch > may_send) {
            may_send = wait_for_room(stream->sinks, c->consumers, sent);
        }
        const void *values = value_at(stream->values, sent);
        err = c->batch > 1 ? aimdb_produce_n(stream->record, values, c->bytes, c->batch)
                           : aimdb_produce(stream->record, values, c->bytes);
    }
    must(err, "aimdb_produce");
    wait_for_all(stream->sinks, c->consumers, c->count);
    ret->figures[0] = bench_mega_rate(c->count, bench_now() - begin);
    end_stream(stream, c, ret);
    ret->intact = ret->intact && ret->delivered == ret->expected;
    free(stream);
}

// --- the limit, lossless -------------------------------------------------------------------------

struct bare_stream {
    struct sink sinks[CONSUMERS_MAX];
    struct bare_ring *ring;
    const struct values *values;
    const struct bench_case *c;
};

struct bare_reader {
    struct bare_stream *stream;
    struct sink *sink;
};

BARE_INLINE void
read_loop(struct bare_stream *stream, struct sink *sink, size_t bytes)
{
    for (unsigned spins = 0; sink->at < stream->c->count; spins++) {
        size_t commit = bare_committed(stream->ring);
        spins = sink->at < commit ? 0 : spins;
        for (; sink->at < commit; sink->at++) {
            const unsigned char *value = bare_at(stream->ring, sink->at, bytes);
            sink->wrong |= mismatch(stream->values, value, bytes, sink->at);
            sink_count(sink);
        }
        bench_relax(spins); // looks away: a reader that polls hard slows the writer down
    }
}

static void *
bare_reader_main(void *argument)
{
    struct bare_reader *reader = argument;
    BARE_BY_SIZE(reader->stream->c->bytes, read_loop, reader->stream, reader->sink);
    return NULL;
}

BARE_INLINE void
write_loop(struct bare_stream *stream, size_t bytes)
{
    const struct bench_case *c = stream->c;
    uint64_t may_send = CAPACITY;
    for (uint64_t sent = 0; sent < c->count; sent += c->batch) {
        if (sent + c->batch > may_send) {
            may_send = wait_for_room(stream->sinks, c->consumers, sent);
        }
        bare_push_one(stream->ring, value_at(stream->values, sent), bytes, c->batch);
    }
}

static void
run_bare_stream(const struct bench_case *c, struct bench_run *ret)
{
    struct bare_stream *stream = bench_alloc(sizeof *stream);
    struct bare_reader readers[CONSUMERS_MAX];
    pthread_t threads[CONSUMERS_MAX];
    stream->c = c;
    stream->values = values_of(c->bytes);
    stream->ring = bare_ring_new(CAPACITY, c->bytes);
    begin_sinks(stream->sinks, c->consumers, stream->values);
    for (size_t i = 0; i < c->consumers; i++) {
        readers[i] = (struct bare_reader){ stream, &stream->sinks[i] };
        thread_start(&threads[i], bare_reader_main, &readers[i]);
    }
    int64_t begin = bench_now();
    BARE_BY_SIZE(c->bytes, write_loop, stream);
    wait_for_all(stream->sinks, c->consumers, c->count);
    ret->figures[0] = bench_mega_rate(c->count, bench_now() - begin);
    for (size_t i = 0; i < c->consumers; i++) {
        thread_join(threads[i]);
        ret->delivered += sink_taken(&stream->sinks[i]);
        ret->intact = ret->intact && stream->sinks[i].wrong == 0;
    }
    ret->expected = c->count * c->consumers;
    ret->accounted = ret->delivered;
    bare_ring_free(stream->ring);
    free(stream);
}

// --- unthrottled ---------------------------------------------------------------------------------

static const struct bench_figure unthrottled_figures[] = { { "produced", "M/s", BENCH_MORE },
                                                           { "delivered", "M/s", BENCH_MORE } };

static void
run_unthrottled(const struct bench_case *c, struct bench_run *ret)
{
    struct stream *stream = bench_alloc(sizeof *stream);
    begin_stream(stream, c, true);
    unsigned refused = 0;
    int64_t begin = bench_now();
    for (uint64_t i = 0; i < c->count; i++) {
        refused += aimdb_produce(stream->record, value_at(stream->values, i), c->bytes) != AIMDB_OK;
    }
    int64_t ns = bench_now() - begin;
    ret->figures[0] = bench_mega_rate(c->count, ns);
    ret->figures[1] = NAN;
    if (c->consumers > 0) {
        ret->figures[1] = bench_mega_rate(task_stats(stream->tasks[0]).received, ns);
        for (unsigned spins = 0; task_stats(stream->tasks[0]).pending > 0; spins++) {
            bench_relax(spins);
        }
        must(aimdb_close(stream->world.db, AIMDB_FOREVER, NULL), "aimdb_close");
    }
    uint64_t produced = record_stats(stream->record).produced;
    end_stream(stream, c, ret);
    ret->intact = ret->intact && refused == 0 && produced == c->count;
    free(stream);
}

// --- the groups ----------------------------------------------------------------------------------

// Ours by both ways to write, and the limit; for one size, one batch, one number of consumers.
static size_t
add_cases(struct bench_case *cases, struct bench_case model)
{
    bool single = model.batch == 1;
    model.limit = single ? "limit single" : "limit batched";
    for (int i = 0; i < 2; i++) {
        cases[i] = model;
        cases[i].run = run_stream;
        cases[i].one_writer = i == 0;
        (void) snprintf(cases[i].name, BENCH_NAME_MAX, "%s %s", single ? "produce" : "produce_n 32",
                        i == 0 ? "one_writer" : "any_writer");
    }
    cases[2] = model;
    cases[2].run = run_bare_stream;
    cases[2].limit = NULL;
    (void) snprintf(cases[2].name, BENCH_NAME_MAX, "%s", model.limit);
    return 3;
}

static uint64_t
values_in_a_run(const struct bench *bench, size_t bytes)
{
    return bench->quick ? 32 * 200 : bytes > 256 ? 32 * 31250 : 32 * 125000;
}

void
bench_stream(struct bench *bench)
{
    static const size_t sizes[] = { 8, 32, 100, 1024 };
    struct bench_case cases[4 * 2 * 3];
    size_t count = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (unsigned batch = 1; batch <= 32; batch += 31) {
            struct bench_case model = { .bytes = sizes[i],
                                        .batch = batch,
                                        .consumers = 1,
                                        .count = values_in_a_run(bench, sizes[i]) };
            count += add_cases(cases + count, model);
        }
    }
    const struct bench_group group = {
        "stream", "lossless, producer thread -> dispatcher -> one consumer", rate_figures, 1, cases,
        count
    };
    bench_run_group(bench, &group);
}

void
bench_fanout(struct bench *bench)
{
    struct bench_case cases[2 * 3];
    size_t count = 0;
    for (unsigned batch = 1; batch <= 32; batch += 31) {
        struct bench_case model = {
            .bytes = 32, .batch = batch, .consumers = 3, .count = values_in_a_run(bench, 32) / 2
        };
        count += add_cases(cases + count, model);
    }
    const struct bench_group group = {
        "fanout", "lossless, one producer thread to three consumers, each", rate_figures, 1, cases,
        count
    };
    bench_run_group(bench, &group);
}

void
bench_unthrottled(struct bench *bench)
{
    struct bench_case cases[4];
    for (unsigned i = 0; i < 4; i++) {
        bool one_writer = i < 2;
        cases[i] = (struct bench_case){ .run = run_unthrottled,
                                        .bytes = 32,
                                        .one_writer = one_writer,
                                        .consumers = i % 2,
                                        .count = bench->quick ? 3000 : 4000000 };
        const char *who = one_writer ? "one_writer" : "any_writer";
        (void) snprintf(cases[i].name, BENCH_NAME_MAX, "%s %s",
                        i % 2 ? "one consumer" : "no consumer", who);
        cases[i].limit = i % 2 ? cases[i - 1].name : NULL;
    }
    const struct bench_group group = { "unthrottled",
                                       "a producer that never waits, one consumer or none",
                                       unthrottled_figures,
                                       2,
                                       cases,
                                       4 };
    bench_run_group(bench, &group);
}
