// SPDX-License-Identifier: Apache-2.0
// What the core needs from a board without an operating system: these four, and mask.h.
// tests/qemu/port_suite.c holds a port to them.
#ifndef AIMDB_CORE_SMALL_H
#define AIMDB_CORE_SMALL_H

#include <aimdb/base.h>

// Monotonic nanoseconds, never backwards; from any context, handlers and masked sections too.
aimdb_time
aimdbp_clock(void);

// Called when a database's ready word went from 0 to something else, from any context. Whoever is in
// aimdbp_idle() returns from it.
void
aimdbp_wake(void);

// Returns at once when *ready is not 0 or the deadline has passed, else sleeps until an interrupt;
// its handler has run on return. May return early for no reason. An interrupt that comes after the
// look at *ready ends the sleep, too. Called with interrupts enabled, from no handler.
void
aimdbp_idle(const aimdb_word *ready, aimdb_time deadline);

// An invariant is broken: nothing runs any more, but aimdb_fault() of the application, if there is one.
_Noreturn void
aimdbp_panic(const char *file, int line, const char *text);

#endif
