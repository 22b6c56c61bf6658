"""Seeded random commands that collide: few prices, few accounts, small limits, every order and every mistake.

A flow looks at the oracle to aim at live orders, but keeps no state of its own beyond its random numbers.
"""

import random
from typing import Any

from tests.oracle import Oracle
from tests.oracle.checks import ALLOWED_TIMES, allowed_flags, changeable_fields, used_fields
from tests.oracle.model import Book, Order
from tests.oracle.words import (
    BAND_MODES,
    HIDDEN,
    NEXT_PHASES,
    PEGS,
    PHASES,
    POST_ONLY,
    REDUCE_ONLY,
    SIDES,
    STOP_WRONG_SIDES,
    STP_MODES,
    TIMES_IN_FORCE,
    TRIGGER_SOURCES,
    TYPES,
)

Command = dict[str, Any]

CENTRE = 100
ACCOUNTS = 4
TYPE_WEIGHTS = (46, 10, 8, 8, 8, 7, 6, 9)
BAD_NUMBERS = (-(2**63), -(2**60) - 1, -1, 0, 1, 2, 3, 7, 2**53 + 1, 2**60, 2**60 + 1, 2**62, 2**63 - 1)
UNSIGNED = ("order_id", "account", "stp_group", "up_to")
NUMBERS = ("qty", "price", "stop_price", "trail", "offset", "display_qty", "min_qty")
OPTIONAL = (
    "price",
    "stop_price",
    "trail",
    "peg",
    "offset",
    "display_qty",
    "min_qty",
    "expire_at",
    "stp_group",
)


def fitted(name: str, value: Any) -> Any:
    """A value within what its field can carry: an instrument with steps of 2^60 asks for more."""
    if isinstance(value, str) or name in UNSIGNED:
        return value
    return min(max(value, -(2**63)), 2**63 - 1)


