// SPDX-License-Identifier: Apache-2.0
// Reading a SingleLatest, and taking out of a mailbox. See latest.h.
#include "latest.h"

#ifndef OVERTAKEN_LIMIT   // tests/model pins at once
#define OVERTAKEN_LIMIT 8 // tries before a reader pins its slot
#endif

aimdb_err
aimdbi_latest_push(const struct aimdbi_shape *shape, struct aimdbi_cells *cells, const void *values,
                   size_t count)
{
    return latest_push(shape, cells, values, count);
}

#ifdef AIMDB_ONE_CORE

bool
aimdbi_latest_take_masked(const struct aimdbi_shape *shape, const struct aimdbi_cells *cells,
                          size_t seen, void *out, size_t *ret_push)
{
    size_t mask = aimdbp_mask();
    enum take take = try_take(shape, cells, seen, out, ret_push);
    aimdbp_unmask(mask);
    return take == TAKEN;
}

bool
aimdbi_latest_read(const struct aimdbi_shape *shape, struct aimdbi_cells *cells, size_t seen,
                   void *out, uint64_t *ret_stamp, size_t *ret_push)
{
    (void) ret_stamp; // no static record has stamps
    size_t commit = load_acquire(&cells->commit_);
    if (load_relaxed(&cells->whole_[slot_index(commit)]) == AIMDBI_NEVER) {
        return false; // older than any push, as a peek is, there is still nothing
    }
    return latest_take(shape, cells, seen, out, ret_push);
}

bool
aimdbi_latest_has(const struct aimdbi_cells *cells, size_t seen)
{
    return count_difference(load_acquire(&cells->commit_) & AIMDBI_COUNT, seen) > 0;
}

bool
aimdbi_mailbox_take(const struct aimdbi_shape *shape, struct aimdbi_cells *cells,
                    struct aimdbi_takes *takes, void *out, uint64_t *ret_stamp)
{
    (void) ret_stamp;
    return mailbox_take(shape, cells, takes, out);
}

#else

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
        if (outcome == WHOLE) {
            *ret_push &= AIMDBI_COUNT;
            return true;
        }
        if (outcome == NOTHING) {
            return false;
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

#endif // AIMDB_ONE_CORE
