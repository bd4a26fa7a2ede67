// SPDX-License-Identifier: Apache-2.0
// What dispatchers and pulling readers share.
#ifndef AIMDB_CORE_READER_H
#define AIMDB_CORE_READER_H

#include "turn.h"

enum aimdbi_reader_mode { AIMDBI_TAKES = 1, AIMDBI_OBSERVES };

#define AIMDBI_MODE ((size_t) 3) // in mode_; above it select.c keeps its turns

// Gives a reader its starting position in rec (R3, L3, M4).
void
aimdbi_reader_init(aimdb_reader *reader, aimdb_record *rec, enum aimdbi_reader_mode mode);

// True if a read would find a value or a lag. May be wrong only by saying true.
bool
aimdbi_reader_has_values(const aimdb_reader *reader);

// True if a read would find a value, or the end. May be wrong only by saying true.
bool
aimdbi_reader_has_news(const aimdb_reader *reader);

// True if nothing is left and nothing will come.
bool
aimdbi_reader_is_ended(const aimdb_reader *reader);

// Values that wait for this reader.
size_t
aimdbi_reader_pending(const aimdb_reader *reader);

// Reads a value of latest or mailbox into scratch; counts it.
bool
aimdbi_reader_read_one(aimdb_reader *reader, void *scratch, uint64_t *ret_stamp);

// One attempt: what aimdb_try_recv answers.
aimdb_err
aimdbi_try_pull(aimdb_reader *reader, void *out);

// Takes up to max values; *missed, if wanted, is how many were missed before the first of them.
size_t
aimdbi_drain(aimdb_reader *reader, void *values, size_t max, uint64_t *missed);

// Copies the current value: AIMDB_OK, _EEMPTY, or _ENOTSUP of a ring.
aimdb_err
aimdbi_peek(aimdb_record *rec, void *out);

// Counts a lag of a ring reader. Overruns without a value between them are one lag with the sum [R5]:
// `so_far` is what this lag has counted already.
static inline void
reader_count_lag(aimdb_reader *reader, size_t lag, size_t so_far)
{
    reader->lag_ = so_far + lag;
    count(&reader->missed_, lag);
    count(&reader->lags_, so_far == 0 ? 1 : 0);
}

// True if the reader takes values out of a mailbox, in competition with others.
static inline bool
reader_competes(const aimdb_reader *reader)
{
    return reader->record_->shape.buffer == AIMDB_BUFFER_MAILBOX &&
           (load_relaxed(&reader->mode_) & AIMDBI_MODE) == AIMDBI_TAKES; // relaxed: constant
}

// The count of pushes up to which this reader has seen everything.
static inline size_t
reader_seen(const aimdb_reader *reader)
{
    if (reader_competes(reader)) {
        // relaxed: a stale one is found out by the claim
        return load_relaxed(&takes_of(reader->record_)->taken_);
    }
    return load_relaxed(&reader->cursor_);
}

#endif
