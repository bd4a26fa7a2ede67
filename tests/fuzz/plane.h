// SPDX-License-Identifier: Apache-2.0
// A database and its reference side by side, driven by a program of bytes (plane.c). Building is in
// plane_build.c, what runs inside callbacks in plane_calls.c, and comparing figures in plane_look.c.
//
// All is done in one thread on the poll executor, and the clock stands still but for the program's
// wish (__wrap_aimdbp_clock, by the linker's --wrap): an input has one outcome, on every machine.
#ifndef FUZZ_PLANE_H
#define FUZZ_PLANE_H

#include "reference.h"

#define PLANE_TOKENS 8
#define PLANE_BLOCKS 1024 // of memory that a database has at a time
#define PLANE_KEY 300

// One operation of a program.
struct plane_op {
    uint8_t code;
    uint8_t a;
    uint8_t b;
    uint8_t c;
};

// What callbacks find their own record or task by.
struct plane_part {
    struct plane *plane;
    unsigned index;
};

// What a consumer or a source does at its 1st, 2nd, 3rd, 4th call, and then again.
struct plane_script {
    uint8_t acts[4];
    uint8_t target; // a record, of emissions
    unsigned calls;
};

struct plane_token {
    aimdb_token token;
    unsigned task;
    bool is_used;
    bool is_owed; // aimdb_done is still to come, and will be taken
};

// Memory of the database: what there is, and the one allocation that is to fail.
struct plane_ledger {
    void *block[PLANE_BLOCKS];
    size_t size[PLANE_BLOCKS];
    size_t bytes;
    unsigned fail_in; // allocations from now; 0: none
    bool failed;
};

struct plane {
    struct ref ref;
    aimdb_executor *executor;
    aimdb_builder *builder;
    aimdb *db;
    aimdb_record *record[REF_RECORDS];
    char key[REF_RECORDS][PLANE_KEY];
    const aimdb_type *type[REF_RECORDS];
    bool has_producer[REF_RECORDS];
    aimdb_task *task[REF_TASKS];
    aimdb_reader reader[REF_READERS];
    struct plane_part record_part[REF_RECORDS];
    struct plane_part task_part[REF_TASKS];
    struct plane_script script[REF_TASKS];
    struct plane_token token[PLANE_TOKENS];
    struct plane_ledger ledger;
    aimdb_allocator allocator;
    size_t memory_limit;
    // Mistakes of the description, by when they are found.
    size_t mistakes;
    bool is_incomplete;                   // something was not registered for want of memory
    bool blocks;                          // a consumer that the executor has no thread for
    bool leads[REF_RECORDS][REF_RECORDS]; // transforms
    size_t transforms_into_none;          // those of them that are mistakes
    unsigned fuel;                        // what callbacks may still do that makes more work
    unsigned derivations;                 // what transforms may still make
    bool is_patient;                      // somebody waits without a deadline: nothing is deferred
    bool is_untold; // the last run was cut short: a lag may have been counted, but not told
    bool is_freed;
    unsigned counter; // numbers the values
};

extern aimdb_time plane_clock;

// Good types first, then those that the build refuses.
#define PLANE_GOOD_TYPES 14u
#define PLANE_TYPES 18u
extern const aimdb_type plane_types[PLANE_TYPES];
// How many mistakes each type is.
extern const uint8_t plane_type_mistakes[PLANE_TYPES];

// plane_make fills in a value; plane_number reads it, and stops the program if a byte is not as made.
void
plane_make(void *value, size_t size, ref_number number);
ref_number
plane_number(const void *value, size_t size);

// A value on the heap, where a sanitizer sees its bounds.
void *
plane_value(const struct plane *plane, unsigned record, ref_number number);

aimdb_join_fn plane_join;
bool
plane_derive(aimdb_ctx *ctx, aimdb_fn fn, const void *in, void *out);
// Stands for every function of a user's: the types call by what aimdb_user gives.
void
plane_fn(void);

void
plane_build_begin(struct plane *plane, uint8_t how);
// plane_build_op takes one step of the description. True once the database is open.
bool
plane_build_op(struct plane *plane, const struct plane_op *op);
// plane_build tries to build now; as plane_build_op.
bool
plane_build(struct plane *plane);
void
plane_build_end(struct plane *plane);

// plane_look compares every figure that can be read with the reference's.
void
plane_look(struct plane *plane);
// plane_lost tells how many values the close has left undelivered, by the figures of all tasks.
uint64_t
plane_lost(struct plane *plane);

#endif
