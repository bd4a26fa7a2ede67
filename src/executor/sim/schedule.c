// SPDX-License-Identifier: Apache-2.0
// Who goes on.
//
// An actor goes on until it comes to a step: a produce, a read, a look at the clock, a task run, a
// wake, the moment before a sleep. There the seed decides whether it takes that step at once or
// another one goes on first. Nothing else is left to chance: with the same seed and the same program
// the same actors take the same steps.
//
// How often an actor is overtaken is drawn once for the whole run (`stay`): if it were the same in
// all runs, either long bursts or fine interleavings would never be seen.
//
// Time passes when nobody is able to go on, and then to the next deadline. Two things would hold it up
// for ever, though it passes in the world: actors that look again and again whether something has
// become true, and values that go round in a circle without end. So it passes as well when all who are
// able did nothing but look, and after MANY_STEPS at one instant; little at first, doubled each time.
//
// INV-S1  Of all actors only `running` runs; each other one is inside aimdbi_sim_give_way, or has not
//         begun.
// INV-S2  An actor that waits becomes able by a wake of its signal or by its deadline, never because
//         somebody looked at the signal's value: a wake that was lost stays lost.
// INV-S3  The root stands aside, or is able, or the scheduler finds out that it never will be.
//
// Source: docs/adr/0008; Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators, 2014.
#include "sim.h"

#define MANY_LOOKS 3    // in a row by one actor: it waits for others
#define MANY_STEPS 1024 // at one instant: that is long enough to take time
#define PAUSE_LEAST AIMDB_US(1)
#define LOOKS_MOST AIMDB_SEC(1) // at once, for those who only look
#define WORK_MOST AIMDB_MS(4)   // at once, for MANY_STEPS

static struct aimdbi_sim *
sim_of(struct aimdbp_virtual *replacement)
{
    return (struct aimdbi_sim *) ((char *) replacement - offsetof(struct aimdbi_sim, replacement));
}

struct aimdbi_sim *
aimdbi_sim_here(void)
{
    struct aimdbp_virtual *replacement = aimdbp_virtual();
    return replacement ? sim_of(replacement) : NULL;
}

static uint64_t
mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

size_t
aimdbi_sim_draw(struct aimdbi_sim *sim, size_t limit)
{
    sim->random += 0x9e3779b97f4a7c15u; // SplitMix64
    uint64_t drawn = (mix(sim->random) >> 32) * (uint64_t) limit >> 32;
    sim->digest = mix(sim->digest ^ drawn ^ (uint64_t) limit << 32);
    return (size_t) drawn;
}

// --- time ----------------------------------------------------------------------------------------

static aimdb_time
next_deadline(const struct aimdbi_sim *sim)
{
    aimdb_time next = AIMDB_FOREVER;
    for (const struct aimdbi_sourcer *sourcer = sim->sourcers; sourcer; sourcer = sourcer->next) {
        aimdb_time due = aimdbi_due_at(&sourcer->sleeping);
        next = due < next ? due : next;
    }
    for (const struct aimdbi_actor *actor = sim->actors; actor; actor = actor->next) {
        bool has_deadline = actor->posture == AIMDBI_WAITS || actor->posture == AIMDBI_NAPS;
        if (has_deadline && actor->deadline < next) {
            next = actor->deadline;
        }
    }
    return next;
}

static void
pass_time(struct aimdbi_sim *sim, aimdb_time to)
{
    sim->now = to > sim->now ? to : sim->now;
    sim->steps_at_now = 0;
    for (struct aimdbi_actor *actor = sim->actors; actor; actor = actor->next) {
        bool has_deadline = actor->posture == AIMDBI_WAITS || actor->posture == AIMDBI_NAPS;
        if (has_deadline && actor->deadline <= sim->now) {
            actor->posture = AIMDBI_ABLE;
        }
    }
}

// When the root that stands aside wants to go on at the latest.
static aimdb_time
limit_of(const struct aimdbi_sim *sim)
{
    if (sim->root.posture != AIMDBI_ASIDE) {
        return AIMDB_FOREVER;
    }
    return sim->until < sim->time_limit ? sim->until : sim->time_limit;
}

// Time passes although somebody is able: *pause, which doubles, but not beyond the next deadline.
static void
pass_a_while(struct aimdbi_sim *sim, aimdb_time *pause, aimdb_time most)
{
    aimdb_time next = next_deadline(sim);
    aimdb_time to = sim->now < AIMDB_FOREVER - most ? sim->now + *pause : AIMDB_FOREVER - 1;
    to = next > sim->now && next < to ? next : to;
    aimdb_time limit = limit_of(sim);
    sim->is_late = to > limit;
    pass_time(sim, to < limit ? to : limit);
    *pause = *pause < most / 2 ? *pause * 2 : most;
}

