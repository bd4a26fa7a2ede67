// SPDX-License-Identifier: Apache-2.0
// Consumers that finish later: aimdb_defer, AIMDB_EPENDING, aimdb_done.
#include "trap.h"

struct late {
    struct gate *calls;
    uint64_t count;
    aimdb_token tokens[64];
    uint64_t values[64];
    bool done_inside;    // finish before returning
    aimdb_err result;    // what the call returns
    aimdb_err done_with; // when finished inside
};

static aimdb_err
finish_later(aimdb_ctx *ctx, const struct number *value)
{
    struct late *late = aimdb_user(ctx);
    uint64_t i = late->count++;
    late->values[i] = value->n;
    late->tokens[i] = aimdb_defer(ctx);
    if (late->done_inside)
        CHECK_OK(aimdb_done(late->tokens[i], late->done_with));
    gate_add(late->calls, 1);
    return late->result;
}

static struct late *
late_new(struct world *w)
{
    struct late *late = world_memory(w, sizeof *late);
    late->calls = gate_new(w);
    late->result = AIMDB_EPENDING;
    return late;
}

static number_record
late_record(struct world *w, struct late *late, aimdb_task **ret_task)
{
    number_record record = number_configure(w->builder, "late.key", AIMDB_SPMC_RING(64));
    *ret_task = number_add_consumer(w->builder, record, finish_later, late);
    return record;
}

// The marker's consumer shares the workers: once it was called, the one before it had its chance.
static void
others_had_their_chance(number_record marker, struct sink *sink)
{
    for (int i = 0; i < 20; i++) {
        uint64_t calls = gate_count(sink->calls);
        push(marker, 1);
        gate_wait(sink->calls, calls + 1);
    }
}

// proves D3
static void
next_value_comes_only_after_done(void **state)
{
    struct world *w = *state;
    struct late *late = late_new(w);
    struct sink *sink = sink_new(w, 1);
    aimdb_task *task;
    number_record record = late_record(w, late, &task);
    number_record marker = number_configure(w->builder, "marker", AIMDB_SPMC_RING(64));
    sink_attach(w, marker, sink, false);
    world_build(w);
    push_range(record, 1, 10);
    for (uint64_t n = 1; n <= 10; n++) {
        gate_wait(late->calls, n);
        others_had_their_chance(marker, sink);
        CHECK_EQ(n, gate_count(late->calls));
        CHECK_EQ(n, late->values[n - 1]);
        CHECK_OK(aimdb_done(late->tokens[n - 1], AIMDB_OK));
    }
    world_close(w);
    CHECK_EQ(10, task_stats(task).received);
    CHECK_EQ(0, task_stats(task).errors);
}

// proves D3 D5
static void
pending_consumer_holds_no_worker(void **state)
{
    struct world *w = *state;
    struct late *late[8];
    struct sink *sink = sink_new(w, 1);
    number_record record = number_configure(w->builder, "late.key", AIMDB_SPMC_RING(8));
    for (size_t i = 0; i < 8; i++) {
        late[i] = late_new(w);
        CHECK(number_add_consumer(w->builder, record, finish_later, late[i]) != NULL);
    }
    sink_attach(w, record, sink, false);
    world_build(w);
    push_range(record, 1, 5);
    for (size_t i = 0; i < 8; i++)
        gate_wait(late[i]->calls, 1);
    gate_wait(sink->calls, 5);
    for (size_t i = 0; i < 8; i++) {
        CHECK_EQ(1, gate_count(late[i]->calls));
        CHECK_OK(aimdb_done(late[i]->tokens[0], AIMDB_OK));
    }
    for (uint64_t n = 1; n < 5; n++)
        for (size_t i = 0; i < 8; i++) {
            gate_wait(late[i]->calls, n + 1);
            CHECK_OK(aimdb_done(late[i]->tokens[n], AIMDB_OK));
        }
}

