// SPDX-License-Identifier: Apache-2.0
// A storm of signals: a handler that restarts nothing, so that every system call that sleeps ends with
// EINTR again and again, in threads that produce, wait, receive, select and drive, while values flow.
#include "faults.h"

#include <signal.h>

#define VALUES 4000u // of each producer, at the least
#define HITS 100u    // signals that each thread gets, at the least
#define PRODUCERS 2u
#define TARGETS 8u // threads at the most

static _Thread_local volatile sig_atomic_t hits; // in this thread

static void
handle(int number)
{
    (void) number;
    hits = hits + 1;
    contract_tally(1);
}

struct storm {
    struct gate *done;  // producers that have produced
    struct gate *gone;  // threads that have done all they had to
    struct gate *leave; // opens when no more signals are sent
    pthread_t targets[TARGETS];
    atomic_uint target_count;
    atomic_bool is_over;
    number_record ring;
    number_record mailbox;
};

// One of several threads, with what it saw.
struct sailor {
    struct storm *storm;
    uint64_t id;
    number_reader ring;
    number_reader mailbox;
    uint64_t last[PRODUCERS]; // number of the newest value from each
    uint64_t received, missed;
    uint64_t produced;
};

static void
enlist(struct storm *storm)
{
    unsigned i = atomic_fetch_add(&storm->target_count, 1);
    CHECK(i < TARGETS);
    storm->targets[i] = pthread_self();
}

// Where a thread that may get signals ends: not before the storm.
static void
sign_off(struct storm *storm)
{
    gate_add(storm->gone, 1);
    gate_wait(storm->leave, 1);
}

static void
blow(void *arg)
{
    struct storm *storm = arg;
    for (unsigned i = 0; !atomic_load(&storm->is_over); i++)
        CHECK(pthread_kill(storm->targets[i % atomic_load(&storm->target_count)], SIGUSR1) == 0);
}

// Values of each producer come in their order, whole.
static void
see(struct sailor *sailor, uint64_t n)
{
    uint64_t from = n >> 32, number = n & UINT32_MAX;
    CHECK(from < PRODUCERS);
    CHECK(number > sailor->last[from]);
    sailor->last[from] = number;
    sailor->received++;
}

// Each 16th value is waited for, each 64th with a deadline.
static void
produce_one(struct sailor *sailor)
{
    struct storm *storm = sailor->storm;
    uint64_t number = ++sailor->produced;
    struct number value = { sailor->id << 32 | number };
    if (number % 64 == 0) {
        aimdb_time deadline = aimdb_clock() + AIMDB_US(200);
        aimdb_err err = number_produce_wait(storm->ring, &value, deadline);
        CHECK(err == AIMDB_OK || (err == AIMDB_ETIMEDOUT && aimdb_clock() >= deadline));
    } else if (number % 16 == 0) {
        CHECK_OK(number_produce_wait(storm->ring, &value, AIMDB_FOREVER));
    } else {
        CHECK_OK(number_produce(storm->ring, &value));
    }
    CHECK_OK(number_produce(storm->mailbox, &value));
}

static void
produce_all(void *arg)
{
    struct sailor *sailor = arg;
    int64_t guard = contract_guard();
    while (sailor->produced < VALUES || hits < (sig_atomic_t) HITS) {
        produce_one(sailor);
        if (sailor->produced > VALUES)
            contract_give_way(guard, "signals of a producer", __FILE__, __LINE__);
    }
    gate_add(sailor->storm->done, 1);
    sign_off(sailor->storm);
}

// Every error is true: a deadline that is said to have passed has passed.
static void
receive_all(void *arg)
{
    struct sailor *sailor = arg;
    aimdb_err err = AIMDB_OK;
    struct number out;
    while (err != AIMDB_ECLOSED) {
        aimdb_time deadline = aimdb_clock() + AIMDB_US(100);
        err = number_recv(&sailor->ring, &out, deadline);
        if (err == AIMDB_OK)
            see(sailor, out.n);
        else if (err == AIMDB_ELAGGED)
            sailor->missed += number_missed(&sailor->ring);
        else if (err == AIMDB_ETIMEDOUT)
            CHECK(aimdb_clock() >= deadline);
        else
            CHECK_ERR(AIMDB_ECLOSED, err);
    }
    sign_off(sailor->storm);
}

static void
select_all(void *arg)
{
    struct sailor *sailor = arg;
    aimdb_reader *readers[] = { &sailor->ring.raw, &sailor->mailbox.raw };
    aimdb_err err = AIMDB_OK;
    struct number out;
    while (err != AIMDB_ECLOSED) {
        aimdb_time deadline = aimdb_clock() + AIMDB_US(100);
        ptrdiff_t chosen = aimdb_select(readers, 2, deadline);
        if (chosen == AIMDB_ETIMEDOUT) {
            CHECK(aimdb_clock() >= deadline);
            continue;
        }
        CHECK(chosen == 0 || chosen == 1);
        err = number_try_recv(chosen == 0 ? &sailor->ring : &sailor->mailbox, &out);
        if (chosen == 1) {
            CHECK(err == AIMDB_OK || err == AIMDB_EEMPTY || err == AIMDB_ECLOSED);
            err = AIMDB_OK; // the ring tells when all is over
            continue;
        }
        if (err == AIMDB_OK)
            see(sailor, out.n);
        else if (err == AIMDB_ELAGGED)
            sailor->missed += number_missed(&sailor->ring);
        else
            CHECK_ERR(AIMDB_ECLOSED, err);
    }
    sign_off(sailor->storm);
}

