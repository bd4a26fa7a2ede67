// SPDX-License-Identifier: Apache-2.0
// Fibers of the POSIX port.
//
// swapcontext(3) would do, but makes two system calls to save and set the signal mask, which no fiber
// here changes: 600 ns a switch where 10 do. So there are a dozen instructions for x86-64 and for
// aarch64, which save what a called function must preserve, and ucontext for all other machines.
//
// A stack is mapped: pages cost memory once they are touched. Below it lies a page that cannot be
// touched. It is large, because the core keeps values of up to 64 KiB on it, one for each producer
// function on the way.
//
// Source: System V ABI for x86-64, 3.2.1; AAPCS64, 6; sanitizer/common_interface_defs.h and
// sanitizer/tsan_interface.h for the announcements.
#define _GNU_SOURCE // MAP_STACK, MAP_NORESERVE
#include "port/posix/fiber.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/port.h"

#define STACK_BYTES ((size_t) 1 << 20)

#if defined(__has_feature)
#define HAS_FEATURE(what) __has_feature(what)
#else
#define HAS_FEATURE(what) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || HAS_FEATURE(address_sanitizer)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define WITH_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__) || HAS_FEATURE(thread_sanitizer)
#include <sanitizer/tsan_interface.h>
#define WITH_TSAN 1
#endif

#if (defined(__x86_64__) || defined(__aarch64__)) && !defined(AIMDB_FIBER_UCONTEXT)
#define OWN_SWITCH 1
#endif

// --- what sanitizers are told --------------------------------------------------------------------

// Inlined: what the thread sanitizer notes at the beginning of a function on one fiber it takes off
// at the end on another.
static inline __attribute__((always_inline)) void
announce_switch(struct aimdbp_fiber *from, struct aimdbp_fiber *to, bool for_good)
{
    (void) from, (void) to, (void) for_good;
#ifdef WITH_ASAN
    __sanitizer_start_switch_fiber(for_good ? NULL : &from->fake_stack, to->bottom, to->size);
#endif
#ifdef WITH_TSAN
    __tsan_switch_to_fiber(to->tsan, 0);
#endif
}

static void
announce_arrival(struct aimdbp_fiber *fiber)
{
    (void) fiber;
#ifdef WITH_ASAN
    const void *bottom;
    size_t size;
    __sanitizer_finish_switch_fiber(fiber->fake_stack, &bottom, &size);
    struct aimdbp_fiber *left = (struct aimdbp_fiber *) fiber->left;
    left->bottom = bottom; // of a thread's own stack nobody else knows them
    left->size = size;
#endif
}

static void
announce_begin(struct aimdbp_fiber *fiber)
{
    (void) fiber;
#ifdef WITH_ASAN
    __asan_unpoison_memory_region(fiber->bottom, fiber->size); // who left did not clean up
#endif
#ifdef WITH_TSAN
    if (fiber->tsan) {
        __tsan_destroy_fiber(fiber->tsan);
    }
    fiber->tsan = __tsan_create_fiber(0);
#endif
}

static void
announce_release(struct aimdbp_fiber *fiber)
{
    (void) fiber;
#ifdef WITH_ASAN
    __asan_unpoison_memory_region(fiber->memory, fiber->bytes);
#endif
#ifdef WITH_TSAN
    if (fiber->tsan) {
        __tsan_destroy_fiber(fiber->tsan);
    }
#endif
}

static _Noreturn void
run(struct aimdbp_fiber *fiber)
{
    announce_arrival(fiber);
    aimdbp_set_current(NULL);
    fiber->main(fiber->argument);
    aimdbp_panic(__FILE__, __LINE__, "a fiber returned");
}

// --- switching -----------------------------------------------------------------------------------

#ifdef OWN_SWITCH

// Saves the caller's registers on its stack and the stack pointer in *save; takes both from `to`.
void
aimdbp_fiber_jump(void **save, void *to);
// Where a new fiber begins: calls its second saved register with the first one.
void
aimdbp_fiber_start(void);

