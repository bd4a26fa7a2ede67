// SPDX-License-Identifier: Apache-2.0
// A writer that is stopped in mid-push, at every place of a large value in turn. Whoever reads
// meanwhile must come back, with all that was pushed before; other writers of the record wait.
#include "trap.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#define WORDS 8192u  // 64 KiB
#define PLACES 16u   // where a push is stopped
#define LAZY 4u      // stops between two looks of the second reader
#define SPIN 2000000 // ns that a writer spends waiting, to show that it waits

struct large {
    uint64_t words[WORDS];
};
AIMDB_RECORD_TYPE(large, struct large);

struct scene {
    aimdb_buffer buffer;
    large_record record;
    large_record bystander;
    large_reader eager; // takes all there is at every stop
    large_reader lazy;  // observes, at some
    struct trap *trap;
    struct large *in; // in the trap
    struct stop *stop;
    struct gate *turn; // this many pushes may begin
    struct gate *done; // this many are over
    uint64_t pushes;
    struct large out;
};

static void
fill(struct large *large, uint64_t n)
{
    for (size_t i = 0; i < WORDS; i++)
        large->words[i] = n;
}

static void
is_whole(const struct large *large, uint64_t n)
{
    for (size_t i = 0; i < WORDS; i++)
        CHECK_EQ(n, large->words[i]);
}

static void
write_in_turn(void *arg)
{
    struct scene *scene = arg;
    for (uint64_t n = 1; n <= scene->pushes; n++) {
        gate_wait(scene->turn, n);
        CHECK_OK(large_produce(scene->record, scene->in));
        gate_add(scene->done, 1);
    }
}

// Reads to the end: what comes last is the newest value that is complete.
static void
read_to(struct scene *scene, large_reader *reader, uint64_t newest, bool may_lag)
{
    aimdb_err err = newest == 0 ? AIMDB_EEMPTY : AIMDB_ELAGGED;
    uint64_t got = 0;
    while (newest != 0 && (err = large_try_recv(reader, &scene->out)) != AIMDB_EEMPTY) {
        CHECK(err == AIMDB_OK || (may_lag && err == AIMDB_ELAGGED));
        got = err == AIMDB_OK ? scene->out.words[0] : got;
        if (err == AIMDB_OK)
            is_whole(&scene->out, got);
    }
    CHECK_EQ(newest, got);
    CHECK_ERR(AIMDB_EEMPTY, large_try_recv(reader, &scene->out));
    CHECK_ERR(AIMDB_ETIMEDOUT, large_recv(reader, &scene->out, 0));
}

static void
peek_at(struct scene *scene, uint64_t newest)
{
    aimdb_err want = scene->buffer == AIMDB_BUFFER_SPMC_RING ? AIMDB_ENOTSUP
                     : newest == 0                           ? AIMDB_EEMPTY
                                                             : AIMDB_OK;
    CHECK_ERR(want, large_peek(scene->record, &scene->out));
    if (want == AIMDB_OK)
        is_whole(&scene->out, newest);
}

// A reader that comes now: only a latest has something for it, as the eager one took all.
static void
come_late(struct scene *scene, uint64_t newest)
{
    large_reader late;
    CHECK_OK(large_subscribe(scene->record, &late));
    read_to(scene, &late, scene->buffer == AIMDB_BUFFER_SINGLE_LATEST ? newest : 0, false);
    CHECK_EQ(0, large_drain(&late, &scene->out, 1, NULL));
    large_unsubscribe(&late);
}

// All that can be asked while the writer stands still in its push of value `newest` + 1.
static void
look_from_all_sides(struct scene *scene, uint64_t newest)
{
    aimdb_record_stats stats = { .size = sizeof stats };
    peek_at(scene, newest);
    read_to(scene, &scene->eager, newest, false);
    if (newest % LAZY == 0)
        read_to(scene, &scene->lazy, newest, scene->buffer == AIMDB_BUFFER_SPMC_RING);
    come_late(scene, newest);
    CHECK_OK(aimdb_record_metrics(scene->record.raw, &stats));
    CHECK_EQ(newest, stats.produced);
    CHECK_OK(large_produce(scene->bystander, &scene->out));
}

