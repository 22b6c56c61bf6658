"""Readers of an event log beside an event loop: they block, so a thread of their own reads and waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from exchange.bus.log.interface import Record, TopicReader

T = TypeVar("T")

_LOOK_S: Final = 0.25


class ReaderThreads:
    """Where readers of one event loop read.

    Args:
        name: Of the threads.
        threads: How many may read at a time.
    """

    def __init__(self, name: str, threads: int = 1) -> None:
        self._threads = ThreadPoolExecutor(threads, name)

    async def run(self, work: Callable[[], T]) -> T:
        """Work in a thread; who is cancelled waits for its end, as the reader is not closed under it."""
        done = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            await asyncio.wait({done})
            raise

    def close(self) -> None:
        """Lets the threads go; nothing is under way."""
        self._threads.shutdown()


def next_records(reader: TopicReader) -> list[Record]:
    """What a reader has next, for which it waits a moment; it blocks."""
    return reader.read() or (reader.read() if reader.wait(_LOOK_S) else [])
