"""A process that works beside the core on its data directory: turn after turn, until it is told to stop.

A shard is one, accounts and risk may be. It owns no truth: killed, it begins again with snapshot and journal.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from exchange.bus.curve import KeyPair
from exchange.config.settings import Settings
from exchange.runtime.core_session import CoreRefusedError
from exchange.runtime.exits import ExitCode
from exchange.runtime.garbage import spare_what_is_there
from exchange.runtime.log import log
from exchange.runtime.vitals import Vitals
from exchange.storage.directory import DataDirectory, replace_file

_MS: Final = 1_000_000
_SHORTEST_PAUSE_S: Final = 0.00005
_LONGEST_PAUSE_S: Final = 0.002
_STATUS_NS: Final = 250 * _MS
_MAX_STATUS_AGE_NS: Final = 3_000 * _MS


class Work(Protocol):
    """What such a process does."""

    @property
    def sequence(self) -> int:
        """Of the last command that it has applied."""
        ...

    @property
    def logged_on(self) -> bool:
        """Whether the core hears it."""
        ...

    def turn(self, now_ns: int) -> int:
        """Does what is there; how much that was.

        Raises:
            CoreRefusedError: The core does not take what it sends.
        """
        ...


def work_beside_core(
    directory: DataDirectory, work: Work, vitals: Vitals, wait: Callable[[float], object] = time.sleep
) -> int:
    """Works until told to stop; the exit code.

    Args:
        directory: The data directory.
        work: What it does.
        vitals: Of this process.
        wait: Until there may be something to do, at most so many seconds.

    Raises:
        ExchangeError: It cannot go on.
    """
    stopped: list[int] = []

    def stop(number: int, _frame: object) -> None:
        stopped.append(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    spare_what_is_there()
    status, pause = StatusFile(directory, vitals.name), _SHORTEST_PAUSE_S
    try:
        while not stopped:
            now_ns = time.monotonic_ns()
            done = work.turn(now_ns)
            vitals.beat(now_ns)
            status.say(now_ns, sequence=work.sequence, logged_on=work.logged_on)
            if done:
                pause = _SHORTEST_PAUSE_S
                continue
            wait(pause)
            pause = min(pause * 1.3, _LONGEST_PAUSE_S)
    except CoreRefusedError as error:
        log("refused by the core", reason=error)
        return ExitCode.FAILED
    log("stopped", sequence=work.sequence)
    return ExitCode.STOPPED


def keys_beside_core(settings: Settings, name: str) -> tuple[KeyPair | None, str | None]:
    """What protects its way to the core: `NAME.key`, of a client with the role of such a process."""
    directory = settings.security.keys_directory
    if directory is None:
        return None, None
    return KeyPair.read(directory / f"{name}.key"), KeyPair.read(directory / "server.key").public


def status_path(directory: DataDirectory, name: str) -> Path:
    """Where it says how far it is, as JSON."""
    return directory.run / f"{name}.json"


def is_healthy(directory: DataDirectory, name: str, pid: int) -> bool:
    """Whether the process with this id said a moment ago that it works."""
    status = status_of(directory, name)
    fresh = bool(status) and time.monotonic_ns() - status["heartbeat_ns"] <= _MAX_STATUS_AGE_NS
    return fresh and status["pid"] == pid


def status_of(directory: DataDirectory, name: str) -> dict[str, int]:
    """What it said last; empty where there is none."""
    try:
        content = json.loads(status_path(directory, name).read_bytes())
    except (OSError, ValueError):
        return {}
    return {key: int(value) for key, value in content.items()}


class StatusFile:
    """Says four times a second that a process works, and how far it is.

    Args:
        directory: The data directory.
        name: Of the process.
    """

    def __init__(self, directory: DataDirectory, name: str) -> None:
        self._path = status_path(directory, name)
        self._next_ns = 0

    def say(self, now_ns: int, **fields: int) -> None:
        """Writes the fields, where it is time to."""
        if now_ns < self._next_ns:
            return
        self._next_ns = now_ns + _STATUS_NS
        content = {"pid": os.getpid(), "heartbeat_ns": now_ns, **fields}
        with contextlib.suppress(OSError):  # a full disk is the core's to report
            replace_file(self._path, json.dumps(content).encode("ascii"))
