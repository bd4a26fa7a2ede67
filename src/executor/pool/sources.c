// SPDX-License-Identifier: Apache-2.0
// The source lane: one thread that sleeps until the earliest source is due, and steps it.
//
// A thread of its own, so that a sample is taken when it is due however busy the workers are, and
// after one wake instead of two. Sources wait for each other: a step is a bounded piece of work [D7].
#include <errno.h>

#include "pool.h"
#include "port/posix/thread.h"

// --- the heap ------------------------------------------------------------------------------------

static void
swap(aimdb_task **a, aimdb_task **b)
{
    aimdb_task *held = *a;
    *a = *b;
    *b = held;
}

static void
sift_up(struct aimdbi_sources *sources, size_t at)
{
    while (at > 0 && sources->heap[at]->wake_at < sources->heap[(at - 1) / 2]->wake_at) {
        swap(&sources->heap[at], &sources->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
}

static void
sift_down(struct aimdbi_sources *sources, size_t at)
{
    for (;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < sources->count; child++) {
            if (sources->heap[child]->wake_at < sources->heap[least]->wake_at) {
                least = child;
            }
        }
        if (least == at) {
            return;
        }
        swap(&sources->heap[at], &sources->heap[least]);
        at = least;
    }
}

static void
insert(struct aimdbi_sources *sources, aimdb_task *task)
{
    AIMDBI_REQUIRE(sources->count < sources->room, "the source lane has lost count");
    sources->heap[sources->count++] = task;
    sift_up(sources, sources->count - 1);
}

static aimdb_task *
remove_first(struct aimdbi_sources *sources)
{
    aimdb_task *first = sources->heap[0];
    sources->heap[0] = sources->heap[--sources->count];
    sift_down(sources, 0);
    return first;
}

// --- the thread ----------------------------------------------------------------------------------

// Steps the earliest source if it is due. Called and returns with the lock held. Returns false if
// none is due; *ret_until is then when the next one is.
static bool
step_one(struct aimdbi_sources *sources, aimdb_time *ret_until)
{
    *ret_until = sources->count > 0 ? sources->heap[0]->wake_at : AIMDB_FOREVER;
    if (sources->count == 0 || *ret_until > aimdbp_clock()) {
        return false;
    }
    aimdb_task *task = remove_first(sources);
    (void) pthread_mutex_unlock(&sources->lock);
    aimdb_time next = aimdbi_source_step(task);
    bool goes_on = next != AIMDB_FOREVER;
    if (!goes_on) {
        aimdbi_pool_settled(sources->pool);
    }
    for (unsigned i = 0; load_relaxed(&sources->wanted_) > 0; i++) {
        aimdbp_relax(i); // a mutex alone would let this thread take it again and again
    }
    (void) pthread_mutex_lock(&sources->lock);
    if (goes_on) {
        // One that is always due goes behind those that are due already [D5].
        aimdb_time now = aimdbp_clock();
        task->wake_at = next > now ? next : now;
        if (load_acquire(&task->reader.record_->db->gate_)) {
            task->wake_at = INT64_MIN; // retire() came meanwhile and did not find it in the heap
        }
        insert(sources, task);
    }
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

static int
make_room(struct aimdbi_sources *sources, size_t room)
{
    if (room <= sources->room) {
        return 0;
    }
    aimdb_task **heap = aimdbp_alloc(room * sizeof(aimdb_task *), sizeof(void *));
    if (!heap) {
        return ENOMEM;
    }
    lock_from_outside(sources);
    for (size_t i = 0; i < sources->count; i++) {
        heap[i] = sources->heap[i];
    }
    aimdb_task **old = sources->heap;
    size_t old_room = sources->room;
    sources->heap = heap;
    sources->room = room;
    (void) pthread_mutex_unlock(&sources->lock);
    aimdbp_release(old, old_room * sizeof(aimdb_task *));
    return 0;
}

// Makes room for more sources, and the thread. Leaves everything as it was on failure.
aimdb_err
aimdbi_sources_reserve(struct aimdbi_sources *sources, size_t more, int *ret_errno)
{
    if (more == 0) {
        return AIMDB_OK;
    }
    *ret_errno = make_room(sources, sources->expected + more);
    if (*ret_errno == 0 && !sources->has_thread) {
        sources->is_stopping = false;
        *ret_errno = aimdbp_thread_start(&sources->thread, sources_main, sources, "aimdb-sources");
        sources->has_thread = *ret_errno == 0;
    }
    if (*ret_errno != 0) {
        return *ret_errno == ENOMEM ? AIMDB_ENOMEM : AIMDB_EIO;
    }
    sources->expected += more;
    return AIMDB_OK;
}

void
aimdbi_sources_start(struct aimdbi_sources *sources, aimdb *db)
{
    lock_from_outside(sources);
    for (size_t i = 0; i < db->task_count; i++) {
        if (db->tasks[i]->is_source) {
            db->tasks[i]->wake_at = db->tasks[i]->due;
            insert(sources, db->tasks[i]);
        }
    }
    (void) pthread_mutex_unlock(&sources->lock);
    announce_change(sources);
}

// Makes the sources of closing databases due, so that they find the gate shut and leave.
void
aimdbi_sources_retire(struct aimdbi_sources *sources)
{
    lock_from_outside(sources);
    for (size_t i = 0; i < sources->count; i++) {
        if (load_acquire(&sources->heap[i]->reader.record_->db->gate_)) {
            sources->heap[i]->wake_at = INT64_MIN;
            sift_up(sources, i);
        }
    }
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
