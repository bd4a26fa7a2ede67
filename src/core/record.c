// SPDX-License-Identifier: Apache-2.0
// Producing and emitting: from the caller's value through the producer function into the buffer.
#include "db.h"
#include "executor.h"
#include "latest.h"
#include "ring.h"
#include "scratch.h"
#include "statics.h"
#include "turn.h"

#define BATCH_BYTES 4096 // of values that pass a producer function before they are published

aimdb_err
aimdbi_gate_pass(const aimdb *db, size_t gate, bool moves)
{
    if (gate & AIMDBI_GATE_SHUT) {
        return (gate & AIMDBI_GATE_FORKED) ? AIMDB_EFORKED : AIMDB_ECLOSED;
    }
    if (gate & AIMDBI_GATE_STEPS) {
        db->executor->ops->step(db->executor, moves);
    }
    return AIMDB_OK;
}

// What is left to do after a push that was not plainly AIMDB_OK.
static __attribute__((noinline)) aimdb_err
settle_push(aimdb_record *rec, aimdb_err answer)
{
    if (answer != AIMDBI_PUSHED_TO_SLEEPERS && answer != AIMDB_ECLOSED) {
        return answer;
    }
    // A refused push may have been seen, and slept over.
    if (load_relaxed(park_word(&rec->shape, &rec->cells)) & AIMDBI_PARKED) {
        aimdbi_record_wake(rec);
    }
    return answer == AIMDB_ECLOSED ? answer : AIMDB_OK;
}

static inline aimdb_err
push_told(aimdb_record *rec, const void *values, size_t count, size_t *ret_pushed)
{
    aimdb_err answer = AIMDB_ENOTSUP;
    switch (rec->shape.buffer) {
    case AIMDB_BUFFER_SPMC_RING:
        answer = aimdbi_ring_push(&rec->shape, &rec->cells, values, count, ret_pushed);
        break;
    case AIMDB_BUFFER_SINGLE_LATEST:
    case AIMDB_BUFFER_MAILBOX:
        answer = aimdbi_latest_push(&rec->shape, &rec->cells, values, count);
        break;
    default:
        break;
    }
    return __builtin_expect(answer == AIMDB_OK, 1) ? answer : settle_push(rec, answer);
}

aimdb_err
aimdbi_record_push(aimdb_record *rec, const void *values, size_t count)
{
    size_t pushed = 0;
    return push_told(rec, values, count, &pushed);
}

// The most common produce, without a call on its way.
static inline AIMDBI_ALWAYS aimdb_err
push_one(aimdb_record *rec, const void *value)
{
    size_t pushed = 0;
    aimdb_err answer = AIMDB_ENOTSUP;
    if (__builtin_expect(rec->shape.buffer == AIMDB_BUFFER_SPMC_RING, 1)) {
        uint64_t now = shape_is_stamped(&rec->shape) ? (uint64_t) aimdbp_clock() : 0;
        answer = ring_push_one(&rec->shape, &rec->cells, value, now, &pushed);
    } else if (rec->shape.buffer != AIMDB_BUFFER_NONE) {
        answer = latest_push(&rec->shape, &rec->cells, value, 1);
    }
    return __builtin_expect(answer == AIMDB_OK, 1) ? answer : settle_push(rec, answer);
}

// Consumers of a mailbox compete: each push begins its round with another one, so that no place in
// the order of registration is favoured [M2].
static struct aimdbi_input *
first_to_wake(const aimdb_record *rec)
{
    struct aimdbi_input *input = rec->inputs;
    if (rec->shape.buffer != AIMDB_BUFFER_MAILBOX || rec->consumers < 2) {
        return input;
    }
    size_t turn = (load_relaxed(&rec->cells.commit_) / AIMDBI_STEP) % rec->consumers;
    for (; input && turn > 0; turn--) {
        input = input->next;
    }
    return input;
}

void
aimdbi_record_wake(aimdb_record *rec)
{
    if (!(fetch_and_acq_rel(park_word(&rec->shape, &rec->cells), ~AIMDBI_PARKED) & AIMDBI_PARKED)) {
        return; // somebody else cleared it, and wakes
    }
    struct aimdbi_input *first = first_to_wake(rec);
    for (struct aimdbi_input *input = first; input; input = input->next) {
        aimdbi_task_wake(input->task);
    }
    for (struct aimdbi_input *input = rec->inputs; input != first; input = input->next) {
        aimdbi_task_wake(input->task);
    }
    if (load_acquire(&rec->waiters_) > 0) {
        (void) signal_add_release(&rec->wakes_, 1);
        aimdbp_wake_all(&rec->wakes_);
    }
    if (load_acquire(&rec->watchers_) > 0) {
        (void) signal_add_release(&rec->db->news, 1);
        aimdbp_wake_all(&rec->db->news);
    }
}

