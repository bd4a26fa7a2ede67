// SPDX-License-Identifier: Apache-2.0
#include "loop.h"

#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define TEST_SECONDS 55

// The thread sanitizer has a thread of its own, from the first that the program starts.
#if defined(__SANITIZE_THREAD__)
#define IS_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define IS_TSAN 1
#endif
#endif
#ifndef IS_TSAN
#define IS_TSAN 0
#endif
#define FIRST_THREADS (1u + IS_TSAN)

static void *
do_nothing(void *arg)
{
    return arg;
}

int
loop_init(int argc, char **argv)
{
    char *args[] = { argv[0], (char[]){ "poll" }, argc > 1 ? argv[1] : NULL };
    pthread_t thread;
    if (pthread_create(&thread, NULL, do_nothing, NULL) != 0 || pthread_join(thread, NULL) != 0)
        return -1;
    return contract_init(argc > 1 ? 3 : 2, args);
}

int
loop_setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    if (w == NULL)
        return -1;
    EVENTUALLY(loop_other_threads() == 0); // those that were joined may still be on their way out
    alarm(TEST_SECONDS);
    ledger_init(&w->ledger);
    w->executor = aimdb_poll_new(NULL);
    w->builder = aimdb_builder_new_with(w->executor,
                                        &(aimdb_builder_options){ .allocator = &w->ledger.hook });
    *state = w;
    return w->executor == NULL || w->builder == NULL ? -1 : 0;
}

void
loop_rebuild(struct world *w, const aimdb_poll_options *options)
{
    aimdb_builder_free(w->builder);
    w->builder = NULL;
    aimdb_executor_free(w->executor);
    w->executor = aimdb_poll_new(options);
    CHECK(w->executor != NULL);
    world_rebuild_with(w, w->executor, 0);
}

bool
loop_is_readable(aimdb_executor *executor)
{
    struct pollfd fd = { .fd = aimdb_fd(executor), .events = POLLIN };
    int found = poll(&fd, 1, 0);
    CHECK(found >= 0 && (fd.revents & ~POLLIN) == 0);
    return found == 1;
}

uint64_t
loop_raises(aimdb_executor *executor)
{
    char path[64], line[128];
    unsigned long long count = 0;
    bool found = false;
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", aimdb_fd(executor));
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    while (!found && fgets(line, sizeof line, file) != NULL)
        found = sscanf(line, "eventfd-count: %llx", &count) == 1;
    fclose(file);
    CHECK(found);
    return count;
}

static int
timeout_until(aimdb_time deadline)
{
    if (deadline == AIMDB_FOREVER)
        return -1;
    aimdb_time left = deadline - aimdb_clock();
    return left <= 0 ? 0 : (int) ((left + AIMDB_MS(1) - 1) / AIMDB_MS(1));
}

void
loop_turn(aimdb_executor *executor)
{
    struct pollfd fd = { .fd = aimdb_fd(executor), .events = POLLIN };
    CHECK(poll(&fd, 1, timeout_until(aimdb_next_deadline(executor))) >= 0);
    aimdb_err err = aimdb_dispatch(executor, 0);
    CHECK(err == AIMDB_OK || err == AIMDB_EPENDING);
}

unsigned
loop_other_threads(void)
{
    return contract_thread_count() - FIRST_THREADS;
}

bool
loop_is_tsan(void)
{
    return IS_TSAN;
}

int64_t
loop_processor_time(pthread_t thread)
{
    clockid_t clock;
    struct timespec used;
    CHECK(pthread_getcpuclockid(thread, &clock) == 0);
    CHECK(clock_gettime(clock, &used) == 0);
    return AIMDB_SEC(used.tv_sec) + used.tv_nsec;
}

static aimdb_time
tick(aimdb_ctx *ctx, number_record out)
{
    struct ticker *ticker = aimdb_user(ctx);
    CHECK(ticker->left > 0);
    CHECK_OK(number_emit(ctx, out, &(struct number){ ++ticker->count }));
    return --ticker->left > 0 ? aimdb_every(ctx, ticker->period) : AIMDB_FOREVER;
}

struct ticker *
ticker_attach(struct world *w, number_record record, uint64_t steps, aimdb_time period)
{
    struct ticker *ticker = world_memory(w, sizeof *ticker);
    ticker->left = steps;
    ticker->period = period;
    CHECK(number_add_source(w->builder, record, tick, ticker) != NULL);
    return ticker;
}
