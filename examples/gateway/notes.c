// SPDX-License-Identifier: Apache-2.0
#define _POSIX_C_SOURCE 200809L
#include "notes.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void
notes_init(struct notes *notes)
{
    memset(notes, 0, sizeof *notes);
    pthread_mutex_init(&notes->lock, NULL);
}

void
notes_fini(struct notes *notes)
{
    pthread_mutex_destroy(&notes->lock);
}

void
notes_add(struct notes *notes, const char *format, ...)
{
    char text[NOTE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);

    pthread_mutex_lock(&notes->lock);
    memcpy(notes->text[notes->count++ % NOTES_KEPT], text, sizeof text);
    if (!notes->is_live || !isatty(STDERR_FILENO)) {
        fprintf(stderr, "gateway: %s\n", text);
    }
    pthread_mutex_unlock(&notes->lock);
}

void
notes_from_library(void *user, aimdb_log_level level, const char *line)
{
    static const char *const names[] = { "error", "warning", "info" };
    size_t index = (size_t) level < sizeof names / sizeof names[0] ? (size_t) level : 0;
    notes_add(user, "%s: %s", names[index], line);
}

size_t
notes_latest(struct notes *notes, char out[][NOTE_SIZE], size_t max)
{
    pthread_mutex_lock(&notes->lock);
    size_t kept = notes->count < NOTES_KEPT ? notes->count : NOTES_KEPT;
    size_t n = kept < max ? kept : max;
    for (size_t i = 0; i < n; i++) {
        memcpy(out[i], notes->text[(notes->count - n + i) % NOTES_KEPT], NOTE_SIZE);
    }
    pthread_mutex_unlock(&notes->lock);
    return n;
}

void
notes_set_live(struct notes *notes, bool is_live)
{
    pthread_mutex_lock(&notes->lock);
    if (notes->is_live && !is_live && isatty(STDERR_FILENO)) {
        size_t first = notes->live_from;
        if (notes->count - first > NOTES_KEPT) {
            first = notes->count - NOTES_KEPT;
        }
        for (size_t i = first; i < notes->count; i++) {
            fprintf(stderr, "gateway: %s\n", notes->text[i % NOTES_KEPT]);
        }
    }
    notes->is_live = is_live;
    notes->live_from = notes->count;
    pthread_mutex_unlock(&notes->lock);
}
