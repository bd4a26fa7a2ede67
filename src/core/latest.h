// SPDX-License-Identifier: Apache-2.0
// SingleLatest and mailbox: one value, in two slots.
//
// A push writes the slot that does not hold the current value, so a reader always finds a whole value
// in the other one, even while a writer is stopped in mid-push [L6]. whole_[s] names the push that
// slot s was last announced for; a copy of slot s is whole if whole_[s] named a committed push before
// and still names it after.
//
// Two slots alone let a tight writer come round to the reader's slot again and again. A reader that
// was overtaken several times therefore pins its slot: it sets PIN for it and issues the heavy fence.
// A writer looks at PIN before it announces a slot and once more after (light fence between), and
// steps aside into the other slot. So from the heavy fence on nobody starts to write the pinned slot;
// at most one push that announced it earlier is still in flight, and until it commits the other slot
// holds still. One of the two is whole: the reader is done in a bounded number of steps (see
// read_pinned), and the writer never waits. The price is that while a pin is held a push may
// overwrite the current value in place; who reads then finds the pinned one. One pin at a time; other
// overtaken readers go on trying until it is given back.
//
// INV-L1  A slot is written only by the push that whole_[slot] names, after a release fence.
// INV-L2  Between a reader's heavy fence and its unpinning no push is announced for its slot, or the
//         announcement is taken back before a word is written.
// INV-L3  commit_'s SLOT bit names the slot of the newest committed push.
// INV-L4  Who has seen a push announced in whole_ sees the pushes before it committed.
//
// A mailbox is the same, and a word `taken_` that takers claim by compare-and-swap after their copy
// was validated: each push is taken at most once [M2], and what lies between two takes was
// overwritten [M1]. A writer never looks at taken_.
//
// Source: SPEC L1-L7, M1-M5; docs/adr/0004.
#ifndef AIMDB_CORE_LATEST_H
#define AIMDB_CORE_LATEST_H

#include "copy.h"
#include "turn.h"

static inline size_t
slot_index(size_t commit)
{
    return commit / AIMDBI_SLOT % 2;
}

static inline aimdb_word *
slot_at(const struct aimdbi_shape *shape, size_t commit)
{
    return shape->slots + slot_index(commit) * shape->slot_words;
}

#ifdef AIMDB_ONE_CORE

// One core: a push never finds a pin, because a reader that is overtaken masks its interrupts instead.
// The turn is turn.h's, with the slot in the same word.
static inline AIMDBI_ALWAYS aimdb_err
latest_push(const struct aimdbi_shape *shape, struct aimdbi_cells *cells, const void *values,
            size_t count)
{
    size_t now = load_relaxed(&cells->commit_);
    if (__builtin_expect(load_relaxed(&cells->reserve_) != (now & AIMDBI_COUNT), 0)) {
        return AIMDB_EBUSY;
    }
    size_t next = (now ^ AIMDBI_SLOT) + count * AIMDBI_STEP;
    store_relaxed(&cells->reserve_, next & AIMDBI_COUNT);
    store_relaxed(&cells->whole_[slot_index(next)], next); // relaxed: one core
    const unsigned char *value = (const unsigned char *) values + (count - 1) * shape->size;
    copy_words_in(slot_at(shape, next), value, shape->size);
    return turn_end(shape, cells, next);
}

#else

static inline size_t
pin_of(size_t slot)
{
    return AIMDBI_PIN << slot;
}

// Names the push as what a slot is going to hold, and keeps off a pinned slot. Returns the commit_
// value of the push.
static inline size_t
announce_slot(const struct aimdbi_shape *shape, struct aimdbi_cells *cells, size_t next)
{
    // relaxed: commit_ and whole_ are written only by whoever has the turn
    size_t slot = 1 - slot_index(load_relaxed(&cells->commit_));
    if (__builtin_expect((load_relaxed(&cells->flags_) & pin_of(slot)) != 0, 0)) {
        slot = 1 - slot;
    }
    for (;;) { // once more for each pin that was set just now; there is one at a time
        size_t before = load_relaxed(&cells->whole_[slot]);
        size_t commit = next | (slot ? AIMDBI_SLOT : 0);
        // After the commit of the push before: who sees this and then commit_ sees that [L3], pairs
        // with is_nothing() and aimdbi_reader_init(). On x86 every store is one like that.
        store_release(&cells->whole_[slot], commit);
        fence_light(shape); // [L1] pairs with the heavy fence of the pinning reader [L2]
        if (__builtin_expect((load_relaxed(&cells->flags_) & pin_of(slot)) == 0, 1)) {
            return commit;
        }
        store_relaxed(&cells->whole_[slot], before); // untouched: it still holds that push
        slot = 1 - slot;
    }
}

