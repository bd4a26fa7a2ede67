// SPDX-License-Identifier: Apache-2.0
// Source: eventfd(2).
#include "event.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "port/posix/thread.h"

int
aimdbp_event_open(void)
{
    int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return event >= 0 ? event : -errno;
}

// EINTR cannot happen to a descriptor that does not block. A counter that is full is readable. Who raises
// has promised to, and nobody else will: that is no place to be cancelled at.
void
aimdbp_event_raise(int event)
{
    int saved = errno;
    int cancel = aimdbp_cancel_off();
    const uint64_t one = 1;
    if (write(event, &one, sizeof one) < 0) {
        errno = saved;
    }
    aimdbp_cancel_restore(cancel);
}

void
aimdbp_event_lower(int event)
{
    int saved = errno;
    int cancel = aimdbp_cancel_off();
    uint64_t raises;
    if (read(event, &raises, sizeof raises) < 0) {
        errno = saved;
    }
    aimdbp_cancel_restore(cancel);
}

void
aimdbp_event_close(int event)
{
    int cancel = aimdbp_cancel_off();
    (void) close(event);
    aimdbp_cancel_restore(cancel);
}
