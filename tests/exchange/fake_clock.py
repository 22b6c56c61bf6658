"""A clock of `exchange.resilience` whose seconds pass when a test lets them."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from itertools import count
from typing import TypeVar

T = TypeVar("T")

_TURNS = 10  # of the loop until everything that is ready was done


class FakeClock:
    """Begins at 100 s. Who blocks lets the time pass; who waits is woken by `advance` or `run`."""

    def __init__(self) -> None:
        self.time = 100.0
        self.pauses: list[float] = []
        self._numbers = count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []

    def now(self) -> float:
        """The time."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """The time has passed."""
        self.pauses.append(seconds)
        self.time += seconds

    async def pause(self, seconds: float) -> None:
        """Waits until the time has passed."""
        self.pauses.append(seconds)
        await self.until(self.time + seconds)

    async def until(self, when: float) -> None:
        """Waits for a time."""
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._at(when, lambda: None if over.done() else over.set_result(None))
        await over

    @asynccontextmanager
    async def cut_at(self, when: float) -> AsyncIterator[None]:
        """Cancels what is inside at a time."""
        inside = True
        async with asyncio.timeout(None) as timeout:

            def cut() -> None:
                if inside:
                    timeout.reschedule(asyncio.get_running_loop().time())

            self._at(when, cut)
            try:
                yield
            finally:
                inside = False

    async def advance(self, seconds: float) -> None:
        """Lets so many seconds pass; all that becomes due is done at its own time."""
        end = self.time + seconds
        await self.settle()
        while self._due and self._due[0][0] <= end:
            await self._next()
        self.time = end

    async def run(self, work: Coroutine[object, object, T]) -> T:
        """Lets as many seconds pass as the work takes."""
        task = asyncio.get_running_loop().create_task(work)
        await self.settle()
        while not task.done():
            assert self._due, "it waits for something that is no time"
            await self._next()
        return task.result()

    async def settle(self) -> None:
        """Everything that needs no time is done."""
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    async def _next(self) -> None:
        when, _, do = heapq.heappop(self._due)
        self.time = max(self.time, when)
        do()
        await self.settle()

    def _at(self, when: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._due, (when, next(self._numbers), do))
