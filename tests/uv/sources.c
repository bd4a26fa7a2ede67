// SPDX-License-Identifier: Apache-2.0
// Sources by uv_timer: every point of the grid is a step or an overrun, whatever else the loop does.
// How late steps are is the machine's affair and not judged.
#include "place.h"

#define STEPS 400u

struct clockwork {
    aimdb_task *task;
    pthread_t loop;
    aimdb_time period;
    uint64_t count;
    aimdb_time now[STEPS], next[STEPS];
    uint64_t overruns[STEPS]; // so far, when the step began
};

static uint64_t
overruns_of(aimdb_task *task)
{
    return task_stats(task).overruns;
}

static aimdb_time
tick(aimdb_ctx *ctx, number_record out)
{
    struct clockwork *clockwork = aimdb_user(ctx);
    uint64_t i = clockwork->count++;
    CHECK(pthread_equal(pthread_self(), clockwork->loop));
    CHECK(i < STEPS);
    clockwork->now[i] = aimdb_now(ctx);
    clockwork->overruns[i] = overruns_of(clockwork->task);
    CHECK_OK(number_emit(ctx, out, &(struct number){ i }));
    clockwork->next[i] = i + 1 < STEPS ? aimdb_every(ctx, clockwork->period) : AIMDB_FOREVER;
    return clockwork->next[i];
}

static struct clockwork *
clockwork_attach(struct place *p, number_record record, aimdb_time period)
{
    struct clockwork *clockwork = world_memory(&p->w, sizeof *clockwork);
    clockwork->loop = p->thread;
    clockwork->period = period;
    clockwork->task = number_add_source(p->w.builder, record, tick, clockwork);
    CHECK(clockwork->task != NULL);
    return clockwork;
}

// Never early, always on the grid, and points passed = steps + overruns, exactly.
static void
grid_is_kept(const struct clockwork *clockwork)
{
    uint64_t steps = clockwork->count;
    for (uint64_t i = 1; i < steps; i++) {
        CHECK(clockwork->now[i] >= clockwork->next[i - 1]);
        if (i + 1 == STEPS)
            break; // the last one has no next
        aimdb_time span = clockwork->next[i] - clockwork->next[0];
        uint64_t after = i + 1 < steps ? clockwork->overruns[i + 1] : overruns_of(clockwork->task);
        CHECK_EQ(0, span % clockwork->period);
        CHECK_EQ(span / clockwork->period, i + after - clockwork->overruns[1]);
    }
    CHECK_EQ(steps, task_stats(clockwork->task).received);
}

static void
grid_is_kept_by_timers_of_the_loop(void **state)
{
    struct place *p = place_of(state);
    number_record record = number_configure(p->w.builder, "r", AIMDB_SPMC_RING(64));
    struct clockwork *slow = clockwork_attach(p, record, AIMDB_MS(3));
    struct clockwork *fast = clockwork_attach(p, record, AIMDB_MS(1));
    struct clockwork *finest = clockwork_attach(p, record, AIMDB_US(150)); // finer than a timer
    world_build(&p->w);
    RUN_UNTIL(&p->loop, slow->count >= 20 && fast->count >= 60 && finest->count >= 60);
    world_close(&p->w);
    grid_is_kept(slow);
    grid_is_kept(fast);
    grid_is_kept(finest);
    CHECK_EQ(slow->count + fast->count + finest->count, record_stats(record).produced);
}

// Nothing but the source keeps the loop going, and nothing but its timer wakes it.
static void
loop_that_sleeps_is_woken_for_the_source(void **state)
{
    struct place *p = place_of(state);
    number_record record = number_configure(p->w.builder, "r", AIMDB_SPMC_RING(64));
    struct clockwork *clockwork = clockwork_attach(p, record, AIMDB_MS(2));
    world_build(&p->w);
    while (clockwork->count < 20)
        CHECK(uv_run(&p->loop, UV_RUN_ONCE) != 0);
    world_close(&p->w);
    grid_is_kept(clockwork);
}

static void
points_that_pass_while_the_loop_is_busy_are_overruns(void **state)
{
    struct place *p = place_of(state);
    number_record record = number_configure(p->w.builder, "r", AIMDB_SPMC_RING(64));
    struct clockwork *clockwork = clockwork_attach(p, record, AIMDB_MS(1));
    world_build(&p->w);
    RUN_UNTIL(&p->loop, clockwork->count >= 5);
    uint64_t before = overruns_of(clockwork->task), steps = clockwork->count;
    burn_until(clockwork->next[steps - 1] + AIMDB_MS(10)); // 11 points, the last one of them now
    RUN_UNTIL(&p->loop, clockwork->count > steps);
    CHECK(overruns_of(clockwork->task) >= before + 10);
    RUN_UNTIL(&p->loop, clockwork->count >= steps + 5);
    world_close(&p->w);
    grid_is_kept(clockwork);
}

static void
sources_of_several_databases_share_the_timer(void **state)
{
    struct place *p = place_of(state);
    struct annex *annex = annex_new(&p->w, p->w.executor, sink_new(&p->w, 8), false);
    number_record record = number_configure(p->w.builder, "r", AIMDB_SPMC_RING(64));
    struct clockwork *clockwork = clockwork_attach(p, record, AIMDB_MS(2));
    world_build(&p->w);
    RUN_UNTIL(&p->loop, clockwork->count >= 5);
    push(annex->record, 1);
    annex_free(annex); // runs the source as well, on this thread
    uint64_t steps = clockwork->count;
    while (clockwork->count < steps + 5)
        CHECK(uv_run(&p->loop, UV_RUN_ONCE) != 0); // the timer is still set
    world_close(&p->w);
    grid_is_kept(clockwork);
}

static aimdb_time
busy(aimdb_ctx *ctx, number_record out)
{
    (void) number_emit(ctx, out, &(struct number){ 0 });
    return 0; // due again at once
}

static void
count_turn(uv_idle_t *idle)
{
    ++*(uint64_t *) idle->data;
}

// proves D5, for the loop's other handles
static void
source_that_is_always_due_leaves_the_loop_its_turns(void **state)
{
    struct place *p = place_of(state);
    uint64_t turns = 0;
    uv_idle_t idle = { .data = &turns };
    number_record record = number_configure(p->w.builder, "r", AIMDB_SINGLE_LATEST);
    aimdb_task *task = number_add_source(p->w.builder, record, busy, NULL);
    CHECK_EQ(0, uv_idle_init(&p->loop, &idle));
    CHECK_EQ(0, uv_idle_start(&idle, count_turn));
    world_build(&p->w);
    for (int i = 0; i < 100; i++)
        CHECK(uv_run(&p->loop, UV_RUN_NOWAIT) != 0);
    CHECK_EQ(100, turns);
    CHECK(task_stats(task).received >= 90);
    uv_close((uv_handle_t *) &idle, NULL);
    place_end(p);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UV_TEST(grid_is_kept_by_timers_of_the_loop),
        UV_TEST(loop_that_sleeps_is_woken_for_the_source),
        UV_TEST(points_that_pass_while_the_loop_is_busy_are_overruns),
        UV_TEST(sources_of_several_databases_share_the_timer),
        UV_TEST(source_that_is_always_due_leaves_the_loop_its_turns),
    };
    return CONTRACT_RUN(tests, argc, argv);
}