void
aimdbi_sim_moved(struct aimdbi_sim *sim)
{
    sim->moves++;
    sim->look_pause = PAUSE_LEAST;
}

static bool
has_looked_enough(const struct aimdbi_sim *sim, const struct aimdbi_actor *actor)
{
    return actor->looked_at == sim->moves && actor->looks >= MANY_LOOKS;
}

// The running actor looks. True if it has looked often enough to let the others try.
static bool
looks_in_vain(struct aimdbi_sim *sim)
{
    struct aimdbi_actor *self = sim->running;
    self->looks = self->looked_at == sim->moves ? self->looks + 1 : 1;
    self->looked_at = sim->moves;
    if (!has_looked_enough(sim, self)) {
        return false;
    }
    for (const struct aimdbi_actor *actor = sim->actors; actor; actor = actor->next) {
        if (aimdbi_actor_is_able(actor) && !has_looked_enough(sim, actor)) {
            return true;
        }
    }
    pass_a_while(sim, &sim->look_pause, LOOKS_MOST);
    sim->moves++; // all of them look again
    return true;
}

// --- choosing ------------------------------------------------------------------------------------

static bool
is_at_limit(const struct aimdbi_sim *sim)
{
    return sim->is_late || (sim->step_limit > 0 && sim->steps >= sim->step_limit);
}

static struct aimdbi_actor *
back_to_root(struct aimdbi_sim *sim, aimdb_err outcome)
{
    sim->outcome = outcome;
    sim->root.posture = AIMDBI_ABLE;
    return &sim->root;
}

// Nobody is able: time passes, or the root is told that all is over.
static struct aimdbi_actor *
when_all_rest(struct aimdbi_sim *sim)
{
    aimdb_time next = next_deadline(sim);
    aimdb_time limit = limit_of(sim);
    if (next == AIMDB_FOREVER) {
        sim->is_stuck = sim->root.posture != AIMDBI_ASIDE;
        return back_to_root(sim, AIMDB_OK);
    }
    if (next > limit) {
        pass_time(sim, limit);
        return back_to_root(sim, AIMDB_ETIMEDOUT);
    }
    sim->look_pause = PAUSE_LEAST;
    sim->work_pause = PAUSE_LEAST;
    pass_time(sim, next);
    return NULL;
}

// One of those who are able, drawn, but not `but`. NULL: there is none.
static struct aimdbi_actor *
draw_one(struct aimdbi_sim *sim, const struct aimdbi_actor *but)
{
    size_t able = 0;
    struct aimdbi_actor *only = NULL;
    for (struct aimdbi_actor *actor = sim->actors; actor; actor = actor->next) {
        if (actor != but && aimdbi_actor_is_able(actor)) {
            only = actor;
            able++;
        }
    }
    if (able < 2) {
        return only;
    }
    size_t drawn = aimdbi_sim_draw(sim, able);
    struct aimdbi_actor *actor = sim->actors;
    for (;; actor = actor->next) {
        if (actor != but && aimdbi_actor_is_able(actor) && drawn-- == 0) {
            return actor;
        }
    }
}

static struct aimdbi_actor *
choose(struct aimdbi_sim *sim, const struct aimdbi_actor *but)
{
    for (;;) {
        if (sim->root.posture == AIMDBI_ASIDE && is_at_limit(sim)) {
            return back_to_root(sim, AIMDB_ETIMEDOUT);
        }
        if (sim->root.posture == AIMDBI_WAITS && sim->patience && sim->steps >= sim->patience) {
            sim->is_stuck = true;
            return back_to_root(sim, AIMDB_ETIMEDOUT);
        }
        struct aimdbi_actor *one = draw_one(sim, but);
        if (!one && but && aimdbi_actor_is_able(but)) {
            return sim->running; // nobody else is able
        }
        one = one ? one : when_all_rest(sim);
        if (one) {
            return one;
        }
    }
}

static void
switch_to(struct aimdbi_sim *sim, struct aimdbi_actor *next)
{
    struct aimdbi_actor *self = sim->running;
    if (next == self) {
        return;
    }
    sim->running = next;
    aimdbp_fiber_switch(&self->fiber, &next->fiber);
}

void
aimdbi_sim_give_way(struct aimdbi_sim *sim)
{
    sim->steps++;
    switch_to(sim, choose(sim, sim->running));
}

void
aimdbi_sim_step(struct aimdbi_sim *sim, bool moves)
{
    if (!sim->is_entered || sim->is_still) {
        return; // the simulation of a database that lives on is over; or nothing is to happen
    }
    sim->steps++;
    if (++sim->steps_at_now >= MANY_STEPS) {
        pass_a_while(sim, &sim->work_pause, WORK_MOST);
    }
    if (moves) {
        aimdbi_sim_moved(sim);
    } else if (looks_in_vain(sim)) {
        switch_to(sim, choose(sim, sim->running));
        return;
    }
    if (is_at_limit(sim) || aimdbi_sim_draw(sim, 16) >= sim->stay) {
        switch_to(sim, choose(sim, NULL));
    }
}

