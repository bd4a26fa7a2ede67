// SPDX-License-Identifier: Apache-2.0
// What the POSIX port offers beyond core/port.h: its clock is CLOCK_MONOTONIC, as event loops need
// it; events (event.h); threads (thread.h).
#include "suite.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "port/posix/event.h"
#include "port/posix/thread.h"

static aimdb_time
monotonic(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return AIMDB_SEC(now.tv_sec) + now.tv_nsec;
}

static void
clock_is_the_monotonic_one_of_the_system(void **state)
{
    (void) state;
    for (int i = 0; i < 1000; i++) {
        aimdb_time before = monotonic();
        aimdb_time now = aimdbp_clock();
        CHECK(before <= now && now <= monotonic());
    }
}

// Events ------------------------------------------------------------------------------------------

static bool
is_readable(int event)
{
    struct pollfd fd = { .fd = event, .events = POLLIN };
    int found = poll(&fd, 1, 0);
    CHECK(found >= 0 && (fd.revents & ~POLLIN) == 0);
    return found == 1;
}

static void
event_is_readable_from_raise_to_lower(void **state)
{
    (void) state;
    int event = aimdbp_event_open();
    CHECK(event >= 0 && !is_readable(event));
    for (int i = 0; i < 3; i++) {
        aimdbp_event_raise(event);
        CHECK(is_readable(event));
        CHECK(is_readable(event)); // looking takes nothing away
        aimdbp_event_lower(event);
        CHECK(!is_readable(event));
    }
    aimdbp_event_close(event);
}

static void
event_may_be_raised_and_lowered_again_and_again(void **state)
{
    (void) state;
    int event = aimdbp_event_open();
    aimdbp_event_lower(event); // does not wait for a raise
    aimdbp_event_lower(event);
    for (int i = 0; i < 1000; i++)
        aimdbp_event_raise(event);
    CHECK(is_readable(event));
    aimdbp_event_lower(event);
    CHECK(!is_readable(event));
    aimdbp_event_close(event);
}

static void
event_does_not_block_and_is_not_inherited_by_programs(void **state)
{
    (void) state;
    int event = aimdbp_event_open();
    CHECK(fcntl(event, F_GETFD) & FD_CLOEXEC);
    CHECK(fcntl(event, F_GETFL) & O_NONBLOCK);
    aimdbp_event_close(event);
    CHECK(fcntl(event, F_GETFD) == -1 && errno == EBADF);
}

static void
open_without_descriptors(void *arg)
{
    (void) arg;
    CHECK(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 0, 0 }) == 0);
    CHECK(aimdbp_event_open() == -EMFILE);
}

static void
event_that_is_not_to_be_had_is_an_errno(void **state)
{
    (void) state;
    CHECK(suite_child(open_without_descriptors, NULL, NULL, 0) == 0);
}

static int event_of_handler;
static aimdb_word raises;

static void
raise_event(int number)
{
    (void) number;
    aimdbp_event_raise(event_of_handler);
    (void) fetch_add_acq_rel(&raises, 1);
}

static void
wait_for_event(void *arg)
{
    struct pollfd fd = { .fd = *(int *) arg, .events = POLLIN };
    while (poll(&fd, 1, -1) < 0)
        CHECK(errno == EINTR);
    CHECK(fd.revents == POLLIN);
}

static void
event_raised_in_a_signal_handler_ends_a_poll(void **state)
{
    (void) state;
    struct helper sleeper;
    event_of_handler = aimdbp_event_open();
    CHECK(signal(SIGUSR1, raise_event) != SIG_ERR);
    for (size_t i = 1; i <= 2; i++) { // this thread is interrupted, then the one that polls
        helper_start(&sleeper, wait_for_event, &event_of_handler);
        EVENTUALLY(helper_is_asleep(&sleeper));
        CHECK(pthread_kill(i == 1 ? pthread_self() : sleeper.thread, SIGUSR1) == 0);
        helper_join(&sleeper);
        EVENTUALLY(load_acquire(&raises) == i);
        aimdbp_event_lower(event_of_handler);
    }
    aimdbp_event_close(event_of_handler);
}

