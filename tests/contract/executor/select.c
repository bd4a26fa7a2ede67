// SPDX-License-Identifier: Apache-2.0
// Waiting for several readers at once: what is chosen, who wakes, and that nobody is starved.
#include "contract.h"

#include <sys/wait.h>

#define KINDS 4

// A ring, a latest, a mailbox and an observed mailbox, each with a reader.
struct several {
    number_record records[KINDS];
    number_reader readers[KINDS];
    aimdb_reader *raw[KINDS];
};

static struct several *
several_new(struct world *w, bool one_writer)
{
    static const char *const keys[KINDS] = { "ring", "latest", "mailbox", "observed" };
    struct several *all = world_memory(w, sizeof *all);
    const aimdb_buffer_cfg cfgs[KINDS] = { AIMDB_SPMC_RING(4, .one_writer = one_writer),
                                           AIMDB_SINGLE_LATEST_WITH(.one_writer = one_writer),
                                           AIMDB_MAILBOX_WITH(.one_writer = one_writer),
                                           AIMDB_MAILBOX_WITH(.one_writer = one_writer) };
    for (size_t i = 0; i < KINDS; i++)
        all->records[i] = number_configure(w->builder, keys[i], cfgs[i]);
    world_build(w);
    for (size_t i = 0; i < KINDS; i++) {
        CHECK_OK(i == 3 ? number_observe(all->records[i], &all->readers[i])
                        : number_subscribe(all->records[i], &all->readers[i]));
        all->raw[i] = &all->readers[i].raw;
    }
    return all;
}

static void
several_unsubscribe(struct several *all)
{
    for (size_t i = 0; i < KINDS; i++)
        number_unsubscribe(&all->readers[i]);
}

#define PAIR(a, b) ((aimdb_reader *[]){ (a), (b) })
#define expect_select(want, readers, n, deadline)                                                  \
    expect_select_((want), (readers), (n), (deadline), __FILE__, __LINE__)

static void
expect_select_(ptrdiff_t want, aimdb_reader *const *readers, size_t n, aimdb_time deadline,
               const char *file, int line)
{
    ptrdiff_t got = aimdb_select(readers, n, deadline);
    if (got != want)
        contract_fail(file, line, "select gave %td, not %td", got, want);
}

// What is chosen -------------------------------------------------------------------------------

// proves S1
static void
reader_that_has_a_value_is_chosen(void **state)
{
    struct several *all = several_new(*state, false);
    for (size_t round = 0; round < 3; round++)
        for (size_t i = 0; i < KINDS; i++) {
            expect_select(AIMDB_ETIMEDOUT, all->raw, KINDS, 0);
            push(all->records[i], round);
            expect_select((ptrdiff_t) i, all->raw, KINDS, 0);
            expect_select((ptrdiff_t) i, all->raw, KINDS, AIMDB_FOREVER); // it only looks
            expect(&all->readers[i], round);
        }
    several_unsubscribe(all);
}

// proves S1 R4
static void
lag_is_something_to_tell(void **state)
{
    struct several *all = several_new(*state, false);
    push_range(all->records[0], 1, 10);
    expect_select(0, all->raw, KINDS, AIMDB_FOREVER);
    expect_lag(&all->readers[0], 6);
    expect_select(0, all->raw, KINDS, AIMDB_FOREVER);
    expect_range(&all->readers[0], 7, 10);
    expect_select(AIMDB_ETIMEDOUT, all->raw, KINDS, 0);
    several_unsubscribe(all);
}

// proves S1 X3
static void
end_is_told_once_what_is_left_was_read(void **state)
{
    struct several *all = several_new(*state, false);
    push(all->records[1], 7);
    world_close(*state);
    for (size_t i = 0; i < KINDS; i++) { // each of them has something, forever
        ptrdiff_t chosen = aimdb_select(all->raw, KINDS, AIMDB_FOREVER);
        CHECK_EQ(i, chosen);
        if (chosen == 1)
            expect(&all->readers[1], 7);
        expect_err(&all->readers[chosen], AIMDB_ECLOSED);
    }
    expect_select(0, &all->raw[1], 1, 0);
    several_unsubscribe(all);
}

