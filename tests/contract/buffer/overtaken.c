// SPDX-License-Identifier: Apache-2.0
// Readers that something happens to in the middle of a copy: the slots are a trap, and what others
// do meanwhile is done right there.
#include "trap.h"

#define WORDS 8192u // 64 KiB, so that a slot is more than a page everywhere
#define BYTES (WORDS * sizeof(uint64_t))
#define SLOTS 4u
#define PATIENCE 200u // visits after which a reader that is overtaken without end is let go
#define BOUND 64u     // visits within which it must have come to its end

struct large {
    uint64_t words[WORDS];
};
AIMDB_RECORD_TYPE(large, struct large);

struct scene;
typedef void
meanwhile_fn(struct scene *scene, size_t offset);

struct scene {
    large_record record;
    large_reader reader, other;
    struct trap *slots;
    meanwhile_fn *meanwhile;
    uint64_t produced;
    uint64_t visits; // times a copy was caught
    struct slow_writer *writer;
    struct large in, out;
    struct large many[8];
};

static void
caught(void *arg, size_t offset)
{
    struct scene *scene = arg;
    scene->visits++;
    scene->meanwhile(scene, offset);
}

static struct scene *
scene_new(struct world *w, aimdb_buffer_cfg cfg)
{
    struct scene *scene = world_memory(w, sizeof *scene);
    scene->slots = trap_new(w, SLOTS * BYTES, caught, scene);
    trap_is_memory_of_builder(scene->slots, BYTES);
    scene->record = large_configure(w->builder, "overtaken", cfg);
    return scene;
}

static struct scene *
scene_of_readers(struct world *w, aimdb_buffer_cfg cfg)
{
    struct scene *scene = scene_new(w, cfg);
    world_build(w);
    CHECK_OK(large_subscribe(scene->record, &scene->reader));
    CHECK_OK(large_subscribe(scene->record, &scene->other));
    return scene;
}

static void
scene_end(struct scene *scene)
{
    large_unsubscribe(&scene->reader);
    large_unsubscribe(&scene->other);
}

static void
fill(struct large *large, uint64_t n)
{
    for (size_t i = 0; i < WORDS; i++)
        large->words[i] = n;
}

static void
is_whole(const struct large *large, uint64_t n)
{
    for (size_t i = 0; i < WORDS; i++)
        CHECK_EQ(n, large->words[i]);
}

static void
produce(struct scene *scene, uint64_t count)
{
    for (; count > 0; count--) {
        fill(&scene->in, ++scene->produced);
        CHECK_OK(large_produce(scene->record, &scene->in));
    }
}

// The next copy of a slot is caught in the middle.
static void
catch_in(struct scene *scene, size_t slot, meanwhile_fn *meanwhile)
{
    scene->meanwhile = meanwhile;
    trap_close(scene->slots, slot * BYTES + BYTES / 2);
}

static void
push_two(struct scene *scene, size_t offset)
{
    (void) offset;
    produce(scene, 2);
}

// The worst a writer can do: a lap of both slots whenever a copy has come half as far.
static void
push_two_without_end(struct scene *scene, size_t offset)
{
    size_t other_half = offset % BYTES < BYTES / 2 ? BYTES / 2 : 0;
    produce(scene, 2);
    for (size_t slot = 0; slot < 2 && scene->visits < PATIENCE; slot++)
        trap_close(scene->slots, slot * BYTES + other_half);
}

static void
next_is(struct scene *scene, large_reader *reader, uint64_t n)
{
    CHECK_OK(large_try_recv(reader, &scene->out));
    is_whole(&scene->out, n);
}

static void
next_fails(struct scene *scene, large_reader *reader, aimdb_err err)
{
    fill(&scene->out, 0x5a);
    CHECK_ERR(err, large_try_recv(reader, &scene->out));
    is_whole(&scene->out, 0x5a);
}

static void
next_is_lag(struct scene *scene, large_reader *reader, uint64_t n)
{
    next_fails(scene, reader, AIMDB_ELAGGED);
    CHECK_EQ(n, large_missed(reader));
}

static aimdb_reader_stats
stats_of(const large_reader *reader)
{
    aimdb_reader_stats stats = { .size = sizeof stats };
    CHECK_OK(aimdb_reader_metrics(&reader->raw, &stats));
    return stats;
}

