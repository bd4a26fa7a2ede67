// SPDX-License-Identifier: Apache-2.0
// The SPMC ring: the last `capacity` values, every reader at its own position.
//
// Value n (counted from 0) lives in slot n % M, where M is the capacity rounded up to a power of two
// and at least 2. Rounding is not visible: a reader that is more than `capacity` behind is told that
// it lagged, whatever the slots still hold [R1]. With M >= 2 a writer stopped in mid-push never holds
// the only value [P3]. The protocol between writers and readers is turn.h's; here are its two ends.
//
// INV-R1  Slot n % M holds value n for everyone who loads commit_ > n before the copy [R2] and finds
//         reserve_ - n <= M after it [R1].
// INV-R2  A cursor only moves forward, and never past the last commit. It may still be ahead of the
//         commit_ that a later load of this reader sees: differences are signed, "ahead" reads as
//         empty. (On machines that reorder loads an unsigned difference is a lag of 2^64 here.)
// INV-R3  For each reader: received + missed + (commit_ - cursor) is the number of pushes since it
//         subscribed. Each branch below that moves the cursor adds as much to the lag.
//
// Source: SPEC R1-R8; docs/adr/0003.
#include "copy.h"
#include "turn.h"

static inline aimdb_word *
slot_of(const struct aimdbi_shape *shape, size_t count)
{
    return shape->slots + ((count / AIMDBI_STEP) & shape->slot_mask) * shape->slot_words;
}

static inline void
write_slot(const struct aimdbi_shape *shape, struct aimdbi_cells *cells, size_t count,
           const void *value, uint64_t now)
{
    aimdb_word *slot = slot_of(shape, count);
    copy_words_in(slot, value, shape->size);
    if (__builtin_expect(shape->is_stamped, 0)) {
        copy_words_in(slot + words_of(shape->size), &now, sizeof now);
        stamp_cells(cells, now);
    }
}

// The most common push: one value. *ret_next is the count of pushes with it.
static inline aimdb_err
push_one(const struct aimdbi_shape *shape, struct aimdbi_cells *cells, const void *value,
         uint64_t now, size_t *ret_next)
{
    aimdb_err err = turn_begin(shape, cells, AIMDBI_STEP, ret_next);
    if (__builtin_expect(err != AIMDB_OK, 0)) {
        return err;
    }
    fence_release(); // [W1] pairs with [R1]: the announcement is seen before any word of the value
    write_slot(shape, cells, *ret_next - AIMDBI_STEP, value, now);
    return turn_end(shape, cells, *ret_next);
}

aimdb_err
aimdbi_ring_push(const struct aimdbi_shape *shape, struct aimdbi_cells *cells, const void *values,
                 size_t count, size_t *ret_pushed)
{
    uint64_t now = __builtin_expect(shape->is_stamped, 0) ? (uint64_t) aimdbp_clock() : 0;
    if (__builtin_expect(count == 1, 1)) {
        return push_one(shape, cells, values, now, ret_pushed);
    }
    aimdb_err err = turn_begin(shape, cells, count * AIMDBI_STEP, ret_pushed);
    if (__builtin_expect(err != AIMDB_OK, 0)) {
        return err;
    }
    fence_release(); // [W1]
    const unsigned char *value = values;
    size_t slots = (size_t) shape->slot_mask + 1;
    size_t skipped = count > slots ? count - slots : 0; // they would be overwritten below
    value += skipped * shape->size;
    size_t next = *ret_pushed;
    for (size_t at = next - (count - skipped) * AIMDBI_STEP; at != next; at += AIMDBI_STEP) {
        write_slot(shape, cells, at, value, now);
        value += shape->size;
    }
    return turn_end(shape, cells, next);
}

// Moves a cursor past what the ring no longer holds. Returns how many values there are from there.
static size_t
skip_overrun(const struct aimdbi_shape *shape, size_t commit, size_t *cursor,
             struct aimdbi_batch *ret)
{
    ptrdiff_t behind = count_difference(commit, *cursor);
    ptrdiff_t held = (ptrdiff_t) (shape->capacity * AIMDBI_STEP);
    if (behind <= 0) {
        return 0; // INV-R2
    }
    if (behind > held) {
        *cursor = commit - (size_t) held;
        ret->lag = (size_t) (behind - held) / AIMDBI_STEP;
        behind = held;
    }
    return (size_t) behind / AIMDBI_STEP;
}

