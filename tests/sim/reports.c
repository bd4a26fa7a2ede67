// SPDX-License-Identifier: Apache-2.0
// Who waits for what: the explanation, the log, and the thread that waits in vain.
#define _GNU_SOURCE
#include "stage.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "core/turn.h"

static void
explains(struct stage *stage, const char *line)
{
    char *text = explanation(stage);
    if (strstr(text, line) == NULL) {
        print_error("no line\n%sin\n%s", line, text);
        fail();
    }
    free(text);
}

static void
explains_not(struct stage *stage, const char *words)
{
    char *text = explanation(stage);
    assert_null(strstr(text, words));
    free(text);
}

static void
sleep_long(void *arg)
{
    (void) arg;
    aimdb_sim_sleep(aimdb_clock() + AIMDB_MS(90500));
}

static void
run_until_stopped(void *stage)
{
    assert_int_equal(AIMDB_OK, aimdb_run(((struct stage *) stage)->db));
}

static void
close_from_outside(void *stage)
{
    assert_int_equal(AIMDB_OK, aimdb_close(((struct stage *) stage)->db, AIMDB_FOREVER, NULL));
}

static aimdb_err
sleep_in_a_call(aimdb_ctx *ctx, const struct number *value)
{
    (void) ctx;
    aimdb_sim_sleep(aimdb_clock() + AIMDB_SEC((int64_t) value->n));
    return AIMDB_OK;
}

static aimdb_token token;

static aimdb_err
later(aimdb_ctx *ctx, const struct number *value)
{
    (void) value;
    token = aimdb_defer(ctx);
    return AIMDB_EPENDING;
}

static aimdb_time
tomorrow(aimdb_ctx *ctx, number_record out)
{
    (void) out;
    return aimdb_now(ctx) + AIMDB_SEC(86400);
}

static void
add_consumer(struct stage *stage, number_record record, number_consumer_fn *fn, const char *name)
{
    assert_non_null(number_add_consumer_with(stage->builder, record, fn, NULL,
                                             &(aimdb_consumer_options){ .name = name }));
}

static void
explanation_names_everybody_who_waits(void **state)
{
    (void) state;
    struct stage *stage = stage_new_seeded(42);
    struct part reader = { .stage = stage, .name = "r" };
    number_record one = number_configure(stage->builder, "one", AIMDB_SPMC_RING(8));
    number_record two = number_configure(stage->builder, "two", AIMDB_SPMC_RING(8));
    add_consumer(stage, one, sleep_in_a_call, "sleepy");
    add_consumer(stage, two, later, "lazy");
    (void) number_add_source(stage->builder, two, tomorrow, NULL);
    stage_build(stage);
    assert_int_equal(AIMDB_OK, number_subscribe(two, &reader.reader));
    for (uint64_t n = 1; n <= 3; n++) {
        assert_int_equal(AIMDB_OK, number_produce(two, &(struct number){ n }));
    }
    assert_int_equal(AIMDB_OK, number_produce(one, &(struct number){ 2 }));
    spawn(stage, "reader", read_all, &reader);
    spawn(stage, "sleeper", sleep_long, NULL);
    spawn(stage, "runner", run_until_stopped, stage);
    aimdb_time end = aimdb_clock() + AIMDB_MS(500);
    assert_int_equal(AIMDB_ETIMEDOUT, aimdb_sim_run(stage->sim, end, NULL));
    explains(stage, "sim: seed 42, 1.500000000 s, ");
    explains(stage, "  actor \"reader\": in aimdb_recv on record \"two\", for ever\n");
    explains(stage, "  actor \"sleeper\": in aimdb_sim_sleep, for another 90.000000000 s\n");
    explains(stage, "  actor \"runner\": in aimdb_run, for aimdb_stop, for ever\n");
    explains(stage, ", in consumer \"sleepy\" of record \"one\": in aimdb_sim_sleep, for another "
                    "1.500000000 s\n");
    explains(stage, "  consumer \"lazy\" of record \"two\": waits for aimdb_done, 2 pending\n");
    explains(stage, "  source \"source-1\" of record \"two\": due in 86399.500000000 s\n");
    explains_not(stage, "lost");
    aimdb_stop(stage->db);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(AIMDB_OK, aimdb_done(token, AIMDB_OK));
        assert_int_equal(AIMDB_ETIMEDOUT, aimdb_sim_run(stage->sim, end += 1, NULL));
    }
    explains_not(stage, "lazy");
    explains_not(stage, "runner");
    stage_free(stage);
}

