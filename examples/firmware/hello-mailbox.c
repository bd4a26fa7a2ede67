// SPDX-License-Identifier: Apache-2.0
// A mailbox: a command is taken by one of those who can carry it out; an unread one is replaced.
#include <aimdb/static.h>

#include "print.h"

struct command {
    int32_t position;
};
AIMDB_RECORD_TYPE(command, struct command);

AIMDB_STATIC_MAILBOX(command, commands, "commands");

// Two that compete; `user` is the name.
static aimdb_err
carry_out(aimdb_ctx *ctx, const struct command *command)
{
    board_print(aimdb_user(ctx));
    print_line(" moves to ", command->position);
    return AIMDB_OK;
}

AIMDB_STATIC_CONSUMER_AS(left, commands, carry_out, "left arm");
AIMDB_STATIC_CONSUMER_AS(right, commands, carry_out, "right arm");
AIMDB_STATIC_DB(db, commands, left, right);

int
main(void)
{
    board_start(NULL);
    (void) command_produce(commands, &(struct command){ 10 });
    (void) command_produce(commands, &(struct command){ 20 }); // nobody has read the first one
    (void) aimdb_poll(&db, aimdb_clock());
    (void) command_produce(commands, &(struct command){ 30 });
    (void) aimdb_poll(&db, aimdb_clock());

    aimdb_record_stats stats = { .size = sizeof stats };
    (void) aimdb_record_metrics(commands.raw, &stats);
    print_line("produced ", (int32_t) stats.produced);
    print_line("overwritten ", (int32_t) stats.overwritten);
    return 0;
}
