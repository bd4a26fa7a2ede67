// SPDX-License-Identifier: Apache-2.0
// Emission: from everywhere to everywhere, cycles, the depth of producer functions, the graph.
#include "contract.h"

#include <stdio.h>

// E1 -------------------------------------------------------------------------------------------

struct forward {
    number_record to;
    struct gate *calls;
    aimdb_err err; // of the last emission
};

static struct forward *
forward_new(struct world *w, number_record to)
{
    struct forward *forward = world_memory(w, sizeof *forward);
    forward->to = to;
    forward->calls = gate_new(w);
    return forward;
}

static aimdb_err
forward_consumed(aimdb_ctx *ctx, const struct number *value)
{
    struct forward *forward = aimdb_user(ctx);
    aimdb_err err = number_emit(ctx, forward->to, &(struct number){ value->n + 1 });
    gate_add(forward->calls, 1);
    return err;
}

static aimdb_err
forward_produced(aimdb_ctx *ctx, struct number *value)
{
    struct forward *forward = aimdb_user(ctx);
    forward->err = number_emit(ctx, forward->to, &(struct number){ value->n + 1 });
    return AIMDB_OK;
}

static aimdb_time
forward_sourced(aimdb_ctx *ctx, number_record out)
{
    struct forward *forward = aimdb_user(ctx);
    CHECK_OK(number_emit(ctx, out, &(struct number){ 10 }));
    CHECK_OK(number_emit(ctx, forward->to, &(struct number){ 20 }));
    gate_add(forward->calls, 1);
    return AIMDB_FOREVER;
}

// proves E1
static void
consumer_emits_to_another_record(void **state)
{
    struct world *w = *state;
    number_record a = number_configure(w->builder, "a", AIMDB_SPMC_RING(64));
    number_record b = number_configure(w->builder, "b", AIMDB_SPMC_RING(64));
    struct sink *sink = sink_new(w, 64);
    struct forward *forward = forward_new(w, b);
    aimdb_task *task = number_add_consumer(w->builder, a, forward_consumed, forward);
    sink_attach(w, b, sink, false);
    world_build(w);
    push_range(a, 1, 50);
    gate_wait(sink->calls, 50);
    for (uint64_t i = 0; i < 50; i++)
        CHECK_EQ(i + 2, sink->values[i]);
    world_close(w);
    CHECK_EQ(0, task_stats(task).errors);
}

// proves E1
static void
producer_function_emits_to_another_record(void **state)
{
    struct world *w = *state;
    number_record a = number_configure(w->builder, "a", AIMDB_SPMC_RING(64));
    number_record b = number_configure(w->builder, "b", AIMDB_MAILBOX);
    struct forward *forward = forward_new(w, b);
    struct number out = { 0 };
    number_set_producer(w->builder, a, forward_produced, forward);
    world_build(w);
    push(a, 1);
    CHECK_OK(forward->err);
    CHECK_OK(number_peek(b, &out)); // in its buffer when produce returns
    CHECK_EQ(2, out.n);
}

// proves E1
static void
source_emits_to_its_own_and_to_another_record(void **state)
{
    struct world *w = *state;
    number_record a = number_configure(w->builder, "a", AIMDB_SINGLE_LATEST);
    number_record b = number_configure(w->builder, "b", AIMDB_SINGLE_LATEST);
    struct forward *forward = forward_new(w, b);
    struct number out = { 0 };
    CHECK(number_add_source(w->builder, a, forward_sourced, forward) != NULL);
    world_build(w);
    gate_wait(forward->calls, 1);
    CHECK_OK(number_peek(a, &out));
    CHECK_EQ(10, out.n);
    CHECK_OK(number_peek(b, &out));
    CHECK_EQ(20, out.n);
}

static aimdb_err
refuse_or_triple(aimdb_ctx *ctx, struct number *value)
{
    (void) ctx;
    if (value->n > 100)
        return AIMDB_EBUSY;
    value->n *= 3;
    return AIMDB_OK;
}