// The oldest value still there after pushes up to `announced`. A batch larger than the ring may be in
// flight, and may yet be withdrawn by a close: never past what is committed.
static size_t
oldest_held(const struct aimdbi_shape *shape, const struct aimdbi_cells *cells, size_t announced)
{
    size_t oldest = announced - shape->capacity * AIMDBI_STEP;
    size_t commit = load_acquire(&cells->commit_); // [R2]
    return count_difference(oldest, commit) > 0 ? commit : oldest;
}

// Throws away what the writer may have touched during the copy.
static void
drop_overtaken(const struct aimdbi_shape *shape, const struct aimdbi_cells *cells, size_t *cursor,
               struct aimdbi_batch *ret)
{
    fence_acquire(); // [R1] pairs with [W1]
    // relaxed: ordered by [R1]
    size_t announced = load_relaxed(&cells->reserve_) & AIMDBI_COUNT;
    size_t slots = ((size_t) shape->slot_mask + 1) * AIMDBI_STEP;
    ptrdiff_t over = count_difference(announced - slots, *cursor);
    if (over <= 0) {
        return;
    }
    size_t gone = (size_t) over / AIMDBI_STEP;
    if (gone < ret->count) {
        ret->first = gone;
        ret->count -= gone;
        ret->lag += gone;
        *cursor += (size_t) over;
        return;
    }
    size_t oldest = oldest_held(shape, cells, announced);
    ret->count = 0;
    ret->lag += (oldest - *cursor) / AIMDBI_STEP;
    *cursor = oldest;
}

aimdb_err
aimdbi_ring_take(const struct aimdbi_shape *shape, const struct aimdbi_cells *cells, size_t *cursor,
                 void *out, size_t *ret_lag)
{
    size_t commit = load_acquire(&cells->commit_); // [R2] pairs with [T3]
    size_t at = *cursor;
    size_t oldest = commit - shape->capacity * AIMDBI_STEP;
    if (count_difference(commit, at) <= 0) {
        return AIMDB_EEMPTY; // INV-R2
    }
    if (count_difference(oldest, at) <= 0) {
        copy_words_out(out, slot_of(shape, at), shape->size);
        fence_acquire(); // [R1] pairs with [W1]
        // relaxed: ordered by [R1]
        size_t announced = load_relaxed(&cells->reserve_) & AIMDBI_COUNT;
        ptrdiff_t slots = (ptrdiff_t) (((size_t) shape->slot_mask + 1) * AIMDBI_STEP);
        if (count_difference(announced, at) <= slots) {
            *cursor = at + AIMDBI_STEP;
            return AIMDB_OK;
        }
        oldest = oldest_held(shape, cells, announced);
    }
    *ret_lag = (oldest - at) / AIMDBI_STEP;
    *cursor = oldest;
    return AIMDB_ELAGGED;
}

// Copies up to `max` values that follow *cursor. The cursor is moved past what was missed, not past
// what was copied: the caller advances it value by value as it hands them on. With max 1 a lag is
// returned alone, so that it can be reported before the value that follows it [R4].
void
aimdbi_ring_read(const struct aimdbi_shape *shape, const struct aimdbi_cells *cells, size_t *cursor,
                 void *out, size_t max, uint64_t *stamps, struct aimdbi_batch *ret)
{
    *ret = (struct aimdbi_batch){ 0 };
    size_t commit = load_acquire(&cells->commit_); // [R2] pairs with [T3]
    size_t there = skip_overrun(shape, commit, cursor, ret);
    if (there == 0 || (max == 1 && ret->lag > 0)) {
        return;
    }
    ret->there = there;
    ret->count = there < max ? there : max;
    unsigned char *to = out;
    for (size_t i = 0; i < ret->count; i++) {
        const aimdb_word *slot = slot_of(shape, *cursor + i * AIMDBI_STEP);
        copy_words_out(to, slot, shape->size);
        if (stamps) {
            copy_words_out(&stamps[i], slot + words_of(shape->size), sizeof stamps[i]);
        }
        to += shape->size;
    }
    drop_overtaken(shape, cells, cursor, ret);
}
