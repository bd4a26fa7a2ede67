// SPDX-License-Identifier: Apache-2.0
// The port for Cortex-M without an operating system.
//
// The clock is SysTick, which counts down, and the number of times it began anew. The obvious way is
// to count those in its interrupt and to add one while the interrupt is pending. That is wrong in a
// handler of higher priority which comes after SysTick's handler was entered and before it has
// counted: nothing is pending any more, nothing is counted yet, and time goes back by a period.
// So the interrupt does not count. SysTick has a flag that says it began anew since its register was
// last read; whoever reads the clock takes the flag and counts, and the interrupt only reads the clock.
//
//  1. `clock` belongs to who has masked the interrupts.
//  2. The flag is taken by reading it. Between two readings SysTick begins anew at most once, because
//     its interrupt reads once a period; a section that masks for longer loses whole periods.
//  3. SysTick can begin anew between two instructions: its value is read before the flag and after it.
//     When the second one is earlier in its period, a period began in between. The flag was seen, or
//     was set just after we looked and has to be taken.
//  4. The period begins where the value becomes 0, one cycle before it is reloaded: there the flag is
//     set and the interrupt becomes pending.
//
// Source: ARMv7-M Architecture Reference Manual, B3.3 (SysTick), A7.7.262 (WFI).
#include <aimdb/cortex-m.h>

#include "core/atomics.h"
#include "core/mask.h"
#include "core/port.h"
#include "core/ticks.h"

#pragma weak aimdb_fault // an application need not define it

struct systick {
    uint32_t control;
    uint32_t reload;
    uint32_t value;
};
#define SYSTICK ((volatile struct systick *) 0xE000E010u)
#define CONTROL_RUN 7u // counts the processor's clock and interrupts
#define CONTROL_BEGAN_ANEW (1u << 16)
#define MAX_PERIOD (1u << 24)

// Times have a fraction of 32 bits, in units of 2^-32 ns. A look at the clock takes one long
// multiplication: Cortex-M0 calls a function for each.
static struct {
    uint64_t began;          // when this period began: whole nanoseconds
    uint64_t rate;           // length of a cycle, fixed-point
    uint32_t began_fraction; // of `began`
    uint32_t period;         // in cycles; 0 until it was started
    uint32_t step;           // length of a period: whole nanoseconds
    uint32_t step_fraction;  // and its fraction
} clock;

// Cycles since this period began [4].
static uint32_t
cycles_in_period(void)
{
    uint32_t value = SYSTICK->value;
    return value ? clock.period - value : 0;
}

static void
begin_period(void)
{
    uint32_t fraction = clock.began_fraction + clock.step_fraction;
    clock.began += clock.step + (fraction < clock.step_fraction);
    clock.began_fraction = fraction;
}

aimdb_time
aimdbp_clock(void)
{
    size_t state = aimdbp_mask();
    uint32_t before = cycles_in_period();
    bool began_anew = SYSTICK->control & CONTROL_BEGAN_ANEW;
    uint32_t now = cycles_in_period();
    if (now < before) { // [3]
        began_anew = true;
        (void) SYSTICK->control;
    }
    if (began_anew) {
        begin_period();
    }
    uint64_t fraction = (uint64_t) now * (uint32_t) clock.rate + clock.began_fraction;
    uint32_t whole = now * (uint32_t) (clock.rate >> 32) + (uint32_t) (fraction >> 32);
    aimdb_time time = (aimdb_time) (clock.began + whole);
    aimdbp_unmask(state);
    return time;
}

aimdb_err
aimdb_cortexm_start(uint32_t core_hz, uint32_t tick_hz)
{
    if (tick_hz == 0 || core_hz / tick_hz < 2 || core_hz / tick_hz > MAX_PERIOD) {
        return AIMDB_EINVAL;
    }
    uint64_t rate = aimdbi_ticks_rate(AIMDBI_NS_PER_SEC, core_hz);
    size_t state = aimdbp_mask();
    clock.began = (uint64_t) aimdbp_clock();
    clock.began_fraction = 0;
    clock.period = core_hz / tick_hz;
    clock.rate = rate;
    clock.step = (uint32_t) aimdbi_ticks_convert(clock.period, rate);
    clock.step_fraction = clock.period * (uint32_t) rate;
    SYSTICK->reload = clock.period - 1;
    SYSTICK->value = 0; // whatever is written makes it 0, and takes the flag
    SYSTICK->control = CONTROL_RUN;
    aimdbp_unmask(state);
    return AIMDB_OK;
}

void
aimdb_cortexm_tick(void)
{
    (void) aimdbp_clock();
}

// Nothing to do. A wake from a handler finds aimdbp_idle() before its look at the ready word, or at
// WFI, which ends when an interrupt becomes pending, masked or not. (SEV is for WFE and for other
// cores.) A wake from the program itself finds it outside of aimdbp_idle().
void
aimdbp_wake(aimdbi_signal *ready)
{
    (void) ready;
}

// A deadline is looked at after each interrupt, and SysTick's comes in each period. The ISB lets the
// handler run which ended the sleep.
void
aimdbp_idle(aimdbi_signal *ready, aimdb_time deadline)
{
    size_t state = aimdbp_mask();
    if (signal_load_acquire(ready) == 0 && aimdbp_clock() < deadline) {
        __asm__ volatile("dsb\n\twfi" : : : "memory");
    }
    aimdbp_unmask(state);
    __asm__ volatile("isb" : : : "memory");
}

_Noreturn void
aimdbp_panic(const char *file, int line, const char *text)
{
    (void) aimdbp_mask();
    if (aimdb_fault) {
        aimdb_fault(file, line, text);
    }
    for (;;) {
        __asm__ volatile("" : : : "memory");
    }
}
