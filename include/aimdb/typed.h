// SPDX-License-Identifier: Apache-2.0
// Record types: one line makes a C type fit for records, with functions that accept nothing else.
//
//     struct alert { int code; };
//     AIMDB_RECORD_TYPE(alert, struct alert);
//
//     #define TEMPERATURE(F, S)           a list of fields: F(S, kind, name, "unit")
//         F(S, f32, celsius, "degC")      kinds: bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64
//         F(S, i64, at,      "ns")
//     AIMDB_SCHEMA(temperature, TEMPERATURE);    struct temperature, its field table, its record type
//
// Both may stand in a header that many files include. NAME below is the first argument, T the C type
// (struct NAME with a schema). Each function is a one-line wrapper of the untyped one behind it.
//
//   NAME_value                                    T
//   NAME_record                                   handle of a record; .raw is the untyped one
//   NAME_reader                                   a reader, memory of the caller; .raw is the untyped
//   aimdb_err NAME_producer_fn(aimdb_ctx *, T *)               type of a producer function
//   aimdb_err NAME_consumer_fn(aimdb_ctx *, const T *)         type of a consumer
//   aimdb_time NAME_source_fn(aimdb_ctx *, NAME_record)        type of a source
//   NAME_configure(b, key, cfg)                   aimdb_configure
//   NAME_set_producer(b, record, fn, user)        aimdb_set_producer
//   NAME_add_source(b, record, fn, user)          aimdb_add_source
//   NAME_add_source_with(b, record, fn, user, &options)
//   NAME_add_consumer(b, record, fn, user)        aimdb_add_consumer
//   NAME_add_consumer_with(b, record, fn, user, &options)
//   NAME_emitted_by(b, record, task)              aimdb_emitted_by
//   NAME_produce(record, &value)                  aimdb_produce
//   NAME_produce_n(record, values, n)             aimdb_produce_n
//   NAME_produce_wait(record, &value, deadline)   aimdb_produce_wait
//   NAME_emit(ctx, record, &value)                aimdb_emit
//   NAME_subscribe(record, &reader)               aimdb_subscribe
//   NAME_observe(record, &reader)                 aimdb_observe
//   NAME_unsubscribe(&reader)                     aimdb_unsubscribe
//   NAME_recv(&reader, &value, deadline)          aimdb_recv
//   NAME_try_recv(&reader, &value)                aimdb_try_recv
//   NAME_drain(&reader, values, max, &missed)     aimdb_drain
//   NAME_missed(&reader)                          aimdb_missed_by
//   NAME_peek(record, &value)                     aimdb_peek
//   NAME_joined(ctx, value)                       aimdb_joined
//   NAME_find(db, key, &record)                   aimdb_find
//   NAME_type()                                   the aimdb_type descriptor
//
//     AIMDB_TRANSFORM(to_fahrenheit, celsius, fahrenheit);     one record type derived from another
//
//   bool NAME_transform_fn(aimdb_ctx *, const IN's T *, OUT's T *)   type of its function
//   NAME_add_transform(b, in, out, fn, user)      aimdb_add_transform
#ifndef AIMDB_TYPED_H
#define AIMDB_TYPED_H

#include <aimdb/builder.h>
#include <aimdb/context.h>
#include <aimdb/record.h>

// Every type makes all of its functions; most programs use a few.
#define AIMDB_UNUSED_ __attribute__((unused))
#define AIMDB_INLINE_ AIMDB_UNUSED_ static inline

// Handles and callback types of one record type.
#define AIMDB_TYPED_NAMES_(NAME, T)                                                                \
    typedef T NAME##_value;                                                                        \
    typedef struct NAME##_record {                                                                 \
        aimdb_record *raw;                                                                         \
    } NAME##_record;                                                                               \
    typedef struct NAME##_reader {                                                                 \
        aimdb_reader raw;                                                                          \
    } NAME##_reader;                                                                               \
    typedef aimdb_err NAME##_producer_fn(aimdb_ctx *ctx, T *value);                                \
    typedef aimdb_err NAME##_consumer_fn(aimdb_ctx *ctx, const T *value);                          \
    typedef aimdb_time NAME##_source_fn(aimdb_ctx *ctx, NAME##_record out);

