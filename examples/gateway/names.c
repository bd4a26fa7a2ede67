// SPDX-License-Identifier: Apache-2.0
#include "names.h"

#include <string.h>

void
names_copy(char out[NAME_SIZE], const char *name)
{
    size_t len = strlen(name);
    if (len > NAME_SIZE - 1) {
        len = NAME_SIZE - 1;
    }
    memcpy(out, name, len);
    memset(out + len, 0, NAME_SIZE - len);
}

static size_t
free_slot(struct names *names)
{
    if (names->count < DEVICES_MAX) {
        return names->count++;
    }
    size_t oldest = 0;
    for (size_t i = 1; i < DEVICES_MAX; i++) {
        if (names->seen[i] < names->seen[oldest]) {
            oldest = i;
        }
    }
    return oldest;
}

size_t
names_slot(struct names *names, const char *name, aimdb_time now, bool *ret_is_new)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strncmp(names->name[i], name, NAME_SIZE - 1) == 0) {
            names->seen[i] = now;
            *ret_is_new = false;
            return i;
        }
    }
    size_t slot = free_slot(names);
    names_copy(names->name[slot], name);
    names->seen[slot] = now;
    *ret_is_new = true;
    return slot;
}
