// SPDX-License-Identifier: Apache-2.0
// What a suite needs to run everywhere: with static records on boards and on hosts (rig_static.h), and
// with a database of a builder on each of the executors (rig_executor.h, with -DRIG_EXECUTOR).
//
//     RIG_RING(NAME, record, capacity, options...);     a record of record type NAME
//     RIG_LATEST(NAME, record);  RIG_MAILBOX(NAME, record);
//     RIG_PRODUCER(NAME, record, fn, user);
//     RIG_CONSUMER(NAME, consumer, record, fn, user);
//     RIG_SOURCE(NAME, source, record, fn, user);
//     RIG_DB(db, record, consumer, ...);
//
// at file scope, and in the tests
//
//     RIG_OPEN(db);           static records are open from the beginning
//     RIG_SETTLE(db);         runs consumers and sources until nothing is ready
//     RIG_TASK(consumer)      for aimdb_task_metrics
//     RIG_CLOSE(db);
//
// Each test has records of its own: static ones begin once.
#ifndef RIG_H
#define RIG_H

#include <aimdb/aimdb.h>

#define CHECK(claim) rig_check((claim), __FILE__, __LINE__, #claim)
#define CHECK_EQ(want, got)                                                                        \
    rig_check_eq((uint64_t) (want), (uint64_t) (got), __FILE__, __LINE__, #got)
#define CHECK_OK(call) CHECK_EQ(AIMDB_OK, call)

void
rig_check(bool claim, const char *file, int line, const char *text);
void
rig_check_eq(uint64_t want, uint64_t got, const char *file, int line, const char *text);
void
rig_print(const char *text);

struct rig_test {
    const char *name;
    void (*run)(void);
};
#define TEST(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }

// Of one suite; the last one has no name.
extern const struct rig_test rig_tests[];

struct number {
    uint32_t n;
    uint32_t not_n;
};
AIMDB_RECORD_TYPE(number, struct number);

// What a consumer got, in order. Written by its calls, read after RIG_SETTLE.
enum { LOGGED = 32 };
struct log {
    uint32_t values[LOGGED];
    uint32_t missed[LOGGED];
    aimdb_word calls_;
};

static inline struct number
number_of(uint32_t n)
{
    return (struct number){ n, ~n };
}

static inline aimdb_err
push(number_record record, uint32_t n)
{
    struct number value = number_of(n);
    return number_produce(record, &value);
}

static inline void
push_range(number_record record, uint32_t from, uint32_t to)
{
    for (uint32_t n = from; n <= to; n++) {
        CHECK_OK(push(record, n));
    }
}

// The next value, which must be whole.
static inline uint32_t
take(number_reader *reader)
{
    struct number out = { 0, 0 };
    CHECK_OK(number_try_recv(reader, &out));
    CHECK(out.not_n == ~out.n);
    return out.n;
}

// What a read answers that yields no value, and leaves `out` alone.
static inline aimdb_err
no_value(number_reader *reader)
{
    struct number out = { 77, 78 };
    aimdb_err err = number_try_recv(reader, &out);
    CHECK(err != AIMDB_OK && out.n == 77 && out.not_n == 78);
    return err;
}

#ifdef RIG_EXECUTOR
#include "rig_executor.h"
#else
#include "rig_static.h"
#endif

static inline uint32_t
log_calls(const struct log *log)
{
    return (uint32_t) rig_load(&log->calls_);
}

static inline void
log_value(struct log *log, const struct number *value, uint64_t missed)
{
    uint32_t calls = log_calls(log);
    CHECK(value->not_n == ~value->n && calls < LOGGED);
    log->values[calls] = value->n;
    log->missed[calls] = (uint32_t) missed;
    rig_store(&log->calls_, calls + 1);
}

// A consumer that logs.
static inline aimdb_err
keep(aimdb_ctx *ctx, const struct number *value)
{
    log_value((struct log *) aimdb_user(ctx), value, aimdb_missed(ctx));
    return AIMDB_OK;
}

static inline aimdb_task_stats
task_stats(aimdb_task *task)
{
    aimdb_task_stats stats = { .size = sizeof stats };
    CHECK_OK(aimdb_task_metrics(task, &stats));
    return stats;
}

static inline aimdb_record_stats
record_stats(number_record record)
{
    aimdb_record_stats stats = { .size = sizeof stats };
    CHECK_OK(aimdb_record_metrics(record.raw, &stats));
    return stats;
}

static inline aimdb_reader_stats
reader_stats(const number_reader *reader)
{
    aimdb_reader_stats stats = { .size = sizeof stats };
    CHECK_OK(aimdb_reader_metrics(&reader->raw, &stats));
    return stats;
}

#endif
