# SPDX-License-Identifier: Apache-2.0
"""How the images of the boards are made and run, for the scripts of this folder.

aimdb_write_boards (cmake/firmware.cmake) writes what is read here.
"""

import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEAD = re.compile(r"^\[(\S+) (\S+)\]$")
CORE = re.compile(r"set\(AIMDB_ONE_CORE_SOURCES ([^)]+)\)")


class BoardError(Exception):
    pass


def core_sources():
    """The sources of one core, relative to the root."""
    names = CORE.search((ROOT / "cmake/firmware.cmake").read_text())[1].split()
    return [Path("src/core") / f"{name}.c" for name in names]


@dataclass
class Board:
    name: str
    port: str
    compile: list = field(default_factory=list)
    link: list = field(default_factory=list)

    def compiler(self):
        return Path(self.compile[0]).name

    def compiler_version(self):
        return tell([self.compile[0], "--version"]).splitlines()[0]

    def tool(self, name):
        """Another program of the compiler's family, such as nm."""
        return re.sub(r"gcc$", name, self.compile[0])

    def icount(self):
        return 10 if self.port == "cortex-m" else 8

    def sources(self):
        """What every image of the board has, relative to the root."""
        boards = Path("examples/firmware/boards")
        return [boards / f"{self.port}.c", boards / "memory.c", Path(f"src/port/{self.port}/port.c")]

    def within(self, tree):
        """The options for compiling in another tree."""
        return [option.replace(f"-I{ROOT}", f"-I{tree}") for option in self.compile]

    def run(self, image, limit=60, icount=None):
        """What the image printed, and its status."""
        command = [ROOT / "scripts/qemu", self.name, image]
        command += ["--icount", str(icount or self.icount()), "--seconds", str(limit)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr, done.returncode


def read_boards(path):
    boards, part = {}, None
    for line in Path(path).read_text().splitlines():
        head = HEAD.match(line)
        if head:
            board = boards[head[1]] = Board(head[1], head[2])
            part = board.compile
        elif line == "link":
            part = board.link
        else:
            part.append(line)
    return boards


def tell(command, **options):
    """What a command prints; its failure is an error."""
    command = list(map(str, command))
    environment = {**os.environ, **options}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise BoardError(f"{' '.join(command[:2])} ...: {(done.stderr + done.stdout).strip()}")
    return done.stdout
