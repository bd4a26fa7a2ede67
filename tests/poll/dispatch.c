// SPDX-License-Identifier: Apache-2.0
// One thread, one event loop: the descriptor, the deadline, the budget.
#include "loop.h"

#include <fcntl.h>
#include <sys/resource.h>

// proves D6 D7 X1
static void
one_thread_builds_drives_closes_and_frees(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_new(w, 32);
    number_record record = number_configure(w->builder, "ticks", AIMDB_SPMC_RING(64));
    ticker_attach(w, record, 20, AIMDB_MS(1));
    sink_attach(w, record, sink, false);
    world_build(w);
    CHECK_EQ(0, loop_other_threads());
    while (sink->count < 20) {
        loop_turn(w->executor);
        CHECK_EQ(0, loop_other_threads());
    }
    for (uint64_t i = 0; i < 20; i++)
        CHECK_EQ(i + 1, sink->values[i]);
    CHECK_EQ(AIMDB_FOREVER, aimdb_next_deadline(w->executor)); // the source said never
    push(record, 21);
    CHECK_EQ(20, sink->count);
    aimdb_close_report report = world_close(w);
    CHECK_EQ(21, sink->count);
    CHECK_EQ(1, report.delivered);
    CHECK_EQ(0, loop_other_threads());
    CHECK(!loop_is_readable(w->executor));
}

// proves D6
static void
budget_is_the_number_of_calls(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_new(w, 16);
    number_record record = number_configure(w->builder, "values", AIMDB_SPMC_RING(16));
    sink_attach(w, record, sink, false);
    world_build(w);
    push_range(record, 1, 10);
    for (uint64_t calls = 3; calls < 10; calls += 3) {
        CHECK_ERR(AIMDB_EPENDING, aimdb_dispatch(w->executor, 3));
        CHECK_EQ(calls, sink->count);
        CHECK(loop_is_readable(w->executor));
        CHECK_EQ(0, aimdb_next_deadline(w->executor));
    }
    CHECK_OK(aimdb_dispatch(w->executor, 3));
    CHECK_EQ(10, sink->count);
    CHECK(!loop_is_readable(w->executor));
    CHECK_EQ(AIMDB_FOREVER, aimdb_next_deadline(w->executor));
    for (uint64_t i = 0; i < 10; i++)
        CHECK_EQ(i + 1, sink->values[i]);
}

// proves D6: a budget that is just enough leaves nothing to be done
static void
budget_that_is_just_enough_is_enough(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_new(w, 16);
    number_record ring = number_configure(w->builder, "ring", AIMDB_SPMC_RING(16));
    number_record latest = number_configure(w->builder, "latest", AIMDB_SINGLE_LATEST);
    number_record mailbox = number_configure(w->builder, "mailbox", AIMDB_MAILBOX);
    sink_attach(w, ring, sink, false);
    sink_attach(w, latest, sink, false);
    sink_attach(w, mailbox, sink, false);
    world_build(w);
    push_range(ring, 1, 5);
    push(latest, 6);
    push(mailbox, 7);
    CHECK_OK(aimdb_dispatch(w->executor, 7));
    CHECK_EQ(7, sink->count);
    CHECK(!loop_is_readable(w->executor));
}

#define BUSY 2 // records with a source that is always due

// proves D5 D6: sources and consumers count alike, and neither starves the other
static void
budget_counts_sources_and_consumers_of_all_records(void **state)
{
    struct world *w = *state;
    struct sink *sinks[BUSY];
    struct ticker *tickers[BUSY];
    uint64_t calls = 0;
    for (int i = 0; i < BUSY; i++) {
        char key[] = "record.0";
        key[7] = (char) ('0' + i);
        number_record record = number_configure(w->builder, key, AIMDB_SPMC_RING(16));
        sinks[i] = sink_new(w, 1);
        sink_attach(w, record, sinks[i], false);
        tickers[i] = ticker_attach(w, record, UINT64_MAX, 1);
    }
    world_build(w);
    CHECK_ERR(AIMDB_EPENDING,
              aimdb_dispatch(w->executor, 8)); // a dispatcher's first look is a call
    for (int i = 0; i < 100; i++) {
        uint64_t before = calls;
        CHECK_ERR(AIMDB_EPENDING, aimdb_dispatch(w->executor, 5));
        calls = 0;
        for (int j = 0; j < BUSY; j++)
            calls += tickers[j]->count + sinks[j]->count;
        CHECK(i == 0 || calls == before + 5);
    }
    for (int i = 0; i < BUSY; i++)
        CHECK(tickers[i]->count > 50 && sinks[i]->count > 50);
}

