// SPDX-License-Identifier: Apache-2.0
// rig.h with static records.
#ifndef RIG_STATIC_H
#define RIG_STATIC_H

#include <aimdb/static.h>

#define RIG_RING(NAME, record, ...) AIMDB_STATIC_SPMC_RING(NAME, record, #record, __VA_ARGS__)
#define RIG_LATEST(NAME, record) AIMDB_STATIC_SINGLE_LATEST(NAME, record, #record)
#define RIG_MAILBOX(NAME, record) AIMDB_STATIC_MAILBOX(NAME, record, #record)
#define RIG_PRODUCER(NAME, record, fn, user) AIMDB_STATIC_PRODUCER(record, fn, user)
#define RIG_CONSUMER(NAME, consumer, record, fn, user)                                             \
    AIMDB_STATIC_CONSUMER_AS(consumer, record, fn, user)
#define RIG_SOURCE(NAME, source, record, fn, user) AIMDB_STATIC_SOURCE_AS(source, record, fn, user)
#define RIG_DB(db, ...) AIMDB_STATIC_DB(db, __VA_ARGS__)
#define RIG_OPEN(db) ((void) &(db))
#define RIG_SETTLE(db) rig_settle(&(db))
#define RIG_CLOSE(db) ((void) &(db))
#define RIG_TASK(task) AIMDB_STATIC_TASK(task)

// Polls at a time that stands still.
static inline void
rig_settle(const aimdb_static *db)
{
    aimdb_time now = AIMDB_SEC(1);
    while (aimdb_poll(db, now) <= now) {
    }
}

static inline size_t
rig_load(const aimdb_word *word)
{
    return word->word_; // consumers run in this thread
}

static inline void
rig_store(aimdb_word *word, size_t value)
{
    word->word_ = value;
}

#endif
