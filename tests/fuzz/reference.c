// SPDX-License-Identifier: Apache-2.0
#include "reference.h"

#include "fail.h"

#include <string.h>

void
ref_begin(struct ref *ref)
{
    memset(ref, 0, sizeof *ref);
}

void
ref_end(struct ref *ref)
{
    for (unsigned i = 0; i < REF_RECORDS; i++) {
        free(ref->record[i].pushes);
    }
    memset(ref, 0, sizeof *ref);
}

ref_number
ref_fit(const struct ref *ref, unsigned record, unsigned n)
{
    return (ref_number) (ref->record[record].size == 1 ? n & 0xff : n);
}

// --- producing -----------------------------------------------------------------------------------

static void
push(struct ref *ref, unsigned record, ref_number number)
{
    struct ref_record *rec = &ref->record[record];
    if (rec->pushed == rec->room) {
        rec->room = rec->room ? 2 * rec->room : 64;
        rec->pushes = realloc(rec->pushes, rec->room * sizeof *rec->pushes);
        FUZZ_REQUIRE(rec->pushes, "out of memory");
    }
    rec->pushes[rec->pushed++] = (struct ref_push){ ref_fit(ref, record, number), ref->now };
}

static aimdb_err
send(struct ref *ref, unsigned record, const ref_number *numbers, size_t count, unsigned depth);

// The producer function of a record, as `enum ref_producer` says [P2].
static aimdb_err
call_producer(struct ref *ref, unsigned record, ref_number *number, unsigned depth)
{
    const struct ref_record *rec = &ref->record[record];
    ref_number next;
    switch (rec->producer) {
    case REF_ADD:
        *number = ref_fit(ref, record, *number + 7u);
        return AIMDB_OK;
    case REF_REFUSE:
        return *number % 2 ? AIMDB_EINVAL : AIMDB_OK;
    case REF_EMIT:
        next = ref_fit(ref, rec->target, *number + 1u);
        return send(ref, rec->target, &next, 1, depth);
    default:
        return AIMDB_OK;
    }
}

// Values pass the producer function one by one, and are published in parts.
static aimdb_err
send(struct ref *ref, unsigned record, const ref_number *numbers, size_t count, unsigned depth)
{
    struct ref_record *rec = &ref->record[record];
    aimdb_err first_error = AIMDB_OK;
    if (rec->buffer == AIMDB_BUFFER_NONE) {
        return AIMDB_ENOTSUP;
    }
    if (rec->producer != REF_NONE && depth == AIMDB_EMIT_DEPTH_MAX) {
        return AIMDB_ELOOP; // [E2]
    }
    size_t part = rec->size < REF_PART ? REF_PART / rec->size : 1;
    for (size_t begin = 0; begin < count; begin += part) {
        size_t end = count - begin < part ? count : begin + part;
        ref_number passed[REF_PART];
        size_t n = 0;
        for (size_t i = begin; i < end; i++) {
            ref_number number = numbers[i];
            aimdb_err err = rec->producer == REF_NONE
                                ? AIMDB_OK
                                : call_producer(ref, record, &number, depth + 1);
            if (err == AIMDB_OK) {
                passed[n++] = number;
            } else {
                rec->refused++;
                first_error = first_error == AIMDB_OK ? err : first_error;
            }
        }
        for (size_t i = 0; i < n; i++) {
            push(ref, record, passed[i]);
        }
    }
    return first_error;
}

aimdb_err
ref_produce(struct ref *ref, unsigned record, const ref_number *numbers, size_t count)
{
    if (ref->phase != REF_OPEN) {
        return AIMDB_ECLOSED; // [X1]
    }
    return count == 0 ? AIMDB_OK : send(ref, record, numbers, count, 0);
}

aimdb_err
ref_emit(struct ref *ref, unsigned record, ref_number number)
{
    return send(ref, record, &number, 1, 0);
}

// --- positions -----------------------------------------------------------------------------------

// The first push that a ring still holds [R1].
static size_t
oldest(const struct ref_record *rec, size_t pushed)
{
    return pushed > rec->capacity ? pushed - rec->capacity : 0;
}

static size_t
larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static bool
competes(const struct ref_record *rec, const struct ref_position *position)
{
    return rec->buffer == AIMDB_BUFFER_MAILBOX && !position->observes;
}

static size_t
seen(const struct ref_record *rec, const struct ref_position *position)
{
    return competes(rec, position) ? rec->taken : position->at;
}

size_t
ref_pending(const struct ref *ref, const struct ref_position *position)
{
    const struct ref_record *rec = &ref->record[position->record];
    size_t behind = rec->pushed - seen(rec, position);
    return rec->buffer == AIMDB_BUFFER_SPMC_RING ? behind : behind > 0;
}

size_t
ref_overrun(const struct ref *ref, const struct ref_position *position)
{
    const struct ref_record *rec = &ref->record[position->record];
    if (rec->buffer != AIMDB_BUFFER_SPMC_RING) {
        return 0;
    }
    return larger(oldest(rec, rec->pushed), position->at) - position->at;
}

