"""Seeded random batches that collide: few accounts, little money, few prices, every order and mistake.

A flow looks at the plain venue to aim at what lives, and keeps little state of its own.
"""

import random
from collections.abc import Callable
from typing import Any

from tests.oracle.checks import ALLOWED_TIMES, allowed_flags, used_fields
from tests.oracle.model import Book
from tests.oracle.venue import Venue
from tests.oracle.venue.model import VenueOrder
from tests.oracle.venue.settlement import next_trade
from tests.oracle.venue.words import DAY, HOUSE_EXTERNAL, HOUSE_FEES, LIMITS, SECOND, SHARD_EVENTS
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
Batch = tuple[str, int, list[Command]]

USD, BTC, EUR = 1, 2, 3
ASSETS = (USD, BTC, EUR)
ACCOUNTS = (1, 2, 3, 4)
TENANT_OF = {1: 1, 2: 1, 3: 1, 4: 2}
SESSIONS = (7, 8)
VERDICTS = ("risk_refused", "max_order_qty", "risk_unavailable", "accounts_unavailable")
TYPE_WEIGHTS = (60, 14, 6, 5, 6, 4, 4, 8)
BIG = (-(2**63), -(2**60) - 1, -1, 0, 1, 2, 3, 7, 2**53 + 1, 2**60, 2**60 + 1, 2**62, 2**63 - 1)
STEPS = (0, 0, 0, 0, 1, 1, 3, 10, 60, -5, -(10**12))
LEAPS = (SECOND, 4 * SECOND, 6 * SECOND, 300 * SECOND, 601 * SECOND, DAY)
FAMILY_WEIGHTS = {"orders": 70, "ledger": 13, "instruments": 6, "administration": 11}
UNSIGNED = {
    "account": 64,
    "counter_account": 64,
    "order_id": 64,
    "stp_group": 64,
    "expected_version": 64,
    "transfer_id": 128,
    "trade_id": 64,
    "reservation_id": 128,
    "asset": 32,
    "base": 32,
    "quote": 32,
    "instrument_id": 32,
    "shard": 32,
    "collateral_asset": 32,
    "session": 32,
    "tenant": 32,
    "parent": 64,
    "flags": 16,
    "flag": 16,
    "extra_present": 16,
    "asset_scale": 16,
    "price_scale": 16,
    "qty_scale": 16,
}


def fitted(name: str, value: Any) -> Any:
    """A value within what its field can carry."""
    if isinstance(value, str) or name in UNSIGNED:
        return value
    return min(max(value, -(2**63)), 2**63 - 1)


