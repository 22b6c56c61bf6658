"""A deadline that costs nothing where nothing waits.

`asyncio.timeout` takes as long as all else of a call within one process, and most handlers answer without
waiting for anything. So the handler runs first, and the timer is set when it waits for the first time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


async def within(deadline: asyncio.Timeout, work: Awaitable[T]) -> T:
    """What the awaitable gives, in the task that asks; cancelled when the deadline passes while it waits.

    Args:
        deadline: Not entered yet.
        work: Not started yet.

    Raises:
        TimeoutError: The deadline passed.
    """
    steps: Generator[Any, Any, T] = work.__await__()
    try:
        waits_for = next(steps)
    except StopIteration as done:
        result: T = done.value
        return result
    async with deadline:
        return await _Resumed(steps, waits_for)


class _Resumed(Generic[T]):
    """Goes on with what waits for something."""

    def __init__(self, steps: Generator[Any, Any, T], waits_for: object) -> None:
        self._steps = steps
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, T]:
        waits = self._waits_for
        while True:
            try:
                try:
                    got = yield waits
                except BaseException as error:  # noqa: BLE001 (a cancellation, too, is the coroutine's)
                    waits = self._steps.throw(error)
                else:
                    waits = self._steps.send(got)
            except StopIteration as done:
                result: T = done.value
                return result
