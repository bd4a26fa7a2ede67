// SPDX-License-Identifier: Apache-2.0
// Whose turn it is to write, and who must be woken: the one protocol under all three buffers.
//
// Two words count pushes. `reserve_` counts those announced, `commit_` those complete; they differ
// only while a push is in flight. A push announces, writes its slot, commits. A reader loads commit_,
// copies the slot, and looks at what was announced meanwhile: if that could have touched its slot,
// the copy is thrown away. Readers write nothing that a writer reads, so their number and their pace
// cost a writer nothing.
//
// Any writer: the announcement is a compare-and-swap of reserve_ from commit_'s count to the next
// one. reserve_ != commit_ *is* the writers' turn: the others wait, readers never do. Two flags live
// in reserve_ beside the count, because a read-modify-write there is ordered against every
// announcement for free:
//   CLOSED  a push's compare-and-swap fails on it: "the push returned AIMDB_OK" and "the push will
//           be drained or counted" are the same moment [X1].
//   PARKED  somebody sleeps, or is about to. If the flag was set before an announcement, that push
//           sees it. If a push was in flight when it was set, the sleeper issues the heavy fence and
//           looks again, against the push's light fence between commit and its look at the flag.
//
// One core (AIMDB_ONE_CORE): the turn is what masked interrupts or one writer leave of it; see below.
//
// One writer: the announcement is a plain store, nothing is locked, the writer is wait-free. The
// flags live in flags_, and the writer's two looks at it (after announcing: CLOSED; after committing:
// PARKED) are ordered by light fences against the heavy fence of the closer and of the sleeper.
//
// Light and heavy fence: where the port has asymmetric fences (membarrier on Linux) light is a
// compiler barrier and heavy a system call that only closers and sleepers make; elsewhere both are
// sequentially consistent fences. Measured on the reference machine: push 2.6 ns with a compiler
// barrier against 8.6 ns with a fence.
//
// INV-1  commit_ <= reserve_ in counts, and they are equal unless one push is in flight.
// INV-2  A slot is written only between an announcement that covers it and its commit.
// INV-3  After CLOSED is set (and, for one writer, the heavy fence that sets ENDED is done), the
//        count of reserve_ can only fall back to commit_'s: no further push succeeds.
// INV-4  Whoever clears PARKED wakes all who sleep on the record. Whoever sets it looks again before
//        sleeping, unless its own read-modify-write proved that no push was in flight.
//
// Counts are kept times AIMDBI_STEP to leave room for the flags; they run free and are compared by
// difference only. Source: SPEC P3, R1-R8, X1; CORRECTNESS notes on reserve/commit rings in
// docs/adr/0003; Linux membarrier(2).
#ifndef AIMDB_CORE_TURN_H
#define AIMDB_CORE_TURN_H

#include "record.h"

#define AIMDBI_STEP ((size_t) 8)
#define AIMDBI_CLOSED ((size_t) 1) // in reserve_ (any writer) or flags_ (one writer)
#define AIMDBI_PARKED ((size_t) 2) // likewise
#define AIMDBI_SLOT ((size_t) 4)   // in commit_ of latest and mailbox: which slot
#define AIMDBI_COUNT (~(size_t) 7)
#define AIMDBI_NEVER ((size_t) 1) // in whole_ of latest and mailbox: the slot was never written
// Only in flags_:
#define AIMDBI_ENDED ((size_t) 8)    // one writer: the heavy fence after CLOSED is done
#define AIMDBI_WRITING ((size_t) 16) // one writer, debug builds: the writer is inside
#define AIMDBI_PIN ((size_t) 32)     // latest, mailbox: a reader holds slot 0; shifted by one: 1
#define AIMDBI_PINS (AIMDBI_PIN | AIMDBI_PIN << 1)

static inline ptrdiff_t
count_difference(size_t a, size_t b)
{
    return (ptrdiff_t) (a - b);
}

// A push was published, and somebody announced to be asleep: the caller of the push wakes them.
#define AIMDBI_PUSHED_TO_SLEEPERS ((aimdb_err) 1)

