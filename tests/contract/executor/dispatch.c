// SPDX-License-Identifier: Apache-2.0
// Dispatchers: order, lag, parallel consumers, errors, blocking consumers, fairness.
#include "contract.h"

#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

// D1 -------------------------------------------------------------------------------------------

static void
consumer_sees_all_in_order(struct world *w, bool blocking)
{
    const uint64_t values = contract_many(5000);
    struct sink *sink = sink_new(w, 5000);
    number_record record = number_configure(w->builder, "order", AIMDB_SPMC_RING(5000));
    aimdb_task *task = sink_attach(w, record, sink, blocking);
    world_build(w);
    push_range(record, 1, values);
    gate_wait(sink->calls, values);
    for (uint64_t i = 0; i < values; i++)
        CHECK_EQ(i + 1, sink->values[i]);
    world_close(w);
    CHECK_EQ(values, task_stats(task).received);
    CHECK_EQ(0, task_stats(task).missed + task_stats(task).pending + task_stats(task).errors);
}

// proves D1 D2
static void
consumer_gets_every_value_in_order(void **state)
{
    consumer_sees_all_in_order(*state, false);
}

// proves D1 D2 D4
static void
blocking_consumer_gets_every_value_in_order(void **state)
{
    consumer_sees_all_in_order(*state, true);
}

struct lagger {
    struct gate *calls;
    struct gate *leave;
    uint64_t values[16], missed[16];
    size_t count;
};

static aimdb_err
note_missed(aimdb_ctx *ctx, const struct number *value)
{
    struct lagger *lagger = aimdb_user(ctx);
    lagger->missed[lagger->count] = aimdb_missed(ctx);
    lagger->values[lagger->count] = value->n;
    uint64_t call = ++lagger->count;
    gate_add(lagger->calls, 1);
    gate_wait(lagger->leave, call);
    return AIMDB_OK;
}

// proves D1 R4 R5
static void
lagging_consumer_is_told_the_number_and_lives_on(void **state)
{
    struct world *w = *state;
    struct lagger *lagger = world_memory(w, sizeof *lagger);
    number_record record = number_configure(w->builder, "lag", AIMDB_SPMC_RING(4));
    aimdb_task *task = number_add_consumer(w->builder, record, note_missed, lagger);
    lagger->calls = gate_new(w);
    lagger->leave = gate_new(w);
    world_build(w);
    push(record, 1);
    gate_wait(lagger->calls, 1);
    push_range(record, 2, 11); // 2 to 7 are gone
    gate_add(lagger->leave, 1);
    gate_wait(lagger->calls, 2);
    push_range(record, 12, 20); // more than it holds once again
    gate_add(lagger->leave, 100);
    world_close(w);
    CHECK_EQ(1, lagger->values[0]);
    CHECK_EQ(8, lagger->values[1]);
    CHECK_EQ(6, lagger->missed[1]);
    for (size_t i = 1; i < lagger->count; i++) // what it is told is what it did not get
        CHECK_EQ(lagger->values[i], lagger->values[i - 1] + 1 + lagger->missed[i]);
    CHECK_EQ(20, lagger->values[lagger->count - 1]);
    CHECK_EQ(2, task_stats(task).lags);
    CHECK_EQ(lagger->count, task_stats(task).received);
    CHECK_EQ(20, task_stats(task).received + task_stats(task).missed);
}

// proves D1 X1
static void
dispatcher_leaves_when_its_record_is_closed(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_new(w, 4);
    number_record record = number_configure(w->builder, "leave", AIMDB_SPMC_RING(4));
    unsigned threads = contract_thread_count();
    sink_attach(w, record, sink, false);
    sink_attach(w, record, sink_new(w, 4), true);
    world_build(w);
    push(record, 1);
    world_close(w);
    EVENTUALLY(contract_thread_count() == threads);
    CHECK_EQ(1, gate_count(sink->calls));
}

// D2 -------------------------------------------------------------------------------------------

struct partner {
    struct gate *mine;
    struct gate *others;
    uint64_t count;
};

static aimdb_err
wait_for_partner(aimdb_ctx *ctx, const struct number *value)
{
    struct partner *partner = aimdb_user(ctx);
    (void) value;
    gate_add(partner->mine, 1);
    gate_wait(partner->others, ++partner->count);
    return AIMDB_OK;
}

