// SPDX-License-Identifier: Apache-2.0
// What the benchmarks share: cases that are run in turn, their figures, and the accounts that must
// be right before a figure counts.
//
// A group is a set of cases that are compared with each other. The harness runs all of them once as
// a warm-up, then one after another, again and again (A B C A B C ...), so that whatever disturbs
// the machine disturbs all alike. It reports the median, the least and the greatest of each figure.
// A case may name another one of its group as its limit: what the bare machine needs for the same
// work.
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <aimdb/aimdb.h>
#include <stdio.h>

#define BENCH_FIGURES_MAX 5
#define BENCH_RUNS_MAX 99
#define BENCH_NAME_MAX 40

struct bench {
    bool quick;       // tiny counts: shows that everything works, says nothing about speed
    unsigned runs;    // of each case, after the warm-up
    FILE *csv;        // NULL: none
    int64_t patience; // ns left to wait for a calm machine and to repeat disturbed runs
    bool failed;      // an account was wrong
};

enum bench_better { BENCH_LESS, BENCH_MORE };

struct bench_figure {
    const char *name;
    const char *unit;
    enum bench_better better;
};

// What one run found. A figure that does not apply is NAN.
struct bench_run {
    double figures[BENCH_FIGURES_MAX]; // in the order of the group's
    uint64_t expected;                 // values that went in
    uint64_t accounted;                // values that are accounted for: must be the same number
    uint64_t delivered;                // values that reached a reader or consumer
    bool intact;                       // the values that arrived were the right ones, in order
};

// One way to do a group's work. Members that a subject has no use for are 0.
struct bench_case {
    char name[BENCH_NAME_MAX];
    const char *limit; // a case of the same group and size; NULL: none
    void (*run)(const struct bench_case *c, struct bench_run *ret);
    uint64_t count; // values in one run
    size_t bytes;   // of a value
    aimdb_buffer buffer;
    bool one_writer;
    unsigned batch;     // values in one call of produce
    unsigned consumers; // of one record
    unsigned writers;
    unsigned records;
    unsigned spin_us;
    unsigned sleep_ms; // of a consumer, in each call
    unsigned priority; // under SCHED_FIFO; 0: an ordinary thread
    bool loaded;       // beside consumers that keep all workers busy
};

struct bench_group {
    const char *name;
    const char *title; // one line: what is done
    const struct bench_figure *figures;
    size_t figure_count;
    const struct bench_case *cases;
    size_t case_count;
};

// Runs a group, prints its table, and adds it to the CSV file.
void
bench_run_group(struct bench *bench, const struct bench_group *group);

// Begins the CSV file, and says on stdout on what machine this runs.
void
bench_describe(const struct bench *bench);

// How much of the machine other programs used: note the beginning, ask at the end.
struct bench_others {
    int64_t at;   // ns
    int64_t busy; // processor time of all programs, ns
    int64_t own;  // processor time of this one, ns
};
struct bench_others
bench_others_begin(void);
bool
bench_others_disturbed(struct bench_others since);

// Waits for a calm machine as long as there is patience left, and uses that up.
void
bench_wait_for_calm(struct bench *bench);

// Nanoseconds on the monotonic clock; processor time of the whole process.
int64_t
bench_now(void);
int64_t
bench_cpu_time(void);

// One step of waiting for another thread: a pause at first, then gives the processor away.
void
bench_relax(unsigned spins);

// The same for who polls what a busy thread writes: each look costs that thread a cache miss, so
// this looks away for about a microsecond.
void
bench_look_away(unsigned spins);

// Million values a second.
double
bench_mega_rate(uint64_t values, int64_t ns);

// The share (0 to 1) of `count` values, which it sorts.
int64_t
bench_percentile(int64_t *values, size_t count, double share);

void *
bench_alloc(size_t bytes);

// Ends the program: the machine or the library refused something.
_Noreturn void
bench_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

// The subjects, one file each.
void
bench_push(struct bench *bench);
void
bench_push_recv(struct bench *bench);
void
bench_stream(struct bench *bench);
void
bench_fanout(struct bench *bench);
void
bench_unthrottled(struct bench *bench);
void
bench_producer(struct bench *bench);
void
bench_records(struct bench *bench);
void
bench_wake(struct bench *bench);
void
bench_spin(struct bench *bench);
void
bench_idle(struct bench *bench);
void
bench_writers(struct bench *bench);
void
bench_cadence(struct bench *bench);

#endif
