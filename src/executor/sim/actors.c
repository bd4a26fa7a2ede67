// SPDX-License-Identifier: Apache-2.0
// Actors that work for the executor: what the pool has threads for. Workers take any consumer that is
// ready [D2], each blocking consumer has an actor of its own [D4], one actor steps all sources.
#include "sim.h"

#include <stdio.h>
#include <string.h>

// --- tasks, of which one is drawn ----------------------------------------------------------------

bool
aimdbi_pot_reserve(struct aimdbi_pot *pot, size_t more)
{
    size_t wanted = pot->wanted + more;
    if (wanted > pot->room) {
        aimdb_task **tasks = aimdbp_alloc(wanted * sizeof(aimdb_task *), sizeof(void *));
        if (!tasks) {
            return false;
        }
        if (pot->count > 0) {
            memcpy(tasks, pot->tasks, pot->count * sizeof(aimdb_task *));
        }
        aimdbp_release(pot->tasks, pot->room * sizeof(aimdb_task *));
        pot->tasks = tasks;
        pot->room = wanted;
    }
    pot->wanted = wanted;
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
has_something_to_do(const struct aimdbi_actor *actor)
{
    const struct aimdbi_sim *sim = actor->sim;
    switch (actor->role) {
    case AIMDBI_WORKER:
        return sim->ready.count > 0;
    case AIMDBI_BLOCKER:
        return actor->has_task;
    case AIMDBI_SOURCER:
        return sim->due.count > 0 || aimdbi_due_at(&sim->sleeping) <= sim->now;
    default:
        return false;
    }
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
        aimdb_task *task = pot_draw(sim, &sim->ready);
        if (run_task(self, task)) {
            aimdbi_pot_put(&sim->ready, task);
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
    while (aimdbi_due_at(&sim->sleeping) <= sim->now) {
        aimdbi_pot_put(&sim->due, aimdbi_due_take(&sim->sleeping));
    }
    aimdb_task *task = pot_draw(sim, &sim->due);
    self->task = task;
    aimdb_time next = aimdbi_source_step(task);
    self->task = NULL;
    if (!aimdbi_due_put_back(&sim->sleeping, task, next, sim->now)) {
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

bool
aimdbi_sim_add_sourcer(struct aimdbi_sim *sim)
{
    if (!sim->sourcer) {
        sim->sourcer = aimdbi_actor_new(sim, AIMDBI_SOURCER, "the sources", sourcer_main);
    }
    return sim->sourcer != NULL;
}

bool
aimdbi_sim_add_blocker(struct aimdbi_sim *sim, aimdb_task *task)
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

void
aimdbi_sim_free_blocker(aimdb_task *task)
{
    struct aimdbi_actor *actor = task->lane;
    if (actor) {
        actor->task = NULL;
        task->lane = NULL;
    }
}
