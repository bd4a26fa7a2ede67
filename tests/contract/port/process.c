// SPDX-License-Identifier: Apache-2.0
// What belongs to a thread, to a process, and to its end.
#include "suite.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

// aimdbp_current ----------------------------------------------------------------------------------

struct own {
    struct helper helper;
    aimdb_word *met;
    size_t threads;
};

static void
keep_a_current_of_its_own(void *arg)
{
    struct own *own = arg;
    CHECK(aimdbp_current() == NULL);
    aimdbp_set_current(own);
    (void) fetch_add_acq_rel(own->met, 1);
    EVENTUALLY(load_acquire(own->met) == own->threads); // all have set theirs
    CHECK(aimdbp_current() == own);
    aimdbp_set_current(NULL);
    CHECK(aimdbp_current() == NULL);
}

static void
current_is_null_at_first_and_each_threads_own(void **state)
{
    (void) state;
    aimdb_word met = { 0 };
    struct own owns[4];
    CHECK(aimdbp_current() == NULL);
    aimdbp_set_current(&met);
    for (size_t i = 0; i < 4; i++) {
        owns[i] = (struct own){ .met = &met, .threads = 4 };
        helper_start(&owns[i].helper, keep_a_current_of_its_own, &owns[i]);
    }
    for (size_t i = 0; i < 4; i++)
        helper_join(&owns[i].helper);
    CHECK(aimdbp_current() == &met);
    aimdbp_set_current(NULL);
}

// aimdbp_init -------------------------------------------------------------------------------------

struct starter {
    struct helper helper;
    aimdb_word *met;
    bool is_asymmetric; // as this thread saw it after its first init
};

static void
init_again_and_again(void *arg)
{
    struct starter *starter = arg;
    (void) fetch_add_acq_rel(starter->met, 1);
    EVENTUALLY(load_acquire(starter->met) == 8);
    aimdbp_init();
    starter->is_asymmetric = aimdbp_fence_is_asymmetric();
    for (int i = 0; i < 1000; i++)
        aimdbp_init();
    CHECK(aimdbp_fence_is_asymmetric() == starter->is_asymmetric);
}

static void
init_from_eight_threads(void *arg)
{
    (void) arg;
    aimdb_word met = { 0 };
    struct starter starters[8];
    for (size_t i = 0; i < 8; i++) {
        starters[i] = (struct starter){ .met = &met };
        helper_start(&starters[i].helper, init_again_and_again, &starters[i]);
    }
    for (size_t i = 0; i < 8; i++)
        helper_join(&starters[i].helper);
    for (size_t i = 1; i < 8; i++)
        CHECK(starters[i].is_asymmetric == starters[0].is_asymmetric);
    CHECK(starters[0].is_asymmetric == aimdbp_fence_is_asymmetric());
}

static void
do_nothing(void *arg)
{
    (void) arg;
}

// What init prepares is prepared once: fork handlers that are there twice would stop here.
static void
init_may_be_called_by_several_threads_and_again(void **state)
{
    (void) state;
    init_from_eight_threads(NULL);
    CHECK(suite_child(do_nothing, NULL, NULL, 0) == 0);
}

// aimdbp_fork_watch -------------------------------------------------------------------------------

#define WATCHES 4u

struct watched {
    struct aimdbp_fork_watch watch[WATCHES];
    aimdb_word word[WATCHES];
    size_t expected[WATCHES]; // in the child
};

static void
expect_words(void *arg)
{
    struct watched *watched = arg;
    for (size_t i = 0; i < WATCHES; i++)
        CHECK(load_acquire(&watched->word[i]) == watched->expected[i]);
}

// A child's words are as expected, the parent's stay 16.
static void
fork_and_compare(struct watched *watched)
{
    CHECK(suite_child(expect_words, watched, NULL, 0) == 0);
    for (size_t i = 0; i < WATCHES; i++)
        CHECK(load_acquire(&watched->word[i]) == 16);
}

static void
watch_all(struct watched *watched)
{
    aimdbp_init();
    memset(watched, 0xa5, sizeof *watched); // a watch needs no preparation
    for (size_t i = 0; i < WATCHES; i++) {
        store_release(&watched->word[i], 16);
        aimdbp_fork_watch(&watched->watch[i], &watched->word[i], 1 + i);
        watched->expected[i] = 16 | (1 + i);
    }
}

static void
fork_sets_the_watched_bits_in_the_child_only(void **state)
{
    (void) state;
    struct watched watched;
    watch_all(&watched);
    fork_and_compare(&watched);
    fork_and_compare(&watched);
    for (size_t i = 0; i < WATCHES; i++)
        aimdbp_fork_unwatch(&watched.watch[i]);
}

