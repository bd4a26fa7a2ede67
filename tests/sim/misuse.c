// SPDX-License-Identifier: Apache-2.0
// Limits of arguments, other threads, other processes, and large stacks.
#define _GNU_SOURCE
#include "stage.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void
nothing(void *arg)
{
    (void) arg;
}

static void
bad_options_make_no_simulation(void **state)
{
    (void) state;
    assert_null(aimdb_sim_new(&(aimdb_sim_options){ .workers = 1025 }));
    assert_null(aimdb_sim_new(&(aimdb_sim_options){ .workers = UINT32_MAX }));
    assert_null(aimdb_sim_new(&(aimdb_sim_options){ .time_limit = -1 }));
    assert_null(aimdb_sim_new(&(aimdb_sim_options){ .size = 3 }));
    aimdb_executor *sim = aimdb_sim_new(&(aimdb_sim_options){
        .size = sizeof(aimdb_sim_options), .workers = 1024, .time_limit = AIMDB_FOREVER });
    assert_non_null(sim);
    aimdb_executor_free(sim);
}

static void
thread_is_in_one_simulation_at_a_time(void **state)
{
    (void) state;
    aimdb_time real = aimdb_clock();
    aimdb_executor *sim = aimdb_sim_new(NULL);
    assert_non_null(sim);
    assert_null(aimdb_sim_new(NULL));
    assert_true(aimdb_clock() <= AIMDB_SEC(2));
    aimdb_executor_free(sim);
    assert_true(aimdb_clock() >= real); // it has left
    sim = aimdb_sim_new(NULL);
    assert_non_null(sim);
    aimdb_executor_free(sim);
}

static void
bad_arguments_change_nothing(void **state)
{
    (void) state;
    aimdb_executor *sim = aimdb_sim_new(&(aimdb_sim_options){ .seed = 9 });
    aimdb_executor *pool = aimdb_pool_new(NULL);
    aimdb_sim_report report = { .size = 3 };
    assert_int_equal(9, aimdb_sim_seed(sim));
    assert_int_equal(0, aimdb_sim_seed(pool));
    assert_int_equal(0, aimdb_sim_seed(NULL));
    assert_int_equal(AIMDB_EINVAL, aimdb_sim_spawn(NULL, "a", nothing, NULL));
    assert_int_equal(AIMDB_EINVAL, aimdb_sim_spawn(pool, "a", nothing, NULL));
    assert_int_equal(AIMDB_EINVAL, aimdb_sim_spawn(sim, "a", NULL, NULL));
    assert_int_equal(AIMDB_EINVAL, aimdb_sim_run(NULL, AIMDB_FOREVER, NULL));
    assert_int_equal(AIMDB_EINVAL, aimdb_sim_run(pool, AIMDB_FOREVER, NULL));
    assert_int_equal(AIMDB_EINVAL, aimdb_sim_run(sim, AIMDB_FOREVER, &report));
    aimdb_sim_explain(sim, NULL);
    aimdb_sim_explain(pool, stderr);
    aimdb_sim_explain(NULL, stderr);
    aimdb_executor_free(pool);
    aimdb_executor_free(sim);
}

static void
seed_comes_from_the_environment_or_from_nowhere(void **state)
{
    (void) state;
    assert_int_equal(0, setenv("AIMDB_SIM_SEED", "0x123456789abc", 1));
    aimdb_executor *sim = aimdb_sim_new(NULL);
    assert_int_equal(0x123456789abc, aimdb_sim_seed(sim));
    aimdb_executor_free(sim);
    sim = aimdb_sim_new(&(aimdb_sim_options){ .seed = 77 });
    assert_int_equal(77, aimdb_sim_seed(sim));
    aimdb_executor_free(sim);
    assert_int_equal(0, unsetenv("AIMDB_SIM_SEED"));
    sim = aimdb_sim_new(NULL);
    assert_int_not_equal(0, aimdb_sim_seed(sim));
    aimdb_executor_free(sim);
}

