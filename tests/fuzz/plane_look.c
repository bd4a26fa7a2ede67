// SPDX-License-Identifier: Apache-2.0
// Figures: all that can be read, against the reference.
#include "plane.h"

#include "fail.h"

#define EQUAL(what, index, is, should)                                                             \
    FUZZ_REQUIRE((uint64_t) (is) == (uint64_t) (should), "%s %u: %s is %llu, not %llu", what,      \
                 (unsigned) (index), #is, (unsigned long long) (is),                               \
                 (unsigned long long) (should))

static void
look_at_record(struct plane *plane, unsigned index)
{
    const struct ref_record *rec = &plane->ref.record[index];
    aimdb_record_stats stats = { .size = sizeof stats };
    FUZZ_REQUIRE(aimdb_record_metrics(plane->record[index], &stats) == AIMDB_OK, "no figures");
    aimdb_time last_at = rec->stamp && rec->pushed > 0 ? rec->pushes[rec->pushed - 1].at : 0;
    EQUAL("record", index, stats.produced, rec->pushed);
    EQUAL("record", index, stats.refused, rec->refused);
    EQUAL("record", index, stats.overwritten, ref_overwritten(rec));
    EQUAL("record", index, stats.last_at, last_at);
    EQUAL("record", index, stats.capacity, rec->capacity);
    EQUAL("record", index, stats.readers, rec->readers);
    EQUAL("record", index, stats.consumers, rec->consumers);
}

// What a task has counted of its input as missed before it told its consumer: only a run that was cut
// short can leave that behind.
static size_t
untold(const struct plane *plane, const struct ref_position *input, uint64_t missed)
{
    FUZZ_REQUIRE(missed >= input->missed, "a lag was told, but not counted");
    size_t more = (size_t) (missed - input->missed);
    FUZZ_REQUIRE(more == 0 || (plane->is_untold && more <= ref_overrun(&plane->ref, input)),
                 "missed is %llu, not %zu", (unsigned long long) missed, input->missed);
    return more;
}

static void
look_at_input(struct plane *plane, unsigned index, unsigned k, aimdb_task_stats *sum)
{
    const struct ref_position *input = &plane->ref.task[index].input[k];
    aimdb_reader_stats stats = { .size = sizeof stats };
    FUZZ_REQUIRE(aimdb_task_input_metrics(plane->task[index], k, &stats) == AIMDB_OK, "no figures");
    FUZZ_REQUIRE(aimdb_task_input_record(plane->task[index], k) == plane->record[input->record],
                 "another record");
    size_t more = untold(plane, input, stats.missed);
    EQUAL("task", index, stats.received, input->received);
    EQUAL("task", index, stats.skipped, ref_skipped(&plane->ref, input));
    EQUAL("task", index, stats.lags, input->lags + (more > 0));
    EQUAL("task", index, stats.pending, ref_pending(&plane->ref, input) - more); // [P4]
    sum->received += stats.received;
    sum->missed += stats.missed;
    sum->skipped += stats.skipped;
    sum->lags += stats.lags;
    sum->pending += stats.pending;
}

static void
look_at_task(struct plane *plane, unsigned index)
{
    const struct ref_task *task = &plane->ref.task[index];
    aimdb_task_stats stats = { .size = sizeof stats };
    aimdb_task_stats sum = { .received = task->steps };
    FUZZ_REQUIRE(aimdb_task_metrics(plane->task[index], &stats) == AIMDB_OK, "no figures");
    FUZZ_REQUIRE(aimdb_task_is_source(plane->task[index]) == task->is_source, "another kind");
    unsigned inputs = task->is_source ? 0 : task->inputs;
    EQUAL("task", index, aimdb_task_input_count(plane->task[index]), inputs);
    for (unsigned k = 0; k < inputs; k++) {
        look_at_input(plane, index, k, &sum);
    }
    EQUAL("task", index, stats.received, sum.received);
    EQUAL("task", index, stats.missed, sum.missed);
    EQUAL("task", index, stats.skipped, sum.skipped);
    EQUAL("task", index, stats.lags, sum.lags);
    EQUAL("task", index, stats.pending, sum.pending);
    EQUAL("task", index, stats.errors, task->errors);
    EQUAL("task", index, stats.overruns, task->overruns);
    EQUAL("task", index, stats.latency_max, task->latency_max);
    FUZZ_REQUIRE(stats.latency_p50 <= stats.latency_p99, "p50 is over p99");
}

static void
look_at_reader(struct plane *plane, unsigned index)
{
    const struct ref_position *reader = &plane->ref.reader[index];
    aimdb_reader_stats stats = { .size = sizeof stats };
    aimdb_err err = aimdb_reader_metrics(&plane->reader[index], &stats);
    FUZZ_REQUIRE(err == (reader->is_used ? AIMDB_OK : AIMDB_EINVAL), "figures of reader %u: %s",
                 index, aimdb_err_name(err));
    EQUAL("reader", index, aimdb_missed_by(&plane->reader[index]), reader->last_lag);
    if (reader->is_used) {
        EQUAL("reader", index, stats.received, reader->received);
        EQUAL("reader", index, stats.missed, reader->missed);
        EQUAL("reader", index, stats.lags, reader->lags);
        EQUAL("reader", index, stats.skipped, ref_skipped(&plane->ref, reader));
        EQUAL("reader", index, stats.pending, ref_pending(&plane->ref, reader));
    }
}

void
plane_look(struct plane *plane)
{
    for (unsigned i = 0; i < plane->ref.records && !plane->is_freed; i++) {
        look_at_record(plane, i);
    }
    for (unsigned i = 0; i < plane->ref.tasks && !plane->is_freed; i++) {
        look_at_task(plane, i);
    }
    for (unsigned i = 0; i < REF_READERS; i++) {
        look_at_reader(plane, i);
    }
}

uint64_t
plane_lost(struct plane *plane)
{
    uint64_t lost = 0;
    bool counted[REF_RECORDS] = { false };
    for (unsigned i = 0; i < plane->ref.tasks; i++) {
        const struct ref_task *task = &plane->ref.task[i];
        for (unsigned k = 0; k < task->inputs && !task->is_source; k++) {
            const struct ref_position *input = &task->input[k];
            aimdb_reader_stats stats = { .size = sizeof stats };
            FUZZ_REQUIRE(aimdb_task_input_metrics(plane->task[i], k, &stats) == AIMDB_OK,
                         "no figures");
            bool is_mailbox = plane->ref.record[input->record].buffer == AIMDB_BUFFER_MAILBOX;
            if (is_mailbox && counted[input->record]) {
                continue; // one value, whoever would have got it
            }
            counted[input->record] = true;
            lost += ref_pending(&plane->ref, input) - untold(plane, input, stats.missed);
        }
    }
    return lost;
}
