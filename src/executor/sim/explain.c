// SPDX-License-Identifier: Apache-2.0
// Who waits for what, in words.
#define _POSIX_C_SOURCE 200809L // open_memstream
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>

static void
say_span(FILE *out, aimdb_time span)
{
    (void) fprintf(out, "%lld.%09lld s", (long long) (span / AIMDB_SEC(1)),
                   (long long) (span % AIMDB_SEC(1)));
}

// --- consumers and sources -----------------------------------------------------------------------

static uint64_t
pending_of(struct aimdbi_sim *sim, aimdb_task *task)
{
    aimdb_task_stats stats = { .size = sizeof stats };
    sim->is_still = true;
    aimdb_err err = aimdb_task_metrics(task, &stats);
    sim->is_still = false;
    return err == AIMDB_OK ? stats.pending : 0;
}

static bool
is_consumer_in(const aimdb_task *task, enum aimdbi_state state)
{
    return !task->is_source && load_acquire(&task->state_) == state;
}

static void
say_task(FILE *out, const aimdb_task *task)
{
    (void) fprintf(out, "%s \"%s\" of record \"%s\"", task->is_source ? "source" : "consumer",
                   task_name(task), task_record(task)->key);
}

// Whether nobody can go on: then what is pending stays so.
static bool
is_over(const struct aimdbi_sim *sim)
{
    const struct aimdbi_actor *actor = sim->root.next;
    while (actor && !aimdbi_actor_is_able(actor)) {
        actor = actor->next;
    }
    return actor == NULL;
}

static void
explain_consumer(struct aimdbi_sim *sim, FILE *out, aimdb_task *task)
{
    uint64_t pending = pending_of(sim, task);
    if (is_consumer_in(task, AIMDBI_WAITING)) {
        (void) fprintf(out, "  ");
        say_task(out, task);
        (void) fprintf(out, ": waits for aimdb_done, %llu pending\n", (unsigned long long) pending);
    } else if (is_consumer_in(task, AIMDBI_IDLE) && pending > 0) {
        (void) fprintf(out, "  ");
        say_task(out, task);
        (void) fprintf(out, ": idle with %llu pending%s\n", (unsigned long long) pending,
                       is_over(sim) ? ": a wake was lost" : "");
    } else if (is_consumer_in(task, AIMDBI_QUEUED)) {
        (void) fprintf(out, "  ");
        say_task(out, task);
        (void) fprintf(out, ": ready, %llu pending\n", (unsigned long long) pending);
    }
}

static void
explain_source(const struct aimdbi_sim *sim, FILE *out, const aimdb_task *task)
{
    if (load_acquire(&task->state_) == AIMDBI_LEFT) {
        return;
    }
    (void) fprintf(out, "  ");
    say_task(out, task);
    if (task->wake_at <= sim->now) {
        (void) fprintf(out, ": due now\n");
        return;
    }
    (void) fprintf(out, ": due in ");
    say_span(out, task->wake_at - sim->now);
    (void) fprintf(out, "\n");
}

// --- actors --------------------------------------------------------------------------------------

static bool
say_signal_of(FILE *out, const aimdb *db, const aimdbi_signal *signal)
{
    for (size_t i = 0; i < db->record_count; i++) {
        const aimdb_record *rec = db->records[i];
        if (signal == &rec->wakes_) {
            bool flushes = load_relaxed(&rec->flushers_) > 0; // relaxed, both: one thread
            bool reads = load_relaxed(&rec->waiters_) > 0;
            (void) fprintf(out, "%s%s%s on record \"%s\"", reads ? "aimdb_recv" : "",
                           reads && flushes ? " or " : "", flushes ? "aimdb_produce_wait" : "",
                           rec->key);
            return true;
        }
    }
    if (signal == &db->news) {
        (void) fprintf(out, "aimdb_select");
    } else if (signal == &db->stopped) {
        (void) fprintf(out, "aimdb_run, for aimdb_stop");
    } else if (signal == &db->ended) {
        (void) fprintf(out, "aimdb_close, for another one that closes");
    } else {
        return false;
    }
    return true;
}

static void
say_signal(const struct aimdbi_sim *sim, FILE *out, const aimdbi_signal *signal)
{
    if (signal == &sim->rest.settled) {
        (void) fprintf(out, "aimdb_close, for tasks to come to rest");
        return;
    }
    for (const struct aimdbi_known *known = sim->known; known; known = known->next) {
        if (say_signal_of(out, known->db, signal)) {
            return;
        }
    }
    (void) fprintf(out, "a signal that is no database's of this simulation");
}

