// SPDX-License-Identifier: Apache-2.0
// A port to a kernel, with a stub of that kernel: a value is produced at every point of a turn of the
// loop, in a handler and in another task, and none is lost or left lying while the loop sleeps. Sources
// are stepped on time, though the kernel's clock runs over.
#include <stdio.h>
#include <stdlib.h>

#include "aimdb.h"

#include "kernel.h"

struct value {
    uint32_t number;
};
AIMDB_RECORD_TYPE(value, struct value);
AIMDB_STATIC_SPMC_RING(value, ring, "ring", 8);
AIMDB_STATIC_MAILBOX(value, echo, "echo");
AIMDB_STATIC_SINGLE_LATEST(value, beats, "beats");

static uint32_t produced, received, echoed, stepped;
static aimdb_time due;

static void
produce(void)
{
    EXPECT(value_produce(ring, &(struct value){ ++produced }) == AIMDB_OK);
}

static aimdb_err
pass_on(aimdb_ctx *ctx, const struct value *v)
{
    EXPECT(v->number == received + 1 && aimdb_missed(ctx) == 0);
    received = v->number;
    return value_emit(ctx, echo, v); // wakes nobody: the loop is not asleep
}
AIMDB_STATIC_CONSUMER(ring, pass_on, NULL);

static aimdb_err
hear(aimdb_ctx *ctx, const struct value *v)
{
    (void) ctx;
    echoed = v->number;
    return AIMDB_OK;
}
AIMDB_STATIC_CONSUMER(echo, hear, NULL);
AIMDB_STATIC_DB(db, ring, echo, pass_on, hear);

static aimdb_time
beat(aimdb_ctx *ctx, value_record out)
{
    aimdb_time now = aimdb_now(ctx);
    EXPECT(stepped == 0 || (now >= due && now < due + AIMDB_MS(2)));
    (void) value_emit(ctx, out, &(struct value){ ++stepped });
    due = aimdb_every(ctx, AIMDB_MS(10));
    return due;
}
AIMDB_STATIC_SOURCE(beats, beat, NULL);
AIMDB_STATIC_DB(clockwork, beats, beat);

// Produces at every point until it is the sleep that is interrupted; how many points.
static unsigned
sweep(bool as_task)
{
    unsigned points = 0;
    for (bool asleep = false; !asleep;) {
        kernel_interrupt(++points, produce, as_task);
        for (int turn = 0;; turn++) {
            EXPECT(turn < 8);
            aimdb_time next = aimdb_poll(&db, aimdb_clock());
            if (kernel_has_come(&asleep) && echoed == produced) {
                break;
            }
            aimdb_idle(&db, next);
        }
        EXPECT(received == produced && echoed == produced);
        EXPECT(points < 1000);
    }
    return points;
}

static void
keep_time(void)
{
    uint64_t begin_ms = kernel_time();
    aimdb_time begin = aimdb_clock();
    unsigned turns = 0;
    while (stepped < 100) {
        aimdb_idle(&clockwork, aimdb_poll(&clockwork, aimdb_clock()));
        EXPECT(++turns < 1500); // Arduino's comes round each millisecond
    }
    aimdb_time passed = aimdb_clock() - begin;
    EXPECT(passed == AIMDB_MS(kernel_time() - begin_ms));
    EXPECT(passed >= AIMDB_MS(990) && passed <= AIMDB_MS(1010));
    aimdb_idle(&clockwork, 0);
    EXPECT(aimdb_clock() - begin == passed); // no sleep: the deadline has passed
}

#ifdef DATABASES
// As many databases may idle as were asked for; one more is a mistake, and told.
static bool is_expected;

void
aimdb_fault(const char *file, int line, const char *text)
{
    (void) file, (void) line;
    printf("%s: %s\n", is_expected ? "ok, refused" : "FAILED", text);
    exit(is_expected ? 0 : 1);
}

static void
idle_too_often(void)
{
    static aimdbi_signal words[DATABASES];
    for (int i = 0; i < DATABASES - 2; i++) { // two idle already
        aimdbp_idle(&words[i], 0);
    }
    is_expected = true;
    aimdbp_idle(&words[DATABASES - 1], 0);
    EXPECT(!is_expected); // one database too many idled
}
#endif

int
main(void)
{
    kernel_set_time(UINT32_MAX - 500); // a count of 32 bits runs over soon
    (void) aimdb_clock();
    unsigned in_handler = sweep(false);
    unsigned in_task = sweep(true);
    keep_time();
    printf("ok: %u values, at %u points in a handler and %u in a task\n", (unsigned) produced,
           in_handler, in_task);
    EXPECT(in_handler > 4 && in_task > 4);
#ifdef DATABASES
    idle_too_often();
#endif
    return 0;
}
