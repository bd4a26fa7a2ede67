// SPDX-License-Identifier: Apache-2.0
// How buffers lie in memory. Private: only because static records (static.h) are the caller's memory
// does the compiler have to see it. Use the functions of record.h.
#ifndef AIMDB_SHAPE_H
#define AIMDB_SHAPE_H

#include <aimdb/base.h>

AIMDB_BEGIN

struct aimdb_ctx;
struct aimdb_type;

#define AIMDBI_IS_STATIC UINT32_MAX // in accepts

// What never changes. Every record, static or not, begins with it.
struct aimdbi_shape {
    aimdb_word *slots;   // slot_mask + 1 slots of slot_words
    uint32_t size;       // bytes of a value
    uint32_t accepts;    // the size that aimdb_produce may be given; AIMDBI_IS_STATIC: see static.h
    uint32_t slot_words; // words of a slot: the value, and with `stamp` the time of its push
    uint32_t capacity;   // as configured
    uint32_t slot_mask;
    uint8_t buffer;  // aimdb_buffer
    bool one_writer; // whose turn it is needs no lock
    bool is_stamped;
    bool asymmetric; // which fences (turn.h)
};

// What pushes write; of one cache line, if they are to be fast.
struct aimdbi_cells {
    aimdb_word reserve_;  // pushes announced
    aimdb_word commit_;   // pushes complete
    aimdb_word flags_;    // see turn.h; written by sleepers, closers and pinning readers
    aimdb_word refused_;  // any writer adds
    aimdb_word whole_[2]; // latest, mailbox: the push that each slot was announced for (latest.c)
};

// With `stamp` the cells are the first member of this.
struct aimdbi_stamped_cells {
    struct aimdbi_cells cells;
    aimdb_word last_at_; // time of the last push, by whoever has the turn
};

// What takers of a mailbox write.
struct aimdbi_takes {
    aimdb_word taken_;       // the newest push that was taken; takers compete for it
    aimdb_word overwritten_; // pushes passed over by takes
};

struct aimdbi_static_task;

// Where a static record or task is listed (AIMDB_STATIC_DB).
struct aimdbi_home {
    aimdbi_signal *ready; // of its database: a bit for each record that has news
    uint32_t bit;
};

// A record's producer function, with a copy of the value for it to change.
struct aimdbi_static_producer {
    aimdb_err (*pass)(struct aimdb_ctx *ctx, const void *value);
    void *user;
};

// A static record; constant, the cells are its memory.
struct aimdbi_static_record {
    struct aimdbi_shape shape;
    struct aimdbi_cells *cells;
    struct aimdbi_takes *takes; // mailbox; else NULL
    const struct aimdbi_home *home;
    const struct aimdbi_static_producer *producer; // NULL: none
    const struct aimdb_type *type;
    const char *key;
};

// A consumer's position and counters.
struct aimdbi_static_reader {
    aimdb_word cursor_;
    aimdb_word received_;
    aimdb_word missed_; // ring: lost to lag; latest: skipped; mailbox: see run_competitors()
    aimdb_word lags_;   // ring; mailbox: see there
    aimdb_word errors_;
    size_t lag_;      // missed just before the next value
    aimdb_word turn_; // of an asynchronous value; odd: it is being worked on
};

// A source's clock.
struct aimdbi_static_clock {
    aimdb_time due; // 0: it has not been stepped yet
    aimdb_word steps_;
    aimdb_word overruns_;
};

// A static consumer or source; constant.
struct aimdbi_static_task {
    size_t marker; // AIMDBI_STATIC_TASK, where a task of a database has its state
    void (*run)(struct aimdb_ctx *ctx);        // consumer
    aimdb_time (*step)(struct aimdb_ctx *ctx); // source
    void *user;
    const char *name;
    const struct aimdbi_static_record *record;
    struct aimdbi_static_reader *reader;
    struct aimdbi_static_clock *clock;
};
#define AIMDBI_STATIC_TASK ((size_t) 255)

AIMDB_END

#endif
