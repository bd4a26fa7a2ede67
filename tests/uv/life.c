// SPDX-License-Identifier: Apache-2.0
// From aimdb_uv_new to uv_loop_close: what is on the caller's loop, what keeps it going, and that
// nothing stays.
#include "place.h"

// A producing thread.
struct factory {
    number_record record;
    uint64_t first, last;
};

static void
produce_all(void *arg)
{
    struct factory *factory = arg;
    push_range(factory->record, factory->first, factory->last);
}

// A consumer that belongs to the loop's thread.
struct resident {
    pthread_t thread;
    uint64_t count, sum;
};

static aimdb_err
reside(aimdb_ctx *ctx, const struct number *value)
{
    struct resident *resident = aimdb_user(ctx);
    CHECK(pthread_equal(pthread_self(), resident->thread));
    resident->count++;
    resident->sum += value->n;
    return AIMDB_OK;
}

static void
values_of_another_thread_are_consumed_in_the_loop_and_nothing_is_left(void **state)
{
    struct place *p = place_of(state);
    struct resident resident = { p->thread, 0, 0 };
    aimdb_close_report report = { .size = sizeof report };
    number_record record = number_configure(p->w.builder, "r", AIMDB_SPMC_RING(4096));
    CHECK(number_add_consumer(p->w.builder, record, reside, &resident) != NULL);
    world_build(&p->w);
    struct factory factory = { record, 1, 1000 };
    struct helper *helper = helper_start(&p->w, produce_all, &factory);
    RUN_UNTIL(&p->loop, resident.count == 1000);
    helper_join(helper);
    push_range(record, 1001, 1010); // these are consumed while the database closes
    CHECK_OK(aimdb_close(p->w.db, AIMDB_FOREVER, &report));
    CHECK_EQ(1010, resident.count);
    CHECK_EQ(1010 * 1011 / 2, resident.sum);
    CHECK_EQ(10, report.delivered);
    CHECK_EQ(0, report.lost);
    place_end(p); // runs the loop, closes it
}

// A thread that goes away, so that the loop is alone with what aimdb left on it.
static void
close_it(void *arg)
{
    struct world *w = arg;
    CHECK_OK(aimdb_close(w->db, AIMDB_FOREVER, NULL));
}

static void
run_goes_on_while_a_database_is_open_and_ends_by_itself_afterwards(void **state)
{
    struct place *p = place_of(state);
    struct sink *sink = sink_new(&p->w, 8);
    RUN_TO_THE_END(&p->loop); // no database is open yet
    CHECK(!uv_loop_alive(&p->loop));
    number_record record = number_configure(p->w.builder, "r", AIMDB_SPMC_RING(8));
    sink_attach(&p->w, record, sink, false);
    world_build(&p->w);
    CHECK(uv_run(&p->loop, UV_RUN_NOWAIT) != 0);
    push(record, 1);
    RUN_UNTIL(&p->loop, sink->count == 1);
    CHECK(uv_run(&p->loop, UV_RUN_NOWAIT) != 0); // nothing is ready: it would wait
    struct helper *helper = helper_start(&p->w, close_it, &p->w);
    RUN_TO_THE_END(&p->loop); // the close in the other thread ends it
    helper_join(helper);
    CHECK_ERR(AIMDB_ECLOSED, number_produce(record, &(struct number){ 2 }));
    RUN_TO_THE_END(&p->loop);
}

static void
close_in_a_timer(uv_timer_t *timer)
{
    struct world *w = timer->data;
    CHECK_OK(aimdb_close(w->db, AIMDB_FOREVER, NULL));
    uv_close((uv_handle_t *) timer, NULL);
}

static void
run_ends_by_itself_when_the_loop_closes_the_last_database(void **state)
{
    struct place *p = place_of(state);
    uv_timer_t timer;
    number_record record = number_configure(p->w.builder, "r", AIMDB_SPMC_RING(8));
    sink_attach(&p->w, record, sink_new(&p->w, 8), false);
    world_build(&p->w);
    push(record, 1);
    timer.data = &p->w;
    CHECK_EQ(0, uv_timer_init(&p->loop, &timer));
    CHECK_EQ(0, uv_timer_start(&timer, close_in_a_timer, 1, 0));
    RUN_TO_THE_END(&p->loop);
    CHECK_EQ(1, record_stats(record).produced);
}

