// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE // CPU_COUNT, pthread_setname_np, sched_getaffinity
#include "port/posix/thread.h"

#include <sched.h>
#include <signal.h>
#include <unistd.h>

int
aimdbp_thread_start(pthread_t *ret_thread, void *(*main)(void *), void *argument, const char *name)
{
    // Not those that a thread raises by a fault of its own: blocked, they would end the program past
    // its handlers.
    static const int faults[] = { SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP };
    sigset_t blocked;
    sigset_t before;
    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        sigdelset(&blocked, faults[i]);
    }
    int err = pthread_sigmask(SIG_SETMASK, &blocked, &before);
    if (err != 0) {
        return err;
    }
    err = pthread_create(ret_thread, NULL, main, argument);
    (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (err == 0) {
        (void) pthread_setname_np(*ret_thread, name); // a name is a convenience
    }
    return err;
}

uint32_t
aimdbp_processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) {
        return (uint32_t) CPU_COUNT(&set);
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (uint32_t) online : 1;
}
