// SPDX-License-Identifier: Apache-2.0
// Several threads and one executor without any: who drives, who is refused, who waits; closing from
// everywhere; blocking consumers; forks.
#include "loop.h"

#include <signal.h>
#include <stdio.h>

// Dispatching in another thread.
struct turn {
    struct world *w;
    aimdb_err err;
};

static void
dispatch_once(void *arg)
{
    struct turn *turn = arg;
    turn->err = aimdb_dispatch(turn->w->executor, 0);
}

static struct turn *
turn_new(struct world *w)
{
    struct turn *turn = world_memory(w, sizeof *turn);
    turn->w = w;
    return turn;
}

// proves D6 P4
static void
second_driver_is_refused_and_nothing_is_lost(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_held_new(w, 16);
    struct turn *turn = turn_new(w);
    number_record record = number_configure(w->builder, "values", AIMDB_SPMC_RING(16));
    sink_attach(w, record, sink, false);
    world_build(w);
    push(record, 1);
    struct helper *driver = helper_start(w, dispatch_once, turn);
    gate_wait(sink->calls, 1);
    CHECK_ERR(AIMDB_EBUSY, aimdb_dispatch(w->executor, 0));
    push_range(record, 2, 9);
    CHECK_ERR(AIMDB_EBUSY, aimdb_dispatch(w->executor, 0));
    CHECK_EQ(1, gate_count(sink->calls));
    sink_let_go(sink);
    helper_join(driver);
    CHECK_OK(turn->err);
    CHECK_EQ(9, sink->count);
    for (uint64_t i = 0; i < 9; i++)
        CHECK_EQ(i + 1, sink->values[i]);
    CHECK_OK(aimdb_dispatch(w->executor, 0));
}

struct nested {
    struct world *w;
    unsigned refused;
};

static void
dispatch_inside(struct nested *nested)
{
    nested->refused += aimdb_dispatch(nested->w->executor, 0) == AIMDB_EBUSY;
    CHECK_EQ(0, aimdb_next_deadline(nested->w->executor));
}

static aimdb_err
consume_and_dispatch(aimdb_ctx *ctx, const struct number *value)
{
    (void) value;
    dispatch_inside(aimdb_user(ctx));
    return AIMDB_OK;
}

static aimdb_time
step_and_dispatch(aimdb_ctx *ctx, number_record out)
{
    dispatch_inside(aimdb_user(ctx));
    CHECK_OK(number_emit(ctx, out, &(struct number){ 1 }));
    return AIMDB_FOREVER;
}

static aimdb_err
check_and_dispatch(aimdb_ctx *ctx, struct number *value)
{
    (void) value;
    dispatch_inside(aimdb_user(ctx));
    return AIMDB_OK;
}

// proves D6 D2 P4
static void
callback_that_dispatches_is_refused(void **state)
{
    struct world *w = *state;
    struct nested *nested = world_memory(w, sizeof *nested);
    struct sink *sink = sink_new(w, 4);
    nested->w = w;
    number_record record = number_configure(w->builder, "values", AIMDB_SPMC_RING(16));
    number_set_producer(w->builder, record, check_and_dispatch, nested);
    CHECK(number_add_source(w->builder, record, step_and_dispatch, nested) != NULL);
    CHECK(number_add_consumer(w->builder, record, consume_and_dispatch, nested) != NULL);
    sink_attach(w, record, sink, false);
    world_build(w);
    CHECK_OK(aimdb_dispatch(w->executor, 0));
    CHECK_EQ(3, nested->refused); // the source, its value's producer function and consumer
    CHECK_EQ(1, sink->count);
    CHECK(!loop_is_readable(w->executor));
}

// Closing --------------------------------------------------------------------------------------

// proves X1 D6
static void
close_drives_when_nobody_does(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_new(w, 1);
    number_record record = number_configure(w->builder, "values", AIMDB_SPMC_RING(1024));
    ticker_attach(w, record, 1000, AIMDB_SEC(1000));
    sink_attach(w, record, sink, false);
    world_build(w);
    push_range(record, 1, 600); // more than one budget
    aimdb_close_report report = world_close(w);
    CHECK_EQ(600, report.delivered);
    CHECK_EQ(0, report.lost);
    CHECK_EQ(600, sink->count);
    CHECK(!loop_is_readable(w->executor));
    CHECK_EQ(AIMDB_FOREVER, aimdb_next_deadline(w->executor));
}

