// SPDX-License-Identifier: Apache-2.0
// Describing a database: sources and consumers, and what they emit into. Source: SPEC B1, D1, D7, E3.
#include "builder.h"

#include "executor.h"
#include "latency.h"
#include "statics.h"

static const char *const kind_names[] = { [AIMDBI_SOURCE] = "source-",
                                          [AIMDBI_CONSUMER] = "consumer-",
                                          [AIMDBI_JOIN] = "join-",
                                          [AIMDBI_TRANSFORM] = "transform-" };

// The name it was given, or one made from its kind and its number among those of the kind that the
// record has.
static void
make_name(struct aimdbi_text *text, const struct aimdbi_registration *what)
{
    if (what->name) {
        aimdbi_text_add(text, what->name);
        return;
    }
    size_t number = 1;
    const struct aimdbi_input *input = what->records[0]->inputs;
    for (; input; input = input->next) {
        number += input->task->kind == what->kind;
    }
    aimdbi_text_add(text, kind_names[what->kind]);
    aimdbi_text_number(text, number);
}

static aimdb_task *
new_task(aimdb_builder *builder, const struct aimdbi_registration *what)
{
    struct aimdbi_text name = { 0 };
    make_name(&name, what);
    size_t inputs = what->count * sizeof(struct aimdbi_input);
    size_t bytes;
    // On cache lines of its own: neighbours run on other threads.
    aimdb_task *task = aimdbi_alloc(&builder->allocator, sizeof *task + inputs + name.used + 1,
                                    AIMDBI_LINE, &bytes);
    if (!task) {
        builder->is_out_of_memory = true;
        return NULL;
    }
    task->bytes = (uint32_t) bytes;
    task->fn = what->fn;
    task->user = what->user;
    task->input_count = (uint16_t) what->count;
    task->kind = (uint8_t) what->kind;
    task->is_source = what->kind == AIMDBI_SOURCE;
    task->index = (uint32_t) builder->task_count++;
    __builtin_memcpy(task->inputs + what->count, name.line, name.used + 1);
    return task;
}

// Behind the other inputs of the record.
static void
link_input(struct aimdbi_input *input, aimdb_task *task, aimdb_record *record)
{
    struct aimdbi_input **end = &record->inputs;
    while (*end) {
        end = &(*end)->next;
    }
    *end = input;
    input->task = task;
    input->reader.record_ = record;
    input->is_stamped = record->shape.is_stamped;
    record->consumers += !task->is_source;
}

aimdb_task *
aimdbi_register(aimdb_builder *builder, const struct aimdbi_registration *what)
{
    if (what->name && aimdbi_length(what->name) > AIMDBI_KEY_BYTES_MAX) {
        aimdbi_mistake(builder, false, what->records[0]->key, "a task's name has up to 255 bytes");
        return NULL;
    }
    aimdb_task *task = new_task(builder, what);
    if (!task) {
        return NULL;
    }
    for (size_t i = 0; i < what->count; i++) {
        task->inputs[i].index = (uint8_t) i;
        link_input(&task->inputs[i], task, what->records[i]);
    }
    *(builder->last_task ? &builder->last_task->next_ready : &builder->first_task) = task;
    builder->last_task = task;
    return task;
}

aimdb_task *
aimdb_add_source(aimdb_builder *builder, aimdb_record *record, aimdb_fn fn, void *user)
{
    return aimdb_add_source_with(builder, record, fn, user, NULL);
}

aimdb_task *
aimdb_add_source_with(aimdb_builder *builder, aimdb_record *record, aimdb_fn fn, void *user,
                      const aimdb_source_options *options)
{
    if (!builder || !aimdbi_is_own(builder, record, "source")) {
        return NULL;
    }
    if (!fn) {
        aimdbi_mistake(builder, false, record->key, "a source's function is NULL");
        return NULL;
    }
    aimdb_source_options given = { 0 };
    if (options && !aimdbi_take_options(&given, sizeof given, options)) {
        aimdbi_mistake(builder, false, record->key, "source options of a size that cannot be");
        return NULL;
    }
    if (given.lane >= AIMDB_SOURCE_LANES_MAX) {
        aimdbi_mistake(builder, false, record->key, "a source's lane is from 0 to 63");
        return NULL;
    }
    const struct aimdbi_registration source = { &record, 1, fn, user, given.name, AIMDBI_SOURCE };
    aimdb_task *task = aimdbi_register(builder, &source);
    if (task) {
        task->source_lane = (uint16_t) given.lane;
    }
    return task;
}

aimdb_task *
aimdb_add_consumer(aimdb_builder *builder, aimdb_record *record, aimdb_fn fn, void *user,
                   const aimdb_consumer_options *options)
{
    if (!builder || !aimdbi_is_own(builder, record, "consumer")) {
        return NULL;
    }
    if (!fn) {
        aimdbi_mistake(builder, false, record->key, "a consumer's function is NULL");
        return NULL;
    }
    aimdb_consumer_options given = { 0 };
    if (options && !aimdbi_take_options(&given, sizeof given, options)) {
        aimdbi_mistake(builder, false, record->key, "consumer options of a size that cannot be");
        return NULL;
    }
    const struct aimdbi_registration consumer = {
        &record, 1, fn, user, given.name, AIMDBI_CONSUMER
    };
    aimdb_task *task = aimdbi_register(builder, &consumer);
    if (task) {
        task->blocking = given.blocking;
    }
    return task;
}

size_t
aimdbi_task_bytes(const aimdb_task *task)
{
    return task->bytes + (task_is_stamped(task) ? sizeof(struct aimdbi_latency) : 0);
}

void
aimdb_emitted_by(aimdb_builder *builder, aimdb_record *record, aimdb_task *task)
{
    if (!builder) {
        return;
    }
    if (!task || task_is_static(task) || task_record(task)->builder != builder) {
        aimdbi_mistake(builder, false, record ? aimdb_record_key(record) : "(null)",
                       "declared as emitted by no task of this builder");
        return;
    }
    if (!record) {
        aimdbi_mistake(builder, false, task_record(task)->key,
                       "its task is declared to emit into an unregistered record");
        return;
    }
    if (!aimdbi_is_own(builder, record, "declared emission")) {
        return;
    }
    size_t bytes;
    struct aimdbi_declaration *declaration =
        aimdbi_alloc(&builder->allocator, sizeof *declaration, sizeof(void *), &bytes);
    if (!declaration) {
        builder->is_out_of_memory = true;
        return;
    }
    *declaration = (struct aimdbi_declaration){ builder->declarations, bytes, task, record };
    builder->declarations = declaration;
    builder->declaration_count++;
}
