// SPDX-License-Identifier: Apache-2.0
// A control loop of 1 kHz, with real-time priority where that is permitted, tells how it kept time.
#include <aimdb/aimdb.h>

struct angle {
    double radians;
};
AIMDB_RECORD_TYPE(angle, struct angle);

struct loop {
    aimdb *db;
    unsigned steps;
};

static aimdb_time
control(aimdb_ctx *ctx, angle_record out)
{
    struct loop *loop = aimdb_user(ctx);
    (void) angle_emit(ctx, out, &(struct angle){ 0.01 * loop->steps });
    if (++loop->steps < 200) {
        return aimdb_every(ctx, AIMDB_MS(1)); // asked last: what has passed by now is counted
    }
    aimdb_stop(loop->db);
    return AIMDB_FOREVER;
}

static aimdb_err
run(uint32_t priority)
{
    struct loop loop = { 0 };
    aimdb_task_stats stats = { .size = sizeof stats };
    const aimdb_lane_options lanes[] = { { .priority = priority }, { 0 } };
    aimdb_executor *pool =
        aimdb_pool_new(&(aimdb_pool_options){ .source_lanes = 2, .lanes = lanes });
    aimdb_builder *b = aimdb_builder_new(pool);
    angle_record angle =
        angle_configure(b, "motor.angle", AIMDB_SPMC_RING(64, .one_writer = true, .stamp = true));
    const aimdb_source_options options = { .name = "control", .lane = 0 }; // all others: lane 1
    aimdb_task *task = angle_add_source_with(b, angle, control, &loop, &options);
    aimdb_err err = aimdb_build(b, &loop.db);
    if (err == AIMDB_OK && aimdb_run(loop.db) == AIMDB_OK) {
        (void) aimdb_task_metrics(task, &stats);
        printf("%u steps\n", loop.steps);
        fprintf(stderr, "priority %u: %u left out, 99 %% at most %u us late\n", (unsigned) priority,
                (unsigned) stats.overruns, (unsigned) (stats.latency_p99 / 1000));
    }
    aimdb_builder_report(b, stderr); // what was refused, and what it takes
    aimdb_free(loop.db);
    aimdb_builder_free(b);
    aimdb_executor_free(pool);
    return err;
}

int
main(void)
{
    return run(50) == AIMDB_OK || run(0) == AIMDB_OK ? 0 : 1;
}
