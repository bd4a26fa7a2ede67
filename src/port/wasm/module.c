// SPDX-License-Identifier: Apache-2.0
// What a module exports: its database, described so that JavaScript needs to know no C type of it.
//
// JavaScript sees numbers. Records, tasks and readers are addresses that it only hands back; texts are
// addresses of bytes that end with a zero. Values go through the room, one after another; counters
// through the figures, 64 bits each in the order that the functions name. Both are overwritten by the
// next call.
//
// AIMDB_WASM_DATABASE is the name that AIMDB_STATIC_DB has in the program. The other numbers may be
// set, too.
#include <aimdb/static.h>

#ifndef AIMDB_WASM_DATABASE
#define AIMDB_WASM_DATABASE db
#endif
#ifndef AIMDB_WASM_ROOM
#define AIMDB_WASM_ROOM 4096 // bytes; of the largest value at least
#endif
#ifndef AIMDB_WASM_READERS
#define AIMDB_WASM_READERS 16 // that JavaScript may have at a time
#endif

enum { INTERFACE = 1 }; // what aimdb.mjs expects

// Everything else is hidden (-fvisibility=hidden, --export-dynamic).
#define EXPORT __attribute__((visibility("default")))

extern const aimdb_static AIMDB_WASM_DATABASE;

static _Alignas(16) unsigned char room[AIMDB_WASM_ROOM];
static uint64_t figures[8];
static aimdb_reader readers[AIMDB_WASM_READERS]; // record_ is NULL: free

EXPORT uint32_t
module_interface(void)
{
    return INTERFACE;
}

EXPORT void *
module_room(void)
{
    return room;
}

EXPORT size_t
module_room_size(void)
{
    return sizeof room;
}

EXPORT void *
module_figures(void)
{
    return figures;
}

EXPORT aimdb_time
module_poll(void)
{
    return aimdb_poll(&AIMDB_WASM_DATABASE, aimdb_clock());
}

EXPORT const char *
module_err_name(aimdb_err err)
{
    return aimdb_err_name(err);
}

EXPORT const char *
module_err_text(aimdb_err err)
{
    return aimdb_err_text(err);
}

// --- records --------------------------------------------------------------------------------------

// NULL past the last one.
EXPORT aimdb_record *
module_record(size_t index)
{
    for (size_t i = 0; i < AIMDB_WASM_DATABASE.count_; i++) {
        const struct aimdbi_static_part *part = AIMDB_WASM_DATABASE.parts_[i];
        if (!part->task && index-- == 0) {
            return (aimdb_record *) (void *) (uintptr_t) part->record;
        }
    }
    return NULL;
}

EXPORT const char *
module_record_key(const aimdb_record *record)
{
    return aimdb_record_key(record);
}

EXPORT const char *
module_record_type(const aimdb_record *record)
{
    return aimdb_record_type(record)->name;
}

EXPORT aimdb_buffer
module_record_buffer(const aimdb_record *record)
{
    return aimdb_record_buffer(record);
}

EXPORT size_t
module_record_size(const aimdb_record *record)
{
    return aimdb_record_type(record)->value_size;
}

// capacity, produced, refused, overwritten
EXPORT void
module_record_metrics(aimdb_record *record)
{
    aimdb_record_stats stats = { .size = sizeof stats };
    (void) aimdb_record_metrics(record, &stats);
    figures[0] = stats.capacity;
    figures[1] = stats.produced;
    figures[2] = stats.refused;
    figures[3] = stats.overwritten;
}

EXPORT size_t
module_field_count(const aimdb_record *record)
{
    return aimdb_record_type(record)->field_count;
}

EXPORT const char *
module_field_name(const aimdb_record *record, size_t index)
{
    return aimdb_record_type(record)->fields[index].name;
}

EXPORT const char *
module_field_unit(const aimdb_record *record, size_t index)
{
    return aimdb_record_type(record)->fields[index].unit;
}

