"""The way of a shard to the core: its events, until the journal has them."""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from cmatch.frames import CommandList, ReportList, command_frames, decode_reports
from cmatch.rejects import RejectCode
from exchange.bus.connection import Connection
from exchange.runtime.core_session import CoreRefusedError, CoreSession

Records = npt.NDArray[np.void]

_CONFIRM_NS: Final = 500_000_000  # without any of them in the journal, events are sent again
_EVENTS_MOST: Final = 2_048  # of one turn


class Engine(Protocol):
    """The fold that has the shard's engine."""

    @property
    def sequence(self) -> int:
        """Of the last command that was applied."""
        ...

    def shard_expected(self) -> int:
        """The number of the event that the journal has next."""
        ...

    def shard_events(self, first: int, most: int) -> Records:
        """(n,) of SHARD_EVENT: made and not in the journal, from that number on."""
        ...


class ShardLink:
    """Sends what the engine of a shard makes. One thread; nothing waits.

    Args:
        shard: Its number.
        engine: What makes the events, and sees them in the journal.
        connection: To the core.
        heartbeat_ns: How often it says that it lives.
        silence_ns: Without a word of the core for so long the connection is taken for broken.
    """

    def __init__(
        self, shard: int, engine: Engine, connection: Connection, heartbeat_ns: int, silence_ns: int
    ) -> None:
        self._shard = shard
        self._engine = engine
        self._session = CoreSession(f"shard-{shard}", connection, self._mark, heartbeat_ns, silence_ns)
        self._logons = 0
        self._sent = 0  # the number of the last event sent on this connection
        self._expected = 0
        self._progress_ns = 0

    @property
    def logged_on(self) -> bool:
        """Whether the core takes events."""
        return self._session.logged_on

    def turn(self, now_ns: int) -> int:
        """Does what is due; how many events were sent.

        Raises:
            CoreRefusedError: another process speaks for the shard, or its events are refused for good.
        """
        for frame in self._session.turn(now_ns):
            self._listen(frame)
        if not self._session.logged_on:
            return 0
        if self._session.logons != self._logons:
            self._logons = self._session.logons
            self._expected = self._engine.shard_expected()
            self._sent = self._expected - 1  # what an earlier connection took to the core is not known
            self._progress_ns = now_ns
        return self._send(now_ns)

    def _mark(self, heartbeat: Records) -> None:
        heartbeat["shard"], heartbeat["followed"] = self._shard, self._engine.sequence

    def _listen(self, frame: bytes) -> None:
        _, kind, rows = decode_reports(frame)
        if kind is not ReportList.ANSWERS:
            return
        for row in rows:
            if int(row["reject"]) == RejectCode.INVALID_SHARD_EVENT:
                raise CoreRefusedError(
                    f"shard {self._shard}: event {int(row['detail_asked'])} does not follow from its orders"
                )

    def _send(self, now_ns: int) -> int:
        expected = self._engine.shard_expected()
        if expected != self._expected or self._sent < expected:
            self._expected, self._progress_ns = expected, now_ns
        elif now_ns - self._progress_ns > _CONFIRM_NS:
            self._sent, self._progress_ns = expected - 1, now_ns
        events = self._engine.shard_events(self._sent + 1, _EVENTS_MOST)
        sent = 0
        for frame in command_frames(CommandList.SHARD_EVENTS, events):
            if not self._session.send(frame):
                break
            sent += _count(frame)
        if sent:
            self._sent = int(events["number"][sent - 1])
        return sent


def _count(frame: bytes) -> int:
    """How many records the header of a frame counts."""
    return int.from_bytes(frame[20:24], "little")
