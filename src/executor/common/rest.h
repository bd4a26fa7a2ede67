// SPDX-License-Identifier: Apache-2.0
// How executors tell closers that a task came to rest.
#ifndef AIMDB_EXECUTOR_COMMON_REST_H
#define AIMDB_EXECUTOR_COMMON_REST_H

#include "core/executor.h"

struct aimdbi_rest {
    aimdb_word attending_; // closers that use settled
    aimdbi_signal settled; // counts: a task came to rest
    bool asymmetric;       // constant: which fences
    aimdb_executor *executor;
};

// A task came to rest: tells closers. The task must not be touched any more.
static inline void
aimdbi_rest_note(struct aimdbi_rest *rest)
{
    if (rest->asymmetric) {
        fence_compiler(); // [C3] the task's last state, then attending_
    } else {
        fence_seq_cst();
    }
    if (load_relaxed(&rest->attending_) > 0) { // relaxed: ordered by [C3]
        (void) signal_add_release(&rest->settled, 1);
        aimdbp_wake_all(&rest->settled);
        rest->executor->ops->nudge(rest->executor);
    }
}

#endif
