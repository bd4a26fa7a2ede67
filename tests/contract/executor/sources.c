// SPDX-License-Identifier: Apache-2.0
// Sources: step functions on absolute periods.
#include "contract.h"

#include <sched.h>
#include <stdio.h>

#define STEPS 400u

// A source that notes when it ran and when it asked to run again.
struct clockwork {
    aimdb_task *task;
    struct gate *steps;
    uint64_t count, limit; // after so many it never runs again
    aimdb_time period;
    aimdb_time now[STEPS], next[STEPS];
    uint64_t late_at;  // this step takes until grid points have passed; 0: none does
    uint64_t late_by;  // points
    uint64_t overruns; // counted before the second step
};

static aimdb_time
tick(aimdb_ctx *ctx, number_record out)
{
    struct clockwork *clockwork = aimdb_user(ctx);
    uint64_t i = clockwork->count++;
    CHECK(i < STEPS);
    clockwork->now[i] = aimdb_now(ctx);
    CHECK_OK(number_emit(ctx, out, &(struct number){ i }));
    if (i == 1)
        clockwork->overruns = task_stats(clockwork->task).overruns;
    if (i > 0 && i == clockwork->late_at) // busy past `late_by` points of the grid
        while (aimdb_now(ctx) <=
               clockwork->next[i - 1] + (aimdb_time) clockwork->late_by * clockwork->period)
            continue;
    clockwork->next[i] =
        i + 1 < clockwork->limit ? aimdb_every(ctx, clockwork->period) : AIMDB_FOREVER;
    gate_add(clockwork->steps, 1);
    return clockwork->next[i];
}

static struct clockwork *
clockwork_attach(struct world *w, number_record record, uint64_t limit, aimdb_time period)
{
    struct clockwork *clockwork = world_memory(w, sizeof *clockwork);
    clockwork->steps = gate_new(w);
    clockwork->limit = limit;
    clockwork->period = period;
    clockwork->task = number_add_source(w->builder, record, tick, clockwork);
    CHECK(clockwork->task != NULL);
    return clockwork;
}

// Steps are points of one grid, never early, and every point without a step is an overrun.
static uint64_t
grid_is_kept(const struct clockwork *clockwork)
{
    uint64_t left_out = 0;
    for (uint64_t i = 1; i < clockwork->limit; i++)
        CHECK(clockwork->now[i] >= clockwork->next[i - 1]);
    for (uint64_t i = 1; i + 1 < clockwork->limit; i++) {
        aimdb_time span = clockwork->next[i] - clockwork->next[i - 1];
        CHECK(span > 0);
        CHECK_EQ(0, span % clockwork->period);
        left_out += (uint64_t) (span / clockwork->period) - 1;
    }
    CHECK_EQ(left_out, task_stats(clockwork->task).overruns - clockwork->overruns);
    CHECK_EQ(clockwork->limit, task_stats(clockwork->task).received);
    return left_out;
}

// proves D7
static void
periods_are_points_of_one_grid_and_do_not_drift(void **state)
{
    struct world *w = *state;
    number_record record = number_configure(w->builder, "grid", AIMDB_SPMC_RING(1024));
    struct clockwork *clockwork = clockwork_attach(w, record, 300, AIMDB_MS(1));
    world_build(w);
    gate_wait(clockwork->steps, 300);
    world_close(w);
    CHECK(clockwork->next[0] > clockwork->now[0]);
    (void) grid_is_kept(clockwork);
}

// proves D7
static void
points_that_have_passed_are_left_out_and_counted(void **state)
{
    struct world *w = *state;
    number_record record = number_configure(w->builder, "late", AIMDB_SPMC_RING(64));
    struct clockwork *clockwork = clockwork_attach(w, record, 40, AIMDB_MS(2));
    clockwork->late_at = 20;
    clockwork->late_by = 10;
    world_build(w);
    gate_wait(clockwork->steps, 40);
    world_close(w);
    CHECK(grid_is_kept(clockwork) >= 10);
    CHECK(clockwork->next[20] - clockwork->next[19] >= AIMDB_MS(2) * 11);
}

