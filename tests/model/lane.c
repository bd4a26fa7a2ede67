// SPDX-License-Identifier: Apache-2.0
// The pool's lane as shipped, with tasks that do nothing but note that they are run.
//
// When an execution has ended, every worker that was not told to leave sleeps for good. Then inbox and
// backlog are empty, every task was run as often as it was to be, and once for each time it was put
// into the lane (INV-P1); no permit is left over, sleepers_ counts the sleeping workers, and no wake
// is under way (INV-P2).
#include "lane.h"

#include <pthread.h>

#include "executor/common/rest.h"

#undef AIMDBI_SCRATCH_BYTES
#define AIMDBI_SCRATCH_BYTES 64 // the explorer's threads have small stacks
#define aimdbi_task_run lane_run_task
#define aimdbp_thread_start lane_thread_start
#define aimdbp_wait lane_wait
#define aimdbp_wake_one lane_wake_one
#define aimdbp_thread_join lane_thread_join

enum aimdbi_verdict
lane_run_task(aimdb_task *task, struct aimdbi_loan *loan);
void
lane_thread_join(pthread_t thread);
void
lane_wait(aimdbi_signal *signal, uint32_t expected, aimdb_time deadline);
void
lane_wake_one(aimdbi_signal *signal);

#include "executor/common/lane.c"

#undef aimdbp_wait
#undef aimdbp_wake_one

#define TASKS 4
#define WORKERS 3
#define GRANTS 2 // by who ends workers; one that stays might take a permit again and again

struct lane_bench {
    struct aimdbi_lane lane;
    struct aimdbi_rest rest;
    const struct lane_scenario *scenario;
    aimdb_task *tasks[TASKS];
    size_t runs[TASKS];
    size_t last_place; // in the order of runs
    struct aimdbi_worker *workers[WORKERS];
    size_t worker_count;
    size_t grants;
    char use[TASKS];     // touched by whoever pushes or runs the task
    char begun[TASKS];   // queues: a run of the task has begun
    char ended[WORKERS]; // queues: the worker has left
};

static struct lane_bench *b_;

// --- what lane.c calls ---------------------------------------------------------------------------

int
lane_thread_start(pthread_t *ret_thread, void *(*main)(void *), void *argument, const char *name)
{
    (void) name;
    MODEL_REQUIRE(main == worker_main && b_->worker_count < WORKERS, "a thread of another kind");
    *ret_thread = (pthread_t) b_->worker_count;
    b_->workers[b_->worker_count++] = argument;
    return 0;
}

void
lane_wait(aimdbi_signal *signal, uint32_t expected, aimdb_time deadline)
{
    if (deadline == AIMDB_FOREVER) {
        aimdbp_wait(signal, expected, deadline);
    } else {
        model_wait_a_while(signal, expected);
    }
}

void
lane_wake_one(aimdbi_signal *signal)
{
    const struct lane_scenario *scenario = b_->scenario;
    bool ends_workers = model_self == scenario->workers + scenario->pushers;
    if (ends_workers && ++b_->grants > GRANTS) {
        model_cut();
    }
    aimdbp_wake_one(signal);
}

void
lane_thread_join(pthread_t thread)
{
    (void) model_take(&b_->ended[thread]);
}

static size_t
task_count(void)
{
    return b_->scenario->pushed_before + (size_t) b_->scenario->pushers * b_->scenario->tasks;
}

// One worker runs tasks in the order in which they were put into the lane.
static void
check_order(size_t number)
{
    const struct lane_scenario *scenario = b_->scenario;
    bool is_known = scenario->pushers == 0 || (scenario->pushers == 1 && scenario->again == 0);
    if (scenario->workers == 1 && is_known) {
        size_t place = b_->runs[number] * TASKS + number;
        MODEL_REQUIRE(place > b_->last_place, "task %zu is run out of turn", number);
        b_->last_place = place;
    }
}

enum aimdbi_verdict
lane_run_task(aimdb_task *task, struct aimdbi_loan *loan)
{
    (void) loan;
    size_t number = task->index;
    model_touch(&b_->use[number]);
    model_note("runs task %zu", number);
    size_t run = b_->runs[number]++;
    check_order(number);
    if (b_->scenario->holds && run == 0) {
        (void) aimdbi_lane_others_wait(&b_->lane);
        model_put(&b_->begun[number], 0);
        (void) model_take_blindly(&b_->begun[(number + 1) % task_count()]);
    }
    return run < b_->scenario->again ? AIMDBI_AGAIN : AIMDBI_GONE;
}

