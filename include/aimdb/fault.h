// SPDX-License-Identifier: Apache-2.0
// The last word on boards without an operating system.
#ifndef AIMDB_FAULT_H
#define AIMDB_FAULT_H

#include <aimdb/base.h>

AIMDB_BEGIN

// aimdb_fault is defined by the application, if it wants to know that an invariant is broken.
//
// Interrupts are masked. What a board can do is store the reason and reset, or light a lamp. When it
// returns, or was not defined, the processor stays in a loop.
//
//   file       of the library's source
//   line       in it
//   text       what is wrong
//   Returns    nothing
//   Thread     where the invariant broke, handlers too
//   ISR        yes                    Blocks  as it likes: nothing else will run
//   Alloc      none                   Cost    its own
//   Source     docs/adr/0001
AIMDB_API void
aimdb_fault(const char *file, int line, const char *text);

AIMDB_END

#endif
