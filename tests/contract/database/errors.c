// SPDX-License-Identifier: Apache-2.0
// Bad arguments: a clear error, and nothing changes. Also the table of errors itself.
#include "contract.h"

// The table ------------------------------------------------------------------------------------

// proves section 9
static void
every_error_has_its_name_and_a_text_of_its_own(void **state)
{
    static const struct {
        aimdb_err err;
        const char *name;
    } table[] = {
        { AIMDB_OK, "AIMDB_OK" },
        { AIMDB_EEMPTY, "AIMDB_EEMPTY" },
        { AIMDB_ELAGGED, "AIMDB_ELAGGED" },
        { AIMDB_ECLOSED, "AIMDB_ECLOSED" },
        { AIMDB_ETIMEDOUT, "AIMDB_ETIMEDOUT" },
        { AIMDB_EPENDING, "AIMDB_EPENDING" },
        { AIMDB_EINVAL, "AIMDB_EINVAL" },
        { AIMDB_ECONFIG, "AIMDB_ECONFIG" },
        { AIMDB_ENOMEM, "AIMDB_ENOMEM" },
        { AIMDB_ENOTSUP, "AIMDB_ENOTSUP" },
        { AIMDB_ENOTFOUND, "AIMDB_ENOTFOUND" },
        { AIMDB_ETYPE, "AIMDB_ETYPE" },
        { AIMDB_ELOOP, "AIMDB_ELOOP" },
        { AIMDB_EBUSY, "AIMDB_EBUSY" },
        { AIMDB_EFORKED, "AIMDB_EFORKED" },
        { AIMDB_EIO, "AIMDB_EIO" },
    };
    const size_t count = sizeof table / sizeof table[0];
    (void) state;
    CHECK_EQ(0, AIMDB_OK);
    for (size_t i = 0; i < count; i++) {
        CHECK(table[i].err <= 0);
        CHECK(strcmp(table[i].name, aimdb_err_name(table[i].err)) == 0);
        CHECK(strlen(aimdb_err_text(table[i].err)) > 3);
        for (size_t k = 0; k < i; k++)
            CHECK(strcmp(aimdb_err_text(table[k].err), aimdb_err_text(table[i].err)) != 0);
    }
}

// proves section 9
static void
unknown_error_has_a_name_as_well(void **state)
{
    static const int unknown[] = { 1, -16, -1000, INT16_MAX };
    (void) state;
    for (size_t i = 0; i < 4; i++) {
        aimdb_err err;
        memcpy(&err, &unknown[i], sizeof err);
        CHECK(strcmp("AIMDB_EUNKNOWN", aimdb_err_name(err)) == 0);
        CHECK(strcmp("an unknown error", aimdb_err_text(err)) == 0);
    }
}

// Producing ------------------------------------------------------------------------------------

#define KINDS 3u

struct scene {
    number_record records[KINDS];
    number_reader readers[KINDS];
    aimdb_task *task;
};

static struct scene *
scene_new(struct world *w)
{
    static const char *const keys[] = { "ring", "latest", "mailbox" };
    const aimdb_buffer_cfg cfgs[] = { AIMDB_SPMC_RING(4), AIMDB_SINGLE_LATEST, AIMDB_MAILBOX };
    struct scene *scene = world_memory(w, sizeof *scene);
    for (size_t i = 0; i < KINDS; i++)
        scene->records[i] = number_configure(w->builder, keys[i], cfgs[i]);
    scene->task =
        sink_attach(w, number_configure(w->builder, "tasks", AIMDB_MAILBOX), sink_new(w, 1), false);
    world_build(w);
    for (size_t i = 0; i < KINDS; i++)
        CHECK_OK(number_subscribe(scene->records[i], &scene->readers[i]));
    return scene;
}

static void
scene_end(struct scene *scene)
{
    for (size_t i = 0; i < KINDS; i++)
        number_unsubscribe(&scene->readers[i]);
}

