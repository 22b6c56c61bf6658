"""Hypothesis drives both engines, and shrinks what makes them differ to the shortest story."""

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.matching.compare import Pair
from tests.matching.desk import rules
from tests.oracle.checks import ALLOWED_TIMES, allowed_flags, used_fields
from tests.oracle.words import (
    ALL_FLAGS,
    BAND_MODES,
    MAX_INT64,
    NEXT_PHASES,
    PEGS,
    PHASES,
    SIDES,
    STOP_WRONG_SIDES,
    STP_MODES,
    TIMES_IN_FORCE,
    TRIGGER_SOURCES,
    TYPES,
)

Command = dict[str, Any]

PRICES = st.integers(96, 104)
QUANTITIES = st.integers(1, 8)
ACCOUNTS = st.integers(1, 3)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "price": PRICES,
    "stop_price": PRICES,
    "trail": st.integers(1, 3),
    "peg": st.sampled_from(PEGS),
    "offset": st.integers(-2, 2),
    "display_qty": st.integers(1, 3),
    "min_qty": st.integers(1, 3),
    "expire_at": st.integers(0, 60),
}
NEEDED = ("price", "stop_price", "trail", "peg")
ODD_NUMBERS = st.sampled_from(
    (-MAX_INT64 - 1, -(2**60) - 1, -1, 0, 2**60, 2**60 + 1, MAX_INT64)
) | st.integers(90, 110)


@st.composite
def definitions(draw: st.DrawFn) -> Command:
    """Instruments with few prices, and with or without collar and bands."""
    distance = st.integers(0, 4)
    optional = {"collar": distance, "static_band": distance, "dynamic_band": distance, "reference": PRICES}
    return rules(
        min_price=95,
        max_price=105,
        max_qty=20,
        max_notional=2_000,
        max_parts=draw(st.sampled_from((3, 20))),
        max_pegs=3,
        trigger_source=draw(st.sampled_from(TRIGGER_SOURCES)),
        stop_wrong_side=draw(st.sampled_from(STOP_WRONG_SIDES)),
        band_mode=draw(st.sampled_from(BAND_MODES)),
        phase=draw(st.sampled_from(("continuous", "pre_open", "closed"))),
        **draw(st.fixed_dictionaries({}, optional=optional)),
    )


@st.composite
def orders(draw: st.DrawFn) -> Command:
    """New orders that fit their type, but for the id."""
    kind = draw(st.sampled_from(TYPES))
    tif = draw(st.sampled_from(ALLOWED_TIMES[kind]))
    command: Command = {
        "side": draw(st.sampled_from(SIDES)),
        "account": draw(ACCOUNTS),
        "type": kind,
        "time_in_force": tif,
        "flags": draw(st.sampled_from((0, ALL_FLAGS, 1, 4))) & allowed_flags(kind, tif),
        "stp_mode": draw(st.sampled_from(STP_MODES)),
        "qty": draw(QUANTITIES),
    }
    used = used_fields(kind, tif) | ({"expire_at"} if tif == "gtd" else set())
    for name in sorted(used):
        needed = name in NEEDED or (name == "offset" and kind != "pegged") or name == "expire_at"
        if (needed and not (kind == "pegged" and name == "price")) or draw(st.booleans()):
            command[name] = draw(FIELDS[name])
    return command


MISTAKES = st.fixed_dictionaries(
    {},
    optional={
        "side": st.sampled_from((*SIDES, 0, 3)),
        "type": st.sampled_from((*TYPES, 0, 9)),
        "time_in_force": st.sampled_from((*TIMES_IN_FORCE, 0, 8)),
        "flags": st.integers(0, 255),
        "stp_mode": st.sampled_from((*STP_MODES, 5)),
        "qty": ODD_NUMBERS,
        "peg": st.sampled_from((*PEGS, 0, 3)),
        "order_id": st.integers(0, 5),
        "instrument_id": st.sampled_from((0, 2, 2**32 - 1)),
        **dict.fromkeys(
            ("price", "stop_price", "trail", "offset", "display_qty", "min_qty", "expire_at"), ODD_NUMBERS
        ),
    },
)


