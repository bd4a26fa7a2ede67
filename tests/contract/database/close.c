// SPDX-License-Identifier: Apache-2.0
// The end of a database: draining, the report, deadlines, closing from anywhere.
#include "contract.h"

static const aimdb_close_report untouched_report = { sizeof(aimdb_close_report), 777, 777, true };

static void
report_is(const aimdb_close_report *report, uint64_t delivered, uint64_t lost, bool timed_out)
{
    CHECK_EQ(delivered, report->delivered);
    CHECK_EQ(lost, report->lost);
    CHECK_EQ(timed_out, report->timed_out);
}

static bool
reports_agree(const aimdb_close_report *a, const aimdb_close_report *b)
{
    return a->delivered == b->delivered && a->lost == b->lost && a->timed_out == b->timed_out;
}

// Draining and the report ----------------------------------------------------------------------

// proves X1
static void
database_without_anything_closes(void **state)
{
    struct world *w = *state;
    world_build(w);
    aimdb_close_report report = world_close(w);
    report_is(&report, 0, 0, false);
}

// proves X1 P4
static void
closing_drains_and_reports_what_was_delivered_since(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_held_new(w, 10);
    number_record record = number_configure(w->builder, "drain", AIMDB_SPMC_RING(16));
    number_record probe = probe_new(w);
    aimdb_task *task = sink_attach(w, record, sink, false);
    world_build(w);
    push_range(record, 1, 10);
    gate_wait(sink->calls, 1); // the first one is delivered before the closing begins
    struct closer *closer = closer_start(w, AIMDB_FOREVER);
    probe_until_closing(probe);
    sink_let_go(sink);
    closer_join(closer);
    report_is(&closer->report, 9, 0, false);
    CHECK_EQ(10, gate_count(sink->calls));
    CHECK_EQ(10, task_stats(task).received);
    CHECK_EQ(0, task_stats(task).pending);
}

// proves X1 M3 L4
static void
latest_and_mailbox_are_drained_as_well(void **state)
{
    struct world *w = *state;
    struct sink *latest = sink_held_new(w, 4), *mailbox = sink_held_new(w, 4);
    number_record a = number_configure(w->builder, "latest", AIMDB_SINGLE_LATEST);
    number_record b = number_configure(w->builder, "mailbox", AIMDB_MAILBOX);
    number_record probe = probe_new(w);
    sink_attach(w, a, latest, true);
    sink_attach(w, b, mailbox, true);
    world_build(w);
    push(a, 1);
    push(b, 1);
    gate_wait(latest->calls, 1);
    gate_wait(mailbox->calls, 1);
    push_range(a, 2, 9);
    push_range(b, 2, 9);
    struct closer *closer = closer_start(w, AIMDB_FOREVER);
    probe_until_closing(probe);
    sink_let_go(latest);
    sink_let_go(mailbox);
    closer_join(closer);
    report_is(&closer->report, 2, 0, false);
    CHECK_EQ(9, latest->values[1]);
    CHECK_EQ(9, mailbox->values[1]);
}

struct hop {
    number_record to;
    struct gate *inside; // counts calls
    struct gate *start;  // the first of a pipeline waits for it
};

static aimdb_err
hop_on(aimdb_ctx *ctx, const struct number *value)
{
    struct hop *hop = aimdb_user(ctx);
    if (hop->inside != NULL)
        gate_add(hop->inside, 1);
    if (hop->start != NULL)
        gate_wait(hop->start, 1);
    CHECK_OK(number_emit(ctx, hop->to, value));
    CHECK_OK(number_emit(ctx, hop->to, value)); // two for one
    return AIMDB_OK;
}

