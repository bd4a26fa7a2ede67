# SPDX-License-Identifier: Apache-2.0
"""What the lists of breakages and the scripts that try them share.

A list is plain text. Lines that begin with # and empty ones are skipped; an entry is

    [LABEL] FILE: what is broken
    - text that stands in the file exactly once; several lines are one text
    + what is put in its place
    WORD: what else the list says about an entry, as often as it likes

A breakage is tried on a copy of the tree, with objects that are compiled once for the unchanged
tree and again only where the change reaches them.
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

HEAD = re.compile(r"^\[(\w+)\] (\S+): (.+)$")


class ListError(Exception):
    """The list is wrong, or what it describes cannot be tried."""


@dataclass
class Entry:
    label: str
    file: str
    title: str
    line: int
    listed_in: str = ""
    changes: list = field(default_factory=list)  # pairs of lists of lines: old, new
    words: dict = field(default_factory=dict)  # what follows each word, in order

    def name(self):
        return f"[{self.label}] {Path(self.file).name}: {self.title}"

    def place(self):
        return f"{self.listed_in}:{self.line}"

    def said(self, word):
        return self.words.get(word, [])


def add_line(entry, kind, text, words):
    """Returns False if an entry has no such line there."""
    if kind == "-":
        if not entry.changes or entry.changes[-1][1]:
            entry.changes.append(([], []))
        entry.changes[-1][0].append(text)
    elif kind == "+" and entry.changes:
        entry.changes[-1][1].append(text)
    elif kind.endswith(":") and kind[:-1] in words:
        entry.words.setdefault(kind[:-1], []).append(text)
    else:
        return False
    return True


def read_list(path, words):
    """The entries of a list whose entries may say `words`."""
    entries = []
    for number, raw in enumerate(path.read_text().splitlines(), 1):
        line = raw.rstrip()
        if not line or line.startswith("#"):
            continue
        head = HEAD.match(line)
        if head:
            entries.append(Entry(*head.groups(), number, path.name))
            continue
        kind, _, text = line.partition(" ")
        if not entries or not add_line(entries[-1], kind, text, words):
            raise ListError(f"{path.name}:{number}: not an entry, nor a line of one: {line}")
    for entry in entries:
        if not entry.changes or any(old == new or not new for old, new in entry.changes):
            raise ListError(f"{entry.place()}: nothing is replaced")
    return entries


def broken_text(entry, tree):
    """The text of the entry's file in the tree, as it is when broken."""
    path = tree / entry.file
    if not path.is_file():
        raise ListError(f"there is no {entry.file}")
    text = path.read_text()
    for old_lines, new_lines in entry.changes:
        old = "\n".join(old_lines)
        found = text.count(old)
        if found != 1:
            raise ListError(f"{found} times in {entry.file}, not once: {old_lines[0].strip()}")
        text = text.replace(old, "\n".join(new_lines))
    return text


def apply(entry, tree):
    (tree / entry.file).write_text(broken_text(entry, tree))


def chosen(entries, pattern):
    """The entries with the pattern in their name."""
    entries = [entry for entry in entries if pattern in entry.name()]
    if not entries:
        raise ListError(f'no breakage has "{pattern}" in its name')
    return entries


ONE_CORE = ("small.c", "copy_one_core.c")  # not in a host's library


def host_library(root, executors=("*",)):
    """The sources of the library on a host, relative to the root."""
    patterns = ["src/core/*.c", "src/port/posix/*.c"]
    patterns += [f"src/executor/{executor}/*.c" for executor in executors]
    return [
        path.relative_to(root)
        for pattern in patterns
        for path in sorted(root.glob(pattern))
        if not path.name.endswith("_test.c") and path.name not in ONE_CORE
    ]


def run_alone(command, limit):
    """Status and output of a command; the status is None when it hangs. What it started ends with it."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            code = None
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
        output.seek(0)
        return code, output.read().decode(errors="replace")


TRIES = 4  # runs of a test before a breakage is unnoticed


def until_noticed(run, is_noticed):
    """What the first run gives that notices, or else the last one, and the number of that run."""
    for attempt in range(1, TRIES + 1):
        result = run()
        if is_noticed(result):
            break
    return result, attempt


class Objects:
    """Objects of the unchanged tree, and which files each was made from.

    root       the tree; only `parts` of it are copied
    sources    what is compiled, relative to the root
    command    source -> the compiler and its options, without those that name files
    """

    def __init__(self, root, parts, sources, command, jobs, scratch):
        self.parts = parts
        self.sources = sources
        self.command = command
        self.base = scratch / "base"
        self.copy_tree(root, self.base)
        with ThreadPoolExecutor(jobs) as pool:
            for error in pool.map(lambda source: self.compile(self.base, source), sources):
                if error:
                    raise ListError(f"the unchanged tree does not compile: {error}")
        self.made_from = {source: self.prerequisites(source) for source in sources}

    def copy_tree(self, tree, to):
        for part in self.parts:
            shutil.copytree(tree / part, to / part)

    @staticmethod
    def object_of(tree, source):
        return tree / "objects" / (str(source).replace("/", "_") + ".o")

    def compile(self, tree, source):
        """Returns what the compiler said if it failed."""
        target = self.object_of(tree, source)
        target.parent.mkdir(exist_ok=True)
        command = [*self.command(source), "-MMD", "-c", str(source), "-o", str(target)]
        done = subprocess.run(command, cwd=tree, capture_output=True, text=True)
        return done.stderr if done.returncode else ""

    def prerequisites(self, source):
        rule = self.object_of(self.base, source).with_suffix(".d").read_text()
        names = rule.partition(":")[2].replace("\\\n", " ").split()
        return {os.path.normpath(name) for name in names}

    def unchanged(self):
        """Objects of the unchanged tree, by source."""
        return {source: self.object_of(self.base, source) for source in self.sources}

    def changed(self, entry, tree, wanted):
        """Makes `tree`, with the entry applied. Returns the objects of the `wanted` sources."""
        self.copy_tree(self.base, tree)
        apply(entry, tree)
        objects = self.unchanged()
        reached = [source for source in wanted if entry.file in self.made_from[source]]
        if not reached:
            raise ListError(f"nothing that is run is made from {entry.file}")
        for source in reached:
            error = self.compile(tree, source)
            if error:
                lines = [line for line in error.splitlines() if "error:" in line]
                raise ListError("does not compile: " + (lines or [error.strip()])[0])
            objects[source] = self.object_of(tree, source)
        return {source: objects[source] for source in wanted}


def link(compiler, objects, program, libraries=()):
    command = [*compiler, *map(str, objects), "-o", str(program), *libraries]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ListError("does not link: " + done.stderr.strip().splitlines()[-1])
    return program
