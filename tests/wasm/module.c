// SPDX-License-Identifier: Apache-2.0
// The module of suite.mjs, built with a room of 64 bytes: a record of each buffer, a producer function and records without one, what
// runs, and the port's hooks.
#include <aimdb/static.h>

#include "core/mask.h"
#include "core/port.h"

#define EXPORT __attribute__((visibility("default")))

#define NUMBER(F, S) F(S, u32, n, "")
AIMDB_SCHEMA(number, NUMBER);

#define EVERY(F, S)                                                                                \
    F(S, bool, yes, "")                                                                            \
    F(S, i8, i8, "")                                                                               \
    F(S, i16, i16, "")                                                                             \
    F(S, i32, i32, "")                                                                             \
    F(S, i64, i64, "ns")                                                                           \
    F(S, u8, u8, "")                                                                               \
    F(S, u16, u16, "")                                                                             \
    F(S, u32, u32, "")                                                                             \
    F(S, u64, u64, "")                                                                             \
    F(S, f32, f32, "degC")                                                                         \
    F(S, f64, f64, "")
AIMDB_SCHEMA(every, EVERY);

struct plain {
    int x;
};
AIMDB_RECORD_TYPE(plain, struct plain);

AIMDB_STATIC_SPMC_RING(number, ring, "ring", 4);
AIMDB_STATIC_SINGLE_LATEST(every, latest, "latest");
AIMDB_STATIC_MAILBOX(number, box, "box");
AIMDB_STATIC_SPMC_RING(number, guarded, "guarded", 4);
AIMDB_STATIC_SPMC_RING(number, again, "again", 64, .one_writer = true);
AIMDB_STATIC_SINGLE_LATEST(plain, plain_one, "plain");
AIMDB_STATIC_SPMC_RING(number, ticks, "ticks", 16, .one_writer = true);
AIMDB_STATIC_SPMC_RING(number, begun, "begun", 16);

// Odd numbers are refused, of even ones the half is kept.
static aimdb_err
halve(aimdb_ctx *ctx, struct number *value)
{
    (void) ctx;
    if (value->n & 1) {
        return AIMDB_EINVAL;
    }
    value->n /= 2;
    return AIMDB_OK;
}
AIMDB_STATIC_PRODUCER(guarded, halve, NULL);

// Hands on what it got until nothing is left: each in a turn of its own or in the same one.
static aimdb_err
count_down(aimdb_ctx *ctx, const struct number *value)
{
    return value->n > 0 ? number_emit(ctx, again, &(struct number){ value->n - 1 }) : AIMDB_OK;
}
AIMDB_STATIC_CONSUMER(again, count_down, NULL);

static aimdb_time period;

static aimdb_time
tick(aimdb_ctx *ctx, number_record out)
{
    static uint32_t n;
    if (period == 0) {
        return AIMDB_FOREVER;
    }
    (void) number_emit(ctx, out, &(struct number){ n++ });
    return aimdb_every(ctx, period);
}
AIMDB_STATIC_SOURCE(ticks, tick, NULL);

// One value is worked on at a time, until finish().
static aimdb_token token;

static aimdb_err
begin(aimdb_ctx *ctx, const struct number *value)
{
    if (value->n == 0) {
        return AIMDB_EIO;
    }
    token = aimdb_defer(ctx);
    return AIMDB_EPENDING;
}
AIMDB_STATIC_CONSUMER(begun, begin, NULL);

AIMDB_STATIC_DB(numbers, ring, latest, box, guarded, again, plain_one, ticks, begun, count_down,
                tick, begin);

// Before the first turn.
EXPORT void
set_period_ms(int32_t ms)
{
    period = AIMDB_MS(ms);
}

EXPORT int
finish(void)
{
    return aimdb_done(token, AIMDB_OK);
}

// --- the port -------------------------------------------------------------------------------------

EXPORT aimdb_time
read_clock(void)
{
    return aimdb_clock();
}

// Returns at once, whatever there is to wait for, and leaves the word alone.
EXPORT uint32_t
idle_for_ever(uint32_t word)
{
    aimdbi_signal ready = { word };
    aimdbp_idle(&ready, AIMDB_FOREVER);
    aimdbp_idle(&ready, 0);
    aimdb_idle(&numbers, AIMDB_FOREVER);
    return signal_load_acquire(&ready);
}

EXPORT bool
sections_nest(void)
{
    size_t outer = aimdbp_mask();
    size_t inner = aimdbp_mask();
    aimdbp_unmask(inner);
    aimdbp_unmask(outer);
    size_t after = aimdbp_mask();
    aimdbp_unmask(after);
    return after == outer;
}

EXPORT void
break_an_invariant(void)
{
    aimdbp_panic("some/file.c", 42, "the claim");
}

EXPORT void
trap(void)
{
    __builtin_trap();
}

// Bytes of the stack are gone before the bytes of the data: a trap, and no silent damage.
EXPORT uint32_t
recurse(uint32_t depth)
{
    volatile uint32_t frame[64];
    frame[depth % 64] = depth;
    return depth == 0 ? 0 : recurse(depth - 1) + frame[(depth + 1) % 64];
}
