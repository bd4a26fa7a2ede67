// SPDX-License-Identifier: Apache-2.0
// Stands in for src/core/atomics.h while the shipped sources are compiled for the explorer: it is
// included on the command line before anything else and has the same guard, so the real one is empty.
#ifndef AIMDB_CORE_ATOMICS_H
#define AIMDB_CORE_ATOMICS_H

#include <aimdb/base.h>

enum model_order { MODEL_RELAXED, MODEL_ACQUIRE, MODEL_RELEASE, MODEL_ACQ_REL };

enum model_change { MODEL_ADD, MODEL_OR, MODEL_AND, MODEL_XOR, MODEL_SWAP };

size_t
model_load(const void *at, size_t bytes, enum model_order order);
void
model_store(void *at, size_t bytes, size_t value, enum model_order order);
size_t
model_rmw(void *at, size_t bytes, enum model_change change, size_t operand, enum model_order order);
bool
model_cas(void *at, size_t bytes, size_t *expected, size_t value, enum model_order order,
          enum model_order order_of_failure);
void
model_fence(enum model_order order);
void
model_fence_seq_cst(void);

// How often a reader of latest.c may be overtaken before it pins; set by each scenario.
extern unsigned model_overtaken_limit;

#define MODEL_LOAD(NAME, ORDER)                                                                    \
    static inline size_t NAME(const aimdb_word *word)                                              \
    {                                                                                              \
        return model_load(word, sizeof *word, ORDER);                                              \
    }
#define MODEL_STORE(NAME, ORDER)                                                                   \
    static inline void NAME(aimdb_word *word, size_t value)                                        \
    {                                                                                              \
        model_store(word, sizeof *word, value, ORDER);                                             \
    }
#define MODEL_RMW(NAME, CHANGE, ORDER)                                                             \
    static inline size_t NAME(aimdb_word *word, size_t value)                                      \
    {                                                                                              \
        return model_rmw(word, sizeof *word, CHANGE, value, ORDER);                                \
    }
#define MODEL_CAS(NAME, ORDER, ORDER_OF_FAILURE)                                                   \
    static inline bool NAME(aimdb_word *word, size_t *expected, size_t value)                      \
    {                                                                                              \
        return model_cas(word, sizeof *word, expected, value, ORDER, ORDER_OF_FAILURE);            \
    }

MODEL_LOAD(load_relaxed, MODEL_RELAXED)
MODEL_LOAD(load_acquire, MODEL_ACQUIRE)
MODEL_STORE(store_relaxed, MODEL_RELAXED)
MODEL_STORE(store_release, MODEL_RELEASE)
MODEL_RMW(exchange_acquire, MODEL_SWAP, MODEL_ACQUIRE)
MODEL_RMW(exchange_acq_rel, MODEL_SWAP, MODEL_ACQ_REL)
MODEL_CAS(cas_relaxed, MODEL_RELAXED, MODEL_RELAXED)
MODEL_CAS(cas_acquire, MODEL_ACQUIRE, MODEL_RELAXED)
MODEL_CAS(cas_release, MODEL_RELEASE, MODEL_RELAXED)
MODEL_CAS(cas_acq_rel, MODEL_ACQ_REL, MODEL_ACQUIRE)
MODEL_RMW(fetch_add_relaxed, MODEL_ADD, MODEL_RELAXED)
MODEL_RMW(fetch_add_acq_rel, MODEL_ADD, MODEL_ACQ_REL)
MODEL_RMW(fetch_or_relaxed, MODEL_OR, MODEL_RELAXED) // for mutants and litmus tests
MODEL_RMW(fetch_or_acquire, MODEL_OR, MODEL_ACQUIRE) // likewise
MODEL_RMW(fetch_or_release, MODEL_OR, MODEL_RELEASE) // likewise
MODEL_RMW(fetch_or_acq_rel, MODEL_OR, MODEL_ACQ_REL)
MODEL_RMW(fetch_and_relaxed, MODEL_AND, MODEL_RELAXED) // likewise
MODEL_RMW(fetch_and_acquire, MODEL_AND, MODEL_ACQUIRE) // likewise
MODEL_RMW(fetch_and_release, MODEL_AND, MODEL_RELEASE) // likewise
MODEL_RMW(fetch_and_acq_rel, MODEL_AND, MODEL_ACQ_REL)
MODEL_RMW(fetch_xor_relaxed, MODEL_XOR, MODEL_RELAXED)

static inline size_t
fetch_sub_acq_rel(aimdb_word *word, size_t value)
{
    return model_rmw(word, sizeof *word, MODEL_ADD, (size_t) 0 - value, MODEL_ACQ_REL);
}

static inline uint32_t
signal_load_acquire(const aimdbi_signal *signal)
{
    return (uint32_t) model_load(signal, sizeof *signal, MODEL_ACQUIRE);
}

static inline uint32_t
signal_add_release(aimdbi_signal *signal, uint32_t value)
{
    return (uint32_t) model_rmw(signal, sizeof *signal, MODEL_ADD, value, MODEL_RELEASE);
}

static inline bool
signal_cas_acquire(aimdbi_signal *signal, uint32_t *expected, uint32_t value)
{
    size_t wide = *expected;
    bool done = model_cas(signal, sizeof *signal, &wide, value, MODEL_ACQUIRE, MODEL_RELAXED);
    *expected = (uint32_t) wide;
    return done;
}

static inline uint32_t
signal_or_acq_rel(aimdbi_signal *signal, uint32_t bits)
{
    return (uint32_t) model_rmw(signal, sizeof *signal, MODEL_OR, bits, MODEL_ACQ_REL);
}

static inline uint32_t
signal_exchange_acq_rel(aimdbi_signal *signal, uint32_t value)
{
    return (uint32_t) model_rmw(signal, sizeof *signal, MODEL_SWAP, value, MODEL_ACQ_REL);
}

static inline void
fence_acquire(void)
{
    model_fence(MODEL_ACQUIRE);
}

static inline void
fence_release(void)
{
    model_fence(MODEL_RELEASE);
}

static inline void
fence_seq_cst(void)
{
    model_fence_seq_cst();
}

// The model runs each thread in program order: there is nothing for a compiler to move.
static inline void
fence_compiler(void)
{
}

static inline void
count(aimdb_word *counter, size_t by)
{
    store_relaxed(counter, load_relaxed(counter) + by);
}

#endif
