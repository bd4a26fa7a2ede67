// SPDX-License-Identifier: Apache-2.0
// Exact accounts under load: many writers, small and odd rings, fast and stalled readers, pulling
// and dispatched. Whatever happens, the sums agree, values are whole and order is kept.
#include "load.h"

#define TASKS 3u

// Everybody who looks at one record.
struct crowd {
    struct load *load;
    struct tracker *trackers[TASKS];
    aimdb_task *tasks[TASKS];
    struct puller *pullers[LOAD_READERS];
    size_t pulling;
};

// Two dispatchers with workers, one of them slow, and a slow one that may block.
static struct crowd *
crowd_new(struct world *w, const struct load *like)
{
    struct crowd *crowd = world_memory(w, sizeof *crowd);
    crowd->load = load_new(w, like);
    for (size_t i = 0; i < TASKS; i++) {
        crowd->trackers[i] = world_memory(w, sizeof *crowd->trackers[i]);
        crowd->tasks[i] = load_consume(w, crowd->load, crowd->trackers[i], i > 0, i == 2);
    }
    world_build(w);
    return crowd;
}

static struct puller *
crowd_pull(struct world *w, struct crowd *crowd, enum reading how, bool observing)
{
    CHECK(crowd->pulling < LOAD_READERS);
    struct puller *puller = load_pull(w, crowd->load, how, observing);
    crowd->pullers[crowd->pulling++] = puller;
    return puller;
}

// All writers write, the database closes without a deadline, everybody has seen the end.
static void
crowd_run(struct world *w, struct crowd *crowd)
{
    struct helper *writers[LOAD_WRITERS];
    load_start_writers(w, crowd->load, writers);
    gate_add(crowd->load->start, 1);
    for (unsigned i = 0; i < crowd->load->writers; i++)
        helper_join(writers[i]);
    aimdb_close_report report = world_close(w);
    CHECK_EQ(0, report.lost);
    for (size_t i = 0; i < crowd->pulling; i++)
        puller_join(crowd->pullers[i]);
    for (size_t i = 0; i < TASKS; i++)
        tracker_agrees_with_task(crowd->trackers[i], crowd->tasks[i]);
}

static void
crowd_end(struct crowd *crowd)
{
    for (size_t i = 0; i < crowd->pulling; i++)
        aimdb_unsubscribe(&crowd->pullers[i]->reader);
}

static aimdb_record_stats
stats_of(const struct load *load)
{
    aimdb_record_stats stats = { .size = sizeof stats };
    CHECK_OK(aimdb_record_metrics(load->record, &stats));
    CHECK_EQ(load->writers * load->each, stats.produced);
    return stats;
}

// Ring -----------------------------------------------------------------------------------------

static void
ring_case(struct world *w, const struct load *like)
{
    struct crowd *crowd = crowd_new(w, like);
    for (enum reading how = READ_WAITING; how <= READ_STALLED; how++)
        (void) crowd_pull(w, crowd, how, false);
    crowd_run(w, crowd);
    uint64_t produced = stats_of(crowd->load).produced;
    for (size_t i = 0; i < crowd->pulling; i++) {
        const struct tracker *tracker = &crowd->pullers[i]->tracker;
        CHECK_EQ(produced, tracker->received + tracker->missed);
    }
    for (size_t i = 0; i < TASKS; i++) {
        CHECK_EQ(produced, crowd->trackers[i]->received + crowd->trackers[i]->missed);
        CHECK_EQ(crowd->trackers[i]->lags > 0, task_stats(crowd->tasks[i]).lags > 0);
    }
    if (like->writers == 1) // the last value was delivered to everybody
        for (size_t i = 0; i < TASKS; i++)
            CHECK_EQ(like->each, crowd->trackers[i]->next[0]);
    crowd_end(crowd);
}

