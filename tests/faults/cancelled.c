// SPDX-License-Identifier: Apache-2.0
// Threads that are cancelled while they are inside AimDB. A thread may be asked to end at any time, and
// by default ends in the next call that is a cancellation point; write(2) and read(2) are such calls. It
// must not end in the middle of AimDB's: what it was about to do for others nobody else would do.
//
// Each thread here asks for its own end before it calls, so that the first cancellation point on its way
// is the last thing it does. A call of AimDB's must return all the same; the thread ends after it.
#include "faults.h"

#include <sched.h>

#include "trap.h"

#define ROUNDS 8u
#define WORDS 2048u // of a value that fills several pages

struct large {
    uint64_t words[WORDS];
};
AIMDB_RECORD_TYPE(large, struct large);

// A thread that asks for its own end, or is asked while it sleeps, and then ends.
struct victim {
    pthread_t thread;
    void (*act)(struct victim *victim);
    bool is_asked_later; // by another thread
    atomic_bool has_begun;
    atomic_bool has_returned;
    number_record record;
    number_reader reader;
    number_reader other;
    large_record large_record;
    struct large *large;
    uint64_t n; // to produce, or what was received
    aimdb_err err;
    ptrdiff_t chosen;
};

static void *
victim_main(void *arg)
{
    struct victim *victim = arg;
    if (!victim->is_asked_later)
        CHECK(pthread_cancel(pthread_self()) == 0);
    atomic_store(&victim->has_begun, true);
    victim->act(victim);
    atomic_store(&victim->has_returned, true);
    for (;;)
        pthread_testcancel(); // who is asked by another may not have been asked yet
}

static void
victim_start(struct victim *victim, void (*act)(struct victim *victim))
{
    victim->act = act;
    CHECK(pthread_create(&victim->thread, NULL, victim_main, victim) == 0);
}

static void
victim_sleeps(struct victim *victim)
{
    EVENTUALLY(atomic_load(&victim->has_begun) && contract_others_asleep());
}

static void
victim_end(struct victim *victim)
{
    void *result = NULL;
    CHECK(pthread_join(victim->thread, &result) == 0);
    CHECK(result == PTHREAD_CANCELED);
    CHECK(atomic_load(&victim->has_returned));
    contract_tally(1);
}

static void
produce(struct victim *victim)
{
    victim->err = number_produce(victim->record, &(struct number){ victim->n });
}

static void
wakes_a_sleeping_executor(struct world *w, aimdb_buffer_cfg cfg)
{
    struct sink *sink = sink_new(w, ROUNDS + 1);
    number_record record = number_configure(w->builder, "record", cfg);
    aimdb_task *task = sink_attach(w, record, sink, false);
    world_build(w);
    push(record, 0);
    for (uint64_t n = 1; n <= ROUNDS; n++) {
        struct victim victim = { .record = record, .n = n };
        gate_wait(sink->calls, n);
        EVENTUALLY(contract_others_asleep());
        victim_start(&victim, produce);
        victim_end(&victim);
        CHECK_OK(victim.err);
    }
    gate_wait(sink->calls, ROUNDS + 1);
    CHECK_EQ(ROUNDS, sink->values[ROUNDS]);
    CHECK_EQ(0, world_close(w).lost);
    CHECK_EQ(ROUNDS + 1, task_stats(task).received);
}

// The loop sleeps, and the only thread that could wake it is about to end.
static void
thread_that_is_cancelled_while_it_produces_wakes_the_executor(void **state)
{
    struct world *w = *state;
    const aimdb_buffer_cfg cfgs[] = { AIMDB_SPMC_RING(4), AIMDB_SINGLE_LATEST, AIMDB_MAILBOX };
    for (size_t i = 0; i < sizeof cfgs / sizeof cfgs[0]; i++) {
        wakes_a_sleeping_executor(w, cfgs[i]);
        world_free_db(w);
        world_rebuild_with(w, w->executor, 0);
    }
}

// Receiving --------------------------------------------------------------------------------------