// proves X1 E1
static void
pipeline_empties_front_to_back(void **state)
{
    static const char *const keys[] = { "a", "b", "c", "d" };
    struct world *w = *state;
    struct sink *sink = sink_new(w, 1);
    struct gate *start = gate_new(w);
    number_record records[4], probe = probe_new(w);
    for (size_t i = 0; i < 4; i++)
        records[i] = number_configure(w->builder, keys[i], AIMDB_SPMC_RING((size_t) 100 << i));
    for (size_t i = 0; i < 3; i++) {
        struct hop *hop = world_memory(w, sizeof *hop);
        hop->to = records[i + 1];
        hop->start = i == 0 ? start : NULL;
        CHECK(number_add_consumer(w->builder, records[i], hop_on, hop) != NULL);
    }
    sink_attach(w, records[3], sink, false);
    world_build(w);
    push_range(records[0], 1, 100);
    struct closer *closer = closer_start(w, AIMDB_FOREVER);
    probe_until_closing(probe);
    CHECK_ERR(AIMDB_ECLOSED, number_produce(records[3], &(struct number){ 1 }));
    gate_add(start, 1);
    closer_join(closer);
    CHECK_EQ(800, gate_count(sink->calls));
    CHECK_EQ(200, record_stats(records[1]).produced);
    CHECK_EQ(400, record_stats(records[2]).produced);
    CHECK_EQ(800, record_stats(records[3]).produced);
    CHECK(closer->report.delivered >= 99 + 200 + 400 + 800);
    report_is(&closer->report, closer->report.delivered, 0, false);
}

// There is nothing left to read: only the call in progress will still push.
// proves X1 E1
static void
closing_waits_for_what_a_call_in_progress_emits(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_new(w, 2);
    struct hop *hop = world_memory(w, sizeof *hop);
    number_record a = number_configure(w->builder, "a", AIMDB_SPMC_RING(4));
    hop->to = number_configure(w->builder, "b", AIMDB_SPMC_RING(4));
    hop->inside = gate_new(w);
    hop->start = gate_new(w);
    number_record probe = probe_new(w);
    CHECK(number_add_consumer(w->builder, a, hop_on, hop) != NULL);
    sink_attach(w, hop->to, sink, true);
    world_build(w);
    push(a, 1);
    gate_wait(hop->inside, 1);
    struct closer *closer = closer_start(w, AIMDB_FOREVER);
    probe_until_closing(probe);
    helper_until_asleep(closer->helper);
    gate_add(hop->start, 1);
    closer_join(closer);
    CHECK_EQ(2, gate_count(sink->calls));
}

// proves X1
static void
values_from_outside_are_refused_once_closing_began(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_held_new(w, 4);
    number_record ring = number_configure(w->builder, "ring", AIMDB_SPMC_RING(4));
    number_record latest = number_configure(w->builder, "latest", AIMDB_SINGLE_LATEST);
    number_record mailbox = number_configure(w->builder, "mailbox", AIMDB_MAILBOX);
    number_record probe = probe_new(w);
    struct number two[2] = { { 1 }, { 2 } };
    sink_attach(w, ring, sink, true);
    world_build(w);
    push(ring, 1);
    gate_wait(sink->calls, 1);
    struct closer *closer = closer_start(w, AIMDB_FOREVER);
    probe_until_closing(probe);
    CHECK_ERR(AIMDB_ECLOSED, number_produce(ring, &two[0]));
    CHECK_ERR(AIMDB_ECLOSED, number_produce_n(ring, two, 2));
    CHECK_ERR(AIMDB_ECLOSED, number_produce(latest, &two[0]));
    CHECK_ERR(AIMDB_ECLOSED, number_produce(mailbox, &two[0]));
    sink_let_go(sink);
    closer_join(closer);
    CHECK_ERR(AIMDB_ECLOSED, number_produce(ring, &two[0]));
    CHECK_EQ(1, record_stats(ring).produced);
    CHECK_EQ(0, record_stats(latest).produced + record_stats(mailbox).produced);
    CHECK_EQ(1, gate_count(sink->calls));
}

struct latecomer {
    number_record record;
    struct gate *inside, *go;
    aimdb_err err;
};

static aimdb_err
hold_back(aimdb_ctx *ctx, struct number *value)
{
    struct latecomer *latecomer = aimdb_user(ctx);
    (void) value;
    gate_add(latecomer->inside, 1);
    gate_wait(latecomer->go, 1);
    return AIMDB_OK;
}

static void
come_too_late(void *arg)
{
    struct latecomer *latecomer = arg;
    latecomer->err = number_produce(latecomer->record, &(struct number){ 1 });
}

