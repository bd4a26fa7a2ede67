// SPDX-License-Identifier: Apache-2.0
// The smallest whole program: a source, a ring, a consumer that says hello, and sleep between. With
// -DALL_BUFFERS it has a SingleLatest and a mailbox too: then what is linked is the core for all
// buffers. tests/qemu/budgets measures both images.
#include <aimdb/static.h>

#include "check.h"

enum { HELLOS = 3 };

struct greeting {
    uint32_t number;
};

AIMDB_RECORD_TYPE(greeting, struct greeting);
AIMDB_STATIC_SPMC_RING(greeting, greetings, "greetings", 4);

static uint32_t hellos;

static aimdb_time
greet(aimdb_ctx *ctx, greeting_record record)
{
    static uint32_t number;
    (void) greeting_emit(ctx, record, &(struct greeting){ ++number });
    return aimdb_every(ctx, AIMDB_MS(10));
}

static aimdb_err
say(aimdb_ctx *ctx, const struct greeting *greeting)
{
    (void) ctx;
    print_number("hello ", greeting->number);
    board_print("\n");
    hellos++;
    return AIMDB_OK;
}

AIMDB_STATIC_SOURCE(greetings, greet, NULL);
AIMDB_STATIC_CONSUMER(greetings, say, NULL);

#ifdef ALL_BUFFERS
AIMDB_STATIC_SINGLE_LATEST(greeting, latest, "latest");
AIMDB_STATIC_MAILBOX(greeting, mailbox, "mailbox");
AIMDB_STATIC_CONSUMER_AS(say_latest, latest, say, NULL);
AIMDB_STATIC_CONSUMER_AS(say_mailbox, mailbox, say, NULL);
AIMDB_STATIC_DB(db, greetings, greet, say, latest, say_latest, mailbox, say_mailbox);
#else
AIMDB_STATIC_DB(db, greetings, greet, say);
#endif

int
main(void)
{
    board_start(NULL);
    while (hellos < HELLOS) {
        aimdb_idle(&db, aimdb_poll(&db, aimdb_clock()));
    }
    print_number("stack: ", (int64_t) board_stack_used());
    board_print("\n");
    return 0;
}