// Of a batch only the last value is stored; all of it counts.
static inline AIMDBI_ALWAYS aimdb_err
latest_push(const struct aimdbi_shape *shape, struct aimdbi_cells *cells, const void *values,
            size_t count)
{
    uint64_t now = shape_is_stamped(shape) ? (uint64_t) aimdbp_clock() : 0;
    size_t next = 0;
    aimdb_err err = turn_begin(shape, cells, count * AIMDBI_STEP, &next);
    if (__builtin_expect(err != AIMDB_OK, 0)) {
        return err;
    }
    size_t commit = announce_slot(shape, cells, next);
    fence_release(); // [W1] pairs with [R1]
    aimdb_word *slot = slot_at(shape, commit);
    copy_words_in(slot, (const unsigned char *) values + (count - 1) * shape->size, shape->size);
    if (shape_is_stamped(shape)) {
        copy_words_in(slot + words_of(shape->size), &now, sizeof now);
        stamp_cells(cells, now);
    }
    return turn_end(shape, cells, commit);
}

#endif // AIMDB_ONE_CORE

#ifdef AIMDB_ONE_CORE

enum take { NOTHING_THERE, TAKEN, TORN };

// One core: no push is under way while this looks, but one that this interrupted, and that writes the
// other slot; so the current value is there, unless handlers pushed twice during the copy.
static inline AIMDBI_ALWAYS enum take
try_take(const struct aimdbi_shape *shape, const struct aimdbi_cells *cells, size_t seen, void *out,
         size_t *ret_push)
{
    size_t commit = load_acquire(&cells->commit_);
    *ret_push = commit & AIMDBI_COUNT;
    if (count_difference(*ret_push, seen) <= 0) {
        return NOTHING_THERE;
    }
    copy_words_out(out, slot_at(shape, commit), shape->size);
    return load_relaxed(&cells->whole_[slot_index(commit)]) == commit ? TAKEN : TORN;
}

// After a torn copy the next one is made with interrupts masked, as hosts pin: it is the last one [L6].
bool
aimdbi_latest_take_masked(const struct aimdbi_shape *shape, const struct aimdbi_cells *cells,
                          size_t seen, void *out, size_t *ret_push);

static inline AIMDBI_ALWAYS bool
latest_take(const struct aimdbi_shape *shape, const struct aimdbi_cells *cells, size_t seen,
            void *out, size_t *ret_push)
{
    enum take take = try_take(shape, cells, seen, out, ret_push);
    if (__builtin_expect(take == TORN, 0)) {
        return aimdbi_latest_take_masked(shape, cells, seen, out, ret_push);
    }
    return take == TAKEN;
}

static inline AIMDBI_ALWAYS bool
mailbox_take(const struct aimdbi_shape *shape, struct aimdbi_cells *cells,
             struct aimdbi_takes *takes, void *out)
{
    for (;;) {
        size_t taken = load_acquire(&takes->taken_);
        size_t push;
        if (!latest_take(shape, cells, taken, out, &push)) {
            return false;
        }
        size_t mask = aimdbp_mask(); // [M1] takers in handlers
        bool is_mine = load_relaxed(&takes->taken_) == taken;
        if (is_mine) {
            store_relaxed(&takes->taken_, push);
            count(&takes->overwritten_, (push - taken) / AIMDBI_STEP - 1);
        }
        aimdbp_unmask(mask);
        if (is_mine) {
            return true;
        }
    }
}

#else

static inline bool
mailbox_take(const struct aimdbi_shape *shape, struct aimdbi_cells *cells,
             struct aimdbi_takes *takes, void *out)
{
    return aimdbi_mailbox_take(shape, cells, takes, out, NULL);
}

#endif

#endif