// It was let in before the closing began, and comes to the buffer when that is closed.
// proves X1 P4
static void
value_held_by_its_producer_function_over_the_close_is_refused(void **state)
{
    static const char *const keys[] = { "ring", "latest", "mailbox", "one.writer" };
    const aimdb_buffer_cfg cfgs[] = { AIMDB_SPMC_RING(4), AIMDB_SINGLE_LATEST, AIMDB_MAILBOX,
                                      AIMDB_SPMC_RING(4, .one_writer = true) };
    struct world *w = *state;
    struct latecomer *latecomers[4];
    struct helper *helpers[4];
    struct gate *inside = gate_new(w), *go = gate_new(w);
    for (size_t i = 0; i < 4; i++) {
        latecomers[i] = world_memory(w, sizeof *latecomers[i]);
        *latecomers[i] = (struct latecomer){ .inside = inside, .go = go };
        latecomers[i]->record = number_configure(w->builder, keys[i], cfgs[i]);
        number_set_producer(w->builder, latecomers[i]->record, hold_back, latecomers[i]);
    }
    world_build(w);
    for (size_t i = 0; i < 4; i++)
        helpers[i] = helper_start(w, come_too_late, latecomers[i]);
    gate_wait(inside, 4);
    aimdb_close_report report = world_close(w);
    gate_add(go, 1);
    for (size_t i = 0; i < 4; i++) {
        helper_join(helpers[i]);
        CHECK_ERR(AIMDB_ECLOSED, latecomers[i]->err);
        CHECK_EQ(0, record_stats(latecomers[i]->record).produced);
    }
    report_is(&report, 0, 0, false);
}

// Deadlines ------------------------------------------------------------------------------------

// A pulling reader tells that the buffers are closed: the deadline has passed by then.
static void
wait_for_closed_buffers(number_reader *reader)
{
    struct number out;
    aimdb_err err;
    do
        err = number_recv(reader, &out, aimdb_clock() + AIMDB_SEC(CONTRACT_PATIENCE));
    while (err == AIMDB_OK || err == AIMDB_ELAGGED);
    CHECK_ERR(AIMDB_ECLOSED, err);
}

static void
deadline_passes(struct world *w, aimdb_time deadline, bool blocking)
{
    struct number batch[6] = { { 1 }, { 2 }, { 3 }, { 4 }, { 5 }, { 6 } };
    struct sink *sink = sink_held_new(w, 10);
    number_reader reader;
    number_record record = number_configure(w->builder, "stuck", AIMDB_SPMC_RING(16));
    aimdb_task *task = sink_attach(w, record, sink, blocking);
    world_build(w);
    CHECK_OK(number_subscribe(record, &reader));
    CHECK_OK(number_produce_n(record, batch, 6)); // a dispatcher may have taken more than one
    gate_wait(sink->calls, 1);
    CHECK_EQ(5, task_stats(task).pending);
    struct closer *closer = closer_start(w, deadline);
    wait_for_closed_buffers(&reader);
    helper_until_asleep(closer->helper); // now it waits for the call that is in progress
    CHECK_EQ(1, gate_count(sink->calls));
    sink_let_go(sink);
    closer_join(closer);
    report_is(&closer->report, 0, 5, true);
    CHECK_EQ(1, gate_count(sink->calls));
    CHECK_EQ(1, task_stats(task).received);
    CHECK_EQ(5, task_stats(task).pending);
    number_unsubscribe(&reader);
}

// proves X1 P4
static void
deadline_of_now_loses_what_is_still_in_the_buffers_and_says_so(void **state)
{
    deadline_passes(*state, aimdb_clock(), false);
}

// proves X1 D4
static void
deadline_passes_while_a_blocking_consumer_blocks(void **state)
{
    deadline_passes(*state, aimdb_clock(), true);
}

// proves X1
static void
deadline_in_the_future_passes_while_a_consumer_is_stuck(void **state)
{
    deadline_passes(*state, aimdb_clock() + AIMDB_MS(20), true);
}

// The workers are not ended with this database: nobody else waits for the call.
// proves X1 D6
static void
deadline_passes_while_another_database_keeps_the_workers(void **state)
{
    struct world *w = *state;
    aimdb_builder *b = aimdb_builder_new(w->executor);
    aimdb *neighbour = NULL;
    (void) number_configure(b, "neighbour", AIMDB_MAILBOX);
    CHECK_OK(aimdb_build(b, &neighbour));
    aimdb_builder_free(b);
    deadline_passes(w, aimdb_clock(), false);
    aimdb_free(neighbour);
}