static void
account_is(const large_reader *reader, uint64_t received, uint64_t missed, uint64_t lags)
{
    CHECK_EQ(received, stats_of(reader).received);
    CHECK_EQ(missed, stats_of(reader).missed);
    CHECK_EQ(lags, stats_of(reader).lags);
}

// Rings ----------------------------------------------------------------------------------------

static void
ring_value_is_overtaken(struct world *w, aimdb_buffer_cfg cfg)
{
    struct scene *scene = scene_of_readers(w, cfg);
    produce(scene, 1);
    catch_in(scene, 0, push_two); // the second of them lies where the first value lay
    next_is_lag(scene, &scene->reader, 2);
    CHECK_EQ(1, scene->visits);
    next_is(scene, &scene->reader, 3);
    next_fails(scene, &scene->reader, AIMDB_EEMPTY);
    account_is(&scene->reader, 1, 2, 1);
    scene_end(scene);
}

// proves R6 R4 P4
static void
value_overtaken_in_mid_copy_is_a_lag(void **state)
{
    ring_value_is_overtaken(*state, AIMDB_SPMC_RING(1));
}

// proves R6 R4 P4
static void
value_overtaken_by_the_one_writer_in_mid_copy_is_a_lag(void **state)
{
    ring_value_is_overtaken(*state, AIMDB_SPMC_RING(1, .one_writer = true));
}

// Another thread that begins a push when it is told to, and stands in the middle of it.
struct slow_writer {
    struct scene *scene;
    struct trap *trap; // where its values are
    struct stop *stop;
    struct gate *go;
    size_t count; // of values, in one batch
};

static void
write_slowly(void *arg)
{
    struct slow_writer *writer = arg;
    gate_wait(writer->go, 1);
    CHECK_OK(large_produce_n(writer->scene->record, trap_memory(writer->trap), writer->count));
}

static struct helper *
slow_writer_start(struct world *w, struct scene *scene, uint64_t first, size_t count)
{
    struct slow_writer *writer = scene->writer = world_memory(w, sizeof *writer);
    writer->scene = scene;
    writer->stop = stop_new(w);
    writer->trap = trap_new(w, count * BYTES, stop_here, writer->stop);
    writer->go = gate_new(w);
    writer->count = count;
    for (size_t i = 0; i < count; i++)
        fill((struct large *) trap_memory(writer->trap) + i, first + i);
    return helper_start(w, write_slowly, writer);
}

// It stands before the end of the last value.
static void
push_one_and_begin_another(struct scene *scene, size_t offset)
{
    (void) offset;
    produce(scene, 1);
    trap_close(scene->writer->trap, scene->writer->count * BYTES - 1);
    gate_add(scene->writer->go, 1);
    gate_wait(scene->writer->stop->stopped, 1);
}

// proves R6 P3
static void
value_that_is_being_overwritten_is_a_lag(void **state)
{
    struct world *w = *state;
    struct scene *scene = scene_of_readers(w, AIMDB_SPMC_RING(2));
    struct helper *helper = slow_writer_start(w, scene, 3, 1);
    produce(scene, 1);
    catch_in(scene, 0, push_one_and_begin_another);
    next_is_lag(scene, &scene->reader, 1);
    next_is(scene, &scene->reader, 2);
    next_fails(scene, &scene->reader, AIMDB_EEMPTY);
    gate_add(scene->writer->stop->resume, 1);
    helper_join(helper);
    next_is(scene, &scene->reader, 3);
    account_is(&scene->reader, 2, 1, 1);
    scene_end(scene);
}

// proves R6 R4 P4
static void
batch_in_flight_makes_nobody_miss_what_is_not_there_yet(void **state)
{
    struct world *w = *state;
    struct scene *scene = scene_of_readers(w, AIMDB_SPMC_RING(2));
    struct helper *helper = slow_writer_start(w, scene, 3, 10);
    produce(scene, 1);
    catch_in(scene, 0, push_one_and_begin_another);
    next_is_lag(scene, &scene->reader, 2);
    next_fails(scene, &scene->reader, AIMDB_EEMPTY);
    CHECK_EQ(0, stats_of(&scene->reader).pending);
    gate_add(scene->writer->stop->resume, 1);
    helper_join(helper);
    next_is_lag(scene, &scene->reader, 8);
    next_is(scene, &scene->reader, 11);
    next_is(scene, &scene->reader, 12);
    account_is(&scene->reader, 2, 10, 2);
    scene_end(scene);
}

