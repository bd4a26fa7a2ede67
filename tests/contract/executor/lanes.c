// SPDX-License-Identifier: Apache-2.0
// Source lanes of the pool: which thread steps a source, with what priority and on which processor;
// what cannot be had is refused, and nothing of it is left behind.
#include "contract.h"

#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534u
#define PRIORITY 7u

// A world whose executor is a pool with these lanes.
static void
use_lanes(struct world *w, uint32_t count, const aimdb_lane_options *lanes)
{
    aimdb_executor *pool = aimdb_pool_new(&(aimdb_pool_options){
        .threads = contract_workers(), .source_lanes = count, .lanes = lanes });
    CHECK(pool != NULL);
    world_rebuild_with(w, pool, 0);
    aimdb_executor_free(w->executor);
    w->executor = pool;
}

// A source that notes how its thread runs, and can be held inside its steps.
struct source {
    aimdb_task *task;
    struct gate *steps; // up by one in each step
    struct gate *leave; // NULL: never held; else step k ends when this has reached k
    aimdb_time period;  // 0: always due
    pthread_t thread;
    cpu_set_t cpus;
    int policy, priority;
    uint64_t count;
};

static aimdb_time
step(aimdb_ctx *ctx, number_record out)
{
    struct source *source = aimdb_user(ctx);
    struct sched_param param;
    (void) out;
    source->thread = pthread_self();
    source->policy = sched_getscheduler(0);
    CHECK(sched_getparam(0, &param) == 0);
    CHECK(sched_getaffinity(0, sizeof source->cpus, &source->cpus) == 0);
    source->priority = param.sched_priority;
    source->count++;
    gate_add(source->steps, 1);
    if (source->leave != NULL)
        gate_wait(source->leave, source->count);
    return source->period > 0 ? aimdb_every(ctx, source->period) : 0;
}

static struct source *
source_attach(struct world *w, aimdb_builder *b, number_record record, uint32_t lane)
{
    struct source *source = world_memory(w, sizeof *source);
    source->steps = gate_new(w);
    source->period = AIMDB_MS(1);
    source->task =
        number_add_source_with(b, record, step, source, &(aimdb_source_options){ .lane = lane });
    CHECK(source->task != NULL);
    return source;
}

static struct source *
source_new(struct world *w, number_record record, uint32_t lane)
{
    return source_attach(w, w->builder, record, lane);
}

static const char *
only_mistake(struct world *w)
{
    CHECK_EQ(1, aimdb_builder_mistakes(w->builder));
    return aimdb_builder_mistake(w->builder, 0);
}

// The first processor from `from` on that is, or is not, one of this process; 64: none of the first.
static unsigned
processor(unsigned from, bool is_there)
{
    cpu_set_t cpus;
    CHECK(sched_getaffinity(0, sizeof cpus, &cpus) == 0);
    while (from < 64 && (CPU_ISSET(from, &cpus) != 0) != is_there)
        from++;
    return from;
}

// Which sources share a thread ------------------------------------------------------------------

// proves D7
static void
slow_source_holds_up_its_own_lane_only(void **state)
{
    struct world *w = *state;
    use_lanes(w, 2, NULL);
    number_record record = number_configure(w->builder, "paces", AIMDB_SPMC_RING(4));
    struct source *slow = source_new(w, record, 1);
    struct source *quick = source_new(w, record, 0);
    struct source *behind = source_new(w, record, 1);
    slow->leave = gate_new(w);
    world_build(w);
    gate_wait(slow->steps, 1);
    uint64_t before = gate_count(behind->steps); // it may have come first
    gate_wait(quick->steps, gate_count(quick->steps) + 100);
    CHECK_EQ(before, gate_count(behind->steps));
    gate_add(slow->leave, UINT64_MAX / 4);
    gate_wait(behind->steps, before + 10);
    gate_wait(slow->steps, 10);
    world_close(w);
    CHECK(pthread_equal(slow->thread, behind->thread));
    CHECK(!pthread_equal(slow->thread, quick->thread));
}