#if defined(__x86_64__)
__asm__(".text\n"
        ".hidden aimdbp_fiber_jump\n"
        ".globl aimdbp_fiber_jump\n"
        ".type aimdbp_fiber_jump, @function\n"
        "aimdbp_fiber_jump:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r15\n"
        "    pushq %r14\n"
        "    pushq %r13\n"
        "    pushq %r12\n"
        "    subq $8, %rsp\n"
        "    stmxcsr (%rsp)\n"
        "    fnstcw 4(%rsp)\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    ldmxcsr (%rsp)\n"
        "    fldcw 4(%rsp)\n"
        "    addq $8, %rsp\n"
        "    popq %r12\n"
        "    popq %r13\n"
        "    popq %r14\n"
        "    popq %r15\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        ".size aimdbp_fiber_jump, . - aimdbp_fiber_jump\n"
        ".hidden aimdbp_fiber_start\n"
        ".globl aimdbp_fiber_start\n"
        ".type aimdbp_fiber_start, @function\n"
        "aimdbp_fiber_start:\n"
        "    .cfi_startproc\n"
        "    .cfi_undefined %rip\n"
        "    movq %r12, %rdi\n"
        "    callq *%r13\n"
        "    ud2\n"
        "    .cfi_endproc\n"
        ".size aimdbp_fiber_start, . - aimdbp_fiber_start\n");

#define FRAME_WORDS 8 // control words, r12 to r15, rbx, rbp, where to return to
#define FIRST 1
#define RETURN 7

static void
fill_control(void **frame)
{
    uint32_t mxcsr;
    uint16_t x87;
    __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
    __asm__ volatile("fnstcw %0" : "=m"(x87));
    frame[0] = (void *) ((uintptr_t) mxcsr | (uintptr_t) x87 << 32);
}
#else
__asm__(".text\n"
        ".hidden aimdbp_fiber_jump\n"
        ".globl aimdbp_fiber_jump\n"
        ".type aimdbp_fiber_jump, %function\n"
        "aimdbp_fiber_jump:\n"
        "    sub sp, sp, #160\n"
        "    stp x19, x20, [sp]\n"
        "    stp x21, x22, [sp, #16]\n"
        "    stp x23, x24, [sp, #32]\n"
        "    stp x25, x26, [sp, #48]\n"
        "    stp x27, x28, [sp, #64]\n"
        "    stp x29, x30, [sp, #80]\n"
        "    stp d8, d9, [sp, #96]\n"
        "    stp d10, d11, [sp, #112]\n"
        "    stp d12, d13, [sp, #128]\n"
        "    stp d14, d15, [sp, #144]\n"
        "    mov x9, sp\n"
        "    str x9, [x0]\n"
        "    mov sp, x1\n"
        "    ldp x19, x20, [sp]\n"
        "    ldp x21, x22, [sp, #16]\n"
        "    ldp x23, x24, [sp, #32]\n"
        "    ldp x25, x26, [sp, #48]\n"
        "    ldp x27, x28, [sp, #64]\n"
        "    ldp x29, x30, [sp, #80]\n"
        "    ldp d8, d9, [sp, #96]\n"
        "    ldp d10, d11, [sp, #112]\n"
        "    ldp d12, d13, [sp, #128]\n"
        "    ldp d14, d15, [sp, #144]\n"
        "    add sp, sp, #160\n"
        "    ret\n"
        ".size aimdbp_fiber_jump, . - aimdbp_fiber_jump\n"
        ".hidden aimdbp_fiber_start\n"
        ".globl aimdbp_fiber_start\n"
        ".type aimdbp_fiber_start, %function\n"
        "aimdbp_fiber_start:\n"
        "    .cfi_startproc\n"
        "    .cfi_undefined x30\n"
        "    mov x0, x19\n"
        "    blr x20\n"
        "    brk #1\n"
        "    .cfi_endproc\n"
        ".size aimdbp_fiber_start, . - aimdbp_fiber_start\n");

#define FRAME_WORDS 20 // x19 to x30, d8 to d15
#define FIRST 0
#define RETURN 11

static void
fill_control(void **frame)
{
    (void) frame;
}
#endif

