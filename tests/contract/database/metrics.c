// SPDX-License-Identifier: Apache-2.0
// Counters of records, tasks and readers: exact, by name, and read without disturbing anybody.
#include "contract.h"

// proves section 10
static void
record_tells_what_was_produced_refused_and_overwritten(void **state)
{
    struct world *w = *state;
    number_record ring = number_configure(w->builder, "ring", AIMDB_SPMC_RING(77));
    number_record latest = number_configure(w->builder, "latest", AIMDB_SINGLE_LATEST);
    number_record mailbox = number_configure(w->builder, "mailbox", AIMDB_MAILBOX);
    number_record probe = probe_new(w);
    number_reader reader;
    sink_attach(w, ring, sink_new(w, 1), false);
    sink_attach(w, ring, sink_new(w, 1), true);
    world_build(w);
    CHECK_EQ(77, record_stats(ring).capacity);
    CHECK_EQ(1, record_stats(latest).capacity);
    CHECK_EQ(1, record_stats(mailbox).capacity);
    CHECK_EQ(2, record_stats(ring).consumers);
    CHECK_EQ(0, record_stats(latest).consumers);
    uint32_t before = record_stats(ring).readers;
    CHECK_OK(number_subscribe(ring, &reader));
    CHECK_EQ(before + 1, record_stats(ring).readers);
    number_unsubscribe(&reader);
    CHECK_EQ(before, record_stats(ring).readers);
    push_range(ring, 1, 10);
    push_range(latest, 1, 20);
    push_range(mailbox, 1, 30);
    CHECK_ERR(AIMDB_EIO, number_produce(probe, &(struct number){ 1 }));
    CHECK_EQ(10, record_stats(ring).produced);
    CHECK_EQ(20, record_stats(latest).produced);
    CHECK_EQ(30, record_stats(mailbox).produced);
    CHECK_EQ(29, record_stats(mailbox).overwritten);
    CHECK_EQ(0, record_stats(ring).overwritten + record_stats(latest).overwritten);
    CHECK_EQ(1, record_stats(probe).refused);
    CHECK_EQ(0, record_stats(probe).produced + record_stats(ring).refused);
}

// proves section 10
static void
time_of_the_last_value_is_noted_only_where_it_is_asked_for(void **state)
{
    struct world *w = *state;
    const aimdb_buffer_cfg stamped[] = { AIMDB_SPMC_RING(4, .stamp = true),
                                         AIMDB_SINGLE_LATEST_WITH(.stamp = true),
                                         AIMDB_MAILBOX_WITH(.stamp = true) };
    static const char *const keys[] = { "ring", "latest", "mailbox" };
    number_record plain = number_configure(w->builder, "plain", AIMDB_SPMC_RING(4));
    number_record records[3];
    for (size_t i = 0; i < 3; i++)
        records[i] = number_configure(w->builder, keys[i], stamped[i]);
    world_build(w);
    push(plain, 1);
    CHECK_EQ(0, record_stats(plain).last_at);
    for (size_t i = 0; i < 3; i++) {
        CHECK_EQ(0, record_stats(records[i]).last_at);
        for (int k = 0; k < 3; k++) {
            aimdb_time before = aimdb_clock();
            push(records[i], 1);
            aimdb_time after = aimdb_clock();
            CHECK(record_stats(records[i]).last_at >= before);
            CHECK(record_stats(records[i]).last_at <= after);
        }
    }
}

