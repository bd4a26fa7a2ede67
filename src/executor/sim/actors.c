// SPDX-License-Identifier: Apache-2.0
// Actors that work for the executor: what the pool has threads for. Workers take any consumer that is
// ready [D2], each blocking consumer has an actor of its own [D4], and so have
// the sources of each lane.
#include "sim.h"

#include <stdio.h>
#include <string.h>

#define OVERTAKEN_MOST 16

// --- tasks, of which one is drawn ----------------------------------------------------------------

// Makes room for one more.
static bool
pot_reserve(struct aimdbi_pot *pot)
{
    if (pot->wanted == pot->room) {
        size_t room = pot->room ? 2 * pot->room : 8;
        aimdb_task **tasks = aimdbp_alloc(room * sizeof(aimdb_task *), sizeof(void *));
        if (!tasks) {
            return false;
        }
        if (pot->count > 0) {
            memcpy(tasks, pot->tasks, pot->count * sizeof(aimdb_task *));
        }
        aimdbp_release(pot->tasks, pot->room * sizeof(aimdb_task *));
        pot->tasks = tasks;
        pot->room = room;
    }
    pot->wanted++;
    return true;
}

void
aimdbi_pot_put(struct aimdbi_pot *pot, aimdb_task *task)
{
    AIMDBI_REQUIRE(pot->count < pot->wanted, "more tasks are ready than there are");
    pot->tasks[pot->count++] = task;
}

static aimdb_task *
pot_draw(struct aimdbi_sim *sim, struct aimdbi_pot *pot)
{
    size_t drawn = pot->count > 1 ? aimdbi_sim_draw(sim, pot->count) : 0;
    aimdb_task *task = pot->tasks[drawn];
    pot->tasks[drawn] = pot->tasks[--pot->count];
    return task;
}

static bool
is_due(const struct aimdbi_sourcer *sourcer, aimdb_time now)
{
    return sourcer->due.count > 0 || aimdbi_due_at(&sourcer->sleeping) <= now;
}

static bool
has_something_to_do(const struct aimdbi_actor *actor)
{
    const struct aimdbi_sim *sim = actor->sim;
    switch (actor->role) {
    case AIMDBI_WORKER:
        return sim->ready.count + sim->again.count > 0;
    case AIMDBI_BLOCKER:
        return actor->has_task;
    case AIMDBI_SOURCER:
        return is_due(actor->sourcer, sim->now);
    default:
        return false;
    }
}

// A task that has just been run does not come before those that waited meanwhile [D5]; after some
// draws it takes its chances with them, so that they do not come before it for ever.
static aimdb_task *
draw_ready(struct aimdbi_sim *sim)
{
    if (sim->ready.count == 0 || (sim->again.count > 0 && ++sim->overtaken > OVERTAKEN_MOST)) {
        while (sim->again.count > 0) {
            aimdbi_pot_put(&sim->ready, sim->again.tasks[--sim->again.count]);
        }
        sim->overtaken = 0;
    }
    return pot_draw(sim, &sim->ready);
}

// --- consumers -----------------------------------------------------------------------------------

// Mostly a few values, so that others come between; sometimes as many as a pool would hand on.
static size_t
draw_values(struct aimdbi_sim *sim)
{
    static const uint16_t choices[8] = { 1, 1, 1, 2, 2, 3, 16, AIMDBI_RUN_VALUES };
    return choices[aimdbi_sim_draw(sim, 8)];
}

// Runs a task once. True if it is ready again.
static bool
run_task(struct aimdbi_actor *self, aimdb_task *task)
{
    struct aimdbi_loan loan = { aimdbp_fiber_extra(&self->fiber), draw_values(self->sim), false };
    self->task = task;
    bool again = aimdbi_task_run(task, &loan) != AIMDBI_GONE;
    if (!again) {
        aimdbi_rest_note(&self->sim->rest);
    }
    return again;
}

