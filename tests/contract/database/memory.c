// SPDX-License-Identifier: Apache-2.0
// Memory: the table of section 8, the allocator's account, and that nothing allocates after build.
#include "contract.h"

#include <errno.h>

// Every allocation of the process counts while the watch is on -----------------------------------

static atomic_bool watching;
static atomic_int allocations;

static void
note_allocation(void)
{
    if (atomic_load_explicit(&watching, memory_order_relaxed))
        atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
}

#if CONTRACT_SANITIZED
int
__sanitizer_install_malloc_and_free_hooks(void (*malloc_hook)(const volatile void *, size_t),
                                          void (*free_hook)(const volatile void *));

static void
allocation_hook(const volatile void *memory, size_t size)
{
    (void) memory;
    (void) size;
    note_allocation();
}

static void
release_hook(const volatile void *memory)
{
    (void) memory;
}

static void
watch_install(void)
{
    CHECK(__sanitizer_install_malloc_and_free_hooks(allocation_hook, release_hook) != 0);
}
#else
void *
__libc_malloc(size_t size);
void *
__libc_calloc(size_t count, size_t size);
void *
__libc_realloc(void *memory, size_t size);
void *
__libc_memalign(size_t align, size_t size);

void *
malloc(size_t size)
{
    note_allocation();
    return __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
    note_allocation();
    return __libc_calloc(count, size);
}

void *
realloc(void *memory, size_t size)
{
    note_allocation();
    return __libc_realloc(memory, size);
}

void *
aligned_alloc(size_t align, size_t size)
{
    note_allocation();
    return __libc_memalign(align, size);
}

int
posix_memalign(void **ret_memory, size_t align, size_t size)
{
    note_allocation();
    *ret_memory = __libc_memalign(align, size);
    return *ret_memory == NULL ? ENOMEM : 0;
}

static void
watch_install(void)
{
}
#endif

static void
watch_begin(void)
{
    static bool is_installed;
    if (!is_installed)
        watch_install();
    is_installed = true;
    atomic_store(&allocations, 0);
    atomic_store(&watching, true);
}

static int
watch_end(void)
{
    atomic_store(&watching, false);
    return atomic_load(&allocations);
}

// proves P5
static void
watch_sees_an_allocation(void **state)
{
    (void) state;
    EVENTUALLY(contract_others_asleep()); // a sanitizer allocates when a thread starts
    watch_begin();
    void *volatile memory = malloc(10);
    void *volatile zeroed = calloc(2, 10);
    CHECK_EQ(2, watch_end());
    free(memory);
    free(zeroed);
}

// P5 -------------------------------------------------------------------------------------------

struct scene {
    struct world *w;
    number_record ring, latest, mailbox, late;
    struct gate *calls;
    struct gate *go;
    atomic_bool hold;
    _Atomic uint64_t deferred;
    aimdb_token token;
};

static aimdb_err
check_value(aimdb_ctx *ctx, struct number *value)
{
    (void) ctx;
    return value->n == 13 ? AIMDB_EINVAL : AIMDB_OK;
}

static aimdb_err
emit_on(aimdb_ctx *ctx, const struct number *value)
{
    struct scene *scene = aimdb_user(ctx);
    if (atomic_load(&scene->hold))
        gate_wait(scene->go, 1);
    (void) number_emit(ctx, scene->latest, value);
    (void) number_emit(ctx, scene->mailbox, value);
    gate_add(scene->calls, 1);
    return value->n % 10 == 0 ? AIMDB_EIO : AIMDB_OK; // errors are logged
}

static aimdb_err
defer_value(aimdb_ctx *ctx, const struct number *value)
{
    struct scene *scene = aimdb_user(ctx);
    (void) value;
    scene->token = aimdb_defer(ctx);
    atomic_fetch_add(&scene->deferred, 1);
    return AIMDB_EPENDING;
}

static aimdb_time
step(aimdb_ctx *ctx, number_record out)
{
    (void) number_emit(ctx, out, &(struct number){ 1 });
    return aimdb_every(ctx, AIMDB_US(200));
}

static void
quiet_log(void *user, aimdb_log_level level, const char *line)
{
    (void) level;
    (void) line;
    atomic_fetch_add((atomic_int *) user, 1);
}

struct sleeper {
    struct scene *scene;
    number_reader reader;
    struct gate *begin;
};

