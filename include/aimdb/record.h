// SPDX-License-Identifier: Apache-2.0
// Records, their values' types and buffers, and the readers that pull from them: the untyped layer.
// Applications use the typed wrappers of <aimdb/typed.h>; tools, connectors and bindings use this.
#ifndef AIMDB_RECORD_H
#define AIMDB_RECORD_H

#include <aimdb/base.h>

AIMDB_BEGIN

typedef struct aimdb aimdb;               // a running database
typedef struct aimdb_ctx aimdb_ctx;       // what a callback is given; valid during that call only
typedef struct aimdb_record aimdb_record; // a record; lives as long as its database
typedef struct aimdb_task aimdb_task;     // a source, or a consumer's dispatcher

#define AIMDB_VALUE_MAX 65536u        // bytes in one value
#define AIMDB_ALIGN_MAX 4096u         // alignment of one value, bytes
#define AIMDB_CAPACITY_MAX (1u << 28) // values in one ring
#define AIMDB_CONSUMERS_MAX 256u      // consumers of one record
#define AIMDB_JOIN_MAX 64u            // records of one join
#define AIMDB_EMIT_DEPTH_MAX 8u       // producer functions nested in one another (E2)

// A user's function before its own type is restored. Each record type brings functions that convert
// back and call; nothing is ever called through this type.
typedef void (*aimdb_fn)(void);

// Gives a transform (aimdb_add_transform) its own type back and calls it.
typedef bool (*aimdb_transform_call)(aimdb_ctx *ctx, aimdb_fn fn, const void *in, void *out);

// The kinds of scalar a schema field can have.
typedef enum aimdb_kind {
    AIMDB_KIND_BOOL,
    AIMDB_KIND_I8,
    AIMDB_KIND_I16,
    AIMDB_KIND_I32,
    AIMDB_KIND_I64,
    AIMDB_KIND_U8,
    AIMDB_KIND_U16,
    AIMDB_KIND_U32,
    AIMDB_KIND_U64,
    AIMDB_KIND_F32,
    AIMDB_KIND_F64
} aimdb_kind;

// One member of a value that has a schema.
typedef struct aimdb_field {
    const char *name;
    const char *unit;
    aimdb_kind kind;
    size_t offset; // bytes from the start of the value
    size_t size;   // bytes
} aimdb_field;

// What the library knows of a value's type. AIMDB_RECORD_TYPE and AIMDB_SCHEMA make one. Two
// descriptors are the same type when name, size and alignment agree.
typedef struct aimdb_type {
    size_t size; // of this descriptor, bytes
    const char *name;
    size_t value_size;  // bytes
    size_t value_align; // bytes, a power of two
    aimdb_err (*call_producer)(aimdb_ctx *ctx, aimdb_fn fn, void *value);
    aimdb_err (*call_consumer)(aimdb_ctx *ctx, aimdb_fn fn, const void *value);
    aimdb_time (*call_source)(aimdb_ctx *ctx, aimdb_fn fn, aimdb_record *out);
    const aimdb_field *fields; // NULL without a schema
    size_t field_count;
} aimdb_type;

// How a record's values move. SPEC section 3.
typedef enum aimdb_buffer {
    AIMDB_BUFFER_NONE = 0,
    AIMDB_BUFFER_SPMC_RING,
    AIMDB_BUFFER_SINGLE_LATEST,
    AIMDB_BUFFER_MAILBOX
} aimdb_buffer;

typedef struct aimdb_buffer_cfg {
    aimdb_buffer buffer;
    size_t capacity; // values a ring holds; 1 for the others
    bool one_writer; // promise: one thread or task at a time writes; cheaper and wait-free (P3)
    bool stamp;      // note the time of each push: last_at and the latency figures (section 10)
} aimdb_buffer_cfg;

// Buffer options follow the capacity: AIMDB_SPMC_RING(1024, .one_writer = true). C++17 has no
// designated initializers: there, set the members of the returned struct.
#ifdef __cplusplus
inline aimdb_buffer_cfg
aimdb_buffer_cfg_make_(aimdb_buffer buffer, size_t capacity)
{
    return aimdb_buffer_cfg{ buffer, capacity, false, false };
}
#define AIMDB_SPMC_RING(capacity_) aimdb_buffer_cfg_make_(AIMDB_BUFFER_SPMC_RING, capacity_)
#define AIMDB_SINGLE_LATEST aimdb_buffer_cfg_make_(AIMDB_BUFFER_SINGLE_LATEST, 1)
#define AIMDB_MAILBOX aimdb_buffer_cfg_make_(AIMDB_BUFFER_MAILBOX, 1)
#else
#define AIMDB_SPMC_RING(...)                                                                       \
    ((aimdb_buffer_cfg){ .buffer = AIMDB_BUFFER_SPMC_RING, .capacity = __VA_ARGS__ })
