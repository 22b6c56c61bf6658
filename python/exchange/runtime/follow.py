"""Follows the journal in an event loop, in slices, so that queries are answered between two of them."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Protocol, TypeVar

from exchange.runtime.journal_watch import JournalWatch, watch_of

_SLICE_COMMANDS = 4_096  # about 2 ms
_PAUSE_S = 0.0005  # while somebody waits, or it is to stop
_GATHER_S = 0.005  # what came is little: the next look finds more
_LONGEST_PAUSE_S = 0.02  # to wake up costs as much as a hundred commands


class Advances(Protocol):
    """What is brought forward."""

    @property
    def sequence(self) -> int:
        """Of the last command that was applied."""
        ...

    def advance(self, most_commands: int) -> int:
        """Applies what there is, up to so many commands; 0: there is nothing yet."""
        ...


F = TypeVar("F", bound=Advances)


class JournalFollower:
    """Keeps a fold up with its journal. Belongs to one event loop.

    It rests between two looks. Who waits for a sequence ends the rest, and so does what is written to the
    journal while nothing else is there.

    Args:
        fold: What is brought forward; nobody else touches it but within `alone`.
        journal: The directory that is written to; None: it hears nothing of that.
        gather_s: How long it rests after it found little, s.
        longest_s: And after it found and heard nothing several times, s: what was written may count later.
    """

    def __init__(
        self,
        fold: Advances,
        journal: Path | None = None,
        *,
        gather_s: float = _GATHER_S,
        longest_s: float = _LONGEST_PAUSE_S,
    ) -> None:
        self._fold = fold
        self._journal = journal
        self._gather_s = gather_s
        self._longest_s = longest_s
        self.sequence = fold.sequence  # of the last command that was applied, whoever is in the fold now
        self._inside = asyncio.Lock()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._numbers = count()
        self._stop = False
        self._rest: asyncio.Future[None] | None = None
        self._watch: JournalWatch | None = None
        self._listens = False

    async def run(self) -> None:
        """Follows until `stop` is called and there is nothing left to apply.

        Raises:
            Exception: whatever the fold raises; those who wait are told.
        """
        pause = self._gather_s
        self.sequence = self._fold.sequence
        self._wake()
        self._watch = None if self._journal is None else watch_of(self._journal)
        try:
            while True:
                if self._watch is not None and self._watch.clear():
                    pause = self._gather_s
                async with self._inside:
                    applied = self._fold.advance(_SLICE_COMMANDS)
                    self.sequence = self._fold.sequence
                self._listen(to_writes=not applied)
                if applied:
                    self._wake()
                    pause = self._gather_s
                    await (asyncio.sleep(0) if applied >= _SLICE_COMMANDS // 2 else self._resting(pause))
                elif self._stop:
                    return
                else:
                    await self._resting(pause)
                    pause = min(pause * 1.5, self._longest_s)
        finally:
            self._dismiss()
            self._listen(to_writes=False)
            if self._watch is not None:
                self._watch.close()

    def stop(self) -> None:
        """Lets `run` end once it has applied what there is."""
        self._stop = True
        self._end_rest()

    async def reached(self, sequence: int) -> None:
        """Waits until the command with this sequence was applied; the caller brings the time limit."""
        if self.sequence >= sequence:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (sequence, next(self._numbers), future))
        self._end_rest()
        await future

    async def _resting(self, pause: float) -> None:
        if self._waiting or self._stop:
            await asyncio.sleep(_PAUSE_S)
            return
        loop = asyncio.get_running_loop()
        self._rest = loop.create_future()
        timer = loop.call_later(pause, self._end_rest)
        try:
            await self._rest
        finally:
            timer.cancel()

    def _listen(self, *, to_writes: bool) -> None:
        """A write ends a rest, or does not: while there is much of it, each would."""
        if self._watch is None or to_writes == self._listens:
            return
        self._listens = to_writes
        loop = asyncio.get_running_loop()
        if to_writes:
            loop.add_reader(self._watch.fileno(), self._written)
        else:
            loop.remove_reader(self._watch.fileno())

    def _written(self) -> None:
        self._listen(to_writes=False)  # until the next look finds nothing: whoever is in the fold may be long
        self._end_rest()

    def _end_rest(self) -> None:
        if self._rest is not None and not self._rest.done():
            self._rest.set_result(None)

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Nothing is applied within the block, whatever thread it waits for."""
        async with self._inside:
            yield

    def _wake(self) -> None:
        reached = self.sequence
        while self._waiting and (self._waiting[0][0] <= reached or self._waiting[0][2].done()):
            future = heapq.heappop(self._waiting)[2]
            if not future.done():
                future.set_result(None)

    def _dismiss(self) -> None:
        for _, _, future in self._waiting:
            future.cancel()
        self._waiting.clear()
