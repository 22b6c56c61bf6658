"""Trades, candles and tickers, a page at a time. Everybody who may look at the market sees the same."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Select, func, or_, select

from exchange.domain.enums import Side
from exchange.domain.intervals import DAY_NS, HOUR_NS, INTERVALS, MINUTE_NS
from exchange.domain.queries import (
    MarketCandleRow,
    MarketCandlesReply,
    MarketCandlesRequest,
    MarketTickerRow,
    MarketTickersReply,
    MarketTickersRequest,
    MarketTradeRow,
    MarketTradesReply,
    MarketTradesRequest,
)
from exchange.errors import RpcError, RpcStatus
from exchange.runtime.caller import Caller, page
from exchange.services.marketdata.tables import CANDLES, LASTS, PROGRESS, TRADES
from exchange.storage.sql import Transaction

_MOST: Final = 1_000
_MOST_TICKERS: Final = 200
_INT64_MAX: Final = (1 << 63) - 1
_LOW: Final = (1 << 32) - 1


def trades(tx: Transaction, request: MarketTradesRequest, _: Caller) -> MarketTradesReply:
    """Trades of a span of time, of one instrument or all."""
    key, wanted = TRADES.c.trade_id, []
    if request.after > _INT64_MAX:
        raise _invalid(f"there is no page after {request.after}")
    if request.instrument_id:
        wanted.append(TRADES.c.instrument_id == request.instrument_id)
    if request.from_ns:
        wanted.append(key >= _first_at(request.from_ns))
    if request.to_ns:
        wanted.append(key < func.coalesce(_first_at(request.to_ns), _INT64_MAX))
    if request.after:
        wanted.append(key > request.after if request.oldest_first else key < request.after)
    limit = page(request.limit, _MOST)
    asked = select(TRADES).where(*wanted).order_by(key if request.oldest_first else key.desc())
    found = tx.execute(asked.limit(limit + 1)).all()
    settled = int(tx.execute(select(PROGRESS.c.settled)).scalar_one())
    return MarketTradesReply(
        sequence=_sequence(tx),
        trades=tuple(trade_of(row, settled) for row in found[:limit]),
        more=len(found) > limit,
    )


def candles(
    tx: Transaction, request: MarketCandlesRequest, _: Caller, complete_ns: int | None = None
) -> MarketCandlesReply:
    """Candles from the first trade to now, without a gap: one without a trade carries the close before it.

    Until `complete_ns` (None: now) all trades were taken: behind it, and the last one, nothing is made up.
    """
    of, interval = request.instrument_id, request.interval_ns
    if interval not in INTERVALS.values():
        raise _invalid(f"there are no candles of {interval} ns: expected one of {', '.join(INTERVALS)}")
    limit = page(request.limit, _MOST)
    now = time.time_ns()
    complete = now if complete_ns is None else min(complete_ns, now)
    latest = max(complete, last_at(tx) + 1)  # what was taken is there, whatever the clock says
    until = min(request.to_ns or latest, latest)
    mine = (CANDLES.c.instrument_id == of, CANDLES.c.interval_ns == interval)
    first = tx.execute(select(func.min(CANDLES.c.start_ns)).where(*mine)).scalar()
    if first is None:
        return MarketCandlesReply(sequence=_sequence(tx))
    begin = max(int(first), -(-request.from_ns // interval) * interval)
    if begin >= until:
        return MarketCandlesReply(sequence=_sequence(tx))
    end = min(begin + limit * interval, until)
    before = select(CANDLES.c.close_price).where(*mine, CANDLES.c.start_ns < begin)
    close = tx.execute(before.order_by(CANDLES.c.start_ns.desc()).limit(1)).scalar()
    span = (CANDLES.c.start_ns >= begin, CANDLES.c.start_ns < end)
    there = {row.start_ns: row for row in tx.execute(select(CANDLES).where(*mine, *span))}
    found: list[MarketCandleRow] = []
    for start in range(begin, end, interval):
        if (row := there.get(start)) is not None:
            close = row.close_price
            found.append(candle_of(row))
        else:
            at = int(close or 0)
            found.append(
                MarketCandleRow(start_ns=start, open_price=at, high_price=at, low_price=at, close_price=at)
            )
    return MarketCandlesReply(sequence=_sequence(tx), candles=tuple(found), more=end < until)


def tickers(tx: Transaction, request: MarketTickersRequest, _: Caller) -> MarketTickersReply:
    """The 1,440 minutes that end with the current one, of instruments that were traded before their end."""
    minute = (request.at_ns or time.time_ns()) // MINUTE_NS * MINUTE_NS
    begin, end = minute + MINUTE_NS - DAY_NS, minute + MINUTE_NS
    limit = page(request.limit, _MOST_TICKERS)
    wanted = [LASTS.c.instrument_id > request.after]
    if request.instrument_id:
        wanted.append(LASTS.c.instrument_id == request.instrument_id)
    some = tx.execute(
        select(LASTS.c.instrument_id).where(*wanted).order_by(LASTS.c.instrument_id).limit(limit + 1)
    )
    instruments = [int(each) for each in some.scalars()]
    lasts = {each: last for each in instruments[:limit] if (last := _last(tx, each, end)) is not None}
    folded = _folded(tx, sorted(lasts), begin, end)
    found = tuple(_ticker(lasts[each], folded.get(each, []), begin, end) for each in sorted(lasts))
    return MarketTickersReply(sequence=_sequence(tx), tickers=found, more=len(instruments) > limit)


def taken_to(tx: Transaction) -> int:
    """The last trade that was taken."""
    return int(tx.execute(select(PROGRESS.c.trade_id)).scalar_one())


def last_at(tx: Transaction) -> int:
    """When the last trade was that was taken; 0 where there is none."""
    return int(tx.execute(select(func.max(TRADES.c.timestamp))).scalar() or 0)


def last_trades(tx: Transaction) -> dict[int, MarketTradeRow]:
    """The last trade of every instrument that was traded."""
    joined = select(TRADES).join(LASTS, LASTS.c.trade_id == TRADES.c.trade_id)
    return {row.instrument_id: trade_of(row) for row in tx.execute(joined)}


def trade_of(row: Sequence[int], settled_to: int = 0) -> MarketTradeRow:
    """A row of trades, as the table has its columns; up to which trade a service has settled them."""
    trade_id, instrument_id, price, qty, taker_side, auction, timestamp, sequence, unposted = row
    return MarketTradeRow(
        trade_id=trade_id,
        instrument_id=instrument_id,
        price=price,
        qty=qty,
        taker_side=_side(taker_side),
        auction=bool(auction),
        timestamp=timestamp,
        sequence=sequence,
        settled=not unposted or trade_id <= settled_to,
    )


def candle_of(row: Any) -> MarketCandleRow:
    """A row of candles."""
    quote = _sum([row], "quote_volume")
    return MarketCandleRow(
        start_ns=row.start_ns,
        open_price=row.open_price,
        high_price=row.high_price,
        low_price=row.low_price,
        close_price=row.close_price,
        volume=_fitting(_sum([row], "volume")),
        quote_volume_high=quote >> 32,
        quote_volume_low=quote & _LOW,
        trades=row.trades,
    )


def _last(tx: Transaction, instrument_id: int, end: int) -> Any:
    """The last trade before an end, as a row; None where there is none."""
    before = func.coalesce(_first_at(end), _INT64_MAX)
    asked = select(TRADES).where(TRADES.c.instrument_id == instrument_id, TRADES.c.trade_id < before)
    return tx.execute(asked.order_by(TRADES.c.trade_id.desc()).limit(1)).one_or_none()


def _folded(tx: Transaction, instruments: list[int], begin: int, end: int) -> dict[int, list[Any]]:
    """The candles of a span of whole minutes, by instrument, in order: hours, and minutes at both ends."""
    hours, last_hour = -(-begin // HOUR_NS) * HOUR_NS, end // HOUR_NS * HOUR_NS
    c, found = CANDLES.c, dict[int, list[Any]]()
    spans = or_(
        (c.interval_ns == HOUR_NS) & (c.start_ns >= hours) & (c.start_ns < last_hour),
        (c.interval_ns == MINUTE_NS) & (c.start_ns >= begin) & (c.start_ns < hours),
        (c.interval_ns == MINUTE_NS) & (c.start_ns >= last_hour) & (c.start_ns < end),
    )
    asked = select(CANDLES).where(c.instrument_id.in_(instruments), spans)
    for row in tx.execute(asked.order_by(c.instrument_id, c.start_ns)):
        found.setdefault(row.instrument_id, []).append(row)
    return found


def _ticker(last: Any, of: list[Any], begin: int, end: int) -> MarketTickerRow:
    quote = _sum(of, "quote_volume")
    return MarketTickerRow(
        instrument_id=last.instrument_id,
        from_ns=begin,
        to_ns=end,
        open_price=of[0].open_price if of else last.price,
        high_price=max((row.high_price for row in of), default=last.price),
        low_price=min((row.low_price for row in of), default=last.price),
        volume=_fitting(_sum(of, "volume")),
        quote_volume_high=quote >> 32,
        quote_volume_low=quote & _LOW,
        trades=sum(row.trades for row in of),
        last_price=last.price,
        last_qty=last.qty,
        last_side=_side(last.taker_side),
        last_trade_id=last.trade_id,
        last_at=last.timestamp,
    )


def _side(number: int) -> Side | None:
    return Side(number) if number in set(Side) else None


def _sum(rows: list[Any], name: str) -> int:
    return sum((getattr(row, f"{name}_high") << 32) + getattr(row, f"{name}_low") for row in rows)


def _fitting(lots: int) -> int:
    """A volume as a message has it."""
    if lots > _INT64_MAX:
        raise RpcError(RpcStatus.OUT_OF_RANGE, f"a volume of {lots} lots does not fit 64 bits")
    return lots


def _first_at(ns: int) -> Any:
    """The first trade at a time or later; null where there is none yet."""
    c = TRADES.c
    first: Select[Any] = select(c.trade_id).where(c.timestamp >= ns).order_by(c.timestamp, c.trade_id)
    return first.limit(1).scalar_subquery()


def _sequence(tx: Transaction) -> int:
    return int(tx.execute(select(PROGRESS.c.sequence)).scalar_one())


def _invalid(why: str) -> RpcError:
    return RpcError(RpcStatus.INVALID_ARGUMENT, why)