// proves X1 D6
static void
close_works_beside_a_loop_that_drives(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_new(w, 1);
    number_record record = number_configure(w->builder, "values", AIMDB_SPMC_RING(1024));
    ticker_attach(w, record, 1000, AIMDB_SEC(1000));
    sink_attach(w, record, sink, false);
    driver_start(w->executor);
    world_build(w);
    gate_wait(sink->calls, 1); // the source's, which is due again much later
    push_range(record, 1, 600);
    world_close(w);
    CHECK_EQ(601, gate_count(sink->calls));
    CHECK_EQ(601, record_stats(record).produced);
}

// proves X1 X2
static void
close_keeps_its_deadline_while_the_loop_is_stuck_in_a_consumer(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_held_new(w, 4);
    number_record record = number_configure(w->builder, "values", AIMDB_SPMC_RING(16));
    number_reader reader;
    struct number out;
    sink_attach(w, record, sink, false);
    driver_start(w->executor);
    world_build(w);
    CHECK_OK(number_subscribe(record, &reader));
    push_range(record, 1, 3);
    gate_wait(sink->calls, 1);
    struct closer *closer = closer_start(w, aimdb_clock() + AIMDB_MS(5));
    while (number_recv(&reader, &out, AIMDB_FOREVER) == AIMDB_OK)
        continue; // the buffers close once the deadline has passed, while the consumer is held
    helper_until_asleep(closer->helper);
    CHECK_EQ(1, gate_count(sink->calls));
    sink_let_go(sink);
    closer_join(closer);
    CHECK(closer->report.timed_out);
    CHECK_EQ(2, closer->report.lost);
    CHECK_EQ(1, gate_count(sink->calls));
    number_unsubscribe(&reader);
}

struct inside {
    aimdb *db;
    aimdb_err err;
};

static aimdb_err
close_inside(aimdb_ctx *ctx, const struct number *value)
{
    struct inside *inside = aimdb_user(ctx);
    (void) value;
    inside->err = aimdb_close(inside->db, AIMDB_FOREVER, NULL);
    return AIMDB_OK;
}

// proves X2
static void
close_inside_a_consumer_only_begins(void **state)
{
    struct world *w = *state;
    struct inside *inside = world_memory(w, sizeof *inside);
    number_record record = number_configure(w->builder, "values", AIMDB_SPMC_RING(16));
    CHECK(number_add_consumer(w->builder, record, close_inside, inside) != NULL);
    ticker_attach(w, record, 2, AIMDB_SEC(1000));
    world_build(w);
    inside->db = w->db;
    CHECK_OK(aimdb_dispatch(w->executor, 0)); // the first tick comes to the consumer
    CHECK_ERR(AIMDB_EPENDING, inside->err);
    CHECK_ERR(AIMDB_ECLOSED, number_produce(record, &(struct number){ 2 }));
    CHECK_ERR(AIMDB_ECLOSED, aimdb_run(w->db));
    CHECK_EQ(AIMDB_FOREVER, aimdb_next_deadline(w->executor)); // the source has left
    world_close(w);
}

// Running --------------------------------------------------------------------------------------

static aimdb *db_of_handler;

static void
stop_db(int number)
{
    (void) number;
    aimdb_stop(db_of_handler);
}

static aimdb_err
raise_at_ten(aimdb_ctx *ctx, const struct number *value)
{
    (void) ctx;
    if (value->n == 10)
        raise(SIGUSR1);
    return AIMDB_OK;
}

