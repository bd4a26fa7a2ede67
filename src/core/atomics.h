// SPDX-License-Identifier: Apache-2.0
// Every atomic operation of the library goes through this header, with its ordering in its name.
// Nothing else in the tree may use the compiler's atomics (scripts/layers sees to it), so that a
// model checker can replace this one file.
#ifndef AIMDB_CORE_ATOMICS_H
#define AIMDB_CORE_ATOMICS_H

#include <aimdb/base.h>

#ifdef AIMDB_ONE_CORE
#include "atomics_one_core.h"
#else

static inline size_t
load_relaxed(const aimdb_word *word)
{
    return __atomic_load_n(&word->word_, __ATOMIC_RELAXED);
}

static inline size_t
load_acquire(const aimdb_word *word)
{
    return __atomic_load_n(&word->word_, __ATOMIC_ACQUIRE);
}

static inline void
store_relaxed(aimdb_word *word, size_t value)
{
    __atomic_store_n(&word->word_, value, __ATOMIC_RELAXED);
}

static inline void
store_release(aimdb_word *word, size_t value)
{
    __atomic_store_n(&word->word_, value, __ATOMIC_RELEASE);
}

static inline size_t
exchange_acquire(aimdb_word *word, size_t value)
{
    return __atomic_exchange_n(&word->word_, value, __ATOMIC_ACQUIRE);
}

static inline size_t
exchange_acq_rel(aimdb_word *word, size_t value)
{
    return __atomic_exchange_n(&word->word_, value, __ATOMIC_ACQ_REL);
}

static inline bool
cas_relaxed(aimdb_word *word, size_t *expected, size_t value)
{
    return __atomic_compare_exchange_n(&word->word_, expected, value, false, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED);
}

static inline bool
cas_acquire(aimdb_word *word, size_t *expected, size_t value)
{
    return __atomic_compare_exchange_n(&word->word_, expected, value, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

static inline bool
cas_release(aimdb_word *word, size_t *expected, size_t value)
{
    return __atomic_compare_exchange_n(&word->word_, expected, value, false, __ATOMIC_RELEASE,
                                       __ATOMIC_RELAXED);
}

static inline bool
cas_acq_rel(aimdb_word *word, size_t *expected, size_t value)
{
    return __atomic_compare_exchange_n(&word->word_, expected, value, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
}

static inline size_t
fetch_add_relaxed(aimdb_word *word, size_t value)
{
    return __atomic_fetch_add(&word->word_, value, __ATOMIC_RELAXED);
}

static inline size_t
fetch_add_acq_rel(aimdb_word *word, size_t value)
{
    return __atomic_fetch_add(&word->word_, value, __ATOMIC_ACQ_REL);
}

static inline size_t
fetch_sub_acq_rel(aimdb_word *word, size_t value)
{
    return __atomic_fetch_sub(&word->word_, value, __ATOMIC_ACQ_REL);
}

static inline size_t
fetch_or_acq_rel(aimdb_word *word, size_t bits)
{
    return __atomic_fetch_or(&word->word_, bits, __ATOMIC_ACQ_REL);
}

static inline size_t
fetch_and_acq_rel(aimdb_word *word, size_t bits)
{
    return __atomic_fetch_and(&word->word_, bits, __ATOMIC_ACQ_REL);
}

static inline size_t
fetch_xor_relaxed(aimdb_word *word, size_t bits)
{
    return __atomic_fetch_xor(&word->word_, bits, __ATOMIC_RELAXED);
}

static inline uint32_t
signal_load_acquire(const aimdbi_signal *signal)
{
    return __atomic_load_n(&signal->signal_, __ATOMIC_ACQUIRE);
}

static inline uint32_t
signal_add_release(aimdbi_signal *signal, uint32_t value)
{
    return __atomic_fetch_add(&signal->signal_, value, __ATOMIC_RELEASE);
}

static inline bool
signal_cas_acquire(aimdbi_signal *signal, uint32_t *expected, uint32_t value)
{
    return __atomic_compare_exchange_n(&signal->signal_, expected, value, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

static inline uint32_t
signal_or_acq_rel(aimdbi_signal *signal, uint32_t bits)
{
    return __atomic_fetch_or(&signal->signal_, bits, __ATOMIC_ACQ_REL);
}

static inline uint32_t
signal_exchange_acq_rel(aimdbi_signal *signal, uint32_t value)
{
    return __atomic_exchange_n(&signal->signal_, value, __ATOMIC_ACQ_REL);
}

static inline void
fence_acquire(void)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
}

static inline void
fence_release(void)
{
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

static inline void
fence_seq_cst(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

// Keeps the compiler from moving memory accesses; costs nothing at run time.
static inline void
fence_compiler(void)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

#endif // AIMDB_ONE_CORE

// A counter with one writer: no locked instruction needed, other threads may read it.
static inline void
count(aimdb_word *counter, size_t by)
{
    store_relaxed(counter, load_relaxed(counter) + by);
}

#endif
