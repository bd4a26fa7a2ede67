// SPDX-License-Identifier: Apache-2.0
// AimDB in a sketch, for Arduino cores of Cortex-M and RISC-V. loop() polls; interrupts produce.
//
// The core owns the processor's timer, so the clock is micros(). It runs over after 71 minutes:
// somebody has to look at it in that time, as every aimdb_poll(&db, aimdb_clock()) does. Some cores'
// micros() goes back a little in handlers; then time stands still here.
//
// aimdb_idle() yields and returns: a sketch may have other things to do in loop(), and not every core
// has an interrupt each millisecond. With AIMDB_ARDUINO_WFI it sleeps until the next interrupt.
//
// On ESP32 the port is the one for FreeRTOS. All of AimDB belongs to one core of RP2040 and its like.
//
// Source: Arduino's language reference: micros(); docs/guide/porting.md.
#if defined(ARDUINO) && !defined(ESP_PLATFORM) && !defined(__ZEPHYR__)

#include <Arduino.h>

#include <aimdb.h>

#if defined(__riscv)
#define MASK_AND_KEEP(state) __asm__ volatile("csrrci %0, mstatus, 8" : "=r"(state) : : "memory")
#define UNMASK(state) __asm__ volatile("csrs mstatus, %0" : : "r"((state) &8u) : "memory")
#elif defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'
#define MASK_AND_KEEP(state)                                                                       \
    __asm__ volatile("mrs %0, primask\n\tcpsid i" : "=r"(state) : : "memory")
#define UNMASK(state) __asm__ volatile("msr primask, %0" : : "r"(state) : "memory")
#elif defined(AIMDB_MASK_EXTERN)
#define MASK_AND_KEEP(state) ((state) = aimdbp_mask())
#define UNMASK(state) aimdbp_unmask(state)
#else
#error "AimDB: a core that is neither Cortex-M nor RISC-V; define AIMDB_MASK_EXTERN and its hooks"
#endif

#pragma weak aimdb_fault // a sketch need not define it

static struct {
    uint32_t newest_us;
    bool is_begun;
    aimdb_time time;
} seen; // belongs to who has masked the interrupts

aimdb_time
aimdbp_clock(void)
{
    size_t state;
    MASK_AND_KEEP(state);
    uint32_t now_us = (uint32_t) micros();
    uint32_t passed_us = seen.is_begun ? now_us - seen.newest_us : 0;
    seen.is_begun = true;
    if (passed_us < UINT32_MAX - 1000000) { // else it went back
        seen.time += (aimdb_time) passed_us * 1000;
        seen.newest_us = now_us;
    }
    aimdb_time time = seen.time;
    UNMASK(state);
    return time;
}

// Nothing to do: aimdbp_idle() has not been left yet, or comes back by itself.
void
aimdbp_wake(aimdbi_signal *ready)
{
    (void) ready;
}

void
aimdbp_idle(aimdbi_signal *ready, aimdb_time deadline)
{
#ifdef AIMDB_ARDUINO_WFI
    size_t state;
    MASK_AND_KEEP(state); // an interrupt that is pending ends WFI, masked or not
    if (!aimdbp_is_ready(ready) && aimdbp_clock() < deadline) {
        __asm__ volatile("wfi" : : : "memory");
    }
    UNMASK(state);
#else
    if (!aimdbp_is_ready(ready) && aimdbp_clock() < deadline) {
        yield();
    }
#endif
}

void
aimdbp_panic(const char *file, int line, const char *text)
{
    size_t state;
    MASK_AND_KEEP(state);
    (void) state;
    if (aimdb_fault) {
        aimdb_fault(file, line, text);
    }
    for (;;) {
        __asm__ volatile("" : : : "memory");
    }
}

#else
typedef int aimdb_arduino_not_here; // a file without a declaration is no C
#endif
