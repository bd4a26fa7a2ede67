// SPDX-License-Identifier: Apache-2.0
// Values of every size and alignment, byte by byte, through every buffer and both write paths.
#include "contract.h"

#include <stdio.h>

#define PATHS 6u

static const aimdb_buffer_cfg paths[PATHS] = {
    { .buffer = AIMDB_BUFFER_SPMC_RING, .capacity = 3 },
    { .buffer = AIMDB_BUFFER_SPMC_RING, .capacity = 3, .one_writer = true },
    { .buffer = AIMDB_BUFFER_SINGLE_LATEST, .capacity = 1 },
    { .buffer = AIMDB_BUFFER_SINGLE_LATEST, .capacity = 1, .one_writer = true },
    { .buffer = AIMDB_BUFFER_MAILBOX, .capacity = 1 },
    { .buffer = AIMDB_BUFFER_MAILBOX, .capacity = 1, .one_writer = true },
};

// What a blob's callbacks are, before the library calls them through the type's own functions.
typedef aimdb_err
blob_consumer(aimdb_ctx *ctx, const void *value);
typedef aimdb_err
blob_producer(aimdb_ctx *ctx, void *value);

static aimdb_err
call_blob_producer(aimdb_ctx *ctx, aimdb_fn fn, void *value)
{
    return ((blob_producer *) fn)(ctx, value);
}

static aimdb_err
call_blob_consumer(aimdb_ctx *ctx, aimdb_fn fn, const void *value)
{
    return ((blob_consumer *) fn)(ctx, value);
}

static aimdb_time
call_blob_source(aimdb_ctx *ctx, aimdb_fn fn, aimdb_record *out)
{
    (void) ctx;
    (void) fn;
    (void) out;
    return AIMDB_FOREVER;
}

static aimdb_type *
blob_type(struct world *w, size_t size, size_t align)
{
    aimdb_type *type = world_memory(w, sizeof *type);
    *type = (aimdb_type){ .size = sizeof *type,
                          .name = "blob",
                          .value_size = size,
                          .value_align = align,
                          .call_producer = call_blob_producer,
                          .call_consumer = call_blob_consumer,
                          .call_source = call_blob_source };
    return type;
}

static uint8_t
blob_byte(size_t seed, size_t place)
{
    return (uint8_t) (seed * 131 + place * 7 + (place >> 8) * 13 + 1);
}

static void
blob_fill(uint8_t *blob, size_t size, size_t seed)
{
    for (size_t i = 0; i < size; i++)
        blob[i] = blob_byte(seed, i);
}

static void
blob_check(const uint8_t *blob, size_t size, size_t seed)
{
    for (size_t i = 0; i < size; i++)
        CHECK_EQ(blob_byte(seed, i), blob[i]);
}

static aimdb_record *
blob_record(struct world *w, const aimdb_type *type, size_t path)
{
    char key[96];
    snprintf(key, sizeof key, "blob.%zu.%zu.%zu", type->value_size, type->value_align, path);
    return aimdb_configure(w->builder, key, type, paths[path]);
}

#define CANARY 0xee
#define MARGIN 64u

// Three rounds of a push and a read; the bytes around the output must stay as they were.
static void
round_trips(aimdb_record *record, uint8_t *in, uint8_t *out, size_t size)
{
    aimdb_reader reader;
    CHECK_OK(aimdb_subscribe(record, &reader));
    for (size_t seed = 1; seed <= 3; seed++) {
        blob_fill(in, size, seed);
        memset(out - MARGIN, CANARY, size + 2 * MARGIN);
        CHECK_OK(aimdb_produce(record, in, size));
        CHECK_OK(aimdb_try_recv(&reader, out, size));
        blob_check(out, size, seed);
        blob_check(in, size, seed);
        for (size_t i = 0; i < MARGIN; i++)
            CHECK(out[-(ptrdiff_t) i - 1] == CANARY && out[size + i] == CANARY);
        CHECK_ERR(AIMDB_EEMPTY, aimdb_try_recv(&reader, out, size));
    }
    aimdb_unsubscribe(&reader);
}