// proves S1 M2
static void
value_that_another_took_is_not_waited_for(void **state)
{
    struct several *all = several_new(*state, false);
    number_reader other;
    CHECK_OK(number_subscribe(all->records[2], &other));
    push(all->records[2], 1);
    expect(&other, 1);
    expect_select(AIMDB_ETIMEDOUT, PAIR(all->raw[0], all->raw[2]), 2, 0);
    push(all->records[2], 2);
    expect_select(1, PAIR(all->raw[0], &other.raw), 2, 0);
    expect_select(1, PAIR(all->raw[0], all->raw[2]), 2, 0);
    number_unsubscribe(&other);
    several_unsubscribe(all);
}

// proves S1, section 9
static void
bad_arguments_are_refused(void **state)
{
    SKIP_IF_SIMULATED("a second executor in one thread");
    struct world *w = *state, *other;
    void *other_state = NULL;
    CHECK(world_setup(&other_state) == 0);
    other = other_state;
    struct several *all = several_new(w, false), *far = several_new(other, false);
    number_reader ended = all->readers[0];
    memset(&ended, 0, sizeof ended);
    push(all->records[0], 1);
    push(far->records[0], 1);
    expect_select(AIMDB_EINVAL, all->raw, 0, 0);
    expect_select(AIMDB_EINVAL, NULL, 1, 0);
    expect_select(AIMDB_EINVAL, PAIR(all->raw[0], NULL), 2, 0);
    expect_select(AIMDB_EINVAL, PAIR(all->raw[0], &ended.raw), 2, 0);
    expect_select(AIMDB_EINVAL, PAIR(all->raw[0], far->raw[0]), 2, 0);
    expect_select(0, all->raw, 1, 0);
    several_unsubscribe(far);
    several_unsubscribe(all);
    CHECK(world_teardown(&other_state) == 0);
}

// proves S1
static void
any_number_of_readers_can_be_waited_for(void **state)
{
    enum { MANY = 1000 };
    struct world *w = *state;
    number_reader *readers = world_memory(w, MANY * sizeof *readers);
    aimdb_reader **raw = world_memory(w, MANY * sizeof(aimdb_reader *));
    number_record record = number_configure(w->builder, "one", AIMDB_SPMC_RING(2));
    world_build(w);
    for (size_t i = 0; i < MANY; i++) {
        CHECK_OK(number_subscribe(record, &readers[i]));
        raw[i] = &readers[i].raw;
    }
    expect_select(AIMDB_ETIMEDOUT, raw, MANY, aimdb_clock() + AIMDB_MS(1));
    push(record, 5);
    for (size_t i = 0; i < MANY; i++) {
        expect_select((ptrdiff_t) i, raw, MANY, AIMDB_FOREVER);
        expect(&readers[i], 5);
    }
    for (size_t i = 0; i < MANY; i++)
        number_unsubscribe(&readers[i]);
}

// Fairness -------------------------------------------------------------------------------------

// proves S2
static void
busy_reader_does_not_starve_the_others(void **state)
{
    struct several *all = several_new(*state, false);
    size_t chosen[KINDS] = { 0 };
    for (uint64_t n = 0; n < 400; n++) {
        for (size_t i = 0; i < KINDS; i++)
            push(all->records[i], n);
        ptrdiff_t index = aimdb_select(all->raw, KINDS, AIMDB_FOREVER);
        CHECK(index >= 0);
        chosen[index]++;
    }
    for (size_t i = 0; i < KINDS; i++)
        CHECK_EQ(100, chosen[i]);
    several_unsubscribe(all);
}

// proves S2
static void
fairness_is_between_readers_not_places(void **state)
{
    struct several *all = several_new(*state, false);
    aimdb_reader *sets[2][2] = { { all->raw[0], all->raw[1] }, { all->raw[0], all->raw[2] } };
    size_t chosen[3] = { 0 };
    for (size_t i = 0; i < 3; i++)
        push(all->records[i], 1);
    for (size_t n = 0; n < 300; n++) { // the first stands in both sets
        ptrdiff_t index = aimdb_select(sets[n % 2], 2, AIMDB_FOREVER);
        CHECK(index == 0 || index == 1);
        chosen[index == 0 ? 0 : 1 + n % 2]++;
    }
    for (size_t i = 0; i < 3; i++)
        CHECK(chosen[i] >= 75);
    several_unsubscribe(all);
}

// Sleeping -------------------------------------------------------------------------------------

struct selector {
    aimdb_reader *const *raw;
    size_t n;
    aimdb_time deadline;
    ptrdiff_t chosen;
};

static void
select_once(void *arg)
{
    struct selector *selector = arg;
    helper_about_to_block();
    selector->chosen = aimdb_select(selector->raw, selector->n, selector->deadline);
}

