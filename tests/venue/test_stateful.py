"""Hypothesis runs the ledger, the limits and the life of orders of both venues side by side.

After every step all that was told and all views are compared, invariants hold in both, and the compiled
venue goes on from its own snapshot, which gives the same bytes, hash and digest again.
"""

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.oracle.venue.model import Sizes
from tests.oracle.venue.words import LIMITS, SECOND
from tests.oracle.words import SIDES, STP_MODES, TYPES
from tests.venue.compare import Pair
from tests.venue.screen import MARKET

Command = dict[str, Any]

ACCOUNTS = st.integers(1, 3)
ANY_ACCOUNT = st.sampled_from((1, 2, 3, 1, 2, 3, 4, 9, 2**64 - 1))
ASSETS = st.sampled_from((1, 2))
AMOUNTS = st.integers(-1, 120)
PRICES = st.integers(96, 104)
QUANTITIES = st.integers(1, 6)
NAMES = st.integers(1, 60)
STEPS = st.sampled_from((0, 0, 0, 1, 7, 40, 6 * SECOND, 601 * SECOND))
RULES: Command = {"max_price": 110, "min_price": 90, "collar": 4, "reference": 100}
SIZES = Sizes(max_accounts=5, max_balances=9, max_holds=3, max_transfers=40, max_orders=6, max_client_ids=20)


class Venues(RuleBasedStateMachine):
    """Both venues, with two assets, three accounts, a little money and one instrument."""

    sizes = SIZES

    def __init__(self) -> None:
        super().__init__()
        self.pair = Pair(self.sizes)
        self.time = 0
        self.serial = 0

    @initialize(
        mode=st.sampled_from(("received", "quote", "base")),
        rates=st.sampled_from(((0, 0), (10**7, 3 * 10**7), (-(10**7), 10**8))),
    )
    def open(self, mode: str, rates: tuple[int, int]) -> None:
        """The world as it begins."""
        for asset in (1, 2):
            fields = {"kind": "define_asset", "asset": asset, "symbol": f"A{asset}", "asset_scale": 0}
            self.apply("instruments", fields)
        fees = {"fee_mode": mode, "maker_rate": rates[0], "taker_rate": rates[1]}
        self.apply("instruments", MARKET | RULES | fees)
        for account in (1, 2, 3):
            tenant = 2 if account == 3 else 1
            self.apply("administration", {"kind": "open_account", "account": account, "tenant": tenant})
            for asset, amount in ((1, 1_000), (2, 12)):
                self.move("deposit", account, asset, amount)

    def apply(self, family: str, *commands: Command) -> None:
        """One batch at the present time."""
        self.pair.apply(family, self.time, commands)

    def move(self, kind: str, account: int, asset: int, amount: int, **more: Any) -> None:
        """A command of the ledger with a new transfer id."""
        self.serial += 1
        fields = {"kind": kind, "account": account, "asset": asset, "amount": amount}
        self.apply("ledger", fields | {"transfer_id": 1000 + self.serial} | more)

    def ask(self, kind: str, account: int, **more: Any) -> None:
        """A request about orders with a new client order id."""
        self.serial += 1
        fields = {"kind": kind, "account": account, "instrument_id": 1, "sent_at": self.time + 1}
        self.apply("orders", fields | {"client_order_id": f"c{self.serial}"} | more)

    @rule(step=STEPS)
    def wait(self, step: int) -> None:
        """Time passes."""
        self.time += step
        self.apply("administration", {"kind": "tick"})

    @invariant()
    def is_consistent(self) -> None:
        """What always holds, and a snapshot that goes on."""
        self.pair.check()
        self.pair.restart()