static inline bool
shape_is_stamped(const struct aimdbi_shape *shape)
{
#ifdef AIMDB_ONE_CORE
    (void) shape;
    return false; // static records have no stamps
#else
    return __builtin_expect(shape->is_stamped, 0);
#endif
}

static inline void
stamp_cells(struct aimdbi_cells *cells, uint64_t now)
{
    // relaxed: a figure for people
    store_relaxed(&((struct aimdbi_stamped_cells *) (void *) cells)->last_at_, (size_t) now);
}

static inline void
fence_light(const struct aimdbi_shape *shape)
{
    if (__builtin_expect(shape->asymmetric, 1)) {
        fence_compiler();
    } else {
        fence_seq_cst();
    }
}

static inline void
fence_heavy(const struct aimdbi_shape *shape)
{
    if (shape->asymmetric) {
        aimdbp_fence_heavy();
    } else {
        fence_seq_cst();
    }
}

static inline aimdb_word *
park_word(const struct aimdbi_shape *shape, struct aimdbi_cells *cells)
{
    return shape->one_writer ? &cells->flags_ : &cells->reserve_;
}

#ifdef AIMDB_ONE_CORE

// One core: interrupts are masked during a push, or there is one writer. A push that finds another one
// in flight has interrupted it all the same, from a handler that cannot be masked or in spite of
// one_writer: waiting for it would be for ever [P3].
static inline aimdb_err
turn_begin(const struct aimdbi_shape *shape, struct aimdbi_cells *cells, size_t add,
           size_t *ret_next)
{
    (void) shape;
    size_t now = load_relaxed(&cells->commit_) & AIMDBI_COUNT;
    if (__builtin_expect(load_relaxed(&cells->reserve_) != now, 0)) {
        return AIMDB_EBUSY;
    }
    *ret_next = now + add;
    store_relaxed(&cells->reserve_, now + add);
    return AIMDB_OK;
}

static inline aimdb_err
turn_end(const struct aimdbi_shape *shape, struct aimdbi_cells *cells, size_t commit)
{
    (void) shape;
    store_release(&cells->commit_, commit); // [T3] pairs with [T1], [R2]
    return AIMDB_OK;
}

// Nothing ends: there is no close.
static inline bool
turn_is_ended(const struct aimdbi_shape *shape, const struct aimdbi_cells *cells, size_t count_seen)
{
    (void) shape;
    (void) cells;
    (void) count_seen;
    return false;
}

#else

// Takes the turn for `add` (in steps) pushes; *ret_next is what reserve_ was set to, in counts.
static inline aimdb_err
turn_begin_any(struct aimdbi_cells *cells, size_t add, size_t *ret_next)
{
    for (unsigned spins = 0;; spins++) {
        size_t now = load_acquire(&cells->commit_) & AIMDBI_COUNT; // [T1] pairs with [T3]
        size_t expected = now;
        // relaxed: the turn orders nothing by itself; [T1] did, and [W1] follows
        if (cas_relaxed(&cells->reserve_, &expected, now + add)) {
            *ret_next = now + add;
            return AIMDB_OK;
        }
        if (expected & AIMDBI_CLOSED) {
            return AIMDB_ECLOSED;
        }
        if (expected == (now | AIMDBI_PARKED) &&
            cas_relaxed(&cells->reserve_, &expected, (now + add) | AIMDBI_PARKED)) {
            *ret_next = now + add;
            return AIMDB_OK;
        }
        aimdbp_relax(spins);
    }
}

// What a one-writer push does when it finds the record closed after it announced.
aimdb_err
aimdbi_turn_withdraw(const struct aimdbi_shape *shape, struct aimdbi_cells *cells, size_t now);

