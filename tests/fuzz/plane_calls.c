// SPDX-License-Identifier: Apache-2.0
// What producer functions, consumers, joins, transforms and sources do, and the values they get.
#include "plane.h"

#include "fail.h"

#include <string.h>

enum act {
    ACT_OK_1,
    ACT_OK_2,
    ACT_OK_3,
    ACT_PRODUCE, // not an emission: refused once the database closes
    ACT_ERROR,
    ACT_DEFER,
    ACT_DEFER_NOTHING, // AIMDB_EPENDING without a token
    ACT_DEFER_IN_VAIN, // a token, but the call returns AIMDB_OK
    ACT_DEFER_DONE,    // done before it is deferred
    ACT_DEFER_FAILED,  // likewise, with an error
    ACT_EMIT,
    ACT_EMIT_BACK, // into the record the value came from
    ACT_LATE,      // 150 us
    ACT_LATER,     // 2 ms
    ACT_MISUSE,
    ACT_CLOSE,
    ACTS
};

aimdb_time plane_clock;

aimdb_time
__wrap_aimdbp_clock(void);

aimdb_time
__wrap_aimdbp_clock(void)
{
    return plane_clock;
}

// --- values --------------------------------------------------------------------------------------

static unsigned char
byte_of(ref_number number, size_t i)
{
    return (unsigned char) ((i % 2 ? number >> 8 : number) ^ (i / 2 * 29));
}

void
plane_make(void *value, size_t size, ref_number number)
{
    unsigned char *bytes = value;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = byte_of(number, i);
    }
}

ref_number
plane_number(const void *value, size_t size)
{
    const unsigned char *bytes = value;
    ref_number number = (ref_number) (bytes[0] | (size > 1 ? bytes[1] << 8 : 0));
    for (size_t i = 0; i < size; i++) {
        FUZZ_REQUIRE(bytes[i] == byte_of(number, i), "byte %zu of value %u is torn", i, number);
    }
    return number;
}

void *
plane_value(const struct plane *plane, unsigned record, ref_number number)
{
    size_t size = plane->ref.record[record].size;
    void *value = malloc(size);
    FUZZ_REQUIRE(value, "out of memory");
    plane_make(value, size, number);
    return value;
}

static aimdb_err
emit(struct plane *plane, aimdb_ctx *ctx, unsigned record, ref_number number)
{
    void *value = plane_value(plane, record, number);
    aimdb_err err = aimdb_emit(ctx, plane->record[record], value, plane->ref.record[record].size);
    free(value);
    return err;
}

static void
advance(struct plane *plane, aimdb_time by)
{
    plane_clock += by;
    plane->ref.now = plane_clock;
}

// --- producer functions --------------------------------------------------------------------------

static aimdb_err
call_producer(aimdb_ctx *ctx, aimdb_fn fn, void *value)
{
    const struct plane_part *part = aimdb_user(ctx);
    struct plane *plane = part->plane;
    const struct ref_record *rec = &plane->ref.record[part->index];
    ref_number number = plane_number(value, rec->size);
    FUZZ_REQUIRE(fn == plane_fn, "a producer function became another");
    switch (rec->producer) {
    case REF_ADD:
        plane_make(value, rec->size, ref_fit(&plane->ref, part->index, number + 7u));
        return AIMDB_OK;
    case REF_REFUSE:
        return number % 2 ? AIMDB_EINVAL : AIMDB_OK;
    case REF_EMIT:
        return emit(plane, ctx, rec->target, ref_fit(&plane->ref, rec->target, number + 1u));
    default:
        return AIMDB_OK;
    }
}

// --- consumers -----------------------------------------------------------------------------------

static struct plane_token *
free_token(struct plane *plane)
{
    for (unsigned i = 0; i < PLANE_TOKENS; i++) {
        if (!plane->token[i].is_used) {
            return &plane->token[i];
        }
    }
    return NULL;
}

static aimdb_err
act_defer(struct plane *plane, aimdb_ctx *ctx, unsigned index, enum act act)
{
    struct ref_task *task = &plane->ref.task[index];
    struct plane_token *slot = free_token(plane);
    if (act == ACT_DEFER_NOTHING) {
        task->errors++; // [D3] it would never be finished
        return AIMDB_EPENDING;
    }
    if (!slot || plane->is_patient) {
        return AIMDB_OK;
    }
    *slot = (struct plane_token){ aimdb_defer(ctx), index, true, act == ACT_DEFER };
    aimdb_token again = aimdb_defer(ctx);
    FUZZ_REQUIRE(memcmp(&again, &slot->token, sizeof again) == 0, "two tokens for one value");
    if (act == ACT_DEFER_IN_VAIN) {
        return AIMDB_OK;
    }
    if (act == ACT_DEFER) {
        task->waits = true;
        return AIMDB_EPENDING;
    }
    aimdb_err how = act == ACT_DEFER_FAILED ? AIMDB_EIO : AIMDB_OK;
    task->errors += how != AIMDB_OK;
    FUZZ_REQUIRE(aimdb_done(slot->token, how) == AIMDB_OK, "a fresh token is refused");
    FUZZ_REQUIRE(aimdb_done(slot->token, how) == AIMDB_EINVAL, "a token works twice");
    return AIMDB_EPENDING;
}

