// SPDX-License-Identifier: Apache-2.0
// The memory of the model: what every thread may see of every shared word. See memory.c.
#ifndef AIMDB_TESTS_MODEL_MEMORY_H
#define AIMDB_TESTS_MODEL_MEMORY_H

#include "model.h"

#define PLACES 64   // shared words of a case
#define MESSAGES 64 // values that one of them can have in one execution
#define TRAIL 24    // stores of a thread between two steps that heavy fences can come between

// For each place the key of the oldest message that may still be seen.
struct view {
    uint32_t key[PLACES];
};

// A value that a word had. A place's messages form its modification order by their keys.
struct message {
    size_t value;
    uint32_t key;
    bool is_followed; // a read-modify-write read it: nothing comes between the two
    bool is_read;     // by another thread than the writer
    struct view view; // what an acquiring reader learns
};

struct place {
    const void *at; // NULL: not used yet
    uint32_t floor; // of a signal: what the last waker knew
    int count;
    int order[MESSAGES]; // indices of messages by key
    struct message messages[MESSAGES];
};

enum op_kind {
    OP_NONE, // goes on without a choice
    OP_LOAD,
    OP_CAS,
    OP_RMW,
    OP_FENCE,  // sequentially consistent
    OP_IPI,    // of a heavy fence, at `target`
    OP_WAIT,   // looks at the signal, and sleeps if it has `expected`
    OP_WAKE,   // all who sleep at the place, or one
    OP_TAKE,   // a number from a queue
    OP_ASLEEP, // cannot go on before an OP_WAKE
    OP_DOZES,  // nor this, or before all others are stuck
    OP_SPINS,  // cannot go on before all others are stuck
    OP_ENDED
};

struct op {
    enum op_kind kind;
    int place;
    int target;
    size_t expected;
};

// A store that no choice of its thread follows yet, and what the thread knew before it.
struct step {
    int place;
    int message;
    struct view current;
    struct view acquirable;
};

struct thread {
    struct op op;
    uint64_t pick; // one bit: which message, or how many steps of the trail a heavy fence undercuts
    struct view current;    // what its loads must at least see
    struct view acquirable; // what it would know after an acquire fence
    struct view released;   // what it knew at its last release fence
    int trail_count;
    struct step trail[TRAIL];
    int relaxes;
    void *stack_pointer;
    void *executing; // aimdbp_current
};

extern struct thread model_threads[MODEL_THREADS];
extern const struct model_case *model_running;

// --- memory.c ------------------------------------------------------------------------------------

// Forgets which words are shared; forgets all messages.
void
model_memory_forget(void);
void
model_memory_reset(void);

// What the thread's next step can be: a set of messages, or of undercuts, or 1.
uint64_t
model_candidates(int thread);

// True if the order of the two threads' next steps makes a difference; the second is about to be
// taken. Message reads are apart from this: a step only adds messages, never takes one away.
bool
model_depends(int asleep, int taken);

// Shows each thread everything.
void
model_memory_settle(void);

size_t
model_messages_made(void);

// --- explore.c -----------------------------------------------------------------------------------

// Announces the thread's next step and returns when it is this thread's turn to take it.
void
model_step(enum op_kind kind, int place, size_t expected, int target);

// One of `count` ways to go on; has nothing to do with other threads.
int
model_choose(int count);

// A word turned out to be shared: the exploration starts anew.
_Noreturn void
model_restart(void);

void
model_wake_all(int place);
void
model_wake_one(int place);

bool
model_is_setting_up(void);

extern bool model_is_tracing;

const char *
model_name_of(const void *at);

#endif
