// SPDX-License-Identifier: Apache-2.0
#include "load.h"

#include <sched.h>

int
load_pin(void)
{
    const char *cores = getenv("STRESS_CORES");
    cpu_set_t allowed, kept;
    if (cores == NULL)
        return 0;
    long left = strtol(cores, NULL, 10);
    if (left < 1 || sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
        print_error("STRESS_CORES=%s: not a number above 0\n", cores);
        return 2;
    }
    CPU_ZERO(&kept);
    for (size_t core = 0; core < CPU_SETSIZE && left > 0; core++)
        if (CPU_ISSET(core, &allowed)) {
            CPU_SET(core, &kept);
            left--;
        }
    if (left > 0 || sched_setaffinity(0, sizeof kept, &kept) != 0) {
        print_error("STRESS_CORES=%s: this process has not so many processors\n", cores);
        return 2;
    }
    return 0;
}

int
load_tell(const char *program, int failed)
{
    (void) contract_tell(program, "values written");
    return failed;
}

uint64_t
load_scaled(uint64_t count)
{
    const char *scale = getenv("STRESS_SCALE");
    double factor = scale != NULL ? strtod(scale, NULL) : CONTRACT_SANITIZED ? 0.1 : 1.0;
    if (!(factor > 0.0 && factor <= 1e6)) {
        print_error("STRESS_SCALE=%s: not a number above 0\n", scale);
        exit(2);
    }
    uint64_t scaled = (uint64_t) ((double) count * factor);
    return scaled < 16 ? 16 : scaled;
}

uint64_t
load_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

// Values ---------------------------------------------------------------------------------------
//
// The first word names the writer and the number and holds a check of both; all further bytes
// follow from it, so that a value made of two cannot pass.

#define NUMBER_BITS 40

static uint64_t
mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

static uint64_t
head_of(unsigned writer, uint64_t number)
{
    uint64_t plain = (uint64_t) writer << 56 | number;
    return plain | (mix(plain) & 0xffff) << NUMBER_BITS;
}

void
load_stamp(uint8_t *value, size_t size, unsigned writer, uint64_t number)
{
    uint64_t head = head_of(writer, number);
    memcpy(value, &head, sizeof head);
    for (size_t at = sizeof head; at < size; at += sizeof head) {
        uint64_t word = mix(head + at);
        size_t left = size - at;
        memcpy(value + at, &word, left < sizeof word ? left : sizeof word);
    }
}

static void
value_is_whole(const uint8_t *value, size_t size, uint64_t head)
{
    for (size_t at = sizeof head; at < size; at += sizeof head) {
        uint64_t word = mix(head + at);
        size_t left = size - at;
        CHECK(memcmp(value + at, &word, left < sizeof word ? left : sizeof word) == 0);
    }
}

// Trackers -------------------------------------------------------------------------------------

void
tracker_see(struct tracker *tracker, const void *value)
{
    const struct load *load = tracker->load;
    uint64_t head;
    memcpy(&head, value, sizeof head);
    unsigned writer = (unsigned) (head >> 56);
    uint64_t number = head & (((uint64_t) 1 << NUMBER_BITS) - 1);
    CHECK(writer < load->writers && number < load->each);
    CHECK_EQ(head_of(writer, number), head);
    value_is_whole(value, load->size, head);
    CHECK(number >= tracker->next[writer]); // the order of its writer, and nothing twice
    if (load->writers == 1 && load->cfg.buffer == AIMDB_BUFFER_SPMC_RING)
        CHECK_EQ(tracker->next[0] + tracker->gap, number); // missed exactly what it was told
    if (tracker->is_taker)
        CHECK_EQ(0, atomic_fetch_add(&load->taken[writer * load->each + number], 1));
    tracker->next[writer] = number + 1;
    tracker->last = head;
    tracker->gap = 0;
    tracker->received++;
}

void
tracker_miss(struct tracker *tracker, uint64_t count)
{
    CHECK(count > 0);
    tracker->gap += count;
    tracker->missed += count;
    tracker->lags++;
}