static void
loop_stays_alive_until_the_last_of_several_databases_is_closed(void **state)
{
    struct place *p = place_of(state);
    struct sink *one = sink_new(&p->w, 8), *two = sink_new(&p->w, 8);
    struct annex *first = annex_new(&p->w, p->w.executor, one, false);
    struct annex *second = annex_new(&p->w, p->w.executor, two, true);
    push(first->record, 1);
    push(second->record, 2);
    RUN_UNTIL(&p->loop, one->count == 1 && gate_count(two->calls) == 1);
    CHECK_OK(aimdb_close(first->db, AIMDB_FOREVER, NULL));
    CHECK(uv_run(&p->loop, UV_RUN_NOWAIT) != 0);
    push(second->record, 3);
    RUN_UNTIL(&p->loop, gate_count(two->calls) == 2);
    CHECK_OK(aimdb_close(second->db, AIMDB_FOREVER, NULL));
    RUN_TO_THE_END(&p->loop);
    struct annex *third = annex_new(&p->w, p->w.executor, one, false); // and it can begin anew
    CHECK(uv_run(&p->loop, UV_RUN_NOWAIT) != 0);
    annex_free(first);
    annex_free(second);
    annex_free(third);
    RUN_TO_THE_END(&p->loop);
}

struct relay {
    number_record to;
    uint64_t count;
};

// Hands a value on to a database of another executor, until it is 0.
static aimdb_err
hand_over(aimdb_ctx *ctx, const struct number *value)
{
    struct relay *relay = aimdb_user(ctx);
    relay->count++;
    return value->n == 0 ? AIMDB_OK : number_produce(relay->to, &(struct number){ value->n - 1 });
}

static void
two_executors_share_a_loop(void **state)
{
    struct place *p = place_of(state);
    struct world *w = &p->w;
    struct relay here = { .count = 0 }, there = { .count = 0 };
    aimdb *other_db;
    aimdb_executor *other = executor_on(&p->loop);
    aimdb_builder *builder = aimdb_builder_new(other);
    there.to = number_configure(w->builder, "here", AIMDB_SPMC_RING(4));
    here.to = number_configure(builder, "there", AIMDB_SPMC_RING(4));
    CHECK(number_add_consumer(w->builder, there.to, hand_over, &here) != NULL);
    CHECK(number_add_consumer(builder, here.to, hand_over, &there) != NULL);
    world_build(w);
    CHECK_OK(aimdb_build(builder, &other_db));
    push(there.to, 999);
    RUN_UNTIL(&p->loop, here.count + there.count == 1000);
    CHECK_EQ(500, here.count);
    aimdb_free(other_db);
    CHECK(uv_run(&p->loop, UV_RUN_NOWAIT) != 0); // the database of the first one is open
    aimdb_executor_free(other);
    push(there.to, 0); // and works while the handles of the second one close
    RUN_UNTIL(&p->loop, here.count == 501);
    aimdb_builder_free(builder);
}

static void
memory_that_a_reader_holds_outlives_the_loop(void **state)
{
    struct place *p = place_of(state);
    number_reader reader;
    number_record record = number_configure(p->w.builder, "r", AIMDB_SPMC_RING(8));
    sink_attach(&p->w, record, sink_new(&p->w, 8), true);
    world_build(&p->w);
    CHECK_OK(number_subscribe(record, &reader));
    push(record, 1);
    place_end(p); // the loop is gone
    expect(&reader, 1);
    expect_err(&reader, AIMDB_ECLOSED);
    number_unsubscribe(&reader); // the last one to leave
    CHECK_EQ(0, p->w.ledger.live);
}

static void
keep_token(void *arg)
{
    const aimdb_token *token = arg;
    CHECK_OK(aimdb_done(*token, AIMDB_OK));
}

static aimdb_err
defer(aimdb_ctx *ctx, const struct number *value)
{
    aimdb_token *token = aimdb_user(ctx);
    (void) value;
    *token = aimdb_defer(ctx);
    return AIMDB_EPENDING;
}