static void
explanation_names_who_closes(void **state)
{
    (void) state;
    struct stage *stage = stage_new_seeded(1);
    number_record one = number_configure(stage->builder, "one", AIMDB_SPMC_RING(8));
    add_consumer(stage, one, later, "lazy");
    stage_build(stage);
    assert_int_equal(AIMDB_OK, number_produce(one, &(struct number){ 1 }));
    assert_int_equal(AIMDB_EPENDING, aimdb_sim_run(stage->sim, AIMDB_FOREVER, NULL));
    spawn(stage, "first", close_from_outside, stage);
    assert_int_equal(AIMDB_EPENDING, aimdb_sim_run(stage->sim, AIMDB_FOREVER, NULL));
    spawn(stage, "second", close_from_outside, stage);
    assert_int_equal(AIMDB_EPENDING, aimdb_sim_run(stage->sim, AIMDB_FOREVER, NULL));
    explains(stage, "  actor \"first\": in aimdb_close, for tasks to come to rest, for ever\n");
    explains(stage, "  actor \"second\": in aimdb_close, for another one that closes, for ever\n");
    assert_int_equal(AIMDB_OK, aimdb_done(token, AIMDB_OK));
    assert_int_equal(AIMDB_OK, aimdb_sim_run(stage->sim, AIMDB_FOREVER, NULL));
    stage_free(stage);
}

static void
select_two(void *arg)
{
    struct part *parts = arg;
    aimdb_reader *readers[] = { &parts[0].reader.raw, &parts[1].reader.raw };
    ptrdiff_t found = aimdb_select(readers, 2, AIMDB_FOREVER);
    (void) found; // nobody comes; the report says for whom it waits
}

static void
flush_one(void *arg)
{
    struct part *part = arg;
    (void) !number_produce_wait(part->record, &(struct number){ 1 }, AIMDB_FOREVER);
}

static void
explanation_names_who_selects_and_who_flushes(void **state)
{
    (void) state;
    struct stage *stage = stage_new_seeded(1);
    struct part parts[2] = { { .stage = stage }, { .stage = stage } };
    number_record one = number_configure(stage->builder, "one", AIMDB_SPMC_RING(8));
    add_consumer(stage, one, later, "lazy");
    number_record two = number_configure(stage->builder, "two", AIMDB_SPMC_RING(8));
    stage_build(stage);
    parts[0].record = one;
    assert_int_equal(AIMDB_OK, number_subscribe(two, &parts[0].reader));
    assert_int_equal(AIMDB_OK, number_subscribe(two, &parts[1].reader));
    spawn(stage, "selector", select_two, parts);
    spawn(stage, "flusher", flush_one, parts);
    assert_int_equal(AIMDB_EPENDING, aimdb_sim_run(stage->sim, AIMDB_FOREVER, NULL));
    explains(stage, "  actor \"selector\": in aimdb_select, for ever\n");
    explains(stage, "  actor \"flusher\": in aimdb_produce_wait on record \"one\", for ever\n");
    assert_int_equal(AIMDB_OK, aimdb_done(token, AIMDB_OK));
    assert_int_equal(AIMDB_OK, number_produce(two, &(struct number){ 1 }));
    assert_int_equal(AIMDB_OK, aimdb_sim_run(stage->sim, AIMDB_FOREVER, NULL));
    number_unsubscribe(&parts[0].reader);
    number_unsubscribe(&parts[1].reader);
    stage_free(stage);
}

// Pushes as a writer would that does not see that somebody sleeps.
static void
push_without_a_wake(number_record record)
{
    (void) fetch_and_acq_rel(park_word(&record.raw->shape, &record.raw->cells), ~AIMDBI_PARKED);
    assert_int_equal(AIMDB_OK, number_produce(record, &(struct number){ 1 }));
}

static void
wake_that_was_lost_is_told(void **state)
{
    (void) state;
    struct stage *stage = stage_new_seeded(1);
    struct part sink = { .stage = stage, .name = "s" };
    number_record one = number_configure(stage->builder, "one", AIMDB_SPMC_RING(8));
    (void) number_add_consumer(stage->builder, one, note_value, &sink);
    stage_build(stage);
    assert_int_equal(AIMDB_OK, aimdb_sim_run(stage->sim, AIMDB_FOREVER, NULL));
    push_without_a_wake(one);
    push_without_a_wake(one);
    aimdb_sim_report report = { 0 };
    assert_int_equal(AIMDB_EPENDING, aimdb_sim_run(stage->sim, AIMDB_FOREVER, &report));
    assert_int_equal(2, report.pending);
    assert_int_equal(0, report.waiting);
    explains(stage, "  consumer \"consumer-1\" of record \"one\": idle with 2 pending: a wake was "
                    "lost\n");
    stage_free(stage);
}

