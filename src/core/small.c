// SPDX-License-Identifier: Apache-2.0
// The public API where all records are static: of builds with AIMDB_ONE_CORE. Elsewhere record.c,
// reader.c and others send static records the same ways. Source: SPEC section 11 (static variant).
#include "figures.h"
#include "reader.h"
#include "statics.h"

aimdb_err
aimdb_produce_n(aimdb_record *record, const void *values, size_t size, size_t count)
{
    return aimdbi_static_produce_n(record, values, size, count);
}

aimdb_err
aimdb_produce(aimdb_record *record, const void *value, size_t size)
{
    return aimdbi_static_produce(record, value, size);
}

aimdb_err
aimdb_emit(aimdb_ctx *ctx, aimdb_record *record, const void *value, size_t size)
{
    return ctx ? aimdbi_static_emit(record, value, size, ctx->depth) : AIMDB_EINVAL;
}

static aimdb_err
subscribe(aimdb_record *record, aimdb_reader *reader, enum aimdbi_reader_mode mode)
{
    if (!record || !reader) {
        return AIMDB_EINVAL;
    }
    aimdbi_reader_init(reader, record, mode);
    return AIMDB_OK;
}

aimdb_err
aimdb_subscribe(aimdb_record *record, aimdb_reader *reader)
{
    return subscribe(record, reader, AIMDBI_TAKES);
}

aimdb_err
aimdb_observe(aimdb_record *record, aimdb_reader *reader)
{
    return subscribe(record, reader, AIMDBI_OBSERVES);
}

void
aimdb_unsubscribe(aimdb_reader *reader)
{
    if (reader) {
        *reader = (aimdb_reader){ 0 };
    }
}

static aimdb_err
check_reader(const aimdb_reader *reader, const void *out, size_t size)
{
    if (!reader || !reader->record_ || !out) {
        return AIMDB_EINVAL;
    }
    return size == reader->record_->shape.size ? AIMDB_OK : AIMDB_ETYPE;
}

aimdb_err
aimdb_try_recv(aimdb_reader *reader, void *out, size_t size)
{
    aimdb_err err = check_reader(reader, out, size);
    return err == AIMDB_OK ? aimdbi_try_pull(reader, out) : err;
}

size_t
aimdb_drain(aimdb_reader *reader, void *values, size_t size, size_t max, uint64_t *missed)
{
    aimdb_err err = check_reader(reader, values, size);
    return err == AIMDB_OK ? aimdbi_drain(reader, values, max, missed) : 0;
}

aimdb_err
aimdb_peek(aimdb_record *record, void *out, size_t size)
{
    if (!record || !out) {
        return AIMDB_EINVAL;
    }
    return size == record->shape.size ? aimdbi_peek(record, out) : AIMDB_ETYPE;
}

const char *
aimdb_record_key(const aimdb_record *record)
{
    return record ? static_record(record)->key : NULL;
}

const aimdb_type *
aimdb_record_type(const aimdb_record *record)
{
    return record ? static_record(record)->type : NULL;
}

aimdb_buffer
aimdb_record_buffer(const aimdb_record *record)
{
    return record ? (aimdb_buffer) record->shape.buffer : AIMDB_BUFFER_NONE;
}

aimdb_err
aimdb_record_metrics(aimdb_record *record, aimdb_record_stats *stats)
{
    if (!record || !stats) {
        return AIMDB_EINVAL;
    }
    aimdb_record_stats now;
    aimdbi_record_figures(record, &now);
    return aimdbi_hand_out(stats, &now, sizeof now);
}

aimdb_err
aimdb_reader_metrics(const aimdb_reader *reader, aimdb_reader_stats *stats)
{
    if (!reader || !reader->record_ || !stats) {
        return AIMDB_EINVAL;
    }
    aimdb_reader_stats now;
    aimdbi_reader_figures(reader, &now);
    return aimdbi_hand_out(stats, &now, sizeof now);
}

aimdb_err
aimdb_task_metrics(aimdb_task *task, aimdb_task_stats *stats)
{
    if (!task || !stats) {
        return AIMDB_EINVAL;
    }
    aimdb_task_stats now = { 0 };
    aimdbi_static_figures(task, &now);
    return aimdbi_hand_out(stats, &now, sizeof now);
}

const char *
aimdb_task_name(const aimdb_task *task)
{
    return task ? static_task(task)->name : NULL;
}

bool
aimdb_task_is_source(const aimdb_task *task)
{
    return task && static_task(task)->clock;
}

// --- what callbacks may ask ----------------------------------------------------------------------

void *
aimdb_user(const aimdb_ctx *ctx)
{
    return ctx ? ctx->user : NULL;
}

aimdb_time
aimdb_now(const aimdb_ctx *ctx)
{
    return ctx && ctx->static_task ? ctx->now : aimdbp_clock();
}

aimdb_time
aimdb_every(aimdb_ctx *ctx, aimdb_time period)
{
    return ctx ? aimdbi_static_every(ctx, period) : AIMDB_FOREVER;
}

uint64_t
aimdb_missed(const aimdb_ctx *ctx)
{
    return ctx ? ctx->missed : 0;
}

aimdb_token
aimdb_defer(aimdb_ctx *ctx)
{
    return ctx ? aimdbi_static_defer(ctx) : (aimdb_token){ 0 };
}

aimdb_err
aimdb_done(aimdb_token token, aimdb_err err)
{
    return token.task_ ? aimdbi_static_done(token, err) : AIMDB_EINVAL;
}
