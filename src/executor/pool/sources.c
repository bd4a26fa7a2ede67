// SPDX-License-Identifier: Apache-2.0
// The source lane: one thread that sleeps until the earliest source is due, and steps it.
//
// A thread of its own, so that a sample is taken when it is due however busy the workers are, and
// after one wake instead of two. Sources wait for each other: a step is a bounded piece of work [D7].
#include "pool.h"
#include "port/posix/thread.h"

// --- the thread ----------------------------------------------------------------------------------

// Steps the earliest source if it is due. Called and returns with the lock held. Returns false if
// none is due; *ret_until is then when the next one is.
static bool
step_one(struct aimdbi_sources *sources, aimdb_time *ret_until)
{
    *ret_until = aimdbi_due_at(&sources->due);
    if (*ret_until == AIMDB_FOREVER || *ret_until > aimdbp_clock()) {
        return false;
    }
    aimdb_task *task = aimdbi_due_take(&sources->due);
    (void) pthread_mutex_unlock(&sources->lock);
    aimdb_time next = aimdbi_source_step(task);
    if (next == AIMDB_FOREVER) {
        aimdbi_rest_note(&sources->pool->rest);
    }
    for (unsigned i = 0; load_relaxed(&sources->wanted_) > 0; i++) {
        aimdbp_relax(i); // a mutex alone would let this thread take it again and again
    }
    (void) pthread_mutex_lock(&sources->lock);
    (void) aimdbi_due_put_back(&sources->due, task, next, aimdbp_clock());
    return true;
}

static void *
sources_main(void *argument)
{
    struct aimdbi_sources *sources = argument;
    struct aimdbi_frame frame = { &sources->pool->base, 0 };
    aimdbp_set_current(&frame);
    (void) pthread_mutex_lock(&sources->lock);
    while (!sources->is_stopping) {
        uint32_t ticket = signal_load_acquire(&sources->changed);
        aimdb_time until;
        if (!step_one(sources, &until)) {
            (void) pthread_mutex_unlock(&sources->lock);
            aimdbp_wait(&sources->changed, ticket, until);
            (void) pthread_mutex_lock(&sources->lock);
        }
    }
    (void) pthread_mutex_unlock(&sources->lock);
    return NULL;
}

static void
lock_from_outside(struct aimdbi_sources *sources)
{
    (void) fetch_add_acq_rel(&sources->wanted_, 1);
    (void) pthread_mutex_lock(&sources->lock);
    (void) fetch_sub_acq_rel(&sources->wanted_, 1);
}

static void
announce_change(struct aimdbi_sources *sources)
{
    (void) signal_add_release(&sources->changed, 1);
    aimdbp_wake_all(&sources->changed);
}

// --- databases come and go -----------------------------------------------------------------------

// Starts the thread if there are going to be sources. Returns 0 or an errno.
int
aimdbi_sources_expect(struct aimdbi_sources *sources, size_t more)
{
    if (more > 0 && !sources->has_thread) {
        sources->is_stopping = false;
        int err = aimdbp_thread_start(&sources->thread, sources_main, sources, "aimdb-sources");
        if (err != 0) {
            return err;
        }
        sources->has_thread = true;
    }
    sources->expected += more;
    return 0;
}

void
aimdbi_sources_start(struct aimdbi_sources *sources, aimdb *db)
{
    lock_from_outside(sources);
    for (size_t i = 0; i < db->task_count; i++) {
        if (db->tasks[i]->is_source) {
            db->tasks[i]->wake_at = db->tasks[i]->due;
            aimdbi_due_add(&sources->due, db->tasks[i]);
        }
    }
    (void) pthread_mutex_unlock(&sources->lock);
    announce_change(sources);
}

void
aimdbi_sources_retire(struct aimdbi_sources *sources)
{
    lock_from_outside(sources);
    aimdbi_due_retire(&sources->due);
    (void) pthread_mutex_unlock(&sources->lock);
    announce_change(sources);
}

void
aimdbi_sources_release(struct aimdbi_sources *sources, size_t fewer)
{
    sources->expected -= fewer;
    if (sources->expected > 0 || !sources->has_thread) {
        return;
    }
    lock_from_outside(sources);
    sources->is_stopping = true;
    (void) pthread_mutex_unlock(&sources->lock);
    announce_change(sources);
    (void) pthread_join(sources->thread, NULL);
    sources->has_thread = false;
}