// proves section 9
static void
bad_value_is_not_produced(void **state)
{
    struct scene *scene = scene_new(*state);
    uint64_t values[4] = { 1, 2, 3, 4 };
    for (size_t i = 0; i < KINDS; i++) {
        aimdb_record *record = scene->records[i].raw;
        CHECK_ERR(AIMDB_EINVAL, aimdb_produce(NULL, values, 8));
        CHECK_ERR(AIMDB_EINVAL, aimdb_produce(record, NULL, 8));
        CHECK_ERR(AIMDB_ETYPE, aimdb_produce(record, values, 7));
        CHECK_ERR(AIMDB_ETYPE, aimdb_produce(record, values, 9));
        CHECK_ERR(AIMDB_ETYPE, aimdb_produce(record, values, 0));
        CHECK_ERR(AIMDB_ETYPE, aimdb_produce(record, values, SIZE_MAX));
        CHECK_ERR(AIMDB_EINVAL, aimdb_produce_n(NULL, values, 8, 2));
        CHECK_ERR(AIMDB_EINVAL, aimdb_produce_n(record, NULL, 8, 2));
        CHECK_ERR(AIMDB_ETYPE, aimdb_produce_n(record, values, 4, 2));
        CHECK_ERR(AIMDB_EINVAL, aimdb_produce_n(record, values, 8, SIZE_MAX));
        CHECK_ERR(AIMDB_EINVAL, aimdb_produce_n(record, values, 8, SIZE_MAX / 8 + 1));
        CHECK_OK(aimdb_produce_n(record, values, 8, 0));
        CHECK_EQ(0, record_stats(scene->records[i]).produced);
        expect_err(&scene->readers[i], AIMDB_EEMPTY);
        push(scene->records[i], 1);
        expect(&scene->readers[i], 1);
    }
    scene_end(scene);
}

struct outcome {
    number_record to;
    struct gate *calls;
    aimdb_err errs[4];
};

static aimdb_err
emit_badly(aimdb_ctx *ctx, const struct number *value)
{
    struct outcome *outcome = aimdb_user(ctx);
    outcome->errs[0] = aimdb_emit(NULL, outcome->to.raw, value, sizeof *value);
    outcome->errs[1] = aimdb_emit(ctx, NULL, value, sizeof *value);
    outcome->errs[2] = aimdb_emit(ctx, outcome->to.raw, NULL, sizeof *value);
    outcome->errs[3] = aimdb_emit(ctx, outcome->to.raw, value, sizeof *value + 1);
    gate_add(outcome->calls, 1);
    return AIMDB_OK;
}

// proves section 9, E1
static void
bad_emission_is_refused(void **state)
{
    struct world *w = *state;
    struct outcome *outcome = world_memory(w, sizeof *outcome);
    number_record record = number_configure(w->builder, "from", AIMDB_SPMC_RING(4));
    outcome->to = number_configure(w->builder, "to", AIMDB_SPMC_RING(4));
    outcome->calls = gate_new(w);
    CHECK(number_add_consumer(w->builder, record, emit_badly, outcome) != NULL);
    world_build(w);
    push(record, 1);
    gate_wait(outcome->calls, 1);
    CHECK_ERR(AIMDB_EINVAL, outcome->errs[0]);
    CHECK_ERR(AIMDB_EINVAL, outcome->errs[1]);
    CHECK_ERR(AIMDB_EINVAL, outcome->errs[2]);
    CHECK_ERR(AIMDB_ETYPE, outcome->errs[3]);
    CHECK_EQ(0, record_stats(outcome->to).produced);
}

// proves section 9
static void
record_without_a_buffer_supports_nothing(void **state)
{
    struct world *w = *state;
    number_record bare = number_configure(w->builder, "bare", (aimdb_buffer_cfg){ 0 });
    number_reader reader, before;
    struct number out = { 5 };
    memset(&reader, 0x33, sizeof reader);
    before = reader;
    world_build(w);
    CHECK_ERR(AIMDB_ENOTSUP, number_produce(bare, &out));
    CHECK_ERR(AIMDB_ENOTSUP, number_subscribe(bare, &reader));
    CHECK_ERR(AIMDB_ENOTSUP, number_observe(bare, &reader));
    CHECK_ERR(AIMDB_ENOTSUP, number_peek(bare, &out));
    CHECK(memcmp(&reader, &before, sizeof reader) == 0);
    CHECK_EQ(5, out.n);
    CHECK_EQ(AIMDB_BUFFER_NONE, aimdb_record_buffer(bare.raw));
}

// proves section 9, X1
static void
record_that_is_not_built_yet_is_not_open(void **state)
{
    struct world *w = *state;
    number_record record = number_configure(w->builder, "early", AIMDB_SPMC_RING(4));
    number_record latest = number_configure(w->builder, "early.too", AIMDB_SINGLE_LATEST);
    number_reader reader;
    struct number out = { 5 };
    CHECK_ERR(AIMDB_ECLOSED, number_produce(record, &(struct number){ 1 }));
    CHECK_ERR(AIMDB_ECLOSED, number_subscribe(record, &reader));
    CHECK_ERR(AIMDB_EEMPTY, number_peek(latest, &out));
    CHECK_EQ(5, out.n);
    world_build(w);
    CHECK_EQ(0, record_stats(record).produced);
    push(record, 1);
}

