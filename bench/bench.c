// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE // CLOCK_*, sched_yield, strdup
#include "bench.h"

#include <inttypes.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RUN_LIMIT 120 // seconds; the longest run takes a few

// --- small things --------------------------------------------------------------------------------

static int64_t
read_clock(clockid_t clock)
{
    struct timespec now;
    (void) clock_gettime(clock, &now);
    return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t
bench_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t
bench_cpu_time(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

void
bench_relax(unsigned spins)
{
    if (spins >= 64) {
        (void) sched_yield(); // whoever is waited for may need this processor
        return;
    }
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");
#endif
}

void
bench_look_away(unsigned spins)
{
    int64_t end = bench_now() + 1000;
    while (bench_now() < end) {
        bench_relax(0);
    }
    if (spins >= 64) {
        bench_relax(spins);
    }
}

double
bench_mega_rate(uint64_t values, int64_t ns)
{
    return ns > 0 ? (double) values * 1e3 / (double) ns : 0;
}

static int
compare_times(const void *a, const void *b)
{
    int64_t x = *(const int64_t *) a;
    int64_t y = *(const int64_t *) b;
    return (x > y) - (x < y);
}

int64_t
bench_percentile(int64_t *values, size_t count, double share)
{
    if (count == 0) {
        return 0;
    }
    qsort(values, count, sizeof *values, compare_times);
    size_t at = (size_t) (share * (double) count);
    return values[at < count ? at : count - 1];
}

void *
bench_alloc(size_t bytes)
{
    void *memory = NULL;
    size_t whole = (bytes + 63) & ~(size_t) 63;
    if (posix_memalign(&memory, 64, whole > 0 ? whole : 64) != 0) {
        bench_die("no memory for %zu bytes", bytes);
    }
    memset(memory, 0, whole);
    return memory;
}

_Noreturn void
bench_die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void) fprintf(stderr, "aimdb-bench: ");
    (void) vfprintf(stderr, format, arguments);
    (void) fprintf(stderr, "\n");
    va_end(arguments);
    exit(1);
}

// --- running -------------------------------------------------------------------------------------

// All that the runs of one case found.
struct tally {
    double figures[BENCH_FIGURES_MAX][BENCH_RUNS_MAX];
    struct bench_run sum; // of the accounts
    unsigned disturbed;   // runs that had to share the machine
};

struct spread {
    double median, least, greatest;
};

// A lossless run waits for its values: if one is lost, for ever.
static void
give_up(int signal)
{
    static const char text[] = "aimdb-bench: a run does not end: values or wakes were lost\n";
    (void) signal;
    (void) !write(STDERR_FILENO, text, sizeof text - 1);
    _exit(1);
}

static void
run_once(struct bench *bench, const struct bench_group *group, const struct bench_case *c,
         struct bench_run *ret)
{
    *ret = (struct bench_run){ .intact = true };
    (void) alarm(RUN_LIMIT);
    c->run(c, ret);
    (void) alarm(0);
    if (ret->expected != ret->accounted || !ret->intact) {
        (void) fprintf(stderr, "aimdb-bench: %s: %s, %zu bytes: ", group->name, c->name, c->bytes);
        (void) fprintf(stderr, "%" PRIu64 " values went in, %" PRIu64 " are accounted for%s\n",
                       ret->expected, ret->accounted, ret->intact ? "" : "; some were wrong");
        bench->failed = true;
    }
}

static void
warm_up(struct bench *bench, const struct bench_group *group)
{
    for (size_t i = 0; i < group->case_count; i++) {
        struct bench_case shorter = group->cases[i];
        struct bench_run run;
        shorter.count = (shorter.count / 4 / 32 + 1) * 32; // whole batches
        run_once(bench, group, &shorter, &run);
    }
}

// Runs a case; again and again while other programs disturb it and there is patience. Returns true
// if the run that counts was disturbed.
static bool
run_calmly(struct bench *bench, const struct bench_group *group, const struct bench_case *c,
           struct bench_run *ret)
{
    for (;;) {
        bench_wait_for_calm(bench);
        struct bench_others before = bench_others_begin();
        run_once(bench, group, c, ret);
        if (!bench_others_disturbed(before)) {
            return false;
        }
        if (bench->patience <= 0) {
            return true;
        }
        bench->patience -= bench_now() - before.at;
    }
}

static void
add_run(struct tally *tally, const struct bench_run *run, unsigned at)
{
    for (size_t f = 0; f < BENCH_FIGURES_MAX; f++) {
        tally->figures[f][at] = run->figures[f];
    }
    tally->sum.expected += run->expected;
    tally->sum.accounted += run->accounted;
    tally->sum.delivered += run->delivered;
    tally->sum.intact = (at == 0 || tally->sum.intact) && run->intact;
}

static int
compare_figures(const void *a, const void *b)
{
    double x = *(const double *) a;
    double y = *(const double *) b;
    return (x > y) - (x < y);
}

