// SPDX-License-Identifier: Apache-2.0
// AimDB in a GLib main loop: a GSource that has both, the descriptor and the deadline.
#include <glib.h>

#include "../pipeline.h"

struct guest {
    GSource base;
    aimdb_executor *executor;
};

// Called when the descriptor is readable and when the ready time has come.
static gboolean
serve(GSource *source, GSourceFunc callback, gpointer user)
{
    aimdb_executor *executor = ((struct guest *) source)->executor;
    (void) callback;
    (void) user;
    (void) aimdb_dispatch(executor, 0);
    aimdb_time next = aimdb_next_deadline(executor); // both clocks are CLOCK_MONOTONIC
    g_source_set_ready_time(source, next == AIMDB_FOREVER ? -1 : next / 1000 + 1); // us, rounded up
    return G_SOURCE_CONTINUE;
}

static void
end(void *loop)
{
    g_main_loop_quit(loop);
}

int
main(void)
{
    static GSourceFuncs functions = { .dispatch = serve };
    GMainLoop *loop = g_main_loop_new(NULL, FALSE);
    aimdb_executor *executor = aimdb_poll_new(NULL);
    GSource *source = g_source_new(&functions, sizeof(struct guest));
    ((struct guest *) source)->executor = executor;
    g_source_add_unix_fd(source, aimdb_fd(executor), G_IO_IN);
    g_source_attach(source, NULL);
    if (!pipeline_start(executor, end, loop)) {
        return 1;
    }
    g_main_loop_run(loop);
    pipeline_end();
    g_source_destroy(source);
    g_source_unref(source);
    g_main_loop_unref(loop);
    aimdb_executor_free(executor);
    return 0;
}
