// SPDX-License-Identifier: Apache-2.0
// The port for RISC-V without an operating system, in machine mode.
//
// The clock is the machine timer, a counter of 64 bits that needs no interrupt and no state. A
// deadline needs one: either the application has a periodic interrupt, or the port arms the compare
// register for the time of the sleep. The latter is done without a handler: WFI ends when an interrupt
// is pending and enabled in mie, whether or not mstatus.MIE lets it through, so mie.MTIE is cleared
// again before it does. That the timer stays pending then is seen by nobody.
//
// Source: RISC-V Privileged Architecture 1.12, 3.2.1 (mtime, mtimecmp), 3.3.3 (WFI).
#include <aimdb/riscv.h>

#include "core/atomics.h"
#include "core/mask.h"
#include "core/port.h"
#include "core/ticks.h"

#pragma weak aimdb_fault // an application need not define it

#define MIE_MTIE 0x80u

static struct {
    volatile uint64_t *mtime;
    volatile uint64_t *mtimecmp;
    uint64_t ns_rate;    // nanoseconds in a tick, fixed-point
    uint64_t ticks_rate; // ticks in a nanosecond, fixed-point
} timer;

#if __riscv_xlen == 32

static volatile uint32_t *
halves(volatile uint64_t *reg)
{
    return (volatile uint32_t *) (uintptr_t) reg;
}

// Reads again when the low half ran over in between.
static uint64_t
read_timer(void)
{
    volatile uint32_t *half = halves(timer.mtime);
    uint32_t low, high;
    do {
        high = half[1];
        low = half[0];
    } while (high != half[1]);
    return (uint64_t) high << 32 | low;
}

// Is at no moment earlier than both the old time and the new one.
static void
write_compare(uint64_t ticks)
{
    volatile uint32_t *half = halves(timer.mtimecmp);
    half[1] = UINT32_MAX;
    half[0] = (uint32_t) ticks;
    half[1] = (uint32_t) (ticks >> 32);
}

#else

static uint64_t
read_timer(void)
{
    return *timer.mtime;
}

static void
write_compare(uint64_t ticks)
{
    *timer.mtimecmp = ticks;
}

#endif

aimdb_err
aimdb_riscv_start(const aimdb_riscv_options *options)
{
    if (!options || !options->mtime || options->hz == 0) {
        return AIMDB_EINVAL;
    }
    timer.ns_rate = aimdbi_ticks_rate(AIMDBI_NS_PER_SEC, options->hz);
    timer.ticks_rate = aimdbi_ticks_rate(options->hz, AIMDBI_NS_PER_SEC);
    timer.mtime = options->mtime;
    timer.mtimecmp = options->mtimecmp;
    return AIMDB_OK;
}

aimdb_time
aimdbp_clock(void)
{
    return timer.mtime ? (aimdb_time) aimdbi_ticks_convert(read_timer(), timer.ns_rate) : 0;
}

// Nothing to do. A wake from a handler finds aimdbp_idle() before its look at the ready word, or at
// WFI, which ends when an interrupt becomes pending, masked or not. A wake from the program itself
// finds it outside of aimdbp_idle().
void
aimdbp_wake(aimdbi_signal *ready)
{
    (void) ready;
}

static void
sleep_until(aimdb_time now, aimdb_time deadline)
{
    bool arms = timer.mtimecmp && deadline != AIMDB_FOREVER;
    if (arms) {
        uint64_t ns = (uint64_t) (deadline - now);
        write_compare(read_timer() + aimdbi_ticks_convert(ns, timer.ticks_rate) + 1);
        __asm__ volatile("csrs mie, %0" : : "r"(MIE_MTIE) : "memory");
    }
    __asm__ volatile("wfi" : : : "memory");
    if (arms) {
        __asm__ volatile("csrc mie, %0" : : "r"(MIE_MTIE) : "memory");
    }
}

void
aimdbp_idle(aimdbi_signal *ready, aimdb_time deadline)
{
    size_t state = aimdbp_mask();
    aimdb_time now = aimdbp_clock();
    if (signal_load_acquire(ready) == 0 && now < deadline) {
        sleep_until(now, deadline);
    }
    aimdbp_unmask(state);
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
