"""The table of services, and its methods called by typed stubs over each way."""

from __future__ import annotations

import asyncio
import dataclasses
import types
import typing
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from exchange.bus.rpc import (
    Call,
    Stub,
    serve_bidirectional,
    serve_client_stream,
    serve_server_stream,
    serve_unary,
)
from exchange.domain.contracts import (
    GET_LIMITS,
    GET_SNAPSHOT,
    SERVICES,
    STREAM_QUOTES,
    STREAM_TICKS,
    WATCH_RFQ,
)
from exchange.domain.contracts.admin import GetLimitsRequest
from exchange.domain.contracts.marketdata import (
    GetSnapshotReply,
    GetSnapshotRequest,
    MarketTick,
    StreamTicksRequest,
)
from exchange.domain.contracts.rfq import ProviderNotice, ProviderQuote, RfqQuote, WatchRfqRequest
from exchange.domain.enums import QuoteAction, QuoteNotice
from exchange.domain.method import ClientStreaming
from exchange.errors import RpcError, WireError
from exchange.schema.description import ROOT
from tests.exchange.rpc_world import METADATA, WAYS, run, service

over_each_way = pytest.mark.parametrize("way", WAYS)


@pytest.mark.req("E014", "E016", "E018", "E019", "E020")
def test_services_of_document_004_have_its_counts_and_its_streams() -> None:
    """Three, six, two, three and six methods, in the schema of their name; ours beside them."""
    table = {each.name: [method.name for method in each.methods] for each in SERVICES}
    ours = table.pop("EventLogService")
    assert ours == ["TailEvents"]
    assert table.pop("Operator") == [
        *("OpenAccount", "SetFees", "SetKillSwitch", "UpsertFeeSchedule", "ListFeeSchedules"),
        *("UpsertProvider", "ListProviders", "Explain"),
    ]
    assert table.pop("BookService") == ["GetOrderBook", "StreamOrderBook"]
    assert len(table.pop("IdentityService")) == 15
    assert table.pop("PriceService") == ["GetMarkPrice"]
    assert table.pop("TickService") == ["StreamTickRuns"]
    assert table == {
        "MarketDataService": ["GetSnapshot", "GetHistory", "StreamTicks"],
        "RFQService": ["CreateRFQ", "GetRFQ", "AcceptQuote", "CancelRFQ", "StreamQuotes", "WatchRFQ"],
        "ExecutionService": ["ExecuteTrade", "GetTrade"],
        "PostTradeService": ["GetSettlement", "ListSettlements", "UpdateSettlementStatus"],
        "AdminService": [
            *("UpsertInstrument", "ListInstruments", "UpsertTenant", "ListTenants", "SetLimits", "GetLimits"),
        ],
    }
    streams = {
        method.name: method.streaming.name for each in SERVICES for method in each.methods if method.streaming
    }
    assert streams == {
        "StreamTicks": "SERVER",
        "StreamTickRuns": "SERVER",
        "WatchRFQ": "SERVER",
        "StreamQuotes": "BIDIRECTIONAL",
        "StreamOrderBook": "SERVER",
        "TailEvents": "SERVER",
    }
    for each in SERVICES:
        text = (ROOT / each.schema).read_text(encoding="utf-8")
        for method in each.methods:
            assert method.path == f"{each.name}.{method.name}"
            assert f"struct {method.request.__name__} @0x" in text
            assert f"struct {method.reply.__name__} @0x" in text


def test_messages_of_services_are_frozen_all_the_way_down() -> None:
    """So one that is handed over within a process cannot be changed by either side."""
    seen: set[type[Any]] = set()

    def look(kind: Any) -> None:
        if parts := typing.get_args(kind):
            assert typing.get_origin(kind) in {tuple, types.UnionType}
            for part in parts:
                look(part)
        elif not dataclasses.is_dataclass(kind):
            assert kind in {str, bytes, type(None), ...} or issubclass(kind, int), kind
        elif kind not in seen:
            seen.add(typing.cast("type[Any]", kind))
            assert kind.__dataclass_params__.frozen  # type: ignore[union-attr]
            for hint in typing.get_type_hints(kind).values():
                look(hint)

    for each in SERVICES:
        for method in each.methods:
            look(method.request)
            look(method.reply)
    assert RfqQuote in seen


