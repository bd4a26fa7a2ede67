// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE // CPU_COUNT, pthread_setaffinity_np, pthread_setname_np, sched_getaffinity
#include "port/posix/thread.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
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

int
aimdbp_thread_set_fifo(pthread_t thread, uint32_t priority)
{
    struct sched_param param = { .sched_priority = (int) priority };
    return pthread_setschedparam(thread, SCHED_FIFO, &param);
}

// The kernel leaves out processors that are not there, and fails only when no other is left.
int
aimdbp_thread_set_processors(pthread_t thread, uint64_t processors, unsigned *ret_absent)
{
    cpu_set_t wanted;
    cpu_set_t given;
    CPU_ZERO(&wanted);
    CPU_ZERO(&given);
    for (unsigned i = 0; i < 64; i++) {
        if (processors >> i & 1) {
            CPU_SET(i, &wanted);
        }
    }
    int err = pthread_setaffinity_np(thread, sizeof wanted, &wanted);
    if (err == 0) {
        err = pthread_getaffinity_np(thread, sizeof given, &given);
    }
    if (err != 0 && err != EINVAL) {
        return err;
    }
    for (unsigned i = 0; i < 64; i++) {
        if (CPU_ISSET(i, &wanted) && !CPU_ISSET(i, &given)) {
            *ret_absent = i;
            return ENODEV;
        }
    }
    return err;
}

void
aimdbp_thread_be_punctual(void)
{
    (void) prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); // ns; refused nowhere that matters
}

int
aimdbp_cancel_off(void)
{
    int before;
    (void) pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    return before;
}

void
aimdbp_cancel_restore(int before)
{
    (void) pthread_setcancelstate(before, NULL);
}

void
aimdbp_thread_join(pthread_t thread)
{
    int cancel = aimdbp_cancel_off();
    (void) pthread_join(thread, NULL);
    aimdbp_cancel_restore(cancel);
}

void
aimdbp_lock_init(pthread_mutex_t *lock)
{
    pthread_mutexattr_t how;
    (void) pthread_mutexattr_init(&how);
    (void) pthread_mutexattr_setprotocol(&how, PTHREAD_PRIO_INHERIT); // if not, a lock all the same
    (void) pthread_mutex_init(lock, &how);
    (void) pthread_mutexattr_destroy(&how);
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