// proves E1 P2 D3
static void
emission_runs_the_producer_function_and_returns_its_error(void **state)
{
    struct world *w = *state;
    number_record a = number_configure(w->builder, "a", AIMDB_SPMC_RING(64));
    number_record b = number_configure(w->builder, "b", AIMDB_SPMC_RING(64));
    struct forward *forward = forward_new(w, b);
    struct sink *sink = sink_new(w, 4);
    aimdb_task *task = number_add_consumer(w->builder, a, forward_consumed, forward);
    number_set_producer(w->builder, b, refuse_or_triple, NULL);
    sink_attach(w, b, sink, false);
    world_build(w);
    push(a, 4);
    push(a, 100);
    push(a, 6);
    gate_wait(sink->calls, 2);
    gate_wait(forward->calls, 3);
    world_close(w);
    CHECK_EQ(15, sink->values[0]);
    CHECK_EQ(21, sink->values[1]);
    CHECK_EQ(1, record_stats(b).refused);
    CHECK_EQ(1, task_stats(task).errors); // what the emission gave back
}

// proves E1 P1
static void
emission_never_waits_for_a_stuck_consumer(void **state)
{
    struct world *w = *state;
    number_record a = number_configure(w->builder, "a", AIMDB_SPMC_RING(1000));
    number_record b = number_configure(w->builder, "b", AIMDB_SPMC_RING(4));
    struct forward *forward = forward_new(w, b);
    struct sink *stuck = sink_held_new(w, 1);
    CHECK(number_add_consumer(w->builder, a, forward_consumed, forward) != NULL);
    sink_attach(w, b, stuck, true);
    world_build(w);
    push_range(a, 1, 1000);
    gate_wait(forward->calls, 1000);
    CHECK_EQ(1000, record_stats(b).produced);
    CHECK(gate_count(stuck->calls) <= 1);
    sink_let_go(stuck);
}

static void
close_another(void *other)
{
    CHECK_OK(aimdb_close(other, AIMDB_FOREVER, NULL));
}

// To the other one it comes from outside, and is refused as soon as it begins to close.
// proves E1 X1
static void
emission_reaches_another_database_until_that_one_closes(void **state)
{
    struct world *w = *state;
    aimdb_builder *b = aimdb_builder_new(w->executor);
    aimdb *other = NULL;
    struct sink *held = sink_held_new(w, 4);
    number_record a = number_configure(w->builder, "a", AIMDB_SPMC_RING(4));
    number_record b_record = number_configure(b, "b", AIMDB_SPMC_RING(4));
    number_record probe = number_configure(b, "probe", AIMDB_SINGLE_LATEST);
    struct forward *forward = forward_new(w, b_record);
    aimdb_task *task = number_add_consumer(w->builder, a, forward_consumed, forward);
    CHECK(number_add_consumer_with(b, b_record, sink_call, held,
                                   &(aimdb_consumer_options){ .blocking = true }) != NULL);
    CHECK_OK(aimdb_build(b, &other));
    aimdb_builder_free(b);
    world_build(w);
    push(a, 1);
    gate_wait(held->calls, 1);
    CHECK_EQ(2, held->values[0]);
    struct helper *closer = helper_start(w, close_another, other);
    EVENTUALLY(number_produce(probe, &(struct number){ 1 }) == AIMDB_ECLOSED);
    push(a, 5); // while the other one drains
    gate_wait(forward->calls, 2);
    sink_let_go(held);
    helper_join(closer);
    push(a, 7); // and after that
    gate_wait(forward->calls, 3);
    world_close(w);
    CHECK_EQ(2, task_stats(task).errors);
    CHECK_EQ(1, record_stats(b_record).produced);
    aimdb_free(other);
}

// E2: cycles -----------------------------------------------------------------------------------

struct bounce {
    number_record to;
    struct gate *end;
    uint64_t calls;
};

static aimdb_err
bounce_back(aimdb_ctx *ctx, const struct number *value)
{
    struct bounce *bounce = aimdb_user(ctx);
    bounce->calls++;
    if (value->n == 0) {
        gate_add(bounce->end, 1);
        return AIMDB_OK;
    }
    return number_emit(ctx, bounce->to, &(struct number){ value->n - 1 });
}

static void
cycle_comes_to_its_end(struct world *w, aimdb_buffer_cfg cfg, bool blocking)
{
    const aimdb_consumer_options options = { .blocking = blocking };
    number_record a = number_configure(w->builder, "a", cfg);
    number_record b = number_configure(w->builder, "b", cfg);
    struct bounce *from_a = world_memory(w, sizeof *from_a);
    struct bounce *from_b = world_memory(w, sizeof *from_b);
    *from_a = (struct bounce){ .to = b, .end = gate_new(w) };
    *from_b = (struct bounce){ .to = a, .end = from_a->end };
    aimdb_task *task = number_add_consumer_with(w->builder, a, bounce_back, from_a, &options);
    (void) number_add_consumer_with(w->builder, b, bounce_back, from_b, &options);
    world_build(w);
    push(a, 100000); // a stack frame for each would be too many
    gate_wait(from_a->end, 1);
    world_close(w);
    CHECK_EQ(100001, from_a->calls + from_b->calls);
    CHECK_EQ(0, task_stats(task).errors);
}

