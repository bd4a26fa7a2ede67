// SPDX-License-Identifier: Apache-2.0
// An interrupt that comes at an exact instruction.
//
//     moment_start(handler);
//     for (k = 0; ...; k++) {
//         moment_arm(k);       handler comes once, while what follows runs
//         ...
//     }
//
// QEMU's virtual time advances by a fixed time an instruction, and its timers end a block of
// translated instructions where they expire. So as k grows the handler comes before each instruction of
// what follows, one after the other; k = 0 is a few instructions before. Where interrupts are masked
// it comes at their end, for several k at once. It is the board's tick, reprogrammed: no time passes on
// aimdb_clock() of Cortex-M.
//
//  1. Cortex-M, `scripts/qemu --icount 10`: an instruction is several ticks of SysTick, and k goes
//     through instructions, to the middle of each.
//  2. RISC-V, `--icount 8`: an instruction is 2.56 ticks of the timer, whose phase is any; k goes
//     through ticks.
//  3. An interrupt that nobody armed comes very late: who sleeps for good is woken, and moment_count
//     tells that the handler was not the first one.
//  4. moment_entered is at which instruction after moment_arm() the handler came; all of them have the
//     same error.
#ifndef MOMENT_H
#define MOMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "board.h"

static void (*moment_handler)(void);
static volatile uint32_t moment_count, moment_entered;

#ifdef __riscv

enum { MOMENT_NS_ = 256 };
#define MOMENT_MTIMECMP_ 0x02004000u
#define MOMENT_MTIME_ 0x0200bff8u

static uint32_t moment_armed_at_;

static inline uint32_t
moment_read_(void)
{
    uint32_t count;
    __asm__ volatile("csrr %0, minstret" : "=r"(count) : : "memory");
    return count;
}

// In ticks of the timer.
static inline uint32_t
moment_ticks_(uint32_t instructions)
{
    return instructions * MOMENT_NS_ / (1000000000u / BOARD_CLOCK_HZ);
}

static inline uint32_t
moment_ticks_of_(uint32_t k)
{
    return k;
}

static inline void
moment_after_(uint32_t ticks)
{
#if __riscv_xlen == 32
    volatile uint32_t *compare = (volatile uint32_t *) MOMENT_MTIMECMP_;
    volatile uint32_t *time = (volatile uint32_t *) MOMENT_MTIME_;
    uint64_t at =
        (uint64_t) time[1] << 32 | time[0]; // runs too shortly for the high half to change
    at += ticks;
    compare[1] = UINT32_MAX;
    compare[0] = (uint32_t) at;
    compare[1] = (uint32_t) (at >> 32);
#else
    *(volatile uint64_t *) MOMENT_MTIMECMP_ = *(volatile uint64_t *) MOMENT_MTIME_ + ticks;
#endif
    moment_armed_at_ = moment_read_();
}

static inline uint32_t
moment_elapsed_(void)
{
    return (moment_read_() - moment_armed_at_) / MOMENT_NS_;
}

#else

enum { MOMENT_NS_ = 1024 };
#define MOMENT_SYSTICK_ ((volatile uint32_t *) 0xE000E010u) // control, reload, value
#define MOMENT_ICSR_ ((volatile uint32_t *) 0xE000ED04u)
#define MOMENT_PENDSTCLR_ (1u << 25)
#define MOMENT_TICKS_PER_SEC_ ((uint64_t) BOARD_CLOCK_HZ * MOMENT_NS_)

static inline uint32_t
moment_ticks_(uint32_t instructions)
{
    return (uint32_t) (instructions * MOMENT_TICKS_PER_SEC_ / 1000000000u);
}

static inline uint32_t
moment_ticks_of_(uint32_t k)
{
    return moment_ticks_(2 * k + 1) / 2;
}

static inline void
moment_after_(uint32_t ticks)
{
    MOMENT_SYSTICK_[0] = 0;
    *MOMENT_ICSR_ = MOMENT_PENDSTCLR_;
    MOMENT_SYSTICK_[1] = ticks;
    MOMENT_SYSTICK_[2] = 0;
    MOMENT_SYSTICK_[0] = 7; // the processor's clock, and its interrupt
}

// In the handler: one period, which is longer than a handler may be late, and a part of the next one.
static inline uint32_t
moment_elapsed_(void)
{
    uint64_t ticks = 2 * (uint64_t) MOMENT_SYSTICK_[1] - MOMENT_SYSTICK_[2];
    return (uint32_t) ((ticks * 1000000000u + MOMENT_TICKS_PER_SEC_ / 2) / MOMENT_TICKS_PER_SEC_);
}

#endif

enum {
    MOMENT_BASE_ = 256,  // instructions; that moment_arm() takes
    MOMENT_FAR_ = 600000 // what SysTick can count
};

static void
moment_tick_(void)
{
    moment_entered = moment_elapsed_();
    moment_after_(moment_ticks_(MOMENT_FAR_));
    moment_count = moment_count + 1;
    moment_handler();
}

static inline void
moment_start(void (*handler)(void))
{
    moment_handler = handler;
    board_start(moment_tick_);
    moment_after_(moment_ticks_(MOMENT_FAR_));
}

__attribute__((noipa)) static void
moment_arm(uint32_t k)
{
    moment_count = 0;
    moment_after_(moment_ticks_(MOMENT_BASE_) + moment_ticks_of_(k));
    for (uint32_t i = 0; i < MOMENT_BASE_ / 4; i++) { // of four instructions, or three
        __asm__ volatile("nop\n\tnop" : : : "memory");
    }
}

// In the handler: it comes once more. k = 0 is before it returns.
static inline void
moment_again(uint32_t k)
{
    moment_after_(moment_ticks_(1) + moment_ticks_of_(k));
}

// How many k an instruction has, rounded up.
static inline uint32_t
moment_steps(uint32_t instructions)
{
#ifdef __riscv
    return moment_ticks_(instructions) + 1;
#else
    return instructions;
#endif
}

#endif
