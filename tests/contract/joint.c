// SPDX-License-Identifier: Apache-2.0
// A join that notes its calls, and records to join.
#include "joint.h"

struct joint *
joint_new(struct world *w, size_t room, bool is_held)
{
    struct joint *joint = world_memory(w, sizeof *joint + room * sizeof joint->noted[0]);
    joint->calls = gate_new(w);
    joint->leave = is_held ? gate_new(w) : NULL;
    joint->room = room;
    return joint;
}

aimdb_err
joint_call(aimdb_ctx *ctx, size_t index, const void *value)
{
    struct joint *joint = aimdb_user(ctx);
    const struct number *number = number_joined(ctx, value);
    if (joint->count < joint->room) {
        joint->noted[joint->count].index = index;
        joint->noted[joint->count].n = number->n;
        joint->noted[joint->count].missed = aimdb_missed(ctx);
    }
    uint64_t call = ++joint->count;
    gate_add(joint->calls, 1);
    if (joint->leave != NULL)
        gate_wait(joint->leave, call);
    return joint->result;
}

void
joint_let_go(struct joint *joint)
{
    gate_add(joint->leave, UINT64_MAX / 4);
}

const char *const joint_keys[MANY] = { "join.a", "join.b", "join.c", "join.d" };

struct scene *
scene_new(struct world *w, size_t n, aimdb_buffer_cfg cfg, struct joint *joint, bool blocking)
{
    struct scene *scene = world_memory(w, sizeof *scene);
    const aimdb_consumer_options options = { .blocking = blocking };
    for (size_t i = 0; i < n; i++) {
        scene->records[i] = number_configure(w->builder, joint_keys[i], cfg);
        scene->raw[i] = scene->records[i].raw;
    }
    scene->joint = joint;
    scene->task = aimdb_add_join_with(w->builder, scene->raw, n, joint_call, joint, &options);
    CHECK(scene->task != NULL);
    return scene;
}

aimdb_reader_stats
input_stats(const struct scene *scene, size_t index)
{
    aimdb_reader_stats stats = { .size = sizeof stats };
    CHECK_OK(aimdb_task_input_metrics(scene->task, index, &stats));
    return stats;
}
