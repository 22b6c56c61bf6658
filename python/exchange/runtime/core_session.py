"""The session of a process that works beside the core: logged on while the core is there, with heartbeats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from cmatch.frames import (
    SCHEMA_VERSION,
    SESSION_REQUEST_DTYPE,
    CommandList,
    ReportList,
    decode_reports,
    encode_commands,
    is_report_frame,
)
from cmatch.rejects import RejectCode
from exchange.bus.connection import Connection
from exchange.domain.enums import SessionAction, SessionOutcome
from exchange.errors import ExchangeError

Records = npt.NDArray[np.void]

_MS: Final = 1_000_000
_LOGON_NS: Final = 1_000 * _MS  # how long the core may take to answer
_PAUSE_NS: Final = 50 * _MS  # between two connections
# Words of the core after which nothing that this process does can be right.
_FINAL: Final = {
    int(code): code.meaning
    for code in (RejectCode.REPLACED_SESSION, RejectCode.NOT_PERMITTED, RejectCode.UNSUPPORTED_VERSION)
}


class CoreRefusedError(ExchangeError):
    """The core does not take what this process sends: it must not go on."""


class CoreSession:
    """Logs on, again and again, and says that the process lives. One thread; nothing waits.

    Args:
        name: Of the session, and of the process.
        connection: To the core.
        mark: Writes into a heartbeat who it is of, and how far that is: a record of SESSION_REQUEST_DTYPE.
        heartbeat_ns: How often it says that it lives.
        silence_ns: Without a word of the core for so long the connection is taken for broken.
    """

    def __init__(
        self,
        name: str,
        connection: Connection,
        mark: Callable[[Records], None],
        heartbeat_ns: int,
        silence_ns: int,
    ) -> None:
        self.name = name
        self._connection = connection
        self._mark = mark
        self._heartbeat_ns = heartbeat_ns
        self._silence_ns = silence_ns
        self._asked = True
        self._waits = False  # for the answer to a logon
        self._gave_up = False  # that, on a connection before
        self._next_open_ns = 0
        self._heard_ns = 0
        self._beat_ns = 0
        self.logged_on = False
        self.logons = 0

    def turn(self, now_ns: int) -> list[bytes]:
        """Does what is due; the frames that are not about the session, in order.

        Raises:
            CoreRefusedError: Another process has this name, or it may not do what it does.
        """
        frames = self._listen(now_ns)
        if not self.logged_on:
            if now_ns >= self._next_open_ns:
                self._gave_up |= self._waits
                self._connection.open()
                self._next_open_ns, self._asked, self._waits = now_ns + _LOGON_NS, False, False
            if not self._asked:  # a connection takes a moment to stand, with keys a longer one
                self._asked = self._waits = self._ask(now_ns)
        elif now_ns - self._beat_ns >= self._heartbeat_ns:
            self._beat(now_ns)
        return frames

    def send(self, frame: bytes) -> bool:
        """Send one frame, or say that this is not possible now."""
        return self._connection.send(frame)

    def _ask(self, now_ns: int) -> bool:
        request = _request(SessionAction.LOGON, now_ns)
        request["name"] = self.name.encode("ascii")
        request["user"] = self.name.encode("ascii")
        request["heartbeat_ms"] = self._silence_ns // _MS
        return self.send(encode_commands(CommandList.SESSIONS, request))

    def _close(self, now_ns: int) -> None:
        self.logged_on, self._asked = False, True
        self._next_open_ns = now_ns + _PAUSE_NS

    def _beat(self, now_ns: int) -> None:
        request = _request(SessionAction.HEARTBEAT, now_ns)
        self._mark(request)
        if self.send(encode_commands(CommandList.SESSIONS, request)):
            self._beat_ns = now_ns

    def _listen(self, now_ns: int) -> list[bytes]:
        others = []
        for frame in self._connection.receive():
            self._heard_ns = now_ns
            if not is_report_frame(frame):
                others.append(frame)
                continue
            _, kind, rows = decode_reports(frame)
            if kind is ReportList.SESSIONS:
                self._take(rows[-1], now_ns)
            elif kind is ReportList.REFUSALS and rows["reject"][-1] == RejectCode.NOT_LOGGED_ON:
                self._close(now_ns)
            else:
                others.append(frame)
        if self.logged_on and (self._connection.broken or now_ns - self._heard_ns > self._silence_ns):
            self._close(now_ns)
        return others

    def _take(self, row: np.void, now_ns: int) -> None:
        outcome, reject = int(row["kind"]), int(row["reject"])
        self._waits = False
        if reject == RejectCode.REPLACED_SESSION and self._gave_up:
            self._gave_up = False  # a core that was held up may have taken that logon after the present one
            self._close(now_ns)
            return
        if reject in _FINAL:
            raise CoreRefusedError(f"{self.name}: {_FINAL[reject]}")
        if outcome in (SessionOutcome.WELCOME, SessionOutcome.RESYNC):
            self.logged_on = True
            self.logons += 1
            self._beat_ns = now_ns - self._heartbeat_ns
        elif outcome in (SessionOutcome.REFUSED, SessionOutcome.BYE):
            self._close(now_ns)


def _request(action: SessionAction, now_ns: int) -> Records:
    request = np.zeros(1, SESSION_REQUEST_DTYPE)
    request["kind"], request["schema_version"], request["sent_at"] = int(action), SCHEMA_VERSION, now_ns
    return request
