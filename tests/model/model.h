// SPDX-License-Identifier: Apache-2.0
// The explorer, as scenarios and litmus tests see it.
#ifndef AIMDB_TESTS_MODEL_H
#define AIMDB_TESTS_MODEL_H

#include <stdio.h>

#include "core/executor.h"
#include "core/reader.h"
#include "core/turn.h"

#define MODEL_THREADS 5

// What is explored. Everything the threads share is made by `setup`, once, in model_alloc's memory,
// which is put back before each execution.
struct model_case {
    const char *name;
    void (*setup)(const void *what);
    void (*thread)(const void *what, int self); // called once for each thread
    void (*check)(const void *what);            // after each execution, outside all threads
    const void *what;
    int threads;
    int asleep; // the first so many threads run until they sleep, before the others start
    int loops;  // calls of aimdbp_relax in a thread that pass before it waits for the others
    unsigned never_spins; // bit for each thread in which aimdbp_relax is a failure
    bool asymmetric;      // aimdbp_fence_heavy() is membarrier
    unsigned overtaken_limit;
};

struct model_result {
    uint64_t executions; // complete ones
    uint64_t pruned;     // cut off because others explore the same
    bool failed;
    char why[256];
};

// Runs every execution of the case, or until one fails. With `trace` a failing one is printed.
void
model_explore(const struct model_case *explored, bool trace, struct model_result *ret);

// --- for setup, threads and checks ---------------------------------------------------------------

extern int model_self; // the running thread; -1: setup and check, which see everything

void *
model_alloc(size_t bytes);

// How a word is called in traces.
void
model_name(const void *at, const char *prefix, const char *name);

// The claim does not hold: ends the execution, and the exploration.
_Noreturn void __attribute__((format(printf, 1, 2))) model_fail(const char *format, ...);

// Ends the execution, which is not explored any further: it would go on for ever in a way that no
// scheduler allows for ever.
_Noreturn void
model_cut(void);

#define MODEL_REQUIRE(claim, ...)                                                                  \
    do {                                                                                           \
        if (!(claim)) {                                                                            \
            model_fail(__VA_ARGS__);                                                               \
        }                                                                                          \
    } while (0)

// A line in the trace.
void __attribute__((format(printf, 1, 2))) model_note(const char *format, ...);

// Plain memory that only one thread at a time may use: fails unless all earlier uses happened before
// this one. `at` only names it.
void
model_touch(const void *at);

// The oldest value of a word that the running thread may still load.
size_t
model_known(const aimdb_word *word);

// A queue of numbers below 64, each in it at most once. What the putter did happens before what the
// taker does. A taker waits for a number; it takes any.
void
model_put(const void *queue, size_t number);
size_t
model_take(const void *queue);

// As model_take, but the taker learns nothing: later in time, not in what it sees.
size_t
model_take_blindly(const void *queue);

// As aimdbp_wait with a deadline that comes when nothing else happens any more: all others are stuck.
void
model_wait_a_while(aimdbi_signal *signal, uint32_t expected);

// True if the thread has not ended: it waits for a wake, or for a number.
bool
model_is_waiting(int thread);

#endif
