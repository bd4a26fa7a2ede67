// SPDX-License-Identifier: Apache-2.0
// Closing on a caller's loop: in its callbacks, from other threads, from inside of consumers, and with
// deadlines that pass.
#include "place.h"

static void
report_is(const aimdb_close_report *report, uint64_t delivered, uint64_t lost, bool timed_out)
{
    CHECK_EQ(delivered, report->delivered);
    CHECK_EQ(lost, report->lost);
    CHECK_EQ(timed_out, report->timed_out);
}

// --- in callbacks of the loop --------------------------------------------------------------------

struct callback {
    struct world *w;
    union {
        uv_handle_t any;
        uv_idle_t idle;
        uv_timer_t timer;
        uv_async_t async;
        uv_prepare_t prepare;
    } handle;
    aimdb_close_report report;
    unsigned calls;
};

static void
close_in_callback(struct callback *callback)
{
    callback->calls++;
    CHECK_OK(aimdb_close(callback->w->db, AIMDB_FOREVER, &callback->report));
    uv_close(&callback->handle.any, NULL);
}

static void
on_idle(uv_idle_t *idle)
{
    close_in_callback(idle->data);
}

static void
on_timer(uv_timer_t *timer)
{
    close_in_callback(timer->data);
}

static void
on_async(uv_async_t *async)
{
    close_in_callback(async->data);
}

static void
on_prepare(uv_prepare_t *prepare)
{
    close_in_callback(prepare->data);
}

static void
start_callback(uv_loop_t *loop, struct callback *callback, uv_handle_type type)
{
    int err = -1;
    if (type == UV_IDLE && (err = uv_idle_init(loop, &callback->handle.idle)) == 0)
        err = uv_idle_start(&callback->handle.idle, on_idle);
    if (type == UV_TIMER && (err = uv_timer_init(loop, &callback->handle.timer)) == 0)
        err = uv_timer_start(&callback->handle.timer, on_timer, 0, 0);
    if (type == UV_PREPARE && (err = uv_prepare_init(loop, &callback->handle.prepare)) == 0)
        err = uv_prepare_start(&callback->handle.prepare, on_prepare);
    if (type == UV_ASYNC && (err = uv_async_init(loop, &callback->handle.async, on_async)) == 0)
        err = uv_async_send(&callback->handle.async);
    CHECK_EQ(0, err);
    callback->handle.any.data = callback;
}

// A pipeline in which all kinds of tasks have something to do when the close begins.
static aimdb_err
pass_on(aimdb_ctx *ctx, const struct number *value)
{
    const number_record *next = aimdb_user(ctx);
    return number_emit(ctx, *next, value);
}

static aimdb_time
tick(aimdb_ctx *ctx, number_record out)
{
    CHECK_OK(number_emit(ctx, out, &(struct number){ 0 }));
    return aimdb_every(ctx, AIMDB_MS(1));
}

static void
closed_in(void **state, uv_handle_type type)
{
    struct place *p = place_of(state);
    struct callback callback = { .w = &p->w, .report.size = sizeof callback.report };
    struct sink *last = sink_new(&p->w, 64);
    number_record middle, end;
    number_record first = number_configure(p->w.builder, "first", AIMDB_SPMC_RING(64));
    number_record ticks = number_configure(p->w.builder, "ticks", AIMDB_SINGLE_LATEST);
    const aimdb_consumer_options blocking = { .blocking = true };
    middle = number_configure(p->w.builder, "middle", AIMDB_SPMC_RING(64));
    end = number_configure(p->w.builder, "end", AIMDB_SPMC_RING(64));
    CHECK(number_add_source(p->w.builder, ticks, tick, NULL) != NULL);
    CHECK(number_add_consumer(p->w.builder, first, pass_on, &middle) != NULL);
    CHECK(number_add_consumer_with(p->w.builder, middle, pass_on, &end, &blocking) != NULL);
    sink_attach(&p->w, end, last, false);
    world_build(&p->w);
    start_callback(&p->loop, &callback, type);
    push_range(first, 1, 20);
    RUN_TO_THE_END(&p->loop);
    CHECK_EQ(1, callback.calls);
    CHECK(!callback.report.timed_out);
    CHECK_EQ(0, callback.report.lost);
    CHECK_EQ(20, last->count);
    for (uint64_t i = 0; i < 20; i++)
        CHECK_EQ(i + 1, last->values[i]);
}

static void
closed_in_an_idle_callback(void **state)
{
    closed_in(state, UV_IDLE);
}

static void
closed_in_a_timer_callback(void **state)
{
    closed_in(state, UV_TIMER);
}

