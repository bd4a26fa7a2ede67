// SPDX-License-Identifier: Apache-2.0
// Memory for one value on the caller's stack, in classes, so that a small value costs little stack
// and a large one needs neither heap nor lock. At most four times what is asked for.
#ifndef AIMDB_CORE_SCRATCH_H
#define AIMDB_CORE_SCRATCH_H

#include <aimdb/record.h>

typedef aimdb_err (*aimdbi_scratch_fn)(void *work, void *scratch);

// Calls fn(work, scratch) with `size` bytes aligned to `align`. size <= AIMDB_VALUE_MAX, align <=
// AIMDB_ALIGN_MAX.
aimdb_err
aimdbi_with_scratch(size_t size, size_t align, aimdbi_scratch_fn fn, void *work);

// Rounds an address up to an alignment.
static inline void *
aligned_up(void *memory, size_t align)
{
    uintptr_t at = (uintptr_t) memory;
    return (unsigned char *) memory + ((0 - at) & (align - 1));
}

#endif
