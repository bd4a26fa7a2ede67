// SPDX-License-Identifier: Apache-2.0
// Descriptions and questions that no typed macro would make, and programs without them may: each is
// refused with a mistake that says what is wrong, or answered with nothing.
#include "contract.h"

#include <aimdb/static.h>
#include <stdio.h>

static aimdb_err
take(aimdb_ctx *ctx, const struct number *value)
{
    (void) ctx;
    (void) value;
    return AIMDB_OK;
}

static aimdb_err
take_joined(aimdb_ctx *ctx, size_t index, const void *value)
{
    (void) ctx;
    (void) index;
    (void) value;
    return AIMDB_OK;
}

// Descriptions ---------------------------------------------------------------------------------

// proves B1
static void
descriptor_without_one_of_its_parts_is_a_mistake(void **state)
{
    const struct world *w = *state;
    aimdb_type types[4];
    for (size_t i = 0; i < 4; i++)
        types[i] = *number_type();
    types[0].name = NULL;
    types[1].call_consumer = NULL;
    types[2].call_producer = NULL;
    types[3].call_source = NULL;
    for (size_t i = 0; i < 4; i++) {
        char key[16];
        (void) snprintf(key, sizeof key, "part.%zu", i);
        CHECK(aimdb_configure(w->builder, key, &types[i], AIMDB_MAILBOX) == NULL);
        CHECK(some_mistake_says(w->builder, key, "no usable type descriptor"));
    }
    CHECK_EQ(4, aimdb_builder_mistakes(w->builder));
}

// proves B1
static void
layout_that_no_value_can_have_is_a_mistake(void **state)
{
    static const struct {
        const char *key;
        size_t size, align;
        const char *what;
    } layouts[] = {
        { "size.0", 0, 8, "size 0" },
        { "size.65537", 65537, 1, "limit of 65536" },
        { "align.0", 8, 0, "power of two" },
        { "align.3", 12, 3, "power of two" },
        { "align.8192", 8192, 8192, "power of two" },
        { "size.12.align.8", 12, 8, "not a multiple" },
    };
    const size_t count = sizeof layouts / sizeof layouts[0];
    const struct world *w = *state;
    aimdb_type types[sizeof layouts / sizeof layouts[0]];
    aimdb *db = NULL;
    for (size_t i = 0; i < count; i++) {
        types[i] = *number_type();
        types[i].value_size = layouts[i].size;
        types[i].value_align = layouts[i].align;
        CHECK(aimdb_configure(w->builder, layouts[i].key, &types[i], AIMDB_MAILBOX) != NULL);
    }
    CHECK_ERR(AIMDB_ECONFIG, aimdb_build(w->builder, &db));
    for (size_t i = 0; i < count; i++)
        CHECK(some_mistake_says(w->builder, layouts[i].key, layouts[i].what));
}

// proves B1
static void
key_without_a_byte_or_with_too_many_is_a_mistake(void **state)
{
    const struct world *w = *state;
    char key[257];
    memset(key, 'k', sizeof key - 1);
    key[256] = '\0';
    CHECK(aimdb_configure(w->builder, "", number_type(), AIMDB_MAILBOX) == NULL);
    CHECK(aimdb_configure(w->builder, key, number_type(), AIMDB_MAILBOX) == NULL);
    CHECK_EQ(2, aimdb_builder_mistakes(w->builder));
    CHECK(some_mistake_says(w->builder, "kkk", "1 to 255 bytes"));
    key[255] = '\0';
    CHECK(aimdb_configure(w->builder, key, number_type(), AIMDB_MAILBOX) != NULL);
    CHECK_EQ(2, aimdb_builder_mistakes(w->builder));
}

// proves B1
static void
function_that_is_null_is_a_mistake_of_its_record(void **state)
{
    const struct world *w = *state;
    aimdb_record *record = number_configure(w->builder, "in", AIMDB_SPMC_RING(4)).raw;
    aimdb_record *out = number_configure(w->builder, "out", AIMDB_SPMC_RING(4)).raw;
    aimdb_set_producer(w->builder, record, NULL, NULL);
    CHECK(some_mistake_says(w->builder, "in", "producer function is NULL"));
    CHECK(aimdb_add_consumer(w->builder, record, NULL, NULL, NULL) == NULL);
    CHECK(some_mistake_says(w->builder, "in", "consumer's function is NULL"));
    CHECK(aimdb_add_source(w->builder, record, NULL, NULL) == NULL);
    CHECK(some_mistake_says(w->builder, "in", "source's function is NULL"));
    CHECK(aimdb_add_transform(w->builder, record, out, NULL, (aimdb_fn) take, NULL) == NULL);
    CHECK(aimdb_add_transform(w->builder, record, out, NULL, NULL, NULL) == NULL);
    CHECK(some_mistake_says(w->builder, "in", "transform's function is NULL"));
    CHECK_EQ(5, aimdb_builder_mistakes(w->builder));
}

