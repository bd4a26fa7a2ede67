// SPDX-License-Identifier: Apache-2.0
// A source lane: a thread that sleeps until the earliest of its sources is due, and steps it.
//
// A thread of its own, so that a sample is taken when it is due however busy the workers are, and
// after one wake instead of two. Sources of a lane wait for each other: a step is a bounded piece of
// work [D7]. What must not wait gets another lane.
//
// The due sources are the thread's own. Others leave what they want done in the lane's post, and the
// thread looks there only when `changed` has: it may run under real-time priority, and must neither
// wait for those who have none, nor, being always busy, keep them waiting.
//
// Source: SPEC D5, D7; docs/adr/0009.
#include "pool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "port/posix/thread.h"

// --- the thread ----------------------------------------------------------------------------------

// Does what was left in the post. Returns false if the thread is to end.
static bool
do_post(struct aimdbi_sources *lane)
{
    (void) pthread_mutex_lock(&lane->lock);
    aimdb_task *arrived = lane->arrivals;
    bool retires = lane->retires;
    bool stops = lane->stops;
    lane->arrivals = NULL;
    lane->retires = false;
    (void) pthread_mutex_unlock(&lane->lock);
    while (arrived) {
        aimdb_task *next = arrived->next_ready;
        aimdbi_due_add(&lane->due, arrived);
        arrived = next;
    }
    if (retires) {
        aimdbi_due_retire(&lane->due);
    }
    return !stops;
}

// Steps the earliest source if it is due. Returns false if none is; *ret_until is then when the next
// one will be.
static bool
step_one(struct aimdbi_sources *lane, aimdb_time *ret_until)
{
    *ret_until = aimdbi_due_at(&lane->due);
    if (*ret_until == AIMDB_FOREVER || *ret_until > aimdbp_clock()) {
        return false;
    }
    aimdb_task *task = aimdbi_due_take(&lane->due);
    aimdb_time next = aimdbi_source_step(task);
    if (!aimdbi_due_put_back(&lane->due, task, next, aimdbp_clock())) {
        aimdbi_rest_note(&lane->pool->rest);
    }
    return true;
}

static void *
lane_main(void *argument)
{
    struct aimdbi_sources *lane = argument;
    struct aimdbi_frame frame = { &lane->pool->base, 0 };
    aimdbp_set_current(&frame);
    aimdbp_thread_be_punctual();
    uint32_t seen = signal_load_acquire(&lane->changed) - 1; // whatever is there is news
    for (;;) {
        uint32_t ticket = signal_load_acquire(&lane->changed);
        if (ticket != seen && !do_post(lane)) {
            return NULL;
        }
        seen = ticket;
        aimdb_time until;
        if (!step_one(lane, &until)) {
            aimdbp_wait(&lane->changed, ticket, until);
        }
    }
}

// --- how it runs ---------------------------------------------------------------------------------

static aimdb_err
give_processors(const struct aimdbi_sources *lane, char *why, size_t why_size)
{
    unsigned absent = 0;
    int err = lane->cpus ? aimdbp_thread_set_processors(lane->thread, lane->cpus, &absent) : 0;
    if (err == ENODEV) {
        (void) snprintf(why, why_size,
                        "the pool cannot keep source lane %u on processor %u: "
                        "there is none that this process may use",
                        lane->number, absent);
    } else if (err != 0) {
        (void) snprintf(why, why_size, "the pool cannot choose processors for source lane %u: %s",
                        lane->number, strerror(err));
    }
    return err == 0 ? AIMDB_OK : AIMDB_EIO;
}

static aimdb_err
give_priority(const struct aimdbi_sources *lane, char *why, size_t why_size)
{
    int err = lane->priority ? aimdbp_thread_set_fifo(lane->thread, lane->priority) : 0;
    if (err != 0) {
        (void) snprintf(why, why_size,
                        "the pool cannot give source lane %u SCHED_FIFO priority %u: %s%s",
                        lane->number, lane->priority, strerror(err),
                        err == EPERM ? " (needs CAP_SYS_NICE or RLIMIT_RTPRIO)" : "");
    }
    return err == 0 ? AIMDB_OK : AIMDB_EIO;
}

static void
announce(struct aimdbi_sources *lane)
{
    (void) signal_add_release(&lane->changed, 1);
    aimdbp_wake_all(&lane->changed);
}

static void
end_thread(struct aimdbi_sources *lane)
{
    (void) pthread_mutex_lock(&lane->lock);
    lane->stops = true;
    (void) pthread_mutex_unlock(&lane->lock);
    announce(lane);
    (void) pthread_join(lane->thread, NULL);
}

static aimdb_err
start_thread(struct aimdbi_sources *lane, char *why, size_t why_size)
{
    char name[16];
    (void) snprintf(name, sizeof name, "aimdb-source-%u", lane->number & 63);
    lane->stops = false;
    int err = aimdbp_thread_start(&lane->thread, lane_main, lane, name);
    if (err != 0) {
        (void) snprintf(why, why_size, "the pool cannot start the thread of source lane %u: %s",
                        lane->number, strerror(err));
        return err == ENOMEM ? AIMDB_ENOMEM : AIMDB_EIO;
    }
    aimdb_err refusal = give_processors(lane, why, why_size);
    if (refusal == AIMDB_OK) {
        refusal = give_priority(lane, why, why_size);
    }
    if (refusal != AIMDB_OK) {
        end_thread(lane);
    }
    return refusal;
}

// --- databases come and go -----------------------------------------------------------------------

void
aimdbi_sources_init(struct aimdbi_sources *lane, struct aimdbi_pool *pool, uint32_t number,
                    aimdb_lane_options options)
{
    aimdbp_lock_init(&lane->lock); // who posts may have less priority than the lane's thread
    lane->pool = pool;
    lane->number = number;
    lane->priority = options.priority;
    lane->cpus = options.cpus;
}

aimdb_err
aimdbi_sources_expect(struct aimdbi_sources *lane, char *why, size_t why_size)
{
    if (lane->expected == 0) {
        aimdb_err err = start_thread(lane, why, why_size);
        if (err != AIMDB_OK) {
            return err;
        }
    }
    lane->expected++;
    return AIMDB_OK;
}

void
aimdbi_sources_release(struct aimdbi_sources *lane)
{
    lane->expected--;
    if (lane->expected == 0) {
        end_thread(lane);
    }
}

void
aimdbi_sources_start(struct aimdbi_sources *lane, aimdb *db)
{
    (void) pthread_mutex_lock(&lane->lock);
    for (size_t i = db->task_count; i > 0; i--) { // the first one ends up in front
        aimdb_task *task = db->tasks[i - 1];
        if (task->is_source && task->lane == lane) {
            task->wake_at = task->due;
            task->next_ready = lane->arrivals;
            lane->arrivals = task;
        }
    }
    (void) pthread_mutex_unlock(&lane->lock);
    announce(lane);
}

void
aimdbi_sources_retire(struct aimdbi_sources *lane)
{
    (void) pthread_mutex_lock(&lane->lock);
    lane->retires = true;
    (void) pthread_mutex_unlock(&lane->lock);
    announce(lane);
}
