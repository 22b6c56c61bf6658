"""The answer to a request, awaited: by any number, any of whom may give up."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import numpy as np
import pytest

from exchange.client.loop_runner import AsyncHandle
from exchange.client.requests import Request
from exchange.client.underway import Pending
from exchange.domain.enums import CommandList
from exchange.errors import TransportError


def _request() -> Request[int]:
    """One whose answer is how many records answered it."""
    return Request(CommandList.ORDERS, np.zeros(1, np.void), lambda rows, _: len(rows), [b"c"])


def _settled(handle: AsyncHandle[int], failure: TransportError | None = None) -> None:
    request = cast(Request[Any], handle.request)
    pending = Pending(1, request, lambda _: None, 0, 0, 0, [], bytearray(), failure=failure)
    pending.answers = np.zeros(3, np.void)
    handle.settle(pending)


def test_handle_awaited_by_several_of_whom_one_gives_up_answers_the_others() -> None:
    """Cancelling takes nothing back: whoever goes on waiting, and whoever asks later, has the answer."""

    async def scene() -> None:
        handle = AsyncHandle(_request(), asyncio.get_running_loop())

        async def wait() -> int:
            return await handle

        gives_up, waits = asyncio.create_task(wait()), asyncio.create_task(wait())
        await asyncio.sleep(0)
        gives_up.cancel()
        done = [handle.done]
        _settled(handle)
        assert [*done, handle.done] == [False, True]
        assert (await waits, await handle) == (3, 3)
        assert gives_up.cancelled()

    asyncio.run(scene())


def test_handle_that_fails_raises_for_everybody_and_warns_of_nothing() -> None:
    """Whether they waited or ask later; of one that nobody asks nothing is said: warnings are errors."""

    async def scene() -> None:
        handle, forgotten = (AsyncHandle(_request(), asyncio.get_running_loop()) for _ in range(2))

        async def wait() -> int:
            return await handle

        waits = asyncio.create_task(wait())
        await asyncio.sleep(0)
        for each in (handle, forgotten):
            _settled(each, TransportError("gone"))
        for answer in (waits, wait()):
            with pytest.raises(TransportError, match="gone"):
                await answer

    asyncio.run(scene())


def test_handle_calls_back_once_soon_whether_before_or_after_the_answer() -> None:
    """Never within the call that settles it, nor within the one that asks to be called."""

    async def scene() -> None:
        handle, called = AsyncHandle(_request(), asyncio.get_running_loop()), list[str]()
        handle.add_done_callback(lambda _: called.append("before"))
        _settled(handle)
        _settled(handle, TransportError("a second time"))
        handle.add_done_callback(lambda _: called.append("after"))
        assert called == []
        await asyncio.sleep(0)
        assert called == ["before", "after"]
        assert await handle == 3

    asyncio.run(scene())
