"""Rows of settlement as everybody outside reads them; see `exchange.client.past`, which writes them, too."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from exchange.client.instruments import Directory
from exchange.client.past import Record, decimal_of, scales_of, word_of
from exchange.domain.queries import SettlementRow


def settlement_record(row: SettlementRow, known: Directory) -> Record:
    """A trade and its settlement; of a side that is not the caller's None. Times are ns since 1970."""
    symbol, price, qty = scales_of(row.instrument_id, known)
    try:
        instrument = known.instrument(row.instrument_id)
        base, quote = known.asset(instrument.base).scale, known.asset(instrument.quote).scale
    except LookupError:
        base = quote = 0
    buyer_fee, buyer_asset = _fee(row.buyer_fee, row.buyer_fee_asset, known)
    seller_fee, seller_asset = _fee(row.seller_fee, row.seller_fee_asset, known)
    return {
        "trade_id": row.trade_id,
        "instrument_id": row.instrument_id,
        "symbol": symbol,
        "status": word_of(row.status),
        "price": decimal_of(row.price, price),
        "qty": decimal_of(row.qty, qty),
        "cost": decimal_of(row.cost, quote),
        "goods": decimal_of(row.goods, base),
        "buyer": row.buyer or None,
        "buyer_tenant": row.buyer_tenant or None,
        "buyer_fee": buyer_fee if row.buyer else None,
        "buyer_fee_asset": buyer_asset,
        "seller": row.seller or None,
        "seller_tenant": row.seller_tenant or None,
        "seller_fee": seller_fee if row.seller else None,
        "seller_fee_asset": seller_asset,
        "traded_at": row.traded_at,
        "settled_at": row.settled_at or None,
        "sequence": row.sequence or None,
    }


def _fee(units: int, asset_id: int, known: Directory) -> tuple[Decimal, str | None]:
    try:
        asset = known.asset(asset_id)
    except LookupError:
        return Decimal(units), None
    return decimal_of(units, asset.scale), asset.symbol


SETTLEMENT_NAMES: Final = tuple(settlement_record(SettlementRow(), Directory()))
