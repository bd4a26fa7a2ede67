// SPDX-License-Identifier: Apache-2.0
// AimDB in systemd's event loop: an I/O source for the descriptor, a time source for the deadline.
#define _GNU_SOURCE // CLOCK_MONOTONIC
#include <time.h>

#include <systemd/sd-event.h>

#include "../pipeline.h"

static aimdb_executor *executor;
static sd_event_source *timer;

// Called when the deadline has come.
static int
serve(sd_event_source *source, uint64_t usec, void *user)
{
    (void) source, (void) usec, (void) user;
    (void) aimdb_dispatch(executor, 0);
    aimdb_time next = aimdb_next_deadline(executor); // both clocks are CLOCK_MONOTONIC
    if (next == AIMDB_FOREVER) {
        return sd_event_source_set_enabled(timer, SD_EVENT_OFF);
    }
    int err = sd_event_source_set_time(timer, (uint64_t) next / 1000 + 1); // us, rounded up
    return err < 0 ? err : sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

static int
on_descriptor(sd_event_source *source, int fd, uint32_t events, void *user)
{
    (void) fd, (void) events;
    return serve(source, 0, user);
}

static void
end(void *loop)
{
    (void) sd_event_exit(loop, 0);
}

int
main(void)
{
    sd_event *loop = NULL;
    executor = aimdb_poll_new(NULL);
    if (sd_event_new(&loop) < 0 || // accurate to 1 us; 0 would mean a quarter of a second
        sd_event_add_time(loop, &timer, CLOCK_MONOTONIC, 0, 1, serve, NULL) < 0 ||
        sd_event_add_io(loop, NULL, aimdb_fd(executor), EPOLLIN, on_descriptor, NULL) < 0 ||
        !pipeline_start(executor, end, loop) || sd_event_loop(loop) < 0) {
        return 1;
    }
    pipeline_end();
    sd_event_source_unref(timer);
    sd_event_unref(loop);
    aimdb_executor_free(executor);
    return 0;
}