// A produce on its way through the producer function.
struct passage {
    aimdb_record *rec;
    const unsigned char *values;
    size_t count;
    aimdb_err first_error;
    size_t *ret_pushed; // NULL: nobody asks
};

static aimdb_err
call_producer(const struct passage *passage, void *value)
{
    aimdb_record *rec = passage->rec;
    aimdb_ctx ctx = { .db = rec->db, .from = rec, .user = rec->producer_user };
    aimdb_err err = rec->type->call_producer(&ctx, rec->producer, value);
    if (err != AIMDB_OK) {
        (void) fetch_add_relaxed(&rec->cells.refused_, 1); // relaxed: a figure
    }
    return err;
}

// Passes as many values as fit one publication; those that are accepted move together.
static aimdb_err
pass_some(void *work, void *scratch)
{
    struct passage *passage = work;
    aimdb_record *rec = passage->rec;
    size_t room = rec->shape.size < BATCH_BYTES ? BATCH_BYTES / rec->shape.size : 1;
    size_t some = passage->count < room ? passage->count : room;
    size_t accepted = 0;
    for (size_t i = 0; i < some; i++) {
        unsigned char *value = (unsigned char *) scratch + accepted * rec->shape.size;
        __builtin_memcpy(value, passage->values + i * rec->shape.size, rec->shape.size);
        aimdb_err err = call_producer(passage, value);
        if (err == AIMDB_OK) {
            accepted++;
        } else if (passage->first_error == AIMDB_OK) {
            passage->first_error = err;
        }
    }
    passage->values += some * rec->shape.size;
    passage->count -= some;
    if (accepted == 0) {
        return AIMDB_OK;
    }
    size_t pushed = 0;
    return push_told(rec, scratch, accepted, passage->ret_pushed ? passage->ret_pushed : &pushed);
}

static aimdb_err
pass_all(struct passage *passage)
{
    const aimdb_record *rec = passage->rec;
    while (passage->count > 0) {
        size_t room = rec->shape.size < BATCH_BYTES ? BATCH_BYTES / rec->shape.size : 1;
        size_t some = passage->count < room ? passage->count : room;
        aimdb_err err =
            aimdbi_with_scratch(some * rec->shape.size, rec->type->value_align, pass_some, passage);
        if (err != AIMDB_OK) {
            return err;
        }
    }
    return passage->first_error;
}

// A producer function is a callback on whatever thread it runs: the frame says so to aimdb_close, and
// counts how deeply they are nested, by emission or otherwise [E2].
static aimdb_err
produce_through(aimdb_record *rec, const void *values, size_t count, size_t *ret_pushed)
{
    struct passage passage = { rec, values, count, AIMDB_OK, ret_pushed };
    if (rec->shape.buffer == AIMDB_BUFFER_NONE) {
        return AIMDB_ENOTSUP;
    }
    struct aimdbi_frame *outer = aimdbp_current();
    struct aimdbi_frame frame = { rec->db->executor, outer ? outer->depth + 1 : 1 };
    if (frame.depth > AIMDB_EMIT_DEPTH_MAX) {
        return AIMDB_ELOOP;
    }
    aimdbp_set_current(&frame);
    aimdb_err err = pass_all(&passage);
    aimdbp_set_current(outer);
    return err;
}

static inline aimdb_err
check_values(const aimdb_record *rec, const void *values, size_t size)
{
    if (__builtin_expect(!rec || !values, 0)) {
        return AIMDB_EINVAL;
    }
    if (__builtin_expect(size != rec->shape.accepts, 0)) {
        return AIMDB_ETYPE; // or it is static
    }
    return __builtin_expect(rec->db != NULL, 1) ? AIMDB_OK : AIMDB_ECLOSED;
}

// What a failed check means: a static record takes the value another way.
static __attribute__((noinline)) aimdb_err
produce_elsewhere(aimdb_record *rec, const void *values, size_t size, size_t count, aimdb_err err)
{
    if (err != AIMDB_ETYPE || !is_static(rec)) {
        return err;
    }
    return aimdbi_static_produce_n(rec, values, size, count);
}

