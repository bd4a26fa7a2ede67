// SPDX-License-Identifier: Apache-2.0
// The values that the benchmarks send: tables of prepared ones in four sizes.
//
// They are written long before they are sent. A value that is written right before the library
// copies it costs 4 ns for the processor's store forwarding, which hides what is to be measured.
#ifndef BENCH_VALUES_H
#define BENCH_VALUES_H

#include <aimdb/aimdb.h>
#include <string.h>

#define VALUES_MAX 64

struct value8 {
    uint64_t words[1];
};
struct value32 {
    uint64_t words[4];
};
struct value100 {
    uint32_t words[25];
};
struct value1024 {
    uint64_t words[128];
};
AIMDB_RECORD_TYPE(value8, struct value8);
AIMDB_RECORD_TYPE(value32, struct value32);
AIMDB_RECORD_TYPE(value100, struct value100);
AIMDB_RECORD_TYPE(value1024, struct value1024);

// Value n of a benchmark is the table's n % count.
struct values {
    const aimdb_type *type;
    size_t bytes;
    size_t count;              // in the table; a power of two, at least 32
    const unsigned char *data; // one after another, from a cache line's start
    uint64_t marks[VALUES_MAX];
};

// Size 8, 32, 100 or 1024.
const struct values *
values_of(size_t bytes);

static inline const void *
value_at(const struct values *values, uint64_t n)
{
    return values->data + (n & (values->count - 1)) * values->bytes;
}

// What a receiver checks of every value: its first and last eight bytes.
static inline uint64_t
mark_of(const void *value, size_t bytes)
{
    uint64_t first;
    uint64_t last;
    memcpy(&first, value, sizeof first);
    memcpy(&last, (const unsigned char *) value + bytes - sizeof last, sizeof last);
    return first ^ (last << 1);
}

// Zero if `value` is number n of the table.
static inline uint64_t
mismatch(const struct values *values, const void *value, size_t bytes, uint64_t n)
{
    return mark_of(value, bytes) ^ values->marks[n & (values->count - 1)];
}

#endif
