// SPDX-License-Identifier: Apache-2.0
// A source of 1 kHz on the pool, and a bare loop of clock_nanosleep as the floor: how late each step
// begins, and how many points of the grid are left out. Alone and beside consumers that keep every
// worker busy; as ordinary threads and under SCHED_FIFO, where that is permitted.
//
// Lateness is from the point of the grid to the first instruction of the step. CPU is that of the
// stepping thread alone. All threads of this subject but those with a priority of their own run under
// SCHED_OTHER, however the program was started: busy consumers with real-time priority would take the
// machine away from everybody. The floor's thread has a timer slack of 1 ns, as source lanes have.
#define _GNU_SOURCE // clock_nanosleep
#include <math.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "world.h"

#define PERIOD 1000000 // ns
#define PRIORITY 20    // above what a benchmark is usually started with
#define BURN 20000     // ns that a busy consumer takes for a value
#define BUSY_MAX 256

enum { P50, P99, MOST, CPU, OVERRUNS };

static const struct bench_figure cadence_figures[] = { { "p50", "us", BENCH_LESS },
                                                       { "p99", "us", BENCH_LESS },
                                                       { "max", "us", BENCH_LESS },
                                                       { "cpu", "us/step", BENCH_LESS },
                                                       { "overruns", "steps", BENCH_LESS } };

// --- a rhythm, as the thread that keeps it notes it ----------------------------------------------

struct rhythm {
    uint64_t points;   // of the grid, to go
    int64_t *lateness; // ns, of each step
    uint64_t steps;
    uint64_t overruns;
    int64_t begin, end;         // of the grid; 0: not known yet
    int64_t cpu_begin, cpu_end; // processor time of the thread
    bool early;                 // a step came before its time
    sem_t over;
    // of the source:
    aimdb_task *task;
    int64_t due; // of its next step
    uint64_t overruns_at_begin;
};

static int64_t
thread_cpu_time(void)
{
    struct timespec now;
    (void) clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}

// Notes a step that was due at `due` and began at `now`. Returns false when the grid has been gone
// through.
static bool
note(struct rhythm *rhythm, int64_t due, int64_t now)
{
    if (rhythm->begin == 0) {
        rhythm->begin = due;
        rhythm->cpu_begin = thread_cpu_time();
    }
    rhythm->early |= now < due || (due - rhythm->begin) % PERIOD != 0;
    if (due >= rhythm->begin + (int64_t) rhythm->points * PERIOD) {
        rhythm->end = due;
        rhythm->cpu_end = thread_cpu_time();
        return false;
    }
    rhythm->lateness[rhythm->steps++] = now - due;
    return true;
}

static struct rhythm *
begin(const struct bench_case *c)
{
    struct rhythm *rhythm = bench_alloc(sizeof *rhythm);
    rhythm->points = c->count;
    rhythm->lateness = bench_alloc(c->count * sizeof(int64_t));
    (void) sem_init(&rhythm->over, 0, 0);
    return rhythm;
}

static void
wait_for(struct rhythm *rhythm)
{
    while (sem_wait(&rhythm->over) != 0) {
    }
}

static void
end(struct rhythm *rhythm, struct bench_run *ret)
{
    size_t steps = rhythm->steps;
    ret->figures[P50] = (double) bench_percentile(rhythm->lateness, steps, 0.50) / 1e3;
    ret->figures[P99] = (double) bench_percentile(rhythm->lateness, steps, 0.99) / 1e3;
    ret->figures[MOST] = (double) bench_percentile(rhythm->lateness, steps, 1.00) / 1e3;
    ret->figures[CPU] = (double) (rhythm->cpu_end - rhythm->cpu_begin) / 1e3 / (double) steps;
    ret->figures[OVERRUNS] = (double) rhythm->overruns;
    ret->expected = (uint64_t) ((rhythm->end - rhythm->begin) / PERIOD);
    ret->accounted = steps + rhythm->overruns;
    ret->delivered = steps;
    ret->intact = !rhythm->early;
    (void) sem_destroy(&rhythm->over);
    free(rhythm->lateness);
    free(rhythm);
}

// --- consumers that are always busy --------------------------------------------------------------

