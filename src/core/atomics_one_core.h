// SPDX-License-Identifier: Apache-2.0
// The operations of atomics.h on a machine with one core (AIMDB_ONE_CORE): what is not atomic by itself
// runs with interrupts masked, and an order is what the compiler does, for a core sees its own accesses
// in the order of the program. Interrupts nest: a handler runs from begin to end between two
// instructions of whatever it interrupted.
//
// Loads and stores of a word are single instructions, on every target. Setting bits of a ready word is
// done with the target's atomic instructions if it has them, because writers that are promised never to
// mask interrupts do it; everything else is rare.
#ifndef AIMDB_CORE_ATOMICS_ONE_CORE_H
#define AIMDB_CORE_ATOMICS_ONE_CORE_H

#include <aimdb/base.h>

#include "mask.h"

static inline void
fence_compiler(void)
{
    __asm__ volatile("" ::: "memory");
}

static inline size_t
load_relaxed(const aimdb_word *word)
{
    return *(const volatile size_t *) &word->word_;
}

static inline size_t
load_acquire(const aimdb_word *word)
{
    size_t value = load_relaxed(word);
    fence_compiler();
    return value;
}

static inline void
store_relaxed(aimdb_word *word, size_t value)
{
    *(volatile size_t *) &word->word_ = value;
}

static inline void
store_release(aimdb_word *word, size_t value)
{
    fence_compiler();
    store_relaxed(word, value);
}

static inline bool
cas_acq_rel(aimdb_word *word, size_t *expected, size_t value)
{
    size_t mask = aimdbp_mask();
    size_t found = load_relaxed(word);
    bool is_equal = found == *expected;
    if (is_equal) {
        store_relaxed(word, value);
    }
    aimdbp_unmask(mask);
    *expected = found;
    return is_equal;
}

static inline size_t
fetch_add_relaxed(aimdb_word *word, size_t value)
{
    size_t mask = aimdbp_mask();
    size_t found = load_relaxed(word);
    store_relaxed(word, found + value);
    aimdbp_unmask(mask);
    return found;
}

static inline size_t
fetch_and_acq_rel(aimdb_word *word, size_t bits)
{
    size_t mask = aimdbp_mask();
    size_t found = load_relaxed(word);
    store_relaxed(word, found & bits);
    aimdbp_unmask(mask);
    return found;
}

static inline uint32_t
signal_load_acquire(const aimdbi_signal *signal)
{
    uint32_t value = *(const volatile uint32_t *) &signal->signal_;
    fence_compiler();
    return value;
}

static inline __attribute__((always_inline)) uint32_t
signal_or_acq_rel(aimdbi_signal *signal, uint32_t bits)
{
    fence_compiler();
#if defined(__ARM_FEATURE_LDREX) || defined(__riscv_atomic)
    uint32_t found = __atomic_fetch_or(&signal->signal_, bits, __ATOMIC_RELAXED);
    fence_compiler();
#else
    size_t mask = aimdbp_mask();
    uint32_t found = signal_load_acquire(signal);
    *(volatile uint32_t *) &signal->signal_ = found | bits;
    aimdbp_unmask(mask);
#endif
    return found;
}

static inline uint32_t
signal_exchange_acq_rel(aimdbi_signal *signal, uint32_t value)
{
    size_t mask = aimdbp_mask();
    uint32_t found = signal_load_acquire(signal);
    *(volatile uint32_t *) &signal->signal_ = value;
    aimdbp_unmask(mask);
    return found;
}

static inline void
fence_acquire(void)
{
    fence_compiler();
}

static inline void
fence_release(void)
{
    fence_compiler();
}

static inline void
fence_seq_cst(void)
{
    fence_compiler();
}

#endif
