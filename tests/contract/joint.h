// SPDX-License-Identifier: Apache-2.0
// What the suites about joins share.
#ifndef CONTRACT_JOINT_H
#define CONTRACT_JOINT_H

#include "contract.h"

// A join of numbers that notes what it is called with, and can be held inside its calls.
struct joint {
    struct gate *calls; // up by one at the beginning of each call, after the value was noted
    struct gate *leave; // NULL: never held; else call k ends when this has reached k
    aimdb_err result;   // what calls return
    size_t room;        // values noted at the most
    size_t count;       // values seen
    struct {
        size_t index;
        uint64_t n;
        uint64_t missed;
    } noted[];
};
struct joint *
joint_new(struct world *w, size_t room, bool is_held);
aimdb_err
joint_call(aimdb_ctx *ctx, size_t index, const void *value);
void
joint_let_go(struct joint *joint);

// Records of one kind, and a join over them.
#define MANY 4
extern const char *const joint_keys[MANY];
struct scene {
    number_record records[MANY];
    aimdb_record *raw[MANY];
    aimdb_task *task;
    struct joint *joint;
};
struct scene *
scene_new(struct world *w, size_t n, aimdb_buffer_cfg cfg, struct joint *joint, bool blocking);
aimdb_reader_stats
input_stats(const struct scene *scene, size_t index);

#endif
