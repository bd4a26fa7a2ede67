// SPDX-License-Identifier: Apache-2.0
// What is refused, what stops the program, and asking a run to end.
#include "place.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

// --- options -------------------------------------------------------------------------------------

static void
options_of_a_size_that_makes_no_sense_are_refused(void **state)
{
    struct place *p = place_of(state);
    aimdb_uv_options options = { .loop = &p->loop };
    for (options.size = 1; options.size < sizeof options.size; options.size++)
        CHECK(aimdb_uv_new(&options) == NULL);
    options.size = sizeof options;
    aimdb_executor *executor = aimdb_uv_new(&options);
    CHECK(executor != NULL);
    aimdb_executor_free(executor);
}

static void
options_may_be_larger_or_smaller_than_this_version_knows(void **state)
{
    struct place *p = place_of(state);
    struct {
        aimdb_uv_options known;
        uint64_t unknown[4];
    } large = { .known = { .size = sizeof large, .loop = &p->loop }, .unknown = { 1, 2, 3, 4 } };
    aimdb_executor *executor = aimdb_uv_new(&large.known);
    CHECK(executor != NULL);
    aimdb_executor_free(executor);
    // A size that ends before .loop says nothing of it: the loop is the executor's own.
    struct sink *sink = sink_new(&p->w, 1);
    aimdb_uv_options small = { .size = sizeof small.size, .loop = &p->loop };
    executor = aimdb_uv_new(&small);
    CHECK(executor != NULL);
    struct annex *annex = annex_new(&p->w, executor, sink, false);
    push(annex->record, 1);
    gate_wait(sink->calls, 1); // nobody runs the test's loop
    annex_free(annex);
    aimdb_executor_free(executor);
}

static unsigned
open_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    unsigned count = 0;
    CHECK(directory != NULL);
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory))
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

static bool
bare_loop(void)
{
    uv_loop_t loop;
    return uv_loop_init(&loop) == 0 && uv_loop_close(&loop) == 0;
}

static bool
own_loop(void)
{
    aimdb_executor *executor = aimdb_uv_new(NULL);
    aimdb_executor_free(executor);
    return executor != NULL;
}

// Tries something while `spare` descriptors are to be had; tells how many were left open.
static unsigned
left_open(bool (*attempt)(void), unsigned spare, bool *ret_done)
{
    struct rlimit before, few;
    int taken[32], highest = -1;
    unsigned open = open_descriptors();
    CHECK(spare < sizeof taken / sizeof taken[0]);
    for (unsigned i = 0; i < spare; i++) {
        CHECK((taken[i] = dup(STDERR_FILENO)) >= 0);
        highest = taken[i] > highest ? taken[i] : highest;
    }
    for (unsigned i = 0; i < spare; i++)
        close(taken[i]);
    CHECK_EQ(0, getrlimit(RLIMIT_NOFILE, &before));
    few = before;
    few.rlim_cur = (rlim_t) (highest + 1);
    CHECK_EQ(0, setrlimit(RLIMIT_NOFILE, &few));
    *ret_done = attempt();
    CHECK_EQ(0, setrlimit(RLIMIT_NOFILE, &before));
    return open_descriptors() - open;
}

// Too few descriptors for a loop: NULL, and nothing of ours is left open. (libuv leaves one itself.)
static void
executor_without_descriptors_for_its_loop_is_not_to_be_had(void **state)
{
    bool is_had = false;
    (void) state;
    for (unsigned spare = 0; !is_had; spare++) {
        bool could_be_had;
        unsigned left = left_open(bare_loop, spare, &could_be_had);
        CHECK_EQ(left, left_open(own_loop, spare, &is_had));
        CHECK_EQ(could_be_had, is_had);
        CHECK(spare > 0 || !is_had);
    }
}

static void
functions_of_the_poll_executor_are_not_for_this_one(void **state)
{
    struct place *p = place_of(state);
    CHECK_EQ(-1, aimdb_fd(p->w.executor));
    CHECK_ERR(AIMDB_ENOTSUP, aimdb_dispatch(p->w.executor, 0));
    CHECK_EQ(AIMDB_FOREVER, aimdb_next_deadline(p->w.executor));
}

// --- threads -------------------------------------------------------------------------------------

static void
build_elsewhere(void *arg)
{
    struct world *w = arg;
    aimdb *db = NULL;
    CHECK_ERR(AIMDB_EINVAL, aimdb_build(w->builder, &db));
    CHECK(db == NULL);
}

static void
build_in_another_thread_than_the_loops_is_refused_and_says_why(void **state)
{
    struct place *p = place_of(state);
    struct sink *sink = sink_new(&p->w, 1), *blocking = sink_new(&p->w, 1);
    number_record record = number_configure(p->w.builder, "r", AIMDB_SPMC_RING(8));
    sink_attach(&p->w, record, sink, false);
    sink_attach(&p->w, record, blocking, true);
    helper_join(helper_start(&p->w, build_elsewhere, &p->w));
    CHECK_EQ(1, aimdb_builder_mistakes(p->w.builder));
    const char *text = aimdb_builder_mistake(p->w.builder, 0);
    CHECK(strstr(text, "executor") != NULL);
    CHECK(strstr(text, "in the thread of the uv loop") != NULL);
    RUN_TO_THE_END(&p->loop); // no database is open
    world_build(&p->w);       // in the right thread it is well
    push(record, 1);
    RUN_UNTIL(&p->loop, sink->count == 1 && gate_count(blocking->calls) == 1);
}

// --- what stops the program ----------------------------------------------------------------------

static int last_words[2];

