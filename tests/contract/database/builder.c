// SPDX-License-Identifier: Apache-2.0
// Building: every mistake by itself and all together, undoing, lookup, exact memory.
#include "contract.h"

#include <ctype.h>
#include <stdio.h>

static aimdb_err
take_number(aimdb_ctx *ctx, const struct number *value)
{
    (void) ctx;
    (void) value;
    return AIMDB_OK;
}

static aimdb_err
pass_number(aimdb_ctx *ctx, struct number *value)
{
    (void) ctx;
    (void) value;
    return AIMDB_OK;
}

static aimdb_time
never_again(aimdb_ctx *ctx, number_record out)
{
    (void) ctx;
    (void) out;
    return AIMDB_FOREVER;
}

// B1: each mistake by itself -------------------------------------------------------------------

// The build fails, nothing was started, the output is untouched, and the report names the key.
static void
refused_naming(struct world *w, const char *key)
{
    aimdb *const untouched = (aimdb *) (void *) w;
    aimdb *db = untouched;
    unsigned threads = contract_thread_count();
    CHECK_ERR(AIMDB_ECONFIG, aimdb_build(w->builder, &db));
    CHECK(db == untouched);
    CHECK(aimdb_builder_mistakes(w->builder) >= 1);
    CHECK(some_mistake_says(w->builder, key, ""));
    CHECK_EQ(threads, contract_thread_count());
}

static void
exactly_one_mistake(struct world *w, const char *key)
{
    refused_naming(w, key);
    CHECK_EQ(1, aimdb_builder_mistakes(w->builder));
}

static void
duplicate_key(aimdb_builder *b)
{
    (void) number_configure(b, "twin.key", AIMDB_SPMC_RING(4));
    (void) number_configure(b, "twin.key", AIMDB_SPMC_RING(4));
}

static void
key_of_two_types(aimdb_builder *b)
{
    (void) number_configure(b, "typed.key", AIMDB_SPMC_RING(4));
    (void) label_configure(b, "typed.key", AIMDB_SPMC_RING(4));
}

static void
capacity_of_zero(aimdb_builder *b)
{
    (void) number_configure(b, "zero.key", AIMDB_SPMC_RING(0));
}

static void
capacity_absurd(aimdb_builder *b)
{
    (void) number_configure(b, "absurd.key", AIMDB_SPMC_RING((size_t) AIMDB_CAPACITY_MAX + 1));
}

static const aimdb_type *
number_type_but(aimdb_type *type, size_t value_size, size_t value_align)
{
    *type = *number_type();
    type->value_size = value_size;
    type->value_align = value_align;
    return type;
}

static void
value_of_no_size(aimdb_builder *b)
{
    static aimdb_type type;
    (void) aimdb_configure(b, "empty.key", number_type_but(&type, 0, 1), AIMDB_SPMC_RING(4));
}

static void
value_over_the_limit(aimdb_builder *b)
{
    static aimdb_type type;
    (void) aimdb_configure(b, "huge.key", number_type_but(&type, AIMDB_VALUE_MAX + 1, 1),
                           AIMDB_SPMC_RING(4));
}

static void
alignment_of_no_power_of_two(aimdb_builder *b)
{
    static aimdb_type type;
    (void) aimdb_configure(b, "crooked.key", number_type_but(&type, 12, 6), AIMDB_SPMC_RING(4));
}

static void
alignment_over_the_limit(aimdb_builder *b)
{
    static aimdb_type type;
    (void) aimdb_configure(b, "steep.key", number_type_but(&type, 8192, 8192), AIMDB_SPMC_RING(4));
}

static void
consumer_without_a_buffer(aimdb_builder *b)
{
    number_record record = number_configure(b, "bare.key", (aimdb_buffer_cfg){ 0 });
    (void) number_add_consumer(b, record, take_number, NULL);
}

static void
source_without_a_buffer(aimdb_builder *b)
{
    number_record record = number_configure(b, "dry.key", (aimdb_buffer_cfg){ 0 });
    (void) number_add_source(b, record, never_again, NULL);
}

static void
two_producer_functions(aimdb_builder *b)
{
    number_record record = number_configure(b, "double.key", AIMDB_SPMC_RING(4));
    number_set_producer(b, record, pass_number, NULL);
    number_set_producer(b, record, pass_number, NULL);
}

