"""The event log over RPC: from where it begins, what comes, who may, how many; a slow reader; who goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from exchange.bus.log.interface import EventLog
from exchange.bus.rpc import Dispatcher, MessageStream, Metadata, RpcClient, Stub
from exchange.domain.contracts import TAIL_EVENTS
from exchange.domain.contracts.event_log import LoggedBatch, TailEventsRequest
from exchange.domain.enums import TailStart
from exchange.errors import RpcError
from exchange.runtime.tail import TAILS_MAX, Tails, record_of
from tests.event_log.backends import HOT, SECOND_NS, Embedded, batch
from tests.exchange.rpc_world import channel_to, policy_of, run

OPERATOR = Metadata("test", "0", "operator", "e30=")


@asynccontextmanager
async def tailed(path: Path) -> AsyncIterator[tuple[Tails, EventLog, Stub]]:
    """A log with twenty records, and a stub of the service that has its tails."""
    backend = Embedded(path)
    (path / "run").mkdir(mode=0o700)
    log = backend.open()
    with log.writer(HOT) as writer:
        writer.append([batch(number) for number in range(1, 21)])
    tails = Tails(log)
    dispatcher = Dispatcher(tails.handlers)
    async with channel_to("ipc", path, dispatcher) as channel:
        yield tails, log, Stub(RpcClient(channel, policy_of()))
    await asyncio.to_thread(tails.close)
    backend.close()


def tail(stub: Stub, request: TailEventsRequest) -> MessageStream[TailEventsRequest, LoggedBatch]:
    """A tail by the operator."""
    return stub.stream(TAIL_EVENTS, request, metadata=OPERATOR)


@pytest.mark.parametrize(
    ("request_", "first"),
    [
        (TailEventsRequest(topic=HOT, start=TailStart.OLDEST), 0),
        (TailEventsRequest(topic=HOT, start=TailStart.NEWEST, back=3), 17),
        (TailEventsRequest(topic=HOT, start=TailStart.NEWEST, back=99), 0),
        (TailEventsRequest(topic=HOT, start=TailStart.OFFSET, offset=15), 15),
        (TailEventsRequest(topic=HOT, start=TailStart.TIME, ts_ns=12 * SECOND_NS), 11),
    ],
)
def test_tail_begins_where_it_was_asked_to_and_goes_on_with_what_comes(
    tmp_path: Path, request_: TailEventsRequest, first: int
) -> None:
    """Records as they lie in the log, headers and keys included."""

    async def play() -> None:
        async with tailed(tmp_path) as (tails, log, stub):
            async with tail(stub, request_) as batches:
                found = [record_of(await anext(batches)) for _ in range(first, 20)]
                waiting = asyncio.ensure_future(anext(batches))
                with log.writer(HOT) as writer:
                    writer.append([batch(21, 5)])
                found.append(record_of(await waiting))
            with log.reader(HOT, first) as reader:
                assert found == reader.read()
            while tails.running:  # noqa: ASYNC110 (its thread looks up a few times a second)
                await asyncio.sleep(0.001)

    run(play())


def test_tail_is_refused_to_others_for_unknown_topics_and_beyond_its_bound(tmp_path: Path) -> None:
    """PERMISSION_DENIED, 7101 and RESOURCE_EXHAUSTED; cancelled ones make room."""

    async def play() -> None:
        async with tailed(tmp_path) as (tails, _, stub):
            request = TailEventsRequest(topic=HOT, start=TailStart.NEWEST)
            tenant = Metadata("test", "7", "trader", "e30=")
            async with stub.stream(TAIL_EVENTS, request, metadata=tenant) as batches:
                with pytest.raises(RpcError, match="PERMISSION_DENIED: only the operator"):
                    await anext(batches)
            async with tail(stub, TailEventsRequest(topic="test.no.topic.v1")) as batches:
                with pytest.raises(RpcError, match="FAILED_PRECONDITION: 7101 UNKNOWN_TOPIC"):
                    await anext(batches)
            streams = [tail(stub, request) for _ in range(TAILS_MAX)]
            for stream in streams:
                await stream.__aenter__()
            async with tail(stub, request) as batches:
                with pytest.raises(RpcError, match=f"RESOURCE_EXHAUSTED: {TAILS_MAX} tails are under way"):
                    await anext(batches)
            for stream in streams:
                await stream.__aexit__()
            while tails.running:  # noqa: ASYNC110 (its thread looks up a few times a second)
                await asyncio.sleep(0.001)
            oldest = TailEventsRequest(topic=HOT, start=TailStart.OLDEST)
            async with tail(stub, oldest) as batches:
                assert (await anext(batches)).offset == 0

    run(play())
