// SPDX-License-Identifier: Apache-2.0
// What is looked at before anything is started. Every mistake is told, with the record's key [B1].
#include "builder.h"

#include "executor.h"

static void
check_type(aimdb_builder *builder, const aimdb_record *rec)
{
    const aimdb_type *type = rec->type;
    size_t align = type->value_align;
    if (type->value_size == 0) {
        aimdbi_mistake(builder, true, rec->key, "its values have size 0");
    } else if (type->value_size > AIMDB_VALUE_MAX) {
        aimdbi_mistake(builder, true, rec->key, "its values are over the limit of 65536 bytes");
    }
    if (align == 0 || (align & (align - 1)) != 0 || align > AIMDB_ALIGN_MAX) {
        aimdbi_mistake(builder, true, rec->key,
                       "the alignment of its values is not a power of two up to 4096");
    } else if (type->value_size % align != 0) {
        aimdbi_mistake(builder, true, rec->key,
                       "the size of its values is not a multiple of their alignment");
    }
}

static void
check_lane(aimdb_builder *builder, const aimdb_record *rec, const aimdb_task *task)
{
    uint32_t lanes = builder->executor ? builder->executor->source_lanes : 0;
    if (lanes == 0 || task->source_lane < lanes) {
        return;
    }
    struct aimdbi_text text = { 0 };
    aimdbi_text_add(&text, "source \"");
    aimdbi_text_add(&text, task_name(task));
    aimdbi_text_add(&text, "\" is for source lane ");
    aimdbi_text_number(&text, task->source_lane);
    aimdbi_text_add(&text, ", but the last one of its executor is lane ");
    aimdbi_text_number(&text, lanes - 1);
    aimdbi_mistake(builder, true, rec->key, text.line);
}

static void
check_tasks(aimdb_builder *builder, const aimdb_record *rec)
{
    bool has_source = false;
    for (const struct aimdbi_input *input = rec->inputs; input; input = input->next) {
        if (input->task->is_source) {
            has_source = true;
            check_lane(builder, rec, input->task);
        }
    }
    if (rec->shape.buffer == AIMDB_BUFFER_NONE && rec->consumers > 0) {
        aimdbi_mistake(builder, true, rec->key, "a consumer, but no buffer");
    }
    if (rec->shape.buffer == AIMDB_BUFFER_NONE && has_source) {
        aimdbi_mistake(builder, true, rec->key, "a source, but no buffer");
    }
    if (rec->consumers > AIMDB_CONSUMERS_MAX) {
        struct aimdbi_text text = { 0 };
        aimdbi_text_number(&text, rec->consumers);
        aimdbi_text_add(&text, " consumers; the limit is ");
        aimdbi_text_number(&text, AIMDB_CONSUMERS_MAX);
        aimdbi_mistake(builder, true, rec->key, text.line);
    }
}

bool
aimdbi_is_same_type(const aimdb_type *a, const aimdb_type *b)
{
    return a == b || (a->value_size == b->value_size && a->value_align == b->value_align &&
                      aimdbi_compare(a->name, b->name) == 0);
}

static void
check_duplicate(aimdb_builder *builder, const aimdb_record *a, const aimdb_record *b)
{
    if (aimdbi_is_same_type(a->type, b->type)) {
        aimdbi_mistake(builder, true, a->key, "duplicate key: configured twice");
        return;
    }
    struct aimdbi_text text = { 0 };
    aimdbi_text_add(&text, "duplicate key with two types: \"");
    aimdbi_text_add(&text, a->type->name);
    aimdbi_text_add(&text, "\" and \"");
    aimdbi_text_add(&text, b->type->name);
    aimdbi_text_add(&text, "\"");
    aimdbi_mistake(builder, true, a->key, text.line);
}

static void
check_memory(aimdb_builder *builder)
{
    aimdb_memory_stats memory = { .size = sizeof memory };
    size_t block;
    aimdbi_builder_footprint(builder, &memory, &block);
    if (builder->memory_limit == 0 || memory.total <= builder->memory_limit) {
        return;
    }
    const aimdb_record *largest = builder->first_record;
    for (const aimdb_record *rec = largest; rec; rec = rec->next) {
        if (aimdbi_record_items(rec) > aimdbi_record_items(largest)) {
            largest = rec;
        }
    }
    struct aimdbi_text text = { 0 };
    aimdbi_text_add(&text, "memory limit exceeded: the database needs ");
    aimdbi_text_number(&text, memory.total);
    aimdbi_text_add(&text, " bytes, the limit is ");
    aimdbi_text_number(&text, builder->memory_limit);
    aimdbi_text_add(&text, largest ? " bytes; this record has the largest buffer" : " bytes");
    aimdbi_mistake(builder, true, largest ? largest->key : NULL, text.line);
}

void
aimdbi_check(aimdb_builder *builder, aimdb_record *const *by_key)
{
    if (!builder->executor) {
        aimdbi_mistake(builder, true, NULL, "no executor: aimdb_builder_new was given NULL");
    }
    for (size_t i = 0; i < builder->record_count; i++) {
        check_type(builder, by_key[i]);
        check_tasks(builder, by_key[i]);
        if (i > 0 && aimdbi_compare(by_key[i - 1]->key, by_key[i]->key) == 0) {
            check_duplicate(builder, by_key[i - 1], by_key[i]);
        }
    }
    aimdbi_check_transforms(builder);
    check_memory(builder);
}

// Heapsort: in place, no recursion, no bad case.
static void
sift_down(aimdb_record **records, size_t root, size_t end)
{
    for (;;) {
        size_t child = 2 * root + 1;
        if (child >= end) {
            return;
        }
        if (child + 1 < end && aimdbi_compare(records[child]->key, records[child + 1]->key) < 0) {
            child++;
        }
        if (aimdbi_compare(records[root]->key, records[child]->key) >= 0) {
            return;
        }
        aimdb_record *swapped = records[root];
        records[root] = records[child];
        records[child] = swapped;
        root = child;
    }
}

void
aimdbi_sort_by_key(aimdb_record **records, size_t records_count)
{
    for (size_t i = records_count / 2; i > 0; i--) {
        sift_down(records, i - 1, records_count);
    }
    for (size_t end = records_count; end > 1; end--) {
        aimdb_record *largest = records[0];
        records[0] = records[end - 1];
        records[end - 1] = largest;
        sift_down(records, 0, end - 1);
    }
}

aimdb_err
aimdb_find(const aimdb *db, const char *key, const aimdb_type *type, aimdb_record **ret_record)
{
    if (!db || !key || !ret_record) {
        return AIMDB_EINVAL;
    }
    size_t low = 0;
    size_t high = db->record_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = aimdbi_compare(key, db->by_key[middle]->key);
        if (order == 0) {
            if (type && !aimdbi_is_same_type(type, db->by_key[middle]->type)) {
                return AIMDB_ETYPE;
            }
            *ret_record = db->by_key[middle];
            return AIMDB_OK;
        }
        *(order < 0 ? &high : &low) = order < 0 ? middle : middle + 1;
    }
    return AIMDB_ENOTFOUND;
}
