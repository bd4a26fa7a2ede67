// SPDX-License-Identifier: Apache-2.0
// Sleeping over a ready word, as a static database's one thread does: who brings news sets a bit, and
// wakes if it was the first one; who polls takes all bits, and idles while there are none.
#include "suite.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#define NEWS 20000u

// One that polls until it has heard of `until` news.
struct poller {
    struct helper helper;
    aimdbi_signal *ready;
    aimdb_time deadline;
    uint32_t until;
    aimdb_word heard;
    aimdb_word idles; // returns of aimdbp_idle
};

static void
poll_and_idle(void *arg)
{
    struct poller *poller = arg;
    while (load_acquire(&poller->heard) < poller->until) {
        aimdbp_idle(poller->ready, poller->deadline);
        (void) fetch_add_acq_rel(&poller->idles, 1);
        if (signal_exchange_acq_rel(poller->ready, 0) != 0)
            (void) fetch_add_acq_rel(&poller->heard, 1);
    }
}

static void
start_poller(struct poller *poller, aimdbi_signal *ready, uint32_t until)
{
    *poller = (struct poller){ .ready = ready, .deadline = AIMDB_FOREVER, .until = until };
    helper_start(&poller->helper, poll_and_idle, poller);
}

static void
tell(aimdbi_signal *ready, uint32_t bit)
{
    if (signal_or_acq_rel(ready, bit) == 0)
        aimdbp_wake(ready);
}

static void
idle_returns_at_once_when_there_are_news(void **state)
{
    (void) state;
    for (unsigned bit = 0; bit < 32; bit++) {
        aimdbi_signal ready = { UINT32_C(1) << bit };
        aimdbp_idle(&ready, AIMDB_FOREVER);
        CHECK(signal_load_acquire(&ready) == UINT32_C(1) << bit); // who polls takes it, not this
    }
}

static void
idle_returns_at_once_when_the_deadline_has_passed(void **state)
{
    (void) state;
    aimdbi_signal ready = { 0 };
    const aimdb_time past[] = { aimdbp_clock() - 1, 1, 0, -1, -AIMDB_SEC(1), INT64_MIN };
    for (size_t i = 0; i < sizeof past / sizeof past[0]; i++)
        aimdbp_idle(&ready, past[i]);
}

static void
idle_ends_at_its_deadline(void **state)
{
    (void) state;
    aimdbi_signal ready = { 0 };
    for (int i = 0; i < 10; i++) {
        unsigned returns = 0;
        aimdb_time deadline = aimdbp_clock() + AIMDB_MS(5) + i;
        for (; aimdbp_clock() < deadline; returns++)
            aimdbp_idle(&ready, deadline);
        CHECK(returns >= 1 && returns < 50);
    }
}

static void
wake_ends_an_idle_of_another_thread(void **state)
{
    (void) state;
    aimdbi_signal ready = { 0 };
    struct poller poller;
    start_poller(&poller, &ready, 50);
    for (uint32_t news = 1; news <= 50; news++) {
        EVENTUALLY(helper_is_asleep(&poller.helper));
        tell(&ready, UINT32_C(1) << news % 32);
        EVENTUALLY(load_acquire(&poller.heard) == news);
    }
    helper_join(&poller.helper);
    CHECK(load_acquire(&poller.idles) <= 2 * 50);
}

// One that sleeps when all are told, with the processor to others, until there are news.
static void
idle_uses_no_processor_time(void **state)
{
    (void) state;
    aimdbi_signal ready = { 0 };
    aimdbi_signal nothing = { 0 };
    struct poller poller;
    start_poller(&poller, &ready, 1);
    EVENTUALLY(helper_is_asleep(&poller.helper));
    int64_t before = helper_processor_time(&poller.helper);
    aimdb_time later = aimdbp_clock() + AIMDB_MS(30);
    while (aimdbp_clock() < later)
        aimdbp_idle(&nothing, later);
    CHECK(helper_processor_time(&poller.helper) == before);
    CHECK(load_acquire(&poller.idles) == 0);
    tell(&ready, 1);
    helper_join(&poller.helper);
}

static void
wakes_of_one_word_do_not_end_the_idle_of_another(void **state)
{
    (void) state;
    aimdbi_signal words[3] = { { 0 }, { 0 }, { 0 } };
    struct poller poller;
    start_poller(&poller, &words[1], 1);
    EVENTUALLY(helper_is_asleep(&poller.helper));
    for (int i = 0; i < 100; i++) {
        (void) signal_exchange_acq_rel(&words[i % 2 * 2], 0);
        tell(&words[i % 2 * 2], 1);
    }
    EVENTUALLY(helper_is_asleep(&poller.helper));
    CHECK(load_acquire(&poller.idles) == 0);
    tell(&words[1], 1);
    helper_join(&poller.helper);
}

// News that come between the look at the word and the sleep: each is told only after the one before it
// was heard, so one that is slept over stops both.
static void
no_news_are_lost_between_the_look_and_the_sleep(void **state)
{
    (void) state;
    aimdbi_signal ready = { 0 };
    struct poller poller;
    start_poller(&poller, &ready, NEWS);
    for (uint32_t news = 1; news <= NEWS; news++) {
        tell(&ready, UINT32_C(1) << news % 32);
        EVENTUALLY(load_acquire(&poller.heard) >= news);
    }
    helper_join(&poller.helper);
}

