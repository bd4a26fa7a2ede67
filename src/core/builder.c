// SPDX-License-Identifier: Apache-2.0
// Describing a database: records and producer functions; register.c has what runs. Mistakes are
// collected and told by aimdb_build all at once.
#include "builder.h"

#include "executor.h"
#include "turn.h"

static void *
port_alloc(void *user, size_t size, size_t align)
{
    (void) user;
    return aimdbp_alloc(size, align);
}

static void
port_release(void *user, void *memory, size_t size)
{
    (void) user;
    aimdbp_release(memory, size);
}

// Zeroed memory of a size rounded up to a multiple of the alignment, which is what `release` gets.
void *
aimdbi_alloc(const aimdb_allocator *allocator, size_t size, size_t align, size_t *ret_bytes)
{
    size_t bytes = (size + align - 1) & ~(align - 1);
    void *memory = allocator->alloc(allocator->user, bytes, align);
    if (memory) {
        __builtin_memset(memory, 0, bytes);
        *ret_bytes = bytes;
    }
    return memory;
}

void
aimdbi_release(const aimdb_allocator *allocator, void *memory, size_t bytes)
{
    if (memory) {
        allocator->release(allocator->user, memory, bytes);
    }
}

aimdb_builder *
aimdb_builder_new(aimdb_executor *executor)
{
    return aimdb_builder_new_with(executor, NULL);
}

aimdb_builder *
aimdb_builder_new_with(aimdb_executor *executor, const aimdb_builder_options *options)
{
    aimdb_allocator allocator = { port_alloc, port_release, NULL };
    aimdb_builder_options given = { 0 };
    if (options && !aimdbi_take_options(&given, sizeof given, options)) {
        return NULL;
    }
    if (given.allocator) {
        allocator = *given.allocator;
    }
    if (!allocator.alloc || !allocator.release) {
        return NULL;
    }
    size_t bytes;
    aimdb_builder *builder = aimdbi_alloc(&allocator, sizeof *builder, sizeof(void *), &bytes);
    if (builder) {
        aimdbp_init();
        builder->executor = executor;
        builder->allocator = allocator;
        builder->memory_limit = given.memory_limit;
        builder->bytes = bytes;
    }
    return builder;
}

void
aimdb_builder_free(aimdb_builder *builder)
{
    if (!builder) {
        return;
    }
    while (!builder->is_built && builder->first_record) {
        aimdb_record *rec = builder->first_record;
        builder->first_record = rec->next;
        aimdbi_release(&builder->allocator, rec, rec->bytes);
    }
    while (!builder->is_built && builder->first_task) {
        aimdb_task *task = builder->first_task;
        builder->first_task = task->next_ready;
        aimdbi_release(&builder->allocator, task, task->bytes);
    }
    while (builder->declarations) {
        struct aimdbi_declaration *declaration = builder->declarations;
        builder->declarations = declaration->next;
        aimdbi_release(&builder->allocator, declaration, declaration->bytes);
    }
    while (builder->mistakes) {
        struct aimdbi_mistake *mistake = builder->mistakes;
        builder->mistakes = mistake->next;
        aimdbi_release(&builder->allocator, mistake, mistake->bytes);
    }
    aimdb_allocator allocator = builder->allocator;
    aimdbi_release(&allocator, builder, builder->bytes);
}

void
aimdb_set_log(aimdb_builder *builder, aimdb_log_fn fn, void *user)
{
    if (builder) {
        builder->log = fn;
        builder->log_user = user;
    }
}

void
aimdbi_mistake(aimdb_builder *builder, bool of_build, const char *key, const char *what)
{
    struct aimdbi_text text = { 0 };
    if (key) {
        aimdbi_text_add(&text, "record \"");
        aimdbi_text_add(&text, key);
        aimdbi_text_add(&text, "\": ");
    }
    aimdbi_text_add(&text, what);
    size_t bytes;
    struct aimdbi_mistake *mistake =
        aimdbi_alloc(&builder->allocator, sizeof *mistake + text.used + 1, sizeof(void *), &bytes);
    if (!mistake) {
        builder->is_out_of_memory = true;
        return;
    }
    mistake->bytes = bytes;
    mistake->of_build = of_build;
    __builtin_memcpy(mistake->line, text.line, text.used + 1);
    struct aimdbi_mistake **end = &builder->mistakes;
    while (*end) {
        end = &(*end)->next;
    }
    *end = mistake;
}

size_t
aimdb_builder_mistakes(const aimdb_builder *builder)
{
    size_t found = 0;
    for (const struct aimdbi_mistake *m = builder ? builder->mistakes : NULL; m; m = m->next) {
        found++;
    }
    return found;
}

const char *
aimdb_builder_mistake(const aimdb_builder *builder, size_t index)
{
    const struct aimdbi_mistake *mistake = builder ? builder->mistakes : NULL;
    for (; mistake && index > 0; index--) {
        mistake = mistake->next;
    }
    return mistake ? mistake->line : NULL;
}

// --- records -------------------------------------------------------------------------------------

