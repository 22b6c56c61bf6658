"""Books, the last trades, and instruments with their assets."""

from dataclasses import dataclass

from exchange.domain.enums import FeeMode, InstrumentKind, Liquidity, Phase, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelRow:
    """A price, what is displayed there, and how many orders."""

    price: int = 0
    qty: int = 0
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BookOrderRow:
    """A displayed order of L3."""

    order_id: int = 0
    price: int = 0
    qty: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FillRow:
    """One account's side of a trade."""

    order_id: int = 0
    side: Side | None = None
    liquidity: Liquidity | None = None
    fee: int = 0
    fee_asset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeRow:
    """A trade; with the side of the asking account where one asked."""

    trade_id: int = 0
    instrument_id: int = 0
    ts_ns: int = 0
    sequence: int = 0
    price: int = 0
    qty: int = 0
    taker_side: Side | None = None
    fill: FillRow | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetRow:
    """An asset; `scale` decimals of one minor unit."""

    asset: int = 0
    symbol: str = ""
    scale: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentRow:
    """An instrument, and the prices that it is measured by."""

    instrument_id: int = 0
    symbol: str = ""
    instrument_kind: InstrumentKind | None = None
    base: int = 0
    quote: int = 0
    phase: Phase | None = None
    fee_mode: FeeMode | None = None
    price_scale: int = 0
    qty_scale: int = 0
    maker_rate: int = 0
    taker_rate: int = 0
    tick_step: int = 0
    lot_step: int = 0
    min_price: int = 0
    max_price: int = 0
    max_qty: int = 0
    max_notional: int = 0
    reference: int | None = None
    mark: int | None = None
    last: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BookTopRequest:
    """L1 of a book."""

    min_seq: int = 0
    instrument_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BookTopReply:
    """The best of both sides; None where a side is empty."""

    sequence: int = 0
    ts_ns: int = 0
    phase: Phase | None = None
    bid: LevelRow | None = None
    ask: LevelRow | None = None
    last: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BookLevelsRequest:
    """L2 of a book; depth 0 is all."""

    min_seq: int = 0
    instrument_id: int = 0
    depth: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BookLevelsReply:
    """Levels, best first."""

    sequence: int = 0
    ts_ns: int = 0
    bids: tuple[LevelRow, ...] = ()
    asks: tuple[LevelRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BookOrdersRequest:
    """L3 of a book; limit 0 is all."""

    min_seq: int = 0
    instrument_id: int = 0
    limit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BookOrdersReply:
    """Orders, best first, then by time."""

    sequence: int = 0
    ts_ns: int = 0
    bids: tuple[BookOrderRow, ...] = ()
    asks: tuple[BookOrderRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TradesRequest:
    """Trades of an instrument, or of an account with its fills."""

    min_seq: int = 0
    instrument_id: int = 0
    account: int = 0
    after: int = 0
    limit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TradesReply:
    """A page of trades, the newest first."""

    sequence: int = 0
    trades: tuple[TradeRow, ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentsRequest:
    """Every instrument and asset."""

    min_seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentsReply:
    """Instruments and assets."""

    sequence: int = 0
    assets: tuple[AssetRow, ...] = ()
    instruments: tuple[InstrumentRow, ...] = ()
