// SPDX-License-Identifier: Apache-2.0
// No wake-up is lost: values go to and fro between threads and consumers that all sleep in between,
// and databases are built, closed from many sides and freed again and again.
#include "load.h"

// A value goes round: whoever gets n sends n + 1 to the next.
struct player {
    number_record to;
    number_reader from;
    uint64_t rounds;
};

static void
play(void *arg)
{
    struct player *player = arg;
    struct number ball = { 0 };
    while (ball.n < player->rounds) {
        CHECK_OK(number_recv(&player->from, &ball, AIMDB_FOREVER));
        ball.n++;
        CHECK_OK(number_produce(player->to, &ball));
    }
}

static void
two_threads_play(struct world *w, aimdb_buffer_cfg cfg)
{
    struct player *players[2];
    struct helper *helpers[2];
    number_record records[2];
    records[0] = number_configure(w->builder, "to", cfg);
    records[1] = number_configure(w->builder, "fro", cfg);
    world_build(w);
    for (size_t i = 0; i < 2; i++) {
        players[i] = world_memory(w, sizeof *players[i]);
        *players[i] = (struct player){ .to = records[1 - i], .rounds = load_scaled(30000) };
        CHECK_OK(number_subscribe(records[i], &players[i]->from));
        helpers[i] = helper_start(w, play, players[i]);
    }
    push(records[0], 1);
    for (size_t i = 0; i < 2; i++)
        helper_join(helpers[i]);
    contract_tally(players[0]->rounds);
    for (size_t i = 0; i < 2; i++)
        number_unsubscribe(&players[i]->from);
}

// proves R8 R2 P1
static void
ball_goes_to_and_fro_through_rings(void **state)
{
    two_threads_play(*state, AIMDB_SPMC_RING(1));
}

// proves L1 L4
static void
ball_goes_to_and_fro_through_latests(void **state)
{
    two_threads_play(*state, AIMDB_SINGLE_LATEST);
}

// proves M1 M3
static void
ball_goes_to_and_fro_through_mailboxes(void **state)
{
    two_threads_play(*state, AIMDB_MAILBOX);
}

static aimdb_err
send_back(aimdb_ctx *ctx, const struct number *value)
{
    const number_record *back = aimdb_user(ctx);
    return number_emit(ctx, *back, value);
}

static void
consumer_sends_back(struct world *w, aimdb_buffer_cfg cfg, bool blocking)
{
    number_record *back = world_memory(w, sizeof *back);
    const uint64_t rounds = load_scaled(30000);
    number_reader reader;
    struct number out;
    number_record there = number_configure(w->builder, "there", cfg);
    *back = number_configure(w->builder, "back", cfg);
    CHECK(number_add_consumer_with(w->builder, there, send_back, back,
                                   &(aimdb_consumer_options){ .blocking = blocking }) != NULL);
    world_build(w);
    CHECK_OK(number_subscribe(*back, &reader));
    for (uint64_t n = 1; n <= rounds; n++) {
        push(there, n);
        CHECK_OK(number_recv(&reader, &out, AIMDB_FOREVER));
        CHECK_EQ(n, out.n);
    }
    contract_tally(2 * rounds);
    number_unsubscribe(&reader);
}

// proves D1 M3 L4
static void
consumers_wake_for_every_single_value(void **state)
{
    struct world *w = *state;
    const aimdb_buffer_cfg cfgs[] = { AIMDB_SPMC_RING(4), AIMDB_SINGLE_LATEST, AIMDB_MAILBOX };
    for (size_t i = 0; i < 6; i++) {
        consumer_sends_back(w, cfgs[i % 3], i >= 3);
        world_free_db(w);
        world_rebuild_with(w, w->executor, 0);
    }
}

struct deferring {
    aimdb_token token;
    struct gate *deferred;
    uint64_t rounds;
};

static aimdb_err
defer(aimdb_ctx *ctx, const struct number *value)
{
    struct deferring *deferring = aimdb_user(ctx);
    (void) value;
    deferring->token = aimdb_defer(ctx);
    gate_add(deferring->deferred, 1);
    return AIMDB_EPENDING;
}

static void
finish_each(void *arg)
{
    struct deferring *deferring = arg;
    for (uint64_t n = 1; n <= deferring->rounds; n++) {
        gate_wait(deferring->deferred, n);
        CHECK_OK(aimdb_done(deferring->token, AIMDB_OK));
    }
}