static void
drained_are(struct scene *scene, size_t max, uint64_t missed, uint64_t first, size_t count)
{
    uint64_t got = UINT64_MAX;
    CHECK_EQ(count, large_drain(&scene->reader, scene->many, max, &got));
    CHECK_EQ(missed, got);
    for (size_t i = 0; i < count; i++)
        is_whole(&scene->many[i], first + i);
}

// proves R6 R7 P4
static void
drain_that_is_overtaken_keeps_what_stayed_whole(void **state)
{
    struct scene *scene = scene_of_readers(*state, AIMDB_SPMC_RING(4));
    produce(scene, 4);
    catch_in(scene, 2, push_two); // over the first two, which were copied before
    drained_are(scene, 4, 2, 3, 4);
    account_is(&scene->reader, 4, 2, 1);
    drained_are(scene, 4, 0, 0, 0);
    scene_end(scene);
}

// proves R6 R7 P3
static void
drained_value_that_is_being_overwritten_is_missed(void **state)
{
    struct world *w = *state;
    struct scene *scene = scene_of_readers(w, AIMDB_SPMC_RING(2));
    struct helper *helper = slow_writer_start(w, scene, 3, 1);
    produce(scene, 1);
    catch_in(scene, 0, push_one_and_begin_another);
    drained_are(scene, 8, 1, 2, 1);
    drained_are(scene, 8, 0, 0, 0);
    gate_add(scene->writer->stop->resume, 1);
    helper_join(helper);
    drained_are(scene, 8, 0, 3, 1);
    account_is(&scene->reader, 2, 1, 1);
    scene_end(scene);
}

static void
push_a_lap(struct scene *scene, size_t offset)
{
    (void) offset;
    produce(scene, 4);
}

static void
push_two_and_catch_once_more(struct scene *scene, size_t offset)
{
    push_two(scene, offset);
    catch_in(scene, 3, push_a_lap);
}

// proves R7 R4 P4
static void
gap_behind_the_first_values_of_a_drain_is_told_by_the_next(void **state)
{
    struct scene *scene = scene_of_readers(*state, AIMDB_SPMC_RING(4));
    produce(scene, 2);
    catch_in(scene, 1, push_two_and_catch_once_more); // 3 and 4 are there, and gone in mid-copy
    drained_are(scene, 8, 0, 1, 2);
    CHECK_EQ(2, scene->visits);
    account_is(&scene->reader, 2, 0, 0);
    drained_are(scene, 8, 2, 5, 4);
    account_is(&scene->reader, 6, 2, 1);
    scene_end(scene);
}

static void
push_two_and_once_more(struct scene *scene, size_t offset)
{
    if (scene->visits < 5)
        push_two_without_end(scene, offset);
}

// proves R5 R7 P4
static void
drain_that_is_overtaken_again_and_again_tells_one_lag_with_the_sum(void **state)
{
    struct scene *scene = scene_of_readers(*state, AIMDB_SPMC_RING(1));
    uint64_t missed = 0;
    produce(scene, 1);
    catch_in(scene, 0, push_two_and_once_more);
    CHECK_EQ(1, large_drain(&scene->reader, scene->many, 1, &missed));
    CHECK_EQ(5, scene->visits);
    is_whole(&scene->many[0], scene->produced);
    CHECK_EQ(scene->produced - 1, missed);
    CHECK_EQ(missed, large_missed(&scene->reader));
    account_is(&scene->reader, 1, missed, 1);
    scene_end(scene);
}

// Latest and mailbox ---------------------------------------------------------------------------

static void
reads_whole(struct scene *scene, aimdb_err err)
{
    CHECK_OK(err);
    CHECK(scene->visits > 1 && scene->visits < BOUND);
    CHECK(scene->out.words[0] > 0 && scene->out.words[0] <= scene->produced);
    is_whole(&scene->out, scene->out.words[0]);
}

static void
overtaken_read_ends(struct scene *scene, large_reader *reader, bool is_mailbox)
{
    uint64_t received = 1;
    scene->visits = 0;
    catch_in(scene, 1, push_two_without_end);
    trap_close(scene->slots, BYTES / 2); // whichever it is
    reads_whole(scene, large_try_recv(reader, &scene->out));
    scene->meanwhile = push_two;
    if (large_try_recv(reader, &scene->out) == AIMDB_OK) { // the first was pinned, not the newest
        is_whole(&scene->out, scene->produced);
        received++;
    }
    next_fails(scene, reader, AIMDB_EEMPTY);
    CHECK_EQ(received, stats_of(reader).received);
    CHECK_EQ(is_mailbox ? 0 : scene->produced - received, stats_of(reader).skipped);
}

