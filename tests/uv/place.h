// SPDX-License-Identifier: Apache-2.0
// What the tests of the uv executor share: a world, as the contract suites have it, whose executor is
// on a loop of the test's. The thread of the test is the loop's.
#ifndef UV_PLACE_H
#define UV_PLACE_H

#include "contract.h"

#include <aimdb/uv.h>
#include <uv.h>

struct place {
    struct world w; // first: what cmocka passes on is a world
    uv_loop_t loop;
    pthread_t thread; // the loop's
};

int
place_setup(void **state);
int
place_teardown(void **state);
#define UV_TEST(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)

static inline struct place *
place_of(void **state)
{
    return *state; // its first member
}

aimdb_executor *
executor_on(uv_loop_t *loop);

// Frees database, builder and executor, and closes the loop, which must have nothing left.
void
place_end(struct place *p);

// Runs the loop until the claim holds.
#define RUN_UNTIL(loop, claim) EVENTUALLY((uv_run((loop), UV_RUN_NOWAIT), (claim)))
// Runs the loop until it ends by itself.
#define RUN_TO_THE_END(loop) CHECK_EQ(0, uv_run((loop), UV_RUN_DEFAULT))

// A second database on an executor: one record, one consumer.
struct annex {
    struct world *w;
    aimdb_builder *builder;
    aimdb *db;
    number_record record;
    struct sink *sink;
    aimdb_task *task;
};
// Describes it and builds it.
struct annex *
annex_new(struct world *w, aimdb_executor *executor, struct sink *sink, bool blocking);
void
annex_free(struct annex *annex);

// Lets time pass until the clock says so; does nothing meanwhile.
void
burn_until(aimdb_time at);

#endif
