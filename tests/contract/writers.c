// SPDX-License-Identifier: Apache-2.0
// A writer that is stopped in mid-push: a signal whose handler waits interrupts it somewhere in a
// loop that does little else than push large values. Whoever reads meanwhile must come back.
#include "contract.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS 8192u // 64 KiB: nearly all of the loop is copying
#define STOPS 150

struct large {
    uint64_t words[WORDS];
};
AIMDB_RECORD_TYPE(large, struct large);

static int stopped_pipe[2], resume_pipe[2];

static void
stop_here(int number)
{
    char c = 's';
    (void) number;
    if (write(stopped_pipe[1], &c, 1) != 1 || read(resume_pipe[0], &c, 1) != 1)
        abort();
}

struct scene {
    large_record record;
    large_record bystander;
    large_reader readers[2];
    struct gate *writing;
    atomic_bool end;
    struct large in, out;
};

static void
fill(struct large *large, uint64_t n)
{
    for (size_t i = 0; i < WORDS; i++)
        large->words[i] = n;
}

static void
is_whole(const struct large *large)
{
    for (size_t i = 1; i < WORDS; i++)
        CHECK_EQ(large->words[0], large->words[i]);
}

static void
write_for_ever(void *arg)
{
    struct scene *scene = arg;
    fill(&scene->in, 1);
    gate_add(scene->writing, 1);
    while (!atomic_load(&scene->end)) {
        CHECK_OK(large_produce(scene->record, &scene->in));
        usleep(0); // where a sanitizer that holds signals back delivers them
    }
}

static void
try_once(struct scene *scene, large_reader *reader)
{
    aimdb_err err = large_try_recv(reader, &scene->out);
    CHECK(err == AIMDB_OK || err == AIMDB_EEMPTY || err == AIMDB_ELAGGED);
    if (err == AIMDB_OK)
        is_whole(&scene->out);
}

// All that a reader can ask while the writer stands still.
static void
look_from_all_sides(struct scene *scene)
{
    large_reader late;
    aimdb_record_stats stats = { .size = sizeof stats };
    aimdb_err err;
    for (int i = 0; i < 3; i++)
        for (size_t r = 0; r < 2; r++)
            try_once(scene, &scene->readers[r]);
    err = large_recv(&scene->readers[0], &scene->out, 0);
    CHECK(err == AIMDB_OK || err == AIMDB_ETIMEDOUT || err == AIMDB_ELAGGED);
    err = large_peek(scene->record, &scene->out);
    CHECK(err == AIMDB_OK || err == AIMDB_EEMPTY || err == AIMDB_ENOTSUP);
    if (err == AIMDB_OK)
        is_whole(&scene->out);
    CHECK_OK(large_subscribe(scene->record, &late));
    try_once(scene, &late);
    (void) large_drain(&late, &scene->out, 1, NULL);
    large_unsubscribe(&late);
    CHECK_OK(aimdb_record_metrics(scene->record.raw, &stats));
    CHECK_OK(large_produce(scene->bystander, &scene->out));
}

// Sends the signal, once more if need be (a sanitizer may lose one); gives how many were too many.
static int
stop_writer(struct helper *writer)
{
    struct pollfd stopped = { .fd = stopped_pipe[0], .events = POLLIN };
    int sent = 0;
    char c;
    do {
        CHECK(sent++ < 10);
        CHECK(pthread_kill(helper_pthread(writer), SIGUSR1) == 0);
    } while (poll(&stopped, 1, 3000) == 0);
    CHECK(read(stopped_pipe[0], &c, 1) == 1);
    return sent - 1;
}

static void
resume_writer(void)
{
    CHECK(write(resume_pipe[1], "r", 1) == 1);
}

static void
stop_and_look(struct scene *scene, struct helper *writer)
{
    int surplus = 0;
    for (int i = 0; i < STOPS; i++) {
        surplus += stop_writer(writer);
        look_from_all_sides(scene);
        resume_writer();
    }
    while (surplus-- > 0)
        resume_writer();
}

static void
stopped_writer_delays_no_reader(struct world *w, aimdb_buffer_cfg cfg)
{
    SKIP_IF_SIMULATED("a signal handler that waits stops a thread");
    struct scene *scene = world_memory(w, sizeof *scene);
    scene->record = large_configure(w->builder, "stopped", cfg);
    scene->bystander = large_configure(w->builder, "bystander", cfg);
    scene->writing = gate_new(w);
    CHECK(pipe(stopped_pipe) == 0 && pipe(resume_pipe) == 0);
    signal(SIGUSR1, stop_here);
    world_build(w);
    CHECK_OK(large_subscribe(scene->record, &scene->readers[0]));
    CHECK_OK(large_observe(scene->record, &scene->readers[1]));
    struct helper *writer = helper_start(w, write_for_ever, scene);
    gate_wait(scene->writing, 1);
    stop_and_look(scene, writer);
    atomic_store(&scene->end, true);
    helper_join(writer);
    large_unsubscribe(&scene->readers[0]);
    large_unsubscribe(&scene->readers[1]);
    for (size_t i = 0; i < 2; i++) {
        close(stopped_pipe[i]);
        close(resume_pipe[i]);
    }
}

// proves P3 R2
static void
writer_stopped_in_mid_push_delays_no_reader_of_a_ring(void **state)
{
    stopped_writer_delays_no_reader(*state, AIMDB_SPMC_RING(2));
}

// proves P3 R2
static void
one_writer_stopped_in_mid_push_delays_no_reader_of_a_ring(void **state)
{
    stopped_writer_delays_no_reader(*state, AIMDB_SPMC_RING(2, .one_writer = true));
}

// proves P3 L6
static void
writer_stopped_in_mid_push_delays_no_reader_of_a_latest(void **state)
{
    stopped_writer_delays_no_reader(*state, AIMDB_SINGLE_LATEST);
}

// proves P3 L6
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

#ifndef NDEBUG
static void *
write_beside_another(void *arg)
{
    struct scene *scene = arg;
    struct large *mine = calloc(1, sizeof *mine);
    for (;;)
        (void) large_produce(scene->record, mine);
    return NULL;
}

static void
two_write_where_one_is_promised(void *arg)
{
    struct scene *scene = arg;
    pthread_t other;
    aimdb *db;
    aimdb_builder *builder = aimdb_builder_new(contract_executor());
    scene->record = large_configure(builder, "lonely", AIMDB_SPMC_RING(2, .one_writer = true));
    CHECK_OK(aimdb_build(builder, &db));
    CHECK(pthread_create(&other, NULL, write_beside_another, scene) == 0);
    write_beside_another(scene);
}

// proves P3
static void
debug_build_stops_at_a_second_writer(void **state)
{
    struct world *w = *state;
    SKIP_IF_SIMULATED("two threads meet inside a push");
    struct scene *scene = world_memory(w, sizeof *scene);
    int status = contract_child(two_write_where_one_is_promised, scene);
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
        CONTRACT_TEST(writer_stopped_in_mid_push_delays_no_reader_of_a_latest),
        CONTRACT_TEST(one_writer_stopped_in_mid_push_delays_no_reader_of_a_latest),
        CONTRACT_TEST(writer_stopped_in_mid_push_delays_no_reader_of_a_mailbox),
        CONTRACT_TEST(one_writer_stopped_in_mid_push_delays_no_reader_of_a_mailbox),
#ifndef NDEBUG
        CONTRACT_TEST(debug_build_stops_at_a_second_writer),
#endif
    };
    return CONTRACT_RUN(tests, argc, argv);
}
