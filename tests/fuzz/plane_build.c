// SPDX-License-Identifier: Apache-2.0
// Describing a database and building it, with every mistake that B1 names, and memory that runs out.
#include "plane.h"

#include "fail.h"

#include <string.h>

#define ALLOC_MAX (4u << 20) // bytes in one allocation; more is refused

// --- memory --------------------------------------------------------------------------------------

static void *
ledger_alloc(void *user, size_t size, size_t align)
{
    struct plane_ledger *ledger = user;
    bool fails = ledger->fail_in > 0 && --ledger->fail_in == 0;
    FUZZ_REQUIRE(size > 0 && align > 0 && (align & (align - 1)) == 0 && size % align == 0,
                 "%zu bytes on %zu are asked for", size, align);
    if (fails || size > ALLOC_MAX) {
        ledger->failed = true;
        return NULL;
    }
    unsigned i = 0;
    while (i < PLANE_BLOCKS && ledger->block[i]) {
        i++;
    }
    FUZZ_REQUIRE(i < PLANE_BLOCKS, "over %d blocks of memory", PLANE_BLOCKS);
    size_t least = align < sizeof(void *) ? sizeof(void *) : align;
    void *block = aligned_alloc(least, (size + least - 1) / least * least);
    FUZZ_REQUIRE(block, "out of memory");
    memset(block, 0xa5, size);
    ledger->block[i] = block;
    ledger->size[i] = size;
    ledger->bytes += size;
    return block;
}

static void
ledger_release(void *user, void *memory, size_t size)
{
    struct plane_ledger *ledger = user;
    unsigned i = 0;
    while (i < PLANE_BLOCKS && ledger->block[i] != memory) {
        i++;
    }
    FUZZ_REQUIRE(memory && i < PLANE_BLOCKS, "memory is released that was not taken");
    FUZZ_REQUIRE(ledger->size[i] == size, "%zu bytes are released as %zu", ledger->size[i], size);
    ledger->block[i] = NULL;
    ledger->bytes -= size;
    free(memory);
}

// --- records -------------------------------------------------------------------------------------

static const size_t capacities[32] = {
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    10,
    11,
    12,
    13,
    15,
    16,
    17,
    20,
    24,
    31,
    32,
    33,
    48,
    63,
    64,
    65,
    100,
    127,
    128,
    129,
    1000,
    AIMDB_CAPACITY_MAX + 1,
    0,
};

static aimdb_buffer_cfg
buffer_of(const struct plane_op *op)
{
    static const aimdb_buffer buffers[8] = { AIMDB_BUFFER_SPMC_RING, AIMDB_BUFFER_SPMC_RING,
                                             AIMDB_BUFFER_SPMC_RING, AIMDB_BUFFER_SINGLE_LATEST,
                                             AIMDB_BUFFER_MAILBOX,   AIMDB_BUFFER_SINGLE_LATEST,
                                             AIMDB_BUFFER_MAILBOX,   AIMDB_BUFFER_NONE };
    aimdb_buffer_cfg cfg = { .buffer = buffers[op->c % 8],
                             .capacity = capacities[op->c / 8],
                             .one_writer = op->a & 16,
                             .stamp = op->a & 32 };
    if (cfg.buffer == AIMDB_BUFFER_NONE && cfg.capacity > 64) {
        cfg.buffer = AIMDB_BUFFER_MAILBOX + 1; // no such thing
    } else if (cfg.buffer != AIMDB_BUFFER_SPMC_RING) {
        cfg.capacity = 1;
    }
    return cfg;
}

// Keys repeat at times; two are not allowed.
static void
key_of(const struct plane_op *op, char key[PLANE_KEY])
{
    size_t length = op->a == 255 ? 256 : op->a == 254 ? 0 : op->a == 253 ? 255 : 2;
    memset(key, 0, PLANE_KEY);
    memset(key, 'a' + op->a % 16, length);
    if (length == 2) {
        key[1] = (char) ('a' + op->b / PLANE_TYPES);
    }
}

