// SPDX-License-Identifier: Apache-2.0
#define _POSIX_C_SOURCE 200809L
#include "console.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KEY_END_OF_INPUT 0x04 // Ctrl-D
#define KEY_BACKSPACE 0x08
#define KEY_CLEAR 0x15 // Ctrl-U
#define KEY_ESCAPE 0x1b
#define KEY_DELETE 0x7f

// The longest wait for a command to be carried out; only a database that is closing takes long.
#define ANSWER_SECONDS 2

static void
produce(struct console *console, const struct gateway_command *command)
{
    while (sem_trywait(&console->control->done) == 0) {
        // an answer that came too late for its command
    }
    aimdb_err err = gateway_command_produce(console->record, command);
    if (err != AIMDB_OK) {
        notes_add(console->notes, "the command was not taken: %s", aimdb_err_text(err));
        return;
    }
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += ANSWER_SECONDS;
    while (sem_timedwait(&console->control->done, &deadline) != 0 && errno == EINTR) {
    }
}

static void
end_line(struct console *console)
{
    struct gateway_command command;
    bool is_empty = false;
    char complaint[NOTE_SIZE];
    console->line[console->len] = '\0';
    if (console->is_too_long) {
        notes_add(console->notes, "this line is too long for a command; commands are: %s",
                  COMMAND_USAGE);
    } else if (command_parse(console->line, &command, &is_empty, complaint, sizeof complaint)) {
        produce(console, &command);
    } else if (!is_empty) {
        notes_add(console->notes, "%s", complaint);
    }
    console->len = 0;
    console->is_too_long = false;
}

// is_escape swallows what arrow and function keys send: ESC [ parameters, up to a letter or '~'.
static bool
is_escape(struct console *console, unsigned char key)
{
    if (console->escape == 1) {
        console->escape = key == '[' || key == 'O' ? 2 : 0;
        return true;
    }
    if (console->escape == 2) {
        console->escape = key >= 0x40 && key <= 0x7e ? 0 : 2;
        return true;
    }
    console->escape = key == KEY_ESCAPE ? 1 : 0;
    return key == KEY_ESCAPE;
}

// take_key handles one byte of input. False: it means the end of input.
static bool
take_key(struct console *console, unsigned char key)
{
    if (key == '\n' || key == '\r') {
        end_line(console);
    } else if (is_escape(console, key)) {
        return true;
    } else if (key == KEY_END_OF_INPUT) {
        notes_add(console->notes, "end of input: no more commands; Ctrl-C ends the gateway");
        return false;
    } else if (key == KEY_BACKSPACE || key == KEY_DELETE) {
        console->len -= console->len > 0;
    } else if (key == KEY_CLEAR) {
        console->len = 0;
    } else if (console->len == CONSOLE_LINE - 1) {
        console->is_too_long = true;
    } else {
        // Anything that is not printable ASCII is no part of a command, nor fit for a terminal.
        bool is_printable = key == '\t' || (key >= ' ' && key < KEY_DELETE);
        console->line[console->len++] = is_printable ? (char) key : '?';
    }
    return true;
}

// take_input reads what there is. False: there will be no more.
static bool
take_input(struct console *console)
{
    unsigned char keys[256];
    ssize_t got = read(STDIN_FILENO, keys, sizeof keys);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
        return true;
    }
    if (got <= 0) {
        if (console->len > 0) {
            end_line(console); // the last line lacks its newline
        }
        return false;
    }
    bool goes_on = true;
    for (ssize_t i = 0; i < got && goes_on; i++) {
        goes_on = take_key(console, keys[i]);
    }
    console->line[console->len] = '\0';
    screen_set_prompt(console->screen, console->line);
    return goes_on;
}

static void *
read_commands(void *user)
{
    struct console *console = user;
    struct pollfd inputs[] = { { .fd = STDIN_FILENO, .events = POLLIN },
                               { .fd = console->wake[0], .events = POLLIN } };
    for (;;) {
        if (poll(inputs, 2, -1) < 0 && errno != EINTR) {
            notes_add(console->notes, "stdin: %s; no commands any more", strerror(errno));
            return NULL;
        }
        if (inputs[1].revents != 0 || (inputs[0].revents & POLLNVAL) != 0) {
            return NULL;
        }
        if (inputs[0].revents != 0 && !take_input(console)) {
            return NULL;
        }
    }
}

bool
console_start(struct console *console)
{
    console->len = 0;
    console->is_too_long = false;
    console->escape = 0;
    if (pipe(console->wake) != 0) {
        notes_add(console->notes, "no pipe to be had: %s", strerror(errno));
        return false;
    }
    int err = pthread_create(&console->thread, NULL, read_commands, console);
    if (err != 0) {
        notes_add(console->notes, "no thread to be had for stdin: %s", strerror(err));
        close(console->wake[0]);
        close(console->wake[1]);
        return false;
    }
    return true;
}

void
console_stop(struct console *console)
{
    close(console->wake[1]);
    pthread_join(console->thread, NULL);
    close(console->wake[0]);
}