// proves D7
static void
source_that_says_never_is_not_called_again(void **state)
{
    struct world *w = *state;
    number_record record = number_configure(w->builder, "once", AIMDB_SPMC_RING(256));
    struct clockwork *once = clockwork_attach(w, record, 1, AIMDB_MS(1));
    struct clockwork *often = clockwork_attach(w, record, 100, AIMDB_MS(1));
    world_build(w);
    gate_wait(once->steps, 1);
    gate_wait(often->steps, 100);
    CHECK_EQ(1, gate_count(once->steps));
    world_close(w);
    CHECK_EQ(1, task_stats(once->task).received);
    CHECK_EQ(101, record_stats(record).produced);
}

static aimdb_time
tomorrow(aimdb_ctx *ctx, number_record out)
{
    (void) out;
    return aimdb_now(ctx) + AIMDB_SEC(86400);
}

// proves D7 X1
static void
source_that_is_due_later_holds_up_none_that_is_due_now(void **state)
{
    struct world *w = *state;
    struct clockwork *clockworks[3];
    number_record record = number_configure(w->builder, "order", AIMDB_SPMC_RING(256));
    for (size_t i = 0; i < 15; i++) {
        if (i % 6 == 1)
            clockworks[i / 6] = clockwork_attach(w, record, 50, AIMDB_US(100) * (1 + (int) i));
        CHECK(number_add_source(w->builder, record, tomorrow, NULL) != NULL);
    }
    world_build(w);
    for (size_t i = 0; i < 3; i++)
        gate_wait(clockworks[i]->steps, 50);
    world_close(w); // nor the end
}

struct busy {
    struct gate *steps;
    aimdb_time answer; // 0, or now
    uint64_t count;
};

static aimdb_time
always_due(aimdb_ctx *ctx, number_record out)
{
    struct busy *busy = aimdb_user(ctx);
    aimdb_err err = number_emit(ctx, out, &(struct number){ ++busy->count });
    CHECK(err == AIMDB_OK || err == AIMDB_ECLOSED); // the free closes in the middle of a step
    gate_add(busy->steps, 1);
    return busy->answer == 0 ? 0 : aimdb_now(ctx);
}

static struct busy *
busy_new(struct world *w, number_record record, aimdb_time answer)
{
    struct busy *busy = world_memory(w, sizeof *busy);
    busy->steps = gate_new(w);
    busy->answer = answer;
    CHECK(number_add_source(w->builder, record, always_due, busy) != NULL);
    return busy;
}

// proves D5 D7
static void
source_that_is_busy_all_the_time_starves_nobody(void **state)
{
    struct world *w = *state;
    struct clockwork *other;
    struct sink *sinks[2] = { sink_new(w, 1), sink_new(w, 1) };
    number_record noisy = number_configure(w->builder, "noisy", AIMDB_SINGLE_LATEST);
    number_record quiet = number_configure(w->builder, "quiet", AIMDB_SPMC_RING(256));
    struct busy *past = busy_new(w, noisy, 0);
    struct busy *now = busy_new(w, noisy, 1);
    other = clockwork_attach(w, quiet, 50, AIMDB_MS(1));
    sink_attach(w, noisy, sinks[0], false);
    sink_attach(w, quiet, sinks[1], false);
    world_build(w);
    gate_wait(past->steps, 100);
    gate_wait(now->steps, 100);
    gate_wait(other->steps, 50);
    gate_wait(sinks[0]->calls, 10);
    gate_wait(sinks[1]->calls, 50);
    push(quiet, 1);
    gate_wait(sinks[1]->calls, 51);
}

