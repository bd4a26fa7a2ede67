# SPDX-License-Identifier: Apache-2.0
"""What the gateway's tests need: a gateway that runs, one on a terminal, its account read back."""
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import sqlite3
import struct
import subprocess
import tempfile
import termios
import threading
import time
import unittest

PATIENCE = 60  # seconds until something that should happen counts as missing
EXIT_BALANCED, EXIT_UNUSABLE, EXIT_INCOMPLETE = 0, 2, 3


def program():
    """The path of the gateway; gateway_test.py sets it."""
    return os.environ["GATEWAY"]


class Account:
    """The account a gateway printed, read back."""

    def __init__(self, text):
        self.records, self.consumers, self.tables = {}, {}, {}
        self.lost = None
        self.verdict = None
        table = None
        for line in text.splitlines():
            words = line.split()
            if line.startswith("RECORD") and "PRODUCED" in line:
                table = "records"
            elif line.startswith("RECORD"):
                table = "consumers"
            elif line.startswith("TABLE"):
                table = "tables"
            elif not words:
                table = None
            elif table == "records":
                self.records[words[0]] = dict(
                    zip(("produced", "refused", "overwritten"), map(int, words[1:4])))
            elif table == "consumers":
                self.consumers[words[0], words[1]] = dict(
                    zip(("delivered", "missed", "skipped", "lost", "errors"),
                        map(int, words[2:7])))
            elif table == "tables":
                self.tables[words[0]] = dict(
                    zip(("delivered", "not_written", "rows"), map(int, words[1:4])))
            elif line.startswith("while closing:"):
                self.lost = int(re.search(r"(\d+) lost", line).group(1))
            elif line.startswith("account:"):
                self.verdict = line


class Gateway:
    """A gateway that runs, with what it has printed so far."""

    def __init__(self, *arguments, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        self.process = subprocess.Popen([program(), *map(str, arguments)], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, bufsize=1, **options)
        self.out, self.err = [], []
        self.news = threading.Condition()
        self.readers = [threading.Thread(target=self._read, args=pair, daemon=True) for pair in
                        ((self.process.stdout, self.out), (self.process.stderr, self.err))]
        for reader in self.readers:
            reader.start()

    def _read(self, stream, lines):
        for line in stream:
            with self.news:
                lines.append(line)
                self.news.notify_all()

    def wait_for(self, pattern, lines):
        """Waits until a line matches, and returns the match."""
        def look():
            return next((m for m in (re.search(pattern, line) for line in lines) if m), None)

        with self.news:
            end = time.monotonic() + PATIENCE
            while not look() and self.process.poll() is None and time.monotonic() < end:
                self.news.wait(1)
        if self.process.poll() is not None:
            self.finish()  # what it printed last may still be on its way
        found = look()
        if not found:
            raise AssertionError(f"no line like {pattern!r} in:\n{self.text()}")
        return found

    def text(self):
        return "".join(self.out) + "".join(self.err)

    def type(self, text):
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def finish(self):
        """Waits for the end and returns the exit status."""
        status = self.process.wait(PATIENCE)
        for reader in self.readers:
            reader.join(PATIENCE)
        return status

    def stop(self, number=signal.SIGINT):
        self.process.send_signal(number)
        return self.finish()

    def account(self):
        return Account("".join(self.out))


class Terminal:
    """A gateway on a terminal of its own."""

    def __init__(self, rows, columns, *arguments, **environment):
        self.master, self.slave = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(self.slave)
        self.text = ""
        env = dict(os.environ, **{"TERM": "xterm", **environment})
        env.pop("NO_COLOR", None)

        def become_foreground():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen([program(), *map(str, arguments)], stdin=self.slave,
                                        stdout=self.slave, stderr=self.slave, env=env,
                                        preexec_fn=become_foreground)

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.size = rows, columns

    def read(self, seconds):
        if select.select([self.master], [], [], seconds)[0]:
            self.text += os.read(self.master, 65536).decode("ascii", "replace")

    def wait_for(self, pattern):
        """Reads until what comes from now on has it, and returns what has come."""
        self.text = ""
        end = time.monotonic() + PATIENCE
        while not re.search(pattern, self.text, re.DOTALL):
            if time.monotonic() > end:
                raise AssertionError(f"no {pattern!r} on the terminal: {self.text!r}")
            self.read(0.5)
        return self.text

    def type(self, text):
        os.write(self.master, text.encode())

    def finish(self):
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < end:
            self.read(0.1)
        while select.select([self.master], [], [], 0.1)[0]:
            self.read(0)
        return self.process.wait(1)

    def is_stopped(self):
        """Waits until the process is stopped, as by Ctrl-Z."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            pid, status = os.waitpid(self.process.pid, os.WUNTRACED | os.WNOHANG)
            if pid:
                return os.WIFSTOPPED(status)
            self.read(0.1)
        return False

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)

    def lines(self, picture):
        """The lines of the last whole picture in some output, without their colours."""
        whole = re.findall(r"\033\[H(.*?)\033\[J", picture, re.DOTALL)[-1]
        plain = re.sub(r"\033\[[0-9;?]*[A-Za-z]", "", whole)
        return re.split("\r+\n", plain)[:-1]


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="gateway-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.db = self.path("gateway.db")
        self.metrics = self.path("gateway.prom")
        self.started = []
        self.addCleanup(self.end_all)

    def end_all(self):
        for gateway in self.started:
            if gateway.process.poll() is None:
                gateway.process.kill()
            gateway.finish()
            for stream in (gateway.process.stdout, gateway.process.stderr, gateway.process.stdin):
                if stream:
                    stream.close()

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def start(self, *arguments, **options):
        gateway = Gateway(*arguments, **options)
        self.started.append(gateway)
        return gateway

    def run_refused(self, *arguments):
        """Runs a gateway that cannot start; returns what it says about it."""
        gateway = self.start("--seconds", 1, *arguments)
        self.assertEqual(gateway.finish(), EXIT_UNUSABLE, gateway.text())
        self.assertEqual(gateway.out, [])
        for line in gateway.err:
            self.assertRegex(line, "^gateway: ")
        return "".join(gateway.err)

    def rows(self, db, table, where="1"):
        connection = sqlite3.connect(db, timeout=PATIENCE)
        try:
            return connection.execute(f"SELECT count(*) FROM {table} WHERE {where} AND "
                                      "run = (SELECT max(id) FROM runs)").fetchone()[0]
        finally:
            connection.close()

    def check_account(self, gateway, db=None):
        """Adds everything up again, without believing the gateway's own verdict."""
        account = gateway.account()
        text = gateway.text()
        self.assertEqual(account.verdict, "account: balanced", text)
        self.assertNotIn("<-", text)
        for (record, _), consumer in account.consumers.items():
            total = sum(consumer[part] for part in ("delivered", "missed", "skipped", "lost"))
            total += account.records[record]["overwritten"]  # a mailbox here has one consumer
            self.assertEqual(total, account.records[record]["produced"], text)
        self.assertEqual(account.lost, sum(c["lost"] for c in account.consumers.values()), text)
        self.assertEqual(bool(account.tables), db is not None)
        for name, table in account.tables.items():
            record = name.replace("_", ".", 1)
            self.assertEqual(table["delivered"], account.consumers[record, "database"]["delivered"])
            self.assertEqual(table["rows"] + table["not_written"], table["delivered"], text)
            self.assertEqual(self.rows(db, name), table["rows"], text)
        return account
