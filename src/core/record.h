// SPDX-License-Identifier: Apache-2.0
// A record in memory, and what its parts may do to it.
#ifndef AIMDB_CORE_RECORD_H
#define AIMDB_CORE_RECORD_H

#include <aimdb/metrics.h>
#include <aimdb/record.h>
#include <aimdb/shape.h>

#include "port.h"

#define AIMDBI_LINE 64 // bytes that one processor hands to another at a time

struct aimdb_builder;
struct aimdbi_input; // db.h

// One allocation: this struct, then the key. Three cache lines: what never changes after the build,
// what writers write, what readers write; a push touches the first two and its slot.
struct aimdb_record {
    // Constant after the build.
    struct aimdbi_shape shape;
    aimdb *db; // NULL before
    const aimdb_type *type;
    aimdb_fn producer; // called by type->call_producer; NULL: none
    void *producer_user;
    // --- 64 bytes; the writers' line: written by whoever has the turn (turn.h), read by readers
    union {
        struct aimdbi_cells cells;
        struct aimdbi_stamped_cells stamped;
    };
    uint32_t index; // constant: place in the database
    uint32_t bytes; // constant: of this allocation
    // --- 128 bytes; the readers' line
    struct aimdbi_takes takes;
    aimdb_word waiters_;         // threads asleep in aimdb_recv, or about to be
    aimdb_word readers_;         // subscribed right now
    struct aimdbi_input *inputs; // constant: of consumers and sources, as they were registered
    aimdbi_signal wakes_;        // counts wakes of those threads
    uint32_t consumers;          // constant
    union {
        struct aimdb_builder *builder; // until the build
        aimdb_word flushers_;          // from then on: threads in aimdb_produce_wait
    };
    union {
        aimdb_record *next;   // until the build: in the builder's list
        aimdb_word watchers_; // from then on: readers that threads in aimdb_select sleep over
    };
    // --- 192 bytes
    char key[];
};

_Static_assert(sizeof(struct aimdb_record) <= 3 * AIMDBI_LINE || sizeof(void *) != 8,
               "a record is three cache lines and its key");

// Static records have the same functions, and another body: static.h. With AIMDB_ONE_CORE there are no
// others.
static inline bool
is_static(const aimdb_record *rec)
{
#ifdef AIMDB_ONE_CORE
    (void) rec;
    return true;
#else
    return __builtin_expect(rec->shape.accepts == AIMDBI_IS_STATIC, 0);
#endif
}

static inline const struct aimdbi_static_record *
static_record(const aimdb_record *rec)
{
    return (const struct aimdbi_static_record *) (const void *) rec;
}

static inline struct aimdbi_cells *
cells_of(const aimdb_record *rec)
{
    return is_static(rec) ? static_record(rec)->cells : (struct aimdbi_cells *) &rec->cells;
}

static inline struct aimdbi_takes *
takes_of(const aimdb_record *rec)
{
    return is_static(rec) ? static_record(rec)->takes : (struct aimdbi_takes *) &rec->takes;
}

// Values copied out of a ring in one go. Whole ones are out[first .. first + count).
struct aimdbi_batch {
    size_t first;
    size_t count;
    size_t lag;   // values missed just before the first
    size_t there; // values that were there to be copied
};

// Pushes `count` values of the record's size. The producer function has run.
aimdb_err
aimdbi_record_push(aimdb_record *rec, const void *values, size_t count);

// As aimdb_produce into a ring; *ret_pushed is the count of pushes up to the value, if it was pushed.
aimdb_err
aimdbi_produce_told(aimdb_record *record, const void *value, size_t size, size_t *ret_pushed);

// The slow half of a push that found somebody announced to be asleep.
void
aimdbi_record_wake(aimdb_record *rec);

// ring.c. Pushes answer AIMDB_OK, an error, or AIMDBI_PUSHED_TO_SLEEPERS.
aimdb_err
aimdbi_ring_push(const struct aimdbi_shape *shape, struct aimdbi_cells *cells, const void *values,
                 size_t count, size_t *ret_pushed);
void
aimdbi_ring_read(const struct aimdbi_shape *shape, const struct aimdbi_cells *cells, size_t *cursor,
                 void *out, size_t max, uint64_t *stamps, struct aimdbi_batch *ret);

// latest.c: shared by SingleLatest and mailbox
aimdb_err
aimdbi_latest_push(const struct aimdbi_shape *shape, struct aimdbi_cells *cells, const void *values,
                   size_t count);
bool
aimdbi_latest_has(const struct aimdbi_cells *cells, size_t seen);
bool
aimdbi_latest_read(const struct aimdbi_shape *shape, struct aimdbi_cells *cells, size_t seen,
                   void *out, uint64_t *ret_stamp, size_t *ret_push);
bool
aimdbi_mailbox_take(const struct aimdbi_shape *shape, struct aimdbi_cells *cells,
                    struct aimdbi_takes *takes, void *out, uint64_t *ret_stamp);

#endif