void
tracker_agrees_with_task(const struct tracker *tracker, aimdb_task *task)
{
    aimdb_task_stats stats = task_stats(task);
    CHECK_EQ(tracker->received, stats.received);
    CHECK_EQ(tracker->missed, stats.missed);
    CHECK_EQ(0, stats.errors);
}

void
tracker_agrees_with_reader(const struct tracker *tracker, const aimdb_reader *reader)
{
    aimdb_reader_stats stats = { .size = sizeof stats };
    CHECK_OK(aimdb_reader_metrics(reader, &stats));
    CHECK_EQ(tracker->received, stats.received);
    CHECK_EQ(tracker->missed, stats.missed);
}

// Writers --------------------------------------------------------------------------------------

struct writer {
    struct load *load;
    unsigned id;
};

static void
write_all(void *arg)
{
    struct writer *writer = arg;
    struct load *load = writer->load;
    uint8_t values[LOAD_BATCH * LOAD_SIZE];
    gate_wait(load->start, 1);
    for (uint64_t number = 0; number < load->each;) {
        uint64_t left = load->each - number;
        size_t count = left < load->batch ? (size_t) left : load->batch;
        for (size_t i = 0; i < count; i++)
            load_stamp(values + i * load->size, load->size, writer->id, number + i);
        CHECK_OK(count == 1 ? aimdb_produce(load->record, values, load->size)
                            : aimdb_produce_n(load->record, values, load->size, count));
        number += count;
    }
    contract_tally(load->each);
    gate_add(load->written, 1);
}

void
load_start_writers(struct world *w, struct load *load, struct helper **helpers)
{
    for (unsigned i = 0; i < load->writers; i++) {
        struct writer *writer = world_memory(w, sizeof *writer);
        *writer = (struct writer){ load, i };
        helpers[i] = helper_start(w, write_all, writer);
    }
}

// The record -----------------------------------------------------------------------------------

typedef aimdb_err
value_consumer(aimdb_ctx *ctx, const void *value);

static aimdb_err
call_value_consumer(aimdb_ctx *ctx, aimdb_fn fn, const void *value)
{
    return ((value_consumer *) fn)(ctx, value);
}

// A descriptor has to be complete, though nothing here calls these two.
static aimdb_err
call_no_producer(aimdb_ctx *ctx, aimdb_fn fn, void *value)
{
    (void) ctx;
    (void) fn;
    (void) value;
    return AIMDB_ENOTSUP;
}

static aimdb_time
call_no_source(aimdb_ctx *ctx, aimdb_fn fn, aimdb_record *out)
{
    (void) ctx;
    (void) fn;
    (void) out;
    return AIMDB_FOREVER;
}

static aimdb_err
consume_fast(aimdb_ctx *ctx, const void *value)
{
    struct tracker *tracker = aimdb_user(ctx);
    if (aimdb_missed(ctx) > 0)
        tracker_miss(tracker, aimdb_missed(ctx));
    tracker_see(tracker, value);
    return AIMDB_OK;
}

static aimdb_err
consume_slowly(aimdb_ctx *ctx, const void *value)
{
    const struct tracker *tracker = aimdb_user(ctx);
    if (tracker->received % 64 == 0)
        for (int i = 0; i < 20; i++)
            sched_yield();
    return consume_fast(ctx, value);
}

struct load *
load_new(struct world *w, const struct load *like)
{
    struct load *load = world_memory(w, sizeof *load);
    aimdb_type *type = world_memory(w, sizeof *type);
    if (w->db != NULL)
        world_free_db(w);
    world_rebuild_with(w, w->executor, 0);
    *load = *like;
    *type = (aimdb_type){ .size = sizeof *type,
                          .name = "load",
                          .value_size = load->size,
                          .value_align = load->size % 8 == 0 ? 8 : 4,
                          .call_producer = call_no_producer,
                          .call_consumer = call_value_consumer,
                          .call_source = call_no_source };
    load->record = aimdb_configure(w->builder, "load", type, load->cfg);
    load->start = gate_new(w);
    load->written = gate_new(w);
    if (load->cfg.buffer == AIMDB_BUFFER_MAILBOX)
        load->taken = world_memory(w, load->writers * load->each * sizeof load->taken[0]);
    return load;
}