// proves B1
static void
options_of_an_impossible_size_are_a_mistake(void **state)
{
    const struct world *w = *state;
    aimdb_record *record = number_configure(w->builder, "optional", AIMDB_SPMC_RING(4)).raw;
    CHECK(aimdb_builder_new_with(w->executor, &(aimdb_builder_options){ .size = 1 }) == NULL);
    CHECK(aimdb_add_consumer(w->builder, record, (aimdb_fn) take, NULL,
                             &(aimdb_consumer_options){ .size = 1 }) == NULL);
    CHECK(some_mistake_says(w->builder, "optional", "consumer options of a size"));
    CHECK(aimdb_add_source_with(w->builder, record, (aimdb_fn) take, NULL,
                                &(aimdb_source_options){ .size = 1 }) == NULL);
    CHECK(some_mistake_says(w->builder, "optional", "source options of a size"));
    CHECK_EQ(2, aimdb_builder_mistakes(w->builder));
}

// proves section 9
static void
description_without_a_builder_is_nothing(void **state)
{
    const struct world *w = *state;
    aimdb_record *record = number_configure(w->builder, "own", AIMDB_SPMC_RING(4)).raw;
    CHECK(aimdb_configure(NULL, "own", number_type(), AIMDB_MAILBOX) == NULL);
    CHECK(aimdb_add_consumer(NULL, record, (aimdb_fn) take, NULL, NULL) == NULL);
    CHECK(aimdb_add_source(NULL, record, (aimdb_fn) take, NULL) == NULL);
    CHECK(aimdb_add_join(NULL, &record, 1, take_joined, NULL) == NULL);
    CHECK(aimdb_add_transform(NULL, record, record, NULL, (aimdb_fn) take, NULL) == NULL);
    aimdb_set_producer(NULL, record, (aimdb_fn) take, NULL);
    aimdb_emitted_by(NULL, record, NULL);
    CHECK_EQ(0, aimdb_builder_mistakes(w->builder));
}

// proves D8, B1
static void
join_of_records_that_are_not_there_has_no_key(void **state)
{
    const struct world *w = *state;
    aimdb_record *nothing[2] = { NULL, NULL };
    CHECK(aimdb_add_join(w->builder, nothing, 2, take_joined, NULL) == NULL);
    CHECK(aimdb_builder_mistakes(w->builder) >= 1);
    CHECK(some_mistake_says(w->builder, "(null)", ""));
}

// proves B1
static void
limit_that_the_database_alone_exceeds_names_no_record(void **state)
{
    struct world *w = *state;
    aimdb *db = NULL;
    aimdb_builder_free(w->builder);
    w->builder = aimdb_builder_new_with(w->executor, &(aimdb_builder_options){ .memory_limit = 1 });
    CHECK_ERR(AIMDB_ECONFIG, aimdb_build(w->builder, &db));
    CHECK(some_mistake_says(w->builder, "memory limit exceeded", "the limit is 1 bytes"));
    CHECK(!some_mistake_says(w->builder, "memory limit exceeded", "this record"));
}

// Questions ------------------------------------------------------------------------------------

// proves section 9
static void
questions_without_a_context_are_answered_as_outside_of_callbacks(void **state)
{
    (void) state;
    aimdb_time before = aimdb_clock();
    CHECK(aimdb_user(NULL) == NULL);
    CHECK(aimdb_now(NULL) >= before);
    CHECK(aimdb_every(NULL, AIMDB_SEC(1)) >= before + AIMDB_SEC(1));
    CHECK_EQ(AIMDB_FOREVER, aimdb_every(NULL, AIMDB_FOREVER));
    CHECK_EQ(0, aimdb_missed(NULL));
    CHECK_ERR(AIMDB_EINVAL, aimdb_done(aimdb_defer(NULL), AIMDB_OK));
}

struct asked {
    struct gate *calls;
    aimdb_err done;
    uint64_t missed;
};

static aimdb_time
defer_in_a_source(aimdb_ctx *ctx, number_record out)
{
    struct asked *asked = aimdb_user(ctx);
    (void) out;
    asked->done = aimdb_done(aimdb_defer(ctx), AIMDB_OK);
    asked->missed = aimdb_missed(ctx);
    gate_add(asked->calls, 1);
    return AIMDB_FOREVER;
}

