// SPDX-License-Identifier: Apache-2.0
// What threads do to a record: write, read, close.
#include "inside.h"

static void
check_whole(const struct bench *b, const struct large *value)
{
    size_t number = value->id % VALUES;
    MODEL_REQUIRE(value->id < WRITERS * VALUES && number > 0, "a value nobody pushed: %zu",
                  value->id);
    MODEL_REQUIRE(!b->scenario->large || value->again == value->id * 77 + 1,
                  "a torn value: %zu with the rest of another", value->id);
}

void
bench_got_value(struct bench *b, const aimdb_reader *reader, struct account *account,
                const struct large *value)
{
    check_whole(b, value);
    size_t number = value->id % VALUES;
    size_t *last = &account->last[value->id / VALUES];
    MODEL_REQUIRE(number > *last, "value %zu came after %zu of the same writer", number, *last);
    *last = number;
    size_t position = account->start + accounted(b, reader) - 1;
    if (reader_competes(reader)) {
        MODEL_REQUIRE(!b->was_taken[value->id], "value %zu was taken twice", value->id);
        b->was_taken[value->id] = true;
        position = model_known(&b->rec->takes.taken_) / AIMDBI_STEP - 1; // its own take
    }
    MODEL_REQUIRE(position < POSITIONS, "a position beyond all pushes: %zd", (ptrdiff_t) position);
    MODEL_REQUIRE(b->at[position] == 0 || b->at[position] == value->id,
                  "position %zu held %zu for one reader and %zu for another", position,
                  b->at[position], value->id);
    b->at[position] = value->id;
}

// --- writing -------------------------------------------------------------------------------------

bool
bench_push(struct bench *b, int writer, size_t number)
{
    struct large value = make_value(writer, number);
    aimdb_err err = aimdb_produce(b->rec, &value, value_size(b));
    model_note("push of %zu: %s", value.id, aimdb_err_name(err));
    MODEL_REQUIRE(err == AIMDB_OK || err == AIMDB_ECLOSED, "a push returned %s",
                  aimdb_err_name(err));
    b->accepted[writer] += err == AIMDB_OK;
    return err == AIMDB_OK;
}

void
role_push(struct bench *b, int self, size_t n)
{
    for (size_t i = 1; i <= n && bench_push(b, self, i); i++) {
    }
}

void
role_push_after(struct bench *b, int self, size_t n)
{
    if (self > 0 && b->scenario->roles[self - 1].run == role_push_after) {
        (void) model_take_blindly(&b->turns[self]);
    }
    role_push(b, self, n);
    model_put(&b->turns[self + 1], 0);
}

static bool
has_finished(const struct bench *b, size_t task, int writer, size_t number)
{
    return !b->is_unfinished[task] && b->accounts[MODEL_THREADS + task].last[writer] >= number;
}

void
role_push_and_wait(struct bench *b, int self, size_t n)
{
    for (size_t number = 1; number <= n; number++) {
        struct large value = make_value(self, number);
        size_t before = load_relaxed(&b->rec->cells.commit_); // relaxed: nobody else writes it
        aimdb_err err = aimdb_produce_wait(b->rec, &value, value_size(b), AIMDB_FOREVER);
        bool was_pushed = load_relaxed(&b->rec->cells.commit_) != before;
        model_note("push and wait of %zu: %s", value.id, aimdb_err_name(err));
        MODEL_REQUIRE(err == (was_pushed ? AIMDB_OK : AIMDB_ECLOSED) || err == AIMDB_ECLOSED,
                      "aimdb_produce_wait returned %s", aimdb_err_name(err));
        b->accepted[self] += was_pushed;
        bool all_finished = true;
        for (size_t i = 0; i < b->scenario->consumers; i++) {
            if (err == AIMDB_OK) {
                model_touch(&b->finished[i]); // what the call did happened before
            }
            all_finished = all_finished && has_finished(b, i, self, number);
        }
        MODEL_REQUIRE(!was_pushed || all_finished == (err == AIMDB_OK),
                      "aimdb_produce_wait returned %s, and the tasks %s finished",
                      aimdb_err_name(err), all_finished ? "have" : "have not");
    }
}