static void
worker_main(void *argument)
{
    struct aimdbi_actor *self = argument;
    struct aimdbi_sim *sim = self->sim;
    struct aimdbi_frame frame = { &sim->base, 0 };
    aimdbp_set_current(&frame);
    while (!sim->is_ending) {
        if (!has_something_to_do(self)) {
            aimdbi_sim_rest(sim, AIMDBI_IDLES);
            continue;
        }
        aimdb_task *task = draw_ready(sim);
        if (run_task(self, task)) {
            aimdbi_pot_put(&sim->again, task);
        }
        self->task = NULL;
        aimdbi_sim_step(sim, true);
    }
    aimdbi_sim_leave(sim);
}

static void
blocker_main(void *argument)
{
    struct aimdbi_actor *self = argument;
    struct aimdbi_sim *sim = self->sim;
    struct aimdbi_frame frame = { &sim->base, 0 };
    aimdbp_set_current(&frame);
    while (!sim->is_ending) {
        if (!has_something_to_do(self)) {
            aimdbi_sim_rest(sim, AIMDBI_IDLES);
            continue;
        }
        self->has_task = false; // before the run, which may make it ready again
        if (run_task(self, self->task)) {
            self->has_task = true;
        }
        aimdbi_sim_step(sim, true);
    }
    aimdbi_sim_leave(sim);
}

// --- sources -------------------------------------------------------------------------------------

static void
step_source(struct aimdbi_actor *self)
{
    struct aimdbi_sim *sim = self->sim;
    struct aimdbi_sourcer *sourcer = self->sourcer;
    while (aimdbi_due_at(&sourcer->sleeping) <= sim->now) {
        aimdbi_pot_put(&sourcer->due, aimdbi_due_take(&sourcer->sleeping));
    }
    aimdb_task *task = pot_draw(sim, &sourcer->due);
    self->task = task;
    aimdb_time next = aimdbi_source_step(task);
    self->task = NULL;
    if (!aimdbi_due_put_back(&sourcer->sleeping, task, next, sim->now)) {
        aimdbi_rest_note(&sim->rest);
    }
}

static void
sourcer_main(void *argument)
{
    struct aimdbi_actor *self = argument;
    struct aimdbi_sim *sim = self->sim;
    struct aimdbi_frame frame = { &sim->base, 0 };
    aimdbp_set_current(&frame);
    while (!sim->is_ending) {
        if (!has_something_to_do(self)) {
            aimdbi_sim_rest(sim, AIMDBI_IDLES);
            continue;
        }
        step_source(self);
        aimdbi_sim_step(sim, true);
    }
    aimdbi_sim_leave(sim);
}

// --- coming and going ----------------------------------------------------------------------------

bool
aimdbi_actor_is_able(const struct aimdbi_actor *actor)
{
    return actor->posture == AIMDBI_ABLE || (actor->posture == AIMDBI_IDLES &&
                                             (actor->sim->is_ending || has_something_to_do(actor)));
}

// An actor with a stack: one that has ended, or a new one.
static struct aimdbi_actor *
take_spare(struct aimdbi_sim *sim)
{
    struct aimdbi_actor *actor = sim->spare;
    if (actor) {
        sim->spare = actor->next;
        return actor;
    }
    actor = aimdbp_alloc(sizeof *actor, sizeof(void *));
    if (!actor) {
        return NULL;
    }
    memset(actor, 0, sizeof *actor);
    if (!aimdbp_fiber_alloc(&actor->fiber, AIMDBI_SCRATCH_BYTES)) {
        aimdbp_release(actor, sizeof *actor);
        return NULL;
    }
    return actor;
}