// --- threads -------------------------------------------------------------------------------------

static void
push_task(size_t number)
{
    model_touch(&b_->use[number]);
    model_note("pushes task %zu", number);
    aimdbi_lane_push(&b_->lane, b_->tasks[number]);
}

static void
thread(const void *what, int self)
{
    const struct lane_scenario *scenario = what;
    if (self < scenario->workers) {
        (void) worker_main(b_->workers[self]);
        model_put(&b_->ended[self], 0);
        return;
    }
    if (self == scenario->workers + scenario->pushers) {
        (void) aimdbi_lane_resize(&b_->lane, scenario->leave);
        return;
    }
    size_t first = scenario->pushed_before + (size_t) (self - scenario->workers) * scenario->tasks;
    for (size_t i = 0; i < scenario->tasks; i++) {
        push_task(first + i);
    }
}

// --- before and after ----------------------------------------------------------------------------

static void
name_words(const struct lane_bench *b)
{
    static const char *const tasks[] = { "task 0", "task 1", "task 2", "task 3" };
    static const char *const workers[] = { "worker 0 ", "worker 1 ", "worker 2 " };
    model_name(&b->lane.inbox_, "", "inbox_");
    model_name(&b->lane.lock_, "", "lock_");
    model_name(&b->lane.backlog_, "", "backlog_");
    model_name(&b->lane.sleepers_, "", "sleepers_");
    model_name(&b->lane.waking_, "", "waking_");
    model_name(&b->lane.permits, "", "permits");
    for (size_t i = 0; i < TASKS; i++) {
        model_name(&b->use[i], "", tasks[i]);
        model_name(&b->begun[i], "runs of ", tasks[i]);
    }
    for (size_t i = 0; i < b->worker_count; i++) {
        model_name(&b->workers[i]->stop_, workers[i], "stop_");
        model_name(&b->workers[i]->left, workers[i], "left");
        model_name(&b->ended[i], workers[i], "has ended");
    }
}

static void
setup(const void *what)
{
    struct lane_bench *b = model_alloc(sizeof *b);
    b_ = b;
    b->scenario = what;
    b->rest.asymmetric = true; // no fence there: it would hide one that is missing in the lane
    b->lane.rest = &b->rest;
    b->lane.name = "worker";
    for (size_t i = 0; i < TASKS; i++) {
        b->tasks[i] = model_alloc(sizeof *b->tasks[i]);
        b->tasks[i]->index = (uint32_t) i;
    }
    MODEL_REQUIRE(task_count() <= TASKS, "more than %d tasks", TASKS);
    int err = aimdbi_lane_resize(&b->lane, (uint32_t) b->scenario->workers);
    MODEL_REQUIRE(err == 0, "the workers cannot be started: %d", err);
    for (size_t i = 0; i < b->scenario->pushed_before; i++) {
        push_task(i);
    }
    name_words(b);
}

static void
check(const void *what)
{
    const struct lane_scenario *scenario = what;
    struct lane_bench *b = b_;
    int threads = scenario->workers + scenario->pushers + scenario->shrinks;
    int left = scenario->shrinks ? (int) scenario->leave : scenario->workers;
    for (int i = 0; i < threads; i++) {
        MODEL_REQUIRE(i < left || !model_is_waiting(i), "thread %d never ends", i);
        MODEL_REQUIRE(i >= left || model_is_waiting(i), "worker %d has left", i);
    }
    for (size_t i = 0; i < task_count() && left > 0; i++) {
        MODEL_REQUIRE(b->runs[i] == scenario->again + 1, "task %zu was run %zu times", i,
                      b->runs[i]);
    }
    MODEL_REQUIRE(left == 0 || (!has_work(&b->lane) && !b->lane.first),
                  "all sleep, and work is left");
    MODEL_REQUIRE(load_relaxed(&b->lane.sleepers_) == (size_t) left, "sleepers_ is %zu, of %d",
                  load_relaxed(&b->lane.sleepers_), left);
    MODEL_REQUIRE(signal_load_acquire(&b->lane.permits) == 0, "a permit is left over");
    MODEL_REQUIRE(load_relaxed(&b->lane.waking_) == 0, "a wake is under way for ever");
}

struct model_case
lane_case(const struct lane_scenario *scenario)
{
    return (struct model_case){ .name = scenario->name,
                                .setup = setup,
                                .thread = thread,
                                .check = check,
                                .what = scenario,
                                .asleep = scenario->asleep,
                                .threads =
                                    scenario->workers + scenario->pushers + scenario->shrinks };
}
