// SPDX-License-Identifier: Apache-2.0
// What a seed promises: the same way again, other ways with other seeds, and how a run ends.
#define _GNU_SOURCE
#include "stage.h"

#include <stdlib.h>

// A scene with two producers, a pulling reader, three consumers, one of them blocking, and a source.

struct scene {
    struct stage *stage;
    struct part a, b, reader, consumers[3];
};

static aimdb_time
tick(aimdb_ctx *ctx, number_record out)
{
    struct part *part = aimdb_user(ctx);
    note(part->stage, "tick ");
    (void) number_emit(ctx, out, &(struct number){ 100 + part->count });
    return part->count++ < 5 ? aimdb_every(ctx, AIMDB_MS(10)) : AIMDB_FOREVER;
}

static struct scene *
scene_new(aimdb_sim_options options)
{
    struct scene *scene = calloc(1, sizeof *scene);
    assert_non_null(scene);
    struct stage *stage = scene->stage = stage_new(options);
    number_record one = number_configure(stage->builder, "one", AIMDB_SPMC_RING(64));
    number_record two = number_configure(stage->builder, "two", AIMDB_SINGLE_LATEST);
    scene->a = (struct part){ .stage = stage, .name = "a", .record = one, .count = 8 };
    scene->b = (struct part){ .stage = stage, .name = "b", .record = two, .count = 8 };
    scene->reader = (struct part){ .stage = stage, .name = "r" };
    static const char *const names[] = { "x", "y", "z" };
    for (int i = 0; i < 3; i++) {
        scene->consumers[i] = (struct part){ .stage = stage, .name = names[i] };
        (void) number_add_consumer_with(stage->builder, i == 1 ? two : one, note_value,
                                        &scene->consumers[i],
                                        &(aimdb_consumer_options){ .blocking = i == 2 });
    }
    (void) number_add_source(stage->builder, two, tick, &scene->reader);
    stage_build(stage);
    assert_int_equal(AIMDB_OK, number_subscribe(one, &scene->reader.reader));
    spawn(stage, "a", produce_all, &scene->a);
    spawn(stage, "b", produce_all, &scene->b);
    return scene;
}

static void
scene_free(struct scene *scene)
{
    number_unsubscribe(&scene->reader.reader);
    stage_free(scene->stage);
    free(scene);
}

// Plays the scene to its end; gives its book, the caller's to free.
static char *
book_of(uint64_t seed, aimdb_sim_report *ret_report)
{
    struct scene *scene = scene_new((aimdb_sim_options){ .seed = seed });
    *ret_report = (aimdb_sim_report){ .size = sizeof *ret_report };
    assert_int_equal(AIMDB_OK, aimdb_sim_run(scene->stage->sim, AIMDB_FOREVER, ret_report));
    assert_int_equal(8, scene->consumers[0].count);
    assert_int_equal(8, scene->consumers[2].count);
    char *book = strdup(scene->stage->book);
    scene_free(scene);
    return book;
}

static void
same_seed_goes_the_same_way(void **state)
{
    (void) state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        aimdb_sim_report first, again;
        char *book = book_of(seed, &first);
        char *other = book_of(seed, &again);
        assert_string_equal(book, other);
        assert_memory_equal(&first, &again, sizeof first);
        assert_int_equal(seed, first.seed);
        free(book);
        free(other);
    }
}

static void
other_seeds_go_other_ways(void **state)
{
    (void) state;
    enum { SEEDS = 100 };
    char *books[SEEDS];
    size_t same = 0;
    for (uint64_t i = 0; i < SEEDS; i++) {
        aimdb_sim_report report;
        books[i] = book_of(i + 1, &report);
        for (uint64_t k = 0; k < i; k++) {
            same += strcmp(books[i], books[k]) == 0;
        }
    }
    assert_true(same < 3);
    for (size_t i = 0; i < SEEDS; i++) {
        free(books[i]);
    }
}

