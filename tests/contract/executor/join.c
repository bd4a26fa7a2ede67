// SPDX-License-Identifier: Apache-2.0
// Joins: one function for the values of several records, behind one dispatcher.
#include "joint.h"

// Calls ---------------------------------------------------------------------------------------

// proves D8
static void
join_is_called_with_index_and_value_of_what_arrived(void **state)
{
    struct world *w = *state;
    struct scene *scene = scene_new(w, 3, AIMDB_SPMC_RING(8), joint_new(w, 60, false), false);
    world_build(w);
    for (uint64_t n = 0; n < 60; n++) {
        push(scene->records[(n * 7) % 3], n);
        gate_wait(scene->joint->calls, n + 1);
        CHECK_EQ((n * 7) % 3, scene->joint->noted[n].index);
        CHECK_EQ(n, scene->joint->noted[n].n);
    }
    world_close(w);
    CHECK_EQ(60, task_stats(scene->task).received);
}

// proves D8 D1
static void
each_buffer_can_be_joined(void **state)
{
    struct world *w = *state;
    const aimdb_buffer_cfg cfgs[3] = { AIMDB_SPMC_RING(8), AIMDB_SINGLE_LATEST, AIMDB_MAILBOX };
    struct joint *joint = joint_new(w, 30, true);
    aimdb_record *raw[3];
    number_record records[3];
    for (size_t i = 0; i < 3; i++) {
        records[i] = number_configure(w->builder, joint_keys[i], cfgs[i]);
        raw[i] = records[i].raw;
    }
    struct scene scene = { .task = aimdb_add_join(w->builder, raw, 3, joint_call, joint) };
    world_build(w);
    push(records[0], 1);
    gate_wait(joint->calls, 1);
    for (size_t i = 0; i < 3; i++)
        push_range(records[i], 11, 15);
    joint_let_go(joint);
    gate_wait(joint->calls, 1 + 5 + 1 + 1);
    world_close(w);
    CHECK_EQ(8, joint->count);
    CHECK_EQ(6, input_stats(&scene, 0).received);
    CHECK_EQ(1, input_stats(&scene, 1).received);
    CHECK_EQ(4, input_stats(&scene, 1).skipped);
    CHECK_EQ(1, input_stats(&scene, 2).received);
    CHECK_EQ(4, record_stats(records[2]).overwritten);
    for (size_t i = 0; i < 8; i++)
        if (joint->noted[i].index > 0)
            CHECK_EQ(15, joint->noted[i].n);
    CHECK_ERR(AIMDB_EEMPTY, number_peek(records[2], &(struct number){ 0 })); // it was taken
}

// proves D8 D2 R2
static void
other_consumers_of_the_records_get_all_as_well(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_new(w, 200);
    struct scene *scene = scene_new(w, 2, AIMDB_SPMC_RING(200), joint_new(w, 400, false), false);
    struct joint *second = joint_new(w, 400, false);
    CHECK(aimdb_add_join(w->builder, scene->raw, 2, joint_call, second) != NULL);
    sink_attach(w, scene->records[1], sink, false);
    world_build(w);
    for (uint64_t n = 1; n <= 200; n++) {
        push(scene->records[0], n);
        push(scene->records[1], n);
    }
    gate_wait(scene->joint->calls, 400);
    gate_wait(second->calls, 400);
    gate_wait(sink->calls, 200);
    world_close(w);
    CHECK_EQ(2, record_stats(scene->records[0]).consumers);
    CHECK_EQ(3, record_stats(scene->records[1]).consumers);
}

struct lone {
    struct gate *calls;
    atomic_int inside;
    uint64_t plain; // not atomic on purpose: the executor must order the calls
    uint64_t last[MANY];
};

static aimdb_err
be_alone(aimdb_ctx *ctx, size_t index, const void *value)
{
    struct lone *lone = aimdb_user(ctx);
    const struct number *number = value;
    CHECK_EQ(0, atomic_fetch_add(&lone->inside, 1));
    CHECK_EQ(++lone->last[index], number->n);
    for (int i = 0; i < 20; i++)
        lone->plain++;
    CHECK_EQ(1, atomic_fetch_sub(&lone->inside, 1));
    gate_add(lone->calls, 1);
    return AIMDB_OK;
}

