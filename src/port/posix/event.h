// SPDX-License-Identifier: Apache-2.0
// A file descriptor that can be made readable, for event loops.
#ifndef AIMDB_PORT_POSIX_EVENT_H
#define AIMDB_PORT_POSIX_EVENT_H

// Makes one that is not readable, close-on-exec and non-blocking. Returns it, or a negative errno.
int
aimdbp_event_open(void);

// Makes it readable, with one system call. Any thread, signal handlers too.
void
aimdbp_event_raise(int event);

// Makes it unreadable again.
void
aimdbp_event_lower(int event);

void
aimdbp_event_close(int event);

#endif