// The kernel refuses a raise of a counter that is full, and a lower of one that is not raised.
static void
event_leaves_errno_alone(void **state)
{
    (void) state;
    const uint64_t full = UINT64_MAX - 1;
    int event = aimdbp_event_open();
    errno = 4711;
    aimdbp_event_lower(event);
    CHECK(errno == 4711);
    CHECK(write(event, &full, sizeof full) == sizeof full);
    aimdbp_event_raise(event);
    CHECK(errno == 4711);
    CHECK(is_readable(event));
    aimdbp_event_lower(event);
    CHECK(!is_readable(event));
    aimdbp_event_close(event);
}

// Threads -----------------------------------------------------------------------------------------

struct about {
    sigset_t mask;
    char name[16];
    uint32_t processors;
    aimdb_word may_look;
};

static void *
look_at_itself(void *arg)
{
    struct about *about = arg;
    EVENTUALLY(load_acquire(&about->may_look) != 0); // the name comes from the one that started it
    CHECK(pthread_sigmask(SIG_SETMASK, NULL, &about->mask) == 0);
    CHECK(pthread_getname_np(pthread_self(), about->name, sizeof about->name) == 0);
    return about;
}

static void
look_at_thread(struct about *about, const char *name)
{
    pthread_t thread;
    void *result;
    memset(about, 0, sizeof *about);
    CHECK(aimdbp_thread_start(&thread, look_at_itself, about, name) == 0);
    store_release(&about->may_look, 1);
    CHECK(pthread_join(thread, &result) == 0);
    CHECK(result == about);
}

// Those that a thread raises by a fault of its own reach its program's handlers.
static bool
is_fault(int number)
{
    return number == SIGBUS || number == SIGFPE || number == SIGILL || number == SIGSEGV ||
           number == SIGSYS || number == SIGTRAP;
}

static void
thread_has_all_signals_but_its_faults_blocked_and_its_starter_none_more(void **state)
{
    (void) state;
    struct about about;
    sigset_t before, after, mine;
    sigemptyset(&mine);
    sigaddset(&mine, SIGUSR2);
    CHECK(pthread_sigmask(SIG_SETMASK, &mine, &before) == 0);
    look_at_thread(&about, "aimdb-test");
    CHECK(pthread_sigmask(SIG_SETMASK, &before, &after) == 0);
    for (int number = 1; number <= SIGRTMAX; number++) {
        bool can_be_blocked = number != SIGKILL && number != SIGSTOP && !is_fault(number);
        if (number >= 32 && number < SIGRTMIN)
            continue; // the C library's own
        CHECK(sigismember(&about.mask, number) == can_be_blocked);
        CHECK(sigismember(&after, number) == (number == SIGUSR2));
    }
}

static void
thread_has_its_name(void **state)
{
    (void) state;
    struct about about;
    look_at_thread(&about, "a");
    CHECK(strcmp(about.name, "a") == 0);
    look_at_thread(&about, "fifteen-letters");
    CHECK(strcmp(about.name, "fifteen-letters") == 0);
}

// The program is linked so that pthread_create of its own files is this one.
static bool no_threads;

int
__real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *arg),
                      void *arg);
int
__wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *arg),
                      void *arg);

int
__wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *arg),
                      void *arg)
{
    return no_threads ? EAGAIN : __real_pthread_create(thread, attr, run, arg);
}

static void
thread_that_is_not_to_be_had_is_an_errno(void **state)
{
    (void) state;
    pthread_t thread;
    sigset_t before, after;
    CHECK(pthread_sigmask(SIG_SETMASK, NULL, &before) == 0);
    no_threads = true;
    int err = aimdbp_thread_start(&thread, look_at_itself, NULL, "never");
    no_threads = false;
    CHECK(err == EAGAIN);
    CHECK(pthread_sigmask(SIG_SETMASK, NULL, &after) == 0);
    for (int number = 1; number <= SIGRTMAX; number++)
        CHECK(sigismember(&before, number) == sigismember(&after, number));
}

