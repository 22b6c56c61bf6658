"""The gateway's streams: books, trades, prices, own orders and money as they change, and orders sent there.

async with StreamClient("http://127.0.0.1:8080", hmac_key("gk-b81581c0e74b778c", secret)) as stream:
    await stream.subscribe("book", "trades", symbols=["BTC-USD"])
    async for event in stream:
        match event:
            case BookEvent(book=book):
                print(book.best)

It connects again by itself, takes up where it was, and says so. `WaitingStreamClient` is for who has no event
loop.
"""

from exchange.client.rest.closing import Close
from exchange.client.stream.book import BookLevel, StreamBook
from exchange.client.stream.client import StreamClient
from exchange.client.stream.closing import StreamEnded
from exchange.client.stream.connection import StreamOptions
from exchange.client.stream.events import (
    BalancesEvent,
    BookEvent,
    CandleEvent,
    ConnectedEvent,
    Event,
    ExecutionsEvent,
    LaggedEvent,
    MarkEvent,
    OrdersEvent,
    PositionsEvent,
    SubscriptionLostEvent,
    TickerEvent,
    TradesEvent,
)
from exchange.client.stream.waiting import WaitingStreamClient

__all__ = [
    "BalancesEvent",
    "BookEvent",
    "BookLevel",
    "CandleEvent",
    "Close",
    "ConnectedEvent",
    "Event",
    "ExecutionsEvent",
    "LaggedEvent",
    "MarkEvent",
    "OrdersEvent",
    "PositionsEvent",
    "StreamBook",
    "StreamClient",
    "StreamEnded",
    "StreamOptions",
    "SubscriptionLostEvent",
    "TickerEvent",
    "TradesEvent",
    "WaitingStreamClient",
]