class Flow:
    """An endless flow of commands for one engine."""

    def __init__(self, seed: int, oracle: Oracle, *, instruments: int = 2, mistakes: float = 0.1) -> None:
        """Flows of equal arguments are equal, as long as the oracle answers alike."""
        self.rng = random.Random(seed)
        self.oracle = oracle
        self.instruments = list(range(1, instruments + 1))
        self.mistakes = mistakes
        self.huge = self.rng.random() < 0.1  # quantities near the largest that fit
        self.calm = self.rng.random() < 0.5  # long continuous phases

    # --- commands -------------------------------------------------------------------------------

    def next(self) -> Command:
        """The next command."""
        undefined = [id_ for id_ in self.instruments if id_ not in self.oracle.books]
        if undefined and len(self.oracle.books) < self.oracle.max_instruments:
            return self.stamped(self.definition(undefined[0]))
        book = self.oracle.books[self.rng.choice(list(self.oracle.books))]
        command = self.stamped(self.command(book))
        likely = 0.4 if command["kind"] == "define_instrument" else self.mistakes
        if self.rng.random() < likely:
            self.spoil(command, book)
        return {name: fitted(name, value) for name, value in command.items()}

    def stamped(self, command: Command) -> Command:
        """With a timestamp: mostly a little later, sometimes the same or earlier."""
        step = self.rng.choice((0, 0, 1, 1, 2, 5, -3, -1000))
        return {"kind": command["kind"], "timestamp": self.oracle.clock + step} | command

    def command(self, book: Book) -> Command:
        """A command that makes sense for a book."""
        rng = self.rng
        restless = {"closed": 200, "halted": 150, "continuous": 0.7 if self.calm else 4}
        kinds = {
            "new": 70,
            "replace": 14,
            "cancel": 5,
            "mass_cancel": 0.6,
            "set_phase": restless.get(book.phase, 9),
            "set_reference": 2,
            "set_mark": 6 if book.definition.trigger_source == "mark" else 1,
            "advance_time": 1,
            "retire_ids": 2 if len(self.oracle.remembered) > self.oracle.max_order_ids * 3 // 4 else 0.3,
            "define_instrument": 3 if not book.orders else 0.6,
        }
        kind = rng.choices(list(kinds), list(kinds.values()))[0]
        match kind:
            case "new":
                return self.new(book)
            case "replace" | "cancel":
                return self.about_an_order(kind, book)
            case "mass_cancel":
                return self.mass_cancel(book)
            case "set_phase":
                return {"kind": kind, "instrument_id": book.instrument_id, "phase": self.phase(book)}
            case "set_reference" | "set_mark":
                return {"kind": kind, "instrument_id": book.instrument_id, "price": self.price(book)}
            case "define_instrument":
                return self.definition(rng.choice([book.instrument_id, max(self.instruments) + 1]))
            case "retire_ids":
                return {"kind": kind, "up_to": max(0, self.oracle.next_order_id() - rng.randint(1, 20))}
            case _:
                return {"kind": kind, "timestamp": self.oracle.clock + rng.choice((1, 10, 40, 200))}

    def definition(self, instrument_id: int) -> Command:
        """A small instrument of random rules."""
        rng = self.rng
        step, width = rng.choice((1, 1, 2, 5)), rng.choice((6, 12, 40))
        lot = rng.choice((1, 2))
        low, high = (-2, 2) if self.huge else (CENTRE - width, CENTRE + width)
        if rng.random() < 0.1 and not self.huge:
            low, high = low - 1, high + 1  # not on the grid of step 2 or 5
        command: Command = {
            "kind": "define_instrument",
            "instrument_id": instrument_id,
            "tick_step": 1 if self.huge else step,
            "lot_step": lot,
            "min_price": low,
            "max_price": high,
            "max_qty": 2**63 - 1 if self.huge else rng.choice((20, 60)),
            "max_notional": 2**63 - 1 if self.huge else rng.choice((3_000, 10**6, 10**6)),
            "max_parts": rng.choice((2, 6, 100, 100)),
            "max_pegs": rng.choice((1, 3, 10)),
            "trigger_source": rng.choice(TRIGGER_SOURCES),
            "stop_wrong_side": rng.choice(STOP_WRONG_SIDES),
            "band_mode": rng.choice(BAND_MODES),
            "phase": rng.choice(("closed", "pre_open", "continuous", "continuous")),
        }
        for name in ("collar", "static_band", "dynamic_band"):
            if rng.random() < (0.3 if name == "collar" else 0.45):
                command[name] = rng.choice((0, 1, 2, 3, 5, 9)) * step
        if rng.random() < 0.7:
            command["reference"] = self.on_step(
                command["min_price"], command["max_price"], command["tick_step"]
            )
        return command

    def new(self, book: Book) -> Command:
        """A new order that fits its type."""
        rng = self.rng
        kind = rng.choices(TYPES, TYPE_WEIGHTS)[0]
        times = list(ALLOWED_TIMES[kind])
        weights = [4 if tif == "gtc" else 3 if tif in self.fitting_times(book) else 0.4 for tif in times]
        tif = rng.choices(times, weights)[0]
        qty = self.qty(book)
        command: Command = {
            "kind": "new",
            "instrument_id": book.instrument_id,
            "order_id": self.order_id(),
            "account": rng.randint(1, ACCOUNTS),
            "side": rng.choice(SIDES),
            "type": kind,
            "time_in_force": tif,
            "flags": self.flags(book, kind, tif),
            "stp_mode": rng.choice(STP_MODES),
            "qty": qty,
        }
        if rng.random() < 0.25:
            command["stp_group"] = rng.choice((0, 7, 8))
        for name in sorted(used_fields(kind, tif)):
            self.use(command, book, name)
        if tif == "gtd":
            command["expire_at"] = self.oracle.clock + rng.choice((1, 6, 20, 60, 200))
        return command

    def use(self, command: Command, book: Book, name: str) -> None:
        """Gives a field that the type uses: always where it is needed, sometimes where it is not."""
        rng, step, lot = self.rng, book.definition.tick_step, book.definition.lot_step
        match name:
            case "price":
                if command["type"] != "pegged" or rng.random() < 0.4:
                    command[name] = self.price(book, command["side"])
            case "stop_price":
                command[name] = self.price(book)
            case "trail":
                command[name] = step * rng.randint(1, 4)
            case "peg":
                command[name] = rng.choice(PEGS)
            case "offset":
                if command["type"] != "pegged" or rng.random() < 0.6:
                    command[name] = step * rng.randint(-3, 3)
            case "display_qty":
                hidden = command["flags"] & HIDDEN
                if rng.random() < 0.3 and not hidden:
                    command[name] = max(lot, command["qty"] // lot // rng.randint(1, 6) * lot)
            case "min_qty":
                if rng.random() < 0.4:
                    command[name] = max(lot, command["qty"] // lot // 2 * lot)

    def about_an_order(self, kind: str, book: Book) -> Command:
        """A cancel or replace, mostly of a live order by its owner."""
        rng = self.rng
        if book.orders and rng.random() < 0.93:
            order = rng.choice(book.orders)
            account = order.account if rng.random() < 0.97 else rng.randint(1, ACCOUNTS)
            command: Command = {"kind": kind, "order_id": order.order_id, "account": account}
            if kind == "replace":
                command |= self.changes(book, order)
        else:
            command = {"kind": kind, "order_id": self.order_id(), "account": rng.randint(1, ACCOUNTS)}
        return {"instrument_id": book.instrument_id} | command

    def changes(self, book: Book, order: Order) -> Command:
        """What a replace changes."""
        rng, lot = self.rng, book.definition.lot_step
        may_change = changeable_fields(order)
        command: Command = {}
        if rng.random() < 0.6:
            near = (
                order.cum_qty,
                order.order_qty - lot,
                order.order_qty,
                order.order_qty + lot,
                self.qty(book),
            )
            command["qty"] = rng.choice(near)
        if rng.random() < (0.6 if "price" in may_change else 0.03):
            command["price"] = self.price(book, order.side)
        if rng.random() < (0.6 if "stop_price" in may_change else 0.03):
            command["stop_price"] = self.price(book)
        return command

    def mass_cancel(self, book: Book) -> Command:
        """All orders of an instrument, an account, a side."""
        rng = self.rng
        command: Command = {"kind": "mass_cancel"}
        if rng.random() < 0.5:
            command["instrument_id"] = book.instrument_id
        if rng.random() < 0.8:
            command["account"] = rng.randint(1, ACCOUNTS)
        if rng.random() < 0.4:
            command["side"] = rng.choice(SIDES)
        return command

    # --- values ---------------------------------------------------------------------------------

    def fitting_times(self, book: Book) -> tuple[str, ...]:
        """The times in force that make most sense in a book's phase."""
        if book.phase == "continuous":
            return ("day", "gtd", "ioc", "fok", "at_close")
        return (
            ("day", "gtd", "at_close")
            if book.phase == "closing_call"
            else ("day", "gtd", "at_open", "at_close")
        )

    def flags(self, book: Book, kind: str, tif: str) -> int:
        """A mask that the type may carry."""
        allowed, flags = allowed_flags(kind, tif), 0
        for flag, chance in (
            (POST_ONLY, 0.15 if book.phase == "continuous" else 0.01),
            (REDUCE_ONLY, 0.1),
            (HIDDEN, 0.15),
        ):
            if allowed & flag and self.rng.random() < chance:
                flags |= flag
        return flags

    def on_step(self, low: int, high: int, step: int) -> int:
        """A multiple of `step` in bounds, 0 where there is none."""
        first, last = -(-low // step), high // step
        return step * self.rng.randint(first, last) if first <= last else 0

    def price(self, book: Book, side: str | None = None) -> int:
        """A price near the last one; of a given side mostly one that does not cross by much."""
        rng, rules = self.rng, book.definition
        if rng.random() < 0.1:
            return self.on_step(rules.min_price, rules.max_price, rules.tick_step)
        centre = book.r()
        if centre is None:
            centre = rules.clamp((rules.min_price + rules.max_price) // 2)
        shift = rng.choice((-3, -2, -2, -1, -1, 0, 0, 0, 1, 1, 2, 3))
        return rules.clamp(centre + rules.tick_step * (-shift if side == "sell" else shift))

    def qty(self, book: Book) -> int:
        """A quantity, mostly small."""
        rng, rules = self.rng, book.definition
        if self.huge and rng.random() < 0.6:
            return rng.choice((2**61, 2**62, 2**60)) // rules.lot_step * rules.lot_step
        return rules.lot_step * rng.choice((1, 1, 2, 3, 4, 5, 8, 10))

    def order_id(self) -> int:
        """Mostly the next one."""
        if self.rng.random() < 0.96:
            return self.oracle.next_order_id() + self.rng.choice((0, 0, 0, 0, 1, 5))
        return self.rng.randint(0, self.oracle.next_order_id())

    def phase(self, book: Book) -> str:
        """Mostly one that may follow, with a pull to continuous."""
        if self.rng.random() < 0.1:
            return self.rng.choice(PHASES)
        ways = NEXT_PHASES[book.phase]
        weights = [
            6 if way in ("continuous", "pre_open", "call_auction", "closing_call") else 1 for way in ways
        ]
        return self.rng.choices(ways, weights)[0]

    # --- mistakes -------------------------------------------------------------------------------

    def spoil(self, command: Command, book: Book) -> None:
        """Puts one or two wrong values into a command."""
        for _ in range(self.rng.choice((1, 1, 2))):
            names = sorted(set(command) - {"timestamp"} | set(self.spoilable(command)))
            numbers = [name for name in NUMBERS if name in command]
            name = self.rng.choice(numbers if numbers and self.rng.random() < 0.4 else names)
            self.spoil_field(command, name, book)

    def spoilable(self, command: Command) -> tuple[str, ...]:
        """The optional fields of a kind."""
        return {
            "new": OPTIONAL,
            "replace": ("qty", "price", "stop_price"),
            "mass_cancel": ("side", "account", "instrument_id"),
            "define_instrument": ("collar", "static_band", "dynamic_band", "reference"),
        }.get(command["kind"], ())

    def spoil_field(self, command: Command, name: str, book: Book) -> None:
        """One wrong value, or an optional field that comes or goes."""
        rng = self.rng
        optional = name in self.spoilable(command)
        if optional and name in command and rng.random() < 0.4:
            del command[name]
            return
        match name:
            case "kind":
                kind = rng.choice((0, 11, 255))
                for other in [key for key in command if key not in ("timestamp", "instrument_id")]:
                    del command[other]
                command["kind"] = kind
            case (
                "side"
                | "type"
                | "time_in_force"
                | "stp_mode"
                | "peg"
                | "trigger_source"
                | "band_mode"
                | "phase"
            ):
                words = {"side": SIDES, "type": TYPES, "time_in_force": TIMES_IN_FORCE, "stp_mode": STP_MODES}
                words |= {
                    "peg": PEGS,
                    "trigger_source": TRIGGER_SOURCES,
                    "band_mode": BAND_MODES,
                    "phase": PHASES,
                }
                command[name] = rng.choice((*words[name], 9, 255))
            case "stop_wrong_side":
                command[name] = rng.choice((0, 3, 255))
            case "flags":
                command[name] = rng.choice((1, 3, 4, 5, 7, 8, 64, 255))
            case "instrument_id":
                command[name] = rng.choice((0, 99, 2**32 - 1))
            case "order_id" | "up_to":
                command[name] = rng.choice((0, 1, self.oracle.next_order_id() - 1))
            case "account" | "stp_group":
                command[name] = rng.choice((0, 1, 2**64 - 1))
            case "expire_at":
                command[name] = rng.choice(
                    (self.oracle.clock - 1, self.oracle.clock, self.oracle.clock + 9, 2**63 - 1)
                )
            case _:
                step = rng.choice((book.definition.tick_step, book.definition.lot_step, 1))
                near = command.get(name, CENTRE) + rng.choice((-step, -1, 1, step))
                command[name] = rng.choice(BAD_NUMBERS) if rng.random() < 0.5 else near
        if command["kind"] == "define_instrument" and command.get("max_parts", 0) > 1_000:
            command["max_parts"] = 1_000  # else one order may print for ever