static void
configure(struct plane *plane, const struct plane_op *op)
{
    unsigned i = plane->ref.records;
    if (i == REF_RECORDS) {
        return;
    }
    aimdb_buffer_cfg cfg = buffer_of(op);
    unsigned kind = op->b % PLANE_TYPES;
    kind = kind >= PLANE_GOOD_TYPES && op->a < 128 ? kind - 5 : kind; // good ones mostly
    char *key = plane->key[i];
    key_of(op, key);
    aimdb_record *record = aimdb_configure(plane->builder, key, &plane_types[kind], cfg);
    if (strlen(key) < 1 || strlen(key) > 255) {
        plane->mistakes++;
        FUZZ_REQUIRE(!record, "a key of %zu bytes is taken", strlen(key));
        return;
    }
    FUZZ_REQUIRE(record || plane->ledger.failed, "a record is refused without a reason");
    if (!record) {
        return;
    }
    plane->record[i] = record;
    plane->type[i] = &plane_types[kind];
    plane->record_part[i] = (struct plane_part){ plane, i };
    plane->mistakes +=
        cfg.buffer > AIMDB_BUFFER_MAILBOX || cfg.capacity == 0 || cfg.capacity > AIMDB_CAPACITY_MAX;
    bool exists = cfg.buffer <= AIMDB_BUFFER_MAILBOX;
    plane->ref.record[i] = (struct ref_record){ .buffer = exists ? cfg.buffer : AIMDB_BUFFER_NONE,
                                                .size = plane_types[kind].value_size,
                                                .capacity = cfg.capacity,
                                                .stamp = cfg.stamp };
    FUZZ_TELL("  record %u: kind %d, capacity %zu, %zu bytes", i, (int) cfg.buffer, cfg.capacity,
              plane->ref.record[i].size);
    plane->ref.records++;
}

static void
set_producer(struct plane *plane, unsigned record, const struct plane_op *op)
{
    aimdb_set_producer(plane->builder, plane->record[record], plane_fn,
                       &plane->record_part[record]);
    if (plane->has_producer[record]) {
        plane->mistakes++;
        return;
    }
    plane->has_producer[record] = true;
    plane->ref.record[record].producer = REF_PASS + op->b % (REF_PRODUCERS - REF_PASS);
    plane->ref.record[record].target = op->c; // known once all records are
}

// --- what runs -----------------------------------------------------------------------------------

static void
note_task(struct plane *plane, aimdb_task *task, const struct plane_op *op, bool is_source)
{
    unsigned i = plane->ref.tasks;
    plane->task[i] = task;
    plane->ref.task[i].is_used = true;
    plane->ref.task[i].is_source = is_source;
    plane->script[i] = (struct plane_script){ .target = op->a };
    for (unsigned k = 0; k < 4; k++) {
        uint8_t nibble = (uint8_t) (k % 2 ? (k < 2 ? op->b : op->c) >> 4 : k < 2 ? op->b : op->c);
        plane->script[i].acts[k] = is_source ? (k % 2 ? op->c : op->b) : nibble & 15;
    }
    plane->ref.tasks++;
}

static void
note_input(struct plane *plane, unsigned task, unsigned record)
{
    struct ref_task *ref = &plane->ref.task[task];
    ref->input[ref->inputs++].record = record;
    plane->ref.record[record].consumers += !ref->is_source;
    FUZZ_TELL("  task %u%s: record %u", task, ref->is_source ? " (a source)" : "", record);
}

