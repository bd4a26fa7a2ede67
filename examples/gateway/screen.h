// SPDX-License-Identifier: Apache-2.0
// The terminal: taken over for a live picture, and always given back as it was.
//
// While it is live stdout shows the alternate screen, and stdin, if it is the terminal too,
// delivers each key at once and does not echo: the last row of the picture shows what is being
// typed. Any thread may call any of these; without a live screen they do nothing.
#ifndef GATEWAY_SCREEN_H
#define GATEWAY_SCREEN_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

#define SCREEN_PROMPT 100u // bytes of the line being typed with its end

struct screen {
    pthread_mutex_t lock; // protects all below, and keeps writes to the terminal whole
    bool is_live;
    bool has_keyboard;     // stdin is the terminal as well
    bool is_suspended;     // the terminal was given back for a while
    bool may_resume;       // and is to be taken again as soon as it is ours
    struct termios before; // of stdin
    char prompt[SCREEN_PROMPT];
};

void
screen_init(struct screen *screen);

// screen_open takes the terminal over, if stdout is one, able, and ours (not in the background).
// It tells whether there is a live screen now.
bool
screen_open(struct screen *screen);

// screen_close gives the terminal back.
void
screen_close(struct screen *screen);

// screen_suspend gives it back for the time the program is stopped; screen_resume allows to take it
// again, which happens when the program is in the foreground.
void
screen_suspend(struct screen *screen);
void
screen_resume(struct screen *screen);

// screen_size tells the present size; 24 by 80 where the terminal does not know.
void
screen_size(unsigned *ret_rows, unsigned *ret_columns);

// screen_show writes a picture and the line being typed below it. A terminal that takes nothing at
// the moment (Ctrl-S, a slow line) is left alone: the next picture will do.
// False: the terminal is gone; errno says why.
bool
screen_show(struct screen *screen, const char *picture, size_t len);

// screen_set_prompt shows what is being typed.
void
screen_set_prompt(struct screen *screen, const char *text);

// write_all writes to a descriptor until all is written. False: errno says why not.
bool
write_all(int fd, const char *text, size_t len);

#endif