void
aimdbi_sim_rest(struct aimdbi_sim *sim, enum aimdbi_posture posture)
{
    struct aimdbi_actor *self = sim->running;
    self->posture = posture;
    switch_to(sim, choose(sim, NULL));
    self->posture = AIMDBI_ABLE;
}

_Noreturn void
aimdbi_sim_leave(struct aimdbi_sim *sim)
{
    struct aimdbi_actor *self = sim->running;
    if (self->role == AIMDBI_SPAWNED) {
        struct aimdbi_actor *before = sim->actors;
        while (before->next != self) {
            before = before->next;
        }
        before->next = self->next;
        sim->last = self->next ? sim->last : before;
        self->next = sim->spare;
        sim->spare = self;
    }
    self->posture = AIMDBI_OVER;
    aimdbi_sim_moved(sim);
    sim->running = choose(sim, NULL);
    aimdbp_fiber_leave(&self->fiber, &sim->running->fiber);
}

// --- what the port asks for ----------------------------------------------------------------------

static aimdb_time
virtual_clock(struct aimdbp_virtual *replacement)
{
    struct aimdbi_sim *sim = sim_of(replacement);
    aimdbi_sim_step(sim, false);
    return sim->now;
}

// A limit is for aimdb_sim_run; but a test that sets one wants to end, wherever it waits.
static uint64_t
patience_of(const struct aimdbi_sim *sim)
{
    if (sim->step_limit == 0) {
        return 0;
    }
    uint64_t more = sim->step_limit > AIMDBI_SIM_PATIENCE ? sim->step_limit : AIMDBI_SIM_PATIENCE;
    return sim->steps + more;
}

static void
virtual_wait(struct aimdbp_virtual *replacement, aimdbi_signal *signal, uint32_t expected,
             aimdb_time deadline)
{
    struct aimdbi_sim *sim = sim_of(replacement);
    aimdbi_sim_step(sim, true); // somebody may come between the last look and the sleep
    struct aimdbi_actor *self = sim->running;
    if (signal_load_acquire(signal) != expected || deadline <= sim->now) {
        return;
    }
    self->signal = signal;
    self->deadline = deadline;
    if (self == &sim->root) {
        sim->patience = patience_of(sim);
    }
    aimdbi_sim_rest(sim, AIMDBI_WAITS);
    if (sim->is_stuck && self == &sim->root) {
        aimdbi_sim_is_stuck(sim);
    }
    self->signal = NULL;
}

// Of several who wait, one is drawn. No step: a wake may come from a signal handler.
static void
virtual_wake(struct aimdbp_virtual *replacement, aimdbi_signal *signal, bool all)
{
    struct aimdbi_sim *sim = sim_of(replacement);
    size_t waiting = 0;
    for (struct aimdbi_actor *actor = sim->actors; actor; actor = actor->next) {
        waiting += actor->posture == AIMDBI_WAITS && actor->signal == signal;
    }
    size_t chosen = all || waiting < 2 ? 0 : aimdbi_sim_draw(sim, waiting);
    for (struct aimdbi_actor *actor = sim->actors; actor; actor = actor->next) {
        if (actor->posture == AIMDBI_WAITS && actor->signal == signal && (all || chosen-- == 0)) {
            actor->posture = AIMDBI_ABLE;
            aimdbi_sim_moved(sim);
        }
    }
}

static void
virtual_relax(struct aimdbp_virtual *replacement)
{
    aimdb_sim_yield();
    (void) replacement;
}

static void
virtual_fence_heavy(struct aimdbp_virtual *replacement)
{
    fence_seq_cst();
    aimdbi_sim_step(sim_of(replacement), true);
}

void
aimdbi_sim_replace(struct aimdbp_virtual *replacement)
{
    *replacement = (struct aimdbp_virtual){ .clock = virtual_clock,
                                            .wait = virtual_wait,
                                            .wake = virtual_wake,
                                            .relax = virtual_relax,
                                            .fence_heavy = virtual_fence_heavy };
}

void
aimdb_sim_yield(void)
{
    struct aimdbi_sim *sim = aimdbi_sim_here();
    if (sim) {
        sim->steps_at_now++;
        (void) looks_in_vain(sim);
        aimdbi_sim_give_way(sim);
    }
}

void
aimdb_sim_sleep(aimdb_time until)
{
    struct aimdbi_sim *sim = aimdbi_sim_here();
    if (!sim || until <= sim->now) {
        return;
    }
    sim->steps++;
    sim->running->deadline = until;
    aimdbi_sim_rest(sim, AIMDBI_NAPS);
    if (sim->is_stuck && sim->running == &sim->root) {
        aimdbi_sim_is_stuck(sim);
    }
}
