// SPDX-License-Identifier: Apache-2.0
// Producing, and waiting until all consumers have finished with the value.
//
// Each input of a dispatcher keeps in finished_ how far it has got: every push before that was handed
// on and its call is over (or its aimdb_done came), or the reader was overrun past it. It is written
// after each call, not at the end of a run: the call that comes next may itself wait for whoever waits
// here. Who waits raises flushers_, fences, and looks at all inputs before it sleeps on the record's
// wakes_, which readers in aimdb_recv sleep on as well.
//
// INV-F1  finished_ only moves forward, and never past cursor_. While a call is in progress or its
//         aimdb_done is outstanding, it is at or before that value.
// INV-F2  A dispatcher that finishes with something sees flushers_ > 0, or who waits sees the new
//         finished_: [F2] and [F3] are the light and the heavy fence between the two writes and looks.
//
// Source: SPEC P6.
#include "flush.h"

#include "executor.h"

void
aimdbi_flush_tell(aimdb_record *rec)
{
    (void) signal_add_release(&rec->wakes_, 1);
    aimdbp_wake_all(&rec->wakes_);
    rec->db->executor->ops->nudge(rec->db->executor);
}

enum progress { FINISHED, BUSY, GIVEN_UP };

static enum progress
progress_of(const aimdb_record *rec, size_t pushed)
{
    enum progress progress = FINISHED;
    for (const struct aimdbi_input *input = rec->inputs; input; input = input->next) {
        if (input->task->is_source) {
            continue;
        }
        // Before finished_: then that is final.
        bool has_left = load_acquire(&input->task->state_) == AIMDBI_LEFT;
        if (count_difference(load_acquire(&input->finished_), pushed) >= 0) { // [F1]
            continue;
        }
        if (has_left) {
            return GIVEN_UP; // the deadline of a close passed before it came to the value
        }
        progress = BUSY;
    }
    return progress;
}

static aimdb_err
wait_until_finished(aimdb_record *rec, size_t pushed, aimdb_time deadline)
{
    aimdb_executor *executor = rec->db->executor;
    for (;;) {
        (void) fetch_add_acq_rel(&rec->flushers_, 1);
        uint32_t ticket = signal_load_acquire(&rec->wakes_);
        fence_heavy(&rec->shape); // [F3] pairs with [F2]
        enum progress progress = progress_of(rec, pushed);
        bool is_late = deadline != AIMDB_FOREVER && aimdbp_clock() >= deadline;
        if (progress == BUSY && !is_late) {
            executor->ops->wait(executor, &rec->wakes_, ticket, deadline);
        }
        (void) fetch_sub_acq_rel(&rec->flushers_, 1);
        if (progress != BUSY) {
            return progress == FINISHED ? AIMDB_OK : AIMDB_ECLOSED;
        }
        if (is_late) {
            return AIMDB_ETIMEDOUT;
        }
    }
}

aimdb_err
aimdb_produce_wait(aimdb_record *record, const void *value, size_t size, aimdb_time deadline)
{
    if (!record || !value) {
        return AIMDB_EINVAL;
    }
    if (record->shape.buffer != AIMDB_BUFFER_SPMC_RING || is_static(record)) {
        return AIMDB_ENOTSUP;
    }
    const struct aimdbi_frame *frame = aimdbp_current();
    if (record->db && frame && frame->executor == record->db->executor) {
        return AIMDB_EBUSY; // the consumers may need this very thread
    }
    if (!record->db) {
        return AIMDB_ECLOSED;
    }
    aimdb *db = record->db;
    size_t pushed = 0;
    aimdbi_db_retain(db); // a close and a free may come while this thread sleeps
    aimdb_err err = aimdbi_produce_told(record, value, size, &pushed);
    if (err == AIMDB_OK) {
        err = wait_until_finished(record, pushed, deadline);
    }
    aimdbi_db_release(db);
    return err;
}
