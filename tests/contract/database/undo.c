// SPDX-License-Identifier: Apache-2.0
// A build that fails half-way leaves nothing behind: every allocation and every thread is refused
// once. Also: two databases on one executor, and databases built and freed again and again.
#include "contract.h"

#include <dlfcn.h>

// pthread_create fails at this call, counted from 1; 0: never. A sanitizer owns the symbol.
static atomic_int thread_calls, thread_fails_at;

#if !CONTRACT_SANITIZED
typedef int
create_fn(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg);

int
pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
    static create_fn *real;
    if (real == NULL)
        *(void **) &real = dlsym(RTLD_NEXT, "pthread_create");
    if (atomic_fetch_add(&thread_calls, 1) + 1 == atomic_load(&thread_fails_at))
        return 11; // EAGAIN
    return real(thread, attr, run, arg);
}
#endif

struct scene {
    struct world *w;
    number_record ring, latest, mailbox;
    uint32_t lane; // of the second source
    atomic_int calls;
};

static aimdb_err
count_call(aimdb_ctx *ctx, const struct number *value)
{
    struct scene *scene = aimdb_user(ctx);
    (void) value;
    atomic_fetch_add(&scene->calls, 1);
    return AIMDB_OK;
}

static aimdb_err
pass(aimdb_ctx *ctx, struct number *value)
{
    (void) ctx;
    (void) value;
    return AIMDB_OK;
}

static aimdb_time
once(aimdb_ctx *ctx, number_record out)
{
    (void) ctx;
    (void) out;
    return AIMDB_FOREVER;
}

// One of everything. Handles may be NULL on the way when memory is short.
static void
describe(struct scene *scene, aimdb_builder *b)
{
    const aimdb_consumer_options named = { .name = "a consumer with a name of its own" };
    const aimdb_consumer_options blocking = { .blocking = true };
    const aimdb_source_options elsewhere = { .lane = scene->lane };
    aimdb_task *task;
    scene->ring = number_configure(b, "undo.ring", AIMDB_SPMC_RING(100));
    scene->latest = number_configure(b, "undo.latest", AIMDB_SINGLE_LATEST_WITH(.stamp = true));
    scene->mailbox = number_configure(b, "undo.mailbox", AIMDB_MAILBOX);
    number_set_producer(b, scene->ring, pass, NULL);
    (void) number_add_source(b, scene->ring, once, NULL);
    task = number_add_consumer(b, scene->ring, count_call, scene);
    number_emitted_by(b, scene->mailbox, task);
    (void) number_add_consumer_with(b, scene->ring, count_call, scene, &named);
    (void) number_add_consumer_with(b, scene->latest, count_call, scene, &blocking);
    (void) number_add_consumer_with(b, scene->latest, count_call, scene, &blocking);
    (void) number_add_consumer(b, scene->mailbox, count_call, scene);
    (void) number_add_source_with(b, scene->mailbox, once, NULL, &elsewhere);
}

static aimdb_err
try_build(struct scene *scene)
{
    struct world *w = scene->w;
    aimdb_err err = AIMDB_ENOMEM;
    w->builder = aimdb_builder_new_with(w->executor,
                                        &(aimdb_builder_options){ .allocator = &w->ledger.hook });
    if (w->builder == NULL)
        return err;
    describe(scene, w->builder);
    err = aimdb_build(w->builder, &w->db);
    CHECK((w->db != NULL) == (err == AIMDB_OK));
    return err;
}

static struct scene *
scene_new(struct world *w)
{
    struct scene *scene = world_memory(w, sizeof *scene);
    scene->w = w;
    aimdb_builder_free(w->builder);
    w->builder = NULL;
    return scene;
}

static void
runs(struct scene *scene)
{
    int before = atomic_load(&scene->calls);
    push(scene->ring, 1);
    push(scene->latest, 1);
    push(scene->mailbox, 1);
    EVENTUALLY(atomic_load(&scene->calls) == before + 5);
}

// proves B3
static void
every_allocation_may_fail_and_no_byte_is_left(void **state)
{
    struct world *w = *state;
    struct scene *scene = scene_new(w);
    unsigned threads = contract_thread_count();
    aimdb_err err = AIMDB_ENOMEM;
    size_t n = 0;
    while (err != AIMDB_OK) {
        w->ledger.calls = 0;
        w->ledger.fail_at = ++n;
        err = try_build(scene);
        if (w->ledger.calls < w->ledger.fail_at) {
            CHECK_OK(err); // a run without a failure
        } else {
            CHECK_ERR(AIMDB_ENOMEM, err);
            aimdb_builder_free(w->builder);
            w->builder = NULL;
            CHECK_EQ(0, w->ledger.live);
            CHECK_EQ(0, w->ledger.blocks);
            EVENTUALLY(contract_thread_count() == threads);
        }
    }
    CHECK(n > 10); // records and tasks are an allocation each
    w->ledger.fail_at = 0;
    runs(scene);
}

