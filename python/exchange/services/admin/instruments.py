"""Instruments as administrators keep them, and the definitions that the core has."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from exchange.client.instruments import Asset
from exchange.domain.contracts.admin import InstrumentFees, InstrumentRecord
from exchange.domain.enums import FeeMode, InstrumentKind, Phase
from exchange.errors import RpcError, RpcStatus
from exchange.services.admin.changing import Body
from exchange.services.admin.store import Entity

Assets = Mapping[int, Asset]
_SCALE_MAX: Final = 18
_MAX: Final = 10**9  # ticks and lots, where nobody says another


def record_of(entity: Entity, assets: Assets) -> InstrumentRecord:
    """An instrument as it is."""
    body = entity.body
    return InstrumentRecord(
        symbol=body["symbol"],
        instrument_id=int(entity.entity_id),
        kind=InstrumentKind[body["instrument_kind"].upper()],
        active=body["phase"] != str(Phase.CLOSED),
        base_asset=_symbol(assets, body["base"]),
        quote_asset=_symbol(assets, body["quote"]),
        tick_size=_size(body["tick_step"], body["price_scale"]),
        lot_size=_size(body["lot_step"], body["qty_scale"]),
        min_qty=body["lot_step"],
        max_qty=body["max_qty"],
        version=entity.version,
    )


def fees_of(entity: Entity) -> InstrumentFees:
    """What the core charges for it."""
    body = entity.body
    return InstrumentFees(
        symbol=body["symbol"],
        fee_mode=FeeMode[body["fee_mode"].upper()],
        maker_rate=body["maker_rate"],
        taker_rate=body["taker_rate"],
        version=entity.version,
    )


def definition_of(record: InstrumentRecord, before: Body | None, assets: Assets) -> Body:
    """What an instrument is to be; what a record does not say stays as it was.

    Raises:
        RpcError: INVALID_ARGUMENT, NOT_FOUND: it says what cannot be.
    """
    body, was = dict(before or _new(record)), before or {}
    body["symbol"] = record.symbol or body["symbol"]
    if record.kind is not None:
        body["instrument_kind"] = str(record.kind)
    for name, said in (("base", record.base_asset), ("quote", record.quote_asset)):
        if said:
            body[name] = _asset(assets, said)
    if record.tick_size:
        _set_step(body, "tickSize", record.tick_size, "tick_step", "price_scale")
    if record.lot_size:
        _set_step(body, "lotSize", record.lot_size, "lot_step", "qty_scale")
    if record.max_qty not in (0, was.get("max_qty")):
        body["max_qty"] = record.max_qty
    if record.min_qty not in (0, body["lot_step"], was.get("lot_step")):
        raise _invalid(
            f"minQty is {record.min_qty}: the least that may be ordered is one lot step, {body['lot_step']}"
        )
    active = body["phase"] != str(Phase.CLOSED)
    if before is None or record.active != active:
        body["phase"] = str(Phase.CONTINUOUS if record.active else Phase.CLOSED)
    return body


def keywords_of(body: Body) -> dict[str, Any]:
    """As `AdminRequests.define_instrument` takes a definition."""
    found = {name: value for name, value in body.items() if name not in ("symbol", "shard")}
    found["kind"] = found.pop("instrument_kind")
    if not found.get("max_notional"):
        found.pop("max_notional", None)
    return found


def _new(record: InstrumentRecord) -> Body:
    wanted = {
        "symbol": record.symbol,
        "baseAsset": record.base_asset,
        "quoteAsset": record.quote_asset,
        "tickSize": record.tick_size,
        "lotSize": record.lot_size,
    }
    if missing := [name for name, said in wanted.items() if not said]:
        raise _invalid(f"a new instrument needs {', '.join(missing)}")
    return {
        "symbol": record.symbol,
        "instrument_kind": str(record.kind or InstrumentKind.SPOT),
        "phase": str(Phase.CLOSED),
        "price_scale": 0,
        "qty_scale": 0,
        "tick_step": 1,
        "lot_step": 1,
        "min_price": 1,
        "max_price": _MAX,
        "max_qty": _MAX,
    }


def _set_step(body: Body, name: str, said: str, step: str, scale: str) -> None:
    """Sets a step by its size, a decimal, in the scale that is there, or the one that it takes."""
    try:
        size = Decimal(said)
    except InvalidOperation:
        raise _invalid(f"{name} is {said!r}: expected a decimal") from None
    if not size.is_finite() or not 0 < size <= _MAX:
        raise _invalid(f"{name} is {said}: expected more than 0, and at most {_MAX:,}")
    exponent = size.normalize().as_tuple().exponent
    finest = max(-exponent if isinstance(exponent, int) else 0, body[scale])
    if finest > _SCALE_MAX:
        raise _invalid(f"{name} is {said}: expected at most {_SCALE_MAX} decimals")
    steps = int(size.scaleb(finest))
    if steps > _MAX:
        raise _invalid(f"{name} is {said}: expected at most {_MAX:,} of its last decimal place")
    body[scale], body[step] = finest, steps


def _size(step: int, scale: int) -> str:
    return f"{Decimal(step).scaleb(-scale):f}"


def _symbol(assets: Assets, number: int) -> str:
    return assets[number].symbol if number in assets else str(number)


def _asset(assets: Assets, symbol: str) -> int:
    found = next((each.asset for each in assets.values() if each.symbol == symbol), None)
    if found is None:
        raise RpcError(RpcStatus.NOT_FOUND, f"there is no asset {symbol!r}: define it first")
    return found


def _invalid(message: str) -> RpcError:
    return RpcError(RpcStatus.INVALID_ARGUMENT, message)
