// SPDX-License-Identifier: Apache-2.0
#include "executor.h"

void
aimdb_executor_free(aimdb_executor *executor)
{
    if (executor) {
        executor->ops->free(executor);
    }
}
