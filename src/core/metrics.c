// SPDX-License-Identifier: Apache-2.0
// Reading counters. Loads only; nothing that runs is disturbed. Source: SPEC section 10.
#include "executor.h"
#include "figures.h"
#include "latency.h"
#include "reader.h"
#include "statics.h"

// Loops that wait for a figure are steps of a simulation as well.
static void
look(const aimdb_record *rec)
{
    if (!is_static(rec) && rec->db) {
        aimdbi_step(rec->db, false);
    }
}

aimdb_err
aimdb_record_metrics(aimdb_record *record, aimdb_record_stats *stats)
{
    if (!record || !stats) {
        return AIMDB_EINVAL;
    }
    look(record);
    aimdb_record_stats now;
    aimdbi_record_figures(record, &now);
    if (!is_static(record)) {
        now.last_at = (aimdb_time) load_relaxed(&record->stamped.last_at_);
        now.readers = (uint32_t) load_relaxed(&record->readers_);
        now.consumers = record->consumers;
    }
    return aimdbi_hand_out(stats, &now, sizeof now);
}

aimdb_err
aimdb_task_metrics(aimdb_task *task, aimdb_task_stats *stats)
{
    if (!task || !stats) {
        return AIMDB_EINVAL;
    }
    aimdb_task_stats now = { 0 };
    if (task_is_static(task)) {
        aimdbi_static_figures(task, &now);
        return aimdbi_hand_out(stats, &now, sizeof now);
    }
    look(task_record(task));
    for (size_t i = 0; i < task->input_count; i++) {
        const aimdb_reader *reader = &task->inputs[i].reader;
        now.received += load_relaxed(&reader->received_);
        if (!task->is_source) {
            now.missed += load_relaxed(&reader->missed_);
            now.skipped += aimdbi_skipped(reader);
            now.lags += load_relaxed(&reader->lags_);
            now.pending += aimdbi_reader_pending(reader);
        }
    }
    if (task->is_source) {
        now.overruns = load_relaxed(&task->overruns_);
    } else {
        now.errors = load_relaxed(&task->errors_);
    }
    if (task->latency) {
        now.latency_p50 = aimdbi_latency_percentile(task->latency, 50);
        now.latency_p99 = aimdbi_latency_percentile(task->latency, 99);
        now.latency_max = (aimdb_time) load_relaxed(&task->latency->max_);
    }
    return aimdbi_hand_out(stats, &now, sizeof now);
}

static aimdb_err
hand_out_reader(const aimdb_reader *reader, aimdb_reader_stats *stats)
{
    look(reader->record_);
    aimdb_reader_stats now;
    aimdbi_reader_figures(reader, &now);
    return aimdbi_hand_out(stats, &now, sizeof now);
}

aimdb_err
aimdb_reader_metrics(const aimdb_reader *reader, aimdb_reader_stats *stats)
{
    if (!reader || !reader->record_ || !stats) {
        return AIMDB_EINVAL;
    }
    return hand_out_reader(reader, stats);
}

size_t
aimdb_task_input_count(const aimdb_task *task)
{
    return task && !task_is_static(task) && !task->is_source ? task->input_count : 0;
}

aimdb_record *
aimdb_task_input_record(const aimdb_task *task, size_t index)
{
    return index < aimdb_task_input_count(task) ? task->inputs[index].reader.record_ : NULL;
}

aimdb_err
aimdb_task_input_metrics(aimdb_task *task, size_t index, aimdb_reader_stats *stats)
{
    if (index >= aimdb_task_input_count(task) || !stats) {
        return AIMDB_EINVAL;
    }
    return hand_out_reader(&task->inputs[index].reader, stats);
}

aimdb_err
aimdb_memory(const aimdb *db, aimdb_memory_stats *stats)
{
    if (!db || !stats) {
        return AIMDB_EINVAL;
    }
    return aimdbi_hand_out(stats, &db->memory, sizeof db->memory);
}

aimdb_err
aimdb_record_memory(const aimdb_record *record, aimdb_memory_stats *stats)
{
    if (!record || !stats) {
        return AIMDB_EINVAL;
    }
    if (is_static(record)) {
        return AIMDB_ENOTSUP; // it is the program's
    }
    aimdb_memory_stats now = { .items = aimdbi_record_items(record), .records = record->bytes };
    for (const struct aimdbi_input *input = record->inputs; input; input = input->next) {
        bool is_first = input == input->task->inputs; // a task's memory counts once
        now.tasks += is_first ? aimdbi_task_bytes(input->task) : 0;
    }
    now.total = now.items + now.records + now.tasks;
    return aimdbi_hand_out(stats, &now, sizeof now);
}

size_t
aimdb_record_count(const aimdb *db)
{
    return db ? db->record_count : 0;
}

aimdb_record *
aimdb_record_at(const aimdb *db, size_t index)
{
    return db && index < db->record_count ? db->records[index] : NULL;
}

aimdb_task *
aimdb_record_task(const aimdb_record *record, size_t index)
{
    const struct aimdbi_input *input = record && !is_static(record) ? record->inputs : NULL;
    for (; input && index > 0; index--) {
        input = input->next;
    }
    return input ? input->task : NULL;
}

const char *
aimdb_task_name(const aimdb_task *task)
{
    if (task && task_is_static(task)) {
        return static_task(task)->name;
    }
    return task ? task_name(task) : NULL;
}

bool
aimdb_task_is_source(const aimdb_task *task)
{
    if (task && task_is_static(task)) {
        return static_task(task)->clock != NULL;
    }
    return task && task->is_source;
}