static void
closed_in_an_async_callback(void **state)
{
    closed_in(state, UV_ASYNC);
}

static void
closed_in_a_prepare_callback(void **state)
{
    closed_in(state, UV_PREPARE);
}

// --- from inside of consumers --------------------------------------------------------------------

static aimdb_err
close_from_inside(aimdb_ctx *ctx, const struct number *value)
{
    struct world *w = aimdb_user(ctx);
    (void) value;
    CHECK_ERR(AIMDB_EPENDING, aimdb_close(w->db, AIMDB_FOREVER, NULL));
    return AIMDB_OK;
}

static void
closed_from_inside(struct place *p, bool blocking)
{
    const aimdb_consumer_options options = { .blocking = blocking };
    aimdb_close_report report = { .size = sizeof report };
    number_record probe = probe_new(&p->w);
    number_record record = number_configure(p->w.builder, "r", AIMDB_SPMC_RING(8));
    CHECK(number_add_consumer_with(p->w.builder, record, close_from_inside, &p->w, &options) !=
          NULL);
    world_build(&p->w);
    CHECK_OK(number_produce_n(record, (struct number[]){ { 1 }, { 2 }, { 3 } }, 3));
    RUN_UNTIL(&p->loop, number_produce(probe, &(struct number){ 0 }) == AIMDB_ECLOSED);
    CHECK(uv_loop_alive(&p->loop)); // it only began
    CHECK_OK(aimdb_close(p->w.db, AIMDB_FOREVER, &report));
    CHECK(!report.timed_out);
    CHECK_EQ(0, report.lost);
    RUN_TO_THE_END(&p->loop);
}

static void
close_from_inside_a_consumer_only_begins(void **state)
{
    closed_from_inside(place_of(state), false);
}

static void
close_from_inside_a_blocking_consumer_only_begins(void **state)
{
    closed_from_inside(place_of(state), true);
}

static aimdb_err
close_the_other(aimdb_ctx *ctx, const struct number *value)
{
    struct annex *annex = aimdb_user(ctx);
    aimdb_close_report report = { .size = sizeof report };
    (void) value;
    CHECK_OK(aimdb_close(annex->db, AIMDB_FOREVER, &report));
    report_is(&report, 3, 0, false);
    return AIMDB_OK;
}

static void
consumer_closes_a_database_of_another_executor_of_its_loop(void **state)
{
    struct place *p = place_of(state);
    aimdb_executor *other = executor_on(&p->loop);
    struct annex *annex = annex_new(&p->w, other, sink_new(&p->w, 8), false);
    number_record record = number_configure(p->w.builder, "r", AIMDB_SPMC_RING(8));
    CHECK(number_add_consumer(p->w.builder, record, close_the_other, annex) != NULL);
    world_build(&p->w);
    push_range(annex->record, 1, 3);
    push(record, 1);
    world_close(&p->w);
    CHECK_EQ(3, annex->sink->count);
    annex_free(annex);
    aimdb_executor_free(other);
}

// --- from other threads --------------------------------------------------------------------------

static void
another_thread_closes_while_the_loop_runs(void **state)
{
    struct place *p = place_of(state);
    struct sink *sink = sink_new(&p->w, 64), *blocking = sink_new(&p->w, 64);
    number_record record = number_configure(p->w.builder, "r", AIMDB_SPMC_RING(64));
    sink_attach(&p->w, record, sink, false);
    sink_attach(&p->w, record, blocking, true);
    world_build(&p->w);
    push_range(record, 1, 30);
    struct closer *closer = closer_start(&p->w, AIMDB_FOREVER);
    RUN_TO_THE_END(&p->loop);
    closer_join(closer);
    CHECK(!closer->report.timed_out);
    CHECK_EQ(0, closer->report.lost);
    CHECK_EQ(30, sink->count);
    CHECK_EQ(30, blocking->count);
}

static void
the_loop_frees_what_another_thread_closes(void **state)
{
    struct place *p = place_of(state);
    struct sink *sink = sink_held_new(&p->w, 8);
    number_record probe = probe_new(&p->w);
    number_record record = number_configure(p->w.builder, "r", AIMDB_SPMC_RING(8));
    sink_attach(&p->w, record, sink, true);
    world_build(&p->w);
    push_range(record, 1, 4);
    RUN_UNTIL(&p->loop, gate_count(sink->calls) == 1);
    struct closer *closer = closer_start(&p->w, AIMDB_FOREVER);
    probe_until_closing(probe);
    sink_let_go(sink);
    aimdb_close_report report = world_close(&p->w); // waits for the other one, and helps
    closer_join(closer);
    report_is(&report, 3, 0, false);
    report_is(&closer->report, 3, 0, false);
}

