// SPDX-License-Identifier: Apache-2.0
// Building a database, running it, and ending it.
#ifndef AIMDB_BUILDER_H
#define AIMDB_BUILDER_H

#include <aimdb/executor.h>
#include <aimdb/record.h>

#if __STDC_HOSTED__
#include <stdio.h>
#endif

AIMDB_BEGIN

typedef struct aimdb_builder aimdb_builder;
struct aimdb_memory_stats; // <aimdb/metrics.h>

typedef enum aimdb_log_level { AIMDB_LOG_ERROR, AIMDB_LOG_WARNING, AIMDB_LOG_INFO } aimdb_log_level;

// Called with one line of text, no newline at its end. From any thread, also from several at once.
typedef void (*aimdb_log_fn)(void *user, aimdb_log_level level, const char *line);

// Where a database's memory comes from. `alloc` returns NULL when there is none; `align` is a power
// of two and `size` a multiple of it. `release` gets the same size back.
typedef struct aimdb_allocator {
    void *(*alloc)(void *user, size_t size, size_t align);
    void (*release)(void *user, void *memory, size_t size);
    void *user;
} aimdb_allocator;

// Set .size = sizeof, or leave it 0.
typedef struct aimdb_builder_options {
    size_t size;
    const aimdb_allocator *allocator; // NULL: the port's (malloc on POSIX); copied
    size_t memory_limit;              // bytes the database may use; 0: no limit
} aimdb_builder_options;

// Set .size = sizeof, or leave it 0.
typedef struct aimdb_consumer_options {
    size_t size;
    const char *name; // for logs and tools; copied; NULL: "consumer-1", "consumer-2" ...
    bool blocking;    // it may block: run it where it holds up nobody else (D4)
} aimdb_consumer_options;

// Set .size = sizeof, or leave it 0.
typedef struct aimdb_source_options {
    size_t size;
    const char *name; // for logs and tools; copied; NULL: "source-1", "source-2" ...
    uint32_t lane;    // of the executor's source lanes, from 0; those without lanes ignore it
} aimdb_source_options;

// A consumer of several records: `index` is the place of the value's record among those it was added
// with; `value` is of that record's type, and valid during the call.
typedef aimdb_err
aimdb_join_fn(aimdb_ctx *ctx, size_t index, const void *value);

// What happened from the moment closing began.
typedef struct aimdb_close_report {
    size_t size;
    uint64_t delivered; // values handed to consumers
    uint64_t lost;      // values in buffers that no consumer got any more
    bool timed_out;     // the deadline passed before all was quiet
} aimdb_close_report;

// aimdb_builder_new starts the description of a database.
//
//   executor   lends the threads; NULL is a mistake that aimdb_build reports
//   Returns    the builder; NULL when memory is out
//   Thread     any
//   ISR        no                     Blocks  never
//   Alloc      the builder            Cost    one allocation
//   Source     SPEC section 4
AIMDB_API aimdb_builder *
aimdb_builder_new(aimdb_executor *executor);

// aimdb_builder_new_with is aimdb_builder_new with an allocator of the caller's and a memory limit.
//
//   executor   lends the threads; NULL is a mistake that aimdb_build reports
//   options    NULL: all defaults
//   Returns    the builder; NULL when memory is out or the options are bad
//   Thread     any
//   ISR        no                     Blocks  never
//   Alloc      the builder            Cost    one allocation
//   Source     SPEC B1, B6
AIMDB_API aimdb_builder *
aimdb_builder_new_with(aimdb_executor *executor, const aimdb_builder_options *options);

// aimdb_builder_free ends a builder. The database it built lives on.
//
//   builder    NULL: nothing happens. Records of a builder that never built are gone with it
//   Returns    nothing
//   Thread     one at a time
//   ISR        no                     Blocks  never
//   Alloc      releases               Cost    one step a record that was not built
//   Source     docs/lifecycle.md
AIMDB_API void
aimdb_builder_free(aimdb_builder *builder);

// aimdb_set_log installs the hook that gets the library's messages. It prints nothing itself.
//
//   builder    whose database is meant
//   fn         NULL: silence
//   user       passed to fn
//   Returns    nothing
//   Thread     one at a time, before aimdb_build
//   ISR        no                     Blocks  never
//   Alloc      none                   Cost    none
//   Source     SPEC section 9
AIMDB_API void
aimdb_set_log(aimdb_builder *builder, aimdb_log_fn fn, void *user);

