// SPDX-License-Identifier: Apache-2.0
// Describing joins, their mistakes, and what figures, lists and the graph tell of them.
#include "joint.h"

#include <stdio.h>

// Building ------------------------------------------------------------------------------------

static bool
is_reported(struct world *w, const char *text, const char *more)
{
    for (size_t i = 0; i < aimdb_builder_mistakes(w->builder); i++) {
        const char *line = aimdb_builder_mistake(w->builder, i);
        if (strstr(line, text) != NULL && strstr(line, more) != NULL)
            return true;
    }
    return false;
}

// proves D8 B1
static void
mistakes_in_joins_are_all_told_with_their_keys(void **state)
{
    struct world *w = *state;
    aimdb_builder *b = w->builder, *other = aimdb_builder_new(w->executor);
    aimdb_record *a = number_configure(b, "a", AIMDB_SPMC_RING(4)).raw;
    aimdb_record *c = number_configure(b, "c", AIMDB_MAILBOX).raw;
    aimdb_record *bare = number_configure(b, "bare", (aimdb_buffer_cfg){ 0 }).raw;
    aimdb_record *far = number_configure(other, "far", AIMDB_SPMC_RING(4)).raw;
    CHECK(aimdb_add_join(NULL, (aimdb_record *[]){ a }, 1, joint_call, NULL) == NULL);
    CHECK(aimdb_add_join(b, (aimdb_record *[]){ a }, 0, joint_call, NULL) == NULL);
    CHECK(aimdb_add_join(b, NULL, 2, joint_call, NULL) == NULL);
    CHECK(aimdb_add_join(b, (aimdb_record *[]){ a, c, a, a }, 4, joint_call, NULL) == NULL);
    CHECK(aimdb_add_join(b, (aimdb_record *[]){ NULL, c }, 2, joint_call, NULL) == NULL);
    CHECK(aimdb_add_join(b, (aimdb_record *[]){ a, bare }, 2, joint_call, NULL) == NULL);
    CHECK(aimdb_add_join(b, (aimdb_record *[]){ a, far }, 2, joint_call, NULL) == NULL);
    CHECK(aimdb_add_join(b, (aimdb_record *[]){ a, c }, 2, NULL, NULL) == NULL);
    CHECK(aimdb_add_join_with(b, (aimdb_record *[]){ a, c }, 2, joint_call, NULL,
                              &(aimdb_consumer_options){ .size = 3 }) == NULL);
    CHECK_EQ(8, aimdb_builder_mistakes(b));
    CHECK(is_reported(w, "a join of no records", ""));
    CHECK(is_reported(w, "\"a\"", "a join takes it twice"));
    CHECK(is_reported(w, "\"c\"", "joined with an unregistered record"));
    CHECK(is_reported(w, "\"bare\"", "a join, but no buffer"));
    CHECK(is_reported(w, "\"far\"", "join of another builder's record"));
    CHECK(is_reported(w, "\"a\"", "a join's function is NULL"));
    CHECK(is_reported(w, "\"a\"", "join options of a size that cannot be"));
    CHECK_ERR(AIMDB_ECONFIG, aimdb_build(b, &w->db));
    aimdb_builder_free(other);
}

// proves D8 B1
static void
join_has_a_limit_of_records(void **state)
{
    struct world *w = *state;
    struct joint *joint = joint_new(w, 70, false);
    number_record records[AIMDB_JOIN_MAX + 1];
    aimdb_record *raw[AIMDB_JOIN_MAX + 1];
    for (size_t i = 0; i <= AIMDB_JOIN_MAX; i++) {
        char key[8];
        snprintf(key, sizeof key, "k%zu", i);
        records[i] = number_configure(w->builder, key, AIMDB_SPMC_RING(2));
        raw[i] = records[i].raw;
    }
    CHECK(aimdb_add_join(w->builder, raw, AIMDB_JOIN_MAX + 1, joint_call, joint) == NULL);
    CHECK(is_reported(w, "\"k0\"", "a join of 65 records; the limit is 64"));
    world_rebuild_with(w, w->executor, 0);
    for (size_t i = 0; i < AIMDB_JOIN_MAX; i++) {
        char key[8];
        snprintf(key, sizeof key, "k%zu", i);
        records[i] = number_configure(w->builder, key, AIMDB_SPMC_RING(2));
        raw[i] = records[i].raw;
    }
    CHECK(aimdb_add_join(w->builder, raw, AIMDB_JOIN_MAX, joint_call, joint) != NULL);
    world_build(w);
    for (size_t i = 0; i < AIMDB_JOIN_MAX; i++) {
        push(records[i], i);
        gate_wait(joint->calls, i + 1);
        CHECK_EQ(i, joint->noted[i].index);
        CHECK_EQ(i, joint->noted[i].n);
    }
}