EXPORT aimdb_kind
module_field_kind(const aimdb_record *record, size_t index)
{
    return aimdb_record_type(record)->fields[index].kind;
}

EXPORT size_t
module_field_offset(const aimdb_record *record, size_t index)
{
    return aimdb_record_type(record)->fields[index].offset;
}

static size_t
count_that_fits(const aimdb_record *record)
{
    return sizeof room / module_record_size(record);
}

// `count` values that are in the room.
EXPORT aimdb_err
module_produce(aimdb_record *record, size_t count)
{
    if (count > count_that_fits(record)) {
        return AIMDB_EINVAL;
    }
    return aimdb_produce_n(record, room, module_record_size(record), count);
}

EXPORT aimdb_err
module_peek(aimdb_record *record)
{
    if (count_that_fits(record) == 0) {
        return AIMDB_EINVAL;
    }
    return aimdb_peek(record, room, module_record_size(record));
}

// --- tasks ----------------------------------------------------------------------------------------

// NULL past the last one.
EXPORT aimdb_task *
module_task(size_t index)
{
    for (size_t i = 0; i < AIMDB_WASM_DATABASE.count_; i++) {
        const struct aimdbi_static_part *part = AIMDB_WASM_DATABASE.parts_[i];
        if (part->task && index-- == 0) {
            return (aimdb_task *) (void *) (uintptr_t) part->task;
        }
    }
    return NULL;
}

EXPORT const char *
module_task_name(const aimdb_task *task)
{
    return aimdb_task_name(task);
}

EXPORT bool
module_task_is_source(const aimdb_task *task)
{
    return aimdb_task_is_source(task);
}

EXPORT const void *
module_task_record(const struct aimdbi_static_task *task)
{
    return task->record;
}

// received, missed, skipped, lags, errors, pending, overruns
EXPORT void
module_task_metrics(aimdb_task *task)
{
    aimdb_task_stats stats = { .size = sizeof stats };
    (void) aimdb_task_metrics(task, &stats);
    figures[0] = stats.received;
    figures[1] = stats.missed;
    figures[2] = stats.skipped;
    figures[3] = stats.lags;
    figures[4] = stats.errors;
    figures[5] = stats.pending;
    figures[6] = stats.overruns;
}

// --- readers --------------------------------------------------------------------------------------

// NULL when all are in use, or a value does not fit the room.
EXPORT aimdb_reader *
module_subscribe(aimdb_record *record, bool observes)
{
    for (size_t i = 0; i < AIMDB_WASM_READERS && count_that_fits(record) > 0; i++) {
        aimdb_reader *reader = &readers[i];
        if (!reader->record_) {
            aimdb_err err =
                observes ? aimdb_observe(record, reader) : aimdb_subscribe(record, reader);
            return err == AIMDB_OK ? reader : NULL;
        }
    }
    return NULL;
}

EXPORT void
module_unsubscribe(aimdb_reader *reader)
{
    aimdb_unsubscribe(reader);
}

EXPORT aimdb_err
module_try_recv(aimdb_reader *reader)
{
    aimdb_err err = aimdb_try_recv(reader, room, module_record_size(reader->record_));
    if (err == AIMDB_ELAGGED) {
        figures[0] = aimdb_missed_by(reader);
    }
    return err;
}

// Up to `max` values to the room, and how many were missed before the first one.
EXPORT size_t
module_drain(aimdb_reader *reader, size_t max)
{
    size_t fits = count_that_fits(reader->record_);
    return aimdb_drain(reader, room, module_record_size(reader->record_), max < fits ? max : fits,
                       &figures[0]);
}

// received, missed, skipped, lags, pending
EXPORT void
module_reader_metrics(const aimdb_reader *reader)
{
    aimdb_reader_stats stats = { .size = sizeof stats };
    (void) aimdb_reader_metrics(reader, &stats);
    figures[0] = stats.received;
    figures[1] = stats.missed;
    figures[2] = stats.skipped;
    figures[3] = stats.lags;
    figures[4] = stats.pending;
}