// proves E2
static void
cycle_through_rings_ends(void **state)
{
    cycle_comes_to_its_end(*state, AIMDB_SPMC_RING(1), false);
}

// proves E2
static void
cycle_through_latests_ends(void **state)
{
    cycle_comes_to_its_end(*state, AIMDB_SINGLE_LATEST, false);
}

// proves E2
static void
cycle_through_mailboxes_ends(void **state)
{
    cycle_comes_to_its_end(*state, AIMDB_MAILBOX, false);
}

// proves E2 D4
static void
cycle_of_blocking_consumers_ends(void **state)
{
    cycle_comes_to_its_end(*state, AIMDB_SPMC_RING(1), true);
}

// proves E2
static void
consumer_may_emit_to_its_own_record(void **state)
{
    struct world *w = *state;
    const aimdb_buffer_cfg cfgs[] = { AIMDB_SPMC_RING(1), AIMDB_SINGLE_LATEST, AIMDB_MAILBOX };
    static const char *const keys[] = { "ring", "latest", "mailbox" };
    struct bounce *bounces[3];
    for (size_t i = 0; i < 3; i++) {
        bounces[i] = world_memory(w, sizeof *bounces[i]);
        bounces[i]->to = number_configure(w->builder, keys[i], cfgs[i]);
        bounces[i]->end = gate_new(w);
        CHECK(number_add_consumer(w->builder, bounces[i]->to, bounce_back, bounces[i]) != NULL);
    }
    world_build(w);
    for (size_t i = 0; i < 3; i++)
        push(bounces[i]->to, 5000);
    for (size_t i = 0; i < 3; i++)
        gate_wait(bounces[i]->end, 1);
    world_close(w);
    for (size_t i = 0; i < 3; i++)
        CHECK_EQ(5001, bounces[i]->calls);
}

// E2: depth ------------------------------------------------------------------------------------

struct nest {
    number_record to; // where the function emits; .raw NULL: nowhere
    uint64_t calls;
    uint64_t loops;  // emissions that came back with AIMDB_ELOOP
    uint64_t passed; // that went through
};

static aimdb_err
nest_deeper(aimdb_ctx *ctx, struct number *value)
{
    struct nest *nest = aimdb_user(ctx);
    nest->calls++;
    if (nest->to.raw == NULL)
        return AIMDB_OK;
    aimdb_err err = number_emit(ctx, nest->to, value);
    CHECK(err == AIMDB_OK || err == AIMDB_ELOOP);
    nest->loops += err == AIMDB_ELOOP;
    nest->passed += err == AIMDB_OK;
    return AIMDB_OK;
}

// proves E2
static void
function_that_emits_to_its_own_record_stops_at_depth_8(void **state)
{
    struct world *w = *state;
    struct nest *nest = world_memory(w, sizeof *nest);
    nest->to = number_configure(w->builder, "self", AIMDB_SPMC_RING(64));
    number_set_producer(w->builder, nest->to, nest_deeper, nest);
    world_build(w);
    for (uint64_t round = 1; round <= 3; round++) { // the depth is that of one produce
        push(nest->to, round);
        CHECK_EQ(8 * round, nest->calls);
        CHECK_EQ(round, nest->loops);
        CHECK_EQ(7 * round, nest->passed);
        CHECK_EQ(8 * round, record_stats(nest->to).produced);
    }
}

#define CHAIN 12u

static void
chain_build(struct world *w, number_record *records, struct nest **nests, size_t length)
{
    for (size_t i = length; i-- > 0;) {
        char key[32];
        snprintf(key, sizeof key, "chain.%zu", i);
        nests[i] = world_memory(w, sizeof *nests[i]);
        records[i] = number_configure(w->builder, key, AIMDB_SPMC_RING(4));
        nests[i]->to.raw = i + 1 < length ? records[i + 1].raw : NULL;
        number_set_producer(w->builder, records[i], nest_deeper, nests[i]);
    }
    world_build(w);
}

