// SPDX-License-Identifier: Apache-2.0
// The thread that reads commands from stdin and produces them into gateway.command.
//
// A mailbox holds one value, and a newer one replaces it. For a person at a keyboard that is right,
// but `printf 'rate cpu 50\nquit\n' | gateway` would lose its first command. So the console waits
// until a command was carried out before it looks at the next line.
#ifndef GATEWAY_CONSOLE_H
#define GATEWAY_CONSOLE_H

#include "command.h"
#include "screen.h"

#include <pthread.h>

#define CONSOLE_LINE 100u // bytes of a command with its end

struct console {
    gateway_command_record record;
    struct control *control;
    struct screen *screen; // shows what is being typed, if it is live
    struct notes *notes;
    pthread_t thread;
    int wake[2]; // a pipe: closing its writing end stops the thread
    char line[CONSOLE_LINE];
    size_t len;
    bool is_too_long;
    unsigned escape; // how far we are in the escape sequence of an arrow or function key
};

// console_start begins reading. False: no thread or pipe to be had, which was noted.
bool
console_start(struct console *console);

// console_stop ends the thread, also one that waits for input.
void
console_stop(struct console *console);

#endif
