// SPDX-License-Identifier: Apache-2.0
// Virtual time: sources, deadlines, sleeping, looking.
#include "stage.h"

static aimdb_time
tick(aimdb_ctx *ctx, number_record out)
{
    struct part *part = aimdb_user(ctx);
    part->time = aimdb_now(ctx);
    (void) number_emit(ctx, out, &(struct number){ part->count++ });
    return aimdb_every(ctx, AIMDB_SEC(1));
}

static void
hour_of_a_source_is_3600_steps(void **state)
{
    (void) state;
    struct stage *stage = stage_new_seeded(1);
    struct part source = { .stage = stage }, sink = { .stage = stage, .name = "s" };
    number_record record = number_configure(stage->builder, "one", AIMDB_SPMC_RING(8));
    aimdb_task *task = number_add_source(stage->builder, record, tick, &source);
    (void) number_add_consumer(stage->builder, record, note_value, &sink);
    stage_build(stage);
    aimdb_time begin = aimdb_clock();
    aimdb_sim_report report = { 0 };
    assert_int_equal(AIMDB_ETIMEDOUT, aimdb_sim_run(stage->sim, begin + AIMDB_SEC(3600), &report));
    assert_int_equal(begin + AIMDB_SEC(3600), report.now);
    assert_int_equal(begin + AIMDB_SEC(3600), source.time); // what is due then is done
    assert_int_equal(3601, source.count);
    assert_int_equal(3601, sink.count);
    assert_true(report.steps < 3601 * 40); // so it costs milliseconds
    aimdb_task_stats stats = { .size = sizeof stats };
    assert_int_equal(AIMDB_OK, aimdb_task_metrics(task, &stats));
    assert_int_equal(0, stats.missed); // no overrun
    stage_free(stage);
}

static void
time_limit_ends_a_run(void **state)
{
    (void) state;
    struct stage *stage = stage_new((aimdb_sim_options){ .time_limit = AIMDB_SEC(60) });
    struct part source = { .stage = stage };
    number_record record = number_configure(stage->builder, "one", AIMDB_SPMC_RING(8));
    (void) number_add_source(stage->builder, record, tick, &source);
    aimdb_time begin = aimdb_clock();
    stage_build(stage);
    assert_int_equal(AIMDB_ETIMEDOUT, aimdb_sim_run(stage->sim, AIMDB_FOREVER, NULL));
    assert_int_equal(begin + AIMDB_SEC(60), aimdb_clock());
    assert_int_equal(61, source.count);
    stage_free(stage);
}

static void
run_until_the_past_is_over_at_once(void **state)
{
    (void) state;
    struct stage *stage = stage_new_seeded(1);
    aimdb_sim_report before = { 0 }, after = { 0 };
    assert_int_equal(AIMDB_OK, aimdb_sim_run(stage->sim, AIMDB_FOREVER, &before));
    assert_int_equal(AIMDB_ETIMEDOUT, aimdb_sim_run(stage->sim, before.now - 1, &after));
    assert_int_equal(AIMDB_ETIMEDOUT, aimdb_sim_run(stage->sim, -1, &after));
    assert_int_equal(before.steps, after.steps);
    stage_free(stage);
}

static void
sleep_and_note(void *arg)
{
    struct part *part = arg;
    aimdb_sim_sleep(part->time);
    assert_int_equal(part->time, aimdb_clock());
    note(part->stage, "%s ", part->name);
}

static void
sleepers_wake_in_the_order_of_their_times(void **state)
{
    (void) state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct stage *stage = stage_new_seeded(seed);
        aimdb_time now = aimdb_clock();
        struct part parts[4] = {
            { .stage = stage, .name = "third", .time = now + AIMDB_SEC(3600) },
            { .stage = stage, .name = "first", .time = now + 1 },
            { .stage = stage, .name = "fourth", .time = now + AIMDB_SEC(86400) },
            { .stage = stage, .name = "second", .time = now + 2 },
        };
        for (int i = 0; i < 4; i++) {
            spawn(stage, parts[i].name, sleep_and_note, &parts[i]);
        }
        assert_int_equal(AIMDB_OK, aimdb_sim_run(stage->sim, AIMDB_FOREVER, NULL));
        assert_string_equal("first second third fourth ", stage->book);
        stage_free(stage);
    }
}

