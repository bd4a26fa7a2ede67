// SPDX-License-Identifier: Apache-2.0
// Threads, children and failures of the port suite.
#include "suite.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HANG_SECONDS 30 // longer than this nothing takes, even under a sanitizer
#define TEST_SECONDS 55 // a whole test

static pthread_t test_thread;
static bool is_child;

void
suite_fail(const char *file, int line, const char *text)
{
    if (!is_child && pthread_equal(pthread_self(), test_thread)) {
        print_error("%s\n", text);
        _fail(file, line);
    }
    fprintf(stderr, "%s:%d: %s\n", file, line, text);
    if (is_child)
        _exit(99);
    abort();
}

int64_t
suite_guard(void)
{
    return (int64_t) time(NULL) + HANG_SECONDS;
}

void
suite_give_way(int64_t guard, const char *text, const char *file, int line)
{
    if ((int64_t) time(NULL) > guard)
        suite_fail(file, line, text);
    sched_yield();
}

static void
test_hangs(int number)
{
    static const char text[] = "a test hangs: the program is stopped\n";
    (void) number;
    (void) !write(STDERR_FILENO, text, sizeof text - 1);
    abort();
}

int
suite_arm(void **state)
{
    (void) state;
    test_thread = pthread_self();
    signal(SIGALRM, test_hangs);
    alarm(TEST_SECONDS);
    return 0;
}

int
suite_disarm(void **state)
{
    (void) state;
    alarm(0);
    return 0;
}

// Threads -----------------------------------------------------------------------------------------

static void *
helper_main(void *arg)
{
    struct helper *helper = arg;
    store_release(&helper->tid, (size_t) syscall(SYS_gettid));
    helper->run(helper->arg);
    return NULL;
}

void
helper_start(struct helper *helper, void (*run)(void *arg), void *arg)
{
    *helper = (struct helper){ .run = run, .arg = arg };
    CHECK(pthread_create(&helper->thread, NULL, helper_main, helper) == 0);
}

void
helper_join(struct helper *helper)
{
    CHECK(pthread_join(helper->thread, NULL) == 0);
}

bool
helper_is_asleep(const struct helper *helper)
{
    char path[64], text[256];
    snprintf(path, sizeof path, "/proc/self/task/%zu/stat", load_acquire(&helper->tid));
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return false;
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = '\0';
    const char *state = strrchr(text, ')'); // the name before it may hold anything
    return state != NULL && state[1] == ' ' && state[2] == 'S';
}

int64_t
helper_processor_time(const struct helper *helper)
{
    clockid_t clock;
    struct timespec used;
    CHECK(pthread_getcpuclockid(helper->thread, &clock) == 0);
    CHECK(clock_gettime(clock, &used) == 0);
    return (int64_t) used.tv_sec * 1000000000 + used.tv_nsec;
}

void
helper_stay_on_one_processor(void)
{
    cpu_set_t all, one;
    CPU_ZERO(&one);
    CHECK(pthread_getaffinity_np(pthread_self(), sizeof all, &all) == 0);
    for (size_t i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &all))
            CPU_SET(i, &one);
    CHECK(pthread_setaffinity_np(pthread_self(), sizeof one, &one) == 0);
}

// Children ----------------------------------------------------------------------------------------

static void
be_child(void (*run)(void *arg), void *arg, int error_stream)
{
    is_child = true;
    signal(SIGALRM, SIG_DFL);
    signal(SIGABRT, SIG_DFL); // cmocka's would report a failed test
    alarm(HANG_SECONDS);
    setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 }); // some children are to be stopped
    if (error_stream >= 0)
        dup2(error_stream, STDERR_FILENO);
    run(arg);
    _exit(0);
}

static void
hear(int from, char *said, size_t said_size)
{
    size_t length = 0;
    ssize_t got;
    while (length + 1 < said_size && (got = read(from, said + length, said_size - 1 - length)) > 0)
        length += (size_t) got;
    said[length] = '\0';
}

int
suite_child(void (*run)(void *arg), void *arg, char *said, size_t said_size)
{
    int status = 0;
    int ends[2] = { -1, -1 };
    CHECK(said == NULL || pipe(ends) == 0);
    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0)
        be_child(run, arg, ends[1]);
    if (said != NULL) {
        close(ends[1]);
        hear(ends[0], said, said_size);
        close(ends[0]);
    }
    CHECK(waitpid(child, &status, 0) == child);
    return status;
}
