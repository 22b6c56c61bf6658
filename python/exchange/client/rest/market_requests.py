"""Requests about the market and the exchange, which nobody has to sign."""

from __future__ import annotations

from typing import Any, Final

from exchange.client.rest import models as m
from exchange.client.rest.asks import Ask

_BOOK: Final = "/v1/instruments/{symbol}/book"


class MarketRequests:
    """Makes them."""

    def instruments(self) -> Ask[m.Instruments]:
        """Instruments and assets."""
        return Ask(method="GET", path="/v1/instruments", answers=m.Instruments, public=True)

    def book(self, symbol: str, *, depth: int = 10) -> Ask[m.Book]:
        """A book by price (L2), `depth` levels of each side; 0: all."""
        return _of_symbol(_BOOK, m.Book, symbol, m.BookQuery(depth=depth))

    def book_by_order(self, symbol: str, *, depth: int = 10) -> Ask[m.BookOfOrders]:
        """A book by order (L3), `depth` orders of each side; 0: all."""
        return _of_symbol(f"{_BOOK}/orders", m.BookOfOrders, symbol, m.BookQuery(depth=depth))

    def trades(
        self,
        symbol: str,
        *,
        from_ns: int = 0,
        to_ns: int = 0,
        oldest_first: bool = False,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Ask[m.Trades]:
        """A page of trades; needs market data. Times are ns since 1970."""
        query = m.TradesQuery(
            from_ns=from_ns, to_ns=to_ns, oldest_first=oldest_first, limit=limit, cursor=cursor
        )
        return _of_symbol("/v1/instruments/{symbol}/trades", m.Trades, symbol, query)

    def candles(
        self, symbol: str, interval: m.Interval = "1m", *, from_ns: int = 0, to_ns: int = 0, limit: int = 100
    ) -> Ask[m.Candles]:
        """Candles, oldest first; the last ones where no beginning is said. Needs market data."""
        query = m.CandlesQuery(interval=interval, from_ns=from_ns, to_ns=to_ns, limit=limit)
        return _of_symbol("/v1/instruments/{symbol}/candles", m.Candles, symbol, query)

    def ticker(self, symbol: str) -> Ask[m.Ticker]:
        """24 hours of a market; needs market data."""
        return _of_symbol("/v1/instruments/{symbol}/ticker", m.Ticker, symbol)

    def tickers(self, *, limit: int = 100, cursor: str | None = None) -> Ask[m.TickersPage]:
        """24 hours of markets, a page of them; needs market data."""
        query = m.TickersQuery(limit=limit, cursor=cursor)
        return Ask(method="GET", path="/v2/tickers", answers=m.TickersPage, query=query, public=True)

    def quote(self, symbol: str) -> Ask[m.Quote]:
        """The best of both sides."""
        path = "/api/v1/market-data/quotes"
        return Ask(method="GET", path=path, answers=m.Quote, query=m.OneSymbol(symbol=symbol), public=True)

    def orderbook(self, symbol: str, *, depth: int = 10) -> Ask[m.Book]:
        """A book by price, at the path of document 002."""
        query = m.OneSymbolBook(symbol=symbol, depth=depth)
        path = "/api/v1/market-data/orderbooks"
        return Ask(method="GET", path=path, answers=m.Book, query=query, public=True)

    def server_time(self) -> Ask[m.ServerTime]:
        """The gateway's time."""
        return Ask(method="GET", path="/v1/time", answers=m.ServerTime, public=True)

    def status(self) -> Ask[m.Status]:
        """How the exchange is."""
        return Ask(method="GET", path="/v1/status", answers=m.Status, public=True)


def _of_symbol(path: str, answers: Any, symbol: str, query: m.Asked | None = None) -> Ask[Any]:
    return Ask(method="GET", path=path, named={"symbol": symbol}, answers=answers, query=query, public=True)