// proves section 10
static void
counters_name_the_guilty_consumer_and_never_a_sum(void **state)
{
    struct world *w = *state;
    struct sink *slow = sink_held_new(w, 1), *fast = sink_new(w, 1);
    number_record record = number_configure(w->builder, "guilt", AIMDB_SPMC_RING(10));
    aimdb_task *guilty = sink_attach(w, record, slow, true);
    aimdb_task *innocent = sink_attach(w, record, fast, false);
    number_reader reader;
    world_build(w);
    CHECK_OK(number_subscribe(record, &reader));
    for (uint64_t n = 1; n <= 100; n++) {
        push(record, n);
        gate_wait(fast->calls, n);
        expect(&reader, n);
        if (n == 1)
            gate_wait(slow->calls, 1);
    }
    sink_let_go(slow);
    world_close(w);
    CHECK_EQ(11, task_stats(guilty).received);
    CHECK_EQ(89, task_stats(guilty).missed);
    CHECK_EQ(1, task_stats(guilty).lags);
    CHECK_EQ(100, task_stats(innocent).received);
    CHECK_EQ(0, task_stats(innocent).missed + task_stats(innocent).lags);
    CHECK_EQ(100, reader_stats(&reader).received);
    CHECK_EQ(0, reader_stats(&reader).missed + reader_stats(&reader).lags);
    number_unsubscribe(&reader);
}

// proves section 10, P4
static void
pending_is_what_still_waits_for_each(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_held_new(w, 1);
    number_record record = number_configure(w->builder, "pending", AIMDB_SPMC_RING(100));
    aimdb_task *task = sink_attach(w, record, sink, true);
    number_reader reader;
    world_build(w);
    CHECK_OK(number_subscribe(record, &reader));
    CHECK_OK(number_produce_n(record, (struct number[]){ { 1 }, { 2 }, { 3 }, { 4 } }, 4));
    gate_wait(sink->calls, 1);
    push_range(record, 5, 31);
    CHECK_EQ(30, task_stats(task).pending);
    CHECK_EQ(31, reader_stats(&reader).pending);
    expect_range(&reader, 1, 11);
    CHECK_EQ(20, reader_stats(&reader).pending);
    CHECK_EQ(30, task_stats(task).pending);
    sink_let_go(sink);
    gate_wait(sink->calls, 31);
    CHECK_EQ(0, task_stats(task).pending);
    CHECK_EQ(20, reader_stats(&reader).pending);
    number_unsubscribe(&reader);
}

// proves section 10, L7
static void
skipped_values_of_a_consumer_are_counted_on_it(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_held_new(w, 4);
    number_record record = number_configure(w->builder, "skipping", AIMDB_SINGLE_LATEST);
    aimdb_task *task = sink_attach(w, record, sink, true);
    world_build(w);
    push(record, 1);
    gate_wait(sink->calls, 1);
    push_range(record, 2, 40);
    sink_let_go(sink);
    gate_wait(sink->calls, 2);
    world_close(w);
    CHECK_EQ(40, sink->values[1]);
    CHECK_EQ(2, task_stats(task).received);
    CHECK_EQ(38, task_stats(task).skipped);
    CHECK_EQ(0, task_stats(task).missed + task_stats(task).lags);
}

// proves section 10
static void
time_from_push_to_call_is_told_where_it_is_asked_for(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_held_new(w, 1), *plain = sink_new(w, 1);
    number_record record =
        number_configure(w->builder, "timed", AIMDB_SPMC_RING(64, .stamp = true));
    number_record other = number_configure(w->builder, "plain", AIMDB_SPMC_RING(64));
    aimdb_task *task = sink_attach(w, record, sink, true);
    aimdb_task *untimed = sink_attach(w, other, plain, false);
    world_build(w);
    push(record, 1);
    gate_wait(sink->calls, 1);
    push_range(record, 2, 3);
    push_range(other, 1, 5);
    gate_wait(plain->calls, 5);
    aimdb_time until = aimdb_clock() + AIMDB_MS(300);
    while (aimdb_clock() < until)
        continue;
    push(record, 4); // does not wait like the two before it, though they are handed on together
    sink_let_go(sink);
    gate_wait(sink->calls, 4);
    world_close(w);
    aimdb_task_stats stats = task_stats(task);
    CHECK(stats.latency_max >= AIMDB_MS(300));
    CHECK(stats.latency_p99 >= AIMDB_MS(300));
    CHECK(stats.latency_p50 < AIMDB_MS(300));
    stats = task_stats(untimed);
    CHECK_EQ(0, stats.latency_p50 | stats.latency_p99 | stats.latency_max);
}