static void
sleeping_until_the_past_is_nothing(void **state)
{
    (void) state;
    aimdb_sim_sleep(AIMDB_FOREVER); // outside of a simulation neither
    aimdb_sim_yield();
    struct stage *stage = stage_new_seeded(1);
    aimdb_time now = aimdb_clock();
    aimdb_sim_sleep(now);
    aimdb_sim_sleep(-1);
    assert_int_equal(now, aimdb_clock());
    stage_free(stage);
}

static void
deadline_of_a_read_passes_when_it_should(void **state)
{
    (void) state;
    struct stage *stage = stage_new_seeded(1);
    number_record record = number_configure(stage->builder, "one", AIMDB_SPMC_RING(8));
    number_reader reader;
    struct number value;
    stage_build(stage);
    assert_int_equal(AIMDB_OK, number_subscribe(record, &reader));
    aimdb_time end = aimdb_clock() + AIMDB_SEC(86400);
    assert_int_equal(AIMDB_ETIMEDOUT, number_recv(&reader, &value, end));
    assert_int_equal(end, aimdb_clock());
    number_unsubscribe(&reader);
    stage_free(stage);
}

static void
produce_late(void *arg)
{
    struct part *part = arg;
    aimdb_sim_sleep(part->time);
    assert_int_equal(AIMDB_OK, number_produce(part->record, &(struct number){ 7 }));
}

// One that looks all the time lets time pass for the others.
static void
loops_that_only_look_do_not_stop_time(void **state)
{
    (void) state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct stage *stage = stage_new_seeded(seed);
        number_record record = number_configure(stage->builder, "one", AIMDB_SINGLE_LATEST);
        number_reader reader;
        struct number value = { 0 };
        stage_build(stage);
        struct part part = { .stage = stage, .record = record };
        assert_int_equal(AIMDB_OK, number_subscribe(record, &reader));
        for (int way = 0; way < 3; way++) {
            part.time = aimdb_clock() + AIMDB_SEC(3600);
            spawn(stage, "late", produce_late, &part);
            while (way == 0 && number_try_recv(&reader, &value) == AIMDB_EEMPTY) {
            }
            while (way == 1 && aimdb_clock() < part.time) {
            }
            while (way == 2 && aimdb_clock() < part.time) {
                aimdb_sim_yield();
            }
            assert_true(aimdb_clock() >= part.time);
            assert_true(aimdb_clock() < part.time + AIMDB_SEC(10));
        }
        assert_int_equal(7, value.n);
        number_unsubscribe(&reader);
        stage_free(stage);
    }
}

static aimdb_err
send_on(aimdb_ctx *ctx, const struct number *value)
{
    struct part *part = aimdb_user(ctx);
    part->count++;
    return number_emit(ctx, part->record, value);
}

// proves X1: a value that goes round is never at rest; the deadline still comes.
static void
values_in_a_circle_do_not_stop_time(void **state)
{
    (void) state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct stage *stage = stage_new_seeded(seed);
        struct part part = { .stage = stage };
        part.record = number_configure(stage->builder, "one", AIMDB_SPMC_RING(8));
        (void) number_add_consumer(stage->builder, part.record, send_on, &part);
        stage_build(stage);
        assert_int_equal(AIMDB_OK, number_produce(part.record, &(struct number){ 1 }));
        aimdb_time end = aimdb_clock() + AIMDB_MS(100);
        assert_int_equal(AIMDB_ETIMEDOUT, aimdb_sim_run(stage->sim, end, NULL));
        assert_int_equal(end, aimdb_clock());
        aimdb_close_report report = { .size = sizeof report };
        assert_int_equal(AIMDB_OK, aimdb_close(stage->db, aimdb_clock() + AIMDB_MS(50), &report));
        assert_true(report.timed_out);
        stage_free(stage);
    }
}

