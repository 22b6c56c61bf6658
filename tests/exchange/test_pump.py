"""One socket in an event loop: whatever comes is taken, whenever it comes."""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable, Iterator

import pytest
import zmq

from exchange.bus.pump import Pump

Context = zmq.Context[zmq.Socket[bytes]]
PATIENCE_S = 120


@pytest.fixture
def context() -> Iterator[Context]:
    """Of one test; it ends with whatever was left open."""
    made: Context = zmq.Context()
    yield made
    made.destroy(linger=0)


async def until(seen: Callable[[], bool]) -> None:
    """Waits for it."""
    async with asyncio.timeout(PATIENCE_S):
        while not seen():  # noqa: ASYNC110 (what is seen is a list)
            await asyncio.sleep(0.005)


def test_message_that_comes_while_a_turn_ends_is_taken(context: Context) -> None:
    """Where somebody waits to send a turn looks once more, which uses up what the descriptor has to tell."""

    async def run() -> None:
        router, dealer = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
        router.setsockopt(zmq.ROUTER_MANDATORY, 1)
        dealer.setsockopt(zmq.ROUTING_ID, b"dealer")
        for socket, option in ((router, zmq.RCVHWM), (dealer, zmq.SNDHWM)):
            socket.setsockopt(option, 1)
        router.bind("inproc://pump")
        dealer.connect("inproc://pump")
        got: list[bytes] = []
        pump = Pump(dealer, got.extend, parts_max=1)
        while pump.try_send([b"fill"]):
            pass
        waiting = asyncio.create_task(pump.writable())
        take = pump._take

        def take_and_meanwhile() -> bool:
            more = take()
            if got == [b"first"]:
                router.send_multipart([b"dealer", b"second"])
                assert select.select([int(dealer.getsockopt(zmq.FD))], [], [], PATIENCE_S)[0]
            return more

        pump._take = take_and_meanwhile  # type: ignore[method-assign]
        await asyncio.sleep(0)
        router.send_multipart([b"dealer", b"first"])
        await until(lambda: got == [b"first", b"second"])
        assert not waiting.done()
        pump.close()
        await waiting
        router.close()

    asyncio.run(run())


@pytest.mark.parametrize("burst", [1, 2, 63, 64, 65, 300])
def test_burst_is_taken_to_its_end_and_answered_within_its_turns(context: Context, burst: int) -> None:
    """In order; an answer that is sent while messages are taken in takes none of them away."""

    async def run() -> None:
        router, dealer = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
        router.bind("inproc://pump")
        dealer.connect("inproc://pump")
        numbers = [b"%d" % number for number in range(burst)]
        got: list[bytes] = []

        def answer(parts: list[bytes]) -> None:
            assert serving.try_send(parts)

        serving = Pump(router, answer, parts_max=2)
        asking = Pump(dealer, got.extend, parts_max=1)
        for _ in range(2):  # what the first round left behind would be missing from the second
            got.clear()
            for number in numbers:
                dealer.send(number)
            await until(lambda: len(got) == burst)
            assert got == numbers
        serving.close()
        asking.close()

    asyncio.run(run())


def test_message_of_too_many_parts_is_dropped_whole(context: Context) -> None:
    """And counted; the next one is not touched by it. What has an address has one part more."""

    async def run() -> None:
        router, dealer = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
        router.bind("inproc://pump")
        dealer.connect("inproc://pump")
        got: list[list[bytes]] = []
        pump = Pump(router, lambda parts: got.append(parts[1:]), parts_max=3)
        for parts in ([b"a"], [b"b", b"c"], [b"d", b"e", b"f"], [b""], [b"g"]):
            dealer.send_multipart(parts)
        await until(lambda: len(got) == 4)
        assert got == [[b"a"], [b"b", b"c"], [b""], [b"g"]]
        assert pump.dropped == 1
        pump.close()
        dealer.close()

    asyncio.run(run())
