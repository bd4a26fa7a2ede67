// SPDX-License-Identifier: Apache-2.0
// Looking inside: counters of records, tasks and readers, memory, and the record graph. Always on.
// Reading them disturbs nobody; a snapshot taken while values move may be apart by those in flight.
// The caller sets .size = sizeof of each struct it passes in; 0 stands for its size in version 0.1.
#ifndef AIMDB_METRICS_H
#define AIMDB_METRICS_H

#include <aimdb/record.h>

AIMDB_BEGIN

typedef struct aimdb_record_stats {
    size_t size;
    uint64_t produced;    // values that reached the buffer
    uint64_t refused;     // values the producer function turned away
    uint64_t overwritten; // mailbox: values replaced before anybody took them
    aimdb_time last_at;   // time of the last push; 0 without .stamp
    uint32_t capacity;    // as configured
    uint32_t readers;     // subscribed at the moment
    uint32_t consumers;   // attached when it was built
} aimdb_record_stats;

typedef struct aimdb_task_stats {
    size_t size;
    uint64_t received;      // values handed to the consumer; steps taken by a source
    uint64_t missed;        // ring: values lost to lag
    uint64_t skipped;       // latest: values replaced before the consumer saw them
    uint64_t lags;          // times it lagged
    uint64_t errors;        // calls that returned an error
    uint64_t pending;       // values waiting for it now
    uint64_t overruns;      // source: steps left out, their grid points had passed
    aimdb_time latency_p50; // push to call, of a source due to begun; ns, upper edge of its bucket
    aimdb_time latency_p99; // 0 without .stamp on the record, all three
    aimdb_time latency_max;
} aimdb_task_stats;

typedef struct aimdb_reader_stats {
    size_t size;
    uint64_t received;
    uint64_t missed;
    uint64_t skipped;
    uint64_t lags;
    uint64_t pending;
} aimdb_reader_stats;

// Bytes, exactly as asked from the allocator. items + records + tasks + the database itself = total.
typedef struct aimdb_memory_stats {
    size_t size;
    size_t total;
    size_t items;   // slots of the buffers
    size_t records; // the records with their keys
    size_t tasks;   // sources, and consumers with their dispatchers and readers
} aimdb_memory_stats;

// One arrow of the record graph: task (or, where NULL, from's producer function) emits into `to`.
typedef struct aimdb_edge {
    aimdb_record *from; // the record whose consumer, source or producer function emits; what a join
                        // emits stands once for each of its records
    aimdb_task *task;   // NULL: the producer function
    aimdb_record *to;
    bool is_declared;
    bool is_seen;
} aimdb_edge;

// aimdb_record_metrics reads a record's counters.
//
//   record     a record
//   stats      .size set by the caller; the members that fit are written
//   Returns    AIMDB_OK, _EINVAL
//   Thread     any
//   ISR        yes                    Blocks  never
//   Alloc      none                   Cost    a few loads
//   Source     SPEC section 10
AIMDB_API aimdb_err
aimdb_record_metrics(aimdb_record *record, aimdb_record_stats *stats);

// aimdb_task_metrics reads the counters of a consumer's dispatcher or of a source.
//
//   task       a task
//   stats      .size set by the caller; the members that fit are written
//   Returns    AIMDB_OK, _EINVAL
//   Thread     any
//   ISR        yes                    Blocks  never
//   Alloc      none                   Cost    a few loads
//   Source     SPEC section 10
AIMDB_API aimdb_err
aimdb_task_metrics(aimdb_task *task, aimdb_task_stats *stats);

// aimdb_task_input_count tells from how many records a task takes values.
//
//   task       a task
//   Returns    1 for a consumer, more for a join; 0 for a source and for NULL
//   Thread     any
//   ISR        yes                    Blocks  never
//   Alloc      none                   Cost    one load
//   Source     SPEC D8
AIMDB_API size_t
aimdb_task_input_count(const aimdb_task *task);

// aimdb_task_input_record gives a record that a task takes values from.
//
//   task       a task
//   index      from 0, in the order it was added with
//   Returns    the record; NULL past the end
//   Thread     any
//   ISR        yes                    Blocks  never
//   Alloc      none                   Cost    one load
//   Source     SPEC D8
AIMDB_API aimdb_record *
aimdb_task_input_record(const aimdb_task *task, size_t index);

