"""A thread for the small files that a process in an event loop writes: nobody whom it answers waits for them.

A file system that is busy with another process's fsync takes up to a tenth of a second to replace one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

Beside = Callable[[Callable[[], object]], Awaitable[object]]


@contextmanager
def beside_loop() -> Iterator[Beside]:
    """What has a call made in that thread, one after the other; the block ends when the last one has."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, "files") as thread:
        yield lambda call: loop.run_in_executor(thread, call)