// proves X1 P4
static void
deadline_of_now_loses_the_one_value_of_a_latest_and_of_a_mailbox(void **state)
{
    struct world *w = *state;
    struct sink *sinks[2] = { sink_held_new(w, 2), sink_held_new(w, 2) };
    number_record records[2];
    number_reader reader;
    records[0] = number_configure(w->builder, "latest", AIMDB_SINGLE_LATEST);
    records[1] = number_configure(w->builder, "mailbox", AIMDB_MAILBOX);
    for (size_t i = 0; i < 2; i++)
        sink_attach(w, records[i], sinks[i], true);
    world_build(w);
    CHECK_OK(number_subscribe(records[0], &reader));
    for (size_t i = 0; i < 2; i++) {
        push(records[i], 1);
        gate_wait(sinks[i]->calls, 1);
        push_range(records[i], 2, 6);
    }
    struct closer *closer = closer_start(w, aimdb_clock());
    wait_for_closed_buffers(&reader);
    helper_until_asleep(closer->helper); // now it waits for the calls that are in progress
    sink_let_go(sinks[0]);
    sink_let_go(sinks[1]);
    closer_join(closer);
    report_is(&closer->report, 0, 2, true);
    number_unsubscribe(&reader);
}

struct looper {
    number_record self;
    struct gate *calls;
    uint64_t emitted;
};

static aimdb_err
loop_for_ever(aimdb_ctx *ctx, const struct number *value)
{
    struct looper *looper = aimdb_user(ctx);
    gate_add(looper->calls, 1);
    looper->emitted += number_emit(ctx, looper->self, value) == AIMDB_OK;
    return AIMDB_OK;
}

// proves X1 E2
static void
cycle_that_never_ends_is_ended_by_the_deadline(void **state)
{
    struct world *w = *state;
    struct looper *looper = world_memory(w, sizeof *looper);
    aimdb_close_report report = { .size = sizeof report };
    looper->calls = gate_new(w);
    looper->self = number_configure(w->builder, "self", AIMDB_SPMC_RING(8));
    aimdb_task *task = number_add_consumer(w->builder, looper->self, loop_for_ever, looper);
    world_build(w);
    push(looper->self, 1);
    gate_wait(looper->calls, 100);
    CHECK_OK(aimdb_close(w->db, aimdb_clock() + AIMDB_MS(20), &report));
    CHECK(report.timed_out);
    CHECK_EQ(gate_count(looper->calls), task_stats(task).received);
    CHECK_EQ(looper->emitted + 1, record_stats(looper->self).produced);
    CHECK_EQ(record_stats(looper->self).produced, task_stats(task).received + report.lost);
}

// proves X1
static void
nothing_is_called_once_close_has_returned(void **state)
{
    struct world *w = *state;
    struct looper *looper = world_memory(w, sizeof *looper);
    looper->calls = gate_new(w);
    looper->self = number_configure(w->builder, "self", AIMDB_SINGLE_LATEST);
    CHECK(number_add_consumer(w->builder, looper->self, loop_for_ever, looper) != NULL);
    unsigned threads = contract_thread_count();
    world_build(w);
    push(looper->self, 1);
    gate_wait(looper->calls, 100);
    CHECK_OK(aimdb_close(w->db, 0, NULL));
    uint64_t calls = gate_count(looper->calls);
    EVENTUALLY(contract_thread_count() == threads); // nobody is left who could call
    CHECK_EQ(calls, gate_count(looper->calls));
}

// proves X1
static void
free_closes_first_with_a_deadline_of_now(void **state)
{
    struct world *w = *state;
    struct looper *looper = world_memory(w, sizeof *looper);
    struct sink *sink = sink_new(w, 1);
    looper->calls = gate_new(w);
    looper->self = number_configure(w->builder, "self", AIMDB_SPMC_RING(8));
    CHECK(number_add_consumer(w->builder, looper->self, loop_for_ever, looper) != NULL);
    sink_attach(w, looper->self, sink, true);
    world_build(w);
    push(looper->self, 1);
    gate_wait(looper->calls, 100);
    world_free_db(w);
    CHECK_EQ(0, w->ledger.live);
}

// Closing more than once, from anywhere --------------------------------------------------------

// proves X2
static void
second_close_gives_the_same_report(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_new(w, 1);
    number_record record = number_configure(w->builder, "twice", AIMDB_SPMC_RING(100));
    sink_attach(w, record, sink, false);
    world_build(w);
    push_range(record, 1, 100);
    aimdb_close_report first = world_close(w), second = untouched_report;
    CHECK_OK(aimdb_close(w->db, 0, &second));
    CHECK(reports_agree(&first, &second));
    CHECK_OK(aimdb_close(w->db, AIMDB_FOREVER, NULL));
    CHECK_EQ(100, gate_count(sink->calls));
}

