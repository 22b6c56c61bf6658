"""Every reject code is provoked, changes nothing, and comes in the order of the checks."""

import itertools
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.matching.desk import Desk, rules
from tests.oracle.words import HIDDEN, MAX_INT64, MAX_MAGNITUDE, POST_ONLY, REJECTS

Command = dict[str, Any]

RULES = rules(
    tick_step=5,
    lot_step=10,
    min_price=-100,
    max_price=1_000,
    max_qty=1_000,
    max_notional=100_000,
    max_parts=4,
    max_pegs=1,
    trigger_source="mark",
)
CLOSED = RULES | {"instrument_id": 2, "phase": "closed"}
LIMITS: dict[str, Any] = {"max_instruments": 2, "max_orders": 4, "max_order_ids": 6}


def changed(command: Command, changes: Command) -> Command:
    """A command with other values; None takes a field away."""
    return {name: value for name, value in (command | changes).items() if value is not None}


def command(kind: str | int, **fields: Any) -> Command:
    """A command about instrument 1 at time 0."""
    return changed({"kind": kind, "timestamp": 0, "instrument_id": 1}, fields)


def new(**changes: Any) -> Command:
    """A limit order that is in order."""
    order = {"order_id": 9, "account": 1, "side": "buy", "type": "limit", "time_in_force": "gtc"}
    order |= {"flags": 0, "stp_mode": "none", "qty": 10, "price": 100}
    return command("new", **(order | changes))


def stop(**changes: Any) -> Command:
    """A stop limit order that is in order."""
    return new(**({"type": "stop_limit", "stop_price": 200} | changes))


def trail(**changes: Any) -> Command:
    """A trailing stop that is in order once there is a mark price."""
    return new(**({"type": "trailing_stop", "price": None, "trail": 10} | changes))


def peg(**changes: Any) -> Command:
    """A pegged order that is in order."""
    return new(**({"type": "pegged", "price": None, "peg": "primary"} | changes))


def replace(**changes: Any) -> Command:
    """A replace of order 1, which account 1 owns."""
    return command("replace", **({"order_id": 1, "account": 1} | changes))


def phase(name: str | int, **changes: Any) -> Command:
    """A change of phase."""
    return command("set_phase", **({"phase": name} | changes))


@dataclass(frozen=True)
class Case:
    """A command that must be refused with a code, after a setup."""

    code: str
    command: Command
    setup: list[Command] = field(default_factory=list)


ORDER_1 = new(order_id=1)
ICEBERG_1 = new(order_id=1, qty=40, display_qty=10)
STOP_1 = stop(order_id=1)
MARK = command("set_mark", price=100)
CALL = phase("call_auction")
IN_CLOSED = {"instrument_id": 2}
BAND = RULES | {"static_band": 20, "reference": 100}

