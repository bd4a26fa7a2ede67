// SPDX-License-Identifier: Apache-2.0
// Every preemption: an interrupt before each instruction of push, try_recv, drain, poll and idle, and
// its handler pushes, reads or takes. What a schedule is: a subject (buffer and write path), what main
// does, what the handler does, how full the buffer was, and at which instruction the handler comes.
// After each schedule all has to add up:
//
//  1. Values are whole, and each is the one that was pushed at its place: in order, none twice.
//  2. Ring: received + missed + pending is what was pushed; what is missed was overwritten, and what is
//     still there is received.
//  3. SingleLatest: received + skipped is what was pushed, and the last value arrives.
//  4. Mailbox: produced = taken + overwritten + pending; each push is taken once at the most.
//  5. No wake is lost: a poll is made only while the ready word is not zero, and then all has been
//     consumed; and who slept was woken by the handler that pushed.
//  6. AIMDB_EBUSY is answered exactly where the handler found a push under way [P3]; a mask or one
//     writer lets that never happen but in the scenario that breaks the rule on purpose.
//  7. A read that found something to read has something to say, also if it was overtaken.
//
// Runs as moment.h wants it; with -DBRIEF for the mutants, which are many: a part of it. Source: SPEC P3, P4, R2-R8, L2-L6, M1-M3, D5; docs/adr/0012.
#include <aimdb/static.h>

#include "core/mask.h"

#include "check.h"
#include "moment.h"

struct value {
    _Alignas(size_t) uint32_t id;
    uint32_t word[7];
};

AIMDB_RECORD_TYPE(value, struct value);

enum { ENTRIES = 24, PLACES = 32, STEP = 8 };
#define COUNT_BITS (~(size_t) 7)
#define BY_HANDLER 0x80000000u // in ids

enum who { CONSUMER, READER, HANDLER, WHOS };

// A value that was read. With `missed` of a ring: what was missed just before it.
struct entry {
    struct value value;
    size_t missed;
    enum who who;
};

static struct entry entries[ENTRIES];
static volatile uint32_t entry_count;

static void
note(enum who who, const struct value *value, uint64_t missed)
{
    size_t state = aimdbp_mask(); // a handler may note, too
    uint32_t at = entry_count;
    CHECK(at < ENTRIES);
    entry_count = at + 1;
    aimdbp_unmask(state);
    entries[at].value = *value;
    entries[at].missed = (size_t) missed;
    entries[at].who = who;
}

static aimdb_err
consume(aimdb_ctx *ctx, const struct value *value)
{
    note(CONSUMER, value, aimdb_missed(ctx));
    return AIMDB_OK;
}

struct subject {
    const char *name;
    const value_record *record;
    const aimdb_static *db;
    aimdb_task *task;
    struct aimdbi_cells *cells;
    size_t capacity; // of a ring; else 0
    bool is_mailbox;
    bool one_writer;
    uint32_t order[PLACES]; // ids, by place; places count in STEPs, as the cells do
    size_t next[WHOS];      // the place that each follower reads next; mailbox: of no meaning
    size_t taken[PLACES];   // mailbox: the last place that was taken here, and 1
    uint32_t takes;         // mailbox: values taken
    size_t began;           // where the figures began
};