static void
add_consumer(struct plane *plane, unsigned record, const struct plane_op *op)
{
    unsigned i = plane->ref.tasks;
    aimdb_consumer_options options = { .blocking = op->b == 255 && op->c >= 240 };
    plane->task_part[i] = (struct plane_part){ plane, i };
    aimdb_task *task = aimdb_add_consumer(plane->builder, plane->record[record], plane_fn,
                                          &plane->task_part[i], &options);
    FUZZ_REQUIRE(task || plane->ledger.failed, "a consumer is refused without a reason");
    if (task) {
        plane->blocks = plane->blocks || options.blocking;
        note_task(plane, task, op, false);
        note_input(plane, i, record);
    }
}

static void
add_source(struct plane *plane, unsigned record, const struct plane_op *op)
{
    unsigned i = plane->ref.tasks;
    plane->task_part[i] = (struct plane_part){ plane, i };
    aimdb_task *task =
        aimdb_add_source(plane->builder, plane->record[record], plane_fn, &plane->task_part[i]);
    FUZZ_REQUIRE(task || plane->ledger.failed, "a source is refused without a reason");
    if (task) {
        note_task(plane, task, op, true);
        note_input(plane, i, record);
    }
}

// Of two to four records, from `record` on in steps: a step that comes round takes one twice.
static void
add_join(struct plane *plane, unsigned record, const struct plane_op *op)
{
    unsigned i = plane->ref.tasks;
    unsigned n = 2 + op->a / 64 % 3;
    unsigned chosen[REF_INPUTS];
    aimdb_record *records[REF_INPUTS];
    size_t mistakes = 0;
    for (unsigned k = 0; k < n; k++) {
        chosen[k] = (record + k * (1 + op->a / 32 % 2)) % plane->ref.records;
        records[k] = plane->record[chosen[k]];
        unsigned before = 0;
        for (unsigned j = 0; j < k; j++) {
            before += chosen[j] == chosen[k];
        }
        bool has_none = plane->ref.record[chosen[k]].buffer == AIMDB_BUFFER_NONE;
        mistakes += has_none || before == 1; // the third time says nothing new
    }
    if (mistakes > 0 && op->b % 4) {
        return; // often enough
    }
    plane->task_part[i] = (struct plane_part){ plane, i };
    aimdb_task *task = aimdb_add_join(plane->builder, records, n, plane_join, &plane->task_part[i]);
    plane->mistakes += mistakes;
    FUZZ_REQUIRE(mistakes > 0 ? !task : task || plane->ledger.failed, "a join of %zu mistakes",
                 mistakes);
    if (task) {
        note_task(plane, task, op, false);
        for (unsigned k = 0; k < n; k++) {
            note_input(plane, i, chosen[k]);
        }
    }
}

static void
add_transform(struct plane *plane, unsigned record, const struct plane_op *op)
{
    unsigned i = plane->ref.tasks;
    unsigned to = op->b % plane->ref.records;
    plane->task_part[i] = (struct plane_part){ plane, i };
    aimdb_task *task = aimdb_add_transform(plane->builder, plane->record[record], plane->record[to],
                                           plane_derive, plane_fn, &plane->task_part[i]);
    FUZZ_REQUIRE(task || plane->ledger.failed, "a transform is refused without a reason");
    if (task) {
        note_task(plane, task, op, false);
        plane->script[i].target = (uint8_t) to;
        note_input(plane, i, record);
        plane->leads[record][to] = true;
        plane->transforms_into_none += plane->ref.record[to].buffer == AIMDB_BUFFER_NONE;
    }
}

static void
declare(struct plane *plane, unsigned record, const struct plane_op *op)
{
    aimdb_task *task =
        op->b == 255 || plane->ref.tasks == 0 ? NULL : plane->task[op->b % plane->ref.tasks];
    aimdb_record *to = op->c == 255 ? NULL : plane->record[record];
    if (!task && op->b < 250) {
        return; // not for want of a task
    }
    aimdb_emitted_by(plane->builder, to, task);
    plane->mistakes += !task || !to;
}

// --- building ------------------------------------------------------------------------------------

