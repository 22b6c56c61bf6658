"""Messages of market data's services. Prices are ticks, quantities lots, times ns."""

from dataclasses import dataclass

from exchange.domain.enums import BookUpdateKind, BookView, PriceSourceState


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


@dataclass(frozen=True, slots=True, kw_only=True)
class TickRun:
    """Ticks of one instrument that differ in their trades alone: see `exchange.schema.tick_rows`."""

    last: MarketTick | None = None
    before: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetOrderBookRequest:
    """Asks for a book as it is, levels where nothing else is said; `depth` rows of a side, 0: all."""

    symbol: str = ""
    view: BookView | None = None
    depth: int = 0
    min_seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOrderBookRequest:
    """Asks for a snapshot of a book, then for the deltas that follow it, until cancelled."""

    symbol: str = ""
    view: BookView | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BookUpdate:
    """A snapshot or a delta of a book; its `rows` are arrays of `exchange.schema.book_rows`."""

    symbol: str = ""
    instrument_id: int = 0
    view: BookView | None = None
    kind: BookUpdateKind | None = None
    first_seq: int = 0
    last_seq: int = 0
    ts_ns: int = 0
    more: bool = False
    checksum: int = 0
    rows: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSource:
    """What one source of an index says, in millionths of a tick."""

    name: str = ""
    weight: int = 0
    state: PriceSourceState | None = None
    micro_ticks: int = 0
    age_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GetMarkPriceRequest:
    """Asks for the mark price of an instrument."""

    symbol: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkPrice:
    """What an instrument is worth; the last that was known where it is stale."""

    symbol: str = ""
    instrument_id: int = 0
    stale: bool = False
    age_ns: int = 0
    ts_ns: int = 0
    mark_price: int = 0
    index_micro_ticks: int = 0
    last_price: int | None = None
    sources: tuple[PriceSource, ...] = ()
