// SPDX-License-Identifier: Apache-2.0
// The emission edges that were declared or seen: an open hash table of single words, so that an edge
// is added by one compare-and-swap from any thread, and an emission over a known edge costs one load.
//
// An edge is one word: declared, seen, the kind of its origin, the origin's index, the target's
// index. Zero is a free slot; a slot once taken keeps its edge. Source: SPEC E3.
#include "db.h"

#define DECLARED ((size_t) 1)
#define SEEN ((size_t) 2)
#define FROM_TASK ((size_t) 4)
#define INDEX_BITS ((sizeof(size_t) * 8 - 3) / 2)
#define PROBES 16
#define INDEX_MAX (((size_t) 1 << INDEX_BITS) - 1)

static size_t
edge_word(bool from_task, size_t from, size_t to)
{
    return (from_task ? FROM_TASK : 0) | from << 3 | to << (3 + INDEX_BITS);
}

static size_t
hash_of(size_t edge)
{
    edge ^= edge >> (sizeof edge * 4 - 3);
    return edge * (size_t) 0x9E3779B97F4A7C15u >> (sizeof edge * 8 - 24);
}

static void
edges_are_full(aimdb *db)
{
    if (exchange_acquire(&db->edges_full_, 1) == 0 && db->log) {
        db->log(db->log_user, AIMDB_LOG_WARNING,
                "graph: the edge table is full; further emissions are not shown");
    }
}

static void
mark(aimdb *db, size_t edge, size_t flag)
{
    size_t at = hash_of(edge);
    // Bounded, so that an emission costs the same when the table is full.
    for (size_t tries = 0; tries < PROBES && tries <= db->edge_mask; tries++, at++) {
        aimdb_word *slot = &db->edges[at & db->edge_mask];
        size_t held = load_relaxed(slot); // relaxed: a word that carries everything itself
        if (held == 0 && cas_acq_rel(slot, &held, edge | flag)) {
            return;
        }
        if ((held & ~(DECLARED | SEEN)) == edge) {
            if (!(held & flag)) {
                (void) fetch_or_acq_rel(slot, flag);
            }
            return;
        }
    }
    edges_are_full(db);
}

void
aimdbi_edge_seen(const aimdb_ctx *ctx, const aimdb_record *to)
{
    size_t from = ctx->task ? ctx->task->index : ctx->from->index;
    if (from <= INDEX_MAX && to->index <= INDEX_MAX) {
        mark(ctx->db, edge_word(ctx->task != NULL, from, to->index), SEEN);
    }
}

void
aimdbi_edge_declare(aimdb *db, const aimdb_task *task, const aimdb_record *to)
{
    if (task->index <= INDEX_MAX && to->index <= INDEX_MAX) {
        mark(db, edge_word(true, task->index, to->index), DECLARED);
    }
}

size_t
aimdb_edges(const aimdb *db, aimdb_edge *edges, size_t max)
{
    size_t found = 0;
    if (!db || (!edges && max > 0)) {
        return 0;
    }
    for (size_t i = 0; i <= db->edge_mask; i++) {
        size_t word = load_acquire(&db->edges[i]);
        if (word == 0) {
            continue;
        }
        size_t from = word >> 3 & INDEX_MAX;
        aimdb_task *task = (word & FROM_TASK) ? db->tasks[from] : NULL;
        // What a join emits comes from each of its records.
        for (size_t k = 0; k < (task ? task->input_count : 1u); k++, found++) {
            if (found < max) {
                edges[found] =
                    (aimdb_edge){ .from = task ? task->inputs[k].reader.record_ : db->records[from],
                                  .task = task,
                                  .to = db->records[word >> (3 + INDEX_BITS) & INDEX_MAX],
                                  .is_declared = (word & DECLARED) != 0,
                                  .is_seen = (word & SEEN) != 0 };
            }
        }
    }
    return found;
}
