// SPDX-License-Identifier: Apache-2.0
#define _POSIX_C_SOURCE 200809L
#include "command.h"

#include <stdio.h>
#include <string.h>

#define WORDS_MAX 4u // one more than any command has, to see that there are too many

// split cuts a line into words, in place, and returns how many there are, at most WORDS_MAX.
static size_t
split(char *line, char *words[WORDS_MAX])
{
    size_t count = 0;
    char *rest = NULL;
    for (char *word = strtok_r(line, " \t\r", &rest); word != NULL && count < WORDS_MAX;
         word = strtok_r(NULL, " \t\r", &rest)) {
        words[count++] = word;
    }
    return count;
}

static bool
parse_rate(char *words[WORDS_MAX], struct gateway_command *out, char *complaint, size_t size)
{
    struct gateway_command command = { .kind = COMMAND_RATE,
                                       .source = config_find_source(words[1]) };
    if (command.source == SOURCE_COUNT) {
        snprintf(complaint, size,
                 "rate: there is no source '%s'; there are cpu, memory, network, disk, thermal",
                 words[1]);
        return false;
    }
    if (!config_parse_rate(words[2], &command.rate_hz)) {
        snprintf(complaint, size, "rate %s: '%s' is not a whole number from %u to %u", words[1],
                 words[2], RATE_MIN_HZ, RATE_MAX_HZ);
        return false;
    }
    *out = command;
    return true;
}

bool
command_parse(const char *line, struct gateway_command *out, bool *ret_is_empty, char *complaint,
              size_t size)
{
    char copy[128];
    char *words[WORDS_MAX];
    snprintf(copy, sizeof copy, "%s", line);
    size_t count = split(copy, words);
    *ret_is_empty = count == 0;
    if (count == 0) {
        return false;
    }
    if (strcmp(words[0], "rate") == 0 && count == 3) {
        return parse_rate(words, out, complaint, size);
    }
    if (strcmp(words[0], "pause") == 0 && count == 1) {
        *out = (struct gateway_command){ .kind = COMMAND_PAUSE };
    } else if (strcmp(words[0], "resume") == 0 && count == 1) {
        *out = (struct gateway_command){ .kind = COMMAND_RESUME };
    } else if (strcmp(words[0], "quit") == 0 && count == 1) {
        *out = (struct gateway_command){ .kind = COMMAND_QUIT };
    } else {
        snprintf(complaint, size, "'%.100s' is not a command; commands are: " COMMAND_USAGE, line);
        return false;
    }
    return true;
}

void
control_init(struct control *control, struct settings *settings)
{
    control->settings = settings;
    control->db = NULL;
    sem_init(&control->done, 0, 0);
}

void
control_fini(struct control *control)
{
    sem_destroy(&control->done);
}

static aimdb_err
carry_out(struct control *self, aimdb_ctx *ctx, const struct gateway_command *command)
{
    switch (command->kind) {
    case COMMAND_PAUSE:
        return settings_set_paused(self->settings, ctx, true);
    case COMMAND_RESUME:
        return settings_set_paused(self->settings, ctx, false);
    case COMMAND_RATE:
        return settings_set_rate(self->settings, ctx, command->source, command->rate_hz);
    case COMMAND_QUIT:
        aimdb_stop(self->db);
        return AIMDB_OK;
    }
    return AIMDB_EINVAL;
}

aimdb_err
control_carry_out(aimdb_ctx *ctx, const struct gateway_command *command)
{
    struct control *self = aimdb_user(ctx);
    aimdb_err err = carry_out(self, ctx, command);
    sem_post(&self->done);
    return err;
}