class Ledgers(Venues):
    """Money alone: every command, with few ids so that they meet again."""

    @rule(
        kind=st.sampled_from(("deposit", "withdraw")),
        account=ANY_ACCOUNT,
        asset=st.sampled_from((1, 2, 3)),
        amount=AMOUNTS,
        tenant=st.sampled_from((0, 0, 1, 2)),
    )
    def move_in_or_out(self, kind: str, account: int, asset: int, amount: int, tenant: int) -> None:
        """Money comes or goes."""
        self.move(kind, account, asset, amount, tenant=tenant)

    @rule(account=ACCOUNTS, to=ANY_ACCOUNT, asset=ASSETS, amount=AMOUNTS)
    def transfer(self, account: int, to: int, asset: int, amount: int) -> None:
        """Between accounts, of one tenant or two."""
        self.move("transfer", account, asset, amount, counter_account=to)

    @rule(name=NAMES, account=ACCOUNTS, amount=AMOUNTS, wait=st.none() | st.integers(-1, 50))
    def reserve(self, name: int, account: int, amount: int, wait: int | None) -> None:
        """A hold with an id that may have been used."""
        expiry = {} if wait is None else {"expire_at": self.time + wait}
        self.move("reserve", account, 1, amount, transfer_id=name, **expiry)

    @rule(
        kind=st.sampled_from(("post", "post", "void_hold")),
        name=NAMES,
        account=ACCOUNTS,
        amount=AMOUNTS,
        to=st.sampled_from((0, 1, 2)),
    )
    def finish(self, kind: str, name: int, account: int, amount: int, to: int) -> None:
        """The end of a hold, or of none."""
        holds = list(self.pair.oracle.ledger.holds.items())
        if holds and name % 5:
            name, hold = holds[name % len(holds)]
            account, amount = hold.account, hold.amount - max(amount - 100, 0)
        self.move(kind, account, 1, amount, reservation_id=name, counter_account=to)

    @rule(name=NAMES, account=ACCOUNTS, amount=st.integers(1, 3))
    def deposit_again(self, name: int, account: int, amount: int) -> None:
        """An id that may be known, with the same content or another."""
        self.move("deposit", account, 1, amount, transfer_id=name)

    @rule(account=ACCOUNTS, behind=st.integers(0, 2))
    def withdraw_if_unchanged(self, account: int, behind: int) -> None:
        """With the version that was read, or a stale one."""
        version = self.pair.oracle.ledger.balance(account, 1).version
        self.move("withdraw", account, 1, 5, expected_version=max(version - behind, 0))

    @rule(asset=st.integers(1, 3), of=st.integers(1, 3), mark=st.integers(-1, 300))
    def set_collateral(self, asset: int, of: int, mark: int) -> None:
        """How one asset counts in another."""
        fields = {"kind": "set_collateral", "asset": asset, "collateral_asset": of, "mark": mark}
        self.apply("administration", fields | {"haircut": 3 * 10**8})
        for account in (1, 2, 3):
            expected = self.pair.oracle.ledger.collateral(account, 1)
            assert self.pair.core.venue.collateral(account, 1) == expected


class Limited(Venues):
    """Limit orders against every limit and switch."""

    sizes = Sizes()

    @rule(
        account=st.sampled_from((0, 1, 2)),
        instrument=st.sampled_from((0, 1)),
        limits=st.fixed_dictionaries(
            {},
            optional={
                name: st.integers(-1, 9) for name in ("max_order_qty", "max_open_orders", "price_collar")
            }
            | {"max_position": st.integers(0, 12)}
            | dict.fromkeys(
                ("max_order_notional", "max_gross_notional", "max_net_notional"), st.integers(100, 1500)
            )
            | {"max_daily_loss": st.integers(0, 30), "duplicate_window": st.sampled_from((1, 30))}
            | {"order_rate": st.integers(0, 3)},
        ),
        interval=st.sampled_from((1, 7, 30)),
    )
    def set_limits(self, account: int, instrument: int, limits: Command, interval: int) -> None:
        """A scope's whole set."""
        assert limits.keys() <= set(LIMITS)
        fields = {"kind": "set_limits", "account": account, "instrument_id": instrument}
        self.apply("administration", fields | limits | {"rate_interval": interval})

    @rule(account=ACCOUNTS, side=st.sampled_from(SIDES), price=PRICES, qty=QUANTITIES, at_once=st.booleans())
    def new(self, account: int, side: str, price: int, qty: int, at_once: bool) -> None:
        """A limit order."""
        tif = "ioc" if at_once else "gtc"
        fields = {"side": side, "type": "limit", "time_in_force": tif, "price": price, "qty": qty}
        self.ask("new", account, **fields)

    @rule(choice=st.integers(0, 9), price=PRICES, qty=QUANTITIES)
    def replace(self, choice: int, price: int, qty: int) -> None:
        """A change of a live order."""
        orders = list(self.pair.oracle.orders.values())
        if orders:
            order = orders[choice % len(orders)]
            self.ask("replace", order.account, order_id=order.order_id, price=price, qty=qty)

    @rule(price=PRICES)
    def set_mark(self, price: int) -> None:
        """What positions are worth."""
        self.apply("instruments", {"kind": "set_mark", "instrument_id": 1, "price": price})

    @rule(scope=st.sampled_from(("venue", "tenant", "account", "instrument")), on=st.booleans())
    def kill(self, scope: str, on: bool) -> None:
        """A switch."""
        fields = {"kind": "kill", "scope": scope, "flag": int(on), "tenant": 1, "account": 1}
        self.apply("administration", fields | {"instrument_id": 1})

    @rule()
    def next_day(self) -> None:
        """The day's loss starts anew."""
        self.time += 86_400 * SECOND
        self.apply("administration", {"kind": "tick"})


@st.composite
def orders(draw: st.DrawFn) -> Command:
    """New orders of all types, mostly in order."""
    kind = draw(st.sampled_from(TYPES))
    command: Command = {
        "side": draw(st.sampled_from(SIDES)),
        "type": kind,
        "time_in_force": draw(st.sampled_from(("gtc", "gtc", "day", "ioc", "fok", "at_close"))),
        "stp_mode": draw(st.sampled_from(STP_MODES)),
        "flags": draw(st.sampled_from((0, 0, 0, 1, 2, 4))),
        "qty": draw(QUANTITIES),
    }
    fields = {
        "limit": ("price",),
        "stop": ("stop_price",),
        "stop_limit": ("stop_price", "price"),
        "trailing_stop": ("trail",),
        "trailing_stop_limit": ("trail", "offset"),
        "pegged": ("peg",),
    }.get(kind, ())
    values: dict[str, st.SearchStrategy[Any]] = {
        "price": PRICES,
        "stop_price": PRICES,
        "trail": st.integers(1, 3),
        "offset": st.integers(-2, 2),
        "peg": st.sampled_from(("primary", "midpoint")),
    }
    return command | {name: draw(values[name]) for name in fields}


