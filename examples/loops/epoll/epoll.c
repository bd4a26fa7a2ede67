// SPDX-License-Identifier: Apache-2.0
// AimDB in a loop around epoll(7): the descriptor is added once, the deadline is the timeout.
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "../pipeline.h"

// Milliseconds until then, rounded up, for epoll_wait. It may be less: the loop comes round again.
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
    struct epoll_event event = { .events = EPOLLIN }; // EPOLLIN | EPOLLET will do as well
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, aimdb_fd(executor), &event) != 0 ||
        !pipeline_start(executor, end, &is_going)) {
        return 1;
    }
    while (is_going) {
        struct epoll_event found[8]; // yours among them: serve those, too
        int timeout = timeout_until(aimdb_next_deadline(executor));
        if (epoll_wait(epoll, found, 8, timeout) < 0 && errno != EINTR) {
            return 1;
        }
        (void) aimdb_dispatch(executor, 0);
    }
    pipeline_end();
    close(epoll);
    aimdb_executor_free(executor);
    return 0;
}
