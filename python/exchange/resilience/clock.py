"""The time as calls and pauses see it, so that a test can let it pass."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol


class Clock(Protocol):
    """Seconds that never run backwards, and what waits on them."""

    def now(self) -> float:
        """The time, from any beginning."""
        ...

    def sleep(self, seconds: float) -> None:
        """Blocks for so long."""
        ...

    async def pause(self, seconds: float) -> None:
        """Lets other tasks run for so long."""
        ...

    def cut_at(self, when: float) -> AbstractAsyncContextManager[object]:
        """Cancels what is inside at that time, as TimeoutError."""
        ...


class SystemClock:
    """The time of this machine. Who awaits nothing, as the core, does not load `asyncio`.

    Args:
        now: Another source of it, for programs whose time is their own; sleeping stays the machine's.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now

    def sleep(self, seconds: float) -> None:
        """See `Clock`."""
        time.sleep(seconds)

    async def pause(self, seconds: float) -> None:
        """See `Clock`."""
        from asyncio import sleep

        await sleep(seconds)

    def cut_at(self, when: float) -> AbstractAsyncContextManager[object]:
        """See `Clock`."""
        from asyncio import get_running_loop, timeout_at

        return timeout_at(get_running_loop().time() + when - self.now())
