// SPDX-License-Identifier: Apache-2.0
// The sim executor: what the core asks of it, and what tests do. schedule.c decides who goes on,
// actors.c has those who run tasks, explain.c tells who waits for what.
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS_DEFAULT 2
#define WORKERS_MAX 1024
#define BEGINNING AIMDB_SEC(1) // of time: 0 is never a time of a simulation

static const struct aimdbi_executor_ops sim_ops;

static struct aimdbi_sim *
sim_of(const aimdb_executor *executor)
{
    return (struct aimdbi_sim *) executor; // base is its first member
}

static bool
is_sim(const aimdb_executor *executor)
{
    return executor && executor->ops == &sim_ops;
}

static bool
is_forked(const struct aimdbi_sim *sim)
{
    return load_acquire(&sim->forked_) != 0;
}

static void
require_here(const struct aimdbi_sim *sim)
{
    AIMDBI_REQUIRE(aimdbi_sim_here() == sim,
                   "a database of a simulation was used by another thread (see aimdb_sim_new)");
}

// --- databases -----------------------------------------------------------------------------------

static void
forget(struct aimdbi_sim *sim, aimdb *db)
{
    for (size_t i = 0; i < db->task_count; i++) {
        aimdbi_sim_let_out(sim, db->tasks[i]);
    }
    struct aimdbi_known **link = &sim->known;
    while ((*link)->db != db) {
        link = &(*link)->next;
    }
    struct aimdbi_known *known = *link;
    *link = known->next;
    aimdbp_release(known, sizeof *known);
}

// Room and actors for the tasks of db.
static bool
get_to_know(struct aimdbi_sim *sim, aimdb *db)
{
    struct aimdbi_known *known = aimdbp_alloc(sizeof *known, sizeof(void *));
    if (!known) {
        return false;
    }
    *known = (struct aimdbi_known){ sim->known, db };
    sim->known = known;
    bool enough = true;
    for (size_t i = 0; i < db->task_count; i++) {
        db->tasks[i]->lane = NULL; // of an earlier try
        enough = enough && aimdbi_sim_take_in(sim, db->tasks[i]);
    }
    if (!enough) {
        forget(sim, db);
    }
    return enough;
}

// The first log hook hears how to repeat the run.
static void
say_seed(struct aimdbi_sim *sim, const aimdb *db)
{
    if (db->log && !sim->has_spoken) {
        char line[64];
        (void) snprintf(line, sizeof line, "sim: seed %llu", (unsigned long long) sim->seed);
        sim->has_spoken = true;
        db->log(db->log_user, AIMDB_LOG_INFO, line);
    }
}

static aimdb_err
sim_open(aimdb_executor *executor, aimdb *db, char *why, size_t why_size)
{
    struct aimdbi_sim *sim = sim_of(executor);
    if (is_forked(sim)) {
        (void) snprintf(why, why_size, "the simulation belongs to the parent process");
        return AIMDB_EFORKED;
    }
    require_here(sim);
    if (!get_to_know(sim, db)) {
        (void) snprintf(why, why_size, "the simulation has no memory for its actors");
        return AIMDB_ENOMEM;
    }
    (void) fetch_or_acq_rel(&db->gate_, AIMDBI_GATE_STEPS);
    say_seed(sim, db);
    return AIMDB_OK;
}

static void
sim_start(aimdb_executor *executor, aimdb *db)
{
    for (size_t i = 0; i < db->task_count; i++) {
        aimdb_task *task = db->tasks[i];
        if (task->is_source) {
            struct aimdbi_sourcer *sourcer = task->lane;
            task->wake_at = task->due;
            aimdbi_due_add(&sourcer->sleeping, task);
        }
    }
    aimdbi_sim_step(sim_of(executor), true);
}

static void
sim_close(aimdb_executor *executor, aimdb *db)
{
    struct aimdbi_sim *sim = sim_of(executor);
    (void) fetch_sub_acq_rel(&sim->rest.attending_, 1);
    (void) fetch_and_acq_rel(&db->gate_, ~AIMDBI_GATE_STEPS);
    forget(sim, db);
}

