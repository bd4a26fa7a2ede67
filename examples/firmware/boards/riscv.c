// SPDX-License-Identifier: Apache-2.0
// Startup of the RISC-V machine "virt", 32 and 64 bits: reset, traps, memory, timer, semihosting.
#include <aimdb/riscv.h>

#include "board.h"
#include "memory.h"

#define CLINT 0x02000000u
#define MSIP (*(volatile uint32_t *) CLINT)
#define MTIMECMP ((volatile uint64_t *) (CLINT + 0x4000u))
#define MTIME ((volatile uint64_t *) (CLINT + 0xbff8u))
#define TICKS_PER_MS (BOARD_CLOCK_HZ / 1000u)
#define MIE_MSIE 0x08u
#define MIE_MTIE 0x80u
#define MSTATUS_MIE 0x08u

enum { SYS_WRITE0 = 0x04, SYS_EXIT_EXTENDED = 0x20, STOPPED_APPLICATION_EXIT = 0x20026 };
enum { CAUSE_SOFTWARE = 3, CAUSE_TIMER = 7 }; // of those with the highest bit set

const char board_name[] = BOARD_NAME;

int
main(void);

static void (*on_tick)(void);
static void (*on_interrupt)(void);
static uint64_t next_tick;

// A debugger knows the call by three instructions that are not compressed, in one page.
__attribute__((noinline)) static void
semihost(size_t operation, const void *argument)
{
    register size_t a0 __asm__("a0") = operation;
    register const void *a1 __asm__("a1") = argument;
    __asm__ volatile(".option push\n\t.option norvc\n\t.balign 16\n\t"
                     "slli x0, x0, 0x1f\n\tebreak\n\tsrai x0, x0, 7\n\t.option pop"
                     : "+r"(a0)
                     : "r"(a1)
                     : "memory");
}

void
board_print(const char *text)
{
    semihost(SYS_WRITE0, text);
}

_Noreturn void
board_exit(int status)
{
    const size_t block[] = { STOPPED_APPLICATION_EXIT, (size_t) status };
    semihost(SYS_EXIT_EXTENDED, block);
    for (;;) {
    }
}

static uint64_t
read_time(void)
{
#if __riscv_xlen == 32
    volatile uint32_t *half = (volatile uint32_t *) (uintptr_t) MTIME;
    uint32_t low, high;
    do {
        high = half[1];
        low = half[0];
    } while (high != half[1]);
    return (uint64_t) high << 32 | low;
#else
    return *MTIME;
#endif
}

// In halves on rv32: at no moment earlier than both the old time and the new one.
static void
set_alarm(uint64_t at)
{
#if __riscv_xlen == 32
    volatile uint32_t *half = (volatile uint32_t *) (uintptr_t) MTIMECMP;
    half[1] = UINT32_MAX;
    half[0] = (uint32_t) at;
    half[1] = (uint32_t) (at >> 32);
#else
    *MTIMECMP = at;
#endif
}

void
board_start(void (*tick)(void))
{
    const aimdb_riscv_options options = {
        .mtime = MTIME,
        .mtimecmp = tick ? NULL : MTIMECMP,
        .hz = BOARD_CLOCK_HZ,
    };
    if (aimdb_riscv_start(&options) != AIMDB_OK) {
        board_exit(2);
    }
    if (tick) {
        on_tick = tick;
        next_tick = read_time() + TICKS_PER_MS;
        set_alarm(next_tick);
        __asm__ volatile("csrs mie, %0" : : "r"(MIE_MTIE) : "memory");
    }
}

void
board_on_interrupt(void (*handler)(void))
{
    on_interrupt = handler;
}

// The machine may take a moment to see what is written to it: the handler lowers the request.
void
board_interrupt(void)
{
    MSIP = 1;
    __asm__ volatile("fence" : : : "memory");
}

size_t
board_stack_used(void)
{
    return stack_used();
}

__attribute__((interrupt("machine"), aligned(4))) static void
trap(void)
{
    size_t cause;
    __asm__ volatile("csrr %0, mcause" : "=r"(cause));
    if (cause == ((size_t) 1 << (__riscv_xlen - 1) | CAUSE_TIMER)) {
        next_tick += TICKS_PER_MS;
        set_alarm(next_tick);
        on_tick();
    } else if (cause == ((size_t) 1 << (__riscv_xlen - 1) | CAUSE_SOFTWARE)) {
        MSIP = 0;
        if (on_interrupt) {
            on_interrupt();
        }
    } else {
        board_print("a trap that nobody asked for\n");
        board_exit(2);
    }
}

_Noreturn void
board_reset(void);

_Noreturn __attribute__((used)) void
board_reset(void)
{
    prepare_memory();
    set_alarm(UINT64_MAX);
    __asm__ volatile("csrw mtvec, %0" : : "r"(trap) : "memory");
    __asm__ volatile("csrs mie, %0" : : "r"(MIE_MSIE) : "memory");
    __asm__ volatile("csrs mstatus, %0" : : "r"(MSTATUS_MIE) : "memory");
    board_exit(main());
}

__asm__(".section .start, \"ax\"\n"
        ".globl board_start_address\n"
        "board_start_address:\n"
        "    .option push\n"
        "    .option norelax\n"
        "    la gp, __global_pointer$\n"
        "    .option pop\n"
        "    la sp, board_stack_high\n"
        "    j board_reset\n");