// proves X4 D6
static void
run_drives_until_a_signal_handler_stops_it(void **state)
{
    struct world *w = *state;
    number_record record = number_configure(w->builder, "ticks", AIMDB_SPMC_RING(64));
    struct ticker *ticker = ticker_attach(w, record, 1000000, AIMDB_MS(1));
    CHECK(number_add_consumer(w->builder, record, raise_at_ten, NULL) != NULL);
    world_build(w);
    db_of_handler = w->db;
    CHECK(signal(SIGUSR1, stop_db) != SIG_ERR);
    CHECK_OK(aimdb_run(w->db));
    CHECK(ticker->count >= 10);
    CHECK_EQ(0, loop_other_threads());
}

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
runner_start(struct world *w, struct runner **ret_runner)
{
    struct runner *runner = world_memory(w, sizeof *runner);
    runner->db = w->db;
    *ret_runner = runner;
    struct helper *helper = helper_start(w, run, runner);
    helper_until_asleep(helper);
    return helper;
}

// proves X4 D5: the handler interrupts the thread that sleeps in aimdb_run, or another
static void
run_that_sleeps_is_stopped_by_a_handler_in_any_thread(void **state)
{
    struct world *w = *state;
    for (int own = 0; own < 2; own++) {
        struct runner *runner;
        number_record record = number_configure(w->builder, "values", AIMDB_SPMC_RING(16));
        sink_attach(w, record, sink_new(w, 1), false);
        world_build(w);
        db_of_handler = w->db;
        CHECK(signal(SIGUSR1, stop_db) != SIG_ERR);
        struct helper *helper = runner_start(w, &runner);
        CHECK(pthread_kill(own ? helper_pthread(helper) : pthread_self(), SIGUSR1) == 0);
        helper_join(helper);
        CHECK_OK(runner->err);
        world_free_db(w);
        world_rebuild_with(w, w->executor, 0);
    }
}

// proves D6 P3: a thread in aimdb_run wakes for what others produce, and hands it on
static void
run_wakes_for_what_other_threads_produce(void **state)
{
    struct world *w = *state;
    struct runner *runner;
    struct sink *sink = sink_new(w, 100);
    number_record record = number_configure(w->builder, "values", AIMDB_SPMC_RING(16));
    sink_attach(w, record, sink, false);
    world_build(w);
    struct helper *helper = runner_start(w, &runner);
    for (uint64_t n = 1; n <= 100; n++) {
        push(record, n);
        gate_wait(sink->calls, n);
    }
    aimdb_stop(w->db);
    helper_join(helper);
    CHECK_OK(runner->err);
}

// Blocking consumers ---------------------------------------------------------------------------

struct whereabouts {
    struct gate *calls;
    pthread_t thread;
};

static aimdb_err
note_thread(aimdb_ctx *ctx, const struct number *value)
{
    struct whereabouts *whereabouts = aimdb_user(ctx);
    (void) value;
    whereabouts->thread = pthread_self();
    gate_add(whereabouts->calls, 1);
    return AIMDB_OK;
}

static number_record
configure_blocking(struct world *w, struct whereabouts **ret_whereabouts)
{
    struct whereabouts *whereabouts = world_memory(w, sizeof *whereabouts);
    const aimdb_consumer_options options = { .name = "to-the-disk", .blocking = true };
    whereabouts->calls = gate_new(w);
    *ret_whereabouts = whereabouts;
    number_record record = number_configure(w->builder, "plant.pressure", AIMDB_SPMC_RING(16));
    sink_attach(w, record, sink_new(w, 1), false);
    CHECK(number_add_consumer_with(w->builder, record, note_thread, whereabouts, &options) != NULL);
    return record;
}

// proves D4 B1 B3
static void
blocking_consumer_is_refused_by_name_without_threads_for_it(void **state)
{
    struct world *w = *state;
    struct whereabouts *whereabouts;
    aimdb *db = NULL;
    configure_blocking(w, &whereabouts);
    CHECK_ERR(AIMDB_ECONFIG, aimdb_build(w->builder, &db));
    CHECK(db == NULL);
    CHECK_EQ(1, aimdb_builder_mistakes(w->builder));
    const char *mistake = aimdb_builder_mistake(w->builder, 0);
    CHECK(strstr(mistake, "\"to-the-disk\"") != NULL);
    CHECK(strstr(mistake, "\"plant.pressure\"") != NULL);
    CHECK(strstr(mistake, "blocking_threads") != NULL);
    CHECK_EQ(0, loop_other_threads());
}

