"""One timer for the deadlines of all calls of a connection."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from exchange.bus.rpc.deadlines import Deadlines

NS_A_MS = 1_000_000
PATIENCE_S = 120
CALLS = st.lists(st.tuples(st.integers(0, 40), st.booleans()), min_size=1, max_size=12)


async def until(seen: Callable[[], bool]) -> None:
    """Waits for it."""
    async with asyncio.timeout(PATIENCE_S):
        while not seen():  # noqa: ASYNC110 (nothing tells of what a list has)
            await asyncio.sleep(0.001)


class Told:
    """Who was told of, and when."""

    def __init__(self) -> None:
        self.calls: dict[int, int] = {}
        self.deadlines = Deadlines(self.late)

    def late(self, call_id: int) -> None:
        """A call is."""
        assert call_id not in self.calls
        self.calls[call_id] = time.monotonic_ns()


@given(CALLS)
def test_each_call_is_told_of_once_and_never_early(calls: list[tuple[int, bool]]) -> None:
    """Whatever the order of their deadlines; one that ended before is not."""

    async def run() -> None:
        told, start_ns = Told(), time.monotonic_ns()
        at_ns = {number: start_ns + ms * NS_A_MS for number, (ms, _) in enumerate(calls)}
        for number, when_ns in at_ns.items():
            told.deadlines.add(number, when_ns)
        expected = {number for number, (_, ends) in enumerate(calls) if not ends}
        for number in at_ns.keys() - expected:
            told.deadlines.remove(number)
        await until(lambda: told.calls.keys() == expected)
        assert all(at_ns[number] <= when_ns for number, when_ns in told.calls.items())

    asyncio.run(run())


def test_earlier_deadline_that_comes_later_is_told_of_first() -> None:
    """The timer is moved forward for it, and stands again for the other one."""

    async def run() -> None:
        told, now_ns = Told(), time.monotonic_ns()
        told.deadlines.add(1, now_ns + 2 * PATIENCE_S * 1_000 * NS_A_MS)
        told.deadlines.add(2, now_ns + 20 * NS_A_MS)
        await until(lambda: 2 in told.calls)
        assert 1 not in told.calls
        told.deadlines.close()

    asyncio.run(run())


def test_nothing_is_told_once_it_is_closed() -> None:
    """No timer is left."""

    async def run() -> None:
        told = Told()
        told.deadlines.add(1, time.monotonic_ns() + 5 * NS_A_MS)
        told.deadlines.close()
        await asyncio.sleep(0.1)
        assert told.calls == {}

    asyncio.run(run())