// Each of two consumers stays in its call until the other has been called with the same value.
static void
two_wait_for_each_other(struct world *w, aimdb_buffer_cfg cfg, bool blocking)
{
    const aimdb_consumer_options options = { .blocking = blocking };
    struct partner *a = world_memory(w, sizeof *a), *b = world_memory(w, sizeof *b);
    number_record record = number_configure(w->builder, "parallel", cfg);
    a->mine = b->others = gate_new(w);
    b->mine = a->others = gate_new(w);
    (void) number_add_consumer_with(w->builder, record, wait_for_partner, a, &options);
    (void) number_add_consumer_with(w->builder, record, wait_for_partner, b, &options);
    world_build(w);
    for (uint64_t n = 1; n <= 200; n++) {
        push(record, n);
        gate_wait(a->mine, n);
        gate_wait(b->mine, n);
    }
}

// proves D2
static void
consumers_of_a_ring_run_in_parallel(void **state)
{
    if (contract_workers() < 2)
        skip();
    two_wait_for_each_other(*state, AIMDB_SPMC_RING(8), false);
}

// proves D2
static void
consumers_of_a_latest_run_in_parallel(void **state)
{
    if (contract_workers() < 2)
        skip();
    two_wait_for_each_other(*state, AIMDB_SINGLE_LATEST, false);
}

// proves D2 D4
static void
blocking_consumers_run_in_parallel(void **state)
{
    two_wait_for_each_other(*state, AIMDB_SPMC_RING(8), true);
}

struct party {
    struct gate *inside;
    uint64_t size;
};

static aimdb_err
wait_for_all(aimdb_ctx *ctx, const struct number *value)
{
    struct party *party = aimdb_user(ctx);
    gate_add(party->inside, 1);
    gate_wait(party->inside, value->n * party->size);
    return AIMDB_OK;
}

// proves D2 D6
static void
as_many_consumers_run_at_once_as_there_are_workers(void **state)
{
    struct world *w = *state;
    struct party *party = world_memory(w, sizeof *party);
    number_record record = number_configure(w->builder, "party", AIMDB_SPMC_RING(8));
    party->inside = gate_new(w);
    party->size = contract_workers();
    for (uint64_t i = 0; i < party->size; i++)
        CHECK(number_add_consumer(w->builder, record, wait_for_all, party) != NULL);
    world_build(w);
    for (uint64_t n = 1; n <= 50; n++) {
        push(record, n);
        gate_wait(party->inside, n * party->size);
    }
}

struct lone {
    atomic_int inside;
    struct gate *calls;
    uint64_t plain; // not atomic on purpose: the executor must order the calls
};

static aimdb_err
be_alone(aimdb_ctx *ctx, const struct number *value)
{
    struct lone *lone = aimdb_user(ctx);
    (void) value;
    CHECK_EQ(0, atomic_fetch_add(&lone->inside, 1));
    for (int i = 0; i < 50; i++)
        lone->plain++;
    CHECK_EQ(1, atomic_fetch_sub(&lone->inside, 1));
    gate_add(lone->calls, 1);
    return AIMDB_OK;
}

// proves D2
static void
calls_of_one_consumer_never_overlap(void **state)
{
    struct world *w = *state;
    struct lone *lones[3];
    struct helper *helpers[3];
    struct pusher *pusher = world_memory(w, sizeof *pusher);
    pusher->count = contract_many(3000);
    pusher->record = number_configure(w->builder, "alone", AIMDB_SPMC_RING(9000));
    for (size_t i = 0; i < 3; i++) {
        lones[i] = world_memory(w, sizeof *lones[i]);
        lones[i]->calls = gate_new(w);
        (void) number_add_consumer_with(w->builder, pusher->record, be_alone, lones[i],
                                        &(aimdb_consumer_options){ .blocking = i == 2 });
    }
    world_build(w);
    for (size_t i = 0; i < 3; i++)
        helpers[i] = helper_start(w, push_many, pusher);
    for (size_t i = 0; i < 3; i++)
        helper_join(helpers[i]);
    for (size_t i = 0; i < 3; i++) {
        gate_wait(lones[i]->calls, 3 * pusher->count);
        CHECK_EQ(3 * pusher->count * 50, lones[i]->plain);
    }
}