static void
older_callers_know_fewer_members(void **state)
{
    (void) state;
    struct {
        size_t size;
        uint64_t seed;
        unsigned char beyond[64];
    } old = { .size = 2 * sizeof(size_t), .seed = 5 };
    memset(old.beyond, 0xff, sizeof old.beyond);
    aimdb_executor *sim = aimdb_sim_new((const aimdb_sim_options *) (const void *) &old);
    assert_int_equal(5, aimdb_sim_seed(sim));
    assert_int_equal(AIMDB_OK,
                     aimdb_sim_run(sim, AIMDB_FOREVER, (aimdb_sim_report *) (void *) &old));
    assert_int_equal(5, old.seed);
    for (size_t i = 0; i < sizeof old.beyond; i++) {
        assert_int_equal(0xff, old.beyond[i]);
    }
    aimdb_executor_free(sim);
}

// --- another thread ------------------------------------------------------------------------------

static number_record shared;

static void *
produce_elsewhere(void *arg)
{
    (void) arg;
    (void) !number_produce(shared, &(struct number){ 1 });
    return NULL;
}

static void
use_from_another_thread(void)
{
    pthread_t thread;
    struct stage *stage = stage_new_seeded(1);
    shared = number_configure(stage->builder, "one", AIMDB_SPMC_RING(8));
    stage_build(stage);
    (void) pthread_create(&thread, NULL, produce_elsewhere, NULL);
    (void) pthread_join(thread, NULL);
}

static void
produce_from_another_thread_stops_the_program(void **state)
{
    (void) state;
    int status;
    char *text = in_child(use_from_another_thread, &status);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(text, "a database of a simulation was used by another thread"));
    free(text);
}

static void *
ask_elsewhere(void *arg)
{
    aimdb_executor *sim = arg;
    assert_int_equal(AIMDB_EINVAL, aimdb_sim_spawn(sim, "a", nothing, NULL));
    assert_int_equal(AIMDB_EINVAL, aimdb_sim_run(sim, AIMDB_FOREVER, NULL));
    aimdb_sim_explain(sim, stderr);
    aimdb_executor *own = aimdb_sim_new(NULL); // each thread may be in one
    assert_non_null(own);
    aimdb_executor_free(own);
    return NULL;
}

static void
other_threads_are_refused_and_may_have_their_own(void **state)
{
    (void) state;
    pthread_t thread;
    aimdb_executor *sim = aimdb_sim_new(NULL);
    assert_int_equal(0, pthread_create(&thread, NULL, ask_elsewhere, sim));
    assert_int_equal(0, pthread_join(thread, NULL));
    aimdb_executor_free(sim);
}

static void
free_with_an_open_database(void)
{
    struct stage *stage = stage_new_seeded(1);
    stage_build(stage);
    aimdb_executor_free(stage->sim);
}

static void
free_with_an_open_database_stops_the_program(void **state)
{
    (void) state;
    int status;
    char *text = in_child(free_with_an_open_database, &status);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(text, "a database of this executor is still open"));
    free(text);
}

static void
yield_for_ever(void *arg)
{
    (void) arg;
    for (;;) {
        aimdb_sim_yield();
    }
}

static void
free_with_an_endless_actor(void)
{
    aimdb_executor *sim = aimdb_sim_new(&(aimdb_sim_options){ .seed = 3 });
    (void) !aimdb_sim_spawn(sim, "endless", yield_for_ever, NULL);
    aimdb_executor_free(sim);
}

static void
actor_that_does_not_end_is_told(void **state)
{
    (void) state;
    int status;
    char *text = in_child(free_with_an_endless_actor, &status);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(text, "actor \"endless\": can go on"));
    free(text);
}

// --- another process -----------------------------------------------------------------------------

static struct stage *of_parent;