#define AIMDB_SINGLE_LATEST                                                                        \
    ((aimdb_buffer_cfg){ .buffer = AIMDB_BUFFER_SINGLE_LATEST, .capacity = 1 })
#define AIMDB_MAILBOX ((aimdb_buffer_cfg){ .buffer = AIMDB_BUFFER_MAILBOX, .capacity = 1 })
#define AIMDB_SINGLE_LATEST_WITH(...)                                                              \
    ((aimdb_buffer_cfg){ .buffer = AIMDB_BUFFER_SINGLE_LATEST, .capacity = 1, __VA_ARGS__ })
#define AIMDB_MAILBOX_WITH(...)                                                                    \
    ((aimdb_buffer_cfg){ .buffer = AIMDB_BUFFER_MAILBOX, .capacity = 1, __VA_ARGS__ })
#endif

// An independent position in a record's buffer: memory of the caller, 64 bytes. All members are the
// library's.
typedef struct aimdb_reader {
    aimdb_record *record_;
    aimdb_word cursor_; // the next push to read; written by the reader only
    aimdb_word received_;
    aimdb_word missed_;
    aimdb_word skipped_;
    aimdb_word lags_;
    size_t lag_;      // missed at the last AIMDB_ELAGGED
    aimdb_word mode_; // takes, or only observes; and when aimdb_select chose it last
} aimdb_reader;

// aimdb_produce sends one value on its way: producer function, then buffer.
//
// Returns when the value is in the buffer. It never waits for a consumer, and its cost does not
// depend on how far behind any consumer is. A record with a producer function copies the value to
// the caller's stack first (at most four times its size, never more than AIMDB_VALUE_MAX bytes).
//
//   record     where to
//   value      size bytes; only read
//   size       must be the size of the record's type
//   Returns    AIMDB_OK, the producer function's error, _EINVAL, _ETYPE (wrong size), _ECLOSED,
//              _EFORKED, _ENOTSUP (record without a buffer); on a port with interrupts _EBUSY
//   Thread     any; with one_writer one at a time
//   ISR        on ports with interrupts; not from POSIX signal handlers
//   Blocks     never for a reader; briefly for another writer of the same record
//   Alloc      none                   Cost    one copy of the value, one locked instruction
//   Source     SPEC P1-P5
AIMDB_API aimdb_err
aimdb_produce(aimdb_record *record, const void *value, size_t size);

// aimdb_produce_n sends a batch with one publication.
//
// Each value passes the producer function on its own; accepted ones are published in order, refused
// ones are counted on the record. With a producer function a batch is published in parts of up to
// 4 KB or one value. Without one, the whole batch becomes visible at once.
//
//   record     where to
//   values     count values of size bytes, one after another; only read
//   size       must be the size of the record's type
//   count      how many; 0 is a success that does nothing, one beyond all memory is _EINVAL
//   Returns    AIMDB_OK when all were accepted, else the first error; errors as aimdb_produce
//   Thread     any; with one_writer one at a time
//   ISR        as aimdb_produce       Blocks  as aimdb_produce
//   Alloc      none                   Cost    one copy a value, one locked instruction a batch
//   Source     SPEC P1-P5; docs/adr/0005
AIMDB_API aimdb_err
aimdb_produce_n(aimdb_record *record, const void *values, size_t size, size_t count);

// aimdb_produce_wait produces into a ring, and waits until all its consumers have finished with the
// value.
//
// A consumer has finished when its call for the value is over, or its aimdb_done came, or when it was
// overrun and missed the value (its `missed` tells). A join is a consumer of each of its records.
// Readers that pull are not waited for, nor are values that others pushed later. Where the executor has
// no threads, this one runs what is ready meanwhile (aimdb_poll_new).
//
//   record     an open record over a ring
//   value      one value of the record's type
//   size       bytes of it
//   deadline   absolute, on aimdb_clock(); AIMDB_FOREVER: none
//   Returns    AIMDB_OK; _ETIMEDOUT: the value is in the ring, but not all have finished with it;
//              _ECLOSED: refused, or a close gave up before they had; _ENOTSUP for other buffers, and
//              for static records; _EBUSY in a callback of the same executor, which may be needed
//              for the consumers; and what aimdb_produce returns
//   Thread     any outside of callbacks
//   ISR        no                     Blocks  until then
//   Alloc      none                   Cost    a produce, and a heavy fence each time it looks
//   Source     SPEC P6
AIMDB_API AIMDB_MUST_CHECK aimdb_err
aimdb_produce_wait(aimdb_record *record, const void *value, size_t size, aimdb_time deadline);