// The pushes wake the other consumer of the record each time, and not the one in its call.
// proves D2
static void
consumer_in_its_call_is_not_called_again(void **state)
{
    struct world *w = *state;
    struct sink *held = sink_held_new(w, 10), *beside = sink_new(w, 10);
    number_record record = number_configure(w->builder, "once", AIMDB_SPMC_RING(16));
    sink_attach(w, record, held, true);
    sink_attach(w, record, beside, true);
    world_build(w);
    for (uint64_t n = 1; n <= 10; n++) {
        push(record, n);
        gate_wait(beside->calls, n);
        gate_wait(held->calls, 1);
        EVENTUALLY(contract_others_asleep());
        CHECK_EQ(1, gate_count(held->calls));
    }
    sink_let_go(held);
    gate_wait(held->calls, 10);
    for (uint64_t n = 1; n <= 10; n++)
        CHECK_EQ(n, held->values[n - 1]);
}

// proves D2 P1
static void
consumer_runs_in_parallel_with_the_producer(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_held_new(w, 100);
    number_record record = number_configure(w->builder, "beside", AIMDB_SPMC_RING(100));
    sink_attach(w, record, sink, false);
    world_build(w);
    for (uint64_t n = 1; n <= 50; n++) {
        push(record, 2 * n - 1); // while the consumer is inside its call
        push(record, 2 * n);
        gate_wait(sink->calls, n);
        gate_add(sink->leave, 1);
    }
    sink_let_go(sink);
    gate_wait(sink->calls, 100);
}

// D3: errors -----------------------------------------------------------------------------------

static aimdb_err
fail_for_odd(aimdb_ctx *ctx, const struct number *value)
{
    gate_add(((struct sink *) aimdb_user(ctx))->calls, 1);
    return value->n % 2 == 1 ? AIMDB_EIO : AIMDB_OK;
}

// proves D3
static void
error_of_a_consumer_is_counted_and_logged_and_the_loop_goes_on(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_new(w, 1);
    struct log_book *book = log_book_new(w);
    number_record record = number_configure(w->builder, "faulty.key", AIMDB_SPMC_RING(64));
    aimdb_task *task = number_add_consumer_with(w->builder, record, fail_for_odd, sink,
                                                &(aimdb_consumer_options){ .name = "grumbler" });
    world_build(w);
    push_range(record, 1, 41);
    gate_wait(sink->calls, 41);
    world_close(w);
    CHECK_EQ(21, task_stats(task).errors);
    CHECK_EQ(41, task_stats(task).received);
    CHECK(log_book_find(book, "faulty.key", "grumbler", NULL) >= 1);
    CHECK(log_book_find(book, "grumbler", "EIO", NULL) >= 1 ||
          log_book_find(book, "grumbler", aimdb_err_text(AIMDB_EIO), NULL) >= 1);
}

// proves D3
static void
errors_of_one_consumer_are_not_those_of_another(void **state)
{
    struct world *w = *state;
    struct sink *bad = sink_new(w, 1), *good = sink_new(w, 1);
    number_record record = number_configure(w->builder, "both", AIMDB_SPMC_RING(64));
    aimdb_task *first = sink_attach(w, record, bad, false);
    aimdb_task *second = sink_attach(w, record, good, false);
    bad->result = AIMDB_ENOMEM;
    world_build(w);
    push_range(record, 1, 10);
    gate_wait(bad->calls, 10);
    gate_wait(good->calls, 10);
    world_close(w);
    CHECK_EQ(10, task_stats(first).errors);
    CHECK_EQ(0, task_stats(second).errors);
}

// D4 -------------------------------------------------------------------------------------------

// proves D4
static void
blocking_consumer_holds_up_nobody_else(void **state)
{
    struct world *w = *state;
    struct sink *stuck = sink_held_new(w, 1), *beside = sink_new(w, 1), *other = sink_new(w, 1);
    number_record record = number_configure(w->builder, "slow", AIMDB_SPMC_RING(256));
    number_record second = number_configure(w->builder, "fast", AIMDB_SPMC_RING(256));
    sink_attach(w, record, stuck, true);
    sink_attach(w, record, beside, false);
    sink_attach(w, second, other, false);
    world_build(w);
    push_range(record, 1, 100);
    gate_wait(stuck->calls, 1);
    push_range(second, 1, 100);
    gate_wait(beside->calls, 100);
    gate_wait(other->calls, 100);
    CHECK_EQ(1, gate_count(stuck->calls));
    sink_let_go(stuck);
    gate_wait(stuck->calls, 100);
}

