"""A session on an event loop: what is asked in one turn leaves together, and nothing waits for the next."""

from __future__ import annotations

import asyncio
from typing import cast

from exchange.client.ids import Names
from exchange.client.instruments import Directory
from exchange.client.links import SocketLink
from exchange.client.loop_runner import AsyncHandle, LoopRunner
from exchange.client.ordering import OrderRequests
from exchange.client.results import ExecutionReport
from exchange.client.session import Session, Settings, State
from exchange.client.streams import Hub
from exchange.domain.enums import ExecType
from tests.exchange.test_drive import Line

ORDERS = OrderRequests(Names("bot", lambda: 0), Directory(), 11, lambda _: None)


class SilentLine(Line):
    """One without descriptors: that something arrived is seen by who looks. The core answers at once."""

    opened = 1

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0
        self.frames: list[int] = []

    def filenos(self) -> tuple[int, ...]:
        """None."""
        return ()

    @property
    def readable(self) -> bool:
        """Whether something arrived, as sending has it."""
        self.looks += 1
        self.frames.append(len(self.sent))
        self.carry()
        return bool(self.arrived)


async def begun() -> tuple[LoopRunner, SilentLine]:
    """A session that is active."""
    line = SilentLine()
    session = Session(Settings("bot", "ann", 1), lambda: 0)
    runner = LoopRunner(session, cast(SocketLink, line), Hub(lambda error: None))
    runner.start()
    line.carry()
    assert await runner.wait_for(lambda: session.state is State.ACTIVE, 10)
    while line.sent or line.arrived:
        line.carry()
        await asyncio.sleep(0)
    line.looks = 0
    line.frames.clear()
    return runner, line


def ask(runner: LoopRunner) -> AsyncHandle[ExecutionReport]:
    """One order."""
    return runner.submit(ORDERS.new_order(1, "buy", 1, 100))


def test_requests_of_one_turn_of_the_loop_are_sent_and_answered_together() -> None:
    """Each is its own frame; the connection is looked at once for all of them."""

    async def scene() -> None:
        runner, line = await begun()
        handles = [ask(runner) for _ in range(5)]
        assert (len(line.sent), line.looks) == (0, 0)
        reports = await asyncio.gather(*handles)
        assert [report.exec_type for report in reports] == [ExecType.ACCEPTED] * 5
        assert line.frames == [5]
        await runner.close()

    asyncio.run(scene())


def test_request_alone_is_sent_before_the_loop_waits_for_anything() -> None:
    """In the next turn, for which nothing else has to happen; so it goes each time."""

    async def scene() -> None:
        runner, line = await begun()
        for number in range(1, 4):
            handle = ask(runner)
            await asyncio.sleep(0)
            assert (line.frames, line.looks) == ([1] * number, number)
            assert (await handle).exec_type is ExecType.ACCEPTED
        await runner.close()

    asyncio.run(scene())


def test_request_before_the_session_is_closed_is_sent_and_nothing_is_done_after_it() -> None:
    """What was asked goes out ahead of the logoff; the turn that would have sent it finds no session."""

    async def scene() -> None:
        runner, line = await begun()
        ask(runner)
        await runner.close()
        assert len(line.sent) == 2
        await asyncio.sleep(0)
        assert (len(line.sent), line.looks) == (2, 0)

    asyncio.run(scene())


def test_request_that_a_timer_sends_again_is_answered_though_no_descriptor_tells_of_it() -> None:
    """Sending may use up what the descriptor has to tell, so whoever sent looks; here nothing else would."""

    async def scene() -> None:
        runner, line = await begun()
        line.is_up = False
        handle = ask(runner)
        await asyncio.sleep(0)
        assert (line.sent, handle.done) == ([], False)
        line.is_up = True
        assert (await asyncio.wait_for(handle, 60)).exec_type is ExecType.ACCEPTED
        assert runner.session.retries == 1
        await runner.close()

    asyncio.run(scene())
