"""A session and its link, turn by turn: when another one is due at once, and when it would be for nothing."""

from __future__ import annotations

from collections import deque

from exchange.client.drive import Drive
from exchange.client.session import Session, Settings
from tests.exchange.scripted_core import Logic, State

MS = 1_000_000


class Line:
    """A link whose frames are kept; what is sent is answered when `carry` is called."""

    refused = broken = False

    def __init__(self) -> None:
        self.core = Logic(State())
        self.is_up = True
        self.sent: list[bytes] = []
        self.arrived: deque[bytes] = deque()
        self.welcome = b""

    def open(self) -> None:
        """It is there."""

    def close(self) -> None:
        """It stays."""

    def send(self, frame: bytes) -> bool:
        """Keeps it, where the line is up."""
        if self.is_up:
            self.sent.append(frame)
        return self.is_up

    def receive(self, frames_max: int = 256) -> list[bytes]:
        """What arrived."""
        return [self.arrived.popleft() for _ in range(min(frames_max, len(self.arrived)))]

    def carry(self) -> None:
        """Has the core answer."""
        sent, self.sent = self.sent, []
        self.arrived += [answer for frame in sent for _, answer in self.core.receive(b"peer", frame)]


def begun() -> tuple[Drive, Line]:
    """A session that is active, at time 0."""
    line = Line()
    drive = Drive(Session(Settings("bot", "ann", 1), lambda: 0), line)
    drive.open(0)
    line.carry()
    line.welcome = line.arrived[0]
    drive.turn(0)
    return drive, line


def test_turn_that_took_all_there_was_needs_no_other() -> None:
    """A descriptor tells of what comes next: to look again at once would be a turn for nothing."""
    drive, line = begun()
    line.arrived.append(line.welcome)
    assert drive.turn(MS) == ([], False)
    assert not line.arrived


def test_turn_that_could_not_take_all_asks_for_another() -> None:
    """What is left in the socket is told of by no descriptor."""
    drive, line = begun()
    line.arrived.extend([line.welcome] * 300)
    assert drive.turn(MS)[1]
    assert len(line.arrived) == 44
    assert not drive.turn(MS)[1]
    assert not line.arrived


def test_turn_that_sent_something_asks_for_another() -> None:
    """Sending may use up what a descriptor has to tell of what came in."""
    drive, line = begun()
    assert drive.turn(1_500 * MS)[1]
    assert len(line.sent) == 1
    assert not drive.turn(1_500 * MS)[1]


def test_turn_that_could_send_nothing_asks_for_none() -> None:
    """Else who drives it would go round and round until the core is there."""
    drive, line = begun()
    line.is_up = False
    assert not drive.turn(1_500 * MS)[1]
    assert len(drive.session.outbox) == 1
    line.is_up = True
    assert drive.turn(1_500 * MS)[1]
    assert not drive.session.outbox