// aimdb_configure registers a record.
//
// Mistakes are collected and reported by aimdb_build. The handle is of use after the build.
//
//   builder    to register with
//   key        the record's name, up to 255 bytes; copied
//   type       what its values are; must outlive the database
//   cfg        how they move
//   Returns    the record; NULL when memory is out or an argument is NULL (a mistake as well)
//   Thread     one at a time
//   ISR        no                     Blocks  never
//   Alloc      the record             Cost    one allocation
//   Source     SPEC B1, B5
AIMDB_API aimdb_record *
aimdb_configure(aimdb_builder *builder, const char *key, const aimdb_type *type,
                aimdb_buffer_cfg cfg);

// aimdb_set_producer gives a record its producer function.
//
// Use the typed wrapper: it makes sure of the function's type.
//
//   builder    the record's own
//   record     which
//   fn         called by the record's type
//   user       what aimdb_user gives it
//   Returns    nothing; mistakes are collected
//   Thread     one at a time
//   ISR        no                     Blocks  never
//   Alloc      none                   Cost    none
//   Source     SPEC P2
AIMDB_API void
aimdb_set_producer(aimdb_builder *builder, aimdb_record *record, aimdb_fn fn, void *user);

// aimdb_add_source registers a task that generates values for a record.
//
//   builder    the record's own
//   record     what the source is given to emit into
//   fn         called by the record's type; returns when to be called next, AIMDB_FOREVER: never
//   user       what aimdb_user gives it
//   Returns    the task; NULL on a mistake, which is collected
//   Thread     one at a time
//   ISR        no                     Blocks  never
//   Alloc      the task               Cost    one allocation
//   Source     SPEC D7
AIMDB_API aimdb_task *
aimdb_add_source(aimdb_builder *builder, aimdb_record *record, aimdb_fn fn, void *user);

// aimdb_add_source_with is aimdb_add_source with a name of the caller's and a source lane.
//
// Sources of one lane wait for each other; those of different lanes do not. How many lanes there are,
// and with what priority and on which processors each runs, is the executor's: aimdb_pool_options.
//
//   builder    the record's own
//   record     what the source is given to emit into
//   fn         called by the record's type; returns when to be called next, AIMDB_FOREVER: never
//   user       what aimdb_user gives it
//   options    NULL: all defaults
//   Returns    the task; NULL on a mistake, which is collected
//   Thread     one at a time
//   ISR        no                     Blocks  never
//   Alloc      the task               Cost    one allocation
//   Source     SPEC D7; docs/adr/0009
AIMDB_API aimdb_task *
aimdb_add_source_with(aimdb_builder *builder, aimdb_record *record, aimdb_fn fn, void *user,
                      const aimdb_source_options *options);

// aimdb_add_consumer registers a function to be called with each value of a record.
//
//   builder    the record's own
//   record     what to consume
//   fn         called by the record's type
//   user       what aimdb_user gives it
//   options    NULL: all defaults
//   Returns    the dispatcher; NULL on a mistake, which is collected
//   Thread     one at a time
//   ISR        no                     Blocks  never
//   Alloc      the task               Cost    one allocation
//   Source     SPEC B2, D1-D4
AIMDB_API aimdb_task *
aimdb_add_consumer(aimdb_builder *builder, aimdb_record *record, aimdb_fn fn, void *user,
                   const aimdb_consumer_options *options);

// aimdb_add_join registers one function to be called with each value of several records.
//
// One dispatcher has a reader in each of them. It calls strictly one after another: values of one
// record in order, and the records take turns, so that a busy one does not starve the others. In all
// else it is a consumer of each: lag is told for each record, and it may finish later or emit.
//
//   builder    of all the records
//   records    which, each once, each with a buffer; the array is copied
//   n          how many, from 1 to AIMDB_JOIN_MAX
//   fn         called with the place of the value's record in the array, and the value
//   user       what aimdb_user gives it
//   Returns    the dispatcher; NULL on a mistake, which is collected
//   Thread     one at a time
//   ISR        no                     Blocks  never
//   Alloc      the task               Cost    one allocation
//   Source     SPEC D8, B1, B2; docs/adr/0011
AIMDB_API aimdb_task *
aimdb_add_join(aimdb_builder *builder, aimdb_record *const *records, size_t n, aimdb_join_fn *fn,
               void *user);