// proves D4
static void
more_blocking_consumers_than_workers_are_all_inside_at_once(void **state)
{
    struct world *w = *state;
    struct sink *sinks[8];
    struct sink *free_one = sink_new(w, 1);
    number_record record = number_configure(w->builder, "slow", AIMDB_SPMC_RING(16));
    for (size_t i = 0; i < 8; i++) {
        sinks[i] = sink_held_new(w, 1);
        sink_attach(w, record, sinks[i], true);
    }
    sink_attach(w, record, free_one, false);
    world_build(w);
    push_range(record, 1, 10);
    for (size_t i = 0; i < 8; i++)
        gate_wait(sinks[i]->calls, 1);
    gate_wait(free_one->calls, 10);
    for (size_t i = 0; i < 8; i++)
        sink_let_go(sinks[i]);
    for (size_t i = 0; i < 8; i++)
        gate_wait(sinks[i]->calls, 10);
}

// proves D4
static void
few_blocking_threads_still_serve_many_blocking_consumers(void **state)
{
    struct world *w = *state;
    SKIP_IF_SIMULATED("a pool, whatever the variant");
    struct sink *sinks[10];
    aimdb_executor *pool =
        aimdb_pool_new(&(aimdb_pool_options){ .threads = 1, .blocking_threads = 2 });
    unsigned threads = contract_thread_count();
    world_rebuild_with(w, pool, 0);
    number_record record = number_configure(w->builder, "slow", AIMDB_SPMC_RING(64));
    for (size_t i = 0; i < 10; i++) {
        sinks[i] = sink_new(w, 1);
        sink_attach(w, record, sinks[i], true);
    }
    world_build(w);
    CHECK(contract_thread_count() <= threads + 3);
    push_range(record, 1, 50);
    for (size_t i = 0; i < 10; i++)
        gate_wait(sinks[i]->calls, 50);
    world_free_db(w);
    aimdb_executor_free(pool);
}

// D5 -------------------------------------------------------------------------------------------

struct busy {
    number_record self;
    struct gate *calls;
    atomic_bool stop;
};

static aimdb_err
call_me_again(aimdb_ctx *ctx, const struct number *value)
{
    struct busy *busy = aimdb_user(ctx);
    gate_add(busy->calls, 1);
    return atomic_load(&busy->stop) ? AIMDB_OK : number_emit(ctx, busy->self, value);
}

// As many records as there are workers, each with a consumer that never runs out of values.
static void
keep_all_workers_busy(struct world *w, struct busy **busy)
{
    static const char *const names[] = { "busy.0", "busy.1", "busy.2", "busy.3", "busy.4" };
    CHECK(contract_workers() < 5);
    for (size_t i = 0; i <= contract_workers(); i++) {
        busy[i] = world_memory(w, sizeof *busy[i]);
        busy[i]->calls = gate_new(w);
        busy[i]->self = number_configure(w->builder, names[i], AIMDB_SPMC_RING(64));
        CHECK(number_add_consumer(w->builder, busy[i]->self, call_me_again, busy[i]) != NULL);
    }
}

// proves D5
static void
busy_records_do_not_starve_a_hundred_others(void **state)
{
    struct world *w = *state;
    struct busy *busy[5];
    struct sink *sinks[100];
    number_record records[100];
    keep_all_workers_busy(w, busy);
    for (size_t i = 0; i < 100; i++) {
        char key[32];
        snprintf(key, sizeof key, "quiet.%zu", i);
        sinks[i] = sink_new(w, 1);
        records[i] = number_configure(w->builder, key, AIMDB_SPMC_RING(4));
        sink_attach(w, records[i], sinks[i], false);
    }
    world_build(w);
    for (size_t i = 0; i <= contract_workers(); i++)
        push_range(busy[i]->self, 1, 50);
    for (size_t i = 0; i <= contract_workers(); i++)
        gate_wait(busy[i]->calls, 1000);
    for (uint64_t round = 1; round <= 5; round++) {
        for (size_t i = 0; i < 100; i++)
            push(records[i], round);
        for (size_t i = 0; i < 100; i++)
            gate_wait(sinks[i]->calls, round);
    }
    for (size_t i = 0; i <= contract_workers(); i++) { // and they were busy all the time
        gate_wait(busy[i]->calls, gate_count(busy[i]->calls) + 100);
        atomic_store(&busy[i]->stop, true);
    }
}

