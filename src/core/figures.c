// SPDX-License-Identifier: Apache-2.0
// The figures of records and readers, of both kinds. Source: SPEC section 10.
#include "figures.h"

#include "reader.h"

aimdb_err
aimdbi_hand_out(void *to, const void *from, size_t known)
{
    size_t size;
    __builtin_memcpy(&size, to, sizeof size);
    if (size == 0 || size > known) {
        size = known;
    }
    if (size < sizeof size) {
        return AIMDB_EINVAL;
    }
    __builtin_memcpy((unsigned char *) to + sizeof size, (const unsigned char *) from + sizeof size,
                     size - sizeof size);
    return AIMDB_OK;
}

// SingleLatest: values replaced already that the reader will pass over with its next read.
uint64_t
aimdbi_skipped(const aimdb_reader *reader)
{
    const aimdb_record *rec = reader->record_;
    uint64_t so_far = load_relaxed(&reader->skipped_);
    if (rec->shape.buffer == AIMDB_BUFFER_SPMC_RING || reader_competes(reader)) {
        return so_far;
    }
    size_t commit = load_acquire(&cells_of(rec)->commit_) & AIMDBI_COUNT;
    ptrdiff_t behind = count_difference(commit, load_relaxed(&reader->cursor_));
    return behind > 0 ? so_far + (size_t) behind / AIMDBI_STEP - 1 : so_far;
}

// Mailbox: what was passed over by takes, and what is passed over by the value that waits now.
static uint64_t
overwritten(const aimdb_record *rec, size_t commit)
{
    if (rec->shape.buffer != AIMDB_BUFFER_MAILBOX) {
        return 0;
    }
    ptrdiff_t waiting = count_difference(commit, load_acquire(&takes_of(rec)->taken_));
    size_t passed = waiting > 0 ? (size_t) waiting / AIMDBI_STEP - 1 : 0;
    return load_relaxed(&takes_of(rec)->overwritten_) + passed;
}

void
aimdbi_record_figures(const aimdb_record *rec, aimdb_record_stats *ret)
{
    const struct aimdbi_cells *cells = cells_of(rec);
    size_t commit = load_acquire(&cells->commit_) & AIMDBI_COUNT;
    *ret = (aimdb_record_stats){ .produced = commit / AIMDBI_STEP,
                                 .refused = load_relaxed(&cells->refused_),
                                 .overwritten = overwritten(rec, commit),
                                 .capacity = rec->shape.capacity };
}

void
aimdbi_reader_figures(const aimdb_reader *reader, aimdb_reader_stats *ret)
{
    *ret = (aimdb_reader_stats){ .received = load_relaxed(&reader->received_),
                                 .missed = load_relaxed(&reader->missed_),
                                 .skipped = aimdbi_skipped(reader),
                                 .lags = load_relaxed(&reader->lags_),
                                 .pending = aimdbi_reader_pending(reader) };
}
