// SPDX-License-Identifier: Apache-2.0
// AimDB in a loop around poll(2): one more descriptor, and the deadline as the timeout.
#include <errno.h>
#include <poll.h>

#include "../pipeline.h"

// Milliseconds until then, rounded up, for poll(2). It may be less: the loop comes round again.
static int
timeout_until(aimdb_time deadline)
{
    if (deadline == AIMDB_FOREVER) {
        return -1;
    }
    aimdb_time left = deadline - aimdb_clock();
    if (left <= 0) {
        return 0;
    }
    return left < AIMDB_SEC(3600) ? (int) ((left + AIMDB_MS(1) - 1) / AIMDB_MS(1)) : 3600000;
}

static void
end(void *loop)
{
    *(bool *) loop = false;
}

int
main(void)
{
    bool is_going = true;
    aimdb_executor *executor = aimdb_poll_new(NULL);
    if (!pipeline_start(executor, end, &is_going)) {
        return 1;
    }
    while (is_going) {
        struct pollfd fds[] = { { .fd = aimdb_fd(executor), .events = POLLIN } }; // and your own
        if (poll(fds, 1, timeout_until(aimdb_next_deadline(executor))) < 0 && errno != EINTR) {
            return 1;
        }
        (void) aimdb_dispatch(executor, 0); // calls what is ready
    }
    pipeline_end();
    aimdb_executor_free(executor);
    return 0;
}