// proves B3
static void
builder_that_ran_out_of_memory_says_so_in_its_report(void **state)
{
    struct world *w = *state;
    bool is_said = false;
    w->ledger.fail_at = w->ledger.calls + 1;
    CHECK(number_configure(w->builder, "starved", AIMDB_SPMC_RING(8)).raw == NULL);
    CHECK_ERR(AIMDB_ENOMEM, aimdb_build(w->builder, &w->db));
    for (size_t i = 0; i < aimdb_builder_mistakes(w->builder); i++)
        is_said = is_said || strstr(aimdb_builder_mistake(w->builder, i), "memory") != NULL;
    CHECK(is_said);
}

struct large {
    uint8_t bytes[AIMDB_VALUE_MAX];
};
AIMDB_RECORD_TYPE(large, struct large);

// proves B3 B6
static void
ring_larger_than_the_machine_is_out_of_memory(void **state)
{
    struct world *w = *state;
    aimdb_memory_stats stats = { .size = sizeof stats };
    unsigned threads = contract_thread_count();
    (void) number_configure(w->builder, "small", AIMDB_SPMC_RING(4));
    (void) large_configure(w->builder, "large", AIMDB_SPMC_RING(AIMDB_CAPACITY_MAX));
    if (sizeof(size_t) < 8)
        skip();
    CHECK_OK(aimdb_builder_memory(w->builder, &stats));
    CHECK(stats.items >= sizeof(struct large) * (size_t) AIMDB_CAPACITY_MAX);
    CHECK_ERR(AIMDB_ENOMEM, aimdb_build(w->builder, &w->db));
    CHECK_EQ(threads, contract_thread_count());
    aimdb_builder_free(w->builder);
    w->builder = NULL;
    CHECK_EQ(0, w->ledger.live);
}

// proves B3
static void
build_that_cannot_even_note_its_failure_spoils_no_later_one(void **state)
{
    struct world *w = *state;
    if (sizeof(size_t) < 8)
        skip();
    (void) number_configure(w->builder, "small", AIMDB_SPMC_RING(4));
    (void) large_configure(w->builder, "large", AIMDB_SPMC_RING(AIMDB_CAPACITY_MAX));
    w->ledger.fail_at = w->ledger.calls + 4; // after the database and its two rings: the note
    CHECK_ERR(AIMDB_ENOMEM, aimdb_build(w->builder, &w->db));
    CHECK_EQ(w->ledger.fail_at, w->ledger.calls);
    (void) number_configure(w->builder, "small", AIMDB_SPMC_RING(4));
    CHECK_ERR(AIMDB_ECONFIG,
              aimdb_build(w->builder, &w->db)); // a duplicate key, and memory for that
}

static void
refuse_every_thread(struct scene *scene)
{
    struct world *w = scene->w;
    SKIP_IF_SIMULATED("threads as such");
    unsigned threads = contract_thread_count();
    aimdb_err err = AIMDB_EIO;
    int n = 0;
    if (CONTRACT_SANITIZED || !contract_blocking_threads_are_its_own())
        skip(); // its threads are not started by the build
    while (err != AIMDB_OK) {
        atomic_store(&thread_calls, 0);
        atomic_store(&thread_fails_at, ++n);
        err = try_build(scene);
        if (atomic_load(&thread_calls) < n) {
            CHECK_OK(err);
        } else {
            CHECK_ERR(AIMDB_EIO, err);
            EVENTUALLY(contract_thread_count() == threads);
            aimdb_builder_free(w->builder);
            w->builder = NULL;
            CHECK_EQ(0, w->ledger.live);
        }
    }
    unsigned sources = contract_threads() > 0 ? 1 + scene->lane : 0;
    CHECK((unsigned) n > contract_threads() + 2 + sources); // workers, blocking, sources
    atomic_store(&thread_fails_at, 0);
    runs(scene);
}

// proves B3
static void
every_thread_may_be_refused_and_none_is_left(void **state)
{
    refuse_every_thread(scene_new(*state));
}

// proves B3 D7
static void
every_thread_of_several_source_lanes_may_be_refused(void **state)
{
    struct world *w = *state;
    struct scene *scene = scene_new(w);
    if (contract_threads() == 0)
        skip(); // only a pool has lanes
    aimdb_executor_free(w->executor);
    w->executor =
        aimdb_pool_new(&(aimdb_pool_options){ .threads = contract_workers(), .source_lanes = 2 });
    scene->lane = 1;
    refuse_every_thread(scene);
}

