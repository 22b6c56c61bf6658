"""Work beside the main work: it ends with it, and one that fails ends it."""

from __future__ import annotations

import asyncio
from typing import NoReturn

import pytest

from exchange.runtime.chores import chores


async def _lasting(ended: list[str]) -> None:
    try:
        await asyncio.sleep(3600)
    finally:
        ended.append("lasting")


async def _failing() -> NoReturn:
    await asyncio.sleep(0)
    raise LookupError("a shelf is empty")


async def _short() -> None:
    return


def test_chores_end_with_the_block() -> None:
    """In order, and where the block raises; what ended of itself before is no matter."""
    ended: list[str] = []

    async def work() -> None:
        async with chores(_lasting(ended), _short()):
            await asyncio.sleep(0.01)
        assert ended == ["lasting"]
        with pytest.raises(KeyError):
            await raising()
        assert ended == ["lasting"] * 2

    async def raising() -> None:
        async with chores(_lasting(ended)):
            await asyncio.sleep(0)
            raise KeyError

    asyncio.run(work())


def test_chore_that_fails_ends_the_block_with_its_error() -> None:
    """Wherever the block waits; the others end too, and the task goes on as one that nobody cancelled."""
    ended: list[str] = []

    async def work() -> None:
        with pytest.raises(LookupError, match="a shelf is empty"):
            async with chores(_lasting(ended), _failing(), _failing()):
                await asyncio.sleep(3600)
        assert ended == ["lasting"]
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        await asyncio.sleep(0)

    asyncio.run(work())


def test_block_that_is_cancelled_from_outside_stays_so() -> None:
    """Also where a chore fails at the same time."""
    ended: list[str] = []

    async def block(failing: bool) -> None:
        async with chores(_lasting(ended), *([_failing()] if failing else [])):
            await asyncio.sleep(3600)

    async def work() -> None:
        for failing in (False, True):
            task = asyncio.create_task(block(failing))
            await asyncio.sleep(0)
            if failing:
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert task.cancelled()
        assert ended == ["lasting"] * 2

    asyncio.run(work())