static aimdb_err
work_for_a_second(aimdb_ctx *ctx, const struct number *value)
{
    (void) value;
    struct part *part = aimdb_user(ctx);
    aimdb_sim_sleep(aimdb_clock() + AIMDB_SEC(1));
    part->count++;
    return AIMDB_OK;
}

// Two workers and a blocking consumer: three values a second at the most.
static void
consumers_that_work_for_a_while_are_as_many_as_workers(void **state)
{
    (void) state;
    struct stage *stage = stage_new((aimdb_sim_options){ .seed = 5, .workers = 2 });
    struct part parts[5];
    number_record record = number_configure(stage->builder, "one", AIMDB_SPMC_RING(64));
    for (int i = 0; i < 5; i++) {
        parts[i] = (struct part){ .stage = stage };
        (void) number_add_consumer_with(stage->builder, record, work_for_a_second, &parts[i],
                                        &(aimdb_consumer_options){ .blocking = i == 4 });
    }
    stage_build(stage);
    for (uint64_t n = 1; n <= 20; n++) {
        assert_int_equal(AIMDB_OK, number_produce(record, &(struct number){ n }));
    }
    aimdb_time begin = aimdb_clock();
    assert_int_equal(AIMDB_ETIMEDOUT, aimdb_sim_run(stage->sim, begin + AIMDB_SEC(10), NULL));
    assert_int_equal(10, parts[4].count);
    assert_int_equal(20, parts[0].count + parts[1].count + parts[2].count + parts[3].count);
    assert_int_equal(AIMDB_OK, aimdb_sim_run(stage->sim, AIMDB_FOREVER, NULL));
    assert_true(aimdb_clock() >= begin + AIMDB_SEC(40)); // later if one is left with the last ones
    stage_free(stage);
}

static aimdb_time
be_long(aimdb_ctx *ctx, number_record out)
{
    struct part *part = aimdb_user(ctx);
    (void) out;
    part->count++;
    aimdb_sim_sleep(aimdb_now(ctx) + AIMDB_SEC(100));
    return AIMDB_FOREVER;
}

// Sources wait for each other in one lane, and not for those of another one.
static void
sources_of_other_lanes_are_not_waited_for(void **state)
{
    (void) state;
    struct stage *stage = stage_new_seeded(1);
    struct part slow = { .stage = stage }, parts[2] = { { .stage = stage }, { .stage = stage } };
    number_record record = number_configure(stage->builder, "one", AIMDB_SPMC_RING(8));
    (void) number_add_source(stage->builder, record, be_long, &slow);
    for (uint32_t i = 0; i < 2; i++) {
        (void) number_add_source_with(stage->builder, record, tick, &parts[i],
                                      &(aimdb_source_options){ .lane = 63 * i });
    }
    stage_build(stage);
    aimdb_time begin = aimdb_clock();
    assert_int_equal(AIMDB_ETIMEDOUT, aimdb_sim_run(stage->sim, begin + AIMDB_SEC(50), NULL));
    assert_int_equal(1, slow.count);
    assert_true(parts[0].count <= 1); // before the long step, or not yet
    assert_int_equal(51, parts[1].count);
    stage_free(stage);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hour_of_a_source_is_3600_steps),
        cmocka_unit_test(time_limit_ends_a_run),
        cmocka_unit_test(run_until_the_past_is_over_at_once),
        cmocka_unit_test(sleepers_wake_in_the_order_of_their_times),
        cmocka_unit_test(sleeping_until_the_past_is_nothing),
        cmocka_unit_test(deadline_of_a_read_passes_when_it_should),
        cmocka_unit_test(loops_that_only_look_do_not_stop_time),
        cmocka_unit_test(values_in_a_circle_do_not_stop_time),
        cmocka_unit_test(sources_of_other_lanes_are_not_waited_for),
        cmocka_unit_test(consumers_that_work_for_a_while_are_as_many_as_workers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
