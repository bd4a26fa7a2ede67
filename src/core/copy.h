// SPDX-License-Identifier: Apache-2.0
// Copying values between a caller's memory and slots that race with readers or writers.
//
// A slot is a row of machine words that are only ever accessed as relaxed atomics, so that a copy
// which overlaps a write is not undefined behaviour, merely worthless; validation finds it out
// (turn.h). The last word of a slot holds the last bytes of the value, overlapping the word before
// when the size is not a multiple of a word: no tail loop, and no byte outside the value is touched.
// Unrolled by four because compilers do not vectorize relaxed atomics (measured: 26 ns per KiB
// against about 100). Source: STYLE section 4 rule 4.
#ifndef AIMDB_CORE_COPY_H
#define AIMDB_CORE_COPY_H

#include "atomics.h"

#define AIMDBI_WORD sizeof(size_t)

static inline size_t
words_of(size_t size)
{
    return (size + AIMDBI_WORD - 1) / AIMDBI_WORD;
}

#ifdef AIMDB_ONE_CORE

// copy_one_core.c
void
aimdbi_copy(void *to, const void *from, size_t size);

static inline void
copy_words_in(aimdb_word *slot, const void *value, size_t size)
{
    aimdbi_copy(slot, value, size);
}

static inline void
copy_words_out(void *value, const aimdb_word *slot, size_t size)
{
    aimdbi_copy(value, slot, size);
}

static inline void
copy_value(void *to, const void *from, size_t size)
{
    aimdbi_copy(to, from, size);
}

#else

static inline size_t
get_word(const unsigned char *from)
{
    size_t word;
    __builtin_memcpy(&word, from, sizeof word);
    return word;
}

static inline void
put_word(unsigned char *to, size_t word)
{
    __builtin_memcpy(to, &word, sizeof word);
}

// Values smaller than a word: assembled byte by byte, independent of the machine's byte order.
static inline size_t
get_small(const unsigned char *from, size_t size)
{
    size_t word = 0;
    for (size_t i = 0; i < size; i++) {
        word |= (size_t) from[i] << (8 * i);
    }
    return word;
}

static inline void
put_small(unsigned char *to, size_t word, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        to[i] = (unsigned char) (word >> (8 * i));
    }
}

// Writes the value of `size` bytes at `value` into `slot`.
static inline void
copy_words_in(aimdb_word *slot, const void *value, size_t size)
{
    const unsigned char *from = value;
    if (size < AIMDBI_WORD) {
        store_relaxed(slot, get_small(from, size)); // relaxed: published by the caller's commit
        return;
    }
    size_t whole = words_of(size) - 1;
    size_t i = 0;
    for (; i + 4 <= whole; i += 4) {
        store_relaxed(&slot[i], get_word(from + i * AIMDBI_WORD));
        store_relaxed(&slot[i + 1], get_word(from + (i + 1) * AIMDBI_WORD));
        store_relaxed(&slot[i + 2], get_word(from + (i + 2) * AIMDBI_WORD));
        store_relaxed(&slot[i + 3], get_word(from + (i + 3) * AIMDBI_WORD));
    }
    switch (whole - i) {
    case 3:
        store_relaxed(&slot[i + 2], get_word(from + (i + 2) * AIMDBI_WORD));
        // fall through
    case 2:
        store_relaxed(&slot[i + 1], get_word(from + (i + 1) * AIMDBI_WORD));
        // fall through
    case 1:
        store_relaxed(&slot[i], get_word(from + i * AIMDBI_WORD));
        // fall through
    default:
        store_relaxed(&slot[whole], get_word(from + size - AIMDBI_WORD));
    }
}

// Reads a value of `size` bytes from `slot`. What is read may be torn until it is validated.
static inline void
copy_words_out(void *value, const aimdb_word *slot, size_t size)
{
    unsigned char *to = value;
    if (size < AIMDBI_WORD) {
        put_small(to, load_relaxed(slot), size); // relaxed: validated by the caller
        return;
    }
    size_t whole = words_of(size) - 1;
    size_t i = 0;
    for (; i + 4 <= whole; i += 4) {
        put_word(to + i * AIMDBI_WORD, load_relaxed(&slot[i]));
        put_word(to + (i + 1) * AIMDBI_WORD, load_relaxed(&slot[i + 1]));
        put_word(to + (i + 2) * AIMDBI_WORD, load_relaxed(&slot[i + 2]));
        put_word(to + (i + 3) * AIMDBI_WORD, load_relaxed(&slot[i + 3]));
    }
    switch (whole - i) {
    case 3:
        put_word(to + (i + 2) * AIMDBI_WORD, load_relaxed(&slot[i + 2]));
        // fall through
    case 2:
        put_word(to + (i + 1) * AIMDBI_WORD, load_relaxed(&slot[i + 1]));
        // fall through
    case 1:
        put_word(to + i * AIMDBI_WORD, load_relaxed(&slot[i]));
        // fall through
    default:
        put_word(to + size - AIMDBI_WORD, load_relaxed(&slot[whole]));
    }
}

// Copies a value between two places that only this thread can see. Small ones without a call.
static inline void
copy_value(void *to, const void *from, size_t size)
{
    unsigned char *out = to;
    const unsigned char *in = from;
    if (size < AIMDBI_WORD || size > 4 * AIMDBI_WORD) {
        __builtin_memcpy(to, from, size);
        return;
    }
    switch (words_of(size)) {
    case 4:
        put_word(out + 2 * AIMDBI_WORD, get_word(in + 2 * AIMDBI_WORD));
        // fall through
    case 3:
        put_word(out + AIMDBI_WORD, get_word(in + AIMDBI_WORD));
        // fall through
    case 2:
        put_word(out, get_word(in));
        // fall through
    default:
        put_word(out + size - AIMDBI_WORD, get_word(in + size - AIMDBI_WORD));
    }
}

#endif // AIMDB_ONE_CORE

#endif
