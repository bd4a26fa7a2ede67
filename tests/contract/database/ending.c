// SPDX-License-Identifier: Apache-2.0
// Stopping from anywhere, children of a fork, and misuse that stops the program.
#include "trap.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

// X4 -------------------------------------------------------------------------------------------

static aimdb *running_db;

struct runner {
    struct world *w;
    aimdb_err err;
};

static void
run_db(void *arg)
{
    struct runner *runner = arg;
    helper_about_to_block();
    runner->err = aimdb_run(runner->w->db);
}

static struct helper *
runner_start(struct world *w, struct runner **ret_runner)
{
    struct runner *runner = world_memory(w, sizeof *runner);
    runner->w = w;
    runner->err = AIMDB_EIO;
    *ret_runner = runner;
    return helper_start(w, run_db, runner);
}

// proves X4
static void
run_blocks_until_another_thread_says_stop(void **state)
{
    struct world *w = *state;
    struct runner *runner;
    world_build(w);
    struct helper *helper = runner_start(w, &runner);
    helper_until_asleep(helper);
    aimdb_stop(w->db);
    helper_join(helper);
    CHECK_OK(runner->err);
}

// proves X4
static void
stop_only_asks(void **state)
{
    struct world *w = *state;
    struct runner *runner;
    struct sink *sink = sink_new(w, 1);
    number_record record = number_configure(w->builder, "on", AIMDB_SPMC_RING(4));
    sink_attach(w, record, sink, false);
    world_build(w);
    struct helper *helper = runner_start(w, &runner);
    aimdb_stop(w->db);
    helper_join(helper);
    push(record, 1); // the database is as open as before
    gate_wait(sink->calls, 1);
    world_close(w);
    aimdb_stop(w->db); // and after the close it is nothing
}

// proves X4
static void
stop_before_run_is_not_lost(void **state)
{
    struct world *w = *state;
    world_build(w);
    aimdb_stop(w->db);
    aimdb_stop(w->db);
    CHECK_OK(aimdb_run(w->db));
}

// proves X4 X2
static void
run_returns_when_another_thread_closes(void **state)
{
    struct world *w = *state;
    struct runner *runner;
    world_build(w);
    struct helper *helper = runner_start(w, &runner);
    helper_until_asleep(helper);
    world_close(w);
    helper_join(helper);
    CHECK(runner->err == AIMDB_OK || runner->err == AIMDB_ECLOSED);
}

static void
stop_in_handler(int number)
{
    (void) number;
    aimdb_stop(running_db);
}

static void
interrupt_the_runner(void *arg)
{
    pthread_t *runner = arg;
    EVENTUALLY(contract_others_asleep()); // it as well, in aimdb_run
    CHECK(pthread_kill(*runner, SIGUSR1) == 0);
}

// proves X4
static void
stop_from_a_signal_handler_ends_run_in_the_same_thread(void **state)
{
    struct world *w = *state;
    pthread_t *self = world_memory(w, sizeof *self);
    world_build(w);
    running_db = w->db;
    *self = pthread_self();
    signal(SIGUSR1, stop_in_handler);
    struct helper *helper = helper_start(w, interrupt_the_runner, self);
    CHECK_OK(aimdb_run(w->db));
    helper_join(helper);
}

// proves X4
static void
stop_from_a_signal_handler_ends_run_in_another_thread(void **state)
{
    struct world *w = *state;
    struct runner *runner;
    world_build(w);
    running_db = w->db;
    signal(SIGUSR1, stop_in_handler);
    struct helper *helper = runner_start(w, &runner);
    helper_until_asleep(helper);
    CHECK(raise(SIGUSR1) == 0);
    helper_join(helper);
    CHECK_OK(runner->err);
}

static aimdb_err
stop_consumed(aimdb_ctx *ctx, const struct number *value)
{
    struct world *w = aimdb_user(ctx);
    (void) value;
    aimdb_stop(w->db);
    return AIMDB_OK;
}

