// SPDX-License-Identifier: Apache-2.0
// The one place that changes host.config. Changes come from two threads: SIGHUP reloads the file
// (signals.c), commands set a rate or pause (command.c).
#ifndef GATEWAY_SETTINGS_H
#define GATEWAY_SETTINGS_H

#include "config.h"
#include "notes.h"

#include <pthread.h>

struct settings {
    pthread_mutex_t
        lock; // makes read, change and produce one step; readers of host.config need none
    host_config_record record;
    struct host_config now;
    const char *path; // of the file; NULL: none was given
    struct notes *notes;
};

// settings_init reads the file, if there is one. False: it has mistakes, all of them noted.
bool
settings_init(struct settings *settings, const char *path, struct notes *notes);

void
settings_fini(struct settings *settings);

// settings_publish gives host.config its first value, from outside the database. False: it was not
// taken, which was noted.
bool
settings_publish(struct settings *settings);

// settings_reload reads the file again. With mistakes in it everything stays as it is. A pause
// outlives it, a rate set by a command does not.
void
settings_reload(struct settings *settings);

// Changes on a command: ctx is that of the consumer that carries it out.
aimdb_err
settings_set_rate(struct settings *settings, aimdb_ctx *ctx, enum source_id id, uint32_t rate_hz);
aimdb_err
settings_set_paused(struct settings *settings, aimdb_ctx *ctx, bool is_paused);

// settings_announce is the consumer of host.config: it notes what holds now. user is the struct
// notes.
host_config_consumer_fn settings_announce;

#endif
