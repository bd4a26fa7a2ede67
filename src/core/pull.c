// SPDX-License-Identifier: Apache-2.0
// What a reader does with a buffer, without waiting and without asking whether its database is open.
// Of records of both kinds: those of a database and static ones.
#include "reader.h"

#include "ring.h"
#include "scratch.h"

void
aimdbi_reader_init(aimdb_reader *reader, aimdb_record *rec, enum aimdbi_reader_mode mode)
{
    const struct aimdbi_cells *cells = cells_of(rec);
    size_t commit = load_acquire(&cells->commit_);
    size_t start = commit & AIMDBI_COUNT;
    while (rec->shape.buffer != AIMDB_BUFFER_SPMC_RING) {
        bool has_value =
            load_acquire(&cells->whole_[(commit & AIMDBI_SLOT) != 0]) != AIMDBI_NEVER; // [L3]
        size_t again = load_acquire(&cells->commit_);
        if (again == commit) {
            start -= has_value ? AIMDBI_STEP : 0; // the current value has not been seen [L3]
            break;
        }
        commit = again; // the first pushes came between: whole_ may have been of a later one
        start = commit & AIMDBI_COUNT;
    }
    *reader = (aimdb_reader){ .record_ = rec, .mode_ = { mode } };
    store_relaxed(&reader->cursor_, start);
}

bool
aimdbi_reader_is_ended(const aimdb_reader *reader)
{
    const aimdb_record *rec = reader->record_;
    return turn_is_ended(&rec->shape, cells_of(rec), reader_seen(reader));
}

bool
aimdbi_reader_has_values(const aimdb_reader *reader)
{
    const aimdb_record *rec = reader->record_;
    size_t seen = reader_seen(reader);
    if (rec->shape.buffer == AIMDB_BUFFER_SPMC_RING) {
        return count_difference(load_acquire(&cells_of(rec)->commit_), seen) > 0;
    }
    return aimdbi_latest_has(cells_of(rec), seen);
}

bool
aimdbi_reader_has_news(const aimdb_reader *reader)
{
    return aimdbi_reader_has_values(reader) || aimdbi_reader_is_ended(reader);
}

size_t
aimdbi_reader_pending(const aimdb_reader *reader)
{
    const aimdb_record *rec = reader->record_;
    size_t seen = reader_seen(reader);
    ptrdiff_t behind = count_difference(load_acquire(&cells_of(rec)->commit_) & AIMDBI_COUNT, seen);
    if (behind <= 0) {
        return 0;
    }
    return rec->shape.buffer == AIMDB_BUFFER_SPMC_RING ? (size_t) behind / AIMDBI_STEP : 1;
}

bool
aimdbi_reader_read_one(aimdb_reader *reader, void *scratch, uint64_t *ret_stamp)
{
    aimdb_record *rec = reader->record_;
    if (reader_competes(reader)) {
        if (!aimdbi_mailbox_take(&rec->shape, cells_of(rec), takes_of(rec), scratch, ret_stamp)) {
            return false;
        }
    } else {
        size_t seen = load_relaxed(&reader->cursor_);
        size_t push;
        if (!aimdbi_latest_read(&rec->shape, cells_of(rec), seen, scratch, ret_stamp, &push)) {
            return false;
        }
        count(&reader->skipped_, (push - seen) / AIMDBI_STEP - 1);
        store_relaxed(&reader->cursor_, push);
    }
    count(&reader->received_, 1);
    return true;
}

// One attempt to read, as scratch memory allows: out is written only when a value is whole.
struct attempt {
    aimdb_reader *reader;
    void *out;
};

static aimdb_err
nothing_read(const aimdb_reader *reader)
{
    return aimdbi_reader_is_ended(reader) ? AIMDB_ECLOSED : AIMDB_EEMPTY;
}

static aimdb_err
attempt_ring(aimdb_reader *reader, void *out, void *scratch)
{
    const aimdb_record *rec = reader->record_;
    size_t cursor = load_relaxed(&reader->cursor_);
    size_t lag;
    aimdb_err err = ring_take(&rec->shape, cells_of(rec), &cursor, scratch, &lag);
    if (err == AIMDB_EEMPTY) {
        return nothing_read(reader);
    }
    store_relaxed(&reader->cursor_, cursor);
    if (err == AIMDB_ELAGGED) {
        reader_count_lag(reader, lag, 0);
        return err;
    }
    copy_value(out, scratch, rec->shape.size);
    count(&reader->received_, 1);
    return AIMDB_OK;
}