// proves X4
static void
stop_from_a_consumer_ends_run(void **state)
{
    struct world *w = *state;
    struct runner *runner;
    number_record record = number_configure(w->builder, "stop", AIMDB_SPMC_RING(4));
    CHECK(number_add_consumer(w->builder, record, stop_consumed, w) != NULL);
    world_build(w);
    struct helper *helper = runner_start(w, &runner);
    helper_until_asleep(helper);
    push(record, 1);
    helper_join(helper);
    CHECK_OK(runner->err);
}

// X3: fork -------------------------------------------------------------------------------------

struct family {
    struct world *w;
    number_record records[3];
    number_reader readers[3];
};

static void
everything_is_forked(void *arg)
{
    struct family *family = arg;
    aimdb_close_report report = { sizeof report, 777, 777, true };
    struct number out = { 5 };
    for (size_t i = 0; i < 3; i++) {
        number_record record = family->records[i];
        number_reader reader;
        CHECK_ERR(AIMDB_EFORKED, number_produce(record, &out));
        CHECK_ERR(AIMDB_EFORKED, number_produce_n(record, &out, 1));
        CHECK_ERR(AIMDB_EFORKED, number_try_recv(&family->readers[i], &out));
        CHECK_ERR(AIMDB_EFORKED, number_recv(&family->readers[i], &out, AIMDB_FOREVER));
        CHECK_ERR(AIMDB_EFORKED, number_subscribe(record, &reader));
        CHECK_ERR(AIMDB_EFORKED, number_observe(record, &reader));
        CHECK_EQ(0, number_drain(&family->readers[i], &out, 1, NULL));
        CHECK_ERR(i == 0 ? AIMDB_ENOTSUP : AIMDB_EFORKED, number_peek(record, &out));
        CHECK_EQ(5, out.n);
    }
    CHECK_ERR(AIMDB_EFORKED, aimdb_run(family->w->db));
    CHECK_ERR(AIMDB_EFORKED, aimdb_close(family->w->db, AIMDB_FOREVER, &report));
    CHECK_EQ(777, report.delivered);
}

static struct family *
family_new(struct world *w)
{
    struct family *family = world_memory(w, sizeof *family);
    family->w = w;
    family->records[0] = number_configure(w->builder, "ring", AIMDB_SPMC_RING(8));
    family->records[1] = number_configure(w->builder, "latest", AIMDB_SINGLE_LATEST);
    family->records[2] = number_configure(w->builder, "mailbox", AIMDB_MAILBOX);
    return family;
}

static void
family_subscribe(struct family *family)
{
    for (size_t i = 0; i < 3; i++) {
        CHECK_OK(number_subscribe(family->records[i], &family->readers[i]));
        push(family->records[i], 1);
    }
}

static void
family_unsubscribe(struct family *family)
{
    for (size_t i = 0; i < 3; i++)
        number_unsubscribe(&family->readers[i]);
}

static void
ends_well(int status)
{
    CHECK(WIFEXITED(status));
    CHECK_EQ(0, WEXITSTATUS(status));
}

// proves X3
static void
child_of_a_fork_is_told_so_and_the_parent_goes_on(void **state)
{
    struct world *w = *state;
    struct family *family = family_new(w);
    world_build(w);
    family_subscribe(family);
    ends_well(contract_child(everything_is_forked, family));
    for (size_t i = 0; i < 3; i++) {
        expect(&family->readers[i], 1);
        push(family->records[i], 2);
        expect(&family->readers[i], 2);
        CHECK_EQ(2, record_stats(family->records[i]).produced);
    }
    family_unsubscribe(family);
}

// proves X3
static void
child_is_told_so_while_threads_of_the_parent_are_at_work(void **state)
{
    struct world *w = *state;
    struct family *family = family_new(w);
    struct sink *sink = sink_held_new(w, 4), *blocking = sink_held_new(w, 4);
    sink_attach(w, family->records[0], sink, false);
    sink_attach(w, family->records[0], blocking, true);
    world_build(w);
    family_subscribe(family);
    gate_wait(sink->calls, 1);
    gate_wait(blocking->calls, 1);
    for (int i = 0; i < 5; i++)
        ends_well(contract_child(everything_is_forked, family));
    push(family->records[0], 2);
    sink_let_go(sink);
    sink_let_go(blocking);
    gate_wait(sink->calls, 2);
    gate_wait(blocking->calls, 2);
    family_unsubscribe(family);
}