static void
too_many_consumers(aimdb_builder *b)
{
    number_record record = number_configure(b, "crowded.key", AIMDB_SPMC_RING(4));
    for (unsigned i = 0; i <= AIMDB_CONSUMERS_MAX; i++)
        (void) number_add_consumer(b, record, take_number, NULL);
}

static void
unknown_buffer(aimdb_builder *b)
{
    aimdb_buffer_cfg cfg = AIMDB_MAILBOX;
    memset(&cfg.buffer, 0x44, sizeof cfg.buffer);
    (void) number_configure(b, "alien.key", cfg);
}

static void
emission_to_nowhere(aimdb_builder *b)
{
    number_record record = number_configure(b, "emitter.key", AIMDB_SPMC_RING(4));
    aimdb_task *task = number_add_consumer(b, record, take_number, NULL);
    number_emitted_by(b, (number_record){ NULL }, task);
}

static void
null_consumer(aimdb_builder *b)
{
    number_record record = number_configure(b, "hollow.key", AIMDB_SPMC_RING(4));
    CHECK(number_add_consumer(b, record, NULL, NULL) == NULL);
}

static void
null_source(aimdb_builder *b)
{
    number_record record = number_configure(b, "silent.key", AIMDB_SPMC_RING(4));
    CHECK(number_add_source(b, record, NULL, NULL) == NULL);
}

static void
key_too_long(aimdb_builder *b)
{
    char key[300];
    memset(key, 'k', sizeof key);
    memcpy(key, "long.key", 8);
    key[256] = '\0';
    (void) number_configure(b, key, AIMDB_SPMC_RING(4));
}

static const struct mistake {
    const char *key;
    void (*make)(aimdb_builder *b);
} mistakes[] = {
    { "twin.key", duplicate_key },
    { "typed.key", key_of_two_types },
    { "zero.key", capacity_of_zero },
    { "absurd.key", capacity_absurd },
    { "empty.key", value_of_no_size },
    { "huge.key", value_over_the_limit },
    { "crooked.key", alignment_of_no_power_of_two },
    { "steep.key", alignment_over_the_limit },
    { "bare.key", consumer_without_a_buffer },
    { "dry.key", source_without_a_buffer },
    { "double.key", two_producer_functions },
    { "crowded.key", too_many_consumers },
    { "alien.key", unknown_buffer },
    { "emitter.key", emission_to_nowhere },
    { "hollow.key", null_consumer },
    { "silent.key", null_source },
    { "long.key", key_too_long },
};
#define MISTAKES (sizeof mistakes / sizeof mistakes[0])

static void
refuses(struct world *w, const char *key)
{
    for (size_t i = 0; i < MISTAKES; i++)
        if (strcmp(mistakes[i].key, key) == 0) {
            mistakes[i].make(w->builder);
            exactly_one_mistake(w, key);
        }
}

#define REFUSAL(name, key)                                                                         \
    static void name(void **state)                                                                 \
    {                                                                                              \
        refuses(*state, key);                                                                      \
    }

// proves B1
REFUSAL(duplicate_key_is_refused, "twin.key")
// proves B1 B5
REFUSAL(key_with_two_types_is_refused, "typed.key")
// proves B1
REFUSAL(capacity_zero_is_refused, "zero.key")
// proves B1
REFUSAL(absurd_capacity_is_refused, "absurd.key")
// proves B1
REFUSAL(value_size_zero_is_refused, "empty.key")
// proves B1
REFUSAL(value_size_over_the_limit_is_refused, "huge.key")
// proves B1
REFUSAL(alignment_that_is_no_power_of_two_is_refused, "crooked.key")
// proves B1
REFUSAL(alignment_over_the_limit_is_refused, "steep.key")
// proves B1
REFUSAL(consumer_without_a_buffer_is_refused, "bare.key")
// proves B1
REFUSAL(source_without_a_buffer_is_refused, "dry.key")
// proves B1
REFUSAL(second_producer_function_is_refused, "double.key")
// proves B1
REFUSAL(one_consumer_more_than_the_limit_is_refused, "crowded.key")
// proves B1
REFUSAL(unknown_buffer_is_refused, "alien.key")
// proves B1 E3
REFUSAL(declared_emission_to_an_unregistered_record_is_refused, "emitter.key")
// proves B1
REFUSAL(consumer_that_is_null_is_refused, "hollow.key")
// proves B1
REFUSAL(source_that_is_null_is_refused, "silent.key")
// proves B1
REFUSAL(key_over_255_bytes_is_refused, "long.key")