// proves X2
static void
threads_that_close_at_the_same_time_get_the_same_report(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_held_new(w, 1);
    struct closer *closers[4];
    number_record record = number_configure(w->builder, "many", AIMDB_SPMC_RING(100));
    number_record probe = probe_new(w);
    sink_attach(w, record, sink, false);
    world_build(w);
    push_range(record, 1, 50);
    gate_wait(sink->calls, 1);
    for (size_t i = 0; i < 4; i++)
        closers[i] = closer_start(w, AIMDB_FOREVER);
    probe_until_closing(probe);
    sink_let_go(sink);
    for (size_t i = 0; i < 4; i++) {
        closer_join(closers[i]);
        report_is(&closers[i]->report, 49, 0, false);
    }
}

// proves X2 section 9
static void
close_fits_its_report_into_the_size_it_is_given(void **state)
{
    struct world *w = *state;
    aimdb_close_report report = untouched_report;
    world_build(w);
    report.size = offsetof(aimdb_close_report, lost);
    CHECK_OK(aimdb_close(w->db, AIMDB_FOREVER, &report));
    CHECK_EQ(0, report.delivered);
    CHECK_EQ(777, report.lost);
    CHECK(report.timed_out);
}

struct insider {
    struct world *w;
    struct gate *closed;
    number_record other;
    aimdb_close_report report;
    bool was_pending;
};

static void
close_from_inside(struct insider *insider)
{
    insider->report = untouched_report;
    aimdb_err err = aimdb_close(insider->w->db, AIMDB_FOREVER, &insider->report);
    CHECK_ERR(AIMDB_EPENDING, err);
    CHECK_EQ(777, insider->report.delivered);
    CHECK_EQ(777, insider->report.lost);
}

static aimdb_err
close_consumed(aimdb_ctx *ctx, const struct number *value)
{
    struct insider *insider = aimdb_user(ctx);
    close_from_inside(insider);
    CHECK_OK(number_emit(ctx, insider->other, value)); // from a callback it still goes through
    gate_add(insider->closed, 1);
    return AIMDB_OK;
}

static aimdb_err
close_produced(aimdb_ctx *ctx, struct number *value)
{
    struct insider *insider = aimdb_user(ctx);
    (void) value;
    close_from_inside(insider);
    gate_add(insider->closed, 1);
    return AIMDB_OK;
}

static aimdb_time
close_sourced(aimdb_ctx *ctx, number_record out)
{
    struct insider *insider = aimdb_user(ctx);
    (void) out;
    gate_wait(insider->closed, 1); // until the build has returned
    close_from_inside(insider);
    gate_add(insider->closed, 1);
    return AIMDB_FOREVER;
}

static struct insider *
insider_new(struct world *w)
{
    struct insider *insider = world_memory(w, sizeof *insider);
    insider->w = w;
    insider->closed = gate_new(w);
    return insider;
}

// proves X2 X1
static void
close_from_inside_a_consumer_only_begins(void **state)
{
    struct world *w = *state;
    struct insider *insider = insider_new(w);
    struct sink *sink = sink_new(w, 2);
    number_record record = number_configure(w->builder, "inside", AIMDB_SPMC_RING(4));
    insider->other = number_configure(w->builder, "other", AIMDB_SPMC_RING(4));
    CHECK(number_add_consumer(w->builder, record, close_consumed, insider) != NULL);
    sink_attach(w, insider->other, sink, false);
    world_build(w);
    push(record, 1);
    gate_wait(insider->closed, 1);
    CHECK_ERR(AIMDB_ECLOSED, number_produce(record, &(struct number){ 2 }));
    aimdb_close_report report = world_close(w); // the close from outside completes it
    CHECK_EQ(0, report.lost);
    CHECK_EQ(1, gate_count(sink->calls));
    CHECK_EQ(1, sink->values[0]);
}