static void
stops_the_program(void (*doom)(void *arg), const char *words)
{
    char text[2048];
    CHECK(pipe(last_words) == 0);
    int status = contract_child(doom, NULL);
    close(last_words[1]);
    ssize_t length = read(last_words[0], text, sizeof text - 1);
    close(last_words[0]);
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(SIGABRT, WTERMSIG(status));
    CHECK(length > 0);
    text[length] = '\0';
    if (strstr(text, words) == NULL)
        contract_fail(__FILE__, __LINE__, "it said '%s', not '%s'", text, words);
}

static struct place *
doomed_place(void)
{
    void *state = NULL;
    dup2(last_words[1], STDERR_FILENO);
    CHECK(place_setup(&state) == 0);
    return state;
}

static void
free_with_open_database(void *arg)
{
    (void) arg;
    struct place *p = doomed_place();
    (void) annex_new(&p->w, p->w.executor, sink_new(&p->w, 1), false);
    aimdb_executor_free(p->w.executor);
}

static void
executor_with_an_open_database_cannot_be_freed(void **state)
{
    (void) state;
    stops_the_program(free_with_open_database, "a database of this executor is still open");
}

static void
free_executor(void *arg)
{
    aimdb_executor_free(arg);
}

static void
free_in_another_thread(void *arg)
{
    (void) arg;
    struct place *p = doomed_place();
    helper_join(helper_start(&p->w, free_executor, p->w.executor));
}

static void
executor_cannot_be_freed_in_another_thread_than_the_loops(void **state)
{
    (void) state;
    stops_the_program(free_in_another_thread, "in the thread of the uv loop");
}

static void
run_loop(void *arg)
{
    struct place *p = arg;
    (void) uv_run(&p->loop, UV_RUN_DEFAULT);
}

static void
run_in_another_thread(void *arg)
{
    (void) arg;
    struct place *p = doomed_place();
    struct annex *annex = annex_new(&p->w, p->w.executor, sink_new(&p->w, 1), false);
    push(annex->record, 1);
    helper_join(helper_start(&p->w, run_loop, p));
}

static void
loop_cannot_be_run_by_another_thread_than_made_the_executor(void **state)
{
    (void) state;
    stops_the_program(run_in_another_thread, "another thread than called aimdb_uv_new");
}

// --- stopping ------------------------------------------------------------------------------------

struct runner {
    struct world *w;
    aimdb_err err;
};

static void
run_database(void *arg)
{
    struct runner *runner = arg;
    helper_about_to_block();
    runner->err = aimdb_run(runner->w->db);
}

static void
stop_in_signal_callback(uv_signal_t *handle, int number)
{
    struct world *w = handle->data;
    CHECK_EQ(SIGUSR2, number);
    aimdb_stop(w->db);
    uv_close((uv_handle_t *) handle, NULL);
}

// The loop has the signal, another thread waits in aimdb_run.
static void
stop_in_a_signal_callback_of_the_loop_ends_run(void **state)
{
    struct place *p = place_of(state);
    struct sink *sink = sink_new(&p->w, 8);
    struct runner runner = { &p->w, AIMDB_EIO };
    uv_signal_t handle = { .data = &p->w };
    number_record record = number_configure(p->w.builder, "r", AIMDB_SPMC_RING(8));
    sink_attach(&p->w, record, sink, false);
    world_build(&p->w);
    CHECK_EQ(0, uv_signal_init(&p->loop, &handle));
    CHECK_EQ(0, uv_signal_start(&handle, stop_in_signal_callback, SIGUSR2));
    struct helper *helper = helper_start(&p->w, run_database, &runner);
    helper_until_asleep(helper);
    push(record, 1);
    RUN_UNTIL(&p->loop, sink->count == 1);
    CHECK_ERR(AIMDB_EIO, runner.err); // it still runs
    CHECK_EQ(0, raise(SIGUSR2));
    RUN_UNTIL(&p->loop, uv_is_closing((uv_handle_t *) &handle));
    helper_join(helper);
    CHECK_OK(runner.err);
    push(record, 2); // it was only a question
    RUN_UNTIL(&p->loop, sink->count == 2);
    place_end(p);
}

static aimdb_err
stop_at_five(aimdb_ctx *ctx, const struct number *value)
{
    struct world *w = aimdb_user(ctx);
    if (value->n == 5)
        aimdb_stop(w->db);
    return AIMDB_OK;
}

// In the loop's own thread aimdb_run is the loop, as far as the database is concerned.
static void
run_in_the_loops_thread_calls_consumers_itself(void **state)
{
    struct place *p = place_of(state);
    number_record record = number_configure(p->w.builder, "r", AIMDB_SPMC_RING(8));
    aimdb_task *task = number_add_consumer(p->w.builder, record, stop_at_five, &p->w);
    world_build(&p->w);
    push_range(record, 1, 5);
    CHECK_OK(aimdb_run(p->w.db));
    CHECK_EQ(5, task_stats(task).received);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(executor_with_an_open_database_cannot_be_freed),
        cmocka_unit_test(executor_cannot_be_freed_in_another_thread_than_the_loops),
        cmocka_unit_test(loop_cannot_be_run_by_another_thread_than_made_the_executor),
        UV_TEST(options_of_a_size_that_makes_no_sense_are_refused),
        UV_TEST(options_may_be_larger_or_smaller_than_this_version_knows),
        UV_TEST(executor_without_descriptors_for_its_loop_is_not_to_be_had),
        UV_TEST(functions_of_the_poll_executor_are_not_for_this_one),
        UV_TEST(build_in_another_thread_than_the_loops_is_refused_and_says_why),
        UV_TEST(stop_in_a_signal_callback_of_the_loop_ends_run),
        UV_TEST(run_in_the_loops_thread_calls_consumers_itself),
    };
    return CONTRACT_RUN(tests, argc, argv);
}
