// SPDX-License-Identifier: Apache-2.0
// The event loop of an executor that has no threads: one thread of the test's that waits with poll(2)
// and dispatches, as an application would.
#include "contract.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

struct driver {
    aimdb_executor *executor;
    pthread_t thread;
    int stop[2]; // a pipe
    struct driver *next;
};

static struct driver *drivers; // of this process; only the test's own thread touches the list
static unsigned driver_count;

// Milliseconds until a deadline, rounded up; -1: for ever.
static int
timeout_until(aimdb_time deadline)
{
    if (deadline == AIMDB_FOREVER)
        return -1;
    aimdb_time left = deadline - aimdb_clock();
    if (left <= 0)
        return 0;
    return left < AIMDB_SEC(1) ? (int) ((left + AIMDB_MS(1) - 1) / AIMDB_MS(1)) : 1000;
}

static void *
drive(void *arg)
{
    struct driver *driver = arg;
    for (;;) {
        struct pollfd fds[] = { { .fd = aimdb_fd(driver->executor), .events = POLLIN },
                                { .fd = driver->stop[0], .events = POLLIN } };
        int found = poll(fds, 2, timeout_until(aimdb_next_deadline(driver->executor)));
        CHECK(found >= 0 || errno == EINTR);
        if (found > 0 && fds[1].revents != 0)
            return NULL;
        aimdb_err err = aimdb_dispatch(driver->executor, 0);
        CHECK(err == AIMDB_OK || err == AIMDB_EPENDING || err == AIMDB_EBUSY);
    }
}

void
driver_start(aimdb_executor *executor)
{
    struct driver *driver = calloc(1, sizeof *driver);
    CHECK(driver != NULL);
    driver->executor = executor;
    CHECK(pipe(driver->stop) == 0);
    CHECK(pthread_create(&driver->thread, NULL, drive, driver) == 0);
    driver->next = drivers;
    drivers = driver;
    driver_count++;
}

void
driver_stop(aimdb_executor *executor)
{
    struct driver **link = &drivers;
    while (*link != NULL && (*link)->executor != executor)
        link = &(*link)->next;
    struct driver *driver = *link;
    if (driver == NULL)
        return;
    CHECK(write(driver->stop[1], "", 1) == 1);
    CHECK(pthread_join(driver->thread, NULL) == 0);
    *link = driver->next;
    driver_count--;
    close(driver->stop[0]);
    close(driver->stop[1]);
    free(driver);
}

unsigned
driver_threads(void)
{
    return driver_count;
}