// proves D7
static void
sources_share_the_first_lane_unless_they_say_another(void **state)
{
    struct world *w = *state;
    use_lanes(w, 3, NULL);
    number_record record = number_configure(w->builder, "lanes", AIMDB_SPMC_RING(4));
    struct source *plain = world_memory(w, sizeof *plain);
    plain->steps = gate_new(w);
    plain->period = AIMDB_MS(1);
    plain->task = number_add_source(w->builder, record, step, plain);
    struct source *sources[4];
    for (uint32_t i = 0; i < 4; i++)
        sources[i] = source_new(w, record, i % 3);
    unsigned threads = contract_thread_count();
    world_build(w);
    CHECK_EQ(threads + contract_workers() + 3, contract_thread_count());
    gate_wait(plain->steps, 1);
    for (size_t i = 0; i < 4; i++)
        gate_wait(sources[i]->steps, 1);
    world_close(w);
    CHECK(pthread_equal(plain->thread, sources[0]->thread));
    CHECK(pthread_equal(plain->thread, sources[3]->thread));
    CHECK(!pthread_equal(sources[0]->thread, sources[1]->thread));
    CHECK(!pthread_equal(sources[1]->thread, sources[2]->thread));
    EVENTUALLY(contract_thread_count() == threads);
}

// proves D7 B3
static void
lane_has_a_thread_while_a_database_has_sources_in_it(void **state)
{
    struct world *w = *state;
    use_lanes(w, 3, NULL);
    aimdb_builder *b = aimdb_builder_new(w->executor);
    aimdb *db = NULL;
    struct source *first =
        source_new(w, number_configure(w->builder, "first", AIMDB_SPMC_RING(4)), 2);
    number_record record = number_configure(b, "second", AIMDB_SPMC_RING(4));
    struct source *shared = source_attach(w, b, record, 2);
    struct source *own = source_attach(w, b, record, 1);
    unsigned threads = contract_thread_count() + contract_workers();
    world_build(w);
    CHECK_EQ(threads + 1, contract_thread_count());
    CHECK_OK(aimdb_build(b, &db));
    aimdb_builder_free(b);
    CHECK_EQ(threads + 2, contract_thread_count());
    gate_wait(shared->steps, 3);
    gate_wait(own->steps, 3);
    aimdb_free(db);
    EVENTUALLY(contract_thread_count() == threads + 1);
    gate_wait(first->steps, gate_count(first->steps) + 10);
    world_close(w);
    CHECK(pthread_equal(first->thread, shared->thread));
}

// proves D5 X1
static void
lanes_that_are_always_busy_or_asleep_can_be_closed(void **state)
{
    struct world *w = *state;
    const uint64_t same = processor(0, true) < 64 ? 1ull << processor(0, true) : 0;
    const aimdb_lane_options lanes[4] = { { .cpus = same }, { .cpus = same }, { .cpus = same } };
    use_lanes(w, 4, lanes);
    number_record record = number_configure(w->builder, "busy", AIMDB_SPMC_RING(4));
    struct source *sources[8];
    for (uint32_t i = 0; i < 8; i++) {
        sources[i] = source_new(w, record, i % 4);
        sources[i]->period = i % 4 == 3 ? AIMDB_SEC(1000) : 0;
    }
    world_build(w);
    for (size_t i = 0; i < 8; i++)
        gate_wait(sources[i]->steps, i % 4 == 3 ? 1 : 20);
    world_close(w);
    for (size_t i = 0; i < 8; i++)
        CHECK_EQ(gate_count(sources[i]->steps), task_stats(sources[i]->task).received);
}

// Mistakes --------------------------------------------------------------------------------------

// proves B1
static void
lane_that_the_pool_does_not_have_is_a_mistake_with_the_key(void **state)
{
    struct world *w = *state;
    use_lanes(w, 2, NULL);
    number_record good = number_configure(w->builder, "good.key", AIMDB_SPMC_RING(4));
    number_record bad = number_configure(w->builder, "bad.key", AIMDB_SPMC_RING(4));
    (void) source_new(w, good, 1);
    (void) source_new(w, bad, 0);
    (void) source_new(w, bad, 2);
    CHECK(number_add_source_with(w->builder, bad, step, NULL,
                                 &(aimdb_source_options){ .name = "camera", .lane = 63 }) != NULL);
    unsigned threads = contract_thread_count();
    CHECK_ERR(AIMDB_ECONFIG, aimdb_build(w->builder, &w->db));
    CHECK_EQ(threads, contract_thread_count());
    CHECK_EQ(2, aimdb_builder_mistakes(w->builder));
    for (size_t i = 0; i < 2; i++) {
        const char *mistake = aimdb_builder_mistake(w->builder, i);
        CHECK(strstr(mistake, "bad.key") != NULL && strstr(mistake, "lane 1") != NULL);
        CHECK(strstr(mistake, i == 0 ? "\"source-2\"" : "\"camera\"") != NULL);
        CHECK(strstr(mistake, i == 0 ? "lane 2" : "lane 63") != NULL);
    }
}