static void
receive(struct victim *victim)
{
    struct number out = { 0 };
    victim->err = number_recv(&victim->reader, &out, AIMDB_FOREVER);
    victim->n = out.n;
}

static void
select_one(struct victim *victim)
{
    aimdb_reader *readers[] = { &victim->other.raw, &victim->reader.raw };
    victim->chosen = aimdb_select(readers, 2, AIMDB_FOREVER);
}

static void
receive_in_vain(struct victim *victim)
{
    struct number out = { 0 };
    victim->err = number_recv(&victim->reader, &out, aimdb_clock() + AIMDB_MS(1));
}

static void
receives_its_value(struct world *w, bool is_asked_later)
{
    struct victim victim = { .is_asked_later = is_asked_later };
    victim.record = number_configure(w->builder, "record", AIMDB_SPMC_RING(4));
    world_build(w);
    CHECK_OK(number_subscribe(victim.record, &victim.reader));
    victim_start(&victim, receive);
    victim_sleeps(&victim);
    if (is_asked_later)
        CHECK(pthread_cancel(victim.thread) == 0);
    push(victim.record, 7);
    victim_end(&victim);
    CHECK_OK(victim.err);
    CHECK_EQ(7, victim.n);
    CHECK_EQ(1, reader_stats(&victim.reader).received);
    push(victim.record, 8);
    expect(&victim.reader, 8); // the reader is whole, whoever had it
    number_unsubscribe(&victim.reader);
}

static void
thread_that_is_cancelled_while_it_receives_gets_its_value(void **state)
{
    struct world *w = *state;
    for (size_t i = 0; i < 2; i++) {
        receives_its_value(w, i == 1);
        world_free_db(w);
        world_rebuild_with(w, w->executor, 0);
    }
}

static void
thread_that_is_cancelled_while_it_selects_is_told_which(void **state)
{
    struct world *w = *state;
    struct victim victim = { .chosen = -1 };
    number_record other = number_configure(w->builder, "other", AIMDB_MAILBOX);
    victim.record = number_configure(w->builder, "record", AIMDB_SPMC_RING(4));
    world_build(w);
    CHECK_OK(number_subscribe(victim.record, &victim.reader));
    CHECK_OK(number_subscribe(other, &victim.other));
    victim_start(&victim, select_one);
    victim_sleeps(&victim);
    push(victim.record, 7);
    victim_end(&victim);
    CHECK(victim.chosen == 1);
    expect(&victim.reader, 7);
    number_unsubscribe(&victim.reader);
    number_unsubscribe(&victim.other);
}

static void
thread_that_is_cancelled_while_it_receives_keeps_its_deadline(void **state)
{
    struct world *w = *state;
    struct victim victim = { .err = AIMDB_OK };
    victim.record = number_configure(w->builder, "record", AIMDB_SPMC_RING(4));
    world_build(w);
    CHECK_OK(number_subscribe(victim.record, &victim.reader));
    victim_start(&victim, receive_in_vain);
    victim_end(&victim);
    CHECK_ERR(AIMDB_ETIMEDOUT, victim.err);
    number_unsubscribe(&victim.reader);
}

// Waiting ----------------------------------------------------------------------------------------

static void
produce_and_wait(struct victim *victim)
{
    victim->err = number_produce_wait(victim->record, &(struct number){ victim->n }, AIMDB_FOREVER);
}

// Not a sink: that waits at a gate, a cancellation point, and the thread that waits may call this.
static aimdb_err
count_call(aimdb_ctx *ctx, const struct number *value)
{
    struct gate *calls = aimdb_user(ctx);
    (void) value;
    gate_add(calls, 1);
    return AIMDB_OK;
}

// On poll nobody else drives, so that the thread takes back its own wake.
static void
thread_that_is_cancelled_while_it_waits_for_consumers_returns(void **state)
{
    struct world *w = *state;
    struct gate *calls = gate_new(w);
    struct victim victim = { .n = 1 };
    victim.record = number_configure(w->builder, "record", AIMDB_SPMC_RING(4));
    aimdb_task *task = number_add_consumer(w->builder, victim.record, count_call, calls);
    world_build(w);
    driver_stop(w->executor);
    victim_start(&victim, produce_and_wait);
    victim_end(&victim);
    CHECK_OK(victim.err);
    CHECK_EQ(1, gate_count(calls));
    CHECK_EQ(0, world_close(w).lost);
    CHECK_EQ(1, task_stats(task).received);
}

