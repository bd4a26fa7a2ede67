// SPDX-License-Identifier: Apache-2.0
#include "values.h"

#include "bench.h"

#define SIZES 4

static struct values tables[SIZES];

// Source: G. Marsaglia, "Xorshift RNGs", 2003.
static uint64_t
next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void
make(struct values *values, const aimdb_type *type)
{
    size_t bytes = type->value_size;
    size_t count = bytes > 256 ? VALUES_MAX / 2 : VALUES_MAX; // fits the first-level cache
    unsigned char *data = bench_alloc(count * bytes);
    uint64_t state = 88172645463325252u;
    for (size_t i = 0; i < count * bytes; i++) {
        data[i] = (unsigned char) (next_random(&state) >> 56);
    }
    for (size_t i = 0; i < count; i++) {
        values->marks[i] = mark_of(data + i * bytes, bytes);
    }
    values->type = type;
    values->bytes = bytes;
    values->count = count;
    values->data = data;
}

const struct values *
values_of(size_t bytes)
{
    const aimdb_type *types[SIZES] = { value8_type(), value32_type(), value100_type(),
                                       value1024_type() };
    for (size_t i = 0; i < SIZES; i++) {
        if (types[i]->value_size == bytes) {
            if (!tables[i].data) { // the first call for a size comes before any thread starts
                make(&tables[i], types[i]);
            }
            return &tables[i];
        }
    }
    bench_die("there are no values of %zu bytes", bytes);
}