// Six values, the first of which is stuck in the pool.
struct jam {
    struct sink *sink;
    number_record record;
    number_reader reader;
};

static void
jam_new(struct place *p, struct jam *jam)
{
    jam->sink = sink_held_new(&p->w, 8);
    jam->record = number_configure(p->w.builder, "stuck", AIMDB_SPMC_RING(16));
    sink_attach(&p->w, jam->record, jam->sink, true);
    world_build(&p->w);
    CHECK_OK(number_subscribe(jam->record, &jam->reader));
    push_range(jam->record, 1, 6);
    RUN_UNTIL(&p->loop, gate_count(jam->sink->calls) == 1);
}

static bool
jam_is_cut_off(struct jam *jam)
{
    struct number out;
    aimdb_err err;
    while ((err = number_try_recv(&jam->reader, &out)) == AIMDB_OK)
        continue;
    return err == AIMDB_ECLOSED;
}

static void
deadline_passes_while_another_thread_closes_and_a_consumer_is_stuck(void **state)
{
    struct place *p = place_of(state);
    struct jam jam;
    jam_new(p, &jam);
    struct closer *closer = closer_start(&p->w, aimdb_clock());
    RUN_UNTIL(&p->loop, jam_is_cut_off(&jam));
    helper_until_asleep(closer->helper); // it waits for the call in progress
    CHECK_EQ(1, gate_count(jam.sink->calls));
    sink_let_go(jam.sink);
    RUN_TO_THE_END(&p->loop);
    closer_join(closer);
    report_is(&closer->report, 0, 5, true);
    CHECK_EQ(1, jam.sink->count);
    number_unsubscribe(&jam.reader);
}

static void
let_go_when_cut_off(void *arg)
{
    struct jam *jam = arg;
    EVENTUALLY(jam_is_cut_off(jam));
    sink_let_go(jam->sink);
}

static void
deadline_passes_while_the_loop_closes_and_a_consumer_is_stuck(void **state)
{
    struct place *p = place_of(state);
    struct jam jam;
    aimdb_close_report report = { .size = sizeof report };
    jam_new(p, &jam);
    struct helper *helper = helper_start(&p->w, let_go_when_cut_off, &jam);
    CHECK_OK(aimdb_close(p->w.db, aimdb_clock() + AIMDB_MS(20), &report));
    helper_join(helper);
    report_is(&report, 0, 5, true);
    CHECK_EQ(1, jam.sink->count);
    number_unsubscribe(&jam.reader);
    place_end(p);
}

// The first call lasts until the deadline has passed.
struct snail {
    aimdb_time deadline;
    uint64_t calls;
};

static aimdb_err
crawl(aimdb_ctx *ctx, const struct number *value)
{
    struct snail *snail = aimdb_user(ctx);
    (void) value;
    snail->calls++;
    burn_until(snail->deadline);
    return AIMDB_OK;
}

static void
deadline_is_kept_by_a_loop_that_calls_the_consumers_itself(void **state)
{
    struct place *p = place_of(state);
    struct snail snail = { .calls = 0 };
    aimdb_close_report report = { .size = sizeof report };
    number_record record = number_configure(p->w.builder, "r", AIMDB_SPMC_RING(64));
    CHECK(number_add_consumer(p->w.builder, record, crawl, &snail) != NULL);
    world_build(&p->w);
    push_range(record, 1, 50);
    snail.deadline = aimdb_clock() + AIMDB_MS(200);
    CHECK_OK(aimdb_close(p->w.db, snail.deadline, &report));
    CHECK(snail.calls <= 1); // none, if this thread was held up before the first one
    report_is(&report, snail.calls, 50 - snail.calls, true);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        UV_TEST(closed_in_an_idle_callback),
        UV_TEST(closed_in_a_timer_callback),
        UV_TEST(closed_in_an_async_callback),
        UV_TEST(closed_in_a_prepare_callback),
        UV_TEST(close_from_inside_a_consumer_only_begins),
        UV_TEST(close_from_inside_a_blocking_consumer_only_begins),
        UV_TEST(consumer_closes_a_database_of_another_executor_of_its_loop),
        UV_TEST(another_thread_closes_while_the_loop_runs),
        UV_TEST(the_loop_frees_what_another_thread_closes),
        UV_TEST(deadline_passes_while_another_thread_closes_and_a_consumer_is_stuck),
        UV_TEST(deadline_passes_while_the_loop_closes_and_a_consumer_is_stuck),
        UV_TEST(deadline_is_kept_by_a_loop_that_calls_the_consumers_itself),
    };
    return CONTRACT_RUN(tests, argc, argv);
}