// Reading --------------------------------------------------------------------------------------

// proves section 9
static void
bad_read_takes_nothing_and_writes_nothing(void **state)
{
    struct scene *scene = scene_new(*state);
    uint8_t out[32], before[32];
    uint64_t missed = 55;
    aimdb_reader zero;
    memset(&zero, 0, sizeof zero);
    memset(out, 0x22, sizeof out);
    memcpy(before, out, sizeof out);
    for (size_t i = 0; i < KINDS; i++) {
        aimdb_reader *reader = &scene->readers[i].raw;
        push(scene->records[i], 3);
        CHECK_ERR(AIMDB_EINVAL, aimdb_try_recv(NULL, out, 8));
        CHECK_ERR(AIMDB_EINVAL, aimdb_try_recv(&zero, out, 8));
        CHECK_ERR(AIMDB_EINVAL, aimdb_try_recv(reader, NULL, 8));
        CHECK_ERR(AIMDB_ETYPE, aimdb_try_recv(reader, out, 7));
        CHECK_ERR(AIMDB_ETYPE, aimdb_try_recv(reader, out, 16));
        CHECK_ERR(AIMDB_EINVAL, aimdb_recv(NULL, out, 8, AIMDB_FOREVER));
        CHECK_ERR(AIMDB_EINVAL, aimdb_recv(&zero, out, 8, AIMDB_FOREVER));
        CHECK_ERR(AIMDB_EINVAL, aimdb_recv(reader, NULL, 8, AIMDB_FOREVER));
        CHECK_ERR(AIMDB_ETYPE, aimdb_recv(reader, out, 7, AIMDB_FOREVER));
        CHECK_EQ(0, aimdb_drain(NULL, out, 8, 4, &missed));
        CHECK_EQ(0, aimdb_drain(&zero, out, 8, 4, &missed));
        CHECK_EQ(0, aimdb_drain(reader, NULL, 8, 4, &missed));
        CHECK_EQ(0, aimdb_drain(reader, out, 7, 4, &missed));
        CHECK_EQ(55, missed);
        CHECK(memcmp(out, before, sizeof out) == 0);
        CHECK_EQ(1, reader_stats(&scene->readers[i]).pending);
        expect(&scene->readers[i], 3);
    }
    CHECK_EQ(0, aimdb_missed_by(NULL));
    scene_end(scene);
}

// proves section 9
static void
bad_peek_writes_nothing(void **state)
{
    struct scene *scene = scene_new(*state);
    struct number out = { 5 };
    for (size_t i = 1; i < KINDS; i++) {
        push(scene->records[i], 3);
        CHECK_ERR(AIMDB_EINVAL, aimdb_peek(NULL, &out, 8));
        CHECK_ERR(AIMDB_EINVAL, aimdb_peek(scene->records[i].raw, NULL, 8));
        CHECK_ERR(AIMDB_ETYPE, aimdb_peek(scene->records[i].raw, &out, 4));
        CHECK_EQ(5, out.n);
        expect(&scene->readers[i], 3);
    }
    scene_end(scene);
}

// proves section 9
static void
bad_subscription_changes_nothing(void **state)
{
    struct scene *scene = scene_new(*state);
    number_reader reader, before;
    memset(&reader, 0x33, sizeof reader);
    before = reader;
    CHECK_ERR(AIMDB_EINVAL, aimdb_subscribe(NULL, &reader.raw));
    CHECK_ERR(AIMDB_EINVAL, aimdb_observe(NULL, &reader.raw));
    CHECK_ERR(AIMDB_EINVAL, aimdb_subscribe(scene->records[0].raw, NULL));
    CHECK_ERR(AIMDB_EINVAL, aimdb_observe(scene->records[0].raw, NULL));
    CHECK(memcmp(&reader, &before, sizeof reader) == 0);
    CHECK_EQ(1, record_stats(scene->records[0]).readers);
    scene_end(scene);
}

// Looking inside -------------------------------------------------------------------------------

