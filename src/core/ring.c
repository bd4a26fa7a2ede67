// SPDX-License-Identifier: Apache-2.0
// The ring's batches: pushes of several values, reads of several values. See ring.h.
#include "ring.h"

aimdb_err
aimdbi_ring_push(const struct aimdbi_shape *shape, struct aimdbi_cells *cells, const void *values,
                 size_t count, size_t *ret_pushed)
{
    uint64_t now = shape_is_stamped(shape) ? (uint64_t) aimdbp_clock() : 0;
    if (__builtin_expect(count == 1, 1)) {
        return ring_push_one(shape, cells, values, now, ret_pushed);
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
