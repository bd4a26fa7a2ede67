#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Drives the gateway from outside.

usage: gateway_test.py GATEWAY [SUBJECT]...

A subject is the name of a class below in small letters; without one all are run. Exit status 77:
the machine lacks what every test of these subjects needs; the output says what that is.
"""
import os
import re
import resource
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import termios
import time
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is
from gateway_driver import (Case, EXIT_BALANCED, EXIT_INCOMPLETE, PATIENCE, Terminal,  # noqa: E402
                            program)


class AccountTest(Case):
    def test_three_seconds_of_a_machine_end_up_in_a_balanced_account(self):
        gateway = self.start("--seconds", 3, "--db", self.db, "--metrics", self.metrics)
        self.assertEqual(gateway.finish(), EXIT_BALANCED, gateway.text())
        account = self.check_account(gateway, self.db)
        lines = [line for line in gateway.out if re.match(r"\d\d:\d\d:\d\d running  cpu ", line)]
        self.assertIn(len(lines), range(2, 5), gateway.text())
        for record in ("host.cpu", "host.memory", "host.disk", "host.network"):
            self.assertIn(record, account.records)
        samples = account.records["host.memory"]["produced"]
        self.assertIn(samples, range(15, 33))  # 10 a second
        self.assertGreater(account.records["host.cpu"]["produced"], 10 * samples)
        for consumer in ("database", "metrics", "alerts"):
            self.assertEqual(account.consumers["host.cpu", consumer]["missed"], 0)

    def test_the_rows_are_this_machine(self):
        gateway = self.start("--seconds", 3, "--db", self.db)
        self.assertEqual(gateway.finish(), EXIT_BALANCED, gateway.text())
        with open("/proc/stat", encoding="ascii") as file:
            now = {words[0]: list(map(int, words[1:9]))
                   for words in map(str.split, file) if words[0].startswith("cpu")}
        connection = sqlite3.connect(self.db)
        self.addCleanup(connection.close)
        self.assertEqual(connection.execute("PRAGMA journal_mode").fetchone(), ("wal",))
        self.assertEqual(connection.execute("PRAGMA integrity_check").fetchone(), ("ok",))
        found = connection.execute("SELECT cpu, max(user), max(system), max(busy_percent), "
                                   "min(busy_percent), max(unix_ms) FROM host_cpu "
                                   "GROUP BY cpu").fetchall()
        self.assertEqual({f"cpu{row[0]}" if row[0] >= 0 else "cpu" for row in found}, set(now))
        for cpu, user, system, most, least, when in found:
            kernel = now[f"cpu{cpu}" if cpu >= 0 else "cpu"]
            self.assertLessEqual(kernel[0] - 1000 * len(now), user)
            self.assertLessEqual(user, kernel[0])
            self.assertLessEqual(system, kernel[2])
            self.assertTrue(0 <= least <= most <= 100)
            self.assertLess(abs(when / 1000 - time.time()), 30)
        total, used = connection.execute("SELECT max(total), max(used) FROM host_memory").fetchone()
        self.assertEqual(total, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
        self.assertTrue(0 < used < total)
        # A rate is not told before there is something to compare with.
        self.assertGreater(self.rows(self.db, "host_cpu", "busy_percent IS NULL"), 0)
        self.assertGreater(self.rows(self.db, "host_cpu", "busy_percent IS NOT NULL"), 0)

    def test_a_second_run_adds_to_the_same_database(self):
        for _ in range(2):
            gateway = self.start("--seconds", 1, "--db", self.db)
            self.assertEqual(gateway.finish(), EXIT_BALANCED, gateway.text())
            self.check_account(gateway, self.db)
        connection = sqlite3.connect(self.db)
        self.addCleanup(connection.close)
        self.assertEqual(connection.execute("SELECT count(*) FROM runs").fetchone(), (2,))

    def test_without_a_database_there_is_an_account_too(self):
        gateway = self.start("--seconds", 1)
        self.assertEqual(gateway.finish(), EXIT_BALANCED, gateway.text())
        self.check_account(gateway)


class MetricsTest(Case):
    LINE = re.compile(r'(# (HELP|TYPE|UNIT) ([a-z_]+) .+|'
                      r'([a-z_]+)(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [-+.0-9e]+)')

    def values(self):
        """Reads the file as OpenMetrics and returns its samples."""
        with open(self.metrics, encoding="ascii") as file:
            lines = file.read().split("\n")
        self.assertEqual(lines[-2:], ["# EOF", ""])
        families, samples = [], {}
        for line in lines[:-2]:
            match = self.LINE.fullmatch(line)
            self.assertIsNotNone(match, line)
            family = match[3] or match[4]
            if not families or families[-1] != family:
                families.append(family)
            if match[4]:
                name, value = line.rsplit(" ", 1)
                self.assertNotIn(name, samples)
                samples[name] = float(value)
            elif match[2] == "TYPE":  # see exposition.h why a counter has none
                self.assertTrue(line.endswith(" gauge") and not family.endswith("_total"), line)
            elif match[2] == "UNIT":
                self.assertTrue(family.endswith("_" + line.split()[3]), line)
        self.assertEqual(len(families), len(set(families)), "a family is in two places")
        return samples

    def test_the_last_file_agrees_with_the_account(self):
        gateway = self.start("--seconds", 2, "--metrics", self.metrics, "--db", self.db)
        self.assertEqual(gateway.finish(), EXIT_BALANCED, gateway.text())
        account = self.check_account(gateway, self.db)
        samples = self.values()
        for record, figures in account.records.items():
            for figure, value in figures.items():
                sample = f'aimdb_record_{figure}_total{{record="{record}"}}'
                self.assertEqual(samples[sample], value)
        for (record, consumer), figures in account.consumers.items():
            label = f'{{record="{record}",consumer="{consumer}"}}'
            self.assertEqual(samples[f"aimdb_consumer_received_total{label}"], figures["delivered"])
            self.assertEqual(samples[f"aimdb_consumer_missed_total{label}"], figures["missed"])
            self.assertEqual(samples[f"aimdb_consumer_pending{label}"], figures["lost"])
        self.assertTrue(0 <= samples['gateway_cpu_busy_ratio{cpu="all"}'] <= 1)
        self.assertEqual(samples["gateway_memory_total_bytes"],
                         os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
        self.assertEqual(os.listdir(self.folder).count("gateway.prom.tmp"), 0)

    def test_a_reader_always_sees_a_whole_file(self):
        gateway = self.start("--seconds", 4, "--metrics", self.metrics)
        gateway.wait_for("running", gateway.err)
        seen = set()
        while gateway.process.poll() is None:
            self.values()
            seen.add(os.stat(self.metrics).st_ino)
        self.assertGreater(len(seen), 1, "the file was written in place")
        self.assertEqual(gateway.finish(), EXIT_BALANCED, gateway.text())

    def test_promtool_accepts_the_file(self):
        if not shutil.which("promtool"):
            self.skipTest("promtool is missing (Debian: prometheus)")
        gateway = self.start("--seconds", 2, "--metrics", self.metrics, "--db", self.db)
        self.assertEqual(gateway.finish(), EXIT_BALANCED, gateway.text())
        with open(self.metrics, "rb") as file:
            check = subprocess.run(["promtool", "check", "metrics"], stdin=file, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.assertEqual((check.returncode, check.stdout), (0, ""))


class CommandsTest(Case):
    def test_every_command_of_a_burst_is_carried_out(self):
        gateway = self.start("--db", self.db, stdin=subprocess.PIPE)
        gateway.type("rate cpu 50\nrate memory 33\npause\nresume\nrate disk 44\nquit")
        gateway.process.stdin.close()
        gateway.process.stdin = None
        self.assertEqual(gateway.finish(), EXIT_BALANCED, gateway.text())
        command = self.check_account(gateway, self.db).records["gateway.command"]
        self.assertEqual(command, {"produced": 6, "refused": 0, "overwritten": 0})

    def test_rate_changes_how_often_a_source_reads(self):
        gateway = self.start("--db", self.db, stdin=subprocess.PIPE)
        gateway.wait_for("running", gateway.err)
        gateway.type("rate cpu 10\n")
        gateway.wait_for("running; Hz: cpu 10, memory 10,", gateway.err)
        changed_ms = time.time() * 1000
        time.sleep(2)  # of the machine's time: what is measured is how much is read in it
        gateway.type("quit\n")
        self.assertEqual(gateway.finish(), EXIT_BALANCED, gateway.text())
        slow = self.rows(self.db, "host_cpu", f"cpu = -1 AND unix_ms > {changed_ms + 100}")
        self.assertIn(slow, range(10, 25))

    def test_what_is_not_understood_changes_nothing(self):
        gateway = self.start(stdin=subprocess.PIPE)
        gateway.wait_for("running", gateway.err)
        wrong = {"explode": "'explode' is not a command; commands are: pause, resume, rate",
                 "rate gpu 50": "there is no source 'gpu'; there are cpu, memory,",
                 "rate cpu 9": "rate cpu: '9' is not a whole number from 10 to 100",
                 "rate cpu 50 60": "'rate cpu 50 60' is not a command",
                 "pa\x1bc\x07use\x00": r"'pa\?c\?use\?' is not a command|'pa\?.*' is not a command",
                 "x" * 5000: "this line is too long for a command"}
        for line, answer in wrong.items():
            gateway.type(line + "\n")
            gateway.wait_for(answer, gateway.err)
        gateway.type("\n \nquit\n")
        self.assertEqual(gateway.finish(), EXIT_BALANCED, gateway.text())
        account = self.check_account(gateway)
        self.assertEqual(account.records["gateway.command"]["produced"], 1)
        self.assertEqual(account.records["host.config"]["produced"], 1)
        self.assertNotIn("\x1b", gateway.text())

    def test_the_end_of_stdin_is_not_the_end(self):
        gateway = self.start("--seconds", 2, stdin=subprocess.PIPE)
        gateway.type("rate cpu 20\n")
        gateway.process.stdin.close()
        gateway.process.stdin = None
        gateway.wait_for("running  cpu", gateway.out)
        self.assertEqual(gateway.finish(), EXIT_BALANCED, gateway.text())
        self.check_account(gateway)


class PauseTest(Case):
    def test_a_pause_stops_the_values_and_the_batch_is_written_all_the_same(self):
        gateway = self.start("--db", self.db, stdin=subprocess.PIPE)
        gateway.wait_for("running  cpu", gateway.out)
        gateway.type("pause\n")
        gateway.wait_for("paused; Hz", gateway.err)
        gateway.wait_for("paused  cpu", gateway.out)
        paused = int(gateway.wait_for(r"paused .* values (\d+)", gateway.out)[1])
        # Nothing comes after these rows; the batch they are in must not wait for more.
        end = time.monotonic() + PATIENCE
        count = 0
        while time.monotonic() < end:
            count, before = sum(self.rows(self.db, table) for table in
                                ("host_cpu", "host_memory", "host_network", "host_disk")), count
            if count == before and count > 0 and time.monotonic() > end - PATIENCE + 2:
                break
            time.sleep(0.1)
        gateway.type("quit\n")
        self.assertEqual(gateway.finish(), EXIT_BALANCED, gateway.text())
        account = self.check_account(gateway, self.db)
        hosts = sum(figures["produced"] for record, figures in account.records.items()
                    if record.startswith("host.") and record != "host.config")
        self.assertEqual(count, hosts, "rows that waited for the end")
        self.assertGreaterEqual(paused, hosts)

    def test_resume_goes_on_where_pause_stopped(self):
        gateway = self.start("--db", self.db, stdin=subprocess.PIPE)
        gateway.wait_for("running  cpu", gateway.out)
        gateway.type("pause\n")
        gateway.wait_for("paused; Hz", gateway.err)
        paused_ms = time.time() * 1000
        time.sleep(2)  # the gap that is looked for
        resumed_ms = time.time() * 1000
        gateway.type("resume\nrate cpu 99\n")
        gateway.wait_for("running; Hz: cpu 99", gateway.err)
        time.sleep(1)  # and what comes after it
        gateway.type("quit\n")
        self.assertEqual(gateway.finish(), EXIT_BALANCED, gateway.text())
        self.check_account(gateway, self.db)
        # A step that was under way when the command came may end late on a busy machine.
        gap = f"unix_ms > {(paused_ms + resumed_ms) / 2} AND unix_ms < {resumed_ms}"
        self.assertEqual(self.rows(self.db, "host_cpu", gap), 0)
        self.assertGreater(self.rows(self.db, "host_cpu", f"unix_ms >= {resumed_ms}"), 0)


class ReloadTest(Case):
    def test_sighup_reads_limits_and_rates_again(self):
        config = self.write("gateway.conf", "alert.memory_used_percent = 100\nrate.memory = 10\n")
        gateway = self.start("--config", config, "--db", self.db)
        gateway.wait_for("running  cpu", gateway.out)
        self.assertNotIn("host.memory all", gateway.text())
        self.write("gateway.conf", "alert.memory_used_percent = 0.01\nrate.memory = 50\n")
        gateway.process.send_signal(signal.SIGHUP)
        gateway.wait_for("gateway.conf: read again", gateway.err)
        gateway.wait_for("running; Hz: cpu 100, memory 50,", gateway.err)
        gateway.wait_for(r"ALERT +host.memory all: used \d+\.\d %, limit 0.01 %", gateway.out)
        self.write("gateway.conf", "alert.memory_used_percent = 100\n")
        gateway.process.send_signal(signal.SIGHUP)
        gateway.wait_for(r"cleared +host.memory all: used", gateway.out)
        self.assertEqual(gateway.stop(), EXIT_BALANCED, gateway.text())
        account = self.check_account(gateway, self.db)
        self.assertEqual(account.records["host.config"]["produced"], 3)
        memory = "record = 'host.memory' AND device = 'all' AND what = 'used'"
        self.assertEqual(self.rows(self.db, "alerts", memory + " AND is_raised = 1"), 1)
        self.assertEqual(self.rows(self.db, "alerts", memory + " AND is_raised = 0"), 1)

    def test_a_file_with_mistakes_changes_nothing(self):
        config = self.write("gateway.conf", "rate.cpu = 20\n")
        gateway = self.start("--config", config)
        gateway.wait_for("running; Hz: cpu 20,", gateway.err)
        self.write("gateway.conf", "rate.cpu = 30\n\nrate.cpu = 3000\nnonsense\n")
        gateway.process.send_signal(signal.SIGHUP)
        gateway.wait_for(r"gateway.conf:3: rate.cpu: '3000' is not a whole number", gateway.err)
        gateway.wait_for(r"gateway.conf:4: 'nonsense' is not of the form name = value", gateway.err)
        gateway.wait_for(r"gateway.conf: not used; everything stays as it was", gateway.err)
        os.remove(config)
        gateway.process.send_signal(signal.SIGHUP)
        gateway.wait_for(r"gateway.conf: No such file or directory", gateway.err)
        self.assertEqual(gateway.stop(), EXIT_BALANCED, gateway.text())
        self.assertEqual(self.check_account(gateway).records["host.config"]["produced"], 1)

    def test_without_a_file_sighup_is_answered_and_survived(self):
        gateway = self.start()
        gateway.wait_for("running", gateway.err)
        gateway.process.send_signal(signal.SIGHUP)
        gateway.wait_for("SIGHUP: there is no --config FILE", gateway.err)
        self.assertEqual(gateway.stop(), EXIT_BALANCED, gateway.text())

    def test_a_pause_outlives_a_reload(self):
        config = self.write("gateway.conf", "rate.cpu = 20\n")
        gateway = self.start("--config", config, stdin=subprocess.PIPE)
        gateway.type("pause\n")
        gateway.wait_for("paused; Hz: cpu 20", gateway.err)
        self.write("gateway.conf", "rate.cpu = 30\n")
        gateway.process.send_signal(signal.SIGHUP)
        gateway.wait_for("paused; Hz: cpu 30", gateway.err)
        self.assertEqual(gateway.stop(), EXIT_BALANCED, gateway.text())


class OptionsTest(Case):
    def test_a_bad_command_line_is_explained(self):
        for arguments, complaint in (
                (["--frobnicate"], "unknown option '--frobnicate'"),
                (["--dbx", "file"], "unknown option '--dbx'"),
                (["-v"], "unknown option '-v'"),
                (["--help=yes"], "unknown option '--help=yes'"),
                (["file"], "unexpected argument 'file'"),
                (["--db"], "option '--db' needs a value"),
                (["--db", ""], "option '--db' needs the name of a file"),
                (["--metrics="], "option '--metrics' needs the name of a file"),
                (["--seconds", "0"], "option '--seconds': '0' is not a whole number from 1"),
                (["--seconds", "3s"], "option '--seconds': '3s' is not a whole number"),
                (["--seconds", "-3"], "option '--seconds': '-3' is not a whole number"),
                (["--seconds", "99999999999999999999"], "is not a whole number from 1 to"),
                (["--slow-consumer", "fast"], "'fast' is not a whole number from 1 to 5000"),
                (["--slow-consumer", "5001"], "'5001' is not a whole number from 1 to 5000")):
            with self.subTest(arguments):
                said = self.run_refused(*arguments)
                self.assertIn(complaint, said)
                self.assertIn("see gateway --help", said)
                self.assertEqual(said.count("\n"), 1)

    def test_help_names_every_option_and_command(self):
        run = subprocess.run([program(), "--help"], stdout=subprocess.PIPE, text=True, check=False)
        self.assertEqual(run.returncode, 0)
        for word in ("--db FILE", "--metrics FILE", "--config FILE", "--seconds N",
                     "--slow-consumer MS", "--help", "pause", "resume", "rate SOURCE HZ", "quit"):
            self.assertIn("  " + word + " ", run.stdout)


class ConfigsTest(Case):
    def test_all_mistakes_are_told_with_their_lines(self):
        config = self.write("bad.conf", "# fine\nrate.cpu = 50\nrate.gpu = 50\n\n"
                                        "alert.cpu_busy_percent = lots\nhello\n")
        said = self.run_refused("--config", config, "--db", self.db)
        self.assertEqual(said, f"gateway: {config}:3: there is no source 'gpu'\n"
                               f"gateway: {config}:5: alert.cpu_busy_percent: 'lots' is not a "
                               "number from 0 to 100\n"
                               f"gateway: {config}:6: 'hello' is not of the form name = value\n")
        self.assertFalse(os.path.exists(self.db), "it began before it knew its configuration")

    def test_a_file_that_cannot_be_read_is_named(self):
        missing = self.path("missing.conf")
        self.assertEqual(self.run_refused("--config", missing),
                         f"gateway: {missing}: No such file or directory\n")
        self.assertEqual(self.run_refused("--config", self.folder),
                         f"gateway: {self.folder}: Is a directory\n")

    def test_a_file_that_is_no_text_is_refused(self):
        self.assertIn(f"{program()}:1: this is not a line of text",
                      self.run_refused("--config", program()))


class PathsTest(Case):
    def test_a_database_that_cannot_be_used_is_named(self):
        missing = self.path("missing/gateway.db")
        self.assertEqual(self.run_refused("--db", missing),
                         f"gateway: database {missing}: cannot be used: unable to open database "
                         "file (No such file or directory)\n")
        self.assertRegex(self.run_refused("--db", self.folder),
                         f"gateway: database {self.folder}: cannot be used: ")
        self.assertRegex(self.run_refused("--db", "/dev/full"),
                         "gateway: database /dev/full: cannot be used: ")

    def test_a_file_that_is_no_database_is_left_alone(self):
        other = self.write("letter.txt", "Dear reader, " * 200)
        self.assertEqual(self.run_refused("--db", other),
                         f"gateway: database {other}: cannot be used: file is not a database\n")
        with open(other, encoding="ascii") as file:
            self.assertEqual(file.read(), "Dear reader, " * 200)

    def test_a_database_with_other_tables_of_these_names_is_left_alone(self):
        connection = sqlite3.connect(self.db)
        connection.execute("CREATE TABLE host_disk(something TEXT)")
        connection.commit()
        connection.close()
        with open(self.db, "rb") as file:
            before = file.read()
        self.assertIn("has no column named", self.run_refused("--db", self.db))
        with open(self.db, "rb") as file:
            self.assertEqual(file.read(), before)

    def test_a_metrics_file_that_cannot_be_written_is_named(self):
        missing = self.path("missing/gateway.prom")
        self.assertEqual(self.run_refused("--metrics", missing),
                         f"gateway: metrics file {missing}: not written: "
                         "No such file or directory\n")
        for path in (self.folder, "/dev/full"):
            self.assertEqual(self.run_refused("--metrics", path),
                             f"gateway: metrics file {path}: it exists and is not a regular file\n")
        self.assertTrue(stat.S_ISCHR(os.stat("/dev/full").st_mode))


class DiskTest(Case):
    """A disk that is full, or that takes no more for other reasons."""

    def small_disk(self, size):
        disk = self.path("disk")
        os.mkdir(disk)
        if os.geteuid() != 0:
            self.skipTest("only root can mount a small disk")
        mount = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", disk],
                               stderr=subprocess.PIPE, text=True, check=False)
        if mount.returncode != 0:
            self.skipTest(f"no small disk can be mounted here: {mount.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", disk], check=True)
        return disk

    def check_what_is_lost(self, gateway, db):
        """The loss was announced, and is exactly what the account says."""
        account = self.check_account(gateway, db)
        lost = sum(table["not_written"] for table in account.tables.values())
        gateway.wait_for(f"database {re.escape(db)}: not written, the rows wait: ", gateway.err)
        gateway.wait_for(f"{lost} values could not be written and are lost", gateway.err)
        self.assertGreater(lost, 0)
        self.assertGreater(account.tables["host_cpu"]["rows"], 0)
        # Nobody else was touched by it.
        self.assertEqual(account.consumers["host.cpu", "alerts"]["delivered"],
                         account.records["host.cpu"]["produced"])

    def test_a_full_disk_loses_what_the_account_says(self):
        disk = self.small_disk("300k")
        db, metrics = os.path.join(disk, "a.db"), os.path.join(disk, "a.prom")
        gateway = self.start("--db", db, "--metrics", metrics)
        gateway.wait_for("not written, the rows wait", gateway.err)
        gateway.wait_for("metrics file .*: not written: No space left on device", gateway.err)
        self.assertEqual(gateway.stop(), EXIT_INCOMPLETE, gateway.text())
        self.check_what_is_lost(gateway, db)
        with open(metrics, encoding="ascii") as file:
            self.assertTrue(file.read().endswith("# EOF\n"), "a broken metrics file was left")
        self.assertNotIn("a.prom.tmp", os.listdir(disk))

    def test_nothing_is_lost_when_the_disk_has_room_again_in_time(self):
        disk = self.small_disk("4m")
        db = os.path.join(disk, "a.db")
        gateway = self.start("--db", db)
        gateway.wait_for("running  cpu", gateway.out)
        filler = os.path.join(disk, "filler")
        with open(filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass
        gateway.wait_for("not written, the rows wait: database or disk is full", gateway.err)
        os.remove(filler)
        gateway.wait_for("written again", gateway.err)
        self.assertEqual(gateway.stop(), EXIT_BALANCED, gateway.text())
        account = self.check_account(gateway, db)
        for table in account.tables.values():
            self.assertEqual(table["not_written"], 0)
        for figures in account.consumers.values():
            self.assertEqual(figures["missed"], 0)

    def test_a_database_that_others_hold_is_waited_for(self):
        gateway = self.start("--db", self.db)
        gateway.wait_for("running  cpu", gateway.out)
        other = sqlite3.connect(self.db, timeout=PATIENCE, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        gateway.wait_for("not written, the rows wait: database is locked", gateway.err)
        other.execute("COMMIT")
        gateway.wait_for("written again", gateway.err)
        self.assertEqual(gateway.stop(), EXIT_BALANCED, gateway.text())
        account = self.check_account(gateway, self.db)
        self.assertEqual({table["not_written"] for table in account.tables.values()}, {0})
        self.assertEqual({figures["missed"] for figures in account.consumers.values()}, {0})

    def test_a_disk_that_is_full_at_the_start_is_refused(self):
        disk = self.small_disk("16k")
        db, metrics = os.path.join(disk, "a.db"), os.path.join(disk, "a.prom")
        with open(os.path.join(disk, "filler"), "wb") as file:
            file.write(b"x" * 8192)
        self.assertRegex(self.run_refused("--db", db), f"gateway: database {db}: cannot be used: ")
        with open(os.path.join(disk, "filler"), "wb") as file:
            file.write(b"x" * 16384)
        self.assertIn("No space left on device", self.run_refused("--metrics", metrics))

    def test_a_limit_on_file_sizes_is_a_full_disk(self):
        limit = 250000
        gateway = self.start("--db", self.db, preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_FSIZE, (limit, limit)))
        gateway.wait_for("not written, the rows wait", gateway.err)
        self.assertEqual(gateway.stop(), EXIT_INCOMPLETE, gateway.text())
        self.check_what_is_lost(gateway, self.db)

    def test_a_stdout_that_takes_nothing_is_said_on_stderr(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            process = subprocess.run([program(), "--seconds", "2", "--db", self.db], stdout=full,
                                     stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                     timeout=PATIENCE, check=False)
        self.assertEqual(process.returncode, EXIT_INCOMPLETE, process.stderr)
        self.assertEqual(process.stderr.count("stdout: No space left on device\n"), 1)
        self.assertIn("the account is incomplete", process.stderr)
        self.assertGreater(self.rows(self.db, "host_cpu"), 0)


class SignalsTest(Case):
    def test_a_signal_ends_it_in_good_order(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number):
                gateway = self.start("--db", self.db)
                gateway.wait_for("running  cpu", gateway.out)
                self.assertEqual(gateway.stop(number), EXIT_BALANCED, gateway.text())
                self.check_account(gateway, self.db)

    def test_a_signal_at_the_very_start_is_not_lost(self):
        for delay_ms in (0, 5, 10, 20, 40):
            gateway = self.start()
            time.sleep(delay_ms / 1000)
            status = gateway.stop()
            # Before the program has blocked the signal it ends it, as it would end any other.
            self.assertIn(status, (EXIT_BALANCED, -signal.SIGINT), gateway.text())

    def test_a_second_signal_does_not_wait(self):
        gateway = self.start("--slow-consumer", 5000)
        gateway.wait_for("running  cpu", gateway.out)
        gateway.process.send_signal(signal.SIGINT)
        gateway.process.send_signal(signal.SIGTERM)  # two of the same kind may become one
        self.assertIn(gateway.finish(), (128 + signal.SIGINT, 128 + signal.SIGTERM), gateway.text())
        gateway.wait_for("ended at once", gateway.err)

    def test_a_reader_that_goes_away_ends_it_in_good_order(self):
        process = subprocess.Popen([program(), "--db", self.db], stdout=subprocess.PIPE,
                                   stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        self.assertNotEqual(process.stdout.readline(), "")
        process.stdout.close()
        said = process.communicate(timeout=PATIENCE)[1]
        self.assertEqual(process.returncode, EXIT_INCOMPLETE, said)
        self.assertIn("stdout: Broken pipe", said)
        self.assertGreater(self.rows(self.db, "host_cpu"), 0)


class SlowTest(Case):
    def test_a_slow_consumer_lags_and_nobody_else_notices(self):
        gateway = self.start("--slow-consumer", 20, "--db", self.db, "--metrics", self.metrics)
        gateway.wait_for(r"slow consumer: it takes 50.0 values/s, and host.cpu makes \d+: its ring "
                         r"of 1024 will be overrun after about \d+\.\d s", gateway.err)
        gateway.wait_for('consumer "slow" lagged and missed', gateway.err)
        gateway.wait_for(r"host.cpu/slow missed \d+", gateway.out)
        self.assertEqual(gateway.stop(), EXIT_BALANCED, gateway.text())
        account = self.check_account(gateway, self.db)
        slow = account.consumers.pop(("host.cpu", "slow"))
        self.assertGreater(slow["missed"], 0)
        self.assertGreater(slow["delivered"], 0)
        for (record, consumer), figures in account.consumers.items():
            self.assertEqual(figures["missed"] + figures["lost"] + figures["errors"], 0,
                             (record, consumer))
        self.assertEqual(account.consumers["host.cpu", "database"]["delivered"],
                         account.records["host.cpu"]["produced"])

    def test_one_that_keeps_up_is_said_to_keep_up(self):
        config = self.write("gateway.conf", "rate.cpu = 10\n")
        processors = os.sysconf("SC_NPROCESSORS_ONLN")
        if processors > 60:
            self.skipTest("with so many processors nothing is slow enough and keeps up")
        gateway = self.start("--seconds", 2, "--slow-consumer", 1, "--config", config)
        self.assertEqual(gateway.finish(), EXIT_BALANCED, gateway.text())
        gateway.wait_for(f"host.cpu makes {10 * (processors + 1)}: no lag", gateway.err)
        self.assertEqual(self.check_account(gateway).consumers["host.cpu", "slow"]["missed"], 0)


class LiveTest(Case):
    def open(self, rows, columns, *arguments, **environment):
        terminal = Terminal(rows, columns, *arguments, **environment)
        self.addCleanup(terminal.close)
        return terminal

    def test_a_terminal_shows_a_table_and_is_given_back(self):
        terminal = self.open(40, 80, "--db", self.db, "--metrics", self.metrics)
        self.assertIn("\033[?1049h", terminal.wait_for(PICTURE))
        picture = terminal.lines(terminal.wait_for(PICTURE + ".*" + PICTURE + ".*" + PICTURE))
        table = [line for line in picture if line.startswith("RECORD")]
        self.assertEqual(table, ["RECORD          CONSUMER   PRODUCED RATE/S  RECEIVED  MISSED "
                                 "PENDING  ERR    P99"])
        for row in (r"cpu +\d+\.\d %", r"memory +\d+\.\d %.* of .*iB",
                    r"host\.cpu +database +[\d,]+ +\d+ +[\d,]+ +0 ", r" {16}metrics ",
                    r" {16}alerts ", r"gateway\.command control +0 +0 +0 +-"):
            self.assertTrue(any(re.match(row, line) for line in picture), (row, picture))
        terminal.type("\x03")
        self.assertEqual(terminal.finish(), EXIT_BALANCED)
        end = terminal.text[terminal.text.index("\033[?1049l"):]
        self.assertIn("account: balanced", end)
        self.assertNotIn("\033", end[len("\033[?1049l"):])
        self.assertEqual(termios.tcgetattr(terminal.slave), terminal.before)

    def test_what_is_typed_is_shown_and_obeyed(self):
        terminal = self.open(40, 100)
        terminal.wait_for(PICTURE)
        self.assertFalse(termios.tcgetattr(terminal.slave)[3] & (termios.ECHO | termios.ICANON))
        terminal.type("ratx\x7fe cpu 20")
        terminal.wait_for("> rate cpu 20")
        terminal.type("\x1b[A\n")
        terminal.wait_for("running; Hz: cpu 20,")
        terminal.type("nonsense\x15bogus\n")
        terminal.wait_for("'bogus' is not a command")
        terminal.type("pause\n")
        terminal.wait_for("up 0:00:[0-9]+  .{0,12}paused")
        terminal.type("quit\n")
        self.assertEqual(terminal.finish(), EXIT_BALANCED)
        self.assertIn("account: balanced", terminal.text)

    def test_a_picture_never_exceeds_its_terminal(self):
        terminal = self.open(24, 80, "--db", self.db)
        for rows, columns in ((24, 80), (10, 40), (2, 7), (1, 1), (3, 300), (60, 200), (24, 79)):
            terminal.resize(rows, columns)
            terminal.wait_for(PICTURE + ".*" + PICTURE)
            picture = terminal.lines(terminal.wait_for(PICTURE + ".*" + PICTURE))
            self.assertLess(len(picture), rows)
            self.assertLessEqual(max(map(len, picture), default=0), columns)
        terminal.type("\x03")
        self.assertEqual(terminal.finish(), EXIT_BALANCED)

    def test_alerts_are_shown(self):
        config = self.write("gateway.conf", "alert.memory_used_percent = 0.01\n")
        terminal = self.open(24, 80, "--config", config)
        terminal.wait_for(r"ALERT +host.memory all: used \d+\.\d %, limit 0.01 %")
        terminal.type("\x03")
        self.assertEqual(terminal.finish(), EXIT_BALANCED)

    def test_a_gateway_that_is_ended_at_once_gives_the_terminal_back(self):
        terminal = self.open(24, 80)
        terminal.wait_for(PICTURE)
        terminal.type("\x1c")
        self.assertEqual(terminal.finish(), 128 + signal.SIGQUIT)
        self.assertRegex(terminal.text, r"(?s)\033\[\?1049l.*ended at once")
        self.assertEqual(termios.tcgetattr(terminal.slave), terminal.before)

    def test_a_stopped_gateway_gives_the_terminal_back_for_a_while(self):
        terminal = self.open(24, 80)
        terminal.wait_for(PICTURE)
        terminal.type("\x1a")
        terminal.wait_for(r"\033\[\?1049l")
        self.assertTrue(terminal.is_stopped())
        self.assertEqual(termios.tcgetattr(terminal.slave), terminal.before)
        terminal.process.send_signal(signal.SIGCONT)
        terminal.wait_for(r"\033\[\?1049h.*" + PICTURE)
        terminal.type("quit\n")
        self.assertEqual(terminal.finish(), EXIT_BALANCED)
        self.assertEqual(termios.tcgetattr(terminal.slave), terminal.before)

    def test_a_terminal_that_cannot_move_its_cursor_gets_lines(self):
        terminal = self.open(24, 80, "--seconds", 2, TERM="dumb")
        self.assertEqual(terminal.finish(), EXIT_BALANCED)
        self.assertIn("running  cpu ", terminal.text)
        self.assertNotIn("\033", terminal.text)


PICTURE = r"\033\[H.*\033\[J"


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    os.environ["GATEWAY"] = os.path.abspath(sys.argv[1])
    subjects = {name[:-4].lower(): case for name, case in globals().items()
                if name.endswith("Test")}
    for name in sys.argv[2:]:
        if name not in subjects:
            sys.exit(f"there is no subject {name}; there are {', '.join(sorted(subjects))}")
    suite = unittest.TestSuite(unittest.defaultTestLoader.loadTestsFromTestCase(subjects[name])
                               for name in sys.argv[2:] or subjects)
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(77 if result.testsRun == len(result.skipped) else 0)


if __name__ == "__main__":
    main()
