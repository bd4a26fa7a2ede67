// SPDX-License-Identifier: Apache-2.0
#define _POSIX_C_SOURCE 200809L
#include "screen.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

// Control sequences of ECMA-48 and, for the alternate screen, of xterm.
#define ENTER_ALTERNATE "\033[?1049h\033[2J"
#define LEAVE_ALTERNATE "\033[0m\033[?25h\033[?1049l"
#define HIDE_CURSOR "\033[?25l"
#define SHOW_CURSOR "\033[?25h"
#define PROMPT "> "
#define HINT "pause | resume | rate cpu 50 | quit"

void
screen_init(struct screen *screen)
{
    memset(screen, 0, sizeof *screen);
    pthread_mutex_init(&screen->lock, NULL);
}

bool
write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t written = write(fd, text, len);
        if (written > 0) {
            text += written;
            len -= (size_t) written;
        } else if (written < 0 && errno == EAGAIN) {
            (void) poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, -1);
        } else if (written < 0 && errno != EINTR) {
            return false;
        }
    }
    return true;
}

void
screen_size(unsigned *ret_rows, unsigned *ret_columns)
{
    struct winsize size;
    bool is_known =
        ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0;
    *ret_rows = is_known ? size.ws_row : 24;
    *ret_columns = is_known ? size.ws_col : 80;
}

static bool
is_able(void)
{
    const char *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && term != NULL && *term != '\0' && strcmp(term, "dumb") != 0 &&
           tcgetpgrp(STDOUT_FILENO) == getpgrp();
}

// is_ready tells whether the terminal takes output at the moment.
static bool
is_ready(void)
{
    struct pollfd terminal = { .fd = STDOUT_FILENO, .events = POLLOUT };
    return poll(&terminal, 1, 0) == 1;
}

// take and give_back are called with the lock held.
static void
take(struct screen *screen)
{
    screen->has_keyboard = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &screen->before) == 0;
    if (screen->has_keyboard) {
        struct termios raw = screen->before;
        raw.c_lflag &= ~(tcflag_t) (ICANON | ECHO);
        raw.c_cc[VMIN] = 1;
        raw.c_cc[VTIME] = 0;
        screen->has_keyboard = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
    }
    (void) write_all(STDOUT_FILENO, ENTER_ALTERNATE, sizeof ENTER_ALTERNATE - 1);
}

static void
give_back(struct screen *screen)
{
    (void) write_all(STDOUT_FILENO, LEAVE_ALTERNATE, sizeof LEAVE_ALTERNATE - 1);
    if (screen->has_keyboard) {
        // What was typed and not read is dropped: it was meant for us, not for the shell.
        (void) tcsetattr(STDIN_FILENO, TCSAFLUSH, &screen->before);
    }
}

bool
screen_open(struct screen *screen)
{
    pthread_mutex_lock(&screen->lock);
    screen->is_live = is_able();
    if (screen->is_live) {
        take(screen);
    }
    bool is_live = screen->is_live;
    pthread_mutex_unlock(&screen->lock);
    return is_live;
}

void
screen_close(struct screen *screen)
{
    pthread_mutex_lock(&screen->lock);
    if (screen->is_live && !screen->is_suspended) {
        give_back(screen);
    }
    screen->is_live = false;
    pthread_mutex_unlock(&screen->lock);
}

void
screen_suspend(struct screen *screen)
{
    pthread_mutex_lock(&screen->lock);
    if (screen->is_live && !screen->is_suspended) {
        give_back(screen);
    }
    screen->is_suspended = screen->is_live;
    screen->may_resume = false;
    pthread_mutex_unlock(&screen->lock);
}

void
screen_resume(struct screen *screen)
{
    pthread_mutex_lock(&screen->lock);
    screen->may_resume = true;
    pthread_mutex_unlock(&screen->lock);
}

// is_drawable tells whether there is a screen to draw on; it takes a terminal that is ours again.
static bool
is_drawable(struct screen *screen)
{
    if (screen->is_live && screen->is_suspended && screen->may_resume && is_able()) {
        take(screen);
        screen->is_suspended = false;
    }
    return screen->is_live && !screen->is_suspended && is_ready();
}

// append_prompt writes the last row to text and returns its length. Of a line that is too long for
// the terminal the end is shown, where the typing happens.
static size_t
append_prompt(const struct screen *screen, char *text, size_t size, unsigned rows, unsigned columns)
{
    size_t room = columns > sizeof PROMPT ? columns - sizeof PROMPT : 0;
    size_t len = strlen(screen->prompt);
    const char *shown = screen->prompt + (len > room ? len - room : 0);
    int written;
    if (!screen->has_keyboard) {
        written = snprintf(text, size, "\033[%u;1H\033[K", rows);
    } else if (len == 0 && room >= sizeof HINT) {
        written = snprintf(
            text, size, "\033[%u;1H\033[K" PROMPT "\033[2m" HINT "\033[0m\033[%u;%zuH" SHOW_CURSOR,
            rows, rows, sizeof PROMPT);
    } else {
        written = snprintf(text, size, "\033[%u;1H\033[K" PROMPT "%s" SHOW_CURSOR, rows, shown);
    }
    return written > 0 ? (size_t) written : 0;
}

bool
screen_show(struct screen *screen, const char *picture, size_t len)
{
    char prompt[2 * SCREEN_PROMPT];
    unsigned rows;
    unsigned columns;
    bool is_well = true;
    pthread_mutex_lock(&screen->lock);
    if (is_drawable(screen)) {
        screen_size(&rows, &columns);
        size_t prompt_len = append_prompt(screen, prompt, sizeof prompt, rows, columns);
        is_well = write_all(STDOUT_FILENO, HIDE_CURSOR, sizeof HIDE_CURSOR - 1) &&
                  write_all(STDOUT_FILENO, picture, len) &&
                  write_all(STDOUT_FILENO, prompt, prompt_len);
    }
    int reason = errno;
    pthread_mutex_unlock(&screen->lock);
    errno = reason;
    return is_well;
}

void
screen_set_prompt(struct screen *screen, const char *text)
{
    char prompt[2 * SCREEN_PROMPT];
    unsigned rows;
    unsigned columns;
    pthread_mutex_lock(&screen->lock);
    snprintf(screen->prompt, sizeof screen->prompt, "%s", text);
    if (is_drawable(screen)) {
        screen_size(&rows, &columns);
        size_t len = append_prompt(screen, prompt, sizeof prompt, rows, columns);
        (void) write_all(STDOUT_FILENO, prompt, len);
    }
    pthread_mutex_unlock(&screen->lock);
}
