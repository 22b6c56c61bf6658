"""Work that begins at once, and what it costs only where it waits: a task, a timer.

Most handlers answer without waiting for anything. `asyncio.timeout` alone takes as long as all else of a call
within one process, a task of its own a turn of the event loop. So the handler runs first; the timer is set,
and the task made, when it waits for the first time.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Coroutine, Generator
from typing import Any, Generic, TypeVar

from exchange.bus.rpc.calls import loop_time

T = TypeVar("T")


class Deadline:
    """When a call is out of time; may be brought forward while it is under way.

    Args:
        deadline_ns: Monotonic.
    """

    __slots__ = ("_forward", "_timeout", "deadline_ns")

    def __init__(self, deadline_ns: int) -> None:
        self.deadline_ns = deadline_ns
        self._timeout: asyncio.Timeout | None = None
        self._forward = False

    def bring_forward(self) -> None:
        """It is now."""
        self._forward = True
        if self._timeout is not None:
            self._timeout.reschedule(0)

    @property
    def passed(self) -> bool:
        """Whether it ended the work."""
        return self._timeout is not None and self._timeout.expired()

    def timer(self) -> asyncio.Timeout:
        """What ends a block at that time."""
        self._timeout = asyncio.timeout_at(0 if self._forward else loop_time(self.deadline_ns))
        return self._timeout


async def within(deadline: Deadline, work: Awaitable[T]) -> T:
    """What the awaitable gives, in the task that asks; cancelled when the deadline passes while it waits.

    Args:
        deadline: Of this work alone.
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
    if asyncio.current_task() is None:
        await asyncio.sleep(0)  # begun by `begin`: what follows is in a task
    async with deadline.timer():
        return await _Resumed(steps, waits_for)


def begin(work: Coroutine[Any, Any, T]) -> tuple[T, None] | tuple[None, contextvars.Context]:
    """Run a coroutine up to where it waits for the first time, outside of any task.

    It runs in a copy of the context. Until it waits it must not ask for its task, which `asyncio.timeout` and
    `asyncio.TaskGroup` do.

    Returns:
        What it gives and None; or, where it waits, the context in which a task has to go on with it.
    """
    context = contextvars.copy_context()
    try:
        context.run(work.send, None)
    except StopIteration as done:
        return done.value, None
    return None, context


def run_now(work: Awaitable[T]) -> T:
    """What an awaitable gives that never waits: the way into coroutines for those without an event loop.

    Raises:
        RuntimeError: It waits.
    """
    steps = work.__await__()
    try:
        next(steps)
    except StopIteration as done:
        value: T = done.value
        return value
    steps.close()
    raise RuntimeError("this has to be answered at once, and waits for something")


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
