// SPDX-License-Identifier: Apache-2.0
// What both startups do with memory before main(); the symbols are sections.ld's.
#ifndef BOARD_MEMORY_H
#define BOARD_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#define STACK_PATTERN UINT32_C(0xa5a5a5a5)

extern uint32_t board_stack_low[], board_stack_high[];
extern uint32_t board_data_low[], board_data_high[], board_data_load[];
extern uint32_t board_bss_low[], board_bss_high[];

static inline void
fill(uint32_t *from, const uint32_t *to, uint32_t pattern)
{
    while (from < to) {
        *from++ = pattern;
        __asm__ volatile("" : : : "memory"); // no call of memset, which nobody has
    }
}

static inline void
prepare_memory(void)
{
    const uint32_t *load = board_data_load;
    for (uint32_t *to = board_data_low; to < board_data_high; to++) {
        *to = *load++;
        __asm__ volatile("" : : : "memory");
    }
    fill(board_bss_low, board_bss_high, 0);
    // Up to this function's own frame, and a little less.
    fill(board_stack_low, (uint32_t *) __builtin_frame_address(0) - 16, STACK_PATTERN);
}

static inline size_t
stack_used(void)
{
    const uint32_t *at = board_stack_low;
    while (at < board_stack_high && *at == STACK_PATTERN) {
        at++;
    }
    return (size_t) ((uintptr_t) board_stack_high - (uintptr_t) at);
}

#endif
