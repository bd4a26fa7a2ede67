// SPDX-License-Identifier: Apache-2.0
// rig.h with a database of a builder, on the executor that the program was started for.
#ifndef RIG_EXECUTOR_H
#define RIG_EXECUTOR_H

#include <aimdb/each.h>

struct rig_db {
    void (*describe)(aimdb_builder *builder);
    aimdb_builder *builder;
    aimdb *db;
};

// Opens, runs until nothing is ready, closes (rig_executor.c).
void
rig_open(struct rig_db *db);
void
rig_settle(struct rig_db *db);
void
rig_close(struct rig_db *db);

#define RIG_RECORD_(NAME, record, cfg)                                                             \
    static NAME##_record record;                                                                   \
    static void record##_describe(aimdb_builder *builder)                                          \
    {                                                                                              \
        record = NAME##_configure(builder, #record, cfg);                                          \
        if (record##_producer_fn_) {                                                               \
            NAME##_set_producer(builder, record, record##_producer_fn_, record##_producer_user_);  \
        }                                                                                          \
    }                                                                                              \
    static_assert_rig_(NAME)
#define static_assert_rig_(NAME) AIMDB_STATIC_ASSERT(sizeof(NAME##_value) > 0, "a record type")
// A tentative definition: RIG_PRODUCER completes it.
#define RIG_PRODUCER_OF_(NAME, record)                                                             \
    static NAME##_producer_fn *record##_producer_fn_;                                              \
    static void *record##_producer_user_;
#define RIG_RING(NAME, record, ...)                                                                \
    RIG_PRODUCER_OF_(NAME, record) RIG_RECORD_(NAME, record, AIMDB_SPMC_RING(__VA_ARGS__))
#define RIG_LATEST(NAME, record)                                                                   \
    RIG_PRODUCER_OF_(NAME, record) RIG_RECORD_(NAME, record, AIMDB_SINGLE_LATEST)
#define RIG_MAILBOX(NAME, record)                                                                  \
    RIG_PRODUCER_OF_(NAME, record) RIG_RECORD_(NAME, record, AIMDB_MAILBOX)
#define RIG_PRODUCER(NAME, record, fn, user)                                                       \
    static NAME##_producer_fn *record##_producer_fn_ = fn;                                         \
    static void *record##_producer_user_ = user
#define RIG_TASK_(NAME, task, record, fn, user, add)                                               \
    static aimdb_task *task##_task;                                                                \
    static void task##_describe(aimdb_builder *builder)                                            \
    {                                                                                              \
        task##_task = add(builder, record, fn, user);                                              \
    }                                                                                              \
    static_assert_rig_(NAME)
#define RIG_CONSUMER(NAME, consumer, record, fn, user)                                             \
    RIG_TASK_(NAME, consumer, record, fn, user, NAME##_add_consumer)
#define RIG_SOURCE(NAME, source, record, fn, user)                                                 \
    RIG_TASK_(NAME, source, record, fn, user, NAME##_add_source)
#define RIG_DESCRIBE_(db, name, index) name##_describe(builder);
#define RIG_DB(db, ...)                                                                            \
    static void db##_describe(aimdb_builder *builder)                                              \
    {                                                                                              \
        AIMDBI_EACH_(RIG_DESCRIBE_, db, __VA_ARGS__)                                               \
    }                                                                                              \
    static struct rig_db db = { db##_describe, NULL, NULL }
#define RIG_OPEN(db) rig_open(&(db))
#define RIG_SETTLE(db) rig_settle(&(db))
#define RIG_CLOSE(db) rig_close(&(db))
#define RIG_TASK(task) task##_task

static inline size_t
rig_load(const aimdb_word *word)
{
    return __atomic_load_n(&word->word_, __ATOMIC_ACQUIRE);
}

static inline void
rig_store(aimdb_word *word, size_t value)
{
    __atomic_store_n(&word->word_, value, __ATOMIC_RELEASE);
}

#endif