// proves section 10
static void
median_does_not_follow_one_slow_call(void **state)
{
    struct world *w = *state;
    SKIP_IF_SIMULATED("in virtual time calls take no time");
    struct sink *sink = sink_held_new(w, 1);
    number_record record =
        number_configure(w->builder, "timed", AIMDB_SPMC_RING(64, .stamp = true));
    aimdb_task *task = sink_attach(w, record, sink, true);
    world_build(w);
    push(record, 1);
    gate_wait(sink->calls, 1);
    push(record, 2); // waits; the ones after the release are quick
    aimdb_time until = aimdb_clock() + AIMDB_SEC(2);
    while (aimdb_clock() < until)
        continue;
    sink_let_go(sink);
    for (uint64_t n = 3; n <= 500; n++) {
        gate_wait(sink->calls, n - 1);
        push(record, n);
    }
    gate_wait(sink->calls, 500);
    world_close(w);
    CHECK(task_stats(task).latency_max >= AIMDB_SEC(2));
    CHECK(task_stats(task).latency_p50 > 0);
    CHECK(task_stats(task).latency_p50 < AIMDB_SEC(2));
}

// Older and newer callers ----------------------------------------------------------------------

#define UNTOUCHED 0x77

static bool
is_untouched(const void *memory, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        if (((const uint8_t *) memory)[i] != UNTOUCHED)
            return false;
    return true;
}

// proves section 10, section 9
static void
only_the_members_that_fit_are_written(void **state)
{
    struct world *w = *state;
    number_record record = number_configure(w->builder, "fit", AIMDB_SPMC_RING(4));
    aimdb_task *task = sink_attach(w, record, sink_new(w, 1), false);
    number_reader reader;
    aimdb_record_stats of_record;
    aimdb_task_stats of_task;
    aimdb_reader_stats of_reader;
    world_build(w);
    CHECK_OK(number_subscribe(record, &reader));
    push(record, 1);
    memset(&of_record, UNTOUCHED, sizeof of_record);
    memset(&of_task, UNTOUCHED, sizeof of_task);
    memset(&of_reader, UNTOUCHED, sizeof of_reader);
    of_record.size = offsetof(aimdb_record_stats, refused);
    of_task.size = offsetof(aimdb_task_stats, overruns);
    of_reader.size = offsetof(aimdb_reader_stats, missed);
    CHECK_OK(aimdb_record_metrics(record.raw, &of_record));
    CHECK_OK(aimdb_task_metrics(task, &of_task));
    CHECK_OK(aimdb_reader_metrics(&reader.raw, &of_reader));
    CHECK_EQ(1, of_record.produced);
    CHECK_EQ(0, of_task.missed);
    CHECK_EQ(0, of_reader.received);
    CHECK(is_untouched(&of_record, offsetof(aimdb_record_stats, refused), sizeof of_record));
    CHECK(is_untouched(&of_task, offsetof(aimdb_task_stats, overruns), sizeof of_task));
    CHECK(is_untouched(&of_reader, offsetof(aimdb_reader_stats, missed), sizeof of_reader));
    CHECK_EQ(offsetof(aimdb_record_stats, refused), of_record.size);
    number_unsubscribe(&reader);
}

struct newer_stats {
    aimdb_record_stats known;
    uint8_t later[64]; // members of a header that this library does not know
};

// proves section 10
static void
caller_with_a_newer_header_gets_what_there_is(void **state)
{
    struct world *w = *state;
    struct newer_stats stats;
    number_record record = number_configure(w->builder, "newer", AIMDB_SPMC_RING(4));
    world_build(w);
    push(record, 1);
    memset(&stats, UNTOUCHED, sizeof stats);
    stats.known.size = sizeof stats;
    CHECK_OK(aimdb_record_metrics(record.raw, &stats.known));
    CHECK_EQ(1, stats.known.produced);
    CHECK_EQ(4, stats.known.capacity);
}

// Reading disturbs nobody ----------------------------------------------------------------------

struct onlooker {
    number_record record;
    aimdb_task *task;
    const number_reader *reader;
    struct gate *looking;
    atomic_bool stop;
};

