"""What everybody may see: instruments, books, trades, candles, tickers, and how the exchange is."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

from exchange.client.market import MarketRequests
from exchange.client.market_records import ticker_record
from exchange.client.rest import models as m
from exchange.domain import queries as q
from exchange.domain.enums import RejectCode
from exchange.errors import GatewayFault
from exchange.services.gateway.calls import Answer, Call
from exchange.services.gateway.known import decimal, decimal_or_none, instant, position
from exchange.services.gateway.past import asking
from exchange.services.gateway.refusal import Refusal
from exchange.services.gateway.told import candle_of_row, trade_of_row, word


async def server_time(_call: Call) -> Answer:
    """GET /v1/time."""
    now_ns = time.time_ns()
    return Answer(m.ServerTime(time=instant(now_ns), time_ms=now_ns // 1_000_000))


async def status(call: Call) -> Answer:
    """GET /v1/status."""
    reply = await call.exchange.upstream.ask(asking(q.StatusRequest(), q.StatusReply))
    stopped = reply.read_only or reply.killed
    return Answer(
        m.Status(
            status="halted" if stopped else "degraded" if reply.stage_away else "up",
            version=reply.version,
            epoch=str(reply.epoch),
            sequence=str(reply.sequence),
            durability=word(reply.durability),
            read_only=reply.read_only,
            killed=reply.killed,
            live_orders=reply.live_orders,
            journal_time=instant(reply.ts_ns),
        )
    )


async def instruments(call: Call) -> Answer:
    """GET /v1/instruments."""
    reply = await call.exchange.upstream.ask(asking(q.InstrumentsRequest(), q.InstrumentsReply))
    symbols = {row.asset: row.symbol for row in reply.assets}
    return Answer(
        m.Instruments(
            instruments=[_instrument(row, symbols) for row in reply.instruments],
            assets=[m.Asset(symbol=row.symbol, asset_id=row.asset, scale=row.scale) for row in reply.assets],
            sequence=str(reply.sequence),
        )
    )


def _instrument(row: q.InstrumentRow, symbols: dict[int, str]) -> m.Instrument:
    price, qty = row.price_scale, row.qty_scale
    return m.Instrument(
        symbol=row.symbol,
        instrument_id=row.instrument_id,
        kind=word(row.instrument_kind),
        base=symbols.get(row.base, ""),
        quote=symbols.get(row.quote, ""),
        phase=word(row.phase),
        price_scale=price,
        qty_scale=qty,
        tick_size=decimal(row.tick_step, price),
        lot_size=decimal(row.lot_step, qty),
        min_price=decimal(row.min_price, price),
        max_price=decimal(row.max_price, price),
        max_qty=decimal(row.max_qty, qty),
        maker_rate=row.maker_rate,
        taker_rate=row.taker_rate,
        fee_mode=word(row.fee_mode),
        mark_price=decimal_or_none(row.mark, price),
        reference_price=decimal_or_none(row.reference, price),
        last_price=decimal_or_none(row.last, price),
    )


async def book(call: Call) -> Answer:
    """GET /v1/instruments/{symbol}/book."""
    return await _book_by_price(call, call.path["symbol"], call.query.depth)


async def orderbook(call: Call) -> Answer:
    """GET /api/v1/market-data/orderbooks."""
    return await _book_by_price(call, call.query.symbol, call.query.depth)


async def _book_by_price(call: Call, symbol: str, depth: int) -> Answer:
    instrument = await call.instrument(symbol)
    request = q.BookLevelsRequest(instrument_id=instrument.instrument_id, depth=depth)
    reply = await call.exchange.upstream.ask(asking(request, q.BookLevelsReply))
    price, qty = instrument.price_scale, instrument.qty_scale

    def levels(rows: tuple[q.LevelRow, ...]) -> list[m.Level]:
        return [
            m.Level(price=decimal(row.price, price), qty=decimal(row.qty, qty), orders=row.count)
            for row in rows
        ]

    return Answer(
        m.Book(
            symbol=instrument.symbol,
            bids=levels(reply.bids),
            asks=levels(reply.asks),
            sequence=str(reply.sequence),
            timestamp=instant(reply.ts_ns),
        )
    )


async def book_by_order(call: Call) -> Answer:
    """GET /v1/instruments/{symbol}/book/orders."""
    instrument = await call.instrument(call.path["symbol"])
    request = q.BookOrdersRequest(instrument_id=instrument.instrument_id, limit=call.query.depth)
    reply = await call.exchange.upstream.ask(asking(request, q.BookOrdersReply))
    price, qty = instrument.price_scale, instrument.qty_scale

    def orders(rows: tuple[q.BookOrderRow, ...]) -> list[m.BookOrder]:
        return [
            m.BookOrder(
                order_id=str(row.order_id), price=decimal(row.price, price), qty=decimal(row.qty, qty)
            )
            for row in rows
        ]

    return Answer(
        m.BookOfOrders(
            symbol=instrument.symbol,
            bids=orders(reply.bids),
            asks=orders(reply.asks),
            sequence=str(reply.sequence),
            timestamp=instant(reply.ts_ns),
        )
    )


async def quote(call: Call) -> Answer:
    """GET /api/v1/market-data/quotes."""
    instrument = await call.instrument(call.query.symbol)
    request = q.BookTopRequest(instrument_id=instrument.instrument_id)
    reply = await call.exchange.upstream.ask(asking(request, q.BookTopReply))
    price, qty = instrument.price_scale, instrument.qty_scale
    bid, ask = reply.bid, reply.ask
    return Answer(
        m.Quote(
            symbol=instrument.symbol,
            bid_price=None if bid is None else decimal(bid.price, price),
            bid_qty=None if bid is None else decimal(bid.qty, qty),
            ask_price=None if ask is None else decimal(ask.price, price),
            ask_qty=None if ask is None else decimal(ask.qty, qty),
            last_price=decimal_or_none(reply.last, price),
            phase=word(reply.phase),
            sequence=str(reply.sequence),
            timestamp=instant(reply.ts_ns),
        )
    )


def _market_data(call: Call) -> MarketRequests:
    """What makes questions to market data.

    Raises:
        Refusal: NOT_ENABLED.
    """
    if not call.exchange.keeps.market_data:
        raise Refusal(GatewayFault.NOT_ENABLED, "this exchange keeps no market data: market_data.enabled")
    return MarketRequests(call.exchange.known.directory)


async def trades(call: Call) -> Answer:
    """GET /v1/instruments/{symbol}/trades."""
    query: m.TradesQuery = call.query
    _market_data(call)
    instrument = await call.instrument(call.path["symbol"])
    request = q.MarketTradesRequest(
        instrument_id=instrument.instrument_id,
        from_ns=query.from_ns,
        to_ns=query.to_ns,
        oldest_first=query.oldest_first,
        after=position("cursor", query.cursor),
        limit=query.limit,
    )
    reply = await call.exchange.upstream.ask(asking(request, q.MarketTradesReply, 0))
    found = [trade_of_row(row, instrument) for row in reply.trades]
    cursor = found[-1].trade_id if reply.more and found else None
    return Answer(m.Trades(trades=found, next_cursor=cursor))


async def candles(call: Call) -> Answer:
    """GET /v1/instruments/{symbol}/candles."""
    query: m.CandlesQuery = call.query
    requests = _market_data(call)
    instrument = await call.instrument(call.path["symbol"])
    asked = requests.candles(
        instrument.instrument_id,
        query.interval,
        from_ns=query.from_ns,
        to_ns=query.to_ns,
        most=query.limit,
    )
    found = [candle_of_row(row, instrument) for row in await call.exchange.upstream.ask(asked)]
    return Answer(m.Candles(symbol=instrument.symbol, interval=query.interval, candles=found))


async def ticker(call: Call) -> Answer:
    """GET /v1/instruments/{symbol}/ticker."""
    requests = _market_data(call)
    instrument = await call.instrument(call.path["symbol"])
    row = await call.exchange.upstream.ask(requests.ticker(instrument.instrument_id))
    if row is None:
        raise Refusal(
            RejectCode.UNKNOWN_INSTRUMENT,
            f"{instrument.symbol} was never traded, so it has no ticker",
            {"symbol": instrument.symbol},
        )
    return Answer(await _ticker(call, row))


async def tickers(call: Call) -> Answer:
    """GET /v1/tickers."""
    rows = await call.exchange.upstream.ask(_market_data(call).tickers())
    return Answer(m.Tickers(tickers=[await _ticker(call, row) for row in rows]))


async def tickers_page(call: Call) -> Answer:
    """GET /v2/tickers."""
    query: m.TickersQuery = call.query
    after = position("cursor", query.cursor)
    rows = await call.exchange.upstream.ask(_market_data(call).tickers())
    left = sorted((row for row in rows if row.instrument_id > after), key=lambda row: row.instrument_id)
    page = left[: query.limit]
    cursor = str(page[-1].instrument_id) if len(left) > len(page) else None
    return Answer(m.TickersPage(tickers=[await _ticker(call, row) for row in page], next_cursor=cursor))


async def _ticker(call: Call, row: q.MarketTickerRow) -> m.Ticker:
    instrument = await call.exchange.known.by_id(row.instrument_id)
    record: dict[str, Any] = {
        name: plain(value) for name, value in ticker_record(row, call.exchange.known.directory).items()
    }
    names = set(m.Ticker.__struct_fields__) - {"trades", "last_at", "symbol"}
    return m.Ticker(
        symbol=instrument.symbol,
        last_at=instant(row.last_at),
        trades=row.trades,
        **{name: record[name] for name in names},
    )


def plain(value: object) -> str | None:
    """A field of a record as it is told: decimals without exponent, as small ones would have in Python."""
    if value is None:
        return None
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
