// SPDX-License-Identifier: Apache-2.0
// wakes_program VARIANT ROUNDS VALUES, to be run under strace by the script `wakes`. A thread produces
// into a sleeping executor, and into one that is at work, and marks with system calls of no effect
// where it does so.
//
// Everything waits by spinning, so that the only system calls in between are the library's. An executor
// on an event loop gets several records, all of which one wake must do for; a pool may wake a worker
// for each, so that it gets one.
#define _GNU_SOURCE // gettid
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <aimdb/aimdb.h>
#include <aimdb/uv.h>

// No descriptors have these numbers: dup(2) fails.
enum mark { ASLEEP_BEGINS = 1000001, ASLEEP_ENDS, AT_WORK_BEGINS, AT_WORK_ENDS };

struct number {
    uint64_t n;
};
AIMDB_RECORD_TYPE(number, struct number);

#define RECORDS_MAX 4

static struct {
    number_record records[RECORDS_MAX];
    uint64_t record_count;
    uint64_t rounds, values; // values in each of the two halves of a round
    _Atomic uint64_t made;   // values, by the producer
    _Atomic uint64_t seen;   // values, by the consumer, when its call begins
} test;

static void
mark(enum mark mark)
{
    (void) !dup((int) mark);
}

static void
spin_until(_Atomic uint64_t *count, uint64_t n)
{
    while (atomic_load(count) < n)
        continue;
}

// What must have been made before the consumer is done with a value: the half it belongs to, and with
// the last one of the first half also the second. So nothing is through before its half is made, and
// the consumer is at work while the second half is made.
static uint64_t
made_before_end_of(uint64_t value)
{
    uint64_t first_half = value / (2 * test.values) * (2 * test.values) + test.values;
    return value < first_half - 1 ? first_half : first_half + test.values;
}

static aimdb_err
consume(aimdb_ctx *ctx, const struct number *value)
{
    (void) ctx;
    (void) value;
    spin_until(&test.made, made_before_end_of(atomic_fetch_add(&test.seen, 1)));
    return AIMDB_OK;
}

static bool
sleeps(const char *tid)
{
    char path[300], text[256];
    snprintf(path, sizeof path, "/proc/self/task/%s/stat", tid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return true; // it has ended
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = '\0';
    const char *state = strrchr(text, ')');
    return state != NULL && strncmp(state, ") S", 3) == 0;
}

static bool
all_others_sleep(void)
{
    char own[32];
    bool all = true;
    snprintf(own, sizeof own, "%d", gettid());
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *entry = readdir(tasks); entry != NULL; entry = readdir(tasks))
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, own) != 0)
            all = sleeps(entry->d_name) && all;
    closedir(tasks);
    return all;
}

static void
make_values(enum mark begins, enum mark ends)
{
    mark(begins);
    for (uint64_t i = 0; i < test.values; i++) {
        if (number_produce(test.records[i % test.record_count], &(struct number){ i }) != AIMDB_OK)
            abort();
        atomic_fetch_add(&test.made, 1);
    }
    mark(ends);
}

static void *
produce(void *arg)
{
    for (uint64_t round = 0; round < test.rounds; round++) {
        uint64_t before = 2 * round * test.values;
        spin_until(&test.seen, before);
        while (!all_others_sleep())
            continue;
        make_values(ASLEEP_BEGINS, ASLEEP_ENDS);
        spin_until(&test.seen, before + test.values);
        make_values(AT_WORK_BEGINS, AT_WORK_ENDS);
    }
    return arg;
}

static void
loop(aimdb_executor *executor)
{
    while (atomic_load(&test.seen) < 2 * test.rounds * test.values) {
        struct pollfd fd = { .fd = aimdb_fd(executor), .events = POLLIN };
        if (poll(&fd, 1, -1) < 0)
            abort();
        if (aimdb_dispatch(executor, 0) != AIMDB_OK)
            abort();
    }
}

// NULL: no such variant.
static aimdb_executor *
make(const char *variant)
{
    if (strcmp(variant, "poll") == 0)
        return aimdb_poll_new(NULL);
    if (strcmp(variant, "uv") == 0)
        return aimdb_uv_new(NULL);
    if (strncmp(variant, "pool:", 5) != 0)
        return NULL;
    uint32_t threads = (uint32_t) strtoul(variant + 5, NULL, 10);
    return aimdb_pool_new(&(aimdb_pool_options){ .threads = threads });
}

int
main(int argc, char **argv)
{
    aimdb_executor *executor = argc == 4 ? make(argv[1]) : NULL;
    if (executor == NULL)
        return 2;
    test.rounds = strtoull(argv[2], NULL, 10);
    test.values = strtoull(argv[3], NULL, 10);
    aimdb_builder *builder = aimdb_builder_new(executor);
    aimdb *db;
    pthread_t producer;
    test.record_count = strncmp(argv[1], "pool", 4) == 0 ? 1 : RECORDS_MAX;
    for (uint64_t i = 0; i < test.record_count; i++) {
        test.records[i] =
            number_configure(builder, (char[]){ (char) ('a' + i), '\0' }, AIMDB_SPMC_RING(1024));
        number_add_consumer(builder, test.records[i], consume, NULL);
    }
    if (aimdb_build(builder, &db) != AIMDB_OK ||
        (aimdb_fd(executor) >= 0 && aimdb_dispatch(executor, 0) != AIMDB_OK) ||
        pthread_create(&producer, NULL, produce, NULL) != 0)
        return 1;
    if (aimdb_fd(executor) >= 0)
        loop(executor);
    pthread_join(producer, NULL);
    aimdb_free(db);
    aimdb_builder_free(builder);
    aimdb_executor_free(executor);
    return 0;
}
