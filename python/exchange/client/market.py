"""Questions to market data: candles, tickers, trades; and ticks and books as they come."""

from __future__ import annotations

import time
from dataclasses import replace

from exchange.client.book_stream import AsyncBookStream, BookStream
from exchange.client.instruments import Directory
from exchange.client.questions import Asker, Query, checked, pages, seeing
from exchange.client.requests import number_of
from exchange.client.subscriptions import Subscription
from exchange.client.tick_stream import AsyncTickStream, TickStream
from exchange.domain import queries as q
from exchange.domain.contracts import GET_MARK_PRICE, STREAM_ORDER_BOOK, STREAM_TICK_RUNS
from exchange.domain.contracts.marketdata import (
    GetMarkPriceRequest,
    MarkPrice,
    StreamOrderBookRequest,
    StreamTicksRequest,
)
from exchange.domain.enums import BookView
from exchange.domain.intervals import INTERVALS


class MarketRequests:
    """Makes questions to market data; nothing is sent. Prices are ticks, quantities lots, times ns.

    A reply with `min_seq` has seen that command, which has to be one that made a trade.

    Args:
        directory: Converts symbols.
    """

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def candles(
        self,
        instrument: int | str,
        interval: str = "1m",
        *,
        from_ns: int = 0,
        to_ns: int = 0,
        most: int | None = 100,
        min_seq: int = 0,
    ) -> Query[tuple[q.MarketCandleRow, ...]]:
        """Candles of an instrument, oldest first, none left out since its first trade.

        Args:
            instrument: Its id or symbol.
            interval: 1s, 1m, 5m, 15m, 1h, 4h or 1d.
            from_ns: That start then or later, ns; 0: the last `most` of them.
            to_ns: That start before then, ns; 0 is now, and so is what is to come.
            most: How many at most; None is all.
            min_seq: The journal sequence that the reply must have seen; 0 takes what is there.

        Raises:
            ValueError: There is no such interval.
        """
        if interval not in INTERVALS:
            raise ValueError(f"there are no candles of {interval!r}: expected one of {', '.join(INTERVALS)}")
        every = INTERVALS[interval]
        if not from_ns and most is not None:
            now = time.time_ns()
            from_ns = max(min(to_ns or now, now) - most * every, 0)
        request = q.MarketCandlesRequest(
            instrument_id=self._directory.instrument_id(instrument),
            interval_ns=every,
            from_ns=from_ns,
            to_ns=to_ns,
            limit=most or 0,
        )

        async def run(asker: Asker, timeout_ms: int | None) -> tuple[q.MarketCandleRow, ...]:
            found: list[q.MarketCandleRow] = []
            asked = request
            while True:
                answer = await asker.ask(seeing(asked, asker, min_seq), timeout_ms)
                reply = checked(q.MarketCandlesReply, answer)
                found.extend(reply.candles)
                if not reply.more or (most is not None and len(found) >= most):
                    return tuple(found[:most])
                asked = replace(asked, from_ns=found[-1].start_ns + every)

        return Query(run)

    def ticker(
        self, instrument: int | str, *, at_ns: int = 0, min_seq: int = 0
    ) -> Query[q.MarketTickerRow | None]:
        """What an instrument did in 24 hours; None where it was never traded.

        Args:
            instrument: Its id or symbol.
            at_ns: In the 24 hours that end with that minute, ns; 0 is now.
            min_seq: As of `candles`.
        """
        request = q.MarketTickersRequest(
            instrument_id=self._directory.instrument_id(instrument), at_ns=at_ns, limit=1
        )

        async def run(asker: Asker, timeout_ms: int | None) -> q.MarketTickerRow | None:
            answer = await asker.ask(seeing(request, asker, min_seq), timeout_ms)
            rows = checked(q.MarketTickersReply, answer).tickers
            return rows[0] if rows else None

        return Query(run)

    def tickers(self, *, at_ns: int = 0, min_seq: int = 0) -> Query[tuple[q.MarketTickerRow, ...]]:
        """Those of all instruments that were ever traded, by id; see `ticker`."""
        request = q.MarketTickersRequest(at_ns=at_ns)
        return pages(
            request, q.MarketTickersReply, lambda reply: reply.tickers, lambda row: row.instrument_id, min_seq
        )

    def trades(
        self,
        instrument: int | str = 0,
        *,
        from_ns: int = 0,
        to_ns: int = 0,
        oldest_first: bool = False,
        after: int = 0,
        most: int | None = 100,
        min_seq: int = 0,
    ) -> Query[tuple[q.MarketTradeRow, ...]]:
        """Every trade, as everybody may see it, the newest first.

        Args:
            instrument: Its id or symbol; 0 is all.
            from_ns: At that journaled time or later, ns.
            to_ns: Before that, ns; 0 is now.
            oldest_first: The other way round.
            after: The `trade_id` of the last row that is known already.
            most: How many at most; None is all.
            min_seq: As of `candles`.
        """
        request = q.MarketTradesRequest(
            instrument_id=self._directory.instrument_id(instrument),
            from_ns=from_ns,
            to_ns=to_ns,
            oldest_first=oldest_first,
            after=after,
            limit=most or 0,
        )
        return pages(
            request, q.MarketTradesReply, lambda reply: reply.trades, lambda row: row.trade_id, min_seq, most
        )

    def mark_price(self, instrument: int | str) -> Query[MarkPrice]:
        """What an instrument is worth: index, mark, and what each source of it says.

        Args:
            instrument: Its symbol, or an id that is known here.

        Raises:
            LookupError: An id is not known here.
        """
        request = GetMarkPriceRequest(symbol=self._symbol(instrument))

        async def run(asker: Asker, timeout_ms: int | None) -> MarkPrice:
            return await asker.call(GET_MARK_PRICE, request, timeout_ms)

        return Query(run)

    def ticks(
        self, *instruments: int | str, interval_ms: int = 0
    ) -> Subscription[AsyncTickStream, TickStream]:
        """What instruments show, now and on.

        Args:
            instruments: Their symbols, or ids that are known here.
            interval_ms: Between two ticks of an instrument, the newest of those that came; 0: all of them.

        Raises:
            LookupError: An id is not known here.
        """
        request = StreamTicksRequest(
            symbols=tuple(map(self._symbol, instruments)), interval_ms_min=interval_ms
        )
        return Subscription(
            lambda streamer: AsyncTickStream(streamer.stream(STREAM_TICK_RUNS, request)), TickStream
        )

    def order_book(
        self, instrument: int | str, *, view: BookView | str = BookView.LEVELS
    ) -> Subscription[AsyncBookStream, BookStream]:
        """A book as it is, and every change of it.

        Args:
            instrument: Its symbol, or an id that is known here.
            view: `levels` (L2), or `orders` (L3).

        Raises:
            LookupError: An id is not known here.
            ValueError: There is no such view.
        """
        shown = BookView(number_of(BookView, view, "view"))
        request = StreamOrderBookRequest(symbol=self._symbol(instrument), view=shown)
        return Subscription(
            lambda streamer: AsyncBookStream(lambda: streamer.stream(STREAM_ORDER_BOOK, request), shown),
            BookStream,
        )

    def _symbol(self, instrument: int | str) -> str:
        return instrument if isinstance(instrument, str) else self._directory.instrument(instrument).symbol