// proves B3
static void
builder_that_found_no_thread_can_build_when_there_are_some(void **state)
{
    struct world *w = *state;
    SKIP_IF_SIMULATED("threads as such");
    struct scene *scene = scene_new(w);
    if (CONTRACT_SANITIZED || !contract_blocking_threads_are_its_own())
        skip();
    atomic_store(&thread_calls, 0);
    atomic_store(&thread_fails_at, 1);
    CHECK_ERR(AIMDB_EIO, try_build(scene));
    atomic_store(&thread_fails_at, 0);
    CHECK_OK(aimdb_build(w->builder, &w->db));
    runs(scene);
}

// proves B3 X1
static void
building_and_freeing_leaves_no_thread_and_no_byte(void **state)
{
    struct world *w = *state;
    struct scene *scene = scene_new(w);
    unsigned threads = contract_thread_count();
    for (int i = 0; i < 50; i++) {
        CHECK_OK(try_build(scene));
        runs(scene);
        world_free_db(w);
        CHECK_EQ(0, w->ledger.live);
        EVENTUALLY(contract_thread_count() == threads);
    }
}

// proves B3
static void
builder_that_never_builds_leaves_no_byte(void **state)
{
    struct world *w = *state;
    struct scene *scene = world_memory(w, sizeof *scene);
    describe(scene, w->builder);
    CHECK(w->ledger.live > 0);
    aimdb_builder_free(w->builder);
    w->builder = NULL;
    CHECK_EQ(0, w->ledger.live);
}

// proves D6 D2
static void
two_databases_share_an_executor_and_end_on_their_own(void **state)
{
    struct world *w = *state;
    struct scene *scene = scene_new(w);
    struct scene *second = world_memory(w, sizeof *second);
    aimdb_builder *b = aimdb_builder_new(w->executor);
    aimdb *db = NULL;
    CHECK_OK(try_build(scene));
    describe(second, b);
    CHECK_OK(aimdb_build(b, &db));
    aimdb_builder_free(b);
    runs(scene);
    runs(second);
    aimdb_free(db);
    runs(scene); // the workers are still there for this one
    world_free_db(w);
    CHECK_OK(try_build(scene)); // and come back for the next
    runs(scene);
}

static aimdb_err
note_thread(aimdb_ctx *ctx, const struct number *value)
{
    struct sink *sink = aimdb_user(ctx);
    (void) value;
    CHECK(!pthread_equal(pthread_self(), *(pthread_t *) sink->values));
    gate_add(sink->calls, 1);
    return AIMDB_OK;
}

// proves D6
static void
pool_calls_consumers_in_threads_of_its_own(void **state)
{
    struct world *w = *state;
    SKIP_IF_SIMULATED("threads as such");
    struct sink *sink = sink_new(w, 4);
    number_record record = number_configure(w->builder, "own", AIMDB_SPMC_RING(64));
    pthread_t self = pthread_self();
    unsigned threads = contract_thread_count();
    memcpy(sink->values, &self, sizeof self);
    CHECK(number_add_consumer(w->builder, record, note_thread, sink) != NULL);
    world_build(w);
    CHECK_EQ(threads + contract_threads(), contract_thread_count()); // no more than asked for
    push_range(record, 1, 50);
    gate_wait(sink->calls, 50);
    world_free_db(w);
    EVENTUALLY(contract_thread_count() == threads);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(every_allocation_may_fail_and_no_byte_is_left),
        CONTRACT_TEST(builder_that_ran_out_of_memory_says_so_in_its_report),
        CONTRACT_TEST(ring_larger_than_the_machine_is_out_of_memory),
        CONTRACT_TEST(build_that_cannot_even_note_its_failure_spoils_no_later_one),
        CONTRACT_TEST(every_thread_may_be_refused_and_none_is_left),
        CONTRACT_TEST(every_thread_of_several_source_lanes_may_be_refused),
        CONTRACT_TEST(builder_that_found_no_thread_can_build_when_there_are_some),
        CONTRACT_TEST(building_and_freeing_leaves_no_thread_and_no_byte),
        CONTRACT_TEST(builder_that_never_builds_leaves_no_byte),
        CONTRACT_TEST(two_databases_share_an_executor_and_end_on_their_own),
        CONTRACT_TEST(pool_calls_consumers_in_threads_of_its_own),
    };
    return CONTRACT_RUN(tests, argc, argv);
}