// proves section 9, section 10
static void
bad_questions_about_metrics_are_refused(void **state)
{
    struct world *w = *state;
    struct scene *scene = scene_new(w);
    aimdb_record_stats of_record = { sizeof of_record, .produced = 9 };
    aimdb_task_stats of_task = { sizeof of_task, .received = 9 };
    aimdb_reader_stats of_reader = { sizeof of_reader, .received = 9 };
    aimdb_memory_stats memory = { sizeof memory, .total = 9 };
    aimdb_reader zero;
    memset(&zero, 0, sizeof zero);
    CHECK_ERR(AIMDB_EINVAL, aimdb_record_metrics(NULL, &of_record));
    CHECK_ERR(AIMDB_EINVAL, aimdb_record_metrics(scene->records[0].raw, NULL));
    CHECK_ERR(AIMDB_EINVAL, aimdb_task_metrics(NULL, &of_task));
    CHECK_ERR(AIMDB_EINVAL, aimdb_task_metrics(scene->task, NULL));
    CHECK_ERR(AIMDB_EINVAL, aimdb_reader_metrics(NULL, &of_reader));
    CHECK_ERR(AIMDB_EINVAL, aimdb_reader_metrics(&zero, &of_reader));
    CHECK_ERR(AIMDB_EINVAL, aimdb_reader_metrics(&scene->readers[0].raw, NULL));
    CHECK_ERR(AIMDB_EINVAL, aimdb_memory(NULL, &memory));
    CHECK_ERR(AIMDB_EINVAL, aimdb_memory(w->db, NULL));
    CHECK_ERR(AIMDB_EINVAL, aimdb_record_memory(NULL, &memory));
    CHECK_ERR(AIMDB_EINVAL, aimdb_record_memory(scene->records[0].raw, NULL));
    CHECK_ERR(AIMDB_EINVAL, aimdb_builder_memory(NULL, &memory));
    CHECK_ERR(AIMDB_EINVAL, aimdb_builder_memory(w->builder, NULL));
    CHECK(of_record.produced == 9 && of_task.received == 9 && of_reader.received == 9);
    CHECK_EQ(9, memory.total);
    scene_end(scene);
}

// proves section 9, section 10
static void
statistics_of_an_impossible_size_are_refused(void **state)
{
    struct world *w = *state;
    struct scene *scene = scene_new(w);
    aimdb_record_stats of_record = { .size = 4, .produced = 9 };
    aimdb_task_stats of_task = { .size = 4, .received = 9 };
    aimdb_reader_stats of_reader = { .size = 4, .received = 9 };
    aimdb_memory_stats memory = { .size = 4, .total = 9 };
    CHECK_ERR(AIMDB_EINVAL, aimdb_record_metrics(scene->records[0].raw, &of_record));
    CHECK_ERR(AIMDB_EINVAL, aimdb_task_metrics(scene->task, &of_task));
    CHECK_ERR(AIMDB_EINVAL, aimdb_reader_metrics(&scene->readers[0].raw, &of_reader));
    CHECK_ERR(AIMDB_EINVAL, aimdb_memory(w->db, &memory));
    CHECK(of_record.produced == 9 && of_task.received == 9 && of_reader.received == 9);
    CHECK_EQ(9, memory.total);
    scene_end(scene);
}

// proves section 10: size 0 stands for the size in version 0.1
static void
statistics_without_a_size_are_those_of_the_first_version(void **state)
{
    struct world *w = *state;
    struct scene *scene = scene_new(w);
    aimdb_record_stats of_record = { .refused = 9 };
    aimdb_task_stats of_task = { .errors = 9 };
    aimdb_reader_stats of_reader = { .lags = 9 };
    aimdb_memory_stats memory = { .total = 9 };
    CHECK_ERR(AIMDB_OK, aimdb_record_metrics(scene->records[0].raw, &of_record));
    CHECK_ERR(AIMDB_OK, aimdb_task_metrics(scene->task, &of_task));
    CHECK_ERR(AIMDB_OK, aimdb_reader_metrics(&scene->readers[0].raw, &of_reader));
    CHECK_ERR(AIMDB_OK, aimdb_memory(w->db, &memory));
    CHECK(of_record.refused == 0 && of_task.errors == 0 && of_reader.lags == 0);
    CHECK(memory.total > 1000);
    scene_end(scene);
}

