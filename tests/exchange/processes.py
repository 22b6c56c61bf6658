"""What the kernel tells of processes, and waiting for what becomes of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from pathlib import Path
from typing import ParamSpec

P = ParamSpec("P")


def parent_of(pid: int) -> int:
    """Who started a process.

    Raises:
        FileNotFoundError: It is gone.
    """
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def is_running(pid: int) -> bool:
    """Whether it is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def descendants_of(pid: int) -> list[int]:
    """What a process has started, and what those have."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [each for child in children for each in (int(child), *descendants_of(int(child)))]


def asynchronous(test: Callable[P, Coroutine[None, None, None]]) -> Callable[P, None]:
    """Runs a test in an event loop of its own."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


async def settle(condition: Callable[[], bool]) -> None:
    """Until something is so."""
    async with asyncio.timeout(120):
        while not condition():  # noqa: ASYNC110 (of other processes)
            await asyncio.sleep(0.01)