// proves X2 D4
static void
close_from_inside_a_blocking_consumer_only_begins(void **state)
{
    struct world *w = *state;
    struct insider *insider = insider_new(w);
    number_record record = number_configure(w->builder, "inside", AIMDB_SPMC_RING(4));
    insider->other = number_configure(w->builder, "other", AIMDB_SPMC_RING(4));
    CHECK(number_add_consumer_with(w->builder, record, close_consumed, insider,
                                   &(aimdb_consumer_options){ .blocking = true }) != NULL);
    world_build(w);
    push(record, 1);
    gate_wait(insider->closed, 1);
    world_close(w);
    CHECK_EQ(1, record_stats(insider->other).produced);
}

// proves X2
static void
close_from_inside_a_producer_function_only_begins(void **state)
{
    struct world *w = *state;
    struct insider *insider = insider_new(w);
    number_record record = number_configure(w->builder, "inside", AIMDB_SPMC_RING(4));
    number_set_producer(w->builder, record, close_produced, insider);
    world_build(w);
    aimdb_err err = number_produce(record, &(struct number){ 1 });
    CHECK_EQ(1, gate_count(insider->closed));
    CHECK_EQ(err == AIMDB_OK, record_stats(record).produced);
    CHECK_ERR(AIMDB_ECLOSED, number_produce(record, &(struct number){ 2 }));
    world_close(w);
}

// proves X2
static void
close_from_inside_a_source_only_begins(void **state)
{
    struct world *w = *state;
    struct insider *insider = insider_new(w);
    number_record record = number_configure(w->builder, "inside", AIMDB_SPMC_RING(4));
    CHECK(number_add_source(w->builder, record, close_sourced, insider) != NULL);
    world_build(w);
    gate_add(insider->closed, 1);
    gate_wait(insider->closed, 2);
    CHECK_ERR(AIMDB_ECLOSED, number_produce(record, &(struct number){ 2 }));
    world_close(w);
}

// proves X2 X1
static void
free_completes_a_close_that_began_inside(void **state)
{
    struct world *w = *state;
    struct insider *insider = insider_new(w);
    number_record record = number_configure(w->builder, "inside", AIMDB_SPMC_RING(4));
    insider->other = number_configure(w->builder, "other", AIMDB_SPMC_RING(4));
    CHECK(number_add_consumer(w->builder, record, close_consumed, insider) != NULL);
    world_build(w);
    push(record, 1);
    gate_wait(insider->closed, 1);
    world_free_db(w);
    CHECK_EQ(0, w->ledger.live);
}

// proves X2 X4
static void
run_returns_when_a_consumer_closes(void **state)
{
    struct world *w = *state;
    struct insider *insider = insider_new(w);
    number_record record = number_configure(w->builder, "inside", AIMDB_SPMC_RING(4));
    insider->other = number_configure(w->builder, "other", AIMDB_SPMC_RING(4));
    CHECK(number_add_consumer(w->builder, record, close_consumed, insider) != NULL);
    world_build(w);
    push(record, 1);
    aimdb_err err = aimdb_run(w->db);
    CHECK(err == AIMDB_OK || err == AIMDB_ECLOSED);
    world_close(w);
    CHECK_ERR(AIMDB_ECLOSED, aimdb_run(w->db));
}

// Closing under fire ---------------------------------------------------------------------------

#define HAMMERS 4u

struct hammer {
    number_record record;
    struct gate *going;
    uint64_t accepted;
};

static void
hammer_until_closed(void *arg)
{
    struct hammer *hammer = arg;
    aimdb_err err;
    while ((err = number_produce(hammer->record, &(struct number){ 1 })) == AIMDB_OK)
        if (++hammer->accepted == 1000)
            gate_add(hammer->going, 1);
    CHECK_ERR(AIMDB_ECLOSED, err);
}

