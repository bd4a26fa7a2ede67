// SPDX-License-Identifier: Apache-2.0
// A SingleLatest: what counts is the newest value; who comes late gets it too.
#include <aimdb/static.h>

#include "print.h"

struct setpoint {
    int32_t rpm;
};
AIMDB_RECORD_TYPE(setpoint, struct setpoint);

AIMDB_STATIC_SINGLE_LATEST(setpoint, speed, "speed");

static int32_t current;

static aimdb_err
follow(aimdb_ctx *ctx, const struct setpoint *setpoint)
{
    (void) ctx;
    current = setpoint->rpm;
    print_line("now at ", current);
    return AIMDB_OK;
}

// Every ten milliseconds somebody turns the knob, three times in a row.
static aimdb_time
knob(aimdb_ctx *ctx, setpoint_record out)
{
    static int32_t turned;
    for (int i = 0; i < 3; i++) {
        turned++;
        (void) setpoint_emit(ctx, out, &(struct setpoint){ turned * 100 });
    }
    return turned < 12 ? aimdb_every(ctx, AIMDB_MS(10)) : AIMDB_FOREVER;
}

AIMDB_STATIC_SOURCE(speed, knob, NULL);
AIMDB_STATIC_CONSUMER(speed, follow, NULL);
AIMDB_STATIC_DB(db, speed, knob, follow);

int
main(void)
{
    struct setpoint now = { 0 };
    setpoint_reader late;
    board_start(NULL);
    for (;;) {
        aimdb_time next = aimdb_poll(&db, aimdb_clock());
        if (current == 1200) {
            break;
        }
        aimdb_idle(&db, next);
    }
    if (setpoint_subscribe(speed, &late) == AIMDB_OK &&
        setpoint_try_recv(&late, &now) == AIMDB_OK) {
        print_line("who comes late gets ", now.rpm);
    }
    aimdb_task_stats stats = { .size = sizeof stats };
    (void) aimdb_task_metrics(AIMDB_STATIC_TASK(follow), &stats);
    print_line("followed ", (int32_t) stats.received);
    print_line("passed over ", (int32_t) stats.skipped);
    return 0;
}