static void
free_in_child(void *arg)
{
    struct family *family = arg;
    family_unsubscribe(family);
    world_free_db(family->w);
    CHECK_EQ(0, family->w->ledger.live);
}

// proves X3 X1
static void
child_may_free_the_memory(void **state)
{
    struct world *w = *state;
    struct family *family = family_new(w);
    struct sink *sink = sink_new(w, 4);
    sink_attach(w, family->records[0], sink, false);
    world_build(w);
    family_subscribe(family);
    gate_wait(sink->calls, 1);
    ends_well(contract_child(free_in_child, family));
    push(family->records[0], 2);
    gate_wait(sink->calls, 2);
    family_unsubscribe(family);
}

struct heir {
    aimdb_executor *executor;
    aimdb_builder *builder;
};

static void
build_on_executor_of_parent(void *arg)
{
    struct heir *heir = arg;
    aimdb *db = NULL;
    CHECK_ERR(AIMDB_EFORKED, aimdb_build(heir->builder, &db));
    CHECK(db == NULL);
}

// proves X3
static void
child_cannot_build_on_the_executor_of_its_parent(void **state)
{
    struct world *w = *state;
    struct family *family = family_new(w);
    struct heir heir = { w->executor, aimdb_builder_new(w->executor) };
    sink_attach(w, family->records[0], sink_new(w, 1), false);
    (void) number_configure(heir.builder, "mine", AIMDB_MAILBOX);
    world_build(w);
    ends_well(contract_child(build_on_executor_of_parent, &heir));
    aimdb_builder_free(heir.builder);
}

static void
build_in_child(void *arg)
{
    void *state = NULL;
    struct sink *sink;
    (void) arg;
    CHECK(world_setup(&state) == 0);
    struct world *w = state;
    number_record record = number_configure(w->builder, "own", AIMDB_SPMC_RING(4));
    sink = sink_new(w, 1);
    sink_attach(w, record, sink, false);
    world_build(w);
    push(record, 1);
    gate_wait(sink->calls, 1);
    world_close(w);
    CHECK(world_teardown(&state) == 0);
}

// Threads in the child of a process that has threads are more than the sanitizer supports.
// proves X3
static void
child_may_have_a_database_of_its_own(void **state)
{
    struct world *w = *state;
    struct family *family = family_new(w);
    world_build(w);
    push(family->records[0], 1);
    if (CONTRACT_SANITIZED)
        skip();
    ends_well(contract_child(build_in_child, NULL));
    push(family->records[0], 2);
}

// Misuse ---------------------------------------------------------------------------------------

// What the child says before it dies, on its log hook and its error stream.
static int last_words[2];

static void
log_to_last_words(void *user, aimdb_log_level level, const char *line)
{
    (void) user;
    (void) level;
    (void) !write(last_words[1], line, strlen(line));
}

static void
doomed_world(struct world **ret_w)
{
    void *state = NULL;
    dup2(last_words[1], STDERR_FILENO);
    CHECK(world_setup(&state) == 0);
    *ret_w = state;
    aimdb_set_log((*ret_w)->builder, log_to_last_words, NULL);
}

static void
free_executor_in_use(void *arg)
{
    struct world *w;
    (void) arg;
    doomed_world(&w);
    world_build(w);
    contract_executor_free(w->executor);
}

static aimdb_err
free_consumed(aimdb_ctx *ctx, const struct number *value)
{
    struct world *w = aimdb_user(ctx);
    (void) value;
    aimdb_free(w->db);
    return AIMDB_OK;
}