// proves B1, section 9
static void
bad_source_options_are_mistakes(void **state)
{
    struct world *w = *state;
    char name[257];
    memset(name, 'n', sizeof name - 1);
    name[256] = '\0';
    const aimdb_source_options bad[] = {
        { .lane = AIMDB_SOURCE_LANES_MAX }, { .lane = UINT32_MAX }, { .size = 4 }, { .name = name }
    };
    number_record record = number_configure(w->builder, "options.key", AIMDB_SPMC_RING(4));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK(number_add_source_with(w->builder, record, step, NULL, &bad[i]) == NULL);
        CHECK_EQ(i + 1, aimdb_builder_mistakes(w->builder));
        CHECK(strstr(aimdb_builder_mistake(w->builder, i), "options.key") != NULL);
    }
    CHECK(number_add_source_with(w->builder, record, NULL, NULL, NULL) == NULL);
    CHECK_ERR(AIMDB_ECONFIG, aimdb_build(w->builder, &w->db));
}

// proves section 9, section 10
static void
source_has_the_name_it_was_given(void **state)
{
    struct world *w = *state;
    char name[] = "control loop";
    number_record record = number_configure(w->builder, "names", AIMDB_SPMC_RING(4));
    struct source *first = source_new(w, record, 0);
    // Of a caller whose header ended before the lane.
    const aimdb_source_options older = { offsetof(aimdb_source_options, lane), name, 1000 };
    struct source *source = world_memory(w, sizeof *source);
    source->steps = gate_new(w);
    aimdb_task *task = number_add_source_with(w->builder, record, step, source, &older);
    memset(name, 'x', sizeof name - 1); // it was copied
    world_build(w);
    gate_wait(source->steps, 1);
    CHECK(strcmp("control loop", aimdb_task_name(task)) == 0);
    CHECK(strcmp("source-1", aimdb_task_name(first->task)) == 0);
    world_close(w);
}

// proves section 9
static void
bad_lane_options_are_refused(void **state)
{
    const aimdb_lane_options bad[][2] = { { { .priority = 100 }, { 0 } },
                                          { { 0 }, { .priority = 100 } },
                                          { { .priority = UINT32_MAX }, { 0 } },
                                          { { .size = 4 }, { 0 } } };
    (void) state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK(aimdb_pool_new(&(aimdb_pool_options){ .source_lanes = 2, .lanes = bad[i] }) == NULL);
    CHECK(aimdb_pool_new(&(aimdb_pool_options){ .source_lanes = 65 }) == NULL);
    CHECK(aimdb_pool_new(&(aimdb_pool_options){ .lanes = bad[0] }) == NULL); // of the one lane
    aimdb_executor *pool = aimdb_pool_new(&(aimdb_pool_options){ .source_lanes = 64 });
    CHECK(pool != NULL);
    aimdb_executor_free(pool);
    pool = aimdb_pool_new(&(aimdb_pool_options){ .lanes = bad[1] }); // its second is not read
    CHECK(pool != NULL);
    aimdb_executor_free(pool);
}

// Processors ------------------------------------------------------------------------------------

// An entry of a header that has more members.
struct newer_lane {
    aimdb_lane_options known;
    uint64_t later[3];
};

