// SPDX-License-Identifier: Apache-2.0
// The data path on one page: each record, its producer function, its source, its consumers.
//
//   source ----> producer function ----> host.cpu ---> database
//   /proc/stat   checks, makes rates     ring      |-> metrics
//                                                  |-> alerts ----> alerts ---> database
//   host.memory, host.network, host.disk and                        ring    |-> metrics
//   host.thermal have the same
//
//   stdin ----> gateway.command ---> control ----> host.config ---> announce
//               mailbox              SIGHUP -----> latest, which sources and checkers peek at
//
//   source ---> gateway.tick ------> flush, view
//   4 a second  latest
#include "gateway.h"

static const aimdb_consumer_options database = { .name = "database", .blocking = true };
static const aimdb_consumer_options metrics_file = { .name = "metrics", .blocking = true };
static const aimdb_consumer_options metrics = { .name = "metrics" };
static const aimdb_consumer_options alerts = { .name = "alerts" };

static void
configure_records(struct records *records, aimdb_builder *b)
{
    // Each host record is written by its one source. Its ring holds what comes in while a disk is
    // slow.
    records->cpu = host_cpu_configure(b, "host.cpu",
                                      AIMDB_SPMC_RING(CPU_RING, .one_writer = true, .stamp = true));
    records->memory = host_memory_configure(
        b, "host.memory", AIMDB_SPMC_RING(256, .one_writer = true, .stamp = true));
    records->network = host_network_configure(
        b, "host.network", AIMDB_SPMC_RING(1024, .one_writer = true, .stamp = true));
    records->disk = host_disk_configure(b, "host.disk",
                                        AIMDB_SPMC_RING(1024, .one_writer = true, .stamp = true));
    if (records->has_thermal) {
        records->thermal = host_thermal_configure(
            b, "host.thermal", AIMDB_SPMC_RING(1024, .one_writer = true, .stamp = true));
    }
    // A ring and no mailbox: of alerts every one counts, not only the last.
    records->alerts = alert_configure(b, "alerts", AIMDB_SPMC_RING(256));
    records->config = host_config_configure(b, "host.config", AIMDB_SINGLE_LATEST);
    records->command = gateway_command_configure(b, "gateway.command", AIMDB_MAILBOX);
    records->tick =
        gateway_tick_configure(b, "gateway.tick", AIMDB_SINGLE_LATEST_WITH(.one_writer = true));
}

static void
connect_cpu(struct gateway *g, aimdb_builder *b)
{
    host_cpu_record record = g->records.cpu;
    host_cpu_set_producer(b, record, rates_cpu, &g->rates.cpu);
    (void) host_cpu_add_source(b, record, source_cpu, &g->sources.cpu);
    if (g->logger != NULL) {
        (void) host_cpu_add_consumer_with(b, record, log_cpu, g->logger, &database);
    }
    if (g->metrics != NULL) {
        (void) host_cpu_add_consumer_with(b, record, metrics_cpu, g->metrics, &metrics_file);
    }
    aimdb_task *checker =
        host_cpu_add_consumer_with(b, record, check_cpu, &g->checkers[SOURCE_CPU], &alerts);
    alert_emitted_by(b, g->records.alerts, checker);
    if (g->options.slow_ms > 0) {
        const aimdb_consumer_options slow = { .name = "slow", .blocking = true };
        (void) host_cpu_add_consumer_with(b, record, slow_consume, &g->options.slow_ms, &slow);
    }
}

static void
connect_memory(struct gateway *g, aimdb_builder *b)
{
    host_memory_record record = g->records.memory;
    host_memory_set_producer(b, record, rates_memory, NULL);
    (void) host_memory_add_source(b, record, source_memory, &g->sources.memory);
    if (g->logger != NULL) {
        (void) host_memory_add_consumer_with(b, record, log_memory, g->logger, &database);
    }
    if (g->metrics != NULL) {
        (void) host_memory_add_consumer_with(b, record, metrics_memory, g->metrics, &metrics);
    }
    aimdb_task *checker = host_memory_add_consumer_with(b, record, check_memory,
                                                        &g->checkers[SOURCE_MEMORY], &alerts);
    alert_emitted_by(b, g->records.alerts, checker);
}