// aimdb_task_input_metrics reads the counters of a task for one of its records.
//
// aimdb_task_metrics gives the sums over all of them: here a join tells which record it is slow for.
//
//   task       a task
//   index      from 0, in the order it was added with
//   stats      .size set by the caller; the members that fit are written
//   Returns    AIMDB_OK, _EINVAL (also past the end, and for a source)
//   Thread     any
//   ISR        yes                    Blocks  never
//   Alloc      none                   Cost    a few loads
//   Source     SPEC D8, section 10
AIMDB_API aimdb_err
aimdb_task_input_metrics(aimdb_task *task, size_t index, aimdb_reader_stats *stats);

// aimdb_reader_metrics reads a reader's counters.
//
//   reader     a subscribed reader
//   stats      .size set by the caller; the members that fit are written
//   Returns    AIMDB_OK, _EINVAL
//   Thread     any, while the reader is subscribed
//   ISR        yes                    Blocks  never
//   Alloc      none                   Cost    a few loads
//   Source     SPEC section 10
AIMDB_API aimdb_err
aimdb_reader_metrics(const aimdb_reader *reader, aimdb_reader_stats *stats);

// aimdb_memory tells the exact bytes a database uses.
//
//   db         a database
//   stats      .size set by the caller; the members that fit are written
//   Returns    AIMDB_OK, _EINVAL
//   Thread     any
//   ISR        yes                    Blocks  never
//   Alloc      none                   Cost    none
//   Source     SPEC B6, section 8
AIMDB_API aimdb_err
aimdb_memory(const aimdb *db, aimdb_memory_stats *stats);

// aimdb_record_memory tells the bytes of one record: its slots, itself, its tasks.
//
//   record     a record, before the build or after
//   stats      .size set by the caller; the members that fit are written
//   Returns    AIMDB_OK, _EINVAL, _ENOTSUP (a static record is memory of the program)
//   Thread     any
//   ISR        yes                    Blocks  never
//   Alloc      none                   Cost    one step a task
//   Source     SPEC B6, section 8
AIMDB_API aimdb_err
aimdb_record_memory(const aimdb_record *record, aimdb_memory_stats *stats);

// aimdb_record_count tells how many records a database has.
//
//   db         a database
//   Returns    the number; 0 for NULL
//   Thread     any
//   ISR        yes                    Blocks  never
//   Alloc      none                   Cost    one load
//   Source     SPEC section 11
AIMDB_API size_t
aimdb_record_count(const aimdb *db);

// aimdb_record_at gives a record by its place in the order of registration.
//
//   db         a database
//   index      from 0
//   Returns    the record; NULL past the end
//   Thread     any
//   ISR        yes                    Blocks  never
//   Alloc      none                   Cost    one load
//   Source     SPEC section 11
AIMDB_API aimdb_record *
aimdb_record_at(const aimdb *db, size_t index);

// aimdb_record_task gives the consumers and sources of a record in the order of registration.
//
//   record     a record
//   index      from 0
//   Returns    the task; NULL past the end
//   Thread     any
//   ISR        yes                    Blocks  never
//   Alloc      none                   Cost    one step a task
//   Source     SPEC section 10
AIMDB_API aimdb_task *
aimdb_record_task(const aimdb_record *record, size_t index);

// aimdb_task_name gives the name a task was registered with, or one made from its number.
//
//   task       a task
//   Returns    the name, valid as long as the task; NULL for NULL
//   Thread     any
//   ISR        yes                    Blocks  never
//   Alloc      none                   Cost    none
//   Source     SPEC section 10
AIMDB_API const char *
aimdb_task_name(const aimdb_task *task);

// aimdb_task_is_source tells sources from consumers.
//
//   task       a task
//   Returns    true for a source
//   Thread     any
//   ISR        yes                    Blocks  never
//   Alloc      none                   Cost    none
//   Source     SPEC section 1
AIMDB_API bool
aimdb_task_is_source(const aimdb_task *task);

// aimdb_edges lists the emissions that were declared or have been seen.
//
// The table has room for every declared edge and one or more for each task and record; edges seen
// beyond that may be left out, which the log says once.
//
//   db         a database
//   edges      room for max; may be NULL with max 0
//   max        how many to write at the most
//   Returns    how many there are
//   Thread     any
//   ISR        no                     Blocks  never
//   Alloc      none                   Cost    one step a slot of the table
//   Source     SPEC E3
AIMDB_API size_t
aimdb_edges(const aimdb *db, aimdb_edge *edges, size_t max);

AIMDB_END

#endif