static void
ring_cases(struct world *w, size_t size, unsigned batch)
{
    static const size_t capacities[] = { 1, 2, 3, 7, 1000 };
    static const unsigned writers[] = { 1, 1, 2, 4 }; // the first time with one_writer
    for (size_t c = 0; c < 5; c++)
        for (size_t i = 0; i < 4; i++) {
            struct load load = { .cfg = AIMDB_SPMC_RING(capacities[c], .one_writer = i == 0),
                                 .size = size,
                                 .writers = writers[i],
                                 .batch = batch };
            load.each = load_scaled(160000 / (1 + size / 100)) / load.writers;
            ring_case(w, &load);
        }
}

// proves P3 P4 R1 R2 R4 R5 R6
static void
accounts_of_a_ring_are_exact_for_8_bytes(void **state)
{
    ring_cases(*state, 8, 1);
}

// proves P3 P4 R1 R2 R4 R5 R6
static void
accounts_of_a_ring_are_exact_for_32_bytes(void **state)
{
    ring_cases(*state, 32, 1);
}

// proves P3 P4 R1 R2 R4 R5 R6
static void
accounts_of_a_ring_are_exact_for_100_bytes(void **state)
{
    ring_cases(*state, 100, 1);
}

// proves P3 P4 R1 R2 R4 R5 R6
static void
accounts_of_a_ring_are_exact_for_1024_bytes(void **state)
{
    ring_cases(*state, 1024, 1);
}

// proves P3 P4 R1 R2 R4 R5 R6
static void
accounts_of_a_ring_are_exact_for_batches(void **state)
{
    ring_cases(*state, 32, 5);
    ring_cases(*state, 100, LOAD_BATCH);
}

// A drain may be overtaken while it copies, and look again; what it tells in the end is one number.
// proves R5 R7
static void
lag_that_a_drain_tells_is_one_lag(void **state)
{
    struct world *w = *state;
    const struct load like = { .cfg = AIMDB_SPMC_RING(1),
                               .size = 1024,
                               .writers = 1,
                               .batch = 1,
                               .each = load_scaled(100000) };
    struct crowd *crowd = crowd_new(w, &like);
    const struct puller *puller = crowd_pull(w, crowd, READ_DRAINING, false);
    crowd_run(w, crowd);
    puller_agrees_on_lags(puller);
    crowd_end(crowd);
}

// Latest ---------------------------------------------------------------------------------------

static void
latest_case(struct world *w, const struct load *like)
{
    uint8_t value[LOAD_SIZE];
    uint64_t last;
    struct crowd *crowd = crowd_new(w, like);
    for (enum reading how = READ_WAITING; how <= READ_STALLED; how++)
        (void) crowd_pull(w, crowd, how, how == READ_DRAINING);
    crowd_run(w, crowd);
    uint64_t produced = stats_of(crowd->load).produced;
    CHECK_OK(aimdb_peek(crowd->load->record, value, like->size));
    memcpy(&last, value, sizeof last);
    for (size_t i = 0; i < crowd->pulling; i++) {
        aimdb_reader_stats stats = { .size = sizeof stats };
        CHECK_OK(aimdb_reader_metrics(&crowd->pullers[i]->reader, &stats));
        CHECK_EQ(produced, stats.received + stats.skipped);
        CHECK_EQ(0, stats.missed + stats.lags + stats.pending);
        CHECK_EQ(last, crowd->pullers[i]->tracker.last); // all have come to the same value
    }
    for (size_t i = 0; i < TASKS; i++) {
        aimdb_task_stats stats = task_stats(crowd->tasks[i]);
        CHECK_EQ(produced, stats.received + stats.skipped);
        CHECK_EQ(0, stats.missed + stats.lags + stats.pending);
        CHECK_EQ(last, crowd->trackers[i]->last);
    }
    crowd_end(crowd);
}

