// SPDX-License-Identifier: Apache-2.0
// Children of a fork. libuv lets a child go on with a loop after uv_loop_fork; then what aimdb had on
// it must neither work nor stay.
#include "place.h"

#include <sys/wait.h>

static aimdb_time
tick(aimdb_ctx *ctx, number_record out)
{
    CHECK_OK(number_emit(ctx, out, &(struct number){ 0 }));
    return aimdb_every(ctx, AIMDB_MS(1));
}

// A database with all kinds of tasks, at rest but for its source.
static number_record
family_home(struct place *p, struct sink *sink, struct sink *blocking)
{
    number_record record = number_configure(p->w.builder, "r", AIMDB_SPMC_RING(8));
    number_record ticks = number_configure(p->w.builder, "ticks", AIMDB_SINGLE_LATEST);
    sink_attach(&p->w, record, sink, false);
    sink_attach(&p->w, record, blocking, true);
    CHECK(number_add_source(p->w.builder, ticks, tick, NULL) != NULL);
    world_build(&p->w);
    push(record, 1);
    RUN_UNTIL(&p->loop, sink->count == 1 && gate_count(blocking->calls) == 1);
    // A work request that libuv has when the process forks does not come back in the child.
    RUN_UNTIL(&p->loop, p->loop.active_reqs.count == 0);
    return record;
}

static void
on_own_timer(uv_timer_t *timer)
{
    ++*(int *) timer->data;
    uv_close((uv_handle_t *) timer, NULL);
}

static void
go_on_with_the_loop(void *arg)
{
    struct place *p = arg;
    int rings = 0;
    uv_timer_t timer = { .data = &rings };
    CHECK_EQ(0, uv_loop_fork(&p->loop));
    world_free_db(&p->w);
    CHECK_EQ(0, p->w.ledger.live);
    aimdb_executor_free(p->w.executor);
    CHECK_EQ(0, uv_timer_init(&p->loop, &timer));
    CHECK_EQ(0, uv_timer_start(&timer, on_own_timer, 1, 0));
    RUN_TO_THE_END(&p->loop);
    CHECK_EQ(1, rings);
    CHECK_EQ(0, uv_loop_close(&p->loop));
}

static void
child_frees_everything_and_goes_on_with_the_loop(void **state)
{
    struct place *p = place_of(state);
    struct sink *sink = sink_new(&p->w, 8), *blocking = sink_new(&p->w, 8);
    number_record record = family_home(p, sink, blocking);
    CHECK_EQ(0, contract_child(go_on_with_the_loop, p));
    push(record, 2); // all is well with the parent
    RUN_UNTIL(&p->loop, sink->count == 2 && gate_count(blocking->calls) == 2);
}

struct count {
    aimdb_task *source;
    uint64_t steps;
    struct place *p;
};

static void
run_and_count(void *arg)
{
    struct count *count = arg;
    uv_timer_t timer; // so that the loop has something to wait for
    int rings = 0;
    timer.data = &rings;
    CHECK_EQ(0, uv_timer_init(&count->p->loop, &timer));
    CHECK_EQ(0, uv_timer_start(&timer, on_own_timer, 5, 0));
    CHECK_EQ(0, uv_loop_fork(&count->p->loop));
    while (rings == 0)
        (void) uv_run(&count->p->loop, UV_RUN_ONCE);
    CHECK_EQ(count->steps, task_stats(count->source).received);
}

static void
loop_in_a_child_steps_no_source_of_the_parents(void **state)
{
    struct place *p = place_of(state);
    struct count count = { .p = p };
    number_record ticks = number_configure(p->w.builder, "ticks", AIMDB_SINGLE_LATEST);
    count.source = number_add_source(p->w.builder, ticks, tick, NULL);
    world_build(&p->w);
    RUN_UNTIL(&p->loop, task_stats(count.source).received >= 3);
    count.steps = task_stats(count.source).received;
    CHECK_EQ(0, contract_child(run_and_count, &count));
    RUN_UNTIL(&p->loop, task_stats(count.source).received >= count.steps + 3);
}

static void
build_on_a_loop_of_the_childs_own(void *arg)
{
    struct place *p = arg;
    void *state = NULL;
    CHECK_EQ(0, place_setup(&state));
    struct place *own = state;
    struct sink *sink = sink_new(&own->w, 1);
    struct annex *annex = annex_new(&own->w, own->w.executor, sink, false);
    push(annex->record, 1);
    RUN_UNTIL(&own->loop, sink->count == 1);
    annex_free(annex);
    place_end(own);
    world_free_db(&p->w);
    aimdb_executor_free(p->w.executor); // without uv_loop_fork: the parent's loop is left alone
}

static void
child_may_have_a_loop_and_a_database_of_its_own(void **state)
{
    struct place *p = place_of(state);
    struct sink *sink = sink_new(&p->w, 8), *blocking = sink_new(&p->w, 8);
    number_record record = family_home(p, sink, blocking);
    CHECK_EQ(0, contract_child(build_on_a_loop_of_the_childs_own, p));
    push(record, 2);
    RUN_UNTIL(&p->loop, sink->count == 2 && gate_count(blocking->calls) == 2);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UV_TEST(child_frees_everything_and_goes_on_with_the_loop),
        UV_TEST(loop_in_a_child_steps_no_source_of_the_parents),
        UV_TEST(child_may_have_a_loop_and_a_database_of_its_own),
    };
    return CONTRACT_RUN(tests, argc, argv);
}