// proves D3
static void
done_before_the_consumer_returned_is_as_good(void **state)
{
    struct world *w = *state;
    struct late *late = late_new(w);
    aimdb_task *task;
    number_record record = late_record(w, late, &task);
    late->done_inside = true;
    world_build(w);
    push_range(record, 1, 50);
    gate_wait(late->calls, 50);
    world_close(w);
    CHECK_EQ(50, task_stats(task).received);
    CHECK_EQ(0, task_stats(task).errors);
}

// proves D3
static void
error_given_to_done_is_counted_on_the_consumer(void **state)
{
    struct world *w = *state;
    struct late *late = late_new(w);
    struct log_book *book = log_book_new(w);
    aimdb_task *task;
    number_record record = late_record(w, late, &task);
    world_build(w);
    push_range(record, 1, 4);
    for (uint64_t n = 1; n <= 4; n++) {
        gate_wait(late->calls, n);
        CHECK_OK(aimdb_done(late->tokens[n - 1], n % 2 == 0 ? AIMDB_EIO : AIMDB_OK));
    }
    world_close(w);
    CHECK_EQ(2, task_stats(task).errors);
    CHECK_EQ(4, task_stats(task).received);
    CHECK(log_book_find(book, "late.key", "consumer-1", NULL) >= 1);
}

// proves D3
static void
token_is_good_for_one_done(void **state)
{
    struct world *w = *state;
    struct late *late = late_new(w);
    aimdb_task *task;
    number_record record = late_record(w, late, &task);
    world_build(w);
    push_range(record, 1, 2);
    gate_wait(late->calls, 1);
    CHECK_OK(aimdb_done(late->tokens[0], AIMDB_OK));
    gate_wait(late->calls, 2);
    CHECK_ERR(AIMDB_EINVAL, aimdb_done(late->tokens[0], AIMDB_OK)); // not the second value's
    CHECK_ERR(AIMDB_EINVAL, aimdb_done(late->tokens[0], AIMDB_EIO));
    CHECK_OK(aimdb_done(late->tokens[1], AIMDB_OK));
    CHECK_ERR(AIMDB_EINVAL, aimdb_done(late->tokens[1], AIMDB_OK));
    world_close(w);
    CHECK_ERR(AIMDB_EINVAL, aimdb_done(late->tokens[1], AIMDB_OK));
    CHECK_EQ(0, task_stats(task).errors);
}

// proves D3
static void
token_of_a_call_that_did_not_return_pending_is_cancelled(void **state)
{
    struct world *w = *state;
    struct late *late = late_new(w);
    aimdb_task *task;
    number_record record = late_record(w, late, &task);
    late->result = AIMDB_OK;
    world_build(w);
    push_range(record, 1, 3); // goes on by itself
    gate_wait(late->calls, 3);
    CHECK_ERR(AIMDB_EINVAL, aimdb_done(late->tokens[0], AIMDB_OK));
    CHECK_ERR(AIMDB_EINVAL, aimdb_done(late->tokens[1], AIMDB_OK));
    world_close(w);
    CHECK_ERR(AIMDB_EINVAL, aimdb_done(late->tokens[2], AIMDB_OK));
    CHECK_EQ(3, task_stats(task).received);
    CHECK_EQ(0, task_stats(task).errors);
}

struct contest {
    struct late *late;
    aimdb_err other; // what the one in the middle got
};

static void
end_it_first(void *arg, size_t offset)
{
    struct contest *contest = arg;
    (void) offset;
    contest->other = aimdb_done(contest->late->tokens[0], AIMDB_OK);
}

// proves D3
static void
of_two_that_say_done_at_once_one_wins(void **state)
{
    struct world *w = *state;
    struct late *late = late_new(w);
    struct contest *contest = world_memory(w, sizeof *contest);
    struct trap *trap = trap_new(w, 1 << 20, end_it_first, contest);
    aimdb_task *task;
    if (CONTRACT_SANITIZES_THREADS)
        skip();
    *contest = (struct contest){ late, AIMDB_EIO };
    trap_is_memory_of_builder(trap, 1);
    number_record record = late_record(w, late, &task);
    world_build(w);
    push(record, 1);
    gate_wait(late->calls, 1);
    EVENTUALLY(contract_others_asleep());
    trap_close_for_writers(trap, (size_t) ((char *) task - (char *) trap_memory(trap)));
    CHECK_ERR(AIMDB_EINVAL, aimdb_done(late->tokens[0], AIMDB_OK)); // it had looked already
    CHECK_OK(contest->other);
    world_close(w);
    CHECK_EQ(1, task_stats(task).received);
}

