"""A session that sends and receives arrays and remembers nothing: for a thousand traders in one thread.

`exchange.client` keeps every order of its session as an object, sends again what was not answered, and wakes
whoever waits; at twenty thousand commands a second that takes more of the machine than the exchange does.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Final

import numpy as np
import numpy.typing as npt

from cmatch.frames import (
    SCHEMA_VERSION,
    SESSION_REQUEST_DTYPE,
    BadFrame,
    CommandList,
    ReportList,
    command_frames,
    decode_reports,
)
from exchange.bus.dealer import Dealer
from exchange.domain.enums import SessionAction, SessionOutcome
from exchange.errors import ServiceUnavailableError, TransportError

Records = npt.NDArray[np.void]

_HEARTBEAT_MS: Final = 3_000
_BEAT_S: Final = 0.5
_LOGON_S: Final = 30.0


class ArraySession:
    """One connection to the core. One thread.

    Args:
        endpoint: of the core.
        name: of the session.
        user: who, for the exchange's records.
        tenant: on whose behalf.
    """

    def __init__(self, endpoint: str, name: str, user: str, tenant: int) -> None:
        self._endpoint, self._name, self._user, self._tenant = endpoint, name, user, tenant
        self._dealer = Dealer(endpoint)
        self._outbox: deque[bytes] = deque()
        self._spoke_at = 0.0
        self._event_sequence = 0

    def open(self) -> None:
        """Connects and logs on; what the core had to say since the last report comes first.

        Raises:
            ServiceUnavailableError: nobody lets us in.
        """
        deadline = time.monotonic() + _LOGON_S
        self._dealer.open()
        self._outbox.clear()
        self._speak(SessionAction.LOGON)
        while time.monotonic() < deadline:
            self._flush()
            for frame in self._dealer.receive():
                _, kind, rows = decode_reports(frame)
                if kind is ReportList.SESSIONS:
                    if int(rows[0]["kind"]) == int(SessionOutcome.REFUSED):
                        raise ServiceUnavailableError(f"{self._name} was refused: reject {rows[0]['reject']}")
                    return
            time.sleep(0.001)
        raise ServiceUnavailableError(f"nobody answers at {self._endpoint}")

    def send(self, kind: CommandList, rows: Records) -> None:
        """Sends records; what the socket does not take now goes with the next call of anything."""
        self._outbox.extend(command_frames(kind, rows))
        self._flush()

    def receive(self) -> list[Records]:
        """The execution reports that are there, an array a frame. Keeps the session alive, too.

        Raises:
            TransportError: the connection broke: see `open`.
        """
        self._flush()
        if time.monotonic() - self._spoke_at > _BEAT_S:
            self._speak(SessionAction.HEARTBEAT)
        reports = []
        for frame in self._dealer.receive():
            try:
                _, kind, rows = decode_reports(frame)
            except BadFrame as error:
                raise TransportError(f"{self._name} received what is no frame: {error}") from error
            if kind is ReportList.REPORTS:
                self._event_sequence = max(self._event_sequence, int(rows["event_sequence"].max()))
                reports.append(rows)
        if self._dealer.broken:
            raise TransportError(f"{self._name} lost its connection")
        return reports

    def close(self) -> None:
        """Logs off."""
        self._speak(SessionAction.LOGOFF)
        self._dealer.close()

    def _speak(self, action: SessionAction) -> None:
        row = np.zeros(1, SESSION_REQUEST_DTYPE)
        row["kind"], row["heartbeat_ms"], row["tenant"] = int(action), _HEARTBEAT_MS, self._tenant
        row["last_event_sequence"], row["schema_version"] = self._event_sequence, SCHEMA_VERSION
        row["sent_at"], row["name"], row["user"] = time.time_ns(), self._name.encode(), self._user.encode()
        self._outbox.extend(command_frames(CommandList.SESSIONS, row))
        self._spoke_at = time.monotonic()
        self._flush()

    def _flush(self) -> None:
        while self._outbox and self._dealer.send(self._outbox[0]):
            self._outbox.popleft()