// All orders that a pool could show of two values and two consumers that get them.
static void
every_order_of_four_events_is_seen(void **state)
{
    (void) state;
    bool seen[24] = { false };
    size_t orders = 0;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct stage *stage = stage_new_seeded(seed);
        struct part parts[4] = {
            { .name = "0" }, { .name = "1" }, { .name = "2" }, { .name = "3" }
        };
        for (int i = 0; i < 4; i++) {
            parts[i].stage = stage;
            parts[i].record = number_configure(stage->builder, parts[i].name, AIMDB_MAILBOX);
            (void) number_add_consumer(stage->builder, parts[i].record, note_value, &parts[i]);
        }
        stage_build(stage);
        for (int i = 0; i < 4; i++) {
            assert_int_equal(AIMDB_OK, number_produce(parts[i].record, &(struct number){ 1 }));
        }
        assert_int_equal(AIMDB_OK, aimdb_sim_run(stage->sim, AIMDB_FOREVER, NULL));
        size_t order = 0;
        for (int i = 0; i < 4; i++) { // the place of each among those behind it
            size_t smaller = 0;
            for (int k = i + 1; k < 4; k++) {
                smaller += stage->book[4 * k] < stage->book[4 * i];
            }
            order = order * (size_t) (4 - i) + smaller;
        }
        orders += !seen[order];
        seen[order] = true;
        stage_free(stage);
    }
    assert_int_equal(24, orders);
}

static aimdb_err
send_again(aimdb_ctx *ctx, const struct number *value)
{
    struct part *part = aimdb_user(ctx);
    note(part->stage, "b");
    return part->count++ < 100 ? number_emit(ctx, part->record, value) : AIMDB_OK;
}

// One that is never done does not come first for ever.
static void
busy_consumer_overtakes_nobody_for_long(void **state)
{
    (void) state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct stage *stage = stage_new((aimdb_sim_options){ .seed = seed, .workers = 1 });
        struct part busy = { .stage = stage }, quiet = { .stage = stage, .name = "q" };
        busy.record = number_configure(stage->builder, "busy", AIMDB_MAILBOX);
        quiet.record = number_configure(stage->builder, "quiet", AIMDB_MAILBOX);
        (void) number_add_consumer(stage->builder, busy.record, send_again, &busy);
        (void) number_add_consumer(stage->builder, quiet.record, note_value, &quiet);
        stage_build(stage);
        assert_int_equal(AIMDB_OK, number_produce(busy.record, &(struct number){ 1 }));
        while (busy.count < 20) {
            aimdb_sim_yield();
        }
        assert_int_equal(AIMDB_OK, number_produce(quiet.record, &(struct number){ 1 }));
        uint64_t before = busy.count;
        while (quiet.count == 0) {
            aimdb_sim_yield();
        }
        assert_true(busy.count - before < 40);
        assert_int_equal(AIMDB_OK, aimdb_sim_run(stage->sim, AIMDB_FOREVER, NULL));
        stage_free(stage);
    }
}

static void
step_limit_ends_a_run(void **state)
{
    (void) state;
    struct scene *scene = scene_new((aimdb_sim_options){ .seed = 3, .step_limit = 40 });
    aimdb_sim_report report = { 0 };
    assert_int_equal(AIMDB_ETIMEDOUT, aimdb_sim_run(scene->stage->sim, AIMDB_FOREVER, &report));
    assert_int_equal(40, report.steps);
    assert_int_equal(AIMDB_ETIMEDOUT, aimdb_sim_run(scene->stage->sim, AIMDB_FOREVER, &report));
    assert_int_equal(40, report.steps);
    scene_free(scene); // closing may take more
}

static void
run_that_has_nothing_to_do_is_ok_at_once(void **state)
{
    (void) state;
    struct stage *stage = stage_new_seeded(1);
    aimdb_sim_report report = { 0 };
    assert_int_equal(AIMDB_OK, aimdb_sim_run(stage->sim, AIMDB_FOREVER, &report));
    assert_int_equal(0, report.size);
    assert_int_equal(0, report.waiting + report.pending);
    assert_int_equal(aimdb_clock(), report.now);
    stage_free(stage);
}

static void
reader_that_waits_is_pending(void **state)
{
    (void) state;
    struct stage *stage = stage_new_seeded(1);
    struct part reader = { .stage = stage, .name = "r" };
    struct part writer = { .stage = stage, .name = "w", .count = 4 };
    writer.record = number_configure(stage->builder, "one", AIMDB_SPMC_RING(8));
    stage_build(stage);
    assert_int_equal(AIMDB_OK, number_subscribe(writer.record, &reader.reader));
    spawn(stage, "reader", read_all, &reader);
    aimdb_sim_report report = { .size = sizeof report };
    assert_int_equal(AIMDB_EPENDING, aimdb_sim_run(stage->sim, AIMDB_FOREVER, &report));
    assert_int_equal(1, report.waiting);
    produce_all(&writer); // the thread that made the simulation is an actor as well
    assert_int_equal(AIMDB_EPENDING, aimdb_sim_run(stage->sim, AIMDB_FOREVER, &report));
    assert_int_equal(4, reader.count);
    assert_int_equal(AIMDB_OK, aimdb_close(stage->db, aimdb_clock(), NULL));
    assert_int_equal(AIMDB_OK, aimdb_sim_run(stage->sim, AIMDB_FOREVER, &report));
    assert_int_equal(0, report.waiting);
    stage_free(stage);
}