static void
sizes_survive(struct world *w, const size_t *sizes, size_t count, size_t shift)
{
    aimdb_record **records = world_memory(w, count * PATHS * sizeof(aimdb_record *));
    uint8_t *in = world_memory(w, AIMDB_VALUE_MAX + 2 * MARGIN);
    uint8_t *out = world_memory(w, AIMDB_VALUE_MAX + 2 * MARGIN);
    for (size_t i = 0; i < count * PATHS; i++)
        records[i] = blob_record(w, blob_type(w, sizes[i / PATHS], 1), i % PATHS);
    world_build(w);
    for (size_t i = 0; i < count * PATHS; i++)
        round_trips(records[i], in + shift, out + MARGIN + shift, sizes[i / PATHS]);
}

// proves R6 L1 M1
static void
every_size_up_to_300_survives_every_buffer(void **state)
{
    size_t sizes[300];
    for (size_t i = 0; i < 300; i++)
        sizes[i] = i + 1;
    sizes_survive(*state, sizes, 300, 0);
}

// proves R6 L1 M1
static void
large_sizes_survive_every_buffer(void **state)
{
    static const size_t sizes[] = { 511,   512,   513,   1000,  1023,  1024,  1025,
                                    4095,  4096,  4097,  8191,  10007, 16384, 32767,
                                    32768, 32769, 50001, 65521, 65529, 65535, 65536 };
    sizes_survive(*state, sizes, sizeof sizes / sizeof sizes[0], 0);
}

// proves R6 L1 M1
static void
callers_memory_may_lie_at_any_address(void **state)
{
    static const size_t sizes[] = { 1, 2, 3, 4, 7, 8, 9, 15, 16, 24, 31, 64, 100, 4096 };
    sizes_survive(*state, sizes, sizeof sizes / sizeof sizes[0], 3);
}

struct inspector {
    size_t size;
    size_t align;
    struct gate *seen;
};

static aimdb_err
inspect_produced(aimdb_ctx *ctx, void *value)
{
    const struct inspector *inspector = aimdb_user(ctx);
    CHECK_EQ(0, (uintptr_t) value % inspector->align);
    blob_check(value, inspector->size, 5);
    blob_fill(value, inspector->size, 6);
    return AIMDB_OK;
}

static aimdb_err
inspect_consumed(aimdb_ctx *ctx, const void *value)
{
    const struct inspector *inspector = aimdb_user(ctx);
    CHECK_EQ(0, (uintptr_t) value % inspector->align);
    blob_check(value, inspector->size, 6);
    gate_add(inspector->seen, 1);
    return AIMDB_OK;
}

static aimdb_record *
inspected_record(struct world *w, size_t size, size_t align, size_t path, struct gate *seen)
{
    struct inspector *inspector = world_memory(w, sizeof *inspector);
    aimdb_record *record = blob_record(w, blob_type(w, size, align), path);
    *inspector = (struct inspector){ size, align, seen };
    aimdb_set_producer(w->builder, record, (aimdb_fn) inspect_produced, inspector);
    CHECK(aimdb_add_consumer(w->builder, record, (aimdb_fn) inspect_consumed, inspector, NULL) !=
          NULL);
    CHECK(aimdb_add_consumer(w->builder, record, (aimdb_fn) inspect_consumed, inspector,
                             &(aimdb_consumer_options){ .blocking = true }) != NULL);
    return record;
}

#define ALIGNMENTS 13u // 1 .. 4096

// proves P2 D1
static void
callbacks_get_every_alignment_they_asked_for(void **state)
{
    struct world *w = *state;
    aimdb_record *records[ALIGNMENTS][2][2];
    struct gate *seen = gate_new(w);
    uint8_t *in = world_memory(w, AIMDB_VALUE_MAX);
    uint64_t calls = 0;
    for (size_t a = 0; a < ALIGNMENTS; a++)
        for (size_t s = 0; s < 2; s++)
            for (size_t p = 0; p < 2; p++)
                records[a][s][p] = inspected_record(w, ((size_t) 1 << a) * (s ? 3 : 1),
                                                    (size_t) 1 << a, p * 2, seen);
    world_build(w);
    for (size_t i = 0; i < ALIGNMENTS * 4; i++) {
        size_t size = ((size_t) 1 << i / 4) * (i / 2 % 2 ? 3 : 1);
        blob_fill(in, size, 5);
        CHECK_OK(aimdb_produce(records[i / 4][i / 2 % 2][i % 2], in, size));
        gate_wait(seen, calls += 2);
    }
}

