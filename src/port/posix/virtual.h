// SPDX-License-Identifier: Apache-2.0
// Another clock and another way to sleep for one thread. While a thread has such a replacement, the
// port's hooks of the same names go to it: a simulation runs the library unchanged.
//
// It costs threads without one a load and a predictable branch where the port makes a system call or
// reads the clock anyway.
#ifndef AIMDB_PORT_POSIX_VIRTUAL_H
#define AIMDB_PORT_POSIX_VIRTUAL_H

#include "core/port.h"

struct aimdbp_virtual {
    aimdb_time (*clock)(struct aimdbp_virtual *self);
    void (*wait)(struct aimdbp_virtual *self, aimdbi_signal *signal, uint32_t expected,
                 aimdb_time deadline);
    void (*wake)(struct aimdbp_virtual *self, aimdbi_signal *signal, bool all);
    void (*relax)(struct aimdbp_virtual *self);
    void (*fence_heavy)(struct aimdbp_virtual *self);
};

// The calling thread's replacement; NULL: it has none.
struct aimdbp_virtual *
aimdbp_virtual(void);
void
aimdbp_set_virtual(struct aimdbp_virtual *replacement);

// A number that differs from process to process and from call to call; never 0.
uint64_t
aimdbp_noise(void);

#endif
