// SPDX-License-Identifier: Apache-2.0
// Values that come one by one, 10,000 a second, to a consumer that has gone to sleep meanwhile; the
// same by a bare futex; and what a database costs when nothing comes at all.
//
// The producer sleeps on an absolute grid of 100 us with a timer slack of 1 ns. Latency is from
// right before the produce (or the futex ping) to the first instruction of the receiver. CPU is
// that of the whole process, the producer's timer included, in the limit as well.
#define _GNU_SOURCE // syscall, clock_nanosleep
#include <linux/futex.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "world.h"

#define PERIOD 100000  // ns
#define CAPACITY 16384 // more than one run sends: a machine too busy to wake anybody loses nothing

enum { P50, P99, CPU, CALL };

static const struct bench_figure wake_figures[] = { { "p50", "us", BENCH_LESS },
                                                    { "p99", "us", BENCH_LESS },
                                                    { "cpu", "us/msg", BENCH_LESS },
                                                    { "call p50", "us", BENCH_LESS } };

// What a receiver notes; one thread at a time writes it.
struct log {
    int64_t *latency; // ns, by number of the value
    _Alignas(64) atomic_size_t received;
    uint64_t wrong;
};

static void
note(struct log *log, uint64_t number, int64_t sent_at)
{
    size_t received = atomic_load_explicit(&log->received, memory_order_relaxed);
    log->wrong |= number ^ received;
    log->latency[received] = bench_now() - sent_at;
    atomic_store_explicit(&log->received, received + 1, memory_order_release);
}

// --- the pace ------------------------------------------------------------------------------------

// One way to send, and what it needs.
struct sender {
    void (*send)(struct sender *sender, uint64_t number, int64_t now);
    struct log log;
    value32_record record;
    int64_t *call; // ns that each send took
    // of the limit:
    int64_t *sent_at;
    _Alignas(64) atomic_uint word;
    atomic_uint is_up; // the receiving thread runs
    bool spins;
    uint64_t count;
};

static void
sleep_until(int64_t at)
{
    struct timespec time = { .tv_sec = (time_t) (at / 1000000000),
                             .tv_nsec = (long) (at % 1000000000) };
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) != 0) {
    }
}

static void
wait_for_receiver(const struct sender *sender, uint64_t count)
{
    for (unsigned spins = 0;
         atomic_load_explicit(&sender->log.received, memory_order_acquire) < count; spins++) {
        bench_relax(spins);
    }
}

static void
start_receiver(pthread_t *ret_thread, void *(*main)(void *), struct sender *sender)
{
    thread_start(ret_thread, main, sender);
    while (atomic_load(&sender->is_up) == 0) {
        bench_relax(UINT32_MAX);
    }
}

static void
send_all(struct sender *sender, const struct bench_case *c, struct bench_run *ret)
{
    (void) prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    int64_t cpu = bench_cpu_time();
    int64_t next = bench_now() + PERIOD;
    for (uint64_t i = 0; i < c->count; i++, next += PERIOD) {
        sleep_until(next);
        int64_t now = bench_now();
        sender->send(sender, i, now);
        sender->call[i] = bench_now() - now;
    }
    wait_for_receiver(sender, c->count);
    ret->figures[CPU] = (double) (bench_cpu_time() - cpu) / 1e3 / (double) c->count;
}

static void
begin(struct sender *sender, const struct bench_case *c)
{
    sender->count = c->count;
    sender->log.latency = bench_alloc(c->count * sizeof(int64_t));
    sender->call = bench_alloc(c->count * sizeof(int64_t));
    sender->sent_at = bench_alloc(c->count * sizeof(int64_t));
}