static void
push_batch(struct bench *b, int self, size_t first, size_t n)
{
    struct large large[8];
    struct small small[8];
    for (size_t i = 0; i < n; i++) {
        large[i] = make_value(self, first + i);
        small[i].id = large[i].id;
    }
    const void *values = b->scenario->large ? (const void *) large : (const void *) small;
    aimdb_err err = aimdb_produce_n(b->rec, values, value_size(b), n);
    model_note("push of %zu values: %s", n, aimdb_err_name(err));
    MODEL_REQUIRE(err == AIMDB_OK || err == AIMDB_ECLOSED, "a push returned %s",
                  aimdb_err_name(err));
    b->accepted[self] += err == AIMDB_OK ? n : 0;
}

void
role_push_batch(struct bench *b, int self, size_t n)
{
    push_batch(b, self, 1, n);
}

void
role_push_and_batch(struct bench *b, int self, size_t n)
{
    role_push(b, self, 1);
    push_batch(b, self, 2, n);
}

// --- reading -------------------------------------------------------------------------------------

// Pushes that the thread knows to be committed, and that its reader has not accounted for.
static ptrdiff_t
known_news(const struct bench *b, int self)
{
    const aimdb_record *rec = b->rec;
    const aimdb_reader *reader = &b->readers[self];
    bool takes = reader_competes(reader);
    size_t seen = takes ? model_known(&rec->takes.taken_) : load_relaxed(&reader->cursor_);
    return count_difference(model_known(&rec->cells.commit_) & AIMDBI_COUNT, seen);
}

// Counts what an attempt to read returned.
static void
got(struct bench *b, int self, aimdb_err err, const struct large *value)
{
    aimdb_reader *reader = &b->readers[self];
    switch (err) {
    case AIMDB_OK:
        model_note("got %zu", value->id);
        bench_got_value(b, reader, &b->accounts[self], value);
        break;
    case AIMDB_ELAGGED:
        model_note("missed %zu", (size_t) aimdb_missed_by(reader));
        MODEL_REQUIRE(aimdb_missed_by(reader) > 0, "a lag of nothing");
        MODEL_REQUIRE(aimdb_missed_by(reader) < POSITIONS, "a lag of %zu",
                      (size_t) aimdb_missed_by(reader));
        break;
    case AIMDB_ECLOSED:
        model_note("closed");
        b->accounts[self].is_closed = true;
        break;
    default:
        model_note("%s", aimdb_err_name(err));
        MODEL_REQUIRE(err == AIMDB_EEMPTY, "a read returned %s", aimdb_err_name(err));
    }
}

aimdb_err
bench_try_once(struct bench *b, int self)
{
    struct large value = { 0 };
    ptrdiff_t news = known_news(b, self);
    aimdb_err err = aimdb_try_recv(&b->readers[self], &value, value_size(b));
    got(b, self, err, &value);
    MODEL_REQUIRE(!is_ring(b) || err == AIMDB_ELAGGED ||
                      news <= (ptrdiff_t) (b->scenario->cfg.capacity * AIMDBI_STEP),
                  "thread %d is not told that it lagged", self);
    // While a pin is held the newest value may be overwritten in place: its end will be told.
    MODEL_REQUIRE(err != AIMDB_EEMPTY || news <= 0 || b->scenario->overtaken_limit < DEFAULT_TRIES,
                  "thread %d finds nothing, and knew of news", self);
    return err;
}

void
role_try(struct bench *b, int self, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        (void) bench_try_once(b, self);
    }
}

void
role_drain(struct bench *b, int self, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct small values[3];
        uint64_t missed = 0;
        aimdb_reader *reader = &b->readers[self];
        size_t taken = aimdb_drain(reader, values, sizeof values[0], 3, &missed);
        model_note("drained %zu, missed %zu", taken, (size_t) missed);
        // The counters include all of them already: count them one by one.
        size_t received = load_relaxed(&reader->received_);
        for (size_t j = 0; j < taken; j++) {
            struct large value = { values[j].id, 0 };
            store_relaxed(&reader->received_, received - taken + j + 1);
            bench_got_value(b, reader, &b->accounts[self], &value);
        }
    }
}

void
bench_start_account(struct bench *b, int self)
{
    b->accounts[self].start = load_relaxed(&b->readers[self].cursor_) / AIMDBI_STEP;
    b->accounts[self].is_used = true;
}