// Where there are no workers each round is a wake of the loop: fewer, or it takes a minute where others
// want the processors as well.
#define RACES contract_many(contract_threads() > 0 ? 20000 : 2000)

// Two threads end each value. The token is handed over by a word that the other one spins on: a gate
// would keep them apart.
struct race {
    aimdb_token token;
    _Atomic uint64_t round; // counts the tokens
    _Atomic uint64_t wins;
    _Atomic uint64_t over; // counts the tries of the other thread
    bool both;             // the consumer tries as well, before it returns
};

static void
spin_until(_Atomic uint64_t *word, uint64_t value)
{
    int64_t guard = contract_guard();
    for (unsigned i = 0; atomic_load(word) < value; i++)
        if (i % 1000 == 999)
            contract_give_way(guard, "the next round", __FILE__, __LINE__);
}

static void
try_to_end(struct race *race)
{
    if (aimdb_done(race->token, AIMDB_OK) == AIMDB_OK)
        atomic_fetch_add(&race->wins, 1);
}

static aimdb_err
hand_over_token(aimdb_ctx *ctx, const struct number *value)
{
    struct race *race = aimdb_user(ctx);
    CHECK_EQ(atomic_load(&race->round), value->n);
    race->token = aimdb_defer(ctx);
    atomic_fetch_add(&race->round, 1);
    // A little longer in each round, so that the other comes at every moment of what follows.
    for (volatile uint64_t i = 0; i < value->n % 256; i++)
        continue;
    if (race->both) {
        try_to_end(race);
        spin_until(&race->over, value->n + 1);
    }
    return AIMDB_EPENDING;
}

static void
end_every_value(void *arg)
{
    struct race *race = arg;
    for (uint64_t n = 1; n <= RACES; n++) {
        spin_until(&race->round, n);
        try_to_end(race);
        atomic_fetch_add(&race->over, 1);
    }
}

static void
race_for_done(struct world *w, bool both)
{
    struct race *race = world_memory(w, sizeof *race);
    number_record record = number_configure(w->builder, "race", AIMDB_SPMC_RING(RACES));
    aimdb_task *task = number_add_consumer(w->builder, record, hand_over_token, race);
    race->both = both;
    world_build(w);
    push_range(record, 0, RACES - 1);
    helper_join(helper_start(w, end_every_value, race));
    world_close(w);
    CHECK_EQ(RACES, atomic_load(&race->wins));
    CHECK_EQ(RACES, task_stats(task).received);
}

// proves D3
static void
one_of_two_threads_that_say_done_wins(void **state)
{
    race_for_done(*state, true);
}

// proves D3 D2
static void
done_races_with_the_return_and_no_value_is_lost(void **state)
{
    race_for_done(*state, false);
}

// proves D3 X1
static void
close_does_not_wait_for_a_token_beyond_its_deadline(void **state)
{
    struct world *w = *state;
    struct late *late = late_new(w);
    aimdb_task *task;
    aimdb_close_report report = { .size = sizeof report };
    number_record record = late_record(w, late, &task);
    world_build(w);
    CHECK_OK(number_produce_n(record, (struct number[]){ { 1 }, { 2 }, { 3 } }, 3));
    gate_wait(late->calls, 1);
    CHECK_OK(aimdb_close(w->db, aimdb_clock(), &report));
    CHECK(report.timed_out);
    CHECK_EQ(2, report.lost);
    CHECK_EQ(0, report.delivered);
    CHECK_OK(aimdb_done(late->tokens[0], AIMDB_OK)); // it only releases
    CHECK_ERR(AIMDB_EINVAL, aimdb_done(late->tokens[0], AIMDB_OK));
    CHECK_EQ(1, gate_count(late->calls));
}