// aimdb_add_join_with is aimdb_add_join with the options of a consumer.
//
//   builder    of all the records
//   records    which, each once, each with a buffer; the array is copied
//   n          how many, from 1 to AIMDB_JOIN_MAX
//   fn         called with the place of the value's record in the array, and the value
//   user       what aimdb_user gives it
//   options    NULL: all defaults
//   Returns    the dispatcher; NULL on a mistake, which is collected
//   Thread     one at a time
//   ISR        no                     Blocks  never
//   Alloc      the task               Cost    one allocation
//   Source     SPEC D8, D4, B1, B2; docs/adr/0011
AIMDB_API aimdb_task *
aimdb_add_join_with(aimdb_builder *builder, aimdb_record *const *records, size_t n,
                    aimdb_join_fn *fn, void *user, const aimdb_consumer_options *options);

// aimdb_add_transform derives one record from another: a value of `in` makes at most one of `out`.
//
// Use AIMDB_TRANSFORM of <aimdb/typed.h>: it makes sure of the types. What the function leaves in its
// last argument (all bytes 0 before) is emitted, through the producer function of `out`; if it returns
// false, nothing is. An emission that is refused counts as an error of the transform. The edge is part
// of the graph. Transforms that form a circle are a mistake that aimdb_build reports with the keys.
//
//   builder    of both
//   in         what is consumed
//   out        what is derived from it; has a buffer
//   call       gives fn its own type back and calls it
//   fn         the transform
//   user       what aimdb_user gives it
//   Returns    the dispatcher; NULL on a mistake, which is collected
//   Thread     one at a time
//   ISR        no                     Blocks  never
//   Alloc      the task and the edge  Cost    two allocations
//   Source     SPEC E4
AIMDB_API aimdb_task *
aimdb_add_transform(aimdb_builder *builder, aimdb_record *in, aimdb_record *out,
                    aimdb_transform_call call, aimdb_fn fn, void *user);

// aimdb_emitted_by declares that a task emits into a record, for the graph that tools show.
//
//   builder    of both
//   record     where the emissions go
//   task       which emits
//   Returns    nothing; mistakes are collected
//   Thread     one at a time
//   ISR        no                     Blocks  never
//   Alloc      a note of it           Cost    one allocation
//   Source     SPEC E3, B1
AIMDB_API void
aimdb_emitted_by(aimdb_builder *builder, aimdb_record *record, aimdb_task *task);

// aimdb_builder_memory tells the exact bytes the database will use, before it is built.
//
//   builder    a builder
//   stats      struct aimdb_memory_stats with .size set; the members that fit are written
//   Returns    AIMDB_OK, _EINVAL
//   Thread     one at a time
//   ISR        no                     Blocks  never
//   Alloc      none                   Cost    one step a record and task
//   Source     SPEC B6
AIMDB_API aimdb_err
aimdb_builder_memory(const aimdb_builder *builder, struct aimdb_memory_stats *stats);

// aimdb_build checks everything, then starts one dispatcher per consumer and every source.
//
// If anything is wrong nothing is started, and every mistake is in the report; the builder stays
// the caller's. After a success the builder is spent; it may be freed at once.
//
//   builder    what to build
//   ret_db     the database; written only on AIMDB_OK
//   Returns    AIMDB_OK, _ECONFIG (see the report), _ENOMEM, _EIO (no thread to be had, or not with
//              the priority or processors the executor was asked for), _EBUSY (built already),
//              _EFORKED (the executor is the parent's), _EINVAL
//   Thread     one at a time
//   ISR        no                     Blocks  until the threads are made
//   Alloc      all that the database will ever use
//   Cost       about a microsecond a record
//   Source     SPEC B1-B4
AIMDB_API AIMDB_MUST_CHECK aimdb_err
aimdb_build(aimdb_builder *builder, aimdb **ret_db);

// aimdb_builder_mistakes tells how many mistakes were found so far.
//
//   builder    a builder
//   Returns    the number; 0 for NULL
//   Thread     one at a time
//   ISR        no                     Blocks  never
//   Alloc      none                   Cost    none
//   Source     SPEC B1
AIMDB_API size_t
aimdb_builder_mistakes(const aimdb_builder *builder);