// proves D3, section 9
static void
source_has_nothing_to_defer(void **state)
{
    struct world *w = *state;
    struct asked *asked = world_memory(w, sizeof *asked);
    asked->calls = gate_new(w);
    asked->missed = 7;
    number_record record = number_configure(w->builder, "sourced", AIMDB_SPMC_RING(4));
    CHECK(number_add_source(w->builder, record, defer_in_a_source, asked) != NULL);
    world_build(w);
    gate_wait(asked->calls, 1);
    CHECK_ERR(AIMDB_EINVAL, asked->done);
    CHECK_EQ(0, asked->missed);
}

// proves section 9
static void
select_over_more_readers_than_memory_holds_is_refused(void **state)
{
    struct world *w = *state;
    number_reader reader;
    number_record record = number_configure(w->builder, "one", AIMDB_SPMC_RING(4));
    world_build(w);
    CHECK_OK(number_subscribe(record, &reader));
    aimdb_reader *readers[] = { &reader.raw };
    CHECK_EQ(AIMDB_EINVAL, aimdb_select(readers, 0, 0));
    CHECK_EQ(AIMDB_EINVAL, aimdb_select(NULL, 1, 0));
    CHECK_EQ(AIMDB_EINVAL, aimdb_select(readers, SIZE_MAX, 0));
    number_unsubscribe(&reader);
}

// proves section 9
static void
edges_without_a_place_to_put_them_are_counted(void **state)
{
    struct world *w = *state;
    aimdb_edge edge;
    world_build(w);
    CHECK_EQ(0, aimdb_edges(NULL, &edge, 1));
    CHECK_EQ(0, aimdb_edges(w->db, NULL, 1));
    CHECK_EQ(0, aimdb_edges(w->db, NULL, 0));
}

// proves X2, section 9
static void
report_of_a_size_that_cannot_be_is_refused_and_closes_nothing(void **state)
{
    struct world *w = *state;
    number_record record = number_configure(w->builder, "open", AIMDB_SPMC_RING(4));
    aimdb_close_report report = { .size = 1 };
    world_build(w);
    CHECK_ERR(AIMDB_EINVAL, aimdb_close(w->db, AIMDB_FOREVER, &report));
    push(record, 1);
    report = (aimdb_close_report){ .size = sizeof report, .lost = 7 };
    CHECK_OK(aimdb_close(w->db, AIMDB_FOREVER, &report));
    CHECK_EQ(0, report.lost);
    CHECK_EQ(sizeof report, report.size);
}

// Static records --------------------------------------------------------------------------------

AIMDB_STATIC_SPMC_RING(number, argued, "argued", 4);
AIMDB_STATIC_DB(arguments, argued);

// proves section 9, section 11
static void
bad_value_is_not_produced_into_a_static_record(void **state)
{
    uint64_t values[2] = { 1, 2 };
    aimdb_record_stats before = { .size = sizeof before }, after = before;
    (void) state;
    CHECK_OK(aimdb_record_metrics(argued.raw, &before));
    CHECK_ERR(AIMDB_EINVAL, aimdb_produce(argued.raw, NULL, 8));
    CHECK_ERR(AIMDB_ETYPE, aimdb_produce(argued.raw, values, 7));
    CHECK_ERR(AIMDB_EINVAL, aimdb_produce_n(argued.raw, NULL, 8, 2));
    CHECK_ERR(AIMDB_ETYPE, aimdb_produce_n(argued.raw, values, 7, 2));
    CHECK_OK(aimdb_record_metrics(argued.raw, &after));
    CHECK_EQ(before.produced, after.produced);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(descriptor_without_one_of_its_parts_is_a_mistake),
        CONTRACT_TEST(layout_that_no_value_can_have_is_a_mistake),
        CONTRACT_TEST(key_without_a_byte_or_with_too_many_is_a_mistake),
        CONTRACT_TEST(function_that_is_null_is_a_mistake_of_its_record),
        CONTRACT_TEST(options_of_an_impossible_size_are_a_mistake),
        CONTRACT_TEST(description_without_a_builder_is_nothing),
        CONTRACT_TEST(join_of_records_that_are_not_there_has_no_key),
        CONTRACT_TEST(limit_that_the_database_alone_exceeds_names_no_record),
        CONTRACT_TEST(questions_without_a_context_are_answered_as_outside_of_callbacks),
        CONTRACT_TEST(source_has_nothing_to_defer),
        CONTRACT_TEST(select_over_more_readers_than_memory_holds_is_refused),
        CONTRACT_TEST(edges_without_a_place_to_put_them_are_counted),
        CONTRACT_TEST(report_of_a_size_that_cannot_be_is_refused_and_closes_nothing),
        CONTRACT_TEST(bad_value_is_not_produced_into_a_static_record),
    };
    return CONTRACT_RUN(tests, argc, argv);
}