// In any order: the first, one in the middle, the last; and a watch may be used again.
static void
unwatched_words_stay_as_they_are(void **state)
{
    (void) state;
    const size_t order[WATCHES] = { 1, 3, 0, 2 };
    struct watched watched;
    watch_all(&watched);
    for (size_t i = 0; i < WATCHES; i++) {
        aimdbp_fork_unwatch(&watched.watch[order[i]]);
        watched.expected[order[i]] = 16;
        fork_and_compare(&watched);
    }
    aimdbp_fork_watch(&watched.watch[2], &watched.word[2], 8);
    watched.expected[2] = 24;
    fork_and_compare(&watched);
    aimdbp_fork_unwatch(&watched.watch[2]);
}

static void
watch_in_a_child_of_its_own(void *arg)
{
    struct watched *watched = arg;
    expect_words(watched);
    aimdbp_fork_unwatch(&watched->watch[0]);
    for (size_t i = 0; i < WATCHES; i++)
        store_release(&watched->word[i], 16);
    watched->expected[0] = 16;
    fork_and_compare(watched);
}

static void
children_have_watches_of_their_own(void **state)
{
    (void) state;
    struct watched watched;
    watch_all(&watched);
    CHECK(suite_child(watch_in_a_child_of_its_own, &watched, NULL, 0) == 0);
    fork_and_compare(&watched); // what the child did to its list is not the parent's
    for (size_t i = 0; i < WATCHES; i++)
        aimdbp_fork_unwatch(&watched.watch[i]);
}

// One that comes in the midst of a fork must wait: the child is to find the list whole.
static struct intruder {
    struct helper helper;
    aimdb_word may_come, came;
    struct aimdbp_fork_watch watch;
    aimdb_word word;
} intruder;

static void
come_when_told(void *arg)
{
    (void) arg;
    EVENTUALLY(load_acquire(&intruder.may_come) != 0);
    aimdbp_fork_watch(&intruder.watch, &intruder.word, 1);
    store_release(&intruder.came, 1);
}

static void
let_the_intruder_come(void)
{
    store_release(&intruder.may_come, 1);
    EVENTUALLY(helper_is_asleep(&intruder.helper) || load_acquire(&intruder.came) != 0);
    CHECK(load_acquire(&intruder.came) == 0);
    suite_while_forking = NULL;
}

static void
watch_waits_for_a_fork_to_be_over(void **state)
{
    (void) state;
    struct watched watched;
    watch_all(&watched);
    memset(&intruder, 0, sizeof intruder);
    helper_start(&intruder.helper, come_when_told, NULL);
    EVENTUALLY(load_acquire(&intruder.helper.tid) != 0);
    suite_while_forking = let_the_intruder_come;
    fork_and_compare(&watched);
    CHECK(suite_while_forking == NULL);
    helper_join(&intruder.helper);
    CHECK(load_acquire(&intruder.word) == 0);
    aimdbp_fork_unwatch(&intruder.watch);
    for (size_t i = 0; i < WATCHES; i++)
        aimdbp_fork_unwatch(&watched.watch[i]);
}

// The end -----------------------------------------------------------------------------------------

static void
panic(void *arg)
{
    (void) arg;
    aimdbp_panic("some/file.c", 4711, "something cannot be");
}

enum { REQUIRE_LINE = __LINE__ + 4 };
static void
require(void *arg)
{
    AIMDBI_REQUIRE(arg == NULL, "an argument is a mistake");
}

static void
assert_(void *arg)
{
    (void) arg; // unused in optimized builds
    AIMDBI_ASSERT(arg == NULL);
}

static void
ends_by_abort(void (*run)(void *arg), const char *saying)
{
    char said[1024];
    int status = suite_child(run, "something", said, sizeof said);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    if (strstr(said, saying) == NULL)
        print_error("it said: %s", said);
    CHECK(strstr(said, saying) != NULL);
}

static void
panic_says_where_and_ends_by_abort(void **state)
{
    (void) state;
    ends_by_abort(panic, "some/file.c:4711: something cannot be");
}

static void
broken_requirement_panics_at_its_own_line(void **state)
{
    (void) state;
    char place[64];
    ends_by_abort(require, ": an argument is a mistake");
    snprintf(place, sizeof place, "process.c:%d: ", REQUIRE_LINE);
    ends_by_abort(require, place);
    require(NULL);
#ifdef NDEBUG
    assert_("something");
#else
    ends_by_abort(assert_, ": arg == NULL");
#endif
    assert_(NULL);
}

static const struct CMUnitTest tests[] = {
    PORT_TEST(current_is_null_at_first_and_each_threads_own),
    PORT_TEST(init_may_be_called_by_several_threads_and_again),
    PORT_TEST(fork_sets_the_watched_bits_in_the_child_only),
    PORT_TEST(unwatched_words_stay_as_they_are),
    PORT_TEST(children_have_watches_of_their_own),
    PORT_TEST(watch_waits_for_a_fork_to_be_over),
    PORT_TEST(panic_says_where_and_ends_by_abort),
    PORT_TEST(broken_requirement_panics_at_its_own_line),
};
const struct suite_part process_part = SUITE_PART(threads and processes, tests);
