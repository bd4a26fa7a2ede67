// SPDX-License-Identifier: Apache-2.0
// Fibers: several stacks that take turns on one thread. A switch is a call that returns when
// somebody switches back.
#ifndef AIMDB_PORT_POSIX_FIBER_H
#define AIMDB_PORT_POSIX_FIBER_H

#include <stdbool.h>
#include <stddef.h>

// The caller's memory; zeroed before its first use.
struct aimdbp_fiber {
    void *stack_pointer; // while it is not running
    void *context;       // likewise, where the switch is ucontext's
    void (*main)(void *argument);
    void *argument;
    unsigned char *memory;           // guard page, stack, extra bytes; NULL: a thread's own stack
    size_t bytes;                    // of memory
    size_t extra;                    // bytes at its end
    void *current;                   // aimdbp_current() while it is not running
    int error;                       // errno, likewise
    const struct aimdbp_fiber *left; // who switched to it
    const void *bottom;              // of its stack; for the address sanitizer, like these two
    size_t size;
    void *fake_stack;
    void *tsan; // the thread sanitizer's idea of it
};

// Makes a fiber of the stack that the caller is on.
void
aimdbp_fiber_adopt(struct aimdbp_fiber *fiber);

// Gives a fiber a stack, and `extra` bytes (a multiple of the page size) beside it. False: no memory.
bool
aimdbp_fiber_alloc(struct aimdbp_fiber *fiber, size_t extra);
void *
aimdbp_fiber_extra(const struct aimdbp_fiber *fiber);

// Has the next switch to it call main(argument). It is new, or has left.
void
aimdbp_fiber_begin(struct aimdbp_fiber *fiber, void (*main)(void *argument), void *argument);

// `from` is the running one.
void
aimdbp_fiber_switch(struct aimdbp_fiber *from, struct aimdbp_fiber *to);

// As a switch that never returns. To end like this is main's duty.
_Noreturn void
aimdbp_fiber_leave(struct aimdbp_fiber *from, struct aimdbp_fiber *to);

// Releases the stack. Not of the running fiber.
void
aimdbp_fiber_release(struct aimdbp_fiber *fiber);

#endif
