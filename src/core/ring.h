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
#ifndef AIMDB_CORE_RING_H
#define AIMDB_CORE_RING_H

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
    if (shape_is_stamped(shape)) {
        copy_words_in(slot + words_of(shape->size), &now, sizeof now);
        stamp_cells(cells, now);
    }
}

// The most common push: one value; inlined where it counts. *ret_next is the count of pushes with it.
static inline AIMDBI_ALWAYS aimdb_err
ring_push_one(const struct aimdbi_shape *shape, struct aimdbi_cells *cells, const void *value,
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

// The oldest value still there after pushes up to `announced`. A batch larger than the ring may be in
// flight, and may yet be withdrawn by a close: never past what is committed.
static inline size_t
oldest_held(const struct aimdbi_shape *shape, const struct aimdbi_cells *cells, size_t announced)
{
    size_t oldest = announced - shape->capacity * AIMDBI_STEP;
    size_t commit = load_acquire(&cells->commit_); // [R2]
    return count_difference(oldest, commit) > 0 ? commit : oldest;
}

// Takes the value at *cursor: AIMDB_OK, _EEMPTY or _ELAGGED, which moves *cursor to the oldest value
// still held and tells how many are missed.
static inline AIMDBI_ALWAYS aimdb_err
ring_take(const struct aimdbi_shape *shape, const struct aimdbi_cells *cells, size_t *cursor,
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

#endif
