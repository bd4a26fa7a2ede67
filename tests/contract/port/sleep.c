// SPDX-License-Identifier: Apache-2.0
// Sleeping and waking. A wait may return early for no reason, so that every sleeper here looks at its
// word again; but a port that made use of that would be no port that sleeps: some tests count.
#include "suite.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#define SLEEPERS 6u
#define TOKENS 20000u // handed to and fro
#define PERMITS 20000u

struct sleeper {
    struct helper helper;
    aimdbi_signal *signal;
    uint32_t until; // leaves once the signal has reached it
    aimdb_time deadline;
    aimdb_word returns; // of aimdbp_wait
};

static void
sleep_until(void *arg)
{
    struct sleeper *sleeper = arg;
    uint32_t seen;
    while ((seen = signal_load_acquire(sleeper->signal)) != sleeper->until) {
        aimdbp_wait(sleeper->signal, seen, sleeper->deadline);
        (void) fetch_add_acq_rel(&sleeper->returns, 1);
    }
}

static void
start_sleeper(struct sleeper *sleeper, aimdbi_signal *signal, aimdb_time deadline)
{
    *sleeper = (struct sleeper){ .signal = signal, .until = 1, .deadline = deadline };
    helper_start(&sleeper->helper, sleep_until, sleeper);
    EVENTUALLY(helper_is_asleep(&sleeper->helper));
}

static size_t
returns_of(struct sleeper sleepers[SLEEPERS])
{
    size_t sum = 0;
    for (size_t i = 0; i < SLEEPERS; i++)
        sum += load_acquire(&sleepers[i].returns);
    return sum;
}

static bool
all_asleep(struct sleeper sleepers[SLEEPERS])
{
    bool all = true;
    for (size_t i = 0; i < SLEEPERS; i++)
        all = all && helper_is_asleep(&sleepers[i].helper);
    return all;
}

static void
wait_returns_at_once_when_the_value_differs(void **state)
{
    (void) state;
    aimdbi_signal signal = { 7 };
    aimdbp_wait(&signal, 6, AIMDB_FOREVER);
    aimdbp_wait(&signal, 0, AIMDB_FOREVER);
    aimdbp_wait(&signal, 7 + 0x80000000u, AIMDB_FOREVER);
}

static void
wait_returns_at_once_when_the_deadline_has_passed(void **state)
{
    (void) state;
    aimdbi_signal signal = { 7 };
    const aimdb_time past[] = { aimdbp_clock() - 1, 1, 0, -1, -AIMDB_SEC(1), INT64_MIN };
    for (size_t i = 0; i < sizeof past / sizeof past[0]; i++)
        aimdbp_wait(&signal, 7, past[i]);
}

// In nanoseconds, on the port's own clock; not before it, and without going round in circles.
static void
wait_ends_at_its_deadline(void **state)
{
    (void) state;
    aimdbi_signal signal = { 7 };
    for (int i = 0; i < 10; i++) {
        unsigned returns = 0;
        aimdb_time deadline = aimdbp_clock() + AIMDB_MS(5) + i;
        for (; aimdbp_clock() < deadline; returns++)
            aimdbp_wait(&signal, 7, deadline);
        CHECK(returns >= 1 && returns < 50);
    }
}

static void
sleeper_uses_no_processor_time(void **state)
{
    (void) state;
    const aimdb_time deadlines[] = { AIMDB_FOREVER, AIMDB_FOREVER - 1,
                                     aimdbp_clock() + AIMDB_SEC(1000) };
    for (size_t i = 0; i < 3; i++) {
        aimdbi_signal signal = { 0 };
        aimdbi_signal nothing = { 0 };
        struct sleeper sleeper;
        start_sleeper(&sleeper, &signal, deadlines[i]);
        int64_t before = helper_processor_time(&sleeper.helper);
        aimdb_time later = aimdbp_clock() + AIMDB_MS(30);
        while (aimdbp_clock() < later)
            aimdbp_wait(&nothing, 0, later);
        CHECK(helper_processor_time(&sleeper.helper) == before);
        CHECK(load_acquire(&sleeper.returns) == 0);
        (void) signal_add_release(&signal, 1);
        aimdbp_wake_one(&signal);
        helper_join(&sleeper.helper);
    }
}