size_t
ref_skipped(const struct ref *ref, const struct ref_position *position)
{
    const struct ref_record *rec = &ref->record[position->record];
    size_t behind = rec->pushed - position->at;
    if (rec->buffer == AIMDB_BUFFER_SPMC_RING || competes(rec, position) || behind == 0) {
        return position->skipped;
    }
    return position->skipped + behind - 1;
}

size_t
ref_overwritten(const struct ref_record *rec)
{
    if (rec->buffer != AIMDB_BUFFER_MAILBOX) {
        return 0;
    }
    return rec->pushed - rec->takes - (rec->pushed > rec->taken); // [P4]
}

// Takes the newest value of a SingleLatest or a mailbox, which is there.
static ref_number
take_newest(struct ref_record *rec, struct ref_position *position)
{
    if (competes(rec, position)) {
        rec->taken = rec->pushed;
        rec->takes++;
    } else {
        position->skipped += rec->pushed - position->at - 1; // [L7]
        position->at = rec->pushed;
    }
    position->received++;
    return rec->pushes[rec->pushed - 1].number;
}

static void
count_lag(struct ref_position *position, size_t missed)
{
    position->at += missed;
    position->missed += missed;
    position->lags++;
    position->last_lag = missed;
}

// --- readers -------------------------------------------------------------------------------------

static void
place(const struct ref *ref, struct ref_position *position, unsigned record, bool observes)
{
    const struct ref_record *rec = &ref->record[record];
    bool sees_current = rec->buffer != AIMDB_BUFFER_SPMC_RING && rec->pushed > 0; // [R3, L3]
    *position = (struct ref_position){
        .is_used = true, .observes = observes, .record = record, .at = rec->pushed - sees_current
    };
}

aimdb_err
ref_subscribe(struct ref *ref, unsigned record, unsigned reader, bool observes)
{
    if (ref->phase != REF_OPEN) {
        return AIMDB_ECLOSED;
    }
    if (ref->record[record].buffer == AIMDB_BUFFER_NONE) {
        return AIMDB_ENOTSUP;
    }
    place(ref, &ref->reader[reader], record, observes);
    ref->record[record].readers++;
    return AIMDB_OK;
}

void
ref_unsubscribe(struct ref *ref, unsigned reader)
{
    if (ref->reader[reader].is_used) {
        ref->record[ref->reader[reader].record].readers--;
        ref->reader[reader] = (struct ref_position){ 0 };
    }
}

aimdb_err
ref_try_recv(struct ref *ref, unsigned reader, ref_number *ret_number)
{
    struct ref_position *position = &ref->reader[reader];
    struct ref_record *rec = &ref->record[position->record];
    if (ref_pending(ref, position) == 0) {
        return ref->phase == REF_CLOSED ? AIMDB_ECLOSED : AIMDB_EEMPTY; // [R8, X3]
    }
    size_t missed = ref_overrun(ref, position);
    if (missed > 0) {
        count_lag(position, missed); // [R4]
        return AIMDB_ELAGGED;
    }
    if (rec->buffer == AIMDB_BUFFER_SPMC_RING) {
        position->received++;
        *ret_number = rec->pushes[position->at++].number;
    } else {
        *ret_number = take_newest(rec, position);
    }
    return AIMDB_OK;
}

size_t
ref_drain(struct ref *ref, unsigned reader, ref_number *numbers, size_t max, size_t *ret_missed)
{
    size_t n = 0;
    *ret_missed = 0;
    while (n < max) {
        aimdb_err err = ref_try_recv(ref, reader, &numbers[n]);
        if (err == AIMDB_ELAGGED) {
            *ret_missed = ref->reader[reader].last_lag;
        } else if (err == AIMDB_OK) {
            n++;
        } else {
            break;
        }
    }
    return n;
}

aimdb_err
ref_peek(const struct ref *ref, unsigned record, ref_number *ret_number)
{
    const struct ref_record *rec = &ref->record[record];
    if (rec->buffer != AIMDB_BUFFER_SINGLE_LATEST && rec->buffer != AIMDB_BUFFER_MAILBOX) {
        return AIMDB_ENOTSUP; // [R7]
    }
    bool is_taken = rec->buffer == AIMDB_BUFFER_MAILBOX && rec->taken == rec->pushed;
    if (rec->pushed == 0 || is_taken) {
        return AIMDB_EEMPTY; // [L5, M4]
    }
    *ret_number = rec->pushes[rec->pushed - 1].number;
    return AIMDB_OK;
}

ptrdiff_t
ref_select(struct ref *ref, const unsigned *readers, size_t n)
{
    ptrdiff_t chosen = AIMDB_ETIMEDOUT;
    size_t newest = 0;
    for (size_t i = 0; i < n; i++) {
        const struct ref_position *position = &ref->reader[readers[i]];
        bool has_news = ref_pending(ref, position) > 0 || ref->phase == REF_CLOSED; // [S1]
        newest = larger(newest, position->turn);
        // [S2] among those it was selected with; of two never chosen the first
        if (has_news && (chosen < 0 || position->turn < ref->reader[readers[chosen]].turn)) {
            chosen = (ptrdiff_t) i;
        }
    }
    if (chosen >= 0) {
        ref->reader[readers[chosen]].turn = newest + 1;
    }
    return chosen;
}

