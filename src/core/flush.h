// SPDX-License-Identifier: Apache-2.0
// How dispatchers tell what they have finished with, see flush.c.
#ifndef AIMDB_CORE_FLUSH_H
#define AIMDB_CORE_FLUSH_H

#include "db.h"
#include "turn.h"

// Somebody waits in aimdb_produce_wait: makes them look again.
void
aimdbi_flush_tell(aimdb_record *rec);

// The dispatcher of a ring has finished with all pushes before `count`. By its running thread, or by
// a closer once it has LEFT.
static inline void
flush_note(aimdb_task *task, size_t count)
{
    aimdb_record *rec = task->reader.record_;
    store_release(&task->finished_, count); // [F1] pairs with has_finished()
    fence_light(rec);                       // [F2] pairs with the heavy fence of who waits [F3]
    // relaxed: ordered by [F2]; a stale 0 is what [F3] rules out
    if (__builtin_expect(load_relaxed(&rec->flushers_) > 0, 0)) {
        aimdbi_flush_tell(rec);
    }
}

#endif
