// SPDX-License-Identifier: Apache-2.0
// Commands: the text of one, and the consumer of gateway.command that carries them out.
#ifndef GATEWAY_COMMAND_H
#define GATEWAY_COMMAND_H

#include "settings.h"

#include <semaphore.h>

#define COMMAND_USAGE "pause, resume, rate SOURCE HZ (such as: rate cpu 50), quit"

// command_parse understands one line. If it cannot, it writes to complaint what is wrong, and out
// is untouched. A line of blanks is no command and no mistake: *ret_is_empty.
bool
command_parse(const char *line, struct gateway_command *out, bool *ret_is_empty, char *complaint,
              size_t size);

struct control {
    struct settings *settings;
    aimdb *db;  // to be stopped; set before the first command can be produced
    sem_t done; // posted when a command was carried out; the console waits for it
};

void
control_init(struct control *control, struct settings *settings);

void
control_fini(struct control *control);

// control_carry_out is the consumer of gateway.command; user is the struct control.
gateway_command_consumer_fn control_carry_out;

#endif