static void
reader_comes_to_an_end(struct world *w, aimdb_buffer_cfg cfg)
{
    struct scene *scene = scene_of_readers(w, cfg);
    bool is_mailbox = cfg.buffer == AIMDB_BUFFER_MAILBOX;
    produce(scene, 2);
    overtaken_read_ends(scene, &scene->reader, is_mailbox);
    produce(scene, 1);
    overtaken_read_ends(scene, &scene->other, is_mailbox); // the first one left nothing behind
    scene_end(scene);
}

// proves L6 L4 L7
static void
overtaken_reader_of_a_latest_comes_to_an_end(void **state)
{
    reader_comes_to_an_end(*state, AIMDB_SINGLE_LATEST);
}

// proves L6 L4 L7
static void
overtaken_reader_of_a_latest_of_one_writer_comes_to_an_end(void **state)
{
    reader_comes_to_an_end(*state, AIMDB_SINGLE_LATEST_WITH(.one_writer = true));
}

// proves M3 P3
static void
overtaken_taker_of_a_mailbox_comes_to_an_end(void **state)
{
    reader_comes_to_an_end(*state, AIMDB_MAILBOX);
}

// proves L6 L5
static void
overtaken_peek_comes_to_an_end(void **state)
{
    struct scene *scene = scene_of_readers(*state, AIMDB_SINGLE_LATEST);
    produce(scene, 2);
    catch_in(scene, 1, push_two_without_end);
    trap_close(scene->slots, BYTES / 2);
    reads_whole(scene, large_peek(scene->record, &scene->out));
    scene_end(scene);
}

// proves L2 L4 L7
static void
value_replaced_in_mid_copy_is_skipped(void **state)
{
    struct scene *scene = scene_of_readers(*state, AIMDB_SINGLE_LATEST);
    produce(scene, 1);
    catch_in(scene, 1, push_two);
    trap_close(scene->slots, BYTES / 2);
    next_is(scene, &scene->reader, 3);
    CHECK_EQ(1, scene->visits);
    next_fails(scene, &scene->reader, AIMDB_EEMPTY);
    CHECK_EQ(2, stats_of(&scene->reader).skipped);
    CHECK_EQ(1, stats_of(&scene->reader).received);
    scene_end(scene);
}

static void
other_takes(struct scene *scene, size_t offset)
{
    (void) offset;
    CHECK_OK(large_try_recv(&scene->other, &scene->many[0]));
}

// proves M2 P4
static void
value_taken_by_another_in_mid_copy_is_taken_once(void **state)
{
    struct scene *scene = scene_of_readers(*state, AIMDB_MAILBOX);
    aimdb_record_stats stats = { .size = sizeof stats };
    produce(scene, 1);
    catch_in(scene, 1, other_takes);
    trap_close(scene->slots, BYTES / 2);
    next_fails(scene, &scene->reader, AIMDB_EEMPTY);
    CHECK_EQ(1, scene->visits);
    is_whole(&scene->many[0], 1);
    account_is(&scene->reader, 0, 0, 0);
    account_is(&scene->other, 1, 0, 0);
    CHECK_OK(aimdb_record_metrics(scene->record.raw, &stats));
    CHECK_EQ(0, stats.overwritten);
    scene_end(scene);
}

static void
other_takes_and_two_follow(struct scene *scene, size_t offset)
{
    other_takes(scene, offset);
    produce(scene, 2);
}

// proves M2 M1 P4
static void
taker_that_came_too_late_gets_what_follows(void **state)
{
    struct scene *scene = scene_of_readers(*state, AIMDB_MAILBOX);
    aimdb_record_stats stats = { .size = sizeof stats };
    produce(scene, 1);
    catch_in(scene, 1, other_takes_and_two_follow);
    trap_close(scene->slots, BYTES / 2);
    next_is(scene, &scene->reader, 3);
    CHECK_OK(aimdb_record_metrics(scene->record.raw, &stats));
    CHECK_EQ(1, stats.overwritten);
    account_is(&scene->reader, 1, 0, 0);
    account_is(&scene->other, 1, 0, 0);
    scene_end(scene);
}