// proves section 9
static void
questions_about_nothing_have_empty_answers(void **state)
{
    struct world *w = *state;
    struct scene *scene = scene_new(w);
    CHECK(aimdb_record_key(NULL) == NULL);
    CHECK(aimdb_record_type(NULL) == NULL);
    CHECK_EQ(AIMDB_BUFFER_NONE, aimdb_record_buffer(NULL));
    CHECK_EQ(0, aimdb_record_count(NULL));
    CHECK(aimdb_record_at(NULL, 0) == NULL);
    CHECK(aimdb_record_at(w->db, SIZE_MAX) == NULL);
    CHECK(aimdb_record_task(NULL, 0) == NULL);
    CHECK(aimdb_record_task(scene->records[0].raw, SIZE_MAX) == NULL);
    CHECK(aimdb_task_name(NULL) == NULL);
    CHECK(!aimdb_task_is_source(NULL));
    CHECK_EQ(0, aimdb_edges(NULL, NULL, 0));
    CHECK_EQ(0, aimdb_builder_mistakes(NULL));
    CHECK(aimdb_builder_mistake(NULL, 0) == NULL);
    CHECK(aimdb_builder_mistake(w->builder, 0) == NULL);
    scene_end(scene);
}

// proves section 9, B5
static void
bad_lookup_is_refused(void **state)
{
    struct world *w = *state;
    struct scene *scene = scene_new(w);
    aimdb_record *found = scene->records[0].raw;
    CHECK_ERR(AIMDB_EINVAL, aimdb_find(NULL, "ring", NULL, &found));
    CHECK_ERR(AIMDB_EINVAL, aimdb_find(w->db, NULL, NULL, &found));
    CHECK_ERR(AIMDB_EINVAL, aimdb_find(w->db, "ring", NULL, NULL));
    CHECK_ERR(AIMDB_ENOTFOUND, aimdb_find(w->db, "rin", NULL, &found));
    CHECK(found == scene->records[0].raw);
    scene_end(scene);
}

// Building and ending --------------------------------------------------------------------------

// proves section 9
static void
lifecycle_functions_accept_or_refuse_nothing(void **state)
{
    struct world *w = *state;
    aimdb *db = NULL;
    aimdb_close_report report = { sizeof report, 7, 7, true };
    aimdb_free(NULL);
    aimdb_builder_free(NULL);
    aimdb_executor_free(NULL);
    aimdb_stop(NULL);
    aimdb_set_log(NULL, NULL, NULL);
    CHECK_ERR(AIMDB_EINVAL, aimdb_run(NULL));
    CHECK_ERR(AIMDB_EINVAL, aimdb_close(NULL, 0, &report));
    CHECK_EQ(7, report.delivered);
    CHECK_ERR(AIMDB_EINVAL, aimdb_build(NULL, &db));
    CHECK_ERR(AIMDB_EINVAL, aimdb_build(w->builder, NULL));
    CHECK(db == NULL);
    world_build(w); // the builder is as good as before
}

static aimdb_err
take(aimdb_ctx *ctx, const struct number *value)
{
    (void) ctx;
    (void) value;
    return AIMDB_OK;
}

// proves section 9, B1
static void
null_in_a_description_is_a_mistake_or_nothing(void **state)
{
    struct world *w = *state;
    aimdb *db = NULL;
    CHECK(aimdb_configure(NULL, "key", number_type(), AIMDB_MAILBOX) == NULL);
    CHECK_EQ(0, aimdb_builder_mistakes(w->builder));
    CHECK(aimdb_configure(w->builder, NULL, number_type(), AIMDB_MAILBOX) == NULL);
    CHECK(aimdb_configure(w->builder, "typeless.key", NULL, AIMDB_MAILBOX) == NULL);
    CHECK(aimdb_add_consumer(w->builder, NULL, (aimdb_fn) take, NULL, NULL) == NULL);
    CHECK(aimdb_add_source(w->builder, NULL, (aimdb_fn) take, NULL) == NULL);
    aimdb_set_producer(w->builder, NULL, (aimdb_fn) take, NULL);
    aimdb_emitted_by(w->builder, NULL, NULL);
    CHECK_ERR(AIMDB_ECONFIG, aimdb_build(w->builder, &db));
    CHECK(aimdb_builder_mistakes(w->builder) >= 6);
    CHECK(db == NULL);
}

static void *
no_memory(void *user, size_t size, size_t align)
{
    (void) user;
    (void) size;
    (void) align;
    return NULL;
}

static void
no_release(void *user, void *memory, size_t size)
{
    (void) user;
    (void) memory;
    (void) size;
    contract_fail(__FILE__, __LINE__, "nothing was allocated, and yet it is released");
}