static aimdb_err
attempt_in_scratch(void *work, void *scratch)
{
    struct attempt *attempt = work;
    if (attempt->reader->record_->shape.buffer == AIMDB_BUFFER_SPMC_RING) {
        return attempt_ring(attempt->reader, attempt->out, scratch);
    }
    if (!aimdbi_reader_read_one(attempt->reader, scratch, NULL)) {
        return nothing_read(attempt->reader);
    }
    copy_value(attempt->out, scratch, attempt->reader->record_->shape.size);
    return AIMDB_OK;
}

aimdb_err
aimdbi_try_pull(aimdb_reader *reader, void *out)
{
    struct attempt attempt = { reader, out };
    size_t size = reader->record_->shape.size;
    if (size <= 128) {
        aimdb_word scratch[128 / sizeof(aimdb_word)];
        return attempt_in_scratch(&attempt, scratch);
    }
    return aimdbi_with_scratch(size, sizeof(size_t), attempt_in_scratch, &attempt);
}

static size_t
drain_ring(aimdb_reader *reader, unsigned char *values, size_t max, uint64_t *missed)
{
    const aimdb_record *rec = reader->record_;
    size_t size = rec->shape.size;
    size_t cursor = load_relaxed(&reader->cursor_);
    size_t taken = 0;
    // A tight writer may overtake a small ring again and again: then what was missed is the answer.
    for (int lags = 0; taken < max && lags < 8;) {
        struct aimdbi_batch batch;
        size_t before = cursor;
        unsigned char *to = values + taken * size;
        aimdbi_ring_read(&rec->shape, cells_of(rec), &cursor, to, max - taken, NULL, &batch);
        if (batch.lag > 0 && taken > 0) {
            cursor = before; // the gap is reported by the next drain, before its first value
            break;
        }
        if (batch.lag > 0) {
            reader_count_lag(reader, batch.lag, (size_t) *missed);
            *missed += batch.lag;
            lags++;
        }
        if (batch.count == 0 && batch.lag == 0) {
            break;
        }
        if (batch.first > 0) {
            __builtin_memmove(to, to + batch.first * size, batch.count * size);
        }
        taken += batch.count;
        cursor += batch.count * AIMDBI_STEP;
    }
    store_relaxed(&reader->cursor_, cursor);
    count(&reader->received_, taken);
    return taken;
}

size_t
aimdbi_drain(aimdb_reader *reader, void *values, size_t max, uint64_t *missed)
{
    uint64_t gaps = 0;
    size_t taken = 0;
    if (max == 0) {
        // nothing was asked for, nothing is missed yet
    } else if (reader->record_->shape.buffer == AIMDB_BUFFER_SPMC_RING) {
        taken = drain_ring(reader, values, max, &gaps);
    } else {
        taken = aimdbi_try_pull(reader, values) == AIMDB_OK ? 1 : 0;
    }
    if (missed) {
        *missed = gaps;
    }
    return taken;
}

uint64_t
aimdb_missed_by(const aimdb_reader *reader)
{
    return reader ? reader->lag_ : 0;
}

struct peek {
    aimdb_record *rec;
    void *out;
    size_t seen;
};

static aimdb_err
peek_in_scratch(void *work, void *scratch)
{
    struct peek *peek = work;
    size_t push;
    if (!aimdbi_latest_read(&peek->rec->shape, cells_of(peek->rec), peek->seen, scratch, NULL,
                            &push)) {
        return AIMDB_EEMPTY;
    }
    copy_value(peek->out, scratch, peek->rec->shape.size);
    return AIMDB_OK;
}

aimdb_err
aimdbi_peek(aimdb_record *rec, void *out)
{
    struct peek peek = { rec, out, 0 };
    switch (rec->shape.buffer) {
    case AIMDB_BUFFER_SINGLE_LATEST:
        // Older than anything the slots can hold.
        peek.seen = (load_acquire(&cells_of(rec)->commit_) - SIZE_MAX / 4) & AIMDBI_COUNT;
        break;
    case AIMDB_BUFFER_MAILBOX:
        peek.seen = load_acquire(&takes_of(rec)->taken_);
        break;
    default:
        return AIMDB_ENOTSUP;
    }
    return aimdbi_with_scratch(rec->shape.size, sizeof(size_t), peek_in_scratch, &peek);
}
