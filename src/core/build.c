// SPDX-License-Identifier: Apache-2.0
// From a description to a running database. Everything is checked, then all memory is taken, then
// the executor's threads; each step can fail, and undoes what went before [B1, B3].
#include "builder.h"
#include "executor.h"
#include "latency.h"
#include "reader.h"

size_t
aimdbi_edge_slots(const aimdb_builder *builder)
{
    size_t wanted =
        2 * builder->declaration_count + builder->record_count + builder->task_count + 2;
    size_t slots = 4;
    while (slots < wanted) {
        slots *= 2;
    }
    return slots;
}

void
aimdbi_builder_footprint(const aimdb_builder *builder, aimdb_memory_stats *ret, size_t *ret_block)
{
    size_t pointers = 2 * builder->record_count + builder->task_count;
    size_t block =
        sizeof(aimdb) + pointers * sizeof(void *) + aimdbi_edge_slots(builder) * sizeof(aimdb_word);
    *ret_block = (block + AIMDBI_LINE - 1) & ~(size_t) (AIMDBI_LINE - 1);
    for (const aimdb_record *rec = builder->first_record; rec; rec = rec->next) {
        ret->items += aimdbi_record_items(rec);
        ret->records += rec->bytes;
    }
    for (const aimdb_task *task = builder->first_task; task; task = task->next_ready) {
        ret->tasks += aimdbi_task_bytes(task);
    }
    ret->total = *ret_block + ret->items + ret->records + ret->tasks;
}

aimdb_err
aimdb_builder_memory(const aimdb_builder *builder, aimdb_memory_stats *stats)
{
    if (!builder || !stats) {
        return AIMDB_EINVAL;
    }
    aimdb db = { .memory = { .size = sizeof db.memory } };
    size_t block;
    aimdbi_builder_footprint(builder, &db.memory, &block);
    return aimdb_memory(&db, stats);
}

static void
forget_build_mistakes(aimdb_builder *builder)
{
    struct aimdbi_mistake **at = &builder->mistakes;
    while (*at) {
        struct aimdbi_mistake *mistake = *at;
        if (mistake->of_build) {
            *at = mistake->next;
            aimdbi_release(&builder->allocator, mistake, mistake->bytes);
        } else {
            at = &mistake->next;
        }
    }
}

// --- memory --------------------------------------------------------------------------------------

static aimdb *
new_db(aimdb_builder *builder)
{
    aimdb_memory_stats memory = { .size = sizeof memory };
    size_t block;
    aimdbi_builder_footprint(builder, &memory, &block);
    size_t bytes;
    aimdb *db = aimdbi_alloc(&builder->allocator, block, AIMDBI_LINE, &bytes);
    if (!db) {
        return NULL;
    }
    db->bytes = bytes;
    db->memory = memory;
    db->allocator = builder->allocator;
    db->executor = builder->executor;
    db->log = builder->log;
    db->log_user = builder->log_user;
    db->asymmetric = aimdbp_fence_is_asymmetric();
    db->records = (aimdb_record **) (db + 1);
    db->by_key = db->records + builder->record_count;
    db->tasks = (aimdb_task **) (db->by_key + builder->record_count);
    db->edges = (aimdb_word *) (db->tasks + builder->task_count);
    db->edge_mask = aimdbi_edge_slots(builder) - 1;
    db->record_count = builder->record_count;
    db->task_count = builder->task_count;
    store_relaxed(&db->refs_, 1); // relaxed: not shared yet
    size_t i = 0;
    for (aimdb_record *rec = builder->first_record; rec; rec = rec->next) {
        db->by_key[i] = rec;
        db->records[i++] = rec;
    }
    for (aimdb_task *task = builder->first_task; task; task = task->next_ready) {
        db->tasks[task->index] = task;
    }
    aimdbi_sort_by_key(db->by_key, db->record_count);
    return db;
}

static void
release_items(aimdb *db)
{
    for (size_t i = 0; i < db->record_count; i++) {
        aimdbi_release(&db->allocator, db->records[i]->shape.slots,
                       aimdbi_record_items(db->records[i]));
        db->records[i]->shape.slots = NULL;
    }
    for (size_t i = 0; i < db->task_count; i++) {
        aimdbi_release(&db->allocator, db->tasks[i]->latency, sizeof(struct aimdbi_latency));
        db->tasks[i]->latency = NULL;
    }
}

static aimdb_err
alloc_items(aimdb *db)
{
    for (size_t i = 0; i < db->record_count; i++) {
        aimdb_record *rec = db->records[i];
        size_t bytes = aimdbi_record_items(rec);
        // Not cleared: a slot is never read before it was written, and untouched pages stay free.
        rec->shape.slots =
            bytes ? db->allocator.alloc(db->allocator.user, bytes, 2 * sizeof(size_t)) : NULL;
        if (bytes && !rec->shape.slots) {
            return AIMDB_ENOMEM;
        }
    }
    for (size_t i = 0; i < db->task_count; i++) {
        aimdb_task *task = db->tasks[i];
        size_t bytes;
        if (!task_is_stamped(task)) {
            continue;
        }
        task->latency =
            aimdbi_alloc(&db->allocator, sizeof(struct aimdbi_latency), sizeof(size_t), &bytes);
        if (!task->latency) {
            return AIMDB_ENOMEM;
        }
    }
    return AIMDB_OK;
}