static void
latest_cases(struct world *w, unsigned batch)
{
    static const size_t sizes[] = { 8, 32, 100, 1024 };
    static const unsigned writers[] = { 1, 1, 2, 4 };
    for (size_t s = 0; s < 4; s++)
        for (size_t i = 0; i < 4; i++) {
            struct load load = { .cfg = AIMDB_SINGLE_LATEST_WITH(.one_writer = i == 0),
                                 .size = sizes[s],
                                 .writers = writers[i],
                                 .batch = batch };
            load.each = load_scaled(200000 / (1 + load.size / 100)) / load.writers;
            latest_case(w, &load);
        }
}

// proves P3 P4 L2 L4 L6 L7
static void
every_reader_of_a_latest_converges_and_accounts_for_all(void **state)
{
    latest_cases(*state, 1);
}

// proves P3 P4 L2 L4 L7
static void
every_reader_of_a_latest_converges_after_batches(void **state)
{
    latest_cases(*state, 7);
}

// Mailbox --------------------------------------------------------------------------------------

static void
mailbox_case(struct world *w, const struct load *like)
{
    struct crowd *crowd = crowd_new(w, like);
    uint64_t taken = 0;
    (void) crowd_pull(w, crowd, READ_WAITING, false);
    (void) crowd_pull(w, crowd, READ_DRAINING, false);
    const struct puller *observer = crowd_pull(w, crowd, READ_WAITING, true);
    crowd_run(w, crowd);
    for (size_t i = 0; i < TASKS; i++)
        taken += crowd->trackers[i]->received;
    for (size_t i = 0; i < crowd->pulling; i++)
        if (crowd->pullers[i] != observer)
            taken += crowd->pullers[i]->tracker.received;
    CHECK_EQ(stats_of(crowd->load).produced, taken + stats_of(crowd->load).overwritten);
    CHECK(taken >= 1);
    if (like->writers == 1) // the last value is never overwritten
        CHECK_EQ(1, atomic_load(&crowd->load->taken[like->each - 1]));
    CHECK(observer->tracker.received >= 1);
    crowd_end(crowd);
}

static void
mailbox_cases(struct world *w, unsigned batch)
{
    static const size_t sizes[] = { 8, 32, 100, 1024 };
    static const unsigned writers[] = { 1, 1, 2, 4 };
    for (size_t s = 0; s < 4; s++)
        for (size_t i = 0; i < 4; i++) {
            struct load load = { .cfg = AIMDB_MAILBOX_WITH(.one_writer = i == 0),
                                 .size = sizes[s],
                                 .writers = writers[i],
                                 .batch = batch };
            load.each = load_scaled(200000 / (1 + load.size / 100)) / load.writers;
            mailbox_case(w, &load);
        }
}

// proves P3 P4 M1 M2 M3 M5
static void
each_value_of_a_mailbox_is_taken_once_or_overwritten(void **state)
{
    mailbox_cases(*state, 1);
}

// proves P3 P4 M1 M2 M3 M5
static void
each_value_of_a_mailbox_is_taken_once_or_overwritten_in_batches(void **state)
{
    mailbox_cases(*state, 7);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(accounts_of_a_ring_are_exact_for_8_bytes),
        CONTRACT_TEST(accounts_of_a_ring_are_exact_for_32_bytes),
        CONTRACT_TEST(accounts_of_a_ring_are_exact_for_100_bytes),
        CONTRACT_TEST(accounts_of_a_ring_are_exact_for_1024_bytes),
        CONTRACT_TEST(accounts_of_a_ring_are_exact_for_batches),
        CONTRACT_TEST(lag_that_a_drain_tells_is_one_lag),
        CONTRACT_TEST(every_reader_of_a_latest_converges_and_accounts_for_all),
        CONTRACT_TEST(every_reader_of_a_latest_converges_after_batches),
        CONTRACT_TEST(each_value_of_a_mailbox_is_taken_once_or_overwritten),
        CONTRACT_TEST(each_value_of_a_mailbox_is_taken_once_or_overwritten_in_batches),
    };
    return LOAD_RUN(tests, argc, argv);
}
