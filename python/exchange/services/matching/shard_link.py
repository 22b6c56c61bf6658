"""The way of a shard to the core: its session, its heartbeats, and its events until the journal has them."""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from cmatch.frames import (
    SCHEMA_VERSION,
    SESSION_REQUEST_DTYPE,
    CommandList,
    ReportList,
    command_frames,
    decode_reports,
    encode_commands,
)
from cmatch.rejects import RejectCode
from exchange.domain.enums import SessionAction, SessionOutcome
from exchange.errors import ExchangeError

Records = npt.NDArray[np.void]

_MS: Final = 1_000_000
_LOGON_NS: Final = 1_000 * _MS  # how long the core may take to answer
_PAUSE_NS: Final = 50 * _MS  # between two connections
_CONFIRM_NS: Final = 500 * _MS  # without any of them in the journal, events are sent again
_EVENTS_MOST: Final = 2_048  # of one turn
# Words of the core after which nothing that this process does can be right.
_FINAL: Final = {
    int(code): code.meaning
    for code in (RejectCode.REPLACED_SESSION, RejectCode.NOT_PERMITTED, RejectCode.UNSUPPORTED_VERSION)
}


class ShardRefusedError(ExchangeError):
    """The core does not take what this shard sends: it must not go on."""


class Connection(Protocol):
    """One connection to the core; `exchange.bus.dealer.Dealer` is one."""

    def open(self) -> None:
        """Connect, anew where it was connected before."""
        ...

    def send(self, frame: bytes) -> bool:
        """Send one frame, or say that this is not possible now."""
        ...

    def receive(self, frames_max: int = 256) -> list[bytes]:
        """The frames that are there."""
        ...

    @property
    def broken(self) -> bool:
        """Whether the connection is over."""
        ...


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
        self._connection = connection
        self._heartbeat_ns = heartbeat_ns
        self._silence_ns = silence_ns
        self._logged_on = False
        self._asked = True
        self._next_open_ns = 0
        self._heard_ns = 0
        self._beat_ns = 0
        self._sent = 0  # the number of the last event sent on this connection
        self._expected = 0
        self._progress_ns = 0

    @property
    def logged_on(self) -> bool:
        """Whether the core takes events."""
        return self._logged_on

    def turn(self, now_ns: int) -> int:
        """Does what is due; how many events were sent.

        Raises:
            ShardRefusedError: another process speaks for the shard, or its events are refused for good.
        """
        self._listen(now_ns)
        if not self._logged_on:
            if now_ns >= self._next_open_ns:
                self._connection.open()
                self._next_open_ns, self._asked = now_ns + _LOGON_NS, False
            if not self._asked:  # a connection takes a moment to stand, with keys a longer one
                self._asked = self._ask(now_ns)
            return 0
        if now_ns - self._beat_ns >= self._heartbeat_ns:
            self._beat(now_ns)
        return self._send(now_ns)

    def _ask(self, now_ns: int) -> bool:
        request = _request(SessionAction.LOGON, now_ns)
        request["name"] = f"shard-{self._shard}".encode("ascii")
        request["user"] = b"shard"
        request["heartbeat_ms"] = self._silence_ns // _MS
        return self._connection.send(encode_commands(CommandList.SESSIONS, request))

    def _close(self, now_ns: int) -> None:
        self._logged_on, self._asked = False, True
        self._next_open_ns = now_ns + _PAUSE_NS

    def _beat(self, now_ns: int) -> None:
        request = _request(SessionAction.HEARTBEAT, now_ns)
        request["shard"], request["followed"] = self._shard, self._engine.sequence
        if self._connection.send(encode_commands(CommandList.SESSIONS, request)):
            self._beat_ns = now_ns

    def _listen(self, now_ns: int) -> None:
        for frame in self._connection.receive():
            self._heard_ns = now_ns
            _, kind, rows = decode_reports(frame)
            if kind is ReportList.SESSIONS:
                self._take_session(rows[-1], now_ns)
            elif kind is ReportList.ANSWERS:
                self._take_answers(rows)
            elif kind is ReportList.REFUSALS and rows["reject"][-1] == RejectCode.NOT_LOGGED_ON:
                self._close(now_ns)
        if self._logged_on and (self._connection.broken or now_ns - self._heard_ns > self._silence_ns):
            self._close(now_ns)

    def _take_session(self, row: np.void, now_ns: int) -> None:
        outcome, reject = int(row["kind"]), int(row["reject"])
        if reject in _FINAL:
            raise ShardRefusedError(f"shard {self._shard}: {_FINAL[reject]}")
        if outcome in (SessionOutcome.WELCOME, SessionOutcome.RESYNC):
            self._logged_on = True
            self._expected = self._engine.shard_expected()
            self._sent = self._expected - 1  # what an earlier connection took to the core is not known
            self._progress_ns = now_ns
            self._beat_ns = 0
        elif outcome in (SessionOutcome.REFUSED, SessionOutcome.BYE):
            self._close(now_ns)

    def _take_answers(self, rows: Records) -> None:
        for row in rows:
            if int(row["reject"]) == RejectCode.INVALID_SHARD_EVENT:
                raise ShardRefusedError(
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
            if not self._connection.send(frame):
                break
            sent += _count(frame)
        if sent:
            self._sent = int(events["number"][sent - 1])
        return sent


def _request(action: SessionAction, now_ns: int) -> Records:
    request = np.zeros(1, SESSION_REQUEST_DTYPE)
    request["kind"], request["schema_version"], request["sent_at"] = int(action), SCHEMA_VERSION, now_ns
    return request


def _count(frame: bytes) -> int:
    """How many records the header of a frame counts."""
    return int.from_bytes(frame[20:24], "little")
