// SPDX-License-Identifier: Apache-2.0
// Simulation: an executor with virtual time and a seed, for tests. All of it happens in one thread;
// who goes on at each step is drawn from the seed, so a run repeats exactly, whatever it found.
#ifndef AIMDB_SIM_H
#define AIMDB_SIM_H

#include <aimdb/executor.h>

#if __STDC_HOSTED__
#include <stdio.h>

AIMDB_BEGIN

// How a simulation is made. Zero in a member means its default. Set .size = sizeof, or leave it 0.
typedef struct aimdb_sim_options {
    size_t size;
    uint64_t seed;         // default: AIMDB_SIM_SEED of the environment, else one that nobody chose
    uint32_t workers;      // simulated threads for consumers that do not block; default: 2
    aimdb_time time_limit; // of virtual time, from the beginning; default: none
    uint64_t step_limit;   // steps from the beginning; default: none
    // Called instead of stopping the program when the thread that made the simulation waits for
    // something that cannot happen any more. The program is stopped when it returns.
    void (*on_stuck)(void *user, const char *text);
    void *on_stuck_user;
} aimdb_sim_options;

// How far a simulation came. Set .size = sizeof, or leave it 0.
typedef struct aimdb_sim_report {
    size_t size;
    uint64_t seed;
    uint64_t steps;
    uint64_t digest; // of all that was drawn: two runs that agree in it went the same way
    aimdb_time now;
    uint64_t waiting; // actors and consumers that wait for a value, a time, aimdb_done ...
    uint64_t pending; // values that idle consumers have not been told of
} aimdb_sim_report;

// aimdb_sim_new begins a simulation in the calling thread.
//
// From here until aimdb_executor_free the thread's aimdb_clock is virtual, and whatever waits in it
// (aimdb_recv, aimdb_close, aimdb_run ...) lets the others go on. Time passes when nobody can go on,
// to the next deadline. Use one thread, no clocks, no sleeps and no locks of the operating system
// inside. The seed is said in the log of each database that is built.
//
//   options    NULL: all defaults
//   Returns    the executor; NULL when memory is out, an option is bad (over 1024 workers), or the
//              thread is in a simulation already
//   Thread     any; everything else of the simulation happens in this one
//   ISR        no                     Blocks  never
//   Alloc      the executor, and a stack for each worker
//   Cost       some ten microseconds
//   Source     SPEC D6; docs/adr/0008
AIMDB_API aimdb_executor *
aimdb_sim_new(const aimdb_sim_options *options);

// aimdb_sim_seed tells the seed, which another run can be given.
//
//   executor   made by aimdb_sim_new
//   Returns    the seed; 0 for other executors and NULL
//   Thread     any
//   ISR        yes                    Blocks  never
//   Alloc      none                   Cost    one load
//   Source     SPEC D6
AIMDB_API uint64_t
aimdb_sim_seed(const aimdb_executor *executor);

// aimdb_sim_spawn starts an actor: what would be a thread of its own outside of a simulation.
//
//   executor   made by aimdb_sim_new
//   name       for reports, copied, cut at 47 bytes; NULL: "actor"
//   fn         called once; the actor ends when it returns
//   user       passed to fn
//   Returns    AIMDB_OK; _EINVAL for other executors, another thread, and fn NULL; _ENOMEM, _EFORKED
//   Thread     the simulation's, inside callbacks and actors too
//   ISR        no                     Blocks  never
//   Alloc      the actor and its stack
//   Cost       some microseconds
//   Source     docs/adr/0008
AIMDB_API AIMDB_MUST_CHECK aimdb_err
aimdb_sim_spawn(aimdb_executor *executor, const char *name, void (*fn)(void *user), void *user);

// aimdb_sim_sleep lets virtual time pass. It costs no real time.
//
//   until      on the clock of aimdb_clock(); AIMDB_FOREVER: for good
//   Returns    nothing. Outside of a simulation at once
//   Thread     the simulation's, inside callbacks and actors too
//   ISR        no                     Blocks  until then, the calling actor alone
//   Alloc      none                   Cost    a step
//   Source     docs/adr/0008
AIMDB_API void
aimdb_sim_sleep(aimdb_time until);

// aimdb_sim_yield lets the others go on, for loops that look until something has become true.
//
// When all who can go on do nothing but look, virtual time passes for them, slowly at first.
//
//   Returns    nothing. Outside of a simulation at once
//   Thread     the simulation's, inside callbacks and actors too
//   ISR        no                     Blocks  for some steps of others
//   Alloc      none                   Cost    a step
//   Source     docs/adr/0008
AIMDB_API void
aimdb_sim_yield(void);

// aimdb_sim_run stands aside until a virtual time, or until nothing can go on any more.
//
// What is due at `until` is still done.
//
//   executor   made by aimdb_sim_new
//   until      on the clock of aimdb_clock(); AIMDB_FOREVER: no limit but those of the options
//   report     NULL, or where to write how far it came
//   Returns    AIMDB_OK when all actors have ended and no consumer has anything left to do;
//              _ETIMEDOUT at `until` or a limit of the options; _EPENDING when somebody waits and
//              nothing can go on (aimdb_sim_explain tells who); _EBUSY from an actor, a consumer or a
//              source; _EINVAL, _EFORKED
//   Thread     the simulation's
//   ISR        no                     Blocks  as described; in real time as long as it computes
//   Alloc      none                   Cost    what the actors do, and some ten nanoseconds a step
//   Source     docs/adr/0008
AIMDB_API AIMDB_MUST_CHECK aimdb_err
aimdb_sim_run(aimdb_executor *executor, aimdb_time until, aimdb_sim_report *report);

// aimdb_sim_explain writes who waits for what: actors, consumers, sources; and seed, time and steps.
//
//   executor   made by aimdb_sim_new; for others nothing is written
//   out        where to; NULL: nothing is written
//   Returns    nothing
//   Thread     the simulation's
//   ISR        no                     Blocks  on the stream
//   Alloc      none                   Cost    a line for each
//   Source     docs/adr/0008
AIMDB_API void
aimdb_sim_explain(const aimdb_executor *executor, FILE *out);

AIMDB_END

#endif
#endif
