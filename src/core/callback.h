// SPDX-License-Identifier: Apache-2.0
// The context of a callback, in memory.
#ifndef AIMDB_CORE_CALLBACK_H
#define AIMDB_CORE_CALLBACK_H

#include <aimdb/context.h>
#include <aimdb/shape.h>

// What a callback is given. Lives on the stack of whoever calls it.
struct aimdb_ctx {
    aimdb *db;          // NULL: a static record's callback
    aimdb_record *from; // whose consumer, source or producer function is called
    void *user;
    size_t missed;
    aimdb_time next; // source: what aimdb_every answered last in this step
    size_t left_out; // source: grid points that had passed by then
    union {
        struct {
            aimdb_task *task; // NULL: a producer function
            size_t index;     // of the task's input that the value came from
        };
        struct {
            const struct aimdbi_static_task *static_task; // NULL: a producer function
            aimdb_time now;                               // of the poll
            uint16_t left;                                // values the consumer may still have
            uint8_t depth;                                // producer functions on the stack
            uint8_t after;                                // the run; AIMDBI_AFTER_*
        };
    };
};

#define AIMDBI_AFTER_DEFER 1u // a token is out
#define AIMDBI_AFTER_MORE 2u  // the consumer has had its share, and there is more

#endif
