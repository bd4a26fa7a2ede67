// SPDX-License-Identifier: Apache-2.0
// What producer functions, sources and consumers may ask of the context they are given.
#ifndef AIMDB_CONTEXT_H
#define AIMDB_CONTEXT_H

#include <aimdb/record.h>

AIMDB_BEGIN

// Names one value that an asynchronous consumer still works on. Plain data, may be copied.
typedef struct aimdb_token {
    aimdb_task *task_;
    size_t turn_;
} aimdb_token;

// aimdb_user gives back the pointer the callback was registered with.
//
//   ctx        what the callback was given
//   Returns    the pointer, NULL if that was it
//   Thread     the callback's own
//   ISR        no                     Blocks  never
//   Alloc      none                   Cost    one load
//   Source     SPEC section 11
AIMDB_API void *
aimdb_user(const aimdb_ctx *ctx);

// aimdb_now reads the executor's clock: real time on threads, virtual time in a simulation.
//
//   ctx        what the callback was given
//   Returns    nanoseconds on the clock of aimdb_clock()
//   Thread     the callback's own
//   ISR        no                     Blocks  never
//   Alloc      none                   Cost    one clock read
//   Source     SPEC section 11
AIMDB_API aimdb_time
aimdb_now(const aimdb_ctx *ctx);

// aimdb_every computes a source's next step on an absolute grid, so that periods do not drift.
//
// The grid starts when the source's first step is due. Points of it that have passed already are left
// out. They count as overruns in the source's statistics once the source returns the answer, and the
// log says so, at most once a second: call this last. A source that returns a time which is not after
// the one its step was due is called again at once, and its grid starts anew.
//
//   ctx        of a source; in other callbacks it is now + period
//   period     nanoseconds, at least 1; less counts as 1
//   Returns    the absolute time to return from the source
//   Thread     the callback's own
//   ISR        no                     Blocks  never
//   Alloc      none                   Cost    one clock read
//   Source     SPEC D7
AIMDB_API aimdb_time
aimdb_every(aimdb_ctx *ctx, aimdb_time period);

// aimdb_missed tells a consumer how many values it missed just before this one.
//
//   ctx        of a consumer; elsewhere the answer is 0
//   Returns    the number of values lost to lag between the previous call and this one
//   Thread     the callback's own
//   ISR        no                     Blocks  never
//   Alloc      none                   Cost    one load
//   Source     SPEC R4, D1
AIMDB_API uint64_t
aimdb_missed(const aimdb_ctx *ctx);

// aimdb_joined gives the value that a join was called with, if it is of the expected type.
//
//   ctx        of a join
//   value      what the join was called with
//   type       what it should be
//   Returns    value; NULL if its record holds another type, or an argument is NULL
//   Thread     the callback's own
//   ISR        no                     Blocks  never
//   Alloc      none                   Cost    one comparison, of two names at the most
//   Source     SPEC D8, B5
AIMDB_API const void *
aimdb_joined(const aimdb_ctx *ctx, const void *value, const aimdb_type *type);

// aimdb_defer announces that the consumer will finish this value later.
//
// The consumer then returns AIMDB_EPENDING, and gets its next value only after aimdb_done. The
// value it was given is valid only until it returns: copy what is needed.
//
//   ctx        of a consumer
//   Returns    a token for aimdb_done; a token of nothing from other callbacks
//   Thread     the callback's own
//   ISR        no                     Blocks  never
//   Alloc      none                   Cost    two atomic operations
//   Source     SPEC D3
AIMDB_API aimdb_token
aimdb_defer(aimdb_ctx *ctx);

// aimdb_done ends what aimdb_defer began.
//
// It may be called before the consumer has returned AIMDB_EPENDING. A token that is not yet done
// outlives the close and the free of its database; done then only releases what it held. A token that
// was used, or whose consumer did not return AIMDB_EPENDING, is dead once the database is freed.
//
//   token      from aimdb_defer
//   err        AIMDB_OK, or an error to count on the consumer
//   Returns    AIMDB_OK; _EINVAL if the token was already used, cancelled, or never valid
//   Thread     any
//   ISR        no                     Blocks  never
//   Alloc      none                   Cost    two atomic operations and perhaps a wake
//   Source     SPEC D3
AIMDB_API aimdb_err
aimdb_done(aimdb_token token, aimdb_err err);

AIMDB_END

#endif