static inline __attribute__((always_inline)) aimdb_err
publish(aimdb_record *record, const void *values, size_t count)
{
    return record->producer ? produce_through(record, values, count, NULL)
                            : aimdbi_record_push(record, values, count);
}

// The rest of a produce whose gate is not zero, out of the way of all others.
static __attribute__((noinline)) aimdb_err
produce_at_gate(aimdb_record *record, const void *values, size_t count, size_t gate)
{
    aimdb_err err = aimdbi_gate_pass(record->db, gate, true);
    return err == AIMDB_OK ? publish(record, values, count) : err;
}

aimdb_err
aimdb_produce(aimdb_record *record, const void *value, size_t size)
{
    aimdb_err err = check_values(record, value, size);
    if (__builtin_expect(err != AIMDB_OK, 0)) {
        return produce_elsewhere(record, value, size, 1, err);
    }
    // relaxed: the buffer decides in the end whether a push comes before its close [turn.h INV-3]
    size_t gate = load_relaxed(&record->db->gate_);
    if (__builtin_expect(gate != 0, 0)) {
        return produce_at_gate(record, value, 1, gate);
    }
    return record->producer ? produce_through(record, value, 1, NULL) : push_one(record, value);
}

aimdb_err
aimdbi_produce_told(aimdb_record *record, const void *value, size_t size, size_t *ret_pushed)
{
    aimdb_err err = check_values(record, value, size);
    if (err != AIMDB_OK) {
        return err;
    }
    size_t gate = load_relaxed(&record->db->gate_); // relaxed: as in aimdb_produce
    err = gate ? aimdbi_gate_pass(record->db, gate, true) : AIMDB_OK;
    if (err != AIMDB_OK) {
        return err;
    }
    return record->producer ? produce_through(record, value, 1, ret_pushed)
                            : push_told(record, value, 1, ret_pushed);
}

aimdb_err
aimdb_produce_n(aimdb_record *record, const void *values, size_t size, size_t count)
{
    aimdb_err err = check_values(record, values, size);
    if (__builtin_expect(err != AIMDB_OK, 0)) {
        return produce_elsewhere(record, values, size, count, err);
    }
    size_t gate = load_relaxed(&record->db->gate_); // relaxed: as in aimdb_produce
    if (__builtin_expect((gate & AIMDBI_GATE_SHUT) != 0, 0)) {
        return aimdbi_gate_pass(record->db, gate, true);
    }
    if (__builtin_expect(count == 0, 0)) {
        return AIMDB_OK;
    }
    if (__builtin_expect(count > PTRDIFF_MAX / AIMDB_VALUE_MAX, 0)) {
        return AIMDB_EINVAL; // more bytes than there can be
    }
    return gate ? produce_at_gate(record, values, count, gate) : publish(record, values, count);
}

aimdb_err
aimdb_emit(aimdb_ctx *ctx, aimdb_record *record, const void *value, size_t size)
{
    if (!ctx) {
        return AIMDB_EINVAL;
    }
    aimdb_err err = check_values(record, value, size);
    if (err == AIMDB_ETYPE && is_static(record)) {
        return aimdbi_static_emit(record, value, size, ctx->db ? 0 : ctx->depth);
    }
    if (err != AIMDB_OK) {
        return err;
    }
    // What a database's own callbacks emit goes through until the buffers close [X1].
    size_t gate = load_relaxed(&record->db->gate_);
    if (record->db == ctx->db) {
        gate &= ~AIMDBI_GATE_CLOSING;
        aimdbi_edge_seen(ctx, record);
    }
    return gate ? produce_at_gate(record, value, 1, gate) : publish(record, value, 1);
}

const char *
aimdb_record_key(const aimdb_record *record)
{
    if (record && is_static(record)) {
        return static_record(record)->key;
    }
    return record ? record->key : NULL;
}

const aimdb_type *
aimdb_record_type(const aimdb_record *record)
{
    if (record && is_static(record)) {
        return static_record(record)->type;
    }
    return record ? record->type : NULL;
}

aimdb_buffer
aimdb_record_buffer(const aimdb_record *record)
{
    return record ? (aimdb_buffer) record->shape.buffer : AIMDB_BUFFER_NONE;
}
