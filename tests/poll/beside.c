// SPDX-License-Identifier: Apache-2.0
// An event loop, and threads that help it while they wait: what the one did the other must learn, and
// neither may keep a processor busy while the other is at work.
#include "loop.h"

#include <poll.h>

struct runner {
    aimdb *db;
    aimdb_err err;
};

static void
run(void *arg)
{
    struct runner *runner = arg;
    helper_about_to_block();
    runner->err = aimdb_run(runner->db);
}

static struct helper *
start_runner(struct world *w, struct runner *runner)
{
    *runner = (struct runner){ .db = w->db };
    struct helper *helper = helper_start(w, run, runner);
    helper_until_asleep(helper);
    return helper;
}

static void
stop_runner(struct helper *helper, struct runner *runner)
{
    aimdb_stop(runner->db);
    helper_join(helper);
    CHECK_OK(runner->err);
}

static void
dispatch_once(void *arg)
{
    struct world *w = arg;
    CHECK_OK(aimdb_dispatch(w->executor, 0));
}

// proves D6 D7: the loop sleeps without a deadline, and a helper steps a source that is new
static void
loop_learns_of_a_deadline_that_a_helper_found(void **state)
{
    struct world *w = *state;
    struct runner *runner = world_memory(w, sizeof *runner);
    struct sink *sink = sink_new(w, 1);
    number_record values = number_configure(w->builder, "values", AIMDB_SPMC_RING(16));
    sink_attach(w, values, sink, false);
    world_build(w);
    struct helper *helper = start_runner(w, runner);
    CHECK_EQ(AIMDB_FOREVER, aimdb_next_deadline(w->executor));
    CHECK(!loop_is_readable(w->executor)); // a loop would go to sleep now
    world_rebuild_with(w, w->executor, 0);
    number_record ticks = number_configure(w->builder, "ticks", AIMDB_SPMC_RING(16));
    ticker_attach(w, ticks, 2, AIMDB_SEC(1000));
    world_build(w);
    EVENTUALLY(record_stats(ticks).produced == 1);
    helper_until_asleep(helper);
    CHECK(loop_is_readable(w->executor));
    push(values, 1);
    gate_wait(sink->calls, 1); // the helper drives again, and the loop did not
    helper_until_asleep(helper);
    CHECK(loop_is_readable(w->executor));
    stop_runner(helper, runner);
    CHECK(loop_is_readable(w->executor));
    CHECK_OK(aimdb_dispatch(w->executor, 0));
    CHECK(!loop_is_readable(w->executor));
    CHECK(aimdb_next_deadline(w->executor) < AIMDB_FOREVER);
    aimdb_free(runner->db);
}

// proves D5 D6: refused, it has to wait for the descriptor, and that tells when the other has left
static void
loop_that_is_refused_is_told_when_it_may(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_held_new(w, 16);
    number_record record = number_configure(w->builder, "values", AIMDB_SPMC_RING(16));
    sink_attach(w, record, sink, false);
    world_build(w);
    for (uint64_t round = 1; round <= 2; round++) {
        push(record, round);
        struct helper *driver = helper_start(w, dispatch_once, w);
        gate_wait(sink->calls, round);
        if (round == 1)
            CHECK_ERR(AIMDB_EBUSY, aimdb_dispatch(w->executor, 0));
        else // it asks before it would be refused; 0 would make it poll
            CHECK_EQ(AIMDB_FOREVER, aimdb_next_deadline(w->executor));
        CHECK(!loop_is_readable(w->executor));
        gate_add(sink->leave, 1);
        helper_join(driver);
        CHECK(loop_is_readable(w->executor));
        CHECK_OK(aimdb_dispatch(w->executor, 0));
        CHECK(!loop_is_readable(w->executor));
    }
}