static void
wake_one_wakes_one(void **state)
{
    (void) state;
    aimdbi_signal signal = { 0 };
    struct sleeper sleepers[SLEEPERS];
    for (size_t i = 0; i < SLEEPERS; i++)
        start_sleeper(&sleepers[i], &signal, AIMDB_FOREVER);
    for (size_t wakes = 1; wakes <= 50; wakes++) {
        aimdbp_wake_one(&signal);
        EVENTUALLY(returns_of(sleepers) >= wakes && all_asleep(sleepers));
        CHECK(returns_of(sleepers) == wakes);
    }
    (void) signal_add_release(&signal, 1);
    for (size_t i = 0; i < SLEEPERS; i++)
        aimdbp_wake_one(&signal);
    for (size_t i = 0; i < SLEEPERS; i++)
        helper_join(&sleepers[i].helper);
}

static void
wake_all_wakes_all(void **state)
{
    (void) state;
    aimdbi_signal signal = { 0 };
    struct sleeper sleepers[SLEEPERS];
    for (size_t i = 0; i < SLEEPERS; i++)
        start_sleeper(&sleepers[i], &signal, AIMDB_FOREVER);
    (void) signal_add_release(&signal, 1);
    aimdbp_wake_all(&signal);
    for (size_t i = 0; i < SLEEPERS; i++)
        helper_join(&sleepers[i].helper);
}

static void
wakes_of_one_signal_do_not_reach_another(void **state)
{
    (void) state;
    aimdbi_signal signals[3] = { { 0 }, { 0 }, { 0 } };
    struct sleeper sleeper;
    start_sleeper(&sleeper, &signals[1], AIMDB_FOREVER);
    for (int i = 0; i < 100; i++) {
        aimdbp_wake_all(&signals[0]);
        aimdbp_wake_one(&signals[2]);
    }
    EVENTUALLY(helper_is_asleep(&sleeper.helper));
    CHECK(load_acquire(&sleeper.returns) == 0);
    (void) signal_add_release(&signals[1], 1);
    aimdbp_wake_all(&signals[1]);
    helper_join(&sleeper.helper);
}

// Each of the two sleeps on its own word until the other has counted it up.
struct table {
    aimdbi_signal mine, other;
};

static void
hand_to_and_fro(void *arg)
{
    struct table *table = arg;
    for (uint32_t token = 1; token <= TOKENS; token++) {
        while (signal_load_acquire(&table->other) != token)
            aimdbp_wait(&table->other, token - 1, AIMDB_FOREVER);
        (void) signal_add_release(&table->mine, 1);
        aimdbp_wake_one(&table->mine);
    }
}

static void
no_wake_is_lost_between_test_and_sleep(void **state)
{
    (void) state;
    struct table table = { { 0 }, { 0 } };
    struct helper other;
    helper_start(&other, hand_to_and_fro, &table);
    for (uint32_t token = 1; token <= TOKENS; token++) {
        (void) signal_add_release(&table.other, 1);
        aimdbp_wake_one(&table.other);
        while (signal_load_acquire(&table.mine) != token)
            aimdbp_wait(&table.mine, token - 1, AIMDB_FOREVER);
    }
    helper_join(&other);
}

// As the workers of a pool: any of the takers may take a permit, each is granted with one wake.
struct counter {
    aimdbi_signal permits;
    aimdb_word taken;
};

static void
take_permits(void *arg)
{
    struct counter *counter = arg;
    while (load_acquire(&counter->taken) < PERMITS) {
        uint32_t permits = signal_load_acquire(&counter->permits);
        if (permits == 0)
            aimdbp_wait(&counter->permits, 0, AIMDB_FOREVER);
        else if (signal_cas_acquire(&counter->permits, &permits, permits - 1))
            (void) fetch_add_acq_rel(&counter->taken, 1);
    }
}

static bool
takers_sleep(const struct helper *takers)
{
    bool all_sleep = true;
    for (size_t i = 0; i < 4; i++)
        all_sleep = all_sleep && helper_is_asleep(&takers[i]);
    return all_sleep;
}

static void
grant(struct counter *counter)
{
    (void) signal_add_release(&counter->permits, 1);
    aimdbp_wake_one(&counter->permits);
}

