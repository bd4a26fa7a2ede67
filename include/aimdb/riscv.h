// SPDX-License-Identifier: Apache-2.0
// AimDB on a RISC-V without an operating system, in machine mode: the clock, made of the machine
// timer. Compile with AIMDB_ONE_CORE.
#ifndef AIMDB_RISCV_H
#define AIMDB_RISCV_H

#include <aimdb/base.h>
#include <aimdb/fault.h>

AIMDB_BEGIN

// Where the machine timer is. Set .size = sizeof, or leave it 0.
typedef struct aimdb_riscv_options {
    size_t size;
    volatile uint64_t *mtime; // counts on its own
    // With it idling needs no periodic interrupt: the compare register and mie.MTIE are then the
    // port's, and no handler is called for them. NULL: the application has a tick, or another
    // interrupt that comes often enough for its deadlines.
    volatile uint64_t *mtimecmp;
    uint32_t hz; // of mtime
} aimdb_riscv_options;

// aimdb_riscv_start tells where the machine timer is, from which the clock is read.
//
//   options    copied
//   Returns    AIMDB_OK; _EINVAL without options, mtime or hz; nothing is changed then
//   Thread     not from handlers, once, before anything else of the library
//   ISR        no                     Blocks  never
//   Alloc      none                   Cost    some hundred instructions
//   Source     RISC-V Privileged Architecture 1.12, 3.2.1
AIMDB_API AIMDB_MUST_CHECK aimdb_err
aimdb_riscv_start(const aimdb_riscv_options *options);

AIMDB_END

#endif
