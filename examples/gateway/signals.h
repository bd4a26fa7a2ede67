// SPDX-License-Identifier: Apache-2.0
// The thread that waits for signals, and for the end of --seconds.
//
// All threads block the signals below and this one fetches them with sigtimedwait, so they are
// handled in ordinary code: no handler, no flag, no interrupted system call anywhere.
//
//   SIGINT, SIGTERM    stop; a second one while the gateway is closing ends it at once
//   SIGQUIT            end at once
//   SIGHUP             read the configuration again
//   SIGTSTP            give the terminal back, stop, and take it again on SIGCONT
#ifndef GATEWAY_SIGNALS_H
#define GATEWAY_SIGNALS_H

#include "screen.h"
#include "settings.h"

#include <pthread.h>
#include <stdatomic.h>

struct signals {
    aimdb *db;
    struct settings *settings;
    struct screen *screen;
    struct notes *notes;
    aimdb_time stop_at;  // when to stop by itself; AIMDB_FOREVER: never
    atomic_bool is_over; // tells the thread to end
    bool was_asked;      // to stop, by a signal; the thread's own
    pthread_t thread;
};

// signals_block is called before any other thread exists: they inherit it.
void
signals_block(void);

// signals_start begins to handle them. False: no thread to be had, which was noted.
bool
signals_start(struct signals *signals);

// signals_stop ends the thread. Signals stay blocked.
void
signals_stop(struct signals *signals);

#endif
