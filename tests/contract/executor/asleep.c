// SPDX-License-Identifier: Apache-2.0
// Who goes to sleep while something comes: between the last look at the record and the mark that
// says "somebody sleeps", the mark being the first thing that is written to the record, and caught.
#include "trap.h"

struct scene {
    struct world *w;
    struct trap *trap;
    number_record record;
    number_reader reader;
    struct number out;
    aimdb_err err;
    uint64_t visits;
    bool closes;  // instead of pushing
    bool selects; // before it reads
};

static void
meanwhile(void *arg, size_t offset)
{
    struct scene *scene = arg;
    (void) offset;
    scene->visits++;
    if (scene->closes)
        CHECK_OK(aimdb_close(scene->w->db, AIMDB_FOREVER, NULL));
    else
        push(scene->record, 2);
}

static struct scene *
scene_new(struct world *w, aimdb_buffer_cfg cfg)
{
    struct scene *scene = world_memory(w, sizeof *scene);
    if (CONTRACT_SANITIZES_THREADS)
        skip();
    scene->w = w;
    scene->trap = trap_new(w, 1 << 20, meanwhile, scene);
    trap_is_memory_of_builder(scene->trap, 1);
    scene->record = number_configure(w->builder, "asleep", cfg);
    return scene;
}

static void
catch_the_mark(struct scene *scene)
{
    char *memory = trap_memory(scene->trap);
    trap_close_for_writers(scene->trap, (size_t) ((char *) scene->record.raw - memory));
}

// Consumers ------------------------------------------------------------------------------------

static void
consumer_gets_what_slips_by(struct world *w, aimdb_buffer_cfg cfg)
{
    struct scene *scene = scene_new(w, cfg);
    struct sink *sink = sink_held_new(w, 2);
    sink_attach(w, scene->record, sink, false);
    world_build(w);
    push(scene->record, 1);
    gate_wait(sink->calls, 1);
    catch_the_mark(scene);
    gate_add(sink->leave, 2);
    gate_wait(sink->calls, 2);
    CHECK_EQ(2, sink->values[1]);
    CHECK_EQ(1, scene->visits);
}

// proves D1 P4
static void
consumer_of_a_ring_gets_what_slips_by(void **state)
{
    consumer_gets_what_slips_by(*state, AIMDB_SPMC_RING(4));
}

// proves D1 P4
static void
consumer_of_a_ring_of_one_writer_gets_what_slips_by(void **state)
{
    consumer_gets_what_slips_by(*state, AIMDB_SPMC_RING(4, .one_writer = true));
}

// proves L4 L1
static void
consumer_of_a_latest_gets_what_slips_by(void **state)
{
    consumer_gets_what_slips_by(*state, AIMDB_SINGLE_LATEST);
}

// proves M3
static void
consumer_of_a_mailbox_gets_what_slips_by(void **state)
{
    consumer_gets_what_slips_by(*state, AIMDB_MAILBOX);
}

// Threads that wait ----------------------------------------------------------------------------

static void
wait_for_one(void *arg)
{
    struct scene *scene = arg;
    aimdb_reader *reader = &scene->reader.raw;
    if (scene->selects)
        CHECK_EQ(0, aimdb_select(&reader, 1, AIMDB_FOREVER));
    scene->err = number_recv(&scene->reader, &scene->out, AIMDB_FOREVER);
}

static void
wait_while_something_comes(struct scene *scene)
{
    struct world *w = scene->w;
    bool closes = scene->closes;
    world_build(w);
    CHECK_OK(number_subscribe(scene->record, &scene->reader));
    scene->out.n = 5;
    catch_the_mark(scene);
    helper_join(helper_start(w, wait_for_one, scene));
    CHECK_ERR(closes ? AIMDB_ECLOSED : AIMDB_OK, scene->err);
    CHECK_EQ(closes ? 5 : 2, scene->out.n);
    CHECK_EQ(1, scene->visits);
    number_unsubscribe(&scene->reader);
}

// proves P1 R2
static void
thread_that_waits_for_a_ring_gets_what_slips_by(void **state)
{
    wait_while_something_comes(scene_new(*state, AIMDB_SPMC_RING(4)));
}

// proves L1 L4
static void
thread_that_waits_for_a_latest_gets_what_slips_by(void **state)
{
    wait_while_something_comes(scene_new(*state, AIMDB_SINGLE_LATEST));
}

// proves M1 M3
static void
thread_that_waits_for_a_mailbox_gets_what_slips_by(void **state)
{
    wait_while_something_comes(scene_new(*state, AIMDB_MAILBOX));
}

static void
select_while_something_comes(struct world *w, aimdb_buffer_cfg cfg)
{
    struct scene *scene = scene_new(w, cfg);
    scene->selects = true;
    wait_while_something_comes(scene);
}

// proves S1
static void
thread_that_selects_gets_what_slips_by(void **state)
{
    select_while_something_comes(*state, AIMDB_SPMC_RING(4));
}

// proves S1
static void
thread_that_selects_gets_what_a_lone_writer_slips_by(void **state)
{
    select_while_something_comes(*state, AIMDB_SINGLE_LATEST_WITH(.one_writer = true));
}

// proves X3 R8
static void
thread_that_waits_for_a_ring_sees_it_close(void **state)
{
    struct scene *scene = scene_new(*state, AIMDB_SPMC_RING(4));
    scene->closes = true;
    wait_while_something_comes(scene);
}

// proves X3 R8
static void
thread_that_waits_for_a_ring_of_one_writer_sees_it_close(void **state)
{
    struct scene *scene = scene_new(*state, AIMDB_SPMC_RING(4, .one_writer = true));
    scene->closes = true;
    wait_while_something_comes(scene);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(consumer_of_a_ring_gets_what_slips_by),
        CONTRACT_TEST(consumer_of_a_ring_of_one_writer_gets_what_slips_by),
        CONTRACT_TEST(consumer_of_a_latest_gets_what_slips_by),
        CONTRACT_TEST(consumer_of_a_mailbox_gets_what_slips_by),
        CONTRACT_TEST(thread_that_waits_for_a_ring_gets_what_slips_by),
        CONTRACT_TEST(thread_that_waits_for_a_latest_gets_what_slips_by),
        CONTRACT_TEST(thread_that_waits_for_a_mailbox_gets_what_slips_by),
        CONTRACT_TEST(thread_that_selects_gets_what_slips_by),
        CONTRACT_TEST(thread_that_selects_gets_what_a_lone_writer_slips_by),
        CONTRACT_TEST(thread_that_waits_for_a_ring_sees_it_close),
        CONTRACT_TEST(thread_that_waits_for_a_ring_of_one_writer_sees_it_close),
    };
    return CONTRACT_RUN(tests, argc, argv);
}