static void
hammered_account_is_exact(struct world *w, aimdb_buffer_cfg cfg, aimdb_time patience)
{
    struct hammer *hammers[HAMMERS];
    struct helper *helpers[HAMMERS];
    struct sink *sink = sink_new(w, 0);
    aimdb_close_report report = { .size = sizeof report };
    struct gate *going = gate_new(w);
    number_record record = number_configure(w->builder, "fire", cfg);
    aimdb_task *task = sink_attach(w, record, sink, false);
    uint64_t accepted = 0;
    world_build(w);
    for (size_t i = 0; i < HAMMERS; i++) {
        hammers[i] = world_memory(w, sizeof *hammers[i]);
        *hammers[i] = (struct hammer){ .record = record, .going = going };
        helpers[i] = helper_start(w, hammer_until_closed, hammers[i]);
    }
    gate_wait(going, HAMMERS);
    CHECK_OK(aimdb_close(w->db, patience == 0 ? 0 : AIMDB_FOREVER, &report));
    for (size_t i = 0; i < HAMMERS; i++) {
        helper_join(helpers[i]);
        accepted += hammers[i]->accepted;
    }
    aimdb_task_stats stats = task_stats(task);
    CHECK_EQ(accepted, record_stats(record).produced);
    CHECK_EQ(accepted, stats.received + stats.missed + stats.skipped +
                           record_stats(record).overwritten + report.lost);
    CHECK_EQ(report.lost, stats.pending);
    CHECK_EQ(gate_count(sink->calls), stats.received);
    CHECK(sink->missed <= stats.missed); // a lag before no value is told to nobody
    CHECK(report.lost > 0 || sink->missed == stats.missed);
    CHECK(report.timed_out || report.lost == 0);
    CHECK(report.delivered <= stats.received);
}

// proves X1 X2 P4
static void
account_of_a_ring_is_exact_when_four_threads_produce_during_close(void **state)
{
    hammered_account_is_exact(*state, AIMDB_SPMC_RING(64), 1);
}

// proves X1 X2 P4
static void
account_of_a_ring_is_exact_when_the_deadline_is_now(void **state)
{
    hammered_account_is_exact(*state, AIMDB_SPMC_RING(64), 0);
}

// proves X1 X2 P4
static void
account_of_a_mailbox_is_exact_when_four_threads_produce_during_close(void **state)
{
    hammered_account_is_exact(*state, AIMDB_MAILBOX, 1);
}

// proves X1 X2 P4
static void
account_of_a_latest_is_exact_when_four_threads_produce_during_close(void **state)
{
    hammered_account_is_exact(*state, AIMDB_SINGLE_LATEST, 1);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(database_without_anything_closes),
        CONTRACT_TEST(closing_drains_and_reports_what_was_delivered_since),
        CONTRACT_TEST(latest_and_mailbox_are_drained_as_well),
        CONTRACT_TEST(pipeline_empties_front_to_back),
        CONTRACT_TEST(closing_waits_for_what_a_call_in_progress_emits),
        CONTRACT_TEST(values_from_outside_are_refused_once_closing_began),
        CONTRACT_TEST(value_held_by_its_producer_function_over_the_close_is_refused),
        CONTRACT_TEST(deadline_of_now_loses_what_is_still_in_the_buffers_and_says_so),
        CONTRACT_TEST(deadline_passes_while_a_blocking_consumer_blocks),
        CONTRACT_TEST(deadline_in_the_future_passes_while_a_consumer_is_stuck),
        CONTRACT_TEST(deadline_passes_while_another_database_keeps_the_workers),
        CONTRACT_TEST(deadline_of_now_loses_the_one_value_of_a_latest_and_of_a_mailbox),
        CONTRACT_TEST(cycle_that_never_ends_is_ended_by_the_deadline),
        CONTRACT_TEST(nothing_is_called_once_close_has_returned),
        CONTRACT_TEST(free_closes_first_with_a_deadline_of_now),
        CONTRACT_TEST(second_close_gives_the_same_report),
        CONTRACT_TEST(threads_that_close_at_the_same_time_get_the_same_report),
        CONTRACT_TEST(close_fits_its_report_into_the_size_it_is_given),
        CONTRACT_TEST(close_from_inside_a_consumer_only_begins),
        CONTRACT_TEST(close_from_inside_a_blocking_consumer_only_begins),
        CONTRACT_TEST(close_from_inside_a_producer_function_only_begins),
        CONTRACT_TEST(close_from_inside_a_source_only_begins),
        CONTRACT_TEST(free_completes_a_close_that_began_inside),
        CONTRACT_TEST(run_returns_when_a_consumer_closes),
        CONTRACT_TEST(account_of_a_ring_is_exact_when_four_threads_produce_during_close),
        CONTRACT_TEST(account_of_a_ring_is_exact_when_the_deadline_is_now),
        CONTRACT_TEST(account_of_a_mailbox_is_exact_when_four_threads_produce_during_close),
        CONTRACT_TEST(account_of_a_latest_is_exact_when_four_threads_produce_during_close),
    };
    return CONTRACT_RUN(tests, argc, argv);
}