// proves D8 D2
static void
calls_never_overlap_and_each_records_values_are_in_order(void **state)
{
    enum { EACH = 3000 };
    struct world *w = *state;
    struct lone *lone = world_memory(w, sizeof *lone);
    struct pusher *pushers = world_memory(w, 3 * sizeof *pushers);
    struct helper *helpers[3];
    aimdb_record *raw[3];
    lone->calls = gate_new(w);
    for (size_t i = 0; i < 3; i++) {
        pushers[i].record = number_configure(w->builder, joint_keys[i], AIMDB_SPMC_RING(EACH));
        pushers[i].count = EACH;
        raw[i] = pushers[i].record.raw;
    }
    CHECK(aimdb_add_join(w->builder, raw, 3, be_alone, lone) != NULL);
    world_build(w);
    for (size_t i = 0; i < 3; i++)
        helpers[i] = helper_start(w, push_many, &pushers[i]);
    for (size_t i = 0; i < 3; i++)
        helper_join(helpers[i]);
    gate_wait(lone->calls, 3 * EACH);
    CHECK_EQ(3 * EACH * 20, lone->plain);
}

// proves D8 D1 R4 R5
static void
lag_is_told_for_the_record_that_lagged(void **state)
{
    struct world *w = *state;
    struct log_book *book = log_book_new(w);
    struct scene *scene = scene_new(w, 2, AIMDB_SPMC_RING(4), joint_new(w, 20, true), false);
    struct joint *joint = scene->joint;
    world_build(w);
    push(scene->records[0], 0);
    gate_wait(joint->calls, 1);
    push_range(scene->records[1], 1, 10); // of which 7 8 9 10 are left
    push_range(scene->records[0], 1, 4);
    joint_let_go(joint);
    gate_wait(joint->calls, 1 + 4 + 4);
    world_close(w);
    uint64_t missed[2] = { 0 };
    for (size_t i = 0; i < joint->count; i++) {
        missed[joint->noted[i].index] += joint->noted[i].missed;
        CHECK_EQ(joint->noted[i].index == 1 && joint->noted[i].n == 7 ? 6 : 0,
                 joint->noted[i].missed);
    }
    CHECK_EQ(0, missed[0]);
    CHECK_EQ(6, missed[1]);
    CHECK_EQ(0, input_stats(scene, 0).missed + input_stats(scene, 0).lags);
    CHECK_EQ(6, input_stats(scene, 1).missed);
    CHECK_EQ(1, input_stats(scene, 1).lags);
    CHECK_EQ(5, input_stats(scene, 0).received);
    CHECK_EQ(4, input_stats(scene, 1).received);
    CHECK(log_book_find(book, joint_keys[1], "missed 6", NULL) == 1);
    CHECK(log_book_find(book, joint_keys[0], "missed", NULL) == 0);
}

// proves D8 D3
static void
error_is_told_with_the_record_whose_value_it_was(void **state)
{
    struct world *w = *state;
    struct log_book *book = log_book_new(w);
    struct scene *scene = scene_new(w, 3, AIMDB_SPMC_RING(4), joint_new(w, 20, false), false);
    scene->joint->result = AIMDB_EIO;
    world_build(w);
    push(scene->records[2], 1);
    gate_wait(scene->joint->calls, 1);
    push(scene->records[0], 1);
    gate_wait(scene->joint->calls, 2);
    world_close(w);
    CHECK_EQ(2, task_stats(scene->task).errors);
    CHECK_EQ(1, log_book_find(book, joint_keys[2], "EIO", NULL)); // the second one is held back
    CHECK_EQ(1, log_book_find(book, "join-1", "EIO", NULL));
}

struct mixed {
    struct gate *calls;
    atomic_int numbers, labels;
};

static aimdb_err
take_both(aimdb_ctx *ctx, size_t index, const void *value)
{
    struct mixed *mixed = aimdb_user(ctx);
    CHECK((index == 0) == (number_joined(ctx, value) != NULL));
    CHECK((index == 1) == (label_joined(ctx, value) != NULL));
    CHECK(number_joined(NULL, value) == NULL && aimdb_joined(ctx, value, NULL) == NULL);
    if (index == 0) {
        CHECK_EQ(7, number_joined(ctx, value)->n);
        atomic_fetch_add(&mixed->numbers, 1);
    } else {
        CHECK(strcmp("seven", label_joined(ctx, value)->text) == 0);
        atomic_fetch_add(&mixed->labels, 1);
    }
    gate_add(mixed->calls, 1);
    return AIMDB_OK;
}