@pytest.mark.req("E010")
@over_each_way
def test_typed_stub_asks_and_streams(way: str, tmp_path: Path) -> None:
    """Every kind of call; within a process the very message that was sent arrives."""
    sent: list[object] = []
    got: list[object] = []
    UPLOAD = ClientStreaming("TestService", "Upload", MarketTick, GetSnapshotReply)  # noqa: N806

    async def snapshot(request: GetSnapshotRequest, _: Call) -> GetSnapshotReply:
        got.append(request)
        reply = GetSnapshotReply(
            ticks=tuple(MarketTick(symbol=name, bid_price=5) for name in request.symbols)
        )
        sent.append(reply)
        return reply

    async def ticks(request: StreamTicksRequest, _: Call) -> AsyncGenerator[MarketTick, None]:
        for number in range(3):
            for symbol in request.symbols:
                yield MarketTick(symbol=symbol, sequence=number)

    async def upload(requests: AsyncIterator[MarketTick], _: Call) -> GetSnapshotReply:
        return GetSnapshotReply(ticks=tuple([tick async for tick in requests]))

    async def quotes(requests: AsyncIterator[ProviderQuote], _: Call) -> AsyncGenerator[ProviderNotice, None]:
        async for request in requests:
            assert request.quote is not None
            yield ProviderNotice(notice=QuoteNotice.REFUSED, quote_id=request.quote.quote_id)

    handlers = (
        serve_unary(GET_SNAPSHOT, snapshot)
        | serve_server_stream(STREAM_TICKS, ticks)
        | serve_client_stream(UPLOAD, upload)
        | serve_bidirectional(STREAM_QUOTES, quotes)
    )

    async def play() -> None:
        async with service(way, tmp_path, handlers) as client:
            stub = Stub(client)
            request = GetSnapshotRequest(symbols=("EUR/USD", "GBP/USD"))
            reply = await stub.ask(GET_SNAPSHOT, request, metadata=METADATA)
            assert reply.ticks[1] == MarketTick(symbol="GBP/USD", bid_price=5)
            assert (reply is sent[0], got[0] is request) == ((way == "local"),) * 2
            wanted = StreamTicksRequest(symbols=("EUR/USD", "GBP/USD"))
            async with stub.stream(STREAM_TICKS, wanted, metadata=METADATA) as stream:
                found = [(tick.symbol, tick.sequence) async for tick in stream]
            assert found == [(name, number) for number in range(3) for name in wanted.symbols]
            async with stub.stream(UPLOAD, metadata=METADATA) as sending:
                await sending.send(MarketTick(symbol="A"))
                assert await sending.result() == GetSnapshotReply(ticks=(MarketTick(symbol="A"),))
            async with stub.stream(STREAM_QUOTES, metadata=METADATA) as both:
                quote = ProviderQuote(action=QuoteAction.QUOTE, quote=RfqQuote(quote_id="q1"))
                await both.send(quote)
                assert await anext(both) == ProviderNotice(notice=QuoteNotice.REFUSED, quote_id="q1")
                await both.half_close()
                assert [notice async for notice in both] == []

    run(play())


@over_each_way
def test_method_that_nobody_serves_is_unimplemented_and_bad_bytes_are_refused(
    way: str, tmp_path: Path
) -> None:
    """The table promises nothing; a request of other bytes gets INVALID_ARGUMENT."""

    async def watch(_: WatchRfqRequest, __: Call) -> AsyncGenerator[Any, None]:
        await asyncio.Event().wait()
        yield None

    async def play() -> None:
        async with service(way, tmp_path, serve_server_stream(WATCH_RFQ, watch)) as client:
            stub = Stub(client)
            with pytest.raises(RpcError, match=r"UNIMPLEMENTED: there is no method AdminService\.GetLimits"):
                await stub.ask(GET_LIMITS, GetLimitsRequest(), metadata=METADATA)
            stream = client.stream(WATCH_RFQ.path, WATCH_RFQ.streaming, b"junk", metadata=METADATA)
            async with stream:
                with pytest.raises(RpcError, match="INVALID_ARGUMENT"):
                    await anext(stream)
            with pytest.raises((RpcError, WireError)):
                await stub.ask(GET_SNAPSHOT, GetSnapshotRequest(symbols=("\ud800",)), metadata=METADATA)

    run(play())
