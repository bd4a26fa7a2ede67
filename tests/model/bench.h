// SPDX-License-Identifier: Apache-2.0
// One record, a few threads that use it through the public calls, and the account at the end.
#ifndef AIMDB_TESTS_MODEL_BENCH_H
#define AIMDB_TESTS_MODEL_BENCH_H

#include "model.h"

#define DEFAULT_TRIES 8 // OVERTAKEN_LIMIT as shipped

struct bench;

// What one thread does, `n` times or until it has accounted for `n` values.
typedef void
role_fn(struct bench *b, int self, size_t n);

struct role {
    role_fn *run; // NULL: no more threads
    size_t n;
};

struct scenario {
    const char *name;
    aimdb_buffer_cfg cfg;
    struct role roles[MODEL_THREADS];
    size_t consumers;
    int asleep;               // the first so many threads sleep already, or are stuck
    unsigned defers;          // bit for each consumer: finishes later
    unsigned overtaken_limit; // of latest.c
    int loops;                // see model_case
    size_t pushed_before;     // by setup
    unsigned never_spins;     // bit for each thread in which aimdbp_relax is a failure
    bool large;               // values of two words
    bool gives_up;   // consumers that defer return AIMDB_OK even so; aimdb_done comes at any
                     // time for their first value, afterwards for the second, and so on
    bool done_twice; // aimdb_done is called twice for each value
    bool emits;      // the first value that a consumer gets makes it push one more
    bool asymmetric;
};

role_fn role_push;           // produces n values
role_fn role_push_after;     // as role_push, when the thread before is done with it
role_fn role_push_batch;     // produces n values at once
role_fn role_push_and_batch; // produces one value, then n at once
role_fn role_push_and_wait; // the only writer: produces n values, waits until each is finished with
role_fn role_try;           // n times aimdb_try_recv
role_fn role_drain;         // n times aimdb_drain of up to 3
role_fn role_subscribe_try; // subscribes when the others are at it, then as role_try
role_fn role_observe_try;   // likewise, observes
role_fn role_peek;          // n times aimdb_peek
role_fn role_recv;          // aimdb_recv until n values are accounted for
role_fn role_recv_to_end;   // aimdb_recv until AIMDB_ECLOSED
role_fn role_serve;         // aimdb_recv for ever
role_fn role_close_record;  // closes the buffer, as aimdb_close does
role_fn role_shut;          // shuts the gate and closes the buffer: dispatchers leave
role_fn role_close;         // aimdb_close
role_fn role_close_at_once; // aimdb_close with a deadline that has passed
role_fn role_run;           // aimdb_run
role_fn role_stop;          // aimdb_stop
role_fn role_work;          // a worker of the executor
role_fn role_push_and_work; // alone: n times runs all tasks that are ready, and produces a value
role_fn role_finish;        // aimdb_done for n values

// The explorer's view of a scenario.
struct model_case
bench_case(const struct scenario *scenario);

#endif