struct aimdbi_actor *
aimdbi_actor_new(struct aimdbi_sim *sim, enum aimdbi_role role, const char *name,
                 void (*main)(void *actor))
{
    struct aimdbi_actor *actor = take_spare(sim);
    if (!actor) {
        return NULL;
    }
    struct aimdbp_fiber fiber = actor->fiber;
    *actor = (struct aimdbi_actor){ .fiber = fiber, .sim = sim, .role = role };
    (void) snprintf(actor->name, sizeof actor->name, "%s", name);
    aimdbp_fiber_begin(&actor->fiber, main, actor);
    sim->last->next = actor;
    sim->last = actor;
    return actor;
}

void
aimdbi_actor_release(struct aimdbi_actor *actor)
{
    aimdbp_fiber_release(&actor->fiber);
    aimdbp_release(actor, sizeof *actor);
}

bool
aimdbi_sim_add_workers(struct aimdbi_sim *sim, uint32_t count)
{
    for (uint32_t i = 1; i <= count; i++) {
        char name[AIMDBI_NAME_BYTES];
        (void) snprintf(name, sizeof name, "worker %u", (unsigned) i);
        if (!aimdbi_actor_new(sim, AIMDBI_WORKER, name, worker_main)) {
            return false;
        }
    }
    return true;
}

static bool
add_blocker(struct aimdbi_sim *sim, aimdb_task *task)
{
    struct aimdbi_actor *actor = sim->actors;
    while (actor && (actor->role != AIMDBI_BLOCKER || actor->task)) {
        actor = actor->next;
    }
    if (!actor) {
        actor = aimdbi_actor_new(sim, AIMDBI_BLOCKER, "blocking worker", blocker_main);
    }
    if (actor) {
        actor->task = task;
        task->lane = actor;
    }
    return actor != NULL;
}

static struct aimdbi_sourcer *
new_sourcer(struct aimdbi_sim *sim, uint32_t lane)
{
    struct aimdbi_sourcer *sourcer = aimdbp_alloc(sizeof *sourcer, sizeof(void *));
    if (!sourcer) {
        return NULL;
    }
    char name[AIMDBI_NAME_BYTES];
    (void) snprintf(name, sizeof name, "source lane %u", (unsigned) lane);
    *sourcer = (struct aimdbi_sourcer){ .next = sim->sourcers, .lane = lane };
    sourcer->actor = aimdbi_actor_new(sim, AIMDBI_SOURCER, name, sourcer_main);
    if (!sourcer->actor) {
        aimdbp_release(sourcer, sizeof *sourcer);
        return NULL;
    }
    sourcer->actor->sourcer = sourcer;
    sim->sourcers = sourcer;
    return sourcer;
}

static bool
add_source(struct aimdbi_sim *sim, aimdb_task *task)
{
    struct aimdbi_sourcer *sourcer = sim->sourcers;
    while (sourcer && sourcer->lane != task->source_lane) {
        sourcer = sourcer->next;
    }
    if (!sourcer) {
        sourcer = new_sourcer(sim, task->source_lane);
    }
    if (!sourcer || !pot_reserve(&sourcer->due)) {
        return false;
    }
    task->lane = sourcer;
    return true;
}

bool
aimdbi_sim_take_in(struct aimdbi_sim *sim, aimdb_task *task)
{
    if (task->is_source) {
        return add_source(sim, task);
    }
    if (task->blocking) {
        return add_blocker(sim, task);
    }
    if (!pot_reserve(&sim->ready)) {
        return false;
    }
    if (!pot_reserve(&sim->again)) {
        sim->ready.wanted--;
        return false;
    }
    task->lane = sim;
    return true;
}

void
aimdbi_sim_let_out(struct aimdbi_sim *sim, aimdb_task *task)
{
    if (!task->lane) {
        return;
    }
    if (task->is_source) {
        ((struct aimdbi_sourcer *) task->lane)->due.wanted--;
    } else if (task->blocking) {
        ((struct aimdbi_actor *) task->lane)->task = NULL;
    } else {
        sim->ready.wanted--;
        sim->again.wanted--;
    }
    task->lane = NULL;
}
