// SPDX-License-Identifier: Apache-2.0
// Exact numbers of instructions, counted in QEMU.
//
//     uint32_t instructions = count_call(fn, argument);
//
// counts those of fn, and of what it calls and is interrupted by, without the one that returns from it.
// QEMU's virtual time advances by 2^SHIFT ns an instruction; each instruction is one, whatever it
// would cost on silicon: these are instructions, never cycles.
//
//  1. Cortex-M: the time is SysTick's, so the image runs with `scripts/qemu --icount 10`. One
//     instruction is then several ticks on every board here (25.6 on mps2-an385, 16.4 at 16 MHz), and
//     the number rounds to the exact one. count_begin() takes SysTick from the clock: no
//     board_start(), and nothing above 97000 instructions (netduinoplus2; 650000 on mps2-an385).
//  2. RISC-V: minstret counts nanoseconds of that time, under `--icount COUNT_SHIFT` (0).
//  3. The compiler must neither inline fn nor drop it: COUNTED on its definition.
//  4. Numbers repeat exactly for one compiler with one set of flags: compare without tolerance.
#ifndef COUNT_H
#define COUNT_H

#include <stdint.h>

#define COUNTED __attribute__((noipa, used))

#ifdef __riscv

#ifndef COUNT_SHIFT
#define COUNT_SHIFT 0
#endif

static inline void
count_begin(void)
{
}

static inline uint32_t
count_read(void)
{
    uint32_t count;
    __asm__ volatile("csrr %0, minstret" : "=r"(count) : : "memory");
    return count;
}

static inline uint32_t
count_between(uint32_t from, uint32_t to)
{
    return (to - from) >> COUNT_SHIFT;
}

#else

#define COUNT_SYSTICK_ ((volatile uint32_t *) 0xE000E010u) // control, reload, value
#define COUNT_MASK_ 0xffffffu
#define COUNT_NS_ 1024u // an instruction under --icount 10

static inline void
count_begin(void)
{
    COUNT_SYSTICK_[0] = 0;
    COUNT_SYSTICK_[1] = COUNT_MASK_;
    COUNT_SYSTICK_[2] = 0;
    COUNT_SYSTICK_[0] = 5; // the processor's clock, no interrupt
}

static inline uint32_t
count_read(void)
{
    __asm__ volatile("" : : : "memory");
    uint32_t value = COUNT_SYSTICK_[2];
    __asm__ volatile("" : : : "memory");
    return value;
}

// The nearest whole number: a tick of error at both ends is less than half an instruction.
static inline uint32_t
count_between(uint32_t from, uint32_t to)
{
    uint64_t ticks = (from - to) & COUNT_MASK_; // it counts down
    uint64_t ns_per_instruction_by_hz = (uint64_t) BOARD_CLOCK_HZ * COUNT_NS_;
    return (uint32_t) ((ticks * 1000000000u + ns_per_instruction_by_hz / 2) /
                       ns_per_instruction_by_hz);
}

#endif

COUNTED static uint32_t
count_raw(void (*fn)(void *argument), void *argument)
{
    uint32_t from = count_read();
    fn(argument);
    uint32_t to = count_read();
    return count_between(from, to);
}

// Only returns: what is left of it is the frame of the measurement.
COUNTED static void
count_nothing(void *argument)
{
    (void) argument;
}

static inline uint32_t
count_call(void (*fn)(void *argument), void *argument)
{
    count_begin();
    uint32_t frame = count_raw(count_nothing, argument);
    return count_raw(fn, argument) - frame;
}

#endif
