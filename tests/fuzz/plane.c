// SPDX-License-Identifier: Apache-2.0
// A fuzzer of the data plane: a program of operations on one database, each of which must have the
// outcome that the reference foretells (reference.h). After each operation all figures are compared.
//
// Every string of bytes is a program: 4 bytes are one operation, its code and three arguments; what
// the codes mean depends on whether the database is being described (plane_build.c), open, or closed.
#include "plane.h"

#include "fail.h"
#include "program.h"

#include <poll.h>
#include <string.h>

#define PAST ((aimdb_time) 0)
#define OPS_MAX 256
#define BATCH_MAX 40
#define BATCH_BYTES (128u << 10)
#define DRAIN_MAX 12
#define SETTLE_MAX 1000 // dispatches until all is at rest; each takes many steps

int fuzz_is_told;

static void
require_err(aimdb_err err, aimdb_err expected, const char *what)
{
    FUZZ_REQUIRE(err == expected, "%s gives %s, not %s", what, aimdb_err_name(err),
                 aimdb_err_name(expected));
}

static size_t
size_of(const struct plane *plane, unsigned record)
{
    return plane->ref.record[record].size;
}

// --- producing -----------------------------------------------------------------------------------

static void
produce(struct plane *plane, unsigned record)
{
    ref_number number = ref_fit(&plane->ref, record, ++plane->counter);
    void *value = plane_value(plane, record, number);
    aimdb_err expected = ref_produce(&plane->ref, record, &number, 1);
    require_err(aimdb_produce(plane->record[record], value, size_of(plane, record)), expected,
                "produce");
    FUZZ_REQUIRE(plane_number(value, size_of(plane, record)) == number, "produce wrote its input");
    free(value);
}

static void
produce_n(struct plane *plane, unsigned record, size_t count)
{
    ref_number numbers[BATCH_MAX];
    size_t size = size_of(plane, record);
    count %= BATCH_MAX + 1;
    count = count * size > BATCH_BYTES ? BATCH_BYTES / size : count;
    unsigned char *values = malloc(count * size + 1);
    FUZZ_REQUIRE(values, "out of memory");
    for (size_t i = 0; i < count; i++) {
        numbers[i] = ref_fit(&plane->ref, record, ++plane->counter);
        plane_make(values + i * size, size, numbers[i]);
    }
    aimdb_err expected = ref_produce(&plane->ref, record, numbers, count);
    require_err(aimdb_produce_n(plane->record[record], values, size, count), expected, "produce_n");
    free(values);
}

// With a deadline that has passed, or without any; then nobody may defer.
static void
produce_wait(struct plane *plane, unsigned record, bool waits)
{
    const struct ref_record *rec = &plane->ref.record[record];
    for (unsigned i = 0; i < plane->ref.tasks; i++) {
        waits = waits && !plane->ref.task[i].waits;
    }
    ref_number number = ref_fit(&plane->ref, record, ++plane->counter);
    void *value = plane_value(plane, record, number);
    aimdb_err expected = AIMDB_ENOTSUP;
    if (rec->buffer == AIMDB_BUFFER_SPMC_RING) {
        expected = ref_produce(&plane->ref, record, &number, 1);
        if (expected == AIMDB_OK && !waits && rec->consumers > 0) {
            expected = AIMDB_ETIMEDOUT; // in the ring, but nobody has run
        }
    }
    size_t upto = rec->pushed;
    ref_run_begins(&plane->ref);
    plane->is_patient = waits;
    require_err(
        aimdb_produce_wait(plane->record[record], value, rec->size, waits ? AIMDB_FOREVER : PAST),
        expected, "produce_wait");
    plane->is_patient = false;
    free(value);
    if (expected != AIMDB_OK) {
        return;
    }
    plane->is_untold = true; // it stops with the value
    for (unsigned i = 0; i < plane->ref.tasks; i++) {
        const struct ref_task *task = &plane->ref.task[i];
        for (unsigned k = 0; k < task->inputs && !task->is_source; k++) {
            const struct ref_position *input = &task->input[k];
            size_t at = input->at + ref_overrun(&plane->ref, input);
            FUZZ_REQUIRE(input->record != record || at >= upto,
                         "produce_wait returned before task %u", i); // [P6]
        }
    }
}

// --- readers -------------------------------------------------------------------------------------

static void
subscribe(struct plane *plane, unsigned record, unsigned reader, bool observes)
{
    ref_unsubscribe(&plane->ref, reader);
    aimdb_unsubscribe(&plane->reader[reader]);
    aimdb_err expected = ref_subscribe(&plane->ref, record, reader, observes);
    aimdb_err err = observes ? aimdb_observe(plane->record[record], &plane->reader[reader])
                             : aimdb_subscribe(plane->record[record], &plane->reader[reader]);
    require_err(err, expected, "subscribe");
}