// Whether transforms alone lead from a record back to it.
static bool
has_circle(const struct plane *plane)
{
    bool leads[REF_RECORDS][REF_RECORDS];
    bool found = false;
    memcpy(leads, plane->leads, sizeof leads);
    for (unsigned via = 0; via < REF_RECORDS; via++) {
        for (unsigned from = 0; from < REF_RECORDS; from++) {
            for (unsigned to = 0; to < REF_RECORDS; to++) {
                leads[from][to] |= leads[from][via] && leads[via][to];
            }
        }
    }
    for (unsigned i = 0; i < REF_RECORDS; i++) {
        found |= leads[i][i];
    }
    return found;
}

static size_t
memory_needed(const struct plane *plane)
{
    aimdb_memory_stats stats = { .size = sizeof stats };
    FUZZ_REQUIRE(aimdb_builder_memory(plane->builder, &stats) == AIMDB_OK, "no memory figures");
    return stats.total;
}

// Mistakes that only the build looks for; circles of transforms are one at the least.
static size_t
mistakes_of_build(const struct plane *plane)
{
    size_t mistakes = plane->transforms_into_none;
    for (unsigned i = 0; i < plane->ref.records; i++) {
        const struct ref_record *rec = &plane->ref.record[i];
        bool has_source = false;
        for (unsigned k = 0; k < plane->ref.tasks; k++) {
            const struct ref_task *task = &plane->ref.task[k];
            has_source |= task->is_source && task->input[0].record == i;
        }
        mistakes += plane_type_mistakes[plane->type[i] - plane_types];
        mistakes += rec->buffer == AIMDB_BUFFER_NONE && rec->consumers > 0;
        mistakes += rec->buffer == AIMDB_BUFFER_NONE && has_source;
        bool is_repeated = false;
        for (unsigned k = 0; k < i; k++) {
            is_repeated |= strcmp(plane->key[i], plane->key[k]) == 0;
        }
        mistakes += is_repeated;
    }
    mistakes += plane->memory_limit > 0 && memory_needed(plane) > plane->memory_limit;
    return mistakes + has_circle(plane);
}

static void
check_memory(struct plane *plane, size_t foretold)
{
    aimdb_memory_stats stats = { .size = sizeof stats };
    aimdb_memory_stats sum = { 0 };
    FUZZ_REQUIRE(aimdb_memory(plane->db, &stats) == AIMDB_OK, "no memory figures");
    for (unsigned i = 0; i < plane->ref.records; i++) {
        aimdb_memory_stats part = { .size = sizeof part };
        FUZZ_REQUIRE(aimdb_record_memory(plane->record[i], &part) == AIMDB_OK, "no figures");
        sum.items += part.items;
        sum.records += part.records;
        sum.tasks += part.tasks;
    }
    FUZZ_REQUIRE(sum.items == stats.items && sum.records == stats.records &&
                     sum.tasks == stats.tasks,
                 "the records' memory does not add up");
    FUZZ_REQUIRE(stats.total == foretold && stats.total == plane->ledger.bytes,
                 "%zu bytes are foretold, %zu told, %zu used", foretold, stats.total,
                 plane->ledger.bytes); // [B6]
}

static void
opened(struct plane *plane, size_t foretold)
{
    for (unsigned i = 0; i < plane->ref.records; i++) {
        plane->ref.record[i].target %= plane->ref.records;
    }
    for (unsigned i = 0; i < plane->ref.tasks; i++) {
        plane->script[i].target = (uint8_t) (plane->script[i].target % plane->ref.records);
    }
    aimdb_builder_free(plane->builder);
    plane->builder = NULL;
    check_memory(plane, foretold);
    ref_built(&plane->ref);
}

// What a build must answer, apart from memory that runs out; and how many mistakes it tells.
static aimdb_err
judge(const struct plane *plane, size_t *ret_mistakes)
{
    size_t mistakes = plane->mistakes + mistakes_of_build(plane);
    bool is_refused = mistakes == 0 && plane->blocks; // by the executor, which is asked last
    *ret_mistakes = mistakes + is_refused;
    return mistakes > 0 || is_refused ? AIMDB_ECONFIG : AIMDB_OK;
}

