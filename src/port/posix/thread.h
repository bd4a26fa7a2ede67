// SPDX-License-Identifier: Apache-2.0
// Threads of the POSIX port, for executors.
#ifndef AIMDB_PORT_POSIX_THREAD_H
#define AIMDB_PORT_POSIX_THREAD_H

#include <pthread.h>
#include <stdint.h>

#include "core/port.h"

// Starts a thread with all signals blocked but those of its own faults, so that handlers run on the
// application's threads.
// Returns 0 or an errno. `name` has up to 15 bytes.
AIMDBI_SHARED int
aimdbp_thread_start(pthread_t *ret_thread, void *(*main)(void *), void *argument, const char *name);

// Lets a thread run under SCHED_FIFO with a priority from 1 to 99. Returns 0 or an errno.
int
aimdbp_thread_set_fifo(pthread_t thread, uint32_t priority);

// Keeps a thread on some processors (bit n: processor n). Returns 0 or an errno; ENODEV: the process
// may not use all of these, *ret_absent is the first such.
int
aimdbp_thread_set_processors(pthread_t thread, uint64_t processors, unsigned *ret_absent);

// The calling thread's timed waits end when their time has come, and are not put off to be handled
// with others.
void
aimdbp_thread_be_punctual(void);

// A lock between threads of different priorities: who holds it runs with the highest of those who
// wait.
void
aimdbp_lock_init(pthread_mutex_t *lock);

// Between the two a thread that is cancelled (pthread_cancel, deferred) goes on: system calls are
// cancellation points, and a thread that ended there would leave undone what others rely on. Safe in
// signal handlers.
AIMDBI_SHARED int
aimdbp_cancel_off(void);
AIMDBI_SHARED void
aimdbp_cancel_restore(int before);

// Waits for the end of a thread; no cancellation point.
AIMDBI_SHARED void
aimdbp_thread_join(pthread_t thread);

// Processors this process may run on; at least 1.
uint32_t
aimdbp_processors(void);

#endif