static void
subscribe_late(struct bench *b, int self, size_t n,
               aimdb_err (*subscribe)(aimdb_record *, aimdb_reader *))
{
    b->readers[self] = (aimdb_reader){ 0 };
    if (subscribe(b->rec, &b->readers[self]) != AIMDB_OK) {
        b->accounts[self].is_used = false;
        return;
    }
    bench_start_account(b, self);
    model_note("subscribed at %zd", (ptrdiff_t) b->accounts[self].start);
    role_try(b, self, n);
}

void
role_subscribe_try(struct bench *b, int self, size_t n)
{
    subscribe_late(b, self, n, aimdb_subscribe);
}

void
role_observe_try(struct bench *b, int self, size_t n)
{
    subscribe_late(b, self, n, aimdb_observe);
}

void
role_peek(struct bench *b, int self, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct large value = { 0 };
        aimdb_err err = aimdb_peek(b->rec, &value, value_size(b));
        model_note("peek: %s %zu", aimdb_err_name(err), value.id);
        MODEL_REQUIRE(err == AIMDB_OK || err == AIMDB_EEMPTY, "peek returned %s",
                      aimdb_err_name(err));
        if (err == AIMDB_OK) {
            check_whole(b, &value);
            size_t number = value.id % VALUES;
            size_t *last = &b->accounts[self].last[value.id / VALUES];
            MODEL_REQUIRE(number >= *last, "peek went back from %zu to %zu", *last, number);
            *last = number;
        }
    }
}

static aimdb_err
recv_once(struct bench *b, int self)
{
    struct large value = { 0 };
    aimdb_err err = aimdb_recv(&b->readers[self], &value, value_size(b), AIMDB_FOREVER);
    got(b, self, err, &value);
    return err;
}

void
role_recv(struct bench *b, int self, size_t n)
{
    while (accounted(b, &b->readers[self]) < n) {
        (void) recv_once(b, self);
    }
}

void
role_recv_to_end(struct bench *b, int self, size_t n)
{
    (void) n;
    while (recv_once(b, self) != AIMDB_ECLOSED) {
    }
}

void
role_serve(struct bench *b, int self, size_t n)
{
    role_recv_to_end(b, self, n);
}

// --- closing -------------------------------------------------------------------------------------

void
role_close_record(struct bench *b, int self, size_t n)
{
    (void) self, (void) n;
    aimdbi_turn_close_begin(b->rec);
    fence_heavy_of(b->db);
    aimdbi_turn_close_end(b->rec);
    b->was_closed = true;
}

void
role_shut(struct bench *b, int self, size_t n)
{
    (void) fetch_or_acq_rel(&b->db->gate_, AIMDBI_GATE_CLOSING);
    role_close_record(b, self, n);
    b->was_shut = true;
}

static void
close_with(struct bench *b, aimdb_time deadline)
{
    aimdb_close_report report = { .size = sizeof report };
    aimdb_err err = aimdb_close(b->db, deadline, &report);
    MODEL_REQUIRE(err == AIMDB_OK, "aimdb_close returned %s", aimdb_err_name(err));
    model_note("closed: %zu delivered, %zu lost%s", (size_t) report.delivered, (size_t) report.lost,
               report.timed_out ? ", timed out" : "");
    MODEL_REQUIRE(!report.timed_out || deadline != AIMDB_FOREVER,
                  "a close without limit timed out");
    MODEL_REQUIRE(report.timed_out || report.lost == 0, "%zu values lost, and it did not time out",
                  (size_t) report.lost);
    if (b->reporter != model_self) {
        model_touch(&b->db->fork_watch); // as the closer did when it had written the report
    }
    b->report = report;
    b->was_closed = true;
}

void
role_close(struct bench *b, int self, size_t n)
{
    (void) self, (void) n;
    close_with(b, AIMDB_FOREVER);
}

void
role_run(struct bench *b, int self, size_t n)
{
    (void) self, (void) n;
    aimdb_err err = aimdb_run(b->db);
    model_note("aimdb_run: %s", aimdb_err_name(err));
    MODEL_REQUIRE(err == AIMDB_OK || err == AIMDB_ECLOSED, "aimdb_run returned %s",
                  aimdb_err_name(err));
}

void
role_stop(struct bench *b, int self, size_t n)
{
    (void) self, (void) n;
    aimdb_stop(b->db);
}

void
role_close_at_once(struct bench *b, int self, size_t n)
{
    (void) self, (void) n;
    close_with(b, 0);
}