// Around every size of memory that the library may take for a value on its way.
// proves D1 P2
static void
large_values_go_through_functions_and_consumers(void **state)
{
    static const size_t sizes[] = { 248,   256,   264,   1016,  1024,  1032,  4088,  4096,  4104,
                                    16376, 16384, 16392, 24576, 32768, 40960, 65520, 65528, 65536 };
    struct world *w = *state;
    struct gate *seen = gate_new(w);
    uint8_t *in = world_memory(w, AIMDB_VALUE_MAX);
    aimdb_record *records[2 * sizeof sizes / sizeof sizes[0]];
    uint64_t calls = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (size_t k = 0; k < 2; k++)
            records[2 * i + k] = inspected_record(w, sizes[i], 8, 2 * k, seen);
    world_build(w);
    for (size_t i = 0; i < sizeof records / sizeof records[0]; i++) {
        blob_fill(in, sizes[i / 2], 5);
        CHECK_OK(aimdb_produce(records[i], in, sizes[i / 2]));
        gate_wait(seen, calls += 2);
    }
}

// proves D1 P2
static void
largest_value_goes_through_functions_and_consumers(void **state)
{
    struct world *w = *state;
    struct gate *seen = gate_new(w);
    uint8_t *in = world_memory(w, AIMDB_VALUE_MAX);
    aimdb_record *record = inspected_record(w, AIMDB_VALUE_MAX, 4096, 0, seen);
    world_build(w);
    blob_fill(in, AIMDB_VALUE_MAX, 5);
    for (uint64_t i = 1; i <= 50; i++) {
        CHECK_OK(aimdb_produce(record, in, AIMDB_VALUE_MAX));
        gate_wait(seen, 2 * i);
    }
}

static void
batch_of(aimdb_record *record, size_t size, size_t count, uint8_t *memory)
{
    for (size_t i = 0; i < count; i++)
        blob_fill(memory + i * size, size, i);
    CHECK_OK(aimdb_produce_n(record, memory, size, count));
}

// proves R1 R4 R6
static void
batch_larger_than_a_ring_is_whole_for_odd_sizes(void **state)
{
    static const size_t sizes[] = { 1, 3, 7, 8, 13, 100, 1001, 5000 };
    struct world *w = *state;
    aimdb_record *records[8][2];
    uint8_t *memory = world_memory(w, 10 * 5000);
    uint8_t *out = world_memory(w, 10 * 5000);
    for (size_t i = 0; i < 16; i++)
        records[i / 2][i % 2] = blob_record(w, blob_type(w, sizes[i / 2], 1), i % 2);
    world_build(w);
    for (size_t i = 0; i < 16; i++) {
        size_t size = sizes[i / 2];
        aimdb_reader reader;
        uint64_t missed = 0;
        CHECK_OK(aimdb_subscribe(records[i / 2][i % 2], &reader));
        batch_of(records[i / 2][i % 2], size, 10, memory);
        CHECK_EQ(3, aimdb_drain(&reader, out, size, 10, &missed));
        CHECK_EQ(7, missed);
        for (size_t k = 0; k < 3; k++)
            blob_check(out + k * size, size, 7 + k);
        batch_of(records[i / 2][i % 2], size, 3, memory); // across the edge of the slots
        CHECK_EQ(3, aimdb_drain(&reader, out, size, 10, &missed));
        CHECK_EQ(0, missed);
        for (size_t k = 0; k < 3; k++)
            blob_check(out + k * size, size, k);
        aimdb_unsubscribe(&reader);
    }
}