// The count of a gate once it has not changed for a while, as that of a stopped source.
static uint64_t
settled(struct gate *gate)
{
    uint64_t count = gate_count(gate) - 1;
    while (count != gate_count(gate)) {
        count = gate_count(gate);
        for (int i = 0; i < 500; i++)
            sched_yield();
    }
    return count;
}

// proves D7 X1
static void
closing_stops_sources_first(void **state)
{
    struct world *w = *state;
    struct sink *sink = sink_held_new(w, 4);
    number_record noisy = number_configure(w->builder, "noisy", AIMDB_SINGLE_LATEST);
    number_record slow = number_configure(w->builder, "slow", AIMDB_SPMC_RING(4));
    number_record probe = probe_new(w);
    struct busy *busy = busy_new(w, noisy, 0);
    sink_attach(w, slow, sink, true);
    world_build(w);
    push(slow, 1);
    gate_wait(sink->calls, 1);
    gate_wait(busy->steps, 10);
    struct closer *closer = closer_start(w, AIMDB_FOREVER);
    probe_until_closing(probe);
    // The slow consumer keeps the database from closing; the source has to stop all the same. The
    // one step more is one that was under way when we looked.
    uint64_t steps = settled(busy->steps);
    CHECK(settled(busy->steps) <= steps + 1);
    sink_let_go(sink);
    closer_join(closer);
    CHECK(gate_count(busy->steps) <= steps + 1);
}

static aimdb_err
refuse_odd(aimdb_ctx *ctx, struct number *value)
{
    (void) ctx;
    return value->n % 2 == 1 ? AIMDB_EINVAL : AIMDB_OK;
}

struct checked {
    number_record record;
    struct gate *steps;
    uint64_t count;
};

static aimdb_time
emit_some(aimdb_ctx *ctx, number_record out)
{
    struct checked *checked = aimdb_user(ctx);
    uint64_t n = checked->count++;
    CHECK(out.raw == checked->record.raw);
    CHECK_EQ(0, aimdb_missed(ctx));
    CHECK_ERR(n % 2 == 1 ? AIMDB_EINVAL : AIMDB_OK, number_emit(ctx, out, &(struct number){ n }));
    gate_add(checked->steps, 1);
    return checked->count < 20 ? aimdb_now(ctx) : AIMDB_FOREVER;
}

// proves E1 P2 D7
static void
source_emits_through_the_producer_function_of_its_record(void **state)
{
    struct world *w = *state;
    struct checked *checked = world_memory(w, sizeof *checked);
    number_reader reader;
    checked->record = number_configure(w->builder, "checked", AIMDB_SPMC_RING(64));
    checked->steps = gate_new(w);
    number_set_producer(w->builder, checked->record, refuse_odd, NULL);
    CHECK(number_add_source(w->builder, checked->record, emit_some, checked) != NULL);
    world_build(w);
    CHECK_OK(number_subscribe(checked->record, &reader));
    gate_wait(checked->steps, 20);
    world_close(w);
    CHECK_EQ(10, record_stats(checked->record).produced);
    CHECK_EQ(10, record_stats(checked->record).refused);
    number_unsubscribe(&reader);
}

// proves D7
static void
every_source_has_its_own_user_and_its_own_grid(void **state)
{
    struct world *w = *state;
    struct clockwork *clockworks[10];
    number_record record = number_configure(w->builder, "many", AIMDB_SPMC_RING(1024));
    for (size_t i = 0; i < 10; i++)
        clockworks[i] = clockwork_attach(w, record, 30, AIMDB_US(300) * (aimdb_time) (i + 1));
    world_build(w);
    for (size_t i = 0; i < 10; i++)
        gate_wait(clockworks[i]->steps, 30);
    world_close(w);
    for (size_t i = 0; i < 10; i++)
        (void) grid_is_kept(clockworks[i]);
    CHECK_EQ(300, record_stats(record).produced);
}

