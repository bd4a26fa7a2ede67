// SPDX-License-Identifier: Apache-2.0
// What AimDB promises, as plainly as it can be written: each record keeps every value that was ever
// pushed into it, and a position is a number of pushes. Written from docs/spec.md and the public
// headers; nothing in here knows how the library does it.
//
// What the specification leaves open is followed, not foretold: in which order consumers that have
// something are called, and which of several gets the value of a mailbox. Each call is reported to
// ref_call, which stops the program if no order whatever allows it. All else is foretold exactly.
//
// A value is known by a number of 16 bits (8 if it has one byte only), which its bytes are made of.
#ifndef FUZZ_REFERENCE_H
#define FUZZ_REFERENCE_H

#include <aimdb/aimdb.h>

#define REF_RECORDS 6
#define REF_TASKS 8
#define REF_READERS 6
#define REF_INPUTS 4  // records of one join
#define REF_PART 4096 // bytes of values that pass a producer function before they are published

typedef uint16_t ref_number;

// What a producer function does with a value, given number n.
enum ref_producer {
    REF_NONE,
    REF_PASS,
    REF_ADD,    // the value becomes that of n + 7
    REF_REFUSE, // odd numbers are refused with AIMDB_EINVAL
    REF_EMIT,   // the value of n + 1 is emitted into `target`; what that returns is returned
    REF_PRODUCERS
};

struct ref_push {
    ref_number number;
    aimdb_time at;
};

struct ref_record {
    aimdb_buffer buffer;
    size_t size; // of a value, bytes
    size_t capacity;
    bool stamp;
    enum ref_producer producer;
    unsigned target; // of REF_EMIT
    struct ref_push *pushes;
    size_t room;
    size_t pushed;
    size_t pushed_before; // the present run of dispatchers began
    size_t taken;         // mailbox: pushes up to the one that was taken last
    size_t takes;
    size_t refused;
    unsigned readers;
    unsigned consumers;
};

// A position in a record, and what was counted on it. Of a reader, or of one input of a consumer.
struct ref_position {
    bool is_used;
    bool observes;
    unsigned record;
    size_t at; // pushes that were seen or missed
    size_t received;
    size_t missed;
    size_t skipped;
    size_t lags;
    size_t last_lag;
    size_t turn; // of select: when it was chosen last
};

struct ref_task {
    bool is_used;
    bool is_source;
    bool waits; // for aimdb_done
    unsigned inputs;
    struct ref_position input[REF_INPUTS];
    size_t errors;
    aimdb_time due; // source: when its next step is; AIMDB_FOREVER: never
    size_t steps;
    size_t overruns;
    aimdb_time latency_max;
};

enum ref_phase { REF_UNBUILT, REF_OPEN, REF_CLOSING, REF_CLOSED };

struct ref {
    enum ref_phase phase;
    aimdb_time now;
    unsigned records;
    unsigned tasks;
    size_t calls; // of consumers and sources
    struct ref_record record[REF_RECORDS];
    struct ref_task task[REF_TASKS];
    struct ref_position reader[REF_READERS];
};

void
ref_begin(struct ref *ref);

// ref_end releases what ref_begin and pushes have taken.
void
ref_end(struct ref *ref);

// ref_fit gives the number by which a value of the record is known after it was made from n.
ref_number
ref_fit(const struct ref *ref, unsigned record, unsigned n);

// ref_built begins the life of the database: positions of consumers, the first steps of sources.
void
ref_built(struct ref *ref);

// ref_produce is aimdb_produce and aimdb_produce_n from outside; count 0 as the latter has it.
aimdb_err
ref_produce(struct ref *ref, unsigned record, const ref_number *numbers, size_t count);

// ref_emit is an emission from a consumer, a source or a transform.
aimdb_err
ref_emit(struct ref *ref, unsigned record, ref_number number);

aimdb_err
ref_subscribe(struct ref *ref, unsigned record, unsigned reader, bool observes);
void
ref_unsubscribe(struct ref *ref, unsigned reader);
aimdb_err
ref_try_recv(struct ref *ref, unsigned reader, ref_number *ret_number);
size_t
ref_drain(struct ref *ref, unsigned reader, ref_number *numbers, size_t max, size_t *ret_missed);
aimdb_err
ref_peek(const struct ref *ref, unsigned record, ref_number *ret_number);

// ref_select gives the index into readers, or AIMDB_ETIMEDOUT.
ptrdiff_t
ref_select(struct ref *ref, const unsigned *readers, size_t n);

// ref_pending tells how many values wait at a position: overrun ones included, of the others 1.
size_t
ref_pending(const struct ref *ref, const struct ref_position *position);

// ref_skipped adds to what was skipped what the next read will pass over.
size_t
ref_skipped(const struct ref *ref, const struct ref_position *position);

// ref_overrun tells how many of those that wait are gone.
size_t
ref_overrun(const struct ref *ref, const struct ref_position *position);

size_t
ref_overwritten(const struct ref_record *record);

// ref_run_begins notes that consumers may be called from now on: by a dispatch, a close, a wait.
void
ref_run_begins(struct ref *ref);

// ref_call judges a call of a consumer that took place, and counts it.
void
ref_call(struct ref *ref, unsigned task, size_t input, ref_number number, uint64_t missed);

// ref_step judges a step of a source that took place, and counts it.
void
ref_step(struct ref *ref, unsigned task);

// ref_every is aimdb_every in a step of a source.
aimdb_time
ref_every(struct ref *ref, unsigned task, aimdb_time period);

// ref_ready_at tells when a consumer or a source is to be called: 0 is now, AIMDB_FOREVER only after
// some other event. Of a database that is not closed.
aimdb_time
ref_ready_at(const struct ref *ref);

// ref_must_rest stops the program if a consumer or a source has something to do.
void
ref_must_rest(const struct ref *ref);

#endif
