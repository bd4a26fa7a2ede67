// SPDX-License-Identifier: Apache-2.0
// A database for each of several loops, each loop in a thread of its own, all of them fed by others.
#include "place.h"

#define LOOPS 3
#define PRODUCERS 2   // for each loop
#define VALUES 20000u // of each producer

struct loop_thread {
    struct world *w;
    struct gate *built, *fed;
    number_record record, last; // `last` gets one value more, from the consumer of `record`
    uint64_t counts[PRODUCERS]; // the next value expected of each
    uint64_t total;
    pthread_t thread;
    aimdb *db;
    uv_idle_t closer;
};

struct feeder {
    struct loop_thread *to;
    uint64_t number;
};

// The values of one producer arrive in order, all of them: the ring is large enough.
static aimdb_err
check_order(aimdb_ctx *ctx, const struct number *value)
{
    struct loop_thread *self = aimdb_user(ctx);
    uint64_t producer = value->n / VALUES;
    CHECK(pthread_equal(pthread_self(), self->thread));
    CHECK_EQ(0, aimdb_missed(ctx));
    CHECK(producer < PRODUCERS);
    CHECK_EQ(self->counts[producer]++, value->n % VALUES);
    if (++self->total == (uint64_t) PRODUCERS * VALUES)
        CHECK_OK(number_emit(ctx, self->last, value));
    return AIMDB_OK;
}

static void
close_in_idle(uv_idle_t *idle)
{
    struct loop_thread *self = idle->data;
    CHECK_OK(aimdb_close(self->db, AIMDB_FOREVER, NULL));
    uv_close((uv_handle_t *) idle, NULL);
}

// A callback may not close its own database: that is left to the loop.
static aimdb_err
end_the_loop(aimdb_ctx *ctx, const struct number *value)
{
    struct loop_thread *self = aimdb_user(ctx);
    (void) value;
    CHECK_ERR(AIMDB_EPENDING, aimdb_close(self->db, AIMDB_FOREVER, NULL));
    CHECK_EQ(0, uv_idle_start(&self->closer, close_in_idle));
    return AIMDB_OK;
}

static void
run_a_loop(void *arg)
{
    struct loop_thread *self = arg;
    uv_loop_t loop;
    CHECK_EQ(0, uv_loop_init(&loop));
    aimdb_executor *executor = executor_on(&loop);
    aimdb_builder *builder = aimdb_builder_new(executor);
    self->thread = pthread_self();
    self->closer.data = self;
    CHECK_EQ(0, uv_idle_init(&loop, &self->closer));
    self->record = number_configure(builder, "in", AIMDB_SPMC_RING(PRODUCERS * VALUES));
    self->last = number_configure(builder, "last", AIMDB_MAILBOX);
    CHECK(number_add_consumer(builder, self->record, check_order, self) != NULL);
    CHECK(number_add_consumer(builder, self->last, end_the_loop, self) != NULL);
    CHECK_OK(aimdb_build(builder, &self->db));
    gate_add(self->built, 1);
    RUN_TO_THE_END(&loop);
    gate_wait(self->fed, PRODUCERS); // nobody is inside a produce any more
    aimdb_free(self->db);
    aimdb_builder_free(builder);
    aimdb_executor_free(executor);
    RUN_TO_THE_END(&loop);
    CHECK_EQ(0, uv_loop_close(&loop));
}

static void
feed(void *arg)
{
    struct feeder *feeder = arg;
    uint64_t first = feeder->number * VALUES;
    push_range(feeder->to->record, first, first + VALUES - 1);
    gate_add(feeder->to->fed, 1);
}

static void
each_thread_has_its_loop_and_its_database(void **state)
{
    struct place *p = place_of(state);
    struct loop_thread *loops = world_memory(&p->w, LOOPS * sizeof *loops);
    struct feeder feeders[LOOPS][PRODUCERS];
    struct helper *threads[LOOPS], *helpers[LOOPS][PRODUCERS];
    for (int i = 0; i < LOOPS; i++) {
        loops[i].w = &p->w;
        loops[i].built = gate_new(&p->w);
        loops[i].fed = gate_new(&p->w);
        threads[i] = helper_start(&p->w, run_a_loop, &loops[i]);
    }
    for (int i = 0; i < LOOPS; i++) {
        gate_wait(loops[i].built, 1);
        for (uint64_t k = 0; k < PRODUCERS; k++) {
            feeders[i][k] = (struct feeder){ &loops[i], k };
            helpers[i][k] = helper_start(&p->w, feed, &feeders[i][k]);
        }
    }
    for (int i = 0; i < LOOPS; i++) {
        for (int k = 0; k < PRODUCERS; k++)
            helper_join(helpers[i][k]);
        helper_join(threads[i]);
        CHECK_EQ(PRODUCERS * VALUES, loops[i].total);
    }
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { UV_TEST(each_thread_has_its_loop_and_its_database) };
    return CONTRACT_RUN(tests, argc, argv);
}
