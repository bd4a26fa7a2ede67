// SPDX-License-Identifier: Apache-2.0
// The command line of the benchmarks.
#define _GNU_SOURCE // getopt_long
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench.h"

#define RUNS 5
#define RUNS_QUICK 2

static const struct subject {
    const char *name;
    void (*run)(struct bench *bench);
    const char *what;
} subjects[] = {
    { "push", bench_push, "cost of a push" },
    { "push_recv", bench_push_recv, "cost of a push and a read" },
    { "stream", bench_stream, "throughput to one consumer" },
    { "fanout", bench_fanout, "throughput to three consumers" },
    { "unthrottled", bench_unthrottled, "a producer that never waits" },
    { "producer", bench_producer, "a produce beside slow and fast consumers" },
    { "records", bench_records, "1,000 and 10,000 records" },
    { "wake", bench_wake, "latency to a sleeping consumer" },
    { "spin", bench_spin, "latency to a spinning consumer" },
    { "idle", bench_idle, "processor time when nothing happens" },
    { "writers", bench_writers, "several writers of one record" },
    { "cadence", bench_cadence, "a source of 1 kHz" },
};

#define SUBJECTS (sizeof subjects / sizeof subjects[0])

struct options {
    bool quick;
    unsigned runs;     // 0: not given
    unsigned patience; // seconds
    const char *csv;
    bool chosen[SUBJECTS];
    bool any_chosen;
};

static void
print_help(FILE *out)
{
    (void) fprintf(out,
                   "usage: aimdb-bench [options]\n"
                   "  --only NAME   run this subject only; may be given more than once\n"
                   "  --csv FILE    also write the figures to FILE\n"
                   "  --runs N      repetitions of each case, 1 to 99 (default 5)\n"
                   "  --patience S  wait up to S seconds in all for a calm machine, and repeat\n"
                   "                runs during which other programs used it (default 0)\n"
                   "  --quick       tiny counts, to see that all works; the figures are void\n"
                   "  --help        this text\n"
                   "subjects:\n");
    for (size_t i = 0; i < SUBJECTS; i++) {
        (void) fprintf(out, "  %-13s %s\n", subjects[i].name, subjects[i].what);
    }
}

// A bad command line: says why, and ends.
static _Noreturn void
refuse(const char *why, const char *what)
{
    (void) fprintf(stderr, "aimdb-bench: %s: %s\nTry aimdb-bench --help.\n", what, why);
    exit(2);
}

static void
choose(struct options *options, const char *name)
{
    for (size_t i = 0; i < SUBJECTS; i++) {
        if (strcmp(subjects[i].name, name) == 0) {
            options->chosen[i] = true;
            options->any_chosen = true;
            return;
        }
    }
    refuse("there is no such subject", name);
}

// A number from `least` to `most`; `what` says so to who gives another one.
static unsigned
parse_number(const char *text, long least, long most, const char *what)
{
    char *end = NULL;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || number < least || number > most) {
        refuse(what, text);
    }
    return (unsigned) number;
}

static struct options
parse(int argc, char **argv)
{
    static const struct option known[] = { { "only", required_argument, NULL, 'o' },
                                           { "csv", required_argument, NULL, 'c' },
                                           { "runs", required_argument, NULL, 'r' },
                                           { "patience", required_argument, NULL, 'p' },
                                           { "quick", no_argument, NULL, 'q' },
                                           { "help", no_argument, NULL, 'h' },
                                           { NULL, 0, NULL, 0 } };
    struct options options = { 0 };
    for (;;) {
        switch (getopt_long(argc, argv, "", known, NULL)) {
        case -1:
            if (optind < argc) {
                refuse("an argument that is no option", argv[optind]);
            }
            return options;
        case 'o':
            choose(&options, optarg);
            break;
        case 'c':
            options.csv = optarg;
            break;
        case 'r':
            options.runs =
                parse_number(optarg, 1, BENCH_RUNS_MAX, "--runs takes a number from 1 to 99");
            break;
        case 'p':
            options.patience =
                parse_number(optarg, 0, 86400, "--patience takes seconds, 0 to 86400");
            break;
        case 'q':
            options.quick = true;
            break;
        case 'h':
            print_help(stdout);
            exit(0);
        default: // getopt_long has said what is wrong
            (void) fprintf(stderr, "Try aimdb-bench --help.\n");
            exit(2);
        }
    }
}

// Everything is measured before a full disk is noticed: it must not pass for a good file.
static void
close_csv(struct bench *bench, const char *name)
{
    bool is_bad = ferror(bench->csv) != 0;
    errno = 0;
    if (fclose(bench->csv) != 0 || is_bad) {
        bench_die("%s: %s", name, errno ? strerror(errno) : "could not be written");
    }
}

// How often this program lost its processor to another one: on an idle machine, seldom.
static void
say_preemptions(int64_t since)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        (void) printf("\npreempted %ld times in %.0f s\n", usage.ru_nivcsw,
                      (double) (bench_now() - since) / 1e9);
    }
}

int
main(int argc, char **argv)
{
    struct options options = parse(argc, argv);
    struct bench bench = { .quick = options.quick,
                           .patience = (int64_t) options.patience * 1000000000 };
    bench.runs = options.runs ? options.runs : options.quick ? RUNS_QUICK : RUNS;
    if (options.csv) {
        bench.csv = fopen(options.csv, "w");
        if (!bench.csv) {
            bench_die("%s: %s", options.csv, strerror(errno));
        }
    }
    int64_t begin = bench_now();
    bench_describe(&bench);
    for (size_t i = 0; i < SUBJECTS; i++) {
        if (!options.any_chosen || options.chosen[i]) {
            subjects[i].run(&bench);
        }
    }
    say_preemptions(begin);
    if (bench.csv) {
        close_csv(&bench, options.csv);
    }
    if (bench.failed) {
        (void) fprintf(stderr, "aimdb-bench: an account is wrong: the figures are worthless\n");
    }
    return bench.failed ? 1 : 0;
}
