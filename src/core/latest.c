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
#include "copy.h"
#include "turn.h"

#ifndef OVERTAKEN_LIMIT   // tests/model pins at once
#define OVERTAKEN_LIMIT 8 // tries before a reader pins its slot
#endif

static inline size_t
slot_index(size_t commit)
{
    return (commit & AIMDBI_SLOT) != 0;
}

#ifdef AIMDB_ONE_CORE

// One core: a reader that is overtaken again and again masks its interrupts instead of pinning, so a
// push never finds a pin.
static size_t
announce_slot(const struct aimdbi_shape *shape, struct aimdbi_cells *cells, size_t next)
{
    (void) shape;
    size_t slot =
        1 - slot_index(load_relaxed(&cells->commit_)); // relaxed: only this push writes it
    size_t commit = next | (slot ? AIMDBI_SLOT : 0);
    store_relaxed(&cells->whole_[slot], commit); // relaxed: one core
    return commit;
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

#endif // AIMDB_ONE_CORE

// Of a batch only the last value is stored; all of it counts.
aimdb_err
aimdbi_latest_push(const struct aimdbi_shape *shape, struct aimdbi_cells *cells, const void *values,
                   size_t count)
{
    uint64_t now = shape->is_stamped ? (uint64_t) aimdbp_clock() : 0;
    size_t next = 0;
    aimdb_err err = turn_begin(shape, cells, count * AIMDBI_STEP, &next);
    if (__builtin_expect(err != AIMDB_OK, 0)) {
        return err;
    }
    size_t commit = announce_slot(shape, cells, next);
    fence_release(); // [W1] pairs with [R1]
    aimdb_word *slot = shape->slots + slot_index(commit) * shape->slot_words;
    copy_words_in(slot, (const unsigned char *) values + (count - 1) * shape->size, shape->size);
    if (shape->is_stamped) {
        copy_words_in(slot + words_of(shape->size), &now, sizeof now);
        stamp_cells(cells, now);
    }
    return turn_end(shape, cells, commit);
}

// True if slot `slot` holds a committed push newer than `seen`; *ret_push is its whole_ value.
static bool
slot_has(const struct aimdbi_cells *cells, size_t slot, size_t commit, size_t seen,
         size_t *ret_push)
{
    size_t push = load_relaxed(&cells->whole_[slot]); // relaxed: checked again after the copy
    *ret_push = push;
    return push != AIMDBI_NEVER &&
           count_difference(commit & AIMDBI_COUNT, push & AIMDBI_COUNT) >= 0 &&
           count_difference(push & AIMDBI_COUNT, seen) > 0;
}

// Chooses the newest slot that is whole and not seen. Returns false if there is none.
static bool
choose_slot(const struct aimdbi_cells *cells, size_t commit, size_t seen, size_t *ret_slot,
            size_t *ret_push)
{
    if (count_difference(commit & AIMDBI_COUNT, seen) <= 0) {
        return false;
    }
    *ret_slot = slot_index(commit);
    if (slot_has(cells, *ret_slot, commit, seen, ret_push)) {
        return true;
    }
    *ret_slot = 1 - *ret_slot;
    return slot_has(cells, *ret_slot, commit, seen, ret_push);
}

// Copies a chosen slot. Returns false if the writer may have been at it.
static bool
copy_slot(const struct aimdbi_shape *shape, const struct aimdbi_cells *cells, size_t slot,
          size_t push, void *out, uint64_t *ret_stamp)
{
    const aimdb_word *from = shape->slots + slot * shape->slot_words;
    copy_words_out(out, from, shape->size);
    if (ret_stamp) {
        copy_words_out(ret_stamp, from + words_of(shape->size), sizeof *ret_stamp);
    }
    fence_acquire(); // [R1] pairs with [W1]
    return load_relaxed(&cells->whole_[slot]) == push;
}

// After choose_slot found nothing with commit_ at `commit`: true if that is final, false if pushes
// went by meanwhile. With commit_ unchanged nothing newer was committed, or the newest is being
// overwritten in place by a push that is still in flight, whose end will be told.
static bool
is_nothing(const struct aimdbi_cells *cells, size_t commit)
{
    fence_acquire(); // [L3] the loads of whole_ before the load below
    return load_relaxed(&cells->commit_) == commit;
}

enum outcome { NOTHING, WHOLE, OVERTAKEN };

static enum outcome
try_read(const struct aimdbi_shape *shape, const struct aimdbi_cells *cells, size_t seen, void *out,
         uint64_t *ret_stamp, size_t *ret_push)
{
    size_t commit = load_acquire(&cells->commit_); // [R2] pairs with [T3]
    size_t slot;
    if (!choose_slot(cells, commit, seen, &slot, ret_push)) {
        return is_nothing(cells, commit) ? NOTHING : OVERTAKEN;
    }
    return copy_slot(shape, cells, slot, *ret_push, out, ret_stamp) ? WHOLE : OVERTAKEN;
}

#ifdef AIMDB_ONE_CORE

static enum outcome
read_pinned(const struct aimdbi_shape *shape, struct aimdbi_cells *cells, size_t seen, void *out,
            uint64_t *ret_stamp, size_t *ret_push)
{
    size_t mask = aimdbp_mask();
    enum outcome outcome = try_read(shape, cells, seen, out, ret_stamp, ret_push);
    aimdbp_unmask(mask);
    return outcome;
}

#else

// Sets a pin for the slot of the current value, if nobody else holds one.
static bool
pin(const struct aimdbi_shape *shape, struct aimdbi_cells *cells, size_t *ret_pin)
{
    size_t flags = load_relaxed(&cells->flags_);
    *ret_pin = pin_of(slot_index(load_relaxed(&cells->commit_)));
    if ((flags & AIMDBI_PINS) || !cas_acq_rel(&cells->flags_, &flags, flags | *ret_pin)) {
        return false;
    }
    fence_heavy(shape); // [L2] pairs with [L1]
    return true;
}

static enum outcome
read_pinned(const struct aimdbi_shape *shape, struct aimdbi_cells *cells, size_t seen, void *out,
            uint64_t *ret_stamp, size_t *ret_push)
{
    size_t held;
    if (!pin(shape, cells, &held)) {
        return OVERTAKEN;
    }
    size_t slot = held == pin_of(1);
    enum outcome outcome = OVERTAKEN;
    // Four rounds are enough and three are not (tests/model). Two things may still get between the
    // loads of a round: the push that was in flight when the pin was set, and one announcement of the
    // pinned slot that is taken back. There is no second one: whoever writes after that writer has the
    // turn from it [T1], and so knows of the pin before it announces.
    for (int i = 0; i < 4 && outcome == OVERTAKEN; i++) {
        size_t commit = load_acquire(&cells->commit_); // [R2]
        if (slot_has(cells, slot, commit, seen, ret_push) &&
            copy_slot(shape, cells, slot, *ret_push, out, ret_stamp)) {
            outcome = WHOLE;
        } else if (try_read(shape, cells, seen, out, ret_stamp, ret_push) == WHOLE) {
            outcome = WHOLE; // "nothing" is no answer here: the pin itself keeps pushes in place
        }
    }
    (void) fetch_and_acq_rel(&cells->flags_, ~held);
    return outcome;
}

#endif // AIMDB_ONE_CORE

// Copies the newest value that is newer than push `seen`. Returns false if there is none. `out` may
// hold a torn copy only when false is returned, so it is the caller's scratch memory.
bool
aimdbi_latest_read(const struct aimdbi_shape *shape, struct aimdbi_cells *cells, size_t seen,
                   void *out, uint64_t *ret_stamp, size_t *ret_push)
{
    for (unsigned tries = 0;; tries++) {
        enum outcome outcome = tries < OVERTAKEN_LIMIT
                                   ? try_read(shape, cells, seen, out, ret_stamp, ret_push)
                                   : read_pinned(shape, cells, seen, out, ret_stamp, ret_push);
        if (outcome != OVERTAKEN) {
            *ret_push &= AIMDBI_COUNT;
            return outcome == WHOLE;
        }
        if (tries >= OVERTAKEN_LIMIT) {
            aimdbp_relax(tries);
        }
    }
}

// True if a read would find something; may be wrong only by saying true.
bool
aimdbi_latest_has(const struct aimdbi_cells *cells, size_t seen)
{
    size_t commit = load_acquire(&cells->commit_); // [R2]
    size_t slot;
    size_t push;
    return choose_slot(cells, commit, seen, &slot, &push) || !is_nothing(cells, commit);
}

bool
aimdbi_mailbox_take(const struct aimdbi_shape *shape, struct aimdbi_cells *cells,
                    struct aimdbi_takes *takes, void *out, uint64_t *ret_stamp)
{
    size_t taken = load_acquire(&takes->taken_); // [M1] pairs with itself in other takers
    size_t push;
    while (aimdbi_latest_read(shape, cells, taken, out, ret_stamp, &push)) {
        size_t before = taken;
        if (cas_acq_rel(&takes->taken_, &taken, push)) { // [M1]
            // relaxed: a figure; exact once the takers are quiet
            (void) fetch_add_relaxed(&takes->overwritten_, (push - before) / AIMDBI_STEP - 1);
            return true;
        }
    }
    return false;
}
