// SPDX-License-Identifier: Apache-2.0
// What the stub kernels of this folder share: one core, one task that polls, and one interrupt that
// comes at a chosen point. Points are where a real interrupt could come and the kernel is called:
// before a section is masked, when the last one ends, before and while the task sleeps. Time is
// virtual; it passes in sleep only.
#ifndef KERNEL_H
#define KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// `handler` runs at the n-th point from now, or in the first sleep before. As an interrupt's handler, or
// as another task would.
void
kernel_interrupt(unsigned points, void (*handler)(void), bool as_task);
// True once it has come; in a sleep, *ret_asleep.
bool
kernel_has_come(bool *ret_asleep);

bool
kernel_in_handler(void);

void
kernel_point(void);

unsigned
kernel_mask(void);
void
kernel_unmask(unsigned state);

// Milliseconds that have passed; where they begin is the kernel's choice.
uint64_t
kernel_time(void);
void
kernel_set_time(uint64_t ms);

// Sleeps until *news is not zero, or some milliseconds have passed, UINT64_MAX: never. The test ends
// when nothing will wake the task any more.
void
kernel_sleep(const volatile unsigned *news, uint64_t ms);

void
kernel_expect(bool claim, const char *file, int line, const char *text);
#define EXPECT(claim) kernel_expect((claim), __FILE__, __LINE__, #claim)

#ifdef __cplusplus
}
#endif

#endif
