// SPDX-License-Identifier: Apache-2.0
// Transforms: records derived from others, and the circles that the build refuses.
#include "contract.h"

#include <stdio.h>

struct page {
    _Alignas(64) unsigned char bytes[65536];
};
AIMDB_RECORD_TYPE(page, struct page);

AIMDB_TRANSFORM(next, number, number);
AIMDB_TRANSFORM(spell, number, label);
AIMDB_TRANSFORM(fill, number, page);

// Odd numbers go on, doubled.
static bool
double_odd(aimdb_ctx *ctx, const struct number *in, struct number *out)
{
    CHECK(aimdb_user(ctx) != NULL);
    CHECK_EQ(0, out->n);
    out->n = 2 * in->n;
    return in->n % 2 == 1;
}

static bool
pass_on(aimdb_ctx *ctx, const struct number *in, struct number *out)
{
    (void) ctx;
    *out = *in;
    return true;
}

static bool
in_words(aimdb_ctx *ctx, const struct number *in, struct label *out)
{
    (void) ctx;
    snprintf(out->text, sizeof out->text, "number %llu", (unsigned long long) in->n);
    return true;
}

static number_record
ring(struct world *w, const char *key)
{
    return number_configure(w->builder, key, AIMDB_SPMC_RING(64));
}

// proves E4
static void
transform_makes_a_value_of_each_it_lets_pass(void **state)
{
    struct world *w = *state;
    number_record in = ring(w, "in"), out = ring(w, "out");
    struct sink *sink = sink_new(w, 16);
    aimdb_task *task = next_add_transform(w->builder, in, out, double_odd, w);
    CHECK(task != NULL);
    sink_attach(w, out, sink, false);
    world_build(w);
    push_range(in, 1, 10);
    world_close(w);
    CHECK_EQ(5, sink->count);
    for (uint64_t i = 0; i < 5; i++)
        CHECK_EQ(2 * (2 * i + 1), sink->values[i]);
    CHECK_EQ(10, task_stats(task).received);
    CHECK_EQ(0, task_stats(task).errors);
    CHECK_EQ(5, record_stats(out).produced);
}

static aimdb_err
refuse_over_ten(aimdb_ctx *ctx, struct number *value)
{
    (void) ctx;
    return value->n > 10 ? AIMDB_EINVAL : AIMDB_OK;
}

// proves E4 E1
static void
derived_value_passes_the_producer_function_of_its_record(void **state)
{
    struct world *w = *state;
    number_record in = ring(w, "in"), out = ring(w, "out");
    aimdb_task *task = next_add_transform(w->builder, in, out, pass_on, NULL);
    number_set_producer(w->builder, out, refuse_over_ten, NULL);
    world_build(w);
    push_range(in, 8, 13);
    world_close(w);
    CHECK_EQ(3, record_stats(out).produced);
    CHECK_EQ(3, record_stats(out).refused);
    CHECK_EQ(3, task_stats(task).errors);
}

// proves E4
static void
chain_of_transforms_drains_front_to_back(void **state)
{
    struct world *w = *state;
    number_record a = ring(w, "a"), b = ring(w, "b"), c = ring(w, "c");
    label_record words = label_configure(w->builder, "words", AIMDB_SINGLE_LATEST);
    struct label last;
    struct sink *sink = sink_new(w, 64);
    next_add_transform(w->builder, a, b, pass_on, NULL);
    next_add_transform(w->builder, b, c, pass_on, NULL);
    next_add_transform(w->builder, a, c, pass_on, NULL); // a second way, not a circle
    spell_add_transform(w->builder, c, words, in_words, NULL);
    sink_attach(w, c, sink, false);
    world_build(w);
    push_range(a, 1, 20);
    aimdb_close_report report = world_close(w);
    CHECK_EQ(0, report.lost);
    CHECK_EQ(40, sink->count);
    CHECK_OK(label_peek(words, &last));
    CHECK_EQ(0, strncmp(last.text, "number ", 7));
}

static bool
fill_page(aimdb_ctx *ctx, const struct number *in, struct page *out)
{
    (void) ctx;
    CHECK_EQ(0, (uintptr_t) out % 64);
    for (size_t i = 0; i < sizeof out->bytes; i++)
        CHECK_EQ(0, out->bytes[i]);
    memset(out->bytes, (int) in->n, sizeof out->bytes);
    return true;
}

// proves E4
static void
derived_values_may_be_large_and_begin_as_zeroes(void **state)
{
    struct world *w = *state;
    number_record in = ring(w, "in");
    page_record out = page_configure(w->builder, "pages", AIMDB_SPMC_RING(16));
    page_reader *reader = world_memory(w, sizeof *reader);
    struct page *page = aligned_alloc(64, sizeof *page);
    fill_add_transform(w->builder, in, out, fill_page, NULL);
    world_build(w);
    CHECK(page != NULL);
    CHECK_OK(page_subscribe(out, reader));
    push_range(in, 1, 16); // some of them in one run, on one stack
    world_close(w);
    for (int n = 1; n <= 16; n++) {
        CHECK_OK(page_try_recv(reader, page));
        CHECK_EQ(n, page->bytes[0]);
        CHECK_EQ(n, page->bytes[sizeof page->bytes - 1]);
    }
    page_unsubscribe(reader);
    free(page);
}

// proves E4 E3
static void
transform_is_an_edge_of_the_graph_before_any_value(void **state)
{
    struct world *w = *state;
    number_record in = ring(w, "in"), out = ring(w, "out");
    aimdb_edge edge;
    aimdb_task *task = next_add_transform(w->builder, in, out, pass_on, NULL);
    world_build(w);
    CHECK_EQ(1, aimdb_edges(w->db, &edge, 1));
    CHECK(edge.from == in.raw && edge.to == out.raw && edge.task == task);
    CHECK(edge.is_declared && !edge.is_seen);
}

