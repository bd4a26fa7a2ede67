// SPDX-License-Identifier: Apache-2.0
// What the stress programs share: values that betray any torn byte, writers, and pulling readers
// that keep an account of what they saw.
#ifndef STRESS_LOAD_H
#define STRESS_LOAD_H

#include "contract.h"

#define LOAD_WRITERS 4u // at the most
#define LOAD_SIZE 1024u // bytes of a value, at the most
#define LOAD_READERS 8u // pulling ones, at the most
#define LOAD_BATCH 16u  // values of a batch, at the most

struct load {
    aimdb_buffer_cfg cfg;
    size_t size; // of a value, bytes
    unsigned writers;
    unsigned batch; // 1: aimdb_produce, else aimdb_produce_n
    uint64_t each;  // values of one writer
    aimdb_record *record;
    struct gate *start;
    struct gate *written;   // up by one when a writer has ended
    _Atomic uint8_t *taken; // mailbox: whether each value was taken; NULL elsewhere
};

// What one reader or consumer saw. Only its own thread writes it.
struct tracker {
    const struct load *load;
    uint64_t next[LOAD_WRITERS]; // the least number that may come from each writer
    uint64_t received, missed, lags;
    uint64_t gap;  // missed since the last value
    uint64_t last; // head of the last value
    bool is_taker; // marks what it takes
};

enum reading {
    READ_WAITING,  // recv until closed
    READ_DRAINING, // drains of changing lengths
    READ_STALLED,  // nothing until the writers have ended
};

struct puller {
    struct tracker tracker;
    aimdb_reader reader;
    enum reading how;
    struct helper *helper;
};

// What a stress program does instead of CONTRACT_RUN: with STRESS_CORES=N in the environment all its
// threads share the first N processors that it may use; tells at the end how many values were
// written (contract_tally).
#define LOAD_RUN(tests, argc, argv)                                                                \
    (load_pin() ? 2 : load_tell((argv)[0], CONTRACT_RUN((tests), (argc), (argv))))
int
load_pin(void);
int
load_tell(const char *program, int failed);

// STRESS_SCALE multiplies the number of values: 1 takes some seconds on two processors. Without it a
// sanitized program does a tenth.
uint64_t
load_scaled(uint64_t count);

// A small generator of numbers, the same in every run.
uint64_t
load_random(uint64_t *state);

// Fills one value.
void
load_stamp(uint8_t *value, size_t size, unsigned writer, uint64_t number);

// Describes the record in a fresh builder of the world's.
struct load *
load_new(struct world *w, const struct load *like);

// Starts the writers; they begin when load->start opens.
void
load_start_writers(struct world *w, struct load *load, struct helper **helpers);

// Checks a value and books it.
void
tracker_see(struct tracker *tracker, const void *value);
void
tracker_miss(struct tracker *tracker, uint64_t count);

// A dispatcher's consumer with a tracker as its user; the slow one dawdles now and then.
aimdb_task *
load_consume(struct world *w, struct load *load, struct tracker *tracker, bool slow, bool blocking);

// A pulling reader in a thread of its own; it goes on until the record is closed.
struct puller *
load_pull(struct world *w, struct load *load, enum reading how, bool observing);
void
puller_join(struct puller *puller);
void
puller_agrees_on_lags(const struct puller *puller);

// The counters of the library against those of the tracker.
void
tracker_agrees_with_task(const struct tracker *tracker, aimdb_task *task);
void
tracker_agrees_with_reader(const struct tracker *tracker, const aimdb_reader *reader);

#endif
