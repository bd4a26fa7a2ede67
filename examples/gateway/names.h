// SPDX-License-Identifier: Apache-2.0
// Devices come and go; arrays stay. This table says which slot of an array belongs to which device.
#ifndef GATEWAY_NAMES_H
#define GATEWAY_NAMES_H

#include "samples.h"

// All zero is an empty table. One thread at a time.
struct names {
    char name[DEVICES_MAX][NAME_SIZE];
    aimdb_time seen[DEVICES_MAX]; // when the name was last asked for
    size_t count;
};

// names_slot gives the slot of a name. A new name gets a free slot or, when all are taken, that of
// the name not seen for the longest time; *ret_is_new tells that the slot's old content is void.
size_t
names_slot(struct names *names, const char *name, aimdb_time now, bool *ret_is_new);

// names_copy puts a name into a fixed array, cut to fit.
void
names_copy(char out[NAME_SIZE], const char *name);

#endif