// A consumer with a long backlog, held in its first call until others have something to do as well.
struct backlog {
    number_record record;
    struct gate *calls;
    struct gate *go;
    struct gate *others; // counts the calls of others
    aimdb_time each;     // what a call takes
    uint64_t most;       // this call waits for the others
    uint64_t count;
};

static aimdb_err
work_off(aimdb_ctx *ctx, const struct number *value)
{
    struct backlog *backlog = aimdb_user(ctx);
    aimdb_time until = aimdb_now(ctx) + backlog->each;
    (void) value;
    if (backlog->count++ == 0) {
        gate_add(backlog->calls, 1);
        gate_wait(backlog->go, 1);
    }
    if (backlog->count == backlog->most)
        gate_wait(backlog->others, 1); // in vain, if all workers come here before they give way
    while (backlog->each > 0 && aimdb_now(ctx) < until)
        continue;
    return AIMDB_OK;
}

static aimdb_err
count_in(aimdb_ctx *ctx, const struct number *value)
{
    (void) value;
    gate_add(aimdb_user(ctx), 1);
    return AIMDB_OK;
}

// Every worker has more than enough to do when the quiet record gets its value.
static void
backlog_gives_way(struct world *w, uint64_t values, aimdb_time each, uint64_t most)
{
    static const char *const names[] = { "backlog.0", "backlog.1", "backlog.2", "backlog.3" };
    struct backlog *backlogs[4];
    struct gate *others = gate_new(w), *go = gate_new(w);
    number_record quiet = number_configure(w->builder, "quiet", AIMDB_SPMC_RING(4));
    CHECK(contract_workers() <= 4);
    for (size_t i = 0; i < contract_workers(); i++) {
        backlogs[i] = world_memory(w, sizeof *backlogs[i]);
        *backlogs[i] =
            (struct backlog){ number_configure(w->builder, names[i], AIMDB_SPMC_RING(values)),
                              .calls = gate_new(w),
                              .go = go,
                              .others = others,
                              .each = each,
                              .most = most };
        CHECK(number_add_consumer(w->builder, backlogs[i]->record, work_off, backlogs[i]) != NULL);
    }
    CHECK(number_add_consumer(w->builder, quiet, count_in, others) != NULL);
    world_build(w);
    struct number *batch = world_memory(w, values * sizeof *batch);
    for (size_t i = 0; i < contract_workers(); i++)
        CHECK_OK(number_produce_n(backlogs[i]->record, batch, values));
    for (size_t i = 0; i < contract_workers(); i++)
        gate_wait(backlogs[i]->calls, 1);
    push(quiet, 1);
    gate_add(go, 1);
    gate_wait(others, 1);
    CHECK_OK(aimdb_close(w->db, 0, NULL));
}

// proves D5
static void
long_backlog_gives_way_to_others(void **state)
{
    backlog_gives_way(*state, 20000, 0, 10000);
}

// proves D5
static void
backlog_of_a_slow_consumer_gives_way_after_few_calls(void **state)
{
    backlog_gives_way(*state, 250, AIMDB_MS(2), 8);
}

static aimdb_time
never(aimdb_ctx *ctx, number_record out)
{
    (void) ctx;
    (void) out;
    return AIMDB_FOREVER;
}

static aimdb_time
tomorrow(aimdb_ctx *ctx, number_record out)
{
    (void) out;
    return aimdb_now(ctx) + AIMDB_SEC(86400);
}

static void
wait_in_vain(void *arg)
{
    number_reader *reader = arg;
    struct number out;
    helper_about_to_block();
    CHECK_ERR(AIMDB_ECLOSED, number_recv(reader, &out, AIMDB_FOREVER));
}