// The driver of an executor without threads is hit as well; threads of a pool have signals blocked.
static aimdb_err
consume(aimdb_ctx *ctx, const struct number *value)
{
    struct sailor *sailor = aimdb_user(ctx);
    see(sailor, value->n);
    sailor->missed += aimdb_missed(ctx);
    return AIMDB_OK;
}

static aimdb_err
enlist_driver(aimdb_ctx *ctx, const struct number *value)
{
    (void) value;
    enlist(aimdb_user(ctx));
    return AIMDB_OK;
}

static struct sailor *
sailor_new(struct world *w, struct storm *storm, uint64_t id)
{
    struct sailor *sailor = world_memory(w, sizeof *sailor);
    sailor->storm = storm;
    sailor->id = id;
    return sailor;
}

static struct storm *
storm_new(struct world *w)
{
    struct storm *storm = world_memory(w, sizeof *storm);
    struct sigaction action;
    memset(&action, 0, sizeof action); // no SA_RESTART: the kernel gives EINTR
    action.sa_handler = handle;
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    storm->done = gate_new(w);
    storm->gone = gate_new(w);
    storm->leave = gate_new(w);
    storm->ring = number_configure(w->builder, "ring", AIMDB_SPMC_RING(64));
    storm->mailbox = number_configure(w->builder, "mailbox", AIMDB_MAILBOX);
    return storm;
}

static void
account_is_exact(const struct sailor *sailor, uint64_t produced)
{
    CHECK_EQ(produced, sailor->received + sailor->missed);
    CHECK(sailor->received > 0);
}

static void
accounts_are_exact_in_a_storm_of_signals(void **state)
{
    struct world *w = *state;
    struct storm *storm = storm_new(w);
    struct sailor *consumer = sailor_new(w, storm, 0);
    struct sailor *readers[2], *producers[PRODUCERS];
    struct helper *helpers[2 + PRODUCERS], *wind;
    number_record muster = number_configure(w->builder, "muster", AIMDB_SPMC_RING(1));
    CHECK(number_add_consumer(w->builder, muster, enlist_driver, storm) != NULL);
    aimdb_task *task = number_add_consumer(w->builder, storm->ring, consume, consumer);
    world_build(w);
    enlist(storm);
    CHECK_OK(number_produce_wait(muster, &(struct number){ 0 }, AIMDB_FOREVER));
    for (size_t i = 0; i < 2; i++) {
        readers[i] = sailor_new(w, storm, i);
        CHECK_OK(number_subscribe(storm->ring, &readers[i]->ring));
        CHECK_OK(number_subscribe(storm->mailbox, &readers[i]->mailbox));
        helpers[i] = helper_start(w, i == 0 ? receive_all : select_all, readers[i]);
    }
    for (size_t i = 0; i < PRODUCERS; i++) {
        producers[i] = sailor_new(w, storm, i);
        helpers[2 + i] = helper_start(w, produce_all, producers[i]);
    }
    for (size_t i = 0; i < 2 + PRODUCERS; i++) {
        unsigned at = atomic_load(&storm->target_count);
        CHECK(at < TARGETS);
        storm->targets[at] = helper_pthread(helpers[i]);
        atomic_store(&storm->target_count, at + 1);
    }
    wind = helper_start(w, blow, storm);
    gate_wait(storm->done, PRODUCERS);
    aimdb_close_report report = world_close(w); // in the storm as well
    gate_wait(storm->gone, 2 + PRODUCERS);
    atomic_store(&storm->is_over, true);
    helper_join(wind);
    gate_add(storm->leave, 1);
    for (size_t i = 0; i < 2 + PRODUCERS; i++)
        helper_join(helpers[i]);
    uint64_t produced = producers[0]->produced + producers[1]->produced;
    CHECK_EQ(produced, record_stats(storm->ring).produced);
    CHECK_EQ(produced, task_stats(task).received + task_stats(task).missed);
    CHECK_EQ(0, report.lost);
    account_is_exact(consumer, produced);
    for (size_t i = 0; i < 2; i++) {
        account_is_exact(readers[i], produced);
        number_unsubscribe(&readers[i]->ring);
        number_unsubscribe(&readers[i]->mailbox);
    }
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(accounts_are_exact_in_a_storm_of_signals),
    };
    return FAULTS_RUN(tests, argc, argv);
}
