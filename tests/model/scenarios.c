// SPDX-License-Identifier: Apache-2.0
// What is explored: rows of who does what to one record, each on both write paths and with both kinds
// of fences.
#include <string.h>
#include <time.h>

#include "bench.h"
#include "lane.h"
#include "suite.h"

#define NAME_BYTES 128
#define PIN_AT_ONCE 1000 // overtaken_limit: no try before the pin

// PLAIN: with heavy fences it takes minutes. BY_NAME: takes long, often minutes, so it is explored
// only when a pattern names it.
enum { ANY = 1, ONE = 2, BOTH = ANY | ONE, PLAIN = 4, BY_NAME = 8 };

struct row {
    int paths; // write paths to explore, and limits
    struct scenario scenario;
};

struct lane_row {
    int limits;
    struct lane_scenario scenario;
};

// clang-format off
#define RING(N) { .buffer = AIMDB_BUFFER_SPMC_RING, .capacity = (N) }
#define LATEST { .buffer = AIMDB_BUFFER_SINGLE_LATEST, .capacity = 1 }
#define MAILBOX { .buffer = AIMDB_BUFFER_MAILBOX, .capacity = 1 }
#define ROW(PATHS, NAME, CFG, ...) { PATHS, { .name = NAME, .cfg = CFG, __VA_ARGS__ } }