static struct spread
spread_of(const struct tally *tally, size_t figure, unsigned runs)
{
    double sorted[BENCH_RUNS_MAX];
    memcpy(sorted, tally->figures[figure], runs * sizeof sorted[0]);
    qsort(sorted, runs, sizeof sorted[0], compare_figures);
    unsigned middle = runs / 2;
    double median = runs % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    return (struct spread){ median, sorted[0], sorted[runs - 1] };
}

// --- reporting -----------------------------------------------------------------------------------

// The place of a case's limit in its group; case_count: it has none.
static size_t
limit_of(const struct bench_group *group, const struct bench_case *c)
{
    for (size_t i = 0; c->limit && i < group->case_count; i++) {
        const struct bench_case *other = &group->cases[i];
        if (strcmp(other->name, c->limit) == 0 && other->bytes == c->bytes) {
            return i;
        }
    }
    return group->case_count;
}

// How many times the limit's cost: above 1 is worse than the limit, whatever the unit. NAN: no
// limit.
static double
ratio_to_limit(const struct bench *bench, const struct bench_group *group,
               const struct tally *tallies, size_t at, size_t figure)
{
    size_t limit = limit_of(group, &group->cases[at]);
    if (limit == group->case_count) {
        return NAN;
    }
    double ours = spread_of(&tallies[at], figure, bench->runs).median;
    double best = spread_of(&tallies[limit], figure, bench->runs).median;
    double over = group->figures[figure].better == BENCH_LESS ? best : ours;
    double under = group->figures[figure].better == BENCH_LESS ? ours : best;
    return over > 0 ? under / over : NAN;
}

static void
print_line(const struct bench_case *c, const struct bench_figure *figure, struct spread spread,
           double ratio, unsigned disturbed)
{
    char factor[32] = "";
    if (!isnan(ratio)) {
        (void) snprintf(factor, sizeof factor, "%.2f x", ratio);
    }
    (void) printf("  %-30s %5zu  %-12s %10.2f %10.2f %10.2f %-7s %9s%s\n", c->name, c->bytes,
                  figure->name, spread.median, spread.least, spread.greatest, figure->unit, factor,
                  disturbed > 0 ? " !" : "");
}

static void
write_row(const struct bench *bench, const struct bench_group *group, const struct tally *tally,
          size_t at, size_t figure, double ratio)
{
    const struct bench_case *c = &group->cases[at];
    struct spread spread = spread_of(tally, figure, bench->runs);
    (void) fprintf(bench->csv, "%s,%s,%zu,%s,%s,%s,%.6g,%.6g,%.6g,%u,%s,", group->name, c->name,
                   c->bytes, group->figures[figure].name, group->figures[figure].unit,
                   group->figures[figure].better == BENCH_LESS ? "less" : "more", spread.median,
                   spread.least, spread.greatest, bench->runs, c->limit ? c->limit : "");
    if (!isnan(ratio)) {
        (void) fprintf(bench->csv, "%.6g", ratio);
    }
    (void) fprintf(bench->csv, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%s,%u\n", tally->sum.expected,
                   tally->sum.accounted, tally->sum.delivered, tally->sum.intact ? "yes" : "no",
                   tally->disturbed);
}

static unsigned
sum_disturbed(const struct bench_group *group, const struct tally *tallies)
{
    unsigned sum = 0;
    for (size_t i = 0; i < group->case_count; i++) {
        sum += tallies[i].disturbed;
    }
    return sum;
}

static void
report(const struct bench *bench, const struct bench_group *group, const struct tally *tallies)
{
    (void) printf("\n%s: %s\n", group->name, group->title);
    (void) printf("  %-30s %5s  %-12s %10s %10s %10s %-7s %9s\n", "case", "bytes", "figure",
                  "median", "least", "greatest", "unit", "to limit");
    for (size_t i = 0; i < group->case_count; i++) {
        for (size_t f = 0; f < group->figure_count; f++) {
            if (isnan(tallies[i].figures[f][0])) {
                continue;
            }
            double ratio = ratio_to_limit(bench, group, tallies, i, f);
            print_line(&group->cases[i], &group->figures[f], spread_of(&tallies[i], f, bench->runs),
                       ratio, tallies[i].disturbed);
            if (bench->csv) {
                write_row(bench, group, &tallies[i], i, f, ratio);
            }
        }
    }
    if (sum_disturbed(group, tallies) > 0) {
        (void) printf("  !: other programs used the machine during a run that counts\n");
    }
    (void) fflush(stdout);
    if (bench->csv) {
        (void) fflush(bench->csv);
    }
}

void
bench_run_group(struct bench *bench, const struct bench_group *group)
{
    struct tally *tallies = bench_alloc(group->case_count * sizeof *tallies);
    (void) signal(SIGALRM, give_up);
    warm_up(bench, group);
    for (unsigned at = 0; at < bench->runs; at++) {
        for (size_t i = 0; i < group->case_count; i++) {
            struct bench_run run;
            tallies[i].disturbed += run_calmly(bench, group, &group->cases[i], &run);
            add_run(&tallies[i], &run, at);
        }
    }
    report(bench, group, tallies);
    free(tallies);
}
