// SPDX-License-Identifier: Apache-2.0
// The contract of a port, hook by hook: what passes this program is a port. It links the port alone;
// nothing here may need a database or an executor. Threads, processes and signals are POSIX: a port
// to a board brings its own suite.h. Deadlines only guard against hangs, unless they are the subject.
#ifndef PORT_SUITE_H
#define PORT_SUITE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "core/port.h"

// Checks may stand in any thread: in the test's own a failed one ends the test, elsewhere it ends the
// process.
#define CHECK(claim) ((claim) ? (void) 0 : suite_fail(__FILE__, __LINE__, #claim))
// Looks again, giving way to other threads, until it is so.
#define EVENTUALLY(claim)                                                                          \
    do {                                                                                           \
        int64_t guard_ = suite_guard();                                                            \
        while (!(claim))                                                                           \
            suite_give_way(guard_, #claim, __FILE__, __LINE__);                                    \
    } while (0)

void
suite_fail(const char *file, int line, const char *text) __attribute__((noreturn));
int64_t
suite_guard(void);
void
suite_give_way(int64_t guard, const char *text, const char *file, int line);

// Another thread of the test's own.
struct helper {
    pthread_t thread;
    void (*run)(void *arg);
    void *arg;
    aimdb_word tid; // of the kernel, once it runs
};
void
helper_start(struct helper *helper, void (*run)(void *arg), void *arg);
void
helper_join(struct helper *helper);
// Whether it sleeps in the kernel.
bool
helper_is_asleep(const struct helper *helper);
// Processor time it has used, ns.
int64_t
helper_processor_time(const struct helper *helper);
// Ties the calling thread to one of the processors it may use.
void
helper_stay_on_one_processor(void);

// Runs `run` in a child process; gives what waitpid says. What the child writes to its standard error
// goes to `said`, if that is not NULL. A failed check there exits with 99, an end of `run` with 0.
int
suite_child(void (*run)(void *arg), void *arg, char *said, size_t said_size);

// Called in the thread that forks, after what the port does before a fork; NULL: nothing is.
extern void (*suite_while_forking)(void);

int
suite_arm(void **state);
int
suite_disarm(void **state);
#define PORT_TEST(name) cmocka_unit_test_setup_teardown(name, suite_arm, suite_disarm)

// Each file has its tests in such a part; main.c lists the parts.
struct suite_part {
    const char *name;
    const struct CMUnitTest *tests;
    size_t count;
};
#define SUITE_PART(name, tests)                                                                    \
    {                                                                                              \
#name, (tests), sizeof(tests) / sizeof(tests)[0]                                           \
    }
extern const struct suite_part memory_part, sleep_part, idle_part, fence_part, process_part,
    posix_part;

// The store-buffer litmus of fences.c: how many of the rounds ended as if memory had no order.
size_t
litmus_violations(size_t rounds, bool with_heavy_fence);

#endif