static void
token_that_is_finished_after_the_loop_is_gone_frees_the_memory(void **state)
{
    struct place *p = place_of(state);
    aimdb_token token = { NULL, 0 };
    number_record record = number_configure(p->w.builder, "r", AIMDB_SPMC_RING(8));
    CHECK(number_add_consumer(p->w.builder, record, defer, &token) != NULL);
    world_build(&p->w);
    push(record, 1);
    RUN_UNTIL(&p->loop, token.task_ != NULL);
    place_end(p); // a deadline of now: the value is given up
    helper_join(helper_start(&p->w, keep_token, &token));
    CHECK_EQ(0, p->w.ledger.live);
}

static void
executor_that_never_had_a_database_is_freed(void **state)
{
    struct place *p = place_of(state);
    aimdb_executor *executors[16];
    for (int i = 0; i < 16; i++)
        executors[i] = executor_on(&p->loop);
    for (int i = 0; i < 16; i++)
        aimdb_executor_free(executors[i]);
    RUN_TO_THE_END(&p->loop);
}

struct builder_job {
    struct world *w;
    struct sink *sink;
    struct annex *annex;
    uv_idle_t idle;
};

static void
build_in_idle(uv_idle_t *idle)
{
    struct builder_job *job = idle->data;
    job->annex = annex_new(job->w, job->w->executor, job->sink, false);
    push(job->annex->record, 1);
    uv_close((uv_handle_t *) idle, NULL);
}

static void
database_is_built_in_a_callback_of_the_loop(void **state)
{
    struct place *p = place_of(state);
    struct builder_job job = { .w = &p->w, .sink = sink_new(&p->w, 1) };
    job.idle.data = &job;
    CHECK_EQ(0, uv_idle_init(&p->loop, &job.idle));
    CHECK_EQ(0, uv_idle_start(&job.idle, build_in_idle));
    RUN_UNTIL(&p->loop, job.sink->count == 1);
    CHECK(uv_run(&p->loop, UV_RUN_NOWAIT) != 0);
    annex_free(job.annex);
    RUN_TO_THE_END(&p->loop);
}

// A consumer each of whose calls takes longer than a slice, and what the loop did meanwhile.
struct crowd {
    uint64_t calls, calls_in_turn, most;
};

static aimdb_err
elbow(aimdb_ctx *ctx, const struct number *value)
{
    struct crowd *crowd = aimdb_user(ctx);
    (void) value;
    crowd->calls++;
    if (++crowd->calls_in_turn > crowd->most)
        crowd->most = crowd->calls_in_turn;
    burn_until(aimdb_clock() + AIMDB_MS(2));
    return AIMDB_OK;
}

static void
begin_turn(uv_idle_t *idle)
{
    struct crowd *crowd = idle->data;
    crowd->calls_in_turn = 0;
}

// proves D5, for the loop's other handles
static void
slow_consumer_gives_the_loop_its_turn_after_each_call(void **state)
{
    struct place *p = place_of(state);
    struct crowd crowd = { .calls = 0 };
    uv_idle_t idle = { .data = &crowd };
    number_record record = number_configure(p->w.builder, "r", AIMDB_SPMC_RING(64));
    CHECK(number_add_consumer(p->w.builder, record, elbow, &crowd) != NULL);
    CHECK_EQ(0, uv_idle_init(&p->loop, &idle));
    CHECK_EQ(0, uv_idle_start(&idle, begin_turn));
    world_build(&p->w);
    push_range(record, 1, 20);
    RUN_UNTIL(&p->loop, crowd.calls == 20);
    CHECK_EQ(1, crowd.most);
    uv_close((uv_handle_t *) &idle, NULL);
    place_end(p);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UV_TEST(values_of_another_thread_are_consumed_in_the_loop_and_nothing_is_left),
        UV_TEST(run_goes_on_while_a_database_is_open_and_ends_by_itself_afterwards),
        UV_TEST(run_ends_by_itself_when_the_loop_closes_the_last_database),
        UV_TEST(loop_stays_alive_until_the_last_of_several_databases_is_closed),
        UV_TEST(two_executors_share_a_loop),
        UV_TEST(memory_that_a_reader_holds_outlives_the_loop),
        UV_TEST(token_that_is_finished_after_the_loop_is_gone_frees_the_memory),
        UV_TEST(executor_that_never_had_a_database_is_freed),
        UV_TEST(database_is_built_in_a_callback_of_the_loop),
        UV_TEST(slow_consumer_gives_the_loop_its_turn_after_each_call),
    };
    return CONTRACT_RUN(tests, argc, argv);
}