static aimdb_err
act_emit(struct plane *plane, aimdb_ctx *ctx, unsigned record)
{
    if (plane->fuel == 0) {
        return AIMDB_OK;
    }
    plane->fuel--;
    ref_number number = ref_fit(&plane->ref, record, ++plane->counter);
    aimdb_err expected = ref_emit(&plane->ref, record, number);
    aimdb_err err = emit(plane, ctx, record, number);
    FUZZ_REQUIRE(err == expected, "an emission gives %s, not %s", aimdb_err_name(err),
                 aimdb_err_name(expected));
    return err;
}

static aimdb_err
act_produce(struct plane *plane, unsigned record)
{
    if (plane->fuel == 0) {
        return AIMDB_OK;
    }
    plane->fuel--;
    ref_number number = ref_fit(&plane->ref, record, ++plane->counter);
    void *value = plane_value(plane, record, number);
    aimdb_err expected = ref_produce(&plane->ref, record, &number, 1);
    aimdb_err err = aimdb_produce(plane->record[record], value, plane->ref.record[record].size);
    free(value);
    FUZZ_REQUIRE(err == expected, "a produce in a consumer gives %s, not %s", aimdb_err_name(err),
                 aimdb_err_name(expected));
    return AIMDB_OK;
}

// What would wait for the very thread it is called in.
static aimdb_err
act_misuse(struct plane *plane, unsigned record)
{
    FUZZ_REQUIRE(aimdb_dispatch(plane->executor, 1) == AIMDB_EBUSY, "dispatched in a callback");
    void *value = plane_value(plane, record, 0);
    aimdb_err expected =
        plane->ref.record[record].buffer == AIMDB_BUFFER_SPMC_RING ? AIMDB_EBUSY : AIMDB_ENOTSUP;
    aimdb_err err = aimdb_produce_wait(plane->record[record], value, plane->ref.record[record].size,
                                       AIMDB_FOREVER);
    FUZZ_REQUIRE(err == expected, "a produce_wait in a callback gives %s", aimdb_err_name(err));
    free(value);
    return AIMDB_OK;
}

static aimdb_err
act_late(struct plane *plane, aimdb_time by)
{
    if (plane->fuel > 0) {
        plane->fuel--;
        advance(plane, by);
    }
    return AIMDB_OK;
}

static aimdb_err
act_close(struct plane *plane)
{
    FUZZ_REQUIRE(aimdb_close(plane->db, 0, NULL) == AIMDB_EPENDING, "closed in a callback");
    plane->ref.phase = REF_CLOSING;
    return AIMDB_OK;
}

static aimdb_err
consume(aimdb_ctx *ctx, size_t place, const void *value)
{
    const struct plane_part *part = aimdb_user(ctx);
    struct plane *plane = part->plane;
    struct ref_task *task = &plane->ref.task[part->index];
    struct plane_script *script = &plane->script[part->index];
    FUZZ_REQUIRE(place < task->inputs, "a join is called with %zu", place);
    unsigned from = task->input[place].record;
    ref_number number = plane_number(value, plane->ref.record[from].size);
    FUZZ_REQUIRE(aimdb_now(ctx) == plane_clock, "another clock");
    ref_call(&plane->ref, part->index, place, number, aimdb_missed(ctx));
    enum act act = script->acts[script->calls++ % 4] % ACTS;
    FUZZ_TELL("  task %u gets %u of record %u, and does %d", part->index, number, from, act);
    switch (act) {
    case ACT_ERROR:
        task->errors++;
        return AIMDB_EIO;
    case ACT_DEFER:
    case ACT_DEFER_NOTHING:
    case ACT_DEFER_IN_VAIN:
    case ACT_DEFER_DONE:
    case ACT_DEFER_FAILED:
        return act_defer(plane, ctx, part->index, act);
    case ACT_EMIT:
    case ACT_EMIT_BACK: {
        aimdb_err err = act_emit(plane, ctx, act == ACT_EMIT ? script->target : from);
        task->errors += err != AIMDB_OK;
        return err;
    }
    case ACT_PRODUCE:
        return act_produce(plane, script->target);
    case ACT_LATE:
        return act_late(plane, AIMDB_US(150));
    case ACT_LATER:
        return act_late(plane, AIMDB_MS(2));
    case ACT_MISUSE:
        return act_misuse(plane, from);
    case ACT_CLOSE:
        return script->calls % 16 == 0 ? act_close(plane) : AIMDB_OK;
    default:
        return AIMDB_OK;
    }
}

