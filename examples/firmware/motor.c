// SPDX-License-Identifier: Apache-2.0
// A small motor controller.
//
//   interrupt, 1 kHz -> current (ring) -> validate -> filter  -> load (latest)
//                                                  -> guard   -> faults (ring) -> alarm -> commands
//   main             -> commands (mailbox) -> control -> speed (latest), read in the interrupt
//
// The motor is simulated in the interrupt: it follows the speed that is asked for, and takes current
// for it. Its shaft is blocked for a while; a sensor error is thrown in.
#include <aimdb/static.h>

#include "print.h"

struct current {
    int32_t milliampere, rpm;
};
struct load {
    int32_t milliampere; // mean
};
struct fault {
    int32_t milliampere, after; // samples
};
struct command {
    int32_t rpm; // 0: stop
};
struct speed {
    int32_t rpm;
};
AIMDB_RECORD_TYPE(current, struct current);
AIMDB_RECORD_TYPE(load, struct load);
AIMDB_RECORD_TYPE(fault, struct fault);
AIMDB_RECORD_TYPE(command, struct command);
AIMDB_RECORD_TYPE(speed, struct speed);

enum { SAMPLES = 120, BLOCKED_FROM = 60, LIMIT = 3000, IN_A_ROW = 4 };

AIMDB_STATIC_SPMC_RING(current, currents, "motor.current", 128, .one_writer = true);
AIMDB_STATIC_SINGLE_LATEST(load, loads, "motor.load");
AIMDB_STATIC_SPMC_RING(fault, faults, "motor.fault", 4);
AIMDB_STATIC_MAILBOX(command, commands, "motor.command");
AIMDB_STATIC_SINGLE_LATEST(speed, speeds, "motor.speed");

// The producer function: no motor takes 50 A.
static aimdb_err
validate(aimdb_ctx *ctx, struct current *current)
{
    (void) ctx;
    return current->milliampere > 50000 ? AIMDB_EINVAL : AIMDB_OK;
}
AIMDB_STATIC_PRODUCER(currents, validate, NULL);

static int32_t filtered;

static aimdb_err
filter(aimdb_ctx *ctx, const struct current *current)
{
    static int32_t mean;
    mean += (current->milliampere - mean) / 4;
    filtered++;
    return load_emit(ctx, loads, &(struct load){ mean });
}

static aimdb_err
guard(aimdb_ctx *ctx, const struct current *current)
{
    static int32_t high, sample;
    sample++;
    high = current->milliampere > LIMIT ? high + 1 : 0;
    if (high != IN_A_ROW) {
        return AIMDB_OK;
    }
    return fault_emit(ctx, faults, &(struct fault){ current->milliampere, sample });
}

static aimdb_err
alarm(aimdb_ctx *ctx, const struct fault *fault)
{
    print_line("overcurrent, mA: ", fault->milliampere);
    print_line("  at sample ", fault->after);
    return command_emit(ctx, commands, &(struct command){ 0 });
}

static aimdb_err
control(aimdb_ctx *ctx, const struct command *command)
{
    print_line(command->rpm > 0 ? "run, rpm: " : "stop, rpm: ", command->rpm);
    return speed_emit(ctx, speeds, &(struct speed){ command->rpm });
}

AIMDB_STATIC_CONSUMER(currents, filter, NULL);
AIMDB_STATIC_CONSUMER(currents, guard, NULL);
AIMDB_STATIC_CONSUMER(faults, alarm, NULL);
AIMDB_STATIC_CONSUMER(commands, control, NULL);
AIMDB_STATIC_DB(db, currents, loads, faults, commands, speeds, filter, guard, alarm, control);

static volatile int32_t sampled;

// SysTick: the motor moves, and its current is measured. A blocked shaft does not know of time: the
// guard's command is waited for, so that each run prints the same lines.
static void
tick(void)
{
    static int32_t rpm, blocked;
    struct speed wanted = { 0 };
    if (sampled == SAMPLES || speed_peek(speeds, &wanted) != AIMDB_OK) {
        return;
    }
    if (sampled >= BLOCKED_FROM && wanted.rpm > 0 && blocked >= IN_A_ROW) {
        return;
    }
    bool is_blocked = sampled >= BLOCKED_FROM && wanted.rpm > 0;
    blocked += is_blocked;
    rpm = is_blocked ? 0 : rpm + (wanted.rpm - rpm) / 8;
    struct current now = { is_blocked ? 9000 : 200 + (wanted.rpm - rpm), rpm };
    if (sampled == 10) {
        now.milliampere = 99999; // the sensor lies
    }
    (void) current_produce(currents, &now);
    sampled = sampled + 1;
}

int
main(void)
{
    board_start(tick);
    (void) command_produce(commands, &(struct command){ 1500 });
    for (;;) {
        aimdb_time next = aimdb_poll(&db, aimdb_clock());
        if (filtered == SAMPLES - 1) { // one is refused
            break;
        }
        aimdb_idle(&db, next);
    }

    aimdb_record_stats produced = { .size = sizeof produced };
    aimdb_task_stats stats = { .size = sizeof stats };
    struct load load = { -1 };
    (void) aimdb_record_metrics(currents.raw, &produced);
    (void) aimdb_task_metrics(AIMDB_STATIC_TASK(filter), &stats);
    if (load_peek(loads, &load) != AIMDB_OK) {
        return 1;
    }
    print_line("samples ", (int32_t) produced.produced);
    print_line("refused ", (int32_t) produced.refused);
    print_line("filtered ", (int32_t) stats.received);
    print_line("missed ", (int32_t) stats.missed);
    print_line("load at rest, mA: ", load.milliampere);
    return 0;
}
