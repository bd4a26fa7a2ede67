// SPDX-License-Identifier: Apache-2.0
// Blocking consumers and libuv's thread pool: where they run, who waits for whom, and what becomes of
// one whose work request libuv has not given back yet.
#include "place.h"

#define POOL 2 // UV_THREADPOOL_SIZE
#define NOTES 2048

// A consumer that notes on which threads it ran.
struct diary {
    struct sink *sink;
    pthread_t loop;
    aimdb_time span; // each call takes so long
    bool in_loop[NOTES];
};

static struct diary *
diary_new(struct place *p, struct sink *sink)
{
    struct diary *diary = world_memory(&p->w, sizeof *diary);
    diary->sink = sink;
    diary->loop = p->thread;
    return diary;
}

static aimdb_err
write_diary(aimdb_ctx *ctx, const struct number *value)
{
    struct diary *diary = aimdb_user(ctx);
    struct sink *sink = diary->sink;
    CHECK(sink->count < NOTES && sink->count < sink->room);
    diary->in_loop[sink->count] = pthread_equal(pthread_self(), diary->loop) != 0;
    sink->values[sink->count++] = value->n;
    gate_add(sink->calls, 1);
    if (diary->span > 0)
        burn_until(aimdb_clock() + diary->span);
    if (sink->leave != NULL)
        gate_wait(sink->leave, sink->count);
    return AIMDB_OK;
}

static void
attach_diary(struct place *p, number_record record, struct diary *diary)
{
    const aimdb_consumer_options blocking = { .blocking = true };
    CHECK(number_add_consumer_with(p->w.builder, record, write_diary, diary, &blocking) != NULL);
}

static void
more_blocking_consumers_than_threads_run_in_the_pool_and_not_in_the_loop(void **state)
{
    enum { CONSUMERS = 3 * POOL };
    struct place *p = place_of(state);
    struct sink *plain = sink_new(&p->w, 64);
    struct diary *diaries[CONSUMERS];
    struct gate *leave = gate_new(&p->w), *calls = gate_new(&p->w);
    number_record record = number_configure(p->w.builder, "r", AIMDB_SPMC_RING(64));
    sink_attach(&p->w, record, plain, false);
    for (int i = 0; i < CONSUMERS; i++) {
        struct sink *sink = sink_new(&p->w, 64);
        sink->calls = calls; // of all of them
        sink->leave = leave;
        diaries[i] = diary_new(p, sink);
        attach_diary(p, record, diaries[i]);
    }
    world_build(&p->w);
    push_range(record, 1, 10);
    RUN_UNTIL(&p->loop, gate_count(calls) == POOL && plain->count == 10);
    push_range(record, 11, 20); // the loop is free while all threads of its pool are stuck
    RUN_UNTIL(&p->loop, plain->count == 20);
    CHECK_EQ(POOL, gate_count(calls));
    gate_add(leave, UINT64_MAX / 4);
    RUN_UNTIL(&p->loop, gate_count(calls) == CONSUMERS * 20);
    world_close(&p->w);
    for (int i = 0; i < CONSUMERS; i++)
        for (uint64_t k = 0; k < 20; k++) {
            CHECK_EQ(k + 1, diaries[i]->sink->values[k]);
            CHECK(!diaries[i]->in_loop[k]);
        }
}

struct trickle {
    number_record record;
    struct gate *calls;
};

static void
produce_one_by_one(void *arg)
{
    struct trickle *trickle = arg;
    for (uint64_t n = 1; n <= 500; n++) {
        push(trickle->record, n);
        gate_wait(trickle->calls, n);
    }
}

// Each value is pushed when the one before it was consumed: at about the time when the work request
// of that one is given back.
static void
request_is_used_again_and_again(void **state)
{
    struct place *p = place_of(state);
    struct sink *sink = sink_new(&p->w, 500);
    struct diary *diary = diary_new(p, sink);
    number_record record = number_configure(p->w.builder, "r", AIMDB_SPMC_RING(4));
    attach_diary(p, record, diary);
    world_build(&p->w);
    struct trickle trickle = { record, sink->calls };
    struct helper *helper = helper_start(&p->w, produce_one_by_one, &trickle);
    RUN_UNTIL(&p->loop, gate_count(sink->calls) == 500);
    helper_join(helper);
    for (uint64_t i = 0; i < 500; i++) {
        CHECK_EQ(i + 1, sink->values[i]);
        CHECK(!diary->in_loop[i]);
    }
}

