"""What market data knows of instruments: those that there are when it is asked."""

from __future__ import annotations

import asyncio
import time
from typing import Any, cast

import pytest

from exchange.bus.rpc import RpcClient
from exchange.domain.queries import InstrumentRow, InstrumentsReply
from exchange.errors import RpcError
from exchange.schema.codec import encode_message
from exchange.services.marketdata.venue import Venue


class Replica:
    """Has instruments, and counts who asks for them."""

    def __init__(self) -> None:
        self.symbols = ["BTC-USD"]
        self.asked = 0

    async def call(self, *_: Any, **__: Any) -> bytes:
        """All of them."""
        self.asked += 1
        rows = (InstrumentRow(instrument_id=at, symbol=each) for at, each in enumerate(self.symbols, 7))
        return encode_message(InstrumentsReply(instruments=tuple(rows)))


def test_instrument_is_known_as_soon_as_it_is_there() -> None:
    """Although others were learned a moment ago; of symbols that nobody has many are asked for at once."""

    async def run() -> None:
        replica = Replica()
        venue = Venue(cast("RpcClient", replica))
        assert await venue.ids(["BTC-USD"]) == [7]
        replica.symbols.append("ETH-USD")
        assert await venue.ids(["ETH-USD", "BTC-USD"]) == [8, 7]
        assert (venue.symbol(8), replica.asked) == ("ETH-USD", 2)
        began = time.monotonic()
        answers = await asyncio.gather(*(venue.row(f"X{k}") for k in range(500)), return_exceptions=True)
        assert all(isinstance(each, RpcError) for each in answers)
        with pytest.raises(RpcError, match="no instrument 'X'"):
            await venue.row("X")
        assert replica.asked <= 2 + (time.monotonic() - began) / 0.2

    asyncio.run(run())