// proves D8 B1
static void
joins_count_among_the_consumers_of_each_record(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_new(w, 1);
    struct scene *scene = scene_new(w, 2, AIMDB_SPMC_RING(4), joint_new(w, 1, false), false);
    for (size_t i = 0; i < AIMDB_CONSUMERS_MAX; i++)
        sink_attach(w, scene->records[1], sink, false);
    CHECK_ERR(AIMDB_ECONFIG, aimdb_build(w->builder, &w->db));
    CHECK_EQ(1, aimdb_builder_mistakes(w->builder));
    CHECK(is_reported(w, joint_keys[1], "257 consumers"));
}

// proves D8 B3
static void
builder_with_joins_can_be_given_up(void **state)
{
    struct world *w = *state;
    (void) scene_new(w, MANY, AIMDB_SPMC_RING(4), joint_new(w, 1, false), false);
    aimdb_builder_free(w->builder);
    w->builder = NULL;
    CHECK_EQ(0, w->ledger.live);
}

// proves D8 B3
static void
join_that_gets_no_memory_leaves_nothing_behind(void **state)
{
    struct world *w = *state;
    for (size_t call = 1;; call++) {
        w->ledger.calls = 0;
        w->ledger.fail_at = call;
        aimdb_builder *b = aimdb_builder_new_with(
            w->executor, &(aimdb_builder_options){ .allocator = &w->ledger.hook });
        aimdb_record *raw[2] = { NULL, NULL };
        if (b != NULL) {
            raw[0] = number_configure(b, "a", AIMDB_SPMC_RING(4, .stamp = true)).raw;
            raw[1] = number_configure(b, "b", AIMDB_SPMC_RING(4)).raw;
            if (raw[0] != NULL && raw[1] != NULL)
                (void) aimdb_add_join(b, raw, 2, joint_call, NULL);
        }
        aimdb *db = NULL;
        aimdb_err err = b != NULL ? aimdb_build(b, &db) : AIMDB_ENOMEM;
        aimdb_free(db);
        aimdb_builder_free(b);
        if (err == AIMDB_OK && w->ledger.calls < call)
            return;
        CHECK_ERR(AIMDB_ENOMEM, err);
    }
}

// Looking inside ------------------------------------------------------------------------------

// proves D8, section 10
static void
join_stands_in_the_list_of_each_record(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_new(w, 1);
    struct scene *scene = scene_new(w, 2, AIMDB_SPMC_RING(4), joint_new(w, 1, false), false);
    aimdb_task *plain = sink_attach(w, scene->records[1], sink, false);
    aimdb_task *named = aimdb_add_join_with(w->builder, scene->raw, 2, joint_call, scene->joint,
                                            &(aimdb_consumer_options){ .name = "both" });
    world_build(w);
    CHECK(aimdb_record_task(scene->raw[0], 0) == scene->task);
    CHECK(aimdb_record_task(scene->raw[0], 1) == named);
    CHECK(aimdb_record_task(scene->raw[0], 2) == NULL);
    CHECK(aimdb_record_task(scene->raw[1], 0) == scene->task);
    CHECK(aimdb_record_task(scene->raw[1], 1) == plain);
    CHECK(aimdb_record_task(scene->raw[1], 2) == named);
    CHECK(strcmp("join-1", aimdb_task_name(scene->task)) == 0);
    CHECK(strcmp("both", aimdb_task_name(named)) == 0);
    CHECK(strcmp("consumer-1", aimdb_task_name(plain)) == 0);
    CHECK_EQ(2, aimdb_task_input_count(scene->task));
    CHECK_EQ(1, aimdb_task_input_count(plain));
    CHECK(aimdb_task_input_record(scene->task, 0) == scene->raw[0]);
    CHECK(aimdb_task_input_record(scene->task, 1) == scene->raw[1]);
    CHECK(aimdb_task_input_record(scene->task, 2) == NULL);
    CHECK(!aimdb_task_is_source(scene->task));
}