// --- what runs -----------------------------------------------------------------------------------

static void
sim_ready(aimdb_executor *executor, aimdb_task *task)
{
    struct aimdbi_sim *sim = sim_of(executor);
    require_here(sim);
    if (task->blocking) {
        struct aimdbi_actor *actor = task->lane;
        actor->has_task = true;
    } else {
        aimdbi_pot_put(&sim->ready, task);
    }
    aimdbi_sim_step(sim, true); // whoever made it ready is overtaken
}

static void
sim_attend(aimdb_executor *executor, aimdb *db)
{
    (void) db;
    require_here(sim_of(executor));
    (void) fetch_add_acq_rel(&sim_of(executor)->rest.attending_, 1);
}

static void
sim_retire(aimdb_executor *executor, aimdb *db)
{
    (void) db;
    struct aimdbi_sourcer *sourcer = sim_of(executor)->sourcers;
    for (; sourcer; sourcer = sourcer->next) {
        aimdbi_due_retire(&sourcer->sleeping);
    }
}

static uint32_t
sim_settle_begin(aimdb_executor *executor)
{
    return signal_load_acquire(&sim_of(executor)->rest.settled);
}

static void
sim_settle(aimdb_executor *executor, uint32_t ticket, aimdb_time deadline)
{
    aimdbp_wait(&sim_of(executor)->rest.settled, ticket, deadline);
}

static void
sim_wait(aimdb_executor *executor, aimdbi_signal *signal, uint32_t expected, aimdb_time deadline)
{
    require_here(sim_of(executor));
    aimdbp_wait(signal, expected, deadline);
}

static void
sim_nudge(aimdb_executor *executor)
{
    (void) executor; // who waits sleeps on the signal itself
}

static aimdb_time
sim_clock(const aimdb_executor *executor)
{
    struct aimdbi_sim *sim = sim_of(executor);
    aimdbi_sim_step(sim, false);
    return sim->now;
}

static bool
sim_others_wait(aimdb_executor *executor, const aimdb_task *task)
{
    struct aimdbi_sim *sim = sim_of(executor);
    aimdbi_sim_step(sim, true);
    return !task->blocking && sim->ready.count + sim->again.count > 0;
}

static void
sim_step(aimdb_executor *executor, bool moves)
{
    require_here(sim_of(executor));
    aimdbi_sim_step(sim_of(executor), moves);
}

// --- making and ending ---------------------------------------------------------------------------

static void
release_pot(struct aimdbi_pot *pot)
{
    aimdbp_release(pot->tasks, pot->room * sizeof(aimdb_task *));
}

static void
release_all(struct aimdbi_sim *sim)
{
    for (struct aimdbi_actor *next, *actor = sim->root.next; actor; actor = next) {
        next = actor->next;
        if (actor != sim->running) { // in the child of a fork it may be this stack
            aimdbi_actor_release(actor);
        }
    }
    for (struct aimdbi_actor *next, *actor = sim->spare; actor; actor = next) {
        next = actor->next;
        aimdbi_actor_release(actor);
    }
    for (struct aimdbi_known *next, *known = sim->known; known; known = next) {
        next = known->next;
        aimdbp_release(known, sizeof *known);
    }
    aimdbp_fiber_release(&sim->root.fiber);
    free(sim->told);
    for (struct aimdbi_sourcer *next, *sourcer = sim->sourcers; sourcer; sourcer = next) {
        next = sourcer->next;
        release_pot(&sourcer->due);
        aimdbp_release(sourcer, sizeof *sourcer);
    }
    release_pot(&sim->ready);
    release_pot(&sim->again);
}

static bool
has_spawned(const struct aimdbi_sim *sim)
{
    const struct aimdbi_actor *actor = sim->actors;
    while (actor && actor->role != AIMDBI_SPAWNED) {
        actor = actor->next;
    }
    return actor != NULL;
}

