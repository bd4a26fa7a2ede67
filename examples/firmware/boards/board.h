// SPDX-License-Identifier: Apache-2.0
// The boards that the examples and tests of firmware run on: as much of each as they need. Output and
// exit go through semihosting, to QEMU or a debugger. main() runs with interrupts enabled; what it
// returns is the status of board_exit().
#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>

// Such as "mps2-an385".
extern const char board_name[];

// Starts the clock, and an interrupt each millisecond that calls `tick`. With NULL nothing is called,
// and boards whose clock needs no interrupt have none.
void
board_start(void (*tick)(void));

// Calls `handler` in an interrupt of its own at each board_interrupt(); on Cortex-M of higher priority
// than the tick.
void
board_on_interrupt(void (*handler)(void));
void
board_interrupt(void);

void
board_print(const char *text);
_Noreturn void
board_exit(int status);

// The most bytes of stack that were in use since reset.
size_t
board_stack_used(void);

#endif