class Flow:
    """An endless flow of batches for one venue."""

    def __init__(self, seed: int, venue: Venue, *, mistakes: float = 0.12) -> None:
        """Flows of equal arguments are equal, as long as the venue answers alike."""
        self.rng = random.Random(seed)
        self.stages = random.Random(f"stages {seed}")  # of their own: sessions without them stay as they are
        self.settling = random.Random(f"settling {seed}")
        self.settled = self.settling.random() < 0.5
        self.patience = self.settling.choice((0.1, 0.4, 0.8))  # how likely a trade is posted before all else
        self.judged = 0.03 if seed % 5 == 0 else 0.0
        self.venue = venue
        self.mistakes = mistakes
        self.serial = 0
        self.huge = self.rng.random() < 0.1
        self.rich = self.rng.random() < 0.4
        self.limited = self.rng.random() < 0.6
        self.quiet = self.rng.random() < 0.5  # few phases, kills and stages
        self.sharded = self.rng.random() < 0.5
        self.lag = self.rng.choice((0.2, 0.5, 0.9))  # how likely events of shards come before more commands
        self.asked: list[Command] = []
        self.moved: list[Command] = []
        self.opening = self.open()

    # --- batches ----------------------------------------------------------------------------------

    def next(self) -> Batch:
        """The next batch."""
        if self.opening:
            return self.opening.pop(0)
        rng = self.rng
        waiting = [shard.number for shard in self.venue.shards.values() if shard.outbox]
        if waiting and rng.random() < self.lag:
            return SHARD_EVENTS, self.venue.clock + rng.choice((0, 1)), self.sent(rng.choice(waiting))
        if self.venue.unposted and self.settling.random() < self.patience:
            return "ledger", self.venue.clock + self.settling.choice((0, 0, 1)), self.postings()
        if self.settling.random() < 0.005:
            command = {"kind": "set_settlement", "flag": self.settling.choice((0, 1, 1, 2))}
            return "administration", self.venue.clock, [command]
        family = rng.choices(list(FAMILY_WEIGHTS), list(FAMILY_WEIGHTS.values()))[0]
        leap = rng.choice(LEAPS) if rng.random() < 0.01 else rng.choice(STEPS)
        timestamp = max(0, self.venue.clock + leap)
        commands = [self.command(family) for _ in range(rng.choice((1, 1, 1, 2, 3, 6)))]
        return family, timestamp, commands

    def sent(self, number: int) -> list[Command]:
        """What a shard sends next: one event or many, now and then again, with a gap, or wrong."""
        rng, shard = self.rng, self.venue.shards[number]
        first = len(shard.partial)
        rest = shard.outbox[first:] or shard.outbox
        commands = [dict(event) for event in rest[: rng.choice((1, 2, 5, 40, 400))]]
        if rng.random() < 0.15:
            mistake = rng.choice(("again", "gap", "wrong", "nobody", "stranger"))
            match mistake:
                case "again":
                    commands = [dict(shard.outbox[0]), *commands]
                case "gap":
                    commands = commands[1:] or commands
                case "wrong":
                    rng.choice(commands)["instrument_id"] = 99
                case "nobody":
                    commands[0]["shard"] = 7
                case "stranger":
                    commands[0]["tenant"] = 1
        return [event | {"session": rng.choice((0, 7))} for event in commands]

    def command(self, family: str) -> Command:
        """A command of a family, perhaps with a mistake."""
        make: dict[str, Callable[[], Command]] = {
            "orders": self.order,
            "ledger": self.money,
            "instruments": self.instrument,
            "administration": self.admin,
        }
        command = make[family]()
        if self.rng.random() < self.mistakes:
            self.spoil(family, command)
        if self.rng.random() < 0.5:
            command.setdefault("session", self.rng.choice((0, *SESSIONS)))
        if self.rng.random() < 0.3:
            command["correlation_id"] = f"x{self.rng.randint(1, 99)}" + "y" * self.rng.choice((0, 0, 20))
        return {name: fitted(name, value) for name, value in command.items()}

    def open(self) -> list[Batch]:
        """Assets, instruments, accounts and their first money."""
        scales = {USD: 9, BTC: 0, EUR: 2} if self.huge else {USD: 0, BTC: self.rng.choice((0, 1)), EUR: 2}
        self.scales = scales
        assets: list[Command] = [
            {"kind": "define_asset", "asset": id_, "symbol": f"A{id_}", "asset_scale": scale}
            for id_, scale in scales.items()
        ]
        accounts: list[Command] = [
            {"kind": "open_account", "account": id_, "tenant": tenant, "parent": 2 if id_ == 3 else 0}
            for id_, tenant in TENANT_OF.items()
        ]
        many = 2**59 if self.huge else 20_000 if self.rich else 1_500
        deposits: list[Command] = [
            self.ledger_command("deposit", account, asset, amount)
            for account in ACCOUNTS
            for asset, amount in ((USD, many), (BTC, 300 if self.rich else 25))
        ]
        instruments = [self.definition(id_) for id_ in range(1, self.rng.choice((1, 2)) + 1)]
        if self.settled:
            accounts.append({"kind": "set_settlement", "flag": 1})
        return [
            ("instruments", 0, assets),
            ("administration", 0, accounts),
            ("instruments", 0, instruments),
            ("ledger", 1, deposits),
        ]

    # --- orders -----------------------------------------------------------------------------------

    def order(self) -> Command:
        """A request about orders."""
        kinds = {"new": 66, "replace": 13, "cancel": 12, "mass_cancel": 1.5, "again": 6}
        kind = self.rng.choices(list(kinds), list(kinds.values()))[0]
        if kind == "again" and self.asked:
            return self.again(self.asked)
        command = {
            "new": self.new,
            "replace": self.replace,
            "cancel": self.cancel,
            "mass_cancel": self.mass_cancel,
            "again": self.new,
        }[kind]()
        if command["kind"] in ("new", "replace") and self.stages.random() < self.judged:
            command["verdict"] = self.stages.choice(VERDICTS)
        account = command["account"]
        command["tenant"] = self.rng.choice((0, TENANT_OF.get(account, 1), TENANT_OF.get(account, 1)))
        command["client_order_id"] = self.name()
        command["sent_at"] = self.sent_at()
        self.asked = [*self.asked[-60:], command]
        return command

    def again(self, earlier: list[Command]) -> Command:
        """An earlier request, as it was or a little different."""
        command = dict(self.rng.choice(earlier[-12:] if self.rng.random() < 0.8 else earlier))
        command.pop("correlation_id", None)
        if self.rng.random() < 0.2:
            name = self.rng.choice(("qty", "amount", "price"))
            if name in command:
                command[name] += 1
        return command

    def name(self) -> str:
        """A client order id that nobody had, short or long."""
        self.serial += 1
        return f"c{self.serial}" + "z" * self.rng.choice((0, 0, 0, 12, 30))

    def sent_at(self) -> int:
        """The client's clock: mostly ours, sometimes old or from the future."""
        clock = self.venue.clock
        return self.rng.choices(
            (
                clock + 1,
                clock,
                max(0, clock - 50),
                clock + 5 * SECOND,
                clock + 5 * SECOND + 1,
                clock - 700 * SECOND,
            ),
            (80, 10, 6, 2, 1, 1),
        )[0]

    def book(self) -> Book:
        """One of the books."""
        id_ = self.rng.choice(list(self.venue.engine.books))
        shard = self.venue.shard_of.get(id_)
        return (self.venue.engine if shard is None else shard.engine).books[id_]

    def new(self) -> Command:
        """A new order that fits its type."""
        rng, book = self.rng, self.book()
        kind = rng.choices(TYPES, TYPE_WEIGHTS)[0]
        times = list(ALLOWED_TIMES[kind])
        liked = ("gtc", "day", "gtd", "ioc")
        tif = rng.choices(times, [4 if tif == "gtc" else 2 if tif in liked else 0.5 for tif in times])[0]
        side = rng.choice(SIDES)
        command: Command = {
            "kind": "new",
            "instrument_id": book.instrument_id,
            "account": rng.choice(ACCOUNTS),
            "side": side,
            "type": kind,
            "time_in_force": tif,
            "flags": self.flags(kind, tif),
            "stp_mode": rng.choice(("none", "none", "none", *STP_MODES)),
            "qty": self.qty(book),
        }
        if rng.random() < 0.1:
            command["stp_group"] = rng.choice((0, 7))
        for name in sorted(used_fields(kind, tif)):
            self.use(command, book, name)
        if tif == "gtd":
            command["expire_at"] = self.venue.clock + rng.choice((1, 20, 200, 10**10))
        if (kind, tif, side) == ("market", "ioc", "buy") and rng.random() < 0.5:
            del command["qty"]
            command["quote_qty"] = self.money_of(book) * rng.randint(1, 6) + rng.randint(-3, 3)
        return command

    def money_of(self, book: Book) -> int:
        """About what a lot costs."""
        return 100 * self.venue.markets[book.instrument_id].notional_units

    def flags(self, kind: str, tif: str) -> int:
        """Flags that a type may have."""
        wanted = 0
        for flag, likely in ((POST_ONLY, 0.06), (REDUCE_ONLY, 0.08), (HIDDEN, 0.1)):
            wanted |= flag if self.rng.random() < likely else 0
        return wanted & allowed_flags(kind, tif)

    def use(self, command: Command, book: Book, name: str) -> None:
        """Gives a field that the type uses: always where it is needed, sometimes where it is not."""
        rng, step, lot = self.rng, book.definition.tick_step, book.definition.lot_step
        needed = name in ("stop_price", "trail", "peg") or (name == "price" and command["type"] != "pegged")
        needed = needed or (name == "offset" and command["type"] != "pegged")
        if not needed and rng.random() < 0.7:
            return
        values: dict[str, Callable[[], Any]] = {
            "price": lambda: self.price(book),
            "stop_price": lambda: self.price(book),
            "trail": lambda: step * rng.randint(1, 3),
            "peg": lambda: rng.choice(PEGS),
            "offset": lambda: step * rng.randint(-2, 2),
            "display_qty": lambda: max(lot, command["qty"] // lot // rng.randint(1, 4) * lot),
            "min_qty": lambda: (
                max(lot, command["qty"] // lot // 2 * lot) + rng.choice((0,) * 12 + (99,)) * lot
            ),
        }
        if name != "display_qty" or not command["flags"] & HIDDEN:
            command[name] = values[name]()

    def price(self, book: Book) -> int:
        """A price near the middle, on the grid."""
        rules = book.definition
        middle = (rules.min_price + rules.max_price) // 2
        wanted = middle + int(self.rng.triangular(-6, 6, 0))
        return min(max(wanted // rules.tick_step * rules.tick_step, rules.min_price), rules.max_price)

    def qty(self, book: Book) -> int:
        """A few lots."""
        lot = book.definition.lot_step
        return lot * self.rng.choice((1, 1, 2, 2, 3, 5, 8))

    def live(self) -> VenueOrder | None:
        """A live order."""
        orders = list(self.venue.orders.values())
        return self.rng.choice(orders) if orders else None

    def target(self, kind: str) -> tuple[Command, VenueOrder | None]:
        """A request about a live order by its owner, or about none."""
        rng, order = self.rng, self.live()
        if order is None or rng.random() < 0.04:
            c: Command = {"kind": kind, "account": rng.choice(ACCOUNTS), "order_id": rng.randint(0, 40)}
            return c | {"instrument_id": 1, "orig_client_order_id": rng.choice(("", "c3"))}, None
        c = {"kind": kind, "account": order.account, "instrument_id": order.market.instrument_id}
        if rng.random() < 0.03:
            c["account"] = rng.choice(ACCOUNTS)
        if rng.random() < 0.3:
            return c | {"orig_client_order_id": order.client_order_id}, order
        return c | {"order_id": order.order_id}, order

    def replace(self) -> Command:
        """A change of a live order."""
        rng = self.rng
        command, order = self.target("replace")
        if order is None:
            return command | {"qty": 1}
        book = self.venue.book(order.market)
        lot = book.definition.lot_step
        if rng.random() < 0.7:
            near = (order.cum_qty, order.order_qty - lot, order.order_qty + lot, order.order_qty)
            command["qty"] = rng.choice((*near, self.qty(book), self.qty(book)))
        if rng.random() < 0.6:
            command["price"] = self.price(book)
        if order.stop_price is not None and rng.random() < 0.4:
            command["stop_price"] = self.price(book)
        return command

    def cancel(self) -> Command:
        """A cancel of a live order."""
        return self.target("cancel")[0]

    def mass_cancel(self) -> Command:
        """Of an account, by instrument or side."""
        rng = self.rng
        command: Command = {"kind": "mass_cancel", "account": rng.choice(ACCOUNTS)}
        if rng.random() < 0.4:
            command |= {"scope_instrument": True, "instrument_id": rng.choice((1, 1, 2))}
        if rng.random() < 0.4:
            command |= {"scope_side": True, "side": rng.choice(SIDES)}
        return command

    # --- money ------------------------------------------------------------------------------------

    def money(self) -> Command:
        """A command of the ledger."""
        rng = self.rng
        if self.moved and rng.random() < 0.1:
            return self.again(self.moved)
        kinds = {"deposit": 16, "withdraw": 16, "transfer": 20, "reserve": 20, "post": 14, "void_hold": 8}
        kind = rng.choices(list(kinds), list(kinds.values()))[0]
        account, asset = rng.choice(ACCOUNTS), rng.choice((USD, USD, BTC, EUR))
        available = self.venue.ledger.balance(account, asset).available
        near = (available, available + 1, max(1, available // 3), rng.randint(1, 300), 1)
        amount = rng.choices(near, (0.3, 0.6, 3, 3, 1))[0]
        if kind == "deposit":
            amount = rng.randint(1, 400) if rng.random() < 0.98 else 2**62
        command = self.ledger_command(kind, account, asset, amount)
        holds = list(self.venue.ledger.holds.items())
        if kind in ("post", "void_hold") and holds:
            id_, hold = rng.choice(holds[-8:])
            command |= {"reservation_id": id_, "account": hold.account, "asset": hold.asset}
            command["amount"] = rng.choice(
                (hold.amount, hold.amount, max(1, hold.amount // 2), hold.amount + 1)
            )
        if kind == "transfer" or (kind == "post" and rng.random() < 0.6):
            command["counter_account"] = rng.choice((*ACCOUNTS, *ACCOUNTS, HOUSE_FEES))
        if kind == "reserve" and rng.random() < 0.6:
            command["expire_at"] = self.venue.clock + rng.choice((0, 1, 30, 300, 10**10))
        if rng.random() < 0.1:
            version = self.venue.ledger.balance(command["account"], command["asset"]).version
            command["expected_version"] = version + rng.choice((0, 0, 0, 1))
        command["tenant"] = rng.choice((0, 0, TENANT_OF[account]))
        self.moved = [*self.moved[-40:], command]
        return command

    def ledger_command(self, kind: str, account: int, asset: int, amount: int) -> Command:
        """With a transfer id that nothing had."""
        self.serial += 1
        id_ = self.serial + (2**64 * self.rng.choice((0, 0, 5)))
        c: Command = {"kind": kind, "account": account, "asset": asset, "amount": amount, "transfer_id": id_}
        return c | {"sent_at": self.rng.randint(0, 99)}

    def postings(self) -> list[Command]:
        """Trades that wait, in their order, with fees within their bounds; now and then wrong in one way."""
        rng, waiting = self.settling, self.venue.unposted
        first = next_trade(self.venue)
        commands: list[Command] = []
        for i, trade in enumerate(waiting[: rng.choice((1, 1, 2, 5, 40))]):
            fees = {
                name: rng.choice((-most, 0, most, rng.randint(-most, most)))
                for name, most in zip(("buyer_fee", "seller_fee"), trade.most_fee.values(), strict=True)
            }
            commands.append({"kind": "post_trade", "trade_id": first + i, "sent_at": 7} | fees)
        if rng.random() < 0.2:
            wrong = rng.choice(commands)
            name, value = rng.choice(
                (
                    ("trade_id", first + len(waiting)),
                    ("trade_id", rng.choice((0, max(0, first - 1), 2**64 - 1))),
                    ("buyer_fee", waiting[0].most_fee["buy"] + 1),
                    ("seller_fee", -waiting[0].most_fee["sell"] - 1),
                    ("tenant", 1),
                    ("extra_present", 1 << 15),
                    ("expected_version", 0),
                )
            )
            wrong[name] = value
        return commands

    # --- instruments and administration -----------------------------------------------------------

    def definition(self, instrument_id: int) -> Command:
        """A small instrument of random rules."""
        rng = self.rng
        old = self.venue.markets.get(instrument_id)
        step, width = rng.choice((1, 1, 2)), rng.choice((6, 12, 30))
        maker, taker = rng.choice(((0, 0), (10**6, 3 * 10**6), (-(10**7), 2 * 10**7), (10**8, 5 * 10**7)))
        rules: Command = {
            "kind": "define_instrument",
            "instrument_id": instrument_id,
            "base": BTC,
            "quote": USD,
            "instrument_kind": "spot",
            "fee_mode": rng.choice(("received", "quote", "base")),
            "symbol": f"I-{instrument_id}",
            "price_scale": old.price_scale if old else 0,
            "qty_scale": old.qty_scale if old else 0,
            "maker_rate": maker,
            "taker_rate": taker,
            "tick_step": step,
            "lot_step": rng.choice((1, 1, 2)),
            "min_price": 100 - width if rng.random() < 0.9 else 0,
            "max_price": 100 + width,
            "max_qty": rng.choice((20, 60)),
            "max_notional": 10**6 if rng.random() < 0.9 else 700,
            "max_parts": rng.choice((2, 100)),
            "max_pegs": rng.choice((1, 10)),
            "trigger_source": rng.choice(TRIGGER_SOURCES),
            "stop_wrong_side": rng.choice(STOP_WRONG_SIDES),
            "band_mode": rng.choice(BAND_MODES),
            "phase": rng.choice(("pre_open", "continuous", "continuous", "continuous")),
        }
        for name in ("collar", "static_band", "dynamic_band"):
            if rng.random() < (0.4 if name == "collar" else 0.3):
                rules[name] = rng.choice((1, 2, 3, 5, 9)) * step
        if rng.random() < 0.6:
            rules["reference"] = self.on_grid(rules)
        return rules

    def on_grid(self, rules: Command) -> int:
        """A price within the bounds, on the grid."""
        step = rules["tick_step"]
        return int(min(max(self.rng.randint(95, 105) // step * step, rules["min_price"]), rules["max_price"]))

    def instrument(self) -> Command:
        """A command of instruments."""
        rng, book = self.rng, self.book()
        restless = {"closed": 99, "halted": 99, "continuous": 1 if self.quiet else 6}
        kinds = {
            "set_phase": restless.get(book.phase, 20),
            "set_mark": 14,
            "set_reference": 4,
            "define_instrument": 1 if book.orders else 4,
            "define_asset": 4,
            "assign_shard": 0.5
            if not self.sharded
            else 3
            if book.instrument_id in self.venue.shard_of
            else 30,
        }
        kind = rng.choices(list(kinds), list(kinds.values()))[0]
        c: Command = {"kind": kind, "instrument_id": book.instrument_id}
        match kind:
            case "assign_shard":
                return c | {"shard": rng.choice((0, 1, 1, 2, 2, 1_025))}
            case "set_phase":
                usual = [phase for phase in NEXT_PHASES[book.phase] if phase not in ("closed", "halted")]
                likely = usual if usual and rng.random() < 0.8 else NEXT_PHASES[book.phase]
                return c | {"phase": rng.choice(likely)}
            case "set_mark" | "set_reference":
                return c | {"price": self.price(book)}
            case "define_instrument":
                return self.definition(rng.choice((book.instrument_id, book.instrument_id, 2, 3)))
            case _:
                id_ = rng.choice((*ASSETS, 4))
                return {
                    "kind": kind,
                    "asset": id_,
                    "symbol": f"A{id_}" if rng.random() < 0.9 else "a",
                    "asset_scale": self.scales.get(id_, 5) + (rng.random() < 0.2),
                }

    def admin(self) -> Command:
        """A command of administration."""
        rng = self.rng
        switches = 1.5 if self.quiet else 5
        kinds = {
            "set_limits": 24 if self.limited else 2,
            "kill": 8 if self.venue.killed else switches,
            "open_session": 6,
            "lose_session": 3,
            "set_countdown": 5,
            "tick": 6,
            "set_stage": 12 if self.venue.away or self.shard_away() else switches,
            "set_collateral": 2,
            "set_policy": 6 if self.venue.policy else 1,
            "set_solo": 2,
            "promote": 1,
            "open_account": 4,
        }
        kind = rng.choices(list(kinds), list(kinds.values()))[0]
        c: Command = {"kind": kind}
        account = rng.choice(ACCOUNTS)
        match kind:
            case "set_limits":
                c |= {
                    "account": rng.choice((0, account)),
                    "instrument_id": rng.choice((0, 1)),
                } | self.limits()
            case "kill":
                on = rng.random() < (0.15 if self.venue.killed else 0.9)
                scope, named = (
                    rng.choice(sorted(self.venue.killed)) if self.venue.killed and not on else self.scope()
                )
                c |= {"scope": scope, "flag": int(on)}
                names = {"account": "account", "tenant": "tenant", "instrument": "instrument_id"}
                c |= {names[scope]: named} if scope in names else {}
            case "open_session" | "lose_session":
                c |= {"session": rng.choice(SESSIONS), "flag": rng.choice((0, 1, 1))}
                c |= {"flag": 0} if kind == "lose_session" else {}
            case "set_countdown":
                c |= {"account": account, "timeout": rng.choice((0, 5, 50, 500, 10**10))}
            case "set_stage":
                number = rng.choice((0, *self.venue.shards))
                away = self.venue.shards[number].away if number else self.venue.away
                c |= {"flag": int(rng.random() < (0.2 if away else 0.9)), "shard": number}
            case "set_collateral":
                c |= {"asset": rng.choice(ASSETS), "collateral_asset": rng.choice(ASSETS)}
                c |= {"mark": rng.randint(0, 300), "haircut": rng.choice((0, 10**8, 10**9))}
            case "set_solo" | "promote":
                c |= {"flag": rng.choice((0, 1, 1, 2))}
            case "set_policy":
                c |= {"flag": rng.choice((0, 0, 1, 2))}
            case "open_account":
                id_ = rng.choice((*ACCOUNTS, 5, 6))
                c |= {"account": id_, "tenant": TENANT_OF.get(id_, 1), "parent": 2 if id_ == 3 else 0}
        return c

    def shard_away(self) -> bool:
        """Whether a shard is."""
        return any(shard.away for shard in self.venue.shards.values())

    def scope(self) -> tuple[str, int]:
        """What a switch covers."""
        scopes = (("venue", 0), ("tenant", self.rng.choice((1, 2))), ("account", self.rng.choice(ACCOUNTS)))
        return self.rng.choice((*scopes, ("instrument", 1)))

    def limits(self) -> Command:
        """A few limits that are met soon; sometimes none at all."""
        rng = self.rng
        money = 100 if not self.huge else 100 * 10**9
        values = {
            "max_order_qty": rng.choice((2, 5, 8)),
            "max_order_notional": rng.choice((2, 5)) * money,
            "max_open_orders": rng.choice((1, 3, 6)),
            "max_position": rng.choice((3, 10, 20)),
            "max_gross_notional": rng.choice((6, 15)) * money,
            "max_net_notional": rng.choice((4, 10)) * money,
            "max_daily_loss": rng.choice((0, 5, 30)) * money // 100,
            "price_collar": rng.choice((0, 2, 4)),
            "order_rate": rng.choice((1, 2, 3)),
            "duplicate_window": rng.choice((1, 20, 300)),
        }
        chosen = {name: values[name] for name in LIMITS if rng.random() < rng.choice((0.05, 0.4))}
        return chosen | ({"rate_interval": rng.choice((1, 7, 50))} if "order_rate" in chosen else {})

    # --- mistakes ---------------------------------------------------------------------------------

    def spoil(self, family: str, command: Command) -> None:
        """One field with a value that it should not have, or one field more, or one less."""
        rng = self.rng
        words: dict[str, tuple[Any, ...]] = {
            "side": (*SIDES, 0, 3, 65535),
            "type": (*TYPES, 0, 9),
            "time_in_force": (*TIMES_IN_FORCE, 0, 8),
            "stp_mode": (*STP_MODES, 5),
            "peg": (*PEGS, 0, 3, 257),
            "phase": (*PHASES, 0, 7),
            "trigger_source": (0, 4),
            "stop_wrong_side": (0, 3),
            "band_mode": (0, 3),
            "fee_mode": (0, 4),
            "instrument_kind": (0, 2),
            "scope": (0, 5),
            "symbol": ("", "a", "B B", "A" * 24),
            "client_order_id": ("", "with space", "\x7f", "c1"),
            "correlation_id": ("with space", "é"),
            "verdict": VERDICTS,
            "kind": (0, 17),
        }
        more = {
            "orders": (
                "price",
                "stop_price",
                "trail",
                "offset",
                "display_qty",
                "min_qty",
                "expire_at",
                "quote_qty",
            ),
            "ledger": ("expected_version", "expire_at", "reservation_id"),
            "instruments": ("collar", "reference"),
            "administration": ("max_position", "order_rate"),
        }[family]
        name = rng.choice([*command, *more, "extra_present", "correlation_id"])
        if name in ("scope_instrument", "scope_side", "orig_client_order_id"):
            return
        if name in words:
            command[name] = rng.choice(words[name])
        elif name == "extra_present":
            command[name] = 1 << 15
        elif name == "account" and family != "administration":
            command[name] = rng.choice((0, 99, HOUSE_EXTERNAL, HOUSE_FEES, *ACCOUNTS))
        elif name in UNSIGNED:
            most = 2 ** UNSIGNED[name] - 1
            command[name] = min(max(rng.choice((*BIG, 2**64, most)), 0), most)
        else:
            command[name] = rng.choice(BIG)