static void
sleep_until_closed(void *arg)
{
    struct sleeper *sleeper = arg;
    struct number out;
    aimdb_err err = AIMDB_OK;
    gate_wait(sleeper->begin, 1);
    helper_about_to_block();
    while (err != AIMDB_ECLOSED)
        err = number_recv(&sleeper->reader, &out, AIMDB_FOREVER);
}

// Any outcome will do: it is the way there that is watched.
static void
any_outcome(aimdb_err err)
{
    CHECK(err != AIMDB_EFORKED);
}

static void
read_all_ways(struct scene *scene)
{
    struct number batch[40], out;
    number_reader reader, observer;
    CHECK_OK(number_subscribe(scene->ring, &reader));
    CHECK_OK(number_observe(scene->mailbox, &observer));
    for (uint64_t i = 0; i < 40; i++)
        batch[i].n = i;
    (void) number_produce_n(scene->ring, batch, 40);
    for (uint64_t n = 0; n < 40; n++) {
        (void) number_produce(scene->ring, &(struct number){ n });
        (void) number_produce(scene->latest, &(struct number){ n });
        (void) number_produce(scene->mailbox, &(struct number){ n });
    }
    any_outcome(number_try_recv(&reader, &out));
    (void) number_drain(&reader, batch, 40, NULL);
    any_outcome(number_recv(&reader, &out, aimdb_clock() + AIMDB_MS(1)));
    any_outcome(number_recv(&observer, &out, aimdb_clock() + AIMDB_MS(1)));
    aimdb_reader *both[] = { &reader.raw, &observer.raw };
    CHECK(aimdb_select(both, 2, aimdb_clock() + AIMDB_MS(1)) != AIMDB_EINVAL);
    any_outcome(number_peek(scene->latest, &out));
    (void) record_stats(scene->ring);
    (void) reader_stats(&reader);
    (void) aimdb_edges(scene->w->db, NULL, 0);
    number_unsubscribe(&reader);
    number_unsubscribe(&observer);
}

static void
defer_and_finish(struct scene *scene)
{
    uint64_t before = atomic_load(&scene->deferred);
    push(scene->late, 1);
    EVENTUALLY(atomic_load(&scene->deferred) != before);
    CHECK_OK(aimdb_done(scene->token, AIMDB_OK));
}

// The consumer stands still while its ring runs over, so that the lag is logged.
static void
make_it_lag(struct scene *scene)
{
    uint64_t calls = gate_count(scene->calls);
    atomic_store(&scene->hold, true);
    for (uint64_t n = 100; n < 200; n++)
        (void) number_produce(scene->ring, &(struct number){ n });
    gate_add(scene->go, 1);
    atomic_store(&scene->hold, false);
    gate_wait(scene->calls, calls + 1);
}

static struct scene *
scene_new(struct world *w, atomic_int *lines)
{
    struct scene *scene = world_memory(w, sizeof *scene);
    *scene = (struct scene){ .w = w, .calls = gate_new(w), .go = gate_new(w) };
    aimdb_set_log(w->builder, quiet_log, lines);
    scene->ring = number_configure(w->builder, "ring", AIMDB_SPMC_RING(16, .stamp = true));
    scene->latest = number_configure(w->builder, "latest", AIMDB_SINGLE_LATEST);
    scene->mailbox = number_configure(w->builder, "mailbox", AIMDB_MAILBOX);
    scene->late = number_configure(w->builder, "late", AIMDB_SPMC_RING(4));
    number_set_producer(w->builder, scene->ring, check_value, NULL);
    CHECK(number_add_source(w->builder, scene->latest, step, NULL) != NULL);
    CHECK(number_add_consumer(w->builder, scene->ring, emit_on, scene) != NULL);
    CHECK(number_add_consumer(w->builder, scene->late, defer_value, scene) != NULL);
    sink_attach(w, scene->latest, sink_new(w, 0), true);
    sink_attach(w, scene->mailbox, sink_new(w, 0), true);
    return scene;
}

