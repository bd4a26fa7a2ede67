// SPDX-License-Identifier: Apache-2.0
// Runs scenarios on the real calls and checks what they promise.
//
// A value names its writer and its number among that writer's. Every reader knows, from its counters,
// at which position among all pushes a value was that it got; positions of all readers must agree,
// and each writer's values must come in order. At the end everything that is left is read, and the
// sums must be exact: for a ring received + missed, for a latest received + skipped, for a mailbox
// taken + overwritten, are the pushes that returned AIMDB_OK. Nobody may sleep while something waits.
#include "inside.h"

static struct bench *b_;

static void
name_words(const struct bench *b)
{
    const aimdb_record *rec = b->rec;
    model_name(&rec->cells.reserve_, "", "reserve_");
    model_name(&rec->cells.commit_, "", "commit_");
    model_name(&rec->cells.flags_, "", "flags_");
    model_name(&rec->cells.whole_[0], "", "whole_[0]");
    model_name(&rec->cells.whole_[1], "", "whole_[1]");
    model_name(&rec->takes.taken_, "", "taken_");
    model_name(&rec->takes.overwritten_, "", "overwritten_");
    model_name(&rec->waiters_, "", "waiters_");
    model_name(&rec->readers_, "", "readers_");
    model_name(&rec->flushers_, "", "flushers_");
    model_name(&rec->wakes_, "", "wakes_");
    static const char *const slots[] = { "slot 0", "slot 1", "slot 2", "slot 3" };
    static const char *const rests[] = { " of slot 0", " of slot 1", " of slot 2", " of slot 3" };
    for (size_t i = 0; i <= rec->shape.slot_mask && i < 4; i++) {
        model_name(&rec->shape.slots[i * rec->shape.slot_words], "", slots[i]);
        if (rec->shape.slot_words > 1) {
            model_name(&rec->shape.slots[i * rec->shape.slot_words + 1], "word 1", rests[i]);
        }
    }
    model_name(&b->db->gate_, "db.", "gate_");
    model_name(&b->db->abandon_, "db.", "abandon_");
    model_name(&b->db->refs_, "db.", "refs_");
    model_name(&b->db->phase_, "db.", "phase_");
    model_name(&b->db->fork_watch, "db.", "report");
    bench_name_tasks(b);
}

static void
setup(const void *what)
{
    const struct scenario *scenario = what;
    struct bench *b = model_alloc(sizeof *b);
    b_ = b;
    b->executor.ops = &bench_executor_ops;
    b->scenario = scenario;
    aimdb_builder *builder = aimdb_builder_new(&b->executor);
    b->rec =
        aimdb_configure(builder, "r", scenario->large ? large_type() : small_type(), scenario->cfg);
    bench_add_consumers(b, builder);
    if (aimdb_build(builder, &b->db) != AIMDB_OK) {
        const char *mistake = aimdb_builder_mistake(builder, 0);
        model_fail("%s cannot be built: %s", scenario->name, mistake ? mistake : "no reason given");
    }
    if (scenario->pushed_before > 0) {
        role_push(b, SETTER_UP, scenario->pushed_before);
    }
    for (int i = 0; i < MODEL_THREADS; i++) {
        const struct role *role = &scenario->roles[i];
        if (role->run == role_try || role->run == role_drain || role->run == role_recv ||
            role->run == role_recv_to_end || role->run == role_serve) {
            (void) aimdb_subscribe(b->rec, &b->readers[i]);
            bench_start_account(b, i);
        }
    }
    name_words(b);
}

static void
run_thread(const void *what, int self)
{
    const struct role *role = &((const struct scenario *) what)->roles[self];
    role->run(b_, self, role->n);
}

static void
check_nobody_sleeps_on_values(struct bench *b)
{
    for (int i = 0; i < MODEL_THREADS && b->scenario->roles[i].run; i++) {
        role_fn *run = b->scenario->roles[i].run;
        bool is_idle = run == (b->was_closed && !b->was_shut ? role_finish : role_work);
        if (!model_is_waiting(i) || is_idle) {
            continue;
        }
        MODEL_REQUIRE(run == role_serve && !b->was_closed, "thread %d never ends", i);
        MODEL_REQUIRE(!aimdbi_reader_has_news(&b->readers[i]),
                      "thread %d sleeps while a value waits for it", i);
    }
}