// Slots are a power of two, at least 2 (see ring.c); an absurd capacity is reported at the build.
static uint32_t
slot_mask_for(const aimdb_buffer_cfg *cfg)
{
    uint32_t slots = 2;
    if (cfg->buffer == AIMDB_BUFFER_SPMC_RING && cfg->capacity <= AIMDB_CAPACITY_MAX) {
        while (slots < cfg->capacity) {
            slots *= 2;
        }
    }
    return slots - 1;
}

static void
describe(aimdb_record *rec, const aimdb_type *type, const aimdb_buffer_cfg *cfg)
{
    bool fits = type->value_size <= AIMDB_VALUE_MAX;
    rec->type = type;
    rec->shape.size = fits ? (uint32_t) type->value_size : 0;
    rec->shape.accepts = rec->shape.size;
    rec->shape.slot_words =
        (rec->shape.size + (uint32_t) sizeof(size_t) - 1) / (uint32_t) sizeof(size_t) +
        (cfg->stamp ? (uint32_t) (sizeof(uint64_t) / sizeof(size_t)) : 0);
    rec->shape.capacity = cfg->capacity <= AIMDB_CAPACITY_MAX ? (uint32_t) cfg->capacity : 0;
    if (cfg->buffer != AIMDB_BUFFER_SPMC_RING && cfg->buffer != AIMDB_BUFFER_NONE) {
        rec->shape.capacity = 1;
    }
    rec->shape.slot_mask = slot_mask_for(cfg);
    rec->shape.buffer = (uint8_t) cfg->buffer;
    rec->shape.one_writer = cfg->one_writer;
    rec->shape.is_stamped = cfg->stamp;
    store_relaxed(&rec->cells.whole_[0], AIMDBI_NEVER);
    store_relaxed(&rec->cells.whole_[1], AIMDBI_NEVER);
}

size_t
aimdbi_record_items(const aimdb_record *rec)
{
    if (rec->shape.buffer == AIMDB_BUFFER_NONE) {
        return 0;
    }
    return ((size_t) rec->shape.slot_mask + 1) * rec->shape.slot_words * sizeof(size_t);
}

static bool
type_is_usable(const aimdb_type *type)
{
    return type && type->name && type->call_consumer && type->call_producer && type->call_source;
}

aimdb_record *
aimdb_configure(aimdb_builder *builder, const char *key, const aimdb_type *type,
                aimdb_buffer_cfg cfg)
{
    if (!builder) {
        return NULL;
    }
    if (!key || !type_is_usable(type)) {
        aimdbi_mistake(builder, false, key ? key : "(null)",
                       key ? "has no usable type descriptor" : "has no key");
        return NULL;
    }
    size_t length = aimdbi_length(key);
    if (builder->is_built || length == 0 || length > AIMDBI_KEY_BYTES_MAX) {
        aimdbi_mistake(builder, false, key,
                       builder->is_built ? "configured after the build"
                                         : "a key has 1 to 255 bytes");
        return NULL;
    }
    size_t bytes;
    aimdb_record *rec =
        aimdbi_alloc(&builder->allocator, sizeof *rec + length + 1, AIMDBI_LINE, &bytes);
    if (!rec) {
        builder->is_out_of_memory = true;
        return NULL;
    }
    rec->bytes = (uint32_t) bytes;
    rec->builder = builder;
    __builtin_memcpy(rec->key, key, length + 1);
    describe(rec, type, &cfg);
    if (cfg.buffer > AIMDB_BUFFER_MAILBOX) {
        aimdbi_mistake(builder, false, key, "an unknown kind of buffer");
        rec->shape.buffer = AIMDB_BUFFER_NONE;
    } else if (cfg.buffer == AIMDB_BUFFER_SPMC_RING && cfg.capacity == 0) {
        aimdbi_mistake(builder, false, key, "a ring of capacity 0");
    } else if (cfg.capacity > AIMDB_CAPACITY_MAX) {
        aimdbi_mistake(builder, false, key, "an absurd capacity (the limit is 2^28 values)");
    }
    rec->index = (uint32_t) builder->record_count++;
    *(builder->last_record ? &builder->last_record->next : &builder->first_record) = rec;
    builder->last_record = rec;
    return rec;
}

bool
aimdbi_is_own(aimdb_builder *builder, const aimdb_record *record, const char *what)
{
    struct aimdbi_text text = { 0 };
    aimdbi_text_add(&text, what);
    bool is_of_a_builder = record && !is_static(record);
    if (!is_of_a_builder || record->builder != builder || builder->is_built) {
        aimdbi_text_add(&text, !record             ? " of an unregistered record"
                               : !is_of_a_builder  ? " of a static record"
                               : builder->is_built ? " after the build"
                                                   : " of another builder's record");
        aimdbi_mistake(builder, false, record ? aimdb_record_key(record) : "(null)", text.line);
        return false;
    }
    return true;
}

void
aimdb_set_producer(aimdb_builder *builder, aimdb_record *record, aimdb_fn fn, void *user)
{
    if (!builder || !aimdbi_is_own(builder, record, "producer function")) {
        return;
    }
    if (!fn) {
        aimdbi_mistake(builder, false, record->key, "its producer function is NULL");
    } else if (record->producer) {
        aimdbi_mistake(builder, false, record->key, "two producer functions");
    } else {
        record->producer = fn;
        record->producer_user = user;
    }
}