// proves E4 B6
static void
transforms_are_part_of_the_memory_that_is_told(void **state)
{
    struct world *w = *state;
    aimdb_memory_stats before = { .size = sizeof before };
    aimdb_memory_stats after = { .size = sizeof after };
    number_record in = ring(w, "in"), out = ring(w, "out");
    next_add_transform(w->builder, in, out, pass_on, NULL);
    CHECK_OK(aimdb_builder_memory(w->builder, &before));
    world_build(w);
    CHECK_OK(aimdb_memory(w->db, &after));
    CHECK_EQ(before.total, after.total);
    aimdb_builder_free(w->builder);
    w->builder = NULL;
    CHECK_EQ(after.total, w->ledger.live);
}

// --- mistakes ------------------------------------------------------------------------------------

static bool
reports(const struct world *w, const char *text)
{
    for (size_t i = 0; i < aimdb_builder_mistakes(w->builder); i++)
        if (strstr(aimdb_builder_mistake(w->builder, i), text) != NULL)
            return true;
    return false;
}

static void
is_refused(struct world *w, size_t mistakes)
{
    aimdb *db = NULL;
    CHECK_ERR(AIMDB_ECONFIG, aimdb_build(w->builder, &db));
    CHECK(db == NULL);
    CHECK_EQ(mistakes, aimdb_builder_mistakes(w->builder));
}

// proves E4 B1
static void
circles_of_transforms_are_refused_with_their_keys(void **state)
{
    struct world *w = *state;
    number_record self = ring(w, "self");
    number_record a = ring(w, "a"), b = ring(w, "b"), c = ring(w, "c");
    number_record x = ring(w, "x"), y = ring(w, "y");
    number_record before = ring(w, "before"), behind = ring(w, "behind");
    next_add_transform(w->builder, self, self, pass_on, NULL);
    next_add_transform(w->builder, c, a, pass_on, NULL);
    next_add_transform(w->builder, a, b, pass_on, NULL);
    next_add_transform(w->builder, b, c, pass_on, NULL);
    next_add_transform(w->builder, y, x, pass_on, NULL);
    next_add_transform(w->builder, x, y, pass_on, NULL);
    next_add_transform(w->builder, before, a, pass_on, NULL);
    next_add_transform(w->builder, c, behind, pass_on, NULL);
    is_refused(w, 3);
    CHECK(reports(w, "record \"self\": transforms go round: \"self\" -> \"self\""));
    CHECK(reports(w, "record \"a\": transforms go round: \"a\" -> \"b\" -> \"c\" -> \"a\""));
    CHECK(reports(w, "record \"x\": transforms go round: \"x\" -> \"y\" -> \"x\""));
    is_refused(w, 3); // the search left nothing behind
}

static aimdb_err
emit_while_small(aimdb_ctx *ctx, const struct number *value)
{
    number_record *to = aimdb_user(ctx);
    return value->n < 5 ? number_emit(ctx, *to, &(struct number){ value->n + 1 }) : AIMDB_OK;
}

// proves E4 E2
static void
circle_in_which_a_consumer_emits_is_legal(void **state)
{
    struct world *w = *state;
    number_record a = ring(w, "a"), b = ring(w, "b");
    number_record *to = world_memory(w, sizeof *to);
    *to = a;
    next_add_transform(w->builder, a, b, pass_on, NULL);
    number_add_consumer(w->builder, b, emit_while_small, to);
    world_build(w);
    push(a, 1);
    world_close(w);
    CHECK_EQ(5, record_stats(a).produced);
    CHECK_EQ(5, record_stats(b).produced);
}

// proves E4 B1
static void
mistakes_in_transforms_are_told_with_their_keys(void **state)
{
    struct world *w = *state;
    number_record in = ring(w, "in"), out = ring(w, "out");
    number_record bare = number_configure(w->builder, "bare", (aimdb_buffer_cfg){ 0 });
    number_record nothing = { NULL };
    CHECK(next_add_transform(w->builder, in, out, NULL, NULL) == NULL);
    CHECK(aimdb_add_transform(w->builder, in.raw, out.raw, NULL, NULL, NULL) == NULL);
    CHECK(next_add_transform(w->builder, in, nothing, pass_on, NULL) == NULL);
    CHECK(next_add_transform(w->builder, nothing, out, pass_on, NULL) == NULL);
    CHECK(next_add_transform(NULL, in, out, pass_on, NULL) == NULL);
    CHECK(next_add_transform(w->builder, in, bare, pass_on, NULL) != NULL);
    is_refused(w, 5);
    CHECK(reports(w, "record \"in\": a transform's function is NULL"));
    CHECK(reports(w, "record \"bare\": a transform into it, but no buffer"));
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(transform_makes_a_value_of_each_it_lets_pass),
        CONTRACT_TEST(derived_value_passes_the_producer_function_of_its_record),
        CONTRACT_TEST(chain_of_transforms_drains_front_to_back),
        CONTRACT_TEST(derived_values_may_be_large_and_begin_as_zeroes),
        CONTRACT_TEST(transform_is_an_edge_of_the_graph_before_any_value),
        CONTRACT_TEST(transforms_are_part_of_the_memory_that_is_told),
        CONTRACT_TEST(circles_of_transforms_are_refused_with_their_keys),
        CONTRACT_TEST(circle_in_which_a_consumer_emits_is_legal),
        CONTRACT_TEST(mistakes_in_transforms_are_told_with_their_keys),
    };
    return CONTRACT_RUN(tests, argc, argv);
}