// proves D3
static void
dispatcher_wakes_for_every_done(void **state)
{
    struct world *w = *state;
    struct deferring *deferring = world_memory(w, sizeof *deferring);
    deferring->rounds = load_scaled(30000);
    deferring->deferred = gate_new(w);
    number_record record = number_configure(w->builder, "late", AIMDB_SPMC_RING(64));
    CHECK(number_add_consumer(w->builder, record, defer, deferring) != NULL);
    world_build(w);
    struct helper *helper = helper_start(w, finish_each, deferring);
    for (uint64_t n = 1; n <= deferring->rounds; n++) {
        if (n > 32)
            gate_wait(deferring->deferred, n - 32); // never so many that one is missed
        push(record, n);
    }
    helper_join(helper);
    contract_tally(deferring->rounds);
}

// Lives and deaths -----------------------------------------------------------------------------

struct crew {
    struct world *w;
    number_record ring, mailbox;
    struct gate *start;
    _Atomic uint64_t accepted;
};

static void
produce_until_closed(void *arg)
{
    struct crew *crew = arg;
    aimdb_err err;
    gate_wait(crew->start, 1);
    while ((err = number_produce(crew->ring, &(struct number){ 1 })) == AIMDB_OK)
        atomic_fetch_add(&crew->accepted, 1);
    CHECK_ERR(AIMDB_ECLOSED, err);
}

static void
read_until_closed(void *arg)
{
    struct crew *crew = arg;
    number_reader reader;
    struct number out;
    aimdb_err err = number_subscribe(crew->mailbox, &reader);
    gate_add(crew->start, 1);
    if (err == AIMDB_ECLOSED) // it ended before this thread began
        return;
    CHECK_OK(err);
    while (err != AIMDB_ECLOSED)
        err = number_recv(&reader, &out, AIMDB_FOREVER);
    number_unsubscribe(&reader);
}

static void
one_life(struct world *w, uint64_t life)
{
    struct crew *crew = world_memory(w, sizeof *crew);
    struct sink *sink = sink_new(w, 0);
    struct helper *helpers[3];
    struct closer *closers[2];
    aimdb_close_report report = { .size = sizeof report };
    *crew = (struct crew){ .w = w, .start = gate_new(w) };
    crew->ring = number_configure(w->builder, "ring", AIMDB_SPMC_RING(32));
    crew->mailbox = number_configure(w->builder, "mailbox", AIMDB_MAILBOX);
    aimdb_task *task = sink_attach(w, crew->ring, sink, life % 2 == 0);
    world_build(w);
    for (size_t i = 0; i < 3; i++)
        helpers[i] = helper_start(w, i == 2 ? read_until_closed : produce_until_closed, crew);
    if (life % 3 == 0)
        gate_wait(sink->calls, 1 + life % 7);
    for (size_t i = 0; i < 2; i++)
        closers[i] = closer_start(w, i == life % 2 ? AIMDB_FOREVER : aimdb_clock());
    for (size_t i = 0; i < 2; i++)
        closer_join(closers[i]);
    CHECK_OK(aimdb_close(w->db, 0, &report));
    CHECK_EQ(report.lost, closers[0]->report.lost);
    CHECK_EQ(report.delivered, closers[1]->report.delivered);
    for (size_t i = 0; i < 3; i++)
        helper_join(helpers[i]);
    aimdb_task_stats stats = task_stats(task);
    CHECK_EQ(atomic_load(&crew->accepted), record_stats(crew->ring).produced);
    CHECK_EQ(record_stats(crew->ring).produced, stats.received + stats.missed + report.lost);
    CHECK_EQ(gate_count(sink->calls), stats.received);
}

// proves X1 X2 X3 B3 P4
static void
databases_live_and_die_under_fire(void **state)
{
    struct world *w = *state;
    const uint64_t lives = load_scaled(500);
    for (uint64_t life = 0; life < lives; life++) {
        one_life(w, life);
        world_free_db(w);
        CHECK_EQ(0, w->ledger.live);
        world_rebuild_with(w, w->executor, 0);
    }
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(ball_goes_to_and_fro_through_rings),
        CONTRACT_TEST(ball_goes_to_and_fro_through_latests),
        CONTRACT_TEST(ball_goes_to_and_fro_through_mailboxes),
        CONTRACT_TEST(consumers_wake_for_every_single_value),
        CONTRACT_TEST(dispatcher_wakes_for_every_done),
        CONTRACT_TEST(databases_live_and_die_under_fire),
    };
    return LOAD_RUN(tests, argc, argv);
}