CASES = [
    *(Case("unknown_command", {"kind": kind, "timestamp": 0}) for kind in (0, 11, 255)),
    *(Case("invalid_field", new(side=value)) for value in (0, 3, 255)),
    *(Case("invalid_field", new(type=value)) for value in (0, 9, 255)),
    *(Case("invalid_field", new(time_in_force=value)) for value in (0, 8, 255)),
    *(Case("invalid_field", new(stp_mode=value)) for value in (5, 255)),
    *(Case("invalid_field", new(flags=value)) for value in (8, 0x80, 255)),
    *(Case("invalid_field", peg(peg=value)) for value in (None, 0, 3)),
    Case("invalid_field", new(type="trailing_stop_limit", price=None, trail=10), [MARK]),
    *(Case("invalid_field", phase(value)) for value in (0, 7, 255)),
    Case("invalid_field", command("set_reference")),
    Case("invalid_field", command("set_mark")),
    Case("invalid_field", command("mass_cancel", side=3)),
    *(
        Case("invalid_field", RULES | {name: value})
        for name in ("trigger_source", "stop_wrong_side", "band_mode", "phase")
        for value in (0, 9)
    ),
    Case("unknown_instrument", new(instrument_id=3)),
    Case("unknown_instrument", replace(instrument_id=3), [ORDER_1]),
    Case("unknown_instrument", command("cancel", instrument_id=3, order_id=1, account=1), [ORDER_1]),
    Case("unknown_instrument", command("mass_cancel", instrument_id=3)),
    Case("unknown_instrument", phase("closed", instrument_id=3)),
    Case("unknown_instrument", command("set_reference", instrument_id=3, price=100)),
    Case("unknown_instrument", command("set_mark", instrument_id=3, price=100)),
    Case("phase_forbids", new(**IN_CLOSED)),
    Case("phase_forbids", replace(**IN_CLOSED)),
    Case("phase_forbids", new(), [phase("halted")]),
    Case("phase_forbids", replace(qty=10), [ORDER_1, phase("halted")]),
    Case("phase_forbids", new(time_in_force="at_open")),
    *(Case("phase_forbids", new(time_in_force=tif), [CALL]) for tif in ("ioc", "fok")),
    Case("phase_forbids", new(flags=POST_ONLY), [CALL]),
    Case("phase_forbids", new(type="market_to_limit", price=None), [CALL]),
    Case("phase_forbids", new(time_in_force="at_open"), [phase("closing_call")]),
    Case("phase_forbids", replace(qty=10), [new(order_id=1, flags=POST_ONLY), CALL]),
    Case("unknown_order", replace(order_id=5)),
    Case("unknown_order", replace(account=2), [ORDER_1]),
    Case("unknown_order", replace(order_id=0)),
    Case("unknown_order", command("cancel", order_id=5, account=1)),
    Case("unknown_order", command("cancel", order_id=1, account=2), [ORDER_1]),
    Case("unknown_order", command("cancel", order_id=1, account=1, **IN_CLOSED), [ORDER_1]),
    *(Case("invalid_qty", new(qty=qty)) for qty in (0, -1, -10, 1_010, MAX_INT64, -MAX_INT64 - 1)),
    *(Case("invalid_qty", replace(qty=qty), [ORDER_1]) for qty in (1_010, MAX_INT64)),
    *(Case("qty_off_step", new(qty=qty)) for qty in (1, 15, 999)),
    Case("qty_off_step", replace(qty=15), [ORDER_1]),
    Case("price_missing", new(price=None)),
    Case("price_missing", stop(price=None)),
    *(Case("invalid_price", new(price=price)) for price in (-105, 1_005, MAX_INT64, -MAX_INT64 - 1)),
    Case("invalid_price", peg(price=1_005)),
    Case("invalid_price", replace(price=1_005), [ORDER_1]),
    Case("invalid_price", command("set_reference", price=1_005)),
    Case("invalid_price", command("set_mark", price=-105)),
    *(Case("price_off_step", new(price=price)) for price in (1, -1, 99, 101)),
    Case("price_off_step", stop(price=101)),
    Case("price_off_step", replace(price=101), [ORDER_1]),
    Case("price_off_step", command("set_reference", price=101)),
    Case("price_off_step", command("set_mark", price=101)),
    Case("price_band", new(price=125), [BAND]),
    Case("price_band", new(price=75, side="sell"), [BAND]),
    Case("price_band", replace(price=125), [BAND, ORDER_1]),
    Case("price_band", new(price=125), [BAND, CALL]),
    Case("stop_price_missing", stop(stop_price=None)),
    Case("stop_price_missing", new(type="stop", price=None)),
    Case("stop_price_missing", trail(trail=None), [MARK]),
    *(Case("invalid_stop_price", stop(stop_price=price)) for price in (-105, 201, 1_005, MAX_INT64)),
    *(Case("invalid_stop_price", trail(trail=value), [MARK]) for value in (0, -5, 7, MAX_MAGNITUDE + 5)),
    *(Case("invalid_stop_price", peg(offset=value)) for value in (1, MAX_MAGNITUDE + 4, -MAX_INT64 - 1)),
    Case("invalid_stop_price", trail(type="trailing_stop_limit", offset=1), [MARK]),
    Case("invalid_stop_price", replace(stop_price=201), [STOP_1]),
    Case("no_reference", trail()),
    Case("no_reference", trail(type="trailing_stop_limit", offset=5)),
    Case("stop_would_trigger", stop(stop_price=100), [MARK]),
    Case("stop_would_trigger", stop(stop_price=100, side="sell"), [MARK]),
    Case("stop_would_trigger", replace(stop_price=95), [MARK, STOP_1]),
    *(Case("invalid_display_qty", new(qty=30, display_qty=value)) for value in (0, -10, 5, 40, MAX_INT64)),
    Case("too_many_parts", new(qty=50, display_qty=10)),
    Case("too_many_parts", replace(qty=50), [ICEBERG_1]),
    *(
        Case("invalid_min_qty", new(qty=30, time_in_force="ioc", min_qty=value))
        for value in (0, -10, 5, 40, MAX_INT64)
    ),
    Case("invalid_combination", new(type="market", time_in_force="ioc")),
    Case("invalid_combination", new(type="market", price=None)),
    Case("invalid_combination", new(time_in_force="fok", display_qty=10)),
    Case("invalid_combination", new(min_qty=10)),
    Case("invalid_combination", new(flags=HIDDEN, display_qty=10)),
    Case("invalid_combination", new(flags=HIDDEN, time_in_force="ioc")),
    Case("invalid_combination", new(flags=POST_ONLY, time_in_force="fok")),
    Case("invalid_combination", stop(flags=POST_ONLY)),
    Case("invalid_combination", new(stop_price=200)),
    Case("invalid_combination", new(trail=10)),
    Case("invalid_combination", new(peg="primary")),
    Case("invalid_combination", new(peg=77)),
    Case("invalid_combination", new(offset=5)),
    Case("invalid_combination", new(expire_at=100)),
    Case("invalid_combination", new(type="market_to_limit", price=None, time_in_force="ioc")),
    Case("invalid_combination", stop(type="stop")),
    Case("invalid_combination", stop(type="stop", price=None, time_in_force="ioc")),
    Case("invalid_combination", trail(stop_price=50), [MARK]),
    Case("invalid_combination", peg(display_qty=10)),
    Case("invalid_combination", peg(time_in_force="ioc")),
    Case("invalid_combination", replace(stop_price=200), [ORDER_1]),
    Case("invalid_combination", replace(price=105), [MARK, trail(order_id=1)]),
    Case("invalid_combination", replace(stop_price=90), [MARK, trail(order_id=1)]),
    Case("invalid_expiry", new(time_in_force="gtd")),
    *(Case("invalid_expiry", new(time_in_force="gtd", expire_at=at, timestamp=50)) for at in (-1, 0, 49, 50)),
    Case("notional_overflow", new(price=1_000, qty=110)),
    Case("notional_overflow", new(price=-100, qty=1_000), [RULES | {"max_notional": 99_999}]),
    Case("notional_overflow", new(type="market", price=None, time_in_force="ioc", qty=110)),
    Case("notional_overflow", stop(type="stop", price=None, qty=110)),
    Case("notional_overflow", peg(qty=110, price=100)),
    Case("notional_overflow", trail(type="trailing_stop_limit", offset=5, qty=110), [MARK]),
    Case("notional_overflow", replace(price=1_000, qty=110), [ORDER_1]),
    Case("notional_overflow", replace(qty=110, price=100), [peg(order_id=1)]),
    Case("notional_overflow", replace(qty=110), [stop(order_id=1, type="stop", price=None)]),
    Case("invalid_order_id", new(order_id=0)),
    Case("duplicate_order_id", new(order_id=1), [ORDER_1]),
    Case("duplicate_order_id", new(order_id=1), [ORDER_1, command("cancel", order_id=1, account=1)]),
    Case("duplicate_order_id", new(), [command("retire_ids", up_to=9)]),
    Case(
        "capacity_ids",
        new(),
        [c for i in range(1, 7) for c in (new(order_id=i), command("cancel", order_id=i, account=1))],
    ),
    Case("capacity_orders", new(), [new(order_id=i) for i in range(1, 5)]),
    Case("capacity_orders", new(time_in_force="ioc"), [stop(order_id=i) for i in range(1, 5)]),
    Case("capacity_orders", peg(), [peg(order_id=1)]),
    Case("would_cross", new(flags=POST_ONLY), [new(order_id=1, side="sell")]),
    Case("would_cross", new(flags=POST_ONLY), [new(order_id=1, side="sell", account=2, flags=HIDDEN)]),
    Case(
        "would_cross",
        replace(price=105),
        [new(order_id=1, flags=POST_ONLY), new(order_id=2, side="sell", price=105)],
    ),
    *(
        Case("invalid_definition", RULES | {name: value})
        for name in ("tick_step", "lot_step", "max_qty", "max_notional", "max_parts", "max_pegs")
        for value in (0, -1, -MAX_INT64 - 1)
    ),
    Case("invalid_definition", RULES | {"min_price": 1_005}),
    Case("invalid_definition", RULES | {"max_price": MAX_MAGNITUDE + 1}),
    Case("invalid_definition", RULES | {"min_price": -MAX_MAGNITUDE - 1}),
    *(
        Case("invalid_definition", RULES | {name: value})
        for name in ("collar", "static_band", "dynamic_band")
        for value in (-1, MAX_MAGNITUDE + 1)
    ),
    *(Case("invalid_definition", RULES | {"reference": value}) for value in (-105, 101, 1_005)),
    *(
        Case("invalid_definition", RULES | {"phase": value})
        for value in ("closing_call", "halted", "call_auction")
    ),
    Case("instrument_in_use", RULES, [ORDER_1]),
    Case("instrument_in_use", RULES, [STOP_1]),
    Case("capacity_instruments", RULES | {"instrument_id": 3}),
    Case("invalid_phase", phase("continuous")),
    Case("invalid_phase", phase("pre_open")),
    *(
        Case("invalid_phase", phase(name, **IN_CLOSED))
        for name in ("closed", "continuous", "halted", "closing_call")
    ),
    Case("invalid_phase", phase("continuous"), [phase("halted")]),
    Case("invalid_phase", phase("call_auction"), [phase("closing_call")]),
    Case("invalid_scope", command("mass_cancel", instrument_id=None)),
    Case("invalid_scope", command("mass_cancel", instrument_id=None, side="buy")),
]


