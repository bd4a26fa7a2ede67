// SPDX-License-Identifier: Apache-2.0
// Describing a join: one function for the values of several records, behind one dispatcher. How it
// goes round its records is in task.c. Source: SPEC D8, B1; docs/adr/0011.
#include "builder.h"
#include "executor.h"

// The key of some record of the join, to name it by.
static const char *
any_key(aimdb_record *const *records, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (records[i]) {
            return aimdb_record_key(records[i]);
        }
    }
    return "(null)";
}

static bool
check_count(aimdb_builder *builder, aimdb_record *const *records, size_t n)
{
    if (!records || n == 0) {
        aimdbi_mistake(builder, false, NULL, "a join of no records");
        return false;
    }
    if (n > AIMDB_JOIN_MAX) {
        struct aimdbi_text text = { 0 };
        aimdbi_text_add(&text, "a join of ");
        aimdbi_text_number(&text, n);
        aimdbi_text_add(&text, " records; the limit is ");
        aimdbi_text_number(&text, AIMDB_JOIN_MAX);
        aimdbi_mistake(builder, false, any_key(records, AIMDB_JOIN_MAX), text.line);
        return false;
    }
    return true;
}

// Notes what is wrong with the i-th record.
static bool
check_record(aimdb_builder *builder, aimdb_record *const *records, size_t n, size_t i)
{
    const aimdb_record *record = records[i];
    if (!record) {
        aimdbi_mistake(builder, false, any_key(records, n), "joined with an unregistered record");
        return false;
    }
    if (!aimdbi_is_own(builder, record, "join")) {
        return false;
    }
    if (record->shape.buffer == AIMDB_BUFFER_NONE) {
        aimdbi_mistake(builder, false, record->key, "a join, but no buffer");
        return false;
    }
    size_t before = 0;
    for (size_t k = 0; k < i; k++) {
        before += records[k] == record;
    }
    if (before == 1) { // the third time says nothing new
        aimdbi_mistake(builder, false, record->key, "a join takes it twice");
    }
    return before == 0;
}

// Notes what is wrong; true if nothing is.
static bool
check_join(aimdb_builder *builder, aimdb_record *const *records, size_t n, aimdb_join_fn *fn)
{
    if (!check_count(builder, records, n)) {
        return false;
    }
    bool is_right = true;
    for (size_t i = 0; i < n; i++) {
        is_right = check_record(builder, records, n, i) && is_right;
    }
    if (!fn) {
        aimdbi_mistake(builder, false, any_key(records, n), "a join's function is NULL");
    }
    return is_right && fn;
}

aimdb_task *
aimdb_add_join(aimdb_builder *builder, aimdb_record *const *records, size_t n, aimdb_join_fn *fn,
               void *user)
{
    return aimdb_add_join_with(builder, records, n, fn, user, NULL);
}

aimdb_task *
aimdb_add_join_with(aimdb_builder *builder, aimdb_record *const *records, size_t n,
                    aimdb_join_fn *fn, void *user, const aimdb_consumer_options *options)
{
    if (!builder || !check_join(builder, records, n, fn)) {
        return NULL;
    }
    aimdb_consumer_options given = { 0 };
    if (options && !aimdbi_take_options(&given, sizeof given, options)) {
        aimdbi_mistake(builder, false, records[0]->key, "join options of a size that cannot be");
        return NULL;
    }
    const struct aimdbi_registration join = { .records = records,
                                              .count = n,
                                              .fn = (aimdb_fn) fn,
                                              .user = user,
                                              .name = given.name,
                                              .kind = AIMDBI_JOIN };
    aimdb_task *task = aimdbi_register(builder, &join);
    if (task) {
        task->blocking = given.blocking;
    }
    return task;
}

const void *
aimdb_joined(const aimdb_ctx *ctx, const void *value, const aimdb_type *type)
{
    return ctx && type && aimdbi_is_same_type(ctx->from->type, type) ? value : NULL;
}