void
aimdbi_db_retain(aimdb *db)
{
    (void) fetch_add_relaxed(&db->refs_, 1); // relaxed: the caller has a reference already
}

void
aimdbi_db_release(aimdb *db)
{
    if (fetch_sub_acq_rel(&db->refs_, 1) != 1) {
        return;
    }
    release_items(db);
    aimdb_allocator allocator = db->allocator;
    aimdb_executor *executor = db->executor;
    for (size_t i = 0; i < db->task_count; i++) {
        aimdbi_release(&allocator, db->tasks[i], db->tasks[i]->bytes);
    }
    for (size_t i = 0; i < db->record_count; i++) {
        aimdbi_release(&allocator, db->records[i], db->records[i]->bytes);
    }
    aimdbi_release(&allocator, db, db->bytes);
    aimdbi_executor_release(executor);
}

// --- starting ------------------------------------------------------------------------------------

static aimdb_err
open_executor(aimdb_builder *builder, aimdb *db)
{
    char why[160] = "";
    aimdb_err err = db->executor->ops->open(db->executor, db, why, sizeof why);
    if (err != AIMDB_OK) {
        struct aimdbi_text text = { 0 };
        aimdbi_text_add(&text, "executor: ");
        aimdbi_text_add(&text, why);
        aimdbi_mistake(builder, true, NULL, text.line);
    }
    return err;
}

static void
connect_records(aimdb_builder *builder, aimdb *db)
{
    for (size_t i = 0; i < db->record_count; i++) {
        db->records[i]->shape.asymmetric = db->asymmetric;
        db->records[i]->builder = NULL;
        db->records[i]->next = NULL;
        store_relaxed(&db->records[i]->watchers_, 0); // relaxed, all here: not shared yet
        db->records[i]->db = db;
    }
    builder->first_record = builder->last_record = NULL;
    builder->first_task = builder->last_task = NULL;
    for (size_t i = 0; i < db->task_count; i++) {
        aimdb_task *task = db->tasks[i];
        task->next_ready = NULL;
        for (size_t k = 0; k < task->input_count && !task->is_source; k++) {
            aimdb_reader *reader = &task->inputs[k].reader;
            aimdbi_reader_init(reader, reader->record_, AIMDBI_TAKES);
            store_relaxed(&task->inputs[k].finished_, load_relaxed(&reader->cursor_));
        }
    }
    for (const struct aimdbi_declaration *d = builder->declarations; d; d = d->next) {
        aimdbi_edge_declare(db, d->task, d->to);
    }
}

// Starts the dispatchers in the order of registration [B2], then the sources. Dispatchers begin
// ready: they find nothing, and park.
static void
start(aimdb *db)
{
    aimdb_executor *executor = db->executor;
    for (size_t i = 0; i < db->task_count; i++) {
        aimdb_task *task = db->tasks[i];
        if (task->is_source) {
            task->due = executor->ops->clock(executor);
        } else {
            store_release(&task->state_, AIMDBI_QUEUED);
            executor->ops->ready(executor, task);
        }
    }
    executor->ops->start(executor, db);
}

static aimdb_err
check_all(aimdb_builder *builder, const aimdb *db)
{
    forget_build_mistakes(builder);
    bool is_incomplete = builder->is_out_of_memory; // something was not registered: for good
    builder->is_out_of_memory = false;
    aimdbi_check(builder, db->by_key);
    bool is_untold = builder->is_out_of_memory; // a mistake could not be noted: this time
    builder->is_out_of_memory = is_incomplete;
    if (is_incomplete || is_untold) {
        return AIMDB_ENOMEM;
    }
    return builder->mistakes ? AIMDB_ECONFIG : AIMDB_OK;
}

static aimdb_err
complete(aimdb_builder *builder, aimdb *db)
{
    aimdb_err err = check_all(builder, db);
    if (err == AIMDB_OK) {
        err = alloc_items(db);
    }
    if (err == AIMDB_OK) {
        err = open_executor(builder, db);
    }
    if (err != AIMDB_OK) {
        release_items(db);
        aimdbi_release(&builder->allocator, db, db->bytes);
    }
    return err;
}

aimdb_err
aimdb_build(aimdb_builder *builder, aimdb **ret_db)
{
    if (!builder || !ret_db) {
        return AIMDB_EINVAL;
    }
    if (builder->is_built) {
        return AIMDB_EBUSY;
    }
    bool is_incomplete = builder->is_out_of_memory;
    aimdb *db = new_db(builder);
    aimdb_err err = db ? complete(builder, db) : AIMDB_ENOMEM;
    if (err != AIMDB_OK) {
        if (builder->is_out_of_memory && !is_incomplete) {
            err = AIMDB_ENOMEM; // the executor's reason could not be noted
        }
        if (err == AIMDB_ENOMEM) {
            aimdbi_mistake(builder, true, NULL, "out of memory");
        }
        builder->is_out_of_memory = is_incomplete; // what could not be noted was of this build
        return err;
    }
    builder->is_built = true;
    (void) fetch_add_relaxed(&db->executor->refs_, 1); // relaxed: the caller holds one
    connect_records(builder, db);
    aimdbp_fork_watch(&db->fork_watch, &db->gate_, AIMDBI_GATE_FORKED);
    *ret_db = db;
    start(db);
    return AIMDB_OK;
}
