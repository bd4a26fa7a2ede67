// SPDX-License-Identifier: Apache-2.0
// Producing and waiting until all consumers have finished with the value.
#include "joint.h"

static number_record
ring(struct world *w, size_t capacity)
{
    return number_configure(w->builder, "ring", AIMDB_SPMC_RING(capacity));
}

static aimdb_err
produce_wait(number_record record, uint64_t n, aimdb_time deadline)
{
    return number_produce_wait(record, &(struct number){ n }, deadline);
}

// A produce_wait in a thread of its own.
struct waiter {
    number_record record;
    uint64_t n;
    aimdb_err err;
    struct gate *done;
    struct helper *helper;
};

static void
waiter_run(void *arg)
{
    struct waiter *waiter = arg;
    helper_about_to_block();
    waiter->err = produce_wait(waiter->record, waiter->n, AIMDB_FOREVER);
    gate_add(waiter->done, 1);
}

static struct waiter *
waiter_start(struct world *w, number_record record, uint64_t n)
{
    struct waiter *waiter = world_memory(w, sizeof *waiter);
    waiter->record = record;
    waiter->n = n;
    waiter->done = gate_new(w);
    waiter->helper = helper_start(w, waiter_run, waiter);
    return waiter;
}

static void
waiter_join(struct waiter *waiter, aimdb_err want)
{
    helper_join(waiter->helper);
    CHECK_ERR(want, waiter->err);
}

// proves P6
static void
produce_wait_returns_when_all_consumers_have_returned(void **state)
{
    struct world *w = *state;
    number_record record = ring(w, 8);
    struct sink *free_one = sink_new(w, 8);
    struct sink *held = sink_held_new(w, 8);
    sink_attach(w, record, free_one, false);
    sink_attach(w, record, held, true);
    world_build(w);
    struct waiter *waiter = waiter_start(w, record, 1);
    gate_wait(free_one->calls, 1);
    gate_wait(held->calls, 1);
    helper_until_asleep(waiter->helper);
    CHECK_EQ(0, gate_count(waiter->done)); // one of them is in its call
    sink_let_go(held);
    waiter_join(waiter, AIMDB_OK);
    CHECK_EQ(1, held->count);
}

// proves P6
static void
produce_wait_without_consumers_returns_at_once(void **state)
{
    struct world *w = *state;
    number_record record = ring(w, 4);
    number_reader *reader = world_memory(w, sizeof *reader);
    world_build(w);
    CHECK_OK(number_subscribe(record, reader)); // who pulls is not waited for
    CHECK_OK(produce_wait(record, 1, AIMDB_FOREVER));
    expect(reader, 1);
    number_unsubscribe(reader);
}

// proves P6 P1
static void
deadline_ends_the_wait_and_the_value_stays(void **state)
{
    struct world *w = *state;
    number_record record = ring(w, 8);
    struct sink *held = sink_held_new(w, 8);
    sink_attach(w, record, held, true);
    world_build(w);
    CHECK_ERR(AIMDB_ETIMEDOUT, produce_wait(record, 1, aimdb_clock()));
    CHECK_ERR(AIMDB_ETIMEDOUT, produce_wait(record, 2, aimdb_clock() + AIMDB_MS(1)));
    CHECK_ERR(AIMDB_ETIMEDOUT, produce_wait(record, 3, INT64_MIN));
    sink_let_go(held);
    CHECK_OK(produce_wait(record, 4, AIMDB_FOREVER));
    CHECK_EQ(4, held->count);
    for (uint64_t i = 0; i < 4; i++)
        CHECK_EQ(i + 1, held->values[i]);
}

struct deferrer {
    struct gate *taken;
    aimdb_token token;
};

static aimdb_err
defer(aimdb_ctx *ctx, const struct number *value)
{
    struct deferrer *deferrer = aimdb_user(ctx);
    (void) value;
    deferrer->token = aimdb_defer(ctx);
    gate_add(deferrer->taken, 1);
    return AIMDB_EPENDING;
}

// proves P6 D3
static void
value_that_is_pending_is_not_finished_until_done(void **state)
{
    struct world *w = *state;
    number_record record = ring(w, 8);
    struct deferrer *deferrer = world_memory(w, sizeof *deferrer);
    deferrer->taken = gate_new(w);
    number_add_consumer(w->builder, record, defer, deferrer);
    world_build(w);
    for (uint64_t n = 1; n <= 3; n++) {
        struct waiter *waiter = waiter_start(w, record, n);
        gate_wait(deferrer->taken, n);
        helper_until_asleep(waiter->helper);
        CHECK_EQ(0, gate_count(waiter->done));
        CHECK_OK(aimdb_done(deferrer->token, AIMDB_OK));
        waiter_join(waiter, AIMDB_OK);
    }
}