// proves section 9, B1
static void
bad_builder_options_are_refused(void **state)
{
    struct world *w = *state;
    const aimdb_allocator half[] = { { NULL, no_release, NULL }, { no_memory, NULL, NULL } };
    const aimdb_allocator poor = { no_memory, no_release, NULL };
    for (size_t i = 0; i < 2; i++)
        CHECK(aimdb_builder_new_with(w->executor,
                                     &(aimdb_builder_options){ .allocator = &half[i] }) == NULL);
    CHECK(aimdb_builder_new_with(w->executor, &(aimdb_builder_options){ .allocator = &poor }) ==
          NULL);
    aimdb_builder *plain = aimdb_builder_new_with(w->executor, NULL);
    CHECK(plain != NULL);
    aimdb_builder_free(plain);
}

// What an older caller does not know of is not read, whatever lies there.
// proves section 9, D4, B1
static void
members_behind_the_size_of_options_are_not_read(void **state)
{
    struct world *w = *state;
    const aimdb_builder_options options = { .size = offsetof(aimdb_builder_options, memory_limit),
                                            .allocator = &w->ledger.hook,
                                            .memory_limit = 1 };
    const aimdb_consumer_options consumer = { .size = offsetof(aimdb_consumer_options, blocking),
                                              .name = "known",
                                              .blocking = true };
    unsigned threads = contract_thread_count();
    aimdb_builder_free(w->builder);
    w->builder = aimdb_builder_new_with(w->executor, &options);
    number_record record = number_configure(w->builder, "older", AIMDB_SPMC_RING(4));
    aimdb_task *task = number_add_consumer_with(w->builder, record, take, NULL, &consumer);
    world_build(w);
    CHECK(strcmp("known", aimdb_task_name(task)) == 0);
    CHECK_EQ(threads + contract_threads(), contract_thread_count()); // none for blocking
}

// proves section 9, D6
static void
bad_pool_options_are_refused(void **state)
{
    (void) state;
    CHECK(aimdb_pool_new(&(aimdb_pool_options){ .threads = 1025 }) == NULL);
    CHECK(aimdb_pool_new(&(aimdb_pool_options){ .blocking_threads = 1025 }) == NULL);
    CHECK(aimdb_pool_new(&(aimdb_pool_options){ .threads = UINT32_MAX }) == NULL);
    aimdb_executor *pool = aimdb_pool_new(&(aimdb_pool_options){ .threads = 1024 });
    CHECK(pool != NULL);
    aimdb_executor_free(pool);
    pool = aimdb_pool_new(NULL);
    CHECK(pool != NULL);
    aimdb_executor_free(pool);
}

// proves section 11
static void
clock_never_goes_backwards_and_the_version_is_told(void **state)
{
    aimdb_time last = aimdb_clock();
    (void) state;
    for (int i = 0; i < 100000; i++) {
        aimdb_time now = aimdb_clock();
        CHECK(now >= last);
        last = now;
    }
    CHECK(last > 0);
    CHECK(strcmp("0.1.0", aimdb_version()) == 0);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(every_error_has_its_name_and_a_text_of_its_own),
        CONTRACT_TEST(unknown_error_has_a_name_as_well),
        CONTRACT_TEST(bad_value_is_not_produced),
        CONTRACT_TEST(bad_emission_is_refused),
        CONTRACT_TEST(record_without_a_buffer_supports_nothing),
        CONTRACT_TEST(record_that_is_not_built_yet_is_not_open),
        CONTRACT_TEST(bad_read_takes_nothing_and_writes_nothing),
        CONTRACT_TEST(bad_peek_writes_nothing),
        CONTRACT_TEST(bad_subscription_changes_nothing),
        CONTRACT_TEST(bad_questions_about_metrics_are_refused),
        CONTRACT_TEST(statistics_of_an_impossible_size_are_refused),
        CONTRACT_TEST(statistics_without_a_size_are_those_of_the_first_version),
        CONTRACT_TEST(questions_about_nothing_have_empty_answers),
        CONTRACT_TEST(bad_lookup_is_refused),
        CONTRACT_TEST(lifecycle_functions_accept_or_refuse_nothing),
        CONTRACT_TEST(null_in_a_description_is_a_mistake_or_nothing),
        CONTRACT_TEST(bad_builder_options_are_refused),
        CONTRACT_TEST(members_behind_the_size_of_options_are_not_read),
        CONTRACT_TEST(bad_pool_options_are_refused),
        CONTRACT_TEST(clock_never_goes_backwards_and_the_version_is_told),
    };
    return CONTRACT_RUN(tests, argc, argv);
}
