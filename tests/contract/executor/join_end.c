// SPDX-License-Identifier: Apache-2.0
// The end of joins: draining all records, what is lost, and a writer that stands still.
#include "joint.h"
#include "trap.h"

// proves D8 X1
static void
close_drains_all_records(void **state)
{
    struct world *w = *state;
    struct joint *joint = joint_new(w, 400, true);
    struct scene *scene = scene_new(w, 3, AIMDB_SPMC_RING(100), joint, false);
    number_record probe = probe_new(w);
    world_build(w);
    push(scene->records[0], 0);
    gate_wait(joint->calls, 1);
    for (size_t i = 0; i < 3; i++)
        push_range(scene->records[i], 1, 100 - (i == 0));
    struct closer *closer = closer_start(w, AIMDB_FOREVER);
    probe_until_closing(probe);
    joint_let_go(joint);
    closer_join(closer);
    CHECK(!closer->report.timed_out);
    CHECK_EQ(299, closer->report.delivered);
    CHECK_EQ(0, closer->report.lost);
    CHECK_EQ(300, joint->count);
}

// proves D8 X1
static void
what_a_join_did_not_get_is_counted_as_lost_for_each_record(void **state)
{
    struct world *w = *state;
    struct joint *joint = joint_new(w, 400, true);
    struct scene *scene = scene_new(w, 3, AIMDB_SPMC_RING(100), joint, false);
    number_reader reader;
    struct number out;
    world_build(w);
    CHECK_OK(number_subscribe(scene->records[1], &reader));
    push(scene->records[0], 0);
    gate_wait(joint->calls, 1);
    push_range(scene->records[0], 1, 3);
    push_range(scene->records[2], 1, 5);
    struct closer *closer = closer_start(w, 0);
    EVENTUALLY(number_try_recv(&reader, &out) == AIMDB_ECLOSED); // the deadline has passed
    helper_until_asleep(closer->helper); // now it waits for the call that is in progress
    joint_let_go(joint);
    closer_join(closer);
    CHECK(closer->report.timed_out);
    CHECK_EQ(0, closer->report.delivered);
    CHECK_EQ(8, closer->report.lost);
    CHECK_EQ(3, input_stats(scene, 0).pending);
    CHECK_EQ(5, input_stats(scene, 2).pending);
    number_unsubscribe(&reader);
}

static aimdb_err
pass_on(aimdb_ctx *ctx, const struct number *value)
{
    return number_emit(ctx, *(number_record *) aimdb_user(ctx), value);
}

struct chain {
    number_record last;
    struct gate *calls;
};

static aimdb_err
join_and_pass_on(aimdb_ctx *ctx, size_t index, const void *value)
{
    struct chain *chain = aimdb_user(ctx);
    (void) index;
    gate_add(chain->calls, 1);
    return number_emit(ctx, chain->last, value);
}

// proves D8 X1 E1
static void
pipeline_through_a_join_empties_front_to_back(void **state)
{
    enum { EACH = 500 };
    struct world *w = *state;
    struct chain *chain = world_memory(w, sizeof *chain);
    number_record *middle = world_memory(w, sizeof *middle);
    struct sink *sink = sink_new(w, 2 * EACH);
    number_record front = number_configure(w->builder, "front", AIMDB_SPMC_RING(EACH));
    number_record side = number_configure(w->builder, "side", AIMDB_SPMC_RING(EACH));
    *middle = number_configure(w->builder, "middle", AIMDB_SPMC_RING(EACH));
    chain->last = number_configure(w->builder, "last", AIMDB_SPMC_RING(2 * EACH));
    chain->calls = gate_new(w);
    CHECK(number_add_consumer(w->builder, front, pass_on, middle) != NULL);
    CHECK(aimdb_add_join(w->builder, (aimdb_record *[]){ side.raw, middle->raw }, 2,
                         join_and_pass_on, chain) != NULL);
    sink_attach(w, chain->last, sink, false);
    world_build(w);
    for (uint64_t n = 1; n <= EACH; n++) {
        push(front, n);
        push(side, n);
    }
    aimdb_close_report report = world_close(w);
    CHECK_EQ(0, report.lost);
    CHECK_EQ(2 * EACH, gate_count(chain->calls));
    CHECK_EQ(2 * EACH, gate_count(sink->calls));
}

// proves D8 X1 X2
static void
join_leaves_although_some_records_never_had_a_value(void **state)
{
    struct world *w = *state;
    struct scene *scene = scene_new(w, 3, AIMDB_SPMC_RING(4), joint_new(w, 4, false), false);
    world_build(w);
    push(scene->records[1], 1);
    gate_wait(scene->joint->calls, 1);
    aimdb_close_report report = world_close(w);
    CHECK(!report.timed_out);
    CHECK_EQ(0, report.lost);
}

static aimdb_err
count_call(aimdb_ctx *ctx, size_t index, const void *value)
{
    (void) index;
    (void) value;
    atomic_fetch_add((_Atomic uint64_t *) aimdb_user(ctx), 1);
    return AIMDB_OK;
}

#define WORDS 1024u

struct large {
    uint64_t words[WORDS];
};
AIMDB_RECORD_TYPE(large, struct large);

struct stopped {
    large_record record;
    struct large *in; // in the trap
};

static void
push_and_be_stopped(void *arg)
{
    struct stopped *stopped = arg;
    CHECK_OK(large_produce(stopped->record, stopped->in));
}

// A record has ended, a push into the other one is in flight: the join waits for it, asleep, and gets
// the value.
// proves D8 X1 P3 D5
static void
join_waits_for_a_writer_that_is_stopped_in_mid_push(void **state)
{
    struct world *w = *state;
    struct stop *stop = stop_new(w);
    struct trap *trap = trap_new(w, sizeof(struct large), stop_here, stop);
    struct stopped *stopped = world_memory(w, sizeof *stopped);
    number_record ended = number_configure(w->builder, "ended", AIMDB_SPMC_RING(4));
    number_record probe = probe_new(w);
    _Atomic uint64_t *calls = world_memory(w, sizeof *calls);
    stopped->record = large_configure(w->builder, "stopped", AIMDB_SPMC_RING(4));
    stopped->in = trap_memory(trap);
    aimdb_task *task = aimdb_add_join(
        w->builder, (aimdb_record *[]){ ended.raw, stopped->record.raw }, 2, count_call, calls);
    world_build(w);
    trap_close(trap, sizeof(struct large) / 2);
    struct helper *writer = helper_start(w, push_and_be_stopped, stopped);
    gate_wait(stop->stopped, 1);
    struct closer *closer = closer_start(w, AIMDB_FOREVER);
    probe_until_closing(probe);
    for (int i = 0; i < 20; i++) {
        EVENTUALLY(contract_others_asleep());
        CHECK_EQ(0, task_stats(task).received);
    }
    gate_add(stop->resume, 1);
    helper_join(writer);
    closer_join(closer);
    CHECK_EQ(1, atomic_load(calls));
    CHECK_EQ(1, closer->report.delivered);
    CHECK_EQ(0, closer->report.lost);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(close_drains_all_records),
        CONTRACT_TEST(what_a_join_did_not_get_is_counted_as_lost_for_each_record),
        CONTRACT_TEST(pipeline_through_a_join_empties_front_to_back),
        CONTRACT_TEST(join_leaves_although_some_records_never_had_a_value),
        CONTRACT_TEST(join_waits_for_a_writer_that_is_stopped_in_mid_push),
    };
    return CONTRACT_RUN(tests, argc, argv);
}