static void
end(struct sender *sender, const struct bench_case *c, struct bench_run *ret)
{
    ret->figures[P50] = (double) bench_percentile(sender->log.latency, c->count, 0.50) / 1e3;
    ret->figures[P99] = (double) bench_percentile(sender->log.latency, c->count, 0.99) / 1e3;
    ret->figures[CALL] = (double) bench_percentile(sender->call, c->count, 0.50) / 1e3;
    ret->expected = c->count;
    ret->delivered = atomic_load(&sender->log.received);
    ret->accounted = ret->delivered;
    ret->intact = sender->log.wrong == 0;
    free(sender->log.latency);
    free(sender->call);
    free(sender->sent_at);
    free(sender);
}

// --- ours ----------------------------------------------------------------------------------------

static void
send_value(struct sender *sender, uint64_t number, int64_t now)
{
    struct value32 value = { { number, (uint64_t) now, 0, 0 } };
    must(value32_produce(sender->record, &value), "produce");
}

static aimdb_err
receive(aimdb_ctx *ctx, const struct value32 *value)
{
    struct sender *sender = aimdb_user(ctx);
    note(&sender->log, value->words[0], (int64_t) value->words[1]);
    return AIMDB_OK;
}

// A thread that pulls instead of being called.
static void *
puller_main(void *argument)
{
    struct sender *sender = argument;
    value32_reader reader;
    struct value32 value;
    must(value32_subscribe(sender->record, &reader), "subscribe");
    atomic_store(&sender->is_up, 1);
    for (uint64_t i = 0; i < sender->count; i++) {
        must(value32_recv(&reader, &value, AIMDB_FOREVER), "recv");
        note(&sender->log, value.words[0], (int64_t) value.words[1]);
    }
    value32_unsubscribe(&reader);
    return NULL;
}

// With consumers == 0 a thread of ours pulls. A latest and a mailbox would pass over values if the
// consumer came late, which the log would find wrong: only rings.
static void
run(const struct bench_case *c, struct bench_run *ret)
{
    struct sender *sender = bench_alloc(sizeof *sender);
    struct world world;
    pthread_t puller;
    begin(sender, c);
    sender->send = send_value;
    world_begin(&world, c->spin_us > 0 ? 1 : 0, c->spin_us);
    sender->record.raw = world_record(&world, "bench", values_of(32),
                                      AIMDB_SPMC_RING(CAPACITY, .one_writer = c->one_writer));
    if (c->consumers > 0) {
        (void) value32_add_consumer(world.builder, sender->record, receive, sender);
    }
    world_build(&world);
    if (c->consumers == 0) {
        start_receiver(&puller, puller_main, sender);
    }
    send_all(sender, c, ret);
    if (c->consumers == 0) {
        thread_join(puller);
    }
    world_end(&world);
    end(sender, c, ret);
}

// --- the limit: a word, and a futex on it --------------------------------------------------------

