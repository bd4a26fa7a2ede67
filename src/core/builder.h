// SPDX-License-Identifier: Apache-2.0
// The description of a database that is to be built.
#ifndef AIMDB_CORE_BUILDER_H
#define AIMDB_CORE_BUILDER_H

#include "db.h"
#include "text.h"

#define AIMDBI_KEY_BYTES_MAX 255

// One mistake, as a line of text.
struct aimdbi_mistake {
    struct aimdbi_mistake *next;
    size_t bytes;  // of this allocation
    bool of_build; // found by aimdb_build, which looks anew each time
    char line[];
};

// An edge declared before the build.
struct aimdbi_declaration {
    struct aimdbi_declaration *next;
    size_t bytes;
    const aimdb_task *task;
    const aimdb_record *to;
};

struct aimdb_builder {
    aimdb_executor *executor;
    aimdb_allocator allocator;
    size_t memory_limit;
    aimdb_log_fn log;
    void *log_user;
    aimdb_record *first_record;
    aimdb_record *last_record;
    size_t record_count;
    aimdb_task *first_task; // linked through next_ready
    aimdb_task *last_task;
    size_t task_count;
    struct aimdbi_declaration *declarations;
    size_t declaration_count;
    struct aimdbi_mistake *mistakes;
    bool is_out_of_memory; // something could not be noted
    bool is_built;
    size_t bytes;
};

// Notes a mistake: record "KEY": WHAT. `key` may be NULL.
void
aimdbi_mistake(aimdb_builder *builder, bool of_build, const char *key, const char *what);

// True if `record` can be given `what`; notes a mistake otherwise.
bool
aimdbi_is_own(aimdb_builder *builder, const aimdb_record *record, const char *what);

// A source or a dispatcher that is to be.
struct aimdbi_registration {
    aimdb_record *const *records; // the builder's own: of its inputs; of a source its one
    size_t count;
    aimdb_fn fn;
    void *user;
    const char *name; // NULL: made from the kind and a number
    enum aimdbi_kind kind;
};

// register.c: NULL on a mistake or without memory, which is noted.
aimdb_task *
aimdbi_register(aimdb_builder *builder, const struct aimdbi_registration *what);

// transform.c: notes circles of transforms.
void
aimdbi_check_transforms(aimdb_builder *builder);

// check.c: notes every mistake of the whole description. `by_key` is sorted.
void
aimdbi_check(aimdb_builder *builder, aimdb_record *const *by_key);

// Sorts records by key, without recursion.
void
aimdbi_sort_by_key(aimdb_record **records, size_t records_count);

// What the database will use; *ret_block is the size of its own allocation.
void
aimdbi_builder_footprint(const aimdb_builder *builder, aimdb_memory_stats *ret, size_t *ret_block);

// Slots of the edge table that a database of this builder gets.
size_t
aimdbi_edge_slots(const aimdb_builder *builder);

#endif