def prepared(setup: list[Command]) -> Desk:
    """Two instruments, one of them closed, and a setup that is accepted."""
    desk = Desk(rules=RULES, **LIMITS)
    desk.apply(CLOSED, *setup, command("advance_time"))
    return desk


@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{case.code}" for i, case in enumerate(CASES)])
def test_reject_when_provoked_answers_its_code_and_changes_nothing(case: Case) -> None:
    """One event, the right reason, and the state of both engines as it was."""
    desk = prepared(case.setup)
    if "timestamp" in case.command:
        desk.apply(command("advance_time", timestamp=case.command["timestamp"]))
    state, state_hash = desk.pair.oracle.state(), desk.pair.core.state_hash()
    events = desk.apply(case.command)
    assert [(event["kind"], event["reason"]) for event in events] == [("rejected", case.code)]
    assert desk.pair.oracle.state() == state
    assert desk.pair.core.state_hash() == state_hash


def test_reject_side_overflow_when_leaves_would_not_fit_answers_its_code() -> None:
    """The live orders of one side may not add up beyond 2^63 - 1, whether or not they would rest."""
    desk = Desk(rules=rules(min_price=0, max_price=1, max_qty=MAX_INT64, max_notional=MAX_INT64))
    half = 2**62
    desk.apply(new(order_id=1, qty=half, price=1), new(order_id=2, qty=half - 1, price=1, account=2))
    desk.apply(new(order_id=3, qty=half, price=1, type="stop_limit", stop_price=1, side="sell"))
    for over in (
        new(qty=1, price=1),
        new(qty=1, price=1, time_in_force="ioc"),
        replace(qty=half + 1),
        replace(order_id=2, account=2, qty=half),
        new(qty=half, price=1, side="sell", type="stop_limit", stop_price=1),
    ):
        assert [event.get("reason") for event in desk.apply(over)] == ["side_overflow"]
    events = desk.apply(replace(qty=half - 1), new(qty=1, price=1))
    assert [event["kind"] for event in events] == ["accepted"]