static aimdb_time
never(aimdb_ctx *ctx, number_record out)
{
    (void) ctx;
    (void) out;
    return AIMDB_FOREVER;
}

// proves D8, section 9
static void
source_has_no_inputs_and_there_are_none_past_the_end(void **state)
{
    struct world *w = *state;
    aimdb_reader_stats stats = { .size = sizeof stats, .received = 77 };
    struct scene *scene = scene_new(w, 2, AIMDB_SPMC_RING(4), joint_new(w, 1, false), false);
    aimdb_task *source = number_add_source(w->builder, scene->records[0], never, NULL);
    world_build(w);
    CHECK_EQ(0, aimdb_task_input_count(source));
    CHECK_EQ(0, aimdb_task_input_count(NULL));
    CHECK(aimdb_task_input_record(source, 0) == NULL);
    CHECK(aimdb_task_input_record(NULL, 0) == NULL);
    CHECK_ERR(AIMDB_EINVAL, aimdb_task_input_metrics(source, 0, &stats));
    CHECK_ERR(AIMDB_EINVAL, aimdb_task_input_metrics(NULL, 0, &stats));
    CHECK_ERR(AIMDB_EINVAL, aimdb_task_input_metrics(scene->task, 2, &stats));
    CHECK_ERR(AIMDB_EINVAL, aimdb_task_input_metrics(scene->task, 0, NULL));
    CHECK_EQ(77, stats.received);
}

// proves D8, section 10
static void
figures_of_a_join_are_sums_and_each_records_own(void **state)
{
    struct world *w = *state;
    struct scene *scene = scene_new(w, 2, AIMDB_SPMC_RING(8), joint_new(w, 40, true), false);
    world_build(w);
    push(scene->records[0], 0);
    gate_wait(scene->joint->calls, 1);
    push_range(scene->records[0], 1, 2);
    push_range(scene->records[1], 1, 11);
    CHECK_EQ(2, input_stats(scene, 0).pending);
    CHECK_EQ(11, input_stats(scene, 1).pending);
    CHECK_EQ(13, task_stats(scene->task).pending);
    joint_let_go(scene->joint);
    gate_wait(scene->joint->calls, 1 + 2 + 8);
    world_close(w);
    CHECK_EQ(3, input_stats(scene, 0).received);
    CHECK_EQ(8, input_stats(scene, 1).received);
    CHECK_EQ(3, input_stats(scene, 1).missed);
    CHECK_EQ(11, task_stats(scene->task).received);
    CHECK_EQ(3, task_stats(scene->task).missed);
    CHECK_EQ(1, task_stats(scene->task).lags);
}

