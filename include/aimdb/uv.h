// SPDX-License-Identifier: Apache-2.0
// Dispatchers and sources on a libuv loop. A component of its own: link aimdb::uv (CMake), or
// aimdb-uv (pkg-config).
#ifndef AIMDB_UV_H
#define AIMDB_UV_H

#include <aimdb/executor.h>

struct uv_loop_s; // uv_loop_t of <uv.h>

AIMDB_BEGIN

// How a uv executor is made. Zero in a member means its default. Set .size = sizeof, or leave it 0.
typedef struct aimdb_uv_options {
    size_t size;
    struct uv_loop_s *loop; // runs everything; default: a loop and a thread of the executor's own
} aimdb_uv_options;

// aimdb_uv_new makes an executor that runs on a libuv loop.
//
// Consumers and sources run in callbacks of the loop, in each of its turns for about a millisecond or
// for one call; blocking consumers in its thread pool (uv_queue_work, UV_THREADPOOL_SIZE). The handles
// are one uv_async and one uv_timer; they keep uv_run going while a database is open. A consumer that
// blocks without saying so stops the loop, and no blocking consumer begins meanwhile. Sources are due
// with the resolution of the loop's timers, a millisecond. Several databases may share an executor,
// several executors a loop.
//
// With a loop of the caller's, aimdb_uv_new, aimdb_build, aimdb_free and aimdb_executor_free belong to
// the thread that runs the loop; one that is run elsewhere stops the program. Values come from any
// thread, and aimdb_close may: its caller then waits for the loop. In the loop's thread aimdb_close,
// aimdb_free, aimdb_run and aimdb_produce_wait run what is ready themselves, blocking consumers too,
// and nothing else of the loop meanwhile. aimdb_executor_free closes the handles: run the loop once
// more before uv_loop_close. In the child of a fork call uv_loop_fork before that.
//
//   options    NULL: all defaults
//   Returns    the executor; NULL when memory, file descriptors or threads are out, or the options
//              are bad
//   Thread     the loop's; any without a loop
//   ISR        no                     Blocks  never
//   Alloc      the executor, once     Cost    microseconds; a thread without a loop
//   Source     SPEC D6; docs/adr/0010
AIMDB_API aimdb_executor *
aimdb_uv_new(const aimdb_uv_options *options);

AIMDB_END

#endif