static void
free_inside_a_consumer(void *arg)
{
    struct world *w;
    (void) arg;
    doomed_world(&w);
    number_record record = number_configure(w->builder, "suicide", AIMDB_SPMC_RING(4));
    CHECK(number_add_consumer(w->builder, record, free_consumed, w) != NULL);
    world_build(w);
    push(record, 1);
    gate_wait(gate_new(w), 1); // in vain
}

static void
program_is_stopped_with_file_and_line(void (*doom)(void *arg))
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
    char *place = strstr(text, ".c:");
    CHECK(place != NULL && place[3] >= '0' && place[3] <= '9');
}

// proves section 9
static void
freeing_an_executor_with_an_open_database_stops_the_program(void **state)
{
    (void) state;
    program_is_stopped_with_file_and_line(free_executor_in_use);
}

// proves section 9, X1
static void
freeing_a_database_in_its_own_consumer_stops_the_program(void **state)
{
    (void) state;
    program_is_stopped_with_file_and_line(free_inside_a_consumer);
}

#define HANDLED 7

static void
handle_fault(int number)
{
    (void) number;
    _exit(HANDLED);
}

static aimdb_err
fault_consumed(aimdb_ctx *ctx, const struct number *value)
{
    volatile unsigned char *closed = trap_memory(aimdb_user(ctx));
    (void) value;
    *closed = 1;
    return AIMDB_OK;
}

static aimdb_time
fault_sourced(aimdb_ctx *ctx, number_record out)
{
    (void) out;
    (void) fault_consumed(ctx, NULL);
    return AIMDB_FOREVER;
}

static void
fault_in_a_thread_of_the_pool(void *arg)
{
    void *state = NULL;
    bool in_source = *(bool *) arg;
    CHECK(world_setup(&state) == 0);
    struct world *w = state;
    struct trap *trap = trap_new(w, 1, NULL, NULL);
    number_record record = number_configure(w->builder, "fault", AIMDB_SPMC_RING(4));
    if (in_source)
        CHECK(number_add_source(w->builder, record, fault_sourced, trap) != NULL);
    else
        CHECK(number_add_consumer(w->builder, record, fault_consumed, trap) != NULL);
    trap_close(trap, 0);
    CHECK(signal(SIGSEGV, handle_fault) != SIG_ERR);
    CHECK_OK(aimdb_build(w->builder, &w->db));
    (void) number_produce(record, &(struct number){ 1 });
    for (;;)
        pause();
}

// proves D6
static void
fault_in_a_thread_of_the_pool_reaches_the_handler_of_the_program(void **state)
{
    SKIP_IF_SIMULATED("threads as such");
    (void) state;
    for (int i = 0; i < 2; i++) {
        bool in_source = i == 1;
        int status = contract_child(fault_in_a_thread_of_the_pool, &in_source);
        CHECK(WIFEXITED(status));
        CHECK_EQ(HANDLED, WEXITSTATUS(status));
    }
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(freeing_an_executor_with_an_open_database_stops_the_program),
        cmocka_unit_test(freeing_a_database_in_its_own_consumer_stops_the_program),
        cmocka_unit_test(fault_in_a_thread_of_the_pool_reaches_the_handler_of_the_program),
        CONTRACT_TEST(run_blocks_until_another_thread_says_stop),
        CONTRACT_TEST(stop_only_asks),
        CONTRACT_TEST(stop_before_run_is_not_lost),
        CONTRACT_TEST(run_returns_when_another_thread_closes),
        CONTRACT_TEST(stop_from_a_signal_handler_ends_run_in_the_same_thread),
        CONTRACT_TEST(stop_from_a_signal_handler_ends_run_in_another_thread),
        CONTRACT_TEST(stop_from_a_consumer_ends_run),
        CONTRACT_TEST(child_of_a_fork_is_told_so_and_the_parent_goes_on),
        CONTRACT_TEST(child_is_told_so_while_threads_of_the_parent_are_at_work),
        CONTRACT_TEST(child_may_free_the_memory),
        CONTRACT_TEST(child_cannot_build_on_the_executor_of_its_parent),
        CONTRACT_TEST(child_may_have_a_database_of_its_own),
    };
    return CONTRACT_RUN(tests, argc, argv);
}
