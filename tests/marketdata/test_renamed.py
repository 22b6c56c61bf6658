"""A symbol that an instrument has no longer is nobody's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from cmatch._core import JournalReader
from cmatch._core import Venue as Engine
from exchange.bus.rpc import RpcClient
from exchange.domain.queries import InstrumentRow, InstrumentsReply, InstrumentsRequest
from exchange.errors import RpcError, ServiceUnavailableError
from exchange.runtime.service_host import JournalWay
from exchange.schema.codec import decode_message, encode_message
from exchange.services.marketdata.books import BookServer
from exchange.services.marketdata.mirrors import Mirrors
from exchange.services.marketdata.venue import Venue
from tests.exchange.journals import ALICE, MARKET, TENANT, Writer
from tests.marketdata.oracle import open_second_market


class Replica:
    """Has one instrument, as of a command; may be behind, or away."""

    def __init__(self) -> None:
        self.symbol = "BTC-USD"
        self.sequence = 1
        self.away = False
        self.asked = 0

    async def call(self, _: str, payload: bytes, **__: Any) -> bytes:
        """All instruments, if it has seen what the request wants to have been seen."""
        self.asked += 1
        wanted = decode_message(InstrumentsRequest, payload).min_seq
        if self.away or self.sequence < wanted:
            raise ServiceUnavailableError("it is away")
        rows = (InstrumentRow(instrument_id=7, symbol=self.symbol),)
        return encode_message(InstrumentsReply(sequence=self.sequence, instruments=rows))


async def gone(venue: Venue, symbol: str) -> None:
    """Waits until there is no such symbol."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            await venue.row(symbol)
        except RpcError:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{symbol} is still there")


def watched(test: Callable[[Replica, Venue, list[tuple[int, bytes] | None]], Awaitable[None]]) -> None:
    """With what the fold of the journal says as a list of one."""

    async def run() -> None:
        replica, said = Replica(), list[tuple[int, bytes] | None]([None])
        venue = Venue(cast("RpcClient", replica))
        watching = asyncio.create_task(venue.watch(lambda: said[0]))
        try:
            await test(replica, venue, said)
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching

    asyncio.run(run())


def test_renamed_instrument_is_known_by_its_new_symbol_alone() -> None:
    """Although the replica sees the change later, or is away meanwhile; nobody asks where nothing changed."""

    async def test(replica: Replica, venue: Venue, said: list[tuple[int, bytes] | None]) -> None:
        said[0] = (1, b"BTC-USD")
        assert (await venue.row("BTC-USD")).instrument_id == 7
        replica.away = True
        said[0] = (2, b"BTC-EUR")
        await asyncio.sleep(0.3)
        assert (
            await venue.row("BTC-USD")
        ).instrument_id == 7  # what is known answers while nobody can be asked
        replica.away, replica.symbol, replica.sequence = False, "BTC-EUR", 2
        await gone(venue, "BTC-USD")
        assert (await venue.row("BTC-EUR")).instrument_id == 7
        assert venue.symbol(7) == "BTC-EUR"
        asked = replica.asked
        await asyncio.sleep(0.6)
        assert replica.asked == asked

    watched(test)


def test_what_the_books_say_is_defined_is_another_with_each_definition(tmp_path: Path) -> None:
    """With a new symbol, and a new instrument; not with any other command."""
    writer = Writer(tmp_path / "journal")
    writer.open_market()
    engine = Engine()
    server = BookServer(cast("JournalWay", None), cast("Venue", SimpleNamespace()))
    assert server.defined() is None
    server._mirrors, server._follower = Mirrors(engine), cast("Any", object())

    def defined() -> bytes:
        for record in JournalReader(str(tmp_path / "journal"), int(engine.sequence) + 1):
            engine.apply_payload(record.payload)
        found = server.defined()
        assert found is not None
        assert found[0] == writer.sequence
        return found[1]

    first = defined()
    writer.write(writer.make.admin.deposit("USD", "1", account=ALICE), tenant=TENANT)
    assert defined() == first
    again = writer.make.admin.define_instrument(
        MARKET, "BTC-EUR", base="BTC", quote="USD", price_scale=2, qty_scale=4
    )
    writer.write(again, tenant=0)
    renamed = defined()
    open_second_market(writer)
    assert len({first, renamed, defined()}) == 3
    writer.close()
