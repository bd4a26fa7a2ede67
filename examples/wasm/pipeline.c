// SPDX-License-Identifier: Apache-2.0
// A tank whose level follows a set point. The page produces set points and commands, and reads the
// rest; what is here would run the same on a microcontroller.
#include <aimdb/static.h>

#define SETPOINT(F, S) F(S, f32, percent, "%")
AIMDB_SCHEMA(setpoint, SETPOINT);

#define LEVEL(F, S) F(S, f64, at, "s") F(S, f32, setpoint, "%") F(S, f32, percent, "%")
AIMDB_SCHEMA(level, LEVEL);

#define COMMAND(F, S) F(S, f32, pour, "%") F(S, bool, empty, "")
AIMDB_SCHEMA(command, COMMAND);

#define ALARM(F, S) F(S, bool, is_high, "")
AIMDB_SCHEMA(alarm, ALARM);

AIMDB_STATIC_SINGLE_LATEST(setpoint, wanted, "tank.setpoint");
AIMDB_STATIC_SPMC_RING(level, measured, "tank.level", 64, .one_writer = true);
AIMDB_STATIC_MAILBOX(command, commands, "tank.command");
AIMDB_STATIC_SINGLE_LATEST(alarm, alarms, "tank.alarm");

static struct {
    float percent;
    aimdb_time at;
} tank;

static aimdb_err
check(aimdb_ctx *ctx, struct setpoint *value)
{
    (void) ctx;
    return value->percent >= 0 && value->percent <= 100 ? AIMDB_OK : AIMDB_EINVAL; // and not NaN
}
AIMDB_STATIC_PRODUCER(wanted, check, NULL);

// A first-order system with a time constant of a second.
static aimdb_time
measure(aimdb_ctx *ctx, level_record out)
{
    struct setpoint to;
    if (setpoint_peek(wanted, &to) != AIMDB_OK) {
        to.percent = 0;
    }
    aimdb_time now = aimdb_now(ctx);
    float share = tank.at ? (float) (now - tank.at) * 1e-9f : 0;
    tank.percent += (to.percent - tank.percent) * (share < 1 ? share : 1);
    tank.at = now;
    (void) level_emit(ctx, out, &(struct level){ (double) now * 1e-9, to.percent, tank.percent });
    return aimdb_every(ctx, AIMDB_MS(20));
}
AIMDB_STATIC_SOURCE(measured, measure, NULL);

static aimdb_err
watch(aimdb_ctx *ctx, const struct level *value)
{
    static struct alarm now;
    if (now.is_high == (value->percent > 90)) {
        return AIMDB_OK;
    }
    now.is_high = !now.is_high;
    return alarm_emit(ctx, alarms, &now);
}
AIMDB_STATIC_CONSUMER(measured, watch, NULL);

static aimdb_err
obey(aimdb_ctx *ctx, const struct command *value)
{
    (void) ctx;
    float percent = (value->empty ? 0 : tank.percent) + value->pour;
    tank.percent = percent < 100 ? percent : 100; // the rest runs over
    return AIMDB_OK;
}
AIMDB_STATIC_CONSUMER(commands, obey, NULL);

AIMDB_STATIC_DB(db, wanted, measured, commands, alarms, measure, watch, obey);