bool
plane_build(struct plane *plane)
{
    size_t mistakes;
    size_t foretold = memory_needed(plane);
    aimdb_err expected = judge(plane, &mistakes);
    plane->ledger.failed = false;
    aimdb_err err = aimdb_build(plane->builder, &plane->db);
    if (plane->is_incomplete || plane->ledger.failed) {
        FUZZ_REQUIRE(err == AIMDB_ENOMEM, "a build without memory gives %s", aimdb_err_name(err));
    } else {
        FUZZ_REQUIRE(err == expected, "a build gives %s, not %s", aimdb_err_name(err),
                     aimdb_err_name(expected));
    }
    if (err == AIMDB_OK) {
        opened(plane, foretold);
        return true;
    }
    FUZZ_REQUIRE(!plane->db, "a build that failed gives a database");
    size_t told = aimdb_builder_mistakes(plane->builder);
    if (err == AIMDB_ECONFIG) {
        FUZZ_REQUIRE(told == mistakes || (has_circle(plane) && told > mistakes),
                     "%zu mistakes are told, not %zu", told, mistakes);
        FUZZ_REQUIRE(aimdb_builder_mistake(plane->builder, told - 1) &&
                         !aimdb_builder_mistake(plane->builder, told),
                     "mistakes have no text");
    }
    return false;
}

bool
plane_build_op(struct plane *plane, const struct plane_op *op)
{
    unsigned code = op->code % 16;
    unsigned records = plane->ref.records;
    plane->ledger.failed = false;
    if (code < 4 || (records == 0 && code < 13)) {
        configure(plane, op);
    } else if (code == 4) {
        set_producer(plane, op->a % records, op);
    } else if (code < 11 && plane->ref.tasks == REF_TASKS) {
        // enough
    } else if (code < 8) {
        add_consumer(plane, op->a % records, op);
    } else if (code == 8) {
        add_join(plane, op->a % records, op);
    } else if (code == 9) {
        add_transform(plane, op->a % records, op);
    } else if (code == 10) {
        add_source(plane, op->a % records, op);
    } else if (code == 11) {
        declare(plane, op->a % records, op);
    } else if (code == 12) {
        plane->ledger.fail_in = 1 + op->a % 16u;
    } else if (op->a % 4 == 0) {
        bool is_open = plane_build(plane);
        bool is_hopeless = plane->mistakes > 0 || plane->is_incomplete;
        if (!is_open && is_hopeless) {
            plane_build_end(plane);
            plane_build_begin(plane, op->b);
        }
        return is_open;
    }
    plane->is_incomplete = plane->is_incomplete || plane->ledger.failed;
    return false;
}

void
plane_build_begin(struct plane *plane, uint8_t how)
{
    aimdb_executor *executor = plane->executor;
    ref_end(&plane->ref);
    memset(plane, 0, sizeof *plane);
    ref_begin(&plane->ref);
    plane->executor = executor;
    plane->ref.now = plane_clock;
    plane->fuel = 64;
    plane->derivations = 512;
    plane->memory_limit = how % 4 == 1 ? 64u * how : 0;
    plane->allocator = (aimdb_allocator){ ledger_alloc, ledger_release, &plane->ledger };
    aimdb_builder_options options = { .size = sizeof options,
                                      .allocator = &plane->allocator,
                                      .memory_limit = plane->memory_limit };
    plane->builder = aimdb_builder_new_with(executor, &options);
    FUZZ_REQUIRE(plane->builder, "no builder");
}

void
plane_build_end(struct plane *plane)
{
    aimdb_builder_free(plane->builder);
    plane->builder = NULL;
    FUZZ_REQUIRE(plane->ledger.bytes == 0, "%zu bytes are left of a builder",
                 plane->ledger.bytes); // [B3]
}
