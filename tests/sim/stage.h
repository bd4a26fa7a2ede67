// SPDX-License-Identifier: Apache-2.0
// What the simulation's tests share: a simulation, a builder, and a book in which everybody notes what
// happens, in the order in which it does.
#ifndef STAGE_H
#define STAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <aimdb/aimdb.h>
#include <stdbool.h>
#include <string.h>

struct number {
    uint64_t n;
};
AIMDB_RECORD_TYPE(number, struct number);

struct stage {
    aimdb_executor *sim;
    aimdb_builder *builder;
    aimdb *db;
    char *stuck; // what on_stuck was told
    jmp_buf when_stuck;
    size_t used; // of book
    char book[1 << 16];
};

// Begins with these options; on_stuck is the stage's.
struct stage *
stage_new(aimdb_sim_options options);
struct stage *
stage_new_seeded(uint64_t seed);
void
stage_build(struct stage *stage);
void
stage_free(struct stage *stage);

// Adds to the book.
void
note(struct stage *stage, const char *format, ...) __attribute__((format(printf, 2, 3)));

// What aimdb_sim_explain writes; the caller's to free.
char *
explanation(struct stage *stage);

// An actor or a consumer, and what it needs.
struct part {
    struct stage *stage;
    const char *name;
    number_record record;
    number_reader reader;
    uint64_t count;
    aimdb_time time;
};

void
spawn(struct stage *stage, const char *name, void (*fn)(void *user), void *user);
// Actors: produces 1 to count; reads until the record is closed.
void
produce_all(void *part);
void
read_all(void *part);
// A consumer that notes its values.
aimdb_err
note_value(aimdb_ctx *ctx, const struct number *value);

// Runs fn in a child process; gives what it wrote to stderr (the caller's to free), and how it ended.
char *
in_child(void (*fn)(void), int *ret_status);

#endif