// aimdb_emit produces into a record from inside a producer function, source or consumer.
//
//   ctx        what the callback was given
//   record     where to; of the same database, or of another
//   value      size bytes; only read
//   size       must be the size of the record's type
//   Returns    as aimdb_produce; also _ELOOP when producer functions are nested too deeply. While
//              the database closes, emissions from its own callbacks still go through (X1)
//   Thread     the callback's own
//   ISR        no                     Blocks  as aimdb_produce
//   Alloc      none                   Cost    as aimdb_produce
//   Source     SPEC E1-E3
AIMDB_API aimdb_err
aimdb_emit(aimdb_ctx *ctx, aimdb_record *record, const void *value, size_t size);

// aimdb_subscribe gives a reader its own position in a record.
//
// A ring reader starts at the tail (R3), a SingleLatest reader gets the current value once (L3), a
// mailbox reader competes with the others (M2). The reader keeps its database's memory alive until
// it unsubscribes, even past aimdb_free.
//
//   record     what to read
//   reader     memory of the caller; written only on AIMDB_OK
//   Returns    AIMDB_OK, _EINVAL, _ENOTSUP (record without a buffer), _ECLOSED, _EFORKED
//   Thread     any
//   ISR        no                     Blocks  never
//   Alloc      none                   Cost    two atomic additions
//   Source     SPEC R3, L3, M4, B4
AIMDB_API aimdb_err
aimdb_subscribe(aimdb_record *record, aimdb_reader *reader);

// aimdb_observe gives a reader a view of a record that never takes anything from it.
//
// On a mailbox the reader sees each new value as a SingleLatest reader would, and leaves it for the
// consumers. On the other buffers it is aimdb_subscribe.
//
//   record     what to look at
//   reader     memory of the caller; written only on AIMDB_OK
//   Returns    as aimdb_subscribe
//   Thread     any
//   ISR        no                     Blocks  never
//   Alloc      none                   Cost    two atomic additions
//   Source     SPEC M5
AIMDB_API aimdb_err
aimdb_observe(aimdb_record *record, aimdb_reader *reader);

// aimdb_unsubscribe ends a reader.
//
//   reader     a subscribed reader; NULL, one that is all zero, or one already ended: nothing happens
//   Returns    nothing
//   Thread     the reader's own
//   ISR        no                     Blocks  never
//   Alloc      none; the last reader of a freed database releases its memory
//   Cost       two atomic additions
//   Source     SPEC B4; docs/lifecycle.md
AIMDB_API void
aimdb_unsubscribe(aimdb_reader *reader);

// aimdb_try_recv takes the next value this reader has not seen.
//
// A reader that fell behind gets AIMDB_ELAGGED once, with no value; aimdb_missed_by() tells how
// many, and the next call yields the oldest value still held.
//
//   reader     a subscribed reader
//   out        size bytes; written only on AIMDB_OK
//   size       must be the size of the record's type
//   Returns    AIMDB_OK, _EEMPTY, _ELAGGED, _ECLOSED, _EFORKED, _EINVAL, _ETYPE
//   Thread     one thread per reader; readers never disturb each other
//   ISR        yes                    Blocks  never (wait-free on a ring)
//   Alloc      none                   Cost    one copy of the value
//   Source     SPEC R2-R8, L2-L4, M2
AIMDB_API AIMDB_MUST_CHECK aimdb_err
aimdb_try_recv(aimdb_reader *reader, void *out, size_t size);

// aimdb_recv takes the next value, waiting for it until a deadline.
//
//   reader     a subscribed reader
//   out        size bytes; written only on AIMDB_OK
//   size       must be the size of the record's type
//   deadline   absolute, on aimdb_clock(); AIMDB_FOREVER waits without limit; one in the past looks
//              once
//   Returns    AIMDB_OK, _ELAGGED, _ETIMEDOUT, _ECLOSED, _EFORKED, _EINVAL, _ETYPE; _ENOTSUP when it
//              would have to wait for a static record, over which nobody sleeps
//   Thread     one thread per reader; not from callbacks of the pool's workers
//   ISR        no                     Blocks  until a value, the deadline or the close
//   Alloc      none                   Cost    one copy; two system calls when it has to sleep
//   Source     SPEC R2-R8, L2-L4, M2, X3
AIMDB_API AIMDB_MUST_CHECK aimdb_err
aimdb_recv(aimdb_reader *reader, void *out, size_t size, aimdb_time deadline);

