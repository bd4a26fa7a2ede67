// SPDX-License-Identifier: Apache-2.0
#define _POSIX_C_SOURCE 200809L
#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SIGNAL_WAKE SIGUSR1 // signals_stop sends it to the thread
#define END_OF_SECONDS 0    // no signal has this number
#define ABORTED 128         // and the signal's number: the exit status a shell would give

static sigset_t
handled(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGQUIT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGTSTP);
    sigaddset(&set, SIGNAL_WAKE);
    return set;
}

void
signals_block(void)
{
    sigset_t set = handled();
    // A reader of our output that goes away and a file that may not grow any more are errors of
    // write, reading the terminal from the background is one of read: no reason to die before
    // everything is saved.
    sigaddset(&set, SIGPIPE);
    sigaddset(&set, SIGXFSZ);
    sigaddset(&set, SIGTTIN);
    sigaddset(&set, SIGTTOU);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

// wait_for gives the next signal, or END_OF_SECONDS.
static int
wait_for(const sigset_t *set, aimdb_time stop_at)
{
    for (;;) {
        int got;
        if (stop_at == AIMDB_FOREVER) {
            got = sigwaitinfo(set, NULL);
        } else {
            aimdb_time left = stop_at - aimdb_clock();
            left = left > 0 ? left : 0;
            struct timespec timeout = { .tv_sec = (time_t) (left / AIMDB_SEC(1)),
                                        .tv_nsec = (long) (left % AIMDB_SEC(1)) };
            got = sigtimedwait(set, NULL, &timeout);
        }
        if (got >= 0) {
            return got;
        }
        if (errno == EAGAIN) {
            return END_OF_SECONDS;
        }
    }
}

static void
end_at_once(struct signals *signals, int number)
{
    screen_close(signals->screen);
    notes_set_live(signals->notes, false);
    notes_add(signals->notes, "ended at once; what was not saved yet is lost");
    _exit(ABORTED + number);
}

static void
stop(struct signals *signals)
{
    signals->stop_at = AIMDB_FOREVER;
    aimdb_stop(signals->db);
}

static void
suspend(struct signals *signals)
{
    screen_suspend(signals->screen);
    raise(SIGSTOP); // to this very thread, so that it stops here; it returns after SIGCONT
    screen_resume(signals->screen);
}

static void *
handle_signals(void *user)
{
    struct signals *signals = user;
    const sigset_t set = handled();
    while (!atomic_load(&signals->is_over)) {
        int number = wait_for(&set, signals->stop_at);
        switch (number) {
        case SIGINT:
        case SIGTERM:
            if (signals->was_asked) {
                end_at_once(signals, number);
            }
            signals->was_asked = true;
            stop(signals);
            break;
        case END_OF_SECONDS:
            stop(signals);
            break;
        case SIGQUIT:
            end_at_once(signals, number);
            break;
        case SIGHUP:
            settings_reload(signals->settings);
            break;
        case SIGTSTP:
            suspend(signals);
            break;
        default: // SIGNAL_WAKE
            break;
        }
    }
    return NULL;
}

bool
signals_start(struct signals *signals)
{
    signals->was_asked = false;
    atomic_init(&signals->is_over, false);
    int err = pthread_create(&signals->thread, NULL, handle_signals, signals);
    if (err != 0) {
        notes_add(signals->notes, "no thread to be had for signals: %s", strerror(err));
    }
    return err == 0;
}

void
signals_stop(struct signals *signals)
{
    atomic_store(&signals->is_over, true);
    pthread_kill(signals->thread, SIGNAL_WAKE);
    pthread_join(signals->thread, NULL);
}
