// SPDX-License-Identifier: Apache-2.0
#include "sink.h"

#include "bench.h"

static inline __attribute__((always_inline)) aimdb_err
take(aimdb_ctx *ctx, const void *value, size_t bytes, bool may_miss)
{
    struct sink *sink = aimdb_user(ctx);
    if (may_miss) {
        sink->at += aimdb_missed(ctx);
    }
    sink->wrong |= mismatch(sink->values, value, bytes, sink->at);
    sink->at++;
    sink_count(sink);
    return AIMDB_OK;
}

#define CONSUMERS(SIZE)                                                                            \
    static aimdb_err lossless##SIZE(aimdb_ctx *ctx, const struct value##SIZE *value)               \
    {                                                                                              \
        return take(ctx, value, sizeof *value, false);                                             \
    }                                                                                              \
    static aimdb_err lossy##SIZE(aimdb_ctx *ctx, const struct value##SIZE *value)                  \
    {                                                                                              \
        return take(ctx, value, sizeof *value, true);                                              \
    }

CONSUMERS(8)
CONSUMERS(32)
CONSUMERS(100)
CONSUMERS(1024)

// The conversion to each type's own pointer makes sure that the functions fit their types.
static aimdb_fn
choose(size_t bytes, value8_consumer_fn *of8, value32_consumer_fn *of32,
       value100_consumer_fn *of100, value1024_consumer_fn *of1024)
{
    switch (bytes) {
    case 8:
        return (aimdb_fn) of8;
    case 32:
        return (aimdb_fn) of32;
    case 100:
        return (aimdb_fn) of100;
    case 1024:
        return (aimdb_fn) of1024;
    default:
        bench_die("no consumer for %zu bytes", bytes);
    }
}

aimdb_fn
sink_lossless(size_t bytes)
{
    return choose(bytes, lossless8, lossless32, lossless100, lossless1024);
}

aimdb_fn
sink_lossy(size_t bytes)
{
    return choose(bytes, lossy8, lossy32, lossy100, lossy1024);
}