// proves D8 B5
static void
records_of_different_types_are_told_apart(void **state)
{
    struct world *w = *state;
    struct mixed *mixed = world_memory(w, sizeof *mixed);
    number_record number = number_configure(w->builder, "number", AIMDB_SPMC_RING(8));
    label_record label = label_configure(w->builder, "label", AIMDB_SPMC_RING(8));
    mixed->calls = gate_new(w);
    CHECK(aimdb_add_join(w->builder, (aimdb_record *[]){ number.raw, label.raw }, 2, take_both,
                         mixed) != NULL);
    world_build(w);
    for (int i = 0; i < 5; i++) {
        push(number, 7);
        CHECK_OK(label_produce(label, &(struct label){ "seven" }));
    }
    gate_wait(mixed->calls, 10);
    CHECK_EQ(5, atomic_load(&mixed->numbers));
    CHECK_EQ(5, atomic_load(&mixed->labels));
}

// Later ---------------------------------------------------------------------------------------

struct late {
    struct gate *calls;
    aimdb_token tokens[16];
    size_t indexes[16];
    size_t count;
};

static aimdb_err
finish_later(aimdb_ctx *ctx, size_t index, const void *value)
{
    struct late *late = aimdb_user(ctx);
    (void) value;
    late->indexes[late->count] = index;
    late->tokens[late->count++] = aimdb_defer(ctx);
    gate_add(late->calls, 1);
    return AIMDB_EPENDING;
}

// proves D8 D3
static void
next_value_of_any_record_comes_only_after_done(void **state)
{
    struct world *w = *state;
    struct log_book *book = log_book_new(w);
    struct late *late = world_memory(w, sizeof *late);
    struct sink *marker = sink_new(w, 1);
    aimdb_record *raw[3];
    number_record records[3];
    number_record other = number_configure(w->builder, "marker", AIMDB_SPMC_RING(4));
    for (size_t i = 0; i < 3; i++) {
        records[i] = number_configure(w->builder, joint_keys[i], AIMDB_SPMC_RING(8));
        raw[i] = records[i].raw;
    }
    late->calls = gate_new(w);
    aimdb_task *task = aimdb_add_join(w->builder, raw, 3, finish_later, late);
    sink_attach(w, other, marker, false);
    world_build(w);
    for (size_t i = 0; i < 3; i++)
        push_range(records[i], 1, 3);
    for (uint64_t n = 1; n <= 9; n++) {
        gate_wait(late->calls, n);
        push(other, n); // its consumer shares the workers: the join had its chance
        gate_wait(marker->calls, n);
        CHECK_EQ(n, gate_count(late->calls));
        CHECK_OK(aimdb_done(late->tokens[n - 1], n == 1 ? AIMDB_EIO : AIMDB_OK));
        CHECK_ERR(AIMDB_EINVAL, aimdb_done(late->tokens[n - 1], AIMDB_OK));
    }
    world_close(w);
    CHECK_EQ(9, task_stats(task).received);
    CHECK_EQ(1, task_stats(task).errors);
    CHECK_EQ(1, log_book_find(book, joint_keys[late->indexes[0]], "EIO", NULL));
    size_t of[3] = { 0 };
    for (size_t i = 0; i < 9; i++)
        of[late->indexes[i]]++;
    CHECK(of[0] == 3 && of[1] == 3 && of[2] == 3);
}

// proves D8 D3
static void
error_of_done_names_the_record_of_its_value(void **state)
{
    struct world *w = *state;
    struct log_book *book = log_book_new(w);
    struct late *late = world_memory(w, sizeof *late);
    aimdb_record *raw[3];
    number_record records[3];
    for (size_t i = 0; i < 3; i++) {
        records[i] = number_configure(w->builder, joint_keys[i], AIMDB_SPMC_RING(8));
        raw[i] = records[i].raw;
    }
    late->calls = gate_new(w);
    CHECK(aimdb_add_join(w->builder, raw, 3, finish_later, late) != NULL);
    world_build(w);
    push(records[2], 1);
    gate_wait(late->calls, 1);
    CHECK_OK(aimdb_done(late->tokens[0], AIMDB_EIO));
    CHECK_EQ(1, log_book_find(book, joint_keys[2], "EIO", NULL));
    CHECK_EQ(0, log_book_find(book, joint_keys[0], "EIO", NULL));
}

// proves D8 D4
static void
blocking_join_holds_up_nobody_else(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_new(w, 1);
    struct scene *scene = scene_new(w, 2, AIMDB_SPMC_RING(64), joint_new(w, 4, true), true);
    sink_attach(w, scene->records[0], sink, false);
    world_build(w);
    push(scene->records[1], 1);
    gate_wait(scene->joint->calls, 1);
    push_range(scene->records[0], 1, 20);
    gate_wait(sink->calls, 20);
    CHECK_EQ(1, gate_count(scene->joint->calls));
    joint_let_go(scene->joint);
    gate_wait(scene->joint->calls, 21);
}

// Fairness ------------------------------------------------------------------------------------

