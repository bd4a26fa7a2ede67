// SPDX-License-Identifier: Apache-2.0
#include "place.h"

#include <unistd.h>

#define TEST_SECONDS 150 // a whole test

aimdb_executor *
executor_on(uv_loop_t *loop)
{
    aimdb_executor *executor = aimdb_uv_new(&(aimdb_uv_options){ .loop = loop });
    CHECK(executor != NULL);
    return executor;
}

int
place_setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    if (p == NULL || uv_loop_init(&p->loop) != 0)
        return -1;
    alarm(TEST_SECONDS); // a test that hangs ends the program
    ledger_init(&p->w.ledger);
    p->thread = pthread_self();
    p->w.executor = executor_on(&p->loop);
    p->w.builder = aimdb_builder_new_with(
        p->w.executor, &(aimdb_builder_options){ .allocator = &p->w.ledger.hook });
    *state = p;
    return p->w.builder == NULL ? -1 : 0;
}

void
place_end(struct place *p)
{
    world_free_db(&p->w);
    aimdb_executor_free(p->w.executor);
    p->w.executor = NULL;
    RUN_TO_THE_END(&p->loop);
    CHECK_EQ(0, uv_loop_close(&p->loop));
}

int
place_teardown(void **state)
{
    struct place *p = place_of(state);
    for (struct gate *gate = p->w.gates; gate != NULL; gate = gate->next)
        gate_add(gate, UINT64_MAX / 2); // a test that failed may have left somebody waiting
    if (p->w.executor != NULL)
        place_end(p);
    return world_teardown(state);
}

struct annex *
annex_new(struct world *w, aimdb_executor *executor, struct sink *sink, bool blocking)
{
    struct annex *annex = world_memory(w, sizeof *annex);
    const aimdb_consumer_options options = { .blocking = blocking };
    annex->w = w;
    annex->sink = sink;
    annex->builder =
        aimdb_builder_new_with(executor, &(aimdb_builder_options){ .allocator = &w->ledger.hook });
    CHECK(annex->builder != NULL);
    annex->record = number_configure(annex->builder, "annex", AIMDB_SPMC_RING(1024));
    annex->task =
        number_add_consumer_with(annex->builder, annex->record, sink_call, sink, &options);
    CHECK_OK(aimdb_build(annex->builder, &annex->db));
    return annex;
}

void
annex_free(struct annex *annex)
{
    aimdb_free(annex->db);
    aimdb_builder_free(annex->builder);
    annex->db = NULL;
    annex->builder = NULL;
}

void
burn_until(aimdb_time at)
{
    while (aimdb_clock() < at)
        continue;
}