static void
look_all_the_time(void *arg)
{
    struct onlooker *onlooker = arg;
    uint64_t produced = 0, received = 0, pulled = 0;
    for (uint64_t i = 0; !atomic_load(&onlooker->stop); i++) {
        CHECK(record_stats(onlooker->record).produced >= produced);
        produced = record_stats(onlooker->record).produced;
        CHECK(task_stats(onlooker->task).received >= received);
        received = task_stats(onlooker->task).received;
        CHECK(reader_stats(onlooker->reader).received >= pulled);
        pulled = reader_stats(onlooker->reader).received;
        if (i == 10)
            gate_add(onlooker->looking, 1);
    }
}

// proves section 10
static void
counters_can_be_read_from_any_thread_while_values_flow(void **state)
{
    struct world *w = *state;
    struct onlooker *onlooker = world_memory(w, sizeof *onlooker);
    struct sink *sink = sink_new(w, 1);
    number_reader reader;
    onlooker->record = number_configure(w->builder, "watched", AIMDB_SPMC_RING(64));
    onlooker->task = sink_attach(w, onlooker->record, sink, false);
    onlooker->looking = gate_new(w);
    world_build(w);
    CHECK_OK(number_subscribe(onlooker->record, &reader));
    onlooker->reader = &reader;
    struct helper *helper = helper_start(w, look_all_the_time, onlooker);
    gate_wait(onlooker->looking, 1);
    for (uint64_t n = 1; n <= 20000; n++) {
        push(onlooker->record, n);
        expect(&reader, n);
    }
    atomic_store(&onlooker->stop, true);
    helper_join(helper);
    world_close(w);
    CHECK_EQ(20000, record_stats(onlooker->record).produced);
    CHECK_EQ(20000, task_stats(onlooker->task).received + task_stats(onlooker->task).missed);
    CHECK_EQ(20000, reader_stats(&reader).received);
    number_unsubscribe(&reader);
}

// proves section 10
static void
tools_can_walk_all_records_and_tasks(void **state)
{
    struct world *w = *state;
    number_record a = number_configure(w->builder, "first", AIMDB_SPMC_RING(4));
    number_record b = number_configure(w->builder, "second", AIMDB_MAILBOX);
    aimdb_task *task = sink_attach(w, b, sink_new(w, 1), false);
    world_build(w);
    CHECK_EQ(2, aimdb_record_count(w->db));
    CHECK(aimdb_record_at(w->db, 0) == a.raw && aimdb_record_at(w->db, 1) == b.raw);
    CHECK(aimdb_record_at(w->db, 2) == NULL);
    CHECK(strcmp("second", aimdb_record_key(b.raw)) == 0);
    CHECK(aimdb_record_type(b.raw) == number_type());
    CHECK_EQ(AIMDB_BUFFER_SPMC_RING, aimdb_record_buffer(a.raw));
    CHECK_EQ(AIMDB_BUFFER_MAILBOX, aimdb_record_buffer(b.raw));
    CHECK(aimdb_record_task(a.raw, 0) == NULL);
    CHECK(aimdb_record_task(b.raw, 0) == task);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(record_tells_what_was_produced_refused_and_overwritten),
        CONTRACT_TEST(time_of_the_last_value_is_noted_only_where_it_is_asked_for),
        CONTRACT_TEST(counters_name_the_guilty_consumer_and_never_a_sum),
        CONTRACT_TEST(pending_is_what_still_waits_for_each),
        CONTRACT_TEST(skipped_values_of_a_consumer_are_counted_on_it),
        CONTRACT_TEST(time_from_push_to_call_is_told_where_it_is_asked_for),
        CONTRACT_TEST(median_does_not_follow_one_slow_call),
        CONTRACT_TEST(only_the_members_that_fit_are_written),
        CONTRACT_TEST(caller_with_a_newer_header_gets_what_there_is),
        CONTRACT_TEST(counters_can_be_read_from_any_thread_while_values_flow),
        CONTRACT_TEST(tools_can_walk_all_records_and_tasks),
    };
    return CONTRACT_RUN(tests, argc, argv);
}
