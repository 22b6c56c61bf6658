"""Those of an event loop who wait until something of a session changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Waiters:
    """Belongs to the event loop in which it is made."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: list[asyncio.Future[None]] = []

    async def wait_for(self, ready: Callable[[], bool], timeout: float | None) -> bool:  # noqa: ASYNC109  # as its synchronous twin
        """Wait until something is so, at most `timeout` seconds; whether it is."""
        try:
            async with asyncio.timeout(timeout):
                while not ready():
                    waiter = self._loop.create_future()
                    self._waiting.append(waiter)
                    await waiter
        except TimeoutError:
            return ready()
        return True

    def wake(self) -> None:
        """Have all of them look."""
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)