static struct scene *
scene_new(struct world *w, aimdb_buffer_cfg cfg, uint64_t pushes)
{
    struct scene *scene = world_memory(w, sizeof *scene);
    scene->buffer = cfg.buffer;
    scene->record = large_configure(w->builder, "stopped", cfg);
    scene->bystander = large_configure(w->builder, "bystander", cfg);
    scene->stop = stop_new(w);
    scene->trap = trap_new(w, sizeof *scene->in, stop_here, scene->stop);
    scene->in = trap_memory(scene->trap);
    scene->turn = gate_new(w);
    scene->done = gate_new(w);
    scene->pushes = pushes;
    world_build(w);
    CHECK_OK(large_subscribe(scene->record, &scene->eager));
    CHECK_OK(large_observe(scene->record, &scene->lazy));
    return scene;
}

static void
scene_end(struct scene *scene)
{
    large_unsubscribe(&scene->eager);
    large_unsubscribe(&scene->lazy);
}

// Lets push n begin, and waits until it stands at `place`.
static void
stop_in_push(struct scene *scene, uint64_t n, size_t place)
{
    fill(scene->in, n);
    trap_close(scene->trap, sizeof *scene->in / PLACES * place);
    gate_add(scene->turn, 1);
    gate_wait(scene->stop->stopped, n);
}

static void
stopped_writer_delays_no_reader(struct world *w, aimdb_buffer_cfg cfg)
{
    struct scene *scene = scene_new(w, cfg, 2 * PLACES);
    struct helper *writer = helper_start(w, write_in_turn, scene);
    for (uint64_t n = 1; n <= scene->pushes; n++) {
        stop_in_push(scene, n, n % PLACES);
        look_from_all_sides(scene, n - 1);
        gate_add(scene->stop->resume, 1);
        gate_wait(scene->done, n);
    }
    helper_join(writer);
    read_to(scene, &scene->eager, scene->pushes, false);
    scene_end(scene);
}

// proves P3 R2 R6
static void
writer_stopped_in_mid_push_delays_no_reader_of_a_ring(void **state)
{
    stopped_writer_delays_no_reader(*state, AIMDB_SPMC_RING(2));
}

// proves P3 R2 R6
static void
one_writer_stopped_in_mid_push_delays_no_reader_of_a_ring(void **state)
{
    stopped_writer_delays_no_reader(*state, AIMDB_SPMC_RING(2, .one_writer = true));
}

// With one slot the writer would hold the only value.
// proves P3 R1 R6
static void
writer_stopped_in_mid_push_delays_no_reader_of_a_ring_of_one(void **state)
{
    stopped_writer_delays_no_reader(*state, AIMDB_SPMC_RING(1));
}

// proves P3 L3 L6
static void
writer_stopped_in_mid_push_delays_no_reader_of_a_latest(void **state)
{
    stopped_writer_delays_no_reader(*state, AIMDB_SINGLE_LATEST);
}

// proves P3 L3 L6
static void
one_writer_stopped_in_mid_push_delays_no_reader_of_a_latest(void **state)
{
    stopped_writer_delays_no_reader(*state, AIMDB_SINGLE_LATEST_WITH(.one_writer = true));
}

// proves P3 M5
static void
writer_stopped_in_mid_push_delays_no_reader_of_a_mailbox(void **state)
{
    stopped_writer_delays_no_reader(*state, AIMDB_MAILBOX);
}

// proves P3 M5
static void
one_writer_stopped_in_mid_push_delays_no_reader_of_a_mailbox(void **state)
{
    stopped_writer_delays_no_reader(*state, AIMDB_MAILBOX_WITH(.one_writer = true));
}

// Other writers --------------------------------------------------------------------------------

struct second {
    struct scene *scene;
    struct gate *done;
    struct large in;
};

static void
write_second(void *arg)
{
    struct second *second = arg;
    CHECK_OK(large_produce(second->scene->record, &second->in));
    gate_add(second->done, 1);
}