// --- giving way ----------------------------------------------------------------------------------

struct stopper {
    uv_work_t work;
    struct gate *begun, *leave;
};

static void
stop_up(uv_work_t *work)
{
    struct stopper *stopper = work->data;
    gate_add(stopper->begun, 1);
    gate_wait(stopper->leave, 1);
}

// Keeps one thread of the pool busy.
static void
stopper_start(struct place *p, struct stopper *stopper)
{
    stopper->work.data = stopper;
    stopper->begun = gate_new(&p->w);
    stopper->leave = gate_new(&p->w);
    CHECK_EQ(0, uv_queue_work(&p->loop, &stopper->work, stop_up, NULL));
    gate_wait(stopper->begun, 1);
}

static void
slow_consumer_gives_its_thread_to_another_after_a_while(void **state)
{
    struct place *p = place_of(state);
    struct stopper *stopper =
        world_memory(&p->w, sizeof *stopper); // libuv has it for a while longer
    struct gate *calls = gate_new(&p->w);
    struct sink *slow = sink_held_new(&p->w, 8), *other = sink_new(&p->w, 8);
    struct diary *diary = diary_new(p, slow), *second = diary_new(p, other);
    slow->calls = calls;
    diary->span = AIMDB_MS(2);
    number_record a = number_configure(p->w.builder, "a", AIMDB_SPMC_RING(8));
    number_record b = number_configure(p->w.builder, "b", AIMDB_SPMC_RING(8));
    attach_diary(p, a, diary);
    attach_diary(p, b, second);
    world_build(&p->w);
    stopper_start(p, stopper); // one thread is left
    RUN_UNTIL(&p->loop, contract_others_asleep());
    push_range(a, 1, 4);
    RUN_UNTIL(&p->loop, gate_count(calls) == 1);
    push(b, 1);
    CHECK(uv_run(&p->loop, UV_RUN_NOWAIT) != 0); // b's consumer waits for the thread
    gate_add(slow->leave, 2);
    RUN_UNTIL(&p->loop, gate_count(calls) == 3);
    CHECK_EQ(1, gate_count(other->calls)); // after two calls at the most
    sink_let_go(slow);
    gate_add(stopper->leave, 1);
    RUN_UNTIL(&p->loop, gate_count(calls) == 4);
}

// --- closing while the loop does not run ---------------------------------------------------------

// A consumer has consumed one value in the pool; libuv has not given its request back; a second value
// has come.
static number_record
request_is_out(struct place *p, struct diary *diary)
{
    struct sink *sink = diary->sink;
    number_record record = number_configure(p->w.builder, "out", AIMDB_SPMC_RING(NOTES));
    attach_diary(p, record, diary);
    world_build(&p->w);
    push(record, 1);
    CHECK(uv_run(&p->loop, UV_RUN_NOWAIT) != 0);
    gate_wait(sink->calls, 1);
    EVENTUALLY(contract_others_asleep());
    return record;
}

static void
closing_in_the_loop_runs_a_consumer_whose_request_is_out(void **state)
{
    struct place *p = place_of(state);
    struct sink *sink = sink_new(&p->w, 8);
    struct diary *diary = diary_new(p, sink);
    number_record record = request_is_out(p, diary);
    push_range(record, 2, 5);
    aimdb_close_report report = world_close(&p->w);
    CHECK_EQ(4, report.delivered);
    CHECK_EQ(5, sink->count);
    CHECK(!diary->in_loop[0]);
    for (int i = 1; i < 5; i++)
        CHECK(diary->in_loop[i]);
    place_end(p); // the request comes back after its database and its executor are gone
}