static const struct row rows[] = {
    ROW(BOTH, "ring-1: push 3 | try 3", RING(1), .roles = { { role_push, 3 }, { role_try, 3 } }),
    ROW(BOTH, "ring-2: push 4 | try 3", RING(2), .roles = { { role_push, 4 }, { role_try, 3 } }),
    ROW(BOTH, "ring-3: push 6 | try 3", RING(3), .roles = { { role_push, 6 }, { role_try, 3 } }),
    ROW(BOTH, "ring-2: push 4 of two words | try 2", RING(2), .large = true,
        .roles = { { role_push, 4 }, { role_try, 2 } }),
    ROW(BOTH, "ring-1: push 2 | try 2 | try 2", RING(1),
        .roles = { { role_push, 2 }, { role_try, 2 }, { role_try, 2 } }),
    ROW(ANY, "ring-1: push 2 | push 2 | try 2", RING(1),
        .roles = { { role_push, 2 }, { role_push, 2 }, { role_try, 2 } }),
    ROW(BOTH, "ring-3: push 5 | drain 2", RING(3), .roles = { { role_push, 5 }, { role_drain, 2 } }),
    ROW(BOTH, "ring-2: push 1 and batch 3 | try 3", RING(2),
        .roles = { { role_push_and_batch, 3 }, { role_try, 3 } }),
    ROW(ANY | PLAIN, "ring-1: push 2 | close | drain 2", RING(1),
        .roles = { { role_push, 2 }, { role_close_record, 0 }, { role_drain, 2 } }),
    ROW(BOTH, "ring-1: push 2 | subscribe, try 2", RING(1),
        .roles = { { role_push, 2 }, { role_subscribe_try, 2 } }),
    ROW(BOTH, "ring-1: push 1 | recv 1", RING(1), .roles = { { role_push, 1 }, { role_recv, 1 } }),
    ROW(BOTH, "ring-1: close | recv to the end", RING(1),
        .roles = { { role_close_record, 0 }, { role_recv_to_end, 0 } }),
    ROW(BOTH, "latest: push 3 | try 2", LATEST, .roles = { { role_push, 3 }, { role_try, 2 } }),
    ROW(BOTH, "latest: push 2 | subscribe, try 2", LATEST,
        .roles = { { role_push, 2 }, { role_subscribe_try, 2 } }),
    ROW(BOTH, "latest: push 2 | peek 2", LATEST, .roles = { { role_push, 2 }, { role_peek, 2 } }),
    ROW(ANY, "latest: push 1 | push 1 | try 2", LATEST,
        .roles = { { role_push, 1 }, { role_push, 1 }, { role_try, 2 } }),
    ROW(BOTH, "latest with a value: push 2 | pin, try 1", LATEST, .overtaken_limit = PIN_AT_ONCE,
        .pushed_before = 1, .never_spins = 2,
        .roles = { { role_push, 2 }, { role_try, 1 } }),
    ROW(BOTH, "latest with a value: push 5 | pin, try 1", LATEST, .overtaken_limit = PIN_AT_ONCE,
        .pushed_before = 1, .never_spins = 2,
        .roles = { { role_push, 5 }, { role_try, 1 } }),
    ROW(BOTH, "latest with a value: pin, try 1 | pin, try 1", LATEST,
        .overtaken_limit = PIN_AT_ONCE, .pushed_before = 1,
        .roles = { { role_try, 1 }, { role_try, 1 } }),
    ROW(BOTH, "latest with a value: push 2 | try 1", LATEST, .pushed_before = 1,
        .roles = { { role_push, 2 }, { role_try, 1 } }),
    ROW(BOTH, "latest: push 1 | recv 1", LATEST, .roles = { { role_push, 1 }, { role_recv, 1 } }),
    ROW(BOTH, "mailbox: push 2 | try 1 | try 1", MAILBOX,
        .roles = { { role_push, 2 }, { role_try, 1 }, { role_try, 1 } }),
    ROW(BOTH, "mailbox: push 1 | serve", MAILBOX, .roles = { { role_push, 1 }, { role_serve, 0 } }),
    ROW(BOTH, "ring-2: push 1 | task, worker", RING(2), .consumers = 1,
        .roles = { { role_push, 1 }, { role_work, 0 } }),
    ROW(BOTH, "ring-2: push 1 | task, worker, worker", RING(2), .consumers = 1,
        .roles = { { role_push, 1 }, { role_work, 0 }, { role_work, 0 } }),
    ROW(BOTH, "ring-2: push 1 | deferring task, worker | done", RING(2), .consumers = 1,
        .defers = 1, .roles = { { role_push, 1 }, { role_work, 0 }, { role_finish, 1 } }),
    ROW(ANY, "ring-2 with two values: deferring task, worker | done 2", RING(2), .consumers = 1,
        .pushed_before = 2, .defers = 1, .done_twice = true,
        .roles = { { role_work, 0 }, { role_finish, 2 } }),
    ROW(ANY | PLAIN, "ring-3 with four values: task, worker", RING(3), .consumers = 1,
        .pushed_before = 4, .roles = { { role_work, 0 } }),
    ROW(BOTH, "latest: push 1 | task, worker", LATEST, .consumers = 1,
        .roles = { { role_push, 1 }, { role_work, 0 } }),
    ROW(BOTH, "mailbox: push 1 | task, worker", MAILBOX, .consumers = 1,
        .roles = { { role_push, 1 }, { role_work, 0 } }),
    ROW(ANY, "ring-2: push 1 | two tasks, worker", RING(2), .consumers = 2,
        .roles = { { role_push, 1 }, { role_work, 0 } }),
    ROW(BOTH, "mailbox: push 2 | observe, try 2", MAILBOX,
        .roles = { { role_push, 2 }, { role_observe_try, 2 } }),
    ROW(ANY | PLAIN, "mailbox: push 3 and work, two tasks, one defers", MAILBOX, .consumers = 2,
        .defers = 2, .roles = { { role_push_and_work, 3 } }),
    ROW(BOTH, "latest with a value: close | pin, try 1", LATEST, .overtaken_limit = PIN_AT_ONCE,
        .pushed_before = 1, .roles = { { role_close_record, 0 }, { role_try, 1 } }),
    ROW(BOTH, "ring-1: push 1 | close the database | try 1", RING(1),
        .roles = { { role_push, 1 }, { role_close, 0 }, { role_try, 1 } }),
    ROW(ANY, "ring-2 with two values: deferring task, worker, worker | done 2", RING(2),
        .consumers = 1, .pushed_before = 2, .defers = 1,
        .roles = { { role_work, 0 }, { role_finish, 2 }, { role_work, 0 } }),
    ROW(ANY, "ring-2 with two values: task that gives up its tokens, worker | done 2", RING(2),
        .consumers = 1, .pushed_before = 2, .defers = 1, .gives_up = true, .done_twice = true,
        .roles = { { role_work, 0 }, { role_finish, 2 } }),
    ROW(ANY | PLAIN, "ring-1: close the database | close the database", RING(1),
        .roles = { { role_close, 0 }, { role_close, 0 } }),
    ROW(ANY | PLAIN, "ring-1: run | stop", RING(1), .roles = { { role_run, 0 }, { role_stop, 0 } }),
    ROW(ANY | PLAIN, "ring-1: run | close the database", RING(1),
        .roles = { { role_run, 0 }, { role_close, 0 } }),
    ROW(ANY, "ring-2: task, worker asleep | push 1 | push 1", RING(2), .consumers = 1, .asleep = 1,
        .roles = { { role_work, 0 }, { role_push, 1 }, { role_push, 1 } }),
    ROW(BOTH | PLAIN, "ring-1: recv asleep | push 1 | close", RING(1), .asleep = 1,
        .roles = { { role_recv_to_end, 0 }, { role_push, 1 }, { role_close_record, 0 } }),
    ROW(ANY | PLAIN, "ring-2: two tasks, worker asleep | push and wait 1", RING(2), .consumers = 2,
        .asleep = 1, .roles = { { role_work, 0 }, { role_push_and_wait, 1 } }),
    ROW(ANY | PLAIN, "ring-2: deferring task, worker asleep | push and wait 1 | done", RING(2),
        .consumers = 1, .defers = 1, .asleep = 1,
        .roles = { { role_work, 0 }, { role_push_and_wait, 1 }, { role_finish, 1 } }),
    ROW(ANY | PLAIN,
        "ring-2: deferring task with a value, worker asleep | push and wait 1 | close at once",
        RING(2), .consumers = 1, .pushed_before = 1, .defers = 1, .asleep = 1,
        .roles = { { role_work, 0 }, { role_push_and_wait, 1 }, { role_close_at_once, 0 } }),
    // Those that take seconds come last: what fails elsewhere is found sooner.
    ROW(BOTH | PLAIN, "latest with a value: push 2 | pin, try 1 | pin, try 1", LATEST,
        .overtaken_limit = PIN_AT_ONCE, .pushed_before = 1,
        .roles = { { role_push, 2 }, { role_try, 1 }, { role_try, 1 } }),
    ROW(ANY | PLAIN, "ring-2 with a value: close | emitting task, worker", RING(2), .consumers = 1,
        .pushed_before = 1, .emits = true, .roles = { { role_close, 0 }, { role_work, 0 } }),
    ROW(ANY | PLAIN, "ring-2 with a value: close at once | deferring task, worker", RING(2),
        .consumers = 1, .pushed_before = 1, .defers = 1,
        .roles = { { role_close_at_once, 0 }, { role_work, 0 } }),
    ROW(ANY | PLAIN, "ring-2 with a value: close at once | task, worker", RING(2), .consumers = 1,
        .pushed_before = 1, .roles = { { role_close_at_once, 0 }, { role_work, 0 } }),
    ROW(ANY, "ring-2: close | task, worker", RING(2), .consumers = 1,
        .roles = { { role_close, 0 }, { role_work, 0 } }),
    ROW(ANY, "ring-2 with a value: close | task, worker", RING(2), .consumers = 1,
        .pushed_before = 1, .roles = { { role_close, 0 }, { role_work, 0 } }),
    ROW(BOTH, "ring-1: push 2 | close | try 2", RING(1),
        .roles = { { role_push, 2 }, { role_close_record, 0 }, { role_try, 2 } }),
    ROW(ANY, "ring-1: push 1 | push 1 | recv 1", RING(1),
        .roles = { { role_push, 1 }, { role_push, 1 }, { role_recv, 1 } }),
    ROW(BOTH, "ring-1: push 1 and batch 2 | close | try 2", RING(1),
        .roles = { { role_push_and_batch, 2 }, { role_close_record, 0 }, { role_try, 2 } }),
    ROW(ANY, "latest with a value: four push 1 in turn | pin, try 1", LATEST,
        .overtaken_limit = PIN_AT_ONCE, .pushed_before = 1, .never_spins = 1,
        .roles = { { role_try, 1 }, { role_push_after, 1 }, { role_push_after, 1 },
                   { role_push_after, 1 }, { role_push_after, 1 } }),
    ROW(ANY, "ring-1: push 2 | recv 2", RING(1), .roles = { { role_push, 2 }, { role_recv, 2 } }),
    ROW(ANY | PLAIN | BY_NAME, "ring-2: push 1 | push 1 | task, worker", RING(2), .consumers = 1,
        .roles = { { role_push, 1 }, { role_push, 1 }, { role_work, 0 } }),
    ROW(ANY | PLAIN | BY_NAME, "ring-2: task, worker asleep | push 1 | close at once", RING(2),
        .consumers = 1, .asleep = 1,
        .roles = { { role_work, 0 }, { role_push, 1 }, { role_close_at_once, 0 } }),
    ROW(ANY | PLAIN | BY_NAME, "ring-2: task, worker asleep | push and wait 1 | shut", RING(2),
        .consumers = 1, .asleep = 1,
        .roles = { { role_work, 0 }, { role_push_and_wait, 1 }, { role_shut, 0 } }),
    ROW(ANY | PLAIN | BY_NAME,
        "ring-2: deferring task with a value, worker asleep | close at once | done", RING(2),
        .consumers = 1, .pushed_before = 1, .defers = 1, .asleep = 1,
        .roles = { { role_work, 0 }, { role_close_at_once, 1 }, { role_finish, 1 } }),
};