static void
try_recv(struct plane *plane, unsigned reader, bool waits)
{
    if (!plane->ref.reader[reader].is_used) {
        char byte;
        require_err(aimdb_try_recv(&plane->reader[reader], &byte, 1), AIMDB_EINVAL, "try_recv");
        return;
    }
    size_t size = size_of(plane, plane->ref.reader[reader].record);
    unsigned char *out = malloc(size);
    FUZZ_REQUIRE(out, "out of memory");
    memset(out, 0x5a, size);
    ref_number number = 0;
    aimdb_err expected = ref_try_recv(&plane->ref, reader, &number);
    if (waits && expected == AIMDB_EEMPTY) {
        expected = AIMDB_ETIMEDOUT;
    }
    aimdb_err err = waits ? aimdb_recv(&plane->reader[reader], out, size, PAST)
                          : aimdb_try_recv(&plane->reader[reader], out, size);
    require_err(err, expected, waits ? "recv" : "try_recv");
    for (size_t i = 0; i < size && err != AIMDB_OK; i++) {
        FUZZ_REQUIRE(out[i] == 0x5a, "a failed read wrote to its output"); // section 9
    }
    FUZZ_REQUIRE(err != AIMDB_OK || plane_number(out, size) == number, "%u is read, not %u",
                 plane_number(out, size), number);
    free(out);
}

static void
drain(struct plane *plane, unsigned reader, size_t max)
{
    if (!plane->ref.reader[reader].is_used) {
        return;
    }
    size_t size = size_of(plane, plane->ref.reader[reader].record);
    ref_number numbers[DRAIN_MAX + 1];
    size_t expected_missed;
    uint64_t missed = 77;
    max %= DRAIN_MAX + 1;
    unsigned char *values = malloc(max * size + 1);
    FUZZ_REQUIRE(values, "out of memory");
    size_t expected = ref_drain(&plane->ref, reader, numbers, max, &expected_missed);
    size_t n = aimdb_drain(&plane->reader[reader], values, size, max, &missed);
    FUZZ_REQUIRE(n == expected && missed == expected_missed,
                 "drain gives %zu and %llu, not %zu, %zu", n, (unsigned long long) missed, expected,
                 expected_missed);
    for (size_t i = 0; i < n; i++) {
        FUZZ_REQUIRE(plane_number(values + i * size, size) == numbers[i], "value %zu of a drain",
                     i);
    }
    free(values);
}

static void
peek(struct plane *plane, unsigned record)
{
    size_t size = size_of(plane, record);
    void *out = malloc(size);
    ref_number number = 0;
    FUZZ_REQUIRE(out, "out of memory");
    aimdb_err expected = ref_peek(&plane->ref, record, &number);
    require_err(aimdb_peek(plane->record[record], out, size), expected, "peek");
    FUZZ_REQUIRE(expected != AIMDB_OK || plane_number(out, size) == number,
                 "peek of another value");
    free(out);
}

static void
select_some(struct plane *plane, uint8_t which)
{
    aimdb_reader *readers[REF_READERS];
    unsigned indexes[REF_READERS];
    size_t n = 0;
    bool is_whole = true;
    for (unsigned i = 0; i < REF_READERS; i++) {
        bool is_wanted = which & 1u << i;
        is_wanted = is_wanted && (plane->ref.reader[i].is_used || which >= 224);
        if (is_wanted) {
            is_whole = is_whole && plane->ref.reader[i].is_used;
            indexes[n] = i;
            readers[n++] = &plane->reader[i];
        }
    }
    ptrdiff_t expected =
        n > 0 && is_whole ? ref_select(&plane->ref, indexes, n) : (ptrdiff_t) AIMDB_EINVAL;
    ptrdiff_t chosen = aimdb_select(readers, n, PAST);
    FUZZ_REQUIRE(chosen == expected, "select gives %td, not %td", chosen, expected);
}

// --- dispatching ---------------------------------------------------------------------------------

static bool
is_readable(const struct plane *plane)
{
    struct pollfd fd = { .fd = aimdb_fd(plane->executor), .events = POLLIN };
    return poll(&fd, 1, 0) == 1;
}