// proves D7
static void
lane_keeps_to_its_processors(void **state)
{
    struct world *w = *state;
    unsigned one = processor(0, true);
    unsigned other = processor(one + 1, true) < 64 ? processor(one + 1, true) : one;
    struct newer_lane lanes[3];
    memset(lanes, 0xff, sizeof lanes);
    lanes[0].known = (aimdb_lane_options){ .size = sizeof lanes[0], .cpus = 1ull << other };
    lanes[1].known = (aimdb_lane_options){ .cpus = 1ull << one | 1ull << other };
    lanes[2].known = (aimdb_lane_options){ 0 };
    cpu_set_t all;
    CHECK(sched_getaffinity(0, sizeof all, &all) == 0);
    use_lanes(w, 3, &lanes[0].known);
    memset(lanes, 0xff, sizeof lanes); // they were copied
    number_record record = number_configure(w->builder, "bound", AIMDB_SPMC_RING(4));
    struct source *sources[3];
    for (uint32_t i = 0; i < 3; i++)
        sources[i] = source_new(w, record, i);
    world_build(w);
    for (size_t i = 0; i < 3; i++)
        gate_wait(sources[i]->steps, 5);
    world_close(w);
    CHECK_EQ(1, CPU_COUNT(&sources[0]->cpus));
    CHECK(CPU_ISSET(other, &sources[0]->cpus));
    CHECK_EQ(one == other ? 1 : 2, CPU_COUNT(&sources[1]->cpus));
    CHECK(CPU_ISSET(one, &sources[1]->cpus) && CPU_ISSET(other, &sources[1]->cpus));
    CHECK(CPU_EQUAL(&all, &sources[2]->cpus));
}

// proves B3 D7 section 9
static void
processor_that_does_not_exist_is_refused(void **state)
{
    struct world *w = *state;
    unsigned absent = processor(0, false);
    const uint64_t one = 1;
    if (absent == 64)
        skip();
    // Alone, and beside one that there is: the kernel would take that silently.
    const uint64_t masks[] = { one << absent, one << absent | one << processor(0, true) };
    unsigned threads = contract_thread_count();
    for (size_t i = 0; i < 2; i++) {
        char number[32];
        const aimdb_lane_options lanes[] = { { 0 }, { .cpus = masks[i] } };
        use_lanes(w, 2, lanes);
        number_record record = number_configure(w->builder, "nowhere", AIMDB_SPMC_RING(4));
        (void) source_new(w, record, 0); // this lane is ready when the other is refused
        (void) source_new(w, record, 1);
        size_t live = w->ledger.live;
        CHECK_ERR(AIMDB_EIO, aimdb_build(w->builder, &w->db));
        snprintf(number, sizeof number, "processor %u:", absent);
        CHECK(strstr(only_mistake(w), "source lane 1") != NULL);
        CHECK(strstr(only_mistake(w), number) != NULL);
        EVENTUALLY(contract_thread_count() == threads);
        CHECK(w->db == NULL);
        CHECK(w->ledger.live > live); // the mistake
        CHECK_ERR(AIMDB_EIO, aimdb_build(w->builder, &w->db));
        (void) only_mistake(w);
    }
}

// proves B3 D7
static void
refused_lane_disturbs_no_other_database(void **state)
{
    struct world *w = *state;
    unsigned absent = processor(0, false);
    if (absent == 64)
        skip();
    const aimdb_lane_options lanes[] = { { 0 }, { .cpus = 1ull << absent } };
    use_lanes(w, 2, lanes);
    struct source *open =
        source_new(w, number_configure(w->builder, "open", AIMDB_SPMC_RING(4)), 0);
    aimdb_builder *b = aimdb_builder_new(w->executor);
    number_record record = number_configure(b, "refused", AIMDB_SPMC_RING(4));
    (void) source_attach(w, b, record, 0);
    struct source *never = source_attach(w, b, record, 1);
    aimdb *db = NULL;
    world_build(w);
    unsigned threads = contract_thread_count();
    CHECK_ERR(AIMDB_EIO, aimdb_build(b, &db));
    EVENTUALLY(contract_thread_count() == threads);
    gate_wait(open->steps, gate_count(open->steps) + 10);
    CHECK_EQ(0, gate_count(never->steps));
    aimdb_builder_free(b);
    world_close(w);
}

// Priorities ------------------------------------------------------------------------------------

static const aimdb_lane_options eager_and_plain[] = { { .priority = PRIORITY }, { 0 } };

static bool
may_be_eager(void)
{
    struct sched_param param = { .sched_priority = PRIORITY }, before;
    int policy;
    CHECK(pthread_getschedparam(pthread_self(), &policy, &before) == 0);
    if (pthread_setschedparam(pthread_self(), SCHED_FIFO, &param) != 0)
        return false;
    CHECK(pthread_setschedparam(pthread_self(), policy, &before) == 0);
    return true;
}