#define LANE(LIMITS, NAME, ...) { LIMITS, { .name = "lane: " NAME, __VA_ARGS__ } }

static const struct lane_row lane_rows[] = {
    LANE(0, "push 1 | worker", .workers = 1, .pushers = 1, .tasks = 1),
    LANE(0, "push 2 | worker", .workers = 1, .pushers = 1, .tasks = 2),
    LANE(0, "push 2 | sleeper", .workers = 1, .asleep = 1, .pushers = 1, .tasks = 2),
    LANE(0, "push 1 | push 1 | sleeper", .workers = 1, .asleep = 1, .pushers = 2, .tasks = 1),
    LANE(0, "push 1 | sleeper, worker", .workers = 2, .asleep = 1, .pushers = 1, .tasks = 1),
    LANE(0, "push 1 | sleeper, sleeper", .workers = 2, .asleep = 2, .pushers = 1, .tasks = 1),
    LANE(0, "a task, runs twice | worker, worker", .workers = 2, .pushed_before = 1, .again = 1),
    LANE(0, "two tasks, run twice | worker", .workers = 1, .pushed_before = 2, .again = 1),
    LANE(0, "two tasks | worker, worker", .workers = 2, .pushed_before = 2),
    LANE(0, "push 1, runs twice | sleeper, worker", .workers = 2, .asleep = 1, .pushers = 1,
         .tasks = 1, .again = 1),
    LANE(0, "push 1, runs twice | sleeper, sleeper", .workers = 2, .asleep = 2, .pushers = 1,
         .tasks = 1, .again = 1),
    LANE(0, "shrink to 0 | worker", .workers = 1, .shrinks = true),
    LANE(0, "shrink to 0 | sleeper, worker", .workers = 2, .asleep = 1, .shrinks = true),
    LANE(0, "push 1 | shrink to 0 | sleeper", .workers = 1, .asleep = 1, .pushers = 1, .tasks = 1,
         .shrinks = true),
    LANE(0, "push 1 | shrink to 0 | worker", .workers = 1, .pushers = 1, .tasks = 1,
         .shrinks = true),
    LANE(0, "shrink to 1 | sleeper, sleeper", .workers = 2, .asleep = 2, .shrinks = true, .leave = 1),
    LANE(0, "two tasks with long calls | worker, worker", .workers = 2, .pushed_before = 2,
         .holds = true),
    LANE(BY_NAME, "shrink to 1 | sleeper, worker", .workers = 2, .asleep = 1, .shrinks = true,
         .leave = 1),
    LANE(BY_NAME, "push 1 | shrink to 1 | sleeper, sleeper", .workers = 2, .asleep = 2,
         .pushers = 1, .tasks = 1, .shrinks = true, .leave = 1),
    LANE(BY_NAME, "push 2 with long calls | sleeper, sleeper", .workers = 2, .asleep = 2,
         .pushers = 1, .tasks = 2, .holds = true),
    LANE(BY_NAME, "push 2 | sleeper, sleeper", .workers = 2, .asleep = 2, .pushers = 1, .tasks = 2),
};
// clang-format on