static void
stand_aside(struct aimdbi_sim *sim, aimdb_time until)
{
    sim->until = until;
    sim->is_late = false;
    aimdbi_sim_rest(sim, AIMDBI_ASIDE);
    sim->is_late = false;
}

// Lets actors come to their ends, then those who work for the executor.
static void
end_actors(struct aimdbi_sim *sim)
{
    sim->time_limit = AIMDB_FOREVER;
    sim->step_limit = sim->steps + AIMDBI_SIM_PATIENCE;
    if (has_spawned(sim)) {
        stand_aside(sim, AIMDB_FOREVER);
    }
    if (has_spawned(sim)) {
        aimdbi_sim_is_stuck(sim);
    }
    sim->is_ending = true;
    sim->step_limit = 0;
    stand_aside(sim, AIMDB_FOREVER);
}

static void
sim_end(aimdb_executor *executor)
{
    struct aimdbi_sim *sim = sim_of(executor);
    if (!is_forked(sim)) {
        require_here(sim);
        AIMDBI_REQUIRE(sim->running == &sim->root,
                       "aimdb_executor_free: not from inside an actor, a consumer or a source");
        AIMDBI_REQUIRE(!sim->known,
                       "aimdb_executor_free: a database of this executor is still open");
        end_actors(sim);
    }
    if (aimdbi_sim_here() == sim) {
        aimdbp_set_virtual(NULL);
    }
    sim->is_entered = false;
    release_all(sim);
    aimdbp_fork_unwatch(&sim->fork_watch);
}

static void
sim_free(aimdb_executor *executor)
{
    aimdbp_release(executor, sizeof(struct aimdbi_sim));
}

static const struct aimdbi_executor_ops sim_ops = {
    .version = AIMDBI_EXECUTOR_VERSION,
    .open = sim_open,
    .start = sim_start,
    .ready = sim_ready,
    .attend = sim_attend,
    .retire = sim_retire,
    .settle_begin = sim_settle_begin,
    .settle = sim_settle,
    .wait = sim_wait,
    .nudge = sim_nudge,
    .close = sim_close,
    .clock = sim_clock,
    .others_wait = sim_others_wait,
    .step = sim_step,
    .end = sim_end,
    .free = sim_free,
};

static uint64_t
seed_of_environment(void)
{
    const char *text = getenv("AIMDB_SIM_SEED");
    uint64_t seed = text ? (uint64_t) strtoull(text, NULL, 0) : 0;
    return seed ? seed : aimdbp_noise() & UINT32_MAX; // short enough to be typed again
}

static void
init(struct aimdbi_sim *sim, const aimdb_sim_options *given)
{
    static const uint8_t stays[8] = { 0, 0, 4, 8, 12, 14, 15, 15 };
    sim->base.ops = &sim_ops;
    store_relaxed(&sim->base.refs_, 1); // relaxed: not shared
    sim->seed = given->seed ? given->seed : seed_of_environment();
    sim->random = sim->seed;
    sim->stay = stays[aimdbi_sim_draw(sim, 8)];
    sim->now = BEGINNING;
    sim->look_pause = 1; // ns; set anew by the first move
    sim->work_pause = 1;
    sim->step_limit = given->step_limit;
    sim->time_limit = AIMDB_FOREVER;
    if (given->time_limit > 0 && given->time_limit < AIMDB_FOREVER - BEGINNING) {
        sim->time_limit = BEGINNING + given->time_limit;
    }
    sim->until = AIMDB_FOREVER;
    sim->on_stuck = given->on_stuck;
    sim->on_stuck_user = given->on_stuck_user;
    sim->rest.executor = &sim->base;
    sim->rest.asymmetric = true;
    sim->root.sim = sim;
    (void) snprintf(sim->root.name, sizeof sim->root.name, "main");
    aimdbp_fiber_adopt(&sim->root.fiber);
    sim->running = sim->actors = sim->last = &sim->root;
    aimdbi_sim_replace(&sim->replacement);
}

