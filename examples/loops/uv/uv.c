// SPDX-License-Identifier: Apache-2.0
// AimDB in a libuv loop: a poll handle for the descriptor, a timer for the deadline.
#define _GNU_SOURCE // pthread_rwlock_t, for uv.h
#include <uv.h>

#include "../pipeline.h"

static aimdb_executor *executor;
static uv_poll_t descriptor;
static uv_timer_t timer;

// Called when the deadline has come.
static void
serve(uv_timer_t *handle)
{
    (void) aimdb_dispatch(executor, 0);
    aimdb_time next = aimdb_next_deadline(executor);
    uv_timer_stop(handle);
    if (next != AIMDB_FOREVER) {
        aimdb_time left = next - aimdb_clock();
        uv_update_time(handle->loop); // timers count from when libuv last looked at the clock
        uv_timer_start(handle, serve, left > 0 ? (uint64_t) left / 1000000 + 1 : 0, 0); // ms
    }
}

static void
on_descriptor(uv_poll_t *handle, int status, int events)
{
    (void) handle, (void) status, (void) events;
    serve(&timer);
}

static void
end(void *loop)
{
    uv_stop(loop);
}

int
main(void)
{
    uv_loop_t loop;
    executor = aimdb_poll_new(NULL);
    if (uv_loop_init(&loop) != 0 || uv_timer_init(&loop, &timer) != 0 ||
        uv_poll_init(&loop, &descriptor, aimdb_fd(executor)) != 0 ||
        uv_poll_start(&descriptor, UV_READABLE, on_descriptor) != 0 ||
        !pipeline_start(executor, end, &loop)) {
        return 1;
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    pipeline_end();
    uv_close((uv_handle_t *) &timer, NULL);
    uv_close((uv_handle_t *) &descriptor, NULL);
    uv_run(&loop, UV_RUN_DEFAULT); // lets the handles close
    uv_loop_close(&loop);
    aimdb_executor_free(executor);
    return 0;
}
