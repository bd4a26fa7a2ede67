// SPDX-License-Identifier: Apache-2.0
// Executors lend dispatchers and sources their threads.
#ifndef AIMDB_EXECUTOR_H
#define AIMDB_EXECUTOR_H

#include <aimdb/base.h>

AIMDB_BEGIN

typedef struct aimdb_executor aimdb_executor;

// How a pool is made. Zero in a member means its default. Set .size = sizeof, or leave it 0.
typedef struct aimdb_pool_options {
    size_t size;
    uint32_t threads;          // workers that run consumers; default: one per processor
    uint32_t blocking_threads; // at most so many for blocking consumers; default: one for each
    uint32_t spin_us;          // how long an idle worker spins before it sleeps, us; default: 0
} aimdb_pool_options;

// aimdb_pool_new makes an executor of threads.
//
// Threads exist while a database of this executor is open: the workers, one thread per blocking
// consumer (or blocking_threads of them), and one for the sources if there are any.
//
//   options    NULL: all defaults
//   Returns    the executor; NULL when memory is out or an option is bad (over 1024 threads)
//   Thread     any
//   ISR        no                     Blocks  never
//   Alloc      the executor, once     Cost    microseconds
//   Source     SPEC D4-D6
AIMDB_API aimdb_executor *
aimdb_pool_new(const aimdb_pool_options *options);

// aimdb_executor_free ends an executor.
//
//   executor   with all its databases closed, else the program is stopped; NULL: nothing happens
//   Returns    nothing
//   Thread     any, but none of its own
//   ISR        no                     Blocks  never
//   Alloc      releases               Cost    microseconds
//   Source     docs/lifecycle.md
AIMDB_API void
aimdb_executor_free(aimdb_executor *executor);

AIMDB_END

#endif