static void
produce_that_waits_in_the_loop_calls_a_consumer_whose_request_is_out(void **state)
{
    struct place *p = place_of(state);
    struct sink *sink = sink_new(&p->w, 8);
    struct diary *diary = diary_new(p, sink);
    number_record record = request_is_out(p, diary);
    push(record, 2);
    CHECK_OK(number_produce_wait(record, &(struct number){ 3 }, AIMDB_FOREVER));
    CHECK_EQ(3, sink->count);
    CHECK(diary->in_loop[1] && diary->in_loop[2]);
    push(record, 4); // afterwards it is the pool's again
    RUN_UNTIL(&p->loop, gate_count(sink->calls) == 4);
    CHECK(!diary->in_loop[3]);
}

struct closing_timer {
    uv_timer_t timer;
    struct world *w;
    struct sink *sink;
};

static void
close_in_a_timer(uv_timer_t *timer)
{
    struct closing_timer *closing = timer->data;
    CHECK_EQ(1, closing->sink->count);
    world_close(closing->w);
    uv_close((uv_handle_t *) timer, NULL);
}

static aimdb_time
tick(aimdb_ctx *ctx, number_record out)
{
    CHECK_OK(number_emit(ctx, out, &(struct number){ 0 }));
    return aimdb_every(ctx, AIMDB_MS(1));
}

// Timers come before what other threads sent: the loop looks at what is ready because a source is
// due, finds the consumer and cannot queue it, and then comes the timer that closes.
static void
closing_in_the_loop_runs_a_consumer_that_was_held_back(void **state)
{
    struct place *p = place_of(state);
    struct sink *sink = sink_new(&p->w, 8);
    struct closing_timer closing = { .w = &p->w, .sink = sink };
    number_record ticks = number_configure(p->w.builder, "ticks", AIMDB_SINGLE_LATEST);
    CHECK(number_add_source(p->w.builder, ticks, tick, NULL) != NULL);
    closing.timer.data = &closing;
    CHECK_EQ(0, uv_timer_init(&p->loop, &closing.timer));
    number_record record = request_is_out(p, diary_new(p, sink));
    push_range(record, 2, 5);
    CHECK_EQ(0, uv_timer_start(&closing.timer, close_in_a_timer, 3, 0)); // later than the source
    burn_until(aimdb_clock() + AIMDB_MS(6));
    RUN_UNTIL(&p->loop, uv_is_closing((uv_handle_t *) &closing.timer));
    CHECK_EQ(5, sink->count);
    place_end(p);
}

static void
consumers_of_an_open_database_go_back_to_the_pool_after_a_close_in_the_loop(void **state)
{
    struct place *p = place_of(state);
    struct sink *sink = sink_new(&p->w, NOTES);
    struct diary *diary = diary_new(p, sink);
    struct annex *annex = annex_new(&p->w, p->w.executor, sink_new(&p->w, 8), false);
    diary->span = AIMDB_US(20);
    number_record record = request_is_out(p, diary);
    push_range(record, 2, 1000);
    CHECK_OK(aimdb_close(annex->db, AIMDB_FOREVER, NULL)); // may call the other database's consumer
    size_t helped = sink->count;
    CHECK(helped < 1000);
    RUN_UNTIL(&p->loop, gate_count(sink->calls) == 1000);
    for (size_t i = helped; i < 1000; i++)
        CHECK(!diary->in_loop[i]);
    annex_free(annex);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UV_TEST(more_blocking_consumers_than_threads_run_in_the_pool_and_not_in_the_loop),
        UV_TEST(request_is_used_again_and_again),
        UV_TEST(slow_consumer_gives_its_thread_to_another_after_a_while),
        UV_TEST(closing_in_the_loop_runs_a_consumer_whose_request_is_out),
        UV_TEST(produce_that_waits_in_the_loop_calls_a_consumer_whose_request_is_out),
        UV_TEST(closing_in_the_loop_runs_a_consumer_that_was_held_back),
        UV_TEST(consumers_of_an_open_database_go_back_to_the_pool_after_a_close_in_the_loop),
    };
    if (setenv("UV_THREADPOOL_SIZE", "2", 1) != 0)
        return 2;
    return CONTRACT_RUN(tests, argc, argv);
}