static void
prepare(struct aimdbp_fiber *fiber)
{
    void **frame = (void **) ((unsigned char *) fiber->bottom + fiber->size) - FRAME_WORDS;
    for (int i = 0; i < FRAME_WORDS; i++) {
        frame[i] = NULL;
    }
    fill_control(frame);
    frame[FIRST] = fiber;
    frame[FIRST + 1] = (void *) (uintptr_t) run;
    frame[RETURN] = (void *) (uintptr_t) aimdbp_fiber_start;
    fiber->stack_pointer = frame;
}

static inline __attribute__((always_inline)) void
jump(struct aimdbp_fiber *from, struct aimdbp_fiber *to)
{
    aimdbp_fiber_jump(&from->stack_pointer, to->stack_pointer);
}

#else
#include <stdlib.h>
#include <ucontext.h>

static _Thread_local struct aimdbp_fiber *beginning;

static void
start(void)
{
    run(beginning);
}

static ucontext_t *
context_of(struct aimdbp_fiber *fiber)
{
    if (!fiber->context) {
        fiber->context = malloc(sizeof(ucontext_t));
        AIMDBI_REQUIRE(fiber->context && getcontext(fiber->context) == 0, "no memory for a fiber");
    }
    return fiber->context;
}

static void
prepare(struct aimdbp_fiber *fiber)
{
    ucontext_t *context = context_of(fiber);
    context->uc_stack.ss_sp = (void *) fiber->bottom;
    context->uc_stack.ss_size = fiber->size;
    context->uc_link = NULL;
    makecontext(context, start, 0);
}

static inline __attribute__((always_inline)) void
jump(struct aimdbp_fiber *from, struct aimdbp_fiber *to)
{
    beginning = to;
    (void) swapcontext(context_of(from), context_of(to));
}
#endif

void
aimdbp_fiber_switch(struct aimdbp_fiber *from, struct aimdbp_fiber *to)
{
    from->current = aimdbp_current();
    from->error = errno;
    to->left = from;
    announce_switch(from, to, false);
    jump(from, to);
    announce_arrival(from);
    errno = from->error;
    aimdbp_set_current(from->current);
}

_Noreturn void
aimdbp_fiber_leave(struct aimdbp_fiber *from, struct aimdbp_fiber *to)
{
    to->left = from;
    announce_switch(from, to, true);
    jump(from, to);
    aimdbp_panic(__FILE__, __LINE__, "a fiber that has left was switched to");
}

// --- stacks --------------------------------------------------------------------------------------

void
aimdbp_fiber_adopt(struct aimdbp_fiber *fiber)
{
    (void) fiber;
#ifdef WITH_TSAN
    fiber->tsan = __tsan_get_current_fiber();
#endif
}

bool
aimdbp_fiber_alloc(struct aimdbp_fiber *fiber, size_t extra)
{
    size_t page = (size_t) sysconf(_SC_PAGESIZE);
    size_t bytes = page + STACK_BYTES + extra;
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED) {
        return false;
    }
    if (mprotect(memory, page, PROT_NONE) != 0) {
        (void) munmap(memory, bytes);
        return false;
    }
    fiber->memory = memory;
    fiber->bytes = bytes;
    fiber->extra = extra;
    fiber->bottom = fiber->memory + page;
    fiber->size = STACK_BYTES;
    return true;
}

void *
aimdbp_fiber_extra(const struct aimdbp_fiber *fiber)
{
    return fiber->memory + fiber->bytes - fiber->extra;
}

void
aimdbp_fiber_begin(struct aimdbp_fiber *fiber, void (*main)(void *argument), void *argument)
{
    fiber->main = main;
    fiber->argument = argument;
    fiber->fake_stack = NULL;
    announce_begin(fiber);
    prepare(fiber);
}

void
aimdbp_fiber_release(struct aimdbp_fiber *fiber)
{
#ifndef OWN_SWITCH
    free(fiber->context);
#endif
    if (fiber->memory) {
        announce_release(fiber);
        (void) munmap(fiber->memory, fiber->bytes);
    }
    fiber->memory = NULL;
}
