// SPDX-License-Identifier: Apache-2.0
// What the gateway shows while it runs: a live table on a terminal, a line a second elsewhere.
//
// The view pulls. It is a consumer of gateway.tick, and at each tick takes what is new from readers
// of its own: they come on top of the consumers, who do not notice.
#ifndef GATEWAY_VIEW_H
#define GATEWAY_VIEW_H

#include "frame.h"
#include "latest.h"
#include "notes.h"
#include "records.h"
#include "screen.h"
#include "window.h"

#define VIEW_RECORDS 16u // records whose rate is shown; the gateway has 9
#define VIEW_ALERTS 16u

struct view {
    aimdb *db;
    struct records records;
    struct notes *notes;
    struct screen *screen;
    bool is_live;
    bool is_paused;
    aimdb_time started;
    aimdb_time now;       // of the present tick
    uint64_t last_second; // in which a line was printed, counted in ticks
    host_cpu_reader cpu;
    host_memory_reader memory;
    host_network_reader network;
    host_disk_reader disk;
    host_thermal_reader thermal;
    alert_reader alerts_reader;
    struct latest latest;
    struct alert alerts[VIEW_ALERTS]; // alert n is in alerts[n % VIEW_ALERTS]
    size_t alert_count;               // seen so far
    size_t alerts_printed;            // as lines
    struct window windows[VIEW_RECORDS];
    double produced_per_s[VIEW_RECORDS];
    uint64_t failures; // writes to stdout that failed
    struct frame frame;
};

// view_start subscribes, and takes the terminal over if there is one. db, records, notes and screen
// are set, and nothing is produced yet. False: a record could not be read, which was noted.
bool
view_start(struct view *view);

// view_stop gives the terminal back and unsubscribes; when no consumer runs any more, or before any
// does. A second time nothing happens.
void
view_stop(struct view *view);

// view_tick is the consumer of gateway.tick; user is the struct view. It must be registered as
// blocking: a terminal may keep it waiting.
gateway_tick_consumer_fn view_tick;

// live_draw makes view->frame a picture of everything, for a screen of that size. (live.c)
void
live_draw(struct view *view, unsigned rows, unsigned columns);

// plain_print writes a line with the newest values and, before it, one for each new alert. False:
// stdout does not take it; errno says why. (plain.c)
bool
plain_print(struct view *view);

// alert_text says in words what an alert is about.
#define ALERT_TEXT 256u
void
alert_text(const struct alert *alert, char out[ALERT_TEXT]);

// view_busiest writes the slots of the current devices with the most traffic to slots, the busiest
// first, and returns how many, at most max. The loopback interface is no device.
size_t
view_busiest_networks(const struct latest *latest, size_t *slots, size_t max);
size_t
view_busiest_disks(const struct latest *latest, size_t *slots, size_t max);

#endif