// Reads what is left, and compares the sums.
static void
check_reader(struct bench *b, int self)
{
    aimdb_reader *reader = &b->readers[self];
    struct account *account = &b->accounts[self];
    size_t total = total_accepted(b);
    aimdb_err err = AIMDB_OK;
    if (account->is_closed) {
        MODEL_REQUIRE(is_mailbox(b) || account->start + accounted(b, reader) == total,
                      "thread %d was told of the end at %zu of %zu pushes", self,
                      account->start + accounted(b, reader), total);
    }
    for (int i = 0; i < POSITIONS && (err == AIMDB_OK || err == AIMDB_ELAGGED); i++) {
        err = bench_try_once(b, self);
    }
    MODEL_REQUIRE(err == (b->was_closed ? AIMDB_ECLOSED : AIMDB_EEMPTY),
                  "thread %d finds %s after everything", self, aimdb_err_name(err));
    if (!reader_competes(reader)) {
        MODEL_REQUIRE(account->start + accounted(b, reader) == total,
                      "thread %d accounts for %zd pushes from %zd, of %zu", self,
                      (ptrdiff_t) accounted(b, reader), (ptrdiff_t) account->start, total);
        MODEL_REQUIRE(is_ring(b) || total == 0 || load_relaxed(&reader->received_) > 0,
                      "thread %d never got the current value", self);
    }
}

static void
check_mailbox(struct bench *b)
{
    aimdb_record_stats stats = { .size = sizeof stats };
    aimdb_err err = aimdb_record_metrics(b->rec, &stats);
    size_t taken = 0;
    for (size_t i = 0; i < sizeof b->was_taken; i++) {
        taken += b->was_taken[i];
    }
    size_t pending = load_relaxed(&b->rec->takes.taken_) / AIMDBI_STEP != total_accepted(b);
    MODEL_REQUIRE(err == AIMDB_OK && stats.produced == total_accepted(b), "%zu produced, not %zu",
                  (size_t) stats.produced, total_accepted(b));
    MODEL_REQUIRE(taken + stats.overwritten <= stats.produced &&
                      (pending || taken + stats.overwritten == stats.produced),
                  "%zu taken and %zu overwritten of %zu", taken, (size_t) stats.overwritten,
                  (size_t) stats.produced);
}

static void
check_positions(const struct bench *b)
{
    size_t last[WRITERS] = { 0 };
    size_t before = b->scenario->pushed_before;
    size_t writers = 0; // that may have come between each other
    size_t total = total_accepted(b);
    for (int i = 0; i < WRITERS; i++) {
        writers += i != SETTER_UP && b->accepted[i] > 0;
    }
    for (size_t i = 0; i < POSITIONS; i++) {
        if (b->at[i] == 0) {
            continue;
        }
        size_t writer = b->at[i] / VALUES;
        size_t number = b->at[i] % VALUES;
        MODEL_REQUIRE(i < total && number <= b->accepted[writer],
                      "value %zu at position %zu, of %zu pushes", b->at[i], i, total);
        MODEL_REQUIRE(number > last[writer], "value %zu out of order at %zu", b->at[i], i);
        bool is_known = i < before || writers == 1;
        size_t expected = i < before ? i + 1 : i - before + 1;
        MODEL_REQUIRE((i < before) == (writer == SETTER_UP) && (!is_known || number == expected),
                      "value %zu at position %zu", b->at[i], i);
        last[writer] = number;
    }
}

// The owner has one, every reader one, and every value that waits for aimdb_done.
static void
check_references(const struct bench *b)
{
    size_t expected = 1;
    for (int i = 0; i < MODEL_THREADS; i++) {
        expected += b->accounts[i].is_used;
    }
    expected += b->is_unfinished[0] + b->is_unfinished[1];
    MODEL_REQUIRE(load_relaxed(&b->db->refs_) == expected,
                  "%zu references to the database, not %zu", load_relaxed(&b->db->refs_), expected);
}

static void
check(const void *what)
{
    struct bench *b = b_;
    (void) what;
    model_overtaken_limit = DEFAULT_TRIES;
    check_references(b);
    check_nobody_sleeps_on_values(b);
    bench_check_states(b);
    for (int i = 0; i < MODEL_THREADS; i++) {
        if (b->accounts[i].is_used) {
            check_reader(b, i);
        }
    }
    bench_check_accounts(b);
    check_positions(b);
    if (is_mailbox(b)) {
        check_mailbox(b);
    }
}

struct model_case
bench_case(const struct scenario *scenario)
{
    int threads = 0;
    while (threads < MODEL_THREADS && scenario->roles[threads].run) {
        threads++;
    }
    return (struct model_case){ .name = scenario->name,
                                .setup = setup,
                                .thread = run_thread,
                                .check = check,
                                .what = scenario,
                                .asleep = scenario->asleep,
                                .threads = threads,
                                .loops = scenario->loops,
                                .never_spins = scenario->never_spins,
                                .asymmetric = scenario->asymmetric,
                                .overtaken_limit = scenario->overtaken_limit };
}