@pytest.mark.parametrize(
    "allowed",
    [
        new(price=1_000, qty=100),
        new(price=-100, qty=1_000),
        new(type="market_to_limit", price=None, qty=100),
        new(qty=40, display_qty=10),
        new(qty=40, display_qty=40),
        new(qty=40, time_in_force="ioc", min_qty=40),
        new(time_in_force="gtd", expire_at=1),
        stop(stop_price=105),
        stop(stop_price=95, side="sell"),
        trail(trail=5),
        trail(type="trailing_stop_limit", offset=MAX_MAGNITUDE // 5 * 5),
        peg(offset=-(MAX_MAGNITUDE // 5) * 5, qty=100, price=1_000),
        new(flags=POST_ONLY | HIDDEN | 2, price=95),
        RULES | {"instrument_id": 2, "min_price": -MAX_MAGNITUDE, "max_price": MAX_MAGNITUDE, "collar": 0},
        RULES | {"instrument_id": 2, "min_price": 100, "max_price": 100, "reference": 100},
        RULES | {"instrument_id": 2, "collar": MAX_MAGNITUDE, "reference": -100, "max_parts": MAX_INT64},
        new(order_id=2**64 - 1, account=2**64 - 1, stp_group=2**64 - 1),
    ],
    ids=repr,
)
def test_command_at_the_edge_of_what_is_allowed_is_accepted(allowed: Command) -> None:
    """The limits themselves are within the limits."""
    assert prepared([MARK]).apply(allowed)[0]["kind"] == "accepted"


@pytest.mark.parametrize(
    ("order", "changes"),
    [
        (ORDER_1, {"price": 1_000, "qty": 100}),
        (ICEBERG_1 | {"qty": 20}, {"qty": 40}),
        (STOP_1, {"stop_price": 105}),
    ],
)
def test_replace_to_the_edge_of_what_is_allowed_is_accepted(order: Command, changes: Command) -> None:
    """The largest notional, the most parts, the stop price next to the trigger price."""
    assert prepared([MARK, order]).apply(replace(**changes))[0]["kind"] == "replaced"


def test_reject_table_is_provoked_whole() -> None:
    """No code is without a case."""
    assert {case.code for case in CASES} | {"side_overflow"} == set(REJECTS)


LIMIT_MISTAKES: list[tuple[str, Command]] = [
    ("invalid_field", {"side": 9}),
    ("unknown_instrument", {"instrument_id": 3}),
    ("phase_forbids", {"instrument_id": 2}),
    ("invalid_qty", {"qty": 0}),
    ("qty_off_step", {"qty": 35}),
    ("price_missing", {"price": None}),
    ("invalid_price", {"price": 1_005}),
    ("price_off_step", {"price": 101}),
    ("price_band", {"price": 125}),
    ("invalid_display_qty", {"display_qty": 5}),
    ("too_many_parts", {"qty": 50, "display_qty": 10}),
    ("invalid_combination", {"trail": 10}),
    ("invalid_expiry", {"time_in_force": "gtd", "expire_at": -5}),
    ("notional_overflow", {"qty": 910, "price": 110}),
    ("invalid_order_id", {"order_id": 0}),
    ("duplicate_order_id", {"order_id": 1}),
    ("would_cross", {"flags": POST_ONLY, "price": 115}),
]
STOP_MISTAKES: list[tuple[str, Command]] = [
    ("price_missing", {"price": None}),
    ("invalid_price", {"price": 1_005}),
    ("stop_price_missing", {"stop_price": None}),
    ("invalid_stop_price", {"stop_price": 201}),
    ("stop_would_trigger", {"stop_price": 100}),
    ("invalid_display_qty", {"display_qty": 5}),
    ("invalid_combination", {"offset": 5}),
    ("invalid_expiry", {"time_in_force": "gtd", "expire_at": -5}),
    ("notional_overflow", {"qty": 1_000, "price": 110}),
    ("duplicate_order_id", {"order_id": 1}),
]
TRAIL_MISTAKES: list[tuple[str, Command]] = [
    ("invalid_field", {"type": "trailing_stop_limit"}),
    ("invalid_qty", {"qty": -1}),
    ("stop_price_missing", {"trail": None}),
    ("invalid_stop_price", {"trail": 7}),
    ("no_reference", {}),
    ("invalid_combination", {"flags": POST_ONLY}),
    ("notional_overflow", {"qty": 1_000}),
    ("duplicate_order_id", {"order_id": 1}),
]
IOC_MISTAKES: list[tuple[str, Command]] = [
    ("invalid_min_qty", {"min_qty": 5}),
    ("invalid_combination", {"flags": HIDDEN}),
    ("notional_overflow", {"qty": 910, "price": 110}),
    ("invalid_order_id", {"order_id": 0}),
]
REPLACE_MISTAKES: list[tuple[str, Command]] = [
    ("unknown_instrument", {"instrument_id": 3}),
    ("phase_forbids", {"instrument_id": 2}),
    ("unknown_order", {"account": 3}),
    ("invalid_qty", {"qty": 1_010}),
    ("qty_off_step", {"qty": 35}),
    ("invalid_price", {"price": 1_005}),
    ("price_off_step", {"price": 101}),
    ("price_band", {"price": 125}),
    ("too_many_parts", {"qty": 50}),
    ("invalid_combination", {"stop_price": 200}),
    ("would_cross", {"price": 115}),
]
DEFINE_MISTAKES: list[tuple[str, Command]] = [
    ("invalid_field", {"band_mode": 7}),
    ("invalid_definition", {"tick_step": 0}),
    ("instrument_in_use", {"instrument_id": 1}),
    ("capacity_instruments", {"instrument_id": 3}),
]
FULL = [*(new(order_id=i, price=90) for i in (2, 3, 4))]
BASES: list[tuple[str, Command, list[tuple[str, Command]], list[Command]]] = [
    ("limit", new(qty=40), LIMIT_MISTAKES, []),
    ("limit in a full engine", new(qty=40), [*LIMIT_MISTAKES[:-1], ("capacity_orders", {})], FULL),
    ("stop", stop(qty=40), STOP_MISTAKES, [MARK]),
    ("trail", trail(qty=40), [each for each in TRAIL_MISTAKES if each[1]], [MARK]),
    ("trail without trigger price", trail(qty=40), TRAIL_MISTAKES, []),
    ("ioc", new(qty=40, time_in_force="ioc"), IOC_MISTAKES, []),
    ("replace", replace(), REPLACE_MISTAKES, []),
    ("define", RULES | {"instrument_id": 3}, DEFINE_MISTAKES, []),
]
PAIRS = [
    pytest.param(
        base,
        setup,
        one[1] | other[1],
        [one[0], other[0], *(code for code, change in mistakes if not change)],
        id=f"{name}: {one[0]}, {other[0]}",
    )
    for name, base, mistakes, setup in BASES
    for one, other in itertools.combinations(mistakes, 2)
    if not set(one[1]) & set(other[1])
]


@pytest.mark.parametrize(("base", "setup", "changes", "codes"), PAIRS)
def test_reject_of_two_mistakes_answers_the_earlier_check(
    base: Command, setup: list[Command], changes: Command, codes: list[str]
) -> None:
    """Two mistakes in one command, in an engine that may make a third: the lowest code answers."""
    desk = Desk(rules=BAND, **LIMITS)
    desk.apply(CLOSED, new(order_id=1, qty=40, display_qty=10, flags=POST_ONLY), *setup)
    if not setup:
        desk.apply(new(order_id=8, side="sell", price=115, account=2))
    events = desk.apply(changed(base, changes))
    assert [event.get("reason") for event in events] == [min(codes, key=REJECTS.__getitem__)]
