// SPDX-License-Identifier: Apache-2.0
#include "simulated.h"

#include <fnmatch.h>
#include <setjmp.h>
#include <stdio.h>
#include <time.h>

#include "executor/sim/sim.h"

static struct {
    uint64_t first, last; // seeds; 0 and 0: one that nobody chose
    uint64_t seed;        // that is played
    const char *test;     // that runs, in a range
    jmp_buf end_of_test;
} plan;

// --- variants --------------------------------------------------------------------------------------

bool
simulated_take(const char *variant)
{
    char *end;
    if (strcmp(variant, "sim") == 0)
        return true;
    if (strncmp(variant, "sim:", 4) != 0)
        return false;
    plan.first = plan.last = strtoull(variant + 4, &end, 10);
    if (strncmp(end, "..", 2) == 0)
        plan.last = strtoull(end + 2, &end, 10);
    plan.seed = plan.first;
    return *end == '\0' && plan.first > 0 && plan.first <= plan.last;
}

bool
simulated_is_range(void)
{
    return plan.first < plan.last;
}

unsigned
simulated_workers(void)
{
    return (unsigned) (1 + plan.seed % 4);
}

void
simulated_say_seed(void)
{
    if (plan.seed == 0)
        return;
    fprintf(stderr, "in a simulation with seed %llu; again with: sim:%llu %s\n",
            (unsigned long long) plan.seed, (unsigned long long) plan.seed,
            plan.test ? plan.test : "");
}

// --- threads that are none -------------------------------------------------------------------------

static void
stuck(void *user, const char *text)
{
    (void) user;
    fprintf(stderr, "nothing can go on any more\n%s", text);
    simulated_say_seed();
    fflush(NULL);
}

static aimdb_executor *
make(unsigned workers)
{
    aimdb_sim_options options = { .size = sizeof options, .seed = plan.seed, .on_stuck = stuck };
    if (plan.seed != 0)
        options.workers = workers;
    aimdb_executor *executor = aimdb_sim_new(&options);
    if (executor != NULL && plan.seed == 0) {
        plan.seed = aimdb_sim_seed(executor); // of the whole program, then
        aimdb_executor_free(executor);
        return make(simulated_workers());
    }
    return executor;
}

static aimdbi_signal *
signal_of(struct gate *gate)
{
    return (aimdbi_signal *) (void *) &gate->changes;
}

static void
gate_changed(struct gate *gate)
{
    (void) signal_add_release(signal_of(gate), 1);
    aimdbp_wake_all(signal_of(gate));
}

static void
wait_for_gate(struct gate *gate, uint64_t n)
{
    for (;;) {
        uint32_t ticket = signal_load_acquire(signal_of(gate));
        if (gate->count >= n)
            return;
        aimdbp_wait(signal_of(gate), ticket, AIMDB_FOREVER);
    }
}

static void
start(struct helper *helper, void (*run)(void *helper))
{
    struct aimdbi_sim *sim = aimdbi_sim_here();
    CHECK(sim != NULL);
    CHECK_OK(aimdb_sim_spawn(&sim->base, "helper", run, helper));
}

static struct helper *
this_helper_simulated(void)
{
    return aimdbi_sim_here()->running->user;
}

static bool
is_at_root(void)
{
    const struct aimdbi_sim *sim = aimdbi_sim_here();
    return sim == NULL || sim->running == &sim->root;
}

static bool
is_asleep(const struct helper *helper)
{
    const struct aimdbi_actor *actor = aimdbi_sim_here()->actors;
    while (actor != NULL && actor->user != helper)
        actor = actor->next;
    return actor != NULL && (actor->posture == AIMDBI_WAITS || actor->posture == AIMDBI_NAPS);
}

static bool
others_asleep(void)
{
    const struct aimdbi_sim *sim = aimdbi_sim_here();
    for (const struct aimdbi_actor *actor = sim->actors; actor != NULL; actor = actor->next) {
        if (actor != sim->running && aimdbi_actor_is_able(actor))
            return false;
    }
    return true;
}

const struct contract_threads simulated_threads = {
    .make = make,
    .gate_changed = gate_changed,
    .wait_for_gate = wait_for_gate,
    .start = start,
    .this_helper = this_helper_simulated,
    .is_at_root = is_at_root,
    .is_asleep = is_asleep,
    .others_asleep = others_asleep,
    .give_way = aimdb_sim_yield,
};

// --- many seeds ------------------------------------------------------------------------------------

_Noreturn void
simulated_skip(void)
{
    longjmp(plan.end_of_test, 1);
}

static void
play(const struct CMUnitTest *test)
{
    void *state = test->initial_state;
    plan.test = test->name;
    CHECK(test->setup_func == NULL || test->setup_func(&state) == 0);
    if (setjmp(plan.end_of_test) == 0)
        test->test_func(&state);
    CHECK(test->teardown_func == NULL || test->teardown_func(&state) == 0);
}

int
simulated_play(const struct CMUnitTest *tests, size_t count, const char *filter)
{
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (plan.seed = plan.first; plan.seed <= plan.last; plan.seed++) {
        for (size_t i = 0; i < count; i++) {
            if (filter == NULL || fnmatch(filter, tests[i].name, 0) == 0)
                play(&tests[i]);
        }
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    double seconds =
        (double) (end.tv_sec - begin.tv_sec) + (double) (end.tv_nsec - begin.tv_nsec) / 1e9;
    printf("%zu tests with %llu seeds each, %.1f s\n", count,
           (unsigned long long) (plan.last - plan.first + 1), seconds);
    return 0;
}
