// SPDX-License-Identifier: Apache-2.0
// What the gateway has to say besides its data: answers to commands, warnings, errors.
//
// Without a live screen a note is a line on stderr. With one it would tear the picture, so the last
// few are kept for the screen to show, and are printed when the screen is gone.
#ifndef GATEWAY_NOTES_H
#define GATEWAY_NOTES_H

#include <aimdb/aimdb.h>
#include <pthread.h>

#define NOTE_SIZE 240u // bytes of one note with its end; longer ones are cut
#define NOTES_KEPT 8u

struct notes {
    pthread_mutex_t lock; // protects all below, and the order of lines on stderr
    char text[NOTES_KEPT][NOTE_SIZE];
    size_t count;     // ever made; note n is in text[n % NOTES_KEPT]
    bool is_live;     // a screen is open
    size_t live_from; // the first note since it opened
};

void
notes_init(struct notes *notes);

void
notes_fini(struct notes *notes);

// notes_add makes a note, formatted as by printf, without a newline. Any thread.
__attribute__((format(printf, 2, 3))) void
notes_add(struct notes *notes, const char *format, ...);

// notes_from_library is the gateway's log hook; user is the struct notes.
void
notes_from_library(void *user, aimdb_log_level level, const char *line);

// notes_set_live says whether a screen is open. When it is gone, what was noted meanwhile is
// printed.
void
notes_set_live(struct notes *notes, bool is_live);

// notes_latest copies the last notes, oldest first, at most max, and returns how many.
size_t
notes_latest(struct notes *notes, char out[][NOTE_SIZE], size_t max);

#endif
