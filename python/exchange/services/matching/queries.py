"""Books at three depths, trades, and instruments."""

from __future__ import annotations

import numpy as np

from exchange.domain.enums import FeeMode, InstrumentKind, Liquidity, Phase, Side
from exchange.domain.queries import (
    AssetRow,
    BookLevelsReply,
    BookLevelsRequest,
    BookOrderRow,
    BookOrdersReply,
    BookOrdersRequest,
    BookTopReply,
    BookTopRequest,
    FillRow,
    InstrumentRow,
    InstrumentsReply,
    InstrumentsRequest,
    LevelRow,
    TradeRow,
    TradesReply,
    TradesRequest,
)
from exchange.errors import RpcError, RpcStatus
from exchange.runtime.caller import Caller, page
from exchange.services.matching.ports import MatchingPort, Records

_MOST_TRADES = 1_000
_MOST_LEVELS = 5_000
_MOST_ORDERS = 10_000


def book_top(ports: MatchingPort, request: BookTopRequest, caller: Caller) -> BookTopReply:
    """L1: the best of both sides and the last price."""
    instrument = _instrument(ports, request.instrument_id)
    bids, asks = ports.book(request.instrument_id, 1)
    _, _, last = ports.prices(request.instrument_id)
    return BookTopReply(
        sequence=ports.sequence,
        ts_ns=ports.clock,
        phase=Phase(int(instrument["phase"])),
        bid=_levels(bids)[0] if bids.size else None,
        ask=_levels(asks)[0] if asks.size else None,
        last=last,
    )


def book_levels(ports: MatchingPort, request: BookLevelsRequest, caller: Caller) -> BookLevelsReply:
    """L2: prices with what is displayed there, best first."""
    _instrument(ports, request.instrument_id)
    bids, asks = ports.book(request.instrument_id, page(request.depth, _MOST_LEVELS))
    return BookLevelsReply(sequence=ports.sequence, ts_ns=ports.clock, bids=_levels(bids), asks=_levels(asks))


def book_orders(ports: MatchingPort, request: BookOrdersRequest, caller: Caller) -> BookOrdersReply:
    """L3: displayed orders, best first, then by time; without their owners."""
    _instrument(ports, request.instrument_id)
    bids, asks = ports.book_orders(request.instrument_id, page(request.limit, _MOST_ORDERS))
    return BookOrdersReply(sequence=ports.sequence, ts_ns=ports.clock, bids=_orders(bids), asks=_orders(asks))


def trades(ports: MatchingPort, request: TradesRequest, caller: Caller) -> TradesReply:
    """Trades of an instrument, or an account's own with its side of them; the newest first."""
    if request.instrument_id:
        _instrument(ports, request.instrument_id)
    limit = page(request.limit, _MOST_TRADES)
    if request.account:
        caller.require(ports, request.account)
        found = ports.fills(
            request.account, limit=limit + 1, before=request.after, instrument_id=request.instrument_id
        )
        rows = tuple(_fill(record) for record in found[:limit])
    elif request.instrument_id:
        found = ports.trades(request.instrument_id, limit=limit + 1, before=request.after)
        rows = tuple(_trade(record) for record in found[:limit])
    else:
        raise RpcError(RpcStatus.INVALID_ARGUMENT, "trades are asked for by instrument, account, or both")
    return TradesReply(sequence=ports.sequence, trades=rows, more=found.size > limit)


def instruments(ports: MatchingPort, request: InstrumentsRequest, caller: Caller) -> InstrumentsReply:
    """Every asset and instrument, by number."""
    assets = tuple(
        AssetRow(asset=int(record["asset"]), symbol=_text(record), scale=int(record["scale"]))
        for record in ports.assets()
    )
    rows = tuple(_definition(ports, record) for record in ports.instruments())
    return InstrumentsReply(sequence=ports.sequence, assets=assets, instruments=rows)


def _instrument(ports: MatchingPort, instrument_id: int) -> np.void:
    known = ports.instruments()
    found = known[known["instrument_id"] == instrument_id]
    if not found.size:
        raise RpcError(RpcStatus.NOT_FOUND, f"instrument {instrument_id} is not known")
    record: np.void = found[0]
    return record


def _text(record: np.void) -> str:
    return bytes(record["symbol"]).rstrip(b"\0").decode("ascii", "replace")


def _levels(levels: Records) -> tuple[LevelRow, ...]:
    return tuple(
        LevelRow(price=price, qty=qty, count=count)
        for price, qty, count in zip(
            levels["price"].tolist(), levels["qty"].tolist(), levels["count"].tolist(), strict=True
        )
    )


def _orders(orders: Records) -> tuple[BookOrderRow, ...]:
    return tuple(
        BookOrderRow(order_id=order_id, price=price, qty=qty)
        for order_id, price, qty in zip(
            orders["order_id"].tolist(), orders["price"].tolist(), orders["qty"].tolist(), strict=True
        )
    )


def _trade(record: np.void) -> TradeRow:
    return _row(record, Side(int(record["taker_side"])) if record["taker_side"] else None)


def _fill(record: np.void) -> TradeRow:
    side, liquidity = Side(int(record["side"])), Liquidity(int(record["liquidity"]))
    other = Side.SELL if side is Side.BUY else Side.BUY
    fill = FillRow(
        order_id=int(record["order_id"]),
        side=side,
        liquidity=liquidity,
        fee=int(record["fee"]),
        fee_asset=int(record["fee_asset"]),
    )
    return _row(record, {Liquidity.TAKER: side, Liquidity.MAKER: other}.get(liquidity), fill)


def _row(record: np.void, taker_side: Side | None, fill: FillRow | None = None) -> TradeRow:
    return TradeRow(
        trade_id=int(record["trade_id"]),
        instrument_id=int(record["instrument_id"]),
        ts_ns=int(record["timestamp"]),
        sequence=int(record["sequence"]),
        price=int(record["price"]),
        qty=int(record["qty"]),
        taker_side=taker_side,
        fill=fill,
    )


def _definition(ports: MatchingPort, record: np.void) -> InstrumentRow:
    reference, mark, last = ports.prices(int(record["instrument_id"]))
    return InstrumentRow(
        instrument_id=int(record["instrument_id"]),
        symbol=_text(record),
        instrument_kind=InstrumentKind(int(record["instrument_kind"])),
        base=int(record["base"]),
        quote=int(record["quote"]),
        phase=Phase(int(record["phase"])),
        fee_mode=FeeMode(int(record["fee_mode"])),
        price_scale=int(record["price_scale"]),
        qty_scale=int(record["qty_scale"]),
        maker_rate=int(record["maker_rate"]),
        taker_rate=int(record["taker_rate"]),
        tick_step=int(record["tick_step"]),
        lot_step=int(record["lot_step"]),
        min_price=int(record["min_price"]),
        max_price=int(record["max_price"]),
        max_qty=int(record["max_qty"]),
        max_notional=int(record["max_notional"]),
        reference=reference,
        mark=mark,
        last=last,
    )
