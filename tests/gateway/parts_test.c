// SPDX-License-Identifier: Apache-2.0
// The parts of the gateway that can be looked at one by one.
#define _POSIX_C_SOURCE 200809L
#include "command.h"
#include "config.h"
#include "exposition.h"
#include "frame.h"
#include "options.h"
#include "procfs.h"
#include "rates.h"
#include "view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

// procfs

static void
stat_lines_become_counters_of_each_processor(void **state)
{
    (void) state;
    struct host_cpu cpus[4];
    size_t n = procfs_stat("cpu  1 2 3 4 5 6 7 8 9 10\n"
                           "cpu0 11 12 13 14 15 16 17 18 0 0\n"
                           "cpu3 21 22 23 24 25 26 27 18446744073709551615 0 0\n"
                           "intr 5 5 5\n",
                           cpus, 4);
    assert_int_equal(n, 3);
    assert_int_equal(cpus[0].cpu, ALL_CPUS);
    assert_int_equal(cpus[0].user, 1);
    assert_int_equal(cpus[0].iowait, 5);
    assert_int_equal(cpus[0].steal, 8);
    assert_int_equal(cpus[1].cpu, 0);
    assert_int_equal(cpus[2].cpu, 3);
    assert_int_equal(cpus[2].idle, 24);
    assert_true(cpus[2].steal == UINT64_MAX);
}

static void
more_processors_than_room_are_counted_but_not_written(void **state)
{
    (void) state;
    struct host_cpu cpus[2] = { { 0 }, { .user = 77 } };
    size_t n = procfs_stat("cpu 1 1 1 1 1 1 1 1\ncpu0 2 2 2 2 2 2 2 2\n", cpus, 1);
    assert_int_equal(n, 2);
    assert_int_equal(cpus[1].user, 77);
}

static void
a_line_that_was_cut_off_does_not_count(void **state)
{
    (void) state;
    struct host_cpu cpus[2];
    assert_int_equal(procfs_stat("cpu 1 1 1 1 1 1 1 1\ncpu0 2 2 2 2 2 2 2 2", cpus, 2), 1);
    assert_int_equal(procfs_stat("cpu 1 1 1 1 1\n", cpus, 2), 0);
    assert_int_equal(procfs_stat("", cpus, 2), 0);
}

static void
meminfo_needs_all_of_its_lines(void **state)
{
    (void) state;
    struct host_memory memory = { .total = 5 };
    const char *text = "MemTotal:       1000 kB\nMemFree:         200 kB\n"
                       "MemAvailable:    400 kB\nSwapTotal:       100 kB\nSwapFree:  50 kB\n";
    assert_int_equal(procfs_meminfo(text + 24, &memory), 0);
    assert_int_equal(memory.total, 5);
    assert_int_equal(procfs_meminfo(text, &memory), 1);
    assert_int_equal(memory.total, 1024000);
    assert_int_equal(memory.available, 409600);
    assert_int_equal(memory.swap_free, 51200);
}

static void
interfaces_without_traffic_are_left_out(void **state)
{
    (void) state;
    struct host_network found[4];
    const char *text =
        "Inter-|   Receive                    |  Transmit\n"
        " face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop\n"
        "    lo:    3267      29    0    0    0     0          0         0     3267      29"
        "    0    0    0     0       0          0\n"
        "  ifb0:       0       0    0    0    0     0          0         0        0       0"
        "    0    0    0     0       0          0\n"
        "eth0:415881 935 1 2 0 0 0 0 42764 534 3 4 0 0 0 0\n";
    assert_int_equal(procfs_net_dev(text, found, 4), 2);
    assert_string_equal(found[0].name, "lo");
    assert_string_equal(found[1].name, "eth0");
    assert_int_equal(found[1].received_bytes, 415881);
    assert_int_equal(found[1].sent_packets, 534);
    assert_int_equal(found[1].errors, 10);
}

static void
disks_never_used_are_left_out(void **state)
{
    (void) state;
    struct host_disk found[4];
    const char *text =
        "   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
        " 254       0 vda 28551 6583 3076738 12375 3600 5419 875400 2018 0 6964 14683"
        " 3935 29 101232 266 471 21\n"
        " 254 1 a-name-far-longer-than-any-the-kernel-gives 1 2 3\n";
    assert_int_equal(procfs_diskstats(text, found, 4), 1);
    assert_string_equal(found[0].name, "vda");
    assert_int_equal(found[0].reads, 28551);
    assert_true(found[0].read_bytes == 3076738u * 512u);
    assert_true(found[0].written_bytes == 875400u * 512u);
    assert_int_equal(found[0].busy_ms, 6964);
}

