// SPDX-License-Identifier: Apache-2.0
// Waiting for several readers at once.
//
// A thread can sleep on one word only. So each database has one signal, `news`, for all threads that
// select in it, and each record counts the readers that such threads sleep over (watchers_). Whoever
// clears PARKED of a record and finds that count changes `news` and wakes all who sleep on it; those
// that have nothing look, and sleep on. A signal for each set of readers would need memory somewhere,
// and a list that a producer would have to go through.
//
// Going to sleep is the protocol of turn.h over several records: count, read the ticket, set PARKED
// on all, one heavy fence, look at all of them once more. The fence and the look are left out when
// each mark proved by itself that no push was in flight.
//
// INV-W1  A waker that clears PARKED after a thread marked the record finds watchers_ > 0, and changes
//         `news` after the thread read its ticket: the wait does not begin, or ends.
// INV-W2  Of the readers that have something the one with the oldest turn is chosen, and gets a newer
//         turn than all it was chosen among. Turns live in the readers, above the mode: a set may
//         be another one each time, and there is nothing to allocate. A reader belongs to one thread,
//         so its turn has one writer; a thread that reads its metrics looks at the mode below it.
//
// Source: SPEC S1, S2, X3.
#include "executor.h"
#include "reader.h"

#define TURN (AIMDBI_MODE + 1)

static size_t
turn_of(const aimdb_reader *reader)
{
    return load_relaxed(&reader->mode_) & ~AIMDBI_MODE; // relaxed: this thread writes it
}

static void
set_turn(aimdb_reader *reader, size_t turn)
{
    // relaxed: others look at the mode only, which stays
    store_relaxed(&reader->mode_, turn | (load_relaxed(&reader->mode_) & AIMDBI_MODE));
}

static aimdb_err
check_readers(aimdb_reader *const *readers, size_t n)
{
    if (!readers || n == 0 || n > PTRDIFF_MAX) {
        return AIMDB_EINVAL;
    }
    for (size_t i = 0; i < n; i++) {
        if (!readers[i] || !readers[i]->record_) {
            return AIMDB_EINVAL;
        }
        if (is_static(readers[i]->record_)) {
            return AIMDB_ENOTSUP; // nobody would wake this thread
        }
        if (readers[i]->record_->db != readers[0]->record_->db) {
            return AIMDB_EINVAL;
        }
    }
    aimdb *db = readers[0]->record_->db;
    // relaxed: nothing else is read because of it. What a closed database still holds may be read.
    size_t gate = load_relaxed(&db->gate_) & ~AIMDBI_GATE_CLOSING;
    return gate ? aimdbi_gate_pass(db, gate, false) : AIMDB_OK;
}

// Returns the index of a reader that has something, or AIMDB_EEMPTY.
static ptrdiff_t
choose(aimdb_reader *const *readers, size_t n)
{
    ptrdiff_t chosen = AIMDB_EEMPTY;
    size_t newest = turn_of(readers[0]);
    for (size_t i = 0; i < n; i++) {
        size_t turn = turn_of(readers[i]);
        if (count_difference(turn, newest) > 0) {
            newest = turn;
        }
        if ((chosen < 0 || count_difference(turn, turn_of(readers[chosen])) < 0) &&
            aimdbi_reader_has_news(readers[i])) {
            chosen = (ptrdiff_t) i;
        }
    }
    if (chosen >= 0) {
        set_turn(readers[chosen], newest + TURN);
    }
    return chosen;
}

// Marks all records. True when no push can have slipped by, or none has: the thread may sleep.
static bool
announce(aimdb *db, aimdb_reader *const *readers, size_t n)
{
    bool is_certain = true;
    for (size_t i = 0; i < n; i++) {
        is_certain = park_mark(readers[i]->record_, reader_seen(readers[i])) && is_certain;
    }
    if (is_certain) {
        return true;
    }
    fence_heavy_of(db); // [S1] pairs with [T4]
    for (size_t i = 0; i < n; i++) {
        if (aimdbi_reader_has_news(readers[i])) {
            return false;
        }
    }
    return true;
}

static void
sleep_until_news(aimdb_reader *const *readers, size_t n, aimdb_time deadline)
{
    aimdb *db = readers[0]->record_->db;
    aimdbi_step(db, true);
    for (size_t i = 0; i < n; i++) {
        (void) fetch_add_acq_rel(&readers[i]->record_->watchers_, 1);
    }
    uint32_t ticket = signal_load_acquire(&db->news);
    if (announce(db, readers, n)) {
        aimdbp_wait(&db->news, ticket, deadline);
    }
    for (size_t i = 0; i < n; i++) {
        (void) fetch_sub_acq_rel(&readers[i]->record_->watchers_, 1);
    }
}

ptrdiff_t
aimdb_select(aimdb_reader *const *readers, size_t n, aimdb_time deadline)
{
    aimdb_err err = check_readers(readers, n);
    if (err != AIMDB_OK) {
        return err;
    }
    for (;;) {
        ptrdiff_t chosen = choose(readers, n);
        if (chosen >= 0) {
            return chosen;
        }
        if (deadline != AIMDB_FOREVER && aimdbp_clock() >= deadline) {
            return AIMDB_ETIMEDOUT;
        }
        sleep_until_news(readers, n, deadline);
    }
}
