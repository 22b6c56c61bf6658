"""Payloads that are events' own: prices in ticks, quantities in lots, money in minor units, times in ns.

Others are messages of `exchange.domain.messages`.
"""

from dataclasses import dataclass, field

from exchange.domain.contracts.admin import FeeScheduleRecord, ProviderRecord, TenantRecord
from exchange.domain.contracts.marketdata import PriceBar
from exchange.domain.enums import Side
from exchange.domain.events.envelope import EventEnvelope
from exchange.domain.messages import AdminCommand, InstrumentCommand
from exchange.domain.queries import LevelRow


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeExecuted:
    """A match of two orders, once; in an auction (1) the seller stands in the taker's place."""

    trade_id: int = 0
    sequence: int = 0
    timestamp: int = 0
    price: int = 0
    qty: int = 0
    taker_order_id: int = 0
    maker_order_id: int = 0
    taker_account: int = 0
    maker_account: int = 0
    taker_fee: int = 0
    maker_fee: int = 0
    instrument_id: int = 0
    taker_tenant: int = 0
    maker_tenant: int = 0
    taker_fee_asset: int = 0
    maker_fee_asset: int = 0
    taker_side: Side | None = None
    auction: int = 0
    correlation_id: str = ""
    maker_leaves_qty: int = 0
    taker_leaves_qty: int = 0
    unposted: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeSettled:
    """A trade whose money, goods and fees have changed hands. Money in minor units, times ns."""

    trade_id: int = 0
    instrument_id: int = 0
    buyer_tenant: int = 0
    price: int = 0
    qty: int = 0
    buyer: int = 0
    seller: int = 0
    seller_tenant: int = 0
    buyer_fee_asset: int = 0
    seller_fee_asset: int = 0
    cost: int = 0
    goods: int = 0
    buyer_fee: int = 0
    seller_fee: int = 0
    traded_at: int = 0
    settled_at: int = 0
    sequence: int = 0
    correlation_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An event that a consumer could not take: from which topic and offset, who, why, how often it tried."""

    original: EventEnvelope = field(default_factory=EventEnvelope)
    topic: str = ""
    offset: int = 0
    consumer_group: str = ""
    consumer_version: str = ""
    reason: str = ""
    error: str = ""
    attempts: int = 0
    failed_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRefused:
    """What an administrator wished and the venue refused, with its reject; one of the two commands."""

    reject: int = 0
    instrument: InstrumentCommand | None = None
    administration: AdminCommand | None = None

    @property
    def command(self) -> InstrumentCommand | AdminCommand | None:
        """The one that is there."""
        return self.instrument or self.administration


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeExplained:
    """Why the commands of a correlation id are sent, and who says so."""

    correlation_id: str = ""
    reason: str = ""
    actor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantSet:
    """A tenant as it is from now on, by whom, and why."""

    record: TenantRecord = field(default_factory=TenantRecord)
    actor: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSet:
    """A liquidity provider as it is from now on, by whom, and why."""

    record: ProviderRecord = field(default_factory=ProviderRecord)
    actor: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeScheduleSet:
    """A fee schedule as it is from now on, by whom, and why."""

    record: FeeScheduleRecord = field(default_factory=FeeScheduleRecord)
    actor: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityChanged:
    """A user, session or key as it is from now on, by whom, and why; no secret of it."""

    subject_id: str = ""
    name: str = ""
    user_id: str = ""
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    reason: str = ""
    actor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketDataUpdated:
    """A candle as it is from now on; its quote volume in ticks x lots, high x 2^32 + low."""

    symbol: str = ""
    instrument_id: int = 0
    interval_ns: int = 0
    bar: PriceBar = field(default_factory=PriceBar)
    quote_volume_high: int = 0
    quote_volume_low: int = 0
    last_trade_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderBookUpdated:
    """The ten best levels of each side as they are from now on, best first."""

    symbol: str = ""
    instrument_id: int = 0
    checksum: int = 0
    sequence: int = 0
    ts_ns: int = 0
    bids: tuple[LevelRow, ...] = ()
    asks: tuple[LevelRow, ...] = ()
