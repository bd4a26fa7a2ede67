// SPDX-License-Identifier: Apache-2.0
// What every other header of AimDB rests on: exports, errors, time, and the machine word.
#ifndef AIMDB_BASE_H
#define AIMDB_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AIMDB_VERSION_MAJOR 0
#define AIMDB_VERSION_MINOR 1
#define AIMDB_VERSION_PATCH 0

#if defined(AIMDB_STATIC_BUILD)
#define AIMDB_API
#else
#define AIMDB_API __attribute__((visibility("default")))
#endif
#define AIMDB_MUST_CHECK __attribute__((warn_unused_result))

#ifdef __cplusplus
#define AIMDB_BEGIN extern "C" {
#define AIMDB_END }
#define AIMDB_STATIC_ASSERT(claim, text) static_assert(claim, text)
#define AIMDB_ALIGNOF(T) alignof(T)
#else
#define AIMDB_BEGIN
#define AIMDB_END
#define AIMDB_STATIC_ASSERT(claim, text) _Static_assert(claim, text)
#define AIMDB_ALIGNOF(T) _Alignof(T)
#endif

AIMDB_BEGIN

// Every error, once: name and text. Zero is success, errors are negative. SPEC section 9.
#define AIMDB_ERRORS(X)                                                                            \
    X(OK, 0, "success")                                                                            \
    X(EEMPTY, -1, "nothing to read yet")                                                           \
    X(ELAGGED, -2, "the reader was overrun; values were missed")                                   \
    X(ECLOSED, -3, "the database is not open")                                                     \
    X(ETIMEDOUT, -4, "the deadline passed")                                                        \
    X(EPENDING, -5, "accepted; it will be finished later")                                         \
    X(EINVAL, -6, "a bad argument")                                                                \
    X(ECONFIG, -7, "the configuration has mistakes")                                               \
    X(ENOMEM, -8, "out of memory")                                                                 \
    X(ENOTSUP, -9, "this buffer does not support the operation")                                   \
    X(ENOTFOUND, -10, "no record has this key")                                                    \
    X(ETYPE, -11, "the record holds another type")                                                 \
    X(ELOOP, -12, "producer functions emit into each other too deeply")                            \
    X(EBUSY, -13, "in use right now")                                                              \
    X(EFORKED, -14, "the database belongs to the parent process")                                  \
    X(EIO, -15, "the operating system refused")

typedef enum aimdb_err {
#define AIMDB_ERROR_ENUM_(name, value, text) AIMDB_##name = (value),
    AIMDB_ERRORS(AIMDB_ERROR_ENUM_)
#undef AIMDB_ERROR_ENUM_
} aimdb_err;

// Nanoseconds on the monotonic clock, or a span of nanoseconds.
typedef int64_t aimdb_time;
#define AIMDB_NS(n) ((aimdb_time) (n))
#define AIMDB_US(n) ((aimdb_time) (n) *1000)
#define AIMDB_MS(n) ((aimdb_time) (n) *1000000)
#define AIMDB_SEC(n) ((aimdb_time) (n) *1000000000)
#define AIMDB_FOREVER INT64_MAX // as a deadline: wait without limit; from a source: never again

// One machine word that only the library touches, always atomically.
typedef struct aimdb_word {
    size_t word_;
} aimdb_word;

// The same, of 32 bits: threads can sleep on it. Private.
typedef struct aimdbi_signal {
    uint32_t signal_;
} aimdbi_signal;

// aimdb_err_name gives the constant's name, such as "AIMDB_ELAGGED".
//
//   err        any value; an unknown one yields "AIMDB_EUNKNOWN"
//   Returns    a string constant, never NULL
//   Thread     any
//   ISR        yes                    Blocks  never
//   Alloc      none                   Cost    a table look-up
//   Source     SPEC section 9
AIMDB_API const char *
aimdb_err_name(aimdb_err err);

// aimdb_err_text says in a few words what the error means.
//
//   err        any value; an unknown one yields "an unknown error"
//   Returns    a string constant, never NULL
//   Thread     any
//   ISR        yes                    Blocks  never
//   Alloc      none                   Cost    a table look-up
//   Source     SPEC section 9
AIMDB_API const char *
aimdb_err_text(aimdb_err err);

// aimdb_clock reads the monotonic clock that all deadlines and periods refer to.
//
//   Returns    nanoseconds since an arbitrary start, never going backwards
//   Thread     any
//   ISR        yes                    Blocks  never
//   Alloc      none                   Cost    one clock read of the port
//   Source     SPEC section 11
AIMDB_API aimdb_time
aimdb_clock(void);

// aimdb_version names the library that is running, which may be newer than the header.
//
//   Returns    "major.minor.patch", a string constant
//   Thread     any
//   ISR        yes                    Blocks  never
//   Alloc      none                   Cost    none
//   Source     Semantic Versioning 2.0.0
AIMDB_API const char *
aimdb_version(void);

AIMDB_END

#endif