static int64_t
cpu_us(void)
{
    struct rusage usage;
    CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
    return (int64_t) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
           usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

// proves D5
static void
idle_database_uses_no_processor_time(void **state)
{
    struct world *w = *state;
    SKIP_IF_SIMULATED("real time");
    struct sink *sinks[2] = { sink_new(w, 1), sink_new(w, 1) };
    number_reader reader;
    number_record record = number_configure(w->builder, "idle", AIMDB_SPMC_RING(16));
    CHECK(number_add_source(w->builder, record, never, NULL) != NULL);
    CHECK(number_add_source(w->builder, record, tomorrow, NULL) != NULL);
    sink_attach(w, record, sinks[0], false);
    sink_attach(w, record, sinks[1], true);
    world_build(w);
    CHECK_OK(number_subscribe(record, &reader));
    struct helper *helper = helper_start(w, wait_in_vain, &reader);
    helper_until_asleep(helper);
    int64_t before = cpu_us();
    nanosleep(&(struct timespec){ .tv_sec = 2 }, NULL); // what is measured, not waited for
    CHECK(cpu_us() - before < 20000);
    world_close(w);
    helper_join(helper);
    number_unsubscribe(&reader);
}

// Names ----------------------------------------------------------------------------------------

// proves section 10
static void
tasks_have_the_names_they_were_given_or_numbers(void **state)
{
    struct world *w = *state;
    char name[] = "logger";
    struct sink *sink = sink_new(w, 1);
    number_record record = number_configure(w->builder, "names", AIMDB_SPMC_RING(4));
    aimdb_task *first = sink_attach(w, record, sink, false);
    aimdb_task *second = sink_attach(w, record, sink, false);
    aimdb_task *named = number_add_consumer_with(w->builder, record, sink_call, sink,
                                                 &(aimdb_consumer_options){ .name = name });
    aimdb_task *source = number_add_source(w->builder, record, never, NULL);
    memset(name, 'x', sizeof name - 1); // it was copied
    world_build(w);
    CHECK(strcmp("consumer-1", aimdb_task_name(first)) == 0);
    CHECK(strcmp("consumer-2", aimdb_task_name(second)) == 0);
    CHECK(strcmp("logger", aimdb_task_name(named)) == 0);
    CHECK(aimdb_task_name(source) != NULL && aimdb_task_name(source)[0] != '\0');
    CHECK(aimdb_task_name(NULL) == NULL);
    CHECK(aimdb_task_is_source(source) && !aimdb_task_is_source(named));
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(consumer_gets_every_value_in_order),
        CONTRACT_TEST(blocking_consumer_gets_every_value_in_order),
        CONTRACT_TEST(lagging_consumer_is_told_the_number_and_lives_on),
        CONTRACT_TEST(dispatcher_leaves_when_its_record_is_closed),
        CONTRACT_TEST(consumers_of_a_ring_run_in_parallel),
        CONTRACT_TEST(consumers_of_a_latest_run_in_parallel),
        CONTRACT_TEST(blocking_consumers_run_in_parallel),
        CONTRACT_TEST(as_many_consumers_run_at_once_as_there_are_workers),
        CONTRACT_TEST(calls_of_one_consumer_never_overlap),
        CONTRACT_TEST(consumer_in_its_call_is_not_called_again),
        CONTRACT_TEST(consumer_runs_in_parallel_with_the_producer),
        CONTRACT_TEST(error_of_a_consumer_is_counted_and_logged_and_the_loop_goes_on),
        CONTRACT_TEST(errors_of_one_consumer_are_not_those_of_another),
        CONTRACT_TEST(blocking_consumer_holds_up_nobody_else),
        CONTRACT_TEST(more_blocking_consumers_than_workers_are_all_inside_at_once),
        CONTRACT_TEST(few_blocking_threads_still_serve_many_blocking_consumers),
        CONTRACT_TEST(busy_records_do_not_starve_a_hundred_others),
        CONTRACT_TEST(long_backlog_gives_way_to_others),
        CONTRACT_TEST(backlog_of_a_slow_consumer_gives_way_after_few_calls),
        CONTRACT_TEST(idle_database_uses_no_processor_time),
        CONTRACT_TEST(tasks_have_the_names_they_were_given_or_numbers),
    };
    return CONTRACT_RUN(tests, argc, argv);
}