// A thread that is to end at the first cancellation point it comes to.
struct ending {
    int event;
    pthread_t other;
    aimdb_word may_end;  // the other one: it is still there when it is joined
    aimdb_word has_come; // to the join
    aimdb_word has_returned;
};

static void *
end_when_told(void *arg)
{
    struct ending *ending = arg;
    EVENTUALLY(load_acquire(&ending->may_end) != 0);
    return NULL;
}

static void *
end_behind_the_port(void *arg)
{
    struct ending *ending = arg;
    CHECK(pthread_cancel(pthread_self()) == 0);
    aimdbp_event_raise(ending->event);
    aimdbp_event_lower(ending->event);
    aimdbp_event_raise(ending->event);
    aimdbp_relax(1000);
    store_release(&ending->has_come, 1);
    aimdbp_thread_join(ending->other);
    int cancel = aimdbp_cancel_off();
    pthread_testcancel();
    aimdbp_cancel_restore(cancel);
    store_release(&ending->has_returned, 1);
    pthread_testcancel();
    return NULL;
}

static void
thread_that_is_cancelled_ends_behind_the_port_and_not_inside(void **state)
{
    (void) state;
    struct ending ending = { .event = aimdbp_event_open() };
    pthread_t thread;
    void *result;
    CHECK(ending.event >= 0);
    CHECK(pthread_create(&ending.other, NULL, end_when_told, &ending) == 0);
    CHECK(pthread_create(&thread, NULL, end_behind_the_port, &ending) == 0);
    EVENTUALLY(load_acquire(&ending.has_come) != 0 || pthread_tryjoin_np(thread, &result) == 0);
    CHECK(load_acquire(&ending.has_come) != 0);
    for (int i = 0; i < 1000; i++) // it goes to sleep in the join, or ends there
        (void) sched_yield();
    store_release(&ending.may_end, 1);
    CHECK(pthread_join(thread, &result) == 0);
    CHECK(load_acquire(&ending.has_returned) == 1);
    CHECK(result == PTHREAD_CANCELED);
    struct pollfd raised = { .fd = ending.event, .events = POLLIN };
    CHECK(poll(&raised, 1, 0) == 1);
    aimdbp_event_close(ending.event);
}

static void
be_looked_at(void *arg)
{
    EVENTUALLY(load_acquire(arg) != 0);
}

static void
thread_gets_a_priority_or_an_errno(void **state)
{
    (void) state;
    aimdb_word done = { 0 };
    struct helper helper;
    struct sched_param param;
    int policy;
    helper_start(&helper, be_looked_at, &done);
    int err = aimdbp_thread_set_fifo(helper.thread, 3);
    CHECK(pthread_getschedparam(helper.thread, &policy, &param) == 0);
    int bad = aimdbp_thread_set_fifo(helper.thread, 100);
    store_release(&done, 1);
    helper_join(&helper);
    CHECK(err == 0 || err == EPERM);
    CHECK((policy == SCHED_FIFO) == (err == 0));
    CHECK(err != 0 || param.sched_priority == 3);
    CHECK(bad == EINVAL);
}