// proves R1
static void
ring_of_many_small_values_keeps_each_in_its_slot(void **state)
{
    struct world *w = *state;
    const size_t capacity = 70001, size = 3;
    aimdb_record *record =
        aimdb_configure(w->builder, "many", blob_type(w, size, 1), AIMDB_SPMC_RING(capacity));
    aimdb_reader reader;
    uint8_t blob[3];
    world_build(w);
    CHECK_OK(aimdb_subscribe(record, &reader));
    for (size_t n = 0; n < capacity + 10; n++) {
        const uint8_t number[] = { (uint8_t) n, (uint8_t) (n >> 8), (uint8_t) (n >> 16) };
        CHECK_OK(aimdb_produce(record, number, size)); // no two are alike
    }
    CHECK_ERR(AIMDB_ELAGGED, aimdb_try_recv(&reader, blob, size));
    CHECK_EQ(10, aimdb_missed_by(&reader));
    for (size_t n = 10; n < capacity + 10; n++) {
        CHECK_OK(aimdb_try_recv(&reader, blob, size));
        CHECK_EQ(n, blob[0] | (size_t) blob[1] << 8 | (size_t) blob[2] << 16);
    }
    aimdb_unsubscribe(&reader);
}

#define SAMPLE(F, S)                                                                               \
    F(S, f32, celsius, "degC")                                                                     \
    F(S, i64, at, "ns")                                                                            \
    F(S, bool, is_valid, "")                                                                       \
    F(S, u16, raw, "1")
AIMDB_SCHEMA(sample, SAMPLE);

// proves B5
static void
schema_describes_the_struct_it_made(void **state)
{
    static const struct {
        const char *name, *unit;
        aimdb_kind kind;
        size_t offset, size;
    } want[] = {
        { "celsius", "degC", AIMDB_KIND_F32, offsetof(struct sample, celsius), 4 },
        { "at", "ns", AIMDB_KIND_I64, offsetof(struct sample, at), 8 },
        { "is_valid", "", AIMDB_KIND_BOOL, offsetof(struct sample, is_valid), sizeof(bool) },
        { "raw", "1", AIMDB_KIND_U16, offsetof(struct sample, raw), 2 },
    };
    struct world *w = *state;
    sample_record record = sample_configure(w->builder, "sample", AIMDB_SINGLE_LATEST);
    struct sample out = { 0 };
    world_build(w);
    const aimdb_type *type = aimdb_record_type(record.raw);
    CHECK_EQ(sizeof(struct sample), type->value_size);
    CHECK_EQ(4, type->field_count);
    for (size_t i = 0; i < 4; i++) {
        CHECK(strcmp(want[i].name, type->fields[i].name) == 0);
        CHECK(strcmp(want[i].unit, type->fields[i].unit) == 0);
        CHECK_EQ(want[i].kind, type->fields[i].kind);
        CHECK_EQ(want[i].offset, type->fields[i].offset);
        CHECK_EQ(want[i].size, type->fields[i].size);
    }
    CHECK_OK(sample_produce(record, &(struct sample){ .celsius = 21.5f, .at = -3, .raw = 7 }));
    CHECK_OK(sample_peek(record, &out));
    CHECK(out.celsius == 21.5f && out.at == -3 && !out.is_valid && out.raw == 7);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(every_size_up_to_300_survives_every_buffer),
        CONTRACT_TEST(large_sizes_survive_every_buffer),
        CONTRACT_TEST(callers_memory_may_lie_at_any_address),
        CONTRACT_TEST(callbacks_get_every_alignment_they_asked_for),
        CONTRACT_TEST(large_values_go_through_functions_and_consumers),
        CONTRACT_TEST(largest_value_goes_through_functions_and_consumers),
        CONTRACT_TEST(batch_larger_than_a_ring_is_whole_for_odd_sizes),
        CONTRACT_TEST(ring_of_many_small_values_keeps_each_in_its_slot),
        CONTRACT_TEST(schema_describes_the_struct_it_made),
    };
    return CONTRACT_RUN(tests, argc, argv);
}
