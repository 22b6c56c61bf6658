"""What a process does beside its main work, and must not end before it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, cast


@asynccontextmanager
async def chores(*works: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs each as a task for as long as the block lasts.

    One that fails ends the block: nothing that has to go on stops unseen.

    Raises:
        Exception: The first that one of them ended with.
    """
    block = cast(asyncio.Task[Any], asyncio.current_task())
    failed: list[BaseException] = []

    def ended(task: asyncio.Task[None]) -> None:
        if task.cancelled() or (error := task.exception()) is None:
            return
        failed.append(error)
        if len(failed) == 1:
            block.cancel()

    tasks = [asyncio.create_task(work) for work in works]
    for task in tasks:
        task.add_done_callback(ended)
    try:
        yield
    except asyncio.CancelledError:
        if not failed or block.uncancel() > 0:
            raise
    finally:
        for task in tasks:
            task.remove_done_callback(ended)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if failed:
        raise failed[0]
