// SPDX-License-Identifier: Apache-2.0
// Readers: positions of their own in a record's buffer, and the threads that pull through them.
#include "reader.h"

#include "copy.h"
#include "executor.h"
#include "scratch.h"

void
aimdbi_reader_init(aimdb_reader *reader, aimdb_record *rec, enum aimdbi_reader_mode mode)
{
    size_t commit = load_acquire(&rec->commit_);
    size_t start = commit & AIMDBI_COUNT;
    while (rec->buffer != AIMDB_BUFFER_SPMC_RING) {
        bool has_value =
            load_acquire(&rec->whole_[(commit & AIMDBI_SLOT) != 0]) != AIMDBI_NEVER; // [L3]
        size_t again = load_acquire(&rec->commit_);
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
    return turn_is_ended(reader->record_, reader_seen(reader));
}

bool
aimdbi_reader_has_values(const aimdb_reader *reader)
{
    const aimdb_record *rec = reader->record_;
    size_t seen = reader_seen(reader);
    if (rec->buffer == AIMDB_BUFFER_SPMC_RING) {
        return count_difference(load_acquire(&rec->commit_), seen) > 0;
    }
    return aimdbi_latest_has(rec, seen);
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
    ptrdiff_t behind = count_difference(load_acquire(&rec->commit_) & AIMDBI_COUNT, seen);
    if (behind <= 0) {
        return 0;
    }
    return rec->buffer == AIMDB_BUFFER_SPMC_RING ? (size_t) behind / AIMDBI_STEP : 1;
}

bool
aimdbi_reader_read_one(aimdb_reader *reader, void *scratch, uint64_t *ret_stamp)
{
    aimdb_record *rec = reader->record_;
    if (reader_competes(reader)) {
        if (!aimdbi_mailbox_take(rec, scratch, ret_stamp)) {
            return false;
        }
    } else {
        size_t seen = load_relaxed(&reader->cursor_);
        size_t push;
        if (!aimdbi_latest_read(rec, seen, scratch, ret_stamp, &push)) {
            return false;
        }
        count(&reader->skipped_, (push - seen) / AIMDBI_STEP - 1);
        store_relaxed(&reader->cursor_, push);
    }
    count(&reader->received_, 1);
    return true;
}

static aimdb_err
subscribe(aimdb_record *rec, aimdb_reader *reader, enum aimdbi_reader_mode mode)
{
    if (!rec || !reader) {
        return AIMDB_EINVAL;
    }
    if (!rec->db) {
        return AIMDB_ECLOSED;
    }
    size_t gate = load_acquire(&rec->db->gate_) & AIMDBI_GATE_SHUT;
    if (gate) {
        return aimdbi_gate_pass(rec->db, gate, true);
    }
    if (rec->buffer == AIMDB_BUFFER_NONE) {
        return AIMDB_ENOTSUP;
    }
    aimdbi_db_retain(rec->db);
    (void) fetch_add_relaxed(&rec->readers_, 1); // relaxed: a figure for people
    aimdbi_reader_init(reader, rec, mode);
    return AIMDB_OK;
}

aimdb_err
aimdb_subscribe(aimdb_record *record, aimdb_reader *reader)
{
    return subscribe(record, reader, AIMDBI_TAKES);
}

aimdb_err
aimdb_observe(aimdb_record *record, aimdb_reader *reader)
{
    return subscribe(record, reader, AIMDBI_OBSERVES);
}

void
aimdb_unsubscribe(aimdb_reader *reader)
{
    if (!reader || !reader->record_) {
        return;
    }
    aimdb_record *rec = reader->record_;
    *reader = (aimdb_reader){ 0 };
    (void) fetch_add_relaxed(&rec->readers_, (size_t) -1); // relaxed: a figure for people
    aimdbi_db_release(rec->db);
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
    struct aimdbi_batch batch;
    size_t cursor = load_relaxed(&reader->cursor_);
    aimdbi_ring_read(reader->record_, &cursor, scratch, 1, NULL, &batch);
    if (batch.lag > 0) {
        store_relaxed(&reader->cursor_, cursor);
        reader_count_lag(reader, batch.lag, 0);
        return AIMDB_ELAGGED;
    }
    if (batch.count == 0) {
        return nothing_read(reader);
    }
    copy_value(out, scratch, reader->record_->size);
    store_relaxed(&reader->cursor_, cursor + AIMDBI_STEP);
    count(&reader->received_, 1);
    return AIMDB_OK;
}

static aimdb_err
attempt_in_scratch(void *work, void *scratch)
{
    struct attempt *attempt = work;
    if (attempt->reader->record_->buffer == AIMDB_BUFFER_SPMC_RING) {
        return attempt_ring(attempt->reader, attempt->out, scratch);
    }
    if (!aimdbi_reader_read_one(attempt->reader, scratch, NULL)) {
        return nothing_read(attempt->reader);
    }
    copy_value(attempt->out, scratch, attempt->reader->record_->size);
    return AIMDB_OK;
}

static aimdb_err
try_recv(aimdb_reader *reader, void *out)
{
    struct attempt attempt = { reader, out };
    size_t size = reader->record_->size;
    if (size <= 128) {
        aimdb_word scratch[128 / sizeof(aimdb_word)];
        return attempt_in_scratch(&attempt, scratch);
    }
    return aimdbi_with_scratch(size, sizeof(size_t), attempt_in_scratch, &attempt);
}

static aimdb_err
check_reader(const aimdb_reader *reader, const void *out, size_t size)
{
    if (!reader || !reader->record_ || !out) {
        return AIMDB_EINVAL;
    }
    if (size != reader->record_->size) {
        return AIMDB_ETYPE;
    }
    // What a closed database still holds may be read.
    size_t gate = load_relaxed(&reader->record_->db->gate_) & ~AIMDBI_GATE_CLOSING;
    if (gate) {
        return aimdbi_gate_pass(reader->record_->db, gate, aimdbi_reader_has_news(reader));
    }
    return AIMDB_OK;
}

aimdb_err
aimdb_try_recv(aimdb_reader *reader, void *out, size_t size)
{
    aimdb_err err = check_reader(reader, out, size);
    return err == AIMDB_OK ? try_recv(reader, out) : err;
}

// Sleeps until there may be news for the reader.
//
// waiters_ is raised before PARKED is set, and wakes_ is read before both: a waker that clears PARKED
// sees the waiter, and changes wakes_ before it wakes, so that the wait below does not begin.
static void
sleep_until_news(aimdb_reader *reader, aimdb_time deadline)
{
    aimdb_record *rec = reader->record_;
    aimdbi_step(rec->db, true);
    (void) fetch_add_acq_rel(&rec->waiters_, 1);
    uint32_t ticket = signal_load_acquire(&rec->wakes_);
    if (park_announce(rec, reader_seen(reader)) || !aimdbi_reader_has_news(reader)) {
        aimdbp_wait(&rec->wakes_, ticket, deadline);
    }
    (void) fetch_sub_acq_rel(&rec->waiters_, 1);
}

aimdb_err
aimdb_recv(aimdb_reader *reader, void *out, size_t size, aimdb_time deadline)
{
    aimdb_err err = check_reader(reader, out, size);
    if (err != AIMDB_OK) {
        return err;
    }
    for (;;) {
        err = try_recv(reader, out);
        if (err != AIMDB_EEMPTY) {
            return err;
        }
        if (deadline != AIMDB_FOREVER && aimdbp_clock() >= deadline) {
            return AIMDB_ETIMEDOUT;
        }
        sleep_until_news(reader, deadline);
    }
}

static size_t
drain_ring(aimdb_reader *reader, unsigned char *values, size_t max, uint64_t *missed)
{
    size_t size = reader->record_->size;
    size_t cursor = load_relaxed(&reader->cursor_);
    size_t taken = 0;
    // A tight writer may overtake a small ring again and again: then what was missed is the answer.
    for (int lags = 0; taken < max && lags < 8;) {
        struct aimdbi_batch batch;
        size_t before = cursor;
        unsigned char *to = values + taken * size;
        aimdbi_ring_read(reader->record_, &cursor, to, max - taken, NULL, &batch);
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
aimdb_drain(aimdb_reader *reader, void *values, size_t size, size_t max, uint64_t *missed)
{
    if (check_reader(reader, values, size) != AIMDB_OK) {
        return 0;
    }
    uint64_t gaps = 0;
    size_t taken = 0;
    if (max == 0) {
        // nothing was asked for, nothing is missed yet
    } else if (reader->record_->buffer == AIMDB_BUFFER_SPMC_RING) {
        taken = drain_ring(reader, values, max, &gaps);
    } else {
        taken = try_recv(reader, values) == AIMDB_OK ? 1 : 0;
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
    if (!aimdbi_latest_read(peek->rec, peek->seen, scratch, NULL, &push)) {
        return AIMDB_EEMPTY;
    }
    copy_value(peek->out, scratch, peek->rec->size);
    return AIMDB_OK;
}

aimdb_err
aimdb_peek(aimdb_record *record, void *out, size_t size)
{
    if (!record || !out) {
        return AIMDB_EINVAL;
    }
    if (size != record->size) {
        return AIMDB_ETYPE;
    }
    if (record->buffer != AIMDB_BUFFER_SINGLE_LATEST && record->buffer != AIMDB_BUFFER_MAILBOX) {
        return AIMDB_ENOTSUP;
    }
    if (!record->db) {
        return AIMDB_EEMPTY;
    }
    size_t gate = load_relaxed(&record->db->gate_) & ~AIMDBI_GATE_CLOSING;
    if (gate) {
        aimdb_err err = aimdbi_gate_pass(record->db, gate, false);
        if (err != AIMDB_OK) {
            return err;
        }
    }
    struct peek peek = { record, out, load_acquire(&record->taken_) };
    if (record->buffer == AIMDB_BUFFER_SINGLE_LATEST) {
        // Older than anything the slots can hold.
        peek.seen = (load_acquire(&record->commit_) - SIZE_MAX / 4) & AIMDBI_COUNT;
    }
    return aimdbi_with_scratch(size, sizeof(size_t), peek_in_scratch, &peek);
}