static inline aimdb_err
turn_begin_one(const struct aimdbi_shape *shape, struct aimdbi_cells *cells, size_t add,
               size_t *ret_next)
{
    size_t now =
        load_relaxed(&cells->commit_) & AIMDBI_COUNT; // relaxed: only this thread writes it
#ifndef NDEBUG
    AIMDBI_REQUIRE(!(fetch_or_acq_rel(&cells->flags_, AIMDBI_WRITING) & AIMDBI_WRITING),
                   "a one_writer record has a second writer (SPEC P3)");
#endif
    store_relaxed(&cells->reserve_, now + add); // relaxed: ordered by [T2], [W1]
    fence_light(shape); // [T2] pairs with the heavy fence of the closer [C1]
    if (__builtin_expect((load_relaxed(&cells->flags_) & AIMDBI_CLOSED) != 0, 0)) {
        return aimdbi_turn_withdraw(shape, cells, now);
    }
    *ret_next = now + add;
    return AIMDB_OK;
}

static inline aimdb_err
turn_begin(const struct aimdbi_shape *shape, struct aimdbi_cells *cells, size_t add,
           size_t *ret_next)
{
    return shape->one_writer ? turn_begin_one(shape, cells, add, ret_next)
                             : turn_begin_any(cells, add, ret_next);
}

// Publishes what was written, and ends the turn. AIMDB_OK, or AIMDBI_PUSHED_TO_SLEEPERS.
static inline aimdb_err
turn_end(const struct aimdbi_shape *shape, struct aimdbi_cells *cells, size_t commit)
{
    store_release(&cells->commit_, commit); // [T3] pairs with [T1], [R2]
#ifndef NDEBUG
    if (shape->one_writer) {
        (void) fetch_and_acq_rel(&cells->flags_, ~AIMDBI_WRITING);
    }
#endif
    fence_light(shape); // [T4] pairs with the heavy fence of the sleeper [S1]
    // relaxed: ordered by [T4]; a stale clear flag is what [S1] rules out
    bool is_parked = (load_relaxed(park_word(shape, cells)) & AIMDBI_PARKED) != 0;
    return __builtin_expect(is_parked, 0) ? AIMDBI_PUSHED_TO_SLEEPERS : AIMDB_OK;
}

// Sets PARKED for somebody who is about to sleep until the count of commit_ differs from
// `count_seen`. Returns false when a push may have slipped by: who sleeps on several records marks
// all of them, issues one heavy fence [S1], and looks again (INV-4).
static inline bool
park_mark(aimdb_record *rec, size_t count_seen)
{
    size_t was = fetch_or_acq_rel(park_word(&rec->shape, &rec->cells), AIMDBI_PARKED);
    // With no push in flight the next one finds PARKED in its compare-and-swap.
    return !rec->shape.one_writer && (was & (AIMDBI_COUNT | AIMDBI_CLOSED)) == count_seen;
}

// The same for one record: with the fence. Returns false when the caller must look again.
static inline bool
park_announce(aimdb_record *rec, size_t count_seen)
{
    if (park_mark(rec, count_seen)) {
        return true;
    }
    fence_heavy(&rec->shape); // [S1] pairs with [T4]
    return false;
}

// True when no further push can come after `count_seen`, which the reader has reached.
static inline bool
turn_is_ended(const struct aimdbi_shape *shape, const struct aimdbi_cells *cells, size_t count_seen)
{
    if (shape->one_writer) {
        // acquire: pairs with [C2], so that reserve_ is at least as new as what the closer saw
        return (load_acquire(&cells->flags_) & AIMDBI_ENDED) != 0 &&
               load_relaxed(&cells->reserve_) == count_seen;
    }
    // relaxed: the count and CLOSED are one word; what it counts was acquired through commit_
    return (load_relaxed(&cells->reserve_) & (AIMDBI_COUNT | AIMDBI_CLOSED)) ==
           (count_seen | AIMDBI_CLOSED);
}

// Closing, in two steps so that many records share one heavy fence between them: begin on all,
// aimdbp_fence_heavy() or fence_seq_cst() once [C1], end on all.
void
aimdbi_turn_close_begin(aimdb_record *rec);
void
aimdbi_turn_close_end(aimdb_record *rec);

#endif // AIMDB_ONE_CORE

#endif