// proves P6
static void
consumer_that_was_overrun_is_waited_for_no_longer(void **state)
{
    struct world *w = *state;
    number_record record = ring(w, 2);
    struct sink *held = sink_held_new(w, 16);
    aimdb_task *task = sink_attach(w, record, held, true);
    world_build(w);
    push(record, 1);
    gate_wait(held->calls, 1);
    struct waiter *waiter = waiter_start(w, record, 2);
    helper_until_asleep(waiter->helper);
    push_range(record, 3, 12);
    sink_let_go(held);
    waiter_join(waiter, AIMDB_OK);
    world_close(w);
    CHECK_EQ(12, task_stats(task).received + task_stats(task).missed);
    CHECK(task_stats(task).missed > 0);
}

// proves P6 X1
static void
close_that_gives_up_ends_the_wait(void **state)
{
    struct world *w = *state;
    number_record record = ring(w, 8);
    number_record probe = probe_new(w);
    struct sink *held = sink_held_new(w, 8);
    sink_attach(w, record, held, true);
    world_build(w);
    push(record, 1);
    gate_wait(held->calls, 1);
    struct waiter *waiter = waiter_start(w, record, 2);
    helper_until_asleep(waiter->helper);
    struct closer *closer = closer_start(w, aimdb_clock());
    probe_until_closing(probe);
    helper_until_asleep(closer->helper);
    gate_add(held->leave, 1); // the first value only
    closer_join(closer);
    CHECK(closer->report.timed_out);
    CHECK_EQ(1, held->count);
    waiter_join(waiter, AIMDB_ECLOSED);
}

// Nobody of the consumer's comes by any more: the closer has to tell.
// proves P6 X1 D3
static void
close_that_gives_up_a_pending_value_ends_the_wait(void **state)
{
    struct world *w = *state;
    number_record record = ring(w, 8);
    struct deferrer *deferrer = world_memory(w, sizeof *deferrer);
    deferrer->taken = gate_new(w);
    number_add_consumer(w->builder, record, defer, deferrer);
    world_build(w);
    struct waiter *waiter = waiter_start(w, record, 1);
    gate_wait(deferrer->taken, 1);
    helper_until_asleep(waiter->helper);
    CHECK_OK(aimdb_close(w->db, 0, NULL));
    waiter_join(waiter, AIMDB_ECLOSED);
    CHECK_OK(aimdb_done(deferrer->token, AIMDB_OK));
}

// proves P6 X1
static void
close_that_drains_lets_the_wait_succeed(void **state)
{
    struct world *w = *state;
    number_record record = ring(w, 8);
    number_record probe = probe_new(w);
    struct sink *held = sink_held_new(w, 8);
    sink_attach(w, record, held, true);
    world_build(w);
    struct waiter *waiter = waiter_start(w, record, 1);
    gate_wait(held->calls, 1);
    struct closer *closer = closer_start(w, AIMDB_FOREVER);
    probe_until_closing(probe);
    sink_let_go(held);
    waiter_join(waiter, AIMDB_OK);
    closer_join(closer);
    CHECK_ERR(AIMDB_ECLOSED, produce_wait(record, 2, AIMDB_FOREVER));
}

struct inside {
    number_record record;
    aimdb_err of_consumer, of_producer;
    struct gate *calls;
};

static aimdb_err
wait_inside_a_consumer(aimdb_ctx *ctx, const struct number *value)
{
    struct inside *inside = aimdb_user(ctx);
    (void) value;
    inside->of_consumer = produce_wait(inside->record, 9, AIMDB_FOREVER);
    gate_add(inside->calls, 1);
    return AIMDB_OK;
}

static aimdb_err
wait_inside_a_producer_function(aimdb_ctx *ctx, struct number *value)
{
    struct inside *inside = aimdb_user(ctx);
    (void) value;
    inside->of_producer = produce_wait(inside->record, 9, AIMDB_FOREVER);
    return AIMDB_OK;
}

// proves P6
static void
callbacks_cannot_wait_for_themselves(void **state)
{
    struct world *w = *state;
    struct inside *inside = world_memory(w, sizeof *inside);
    inside->calls = gate_new(w);
    inside->record = ring(w, 8);
    number_set_producer(w->builder, inside->record, wait_inside_a_producer_function, inside);
    number_add_consumer(w->builder, inside->record, wait_inside_a_consumer, inside);
    world_build(w);
    push(inside->record, 1);
    gate_wait(inside->calls, 1);
    CHECK_ERR(AIMDB_EBUSY, inside->of_producer);
    CHECK_ERR(AIMDB_EBUSY, inside->of_consumer);
    CHECK_EQ(1, record_stats(inside->record).produced);
}

static aimdb_err
refuse_all(aimdb_ctx *ctx, struct number *value)
{
    (void) ctx;
    (void) value;
    return AIMDB_EIO;
}