// proves D8, section 10
static void
latency_is_measured_where_a_record_is_stamped(void **state)
{
    struct world *w = *state;
    struct joint *joint = joint_new(w, 4, true);
    number_record plain = number_configure(w->builder, "plain", AIMDB_SPMC_RING(4));
    number_record stamped =
        number_configure(w->builder, "stamped", AIMDB_SPMC_RING(4, .stamp = true));
    aimdb_task *task = aimdb_add_join(w->builder, (aimdb_record *[]){ plain.raw, stamped.raw }, 2,
                                      joint_call, joint);
    world_build(w);
    push(plain, 1);
    gate_wait(joint->calls, 1);
    CHECK_EQ(0, task_stats(task).latency_max);
    push(stamped, 1);
    joint_let_go(joint);
    gate_wait(joint->calls, 2);
    world_close(w);
    CHECK(task_stats(task).latency_max > 0 || contract_is_simulated());
    CHECK(task_stats(task).latency_max < AIMDB_SEC(100)); // a stamp, not what lay there
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

static size_t
edges_between(struct world *w, const aimdb_record *from, const aimdb_task *task,
              const aimdb_record *to, bool declared, bool seen)
{
    aimdb_edge edges[32];
    size_t count = aimdb_edges(w->db, edges, 32), found = 0;
    CHECK(count <= 32);
    for (size_t i = 0; i < count; i++)
        found += edges[i].from == from && edges[i].task == task && edges[i].to == to &&
                 edges[i].is_declared == declared && edges[i].is_seen == seen;
    return found;
}

// proves D8 E3
static void
what_a_join_emits_comes_from_each_of_its_records(void **state)
{
    struct world *w = *state;
    struct chain *chain = world_memory(w, sizeof *chain);
    aimdb_record *a = number_configure(w->builder, "a", AIMDB_SPMC_RING(4)).raw;
    number_record b = number_configure(w->builder, "b", AIMDB_SPMC_RING(4));
    number_record declared = number_configure(w->builder, "declared", AIMDB_SPMC_RING(4));
    chain->last = number_configure(w->builder, "last", AIMDB_SPMC_RING(4));
    chain->calls = gate_new(w);
    aimdb_task *task =
        aimdb_add_join(w->builder, (aimdb_record *[]){ a, b.raw }, 2, join_and_pass_on, chain);
    number_emitted_by(w->builder, declared, task);
    world_build(w);
    push(b, 1);
    gate_wait(chain->calls, 1);
    world_close(w);
    CHECK_EQ(1, edges_between(w, a, task, declared.raw, true, false));
    CHECK_EQ(1, edges_between(w, b.raw, task, declared.raw, true, false));
    CHECK_EQ(1, edges_between(w, a, task, chain->last.raw, false, true));
    CHECK_EQ(1, edges_between(w, b.raw, task, chain->last.raw, false, true));
    CHECK_EQ(4, aimdb_edges(w->db, NULL, 0));
}

static struct scene *
memory_is_exact(struct world *w, bool stamp)
{
    aimdb_memory_stats before = { .size = sizeof before }, after = before, one = before;
    struct scene *scene =
        scene_new(w, MANY, AIMDB_SPMC_RING(4, .stamp = stamp), joint_new(w, 1, false), false);
    CHECK_OK(aimdb_builder_memory(w->builder, &before));
    world_build(w);
    aimdb_builder_free(w->builder);
    w->builder = NULL;
    CHECK_OK(aimdb_memory(w->db, &after));
    CHECK_EQ(before.total, after.total);
    CHECK_EQ(before.tasks, after.tasks);
    CHECK_EQ(w->ledger.live, after.total);
    for (size_t i = 0; i < MANY; i++) {
        CHECK_OK(aimdb_record_memory(scene->raw[i], &one));
        CHECK_EQ(i == 0 ? after.tasks : 0, one.tasks); // it counts once, for the first one
    }
    return scene;
}

// proves D8 B6, section 8
static void
memory_of_a_join_keeps_to_the_table(void **state)
{
    aimdb_memory_stats one = { .size = sizeof one };
    const struct scene *scene = memory_is_exact(*state, false);
    CHECK_OK(aimdb_record_memory(scene->raw[0], &one));
    CHECK(one.tasks <= 64 + 192 + (MANY - 1) * 112);
}

// proves D8 B6
static void
memory_of_a_join_of_stamped_records_is_exact(void **state)
{
    (void) memory_is_exact(*state, true);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(mistakes_in_joins_are_all_told_with_their_keys),
        CONTRACT_TEST(join_has_a_limit_of_records),
        CONTRACT_TEST(joins_count_among_the_consumers_of_each_record),
        CONTRACT_TEST(builder_with_joins_can_be_given_up),
        CONTRACT_TEST(join_that_gets_no_memory_leaves_nothing_behind),
        CONTRACT_TEST(join_stands_in_the_list_of_each_record),
        CONTRACT_TEST(source_has_no_inputs_and_there_are_none_past_the_end),
        CONTRACT_TEST(figures_of_a_join_are_sums_and_each_records_own),
        CONTRACT_TEST(latency_is_measured_where_a_record_is_stamped),
        CONTRACT_TEST(what_a_join_emits_comes_from_each_of_its_records),
        CONTRACT_TEST(memory_of_a_join_keeps_to_the_table),
        CONTRACT_TEST(memory_of_a_join_of_stamped_records_is_exact),
    };
    return CONTRACT_RUN(tests, argc, argv);
}
