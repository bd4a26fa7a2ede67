// SPDX-License-Identifier: Apache-2.0
// The gateway: this machine as a source of data, and real work done with it. --help tells what it
// does, graph.c how its data moves, and the account at its end what became of every value.
//
// The order of things:
//   1. Options, configuration, database file, metrics file: whatever cannot work is said here, with
//      exit status 2, before anything is started.
//   2. aimdb_build starts the dispatchers and sources. The sources wait for the first value of
//      host.config: until then, all that consumers need is put in place.
//   3. settings_publish produces that value. aimdb_run waits for Ctrl-C, --seconds or `quit`.
//   4. aimdb_close stops the sources, and the consumers empty the rings. Then nothing runs any
//      more: the logger and the metrics file are finished, and the account is drawn up.
#define _POSIX_C_SOURCE 200809L
#include "account.h"
#include "gateway.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

// How long consumers may take to empty their rings.
#define CLOSE_WITHIN AIMDB_SEC(2)

enum exit_status { EXIT_BALANCED, EXIT_NOT_BALANCED, EXIT_UNUSABLE, EXIT_INCOMPLETE };

// open_outputs opens what the options name. False: the reasons were noted.
static bool
open_outputs(struct gateway *g)
{
    const struct options *options = &g->options;
    if (options->db != NULL && (g->logger = logger_open(options->db, &g->notes)) == NULL) {
        return false;
    }
    if (options->metrics != NULL &&
        (g->metrics = metrics_open(options->metrics, &g->notes)) == NULL) {
        return false;
    }
    return true;
}

static bool
build(struct gateway *g)
{
    g->pool = aimdb_pool_new(NULL);
    aimdb_builder *builder = aimdb_builder_new(g->pool);
    if (builder == NULL) {
        notes_add(&g->notes, "out of memory");
        return false;
    }
    aimdb_set_log(builder, notes_from_library, &g->notes);
    graph_describe(g, builder);
    aimdb_err err = aimdb_build(builder, &g->db);
    if (err != AIMDB_OK) {
        notes_add(&g->notes, "the database was not built: %s", aimdb_err_text(err));
        aimdb_builder_report(builder, stderr);
    }
    aimdb_builder_free(builder);
    return err == AIMDB_OK;
}

// introduce tells the parts of each other, now that there is a database.
static void
introduce(struct gateway *g)
{
    aimdb_time seconds = AIMDB_SEC(g->options.seconds);
    g->control.db = g->db;
    if (g->metrics != NULL) {
        metrics_set_db(g->metrics, g->db);
    }
    g->signals.db = g->db;
    g->signals.settings = &g->settings;
    g->signals.screen = &g->screen;
    g->signals.notes = &g->notes;
    g->signals.stop_at = seconds > 0 ? aimdb_clock() + seconds : AIMDB_FOREVER;
    g->view.db = g->db;
    g->view.records = g->records;
    g->view.notes = &g->notes;
    g->view.screen = &g->screen;
    g->console.record = g->records.command;
    g->console.control = &g->control;
    g->console.screen = &g->screen;
    g->console.notes = &g->notes;
}

// finish closes the database and everything that hangs on it, and prints the account.
static enum exit_status
finish(struct gateway *g)
{
    aimdb_close_report report = { .size = sizeof report };
    bool is_complete = true;
    if (g->logger != NULL) {
        logger_hurry(g->logger);
    }
    aimdb_err err = aimdb_close(g->db, aimdb_clock() + CLOSE_WITHIN, &report);
    view_stop(&g->view);
    if (err != AIMDB_OK) {
        notes_add(&g->notes, "the database was not closed: %s", aimdb_err_text(err));
    }
    if (g->logger != NULL) {
        uint64_t lost = logger_finish(g->logger);
        if (lost > 0) {
            notes_add(&g->notes, "database %s: %llu values could not be written and are lost",
                      g->options.db, (unsigned long long) lost);
        }
        is_complete = lost == 0;
    }
    if (g->metrics != NULL && metrics_finish(g->metrics) > 0) {
        is_complete = false;
    }
    bool is_balanced = account_print(stdout, g->db, &report, g->logger) && err == AIMDB_OK;
    if (fflush(stdout) != 0 || ferror(stdout)) {
        notes_add(&g->notes, "stdout: %s; the account is incomplete", strerror(errno));
        is_complete = false;
    }
    is_complete = is_complete && g->view.failures == 0;
    return !is_balanced ? EXIT_NOT_BALANCED : is_complete ? EXIT_BALANCED : EXIT_INCOMPLETE;
}

// run is the gateway's life between the built database and its end.
static enum exit_status
run(struct gateway *g)
{
    enum exit_status status = EXIT_UNUSABLE;
    introduce(g);
    if (view_start(&g->view) && signals_start(&g->signals)) {
        if (g->options.slow_ms > 0) {
            slow_predict(g->options.slow_ms, g->settings.now.rate_hz[SOURCE_CPU], CPU_RING,
                         &g->notes);
        }
        if (console_start(&g->console)) {
            if (settings_publish(&g->settings)) {
                (void) aimdb_run(g->db);
                status = finish(g);
            }
            console_stop(&g->console);
        }
        signals_stop(&g->signals);
    }
    view_stop(&g->view);
    return status;
}

// live_once has everything built and run, and tears it down in reverse order.
static enum exit_status
live_once(struct gateway *g)
{
    enum exit_status status = EXIT_UNUSABLE;
    sources_init(&g->sources, &g->notes);
    control_init(&g->control, &g->settings);
    if (open_outputs(g) && build(g)) {
        status = run(g);
    }
    aimdb_free(g->db);
    aimdb_executor_free(g->pool);
    metrics_close(g->metrics);
    logger_close(g->logger);
    control_fini(&g->control);
    sources_fini(&g->sources);
    return status;
}

int
main(int argc, char **argv)
{
    static struct gateway gateway;
    struct gateway *g = &gateway;
    char complaint[OPTIONS_COMPLAINT];
    if (!options_parse(argc, argv, &g->options, complaint)) {
        fprintf(stderr, "gateway: %s; see gateway --help\n", complaint);
        return EXIT_UNUSABLE;
    }
    if (g->options.wants_help) {
        fputs(options_help, stdout);
        return fflush(stdout) == 0 ? EXIT_BALANCED : EXIT_INCOMPLETE;
    }
    enum exit_status status = EXIT_UNUSABLE;
    signals_block();
    notes_init(&g->notes);
    screen_init(&g->screen);
    if (settings_init(&g->settings, g->options.config, &g->notes)) {
        status = live_once(g);
        settings_fini(&g->settings);
    }
    notes_fini(&g->notes);
    return (int) status;
}