// aimdb_select waits until one of several readers has something to read.
//
// Gives the index of a reader whose next aimdb_try_recv yields a value, AIMDB_ELAGGED or
// AIMDB_ECLOSED: of those that have something the one that was chosen longest ago, so a busy reader
// does not starve the others. Read it, and select again; leave out a reader that is closed, or it is
// chosen again and again. AIMDB_EEMPTY from the chosen reader is no mistake: another reader of its
// mailbox may have been faster, and so may a writer that overwrites the value just now. Threads that
// select in one database may wake each other for nothing: they look, and sleep on.
//
//   readers    of one database, of any types and buffers; of typed readers the addresses of .raw
//   n          how many; at least one
//   deadline   absolute, on aimdb_clock(); AIMDB_FOREVER waits without limit; one in the past looks
//              once
//   Returns    an index into readers, or AIMDB_ETIMEDOUT, _EFORKED, _EINVAL (n is 0, a NULL, a
//              reader that is not subscribed, readers of different databases);
//              _ENOTSUP (a reader of a static record)
//   Thread     the readers' own; not from callbacks of the pool's workers
//   ISR        no                     Blocks  until there is something to read, or the deadline
//   Alloc      none                   Cost    one look at each reader; when it has to sleep two
//              atomic additions for each, another look, and two or three system calls
//   Source     SPEC S1, S2, X3
AIMDB_API AIMDB_MUST_CHECK ptrdiff_t
aimdb_select(aimdb_reader *const *readers, size_t n, aimdb_time deadline);

// aimdb_drain takes many values at once.
//
// A gap is only ever before the first value returned: a drain ends early rather than hide a gap in
// its middle; the next call reports it.
//
//   reader     a subscribed reader
//   values     room for max values of size bytes, from the first on; those behind the ones returned
//              may have been written to
//   size       must be the size of the record's type
//   max        how many at the most
//   missed     how many values were missed just before the first one; NULL if not wanted; written
//              also when nothing is returned
//   Returns    how many values were taken; 0 when there is none, the reader is closed, or an
//              argument is bad
//   Thread     one thread per reader
//   ISR        yes                    Blocks  never
//   Alloc      none                   Cost    one copy a value, one validation a block
//   Source     SPEC R4, R7
AIMDB_API size_t
aimdb_drain(aimdb_reader *reader, void *values, size_t size, size_t max, uint64_t *missed);

// aimdb_missed_by tells how many values the last AIMDB_ELAGGED of this reader stood for.
//
//   reader     a subscribed reader
//   Returns    the number of the last lag; 0 before the first
//   Thread     the reader's own
//   ISR        yes                    Blocks  never
//   Alloc      none                   Cost    one load
//   Source     SPEC R4, R5
AIMDB_API uint64_t
aimdb_missed_by(const aimdb_reader *reader);

// aimdb_peek copies the current value without taking it or marking it as seen.
//
//   record     a SingleLatest or a mailbox
//   out        size bytes; written only on AIMDB_OK
//   size       must be the size of the record's type
//   Returns    AIMDB_OK, _EEMPTY (nothing pushed, or the mailbox' value was taken), _ENOTSUP (a
//              ring), _EINVAL, _ETYPE, _EFORKED
//   Thread     any
//   ISR        yes                    Blocks  never
//   Alloc      none                   Cost    one copy of the value
//   Source     SPEC R7, L5, M4, M5
AIMDB_API AIMDB_MUST_CHECK aimdb_err
aimdb_peek(aimdb_record *record, void *out, size_t size);

// aimdb_record_key gives a record's key.
//
//   record     a record
//   Returns    the key, valid as long as the record; NULL for NULL
//   Thread     any
//   ISR        yes                    Blocks  never
//   Alloc      none                   Cost    none
//   Source     SPEC section 1
AIMDB_API const char *
aimdb_record_key(const aimdb_record *record);

// aimdb_record_type gives the type a record was configured with.
//
//   record     a record
//   Returns    the descriptor; NULL for NULL
//   Thread     any
//   ISR        yes                    Blocks  never
//   Alloc      none                   Cost    none
//   Source     SPEC B5
AIMDB_API const aimdb_type *
aimdb_record_type(const aimdb_record *record);

// aimdb_record_buffer tells how a record's values move.
//
//   record     a record
//   Returns    the buffer; AIMDB_BUFFER_NONE for NULL
//   Thread     any
//   ISR        yes                    Blocks  never
//   Alloc      none                   Cost    none
//   Source     SPEC section 3
AIMDB_API aimdb_buffer
aimdb_record_buffer(const aimdb_record *record);

AIMDB_END

#endif