// proves D8 D5
static void
busy_record_does_not_starve_the_others(void **state)
{
    enum { BUSY = 5000 };
    struct world *w = *state;
    struct joint *joint = joint_new(w, BUSY + 10, true);
    struct scene *scene = scene_new(w, 3, AIMDB_SPMC_RING(BUSY), joint, false);
    size_t first[3] = { 0 };
    world_build(w);
    push(scene->records[0], 1);
    gate_wait(joint->calls, 1);
    push_range(scene->records[0], 2, BUSY);
    gate_add(joint->leave, 999);
    gate_wait(joint->calls, 1000); // in the middle of all those values
    push(scene->records[1], 1);
    push(scene->records[2], 1);
    joint_let_go(joint);
    gate_wait(joint->calls, BUSY + 2);
    for (size_t i = joint->count; i-- > 0;)
        first[joint->noted[i].index] = i;
    CHECK(first[1] < 1600 && first[2] < 1600); // after about two budgets
}

static aimdb_err
go_round(aimdb_ctx *ctx, const struct number *value)
{
    number_record *record = aimdb_user(ctx);
    (void) number_emit(ctx, *record, value);
    return AIMDB_OK;
}

struct slow {
    struct gate *calls;
    number_record records[MANY];
    atomic_uint of[MANY];
    atomic_bool is_over;
};

// All the records have a new value when the call is over.
static aimdb_err
take_two_milliseconds(aimdb_ctx *ctx, size_t index, const void *value)
{
    struct slow *slow = aimdb_user(ctx);
    if (atomic_load(&slow->is_over))
        return AIMDB_OK;
    aimdb_time end = aimdb_now(ctx) + AIMDB_MS(2);
    while (aimdb_now(ctx) < end)
        continue;
    for (size_t i = 0; i < MANY; i++)
        (void) number_emit(ctx, slow->records[i], value);
    atomic_fetch_add(&slow->of[index], 1);
    gate_add(slow->calls, 1);
    return AIMDB_OK;
}

// Calls longer than a slice, one value at a time, and others that always wait: each run is cut before
// the second call.
// proves D8 D5
static void
slow_calls_are_shared_out_as_well(void **state)
{
    enum { CIRCLES = 16, CALLS = 40 };
    struct world *w = *state;
    number_record *circles = world_memory(w, CIRCLES * sizeof *circles);
    struct slow *slow = world_memory(w, sizeof *slow);
    aimdb_record *raw[MANY];
    slow->calls = gate_new(w);
    for (size_t i = 0; i < MANY; i++) {
        slow->records[i] = number_configure(w->builder, joint_keys[i], AIMDB_SINGLE_LATEST);
        raw[i] = slow->records[i].raw;
    }
    CHECK(aimdb_add_join(w->builder, raw, MANY, take_two_milliseconds, slow) != NULL);
    for (size_t i = 0; i < CIRCLES; i++) {
        char key[] = { 'c', (char) ('a' + i), '\0' };
        circles[i] = number_configure(w->builder, key, AIMDB_SPMC_RING(2));
        CHECK(number_add_consumer(w->builder, circles[i], go_round, &circles[i]) != NULL);
    }
    world_build(w);
    for (size_t i = 0; i < CIRCLES; i++)
        push(circles[i], i);
    push(slow->records[0], 1);
    gate_wait(slow->calls, CALLS);
    atomic_store(&slow->is_over, true);
    for (size_t i = 0; i < MANY; i++)
        CHECK(atomic_load(&slow->of[i]) >= CALLS / MANY / 2);
    CHECK_OK(aimdb_close(w->db, aimdb_clock(), NULL)); // the circles never rest
}

// Sleeping ------------------------------------------------------------------------------------

static void
each_record_wakes(struct world *w, aimdb_buffer_cfg cfg)
{
    struct joint *joint = joint_new(w, 60, false);
    struct scene *scene = scene_new(w, MANY, cfg, joint, false);
    world_build(w);
    for (uint64_t n = 0; n < 12; n++) {
        EVENTUALLY(contract_others_asleep());
        push(scene->records[n % MANY], n);
        gate_wait(joint->calls, n + 1);
        CHECK_EQ(n % MANY, joint->noted[n].index);
    }
}

// proves D8 D5
static void
sleeping_join_wakes_for_each_record(void **state)
{
    each_record_wakes(*state, AIMDB_SPMC_RING(4));
}

// proves D8 D5 P3
static void
sleeping_join_wakes_for_each_lone_writer(void **state)
{
    each_record_wakes(*state, AIMDB_SPMC_RING(4, .one_writer = true));
}