static struct helper *
selector_start(struct world *w, struct selector *selector)
{
    struct helper *helper = helper_start(w, select_once, selector);
    helper_until_asleep(helper);
    return helper;
}

static void
each_record_wakes(struct world *w, bool one_writer)
{
    struct several *all = several_new(w, one_writer);
    struct selector *selector = world_memory(w, sizeof *selector);
    *selector = (struct selector){ all->raw, KINDS, AIMDB_FOREVER, -100 };
    for (size_t round = 0; round < 3; round++)
        for (size_t i = 0; i < KINDS; i++) {
            struct helper *helper = selector_start(w, selector);
            push(all->records[i], round);
            helper_join(helper);
            CHECK_EQ(i, selector->chosen);
            expect(&all->readers[i], round);
        }
    several_unsubscribe(all);
}

// proves S1
static void
push_into_any_of_the_records_wakes(void **state)
{
    each_record_wakes(*state, false);
}

// proves S1 P3
static void
push_of_a_lone_writer_wakes(void **state)
{
    each_record_wakes(*state, true);
}

// proves S1
static void
deadline_ends_the_wait_and_not_before(void **state)
{
    struct several *all = several_new(*state, false);
    aimdb_time deadline = aimdb_clock() + AIMDB_MS(30);
    expect_select(AIMDB_ETIMEDOUT, all->raw, KINDS, deadline);
    CHECK(aimdb_clock() >= deadline);
    expect_select(AIMDB_ETIMEDOUT, all->raw, KINDS, INT64_MIN);
    several_unsubscribe(all);
}

// proves S1 X3
static void
close_wakes_those_who_select(void **state)
{
    struct world *w = *state;
    struct several *all = several_new(w, false);
    struct selector *selector = world_memory(w, sizeof *selector);
    *selector = (struct selector){ all->raw, KINDS, AIMDB_FOREVER, -100 };
    struct helper *helper = selector_start(w, selector);
    world_close(w);
    helper_join(helper);
    CHECK(selector->chosen >= 0 && selector->chosen < KINDS);
    expect_err(&all->readers[selector->chosen], AIMDB_ECLOSED);
    several_unsubscribe(all);
}

// proves S1
static void
threads_that_select_are_woken_for_their_own_readers(void **state)
{
    struct world *w = *state;
    struct several *all = several_new(w, false);
    struct selector *selectors = world_memory(w, 2 * sizeof *selectors);
    struct helper *helpers[2];
    for (size_t i = 0; i < 2; i++) {
        selectors[i] = (struct selector){ &all->raw[2 * i], 2, AIMDB_FOREVER, -100 };
        helpers[i] = selector_start(w, &selectors[i]);
    }
    push(all->records[3], 1);
    helper_join(helpers[1]);
    CHECK_EQ(1, selectors[1].chosen);
    helper_until_asleep(helpers[0]); // it has nothing: it looked at the most
    push(all->records[0], 2);
    helper_join(helpers[0]);
    CHECK_EQ(0, selectors[0].chosen);
    several_unsubscribe(all);
}

struct receiver {
    number_reader reader;
    struct number out;
    aimdb_err err;
};

static void
recv_once(void *arg)
{
    struct receiver *receiver = arg;
    helper_about_to_block();
    receiver->err = number_recv(&receiver->reader, &receiver->out, AIMDB_FOREVER);
}

// proves S1
static void
sleepers_of_both_kinds_wake_over_one_record(void **state)
{
    struct world *w = *state;
    struct several *all = several_new(w, false);
    struct receiver *receiver = world_memory(w, sizeof *receiver);
    struct selector *selector = world_memory(w, sizeof *selector);
    CHECK_OK(number_subscribe(all->records[0], &receiver->reader));
    *selector = (struct selector){ all->raw, KINDS, AIMDB_FOREVER, -100 };
    for (uint64_t n = 1; n <= 10; n++) {
        struct helper *selecting = selector_start(w, selector);
        struct helper *receiving = helper_start(w, recv_once, receiver);
        helper_until_asleep(receiving);
        push(all->records[0], n);
        helper_join(selecting);
        helper_join(receiving);
        CHECK_EQ(0, selector->chosen);
        CHECK_OK(receiver->err);
        CHECK_EQ(n, receiver->out.n);
        expect(&all->readers[0], n);
    }
    number_unsubscribe(&receiver->reader);
    several_unsubscribe(all);
}

#define RACES contract_many(20000)