static int64_t
processor_time(const struct helper *helper)
{
    clockid_t clock;
    struct timespec spent;
    CHECK(pthread_getcpuclockid(helper_pthread(helper), &clock) == 0);
    CHECK(clock_gettime(clock, &spent) == 0);
    return (int64_t) spent.tv_sec * 1000000000 + spent.tv_nsec;
}

static void
second_writer_waits_for_the_first(struct world *w, aimdb_buffer_cfg cfg)
{
    struct scene *scene = scene_new(w, cfg, 1);
    struct second *second = world_memory(w, sizeof *second);
    *second = (struct second){ .scene = scene, .done = gate_new(w) };
    fill(&second->in, 2);
    struct helper *writer = helper_start(w, write_in_turn, scene);
    stop_in_push(scene, 1, PLACES / 2);
    struct helper *other = helper_start(w, write_second, second);
    EVENTUALLY(gate_count(second->done) > 0 || processor_time(other) > SPIN);
    CHECK_EQ(0, gate_count(second->done));
    look_from_all_sides(scene, 0);
    gate_add(scene->stop->resume, 1);
    helper_join(writer);
    helper_join(other);
    if (scene->buffer == AIMDB_BUFFER_SPMC_RING) {
        CHECK_OK(large_try_recv(&scene->eager, &scene->out));
        is_whole(&scene->out, 1);
    }
    read_to(scene, &scene->eager, 2, false);
    scene_end(scene);
}

// proves P3
static void
second_writer_of_a_ring_waits_for_one_that_is_stopped(void **state)
{
    second_writer_waits_for_the_first(*state, AIMDB_SPMC_RING(4));
}

// proves P3 L1
static void
second_writer_of_a_latest_waits_for_one_that_is_stopped(void **state)
{
    second_writer_waits_for_the_first(*state, AIMDB_SINGLE_LATEST);
}

#ifndef NDEBUG
static void
push_once_more(void *arg, size_t offset)
{
    struct scene *scene = arg;
    (void) offset;
    (void) large_produce(scene->record, &scene->out);
}

static void
push_in_mid_push(void *arg)
{
    void *state = NULL;
    struct scene *scene = arg;
    CHECK(world_setup(&state) == 0);
    struct world *w = state;
    struct trap *trap = trap_new(w, sizeof *scene->in, push_once_more, scene);
    scene->record = large_configure(w->builder, "lonely", AIMDB_SPMC_RING(2, .one_writer = true));
    world_build(w);
    trap_close(trap, 0);
    CHECK_OK(large_produce(scene->record, trap_memory(trap)));
}

// proves P3
static void
debug_build_stops_at_a_second_writer(void **state)
{
    struct world *w = *state;
    SKIP_IF_SIMULATED("two threads meet inside a push");
    int status = contract_child(push_in_mid_push, world_memory(w, sizeof(struct scene)));
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(SIGABRT, WTERMSIG(status));
}
#endif

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(writer_stopped_in_mid_push_delays_no_reader_of_a_ring),
        CONTRACT_TEST(one_writer_stopped_in_mid_push_delays_no_reader_of_a_ring),
        CONTRACT_TEST(writer_stopped_in_mid_push_delays_no_reader_of_a_ring_of_one),
        CONTRACT_TEST(writer_stopped_in_mid_push_delays_no_reader_of_a_latest),
        CONTRACT_TEST(one_writer_stopped_in_mid_push_delays_no_reader_of_a_latest),
        CONTRACT_TEST(writer_stopped_in_mid_push_delays_no_reader_of_a_mailbox),
        CONTRACT_TEST(one_writer_stopped_in_mid_push_delays_no_reader_of_a_mailbox),
        CONTRACT_TEST(second_writer_of_a_ring_waits_for_one_that_is_stopped),
        CONTRACT_TEST(second_writer_of_a_latest_waits_for_one_that_is_stopped),
#ifndef NDEBUG
        CONTRACT_TEST(debug_build_stops_at_a_second_writer),
#endif
    };
    return CONTRACT_RUN(tests, argc, argv);
}
