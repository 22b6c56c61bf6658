"""Messages of MarketDataService. Prices are ticks, quantities lots, times ns."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketTick:
    """The best bid and ask of an instrument, and its last trade."""

    symbol: str = ""
    instrument_id: int = 0
    stale: bool = False
    sequence: int = 0
    ts_ns: int = 0
    bid_price: int | None = None
    ask_price: int | None = None
    last_price: int | None = None
    bid_qty: int = 0
    ask_qty: int = 0
    last_qty: int = 0
    venue: str = ""
    age_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceBar:
    """Open, high, low, close and volume of one interval."""

    start_ns: int = 0
    open_price: int = 0
    high_price: int = 0
    low_price: int = 0
    close_price: int = 0
    volume: int = 0
    trades: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSnapshotRequest:
    """Asks for one tick of each instrument."""

    symbols: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSnapshotReply:
    """The ticks, in the order in which they were asked for."""

    ticks: tuple[MarketTick, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GetHistoryRequest:
    """Asks for bars of an instrument."""

    symbol: str = ""
    from_ns: int = 0
    until_ns: int = 0
    interval_ns: int = 0
    limit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GetHistoryReply:
    """The bars, oldest first."""

    bars: tuple[PriceBar, ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamTicksRequest:
    """Asks for a tick of each as it is, then for those that come, until cancelled."""

    symbols: tuple[str, ...] = ()
    interval_ms_min: int = 0