static void
pause_a_little(uint64_t n)
{
    for (volatile uint64_t i = 0; i < n;)
        i = i + 1;
}

struct race {
    struct several *all;
    uint64_t last[2];
    _Atomic uint64_t got; // values read
};

static void
select_and_read(void *arg)
{
    struct race *race = arg;
    for (uint64_t i = 0; i < 2 * RACES; i++) {
        ptrdiff_t chosen = aimdb_select(race->all->raw, 2, AIMDB_FOREVER);
        struct number out;
        CHECK_EQ(i % 2, chosen);
        CHECK_OK(number_try_recv(&race->all->readers[chosen], &out));
        CHECK_EQ(++race->last[chosen], out.n);
        atomic_fetch_add(&race->got, 1);
        pause_a_little(i % 300);
    }
}

// Waits for the reader without giving it time to fall asleep, if there is a processor to wait on.
static void
until_read(struct race *race, uint64_t n)
{
    for (unsigned spins = 0; atomic_load(&race->got) < n; spins++)
        if (spins > 2000)
            EVENTUALLY(atomic_load(&race->got) >= n);
}

// One value at a time: a wake that is lost stops it all. The pauses sweep the way from the reader's
// first look into its sleep.
static void
writer_races_with_falling_asleep(struct world *w, bool one_writer)
{
    struct race *race = world_memory(w, sizeof *race);
    race->all = several_new(w, one_writer);
    struct helper *helper = helper_start(w, select_and_read, race);
    for (uint64_t n = 0; n < 2 * RACES; n++) {
        until_read(race, n);
        pause_a_little(n % 271);
        push(race->all->records[n % 2], n / 2 + 1);
    }
    helper_join(helper);
    several_unsubscribe(race->all);
}

// proves S1
static void
no_wake_is_lost_to_a_writer_that_is_as_fast(void **state)
{
    writer_races_with_falling_asleep(*state, false);
}

// proves S1
static void
no_wake_of_a_lone_writer_is_lost(void **state)
{
    writer_races_with_falling_asleep(*state, true);
}

// proves S1 B4
static void
readers_of_a_freed_database_are_told_the_end(void **state)
{
    struct world *w = *state;
    struct several *all = several_new(w, false);
    push(all->records[0], 1);
    world_free_db(w);
    expect_select(0, all->raw, 1, AIMDB_FOREVER);
    expect(&all->readers[0], 1);
    expect_select(0, all->raw, 1, AIMDB_FOREVER);
    expect_err(&all->readers[0], AIMDB_ECLOSED);
    several_unsubscribe(all);
}

static void
select_in_child(void *arg)
{
    struct several *all = arg;
    expect_select(AIMDB_EFORKED, all->raw, KINDS, AIMDB_FOREVER);
}

// proves X3 S1
static void
child_of_a_fork_is_told_so(void **state)
{
    struct several *all = several_new(*state, false);
    push(all->records[0], 1);
    int status = contract_child(select_in_child, all);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    expect_select(0, all->raw, KINDS, AIMDB_FOREVER);
    several_unsubscribe(all);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(reader_that_has_a_value_is_chosen),
        CONTRACT_TEST(lag_is_something_to_tell),
        CONTRACT_TEST(end_is_told_once_what_is_left_was_read),
        CONTRACT_TEST(value_that_another_took_is_not_waited_for),
        CONTRACT_TEST(bad_arguments_are_refused),
        CONTRACT_TEST(any_number_of_readers_can_be_waited_for),
        CONTRACT_TEST(busy_reader_does_not_starve_the_others),
        CONTRACT_TEST(fairness_is_between_readers_not_places),
        CONTRACT_TEST(push_into_any_of_the_records_wakes),
        CONTRACT_TEST(push_of_a_lone_writer_wakes),
        CONTRACT_TEST(deadline_ends_the_wait_and_not_before),
        CONTRACT_TEST(close_wakes_those_who_select),
        CONTRACT_TEST(threads_that_select_are_woken_for_their_own_readers),
        CONTRACT_TEST(sleepers_of_both_kinds_wake_over_one_record),
        CONTRACT_TEST(no_wake_is_lost_to_a_writer_that_is_as_fast),
        CONTRACT_TEST(no_wake_of_a_lone_writer_is_lost),
        CONTRACT_TEST(readers_of_a_freed_database_are_told_the_end),
        CONTRACT_TEST(child_of_a_fork_is_told_so),
    };
    return CONTRACT_RUN(tests, argc, argv);
}