static void
thread_that_waits_in_vain_is_told(void **state)
{
    (void) state;
    struct stage *volatile stage = stage_new_seeded(17);
    number_record one = number_configure(stage->builder, "one", AIMDB_SPMC_RING(8));
    static number_reader reader;
    struct number value;
    stage_build(stage);
    assert_int_equal(AIMDB_OK, number_subscribe(one, &reader));
    if (setjmp(stage->when_stuck) == 0) {
        (void) !number_recv(&reader, &value, AIMDB_FOREVER);
        fail();
    }
    assert_non_null(strstr(stage->stuck, "sim: seed 17, "));
    assert_non_null(strstr(stage->stuck, "  main: in aimdb_recv on record \"one\", for ever\n"));
    free(stage->stuck);
    stage->stuck = NULL;
    if (setjmp(stage->when_stuck) == 0) {
        aimdb_sim_sleep(AIMDB_FOREVER);
        fail();
    }
    assert_non_null(strstr(stage->stuck, "  main: in aimdb_sim_sleep, for ever\n"));
    number_unsubscribe(&reader);
    stage_free(stage);
}

static aimdb_err
send_on(aimdb_ctx *ctx, const struct number *value)
{
    return number_emit(ctx, *(number_record *) aimdb_user(ctx), value);
}

static void
thread_that_waits_beyond_the_step_limit_is_told(void **state)
{
    (void) state;
    struct stage *volatile stage = stage_new((aimdb_sim_options){ .seed = 1, .step_limit = 5000 });
    static number_record one;
    one = number_configure(stage->builder, "one", AIMDB_SPMC_RING(8));
    (void) number_add_consumer(stage->builder, one, send_on, &one);
    stage_build(stage);
    assert_int_equal(AIMDB_OK, number_produce(one, &(struct number){ 1 }));
    assert_int_equal(AIMDB_ETIMEDOUT, aimdb_sim_run(stage->sim, AIMDB_FOREVER, NULL));
    if (setjmp(stage->when_stuck) == 0) {
        (void) aimdb_run(stage->db);
        fail();
    }
    assert_non_null(strstr(stage->stuck, "  main: in aimdb_run, for aimdb_stop, for ever\n"));
    stage_free(stage);
}

static void
wait_for_good(void)
{
    struct aimdb_sim_options options = { .seed = 4711 };
    struct aimdb_executor *sim = aimdb_sim_new(&options);
    aimdb_sim_sleep(AIMDB_FOREVER);
    aimdb_executor_free(sim);
}

static void
program_without_a_hook_is_stopped(void **state)
{
    (void) state;
    int status;
    char *text = in_child(wait_for_good, &status);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(text, "aimdb: nothing can go on any more\nsim: seed 4711, "));
    free(text);
}

static void
hear(void *user, aimdb_log_level level, const char *line)
{
    struct stage *stage = user;
    assert_int_equal(AIMDB_LOG_INFO, level);
    note(stage, "%s\n", line);
}

static void
first_log_hears_the_seed(void **state)
{
    (void) state;
    struct stage *stage = stage_new_seeded(123);
    aimdb_set_log(stage->builder, hear, stage);
    stage_build(stage);
    assert_string_equal("sim: seed 123\n", stage->book);
    aimdb *db;
    aimdb_builder *builder = aimdb_builder_new(stage->sim);
    aimdb_set_log(builder, hear, stage);
    assert_int_equal(AIMDB_OK, aimdb_build(builder, &db));
    assert_string_equal("sim: seed 123\n", stage->book);
    aimdb_builder_free(builder);
    aimdb_free(db);
    stage_free(stage);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(explanation_names_everybody_who_waits),
        cmocka_unit_test(explanation_names_who_closes),
        cmocka_unit_test(explanation_names_who_selects_and_who_flushes),
        cmocka_unit_test(wake_that_was_lost_is_told),
        cmocka_unit_test(thread_that_waits_in_vain_is_told),
        cmocka_unit_test(thread_that_waits_beyond_the_step_limit_is_told),
        cmocka_unit_test(program_without_a_hook_is_stopped),
        cmocka_unit_test(first_log_hears_the_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
