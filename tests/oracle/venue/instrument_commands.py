"""Commands of assets and instruments."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tests.oracle.engine import BAND_FIELDS, DEFINITION_FIELDS
from tests.oracle.venue.effects import fold
from tests.oracle.venue.model import Command, Market
from tests.oracle.venue.money import Asset
from tests.oracle.venue.passing import pass_on
from tests.oracle.venue.shards import Shard, Told, is_elsewhere, restless_words, waiting
from tests.oracle.venue.words import (
    ALL_DEFINITION_FIELDS,
    FEE_MODES,
    HOUSE_FEES,
    INSTRUMENT_ACTIONS,
    INSTRUMENT_KINDS,
    MAX_SHARDS,
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
    elif c["kind"] == "assign_shard":
        assign_shard(venue, c)
    else:
        steer(venue, c)


def steer(venue: "VenueState", c: Command) -> None:
    """A phase, a reference or a mark: a shard is told of its book's, and its phase is the shard's matter."""
    id_ = c["instrument_id"]
    command = {name: c[name] for name in ("kind", "instrument_id", "price", "phase") if name in c}
    told = venue.told.get(id_)
    if told is not None and c["kind"] == "set_phase":
        pass_on(venue, "phase", venue.markets[id_], command, c=c)
        return
    if not drive(venue, c, command):
        return
    if c["kind"] == "set_reference":
        venue.references[id_] = c["price"]
    if told is not None:
        setattr(told, "mark" if c["kind"] == "set_mark" else "reference", c["price"])
        pass_on(venue, "steering", venue.markets[id_], command)


def assign_shard(venue: "VenueState", c: Command) -> None:
    """Moves an instrument: its new home learns what is known of it, and that it has seen no trade."""
    id_, number = c["instrument_id"], c["shard"]
    known = id_ in venue.markets
    present = venue.shard_of[id_].number if id_ in venue.shard_of else 0
    checks: list[tuple[str, bool]] = [
        ("unknown_instrument", not known),
        ("unknown_shard", number > MAX_SHARDS),
    ]
    if known and number != present:
        market = venue.markets[id_]
        busy = any(order.market.instrument_id == id_ for order in venue.orders.values())
        busy = busy or any(passed.market.instrument_id == id_ for passed in waiting(venue))
        checks += [
            ("instrument_in_use", busy),
            ("invalid_phase", venue.known(market).phase in restless_words()),
        ]
    reject = next((code for code, failed in checks if failed), None)
    if reject is None and number != present:
        move(venue, c, id_, number)
    venue.answer(c, reject=reject)


def move(venue: "VenueState", c: Command, id_: int, number: int) -> None:
    """To another engine."""
    before = venue.known(venue.markets[id_])
    phase, mark, reference = before.phase, before.mark, venue.references[id_]
    definition: dict[str, Any] = {"kind": "define_instrument", "instrument_id": id_, **venue.rules[id_]}
    definition["phase"] = phase
    definition.pop("reference", None)
    definition |= {} if reference is None else {"reference": reference}
    commands = [definition]
    if mark is not None:
        commands.append({"kind": "set_mark", "instrument_id": id_, "price": mark})
    venue.shard_of.pop(id_, None)
    venue.told.pop(id_, None)
    if number:
        venue.shard_of[id_] = venue.shards.setdefault(number, Shard(venue, number))
        venue.told[id_] = Told(phase, reference, mark)
    for command in commands:
        assert venue.drive(command)[0]["kind"] == "accepted"
        if number:
            pass_on(venue, "steering", venue.markets[id_], command)


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
        (
            "symbol_taken",
            known is None and any(each.symbol == c["symbol"] for each in venue.ledger.assets.values()),
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
        market = venue.markets[c["instrument_id"]] = market_of(venue, c)
        venue.references[c["instrument_id"]] = c.get("reference")
        venue.rules[c["instrument_id"]] = command
        if is_elsewhere(venue, market):
            venue.told[c["instrument_id"]] = Told(c["phase"], c.get("reference"), None)
            pass_on(venue, "steering", market, command)
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
    others = (each for each in venue.markets.values() if each.instrument_id != c["instrument_id"])
    yield "symbol_taken", any(each.symbol == c["symbol"] for each in others)
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