// proves P5 P1
static void
nothing_allocates_between_build_and_free(void **state)
{
    struct world *w = *state;
    atomic_int *lines = world_memory(w, sizeof *lines);
    struct scene *scene = scene_new(w, lines);
    struct sleeper *sleeper = world_memory(w, sizeof *sleeper);
    sleeper->begin = gate_new(w);
    world_build(w);
    CHECK_OK(number_subscribe(scene->ring, &sleeper->reader));
    struct helper *helper = helper_start(w, sleep_until_closed, sleeper);
    size_t calls = w->ledger.calls;
    EVENTUALLY(contract_others_asleep()); // a sanitizer allocates when a thread starts
    watch_begin();
    gate_add(sleeper->begin, 1);
    for (int round = 0; round < 50; round++) {
        read_all_ways(scene);
        defer_and_finish(scene);
    }
    make_it_lag(scene);
    aimdb_stop(w->db);
    CHECK_OK(aimdb_run(w->db));
    CHECK_OK(aimdb_close(w->db, AIMDB_FOREVER, NULL));
    int heap = watch_end();
    helper_join(helper);
    CHECK_EQ(0, heap);
    CHECK_EQ(calls, w->ledger.calls);
    CHECK(atomic_load(lines) > 0); // the log was on its way as well
    number_unsubscribe(&sleeper->reader);
}

// Section 8 ------------------------------------------------------------------------------------

struct hundred {
    uint8_t bytes[100];
};
AIMDB_RECORD_TYPE(hundred, struct hundred);

static aimdb_err
take_hundred(aimdb_ctx *ctx, const struct hundred *value)
{
    (void) ctx;
    (void) value;
    return AIMDB_OK;
}

static aimdb_memory_stats
memory_of(const aimdb_record *record)
{
    aimdb_memory_stats stats = { .size = sizeof stats };
    CHECK_OK(aimdb_record_memory(record, &stats));
    return stats;
}

// proves section 8
static void
ring_of_1024_values_of_100_bytes_keeps_to_the_table(void **state)
{
    struct world *w = *state;
    hundred_record record = hundred_configure(w->builder, "sensors.indoor", AIMDB_SPMC_RING(1024));
    world_build(w);
    aimdb_memory_stats stats = memory_of(record.raw);
    CHECK(stats.items >= 102400 && stats.items <= 107000);
    CHECK(stats.records > 0 && stats.records <= 256);
    CHECK_EQ(0, stats.tasks);
}

// proves section 8, L1
static void
latest_of_100_bytes_keeps_to_the_table(void **state)
{
    struct world *w = *state;
    hundred_record record = hundred_configure(w->builder, "sensors.indoor", AIMDB_SINGLE_LATEST);
    world_build(w);
    aimdb_memory_stats stats = memory_of(record.raw);
    CHECK(stats.items >= 100 && stats.items <= 2 * 104); // slots of whole words
    CHECK(stats.records > 0 && stats.records <= 256);
}

// proves section 8
static void
mailbox_of_100_bytes_keeps_to_the_table(void **state)
{
    struct world *w = *state;
    hundred_record record = hundred_configure(w->builder, "sensors.indoor", AIMDB_MAILBOX);
    world_build(w);
    aimdb_memory_stats stats = memory_of(record.raw);
    CHECK(stats.items >= 100 && stats.items <= 264);
    CHECK(stats.records > 0 && stats.records <= 256);
}

// proves section 8
static void
reader_is_64_bytes_and_a_dispatcher_adds_192(void **state)
{
    static const char *const keys[] = { "ring", "latest", "mailbox" };
    const aimdb_buffer_cfg cfgs[] = { AIMDB_SPMC_RING(16), AIMDB_SINGLE_LATEST, AIMDB_MAILBOX };
    struct world *w = *state;
    hundred_record records[3];
    for (size_t i = 0; i < 3; i++) {
        records[i] = hundred_configure(w->builder, keys[i], cfgs[i]);
        for (size_t k = 0; k < 10; k++)
            CHECK(hundred_add_consumer(w->builder, records[i], take_hundred, NULL) != NULL);
    }
    world_build(w);
    CHECK(sizeof(aimdb_reader) <= 64);
    CHECK(sizeof(((aimdb_reader *) NULL)->cursor_) <= 16);
    for (size_t i = 0; i < 3; i++) {
        aimdb_memory_stats stats = memory_of(records[i].raw);
        CHECK(stats.tasks > 0 && stats.tasks <= 10 * (64 + 192));
        CHECK(stats.records <= 256);
    }
}

// B6 -------------------------------------------------------------------------------------------

static aimdb_time
never_again(aimdb_ctx *ctx, hundred_record out)
{
    (void) ctx;
    (void) out;
    return AIMDB_FOREVER;
}

