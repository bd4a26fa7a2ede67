// SPDX-License-Identifier: Apache-2.0
// The critical section of builds for one core (AIMDB_ONE_CORE).
//
// On one core nothing runs beside us; something can only come between two of our instructions, and
// that is an interrupt. So what several contexts change is changed with interrupts masked: no locked
// instruction, which Cortex-M0 and RISC-V without the A extension do not have at all, and no lock,
// which a handler could wait for in vain. The price is latency: a section is a few instructions long,
// without a loop and without a call of the application.
//
//     size_t state = aimdbp_mask();
//     ...
//     aimdbp_unmask(state);
//
//  1. Sections nest, and may be entered from handlers and with interrupts masked: the state that
//     aimdbp_mask() found is what aimdbp_unmask() restores.
//  2. Each of the two is a compiler barrier: no access moves out of the section. The processor needs
//     no barrier: a core sees its own accesses in the order of its program, and its handlers do too.
//  3. Cortex-M: PRIMASK masks all interrupts but NMI and HardFault, so these two must not produce.
//     Between MRS and CPSID a handler may run; it leaves PRIMASK as it was, so what was read holds.
//     CPSID takes effect at once; MSR at the latest where the next barrier stands, which makes a
//     section end late and never early. BASEPRI would let high priorities through, but they could not
//     use AimDB then, and Cortex-M0 has none.
//  4. RISC-V, machine mode: one CSRRCI reads mstatus and clears MIE. Only this bit is kept and put
//     back; the others may have changed meanwhile.
//  5. WebAssembly: no interrupts, one thread; a compiler barrier is what remains.
//  6. Elsewhere, and with AIMDB_MASK_EXTERN, the port defines both as functions: for processors this
//     file does not know, for a BASEPRI after all, for kernels that own the masks.
//
// Source: ARMv6-M and ARMv7-M Architecture Reference Manuals, B5.2 (CPS, MRS, MSR); RISC-V
// Privileged Architecture 1.12, 3.1.6.1; docs/adr/0001.
#ifndef AIMDB_CORE_MASK_H
#define AIMDB_CORE_MASK_H

#include <stddef.h>

#ifndef AIMDB_ONE_CORE
#error "masking the interrupts of one core protects nothing from the others: define AIMDB_ONE_CORE"
#endif

#if defined(AIMDB_MASK_EXTERN)
#define AIMDB_MASK_BY_PORT_ 1
#elif defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'

static inline size_t
aimdbp_mask(void)
{
    size_t state;
    __asm__ volatile("mrs %0, primask\n\tcpsid i" : "=r"(state) : : "memory");
    return state;
}

static inline void
aimdbp_unmask(size_t state)
{
    __asm__ volatile("msr primask, %0" : : "r"(state) : "memory");
}

#elif defined(__riscv)

#define AIMDB_MSTATUS_MIE_ 8u

static inline size_t
aimdbp_mask(void)
{
    size_t mstatus;
    __asm__ volatile("csrrci %0, mstatus, %1" : "=r"(mstatus) : "i"(AIMDB_MSTATUS_MIE_) : "memory");
    return mstatus & AIMDB_MSTATUS_MIE_;
}

static inline void
aimdbp_unmask(size_t state)
{
    __asm__ volatile("csrs mstatus, %0" : : "r"(state) : "memory");
}

#elif defined(__wasm__)

static inline size_t
aimdbp_mask(void)
{
    __asm__ volatile("" : : : "memory");
    return 0;
}

static inline void
aimdbp_unmask(size_t state)
{
    (void) state;
    __asm__ volatile("" : : : "memory");
}

#else
#define AIMDB_MASK_BY_PORT_ 1
#endif

#ifdef AIMDB_MASK_BY_PORT_
size_t
aimdbp_mask(void);
void
aimdbp_unmask(size_t state);
#endif

#endif