// proves E2
static void
chain_of_8_functions_goes_through(void **state)
{
    number_record records[8];
    struct nest *nests[8];
    chain_build(*state, records, nests, 8);
    push(records[0], 1);
    for (size_t i = 0; i < 8; i++) {
        CHECK_EQ(1, nests[i]->calls);
        CHECK_EQ(0, nests[i]->loops);
        CHECK_EQ(1, record_stats(records[i]).produced);
    }
}

// proves E2
static void
ninth_function_of_a_chain_is_not_called(void **state)
{
    number_record records[CHAIN];
    struct nest *nests[CHAIN];
    chain_build(*state, records, nests, CHAIN);
    push(records[0], 1);
    for (size_t i = 0; i < CHAIN; i++) {
        CHECK_EQ(i < 8, nests[i]->calls);
        CHECK_EQ(i == 7, nests[i]->loops);
        CHECK_EQ(i < 8, record_stats(records[i]).produced);
    }
    push(records[CHAIN - 8], 1); // from further in, the rest is within the depth
    CHECK_EQ(1, record_stats(records[CHAIN - 1]).produced);
}

struct starter {
    number_record to;
    struct gate *calls;
};

static aimdb_err
start_chain(aimdb_ctx *ctx, const struct number *value)
{
    struct starter *starter = aimdb_user(ctx);
    aimdb_err err = number_emit(ctx, starter->to, value);
    gate_add(starter->calls, 1);
    return err;
}

// proves E2 E1
static void
depth_begins_anew_behind_a_buffer(void **state)
{
    struct world *w = *state;
    number_record records[8], trigger;
    struct nest *nests[8];
    struct starter *starter = world_memory(w, sizeof *starter);
    trigger = number_configure(w->builder, "trigger", AIMDB_SPMC_RING(4));
    starter->calls = gate_new(w);
    CHECK(number_add_consumer(w->builder, trigger, start_chain, starter) != NULL);
    chain_build(w, records, nests, 8);
    starter->to = records[0];
    for (uint64_t n = 1; n <= 20; n++) { // each time, whichever worker it is
        push(trigger, n);
        gate_wait(starter->calls, n);
        CHECK_EQ(n, nests[7]->calls);
    }
    CHECK_EQ(0, nests[0]->loops + nests[6]->loops);
}

static aimdb_err
give_loop_back(aimdb_ctx *ctx, struct number *value)
{
    struct nest *nest = aimdb_user(ctx);
    nest->calls++;
    return number_emit(ctx, nest->to, value);
}

// proves E2 P2
static void
loop_error_reaches_the_first_produce_if_every_function_passes_it_on(void **state)
{
    struct world *w = *state;
    struct nest *a = world_memory(w, sizeof *a), *b = world_memory(w, sizeof *b);
    a->to = number_configure(w->builder, "a", AIMDB_SPMC_RING(4));
    b->to = number_configure(w->builder, "b", AIMDB_SPMC_RING(4));
    number_set_producer(w->builder, a->to, give_loop_back, b);
    number_set_producer(w->builder, b->to, give_loop_back, a);
    world_build(w);
    CHECK_ERR(AIMDB_ELOOP, number_produce(a->to, &(struct number){ 1 }));
    CHECK_EQ(8, a->calls + b->calls);
    CHECK_EQ(0, record_stats(a->to).produced + record_stats(b->to).produced);
    CHECK_EQ(4, record_stats(a->to).refused);
    CHECK_EQ(4, record_stats(b->to).refused);
}

// E3 -------------------------------------------------------------------------------------------

static const aimdb_edge *
edge_find(const aimdb_edge *edges, size_t count, const aimdb_task *task, number_record to)
{
    const aimdb_edge *found = NULL;
    for (size_t i = 0; i < count; i++)
        if (edges[i].task == task && edges[i].to == to.raw) {
            CHECK(found == NULL); // each arrow once
            found = &edges[i];
        }
    return found;
}

static void
edge_is(struct world *w, aimdb_task *task, number_record from, number_record to, bool is_declared,
        bool is_seen)
{
    aimdb_edge edges[16];
    size_t count = aimdb_edges(w->db, edges, 16);
    CHECK(count <= 16);
    const aimdb_edge *edge = edge_find(edges, count, task, to);
    CHECK(edge != NULL);
    CHECK(edge->from == from.raw);
    CHECK_EQ(is_declared, edge->is_declared);
    CHECK_EQ(is_seen, edge->is_seen);
}

