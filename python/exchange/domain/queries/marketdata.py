"""Market data: every trade, candles and tickers."""

from dataclasses import dataclass

from exchange.domain.enums import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketTradeRow:
    """A trade as everybody may see it; its key is `trade_id`."""

    trade_id: int = 0
    instrument_id: int = 0
    price: int = 0
    qty: int = 0
    taker_side: Side | None = None
    auction: bool = False
    timestamp: int = 0
    sequence: int = 0
    settled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketTradesRequest:
    """Every trade, a page at a time, the newest first unless `oldest_first`."""

    min_seq: int = 0
    instrument_id: int = 0
    from_ns: int = 0
    to_ns: int = 0
    oldest_first: bool = False
    after: int = 0
    limit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketTradesReply:
    """A page of trades."""

    sequence: int = 0
    trades: tuple[MarketTradeRow, ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketCandleRow:
    """What was traded within one interval; without a trade (`trades` 0) its prices are the last close."""

    start_ns: int = 0
    open_price: int = 0
    high_price: int = 0
    low_price: int = 0
    close_price: int = 0
    volume: int = 0
    quote_volume_high: int = 0
    quote_volume_low: int = 0
    trades: int = 0

    @property
    def quote_volume(self) -> int:
        """Of all its trades together, ticks x lots; exact."""
        return (self.quote_volume_high << 32) + self.quote_volume_low


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketCandlesRequest:
    """The candles of an instrument that start from `from_ns` to before `to_ns`, oldest first."""

    min_seq: int = 0
    instrument_id: int = 0
    interval_ns: int = 0
    from_ns: int = 0
    to_ns: int = 0
    limit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketCandlesReply:
    """A page of candles; the next one begins with the last one's start and an interval."""

    sequence: int = 0
    candles: tuple[MarketCandleRow, ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketTickerRow:
    """What an instrument did in 24 hours, from `from_ns` to before `to_ns`, and its best bid and ask."""

    instrument_id: int = 0
    from_ns: int = 0
    to_ns: int = 0
    open_price: int = 0
    high_price: int = 0
    low_price: int = 0
    volume: int = 0
    quote_volume_high: int = 0
    quote_volume_low: int = 0
    trades: int = 0
    last_price: int = 0
    last_qty: int = 0
    last_side: Side | None = None
    last_trade_id: int = 0
    last_at: int = 0
    bid_price: int | None = None
    bid_qty: int = 0
    ask_price: int | None = None
    ask_qty: int = 0

    @property
    def change(self) -> int:
        """The last price less the first one of the 24 hours, ticks."""
        return self.last_price - self.open_price

    @property
    def quote_volume(self) -> int:
        """Of all its trades together, ticks x lots; exact."""
        return (self.quote_volume_high << 32) + self.quote_volume_low


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketTickersRequest:
    """The tickers of an instrument, or of all that were ever traded (0), by instrument; `at_ns` 0 is now."""

    min_seq: int = 0
    instrument_id: int = 0
    at_ns: int = 0
    after: int = 0
    limit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketTickersReply:
    """A page of tickers."""

    sequence: int = 0
    tickers: tuple[MarketTickerRow, ...] = ()
    more: bool = False