// proves D4
static void
blocking_consumer_runs_on_a_thread_that_was_asked_for(void **state)
{
    struct world *w = *state;
    struct whereabouts *whereabouts;
    loop_rebuild(w, &(aimdb_poll_options){ .blocking_threads = 3 });
    CHECK_EQ(0, loop_other_threads());
    number_record record = configure_blocking(w, &whereabouts);
    world_build(w);
    CHECK_EQ(1, loop_other_threads()); // one such consumer, one thread
    push(record, 1);
    gate_wait(whereabouts->calls, 1); // nobody dispatches
    CHECK(!pthread_equal(pthread_self(), whereabouts->thread));
    CHECK(loop_is_readable(w->executor)); // for the other consumer
    world_close(w);
    EVENTUALLY(loop_other_threads() == 0);
}

// Forks ----------------------------------------------------------------------------------------

static void
use_it_in_a_child(void *arg)
{
    struct world *w = arg;
    CHECK_ERR(AIMDB_EFORKED, aimdb_dispatch(w->executor, 0));
    CHECK_ERR(AIMDB_EFORKED, aimdb_close(w->db, AIMDB_FOREVER, NULL));
    CHECK_ERR(AIMDB_EFORKED, aimdb_run(w->db));
    aimdb_stop(w->db);
    aimdb_free(w->db);
    aimdb_executor_free(w->executor);
}

// proves X3
static void
child_is_told_and_its_parent_goes_on(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_new(w, 4);
    number_record record = number_configure(w->builder, "values", AIMDB_SPMC_RING(16));
    sink_attach(w, record, sink, false);
    world_build(w);
    CHECK_OK(aimdb_dispatch(w->executor, 0));
    CHECK_EQ(0, contract_child(use_it_in_a_child, w));
    CHECK(!loop_is_readable(w->executor));
    push(record, 1);
    CHECK_EQ(0, contract_child(use_it_in_a_child, w)); // with something ready
    CHECK_EQ(1, loop_raises(w->executor));
    CHECK_OK(aimdb_dispatch(w->executor, 0));
    CHECK_EQ(1, sink->count);
    CHECK(!loop_is_readable(w->executor));
}

// proves X3: while another thread of the parent's drives
static void
child_of_a_busy_executor_is_told_as_well(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_held_new(w, 4);
    struct turn *turn = turn_new(w);
    number_record record = number_configure(w->builder, "values", AIMDB_SPMC_RING(16));
    sink_attach(w, record, sink, false);
    world_build(w);
    push(record, 1);
    struct helper *driver = helper_start(w, dispatch_once, turn);
    gate_wait(sink->calls, 1);
    CHECK_EQ(0, contract_child(use_it_in_a_child, w));
    sink_let_go(sink);
    helper_join(driver);
    CHECK_OK(turn->err);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(second_driver_is_refused_and_nothing_is_lost),
        LOOP_TEST(callback_that_dispatches_is_refused),
        LOOP_TEST(close_drives_when_nobody_does),
        LOOP_TEST(close_works_beside_a_loop_that_drives),
        LOOP_TEST(close_keeps_its_deadline_while_the_loop_is_stuck_in_a_consumer),
        LOOP_TEST(close_inside_a_consumer_only_begins),
        LOOP_TEST(run_drives_until_a_signal_handler_stops_it),
        LOOP_TEST(run_that_sleeps_is_stopped_by_a_handler_in_any_thread),
        LOOP_TEST(run_wakes_for_what_other_threads_produce),
        LOOP_TEST(blocking_consumer_is_refused_by_name_without_threads_for_it),
        LOOP_TEST(blocking_consumer_runs_on_a_thread_that_was_asked_for),
        LOOP_TEST(child_is_told_and_its_parent_goes_on),
        LOOP_TEST(child_of_a_busy_executor_is_told_as_well),
    };
    return LOOP_RUN(tests, argc, argv);
}
