// SPDX-License-Identifier: Apache-2.0
#include "scratch.h"

// One function a class: a frame is as large as its largest variable, taken or not.
#define SCRATCH_CLASS(BYTES)                                                                       \
    static __attribute__((noinline))                                                               \
    aimdb_err with_##BYTES(size_t align, aimdbi_scratch_fn fn, void *work)                         \
    {                                                                                              \
        unsigned char memory[BYTES];                                                               \
        return fn(work, aligned_up(memory, align));                                                \
    }

#define LARGEST 69632 // AIMDB_VALUE_MAX + AIMDB_ALIGN_MAX
_Static_assert(LARGEST == AIMDB_VALUE_MAX + AIMDB_ALIGN_MAX, "the largest class fits every value");

SCRATCH_CLASS(256)
SCRATCH_CLASS(1024)
SCRATCH_CLASS(4096)
SCRATCH_CLASS(16384)
SCRATCH_CLASS(69632)

aimdb_err
aimdbi_with_scratch(size_t size, size_t align, aimdbi_scratch_fn fn, void *work)
{
    size_t need = size + align;
    if (need <= 256) {
        return with_256(align, fn, work);
    }
    if (need <= 1024) {
        return with_1024(align, fn, work);
    }
    if (need <= 4096) {
        return with_4096(align, fn, work);
    }
    if (need <= 16384) {
        return with_16384(align, fn, work);
    }
    return with_69632(align, fn, work);
}
