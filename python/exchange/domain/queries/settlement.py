"""Trades, and what became of their settlement."""

from dataclasses import dataclass

from exchange.domain.enums import SettlementStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementRow:
    """A trade, and what became of it: money in minor units. The side of another tenant is zero."""

    trade_id: int = 0
    instrument_id: int = 0
    status: SettlementStatus | None = None
    price: int = 0
    qty: int = 0
    buyer: int = 0
    seller: int = 0
    buyer_tenant: int = 0
    seller_tenant: int = 0
    cost: int = 0
    goods: int = 0
    buyer_fee: int = 0
    seller_fee: int = 0
    buyer_fee_asset: int = 0
    seller_fee_asset: int = 0
    traded_at: int = 0
    settled_at: int = 0
    sequence: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementsRequest:
    """Trades and their settlement, a page at a time, the newest first unless `oldest_first`."""

    min_seq: int = 0
    trade_id: int = 0
    account: int = 0
    status: SettlementStatus | None = None
    oldest_first: bool = False
    after: int = 0
    limit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementsReply:
    """A page of settlements; how far trades are taken, and posted."""

    sequence: int = 0
    taken: int = 0
    posted: int = 0
    settlements: tuple[SettlementRow, ...] = ()
    more: bool = False