struct busy {
    value32_record record; // each keeps itself going: it emits what it consumes
    atomic_bool *stops;
};

static aimdb_err
burn(aimdb_ctx *ctx, const struct value32 *value)
{
    const struct busy *busy = aimdb_user(ctx);
    int64_t until = bench_now() + BURN;
    while (bench_now() < until) {
        bench_relax(0);
    }
    if (!atomic_load_explicit(busy->stops, memory_order_relaxed)) {
        (void) value32_emit(ctx, busy->record, value);
    }
    return AIMDB_OK;
}

struct load {
    unsigned count;
    struct busy busy[BUSY_MAX]; // one for each worker
    atomic_bool stops;
};

static void
load_describe(struct load *load, struct world *world)
{
    long workers = sysconf(_SC_NPROCESSORS_ONLN);
    load->count = workers < 1 ? 1 : workers > BUSY_MAX ? BUSY_MAX : (unsigned) workers;
    for (unsigned i = 0; i < load->count; i++) {
        char key[32];
        (void) snprintf(key, sizeof key, "busy.%u", i);
        load->busy[i].stops = &load->stops;
        load->busy[i].record.raw =
            world_record(world, key, values_of(32), AIMDB_SPMC_RING(16, .one_writer = true));
        (void) value32_add_consumer(world->builder, load->busy[i].record, burn, &load->busy[i]);
    }
}

static void
load_start(struct load *load)
{
    const struct value32 value = { { 0 } };
    for (unsigned i = 0; i < load->count; i++) {
        must(value32_produce(load->busy[i].record, &value), "produce");
    }
}

// --- ours ----------------------------------------------------------------------------------------

// The first step only learns where the grid is: it does not know when it was due.
static aimdb_time
step(aimdb_ctx *ctx, value32_record out)
{
    struct rhythm *rhythm = aimdb_user(ctx);
    int64_t now = bench_now();
    bool is_first = rhythm->due == 0;
    if (!is_first) {
        if (rhythm->begin == 0) {
            rhythm->overruns_at_begin = task_stats(rhythm->task).overruns;
        }
        if (!note(rhythm, rhythm->due, now)) {
            rhythm->overruns = task_stats(rhythm->task).overruns - rhythm->overruns_at_begin;
            (void) sem_post(&rhythm->over);
            return AIMDB_FOREVER;
        }
    }
    struct value32 value = { { rhythm->steps, (uint64_t) now, 0, 0 } };
    must(value32_emit(ctx, out, &value), "emit");
    rhythm->due = aimdb_every(ctx, PERIOD);
    return rhythm->due;
}

static void
run(const struct bench_case *c, struct bench_run *ret)
{
    const aimdb_lane_options lane = { .priority = c->priority };
    const aimdb_pool_options options = { .lanes = &lane };
    struct rhythm *rhythm = begin(c);
    struct load *load = bench_alloc(sizeof *load);
    struct world world;
    world_begin_with(&world, &options);
    value32_record record = { world_record(&world, "cadence", values_of(32),
                                           AIMDB_SPMC_RING(16, .one_writer = true)) };
    rhythm->task = value32_add_source(world.builder, record, step, rhythm);
    if (c->loaded) {
        load_describe(load, &world);
    }
    world_build(&world);
    load_start(load);
    wait_for(rhythm);
    atomic_store(&load->stops, true);
    world_end(&world);
    end(rhythm, ret);
    free(load);
}

// --- the floor -----------------------------------------------------------------------------------

static void
sleep_until(int64_t at)
{
    struct timespec time = { .tv_sec = (time_t) (at / 1000000000),
                             .tv_nsec = (long) (at % 1000000000) };
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) != 0) {
    }
}

static void *
bare_main(void *argument)
{
    struct rhythm *rhythm = argument;
    (void) prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    int64_t due = bench_now() + PERIOD;
    int64_t now = 0;
    for (;;) {
        sleep_until(due);
        now = bench_now();
        if (!note(rhythm, due, now)) {
            break;
        }
        for (due += PERIOD; due <= now; due += PERIOD) {
            rhythm->overruns++;
        }
    }
    (void) sem_post(&rhythm->over);
    return NULL;
}

