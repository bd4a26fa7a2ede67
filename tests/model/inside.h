// SPDX-License-Identifier: Apache-2.0
// What the files of the bench share: bench.c sets up and checks, roles.c and tasks.c are what the
// threads do.
#ifndef AIMDB_TESTS_MODEL_INSIDE_H
#define AIMDB_TESTS_MODEL_INSIDE_H

#include <aimdb/context.h>
#include <aimdb/metrics.h>
#include <aimdb/typed.h>

#include "bench.h"
#include "executor/common/rest.h"

#define VALUES 32 // of one writer
#define POSITIONS 64
#define STOP 32                     // numbers in the ready queue that end a worker
#define SETTER_UP MODEL_THREADS     // writer of what is pushed before
#define EMITTER (MODEL_THREADS + 1) // writer of what consumers emit
#define WRITERS (MODEL_THREADS + 2)

struct small {
    size_t id;
};

struct large {
    size_t id;
    size_t again; // a function of id
};

AIMDB_RECORD_TYPE(small, struct small);
AIMDB_RECORD_TYPE(large, struct large);

// How one reader or consumer is doing.
struct account {
    size_t start;         // pushes before its first
    size_t last[WRITERS]; // number of the last value of each writer
    bool is_used;
    bool is_closed; // was told so
};

struct bench {
    aimdb_executor executor;
    const struct scenario *scenario;
    aimdb *db;
    aimdb_record *rec;
    aimdb_task *tasks[2];
    aimdb_reader readers[MODEL_THREADS];
    struct account accounts[MODEL_THREADS + 2]; // of the threads' readers, then of the tasks
    size_t accepted[WRITERS];                   // values of each writer
    size_t at[POSITIONS];                       // which value, as far as somebody got it
    bool was_taken[WRITERS * VALUES];
    aimdb_token tokens[2 * VALUES]; // of each task's values
    bool is_unfinished[2];          // the task's last value was deferred, aimdb_done not called
    int reporter;                   // the thread that closed
    size_t given_up;                // token of a value whose consumer has returned; 0: none
    char ready;                     // queue of tasks
    char deferred;                  // queue of tokens
    char run[2];                    // touched by whoever runs the task
    char finished[2];               // touched by calls, and by who waits for the last one
    char turns[MODEL_THREADS + 1];  // queues: the thread may begin
    struct aimdbi_rest rest;
    aimdb_close_report report;
    bool was_closed;
    bool was_shut; // closed without an end of the workers
};

static inline size_t
value_size(const struct bench *b)
{
    return b->scenario->large ? sizeof(struct large) : sizeof(struct small);
}

static inline struct large
make_value(int writer, size_t number)
{
    size_t id = (size_t) writer * VALUES + number;
    return (struct large){ id, id * 77 + 1 };
}

static inline size_t
total_accepted(const struct bench *b)
{
    size_t sum = 0;
    for (int i = 0; i < WRITERS; i++) {
        sum += b->accepted[i];
    }
    return sum;
}

static inline bool
is_mailbox(const struct bench *b)
{
    return b->scenario->cfg.buffer == AIMDB_BUFFER_MAILBOX;
}

static inline bool
is_ring(const struct bench *b)
{
    return b->scenario->cfg.buffer == AIMDB_BUFFER_SPMC_RING;
}

static inline size_t
accounted(const struct bench *b, const aimdb_reader *reader)
{
    return load_relaxed(&reader->received_) +
           load_relaxed(is_ring(b) ? &reader->missed_ : &reader->skipped_);
}

// --- roles.c -------------------------------------------------------------------------------------

// Produces one value. Returns false if the record is closed.
bool
bench_push(struct bench *b, int writer, size_t number);

// A reader got a value. Its counters include it.
void
bench_got_value(struct bench *b, const aimdb_reader *reader, struct account *account,
                const struct large *value);

aimdb_err
bench_try_once(struct bench *b, int self);

void
bench_start_account(struct bench *b, int self);

// --- tasks.c -------------------------------------------------------------------------------------

extern const struct aimdbi_executor_ops bench_executor_ops;

void
bench_add_consumers(struct bench *b, aimdb_builder *builder);
void
bench_name_tasks(const struct bench *b);

// After an execution: the tasks' states, and their part of the account.
void
bench_check_states(const struct bench *b);
void
bench_check_accounts(const struct bench *b);

#endif