// proves B1 E3
static void
declared_emission_to_a_record_of_another_builder_is_refused(void **state)
{
    struct world *w = *state;
    aimdb_builder *other = aimdb_builder_new(w->executor);
    number_record theirs = number_configure(other, "their.key", AIMDB_MAILBOX);
    number_record ours = number_configure(w->builder, "our.key", AIMDB_MAILBOX);
    aimdb_task *task = number_add_consumer(w->builder, ours, take_number, NULL);
    number_emitted_by(w->builder, theirs, task);
    refused_naming(w, "their.key");
    aimdb_builder_free(other);
}

// proves B1
static void
record_of_another_builder_is_refused(void **state)
{
    struct world *w = *state;
    aimdb_builder *other = aimdb_builder_new(w->executor);
    number_record theirs = number_configure(other, "their.key", AIMDB_MAILBOX);
    CHECK(number_add_consumer(w->builder, theirs, take_number, NULL) == NULL);
    refused_naming(w, "their.key");
    aimdb_builder_free(other);
}

// proves B1
static void
missing_executor_is_refused(void **state)
{
    struct world *w = *state;
    world_rebuild_with(w, NULL, 0);
    (void) number_configure(w->builder, "fine.key", AIMDB_MAILBOX);
    refused_naming(w, "executor");
    CHECK_EQ(1, aimdb_builder_mistakes(w->builder));
}

static size_t
two_records(struct world *w)
{
    aimdb_memory_stats stats = { .size = sizeof stats };
    number_record ring = number_configure(w->builder, "large.key", AIMDB_SPMC_RING(5000));
    (void) number_configure(w->builder, "small.key", AIMDB_MAILBOX);
    (void) number_add_consumer(w->builder, ring, take_number, NULL);
    CHECK_OK(aimdb_builder_memory(w->builder, &stats));
    return stats.total;
}

// proves B1 B6
static void
memory_over_the_limit_is_refused_and_up_to_it_is_not(void **state)
{
    struct world *w = *state;
    size_t total = two_records(w);
    world_rebuild_with(w, w->executor, total - 1);
    (void) two_records(w);
    refused_naming(w, ""); // no single record is to blame
    CHECK_EQ(1, aimdb_builder_mistakes(w->builder));
    CHECK(strpbrk(aimdb_builder_mistake(w->builder, 0), "0123456789") != NULL);
    world_rebuild_with(w, w->executor, total);
    (void) two_records(w);
    world_build(w);
}

// proves B1
static void
limits_themselves_are_accepted(void **state)
{
    struct world *w = *state;
    static aimdb_type type;
    char key[256];
    memset(key, 'k', sizeof key);
    key[255] = '\0';
    number_record crowded = number_configure(w->builder, key, AIMDB_SPMC_RING(1));
    for (unsigned i = 0; i < AIMDB_CONSUMERS_MAX; i++)
        CHECK(number_add_consumer(w->builder, crowded, take_number, NULL) != NULL);
    CHECK(aimdb_configure(w->builder, "largest",
                          number_type_but(&type, AIMDB_VALUE_MAX, AIMDB_ALIGN_MAX),
                          AIMDB_SPMC_RING(2)) != NULL);
    world_build(w);
    CHECK_EQ(AIMDB_CONSUMERS_MAX, record_stats(crowded).consumers);
}

// proves B1
static void
all_mistakes_are_reported_together(void **state)
{
    struct world *w = *state;
    world_rebuild_with(w, NULL, 64);
    for (size_t i = 0; i < MISTAKES; i++)
        mistakes[i].make(w->builder);
    refused_naming(w, "executor");
    for (size_t i = 0; i < MISTAKES; i++)
        if (!some_mistake_says(w->builder, mistakes[i].key, ""))
            contract_fail(__FILE__, __LINE__, "no mistake names %s", mistakes[i].key);
    CHECK(aimdb_builder_mistakes(w->builder) >= MISTAKES + 1);
    for (size_t i = 0; i < aimdb_builder_mistakes(w->builder); i++)
        for (size_t k = 0; k < i; k++)
            CHECK(
                strcmp(aimdb_builder_mistake(w->builder, i), aimdb_builder_mistake(w->builder, k)));
    CHECK(aimdb_builder_mistake(w->builder, aimdb_builder_mistakes(w->builder)) == NULL);
}