static aimdb_err
call_consumer(aimdb_ctx *ctx, aimdb_fn fn, const void *value)
{
    FUZZ_REQUIRE(fn == plane_fn, "a consumer became another");
    return consume(ctx, 0, value);
}

aimdb_err
plane_join(aimdb_ctx *ctx, size_t index, const void *value)
{
    return consume(ctx, index, value);
}

// An odd number makes nothing, any other one the next but two. A producer function may emit that back
// into where it came from, round and round, which is legal [E2]: so there is a limit.
bool
plane_derive(aimdb_ctx *ctx, aimdb_fn fn, const void *in, void *out)
{
    const struct plane_part *part = aimdb_user(ctx);
    struct plane *plane = part->plane;
    struct ref_task *task = &plane->ref.task[part->index];
    unsigned to = plane->script[part->index].target;
    size_t size = plane->ref.record[to].size;
    ref_number number = plane_number(in, plane->ref.record[task->input[0].record].size);
    FUZZ_REQUIRE(fn == plane_fn, "a transform became another");
    for (size_t i = 0; i < size; i++) {
        FUZZ_REQUIRE(((unsigned char *) out)[i] == 0, "byte %zu of a new value is not 0",
                     i); // [E4]
    }
    ref_call(&plane->ref, part->index, 0, number, aimdb_missed(ctx));
    if (number % 2 || plane->derivations == 0) {
        return false;
    }
    plane->derivations--;
    ref_number derived = ref_fit(&plane->ref, to, number + 3u);
    plane_make(out, size, derived);
    task->errors += ref_emit(&plane->ref, to, derived) != AIMDB_OK;
    return true;
}

// --- sources -------------------------------------------------------------------------------------

static aimdb_time
call_source(aimdb_ctx *ctx, aimdb_fn fn, aimdb_record *out)
{
    const struct plane_part *part = aimdb_user(ctx);
    struct plane *plane = part->plane;
    struct ref_task *task = &plane->ref.task[part->index];
    struct plane_script *script = &plane->script[part->index];
    unsigned record = task->input[0].record;
    FUZZ_REQUIRE(fn == plane_fn && out == plane->record[record], "a source became another");
    FUZZ_TELL("  source %u steps", part->index);
    ref_step(&plane->ref, part->index);
    uint8_t act = script->acts[script->calls++ % 4];
    ref_number number = ref_fit(&plane->ref, record, ++plane->counter);
    aimdb_err expected = ref_emit(&plane->ref, record, number);
    aimdb_err err = emit(plane, ctx, record, number);
    FUZZ_REQUIRE(err == expected, "a source's emission gives %s", aimdb_err_name(err));
    aimdb_time period = AIMDB_US(250) * (1 + act % 16);
    if (act >= 240) {
        return task->due = AIMDB_FOREVER;
    }
    if (act >= 224 && plane->fuel > 0) {
        plane->fuel--;
        task->due = plane_clock; // [D7] at once, and the grid starts anew
        return 0;
    }
    if (act >= 208) {
        return task->due = plane_clock + period;
    }
    aimdb_time next = ref_every(&plane->ref, part->index, period);
    FUZZ_REQUIRE(aimdb_every(ctx, period) == next, "a step is due at another time");
    return next;
}

// --- types ---------------------------------------------------------------------------------------

void
plane_fn(void)
{
}

#define TYPE(name_, size_, align_)                                                                 \
    {                                                                                              \
        .size = sizeof(aimdb_type), .name = name_, .value_size = size_, .value_align = align_,     \
        .call_producer = call_producer, .call_consumer = call_consumer, .call_source = call_source \
    }

const aimdb_type plane_types[PLANE_TYPES] = {
    TYPE("1", 1, 1),       TYPE("2", 2, 2),
    TYPE("3", 3, 1),       TYPE("4", 4, 4),
    TYPE("8", 8, 8),       TYPE("16", 16, 16),
    TYPE("24", 24, 8),     TYPE("100", 100, 4),
    TYPE("128", 128, 64),  TYPE("129", 129, 1),
    TYPE("1000", 1000, 8), TYPE("4096", 4096, 4096),
    TYPE("5000", 5000, 8), TYPE("65536", 65536, 8),
    TYPE("nothing", 0, 1), TYPE("too long", 65537, 1),
    TYPE("odd", 9, 3),     TYPE("crooked", 6, 4),
};

const uint8_t plane_type_mistakes[PLANE_TYPES] = { [14] = 1, [15] = 1, [16] = 1, [17] = 1 };