static void
start_bare(pthread_t *ret_thread, struct rhythm *rhythm, unsigned priority)
{
    pthread_attr_t how;
    struct sched_param param = { .sched_priority = (int) priority };
    (void) pthread_attr_init(&how);
    if (priority > 0) {
        (void) pthread_attr_setinheritsched(&how, PTHREAD_EXPLICIT_SCHED);
        (void) pthread_attr_setschedpolicy(&how, SCHED_FIFO);
        (void) pthread_attr_setschedparam(&how, &param);
    }
    int err = pthread_create(ret_thread, &how, bare_main, rhythm);
    (void) pthread_attr_destroy(&how);
    if (err != 0) {
        bench_die("pthread_create: %s", strerror(err));
    }
}

static void
run_bare(const struct bench_case *c, struct bench_run *ret)
{
    struct rhythm *rhythm = begin(c);
    struct load *load = bench_alloc(sizeof *load);
    struct world world;
    pthread_t thread;
    if (c->loaded) {
        world_begin(&world, 0, 0);
        load_describe(load, &world);
        world_build(&world);
        load_start(load);
    }
    start_bare(&thread, rhythm, c->priority);
    wait_for(rhythm);
    thread_join(thread);
    if (c->loaded) {
        atomic_store(&load->stops, true);
        world_end(&world);
    }
    end(rhythm, ret);
    free(load);
}

// --- the group -----------------------------------------------------------------------------------

static aimdb_time
never(aimdb_ctx *ctx, value32_record out)
{
    (void) ctx;
    (void) out;
    return AIMDB_FOREVER;
}

// Whether lanes may have a priority here; if not, `why` gets what the library says.
static bool
may_have_priority(char *why, size_t room)
{
    const aimdb_lane_options lane = { .priority = PRIORITY };
    struct world world;
    world_begin_with(&world, &(aimdb_pool_options){ .lanes = &lane });
    value32_record record = { world_record(&world, "probe", values_of(32), AIMDB_MAILBOX) };
    (void) value32_add_source(world.builder, record, never, NULL);
    if (aimdb_build(world.builder, &world.db) == AIMDB_OK) {
        world_end(&world);
        return true;
    }
    (void) snprintf(why, room, "%s", aimdb_builder_mistake(world.builder, 0));
    aimdb_builder_free(world.builder);
    aimdb_executor_free(world.executor);
    return false;
}

static void
run_group(struct bench *bench)
{
    static const struct {
        const char *ours, *limit;
        unsigned priority;
        bool loaded;
    } ways[] = {
        { "source", "limit clock_nanosleep", 0, false },
        { "source loaded", "limit loaded", 0, true },
        { "source fifo", "limit fifo", PRIORITY, false },
        { "source fifo loaded", "limit fifo loaded", PRIORITY, true },
    };
    struct bench_case cases[8];
    char why[256];
    bool priority = may_have_priority(why, sizeof why);
    for (size_t i = 0; i < 8; i++) {
        bool ours = i % 2 == 0;
        cases[i] = (struct bench_case){ .run = ours ? run : run_bare,
                                        .limit = ours ? ways[i / 2].limit : NULL,
                                        .count = bench->quick ? 20 : 1000,
                                        .bytes = 32,
                                        .priority = ways[i / 2].priority,
                                        .loaded = ways[i / 2].loaded };
        (void) snprintf(cases[i].name, sizeof cases[i].name, "%s",
                        ours ? ways[i / 2].ours : ways[i / 2].limit);
    }
    const struct bench_group group = { "cadence",       "a source of 1 kHz, lateness of its steps",
                                       cadence_figures, 5,
                                       cases,           priority ? 8 : 4 };
    bench_run_group(bench, &group);
    if (!priority) {
        (void) printf("  fifo was not measured: %s\n", why);
    }
}

void
bench_cadence(struct bench *bench)
{
    int policy;
    struct sched_param param;
    const struct sched_param ordinary = { 0 };
    (void) pthread_getschedparam(pthread_self(), &policy, &param);
    (void) pthread_setschedparam(pthread_self(), SCHED_OTHER, &ordinary);
    run_group(bench);
    (void) pthread_setschedparam(pthread_self(), policy, &param);
}