class Orders(Venues):
    """The life of orders of all types: the stage, phases, sessions, countdowns, repeated requests."""

    def __init__(self) -> None:
        super().__init__()
        self.last: tuple[str, int, Command] | None = None

    @rule(account=ACCOUNTS, order=orders(), session=st.sampled_from((0, 7)))
    def new(self, account: int, order: Command, session: int) -> None:
        """A new order."""
        self.last = ("new", account, order | {"client_order_id": f"r{self.serial}"})
        self.ask(*self.last[:2], **self.last[2], session=session)

    @rule(account=ACCOUNTS, order=orders(), other=orders())
    def new_pair(self, account: int, order: Command, other: Command) -> None:
        """Two that look for each other."""
        self.ask("new", account, **order | {"side": "buy"})
        self.ask("new", account % 3 + 1, **other | {"side": "sell"})

    @rule(account=ACCOUNTS, money=st.integers(0, 600), mode=st.sampled_from(STP_MODES))
    def spend(self, account: int, money: int, mode: str) -> None:
        """A market order for so much money."""
        fields = {"side": "buy", "type": "market", "time_in_force": "ioc", "quote_qty": money}
        self.ask("new", account, **fields, stp_mode=mode)

    @rule(changed=st.booleans())
    def ask_again(self, changed: bool) -> None:
        """The last new order once more, as it was or not."""
        if self.last is not None:
            kind, account, order = self.last
            self.ask(kind, account, **order | ({"qty": order["qty"] + 1} if changed else {}))

    @rule(
        choice=st.integers(0, 9),
        changes=st.fixed_dictionaries(
            {}, optional={"qty": QUANTITIES, "price": PRICES, "stop_price": PRICES}
        ),
        named=st.booleans(),
        session=st.sampled_from((0, 7)),
    )
    def replace(self, choice: int, changes: Command, named: bool, session: int) -> None:
        """A change of a live order."""
        self.about("replace", choice, named, session, changes)

    @rule(choice=st.integers(0, 9), named=st.booleans(), session=st.sampled_from((0, 7)))
    def cancel(self, choice: int, named: bool, session: int) -> None:
        """The end of a live order."""
        self.about("cancel", choice, named, session, {})

    def about(self, kind: str, choice: int, named: bool, session: int, fields: Command) -> None:
        """A request about one of the live orders."""
        live = list(self.pair.oracle.orders.values())
        if live:
            order = live[choice % len(live)]
            target = (
                {"orig_client_order_id": order.client_order_id} if named else {"order_id": order.order_id}
            )
            self.ask(kind, order.account, **target, **fields, session=session)

    @rule(account=ACCOUNTS, scope=st.fixed_dictionaries({}, optional={"side": st.sampled_from(SIDES)}))
    def mass_cancel(self, account: int, scope: Command) -> None:
        """All of an account, or of one side."""
        self.ask("mass_cancel", account, **scope, **({"scope_side": True} if scope else {}))

    @rule(away=st.booleans())
    def set_stage(self, away: bool) -> None:
        """The engine goes, or is back."""
        self.apply("administration", {"kind": "set_stage", "flag": int(away)})

    @rule(
        phase=st.sampled_from(
            ("continuous", "continuous", "halted", "call_auction", "closing_call", "closed", "pre_open")
        )
    )
    def set_phase(self, phase: str) -> None:
        """A phase that may follow or not."""
        self.apply("instruments", {"kind": "set_phase", "instrument_id": 1, "phase": phase})

    @rule(account=ACCOUNTS, timeout=st.sampled_from((0, 5, 50)))
    def countdown(self, account: int, timeout: int) -> None:
        """A dead man's switch."""
        fields = {"kind": "set_countdown", "account": account, "timeout": timeout}
        self.apply("administration", fields)

    @rule(cancels=st.booleans())
    def lose_session(self, cancels: bool) -> None:
        """The session goes, and its orders if it was opened so."""
        self.apply("administration", {"kind": "open_session", "session": 7, "flag": int(cancels)})
        self.apply("administration", {"kind": "lose_session", "session": 7})


SETTINGS = settings(
    max_examples=40,
    stateful_step_count=30,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
Ledgers.TestCase.settings = SETTINGS
Limited.TestCase.settings = SETTINGS
Orders.TestCase.settings = SETTINGS
TestLedgers = Ledgers.TestCase
TestLimited = Limited.TestCase
TestOrders = Orders.TestCase
