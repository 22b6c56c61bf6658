"""The loop of a core that stands by: the leader's batches go into its own journal, then into its state.

Its own socket answers nobody but an operator who has it take the lead.
"""

from __future__ import annotations

import logging
import select
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

import cmatch.frames as wire
from cmatch._core import Clock, Sequencer, Standby, StandbyState
from exchange.bus.connection import SocketConnection
from exchange.domain.enums import FollowAction, FollowOutcome
from exchange.errors import ExchangeError
from exchange.runtime.log import log

_IDLE_MS: Final = 5
_HOUSE_NS: Final = 20_000_000
_REOPEN_NS: Final = 100_000_000
_RETRY_NS: Final = 1_000_000_000


class History(Protocol):
    """The leader's journal files, for what is no longer streamed."""

    def batches_after(self, sequence: int, epoch: int) -> tuple[Sequence[bytes], bool]:
        """Some payloads of records, and whether there are more.

        Raises:
            ExchangeError: they cannot be had now.
        """
        ...


@dataclass(frozen=True, slots=True)
class Promotion:
    """That this core leads.

    Args:
        epoch: From which on.
        sequence: Of the record that says so.
        first_lost, last_lost: What the old leader is known to have written beyond that; 0: nothing.
    """

    epoch: int
    sequence: int
    first_lost: int
    last_lost: int


class StandbyLoop:
    """Turns of a standby. One thread.

    Args:
        core: Does not lead.
        standby: Of that core.
        link: To the leader; not yet open.
        history: Of the leader.
        clock: The core's.
        keepers: Called now and then, and never wait.
        tell: Called when it is in sync, or is not any more.
    """

    def __init__(
        self,
        core: Sequencer,
        standby: Standby,
        link: SocketConnection,
        history: History,
        clock: Clock,
        *,
        keepers: Sequence[Callable[[], object]] = (),
        tell: Callable[[bool], object] = lambda _: None,
    ) -> None:
        self._core = core
        self._standby = standby
        self._link = link
        self._history = history
        self._clock = clock
        self._keepers = keepers
        self._tell = tell
        self._in_sync = standby.in_sync
        self._state: StandbyState | None = None
        self._next_house_ns = 0
        self._retry_ns = 0
        self._reopen_ns = 0
        self.stopping = False

    def run(self) -> Promotion | None:
        """Follows until `stopping` is set, or it takes the lead.

        Raises:
            JournalFailed: What the disk holds is unknown: the process has to exit.
            StateParted: The leader's events were others.
        """
        self._link.open()
        while not self.stopping:
            self._wait()
            self.turn()
            promotion = self._house()
            if promotion is not None:
                return promotion
        return None

    def turn(self) -> None:
        """What came, into the journal; then the acknowledgement; then what follows from it."""
        standby, now = self._standby, self._clock.steady_ns()
        for frame in self._link.receive():
            standby.take(frame, now)
        if self._link.broken and now >= self._reopen_ns:
            self._reopen_ns = now + _REOPEN_NS
            self._link.open()
            standby.connected()
        if standby.state is StandbyState.behind and now >= self._retry_ns:
            self._catch_up(now)
        if standby.pending:
            standby.write()
        message = standby.say(now)
        if message and not self._link.send(message):
            standby.unsaid()
        if standby.pending:
            standby.fold()

    def _wait(self) -> None:
        if self._standby.state is StandbyState.behind or self._link.readable:
            return
        select.select(self._link.filenos(), (), (), _IDLE_MS / 1_000)

    def _catch_up(self, now: int) -> None:
        """One part of what the leader no longer streams."""
        sequence = self._standby.next_sequence - 1
        try:
            batches, more = self._history.batches_after(sequence, self._standby.last_epoch)
        except ExchangeError as error:
            log("history cannot be had", level=logging.WARNING, after=sequence, reason=error)
            self._retry_ns = now + _RETRY_NS
            return
        if not all(self._standby.take_history(payload) for payload in batches) or not more:
            self._standby.resume()

    def _house(self) -> Promotion | None:
        """Its own socket, and what is to be told."""
        core, now = self._core, self._clock.steady_ns()
        if now < self._next_house_ns:
            return None
        self._next_house_ns = now + _HOUSE_NS
        for keep in self._keepers:
            keep()
        core.drain()
        core.keep_house()
        core.decode()
        outcome = self._standby.promote_as_asked(self._clock.now_ns())
        core.answer()
        core.finish()
        self._say_how_it_is()
        if outcome is None:
            return None
        kind, reject, epoch, sequence, first_lost, last_lost = outcome
        if kind != FollowOutcome.PROMOTED:
            log("lead refused", level=logging.WARNING, reject=reject, sequence=sequence)
            return None
        log("leads", epoch=epoch, sequence=sequence, first_lost=first_lost, last_lost=last_lost)
        return Promotion(epoch, sequence, first_lost, last_lost)

    def _say_how_it_is(self) -> None:
        standby = self._standby
        if standby.state is not self._state:
            self._state = standby.state
            alarming = self._state in (StandbyState.ahead, StandbyState.diverged)
            level = logging.ERROR if alarming else logging.INFO
            log("standby", level=level, state=self._state.name, next_sequence=standby.next_sequence)
        if standby.in_sync != self._in_sync:
            self._in_sync = standby.in_sync
            self._tell(self._in_sync)
            log("in sync" if self._in_sync else "not in sync", sequence=standby.next_sequence - 1)


class Fencer:
    """Tells an old leader, should it live or come back, that another one leads. Never waits.

    Args:
        link: To it.
        clock: Of the core.
        epoch: Of who leads now.
    """

    def __init__(self, link: SocketConnection, clock: Clock, epoch: int) -> None:
        self._link = link
        self._clock = clock
        request = np.zeros(1, wire.FOLLOW_REQUEST_DTYPE)
        request["kind"], request["epoch"] = FollowAction.FENCE, epoch
        self._frame = wire.encode_commands(wire.CommandList.FOLLOW_REQUESTS, request)
        self._next_ns = 0

    def __call__(self) -> None:
        """Once a second."""
        now = self._clock.steady_ns()
        if now < self._next_ns:
            return
        self._next_ns = now + _RETRY_NS
        self._link.receive()
        if self._link.broken:
            self._link.open()
        self._link.send(self._frame)
