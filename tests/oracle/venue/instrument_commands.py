"""Commands of assets and instruments."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tests.oracle.engine import BAND_FIELDS, DEFINITION_FIELDS
from tests.oracle.venue.effects import fold
from tests.oracle.venue.model import Command, Market
from tests.oracle.venue.money import Asset
from tests.oracle.venue.words import (
    ALL_DEFINITION_FIELDS,
    FEE_MODES,
    HOUSE_FEES,
    INSTRUMENT_ACTIONS,
    INSTRUMENT_KINDS,
    MAX_UNIT,
    RATE_ONE,
    fits,
)

if TYPE_CHECKING:
    from tests.oracle.venue.state import VenueState

Checks = Iterator[tuple[str, bool]]


def apply_instrument(venue: "VenueState", c: Command) -> None:
    """One command of instruments: answers it, and tells what follows from it."""
    early = next((code for code, failed in shape_checks(c) if failed), None)
    if early is not None:
        venue.answer(c, reject=early)
    elif c["kind"] == "define_asset":
        define_asset(venue, c)
    elif c["kind"] == "define_instrument":
        define_instrument(venue, c)
    else:
        drive(venue, c, {name: c[name] for name in ("kind", "instrument_id", "price", "phase") if name in c})


def shape_checks(c: Command) -> Checks:
    """What is looked at first."""
    yield "unknown_command", c["kind"] not in INSTRUMENT_ACTIONS


def drive(venue: "VenueState", c: Command, command: dict[str, Any]) -> bool:
    """Lets the engine judge. Whether it accepted."""
    first, *rest = venue.drive(command)
    reject = first["reason"] if first["kind"] == "rejected" else None
    venue.answer(c, reject=reject)
    fold(venue, rest)
    return reject is None


def is_symbol(text: str) -> bool:
    """1 to 24 of what symbols are made of."""
    return re.fullmatch(r"[A-Z0-9./_-]{1,24}", text) is not None


def define_asset(venue: "VenueState", c: Command) -> None:
    """A new asset, or the same again."""
    known = venue.ledger.assets.get(c["asset"])
    checks = (
        ("invalid_asset", c["asset"] == 0 or not 0 <= c["asset_scale"] <= 18),
        ("invalid_symbol", not is_symbol(c["symbol"])),
        (
            "asset_exists",
            known is not None and (known.symbol, known.scale) != (c["symbol"], c["asset_scale"]),
        ),
        ("capacity_assets", known is None and len(venue.ledger.assets) >= venue.sizes.max_assets),
    )
    reject = next((code for code, failed in checks if failed), None)
    if reject is None and known is None:
        venue.ledger.assets[c["asset"]] = Asset(c["symbol"], c["asset_scale"])
    venue.answer(c, reject=reject)


def define_instrument(venue: "VenueState", c: Command) -> None:
    """A new instrument, or an old one with other rules."""
    reject = next((code for code, failed in definition_checks(venue, c) if failed), None)
    if reject is not None:
        venue.answer(c, reject=reject)
        return
    command = {name: c[name] for name in (*DEFINITION_FIELDS, *BAND_FIELDS, "reference") if name in c}
    command |= {"kind": "define_instrument", "instrument_id": c["instrument_id"], "phase": c["phase"]}
    if drive(venue, c, command):
        venue.markets[c["instrument_id"]] = market_of(venue, c)
        for name in house_balances(c):
            venue.ledger.make(*name)


def definition_checks(venue: "VenueState", c: Command) -> Checks:
    """What the venue looks at before the engine."""
    assets = venue.ledger.assets
    yield "unknown_asset", c["base"] not in assets or c["quote"] not in assets
    yield "invalid_definition", c["base"] == c["quote"]
    yield "invalid_definition", c["instrument_kind"] not in INSTRUMENT_KINDS
    yield "invalid_definition", c["fee_mode"] not in FEE_MODES
    yield "invalid_symbol", not is_symbol(c["symbol"])
    maker, taker = c["maker_rate"], c["taker_rate"]
    yield "invalid_definition", abs(maker) > RATE_ONE or not 0 <= taker <= RATE_ONE or maker + taker < 0
    yield "invalid_definition", c["min_price"] < 0
    yield "invalid_definition", assets[c["base"]].scale < c["qty_scale"]
    yield "invalid_definition", assets[c["quote"]].scale < c["price_scale"] + c["qty_scale"]
    market = market_of(venue, c)
    yield "invalid_definition", max(market.lot_units, market.notional_units) > MAX_UNIT
    yield "invalid_definition", min(c["max_qty"], c["max_notional"]) < 1
    yield "invalid_definition", not fits(2 * c["max_qty"] * market.lot_units)
    yield "invalid_definition", not fits(2 * c["max_notional"] * market.notional_units)
    old = venue.markets.get(c["instrument_id"])
    yield "instrument_in_use", old is not None and unchangeable(old) != unchangeable(market)
    yield "capacity_balances", not venue.ledger.has_room(*house_balances(c))
    yield (
        "instrument_in_use",
        any(o.market.instrument_id == c["instrument_id"] for o in venue.orders.values()),
    )
    yield "invalid_field", bool(c.get("extra_present", 0) & ~ALL_DEFINITION_FIELDS)


def house_balances(c: Command) -> list[tuple[int, int]]:
    """The balances that fees may need."""
    return [(HOUSE_FEES, c["base"]), (HOUSE_FEES, c["quote"])]


def unchangeable(market: Market) -> tuple[int, int, int, int]:
    """What an instrument keeps for ever."""
    return market.base, market.quote, market.price_scale, market.qty_scale


def market_of(venue: "VenueState", c: Command) -> Market:
    """What a definition makes of an instrument."""
    assets = venue.ledger.assets
    return Market(
        instrument_id=c["instrument_id"],
        base=c["base"],
        quote=c["quote"],
        price_scale=c["price_scale"],
        qty_scale=c["qty_scale"],
        lot_units=10 ** (assets[c["base"]].scale - c["qty_scale"]),
        notional_units=10 ** (assets[c["quote"]].scale - c["price_scale"] - c["qty_scale"]),
        fee_mode=c["fee_mode"],
        maker_rate=c["maker_rate"],
        taker_rate=c["taker_rate"],
        max_price=c["max_price"],
        max_qty=c["max_qty"],
        symbol=c["symbol"],
    )