static void
send_ping(struct sender *sender, uint64_t number, int64_t now)
{
    sender->sent_at[number] = now;
    atomic_store_explicit(&sender->word, (unsigned) number + 1, memory_order_release);
    if (!sender->spins) {
        (void) syscall(SYS_futex, &sender->word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
    }
}

static void *
pinged_main(void *argument)
{
    struct sender *sender = argument;
    atomic_store(&sender->is_up, 1);
    for (uint64_t at = 0; at < sender->count;) {
        unsigned word = atomic_load_explicit(&sender->word, memory_order_acquire);
        for (; at < word; at++) {
            note(&sender->log, at, sender->sent_at[at]);
        }
        if (sender->spins) {
            bench_relax(0);
        } else if (at < sender->count) {
            (void) syscall(SYS_futex, &sender->word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, word, NULL,
                           NULL, 0);
        }
    }
    return NULL;
}

static void
run_bare(const struct bench_case *c, struct bench_run *ret)
{
    struct sender *sender = bench_alloc(sizeof *sender);
    pthread_t receiver;
    begin(sender, c);
    sender->send = send_ping;
    sender->spins = c->spin_us > 0;
    start_receiver(&receiver, pinged_main, sender);
    send_all(sender, c, ret);
    thread_join(receiver);
    end(sender, c, ret);
}

// --- idle ----------------------------------------------------------------------------------------

#define IDLE_RECORDS 100

static const struct bench_figure idle_figures[] = { { "cpu", "us/s", BENCH_LESS } };

static void
run_idle(const struct bench_case *c, struct bench_run *ret)
{
    struct sender *sender = bench_alloc(sizeof *sender);
    struct world world;
    value32_record records[IDLE_RECORDS];
    struct bench_case values = { .count = IDLE_RECORDS };
    begin(sender, &values);
    world_begin(&world, 0, 0);
    for (unsigned i = 0; i < c->records; i++) {
        char key[32];
        (void) snprintf(key, sizeof key, "bench.%u", i);
        records[i].raw = world_record(&world, key, values_of(32), AIMDB_SPMC_RING(16));
        (void) value32_add_consumer(world.builder, records[i], receive, sender);
    }
    world_build(&world);
    for (unsigned i = 0; i < c->records; i++) { // all have been awake once, one after another
        sender->record = records[i];
        send_value(sender, i, bench_now());
        wait_for_receiver(sender, i + 1);
    }
    sleep_until(bench_now() + AIMDB_MS(20));
    int64_t cpu = bench_cpu_time();
    int64_t begin_at = bench_now();
    sleep_until(begin_at + (int64_t) c->count);
    double seconds = (double) (bench_now() - begin_at) / 1e9;
    ret->figures[0] = (double) (bench_cpu_time() - cpu) / 1e3 / seconds;
    ret->expected = c->records;
    ret->delivered = atomic_load(&sender->log.received);
    ret->accounted = ret->delivered;
    ret->intact = sender->log.wrong == 0;
    world_end(&world);
    free(sender->log.latency);
    free(sender->call);
    free(sender->sent_at);
    free(sender);
}

// --- the groups ----------------------------------------------------------------------------------

void
bench_wake(struct bench *bench)
{
    uint64_t count = bench->quick ? 50 : 10000;
    const struct bench_case cases[] = {
        { .name = "consumer one_writer",
          .limit = "limit futex",
          .run = run,
          .one_writer = true,
          .consumers = 1,
          .count = count,
          .bytes = 32 },
        { .name = "consumer any_writer",
          .limit = "limit futex",
          .run = run,
          .consumers = 1,
          .count = count,
          .bytes = 32 },
        { .name = "recv any_writer",
          .limit = "limit futex",
          .run = run,
          .count = count,
          .bytes = 32 },
        { .name = "limit futex", .run = run_bare, .count = count, .bytes = 32 },
    };
    const struct bench_group group = { "wake",       "10,000 values a second, receiver asleep",
                                       wake_figures, 4,
                                       cases,        sizeof cases / sizeof cases[0] };
    bench_run_group(bench, &group);
}

void
bench_spin(struct bench *bench)
{
    uint64_t count = bench->quick ? 50 : 10000;
    const struct bench_case cases[] = {
        { .name = "consumer spin_us 1000",
          .limit = "limit spinning",
          .run = run,
          .consumers = 1,
          .spin_us = 1000,
          .count = count,
          .bytes = 32 },
        { .name = "limit spinning", .run = run_bare, .spin_us = 1000, .count = count, .bytes = 32 },
    };
    const struct bench_group group = { "spin",       "10,000 values a second, receiver spinning",
                                       wake_figures, 4,
                                       cases,        sizeof cases / sizeof cases[0] };
    bench_run_group(bench, &group);
}

void
bench_idle(struct bench *bench)
{
    uint64_t ns = bench->quick ? 20000000 : 1000000000;
    const struct bench_case cases[] = {
        { .name = "100 records with a consumer",
          .limit = "limit no records",
          .run = run_idle,
          .records = IDLE_RECORDS,
          .count = ns,
          .bytes = 32 },
        { .name = "limit no records", .run = run_idle, .count = ns, .bytes = 32 },
    };
    const struct bench_group group = { "idle", "nothing comes, everybody sleeps", idle_figures, 1,
                                       cases,  sizeof cases / sizeof cases[0] };
    bench_run_group(bench, &group);
}
