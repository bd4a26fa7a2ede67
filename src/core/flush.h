// SPDX-License-Identifier: Apache-2.0
// How dispatchers tell what they have finished with, see flush.c.
#ifndef AIMDB_CORE_FLUSH_H
#define AIMDB_CORE_FLUSH_H

#include "db.h"
#include "turn.h"

// Somebody waits in aimdb_produce_wait: makes them look again.
void
aimdbi_flush_tell(aimdb_record *rec);

// The dispatcher of a ring has finished with all that the input's cursor has passed: its running
// thread after a call or a lag, or aimdb_done while nobody runs it.
static inline void
flush_note(struct aimdbi_input *input)
{
    aimdb_record *rec = input->reader.record_;
    store_release(&input->finished_, load_relaxed(&input->reader.cursor_)); // [F1]
    fence_light_of(rec->db); // [F2] pairs with the heavy fence of who waits [F3]
    // relaxed: ordered by [F2]; a stale 0 is what [F3] rules out
    if (__builtin_expect(load_relaxed(&rec->flushers_) > 0, 0)) {
        aimdbi_flush_tell(rec);
    }
}

#endif
