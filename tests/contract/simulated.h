// SPDX-License-Identifier: Apache-2.0
// The harness in a simulation: helpers are actors of the sim executor, gates are waited for in virtual
// time, and what never comes is told with a seed. Variants:
//
//   sim          a seed that nobody chose, or AIMDB_SIM_SEED of the environment
//   sim:SEED     that seed
//   sim:A..B     each of them, all tests of the program for each, and silence unless one fails
//
// The number of simulated workers follows from the seed: 1 to 4.
#ifndef SIMULATED_H
#define SIMULATED_H

#include "contract.h"

// What of the harness is different where there are no threads.
struct contract_threads {
    aimdb_executor *(*make)(unsigned workers);
    void (*gate_changed)(struct gate *gate);
    void (*wait_for_gate)(struct gate *gate, uint64_t n);
    void (*start)(struct helper *helper, void (*run)(void *helper));
    struct helper *(*this_helper)(void);
    bool (*is_at_root)(void); // not inside of a helper or of a callback that has its own stack
    bool (*is_asleep)(const struct helper *helper);
    bool (*others_asleep)(void);
    void (*give_way)(void);
};

// Takes a variant that begins with "sim". False: it is none, or cannot be read.
bool
simulated_take(const char *variant);
// The simulation's part of the harness.
extern const struct contract_threads simulated_threads;
// Workers of the seed that is played.
unsigned
simulated_workers(void);
// Says which seed it was, before a failure ends the program.
void
simulated_say_seed(void);

// Plays all tests with all seeds of a range. Returns what main() returns.
bool
simulated_is_range(void);
int
simulated_play(const struct CMUnitTest *tests, size_t count, const char *filter);
// Leaves a test of a range.
_Noreturn void
simulated_skip(void);

#endif