// Consumers ------------------------------------------------------------------------------------

struct noter {
    struct gate *calls, *leave;
    uint64_t count, missed[8], values[8];
};

static aimdb_err
note(aimdb_ctx *ctx, const struct large *value)
{
    struct noter *noter = aimdb_user(ctx);
    is_whole(value, value->words[0]);
    noter->missed[noter->count] = aimdb_missed(ctx);
    noter->values[noter->count++] = value->words[0];
    gate_add(noter->calls, 1);
    gate_wait(noter->leave, noter->count);
    return AIMDB_OK;
}

// Value 1 was handed on, value 2 is there, and its copy will be caught.
static struct noter *
noter_begin(struct world *w, struct scene *scene, aimdb_task **ret_task)
{
    struct noter *noter = world_memory(w, sizeof *noter);
    noter->calls = gate_new(w);
    noter->leave = gate_new(w);
    *ret_task = large_add_consumer(w->builder, scene->record, note, noter);
    CHECK(*ret_task != NULL);
    world_build(w);
    produce(scene, 1);
    gate_wait(noter->calls, 1);
    produce(scene, 1);
    catch_in(scene, 0, push_two_and_once_more);
    trap_close(scene->slots, BYTES + BYTES / 2);
    gate_add(noter->leave, 1);
    gate_wait(noter->calls, 2);
    gate_add(noter->leave, 100);
    world_close(w);
    return noter;
}

// proves D1 R5 R6 P4
static void
consumer_that_is_overtaken_again_and_again_is_told_the_sum(void **state)
{
    struct world *w = *state;
    struct scene *scene = scene_new(w, AIMDB_SPMC_RING(1));
    aimdb_task *task;
    struct noter *noter = noter_begin(w, scene, &task);
    CHECK_EQ(2, noter->count);
    CHECK_EQ(5, scene->visits);
    CHECK_EQ(scene->produced, noter->values[1]);
    CHECK_EQ(scene->produced - 2, noter->missed[1]);
    CHECK_EQ(scene->produced - 2, task_stats(task).missed);
    CHECK_EQ(1, task_stats(task).lags);
}

// proves D1 L4 L7
static void
consumer_of_a_latest_that_is_overtaken_gets_whole_values(void **state)
{
    struct world *w = *state;
    struct scene *scene = scene_new(w, AIMDB_SINGLE_LATEST);
    aimdb_task *task;
    struct noter *noter = noter_begin(w, scene, &task);
    CHECK_EQ(5, scene->visits);
    CHECK_EQ(scene->produced, noter->values[noter->count - 1]);
    CHECK_EQ(scene->produced, task_stats(task).received + task_stats(task).skipped);
    CHECK_EQ(noter->count, task_stats(task).received);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(value_overtaken_in_mid_copy_is_a_lag),
        CONTRACT_TEST(value_overtaken_by_the_one_writer_in_mid_copy_is_a_lag),
        CONTRACT_TEST(value_that_is_being_overwritten_is_a_lag),
        CONTRACT_TEST(batch_in_flight_makes_nobody_miss_what_is_not_there_yet),
        CONTRACT_TEST(drain_that_is_overtaken_keeps_what_stayed_whole),
        CONTRACT_TEST(drained_value_that_is_being_overwritten_is_missed),
        CONTRACT_TEST(gap_behind_the_first_values_of_a_drain_is_told_by_the_next),
        CONTRACT_TEST(drain_that_is_overtaken_again_and_again_tells_one_lag_with_the_sum),
        CONTRACT_TEST(overtaken_reader_of_a_latest_comes_to_an_end),
        CONTRACT_TEST(overtaken_reader_of_a_latest_of_one_writer_comes_to_an_end),
        CONTRACT_TEST(overtaken_taker_of_a_mailbox_comes_to_an_end),
        CONTRACT_TEST(overtaken_peek_comes_to_an_end),
        CONTRACT_TEST(value_replaced_in_mid_copy_is_skipped),
        CONTRACT_TEST(value_taken_by_another_in_mid_copy_is_taken_once),
        CONTRACT_TEST(taker_that_came_too_late_gets_what_follows),
        CONTRACT_TEST(consumer_that_is_overtaken_again_and_again_is_told_the_sum),
        CONTRACT_TEST(consumer_of_a_latest_that_is_overtaken_gets_whole_values),
    };
    return CONTRACT_RUN(tests, argc, argv);
}
