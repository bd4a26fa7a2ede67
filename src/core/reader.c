// SPDX-License-Identifier: Apache-2.0
// Readers: positions of their own in a record's buffer, and the threads that pull through them.
#include "reader.h"

#include "copy.h"
#include "executor.h"
#include "statics.h"

static aimdb_err
subscribe(aimdb_record *rec, aimdb_reader *reader, enum aimdbi_reader_mode mode)
{
    if (!rec || !reader) {
        return AIMDB_EINVAL;
    }
    if (is_static(rec)) {
        aimdbi_reader_init(reader, rec, mode);
        return AIMDB_OK;
    }
    if (!rec->db) {
        return AIMDB_ECLOSED;
    }
    size_t gate = load_acquire(&rec->db->gate_) & AIMDBI_GATE_SHUT;
    if (gate) {
        return aimdbi_gate_pass(rec->db, gate, true);
    }
    if (rec->shape.buffer == AIMDB_BUFFER_NONE) {
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
    if (is_static(rec)) {
        return;
    }
    (void) fetch_add_relaxed(&rec->readers_, (size_t) -1); // relaxed: a figure for people
    aimdbi_db_release(rec->db);
}

static aimdb_err
check_reader(const aimdb_reader *reader, const void *out, size_t size)
{
    if (!reader || !reader->record_ || !out) {
        return AIMDB_EINVAL;
    }
    if (size != reader->record_->shape.size) {
        return AIMDB_ETYPE;
    }
    if (is_static(reader->record_)) {
        return AIMDB_OK;
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
    return err == AIMDB_OK ? aimdbi_try_pull(reader, out) : err;
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
        err = aimdbi_try_pull(reader, out);
        if (err != AIMDB_EEMPTY) {
            return err;
        }
        if (is_static(reader->record_)) {
            return AIMDB_ENOTSUP; // nobody would wake this thread
        }
        if (deadline != AIMDB_FOREVER && aimdbp_clock() >= deadline) {
            return AIMDB_ETIMEDOUT;
        }
        sleep_until_news(reader, deadline);
    }
}

size_t
aimdb_drain(aimdb_reader *reader, void *values, size_t size, size_t max, uint64_t *missed)
{
    aimdb_err err = check_reader(reader, values, size);
    return err == AIMDB_OK ? aimdbi_drain(reader, values, max, missed) : 0;
}

aimdb_err
aimdb_peek(aimdb_record *record, void *out, size_t size)
{
    if (!record || !out) {
        return AIMDB_EINVAL;
    }
    if (size != record->shape.size) {
        return AIMDB_ETYPE;
    }
    if (record->shape.buffer != AIMDB_BUFFER_SINGLE_LATEST &&
        record->shape.buffer != AIMDB_BUFFER_MAILBOX) {
        return AIMDB_ENOTSUP;
    }
    if (is_static(record)) {
        return aimdbi_peek(record, out);
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
    return aimdbi_peek(record, out);
}