aimdb_task *
load_consume(struct world *w, struct load *load, struct tracker *tracker, bool slow, bool blocking)
{
    const aimdb_consumer_options options = { .blocking = blocking };
    tracker->load = load;
    tracker->is_taker = load->taken != NULL;
    aimdb_task *task =
        aimdb_add_consumer(w->builder, load->record,
                           (aimdb_fn) (slow ? consume_slowly : consume_fast), tracker, &options);
    CHECK(task != NULL);
    return task;
}

// Pulling --------------------------------------------------------------------------------------

static void
pull_waiting(struct puller *puller)
{
    uint8_t value[LOAD_SIZE];
    for (;;) {
        aimdb_err err =
            aimdb_recv(&puller->reader, value, puller->tracker.load->size, AIMDB_FOREVER);
        if (err == AIMDB_ECLOSED)
            break;
        CHECK(err == AIMDB_OK || err == AIMDB_ELAGGED);
        if (err == AIMDB_OK)
            tracker_see(&puller->tracker, value);
        else
            tracker_miss(&puller->tracker, aimdb_missed_by(&puller->reader));
    }
}

// Drains what there is, then makes sure with one read that nothing was forgotten.
static void
pull_draining(struct puller *puller)
{
    uint8_t values[LOAD_BATCH * LOAD_SIZE];
    struct tracker *tracker = &puller->tracker;
    const size_t size = tracker->load->size;
    uint64_t random = 99;
    for (;;) {
        uint64_t missed = 0;
        size_t max = 1 + (size_t) (load_random(&random) % LOAD_BATCH);
        size_t count = aimdb_drain(&puller->reader, values, size, max, &missed);
        CHECK(count <= max);
        if (missed > 0)
            tracker_miss(tracker, missed);
        for (size_t i = 0; i < count; i++)
            tracker_see(tracker, values + i * size);
        if (count > 0 || missed > 0)
            continue;
        aimdb_err err = aimdb_recv(&puller->reader, values, size, AIMDB_FOREVER);
        if (err == AIMDB_ECLOSED)
            break;
        if (err == AIMDB_OK)
            tracker_see(tracker, values);
        else
            tracker_miss(tracker, aimdb_missed_by(&puller->reader));
    }
}

static void
pull(void *arg)
{
    struct puller *puller = arg;
    if (puller->how == READ_STALLED)
        gate_wait(puller->tracker.load->written, puller->tracker.load->writers);
    if (puller->how == READ_DRAINING)
        pull_draining(puller);
    else
        pull_waiting(puller);
}

struct puller *
load_pull(struct world *w, struct load *load, enum reading how, bool observing)
{
    struct puller *puller = world_memory(w, sizeof *puller);
    puller->tracker.load = load;
    puller->tracker.is_taker = load->taken != NULL && !observing;
    puller->how = how;
    CHECK_OK(observing ? aimdb_observe(load->record, &puller->reader)
                       : aimdb_subscribe(load->record, &puller->reader));
    puller->helper = helper_start(w, pull, puller);
    return puller;
}

void
puller_agrees_on_lags(const struct puller *puller)
{
    aimdb_reader_stats stats = { .size = sizeof stats };
    CHECK_OK(aimdb_reader_metrics(&puller->reader, &stats));
    CHECK_EQ(puller->tracker.lags, stats.lags);
}

void
puller_join(struct puller *puller)
{
    helper_join(puller->helper);
    tracker_agrees_with_reader(&puller->tracker, &puller->reader);
    if (puller->how != READ_DRAINING) // has a test of its own
        puller_agrees_on_lags(puller);
}