// proves B1
static void
building_again_reports_the_same_mistakes_once(void **state)
{
    struct world *w = *state;
    for (size_t i = 0; i < MISTAKES; i++)
        mistakes[i].make(w->builder);
    refused_naming(w, "zero.key");
    size_t count = aimdb_builder_mistakes(w->builder);
    refused_naming(w, "zero.key");
    CHECK_EQ(count, aimdb_builder_mistakes(w->builder));
}

// proves B1
static void
report_prints_every_mistake_one_a_line(void **state)
{
    struct world *w = *state;
    char *text = NULL, *line;
    size_t length = 0, lines = 0;
    for (size_t i = 0; i < MISTAKES; i++)
        mistakes[i].make(w->builder);
    refused_naming(w, "zero.key");
    FILE *out = open_memstream(&text, &length);
    CHECK(out != NULL);
    aimdb_builder_report(w->builder, out);
    CHECK(fclose(out) == 0);
    for (line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"), lines++) {
        const char *mistake = aimdb_builder_mistake(w->builder, lines);
        CHECK(mistake != NULL && strstr(line, mistake) != NULL);
    }
    CHECK_EQ(aimdb_builder_mistakes(w->builder), lines);
    free(text);
}

static aimdb_err
count_call(aimdb_ctx *ctx, const struct number *value)
{
    (void) value;
    atomic_fetch_add((atomic_int *) aimdb_user(ctx), 1);
    return AIMDB_OK;
}

static aimdb_time
count_step(aimdb_ctx *ctx, number_record out)
{
    (void) out;
    atomic_fetch_add((atomic_int *) aimdb_user(ctx), 1);
    return AIMDB_FOREVER;
}

// proves B1
static void
one_mistake_keeps_everything_from_starting(void **state)
{
    struct world *w = *state;
    atomic_int *calls = world_memory(w, sizeof *calls);
    number_record good = number_configure(w->builder, "good", AIMDB_SPMC_RING(4));
    (void) number_add_consumer(w->builder, good, count_call, calls);
    (void) number_add_source(w->builder, good, count_step, calls);
    capacity_of_zero(w->builder);
    refused_naming(w, "zero.key");
    CHECK(number_produce(good, &(struct number){ 1 }) != AIMDB_OK);
    aimdb_builder_free(w->builder);
    w->builder = NULL;
    contract_executor_free(w->executor); // would stop the program if a task of it were left
    w->executor = NULL;
    CHECK_EQ(0, atomic_load(calls));
    CHECK_EQ(0, w->ledger.live);
}

// B2 -------------------------------------------------------------------------------------------

// proves B2
static void
every_consumer_has_exactly_one_dispatcher_in_the_order_of_registration(void **state)
{
    struct world *w = *state;
    number_record records[5];
    struct sink *sinks[5][10];
    aimdb_task *tasks[5][10];
    for (size_t k = 0; k < 5; k++) {
        char key[8] = { (char) ('e' - k), '\0' }; // not in the order of the alphabet
        records[k] = number_configure(w->builder, key, AIMDB_SPMC_RING(64));
    }
    for (size_t i = 0; i < 10; i++)
        for (size_t k = 0; k < 5; k++) {
            sinks[k][i] = sink_new(w, 1);
            tasks[k][i] = sink_attach(w, records[k], sinks[k][i], i % 4 == 3);
        }
    world_build(w);
    for (size_t k = 0; k < 5; k++) {
        CHECK(aimdb_record_at(w->db, k) == records[k].raw);
        CHECK_EQ(10, record_stats(records[k]).consumers);
        for (size_t i = 0; i < 10; i++)
            CHECK(aimdb_record_task(records[k].raw, i) == tasks[k][i]);
        CHECK(aimdb_record_task(records[k].raw, 10) == NULL);
        push_range(records[k], 1, 20);
    }
    world_close(w);
    for (size_t i = 0; i < 50; i++) {
        CHECK_EQ(20, sinks[i / 10][i % 10]->count); // two dispatchers would make it 40
        CHECK_EQ(20, task_stats(tasks[i / 10][i % 10]).received);
    }
}

// proves B2 R3
static void
consumers_miss_nothing_that_is_produced_right_after_the_build(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_new(w, 1);
    number_record record = number_configure(w->builder, "early", AIMDB_SPMC_RING(4));
    sink_attach(w, record, sink, false);
    world_build(w);
    push(record, 1);
    gate_wait(sink->calls, 1);
    CHECK_EQ(1, sink->values[0]);
}