// Several threads bring news of their own; only the first bit of a burst wakes.
struct teller {
    struct helper helper;
    aimdbi_signal *ready;
    aimdb_word *told; // how often each bit was set
    unsigned bit;
};

static void
tell_often(void *arg)
{
    struct teller *teller = arg;
    for (uint32_t i = 0; i < NEWS / 4; i++) {
        (void) fetch_add_acq_rel(teller->told, 1);
        tell(teller->ready, UINT32_C(1) << teller->bit);
    }
}

// Who listens to all of them.
struct listener {
    struct helper helper;
    aimdbi_signal *ready;
    aimdb_word *told;
};

static void
hear_all(void *arg)
{
    struct listener *listener = arg;
    size_t heard[3] = { 0 };
    while (heard[0] + heard[1] + heard[2] < 3 * (NEWS / 4)) {
        aimdbp_idle(listener->ready, AIMDB_FOREVER);
        uint32_t bits = signal_exchange_acq_rel(listener->ready, 0);
        for (unsigned i = 0; i < 3; i++) {
            bool is_set = (bits & UINT32_C(1) << 15 * i) != 0;
            heard[i] = is_set ? load_acquire(&listener->told[i]) : heard[i];
        }
    }
}

static void
news_of_several_threads_are_all_heard(void **state)
{
    (void) state;
    aimdbi_signal ready = { 0 };
    aimdb_word told[3] = { { 0 }, { 0 }, { 0 } };
    struct listener listener = { .ready = &ready, .told = told };
    struct teller tellers[3];
    helper_start(&listener.helper, hear_all, &listener);
    EVENTUALLY(helper_is_asleep(&listener.helper));
    for (unsigned i = 0; i < 3; i++) {
        tellers[i] = (struct teller){ .ready = &ready, .told = &told[i], .bit = 15 * i };
        helper_start(&tellers[i].helper, tell_often, &tellers[i]);
    }
    helper_join(&listener.helper);
    for (unsigned i = 0; i < 3; i++)
        helper_join(&tellers[i].helper);
}

// Signal handlers ---------------------------------------------------------------------------------

static aimdbi_signal *handler_ready; // NULL: the handler does nothing
static aimdb_word handler_calls;

static void
handle(int number)
{
    (void) number;
    if (handler_ready != NULL)
        tell(handler_ready, 2);
    (void) fetch_add_acq_rel(&handler_calls, 1);
}

static void
install_handler(aimdbi_signal *ready)
{
    struct sigaction action;
    memset(&action, 0, sizeof action); // no SA_RESTART: the kernel gives EINTR
    action.sa_handler = handle;
    handler_ready = ready;
    store_release(&handler_calls, 0);
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
}

static void
handler_brings_news_to_the_thread_it_interrupts_and_to_others(void **state)
{
    (void) state;
    aimdbi_signal ready = { 0 };
    struct poller poller;
    install_handler(&ready);
    start_poller(&poller, &ready, 2);
    EVENTUALLY(helper_is_asleep(&poller.helper));
    CHECK(pthread_kill(pthread_self(), SIGUSR1) == 0); // from this thread to the other
    EVENTUALLY(load_acquire(&poller.heard) == 1 && helper_is_asleep(&poller.helper));
    CHECK(pthread_kill(poller.helper.thread, SIGUSR1) == 0); // in the midst of its own idle
    helper_join(&poller.helper);
}

static void
signal_during_an_idle_is_harmless(void **state)
{
    (void) state;
    aimdbi_signal ready = { 0 };
    struct poller poller;
    install_handler(NULL);
    start_poller(&poller, &ready, 1);
    for (size_t i = 1; i <= 100; i++) {
        EVENTUALLY(helper_is_asleep(&poller.helper));
        CHECK(pthread_kill(poller.helper.thread, SIGUSR1) == 0);
        EVENTUALLY(load_acquire(&handler_calls) == i);
    }
    tell(&ready, 1);
    helper_join(&poller.helper);
    CHECK(load_acquire(&poller.heard) == 1 && load_acquire(&poller.idles) <= 101);
}

static void
wake_leaves_errno_alone(void **state)
{
    (void) state;
    aimdbi_signal ready = { 1 };
    errno = 4711;
    aimdbp_wake(&ready);
    CHECK(errno == 4711);
    aimdbp_wake((aimdbi_signal *) (UINTPTR_MAX & ~(uintptr_t) 0xffff)); // the kernel says EFAULT
    CHECK(errno == 4711);
}

static const struct CMUnitTest tests[] = {
    PORT_TEST(idle_returns_at_once_when_there_are_news),
    PORT_TEST(idle_returns_at_once_when_the_deadline_has_passed),
    PORT_TEST(idle_ends_at_its_deadline),
    PORT_TEST(wake_ends_an_idle_of_another_thread),
    PORT_TEST(idle_uses_no_processor_time),
    PORT_TEST(wakes_of_one_word_do_not_end_the_idle_of_another),
    PORT_TEST(no_news_are_lost_between_the_look_and_the_sleep),
    PORT_TEST(news_of_several_threads_are_all_heard),
    PORT_TEST(handler_brings_news_to_the_thread_it_interrupts_and_to_others),
    PORT_TEST(signal_during_an_idle_is_harmless),
    PORT_TEST(wake_leaves_errno_alone),
};
const struct suite_part idle_part = SUITE_PART(idling, tests);
