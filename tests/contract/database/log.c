// SPDX-License-Identifier: Apache-2.0
// The log hook: what a lag and an error say, how often, and that nothing else is ever printed.
#include "contract.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

// A consumer that is always too slow: while it is inside its call the ring runs over.
struct slow {
    struct gate *calls;
    struct gate *leave;
    uint64_t count;
    aimdb_err result;
};

static aimdb_err
be_slow(aimdb_ctx *ctx, const struct number *value)
{
    struct slow *slow = aimdb_user(ctx);
    uint64_t call = ++slow->count;
    (void) value;
    gate_add(slow->calls, 1);
    gate_wait(slow->leave, call);
    return slow->result;
}

static struct slow *
slow_attach(struct world *w, number_record record, const char *name)
{
    struct slow *slow = world_memory(w, sizeof *slow);
    slow->calls = gate_new(w);
    slow->leave = gate_new(w);
    CHECK(number_add_consumer_with(w->builder, record, be_slow, slow,
                                   &(aimdb_consumer_options){ .name = name }) != NULL);
    return slow;
}

// proves D1
static void
warning_names_the_key_the_consumer_and_the_number(void **state)
{
    struct world *w = *state;
    struct log_book *book = log_book_new(w);
    const char *line = NULL;
    number_record record = number_configure(w->builder, "sensors.indoor", AIMDB_SPMC_RING(10));
    struct slow *slow = slow_attach(w, record, "database logger");
    world_build(w);
    push(record, 1);
    gate_wait(slow->calls, 1);
    push_range(record, 2, 4332); // 4321 of them do not fit
    gate_add(slow->leave, 100);
    gate_wait(slow->calls, 11);
    world_close(w);
    CHECK_EQ(1, log_book_find(book, "sensors.indoor", "database logger", &line));
    CHECK(strstr(line, "4321") != NULL);
    CHECK_EQ(AIMDB_LOG_WARNING, book->lines[0].level);
}

// proves D1
static void
many_lags_make_few_warnings(void **state)
{
    struct world *w = *state;
    struct log_book *book = log_book_new(w);
    const uint64_t lags = 400;
    uint64_t next = 2;
    number_record record = number_configure(w->builder, "sensors.indoor", AIMDB_SPMC_RING(1));
    struct slow *slow = slow_attach(w, record, "logger");
    world_build(w);
    push(record, 1);
    for (uint64_t lag = 1; lag <= lags; lag++) {
        gate_wait(slow->calls, lag);
        push_range(record, next, next + 2); // two of the three are gone
        next += 3;
        gate_add(slow->leave, 1);
    }
    gate_wait(slow->calls, lags + 1);
    gate_add(slow->leave, 1);
    world_close(w);
    aimdb_task_stats stats = task_stats(aimdb_record_task(record.raw, 0));
    CHECK_EQ(lags, stats.lags);
    CHECK_EQ(2 * lags, stats.missed);
    CHECK(log_book_find(book, "sensors.indoor", "logger", NULL) >= 1);
    CHECK(log_book_find(book, "sensors.indoor", "logger", NULL) < lags / 2);
}

// proves D1
static void
warnings_of_one_consumer_do_not_silence_another(void **state)
{
    struct world *w = *state;
    struct log_book *book = log_book_new(w);
    number_record a = number_configure(w->builder, "record.a", AIMDB_SPMC_RING(2));
    number_record b = number_configure(w->builder, "record.b", AIMDB_SPMC_RING(2));
    const number_record both[] = { a, b };
    struct slow *slows[2];
    slows[0] = slow_attach(w, a, "first");
    slows[1] = slow_attach(w, b, "second");
    world_build(w);
    for (size_t i = 0; i < 2; i++) {
        push(both[i], 1);
        gate_wait(slows[i]->calls, 1);
        push_range(both[i], 2, 50);
        gate_add(slows[i]->leave, 100);
        gate_wait(slows[i]->calls, 3);
    }
    world_close(w);
    CHECK(log_book_find(book, "record.a", "first", NULL) >= 1);
    CHECK(log_book_find(book, "record.b", "second", NULL) >= 1);
    CHECK_EQ(0, log_book_find(book, "record.a", "second", NULL));
}

// proves section 9, D3
static void
consumer_without_errors_and_lags_is_never_mentioned(void **state)
{
    struct world *w = *state;
    struct log_book *book = log_book_new(w);
    struct sink *sink = sink_new(w, 1);
    number_record record = number_configure(w->builder, "quiet.key", AIMDB_SPMC_RING(1000));
    sink_attach(w, record, sink, false);
    world_build(w);
    push_range(record, 1, 1000);
    gate_wait(sink->calls, 1000);
    world_close(w);
    for (size_t i = 0; i < book->count; i++)
        CHECK(book->lines[i].level == AIMDB_LOG_INFO);
}

// proves section 9
static void
without_a_hook_there_is_silence(void **state)
{
    struct world *w = *state;
    struct log_book *book = log_book_new(w);
    aimdb_set_log(w->builder, NULL, NULL);
    number_record record = number_configure(w->builder, "silent", AIMDB_SPMC_RING(1));
    struct slow *slow = slow_attach(w, record, "logger");
    slow->result = AIMDB_EIO;
    world_build(w);
    push(record, 1);
    gate_wait(slow->calls, 1);
    push_range(record, 2, 50);
    gate_add(slow->leave, 100);
    gate_wait(slow->calls, 2);
    world_close(w);
    CHECK_EQ(0, book->count);
}

static int printed[2];

// Lags, errors, mistakes, a late deadline: with the output streams led into a pipe.
static void
go_through_all_troubles(void *arg)
{
    void *state = NULL;
    aimdb *db = NULL;
    (void) arg;
    CHECK(dup2(printed[1], STDOUT_FILENO) >= 0 && dup2(printed[1], STDERR_FILENO) >= 0);
    CHECK(world_setup(&state) == 0);
    struct world *w = state;
    (void) number_configure(w->builder, "bad", AIMDB_SPMC_RING(0));
    CHECK_ERR(AIMDB_ECONFIG, aimdb_build(w->builder, &db));
    world_rebuild_with(w, w->executor, 0);
    without_a_hook_there_is_silence(&state);
    fflush(NULL);
    _exit(0);
}

// proves section 9
static void
library_prints_nothing(void **state)
{
    char text[256];
    (void) state;
    CHECK(pipe(printed) == 0);
    int status = contract_child(go_through_all_troubles, NULL);
    close(printed[1]);
    ssize_t length = read(printed[0], text, sizeof text);
    close(printed[0]);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK_EQ(0, length);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(library_prints_nothing), // first: its child starts threads
        CONTRACT_TEST(warning_names_the_key_the_consumer_and_the_number),
        CONTRACT_TEST(many_lags_make_few_warnings),
        CONTRACT_TEST(warnings_of_one_consumer_do_not_silence_another),
        CONTRACT_TEST(consumer_without_errors_and_lags_is_never_mentioned),
        CONTRACT_TEST(without_a_hook_there_is_silence),
    };
    return CONTRACT_RUN(tests, argc, argv);
}
