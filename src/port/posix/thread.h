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

// Processors this process may run on; at least 1.
uint32_t
aimdbp_processors(void);

#endif
