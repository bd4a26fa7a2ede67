// SPDX-License-Identifier: Apache-2.0
// This machine as a board: the tick is a thread, and what firmware prints goes to standard output.
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "board.h"

const char board_name[] = "host";

static void (*on_interrupt)(void);

static void *
tick_for_ever(void *tick)
{
    struct timespec at;
    (void) clock_gettime(CLOCK_MONOTONIC, &at);
    for (;;) {
        at.tv_nsec += 1000000;
        if (at.tv_nsec >= 1000000000) {
            at.tv_nsec -= 1000000000;
            at.tv_sec++;
        }
        (void) clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
        (*(void (**)(void)) tick)();
    }
    return NULL;
}

void
board_start(void (*tick)(void))
{
    static void (*ticks)(void);
    pthread_t thread;
    ticks = tick;
    if (tick && pthread_create(&thread, NULL, tick_for_ever, &ticks) != 0) {
        fputs("no thread for the tick\n", stderr);
        exit(1);
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
    on_interrupt();
}

void
board_print(const char *text)
{
    fputs(text, stdout);
}

_Noreturn void
board_exit(int status)
{
    exit(status);
}

size_t
board_stack_used(void)
{
    return 0; // a thread's stack grows by itself
}