// proves D6
static void
budget_of_nothing_is_256(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_new(w, 1);
    number_record record = number_configure(w->builder, "values", AIMDB_SPMC_RING(512));
    sink_attach(w, record, sink, false);
    world_build(w);
    push_range(record, 1, 300);
    CHECK_ERR(AIMDB_EPENDING, aimdb_dispatch(w->executor, 0));
    CHECK_EQ(256, sink->count);
    CHECK_OK(aimdb_dispatch(w->executor, 0));
    CHECK_EQ(300, sink->count);
}

// proves D5 D6: one raise for all that becomes ready, none for what is ready already
static void
descriptor_is_readable_exactly_when_something_is_ready(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_new(w, 16);
    number_record first = number_configure(w->builder, "first", AIMDB_SPMC_RING(16));
    number_record second = number_configure(w->builder, "second", AIMDB_MAILBOX);
    number_record unheard = number_configure(w->builder, "unheard", AIMDB_SPMC_RING(16));
    sink_attach(w, first, sink, false);
    sink_attach(w, second, sink, false);
    CHECK(!loop_is_readable(w->executor));
    world_build(w);
    CHECK_EQ(1, loop_raises(w->executor)); // dispatchers begin with a look at their record
    CHECK_OK(aimdb_dispatch(w->executor, 0));
    CHECK_EQ(0, sink->count);
    CHECK(!loop_is_readable(w->executor));
    for (uint64_t round = 0; round < 10; round++) {
        push(unheard, round);
        CHECK(!loop_is_readable(w->executor));
        push(first, round);
        CHECK(loop_is_readable(w->executor));
        CHECK_EQ(1, loop_raises(w->executor));
        push_range(first, 1, 5); // its consumer is ready already
        push(second, round);     // this one is not, but the loop is going to look
        CHECK_EQ(1, loop_raises(w->executor));
        CHECK_OK(aimdb_dispatch(w->executor, 0));
        CHECK(!loop_is_readable(w->executor));
        CHECK_EQ(7 * (round + 1), sink->count);
    }
}

struct relay {
    struct world *w;
    number_record to;
    uint64_t raises; // seen inside the call
};

static aimdb_err
pass_on(aimdb_ctx *ctx, const struct number *value)
{
    struct relay *relay = aimdb_user(ctx);
    CHECK_OK(number_emit(ctx, relay->to, value));
    relay->raises += loop_raises(relay->w->executor);
    return AIMDB_OK;
}

// proves D6 E1: what callbacks make ready is done in the same dispatch, and raises nothing
static void
what_becomes_ready_during_a_dispatch_raises_nothing(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_new(w, 16);
    struct relay *relay = world_memory(w, sizeof *relay);
    number_record from = number_configure(w->builder, "from", AIMDB_SPMC_RING(16));
    relay->w = w;
    relay->to = number_configure(w->builder, "to", AIMDB_SPMC_RING(16));
    CHECK(number_add_consumer(w->builder, from, pass_on, relay) != NULL);
    sink_attach(w, relay->to, sink, false);
    world_build(w);
    push_range(from, 1, 8);
    CHECK_OK(aimdb_dispatch(w->executor, 0));
    CHECK_EQ(8, sink->count);
    CHECK_EQ(0, relay->raises);
    CHECK(!loop_is_readable(w->executor));
}

// proves D6 D7: time is not part of the descriptor
static void
deadline_is_that_of_the_earliest_source(void **state)
{
    struct world *w = *state;
    number_record record = number_configure(w->builder, "ticks", AIMDB_SPMC_RING(16));
    struct ticker *late = ticker_attach(w, record, 2, AIMDB_SEC(2000));
    struct ticker *early = ticker_attach(w, record, 2, AIMDB_SEC(1000));
    CHECK_EQ(AIMDB_FOREVER, aimdb_next_deadline(w->executor));
    aimdb_time before = aimdb_clock();
    world_build(w);
    aimdb_time after = aimdb_clock();
    CHECK(loop_is_readable(w->executor)); // the first steps are due
    CHECK_EQ(0, aimdb_next_deadline(w->executor));
    CHECK_OK(aimdb_dispatch(w->executor, 0));
    CHECK(late->count == 1 && early->count == 1);
    CHECK(!loop_is_readable(w->executor));
    aimdb_time next = aimdb_next_deadline(w->executor);
    CHECK(next >= before + AIMDB_SEC(1000) && next <= after + AIMDB_SEC(1000));
    CHECK_OK(aimdb_dispatch(w->executor, 0)); // more often does no harm
    CHECK_EQ(next, aimdb_next_deadline(w->executor));
    CHECK(late->count == 1 && early->count == 1);
}

