// SPDX-License-Identifier: Apache-2.0
// A record in memory, and what its parts may do to it.
#ifndef AIMDB_CORE_RECORD_H
#define AIMDB_CORE_RECORD_H

#include <aimdb/metrics.h>
#include <aimdb/record.h>

#include "port.h"

#define AIMDBI_LINE 64 // bytes that one processor hands to another at a time

struct aimdb_builder;
struct aimdbi_input; // db.h

// One allocation: this struct, then the key. Three cache lines: what never changes after the build,
// what writers write, what readers write; a push touches the first two and its slot.
struct aimdb_record {
    // Constant after the build.
    aimdb *db;         // NULL before
    aimdb_word *slots; // slot_mask + 1 slots of slot_words
    const aimdb_type *type;
    aimdb_fn producer; // called by type->call_producer; NULL: none
    void *producer_user;
    struct aimdbi_input *inputs; // of consumers and sources, in the order of registration
    uint32_t size;               // bytes of a value
    uint32_t slot_words; // words of a slot: the value, and with `stamp` the time of its push
    uint32_t capacity;   // as configured
    uint32_t slot_mask;
    // --- 64 bytes; the writers' line: written by whoever has the turn (turn.h), read by readers
    aimdb_word reserve_;  // pushes announced
    aimdb_word commit_;   // pushes complete
    aimdb_word flags_;    // see turn.h; written by sleepers, closers and pinning readers
    aimdb_word whole_[2]; // latest, mailbox: the push that each slot was announced for (latest.c)
    aimdb_word refused_;  // any writer adds
    aimdb_word last_at_;  // time of the last push, by whoever has the turn; with `stamp`
    uint8_t buffer;       // aimdb_buffer; constant
    bool one_writer;      // constant
    bool stamp;           // constant
    bool asymmetric;      // constant: which fences (turn.h)
    uint32_t index;       // constant: place in the database
    // --- 128 bytes; the readers' line
    aimdb_word taken_;       // mailbox: the newest push that was taken; takers compete for it
    aimdb_word overwritten_; // mailbox: pushes passed over by takes
    aimdb_word waiters_;     // threads asleep in aimdb_recv, or about to be
    aimdb_word readers_;     // subscribed right now
    aimdbi_signal wakes_;    // counts wakes of those threads
    uint32_t consumers;      // constant
    size_t bytes;            // of this allocation
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

// Values copied out of a ring in one go. Whole ones are out[first .. first + count).
struct aimdbi_batch {
    size_t first;
    size_t count;
    size_t lag;   // values missed just before the first
    size_t there; // values that were there to be copied
};

// Pushes `count` values of rec->size bytes. The producer function has run.
aimdb_err
aimdbi_record_push(aimdb_record *rec, const void *values, size_t count);

// As aimdb_produce into a ring; *ret_pushed is the count of pushes up to the value, if it was pushed.
aimdb_err
aimdbi_produce_told(aimdb_record *record, const void *value, size_t size, size_t *ret_pushed);

// Publishes: the slow half of a push, when somebody announced to be asleep.
void
aimdbi_record_wake(aimdb_record *rec);

// ring.c
aimdb_err
aimdbi_ring_push(aimdb_record *rec, const void *values, size_t count);
// Pushes one value; *ret_pushed is the count of pushes up to it, as commit_ has it.
aimdb_err
aimdbi_ring_push_told(aimdb_record *rec, const void *value, size_t *ret_pushed);
void
aimdbi_ring_read(const aimdb_record *rec, size_t *cursor, void *out, size_t max, uint64_t *stamps,
                 struct aimdbi_batch *ret);

// latest.c: shared by SingleLatest and mailbox
aimdb_err
aimdbi_latest_push(aimdb_record *rec, const void *values, size_t count);
bool
aimdbi_latest_has(const aimdb_record *rec, size_t seen);
bool
aimdbi_latest_read(aimdb_record *rec, size_t seen, void *out, uint64_t *ret_stamp,
                   size_t *ret_push);
bool
aimdbi_mailbox_take(aimdb_record *rec, void *out, uint64_t *ret_stamp);

#endif