class Engines(RuleBasedStateMachine):
    """The oracle and the core, side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.pair = Pair(2, 12, 60)

    @initialize(definition=definitions())
    def define(self, definition: Command) -> None:
        """One instrument to begin with."""
        self.pair.apply(definition)

    def apply(self, kind: str | int, command: Command) -> None:
        """A command at the present time, about instrument 1, unless it says otherwise."""
        self.pair.apply({"kind": kind, "timestamp": self.pair.oracle.clock, "instrument_id": 1} | command)

    def live(self, choice: int) -> Command:
        """One of the live orders with its owner, or an unknown one."""
        orders = list(self.pair.oracle.orders.values())
        if not orders:
            return {"order_id": choice, "account": 1}
        order = orders[choice % len(orders)]
        return {"order_id": order.order_id, "account": order.account}

    @rule(order=orders())
    def new(self, order: Command) -> None:
        """An order in order."""
        self.apply("new", {"order_id": self.pair.oracle.next_order_id()} | order)

    @rule(order=orders(), second=orders())
    def new_pair(self, order: Command, second: Command) -> None:
        """Two orders that look for each other."""
        self.new(order | {"side": "buy"})
        self.new(second | {"side": "sell"})

    @rule(order=orders(), mistakes=MISTAKES)
    def new_with_mistakes(self, order: Command, mistakes: Command) -> None:
        """An order with wrong values."""
        self.apply("new", {"order_id": self.pair.oracle.next_order_id()} | order | mistakes)

    @rule(
        choice=st.integers(0, 11),
        changes=st.fixed_dictionaries(
            {}, optional={"qty": QUANTITIES, "price": PRICES, "stop_price": PRICES}
        ),
    )
    def replace(self, choice: int, changes: Command) -> None:
        """A change of a live order."""
        self.apply("replace", self.live(choice) | changes)

    @rule(choice=st.integers(0, 11), field=st.sampled_from(("qty", "price", "stop_price")), value=ODD_NUMBERS)
    def replace_with_mistake(self, choice: int, field: str, value: int) -> None:
        """A change to a wrong value."""
        self.apply("replace", self.live(choice) | {field: value})

    @rule(choice=st.integers(0, 11), stranger=st.booleans())
    def cancel(self, choice: int, stranger: bool) -> None:
        """A cancel, perhaps by somebody else."""
        self.apply("cancel", self.live(choice) | ({"account": 99} if stranger else {}))

    @rule(
        scope=st.fixed_dictionaries(
            {},
            optional={
                "instrument_id": st.sampled_from((1, 2)),
                "account": ACCOUNTS,
                "side": st.sampled_from((*SIDES, 3)),
            },
        )
    )
    def mass_cancel(self, scope: Command) -> None:
        """A cancel of many, perhaps without a scope."""
        self.pair.apply({"kind": "mass_cancel", "timestamp": self.pair.oracle.clock} | scope)

    @rule(phase=st.sampled_from(PHASES))
    def set_any_phase(self, phase: str) -> None:
        """A phase that may not follow."""
        self.apply("set_phase", {"phase": phase})

    @precondition(lambda self: 1 in self.pair.oracle.books)
    @rule(choice=st.integers(0, 3))
    def set_next_phase(self, choice: int) -> None:
        """A phase that may follow."""
        ways = NEXT_PHASES[self.pair.oracle.books[1].phase]
        self.apply("set_phase", {"phase": ways[choice % len(ways)]})

    @rule(kind=st.sampled_from(("set_mark", "set_reference")), price=PRICES)
    def set_price(self, kind: str, price: int) -> None:
        """A mark or a static reference."""
        self.apply(kind, {"price": price})

    @rule(step=st.integers(-5, 30))
    def advance_time(self, step: int) -> None:
        """Later, or earlier."""
        self.pair.apply({"kind": "advance_time", "timestamp": self.pair.oracle.clock + step})

    @rule(back=st.integers(-2, 10))
    def retire_ids(self, back: int) -> None:
        """Forgets old ids."""
        up_to = max(0, self.pair.oracle.next_order_id() - back)
        self.pair.apply({"kind": "retire_ids", "timestamp": 0, "up_to": up_to})

    @rule(definition=definitions(), instrument_id=st.sampled_from((1, 1, 2, 3)))
    def define_again(self, definition: Command, instrument_id: int) -> None:
        """Another instrument, or the same one anew."""
        self.apply("define_instrument", definition | {"instrument_id": instrument_id, "timestamp": 0})

    @rule()
    def restart(self) -> None:
        """The core goes on from its snapshot."""
        self.pair.restart()

    @invariant()
    def is_consistent(self) -> None:
        """What always holds in each of the two."""
        self.pair.check()


Engines.TestCase.settings = settings(
    max_examples=80,
    stateful_step_count=40,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestEngines = Engines.TestCase
