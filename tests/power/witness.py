"""Runs programs above the witness (witness.c), cuts their power, and reads what it wrote down."""

from __future__ import annotations

import fcntl
import mmap
import os
import signal
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Final, Self

_SOURCE: Final = Path(__file__).with_name("witness.c")
_ENTRY: Final = struct.Struct("<IIQQQII")
_STATE: Final = struct.Struct("<QQQ")  # operations, cut_at, dark
_CUT_AT: Final = 8
_DARK_AT: Final = 16


class Kind(IntEnum):
    """Of an operation; as in witness.c."""

    CREATE = 1
    WRITE = 2
    RESIZE = 3
    GROW = 4
    SYNC = 5
    RENAME = 6
    REMOVE = 7
    MAKE_DIRECTORY = 8
    SYNC_NAMES = 9
    LINK = 10


class Flag(IntFlag):
    """Of an operation; as in witness.c."""

    ZEROS = 1
    IN_FLIGHT = 2


@dataclass(frozen=True, slots=True)
class Operation:
    """One entry of the log.

    Args:
        kind: What was done.
        flags: IN_FLIGHT where the power was cut in the middle of it: the running system never saw it done.
        inode: Of the file.
        offset: Of a write; the new size of a RESIZE, the least one of a GROW.
        length: Of what was written.
        data: What was written; empty where it is all zeros.
        name: Below the root; of a SYNC_NAMES the directory, "" for the root.
        new_name: Of a RENAME or LINK.
    """

    kind: Kind
    flags: Flag
    inode: int
    offset: int
    length: int
    data: bytes
    name: str
    new_name: str


@cache
def library() -> Path:
    """The compiled witness, made once a process with the system's compiler.

    Raises:
        subprocess.CalledProcessError: It does not compile.
    """
    made = Path(mkdtemp(prefix="witness-")) / "witness.so"
    words = ["cc", "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread"]
    subprocess.run([*words, "-o", str(made), str(_SOURCE)], check=True)
    return made


class Witness:
    """What programs do to the files of one directory, from the moment this is made. Owns `place`.

    Args:
        root: The directory; it exists.
        place: Where log and counters go: a new directory, outside of it.
    """

    def __init__(self, root: Path, place: Path) -> None:
        place.mkdir()
        self._root = root.resolve()
        self._log = place / "log"
        self._log.touch()
        state = place / "state"
        state.write_bytes(bytes(mmap.PAGESIZE))
        with state.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), mmap.PAGESIZE)
        self.environment = {
            "LD_PRELOAD": str(library()),
            "WITNESS_ROOT": str(self._root),
            "WITNESS_STATE": str(state),
            "WITNESS_LOG": str(self._log),
        }
        self._mark = f"WITNESS_LOG={self._log}".encode()

    @property
    def operations(self) -> int:
        """How many were begun until now."""
        return int(_STATE.unpack_from(self._memory)[0])

    def is_dark(self) -> bool:
        """Whether the power was cut."""
        return bool(_STATE.unpack_from(self._memory)[2])

    def cut_after(self, operations: int) -> None:
        """Cut the power at the operation which follows so many more."""
        struct.pack_into("<Q", self._memory, _CUT_AT, self.operations + operations + 1)

    def spare(self) -> None:
        """Take back what `cut_after` said."""
        struct.pack_into("<Q", self._memory, _CUT_AT, 0)

    def kill_all(self) -> None:
        """Kill every process above this witness that still runs, none in the middle of an operation."""
        with self._log.open("rb") as log:
            fcntl.flock(log, fcntl.LOCK_EX)
            struct.pack_into("<Q", self._memory, _DARK_AT, 1)
        while running := self._running():
            for process in running:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            time.sleep(0.002)

    def _running(self) -> list[int]:
        found = []
        for process in Path("/proc").iterdir():
            if process.name.isdigit():
                with suppress(OSError):
                    if self._mark in (process / "environ").read_bytes().split(b"\0"):
                        found.append(int(process.name))
        return found

    def read(self) -> Iterator[Operation]:
        """The operations in their order; a torn last entry was never done."""
        raw = self._log.read_bytes()
        at = 0
        while at + _ENTRY.size <= len(raw):
            kind, flags, inode, offset, length, name_bytes, other_bytes = _ENTRY.unpack_from(raw, at)
            data_bytes = 0 if kind != Kind.WRITE or flags & Flag.ZEROS else length
            name_at = at + _ENTRY.size
            other_at = name_at + name_bytes
            data_at = other_at + other_bytes
            at = data_at + data_bytes
            if at > len(raw):
                return
            yield Operation(
                Kind(kind),
                Flag(flags),
                inode,
                offset,
                length,
                raw[data_at:at],
                os.fsdecode(raw[name_at:other_at]),
                os.fsdecode(raw[other_at:data_at]),
            )

    def close(self) -> None:
        """Forget the counters; the log stays."""
        self._memory.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