// proves D3 X1
static void
closing_database_waits_for_a_token_within_its_deadline(void **state)
{
    struct world *w = *state;
    struct late *late = late_new(w);
    aimdb_task *task;
    number_record record = late_record(w, late, &task);
    number_record probe = probe_new(w);
    world_build(w);
    push_range(record, 1, 3);
    gate_wait(late->calls, 1);
    struct closer *closer = closer_start(w, AIMDB_FOREVER);
    probe_until_closing(probe);
    for (uint64_t n = 1; n <= 3; n++) {
        gate_wait(late->calls, n);
        CHECK_OK(aimdb_done(late->tokens[n - 1], AIMDB_OK));
    }
    closer_join(closer);
    CHECK(!closer->report.timed_out);
    CHECK_EQ(2, closer->report.delivered);
    CHECK_EQ(0, closer->report.lost);
    CHECK_EQ(3, task_stats(task).received);
}

// proves D3 X1
static void
token_outlives_the_free_of_its_database(void **state)
{
    struct world *w = *state;
    struct late *late = late_new(w);
    aimdb_task *task;
    number_record record = late_record(w, late, &task);
    world_build(w);
    CHECK_OK(number_produce_n(record, (struct number[]){ { 1 }, { 2 }, { 3 } }, 3));
    gate_wait(late->calls, 1);
    world_free_db(w);
    CHECK(w->ledger.live > 0);
    CHECK_OK(aimdb_done(late->tokens[0], AIMDB_OK));
    CHECK_EQ(0, w->ledger.live);
}

// proves D3 D4
static void
blocking_consumer_may_finish_later_as_well(void **state)
{
    struct world *w = *state;
    struct late *late = late_new(w);
    number_record record = number_configure(w->builder, "late.key", AIMDB_SPMC_RING(64));
    aimdb_task *task = number_add_consumer_with(w->builder, record, finish_later, late,
                                                &(aimdb_consumer_options){ .blocking = true });
    world_build(w);
    push_range(record, 1, 20);
    for (uint64_t n = 1; n <= 20; n++) {
        gate_wait(late->calls, n);
        CHECK_OK(aimdb_done(late->tokens[n - 1], AIMDB_OK));
    }
    world_close(w);
    CHECK_EQ(20, task_stats(task).received);
}

static aimdb_err
defer_in_producer(aimdb_ctx *ctx, struct number *value)
{
    (void) value;
    CHECK_ERR(AIMDB_EINVAL, aimdb_done(aimdb_defer(ctx), AIMDB_OK));
    return AIMDB_OK;
}

// proves D3
static void
token_of_nothing_is_refused(void **state)
{
    struct world *w = *state;
    aimdb_token zero;
    number_record record = number_configure(w->builder, "none", AIMDB_SPMC_RING(4));
    number_set_producer(w->builder, record, defer_in_producer, NULL);
    memset(&zero, 0, sizeof zero);
    world_build(w);
    CHECK_ERR(AIMDB_EINVAL, aimdb_done(zero, AIMDB_OK));
    push(record, 1);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(next_value_comes_only_after_done),
        CONTRACT_TEST(pending_consumer_holds_no_worker),
        CONTRACT_TEST(done_before_the_consumer_returned_is_as_good),
        CONTRACT_TEST(error_given_to_done_is_counted_on_the_consumer),
        CONTRACT_TEST(token_is_good_for_one_done),
        CONTRACT_TEST(token_of_a_call_that_did_not_return_pending_is_cancelled),
        CONTRACT_TEST(of_two_that_say_done_at_once_one_wins),
        CONTRACT_TEST(one_of_two_threads_that_say_done_wins),
        CONTRACT_TEST(done_races_with_the_return_and_no_value_is_lost),
        CONTRACT_TEST(close_does_not_wait_for_a_token_beyond_its_deadline),
        CONTRACT_TEST(closing_database_waits_for_a_token_within_its_deadline),
        CONTRACT_TEST(token_outlives_the_free_of_its_database),
        CONTRACT_TEST(blocking_consumer_may_finish_later_as_well),
        CONTRACT_TEST(token_of_nothing_is_refused),
    };
    return CONTRACT_RUN(tests, argc, argv);
}