// An event loop that sleeps until the descriptor or the deadline wakes it must miss nothing.
static void
look_at_wake(const struct plane *plane)
{
    if (plane->ref.phase == REF_CLOSED) {
        return;
    }
    aimdb_time ready_at = ref_ready_at(&plane->ref);
    aimdb_time deadline = aimdb_next_deadline(plane->executor);
    FUZZ_REQUIRE(deadline <= ready_at, "the next deadline is after what is ready");
    FUZZ_REQUIRE(ready_at > 0 || is_readable(plane), "nobody is told of what is ready");
}

// After a dispatch it must not be woken for nothing either [D5].
static void
check_rest(const struct plane *plane)
{
    ref_must_rest(&plane->ref);
    FUZZ_REQUIRE(!is_readable(plane), "the descriptor is readable, though all is done");
    FUZZ_REQUIRE(plane->ref.phase == REF_CLOSED ||
                     aimdb_next_deadline(plane->executor) == ref_ready_at(&plane->ref),
                 "the next deadline is another one");
}

static aimdb_err
dispatch(struct plane *plane, size_t budget)
{
    size_t before = plane->ref.calls;
    ref_run_begins(&plane->ref);
    aimdb_err err = aimdb_dispatch(plane->executor, budget);
    FUZZ_REQUIRE(err == AIMDB_OK || err == AIMDB_EPENDING, "dispatch gives %s",
                 aimdb_err_name(err));
    FUZZ_REQUIRE(plane->ref.calls - before <= (budget ? budget : 256),
                 "%zu calls of a budget of %zu", plane->ref.calls - before, budget);
    FUZZ_TELL("  dispatch %zu: %s", budget, aimdb_err_name(err));
    if (plane->ref.phase != REF_CLOSED) {
        plane->is_untold = err != AIMDB_OK;
    }
    if (err == AIMDB_OK) {
        check_rest(plane);
    } else {
        FUZZ_REQUIRE(is_readable(plane), "more is to do, but the descriptor is not readable");
    }
    return err;
}

static void
settle(struct plane *plane)
{
    for (int i = 0; dispatch(plane, 0) != AIMDB_OK; i++) {
        FUZZ_REQUIRE(i < SETTLE_MAX, "it does not come to rest");
    }
}

// Ends what a consumer has deferred; or tries a token again, or one that was cancelled.
static void
done(struct plane *plane, unsigned index, bool fails)
{
    struct plane_token *slot = &plane->token[index];
    if (!slot->is_used) {
        require_err(aimdb_done((aimdb_token){ 0 }, AIMDB_OK), AIMDB_EINVAL, "done with nothing");
        return;
    }
    struct ref_task *task = &plane->ref.task[slot->task];
    aimdb_err expected = slot->is_owed ? AIMDB_OK : AIMDB_EINVAL;
    if (slot->is_owed) {
        task->waits = false;
        task->errors += fails;
    }
    slot->is_used = slot->is_owed && !plane->is_freed; // once more later: a token works once
    slot->is_owed = false;
    require_err(aimdb_done(slot->token, fails ? AIMDB_EIO : AIMDB_OK), expected, "done");
}

static void
finish_all(struct plane *plane)
{
    for (unsigned i = 0; i < PLANE_TOKENS; i++) {
        if (plane->token[i].is_owed) {
            done(plane, i, false);
        }
    }
}

// --- bad arguments -------------------------------------------------------------------------------

static void
misuse(struct plane *plane, unsigned record, unsigned reader)
{
    aimdb_record *rec = plane->record[record];
    size_t size = size_of(plane, record);
    unsigned char *bytes = malloc(size + 1);
    aimdb_record *found = NULL;
    FUZZ_REQUIRE(bytes, "out of memory");
    plane_make(bytes, size + 1, 0);
    bool is_open = plane->ref.phase == REF_OPEN;
    bool can_peek = plane->ref.record[record].buffer != AIMDB_BUFFER_SPMC_RING;
    require_err(aimdb_produce(NULL, bytes, size), AIMDB_EINVAL, "produce");
    require_err(aimdb_produce(rec, NULL, size), AIMDB_EINVAL, "produce");
    require_err(aimdb_produce(rec, bytes, size + 1), AIMDB_ETYPE, "produce");
    require_err(aimdb_produce_n(rec, bytes, size + 1, 1), AIMDB_ETYPE, "produce_n");
    require_err(aimdb_produce_n(rec, bytes, size, SIZE_MAX / 2),
                is_open ? AIMDB_EINVAL : AIMDB_ECLOSED, "produce_n");
    require_err(aimdb_emit(NULL, rec, bytes, size), AIMDB_EINVAL, "emit");
    require_err(aimdb_subscribe(rec, NULL), AIMDB_EINVAL, "subscribe");
    require_err(aimdb_subscribe(NULL, &plane->reader[reader]), AIMDB_EINVAL, "subscribe");
    require_err(aimdb_peek(rec, NULL, size), AIMDB_EINVAL, "peek");
    if (can_peek) {
        require_err(aimdb_peek(rec, bytes, size + 1), AIMDB_ETYPE, "peek");
    }
    require_err(aimdb_find(plane->db, "nobody", NULL, &found), AIMDB_ENOTFOUND, "find");
    require_err(aimdb_dispatch(NULL, 1), AIMDB_EINVAL, "dispatch");
    if (plane->ref.reader[reader].is_used) {
        require_err(aimdb_try_recv(&plane->reader[reader], bytes, SIZE_MAX), AIMDB_ETYPE, "read");
        require_err(aimdb_recv(&plane->reader[reader], NULL, size, PAST), AIMDB_EINVAL, "read");
    }
    FUZZ_REQUIRE(!found, "a failed look-up wrote its output");
    free(bytes);
}

