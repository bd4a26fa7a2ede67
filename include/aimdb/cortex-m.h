// SPDX-License-Identifier: Apache-2.0
// AimDB on a Cortex-M without an operating system: the clock, made of SysTick. Compile with
// AIMDB_ONE_CORE. NMI and HardFault handlers must not use AimDB: nothing masks them.
#ifndef AIMDB_CORTEX_M_H
#define AIMDB_CORTEX_M_H

#include <aimdb/base.h>
#include <aimdb/fault.h>

AIMDB_BEGIN

// aimdb_cortexm_start starts SysTick with its interrupt, and the clock with it.
//
// The clock is as fine as the processor's, and stands still in sleep states that stop SysTick. Leave
// SysTick to it: reading its control register clears the flag that the clock is counted by. Call it
// again when the core's clock has changed; time goes on from where it was.
//
//   core_hz    of SysTick's source, the processor's clock
//   tick_hz    interrupts a second, such as 1000; a counter of 24 bits must do for one:
//              core_hz / tick_hz is at most 16777216
//   Returns    AIMDB_OK; _EINVAL when a number is 0 or the two do not fit; nothing is changed then
//   Thread     not from handlers
//   ISR        no                     Blocks  never
//   Alloc      none                   Cost    some hundred instructions
//   Source     ARMv7-M Architecture Reference Manual, B3.3
AIMDB_API AIMDB_MUST_CHECK aimdb_err
aimdb_cortexm_start(uint32_t core_hz, uint32_t tick_hz);

// aimdb_cortexm_tick keeps the clock going; the application's SysTick_Handler calls it.
//
// It has to be called once in every period. With interrupts masked for longer than a period the clock
// loses whole periods, never does it go backwards.
//
//   Returns    nothing
//   Thread     SysTick's handler
//   ISR        yes                    Blocks  never
//   Alloc      none                   Cost    some ten instructions, interrupts masked
//   Source     ARMv7-M Architecture Reference Manual, B3.3.3 (COUNTFLAG)
AIMDB_API void
aimdb_cortexm_tick(void);

AIMDB_END

#endif