// proves D7
static void
lane_runs_with_the_priority_it_was_given(void **state)
{
    struct world *w = *state;
    if (!may_be_eager())
        skip();
    struct sched_param own;
    CHECK(sched_getparam(0, &own) == 0);
    use_lanes(w, 2, eager_and_plain);
    number_record record = number_configure(w->builder, "eager", AIMDB_SPMC_RING(4));
    struct source *eager = source_new(w, record, 0);
    struct source *plain = source_new(w, record, 1);
    world_build(w);
    gate_wait(eager->steps, 5);
    gate_wait(plain->steps, 5);
    world_close(w);
    CHECK_EQ(SCHED_FIFO, eager->policy);
    CHECK_EQ(PRIORITY, eager->priority);
    CHECK_EQ(sched_getscheduler(0), plain->policy);
    CHECK_EQ(own.sched_priority, plain->priority);
}

static void
give_up_privileges(void)
{
    CHECK(setrlimit(RLIMIT_RTPRIO, &(struct rlimit){ 0, 0 }) == 0);
    if (geteuid() == 0)
        CHECK(setgroups(0, NULL) == 0 && setresuid(NOBODY, NOBODY, NOBODY) == 0);
}

static void
ask_for_priority_in_vain(void *arg)
{
    void *state = NULL;
    (void) arg;
    give_up_privileges();
    CHECK(world_setup(&state) == 0);
    struct world *w = state;
    use_lanes(w, 2, eager_and_plain);
    number_record record = number_configure(w->builder, "vain", AIMDB_SPMC_RING(4));
    (void) source_new(w, record, 1); // this lane is ready when the other is refused
    (void) source_new(w, record, 0);
    sink_attach(w, record, sink_new(w, 1), true);
    for (int i = 0; i < 3; i++) { // from the first one on a sanitizer may have threads of its own
        unsigned threads = contract_thread_count();
        CHECK_ERR(AIMDB_EIO, aimdb_build(w->builder, &w->db));
        EVENTUALLY(i == 0 || contract_thread_count() <= threads);
    }
    CHECK(strcmp(only_mistake(w),
                 "executor: the pool cannot give source lane 0 SCHED_FIFO priority "
                 "7: Operation not permitted (needs CAP_SYS_NICE or "
                 "RLIMIT_RTPRIO)") == 0);
    aimdb_builder_free(w->builder);
    CHECK_EQ(0, w->ledger.live);
    // A database whose sources are all in the other lane asks for nothing.
    w->builder = NULL;
    world_rebuild_with(w, w->executor, 0);
    struct source *plain =
        source_new(w, number_configure(w->builder, "plain", AIMDB_SPMC_RING(4)), 1);
    world_build(w);
    gate_wait(plain->steps, 5);
    CHECK(world_teardown(&state) == 0);
}

// proves B1 B3 D7 section 9
static void
priority_without_the_privilege_is_refused(void **state)
{
    (void) state;
    int status = contract_child(ask_for_priority_in_vain, NULL);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(priority_without_the_privilege_is_refused), // first: its child has threads
        CONTRACT_TEST(slow_source_holds_up_its_own_lane_only),
        CONTRACT_TEST(sources_share_the_first_lane_unless_they_say_another),
        CONTRACT_TEST(lane_has_a_thread_while_a_database_has_sources_in_it),
        CONTRACT_TEST(lanes_that_are_always_busy_or_asleep_can_be_closed),
        CONTRACT_TEST(lane_that_the_pool_does_not_have_is_a_mistake_with_the_key),
        CONTRACT_TEST(bad_source_options_are_mistakes),
        CONTRACT_TEST(source_has_the_name_it_was_given),
        CONTRACT_TEST(bad_lane_options_are_refused),
        CONTRACT_TEST(lane_keeps_to_its_processors),
        CONTRACT_TEST(processor_that_does_not_exist_is_refused),
        CONTRACT_TEST(refused_lane_disturbs_no_other_database),
        CONTRACT_TEST(lane_runs_with_the_priority_it_was_given),
    };
    return CONTRACT_RUN(tests, argc, argv);
}
