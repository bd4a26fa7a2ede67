// SPDX-License-Identifier: Apache-2.0
#include "executor.h"

void
aimdb_executor_free(aimdb_executor *executor)
{
    if (executor) {
        executor->ops->end(executor);
        aimdbi_executor_release(executor);
    }
}

void
aimdbi_executor_release(aimdb_executor *executor)
{
    if (fetch_sub_acq_rel(&executor->refs_, 1) == 1) {
        executor->ops->free(executor);
    }
}

bool
aimdbi_take_options(void *known, size_t known_size, const void *given)
{
    size_t size;
    __builtin_memcpy(&size, given, sizeof size);
    if (size != 0 && size < sizeof size) {
        return false;
    }
    size_t copied = size == 0 || size > known_size ? known_size : size;
    __builtin_memcpy(known, given, copied);
    return true;
}