// proves E3
static void
declared_edge_is_shown_before_and_after_it_is_seen(void **state)
{
    struct world *w = *state;
    number_record a = number_configure(w->builder, "a", AIMDB_SPMC_RING(4));
    number_record b = number_configure(w->builder, "b", AIMDB_SPMC_RING(4));
    struct forward *forward = forward_new(w, b);
    aimdb_task *task = number_add_consumer(w->builder, a, forward_consumed, forward);
    number_emitted_by(w->builder, b, task);
    world_build(w);
    CHECK_EQ(1, aimdb_edges(w->db, NULL, 0));
    edge_is(w, task, a, b, true, false);
    push(a, 1);
    gate_wait(forward->calls, 1);
    edge_is(w, task, a, b, true, true);
    CHECK_EQ(1, aimdb_edges(w->db, NULL, 0));
}

// proves E3
static void
edges_are_seen_without_being_declared(void **state)
{
    struct world *w = *state;
    number_record a = number_configure(w->builder, "a", AIMDB_SPMC_RING(4));
    number_record b = number_configure(w->builder, "b", AIMDB_SPMC_RING(4));
    number_record c = number_configure(w->builder, "c", AIMDB_SPMC_RING(4));
    struct forward *consumer = forward_new(w, b), *source = forward_new(w, c);
    struct forward *function = forward_new(w, c);
    aimdb_task *task = number_add_consumer(w->builder, a, forward_consumed, consumer);
    aimdb_task *step = number_add_source(w->builder, a, forward_sourced, source);
    number_set_producer(w->builder, b, forward_produced, function);
    world_build(w);
    gate_wait(source->calls, 1);
    gate_wait(consumer->calls, 1); // of what the source emitted
    edge_is(w, task, a, b, false, true);
    edge_is(w, step, a, c, false, true);
    edge_is(w, NULL, b, c, false, true); // of a producer function
    push_range(a, 1, 3);
    gate_wait(consumer->calls, 4);
    size_t before = aimdb_edges(w->db, NULL, 0);
    push(a, 4);
    gate_wait(consumer->calls, 5);
    CHECK_EQ(before, aimdb_edges(w->db, NULL, 0));
}

// proves E3
static void
no_more_edges_are_written_than_there_is_room_for(void **state)
{
    struct world *w = *state;
    number_record a = number_configure(w->builder, "a", AIMDB_SPMC_RING(4));
    number_record b = number_configure(w->builder, "b", AIMDB_SPMC_RING(4));
    aimdb_task *task = sink_attach(w, a, sink_new(w, 1), false);
    aimdb_edge edges[2];
    number_emitted_by(w->builder, a, task);
    number_emitted_by(w->builder, b, task);
    world_build(w);
    memset(edges, 0x11, sizeof edges);
    aimdb_edge before = edges[1];
    CHECK_EQ(2, aimdb_edges(w->db, edges, 1));
    CHECK(edges[0].task == task && edges[0].is_declared);
    CHECK(memcmp(&before, &edges[1], sizeof before) == 0);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(consumer_emits_to_another_record),
        CONTRACT_TEST(producer_function_emits_to_another_record),
        CONTRACT_TEST(source_emits_to_its_own_and_to_another_record),
        CONTRACT_TEST(emission_runs_the_producer_function_and_returns_its_error),
        CONTRACT_TEST(emission_never_waits_for_a_stuck_consumer),
        CONTRACT_TEST(emission_reaches_another_database_until_that_one_closes),
        CONTRACT_TEST(cycle_through_rings_ends),
        CONTRACT_TEST(cycle_through_latests_ends),
        CONTRACT_TEST(cycle_through_mailboxes_ends),
        CONTRACT_TEST(cycle_of_blocking_consumers_ends),
        CONTRACT_TEST(consumer_may_emit_to_its_own_record),
        CONTRACT_TEST(function_that_emits_to_its_own_record_stops_at_depth_8),
        CONTRACT_TEST(chain_of_8_functions_goes_through),
        CONTRACT_TEST(ninth_function_of_a_chain_is_not_called),
        CONTRACT_TEST(depth_begins_anew_behind_a_buffer),
        CONTRACT_TEST(loop_error_reaches_the_first_produce_if_every_function_passes_it_on),
        CONTRACT_TEST(declared_edge_is_shown_before_and_after_it_is_seen),
        CONTRACT_TEST(edges_are_seen_without_being_declared),
        CONTRACT_TEST(no_more_edges_are_written_than_there_is_room_for),
    };
    return CONTRACT_RUN(tests, argc, argv);
}
