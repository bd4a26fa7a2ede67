// SPDX-License-Identifier: Apache-2.0
// Executors lend dispatchers and sources their threads.
#ifndef AIMDB_EXECUTOR_H
#define AIMDB_EXECUTOR_H

#include <aimdb/base.h>

AIMDB_BEGIN

typedef struct aimdb_executor aimdb_executor;

// A pool has at most so many source lanes.
#define AIMDB_SOURCE_LANES_MAX 64

// How the thread of a source lane runs. Zero in a member means as the thread that builds the database.
// Set .size = sizeof in the first one of an array, or leave it 0.
typedef struct aimdb_lane_options {
    size_t size;
    uint64_t cpus;     // bit n: may run on processor n, of the first 64
    uint32_t priority; // 1 to 99: under SCHED_FIFO with this priority
} aimdb_lane_options;

// How a pool is made. Zero in a member means its default. Set .size = sizeof, or leave it 0.
typedef struct aimdb_pool_options {
    size_t size;
    uint32_t threads;          // workers that run consumers; default: one per processor
    uint32_t blocking_threads; // at most so many for blocking consumers; default: one for each
    uint32_t spin_us;          // how long an idle worker spins before it sleeps, us; default: 0
    uint32_t source_lanes;     // threads that step sources, 64 at most; default: 1
    const aimdb_lane_options *lanes; // one for each source lane; default: all as by default
} aimdb_pool_options;

// aimdb_pool_new makes an executor of threads.
//
// Threads exist while a database of this executor is open: the workers, one thread per blocking
// consumer (or blocking_threads of them), and one per source lane that has sources. A lane whose thread
// cannot have its priority (without CAP_SYS_NICE or RLIMIT_RTPRIO) or its processors (all of them must
// exist) makes aimdb_build refuse a database with sources in that lane, and say so in its report.
//
//   options    NULL: all defaults
//   Returns    the executor; NULL when memory is out or an option is bad (over 1024 threads, over 64
//              source lanes, a priority over 99)
//   Thread     any
//   ISR        no                     Blocks  never
//   Alloc      the executor, once     Cost    microseconds
//   Source     SPEC D4-D7; docs/adr/0009
AIMDB_API aimdb_executor *
aimdb_pool_new(const aimdb_pool_options *options);

// How a poll executor is made. Zero in a member means its default. Set .size = sizeof, or leave it 0.
typedef struct aimdb_poll_options {
    size_t size;
    uint32_t blocking_threads; // at most so many, one for each blocking consumer; default: none,
                               // and a build with such a consumer is refused
} aimdb_poll_options;

// aimdb_poll_new makes an executor without threads, for an event loop or main() of the caller's.
//
// Consumers and sources run inside aimdb_dispatch. The caller calls it when aimdb_fd is readable and
// when aimdb_next_deadline has come; calling it more often does no harm. aimdb_close, aimdb_free,
// aimdb_run and aimdb_produce_wait dispatch as well while they wait, unless another thread does.
//
//   options    NULL: all defaults
//   Returns    the executor; NULL when memory or file descriptors are out, or an option is bad
//   Thread     any
//   ISR        no                     Blocks  never
//   Alloc      the executor, once     Cost    microseconds
//   Source     SPEC D6; docs/adr/0010
AIMDB_API aimdb_executor *
aimdb_poll_new(const aimdb_poll_options *options);

// aimdb_fd gives the descriptor that is readable while there is work for aimdb_dispatch.
//
// Watch it for reading, level or edge triggered; do not read it. It is signalled with one system call
// when something becomes ready while nobody dispatches, and not again until a dispatch has begun. It is
// readable as well when another thread leaves that had dispatched meanwhile, in aimdb_close or the
// like: if a dispatch was refused because of it, or if the next source is due earlier than before. The
// time until that is not part of the descriptor: see aimdb_next_deadline.
//
//   executor   made by aimdb_poll_new
//   Returns    the descriptor, until aimdb_executor_free; -1 for other executors and NULL
//   Thread     any
//   ISR        yes                    Blocks  never
//   Alloc      none                   Cost    none
//   Source     SPEC D6
AIMDB_API int
aimdb_fd(aimdb_executor *executor);

// aimdb_next_deadline tells when to call aimdb_dispatch at the latest.
//
//   executor   made by aimdb_poll_new
//   Returns    when the earliest source is due; 0 when something is ready now; AIMDB_FOREVER when
//              only aimdb_fd can tell, as while another thread dispatches, and for other executors and
//              NULL
//   Thread     the one that dispatches; for others it is a hint
//   ISR        no                     Blocks  never
//   Alloc      none                   Cost    a few loads
//   Source     SPEC D6, D7
AIMDB_API aimdb_time
aimdb_next_deadline(aimdb_executor *executor);

// aimdb_dispatch calls consumers and sources that are ready, on this thread.
//
// Any thread may call it, one at a time. What becomes ready meanwhile is done as well, within the
// budget.
//
//   executor   made by aimdb_poll_new
//   budget     calls of consumers and sources, at most; 0: 256
//   Returns    AIMDB_OK when nothing is left that is ready, _EPENDING when more is (aimdb_fd is
//              readable), _EBUSY when another thread dispatches (aimdb_fd is readable when that is
//              done) or a callback called this, _ENOTSUP for other executors, _EINVAL, _EFORKED
//   Thread     any
//   ISR        no                     Blocks  as long as the callbacks take
//   Alloc      none                   Cost    the callbacks, and about 50 ns each
//   Source     SPEC D5, D6
AIMDB_API aimdb_err
aimdb_dispatch(aimdb_executor *executor, size_t budget);

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