static void
produce_large(void *arg)
{
    struct victim *victim = arg;
    CHECK_OK(large_produce(victim->large_record, victim->large));
}

static void
produce_behind(struct victim *victim)
{
    static const struct large second = { { 2 } };
    victim->err = large_produce(victim->large_record, &second);
}

// It spins, then naps, and clock_nanosleep(2) is a cancellation point.
static void
thread_that_is_cancelled_behind_a_stopped_writer_pushes_in_its_turn(void **state)
{
    struct world *w = *state;
    struct stop *stop = stop_new(w);
    struct trap *trap = trap_new(w, sizeof(struct large), stop_here, stop);
    struct victim victim = { .large = trap_memory(trap) };
    large_reader reader;
    struct large *out = world_memory(w, sizeof *out);
    victim.large->words[0] = 1;
    victim.large_record = large_configure(w->builder, "large", AIMDB_SPMC_RING(4));
    world_build(w);
    CHECK_OK(large_subscribe(victim.large_record, &reader));
    trap_close(trap, sizeof(struct large) / 2);
    struct helper *writer = helper_start(w, produce_large, &victim);
    gate_wait(stop->stopped, 1);
    victim_start(&victim, produce_behind);
    victim_sleeps(&victim);
    gate_add(stop->resume, 1);
    helper_join(writer);
    victim_end(&victim);
    CHECK_OK(victim.err);
    for (uint64_t n = 1; n <= 2; n++) {
        CHECK_OK(large_try_recv(&reader, out));
        CHECK_EQ(n, out->words[0]);
    }
    large_unsubscribe(&reader);
}

// Ending -----------------------------------------------------------------------------------------

struct ending {
    struct world *w;
    aimdb_close_report report;
};

static void *
end_all(void *arg)
{
    struct ending *ending = arg;
    CHECK(pthread_cancel(pthread_self()) == 0);
    CHECK_OK(aimdb_close(ending->w->db, AIMDB_FOREVER, &ending->report));
    world_free_db(ending->w);
    return NULL; // not a cancellation point
}

// Threads for blocking consumers are joined, descriptors closed.
static void
thread_that_is_cancelled_while_it_closes_and_frees_does_all_of_it(void **state)
{
    struct world *w = *state;
    struct ending ending = { .w = w, .report = { .size = sizeof ending.report } };
    struct sink *sink = sink_new(w, 4);
    pthread_t thread;
    void *result = &ending;
    number_record record = number_configure(w->builder, "record", AIMDB_SPMC_RING(4));
    sink_attach(w, record, sink, true);
    world_build(w);
    push_range(record, 1, 3);
    CHECK(pthread_create(&thread, NULL, end_all, &ending) == 0);
    CHECK(pthread_join(thread, &result) == 0);
    CHECK(result == NULL);
    contract_tally(1);
    CHECK_EQ(3, gate_count(sink->calls));
    CHECK_EQ(0, ending.report.lost);
    CHECK_EQ(0, w->ledger.live);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(thread_that_is_cancelled_while_it_produces_wakes_the_executor),
        CONTRACT_TEST(thread_that_is_cancelled_while_it_receives_gets_its_value),
        CONTRACT_TEST(thread_that_is_cancelled_while_it_selects_is_told_which),
        CONTRACT_TEST(thread_that_is_cancelled_while_it_receives_keeps_its_deadline),
        CONTRACT_TEST(thread_that_is_cancelled_while_it_waits_for_consumers_returns),
        CONTRACT_TEST(thread_that_is_cancelled_behind_a_stopped_writer_pushes_in_its_turn),
        CONTRACT_TEST(thread_that_is_cancelled_while_it_closes_and_frees_does_all_of_it),
    };
    return FAULTS_RUN(tests, argc, argv);
}
