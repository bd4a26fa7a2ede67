// SPDX-License-Identifier: Apache-2.0
// Processes that stand still, and processes that die. A child is stopped with SIGSTOP while values flow,
// and goes on; it says over a pipe when it is in the middle, so that the stop is there and not before.
#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 5u
#define PERIOD AIMDB_MS(1)
#define PERIODS 20u // points of the grid that pass in a stop, at the least

struct yard {
    int up[2];   // pipes: from the child
    int down[2]; // to the child
    int status;  // how the child ended
};

static void
yard_open(struct yard *yard)
{
    CHECK(pipe(yard->up) == 0);
    CHECK(pipe(yard->down) == 0);
}

// Pushes until the parent says that it has stopped this process, and let it go on.
static uint64_t
push_over_a_stop(const struct yard *yard, number_record record, uint64_t produced)
{
    char byte;
    CHECK(write(yard->up[1], "r", 1) == 1);
    while (read(yard->down[0], &byte, 1) != 1) {
        CHECK(errno == EAGAIN);
        push(record, ++produced);
    }
    return produced;
}

static void
flow_over_stops(void *arg)
{
    struct yard *yard = arg;
    void *state;
    pid_t self = getpid();
    CHECK(world_setup(&state) == 0);
    struct world *w = state;
    uint64_t produced = 0;
    struct sink *sink = sink_new(w, 0);
    number_reader reader;
    struct number out;
    uint64_t received = 0, missed = 0;
    number_record record = number_configure(w->builder, "record", AIMDB_SPMC_RING(64));
    number_record clock = number_configure(w->builder, "clock", AIMDB_SPMC_RING(64));
    aimdb_task *task = sink_attach(w, record, sink, false);
    struct ticks *ticks = ticks_attach(w, clock, PERIOD);
    CHECK(fcntl(yard->down[0], F_SETFL, O_NONBLOCK) == 0);
    world_build(w);
    CHECK_OK(number_subscribe(record, &reader));
    gate_wait(ticks->steps, 2);
    CHECK(write(yard->up[1], &self, sizeof self) == sizeof self);
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t overruns = task_stats(ticks->task).overruns;
        produced = push_over_a_stop(yard, record, produced);
        gate_wait(ticks->steps, gate_count(ticks->steps) + 2);
        CHECK(task_stats(ticks->task).overruns - overruns >= PERIODS - 2);
    }
    CHECK_EQ(0, world_close(w).lost);
    ticks_account(ticks);
    for (aimdb_err err = AIMDB_OK; err != AIMDB_ECLOSED;) {
        err = number_try_recv(&reader, &out);
        received += err == AIMDB_OK;
        missed += err == AIMDB_ELAGGED ? number_missed(&reader) : 0;
    }
    number_unsubscribe(&reader);
    CHECK_EQ(produced, received + missed);
    CHECK_EQ(produced, task_stats(task).received + task_stats(task).missed);
    CHECK_EQ(task_stats(task).received, gate_count(sink->calls));
    CHECK_EQ(task_stats(task).missed, sink->missed);
    CHECK(world_teardown(&state) == 0);
}

static void
run_child(void *arg)
{
    struct yard *yard = arg;
    yard->status = contract_child(flow_over_stops, yard);
    close(yard->up[1]); // who still waits for a message of the child is told that none comes
}

// It is known to have stood still for so many periods by the clock that both processes have.
static void
stop_and_continue(const struct yard *yard, pid_t child)
{
    siginfo_t info;
    char byte;
    CHECK(read(yard->up[0], &byte, 1) == 1);
    CHECK(kill(child, SIGSTOP) == 0);
    CHECK(waitid(P_PID, (id_t) child, &info, WSTOPPED | WNOWAIT) == 0);
    CHECK(info.si_code == CLD_STOPPED);
    aimdb_time until = aimdb_clock() + PERIODS * PERIOD;
    EVENTUALLY(aimdb_clock() > until);
    CHECK(kill(child, SIGCONT) == 0);
    CHECK(write(yard->down[1], "c", 1) == 1);
    contract_tally(1);
}