// --- consumers and sources -----------------------------------------------------------------------

void
ref_built(struct ref *ref)
{
    ref->phase = REF_OPEN;
    for (unsigned i = 0; i < ref->tasks; i++) {
        struct ref_task *task = &ref->task[i];
        task->due = task->is_source ? ref->now : AIMDB_FOREVER;
        for (unsigned k = 0; k < task->inputs; k++) {
            place(ref, &task->input[k], task->input[k].record, false);
        }
    }
}

void
ref_run_begins(struct ref *ref)
{
    for (unsigned i = 0; i < ref->records; i++) {
        ref->record[i].pushed_before = ref->record[i].pushed;
    }
}

static void
note_latency(struct ref_task *task, aimdb_time latency)
{
    task->latency_max = latency > task->latency_max ? latency : task->latency_max;
}

// A consumer of a ring gets what was the oldest value left at some moment of this run, or the next
// one; what it missed are all those between its position and that value [R4, D1]. If nothing was
// pushed during the run there is but one such value.
static void
call_from_ring(const struct ref *ref, struct ref_position *input, uint64_t missed)
{
    const struct ref_record *rec = &ref->record[input->record];
    size_t least = larger(input->at, oldest(rec, rec->pushed_before));
    size_t most = larger(input->at, oldest(rec, rec->pushed));
    FUZZ_REQUIRE(missed <= rec->pushed, "a consumer missed %llu", (unsigned long long) missed);
    size_t at = input->at + (size_t) missed;
    FUZZ_REQUIRE(at >= least && at <= most && at < rec->pushed,
                 "record %u: a consumer at push %zu of %zu (ring of %zu) is told of %llu missed",
                 input->record, input->at, rec->pushed, rec->capacity, (unsigned long long) missed);
    if (missed > 0) {
        count_lag(input, (size_t) missed);
    }
    input->at++;
    input->received++;
}

void
ref_call(struct ref *ref, unsigned index, size_t place_of_record, ref_number number,
         uint64_t missed)
{
    struct ref_task *task = &ref->task[index];
    FUZZ_REQUIRE(place_of_record < task->inputs, "task %u has no input %zu", index,
                 place_of_record);
    struct ref_position *input = &task->input[place_of_record];
    struct ref_record *rec = &ref->record[input->record];
    FUZZ_REQUIRE(!task->is_source && !task->waits, "task %u is called out of turn", index); // [D3]
    FUZZ_REQUIRE(ref->phase == REF_OPEN || ref->phase == REF_CLOSING, "called after the close");
    FUZZ_REQUIRE(ref_pending(ref, input) > 0, "task %u is called with nothing", index); // [L4, M2]
    const struct ref_push *got;
    if (rec->buffer == AIMDB_BUFFER_SPMC_RING) {
        call_from_ring(ref, input, missed);
        got = &rec->pushes[input->at - 1];
    } else {
        FUZZ_REQUIRE(missed == 0, "task %u missed %llu without a ring", index,
                     (unsigned long long) missed); // [L2]
        (void) take_newest(rec, input);
        got = &rec->pushes[rec->pushed - 1];
    }
    FUZZ_REQUIRE(got->number == number, "task %u: value %u, not %u", index, number, got->number);
    if (rec->stamp) {
        note_latency(task, ref->now - got->at);
    }
    ref->calls++;
}

void
ref_step(struct ref *ref, unsigned index)
{
    struct ref_task *task = &ref->task[index];
    FUZZ_REQUIRE(task->is_source, "task %u is no source", index);
    FUZZ_REQUIRE(ref->phase == REF_OPEN, "source %u steps while closing", index); // [X1]
    FUZZ_REQUIRE(task->due <= ref->now, "source %u steps too early", index);
    if (ref->record[task->input[0].record].stamp) {
        note_latency(task, ref->now - task->due);
    }
    task->steps++;
    ref->calls++;
}

aimdb_time
ref_every(struct ref *ref, unsigned index, aimdb_time period)
{
    struct ref_task *task = &ref->task[index];
    do {
        task->due += period; // [D7] an absolute grid; each point that has passed is an overrun
        task->overruns += task->due <= ref->now;
    } while (task->due <= ref->now);
    return task->due;
}

// What is ready now: 0; else when the first source is.
aimdb_time
ref_ready_at(const struct ref *ref)
{
    aimdb_time at = AIMDB_FOREVER;
    for (unsigned i = 0; i < ref->tasks; i++) {
        const struct ref_task *task = &ref->task[i];
        if (task->is_source && ref->phase == REF_OPEN && task->due < at) {
            at = task->due;
        }
        for (unsigned k = 0; k < task->inputs && !task->is_source && !task->waits; k++) {
            at = ref_pending(ref, &task->input[k]) > 0 ? 0 : at;
        }
    }
    return at;
}

void
ref_must_rest(const struct ref *ref)
{
    FUZZ_REQUIRE(ref->phase == REF_CLOSED || ref_ready_at(ref) > ref->now,
                 "there is something to do, but nothing is said to be ready");
}
