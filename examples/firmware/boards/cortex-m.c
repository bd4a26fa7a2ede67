// SPDX-License-Identifier: Apache-2.0
// Startup of Cortex-M boards: vectors, memory, SysTick, semihosting.
#include <aimdb/cortex-m.h>

#include "board.h"
#include "memory.h"

#define ICSR (*(volatile uint32_t *) 0xE000ED04u)
#define SHPR3 (*(volatile uint32_t *) 0xE000ED20u)
#define CPACR (*(volatile uint32_t *) 0xE000ED88u)
#define ICSR_PENDSVSET (1u << 28)
#define SYSTICK_LOWEST (0xffu << 24)
#define CPACR_FPU (0xfu << 20)

enum { SYS_WRITE0 = 0x04, SYS_EXIT_EXTENDED = 0x20, STOPPED_APPLICATION_EXIT = 0x20026 };

const char board_name[] = BOARD_NAME;

int
main(void);

static void (*on_tick)(void);
static void (*on_interrupt)(void);

static void
semihost(unsigned operation, const void *argument)
{
    register unsigned r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

void
board_print(const char *text)
{
    semihost(SYS_WRITE0, text);
}

_Noreturn void
board_exit(int status)
{
    const unsigned block[] = { STOPPED_APPLICATION_EXIT, (unsigned) status };
    semihost(SYS_EXIT_EXTENDED, block);
    for (;;) {
    }
}

void
board_start(void (*tick)(void))
{
    on_tick = tick;
    SHPR3 = SYSTICK_LOWEST;
    if (aimdb_cortexm_start(BOARD_CLOCK_HZ, 1000) != AIMDB_OK) {
        board_exit(2);
    }
}

void
board_on_interrupt(void (*handler)(void))
{
    on_interrupt = handler;
}

void
board_interrupt(void)
{
    ICSR = ICSR_PENDSVSET;
    __asm__ volatile("dsb\n\tisb" : : : "memory");
}

size_t
board_stack_used(void)
{
    return stack_used();
}

static void
systick_handler(void)
{
    aimdb_cortexm_tick();
    if (on_tick) {
        on_tick();
    }
}

static void
pendsv_handler(void)
{
    if (on_interrupt) {
        on_interrupt();
    }
}

static void
fault_handler(void)
{
    board_print("a fault, or an interrupt that nobody asked for\n");
    board_exit(2);
}

_Noreturn void
board_reset(void);

_Noreturn void
board_reset(void)
{
#ifdef __ARM_FP
    CPACR |= CPACR_FPU;
    __asm__ volatile("dsb\n\tisb" : : : "memory");
#endif
    prepare_memory();
    board_exit(main());
}

struct vectors {
    uint32_t *stack;
    void (*exceptions[15])(void); // of the core, from 1 on
};

extern const struct vectors board_vectors;

__attribute__((section(".start"), used)) const struct vectors board_vectors = {
    .stack = board_stack_high,
    .exceptions = {
        board_reset,   // Reset
        fault_handler, // NMI
        fault_handler, // HardFault
        fault_handler, // MemManage
        fault_handler, // BusFault
        fault_handler, // UsageFault
        fault_handler, // SecureFault
        NULL,
        NULL,
        NULL,
        fault_handler, // SVCall
        fault_handler, // DebugMonitor
        NULL,
        pendsv_handler,
        systick_handler,
    },
};