// proves P6 P2
static void
what_cannot_be_waited_for_is_not_produced(void **state)
{
    struct world *w = *state;
    number_record record = ring(w, 4);
    number_record strict = number_configure(w->builder, "strict", AIMDB_SPMC_RING(4));
    number_record latest = number_configure(w->builder, "latest", AIMDB_SINGLE_LATEST);
    number_record mailbox = number_configure(w->builder, "mailbox", AIMDB_MAILBOX);
    struct number value = { 1 };
    number_set_producer(w->builder, strict, refuse_all, NULL);
    CHECK_ERR(AIMDB_ECLOSED, produce_wait(record, 1, AIMDB_FOREVER)); // not built yet
    world_build(w);
    CHECK_ERR(AIMDB_ENOTSUP, produce_wait(latest, 1, AIMDB_FOREVER));
    CHECK_ERR(AIMDB_ENOTSUP, produce_wait(mailbox, 1, AIMDB_FOREVER));
    CHECK_ERR(AIMDB_EIO, produce_wait(strict, 1, AIMDB_FOREVER));
    CHECK_ERR(AIMDB_EINVAL, number_produce_wait(record, NULL, AIMDB_FOREVER));
    CHECK_ERR(AIMDB_EINVAL, aimdb_produce_wait(NULL, &value, sizeof value, AIMDB_FOREVER));
    CHECK_ERR(AIMDB_ETYPE, aimdb_produce_wait(record.raw, &value, 3, AIMDB_FOREVER));
    CHECK_EQ(0, record_stats(latest).produced + record_stats(mailbox).produced +
                    record_stats(strict).produced + record_stats(record).produced);
}

// All threads of the executor are in calls: nobody comes to run what waited for aimdb_done.
// proves P6 D3
static void
done_is_noticed_although_no_worker_is_free(void **state)
{
    struct world *w = *state;
    if (contract_threads() == 0 && !contract_is_simulated())
        skip(); // who waits may itself be the one that is held in a call
    number_record record = ring(w, 8);
    number_record busy = number_configure(w->builder, "busy", AIMDB_SPMC_RING(8));
    struct deferrer *deferrer = world_memory(w, sizeof *deferrer);
    struct sink *held[8];
    CHECK(contract_workers() <= 8);
    deferrer->taken = gate_new(w);
    number_add_consumer(w->builder, record, defer, deferrer);
    for (size_t i = 0; i < contract_workers(); i++) {
        held[i] = sink_held_new(w, 1);
        sink_attach(w, busy, held[i], false);
    }
    world_build(w);
    struct waiter *waiter = waiter_start(w, record, 1);
    gate_wait(deferrer->taken, 1);
    helper_until_asleep(waiter->helper);
    push(busy, 1);
    for (size_t i = 0; i < contract_workers(); i++)
        gate_wait(held[i]->calls, 1);
    CHECK_OK(aimdb_done(deferrer->token, AIMDB_OK));
    waiter_join(waiter, AIMDB_OK);
    for (size_t i = 0; i < contract_workers(); i++)
        sink_let_go(held[i]);
}

// proves P6 D8
static void
join_is_waited_for_at_each_of_its_records(void **state)
{
    struct world *w = *state;
    struct joint *joint = joint_new(w, 8, true);
    struct scene *scene = scene_new(w, 3, AIMDB_SPMC_RING(8), joint, true);
    world_build(w);
    for (uint64_t n = 1; n <= 3; n++) {
        struct waiter *waiter = waiter_start(w, scene->records[n % 3], n);
        gate_wait(joint->calls, n);
        helper_until_asleep(waiter->helper);
        CHECK_EQ(0, gate_count(waiter->done));
        gate_add(joint->leave, 1);
        waiter_join(waiter, AIMDB_OK);
    }
}

// proves P6 D8
static void
values_of_other_records_of_a_join_are_not_waited_for(void **state)
{
    struct world *w = *state;
    struct joint *joint = joint_new(w, 8, true);
    struct scene *scene = scene_new(w, 2, AIMDB_SPMC_RING(8), joint, true);
    world_build(w);
    push(scene->records[1], 1);
    gate_wait(joint->calls, 1);
    struct waiter *waiter = waiter_start(w, scene->records[0], 2);
    helper_until_asleep(waiter->helper);
    push_range(scene->records[1], 3, 4);
    gate_add(joint->leave, 1);
    for (uint64_t call = 2; gate_count(waiter->done) == 0 && call <= 4; call++) {
        gate_wait(joint->calls, call);
        if (joint->noted[call - 2].index == 0)
            break; // the call for it is over: it must come back, whatever the next one does
        gate_add(joint->leave, 1);
    }
    waiter_join(waiter, AIMDB_OK);
    joint_let_go(joint);
}

