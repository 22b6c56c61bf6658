"""The session of a process beside the core: who takes its name, and what it makes of it."""

from __future__ import annotations

import pytest

from exchange.runtime.core_session import CoreRefusedError, CoreSession
from tests.core_loop.bench_table import Bench, Wire

MS = 1_000_000
BEAT, SILENCE, LOGON = 20 * MS, 1_000 * MS, 1_000 * MS


class Late(Wire):
    """What is sent by the first connection arrives when it is told to: its peer is gone by then."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench, "shard")
        self.first = 0
        self.held: list[bytes] = []

    def open(self) -> None:
        """Connect; what lies in the core's socket of the connection before stays there."""
        self.first = self.first or self.number
        self.number = 0
        super().open()

    def send(self, frame: bytes) -> bool:
        """Of the first connection, send it later."""
        if self.first:
            return super().send(frame)
        self.held.append(frame)
        return True

    def arrive(self) -> None:
        """All of that is there now."""
        for frame in self.held:
            assert self.bench.transport.push(self.first, frame)


def session(bench: Bench, wire: Wire) -> CoreSession:
    """Named as every other here."""
    return CoreSession("shard-1", wire, lambda _row: None, BEAT, SILENCE)


def go(bench: Bench, *sessions: CoreSession, later_ns: int = 5 * MS, turns: int = 20) -> None:
    """Turns of the core and of them."""
    for _ in range(turns):
        for each in sessions:
            each.turn(bench.clock.now_ns())
        bench.turn(later_ns)


def test_own_logon_that_is_taken_late_is_no_other_process() -> None:
    """A core that stood still takes the logon of the connection that was given up after the present one."""
    bench = Bench()
    wire = Late(bench)
    mine = session(bench, wire)
    go(bench, mine, later_ns=LOGON // 10)
    assert mine.logged_on
    assert (mine.logons, len(wire.held)) == (1, 1)
    wire.arrive()
    go(bench, mine)
    assert mine.logged_on
    assert mine.logons == 2


def test_another_process_of_the_name_ends_it() -> None:
    """Also one that had given a logon up: it lets that pass once."""
    bench = Bench()
    wire = Late(bench)
    mine, other = session(bench, wire), session(bench, Wire(bench, "shard"))
    go(bench, mine, later_ns=LOGON // 10)
    wire.arrive()
    go(bench, mine)
    assert mine.logged_on
    go(bench, other, turns=3)
    assert other.logged_on
    with pytest.raises(CoreRefusedError, match="Another connection logged on under this name"):
        go(bench, mine, turns=3)