#define SUBJECT(NAME, CAPACITY, IS_MAILBOX, ONE_WRITER)                                            \
    AIMDB_STATIC_CONSUMER_AS(NAME##_consumer, NAME, consume, NULL);                                \
    AIMDB_STATIC_DB(NAME##_db, NAME, NAME##_consumer);                                             \
    SUBJECT_OF(NAME, CAPACITY, IS_MAILBOX, ONE_WRITER)
#define SUBJECT_OF(NAME, CAPACITY, IS_MAILBOX, ONE_WRITER)                                         \
    static struct subject NAME##_subject = { .name = #NAME,                                        \
                                             .record = &NAME,                                      \
                                             .db = &NAME##_db,                                     \
                                             .task = AIMDB_STATIC_TASK(NAME##_consumer),           \
                                             .cells = &NAME##_cells_,                              \
                                             .capacity = CAPACITY,                                 \
                                             .is_mailbox = IS_MAILBOX,                             \
                                             .one_writer = ONE_WRITER }
AIMDB_STATIC_SPMC_RING(value, ring_one, "1", 4, .one_writer = true);
AIMDB_STATIC_SPMC_RING(value, ring_any, "2", 4);
AIMDB_STATIC_SPMC_RING(value, single_one, "3", 1, .one_writer = true);
AIMDB_STATIC_SPMC_RING(value, single_any, "4", 1);
AIMDB_STATIC_SINGLE_LATEST_WITH(value, latest_one, "5", .one_writer = true);
AIMDB_STATIC_SINGLE_LATEST(value, latest_any, "6");
AIMDB_STATIC_MAILBOX_WITH(value, mailbox_one, "7", .one_writer = true);
AIMDB_STATIC_MAILBOX(value, mailbox_any, "8");
SUBJECT(ring_one, 4, false, true);
SUBJECT(ring_any, 4, false, false);
SUBJECT(single_one, 1, false, true);
SUBJECT(single_any, 1, false, false);
SUBJECT(latest_one, 0, false, true);
SUBJECT(latest_any, 0, false, false);
SUBJECT(mailbox_one, 0, true, true);
SUBJECT(mailbox_any, 0, true, false);

// Two consumers compete for the values of a mailbox.
AIMDB_STATIC_MAILBOX(value, shared_any, "11");
AIMDB_STATIC_CONSUMER_AS(shared_any_consumer, shared_any, consume, NULL);
AIMDB_STATIC_CONSUMER_AS(shared_any_second, shared_any, consume, NULL);
AIMDB_STATIC_DB(shared_any_db, shared_any, shared_any_consumer, shared_any_second);
SUBJECT_OF(shared_any, 0, true, false);

// Two records with one ready word: the handler pushes into the other one.
AIMDB_STATIC_SPMC_RING(value, pair_any, "9", 4);
AIMDB_STATIC_SPMC_RING(value, aside, "10", 4, .one_writer = true);
static uint32_t pushed_aside, seen_aside;

static aimdb_err
see(aimdb_ctx *ctx, const struct value *value)
{
    (void) ctx;
    seen_aside += value->id == pushed_aside;
    return AIMDB_OK;
}

AIMDB_STATIC_CONSUMER(aside, see, NULL);
AIMDB_STATIC_CONSUMER_AS(pair_any_consumer, pair_any, consume, NULL);
AIMDB_STATIC_DB(pair_any_db, aside, see, pair_any, pair_any_consumer);
SUBJECT_OF(pair_any, 4, false, false);

static struct subject *const subjects[] = {
    &latest_one_subject, &mailbox_one_subject, &single_one_subject,  &ring_one_subject,
    &ring_any_subject,
#ifndef BRIEF
    &single_any_subject, &latest_any_subject,  &mailbox_any_subject, &shared_any_subject,
#endif
};

enum operation { PUSH, PUSH_THREE, RECV, DRAIN, POLL, IDLE };
enum deed { PUSHES, READS, TAKES, PUSHES_INTO_A_PUSH, PUSHES_ASIDE };

static const char *const operation_names[] = { "push",  "push of three", "try_recv",
                                               "drain", "poll",          "idle" };
static const char *const deed_names[] = { "pushes", "reads", "takes", "pushes into a push",
                                          "pushes aside" };

// The scenario.
static struct subject *subject;
static enum operation operation;
static enum deed deed;
static uint32_t fill, burst, moments, second_moment;

// The schedule.
static value_reader reader, handler_reader;
static struct value pushed[3]; // by the operation
static volatile bool is_over;  // the operation
static volatile bool came_after;
static size_t base;           // the first place of the operation's own pushes
static size_t handler_places; // that the handler's pushes took before main's, or 0
static uint32_t ids, handler_ids, busy;
static uint32_t schedules;

static void
fail(const char *what)
{
    board_print(subject->name);
    board_print(": ");
    board_print(operation_names[operation]);
    board_print(", and the handler ");
    board_print(deed_names[deed]);
    print_number(", fill ", fill);
    print_number(", burst ", burst);
    print_number(", moments ", moments);
    print_number(", schedule ", schedules);
    board_print(": ");
    board_print(what);
    board_print("\n");
    board_exit(1);
}

#define HOLDS(claim) ((claim) ? (void) 0 : fail(#claim))

// --- values and places ---------------------------------------------------------------------------

static void
make(struct value *value, uint32_t id)
{
    value->id = id;
    for (uint32_t i = 0; i < 7; i++) {
        value->word[i] = (id + i) * 2654435761u;
    }
}

static bool
is_whole(const struct value *value)
{
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < 7; i++) {
        wrong |= value->word[i] ^ (value->id + i) * 2654435761u;
    }
    return wrong == 0;
}

static size_t
count_in(const aimdb_word *word)
{
    return *(const volatile size_t *) &word->word_ & COUNT_BITS;
}

static size_t
committed(void)
{
    return count_in(&subject->cells->commit_);
}

static uint32_t *
place(size_t at)
{
    return &subject->order[at / STEP % PLACES];
}

static void
push_now(uint32_t id)
{
    struct value value;
    size_t at = committed();
    make(&value, id);
    HOLDS(value_produce(*subject->record, &value) == AIMDB_OK);
    HOLDS(committed() == at + STEP);
    *place(at) = id;
}

// --- the handler ---------------------------------------------------------------------------------

// One attempt; the answer.
static aimdb_err
recv(enum who who, value_reader *from)
{
    static size_t missed[WHOS];
    struct value value;
    make(&value, 7);
    aimdb_err err = value_try_recv(from, &value);
    if (err == AIMDB_OK) {
        note(who, &value, missed[who]);
        missed[who] = 0;
    } else {
        HOLDS(value.id == 7 && is_whole(&value)); // untouched
        HOLDS(err == AIMDB_EEMPTY || (err == AIMDB_ELAGGED && subject->capacity > 0));
        missed[who] += err == AIMDB_ELAGGED ? (size_t) value_missed(from) : 0;
        HOLDS((ptrdiff_t) (committed() - count_in(&from->raw.cursor_)) >= 0 || subject->is_mailbox);
    }
    return err;
}

static void
peek_newest(void)
{
    struct value value;
    aimdb_err err = value_peek(*subject->record, &value);
    if (subject->is_mailbox && err == AIMDB_EEMPTY) {
        return; // 4. finds out whether it was taken
    }
    HOLDS(err == AIMDB_OK && is_whole(&value));
    HOLDS(value.id == *place(committed() - STEP));
}

// The rule that is broken is one writer: only what is announced can be told.
static bool
is_under_way(size_t at)
{
    bool is_there = count_in(&subject->cells->reserve_) != at;
    for (size_t i = 0; i < 2 && subject->capacity == 0; i++) {
        is_there |= (ptrdiff_t) (count_in(&subject->cells->whole_[i]) - at) > 0;
    }
    return is_there;
}

static void
push_into_a_push(void)
{
    struct value value;
    size_t at = committed();
    if (!is_under_way(at)) {
        return;
    }
    make(&value, 7);
    HOLDS(value_produce(*subject->record, &value) == AIMDB_EBUSY);
    HOLDS(committed() == at);
    busy++;
}

static void
push_aside(void)
{
    struct value value;
    make(&value, ++pushed_aside);
    HOLDS(value_produce(aside, &value) == AIMDB_OK);
}

static void
handle(void)
{
    if (moment_count > moments) {
        fail("a wake was lost, or the handler came in vain");
    }
    if (moment_count == moments) {
        came_after = is_over;
    }
    switch (deed) {
    case PUSHES:
        handler_places += committed() == base ? burst * STEP : 0;
        for (uint32_t i = 0; i < burst; i++) {
            push_now(BY_HANDLER | ++handler_ids);
        }
        break;
    case READS:
        if (subject->capacity == 0) {
            peek_newest();
        }
        (void) recv(HANDLER, &handler_reader);
        (void) recv(HANDLER, &handler_reader);
        break;
    case TAKES:
        (void) recv(HANDLER, &handler_reader);
        break;
    case PUSHES_INTO_A_PUSH:
        push_into_a_push();
        break;
    case PUSHES_ASIDE:
        push_aside();
        break;
    }
    if (moment_count < moments) {
        moment_again(second_moment);
    }
}

// --- a schedule ----------------------------------------------------------------------------------

static uint32_t
count_of_pushes(void)
{
    return operation == PUSH_THREE ? 3 : operation == PUSH ? 1 : 0;
}

static void
drain(void)
{
    struct value values[6];
    uint64_t missed = 0;
    size_t taken = value_drain(&reader, values, 6, &missed);
    for (size_t i = 0; i < taken; i++) {
        note(READER, &values[i], i == 0 ? missed : 0);
    }
    HOLDS(taken > 0 || missed == 0);
}

static void
operate(void)
{
    bool has_value = fill > 0;
    switch (operation) {
    case PUSH:
        HOLDS(value_produce(*subject->record, &pushed[0]) == AIMDB_OK);
        break;
    case PUSH_THREE:
        HOLDS(value_produce_n(*subject->record, pushed, 3) == AIMDB_OK);
        break;
    case RECV:
        HOLDS(recv(READER, &reader) != AIMDB_EEMPTY || !has_value || deed == TAKES);
        break;
    case DRAIN:
        drain();
        HOLDS(entry_count > 0 || !has_value);
        break;
    case POLL:
        (void) aimdb_poll(subject->db, 1);
        HOLDS(entry_count > 0 || !has_value);
        break;
    case IDLE:
        for (;;) {
            aimdb_time next = aimdb_poll(subject->db, 1);
            if (entry_count > 0) {
                break;
            }
            aimdb_idle(subject->db, next);
        }
        break;
    }
}

static void
prepare_pushes(void)
{
    base = committed();
    handler_places = 0;
    for (uint32_t i = 0; i < count_of_pushes(); i++) {
        make(&pushed[i], ++ids);
        if (deed != PUSHES) {
            *place(base + i * STEP) = pushed[i].id;
        }
    }
}

// Where the operation's own pushes came to stand: before all the handler's, or behind some.
static void
place_pushes(void)
{
    uint32_t count = count_of_pushes();
    if (deed != PUSHES || count == 0) {
        return;
    }
    HOLDS(committed() == base + (count + moments * burst) * STEP);
    for (uint32_t i = 0; i < count; i++) {
        *place(base + handler_places + i * STEP) = pushed[i].id;
    }
}

static bool
is_ready(void)
{
    return *(volatile uint32_t *) &subject->db->state_->ready_.signal_ != 0;
}

// Everything is consumed, and nothing but what the ready word tells.
static void
settle(void)
{
    for (uint32_t polls = 0; is_ready(); polls++) {
        HOLDS(polls < 8);
        (void) aimdb_poll(subject->db, 1);
    }
    if (operation == RECV || operation == DRAIN) {
        while (recv(READER, &reader) != AIMDB_EEMPTY) {
        }
    }
    if (deed == READS || deed == TAKES) {
        while (recv(HANDLER, &handler_reader) != AIMDB_EEMPTY) {
        }
    }
}

// --- checks --------------------------------------------------------------------------------------

static void
check_ring(const struct entry *entry)
{
    size_t *next = &subject->next[entry->who];
    if (entry->missed > 0) {
        *next += entry->missed * STEP;
        // The last one that was missed had been overwritten.
        HOLDS((ptrdiff_t) (committed() - subject->capacity * STEP - *next) >= 0);
    }
    HOLDS(entry->value.id == *place(*next));
    *next += STEP;
}

// The place of a value among the newest ones, from `from` on.
static size_t
find(const struct value *value, size_t from)
{
    for (uint32_t i = 0; i < PLACES && from != committed(); i++, from += STEP) {
        if (*place(from) == value->id) {
            return from;
        }
    }
    fail("a value that was not pushed, or was read before");
    return from;
}

static void
check_entry(const struct entry *entry)
{
    HOLDS(is_whole(&entry->value));
    if (subject->capacity > 0) {
        check_ring(entry);
    } else if (subject->is_mailbox) {
        size_t at = find(&entry->value, base - fill * STEP);
        size_t *taken = &subject->taken[at / STEP % PLACES];
        HOLDS(*taken != at + 1); // 4.
        *taken = at + 1;
        subject->takes++;
    } else {
        size_t *next = &subject->next[entry->who];
        *next = find(&entry->value, *next) + STEP;
    }
}

static void
check_figures(void)
{
    aimdb_record_stats record = { .size = sizeof record };
    aimdb_task_stats task = { .size = sizeof task };
    HOLDS(aimdb_record_metrics(subject->record->raw, &record) == AIMDB_OK);
    HOLDS(aimdb_task_metrics(subject->task, &task) == AIMDB_OK);
    size_t produced = (committed() - subject->began) / STEP;
    HOLDS(record.produced == committed() / STEP);
    HOLDS(record.refused == 0);
    HOLDS(task.pending == 0 && task.errors == 0);
    if (subject->is_mailbox) {
        HOLDS(subject->takes + record.overwritten == produced);
    } else if (subject->capacity > 0) {
        HOLDS(task.received + task.missed == produced);
    } else {
        HOLDS(task.received + task.skipped == produced);
    }
}

static void
check_schedule(void)
{
    for (uint32_t i = 0; i < entry_count; i++) {
        check_entry(&entries[i]);
    }
    bool has_reader = operation == RECV || operation == DRAIN;
    if (!subject->is_mailbox) {
        HOLDS(subject->next[CONSUMER] == committed()); // 5.
        HOLDS(!has_reader || subject->next[READER] == committed());
        HOLDS((deed != READS && deed != TAKES) || subject->next[HANDLER] == committed());
    }
    HOLDS(count_in(&subject->cells->reserve_) == committed());
    HOLDS(seen_aside == pushed_aside); // 5.
    check_figures();
}

static void
run_schedule(uint32_t k)
{
    entry_count = 0;
    for (uint32_t i = 0; i < fill; i++) {
        push_now(++ids);
    }
    prepare_pushes();
    is_over = came_after = false;
    moment_arm(k);
    operate();
    is_over = true;
    while (moment_count < moments) {
    }
    place_pushes();
    settle();
    check_schedule();
    schedules++;
}

// --- scenarios -----------------------------------------------------------------------------------

static void
follow(void)
{
    entry_count = 0;
    HOLDS(value_subscribe(*subject->record, &reader) == AIMDB_OK);
    HOLDS(value_subscribe(*subject->record, &handler_reader) == AIMDB_OK);
    subject->next[READER] = subject->next[HANDLER] = committed();
    if (subject->capacity == 0) { // they begin with the current value [L3]
        while (recv(READER, &reader) != AIMDB_EEMPTY ||
               recv(HANDLER, &handler_reader) == AIMDB_OK) {
        }
    }
}

// At each instruction: k goes on until the handler came after the operation.
static void
sweep(void)
{
    moments = 1;
    follow();
    uint32_t last = operation == IDLE ? moment_steps(320) : UINT32_MAX;
    came_after = false;
    for (uint32_t k = 0; k < last && !came_after; k++) {
        run_schedule(k);
    }
}

// Twice in one operation: the first time at each sixth instruction.
static void
sweep_twice(void)
{
    moments = 2;
    follow();
    bool first_after = false;
    for (uint32_t first = 0; !first_after; first += moment_steps(6)) {
        came_after = false;
        for (second_moment = 0; !came_after; second_moment += moment_steps(1)) {
            run_schedule(first);
        }
        first_after = second_moment <= moment_steps(1);
    }
}

static void
sweep_fills(enum operation what, enum deed does, uint32_t max_burst)
{
    static const uint32_t fills_of_ring[] = { 0, 1, 3, 4, 5 };
    operation = what;
    deed = does;
    uint32_t fills = subject->capacity == 4 ? 5 : 3;
    for (uint32_t i = 0; i < fills; i++) {
        fill = fills == 5 ? fills_of_ring[i] : i;
        for (burst = 1; burst <= max_burst; burst++) {
            sweep();
        }
    }
}

static void
begin_subject(struct subject *of)
{
    subject = of;
    subject->next[CONSUMER] = subject->began = committed();
    operation = PUSH;
    deed = READS;
    fill = 1;
    follow();
    base = committed() + STEP;
    push_now(++ids); // there is always a current value
    settle();
    check_schedule();
}

static void
sweep_subject(struct subject *of)
{
    begin_subject(of);
    sweep_fills(RECV, PUSHES, 3);
#ifndef BRIEF
    sweep_fills(DRAIN, PUSHES, 3);
#endif
    sweep_fills(POLL, PUSHES, 3);
    sweep_fills(PUSH, READS, 1);
    sweep_fills(PUSH_THREE, READS, 1);
    if (subject->one_writer) {
        sweep_fills(PUSH, PUSHES_INTO_A_PUSH, 1);
        sweep_fills(PUSH_THREE, PUSHES_INTO_A_PUSH, 1);
    } else {
        sweep_fills(PUSH, PUSHES, 3);
        sweep_fills(PUSH_THREE, PUSHES, 3);
    }
    if (subject->is_mailbox) {
        sweep_fills(RECV, TAKES, 1);
        sweep_fills(POLL, TAKES, 1);
    }
    operation = IDLE;
    deed = PUSHES;
    fill = 0;
    for (burst = 1; burst <= 3; burst++) {
        sweep();
    }
    operation = RECV;
    fill = 1;
    burst = 2;
    sweep_twice();
}

int
main(void)
{
    moment_start(handle);
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        uint32_t before = schedules;
        sweep_subject(subjects[i]);
        board_print(subject->name);
        print_number(": ", schedules - before);
        board_print("\n");
    }
    begin_subject(&pair_any_subject);
    sweep_fills(POLL, PUSHES_ASIDE, 1);
    sweep_fills(PUSH, PUSHES_ASIDE, 1);
    CHECK(busy > 0 && pushed_aside > 0);
    print_number("schedules: ", schedules);
    print_number(", stack: ", (int64_t) board_stack_used());
    board_print("\n");
    return 0;
}