static void
find(struct plane *plane, unsigned record, unsigned type)
{
    aimdb_record *found = NULL;
    const aimdb_type *asked = &plane_types[type % PLANE_GOOD_TYPES];
    bool is_same = asked == plane->type[record];
    require_err(aimdb_find(plane->db, plane->key[record], asked, &found),
                is_same ? AIMDB_OK : AIMDB_ETYPE, "find"); // [B5]
    FUZZ_REQUIRE(found == (is_same ? plane->record[record] : NULL), "another record is found");
    require_err(aimdb_find(plane->db, plane->key[record], NULL, &found), AIMDB_OK, "find");
    FUZZ_REQUIRE(found == plane->record[record], "another record is found");
    FUZZ_REQUIRE(aimdb_record_count(plane->db) == plane->ref.records &&
                     aimdb_record_at(plane->db, record) == plane->record[record] &&
                     !aimdb_record_at(plane->db, plane->ref.records),
                 "records are listed otherwise");
}

static void
run(struct plane *plane)
{
    aimdb_stop(plane->db);
    require_err(aimdb_run(plane->db), AIMDB_OK, "run after stop"); // [X4]
}

// --- the end -------------------------------------------------------------------------------------

static void
close_db(struct plane *plane, bool waits)
{
    aimdb_close_report report = { .size = sizeof report };
    bool is_first = plane->ref.phase != REF_CLOSED;
    size_t calls = plane->ref.calls;
    if (waits && is_first) {
        finish_all(plane);
    }
    plane->is_patient = waits;
    plane->ref.phase = is_first ? REF_CLOSING : REF_CLOSED;
    ref_run_begins(&plane->ref);
    require_err(aimdb_close(plane->db, waits ? AIMDB_FOREVER : PAST, &report), AIMDB_OK, "close");
    plane->is_patient = false;
    if (!is_first) {
        return;
    }
    plane->is_untold = !waits;
    if (waits) {
        ref_must_rest(&plane->ref);
        FUZZ_REQUIRE(!report.timed_out && report.lost == 0, "%llu lost without a deadline",
                     (unsigned long long) report.lost);
    }
    plane->ref.phase = REF_CLOSED;
    FUZZ_REQUIRE(report.delivered == plane->ref.calls - calls, "%llu delivered, not %zu",
                 (unsigned long long) report.delivered, plane->ref.calls - calls);
    uint64_t lost = plane_lost(plane);
    FUZZ_REQUIRE(report.lost == lost, "%llu lost, not %llu", (unsigned long long) report.lost,
                 (unsigned long long) lost); // [X1]
    FUZZ_REQUIRE(lost == 0 || report.timed_out, "values are lost in time");
}

static void
free_db(struct plane *plane)
{
    if (plane->ref.phase != REF_CLOSED) {
        plane->ref.phase = REF_CLOSING;
        ref_run_begins(&plane->ref);
    }
    aimdb_free(plane->db);
    plane->ref.phase = REF_CLOSED;
    plane->is_freed = true;
    for (unsigned i = 0; i < PLANE_TOKENS; i++) {
        plane->token[i].is_used = plane->token[i].is_owed; // the others are dead
    }
}

// All is given back, in an order of the program's: the last one releases the memory.
static void
end(struct plane *plane, bool readers_last)
{
    if (plane->db && !plane->is_freed) {
        free_db(plane);
    }
    for (unsigned i = 0; i < REF_READERS && !readers_last; i++) {
        aimdb_unsubscribe(&plane->reader[i]);
    }
    finish_all(plane);
    for (unsigned i = 0; i < REF_READERS; i++) {
        aimdb_unsubscribe(&plane->reader[i]);
    }
    plane_build_end(plane);
    aimdb_executor_free(plane->executor);
    ref_end(&plane->ref);
}

