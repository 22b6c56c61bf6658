"""A process that works beside the core on its data directory: turn after turn, until it is told to stop.

A shard is one, accounts and risk may be. It owns no truth: killed, it begins again with snapshot and journal.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Final, Protocol

from exchange.bus.curve import KeyPair
from exchange.config.settings import Settings
from exchange.runtime.core_session import CoreRefusedError
from exchange.runtime.exits import ExitCode
from exchange.runtime.garbage import spare_what_is_there
from exchange.runtime.log import log
from exchange.runtime.vitals import Vitals

_SHORTEST_PAUSE_S: Final = 0.00005
_LONGEST_PAUSE_S: Final = 0.002


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


def work_beside_core(work: Work, vitals: Vitals, wait: Callable[[float], object] = time.sleep) -> int:
    """Works until told to stop; the exit code.

    Args:
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
    pause = _SHORTEST_PAUSE_S
    try:
        while not stopped:
            now_ns = time.monotonic_ns()
            done = work.turn(now_ns)
            vitals.beat(now_ns, sequence=work.sequence, logged_on=work.logged_on)
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
