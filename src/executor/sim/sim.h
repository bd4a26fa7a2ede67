// SPDX-License-Identifier: Apache-2.0
// The sim executor in memory. All of it belongs to one thread; nothing here is shared.
#ifndef AIMDB_EXECUTOR_SIM_SIM_H
#define AIMDB_EXECUTOR_SIM_SIM_H

#include <aimdb/sim.h>

#include "executor/common/due.h"
#include "executor/common/rest.h"
#include "port/posix/fiber.h"
#include "port/posix/virtual.h"

#define AIMDBI_NAME_BYTES 48

// Steps that others may take while the root waits outside of aimdb_sim_run, if there is a limit at
// all; and that actors may take to their ends.
#define AIMDBI_SIM_PATIENCE 1000000

enum aimdbi_role {
    AIMDBI_ROOT,    // the thread's own stack: whoever made the simulation
    AIMDBI_SPAWNED, // aimdb_sim_spawn
    AIMDBI_WORKER,  // runs consumers that do not block, whichever is ready
    AIMDBI_BLOCKER, // runs one blocking consumer
    AIMDBI_SOURCER  // steps the sources
};

enum aimdbi_posture {
    AIMDBI_ABLE,  // can go on
    AIMDBI_WAITS, // on a signal, until its deadline
    AIMDBI_NAPS,  // until its deadline
    AIMDBI_IDLES, // worker, blocker, sourcer: until there is something to do for it
    AIMDBI_ASIDE, // the root, in aimdb_sim_run
    AIMDBI_OVER   // a worker, blocker or sourcer that was told to end and did
};

struct aimdbi_sim;

// Something that takes steps.
struct aimdbi_actor {
    struct aimdbp_fiber fiber;
    struct aimdbi_sim *sim;
    struct aimdbi_actor *next; // in the order in which they began
    enum aimdbi_role role;
    enum aimdbi_posture posture;
    const aimdbi_signal *signal; // while it waits
    aimdb_time deadline;         // while it waits or naps
    aimdb_task *task;            // worker, sourcer: what it runs now; blocker: its consumer
    bool has_task;               // blocker: the consumer is ready
    struct aimdbi_sourcer *sourcer;
    unsigned looks; // in a row, since `moves` was `looked_at`
    uint64_t looked_at;
    void (*fn)(void *user);
    void *user;
    char name[AIMDBI_NAME_BYTES];
};

// Room for tasks, in no order: one is drawn.
struct aimdbi_pot {
    aimdb_task **tasks;
    size_t count;
    size_t wanted; // by the databases that are open
    size_t room;
};

// The sources of one lane, of all open databases. They wait for each other [D7].
struct aimdbi_sourcer {
    struct aimdbi_sourcer *next;
    struct aimdbi_actor *actor;
    struct aimdbi_pot due;      // that can be stepped now
    struct aimdbi_due sleeping; // the others
    uint32_t lane;
};

// A database that is open.
struct aimdbi_known {
    struct aimdbi_known *next;
    aimdb *db;
};

struct aimdbi_sim {
    aimdb_executor base;
    struct aimdbp_virtual replacement;
    bool is_entered; // the thread is in the simulation
    bool is_still;   // figures are read: no steps
    bool is_ending;  // workers, blockers and the sourcer are to end
    bool is_stuck;   // the root is to say so
    bool is_late;    // the root's limit of time was passed
    bool has_spoken; // the seed was said in a log
    uint64_t seed;
    uint64_t random; // state of the generator
    uint64_t digest;
    uint64_t steps;
    uint64_t step_limit;   // 0: none
    uint64_t patience;     // steps at which a root that waits gives up; 0: never
    uint64_t moves;        // counts what was more than looking
    uint64_t steps_at_now; // since time passed
    unsigned stay;         // of 16: how likely an actor takes the next step as well
    aimdb_time now;
    aimdb_time time_limit; // absolute; AIMDB_FOREVER: none
    aimdb_time until;      // of the root that stands aside
    aimdb_time look_pause; // what passes next for those who only look
    aimdb_time work_pause; // and for those who never come to rest
    aimdb_err outcome;     // of the root that stood aside
    struct aimdbi_actor root;
    struct aimdbi_actor *running;
    struct aimdbi_actor *actors; // all, the root first
    struct aimdbi_actor *last;
    struct aimdbi_actor *spare; // ended; their stacks are used again
    struct aimdbi_sourcer *sourcers;
    struct aimdbi_known *known;
    struct aimdbi_pot ready; // consumers that do not block
    struct aimdbi_pot again; // those that have just been run and are ready once more
    unsigned overtaken;      // draws from `ready` since `again` was last looked at
    struct aimdbi_rest rest;
    void (*on_stuck)(void *user, const char *text);
    void *on_stuck_user;
    char *told;         // what on_stuck was told
    aimdb_word forked_; // nonzero in the child of a fork
    struct aimdbp_fork_watch fork_watch;
};

// The simulation that the calling thread is in; NULL: none.
struct aimdbi_sim *
aimdbi_sim_here(void);

// --- schedule.c: who goes on ---

// A number below `limit`, from the seed.
size_t
aimdbi_sim_draw(struct aimdbi_sim *sim, size_t limit);

// The running actor comes to a point where others may go on first. A step moves something, or only
// looks.
void
aimdbi_sim_step(struct aimdbi_sim *sim, bool moves);

// Something moved that whoever looks may have been looking for.
void
aimdbi_sim_moved(struct aimdbi_sim *sim);

// The running actor does not go on until it is able to.
void
aimdbi_sim_rest(struct aimdbi_sim *sim, enum aimdbi_posture posture);

// Lets another one go on, if there is one.
void
aimdbi_sim_give_way(struct aimdbi_sim *sim);

// Ends the running actor.
_Noreturn void
aimdbi_sim_leave(struct aimdbi_sim *sim);

// Fills in what the port asks for while the thread is in the simulation.
void
aimdbi_sim_replace(struct aimdbp_virtual *replacement);

// --- actors.c: those who work for the executor ---

// A new actor that is able; NULL: no memory.
struct aimdbi_actor *
aimdbi_actor_new(struct aimdbi_sim *sim, enum aimdbi_role role, const char *name,
                 void (*main)(void *actor));
void
aimdbi_actor_release(struct aimdbi_actor *actor);

// Whether it can go on.
bool
aimdbi_actor_is_able(const struct aimdbi_actor *actor);

void
aimdbi_pot_put(struct aimdbi_pot *pot, aimdb_task *task);

bool
aimdbi_sim_add_workers(struct aimdbi_sim *sim, uint32_t count);

// Makes room and an actor for a task, and notes where in its `lane`. False: no memory.
bool
aimdbi_sim_take_in(struct aimdbi_sim *sim, aimdb_task *task);
// The task has LEFT, or was never taken in.
void
aimdbi_sim_let_out(struct aimdbi_sim *sim, aimdb_task *task);

// --- explain.c: who waits for what ---

void
aimdbi_sim_count(struct aimdbi_sim *sim, aimdb_sim_report *ret);

// The root waits for what cannot happen any more: tells on_stuck, or the world, and stops the program.
_Noreturn void
aimdbi_sim_is_stuck(struct aimdbi_sim *sim);

#endif
