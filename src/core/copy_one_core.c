// SPDX-License-Identifier: Apache-2.0
// Copying values on one core: of all copies the one function (copy.h).
//
// What a handler writes while a reader copies is found out by validation, as everywhere; no word is
// torn, because a handler runs between two instructions and each of those moves whole words. So the
// copy need not be made of single accesses that the compiler may not touch: a barrier before and behind
// it is enough. On ARM four words are two instructions, LDM and STM, which also costs the fewest
// cycles; they want aligned addresses, which slots have, and values too unless they are packed: those
// go byte by byte.
//
// Source: STYLE section 4 rule 4, for one core; docs/adr/0012.
#include "copy.h"

#define WORD sizeof(size_t)

#ifdef AIMDB_ONE_CORE

#ifdef __arm__
#define COPY_FOUR_WORDS(out, in)                                                                   \
    __asm__ volatile("ldmia %1!, {r2, r3, r4, r5}\n\tstmia %0!, {r2, r3, r4, r5}"                  \
                     : "+l"(out), "+l"(in)                                                         \
                     :                                                                             \
                     : "r2", "r3", "r4", "r5", "memory")
#else
// Through registers: for an assignment of four words GCC calls memcpy.
#define COPY_FOUR_WORDS(out, in)                                                                   \
    do {                                                                                           \
        const volatile size_t *words_ = (const volatile size_t *) (const void *) (in);             \
        volatile size_t *to_ = (volatile size_t *) (void *) (out);                                 \
        size_t a_ = words_[0], b_ = words_[1], c_ = words_[2], d_ = words_[3];                     \
        to_[0] = a_;                                                                               \
        to_[1] = b_;                                                                               \
        to_[2] = c_;                                                                               \
        to_[3] = d_;                                                                               \
        (out) += 4 * WORD;                                                                         \
        (in) += 4 * WORD;                                                                          \
    } while (0)
#endif

void
aimdbi_copy(void *to, const void *from, size_t size)
{
    unsigned char *out = to;
    const unsigned char *in = from;
    const unsigned char *end;
    fence_compiler();
    if ((((uintptr_t) to | (uintptr_t) from) & (WORD - 1)) == 0) {
        for (end = in + (size & ~(4 * WORD - 1)); in != end;) {
            COPY_FOUR_WORDS(out, in);
        }
        for (end = in + (size & 3 * WORD); in != end; in += WORD, out += WORD) {
            *(volatile size_t *) (void *) out = *(const volatile size_t *) (const void *) in;
        }
        size &= WORD - 1;
    } else if (WORD > 4 && (((uintptr_t) to | (uintptr_t) from) & 3) == 0) {
        // Values of 32-bit members on a machine of 64-bit words.
        for (end = in + (size & ~(size_t) 3); in != end; in += 4, out += 4) {
            *(volatile uint32_t *) (void *) out = *(const volatile uint32_t *) (const void *) in;
        }
        size &= 3;
    }
    for (end = in + size; in != end; in++, out++) {
        *(volatile unsigned char *) out = *(const volatile unsigned char *) in;
    }
    fence_compiler();
}

#endif
