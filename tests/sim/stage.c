// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "stage.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void
get_stuck(void *user, const char *text)
{
    struct stage *stage = user;
    stage->stuck = strdup(text);
    longjmp(stage->when_stuck, 1);
}

struct stage *
stage_new(aimdb_sim_options options)
{
    struct stage *stage = calloc(1, sizeof *stage);
    assert_non_null(stage);
    options.on_stuck = get_stuck;
    options.on_stuck_user = stage;
    stage->sim = aimdb_sim_new(&options);
    assert_non_null(stage->sim);
    stage->builder = aimdb_builder_new(stage->sim);
    assert_non_null(stage->builder);
    return stage;
}

struct stage *
stage_new_seeded(uint64_t seed)
{
    return stage_new((aimdb_sim_options){ .seed = seed });
}

void
stage_build(struct stage *stage)
{
    aimdb_err err = aimdb_build(stage->builder, &stage->db);
    aimdb_builder_report(stage->builder, stderr);
    assert_int_equal(AIMDB_OK, err);
}

void
stage_free(struct stage *stage)
{
    aimdb_free(stage->db);
    aimdb_builder_free(stage->builder);
    aimdb_executor_free(stage->sim);
    free(stage->stuck);
    free(stage);
}

void
note(struct stage *stage, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length =
        vsnprintf(stage->book + stage->used, sizeof stage->book - stage->used, format, args);
    va_end(args);
    assert_true(length >= 0 && (size_t) length < sizeof stage->book - stage->used);
    stage->used += (size_t) length;
}

char *
explanation(struct stage *stage)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    aimdb_sim_explain(stage->sim, out);
    assert_int_equal(0, fclose(out));
    return text;
}

void
spawn(struct stage *stage, const char *name, void (*fn)(void *user), void *user)
{
    assert_int_equal(AIMDB_OK, aimdb_sim_spawn(stage->sim, name, fn, user));
}

void
produce_all(void *arg)
{
    struct part *part = arg;
    for (uint64_t n = 1; n <= part->count; n++) {
        note(part->stage, "%s+%d ", part->name, (int) n);
        aimdb_err err = number_produce(part->record, &(struct number){ n });
        assert_true(err == AIMDB_OK || err == AIMDB_ECLOSED);
    }
}

void
read_all(void *arg)
{
    struct part *part = arg;
    struct number value;
    while (number_recv(&part->reader, &value, AIMDB_FOREVER) == AIMDB_OK) {
        note(part->stage, "%s=%d ", part->name, (int) value.n);
        part->count++;
    }
    number_unsubscribe(&part->reader);
}

aimdb_err
note_value(aimdb_ctx *ctx, const struct number *value)
{
    struct part *part = aimdb_user(ctx);
    note(part->stage, "%s:%d ", part->name, (int) value->n);
    part->count++;
    return AIMDB_OK;
}

char *
in_child(void (*fn)(void), int *ret_status)
{
    FILE *out = tmpfile();
    assert_non_null(out);
    (void) fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void) setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
        (void) dup2(fileno(out), STDERR_FILENO);
        (void) signal(SIGABRT, SIG_DFL);
        (void) alarm(30);
        fn();
        _exit(0);
    }
    assert_true(waitpid(child, ret_status, 0) == child);
    char *text = calloc(1, 8192);
    assert_non_null(text);
    rewind(out);
    (void) !fread(text, 1, 8191, out);
    (void) fclose(out);
    return text;
}