// proves D7
static void
period_below_one_counts_as_one(void **state)
{
    struct world *w = *state;
    number_record record = number_configure(w->builder, "any", AIMDB_SPMC_RING(64));
    struct clockwork *clockworks[2];
    clockworks[0] = clockwork_attach(w, record, 20, 0);
    clockworks[1] = clockwork_attach(w, record, 20, -5);
    world_build(w);
    for (size_t i = 0; i < 2; i++) {
        gate_wait(clockworks[i]->steps, 20);
        for (uint64_t k = 1; k < 19; k++)
            CHECK(clockworks[i]->next[k] > clockworks[i]->next[k - 1]);
    }
}

struct asker {
    struct gate *calls;
    aimdb_time before, after, next, far;
};

static aimdb_err
ask_for_every(aimdb_ctx *ctx, const struct number *value)
{
    struct asker *asker = aimdb_user(ctx);
    (void) value;
    asker->before = aimdb_now(ctx);
    asker->next = aimdb_every(ctx, AIMDB_MS(10));
    asker->far = aimdb_every(ctx, AIMDB_FOREVER);
    asker->after = aimdb_now(ctx);
    gate_add(asker->calls, 1);
    return AIMDB_OK;
}

// proves D7
static void
period_outside_of_a_source_counts_from_now_and_never_overflows(void **state)
{
    struct world *w = *state;
    struct asker *asker = world_memory(w, sizeof *asker);
    number_record record = number_configure(w->builder, "ask", AIMDB_SPMC_RING(4));
    asker->calls = gate_new(w);
    CHECK(number_add_consumer(w->builder, record, ask_for_every, asker) != NULL);
    world_build(w);
    push(record, 1);
    gate_wait(asker->calls, 1);
    CHECK(asker->next >= asker->before + AIMDB_MS(10));
    CHECK(asker->next <= asker->after + AIMDB_MS(10));
    CHECK_EQ(AIMDB_FOREVER, asker->far);
}

// Overruns and lateness ------------------------------------------------------------------------

// A source that is held inside each step, and notes the clock around its question to aimdb_every.
struct held {
    aimdb_task *task;
    struct gate *steps; // up by one inside each step
    struct gate *leave; // step k goes on when this has reached k
    aimdb_time period;
    unsigned questions; // in each step
    uint64_t count, limit;
    aimdb_time before[STEPS], after[STEPS], next[STEPS];
};

static aimdb_time
step_held(aimdb_ctx *ctx, number_record out)
{
    struct held *held = aimdb_user(ctx);
    uint64_t i = held->count++;
    (void) out;
    CHECK(i < STEPS);
    gate_add(held->steps, 1);
    gate_wait(held->leave, i + 1);
    for (unsigned k = 0; k < held->questions; k++) {
        held->before[i] = aimdb_now(ctx);
        held->next[i] = aimdb_every(ctx, held->period);
        held->after[i] = aimdb_now(ctx);
    }
    return held->count < held->limit ? held->next[i] : AIMDB_FOREVER;
}

static struct held *
held_attach(struct world *w, number_record record, uint64_t limit, unsigned questions)
{
    struct held *held = world_memory(w, sizeof *held);
    *held = (struct held){ .steps = gate_new(w),
                           .leave = gate_new(w),
                           .period = AIMDB_MS(1),
                           .questions = questions,
                           .limit = limit };
    held->task = number_add_source(w->builder, record, step_held, held);
    CHECK(held->task != NULL);
    return held;
}

// Lets step k go on once the clock is past so many points of the grid.
static void
let_go_late(struct held *held, uint64_t k, aimdb_time points)
{
    gate_wait(held->steps, k);
    aimdb_time until = aimdb_clock() + points * held->period;
    while (aimdb_clock() <= until)
        continue;
    gate_add(held->leave, 1);
}

// How many points of the grid step i left out: all that had passed when it asked, and no others.
static uint64_t
left_out_by(const struct held *held, uint64_t i)
{
    aimdb_time span = held->next[i] - held->next[i - 1];
    CHECK(span > 0 && span % held->period == 0);
    CHECK(held->next[i] > held->before[i]);
    CHECK(span == held->period || held->next[i] - held->period <= held->after[i]);
    return (uint64_t) (span / held->period) - 1;
}