#define ROWS (sizeof rows / sizeof rows[0])
#define LANE_ROWS (sizeof lane_rows / sizeof lane_rows[0])
#define VARIANTS 4 // of a row

bool
suite_is_wanted(const char *name, bool by_name, const char *pattern)
{
    bool is_quick = !pattern || pattern[0] == '+';
    if (is_quick && by_name) {
        return false;
    }
    return !pattern || strstr(name, pattern + is_quick) != NULL;
}

// Variant of a row: its write path, its fences. Returns false if there is no such variant.
static bool
variant_of(const struct row *row, int variant, struct scenario *ret, char *name)
{
    bool one_writer = (variant & 1) != 0;
    bool asymmetric = (variant & 2) != 0;
    if (!(row->paths & (one_writer ? ONE : ANY)) || (asymmetric && (row->paths & PLAIN))) {
        return false;
    }
    (void) snprintf(name, NAME_BYTES, "%s; %s; %s fences", row->scenario.name,
                    one_writer ? "one writer" : "any writer", asymmetric ? "heavy" : "plain");
    *ret = row->scenario;
    ret->name = name;
    ret->cfg.one_writer = one_writer;
    ret->asymmetric = asymmetric;
    if (ret->overtaken_limit == PIN_AT_ONCE) {
        ret->overtaken_limit = 0;
    } else if (ret->overtaken_limit == 0) {
        ret->overtaken_limit = DEFAULT_TRIES;
    }
    return true;
}

