// SPDX-License-Identifier: Apache-2.0
// What compilers call even in freestanding programs. Weak: a C library, or faster ones, come first.
// Words where both sides are aligned; the barriers keep the loops from becoming calls of themselves.
#include <stddef.h>
#include <stdint.h>

#define WEAK __attribute__((weak, used))
#define BARRIER() __asm__ volatile("" : : : "memory")

typedef size_t __attribute__((may_alias)) word;

void *
memcpy(void *restrict to, const void *restrict from, size_t size);
void *
memmove(void *to, const void *from, size_t size);
void *
memset(void *to, int byte, size_t size);
int
memcmp(const void *a, const void *b, size_t size);

static int
are_aligned(const void *a, const void *b)
{
    return (((uintptr_t) a | (uintptr_t) b) & (sizeof(word) - 1)) == 0;
}

static void
copy_forward(unsigned char *to, const unsigned char *from, size_t size)
{
    if (are_aligned(to, from)) {
        for (; size >= sizeof(word); size -= sizeof(word)) {
            *(word *) (void *) to = *(const word *) (const void *) from;
            to += sizeof(word);
            from += sizeof(word);
            BARRIER();
        }
    }
    for (; size > 0; size--) {
        *to++ = *from++;
        BARRIER();
    }
}

WEAK void *
memcpy(void *restrict to, const void *restrict from, size_t size)
{
    copy_forward(to, from, size);
    return to;
}

WEAK void *
memmove(void *to, const void *from, size_t size)
{
    if ((uintptr_t) to - (uintptr_t) from >= size) { // `to` does not lie within what is read
        copy_forward(to, from, size);
        return to;
    }
    while (size > 0) {
        size--;
        ((unsigned char *) to)[size] = ((const unsigned char *) from)[size];
        BARRIER();
    }
    return to;
}

WEAK void *
memset(void *to, int byte, size_t size)
{
    unsigned char *at = to;
    if (are_aligned(at, at)) {
        word pattern = (unsigned char) byte * (SIZE_MAX / 255);
        for (; size >= sizeof(word); size -= sizeof(word)) {
            *(word *) (void *) at = pattern;
            at += sizeof(word);
            BARRIER();
        }
    }
    for (; size > 0; size--) {
        *at++ = (unsigned char) byte;
        BARRIER();
    }
    return to;
}

WEAK int
memcmp(const void *a, const void *b, size_t size)
{
    const unsigned char *left = a, *right = b;
    for (; size > 0; size--, left++, right++) {
        if (*left != *right) {
            return *left - *right;
        }
    }
    return 0;
}