static void
describe_many(struct world *w)
{
    const aimdb_consumer_options named = { .name = "a name that is copied", .blocking = true };
    for (size_t i = 0; i < 60; i++) {
        char key[8] = { 'k', (char) ('a' + i / 26), (char) ('a' + i % 26), '\0' };
        aimdb_buffer_cfg cfg = i % 3 == 0   ? AIMDB_SPMC_RING(i + 1)
                               : i % 3 == 1 ? AIMDB_SINGLE_LATEST
                                            : AIMDB_MAILBOX;
        cfg.stamp = i % 2 == 0;
        hundred_record record = hundred_configure(w->builder, key, cfg);
        aimdb_task *task = hundred_add_consumer(w->builder, record, take_hundred, NULL);
        hundred_emitted_by(w->builder, record, task);
        if (i % 3 == 0) // stamped ones as well: they keep a histogram
            CHECK(hundred_add_source(w->builder, record, never_again, NULL) != NULL);
        if (i % 5 == 0)
            CHECK(hundred_add_consumer_with(w->builder, record, take_hundred, NULL, &named) !=
                  NULL);
    }
}

static aimdb_memory_stats
sum_of_records(struct world *w)
{
    aimdb_memory_stats sum = { 0 };
    for (size_t i = 0; i < aimdb_record_count(w->db); i++) {
        aimdb_memory_stats one = memory_of(aimdb_record_at(w->db, i));
        CHECK_EQ(one.total, one.items + one.records + one.tasks);
        sum.items += one.items;
        sum.records += one.records;
        sum.tasks += one.tasks;
    }
    return sum;
}

// proves B6, section 8
static void
memory_is_told_before_the_build_and_is_what_the_allocator_saw(void **state)
{
    struct world *w = *state;
    aimdb_memory_stats before = { .size = sizeof before }, after = { .size = sizeof after };
    describe_many(w);
    CHECK_OK(aimdb_builder_memory(w->builder, &before));
    world_build(w);
    aimdb_builder_free(w->builder);
    w->builder = NULL;
    CHECK_OK(aimdb_memory(w->db, &after));
    CHECK_EQ(after.total, w->ledger.live);
    CHECK_EQ(before.total, after.total);
    CHECK_EQ(before.items, after.items);
    CHECK_EQ(before.records, after.records);
    CHECK_EQ(before.tasks, after.tasks);
    aimdb_memory_stats sum = sum_of_records(w);
    CHECK_EQ(sum.items, after.items);
    CHECK_EQ(sum.records, after.records);
    CHECK_EQ(sum.tasks, after.tasks);
    CHECK(after.total > sum.items + sum.records + sum.tasks); // the database itself
}

// proves B6
static void
memory_of_a_record_is_the_same_before_and_after_the_build(void **state)
{
    struct world *w = *state;
    hundred_record record = hundred_configure(w->builder, "key", AIMDB_SPMC_RING(100));
    CHECK(hundred_add_consumer(w->builder, record, take_hundred, NULL) != NULL);
    aimdb_memory_stats before = memory_of(record.raw);
    world_build(w);
    aimdb_memory_stats after = memory_of(record.raw);
    CHECK_EQ(before.total, after.total);
    CHECK_EQ(before.items, after.items);
    CHECK_EQ(before.records, after.records);
    CHECK_EQ(before.tasks, after.tasks);
    CHECK(after.items >= 100 * 100);
}

// proves B6 B4
static void
readers_that_come_and_go_cost_the_database_nothing(void **state)
{
    struct world *w = *state;
    hundred_reader readers[20];
    hundred_record record = hundred_configure(w->builder, "key", AIMDB_SPMC_RING(4));
    world_build(w);
    size_t live = w->ledger.live;
    for (size_t i = 0; i < 20; i++)
        CHECK_OK(hundred_subscribe(record, &readers[i]));
    CHECK_EQ(live, w->ledger.live);
    for (size_t i = 0; i < 20; i++)
        hundred_unsubscribe(&readers[i]);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(watch_sees_an_allocation),
        CONTRACT_TEST(nothing_allocates_between_build_and_free),
        CONTRACT_TEST(ring_of_1024_values_of_100_bytes_keeps_to_the_table),
        CONTRACT_TEST(latest_of_100_bytes_keeps_to_the_table),
        CONTRACT_TEST(mailbox_of_100_bytes_keeps_to_the_table),
        CONTRACT_TEST(reader_is_64_bytes_and_a_dispatcher_adds_192),
        CONTRACT_TEST(memory_is_told_before_the_build_and_is_what_the_allocator_saw),
        CONTRACT_TEST(memory_of_a_record_is_the_same_before_and_after_the_build),
        CONTRACT_TEST(readers_that_come_and_go_cost_the_database_nothing),
    };
    return CONTRACT_RUN(tests, argc, argv);
}