static void
process_that_is_stopped_in_mid_flow_keeps_its_accounts(void **state)
{
    struct world *w = *state;
    struct yard *yard = world_memory(w, sizeof *yard);
    pid_t child;
    // The threads that the child starts have the ids of its parent's, which the sanitizer still knows.
    if (CONTRACT_SANITIZES_THREADS)
        skip();
    yard_open(yard);
    struct helper *helper = helper_start(w, run_child, yard);
    CHECK(read(yard->up[0], &child, sizeof child) == sizeof child);
    for (unsigned round = 0; round < ROUNDS; round++)
        stop_and_continue(yard, child);
    helper_join(helper);
    CHECK(WIFEXITED(yard->status));
    CHECK_EQ(0, WEXITSTATUS(yard->status));
    close(yard->up[0]);
    close(yard->down[0]);
    close(yard->down[1]);
}

// Deaths -----------------------------------------------------------------------------------------

static aimdb_err
touch_what_is_not_there(aimdb_ctx *ctx, const struct number *value)
{
    volatile char *nothing = aimdb_user(ctx);
    (void) value;
    *nothing = 1;
    return AIMDB_OK;
}

static void
die_in_a_consumer(void *arg)
{
    bool blocking = *(bool *) arg;
    void *state;
    CHECK(world_setup(&state) == 0);
    struct world *w = state;
    void *nothing = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(nothing != MAP_FAILED);
    number_record record = number_configure(w->builder, "record", AIMDB_SPMC_RING(4));
    CHECK(number_add_consumer_with(w->builder, record, touch_what_is_not_there, nothing,
                                   &(aimdb_consumer_options){ .blocking = blocking }) != NULL);
    world_build(w);
    signal(SIGSEGV, SIG_DFL); // sanitizers have one of their own
    push(record, 1);
    for (;;)
        pause();
}

static void
consumer_that_dies_of_a_fault_ends_the_process(void **state)
{
    (void) state;
    for (int i = 0; i < 2; i++) {
        bool blocking = i == 1;
        int status = contract_child(die_in_a_consumer, &blocking);
        CHECK(WIFSIGNALED(status));
        CHECK_EQ(SIGSEGV, WTERMSIG(status));
        contract_tally(1);
    }
}

static void
others_go_on(struct sink *stuck, number_record others, struct sink *sink)
{
    gate_wait(stuck->calls, 1);
    for (uint64_t n = 1; n <= 100; n++) {
        push(others, n);
        gate_wait(sink->calls, n);
    }
}

static void
consumer_that_does_not_return_holds_up_only_its_own_values_and_the_close(void **state)
{
    struct world *w = *state;
    struct sink *stuck = sink_held_new(w, 4);
    struct sink *sink = sink_new(w, 0);
    number_record record = number_configure(w->builder, "stuck", AIMDB_SPMC_RING(4));
    number_record others = number_configure(w->builder, "others", AIMDB_SPMC_RING(4));
    aimdb_task *task = sink_attach(w, record, stuck, true);
    number_reader reader;
    struct number out;
    sink_attach(w, others, sink, false);
    world_build(w);
    CHECK_OK(number_subscribe(others, &reader));
    push_range(record, 1, 3);
    others_go_on(stuck, others, sink);
    struct closer *closer = closer_start(w, aimdb_clock() + AIMDB_MS(5));
    helper_until_asleep(closer->helper);
    EVENTUALLY(number_produce(others, &(struct number){ 0 }) == AIMDB_ECLOSED);
    EVENTUALLY(number_try_recv(&reader, &out) == AIMDB_ECLOSED); // the deadline has passed
    CHECK(aimdb_clock() >= closer->deadline);
    CHECK_EQ(1, gate_count(stuck->calls));
    sink_let_go(stuck);
    closer_join(closer);
    number_unsubscribe(&reader);
    CHECK(closer->report.timed_out);
    CHECK_EQ(3, task_stats(task).received + closer->report.lost);
    contract_tally(1);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(process_that_is_stopped_in_mid_flow_keeps_its_accounts),
        cmocka_unit_test(consumer_that_dies_of_a_fault_ends_the_process),
        CONTRACT_TEST(consumer_that_does_not_return_holds_up_only_its_own_values_and_the_close),
    };
    return FAULTS_RUN(tests, argc, argv);
}