static void
connect_network(struct gateway *g, aimdb_builder *b)
{
    host_network_record record = g->records.network;
    host_network_set_producer(b, record, rates_network, &g->rates.network);
    (void) host_network_add_source(b, record, source_network, &g->sources.network);
    if (g->logger != NULL) {
        (void) host_network_add_consumer_with(b, record, log_network, g->logger, &database);
    }
    if (g->metrics != NULL) {
        (void) host_network_add_consumer_with(b, record, metrics_network, g->metrics, &metrics);
    }
    aimdb_task *checker = host_network_add_consumer_with(b, record, check_network,
                                                         &g->checkers[SOURCE_NETWORK], &alerts);
    alert_emitted_by(b, g->records.alerts, checker);
}

static void
connect_disk(struct gateway *g, aimdb_builder *b)
{
    host_disk_record record = g->records.disk;
    host_disk_set_producer(b, record, rates_disk, &g->rates.disk);
    (void) host_disk_add_source(b, record, source_disk, &g->sources.disk);
    if (g->logger != NULL) {
        (void) host_disk_add_consumer_with(b, record, log_disk, g->logger, &database);
    }
    if (g->metrics != NULL) {
        (void) host_disk_add_consumer_with(b, record, metrics_disk, g->metrics, &metrics);
    }
    aimdb_task *checker =
        host_disk_add_consumer_with(b, record, check_disk, &g->checkers[SOURCE_DISK], &alerts);
    alert_emitted_by(b, g->records.alerts, checker);
}

static void
connect_thermal(struct gateway *g, aimdb_builder *b)
{
    host_thermal_record record = g->records.thermal;
    if (!g->records.has_thermal) {
        return;
    }
    host_thermal_set_producer(b, record, rates_thermal, NULL);
    (void) host_thermal_add_source(b, record, source_thermal, &g->sources.thermal);
    if (g->logger != NULL) {
        (void) host_thermal_add_consumer_with(b, record, log_thermal, g->logger, &database);
    }
    if (g->metrics != NULL) {
        (void) host_thermal_add_consumer_with(b, record, metrics_thermal, g->metrics, &metrics);
    }
    aimdb_task *checker = host_thermal_add_consumer_with(b, record, check_thermal,
                                                         &g->checkers[SOURCE_THERMAL], &alerts);
    alert_emitted_by(b, g->records.alerts, checker);
}

static void
connect_alerts(struct gateway *g, aimdb_builder *b)
{
    for (size_t i = 0; i < SOURCE_COUNT; i++) {
        g->checkers[i].config = g->records.config;
        g->checkers[i].alerts = g->records.alerts;
    }
    if (g->logger != NULL) {
        (void) alert_add_consumer_with(b, g->records.alerts, log_alert, g->logger, &database);
    }
    if (g->metrics != NULL) {
        (void) alert_add_consumer_with(b, g->records.alerts, metrics_alert, g->metrics, &metrics);
    }
}

static void
connect_control(struct gateway *g, aimdb_builder *b)
{
    const aimdb_consumer_options announce = { .name = "announce" };
    const aimdb_consumer_options control = { .name = "control" };
    const aimdb_consumer_options flush = { .name = "flush", .blocking = true };
    const aimdb_consumer_options view = { .name = "view", .blocking = true };
    g->settings.record = g->records.config;
    sources_set_config(&g->sources, g->records.config);

    (void) host_config_add_consumer_with(b, g->records.config, settings_announce, &g->notes,
                                         &announce);
    aimdb_task *task = gateway_command_add_consumer_with(b, g->records.command, control_carry_out,
                                                         &g->control, &control);
    host_config_emitted_by(b, g->records.config, task);

    (void) gateway_tick_add_source(b, g->records.tick, source_tick, &g->sources.tick);
    if (g->logger != NULL) {
        (void) gateway_tick_add_consumer_with(b, g->records.tick, log_tick, g->logger, &flush);
    }
    (void) gateway_tick_add_consumer_with(b, g->records.tick, view_tick, &g->view, &view);
}

void
graph_describe(struct gateway *g, aimdb_builder *b)
{
    g->records.has_thermal = g->sources.thermal.zones.count > 0;
    configure_records(&g->records, b);
    connect_cpu(g, b);
    connect_memory(g, b);
    connect_network(g, b);
    connect_disk(g, b);
    connect_thermal(g, b);
    connect_alerts(g, b);
    connect_control(g, b);
}