// proves D5 D6: also with a source that is due, which only the one that drives can step
static void
threads_that_wait_sleep_while_another_drives(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_held_new(w, 16);
    struct runner *runner = world_memory(w, sizeof *runner);
    number_record record = number_configure(w->builder, "ticks", AIMDB_SPMC_RING(16));
    ticker_attach(w, record, 3, AIMDB_MS(300));
    sink_attach(w, record, sink, false);
    world_build(w);
    gate_add(sink->leave, 1); // the first tick passes
    CHECK_OK(aimdb_dispatch(w->executor, 2));
    aimdb_time due = aimdb_next_deadline(w->executor);
    CHECK(due > 0 && due < AIMDB_FOREVER);
    EVENTUALLY(aimdb_clock() >= due);
    struct helper *driver = helper_start(w, dispatch_once, w);
    gate_wait(sink->calls, 2);
    struct helper *helper = start_runner(w, runner);
    int64_t before = loop_processor_time(helper_pthread(helper));
    (void) poll(NULL, 0, 100); // of the time until the third tick
    int64_t used = loop_processor_time(helper_pthread(helper)) - before;
    sink_let_go(sink);
    helper_join(driver);
    gate_wait(sink->calls, 3); // now it is the runner that steps the source
    stop_runner(helper, runner);
    CHECK(used < AIMDB_MS(5));
}

// The program is linked so that the library asks this for the time. A driver does so after its last
// look for work: what comes then comes in the worst of moments.
static struct {
    number_record record;
    int pushes; // still to be made
} meanwhile;

aimdb_time
__real_aimdbp_clock(void);
aimdb_time
__wrap_aimdbp_clock(void);

aimdb_time
__wrap_aimdbp_clock(void)
{
    if (meanwhile.pushes > 0) {
        meanwhile.pushes--;
        push(meanwhile.record, 1);
    }
    return __real_aimdbp_clock();
}

// proves D5 D6
static void
no_value_is_forgotten_that_comes_after_the_last_look(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_new(w, 1);
    number_record record = number_configure(w->builder, "values", AIMDB_SPMC_RING(16));
    number_record ticks = number_configure(w->builder, "ticks", AIMDB_SPMC_RING(16));
    sink_attach(w, record, sink, false);
    ticker_attach(w, ticks, 2, AIMDB_SEC(1000)); // so that the driver has to look at the clock
    world_build(w);
    CHECK_OK(aimdb_dispatch(w->executor, 0));
    CHECK_EQ(0, sink->count);
    meanwhile.record = record;
    meanwhile.pushes = 1;
    CHECK_OK(aimdb_dispatch(w->executor, 0)); // there is nothing to do, until it has looked
    CHECK_EQ(0, meanwhile.pushes);
    CHECK_EQ(1, sink->count);
    CHECK(!loop_is_readable(w->executor));
}

struct errand {
    aimdb_token token;
};

static aimdb_err
defer(aimdb_ctx *ctx, const struct number *value)
{
    struct errand *errand = aimdb_user(ctx);
    (void) value;
    errand->token = aimdb_defer(ctx);
    return AIMDB_EPENDING;
}

static void
finish(void *arg)
{
    const struct errand *errand = arg;
    CHECK_OK(aimdb_done(errand->token, AIMDB_OK));
}

// proves X3: a descriptor is shared with the child; an event left there would never be taken back
static void
child_that_finishes_a_value_leaves_the_parents_loop_alone(void **state)
{
    struct world *w = *state;
    struct errand *errand = world_memory(w, sizeof *errand);
    number_record record = number_configure(w->builder, "values", AIMDB_SPMC_RING(16));
    CHECK(number_add_consumer(w->builder, record, defer, errand) != NULL);
    world_build(w);
    push(record, 1);
    CHECK_OK(aimdb_dispatch(w->executor, 0));
    CHECK_EQ(0, contract_child(finish, errand));
    CHECK_EQ(0, loop_raises(w->executor));
    finish(errand);
    CHECK_EQ(1, loop_raises(w->executor));
    CHECK_OK(aimdb_dispatch(w->executor, 0));
    CHECK(!loop_is_readable(w->executor));
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(loop_learns_of_a_deadline_that_a_helper_found),
        LOOP_TEST(loop_that_is_refused_is_told_when_it_may),
        LOOP_TEST(threads_that_wait_sleep_while_another_drives),
        LOOP_TEST(no_value_is_forgotten_that_comes_after_the_last_look),
        LOOP_TEST(child_that_finishes_a_value_leaves_the_parents_loop_alone),
    };
    return LOOP_RUN(tests, argc, argv);
}