#define HELD_STEPS 8u

static void
overrun_again_and_again(struct world *w, unsigned questions)
{
    number_record record = number_configure(w->builder, "held", AIMDB_SPMC_RING(4));
    struct held *held = held_attach(w, record, HELD_STEPS, questions);
    uint64_t counted[HELD_STEPS]; // before each step
    world_build(w);
    for (uint64_t i = 0; i < HELD_STEPS; i++) {
        gate_wait(held->steps, i + 1);
        counted[i] = task_stats(held->task).overruns;
        let_go_late(held, i + 1, i % 2 == 0 ? 7 : 0);
    }
    world_close(w);
    CHECK_EQ(0, counted[0]);
    for (uint64_t i = 1; i + 1 < HELD_STEPS; i++) {
        uint64_t left_out = left_out_by(held, i);
        CHECK_EQ(left_out, counted[i + 1] - counted[i]);
        CHECK(i % 2 == 1 || left_out >= 7);
    }
    CHECK_EQ(HELD_STEPS, task_stats(held->task).received);
    // The last step asked as well, and did not run again.
    CHECK_EQ(counted[HELD_STEPS - 1], task_stats(held->task).overruns);
}

// proves D7
static void
overruns_are_exactly_the_grid_points_that_passed(void **state)
{
    overrun_again_and_again(*state, 1);
}

// proves D7
static void
source_that_asks_several_times_overruns_once(void **state)
{
    overrun_again_and_again(*state, 3);
}

// proves D7
static void
overrun_is_told_with_the_key_the_source_and_the_number(void **state)
{
    struct world *w = *state;
    struct log_book *book = log_book_new(w);
    const char *line = NULL;
    char number[32];
    number_record record = number_configure(w->builder, "motor.angle", AIMDB_SPMC_RING(4));
    struct held *held = held_attach(w, record, 3, 1);
    world_build(w);
    let_go_late(held, 1, 0);
    gate_wait(held->steps, 2);
    uint64_t left_out = task_stats(held->task).overruns; // by the first step, if that was late
    let_go_late(held, 2, 20);
    gate_wait(held->steps, 3);
    gate_add(held->leave, 1);
    world_close(w);
    left_out = left_out > 0 ? left_out : left_out_by(held, 1);
    snprintf(number, sizeof number, " left out %u step", (unsigned) left_out);
    CHECK(log_book_find(book, "record \"motor.angle\"", "source \"source-1\"", &line) > 0);
    CHECK(strstr(line, number) != NULL);
    CHECK_EQ(AIMDB_LOG_WARNING, book->lines[0].level);
    CHECK_EQ(0, log_book_find(book, "consumer", "", NULL));
}

// proves D7
static void
many_overruns_make_few_warnings(void **state)
{
    struct world *w = *state;
    SKIP_IF_SIMULATED("no time passes during a step");
    struct log_book *book = log_book_new(w);
    number_record record = number_configure(w->builder, "hasty", AIMDB_SPMC_RING(4));
    struct clockwork *hasty = clockwork_attach(w, record, 300, 1); // no step takes less than that
    world_build(w);
    gate_wait(hasty->steps, 300);
    world_close(w);
    CHECK(grid_is_kept(hasty) >= 298);
    CHECK(log_book_find(book, "hasty", "source-1", NULL) >= 1);
    CHECK(log_book_find(book, "hasty", "source-1", NULL) < 100);
}

struct restless {
    struct gate *steps;
    uint64_t count;
    aimdb_time before, next, after;
};