// --- programs ------------------------------------------------------------------------------------

// What can be done after the free: readers and tokens live on.
static void
late_op(struct plane *plane, const struct plane_op *op)
{
    unsigned reader = op->a % REF_READERS;
    switch (op->code % 8) {
    case 0:
    case 1:
        try_recv(plane, reader, op->b & 1);
        break;
    case 2:
        drain(plane, reader, op->b);
        break;
    case 3:
        ref_unsubscribe(&plane->ref, reader);
        aimdb_unsubscribe(&plane->reader[reader]);
        break;
    case 4:
        select_some(plane, op->b);
        break;
    default:
        done(plane, op->b % PLANE_TOKENS, op->c & 1);
        break;
    }
}

static void
end_op(struct plane *plane, const struct plane_op *op)
{
    if (op->c % 4 != 0) {
        (void) dispatch(plane, op->a);
    } else if (plane->ref.phase != REF_CLOSED || op->b % 4 != 0) {
        close_db(plane, op->b & 1);
    } else {
        free_db(plane);
    }
}

static void
read_op(struct plane *plane, const struct plane_op *op)
{
    unsigned record = op->a % plane->ref.records;
    unsigned reader = op->b % REF_READERS;
    switch (op->code % 24) {
    case 5:
        subscribe(plane, record, reader, op->c & 1);
        break;
    case 6:
    case 7:
    case 8:
        try_recv(plane, reader, op->code % 24 == 8);
        break;
    case 9:
        drain(plane, reader, op->c);
        break;
    case 10:
        peek(plane, record);
        break;
    case 11:
        ref_unsubscribe(&plane->ref, reader);
        aimdb_unsubscribe(&plane->reader[reader]);
        break;
    case 12:
        select_some(plane, op->c);
        break;
    default:
        misuse(plane, record, reader);
        break;
    }
}

static void
open_op(struct plane *plane, const struct plane_op *op)
{
    if (plane->ref.records == 0) {
        end_op(plane, op);
        return;
    }
    unsigned record = op->a % plane->ref.records;
    unsigned code = op->code % 24;
    switch (code) {
    case 0:
    case 1:
    case 2:
        produce(plane, record);
        break;
    case 3:
        produce_n(plane, record, op->b);
        break;
    case 4:
        produce_wait(plane, record, op->b & 1);
        break;
    case 14:
    case 15:
    case 16:
        (void) dispatch(plane, op->a < 250 ? 1 + op->a % 64u : 0);
        break;
    case 17:
        settle(plane);
        break;
    case 18:
        done(plane, op->b % PLANE_TOKENS, op->c & 1);
        break;
    case 19:
        plane_clock += AIMDB_US(10) << op->b % 10;
        plane->ref.now = plane_clock;
        break;
    case 20:
        find(plane, record, op->b);
        break;
    case 21:
        end_op(plane, op);
        break;
    case 22:
        run(plane);
        break;
    case 23:
        finish_all(plane);
        break;
    default:
        read_op(plane, op);
        break;
    }
}

static void
run_op(struct plane *plane, const struct plane_op *op)
{
    FUZZ_TELL("%s %u: %u %u %u",
              !plane->db        ? "build"
              : plane->is_freed ? "late"
                                : "op",
              op->code % (!plane->db        ? 16u
                          : plane->is_freed ? 8u
                                            : 24u),
              op->a, op->b, op->c);
    if (!plane->db) {
        (void) plane_build_op(plane, op);
        return;
    }
    if (plane->is_freed) {
        late_op(plane, op);
    } else {
        open_op(plane, op);
        look_at_wake(plane);
    }
    plane_look(plane);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct plane plane;
    fuzz_is_told = getenv("FUZZ_TRACE") != NULL;
    plane_clock = AIMDB_SEC(1);
    memset(&plane, 0, sizeof plane);
    plane.executor = aimdb_poll_new(NULL);
    FUZZ_REQUIRE(plane.executor, "no executor");
    plane_build_begin(&plane, size > 0 ? data[size - 1] : 0);
    for (size_t i = 0; i + PROGRAM_OP <= size && i < OPS_MAX * PROGRAM_OP; i += PROGRAM_OP) {
        struct plane_op op = { data[i], data[i + 1], data[i + 2], data[i + 3] };
        run_op(&plane, &op);
    }
    end(&plane, size > 0 && data[0] & 128);
    return 0;
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    return program_mutate(data, size, max_size, seed);
}