static void
no_permit_stays_behind_among_several_sleepers(void **state)
{
    (void) state;
    struct counter counter = { { 0 }, { 0 } };
    struct helper takers[4];
    for (size_t i = 0; i < 4; i++)
        helper_start(&takers[i], take_permits, &counter);
    for (size_t granted = 0; granted < PERMITS; granted++) {
        size_t ahead = granted % 16 == 0 ? 1 : 3; // now and then all must have found a taker
        EVENTUALLY(granted - load_acquire(&counter.taken) < ahead);
        bool is_lone = granted < 500 && granted % 7 == 0; // only its own wake can bring it to one
        if (is_lone)
            EVENTUALLY(load_acquire(&counter.taken) == granted && takers_sleep(takers));
        grant(&counter);
        if (is_lone)
            EVENTUALLY(load_acquire(&counter.taken) == granted + 1);
    }
    EVENTUALLY(load_acquire(&counter.taken) == PERMITS);
    (void) signal_add_release(&counter.permits, 1); // for those who wait to hear that it is over
    aimdbp_wake_all(&counter.permits);
    for (size_t i = 0; i < 4; i++)
        helper_join(&takers[i]);
}

// Signal handlers ---------------------------------------------------------------------------------

static struct {
    aimdb_word calls;
    aimdbi_signal *signal; // to be counted up and woken; NULL: nothing
    bool all;              // with wake_all
} handler;

static void
handle(int number)
{
    (void) number;
    if (handler.signal != NULL) {
        (void) signal_add_release(handler.signal, 1);
        (handler.all ? aimdbp_wake_all : aimdbp_wake_one)(handler.signal);
    }
    (void) fetch_add_acq_rel(&handler.calls, 1);
}

static void
install_handler(aimdbi_signal *signal, bool all)
{
    struct sigaction action;
    memset(&action, 0, sizeof action); // no SA_RESTART: the kernel gives EINTR
    action.sa_handler = handle;
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    store_release(&handler.calls, 0);
    handler.signal = signal;
    handler.all = all;
}

static void
signal_during_a_wait_is_harmless(void **state)
{
    (void) state;
    aimdbi_signal signal = { 0 };
    struct sleeper sleeper;
    install_handler(NULL, false);
    start_sleeper(&sleeper, &signal, AIMDB_FOREVER);
    for (size_t i = 1; i <= 100; i++) {
        CHECK(pthread_kill(sleeper.helper.thread, SIGUSR1) == 0);
        EVENTUALLY(load_acquire(&handler.calls) == i && helper_is_asleep(&sleeper.helper));
    }
    CHECK(load_acquire(&sleeper.returns) <= 100);
    (void) signal_add_release(&signal, 1);
    aimdbp_wake_one(&signal);
    helper_join(&sleeper.helper);
}

static void
handler_wakes_the_thread_it_interrupts_and_others(void **state)
{
    (void) state;
    for (int all = 0; all < 2; all++) {
        aimdbi_signal signal = { 0 };
        struct sleeper sleeper;
        install_handler(&signal, all);
        start_sleeper(&sleeper, &signal, AIMDB_FOREVER);
        CHECK(pthread_kill(pthread_self(), SIGUSR1) == 0); // from this thread to the other
        helper_join(&sleeper.helper);
        signal = (aimdbi_signal){ 0 };
        start_sleeper(&sleeper, &signal, AIMDB_FOREVER);
        CHECK(pthread_kill(sleeper.helper.thread, SIGUSR1) == 0); // in the midst of its own wait
        helper_join(&sleeper.helper);
    }
}

// Also if the kernel has something to say: a wake may come after the memory it names is gone.
static void
wakes_leave_errno_alone(void **state)
{
    (void) state;
    aimdbi_signal signal = { 0 };
    aimdbi_signal *gone = (aimdbi_signal *) (UINTPTR_MAX & ~(uintptr_t) 0xffff);
    errno = 4711;
    aimdbp_wake_one(&signal);
    aimdbp_wake_all(&signal);
    aimdbp_wake_one(gone);
    CHECK(errno == 4711);
    aimdbp_wake_all(gone);
    CHECK(errno == 4711);
}

static const struct CMUnitTest tests[] = {
    PORT_TEST(wait_returns_at_once_when_the_value_differs),
    PORT_TEST(wait_returns_at_once_when_the_deadline_has_passed),
    PORT_TEST(wait_ends_at_its_deadline),
    PORT_TEST(sleeper_uses_no_processor_time),
    PORT_TEST(wake_one_wakes_one),
    PORT_TEST(wake_all_wakes_all),
    PORT_TEST(wakes_of_one_signal_do_not_reach_another),
    PORT_TEST(no_wake_is_lost_between_test_and_sleep),
    PORT_TEST(no_permit_stays_behind_among_several_sleepers),
    PORT_TEST(signal_during_a_wait_is_harmless),
    PORT_TEST(handler_wakes_the_thread_it_interrupts_and_others),
    PORT_TEST(wakes_leave_errno_alone),
};
const struct suite_part sleep_part = SUITE_PART(sleeping and waking, tests);