// The descriptor, and the functions that give a callback its own type back before calling it.
#define AIMDB_TYPED_DESCRIPTOR_(NAME, T, FIELDS, FIELD_COUNT)                                      \
    AIMDB_INLINE_ aimdb_err NAME##_call_producer_(aimdb_ctx *ctx, aimdb_fn fn, void *value)        \
    {                                                                                              \
        return ((NAME##_producer_fn *) fn)(ctx, (T *) value);                                      \
    }                                                                                              \
    AIMDB_INLINE_ aimdb_err NAME##_call_consumer_(aimdb_ctx *ctx, aimdb_fn fn, const void *value)  \
    {                                                                                              \
        return ((NAME##_consumer_fn *) fn)(ctx, (const T *) value);                                \
    }                                                                                              \
    AIMDB_INLINE_ aimdb_time NAME##_call_source_(aimdb_ctx *ctx, aimdb_fn fn, aimdb_record *out)   \
    {                                                                                              \
        NAME##_record record_ = { out };                                                           \
        return ((NAME##_source_fn *) fn)(ctx, record_);                                            \
    }                                                                                              \
    AIMDB_UNUSED_ static const aimdb_type NAME##_type_ = { sizeof(aimdb_type),                     \
                                                           #NAME,                                  \
                                                           sizeof(T),                              \
                                                           AIMDB_ALIGNOF(T),                       \
                                                           NAME##_call_producer_,                  \
                                                           NAME##_call_consumer_,                  \
                                                           NAME##_call_source_,                    \
                                                           FIELDS,                                 \
                                                           FIELD_COUNT };                          \
    AIMDB_INLINE_ const aimdb_type *NAME##_type(void)                                              \
    {                                                                                              \
        return &NAME##_type_;                                                                      \
    }

// Building.
#define AIMDB_TYPED_BUILDING_(NAME, T)                                                             \
    AIMDB_INLINE_ NAME##_record NAME##_configure(aimdb_builder *b, const char *key,                \
                                                 aimdb_buffer_cfg cfg)                             \
    {                                                                                              \
        NAME##_record record_ = { aimdb_configure(b, key, NAME##_type(), cfg) };                   \
        return record_;                                                                            \
    }                                                                                              \
    AIMDB_INLINE_ void NAME##_set_producer(aimdb_builder *b, NAME##_record record,                 \
                                           NAME##_producer_fn *fn, void *user)                     \
    {                                                                                              \
        aimdb_set_producer(b, record.raw, (aimdb_fn) fn, user);                                    \
    }                                                                                              \
    AIMDB_INLINE_ aimdb_task *NAME##_add_source(aimdb_builder *b, NAME##_record record,            \
                                                NAME##_source_fn *fn, void *user)                  \
    {                                                                                              \
        return aimdb_add_source(b, record.raw, (aimdb_fn) fn, user);                               \
    }                                                                                              \
    AIMDB_INLINE_ aimdb_task *NAME##_add_source_with(aimdb_builder *b, NAME##_record record,       \
                                                     NAME##_source_fn *fn, void *user,             \
                                                     const aimdb_source_options *options)          \
    {                                                                                              \
        return aimdb_add_source_with(b, record.raw, (aimdb_fn) fn, user, options);                 \
    }                                                                                              \
    AIMDB_INLINE_ aimdb_task *NAME##_add_consumer_with(aimdb_builder *b, NAME##_record record,     \
                                                       NAME##_consumer_fn *fn, void *user,         \
                                                       const aimdb_consumer_options *options)      \
    {                                                                                              \
        return aimdb_add_consumer(b, record.raw, (aimdb_fn) fn, user, options);                    \
    }                                                                                              \
    AIMDB_INLINE_ aimdb_task *NAME##_add_consumer(aimdb_builder *b, NAME##_record record,          \
                                                  NAME##_consumer_fn *fn, void *user)              \
    {                                                                                              \
        return aimdb_add_consumer(b, record.raw, (aimdb_fn) fn, user, NULL);                       \
    }                                                                                              \
    AIMDB_INLINE_ const T *NAME##_joined(const aimdb_ctx *ctx, const void *value)                  \
    {                                                                                              \
        return (const T *) aimdb_joined(ctx, value, NAME##_type());                                \
    }                                                                                              \
    AIMDB_INLINE_ void NAME##_emitted_by(aimdb_builder *b, NAME##_record record, aimdb_task *task) \
    {                                                                                              \
        aimdb_emitted_by(b, record.raw, task);                                                     \
    }                                                                                              \
    AIMDB_INLINE_ AIMDB_MUST_CHECK aimdb_err NAME##_find(const aimdb *db, const char *key,         \
                                                         NAME##_record *ret_record)                \
    {                                                                                              \
        return aimdb_find(db, key, NAME##_type(), ret_record ? &ret_record->raw : NULL);           \
    }

// Writing and reading.
#define AIMDB_TYPED_MOVING_(NAME, T)                                                               \
    AIMDB_INLINE_ aimdb_err NAME##_produce(NAME##_record record, const T *value)                   \
    {                                                                                              \
        return aimdb_produce(record.raw, value, sizeof(T));                                        \
    }                                                                                              \
    AIMDB_INLINE_ aimdb_err NAME##_produce_n(NAME##_record record, const T *values, size_t n)      \
    {                                                                                              \
        return aimdb_produce_n(record.raw, values, sizeof(T), n);                                  \
    }                                                                                              \
    AIMDB_INLINE_ AIMDB_MUST_CHECK aimdb_err NAME##_produce_wait(                                  \
        NAME##_record record, const T *value, aimdb_time deadline)                                 \
    {                                                                                              \
        return aimdb_produce_wait(record.raw, value, sizeof(T), deadline);                         \
    }                                                                                              \
    AIMDB_INLINE_ aimdb_err NAME##_emit(aimdb_ctx *ctx, NAME##_record record, const T *value)      \
    {                                                                                              \
        return aimdb_emit(ctx, record.raw, value, sizeof(T));                                      \
    }                                                                                              \
    AIMDB_INLINE_ aimdb_err NAME##_subscribe(NAME##_record record, NAME##_reader *reader)          \
    {                                                                                              \
        return aimdb_subscribe(record.raw, reader ? &reader->raw : NULL);                          \
    }                                                                                              \
    AIMDB_INLINE_ aimdb_err NAME##_observe(NAME##_record record, NAME##_reader *reader)            \
    {                                                                                              \
        return aimdb_observe(record.raw, reader ? &reader->raw : NULL);                            \
    }                                                                                              \
    AIMDB_INLINE_ void NAME##_unsubscribe(NAME##_reader *reader)                                   \
    {                                                                                              \
        aimdb_unsubscribe(reader ? &reader->raw : NULL);                                           \
    }                                                                                              \
    AIMDB_INLINE_ AIMDB_MUST_CHECK aimdb_err NAME##_try_recv(NAME##_reader *reader, T *out)        \
    {                                                                                              \
        return aimdb_try_recv(reader ? &reader->raw : NULL, out, sizeof(T));                       \
    }                                                                                              \
    AIMDB_INLINE_ AIMDB_MUST_CHECK aimdb_err NAME##_recv(NAME##_reader *reader, T *out,            \
                                                         aimdb_time deadline)                      \
    {                                                                                              \
        return aimdb_recv(reader ? &reader->raw : NULL, out, sizeof(T), deadline);                 \
    }                                                                                              \
    AIMDB_INLINE_ size_t NAME##_drain(NAME##_reader *reader, T *values, size_t max,                \
                                      uint64_t *missed)                                            \
    {                                                                                              \
        return aimdb_drain(reader ? &reader->raw : NULL, values, sizeof(T), max, missed);          \
    }                                                                                              \
    AIMDB_INLINE_ uint64_t NAME##_missed(const NAME##_reader *reader)                              \
    {                                                                                              \
        return aimdb_missed_by(reader ? &reader->raw : NULL);                                      \
    }                                                                                              \
    AIMDB_INLINE_ AIMDB_MUST_CHECK aimdb_err NAME##_peek(NAME##_record record, T *out)             \
    {                                                                                              \
        return aimdb_peek(record.raw, out, sizeof(T));                                             \
    }

#define AIMDB_TYPED_(NAME, T, FIELDS, FIELD_COUNT)                                                 \
    AIMDB_TYPED_NAMES_(NAME, T)                                                                    \
    AIMDB_TYPED_DESCRIPTOR_(NAME, T, FIELDS, FIELD_COUNT)                                          \
    AIMDB_TYPED_BUILDING_(NAME, T)                                                                 \
    AIMDB_TYPED_MOVING_(NAME, T)                                                                   \
    AIMDB_STATIC_ASSERT(sizeof(T) <= AIMDB_VALUE_MAX, "a record's value is limited to 64 KiB")

// AIMDB_RECORD_TYPE makes any plain struct (1 byte to 64 KiB, any alignment to 4096) a record type.
#define AIMDB_RECORD_TYPE(NAME, T) AIMDB_TYPED_(NAME, T, NULL, 0)

// AIMDB_TRANSFORM names a transform from the record type IN to the record type OUT.
#define AIMDB_TRANSFORM(NAME, IN, OUT)                                                             \
    typedef bool NAME##_transform_fn(aimdb_ctx *ctx, const IN##_value *in, OUT##_value *out);      \
    AIMDB_INLINE_ bool NAME##_call_transform_(aimdb_ctx *ctx, aimdb_fn fn, const void *in,         \
                                              void *out)                                           \
    {                                                                                              \
        return ((NAME##_transform_fn *) fn)(ctx, (const IN##_value *) in, (OUT##_value *) out);    \
    }                                                                                              \
    AIMDB_INLINE_ aimdb_task *NAME##_add_transform(                                                \
        aimdb_builder *b, IN##_record in, OUT##_record out, NAME##_transform_fn *fn, void *user)   \
    {                                                                                              \
        return aimdb_add_transform(b, in.raw, out.raw, NAME##_call_transform_, (aimdb_fn) fn,      \
                                   user);                                                          \
    }                                                                                              \
    AIMDB_STATIC_ASSERT(sizeof(IN##_value) > 0 && sizeof(OUT##_value) > 0, "two record types")

#define AIMDB_C_bool bool
#define AIMDB_C_i8 int8_t
#define AIMDB_C_i16 int16_t
#define AIMDB_C_i32 int32_t
#define AIMDB_C_i64 int64_t
#define AIMDB_C_u8 uint8_t
#define AIMDB_C_u16 uint16_t
#define AIMDB_C_u32 uint32_t
#define AIMDB_C_u64 uint64_t
#define AIMDB_C_f32 float
#define AIMDB_C_f64 double
#define AIMDB_K_bool AIMDB_KIND_BOOL
#define AIMDB_K_i8 AIMDB_KIND_I8
#define AIMDB_K_i16 AIMDB_KIND_I16
#define AIMDB_K_i32 AIMDB_KIND_I32
#define AIMDB_K_i64 AIMDB_KIND_I64
#define AIMDB_K_u8 AIMDB_KIND_U8
#define AIMDB_K_u16 AIMDB_KIND_U16
#define AIMDB_K_u32 AIMDB_KIND_U32
#define AIMDB_K_u64 AIMDB_KIND_U64
#define AIMDB_K_f32 AIMDB_KIND_F32
#define AIMDB_K_f64 AIMDB_KIND_F64

#define AIMDB_MEMBER_(S, K, FIELD, UNIT) AIMDB_C_##K FIELD;
#define AIMDB_FIELD_(S, K, FIELD, UNIT)                                                            \
    { #FIELD, UNIT, AIMDB_K_##K, offsetof(struct S, FIELD), sizeof(AIMDB_C_##K) },

// AIMDB_SCHEMA makes struct NAME from a list of fields, a table that describes them, and its record
// type. Tools and codecs read the table.
#define AIMDB_SCHEMA(NAME, LIST)                                                                   \
    struct NAME {                                                                                  \
        LIST(AIMDB_MEMBER_, NAME)                                                                  \
    };                                                                                             \
    static const aimdb_field NAME##_fields[] = { LIST(AIMDB_FIELD_, NAME) };                       \
    AIMDB_TYPED_(NAME, struct NAME, NAME##_fields, sizeof NAME##_fields / sizeof NAME##_fields[0])

#endif