static void
write_file(const char *folder, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void
remove_all(const char *folder, const char *const *names, size_t count)
{
    char path[256];
    for (size_t i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        assert_int_equal(remove(path), 0);
    }
    assert_int_equal(rmdir(folder), 0);
}

static void
thermal_zones_are_found_and_read(void **state)
{
    (void) state;
    char folder[] = "/tmp/gateway-parts-XXXXXX";
    char zone[64];
    struct thermal_zones zones;
    struct host_thermal value;
    assert_non_null(mkdtemp(folder));
    thermal_find(&zones, folder);
    assert_int_equal(zones.count, 0);

    snprintf(zone, sizeof zone, "%s/thermal_zone2", folder);
    assert_int_equal(mkdir(zone, 0700), 0);
    write_file(zone, "type", "x86_pkg_temp\n");
    write_file(zone, "temp", "45500\n");
    thermal_find(&zones, folder);
    assert_int_equal(zones.count, 1);
    assert_true(thermal_read(&zones, 0, &value));
    assert_string_equal(value.name, "x86_pkg_temp.2");
    assert_true(value.celsius > 45.49 && value.celsius < 45.51);
    write_file(zone, "temp", "warm\n");
    assert_false(thermal_read(&zones, 0, &value));

    remove_all(zone, (const char *const[]){ "type", "temp" }, 2);
    assert_false(thermal_read(&zones, 0, &value));
    assert_int_equal(rmdir(folder), 0);
}

static void
a_file_that_cannot_be_read_is_tried_again(void **state)
{
    (void) state;
    char folder[] = "/tmp/gateway-parts-XXXXXX";
    char path[64];
    static struct procfile file;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/stat", folder);
    procfile_open(&file, path);
    assert_false(procfile_read(&file));
    write_file(folder, "stat", "one\n");
    assert_true(procfile_read(&file));
    assert_string_equal(file.text, "one\n");
    write_file(folder, "stat", "two\n");
    assert_true(procfile_read(&file));
    assert_string_equal(file.text, "two\n");
    procfile_close(&file);
    remove_all(folder, (const char *const[]){ "stat" }, 1);
}

// rates: through a database, for a producer function runs nowhere else

struct bench {
    aimdb_executor *pool;
    aimdb *db;
    host_cpu_record cpu;
    host_cpu_reader cpu_reader;
    host_network_record network;
    host_network_reader network_reader;
    host_memory_record memory;
    host_thermal_record thermal;
    struct rates rates;
};

static int
set_up_bench(void **state)
{
    static struct bench bench;
    memset(&bench, 0, sizeof bench);
    bench.pool = aimdb_pool_new(NULL);
    aimdb_builder *b = aimdb_builder_new(bench.pool);
    bench.cpu = host_cpu_configure(b, "host.cpu", AIMDB_SPMC_RING(64));
    bench.network = host_network_configure(b, "host.network", AIMDB_SPMC_RING(64));
    bench.memory = host_memory_configure(b, "host.memory", AIMDB_SINGLE_LATEST);
    bench.thermal = host_thermal_configure(b, "host.thermal", AIMDB_SINGLE_LATEST);
    host_cpu_set_producer(b, bench.cpu, rates_cpu, &bench.rates.cpu);
    host_network_set_producer(b, bench.network, rates_network, &bench.rates.network);
    host_memory_set_producer(b, bench.memory, rates_memory, NULL);
    host_thermal_set_producer(b, bench.thermal, rates_thermal, NULL);
    aimdb_err err = aimdb_build(b, &bench.db);
    aimdb_builder_free(b);
    *state = &bench;
    return err != AIMDB_OK || host_cpu_subscribe(bench.cpu, &bench.cpu_reader) != AIMDB_OK ||
           host_network_subscribe(bench.network, &bench.network_reader) != AIMDB_OK;
}

static int
tear_down_bench(void **state)
{
    struct bench *bench = *state;
    host_cpu_unsubscribe(&bench->cpu_reader);
    host_network_unsubscribe(&bench->network_reader);
    aimdb_free(bench->db);
    aimdb_executor_free(bench->pool);
    return 0;
}

// feed_cpu produces a sample taken so many milliseconds after the first and returns what came out.
static struct host_cpu
feed_cpu(struct bench *bench, int64_t ms, uint64_t user, uint64_t idle)
{
    struct host_cpu value = { .at = AIMDB_MS(1000 + ms), .cpu = 0, .user = user, .idle = idle };
    assert_int_equal(host_cpu_produce(bench->cpu, &value), AIMDB_OK);
    assert_int_equal(host_cpu_try_recv(&bench->cpu_reader, &value), AIMDB_OK);
    return value;
}

static bool
is_near(double found, double expected)
{
    return found > expected - 0.001 && found < expected + 0.001;
}

static void
rates_cover_about_a_second(void **state)
{
    struct bench *bench = *state;
    // 100 Hz for three seconds: a quarter of the ticks busy, then all of them.
    uint64_t user = 1000;
    uint64_t idle = 5000;
    struct host_cpu value = feed_cpu(bench, 0, user, idle);
    assert_true(value.span == 0);
    for (int64_t i = 1; i <= 300; i++) {
        bool is_busy = i > 200 || i % 4 == 0;
        value = feed_cpu(bench, i * 10, user += is_busy, idle += !is_busy);
        if (i < 50) {
            assert_true(value.span == 0);
        } else {
            assert_true(value.span >= AIMDB_MS(500) && value.span <= AIMDB_MS(1010));
        }
        if (i == 200) {
            assert_true(value.busy_percent > 20.0 && value.busy_percent < 30.0);
        }
    }
    assert_true(is_near(value.busy_percent, 100.0));
    assert_true(is_near(value.user_percent, 100.0));
}

static void
percentages_add_up(void **state)
{
    struct bench *bench = *state;
    struct host_cpu first = { .at = AIMDB_SEC(1), .cpu = ALL_CPUS };
    struct host_cpu second = { .at = AIMDB_SEC(2),
                               .cpu = ALL_CPUS,
                               .user = 10,
                               .nice = 10,
                               .system = 5,
                               .irq = 5,
                               .softirq = 10,
                               .steal = 10,
                               .iowait = 20,
                               .idle = 30 };
    struct host_cpu out;
    assert_int_equal(host_cpu_produce(bench->cpu, &first), AIMDB_OK);
    assert_int_equal(host_cpu_produce(bench->cpu, &second), AIMDB_OK);
    assert_int_equal(host_cpu_try_recv(&bench->cpu_reader, &out), AIMDB_OK);
    assert_int_equal(host_cpu_try_recv(&bench->cpu_reader, &out), AIMDB_OK);
    assert_true(out.span == AIMDB_SEC(1));
    assert_true(is_near(out.user_percent, 20.0));
    assert_true(is_near(out.system_percent, 20.0));
    assert_true(is_near(out.steal_percent, 10.0));
    assert_true(is_near(out.iowait_percent, 20.0));
    assert_true(is_near(out.busy_percent, 50.0));
}

static void
counters_that_go_backwards_are_refused_once(void **state)
{
    struct bench *bench = *state;
    (void) feed_cpu(bench, 0, 1000, 1000);
    (void) feed_cpu(bench, 600, 1060, 1000);
    struct host_cpu reset = { .at = AIMDB_MS(1700), .cpu = 0, .user = 5, .idle = 1000 };
    assert_int_equal(host_cpu_produce(bench->cpu, &reset), AIMDB_EINVAL);
    struct host_cpu value = feed_cpu(bench, 800, 10, 1000);
    assert_true(value.span == 0);
    value = feed_cpu(bench, 1400, 40, 1030);
    assert_true(is_near(value.busy_percent, 50.0));
    aimdb_record_stats stats = { .size = sizeof stats };
    assert_int_equal(aimdb_record_metrics(bench->cpu.raw, &stats), AIMDB_OK);
    assert_int_equal(stats.refused, 1);
    assert_int_equal(stats.produced, 4);
}

static void
idle_time_may_go_backwards_a_little(void **state)
{
    struct bench *bench = *state;
    (void) feed_cpu(bench, 0, 1000, 1000);
    struct host_cpu value = feed_cpu(bench, 600, 1060, 999);
    assert_true(is_near(value.busy_percent, 100.0));
}

static void
after_a_pause_rates_start_anew(void **state)
{
    struct bench *bench = *state;
    (void) feed_cpu(bench, 0, 1000, 1000);
    assert_true(feed_cpu(bench, 1000, 1050, 1050).span > 0);
    assert_true(feed_cpu(bench, 61000, 1050, 9000).span == 0);
    assert_true(is_near(feed_cpu(bench, 62000, 1150, 9000).busy_percent, 100.0));
}

static void
values_that_cannot_be_are_refused(void **state)
{
    struct bench *bench = *state;
    struct host_cpu cpu = { .at = 1, .cpu = (int32_t) CPUS_MAX };
    assert_int_equal(host_cpu_produce(bench->cpu, &cpu), AIMDB_EINVAL);
    cpu.cpu = -2;
    assert_int_equal(host_cpu_produce(bench->cpu, &cpu), AIMDB_EINVAL);
    assert_int_equal(host_memory_produce(bench->memory, &(struct host_memory){ .total = 0 }),
                     AIMDB_EINVAL);
    assert_int_equal(
        host_memory_produce(bench->memory, &(struct host_memory){ .total = 10, .available = 11 }),
        AIMDB_EINVAL);
    assert_int_equal(
        host_memory_produce(bench->memory, &(struct host_memory){ .total = 10, .available = 4 }),
        AIMDB_OK);
    struct host_memory memory;
    assert_int_equal(host_memory_peek(bench->memory, &memory), AIMDB_OK);
    assert_true(is_near(memory.used_percent, 60.0));
    assert_int_equal(
        host_thermal_produce(bench->thermal, &(struct host_thermal){ .celsius = -273.0 }),
        AIMDB_EINVAL);
    assert_int_equal(host_network_produce(bench->network, &(struct host_network){ .at = 1 }),
                     AIMDB_EINVAL);
}

static void
each_device_has_its_own_rates(void **state)
{
    struct bench *bench = *state;
    struct host_network a = { .at = AIMDB_SEC(1), .name = "eth0", .received_bytes = 1000 };
    struct host_network b = { .at = AIMDB_SEC(1), .name = "eth1", .received_bytes = 5 };
    assert_int_equal(host_network_produce(bench->network, &a), AIMDB_OK);
    assert_int_equal(host_network_produce(bench->network, &b), AIMDB_OK);
    a.at = b.at = AIMDB_SEC(2);
    a.received_bytes += 300;
    b.received_bytes += 7;
    assert_int_equal(host_network_produce(bench->network, &a), AIMDB_OK);
    assert_int_equal(host_network_produce(bench->network, &b), AIMDB_OK);
    struct host_network out[4];
    assert_int_equal(host_network_drain(&bench->network_reader, out, 4, NULL), 4);
    assert_true(is_near(out[2].received_bytes_per_s, 300.0));
    assert_true(is_near(out[3].received_bytes_per_s, 7.0));
}

static void
a_full_table_of_names_forgets_the_one_unseen_for_longest(void **state)
{
    (void) state;
    static struct names names;
    char name[NAME_SIZE];
    bool is_new;
    for (unsigned i = 0; i < DEVICES_MAX; i++) {
        snprintf(name, sizeof name, "d%u", i);
        assert_int_equal(names_slot(&names, name, 100 + i, &is_new), i);
        assert_true(is_new);
    }
    assert_int_equal(names_slot(&names, "d0", 900, &is_new), 0);
    assert_false(is_new);
    assert_int_equal(names_slot(&names, "new", 901, &is_new), 1);
    assert_true(is_new);
    (void) names_slot(&names, "d1", 902, &is_new);
    assert_true(is_new);
}

// config

struct complaints {
    char text[16][600];
    size_t count;
};

static void
keep(void *user, const char *text)
{
    struct complaints *kept = user;
    assert_true(kept->count < COUNT(kept->text));
    snprintf(kept->text[kept->count++], sizeof kept->text[0], "%s", text);
}

static bool
load(const char *text, size_t len, struct host_config *config, struct complaints *complaints)
{
    char path[] = "/tmp/gateway-parts-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    close(fd);
    complaints->count = 0;
    bool is_loaded = config_load(path, config, keep, complaints);
    assert_int_equal(remove(path), 0);
    return is_loaded;
}

static void
a_config_sets_what_it_mentions(void **state)
{
    (void) state;
    static struct complaints complaints;
    struct host_config config;
    const char *text = "# a comment\n\n  rate.cpu=25 # and one more\r\n"
                       "alert.thermal_celsius =\t71.5\nrate.disk = 100";
    assert_true(load(text, strlen(text), &config, &complaints));
    assert_int_equal(config.rate_hz[SOURCE_CPU], 25);
    assert_int_equal(config.rate_hz[SOURCE_DISK], 100);
    assert_int_equal(config.rate_hz[SOURCE_MEMORY], config_defaults().rate_hz[SOURCE_MEMORY]);
    assert_true(is_near(config.thermal_celsius, 71.5));
}

static void
every_mistake_of_a_config_is_told_with_its_line(void **state)
{
    (void) state;
    static struct complaints complaints;
    static const struct {
        const char *line;
        const char *complaint;
    } cases[] = {
        { "rate.cpu 50", ":1: 'rate.cpu 50' is not of the form name = value" },
        { "= 50", ":1: the name before '=' is missing" },
        { "rate.cpu =", ":1: the value is missing" },
        { "rate.gpu = 50", ":1: there is no source 'gpu'" },
        { "rate.cpu = 9", ":1: rate.cpu: '9' is not a whole number from 10 to 100" },
        { "rate.cpu = 101", ":1: rate.cpu: '101' is not a whole number from 10 to 100" },
        { "rate.cpu = 50.5", ":1: rate.cpu: '50.5' is not a whole number from 10 to 100" },
        { "rate.cpu = -50", ":1: rate.cpu: '-50' is not a whole number from 10 to 100" },
        { "rate.cpu = 18446744073709551666",
          ":1: rate.cpu: '18446744073709551666' is not a whole number from 10 to 100" },
        { "limit = 5", ":1: there is no setting 'limit'" },
        { "alert.cpu_busy_percent = 101",
          ":1: alert.cpu_busy_percent: '101' is not a number from 0 to 100" },
        { "alert.cpu_busy_percent = -1",
          ":1: alert.cpu_busy_percent: '-1' is not a number from 0 to 100" },
        { "alert.cpu_busy_percent = nan",
          ":1: alert.cpu_busy_percent: 'nan' is not a number from 0 to 100" },
        { "alert.cpu_busy_percent = 9O",
          ":1: alert.cpu_busy_percent: '9O' is not a number from 0 to 100" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct host_config config = { .cpu_busy_percent = 1234.0 };
        assert_false(load(cases[i].line, strlen(cases[i].line), &config, &complaints));
        assert_int_equal(complaints.count, 1);
        assert_string_equal(strchr(complaints.text[0], ':'), cases[i].complaint);
        assert_true(is_near(config.cpu_busy_percent, 1234.0));
    }
    const char *two = "rate.cpu = 50\nx\n\ny\n";
    struct host_config config;
    assert_false(load(two, strlen(two), &config, &complaints));
    assert_int_equal(complaints.count, 2);
    assert_non_null(strstr(complaints.text[0], ":2: 'x'"));
    assert_non_null(strstr(complaints.text[1], ":4: 'y'"));
}

static void
a_config_that_is_no_text_is_refused(void **state)
{
    (void) state;
    static struct complaints complaints;
    struct host_config config;
    char noise[20000];
    memset(noise, 'x', sizeof noise);
    assert_false(load(noise, sizeof noise, &config, &complaints));
    assert_non_null(strstr(complaints.text[0], ":1: this is not a line of text"));
    assert_false(load("rate.cpu = 50\0x\n", 16, &config, &complaints));
    assert_non_null(strstr(complaints.text[0], ":1: this is not a line of text"));
    memset(noise, '\n', sizeof noise);
    for (size_t i = 0; i < sizeof noise; i += 2) {
        noise[i] = '?';
    }
    assert_false(load(noise, sizeof noise, &config, &complaints));
    assert_int_equal(complaints.count, 11);
    assert_non_null(strstr(complaints.text[10], "too many mistakes"));
}

static void
the_sample_config_says_what_the_defaults_are(void **state)
{
    (void) state;
    static struct complaints complaints;
    struct host_config found;
    struct host_config defaults = config_defaults();
    memset(&found, 0xff, sizeof found);
    assert_true(config_load(GATEWAY_SAMPLE_CONFIG, &found, keep, &complaints));
    assert_memory_equal(found.rate_hz, defaults.rate_hz, sizeof defaults.rate_hz);
    assert_true(is_near(found.cpu_busy_percent, defaults.cpu_busy_percent));
    assert_true(is_near(found.memory_used_percent, defaults.memory_used_percent));
    assert_true(is_near(found.network_errors_per_s, defaults.network_errors_per_s));
    assert_true(is_near(found.disk_busy_percent, defaults.disk_busy_percent));
    assert_true(is_near(found.thermal_celsius, defaults.thermal_celsius));
    assert_false(found.is_paused);
}

// commands and options

static void
commands_are_understood_or_explained(void **state)
{
    (void) state;
    struct gateway_command command;
    bool is_empty;
    char complaint[NOTE_SIZE];
    assert_true(command_parse("  rate   cpu 50 ", &command, &is_empty, complaint, NOTE_SIZE));
    assert_int_equal(command.kind, COMMAND_RATE);
    assert_int_equal(command.source, SOURCE_CPU);
    assert_int_equal(command.rate_hz, 50);
    assert_true(command_parse("quit", &command, &is_empty, complaint, NOTE_SIZE));
    assert_int_equal(command.kind, COMMAND_QUIT);
    assert_false(command_parse(" \t ", &command, &is_empty, complaint, NOTE_SIZE));
    assert_true(is_empty);
    static const struct {
        const char *line;
        const char *complaint;
    } wrong[] = {
        { "explode", "'explode' is not a command" },
        { "pause now", "'pause now' is not a command" },
        { "rate cpu", "'rate cpu' is not a command" },
        { "rate cpu 50 60", "'rate cpu 50 60' is not a command" },
        { "rate gpu 50", "there is no source 'gpu'" },
        { "rate cpu fast", "'fast' is not a whole number from 10 to 100" },
        { "rate cpu 1000", "'1000' is not a whole number from 10 to 100" },
        { "QUIT", "'QUIT' is not a command" },
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        command.kind = COMMAND_RESUME;
        assert_false(command_parse(wrong[i].line, &command, &is_empty, complaint, NOTE_SIZE));
        assert_false(is_empty);
        assert_non_null(strstr(complaint, wrong[i].complaint));
        assert_int_equal(command.kind, COMMAND_RESUME);
    }
}

static void
options_may_have_an_equals_sign(void **state)
{
    (void) state;
    struct options options;
    char complaint[OPTIONS_COMPLAINT];
    char *argv[] = { "gateway", "--db=a=b", "--seconds", "7", "--slow-consumer=20" };
    assert_true(options_parse(COUNT(argv), argv, &options, complaint));
    assert_string_equal(options.db, "a=b");
    assert_int_equal(options.seconds, 7);
    assert_int_equal(options.slow_ms, 20);
    assert_null(options.metrics);
}

// what is shown

static void
figures_fit_their_columns(void **state)
{
    (void) state;
    char out[FIGURE_SIZE];
    assert_string_equal(figure_count(out, 0, 9), "0");
    assert_string_equal(figure_count(out, 12345, 9), "12,345");
    assert_string_equal(figure_count(out, 9999999, 9), "9,999,999");
    assert_string_equal(figure_count(out, 12345678, 9), "12.3 M");
    assert_string_equal(figure_count(out, 1234567, 7), "1.2 M");
    assert_string_equal(figure_count(out, 5000000000, 9), "5.0 G");
    assert_string_equal(figure_bytes(out, 999.0), "999 B");
    assert_string_equal(figure_bytes(out, 1536.0), "1.5 KiB");
    assert_string_equal(figure_bytes(out, 3.0 * 1024 * 1024 * 1024), "3.0 GiB");
    assert_string_equal(figure_time(out, 12300), "12 us");
    assert_string_equal(figure_time(out, 5000000000), "5 s");
}

static void
a_picture_is_cut_to_the_terminal(void **state)
{
    (void) state;
    static struct frame frame;
    setenv("NO_COLOR", "1", 1);
    frame_begin(&frame, 2, 5);
    frame_put(&frame, STYLE_PLAIN, "abc");
    frame_put(&frame, STYLE_BAD, "defgh");
    frame_line(&frame);
    for (int i = 0; i < 10000; i++) {
        frame_put(&frame, STYLE_PLAIN, "%d", i);
        frame_line(&frame);
    }
    frame_end(&frame);
    frame.text[frame.len] = '\0';
    assert_non_null(strstr(frame.text, "abc\033[0;7mde\033[0m\033[K\r\n"));
    assert_non_null(strstr(frame.text, "0\033[0m\033[K\r\n\033[0m\033[J"));
    assert_int_equal(frame_left(&frame), 0);
    unsetenv("NO_COLOR");
}

static void
the_busiest_devices_come_first_and_loopback_never(void **state)
{
    (void) state;
    static struct latest latest;
    size_t slots[3];
    static const struct {
        const char *name;
        double rate;
    } devices[] = { { "lo", 9e9 }, { "a", 10.0 }, { "b", 30.0 }, { "c", 20.0 }, { "d", 5.0 } };
    memset(&latest, 0, sizeof latest);
    assert_int_equal(view_busiest_networks(&latest, slots, 3), 0);
    for (size_t i = 0; i < COUNT(devices); i++) {
        struct host_network value = { .at = 5, .received_bytes_per_s = devices[i].rate };
        names_copy(value.name, devices[i].name);
        latest_network(&latest, &value);
    }
    assert_int_equal(view_busiest_networks(&latest, slots, 3), 3);
    assert_string_equal(latest.networks[slots[0]].name, "b");
    assert_string_equal(latest.networks[slots[1]].name, "c");
    assert_string_equal(latest.networks[slots[2]].name, "a");
    assert_int_equal(view_busiest_networks(&latest, slots, 1), 1);
    assert_string_equal(latest.networks[slots[0]].name, "b");
}

static void
labels_are_escaped_and_outdated_devices_left_out(void **state)
{
    (void) state;
    static struct exposition content;
    struct host_thermal zone = { .at = AIMDB_SEC(9), .celsius = 40.5 };
    char *text = NULL;
    size_t size = 0;
    names_copy(zone.name, "a\"b\\c\nd");
    latest_thermal(&content.latest, &zone);
    zone.at = AIMDB_SEC(5);
    names_copy(zone.name, "gone");
    latest_thermal(&content.latest, &zone);
    FILE *file = open_memstream(&text, &size);
    assert_non_null(file);
    exposition_write(file, &content, NULL);
    assert_int_equal(fclose(file), 0);
    assert_non_null(strstr(text, "gateway_thermal_celsius{zone=\"a\\\"b\\\\c\\nd\"} 40.5\n"));
    assert_null(strstr(text, "gone"));
    assert_string_equal(text + size - 6, "# EOF\n");
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stat_lines_become_counters_of_each_processor),
        cmocka_unit_test(more_processors_than_room_are_counted_but_not_written),
        cmocka_unit_test(a_line_that_was_cut_off_does_not_count),
        cmocka_unit_test(meminfo_needs_all_of_its_lines),
        cmocka_unit_test(interfaces_without_traffic_are_left_out),
        cmocka_unit_test(disks_never_used_are_left_out),
        cmocka_unit_test(thermal_zones_are_found_and_read),
        cmocka_unit_test(a_file_that_cannot_be_read_is_tried_again),
        cmocka_unit_test_setup_teardown(rates_cover_about_a_second, set_up_bench, tear_down_bench),
        cmocka_unit_test_setup_teardown(percentages_add_up, set_up_bench, tear_down_bench),
        cmocka_unit_test_setup_teardown(counters_that_go_backwards_are_refused_once, set_up_bench,
                                        tear_down_bench),
        cmocka_unit_test_setup_teardown(idle_time_may_go_backwards_a_little, set_up_bench,
                                        tear_down_bench),
        cmocka_unit_test_setup_teardown(after_a_pause_rates_start_anew, set_up_bench,
                                        tear_down_bench),
        cmocka_unit_test_setup_teardown(values_that_cannot_be_are_refused, set_up_bench,
                                        tear_down_bench),
        cmocka_unit_test_setup_teardown(each_device_has_its_own_rates, set_up_bench,
                                        tear_down_bench),
        cmocka_unit_test(a_full_table_of_names_forgets_the_one_unseen_for_longest),
        cmocka_unit_test(a_config_sets_what_it_mentions),
        cmocka_unit_test(every_mistake_of_a_config_is_told_with_its_line),
        cmocka_unit_test(a_config_that_is_no_text_is_refused),
        cmocka_unit_test(the_sample_config_says_what_the_defaults_are),
        cmocka_unit_test(commands_are_understood_or_explained),
        cmocka_unit_test(options_may_have_an_equals_sign),
        cmocka_unit_test(figures_fit_their_columns),
        cmocka_unit_test(a_picture_is_cut_to_the_terminal),
        cmocka_unit_test(the_busiest_devices_come_first_and_loopback_never),
        cmocka_unit_test(labels_are_escaped_and_outdated_devices_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
