"""Rows of market data as everybody outside reads them; see `exchange.client.past`, which writes them, too."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from exchange.client.instruments import Directory
from exchange.client.past import EXACT, Record, decimal_of, scales_of, word_of
from exchange.domain.contracts.marketdata import MarkPrice
from exchange.domain.queries import MarketCandleRow, MarketTickerRow, MarketTradeRow

_PERCENT_PLACES: Final = Decimal("0.0001")
_MICRO_PLACES: Final = 6


def trade_record(row: MarketTradeRow, known: Directory) -> Record:
    """A trade; its time is ns since 1970."""
    symbol, price, qty = scales_of(row.instrument_id, known)
    return {
        "trade_id": row.trade_id,
        "instrument_id": row.instrument_id,
        "symbol": symbol,
        "timestamp": row.timestamp,
        "price": decimal_of(row.price, price),
        "qty": decimal_of(row.qty, qty),
        "taker_side": word_of(row.taker_side),
        "auction": row.auction,
        "sequence": row.sequence,
        "settled": row.settled,
    }


def candle_record(row: MarketCandleRow, instrument_id: int, interval: str, known: Directory) -> Record:
    """A candle of an instrument; `start` is ns since 1970, `quote_volume` exact."""
    symbol, price, qty = scales_of(instrument_id, known)
    return {
        "symbol": symbol,
        "interval": interval,
        "start": row.start_ns,
        "open_price": decimal_of(row.open_price, price),
        "high_price": decimal_of(row.high_price, price),
        "low_price": decimal_of(row.low_price, price),
        "close_price": decimal_of(row.close_price, price),
        "volume": decimal_of(row.volume, qty),
        "quote_volume": decimal_of(row.quote_volume, price + qty),
        "trades": row.trades,
    }


def ticker_record(row: MarketTickerRow, known: Directory) -> Record:
    """A ticker; times are ns since 1970, `change_percent` has four places, half to even."""
    symbol, price, qty = scales_of(row.instrument_id, known)
    percent = None
    if row.open_price:
        share = EXACT.divide(Decimal(100 * row.change), Decimal(row.open_price))
        percent = EXACT.quantize(share, _PERCENT_PLACES)
    return {
        "instrument_id": row.instrument_id,
        "symbol": symbol,
        "from": row.from_ns,
        "to": row.to_ns,
        "last_price": decimal_of(row.last_price, price),
        "last_qty": decimal_of(row.last_qty, qty),
        "last_side": word_of(row.last_side),
        "last_trade_id": row.last_trade_id,
        "last_at": row.last_at,
        "change": decimal_of(row.change, price),
        "change_percent": percent,
        "open_price": decimal_of(row.open_price, price),
        "high_price": decimal_of(row.high_price, price),
        "low_price": decimal_of(row.low_price, price),
        "volume": decimal_of(row.volume, qty),
        "quote_volume": decimal_of(row.quote_volume, price + qty),
        "trades": row.trades,
        "bid_price": None if row.bid_price is None else decimal_of(row.bid_price, price),
        "bid_qty": decimal_of(row.bid_qty, qty),
        "ask_price": None if row.ask_price is None else decimal_of(row.ask_price, price),
        "ask_qty": decimal_of(row.ask_qty, qty),
    }


def mark_record(row: MarkPrice, known: Directory) -> Record:
    """A mark price, its index (six places finer than prices are), and what each source of that said."""
    _, price, _ = scales_of(row.instrument_id, known)
    return {
        "symbol": row.symbol,
        "mark_price": decimal_of(row.mark_price, price),
        "index_price": decimal_of(row.index_micro_ticks, price + _MICRO_PLACES),
        "last_price": None if row.last_price is None else decimal_of(row.last_price, price),
        "stale": row.stale,
        "age_ns": row.age_ns,
        "ts_ns": row.ts_ns,
        "sources": [
            {
                "name": each.name,
                "weight": each.weight,
                "state": word_of(each.state),
                "price": decimal_of(each.micro_ticks, price + _MICRO_PLACES) if each.micro_ticks else None,
                "age_ns": each.age_ns,
            }
            for each in row.sources
        ],
    }


TRADE_NAMES: Final = tuple(trade_record(MarketTradeRow(), Directory()))
CANDLE_NAMES: Final = tuple(candle_record(MarketCandleRow(), 0, "", Directory()))
TICKER_NAMES: Final = tuple(ticker_record(MarketTickerRow(), Directory()))