// proves D8 D5
static void
sleeping_join_wakes_for_each_latest_and_mailbox(void **state)
{
    struct world *w = *state;
    struct joint *joint = joint_new(w, 60, false);
    aimdb_record *raw[2];
    number_record records[2] = {
        number_configure(w->builder, joint_keys[0], AIMDB_SINGLE_LATEST),
        number_configure(w->builder, joint_keys[1], AIMDB_MAILBOX),
    };
    for (size_t i = 0; i < 2; i++)
        raw[i] = records[i].raw;
    CHECK(aimdb_add_join(w->builder, raw, 2, joint_call, joint) != NULL);
    world_build(w);
    for (uint64_t n = 0; n < 12; n++) {
        EVENTUALLY(contract_others_asleep());
        push(records[n % 2], n);
        gate_wait(joint->calls, n + 1);
        CHECK_EQ(n % 2, joint->noted[n].index);
    }
}

#define RACES 10000

static void
pause_a_little(uint64_t n)
{
    for (volatile uint64_t i = 0; i < n;)
        i = i + 1;
}

struct race {
    _Atomic uint64_t calls;
    _Atomic uint64_t go; // this many calls may end
};

// Waits without giving the other thread time to fall asleep, if there is a processor to wait on.
static void
until(_Atomic uint64_t *counter, uint64_t n)
{
    for (unsigned spins = 0; atomic_load(counter) < n; spins++)
        if (spins > 2000)
            EVENTUALLY(atomic_load(counter) >= n);
}

static aimdb_err
end_when_told(aimdb_ctx *ctx, size_t index, const void *value)
{
    struct race *race = aimdb_user(ctx);
    const struct number *number = value;
    (void) index;
    atomic_fetch_add(&race->calls, 1);
    until(&race->go, number->n + 1);
    pause_a_little(number->n % 307);
    return AIMDB_OK;
}

// The next value comes while the dispatcher goes from the end of a call to its sleep: the two start
// together, and the pauses sweep the way. A wake that is lost stops it all.
static void
writer_races_with_falling_asleep(struct world *w, bool one_writer)
{
    struct race *race = world_memory(w, sizeof *race);
    const aimdb_buffer_cfg cfg = AIMDB_SPMC_RING(4, .one_writer = one_writer);
    number_record records[2] = { number_configure(w->builder, joint_keys[0], cfg),
                                 number_configure(w->builder, joint_keys[1], cfg) };
    aimdb_record *raw[2] = { records[0].raw, records[1].raw };
    CHECK(aimdb_add_join(w->builder, raw, 2, end_when_told, race) != NULL);
    world_build(w);
    for (uint64_t n = 0; n < contract_many(RACES); n++) {
        push(records[n / 2 % 2], n);
        until(&race->calls, n + 1);
        atomic_store(&race->go, n + 1);
        pause_a_little(n % 293);
    }
}

// proves D8 D5
static void
no_wake_is_lost_to_a_writer_that_is_as_fast(void **state)
{
    writer_races_with_falling_asleep(*state, false);
}

// proves D8 D5
static void
no_wake_of_a_lone_writer_is_lost(void **state)
{
    writer_races_with_falling_asleep(*state, true);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(join_is_called_with_index_and_value_of_what_arrived),
        CONTRACT_TEST(each_buffer_can_be_joined),
        CONTRACT_TEST(other_consumers_of_the_records_get_all_as_well),
        CONTRACT_TEST(calls_never_overlap_and_each_records_values_are_in_order),
        CONTRACT_TEST(lag_is_told_for_the_record_that_lagged),
        CONTRACT_TEST(error_is_told_with_the_record_whose_value_it_was),
        CONTRACT_TEST(records_of_different_types_are_told_apart),
        CONTRACT_TEST(next_value_of_any_record_comes_only_after_done),
        CONTRACT_TEST(error_of_done_names_the_record_of_its_value),
        CONTRACT_TEST(blocking_join_holds_up_nobody_else),
        CONTRACT_TEST(busy_record_does_not_starve_the_others),
        CONTRACT_TEST(slow_calls_are_shared_out_as_well),
        CONTRACT_TEST(sleeping_join_wakes_for_each_record),
        CONTRACT_TEST(sleeping_join_wakes_for_each_lone_writer),
        CONTRACT_TEST(sleeping_join_wakes_for_each_latest_and_mailbox),
        CONTRACT_TEST(no_wake_is_lost_to_a_writer_that_is_as_fast),
        CONTRACT_TEST(no_wake_of_a_lone_writer_is_lost),
    };
    return CONTRACT_RUN(tests, argc, argv);
}