static double
seconds_now(void)
{
    struct timespec now;
    (void) timespec_get(&now, TIME_UTC);
    return (double) now.tv_sec + (double) now.tv_nsec * 1e-9;
}

bool
suite_explore(const struct model_case *explored, bool trace)
{
    struct model_result result;
    double start = seconds_now();
    model_explore(explored, trace, &result);
    (void) printf("%s %-68s %9llu executions, %9llu cut, %6.2f s\n",
                  result.failed ? "FAIL" : "ok  ", explored->name,
                  (unsigned long long) result.executions, (unsigned long long) result.pruned,
                  seconds_now() - start);
    if (result.failed) {
        (void) printf("     %s\n", result.why);
    }
    (void) fflush(stdout);
    return !result.failed;
}

// Calls `visit` with each scenario that the pattern asks for. Returns how many there are.
static size_t
for_each(const char *pattern, void (*visit)(const struct model_case *, void *), void *context)
{
    size_t visited = 0;
    for (size_t i = 0; i < ROWS * VARIANTS; i++) {
        struct scenario scenario;
        char name[NAME_BYTES];
        const struct row *row = &rows[i / VARIANTS];
        if (variant_of(row, (int) (i % VARIANTS), &scenario, name) &&
            suite_is_wanted(name, row->paths & BY_NAME, pattern)) {
            struct model_case explored = bench_case(&scenario);
            visit(&explored, context);
            visited++;
        }
    }
    for (size_t i = 0; i < LANE_ROWS; i++) {
        const struct lane_row *row = &lane_rows[i];
        if (suite_is_wanted(row->scenario.name, row->limits & BY_NAME, pattern)) {
            struct model_case explored = lane_case(&row->scenario);
            visit(&explored, context);
            visited++;
        }
    }
    return visited;
}

struct exploration {
    bool trace;
    size_t failed;
};

static void
visit_to_explore(const struct model_case *explored, void *context)
{
    struct exploration *exploration = context;
    exploration->failed += !suite_explore(explored, exploration->trace);
}

size_t
suite_scenarios(const char *pattern, bool trace)
{
    struct exploration exploration = { .trace = trace };
    size_t explored = for_each(pattern, visit_to_explore, &exploration);
    (void) printf("%zu scenarios, %zu failed\n", explored, exploration.failed);
    return explored == 0 ? SIZE_MAX : exploration.failed;
}

static void
visit_to_name(const struct model_case *explored, void *context)
{
    (void) context;
    (void) puts(explored->name);
}

void
suite_list(void)
{
    (void) for_each("", visit_to_name, NULL);
}