static aimdb_token token;

static aimdb_err
later(aimdb_ctx *ctx, const struct number *value)
{
    (void) value;
    token = aimdb_defer(ctx);
    return AIMDB_EPENDING;
}

static void
consumer_that_awaits_done_is_pending(void **state)
{
    (void) state;
    struct stage *stage = stage_new_seeded(1);
    number_record record = number_configure(stage->builder, "one", AIMDB_SPMC_RING(8));
    (void) number_add_consumer(stage->builder, record, later, NULL);
    stage_build(stage);
    assert_int_equal(AIMDB_OK, number_produce(record, &(struct number){ 1 }));
    assert_int_equal(AIMDB_EPENDING, aimdb_sim_run(stage->sim, AIMDB_FOREVER, NULL));
    assert_int_equal(AIMDB_OK, aimdb_done(token, AIMDB_OK));
    assert_int_equal(AIMDB_OK, aimdb_sim_run(stage->sim, AIMDB_FOREVER, NULL));
    stage_free(stage);
}

static void
begin_another(void *arg)
{
    struct part *part = arg;
    assert_int_equal(AIMDB_EBUSY, aimdb_sim_run(part->stage->sim, AIMDB_FOREVER, NULL));
    if (part->count-- > 0) {
        spawn(part->stage, NULL, begin_another, part);
    }
}

static void
actors_begin_actors(void **state)
{
    (void) state;
    struct stage *stage = stage_new_seeded(1);
    struct part part = { .stage = stage, .count = 1000 };
    spawn(stage, "first", begin_another, &part);
    assert_int_equal(AIMDB_OK, aimdb_sim_run(stage->sim, AIMDB_FOREVER, NULL));
    assert_int_equal((uint64_t) -1, part.count);
    stage_free(stage);
}

static void
actors_that_are_left_come_to_their_end(void **state)
{
    (void) state;
    struct stage *stage = stage_new_seeded(1);
    struct part parts[50];
    number_record record = number_configure(stage->builder, "one", AIMDB_SPMC_RING(8));
    stage_build(stage);
    for (int i = 0; i < 50; i++) {
        parts[i] = (struct part){ .stage = stage, .name = "r" };
        assert_int_equal(AIMDB_OK, number_subscribe(record, &parts[i].reader));
        spawn(stage, "reader", read_all, &parts[i]);
    }
    assert_int_equal(AIMDB_OK, number_produce(record, &(struct number){ 1 }));
    stage_free(stage); // closes, which wakes them; each of them unsubscribes
    for (int i = 0; i < 50; i++) {
        assert_int_equal(1, parts[i].count);
    }
}

static void
several_databases_share_a_simulation(void **state)
{
    (void) state;
    struct stage *stage = stage_new_seeded(1);
    struct part part = { .stage = stage, .name = "x" };
    stage_build(stage);
    for (uint64_t i = 1; i <= 200; i++) {
        aimdb *db;
        aimdb_builder *builder = aimdb_builder_new(stage->sim);
        number_record record = number_configure(builder, "one", AIMDB_SPMC_RING(8));
        for (int k = 0; k < 4; k++) {
            (void) number_add_consumer_with(builder, record, note_value, &part,
                                            &(aimdb_consumer_options){ .blocking = k % 2 == 1 });
        }
        assert_int_equal(AIMDB_OK, aimdb_build(builder, &db));
        assert_int_equal(AIMDB_OK, number_produce(record, &(struct number){ i }));
        aimdb_builder_free(builder);
        aimdb_free(db);
        assert_true(part.count <= 4 * i);
    }
    stage_free(stage);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_seed_goes_the_same_way),
        cmocka_unit_test(other_seeds_go_other_ways),
        cmocka_unit_test(every_order_of_four_events_is_seen),
        cmocka_unit_test(busy_consumer_overtakes_nobody_for_long),
        cmocka_unit_test(step_limit_ends_a_run),
        cmocka_unit_test(run_that_has_nothing_to_do_is_ok_at_once),
        cmocka_unit_test(reader_that_waits_is_pending),
        cmocka_unit_test(consumer_that_awaits_done_is_pending),
        cmocka_unit_test(actors_begin_actors),
        cmocka_unit_test(actors_that_are_left_come_to_their_end),
        cmocka_unit_test(several_databases_share_a_simulation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