static void
be_a_child(void)
{
    struct number value = { 1 };
    aimdb *db;
    aimdb_sim_report report = { 0 };
    bool told = number_produce(shared, &value) == AIMDB_EFORKED &&
                aimdb_close(of_parent->db, AIMDB_FOREVER, NULL) == AIMDB_EFORKED &&
                aimdb_sim_run(of_parent->sim, AIMDB_FOREVER, &report) == AIMDB_EFORKED &&
                aimdb_sim_spawn(of_parent->sim, "a", nothing, NULL) == AIMDB_EFORKED;
    aimdb_builder *builder = aimdb_builder_new(of_parent->sim);
    told = told && aimdb_build(builder, &db) == AIMDB_EFORKED;
    aimdb_builder_free(builder);
    stage_free(of_parent);
    aimdb_executor *own = aimdb_sim_new(NULL); // it has left that of its parent
    told = told && own;
    aimdb_executor_free(own);
    _exit(told ? 0 : 1);
}

static void
fork_in_an_actor(void *arg)
{
    (void) arg;
    int status;
    free(in_child(be_a_child, &status));
    assert_int_equal(0, status);
}

static void
child_of_a_fork_is_told_and_may_free(void **state)
{
    (void) state;
    struct part sink = { .name = "s" };
    struct stage *stage = of_parent = sink.stage = stage_new_seeded(1);
    shared = number_configure(stage->builder, "one", AIMDB_SPMC_RING(8));
    (void) number_add_consumer(stage->builder, shared, note_value, &sink);
    stage_build(stage);
    assert_int_equal(AIMDB_OK, number_produce(shared, &(struct number){ 1 }));
    fork_in_an_actor(NULL); // the thread that made it
    spawn(stage, "forker", fork_in_an_actor, NULL);
    assert_int_equal(AIMDB_OK, aimdb_sim_run(stage->sim, AIMDB_FOREVER, NULL));
    assert_int_equal(1, sink.count);
    stage_free(stage);
}

// --- stacks --------------------------------------------------------------------------------------

struct large {
    unsigned char bytes[AIMDB_VALUE_MAX];
};
AIMDB_RECORD_TYPE(large, struct large);

enum { DEPTH = AIMDB_EMIT_DEPTH_MAX };
static large_record chain[DEPTH];

static aimdb_err
emit_to_next(aimdb_ctx *ctx, struct large *value)
{
    large_record *next = aimdb_user(ctx);
    value->bytes[0]++;
    return next ? large_emit(ctx, *next, value) : AIMDB_OK;
}

static void
produce_into_chain(void *arg)
{
    assert_int_equal(AIMDB_OK, large_produce(chain[0], arg));
}

static void
actors_have_room_for_the_largest_values_in_the_deepest_nesting(void **state)
{
    (void) state;
    static struct large value;
    struct stage *stage = stage_new_seeded(1);
    for (int i = 0; i < DEPTH; i++) {
        char key[8];
        (void) snprintf(key, sizeof key, "%d", i);
        chain[i] = large_configure(stage->builder, key, AIMDB_SINGLE_LATEST);
    }
    for (int i = 0; i < DEPTH; i++) {
        large_set_producer(stage->builder, chain[i], emit_to_next,
                           i + 1 < DEPTH ? &chain[i + 1] : NULL);
    }
    stage_build(stage);
    spawn(stage, "producer", produce_into_chain, &value);
    assert_int_equal(AIMDB_OK, aimdb_sim_run(stage->sim, AIMDB_FOREVER, NULL));
    assert_int_equal(AIMDB_OK, large_peek(chain[DEPTH - 1], &value));
    assert_int_equal(DEPTH, value.bytes[0]);
    stage_free(stage);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_options_make_no_simulation),
        cmocka_unit_test(thread_is_in_one_simulation_at_a_time),
        cmocka_unit_test(bad_arguments_change_nothing),
        cmocka_unit_test(seed_comes_from_the_environment_or_from_nowhere),
        cmocka_unit_test(older_callers_know_fewer_members),
        cmocka_unit_test(produce_from_another_thread_stops_the_program),
        cmocka_unit_test(other_threads_are_refused_and_may_have_their_own),
        cmocka_unit_test(free_with_an_open_database_stops_the_program),
        cmocka_unit_test(actor_that_does_not_end_is_told),
        cmocka_unit_test(child_of_a_fork_is_told_and_may_free),
        cmocka_unit_test(actors_have_room_for_the_largest_values_in_the_deepest_nesting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