struct follower {
    number_record record;
    struct gate *returned;
};

// Each odd value is followed by the next one, and that call ends when the wait for the odd one has.
static aimdb_err
follow(aimdb_ctx *ctx, const struct number *value)
{
    struct follower *follower = aimdb_user(ctx);
    if (value->n % 2 == 1)
        return number_emit(ctx, follower->record, &(struct number){ value->n + 1 });
    gate_wait(follower->returned, value->n / 2);
    return AIMDB_OK;
}

// proves P6
static void
call_for_the_next_value_may_wait_for_who_waits(void **state)
{
    struct world *w = *state;
    struct follower *follower = world_memory(w, sizeof *follower);
    follower->record = ring(w, 8);
    follower->returned = gate_new(w);
    (void) number_add_consumer_with(w->builder, follower->record, follow, follower,
                                    &(aimdb_consumer_options){ .blocking = true });
    world_build(w);
    for (uint64_t n = 1; n <= contract_many(3000); n++) {
        CHECK_OK(produce_wait(follower->record, 2 * n - 1, AIMDB_FOREVER));
        gate_add(follower->returned, 1);
    }
}

// proves P6
static void
value_that_was_pushed_later_is_not_waited_for(void **state)
{
    struct world *w = *state;
    number_record record = ring(w, 8);
    struct sink *held = sink_held_new(w, 8);
    sink_attach(w, record, held, true);
    world_build(w);
    push(record, 1);
    gate_wait(held->calls, 1);
    struct waiter *waiter = waiter_start(w, record, 2);
    helper_until_asleep(waiter->helper);
    push(record, 3);
    gate_add(held->leave, 2);
    gate_wait(held->calls, 3); // the third is in its call
    waiter_join(waiter, AIMDB_OK);
    sink_let_go(held);
}

#define WAITERS 4u
#define ROUNDS 250u

struct crowd {
    number_record record;
    _Atomic uint64_t seen[WAITERS]; // the last round of each that the consumer finished with
    uint64_t self;
};

static aimdb_err
note_round(aimdb_ctx *ctx, const struct number *value)
{
    struct crowd *crowd = aimdb_user(ctx);
    atomic_store(&crowd->seen[value->n % WAITERS], value->n / WAITERS);
    return AIMDB_OK;
}

struct member {
    struct crowd *crowd;
    uint64_t self;
};

static void
wait_round_after_round(void *arg)
{
    struct member *member = arg;
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        uint64_t n = round * WAITERS + member->self;
        CHECK_OK(produce_wait(member->crowd->record, n, AIMDB_FOREVER));
        CHECK_EQ(round, atomic_load(&member->crowd->seen[member->self]));
    }
}

// proves P6
static void
many_may_wait_at_once_and_none_is_forgotten(void **state)
{
    struct world *w = *state;
    struct crowd *crowd = world_memory(w, sizeof *crowd);
    struct helper *helpers[WAITERS];
    crowd->record = ring(w, 16);
    number_add_consumer(w->builder, crowd->record, note_round, crowd);
    world_build(w);
    for (uint64_t i = 0; i < WAITERS; i++) {
        struct member *member = world_memory(w, sizeof *member);
        *member = (struct member){ crowd, i };
        helpers[i] = helper_start(w, wait_round_after_round, member);
    }
    for (uint64_t i = 0; i < WAITERS; i++)
        helper_join(helpers[i]);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(produce_wait_returns_when_all_consumers_have_returned),
        CONTRACT_TEST(produce_wait_without_consumers_returns_at_once),
        CONTRACT_TEST(deadline_ends_the_wait_and_the_value_stays),
        CONTRACT_TEST(value_that_is_pending_is_not_finished_until_done),
        CONTRACT_TEST(consumer_that_was_overrun_is_waited_for_no_longer),
        CONTRACT_TEST(close_that_gives_up_ends_the_wait),
        CONTRACT_TEST(close_that_gives_up_a_pending_value_ends_the_wait),
        CONTRACT_TEST(close_that_drains_lets_the_wait_succeed),
        CONTRACT_TEST(callbacks_cannot_wait_for_themselves),
        CONTRACT_TEST(what_cannot_be_waited_for_is_not_produced),
        CONTRACT_TEST(done_is_noticed_although_no_worker_is_free),
        CONTRACT_TEST(join_is_waited_for_at_each_of_its_records),
        CONTRACT_TEST(values_of_other_records_of_a_join_are_not_waited_for),
        CONTRACT_TEST(call_for_the_next_value_may_wait_for_who_waits),
        CONTRACT_TEST(value_that_was_pushed_later_is_not_waited_for),
        CONTRACT_TEST(many_may_wait_at_once_and_none_is_forgotten),
    };
    return CONTRACT_RUN(tests, argc, argv);
}