// proves D6
static void
several_databases_share_one_executor(void **state)
{
    struct world *w = *state;
    struct sink *sinks[3];
    number_record records[3];
    aimdb *dbs[3];
    for (int i = 0; i < 3; i++) {
        sinks[i] = sink_new(w, 16);
        records[i] = number_configure(w->builder, "the.same.key", AIMDB_SPMC_RING(16));
        sink_attach(w, records[i], sinks[i], false);
        world_build(w);
        dbs[i] = w->db;
        w->db = NULL;
        world_rebuild_with(w, w->executor, 0);
    }
    for (int i = 0; i < 3; i++)
        push(records[i], (uint64_t) i);
    CHECK_EQ(1, loop_raises(w->executor));
    CHECK_OK(aimdb_dispatch(w->executor, 0));
    push(records[0], 10);
    push(records[1], 11);
    CHECK_OK(aimdb_close(dbs[1], AIMDB_FOREVER, NULL)); // meanwhile the others are served as well
    CHECK(sinks[0]->count == 2 && sinks[1]->count == 2 && sinks[2]->count == 1);
    aimdb_free(dbs[1]);
    push(records[2], 12);
    CHECK_OK(aimdb_dispatch(w->executor, 0));
    CHECK(sinks[0]->count == 2 && sinks[2]->count == 2 && sinks[2]->values[1] == 12);
    aimdb_free(dbs[0]);
    aimdb_free(dbs[2]);
}

// proves section 9
static void
functions_of_event_loops_refuse_a_pool_and_nothing(void **state)
{
    struct world *w = *state;
    aimdb_executor *pool = aimdb_pool_new(&(aimdb_pool_options){ .threads = 1 });
    (void) w;
    CHECK(pool != NULL);
    CHECK_EQ(-1, aimdb_fd(pool));
    CHECK_EQ(AIMDB_FOREVER, aimdb_next_deadline(pool));
    CHECK_ERR(AIMDB_ENOTSUP, aimdb_dispatch(pool, 1));
    CHECK_EQ(-1, aimdb_fd(NULL));
    CHECK_EQ(AIMDB_FOREVER, aimdb_next_deadline(NULL));
    CHECK_ERR(AIMDB_EINVAL, aimdb_dispatch(NULL, 1));
    aimdb_executor_free(pool);
}

static void
expect_options(bool good, size_t size, uint32_t blocking_threads)
{
    aimdb_executor *executor =
        aimdb_poll_new(&(aimdb_poll_options){ .size = size, .blocking_threads = blocking_threads });
    CHECK((executor != NULL) == good);
    aimdb_executor_free(executor);
}

// proves section 9
static void
bad_options_are_refused(void **state)
{
    (void) state;
    expect_options(true, 0, 1024);
    expect_options(true, sizeof(aimdb_poll_options), 1);
    expect_options(true, sizeof(size_t), 1); // of before there were others
    expect_options(false, 0, 1025);
    expect_options(false, 0, UINT32_MAX);
    expect_options(false, 1, 0);
    expect_options(false, sizeof(size_t) - 1, 0);
}

static void
make_without_descriptors(void *arg)
{
    (void) arg;
    CHECK(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 0, 0 }) == 0);
    CHECK(aimdb_poll_new(NULL) == NULL);
}

// proves section 9
static void
executor_needs_a_descriptor_and_gives_it_back(void **state)
{
    (void) state;
    aimdb_executor *executor = aimdb_poll_new(NULL);
    int fd = aimdb_fd(executor);
    CHECK(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
    aimdb_executor_free(executor);
    CHECK(fcntl(fd, F_GETFD) == -1);
    CHECK_EQ(0, contract_child(make_without_descriptors, NULL));
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(one_thread_builds_drives_closes_and_frees),
        LOOP_TEST(budget_is_the_number_of_calls),
        LOOP_TEST(budget_that_is_just_enough_is_enough),
        LOOP_TEST(budget_counts_sources_and_consumers_of_all_records),
        LOOP_TEST(budget_of_nothing_is_256),
        LOOP_TEST(descriptor_is_readable_exactly_when_something_is_ready),
        LOOP_TEST(what_becomes_ready_during_a_dispatch_raises_nothing),
        LOOP_TEST(deadline_is_that_of_the_earliest_source),
        LOOP_TEST(several_databases_share_one_executor),
        LOOP_TEST(functions_of_event_loops_refuse_a_pool_and_nothing),
        LOOP_TEST(bad_options_are_refused),
        LOOP_TEST(executor_needs_a_descriptor_and_gives_it_back),
    };
    return LOOP_RUN(tests, argc, argv);
}
