// SPDX-License-Identifier: Apache-2.0
// The rare halves of turn.h.
#include "turn.h"

aimdb_err
aimdbi_turn_withdraw(const struct aimdbi_shape *shape, struct aimdbi_cells *cells, size_t now)
{
    store_relaxed(&cells->reserve_,
                  now); // relaxed: nothing was written; [T4] orders the look below
#ifndef NDEBUG
    (void) fetch_and_acq_rel(&cells->flags_, ~AIMDBI_WRITING);
#endif
    fence_light(shape); // [T4]; a reader may have seen the announcement and gone to sleep over it,
                        // so whoever gets this answer looks at PARKED (record.c)
    return AIMDB_ECLOSED;
}

void
aimdbi_turn_close_begin(aimdb_record *rec)
{
    (void) fetch_or_acq_rel(park_word(&rec->shape, &rec->cells), AIMDBI_CLOSED);
}

void
aimdbi_turn_close_end(aimdb_record *rec)
{
    // reserve_ is read here so that whoever acquires ENDED sees it at least as new.
    (void) load_relaxed(&rec->cells.reserve_);
    (void) fetch_or_acq_rel(&rec->cells.flags_, AIMDBI_ENDED); // [C2] pairs with turn_is_ended()
    (void) fetch_or_acq_rel(park_word(&rec->shape, &rec->cells), AIMDBI_PARKED);
    aimdbi_record_wake(rec);
}