static void
thread_stays_on_its_processors_and_absent_ones_are_named(void **state)
{
    (void) state;
    aimdb_word done = { 0 };
    struct helper helper;
    cpu_set_t all, set;
    unsigned first = 0, absent = 99;
    CHECK(pthread_getaffinity_np(pthread_self(), sizeof all, &all) == 0);
    while (first < 64 && !CPU_ISSET(first, &all))
        first++;
    if (first == 64 || CPU_ISSET(63, &all))
        skip(); // a machine that this test was not written for
    helper_start(&helper, be_looked_at, &done);
    int err = aimdbp_thread_set_processors(helper.thread, (uint64_t) 1 << first, &absent);
    CHECK(pthread_getaffinity_np(helper.thread, sizeof set, &set) == 0);
    int bad = aimdbp_thread_set_processors(helper.thread, (uint64_t) 1 << 63, &absent);
    store_release(&done, 1);
    helper_join(&helper);
    CHECK(err == 0 && CPU_COUNT(&set) == 1 && CPU_ISSET(first, &set));
    CHECK(bad == ENODEV && absent == 63);
}

static void
ask_for_punctuality(void *arg)
{
    aimdbp_thread_be_punctual();
    store_release(arg, (size_t) prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0));
}

static void
punctual_thread_has_no_timer_slack_and_others_keep_theirs(void **state)
{
    (void) state;
    aimdb_word slack = { 0 };
    int before = prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);
    struct helper helper;
    helper_start(&helper, ask_for_punctuality, &slack);
    helper_join(&helper);
    CHECK(load_acquire(&slack) == 1);
    CHECK(prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0) == before);
}

static void
try_lock(void *arg)
{
    pthread_mutex_t *lock = arg;
    CHECK(pthread_mutex_trylock(lock) == EBUSY);
}

static void
lock_is_a_lock(void **state)
{
    (void) state;
    pthread_mutex_t lock;
    struct helper helper;
    aimdbp_lock_init(&lock);
    CHECK(pthread_mutex_lock(&lock) == 0);
    helper_start(&helper, try_lock, &lock);
    helper_join(&helper);
    CHECK(pthread_mutex_unlock(&lock) == 0);
    CHECK(pthread_mutex_trylock(&lock) == 0);
    CHECK(pthread_mutex_unlock(&lock) == 0);
    CHECK(pthread_mutex_destroy(&lock) == 0);
}

static void
count_processors(void *arg)
{
    struct about *about = arg;
    cpu_set_t all;
    CHECK(pthread_getaffinity_np(pthread_self(), sizeof all, &all) == 0);
    CHECK(aimdbp_processors() == (uint32_t) CPU_COUNT(&all));
    helper_stay_on_one_processor();
    about->processors = aimdbp_processors();
}

static void
processors_are_those_that_may_be_used(void **state)
{
    (void) state;
    struct about about = { .processors = 0 };
    struct helper counter;
    CHECK(aimdbp_processors() >= 1);
    helper_start(&counter, count_processors, &about);
    helper_join(&counter);
    CHECK(about.processors == 1);
}

static const struct CMUnitTest tests[] = {
    PORT_TEST(clock_is_the_monotonic_one_of_the_system),
    PORT_TEST(event_is_readable_from_raise_to_lower),
    PORT_TEST(event_may_be_raised_and_lowered_again_and_again),
    PORT_TEST(event_does_not_block_and_is_not_inherited_by_programs),
    PORT_TEST(event_that_is_not_to_be_had_is_an_errno),
    PORT_TEST(event_raised_in_a_signal_handler_ends_a_poll),
    PORT_TEST(event_leaves_errno_alone),
    PORT_TEST(thread_has_all_signals_but_its_faults_blocked_and_its_starter_none_more),
    PORT_TEST(thread_has_its_name),
    PORT_TEST(thread_gets_a_priority_or_an_errno),
    PORT_TEST(thread_stays_on_its_processors_and_absent_ones_are_named),
    PORT_TEST(punctual_thread_has_no_timer_slack_and_others_keep_theirs),
    PORT_TEST(lock_is_a_lock),
    PORT_TEST(thread_that_is_not_to_be_had_is_an_errno),
    PORT_TEST(thread_that_is_cancelled_ends_behind_the_port_and_not_inside),
    PORT_TEST(processors_are_those_that_may_be_used),
};
const struct suite_part posix_part = SUITE_PART(posix, tests);