aimdb_executor *
aimdb_sim_new(const aimdb_sim_options *options)
{
    aimdb_sim_options given = { 0 };
    if (options && !aimdbi_take_options(&given, sizeof given, options)) {
        return NULL;
    }
    const struct aimdbi_sim *here = aimdbi_sim_here();
    if (given.workers > WORKERS_MAX || given.time_limit < 0 || (here && !is_forked(here))) {
        return NULL; // the child of a fork may leave that of its parent for one of its own
    }
    struct aimdbi_sim *sim = aimdbp_alloc(sizeof *sim, sizeof(void *));
    if (!sim) {
        return NULL;
    }
    memset(sim, 0, sizeof *sim);
    aimdbp_init();
    init(sim, &given);
    if (!aimdbi_sim_add_workers(sim, given.workers ? given.workers : WORKERS_DEFAULT)) {
        release_all(sim);
        aimdbp_release(sim, sizeof *sim);
        return NULL;
    }
    aimdbp_fork_watch(&sim->fork_watch, &sim->forked_, 1);
    sim->is_entered = true;
    aimdbp_set_virtual(&sim->replacement);
    return &sim->base;
}

// --- what tests ask for --------------------------------------------------------------------------

uint64_t
aimdb_sim_seed(const aimdb_executor *executor)
{
    return is_sim(executor) ? sim_of(executor)->seed : 0;
}

static void
spawned_main(void *argument)
{
    struct aimdbi_actor *self = argument;
    self->fn(self->user);
    aimdbi_sim_leave(self->sim);
}

aimdb_err
aimdb_sim_spawn(aimdb_executor *executor, const char *name, void (*fn)(void *user), void *user)
{
    if (!is_sim(executor) || !fn) {
        return AIMDB_EINVAL;
    }
    struct aimdbi_sim *sim = sim_of(executor);
    if (is_forked(sim)) {
        return AIMDB_EFORKED;
    }
    if (aimdbi_sim_here() != sim) {
        return AIMDB_EINVAL;
    }
    struct aimdbi_actor *actor =
        aimdbi_actor_new(sim, AIMDBI_SPAWNED, name ? name : "actor", spawned_main);
    if (!actor) {
        return AIMDB_ENOMEM;
    }
    actor->fn = fn;
    actor->user = user;
    aimdbi_sim_step(sim, true);
    return AIMDB_OK;
}

static void
hand_out_report(struct aimdbi_sim *sim, aimdb_sim_report *ret)
{
    aimdb_sim_report report;
    aimdbi_sim_count(sim, &report);
    size_t size = ret->size ? ret->size : sizeof report;
    report.size = ret->size;
    memcpy(ret, &report, size < sizeof report ? size : sizeof report);
}

static aimdb_err
run(struct aimdbi_sim *sim, aimdb_time until)
{
    if (until < sim->now || sim->time_limit < sim->now ||
        (sim->step_limit && sim->steps >= sim->step_limit)) {
        return AIMDB_ETIMEDOUT;
    }
    stand_aside(sim, until);
    if (sim->outcome != AIMDB_OK) {
        return sim->outcome;
    }
    aimdb_sim_report report;
    aimdbi_sim_count(sim, &report);
    return report.waiting || report.pending ? AIMDB_EPENDING : AIMDB_OK;
}

aimdb_err
aimdb_sim_run(aimdb_executor *executor, aimdb_time until, aimdb_sim_report *report)
{
    if (!is_sim(executor) || (report && report->size && report->size < sizeof(size_t))) {
        return AIMDB_EINVAL;
    }
    struct aimdbi_sim *sim = sim_of(executor);
    if (is_forked(sim)) {
        return AIMDB_EFORKED;
    }
    if (aimdbi_sim_here() != sim) {
        return AIMDB_EINVAL;
    }
    if (sim->running != &sim->root) {
        return AIMDB_EBUSY;
    }
    aimdb_err err = run(sim, until);
    if (report) {
        hand_out_report(sim, report);
    }
    return err;
}