// B4, B5 ---------------------------------------------------------------------------------------

// proves B4
static void
nothing_can_be_added_after_the_build(void **state)
{
    struct world *w = *state;
    aimdb *again = NULL;
    number_record record = number_configure(w->builder, "fixed", AIMDB_SPMC_RING(4));
    world_build(w);
    CHECK(number_configure(w->builder, "late", AIMDB_SPMC_RING(4)).raw == NULL);
    CHECK(number_add_consumer(w->builder, record, take_number, NULL) == NULL);
    CHECK(number_add_source(w->builder, record, never_again, NULL) == NULL);
    CHECK_ERR(AIMDB_EBUSY, aimdb_build(w->builder, &again));
    CHECK(again == NULL);
    CHECK_EQ(1, aimdb_record_count(w->db));
    CHECK_EQ(0, record_stats(record).consumers);
    push(record, 1);
}

// proves B4
static void
builder_may_be_freed_right_after_the_build(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_new(w, 1);
    number_record record = number_configure(w->builder, "lives.on", AIMDB_SPMC_RING(4));
    sink_attach(w, record, sink, false);
    world_build(w);
    aimdb_builder_free(w->builder);
    w->builder = NULL;
    push(record, 5);
    gate_wait(sink->calls, 1);
    CHECK(strcmp("lives.on", aimdb_record_key(record.raw)) == 0);
}

// proves B5
static void
records_of_one_type_are_told_apart_by_their_keys(void **state)
{
    struct world *w = *state;
    number_record a = number_configure(w->builder, "a", AIMDB_SINGLE_LATEST);
    number_record b = number_configure(w->builder, "b", AIMDB_SINGLE_LATEST);
    struct number out = { 0 };
    world_build(w);
    push(a, 1);
    push(b, 2);
    CHECK_OK(number_peek(a, &out));
    CHECK_EQ(1, out.n);
    CHECK_OK(number_peek(b, &out));
    CHECK_EQ(2, out.n);
}

// proves B5
static void
lookup_by_key_checks_the_type(void **state)
{
    struct world *w = *state;
    number_record number = number_configure(w->builder, "sensors.one", AIMDB_SINGLE_LATEST);
    label_record label = label_configure(w->builder, "sensors.two", AIMDB_SINGLE_LATEST);
    number_record found = { NULL };
    label_record other = { NULL };
    aimdb_record *any = NULL;
    world_build(w);
    CHECK_OK(number_find(w->db, "sensors.one", &found));
    CHECK(found.raw == number.raw);
    CHECK_OK(label_find(w->db, "sensors.two", &other));
    CHECK(other.raw == label.raw);
    CHECK_ERR(AIMDB_ETYPE, number_find(w->db, "sensors.two", &found));
    CHECK_ERR(AIMDB_ETYPE, label_find(w->db, "sensors.one", &other));
    CHECK_OK(aimdb_find(w->db, "sensors.two", NULL, &any));
    CHECK(any == label.raw);
    CHECK(found.raw == number.raw && other.raw == label.raw); // untouched by the failures
}

// proves B5
static void
lookup_wants_the_whole_key(void **state)
{
    static const char *const wrong[] = {
        "",    "sensors",     "sensors.on", "sensors.one.", "sensors.onf", "Sensors.one",
        "zzz", " sensors.one"
    };
    struct world *w = *state;
    number_record found = { NULL };
    (void) number_configure(w->builder, "sensors.one", AIMDB_SINGLE_LATEST);
    (void) number_configure(w->builder, "sensors.one.two", AIMDB_SINGLE_LATEST);
    world_build(w);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CHECK_ERR(AIMDB_ENOTFOUND, number_find(w->db, wrong[i], &found));
    CHECK(found.raw == NULL);
}

// proves B5
static void
types_are_the_same_when_name_size_and_alignment_agree(void **state)
{
    struct world *w = *state;
    aimdb_type twin = *number_type(), renamed = twin, resized = twin, realigned = twin;
    aimdb_record *found = NULL;
    (void) number_configure(w->builder, "key", AIMDB_SINGLE_LATEST);
    world_build(w);
    renamed.name = "another";
    resized.value_size = 16;
    realigned.value_align = 1;
    CHECK_OK(aimdb_find(w->db, "key", &twin, &found));
    CHECK_ERR(AIMDB_ETYPE, aimdb_find(w->db, "key", &renamed, &found));
    CHECK_ERR(AIMDB_ETYPE, aimdb_find(w->db, "key", &resized, &found));
    CHECK_ERR(AIMDB_ETYPE, aimdb_find(w->db, "key", &realigned, &found));
}