// aimdb_builder_mistake gives one mistake as a line of text that names the record's key.
//
//   builder    a builder
//   index      from 0
//   Returns    the text, valid as long as the builder; NULL past the end
//   Thread     one at a time
//   ISR        no                     Blocks  never
//   Alloc      none                   Cost    one step a mistake
//   Source     SPEC B1
AIMDB_API const char *
aimdb_builder_mistake(const aimdb_builder *builder, size_t index);

#if __STDC_HOSTED__
// aimdb_builder_report prints every mistake, one a line.
//
//   builder    a builder
//   out        where to
//   Returns    nothing
//   Thread     one at a time
//   ISR        no                     Blocks  as the stream does
//   Alloc      none                   Cost    one line a mistake
//   Source     SPEC B1
AIMDB_API void
aimdb_builder_report(const aimdb_builder *builder, FILE *out);
#endif

// aimdb_find looks a record up by its key.
//
//   db         where to look
//   key        the whole key
//   type       checked against the record's; NULL: any
//   ret_record written only on AIMDB_OK
//   Returns    AIMDB_OK, _ENOTFOUND, _ETYPE, _EINVAL
//   Thread     any
//   ISR        no                     Blocks  never
//   Alloc      none                   Cost    a binary search
//   Source     SPEC B5
AIMDB_API AIMDB_MUST_CHECK aimdb_err
aimdb_find(const aimdb *db, const char *key, const aimdb_type *type, aimdb_record **ret_record);

// aimdb_run blocks until aimdb_stop.
//
//   db         an open database
//   Returns    AIMDB_OK once asked to stop, _ECLOSED when it is closed, _EFORKED, _EINVAL
//   Thread     any but the executor's own
//   ISR        no                     Blocks  until aimdb_stop or aimdb_close
//   Alloc      none                   Cost    none while it sleeps
//   Source     SPEC X4
AIMDB_API aimdb_err
aimdb_run(aimdb *db);

// aimdb_stop asks aimdb_run to return. It only asks.
//
//   db         a database; NULL: nothing happens
//   Returns    nothing
//   Thread     any, signal handlers included (async-signal-safe)
//   ISR        yes                    Blocks  never
//   Alloc      none                   Cost    one store and a wake
//   Source     SPEC X4
AIMDB_API void
aimdb_stop(aimdb *db);

// aimdb_close ends a database in good order.
//
// Sources stop; values from outside are refused with AIMDB_ECLOSED; dispatchers drain, and what they
// emit still goes through; when all is quiet or the deadline passes, the buffers close. Close waits
// for calls of consumers that are in progress, also beyond the deadline: once it returns no consumer
// and no source runs (a producer function runs inside the produce of a thread of yours). A second
// close waits for the first and gives the same report. From inside a callback of the same executor
// close only begins: it returns AIMDB_EPENDING at once, aimdb_run returns, and the next close or free
// from outside completes it. Records can be read until the free.
//
//   db         what to close
//   deadline   absolute, on aimdb_clock(), for the draining
//   ret_report NULL if not wanted; .size set by the caller; written only on AIMDB_OK
//   Returns    AIMDB_OK once closed, also when report.timed_out; _EPENDING, _EFORKED, _EINVAL
//   Thread     any
//   ISR        no                     Blocks  until closed
//   Alloc      none                   Cost    one step a task
//   Source     SPEC X1-X3; docs/adr/0006
AIMDB_API aimdb_err
aimdb_close(aimdb *db, aimdb_time deadline, aimdb_close_report *ret_report);

// aimdb_free releases a database; it closes it first, with a deadline of now, if need be.
//
// Subscribed readers and unfinished tokens keep the memory until they end. In the child of a fork it
// only releases memory.
//
//   db         NULL: nothing happens
//   Returns    nothing
//   Thread     one, and not inside a callback of the same executor: that stops the program
//   ISR        no                     Blocks  as aimdb_close
//   Alloc      releases               Cost    one step a record and task
//   Source     SPEC X1; docs/lifecycle.md
AIMDB_API void
aimdb_free(aimdb *db);

AIMDB_END

#endif
