"""Which command is refused, and why: each kind's checks in the order of the specification's table.

Every function yields `(reject, failed)` pairs lazily, so a later check may rely on the earlier ones.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.oracle.model import Book, Order
from tests.oracle.words import (
    ALL_FLAGS,
    BAND_MODES,
    CALLS,
    HIDDEN,
    MAX_INT64,
    MAX_MAGNITUDE,
    NEXT_PHASES,
    PEGS,
    PHASES,
    POST_ONLY,
    RESTING_TIMES,
    SIDES,
    STOP_WRONG_SIDES,
    STOPS,
    STP_MODES,
    TIMES_IN_FORCE,
    TRAILING,
    TRIGGER_SOURCES,
    TYPES,
    Command,
    beyond,
    opposite,
)

if TYPE_CHECKING:
    from tests.oracle.state import EngineState

Checks = Iterator[tuple[str, bool]]

OPTIONAL = ("price", "stop_price", "trail", "peg", "offset", "display_qty", "min_qty")
MARKET_TIMES = ("ioc", "fok", "at_open", "at_close")
ALLOWED_TIMES = {
    "limit": TIMES_IN_FORCE,
    "market": MARKET_TIMES,
    "market_to_limit": RESTING_TIMES,
    "stop": RESTING_TIMES,
    "stop_limit": (*RESTING_TIMES, "ioc", "fok"),
    "trailing_stop": RESTING_TIMES,
    "trailing_stop_limit": (*RESTING_TIMES, "ioc", "fok"),
    "pegged": RESTING_TIMES,
}


def used_fields(order_type: str, time_in_force: str) -> set[str]:
    """The optional fields, other than stp_group and expire_at, that a type with its time_in_force uses."""
    resting = {"display_qty"} if time_in_force in RESTING_TIMES else set()
    at_once = {"min_qty"} if time_in_force == "ioc" else set()
    return {
        "limit": {"price"} | resting | at_once,
        "market": at_once,
        "market_to_limit": {"display_qty"},
        "stop": {"stop_price"},
        "stop_limit": {"stop_price", "price"} | resting,
        "trailing_stop": {"trail"},
        "trailing_stop_limit": {"trail", "offset"} | resting,
        "pegged": {"peg", "offset", "price"},
    }[order_type]


def allowed_flags(order_type: str, time_in_force: str) -> int:
    """The flags that a type with its time_in_force may carry."""
    flags = ALL_FLAGS & ~POST_ONLY & ~HIDDEN
    resting = time_in_force in RESTING_TIMES
    if order_type == "limit" and resting:
        flags |= POST_ONLY
    if order_type in ("market_to_limit", "pegged"):
        flags |= HIDDEN
    if order_type in ("limit", "stop_limit", "trailing_stop_limit") and resting:
        flags |= HIDDEN
    return flags


def changeable_fields(order: Order) -> set[str]:
    """What a replace may change."""
    if order.type == "stop":
        return {"qty", "stop_price"}
    if order.type == "stop_limit" and not order.released:
        return {"qty", "price", "stop_price"}
    if order.type in ("limit", "market_to_limit", "pegged") or order.released:
        return {"qty", "price"}
    return {"qty"}


def phase_forbids(phase: str, order_type: str, time_in_force: str, *, post_only: bool) -> bool:
    """Whether an order may not come, or be replaced, in this phase."""
    if phase in CALLS:
        if order_type in STOPS:
            return False
        return (
            time_in_force in ("ioc", "fok")
            or order_type == "market_to_limit"
            or post_only
            or (phase == "closing_call" and time_in_force == "at_open")
        )
    return phase in ("closed", "halted") or time_in_force == "at_open"


def flags_are_bad(flags: object) -> bool:
    """Whether a mask has a bit that is no flag."""
    return not isinstance(flags, int) or flags < 0 or bool(flags & ~ALL_FLAGS)


def bad_price(book: Book, price: int) -> bool:
    """Whether a price is outside the bounds of the instrument."""
    return not book.definition.min_price <= price <= book.definition.max_price


def off_step(book: Book, price: int) -> bool:
    """Whether a price, trail or offset is not a multiple of tick_step."""
    return price % book.definition.tick_step != 0


def bad_stop_price(book: Book, price: int) -> bool:
    """Whether a stop price could never be a price of the instrument."""
    return bad_price(book, price) or off_step(book, price)


def too_many_parts(book: Book, qty: int, display_qty: int) -> bool:
    """Whether an iceberg would show more parts than the instrument allows."""
    return -(-qty // display_qty) > book.definition.max_parts


def crosses(book: Book, side: str, price: int) -> bool:
    """Whether a limit would meet the best opposite order, hidden ones included."""
    best = book.best(opposite(side))
    return best is not None and best.price is not None and not beyond(side, best.price, price)


def band_forbids(book: Book, side: str, price: int) -> bool:
    """Whether a limit is beyond a band that rejects."""
    edge = book.edge(side, dynamic=book.phase not in CALLS)
    return book.definition.band_mode == "reject" and beyond(side, price, edge)


def new_checks(engine: "EngineState", c: Command) -> Checks:
    """A new order."""
    side, kind, tif, flags = c.get("side"), c.get("type"), c.get("time_in_force"), c.get("flags", 0)
    yield "invalid_field", side not in SIDES or kind not in TYPES or tif not in TIMES_IN_FORCE
    yield "invalid_field", flags_are_bad(flags) or c.get("stp_mode", "none") not in STP_MODES
    yield "invalid_field", kind == "pegged" and c.get("peg") not in PEGS
    yield "invalid_field", kind == "trailing_stop_limit" and "offset" not in c
    assert isinstance(side, str)
    assert isinstance(kind, str)
    assert isinstance(tif, str)

    book = engine.books.get(c["instrument_id"])
    yield "unknown_instrument", book is None
    assert book is not None
    rules, qty = book.definition, int(c["qty"])
    yield "phase_forbids", phase_forbids(book.phase, kind, tif, post_only=bool(flags & POST_ONLY))
    yield "invalid_qty", not 1 <= qty <= rules.max_qty
    yield "qty_off_step", qty % rules.lot_step != 0

    used = used_fields(kind, tif)
    given = {name: c[name] for name in used if name in c}
    yield "price_missing", kind in ("limit", "stop_limit") and "price" not in given
    if "price" in given:
        yield "invalid_price", bad_price(book, given["price"])
        yield "price_off_step", off_step(book, given["price"])
        yield "price_band", kind == "limit" and band_forbids(book, side, given["price"])
    yield "stop_price_missing", kind in STOPS and ("trail" if kind in TRAILING else "stop_price") not in given
    if "stop_price" in given:
        yield "invalid_stop_price", bad_stop_price(book, given["stop_price"])
    if "trail" in given:
        yield "invalid_stop_price", not 1 <= given["trail"] <= MAX_MAGNITUDE or off_step(book, given["trail"])
    if "offset" in given:
        yield "invalid_stop_price", abs(given["offset"]) > MAX_MAGNITUDE or off_step(book, given["offset"])
    yield "no_reference", kind in TRAILING and book.trigger_price(side) is None
    if "stop_price" in given:
        wrong_side = book.would_trigger(side, given["stop_price"])
        yield "stop_would_trigger", rules.stop_wrong_side == "reject" and wrong_side

    if "display_qty" in given:
        display = given["display_qty"]
        yield "invalid_display_qty", not 1 <= display <= qty or display % rules.lot_step != 0
        yield "too_many_parts", too_many_parts(book, qty, display)
    if "min_qty" in given:
        least = given["min_qty"]
        yield "invalid_min_qty", not 1 <= least <= qty or least % rules.lot_step != 0

    yield "invalid_combination", tif not in ALLOWED_TIMES[kind]
    yield "invalid_combination", bool(flags & ~allowed_flags(kind, tif))
    yield "invalid_combination", any(name in c and name not in used for name in OPTIONAL)
    yield "invalid_combination", bool(flags & HIDDEN) and "display_qty" in c
    yield "invalid_combination", "expire_at" in c and tif != "gtd"
    yield "invalid_expiry", tif == "gtd" and ("expire_at" not in c or c["expire_at"] <= engine.clock)

    counts_at = abs(c["price"]) if kind in ("limit", "stop_limit") else rules.largest_price
    yield "notional_overflow", counts_at * qty > rules.max_notional
    yield "side_overflow", book.live_leaves(side) + qty > MAX_INT64
    yield "invalid_order_id", c["order_id"] == 0
    yield "duplicate_order_id", engine.is_used(c["order_id"])
    yield "capacity_ids", len(engine.remembered) >= engine.max_order_ids
    yield "capacity_orders", len(engine.orders) >= engine.max_orders
    yield "capacity_orders", kind == "pegged" and book.live_pegs() >= rules.max_pegs
    yield "would_cross", bool(flags & POST_ONLY) and crosses(book, side, c["price"])


def replace_checks(engine: "EngineState", c: Command) -> Checks:
    """A replace of a live order."""
    book = engine.books.get(c["instrument_id"])
    yield "unknown_instrument", book is None
    assert book is not None
    yield "phase_forbids", book.phase in ("closed", "halted")
    order = engine.find(c)
    yield "unknown_order", order is None
    assert order is not None
    yield (
        "phase_forbids",
        phase_forbids(book.phase, order.type, order.time_in_force, post_only=order.post_only),
    )
    rules = book.definition
    if "qty" in c:
        if c["qty"] <= order.cum_qty:
            return
        yield "invalid_qty", c["qty"] > rules.max_qty
        yield "qty_off_step", c["qty"] % rules.lot_step != 0

    may_change = changeable_fields(order)
    given = {name: c[name] for name in may_change if name in c}
    if "price" in given:
        yield "invalid_price", bad_price(book, given["price"])
        yield "price_off_step", off_step(book, given["price"])
        free = order.type == "pegged" or not order.resting
        yield "price_band", not free and band_forbids(book, order.side, given["price"])
    if "stop_price" in given:
        yield "invalid_stop_price", bad_stop_price(book, given["stop_price"])
        wrong_side = book.would_trigger(order.side, given["stop_price"])
        yield "stop_would_trigger", rules.stop_wrong_side == "reject" and wrong_side

    qty = given.get("qty", order.order_qty)
    leaves = qty - order.cum_qty
    if order.display_qty is not None:
        yield "too_many_parts", too_many_parts(book, leaves, order.display_qty)
    yield "invalid_combination", any(name in c and name not in may_change for name in ("price", "stop_price"))

    price: int | None = given.get("price", order.price)
    counts_at = rules.largest_price if price is None or order.type == "pegged" else abs(price)
    yield "notional_overflow", counts_at * qty > rules.max_notional
    yield "side_overflow", book.live_leaves(order.side) - order.leaves + leaves > MAX_INT64
    yield "would_cross", order.post_only and price is not None and crosses(book, order.side, price)


def cancel_checks(engine: "EngineState", c: Command) -> Checks:
    """A cancel of a live order."""
    yield "unknown_instrument", c["instrument_id"] not in engine.books
    yield "unknown_order", engine.find(c) is None


def mass_cancel_checks(engine: "EngineState", c: Command) -> Checks:
    """A cancel of many."""
    yield "invalid_field", "side" in c and c["side"] not in SIDES
    yield "unknown_instrument", "instrument_id" in c and c["instrument_id"] not in engine.books
    yield "invalid_scope", "instrument_id" not in c and "account" not in c


def define_checks(engine: "EngineState", c: Command) -> Checks:
    """A new instrument, or an old one defined anew."""
    yield "invalid_field", c.get("trigger_source") not in TRIGGER_SOURCES
    yield "invalid_field", c.get("stop_wrong_side") not in STOP_WRONG_SIDES
    yield "invalid_field", c.get("band_mode") not in BAND_MODES
    yield "invalid_field", c.get("phase") not in PHASES
    yield "invalid_definition", c["phase"] not in ("closed", "pre_open", "continuous")
    for name in ("tick_step", "lot_step", "max_qty", "max_notional", "max_parts", "max_pegs"):
        yield "invalid_definition", c[name] < 1
    lowest, highest = c["min_price"], c["max_price"]
    yield "invalid_definition", lowest > highest or max(abs(lowest), abs(highest)) > MAX_MAGNITUDE
    for name in ("collar", "static_band", "dynamic_band"):
        yield "invalid_definition", name in c and not 0 <= c[name] <= MAX_MAGNITUDE
    if "reference" in c:
        reference = c["reference"]
        yield "invalid_definition", not lowest <= reference <= highest or reference % c["tick_step"] != 0
    book = engine.books.get(c["instrument_id"])
    yield "instrument_in_use", book is not None and bool(book.orders)
    yield "capacity_instruments", book is None and len(engine.books) >= engine.max_instruments


def set_phase_checks(engine: "EngineState", c: Command) -> Checks:
    """A change of phase."""
    yield "invalid_field", c.get("phase") not in PHASES
    book = engine.books.get(c["instrument_id"])
    yield "unknown_instrument", book is None
    assert book is not None
    yield "invalid_phase", c["phase"] not in NEXT_PHASES[book.phase]


def set_price_checks(engine: "EngineState", c: Command) -> Checks:
    """A static reference or a mark price."""
    yield "invalid_field", "price" not in c
    book = engine.books.get(c["instrument_id"])
    yield "unknown_instrument", book is None
    assert book is not None
    yield "invalid_price", bad_price(book, c["price"])
    yield "price_off_step", off_step(book, c["price"])


def no_checks(_engine: "EngineState", _c: Command) -> Checks:
    """A command that is always accepted."""
    yield from ()


CHECKS = {
    "define_instrument": define_checks,
    "set_phase": set_phase_checks,
    "set_reference": set_price_checks,
    "set_mark": set_price_checks,
    "new": new_checks,
    "replace": replace_checks,
    "cancel": cancel_checks,
    "mass_cancel": mass_cancel_checks,
    "advance_time": no_checks,
    "retire_ids": no_checks,
}


def rejection(engine: "EngineState", c: Command) -> str | None:
    """The first reject that applies to a command."""
    kind = c.get("kind")
    checks = CHECKS.get(kind) if isinstance(kind, str) else None
    if checks is None:
        return "unknown_command"
    return next((code for code, failed in checks(engine, c) if failed), None)