static void
key_of(char *key, size_t i)
{
    snprintf(key, 32, "site.%zu.%zu", i * 7919 % 10007, i); // neither sorted nor of one length
}

#define MANY 10000u

// proves B5 B2 B6
static void
ten_thousand_records_with_a_consumer_each_are_built_found_and_run(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_new(w, 0);
    atomic_int *calls = world_memory(w, sizeof *calls);
    aimdb_memory_stats before = { .size = sizeof before }, after = { .size = sizeof after };
    char key[32];
    for (size_t i = 0; i < MANY; i++) {
        key_of(key, i);
        number_record record = number_configure(w->builder, key, AIMDB_SPMC_RING(2));
        CHECK(number_add_consumer(w->builder, record, count_call, calls) != NULL);
    }
    sink_attach(w, number_configure(w->builder, "last", AIMDB_SPMC_RING(2)), sink, false);
    CHECK_OK(aimdb_builder_memory(w->builder, &before));
    world_build(w);
    CHECK_OK(aimdb_memory(w->db, &after));
    CHECK_EQ(before.total, after.total);
    for (size_t i = 0; i < MANY; i++) {
        number_record record = { NULL };
        key_of(key, i);
        CHECK_OK(number_find(w->db, key, &record));
        CHECK(aimdb_record_at(w->db, i) == record.raw);
        push(record, i);
    }
    world_close(w);
    CHECK_EQ(MANY, atomic_load(calls));
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(duplicate_key_is_refused),
        CONTRACT_TEST(key_with_two_types_is_refused),
        CONTRACT_TEST(capacity_zero_is_refused),
        CONTRACT_TEST(absurd_capacity_is_refused),
        CONTRACT_TEST(value_size_zero_is_refused),
        CONTRACT_TEST(value_size_over_the_limit_is_refused),
        CONTRACT_TEST(alignment_that_is_no_power_of_two_is_refused),
        CONTRACT_TEST(alignment_over_the_limit_is_refused),
        CONTRACT_TEST(consumer_without_a_buffer_is_refused),
        CONTRACT_TEST(source_without_a_buffer_is_refused),
        CONTRACT_TEST(second_producer_function_is_refused),
        CONTRACT_TEST(one_consumer_more_than_the_limit_is_refused),
        CONTRACT_TEST(unknown_buffer_is_refused),
        CONTRACT_TEST(declared_emission_to_an_unregistered_record_is_refused),
        CONTRACT_TEST(consumer_that_is_null_is_refused),
        CONTRACT_TEST(source_that_is_null_is_refused),
        CONTRACT_TEST(key_over_255_bytes_is_refused),
        CONTRACT_TEST(declared_emission_to_a_record_of_another_builder_is_refused),
        CONTRACT_TEST(record_of_another_builder_is_refused),
        CONTRACT_TEST(missing_executor_is_refused),
        CONTRACT_TEST(memory_over_the_limit_is_refused_and_up_to_it_is_not),
        CONTRACT_TEST(limits_themselves_are_accepted),
        CONTRACT_TEST(all_mistakes_are_reported_together),
        CONTRACT_TEST(building_again_reports_the_same_mistakes_once),
        CONTRACT_TEST(report_prints_every_mistake_one_a_line),
        CONTRACT_TEST(one_mistake_keeps_everything_from_starting),
        CONTRACT_TEST(every_consumer_has_exactly_one_dispatcher_in_the_order_of_registration),
        CONTRACT_TEST(consumers_miss_nothing_that_is_produced_right_after_the_build),
        CONTRACT_TEST(nothing_can_be_added_after_the_build),
        CONTRACT_TEST(builder_may_be_freed_right_after_the_build),
        CONTRACT_TEST(records_of_one_type_are_told_apart_by_their_keys),
        CONTRACT_TEST(lookup_by_key_checks_the_type),
        CONTRACT_TEST(lookup_wants_the_whole_key),
        CONTRACT_TEST(types_are_the_same_when_name_size_and_alignment_agree),
        CONTRACT_TEST(ten_thousand_records_with_a_consumer_each_are_built_found_and_run),
    };
    return CONTRACT_RUN(tests, argc, argv);
}
