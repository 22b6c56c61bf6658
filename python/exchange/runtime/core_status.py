"""What the core says of itself beside its journal: read from its statistics, by whoever wants to know."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from exchange.config.settings import Durability
from exchange.observability import StatsReader, StatsUnavailable

_MAX_AGE_NS = 2_000_000_000


@dataclass(frozen=True, slots=True)
class CoreStatus:
    """The core at one moment.

    Args:
        durable_sequence: Of the last command that a power cut leaves.
        durability: What an answer stands for: 1 process, 2 disk; 0 where it is not known.
        read_only: Whether every command is refused.
        sessions: Clients that are logged on.
        written_sequence: Of the last command in the journal.
        replicated_sequence: Of the last command that the standby has; 0: none said so.
    """

    durable_sequence: int = 0
    durability: int = 0
    read_only: bool = False
    sessions: int = 0
    written_sequence: int = 0
    replicated_sequence: int = 0


class CoreStatistics:
    """The statistics of the core, looked at again and again; there may be none yet, or none any more.

    Any number of threads may look.

    Args:
        open_reader: Makes a reader; raises StatsUnavailable.
        durability: That the core was configured with.
    """

    def __init__(self, open_reader: Callable[[], StatsReader], durability: Durability) -> None:
        self._open_reader = open_reader
        self._durability = 1 + list(Durability).index(durability)
        self._reader: StatsReader | None = None
        self._reading = threading.Lock()

    def values(self) -> dict[str, int]:
        """Counters and gauges by name; empty where there are none."""
        with self._reading:
            try:
                if self._reader is None:
                    self._reader = self._open_reader()
                return dict(self._reader.read_values())
            except StatsUnavailable:
                self._drop()
                return {}

    def status(self) -> CoreStatus:
        """What they come to."""
        values = self.values()
        if not values:
            return CoreStatus()
        return CoreStatus(
            durable_sequence=values["journal_sequence_durable"],
            durability=self._durability,
            read_only=bool(values["read_only"]),
            sessions=values["sessions"],
            written_sequence=values["journal_sequence_written"],
            replicated_sequence=values["journal_sequence_replicated"],
        )

    def healthy(self, pid: int, now_ns: int) -> bool:
        """Whether the process with this id wrote them a moment ago and takes orders, or stands by.

        Args:
            pid: Of the process.
            now_ns: Monotonic.
        """
        values = self.values()
        fresh = bool(values) and values["pid"] == pid and now_ns - values["heartbeat_ns"] <= _MAX_AGE_NS
        return fresh and bool(values["ready"] or values["standing_by"])

    def close(self) -> None:
        """Lets the memory go."""
        with self._reading:
            self._drop()

    def _drop(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None