static void
say_deadline(const struct aimdbi_sim *sim, FILE *out, aimdb_time deadline)
{
    if (deadline == AIMDB_FOREVER) {
        (void) fprintf(out, ", for ever");
        return;
    }
    (void) fprintf(out, ", for another ");
    say_span(out, deadline - sim->now);
}

static void
say_posture(const struct aimdbi_sim *sim, FILE *out, const struct aimdbi_actor *actor)
{
    // Who is stuck was made able to say so.
    if (actor->posture == AIMDBI_WAITS || (actor == &sim->root && sim->is_stuck && actor->signal)) {
        (void) fprintf(out, ": in ");
        say_signal(sim, out, actor->signal);
        say_deadline(sim, out, actor->deadline);
    } else if (actor->posture == AIMDBI_NAPS || (actor == &sim->root && sim->is_stuck)) {
        (void) fprintf(out, ": in aimdb_sim_sleep");
        say_deadline(sim, out, actor->deadline);
    } else if (actor->posture == AIMDBI_ASIDE) {
        (void) fprintf(out, ": in aimdb_sim_run");
    } else {
        (void) fprintf(out, ": can go on");
    }
}

static void
explain_actor(const struct aimdbi_sim *sim, FILE *out, const struct aimdbi_actor *actor)
{
    if (actor->posture == AIMDBI_IDLES || actor->posture == AIMDBI_OVER) {
        return;
    }
    if (actor->role == AIMDBI_ROOT && actor->posture == AIMDBI_ABLE && !sim->is_stuck) {
        return; // it asks
    }
    (void) fprintf(out, actor->role == AIMDBI_SPAWNED ? "  actor \"%s\"" : "  %s", actor->name);
    if (actor->task) {
        (void) fprintf(out, ", in ");
        say_task(out, actor->task);
    }
    say_posture(sim, out, actor);
    (void) fprintf(out, "\n");
}

static void
explain(struct aimdbi_sim *sim, FILE *out)
{
    (void) fprintf(out, "sim: seed %llu, ", (unsigned long long) sim->seed);
    say_span(out, sim->now);
    (void) fprintf(out, ", %llu steps\n", (unsigned long long) sim->steps);
    for (const struct aimdbi_actor *actor = sim->actors; actor; actor = actor->next) {
        explain_actor(sim, out, actor);
    }
    for (const struct aimdbi_known *known = sim->known; known; known = known->next) {
        for (size_t i = 0; i < known->db->task_count; i++) {
            aimdb_task *task = known->db->tasks[i];
            if (task->is_source) {
                explain_source(sim, out, task);
            } else {
                explain_consumer(sim, out, task);
            }
        }
    }
}

void
aimdb_sim_explain(const aimdb_executor *executor, FILE *out)
{
    struct aimdbi_sim *sim = aimdbi_sim_here();
    if (out && sim && executor == &sim->base) {
        explain(sim, out);
    }
}

// --- sums ----------------------------------------------------------------------------------------

void
aimdbi_sim_count(struct aimdbi_sim *sim, aimdb_sim_report *ret)
{
    *ret = (aimdb_sim_report){ .size = sizeof *ret,
                               .seed = sim->seed,
                               .steps = sim->steps,
                               .digest = sim->digest,
                               .now = sim->now };
    for (const struct aimdbi_actor *actor = sim->root.next; actor; actor = actor->next) {
        ret->waiting += actor->posture == AIMDBI_WAITS || actor->posture == AIMDBI_NAPS;
    }
    for (const struct aimdbi_known *known = sim->known; known; known = known->next) {
        for (size_t i = 0; i < known->db->task_count; i++) {
            aimdb_task *task = known->db->tasks[i];
            ret->waiting += is_consumer_in(task, AIMDBI_WAITING);
            ret->pending += is_consumer_in(task, AIMDBI_IDLE) ? pending_of(sim, task) : 0;
        }
    }
}

_Noreturn void
aimdbi_sim_is_stuck(struct aimdbi_sim *sim)
{
    char *text = NULL;
    size_t length = 0;
    sim->is_stuck = true;
    free(sim->told); // the hook may jump: what it was told is the simulation's
    FILE *out = open_memstream(&text, &length);
    if (out) {
        explain(sim, out);
        (void) fclose(out);
    }
    sim->told = text;
    sim->is_stuck = false;
    sim->root.signal = NULL;
    if (sim->on_stuck) {
        sim->on_stuck(sim->on_stuck_user, text ? text : "sim: stuck\n");
    } else {
        (void) fprintf(stderr, "aimdb: nothing can go on any more\n%s", text ? text : "");
    }
    abort();
}