static aimdb_time
at_once_and_then_late(aimdb_ctx *ctx, number_record out)
{
    struct restless *restless = aimdb_user(ctx);
    (void) out;
    gate_add(restless->steps, 1);
    if (++restless->count < 3)
        return 0;
    restless->before = aimdb_now(ctx);
    restless->next = aimdb_every(ctx, AIMDB_SEC(1000));
    restless->after = aimdb_now(ctx);
    return restless->next;
}

// proves D7
static void
source_that_runs_again_at_once_begins_a_new_grid(void **state)
{
    struct world *w = *state;
    struct restless *restless = world_memory(w, sizeof *restless);
    number_record record = number_configure(w->builder, "at once", AIMDB_SPMC_RING(4));
    restless->steps = gate_new(w);
    aimdb_task *task = number_add_source(w->builder, record, at_once_and_then_late, restless);
    aimdb_time begin = aimdb_clock();
    world_build(w);
    gate_wait(restless->steps, 3);
    world_close(w);
    CHECK(restless->next >= begin + AIMDB_SEC(1000));
    CHECK(restless->next <= restless->after + AIMDB_SEC(1000));
    CHECK_EQ(0, task_stats(task).overruns);
}

// proves D7, section 10
static void
lateness_of_steps_is_told_where_it_is_asked_for(void **state)
{
    struct world *w = *state;
    SKIP_IF_SIMULATED("no time passes during a step");
    number_record timed = number_configure(w->builder, "timed", AIMDB_SPMC_RING(4, .stamp = true));
    number_record plain = number_configure(w->builder, "plain", AIMDB_SPMC_RING(4));
    struct held *held = held_attach(w, plain, 1, 1);
    struct clockwork *clockwork = clockwork_attach(w, timed, 100, AIMDB_MS(1));
    aimdb_time begin = aimdb_clock();
    world_build(w);
    let_go_late(held, 1, 30); // one thread steps both
    gate_wait(clockwork->steps, 100);
    world_close(w);
    aimdb_time latest = clockwork->now[0] - begin;
    for (uint64_t i = 1; i < 100; i++) {
        aimdb_time late = clockwork->now[i] - clockwork->next[i - 1];
        latest = late > latest ? late : latest;
    }
    aimdb_task_stats stats = task_stats(clockwork->task);
    CHECK(stats.latency_max >= AIMDB_MS(29)); // it was due a period after the other one began
    CHECK(stats.latency_max <= latest);
    CHECK(stats.latency_p50 > 0 && stats.latency_p50 <= stats.latency_p99);
    CHECK(stats.latency_p99 <= stats.latency_max);
    stats = task_stats(held->task);
    CHECK_EQ(0, stats.latency_p50 | stats.latency_p99 | stats.latency_max);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(periods_are_points_of_one_grid_and_do_not_drift),
        CONTRACT_TEST(points_that_have_passed_are_left_out_and_counted),
        CONTRACT_TEST(source_that_says_never_is_not_called_again),
        CONTRACT_TEST(source_that_is_due_later_holds_up_none_that_is_due_now),
        CONTRACT_TEST(source_that_is_busy_all_the_time_starves_nobody),
        CONTRACT_TEST(closing_stops_sources_first),
        CONTRACT_TEST(source_emits_through_the_producer_function_of_its_record),
        CONTRACT_TEST(every_source_has_its_own_user_and_its_own_grid),
        CONTRACT_TEST(period_below_one_counts_as_one),
        CONTRACT_TEST(period_outside_of_a_source_counts_from_now_and_never_overflows),
        CONTRACT_TEST(overruns_are_exactly_the_grid_points_that_passed),
        CONTRACT_TEST(source_that_asks_several_times_overruns_once),
        CONTRACT_TEST(overrun_is_told_with_the_key_the_source_and_the_number),
        CONTRACT_TEST(many_overruns_make_few_warnings),
        CONTRACT_TEST(source_that_runs_again_at_once_begins_a_new_grid),
        CONTRACT_TEST(lateness_of_steps_is_told_where_it_is_asked_for),
    };
    return CONTRACT_RUN(tests, argc, argv);
}
