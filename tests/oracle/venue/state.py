"""All that a venue remembers, and how it tells: answers and reports."""

from collections.abc import Iterable
from dataclasses import dataclass

from tests.oracle import Event, Oracle
from tests.oracle.model import Book
from tests.oracle.venue.model import Command, Market, Position, Report, Sizes, VenueOrder
from tests.oracle.venue.money import Ledger
from tests.oracle.venue.requests import Requests
from tests.oracle.venue.settlement import Unposted
from tests.oracle.venue.shards import Shard, Stage, Told
from tests.oracle.venue.words import DAY, POLICY_ALL, POLICY_NEITHER

EMPTY_REPORT: Report = {
    "exec_type": None,
    "order_status": None,
    "side": None,
    "reject": None,
    "instrument_id": 0,
    "session": 0,
    "account": 0,
    "order_id": 0,
    "sequence": 0,
    "event_sequence": 0,
    "timestamp": 0,
    "client_order_id": "",
    "correlation_id": "",
    "leaves_qty": 0,
    "cum_qty": 0,
    "price": None,
    "last_qty": 0,
    "last_price": 0,
    "trade_id": 0,
    "order_qty": 0,
    "fee": 0,
    "fee_asset": 0,
    "liquidity": None,
    "duplicate": False,
    "kept": False,
    "unposted": False,
    "stop_price": None,
    "limit": None,
    "cancel_reason": None,
    "type": None,
    "time_in_force": None,
}
EMPTY_ANSWER: Report = {
    "family": None,
    "kind": None,
    "reject": None,
    "duplicate": False,
    "session": 0,
    "asset": 0,
    "account": 0,
    "sequence": 0,
    "event_sequence": 0,
    "timestamp": 0,
    "transfer_id": 0,
    "balance": None,
    "detail": None,
    "correlation_id": "",
}


@dataclass(frozen=True)
class Header:
    """What a batch has in common."""

    first_sequence: int
    timestamp: int


class VenueState:
    """Ledger, books, orders, positions, limits and switches; the output of the last batch."""

    def __init__(self, sizes: Sizes | None = None) -> None:
        self.sizes = sizes = sizes or Sizes()
        self.clock = 0
        self.sequence = 0
        self.event_sequence = 0
        self.family = ""
        self.cause: Command | None = None
        self.output: list[Report] = []
        self.ledger = Ledger(sizes)
        self.requests = Requests(sizes)
        self.engine = Oracle(sizes.max_instruments, sizes.max_orders, 2**40)
        self.markets: dict[int, Market] = {}
        self.orders: dict[int, VenueOrder] = {}
        self.local = Stage()
        self.shards: dict[int, Shard] = {}
        self.shard_of: dict[int, Shard] = {}  # by instrument
        self.told: dict[int, Told] = {}  # of instruments that a shard matches
        self.references: dict[int, int | None] = {}  # as last set
        self.rules: dict[int, Command] = {}  # as last defined
        self.in_timers = False
        self.trades = 0
        self.positions: dict[tuple[int, int], Position] = {}
        self.limits: dict[tuple[int, int], dict[str, int]] = {}
        self.killed: set[tuple[str, int]] = set()
        self.sessions: dict[int, int] = {}
        self.countdowns: dict[int, int] = {}
        self.policy = POLICY_ALL
        self.solo = False
        self.settled_by_service = False
        self.unposted: list[Unposted] = []

    # --- telling ----------------------------------------------------------------------------------

    def tell(self, record: Report) -> Report:
        """Appends a report or an answer, with its place in the causal order."""
        self.event_sequence += 1
        record["event_sequence"] = self.event_sequence
        record["timestamp"] = self.clock
        self.output.append(record)
        return record

    def answer(
        self,
        c: Command,
        *,
        reject: str | None = None,
        detail: tuple[int, int] | None = None,
        balance: bool = False,
    ) -> Report:
        """The answer to a command of the ledger, instruments or administration."""
        record = EMPTY_ANSWER | {
            "family": self.family,
            "kind": c["kind"],
            "reject": reject,
            "session": c["session"],
            "asset": c.get("asset", 0),
            "account": c.get("account", 0),
            "sequence": self.sequence,
            "transfer_id": c.get("transfer_id", 0),
            "detail": detail,
            "correlation_id": c["correlation_id"],
        }
        if balance:
            of = self.ledger.balance(c["account"], c["asset"])
            record["balance"] = (of.total, of.reserved, of.version)
        return self.tell(record)

    def answer_again(self, c: Command, first: Command) -> None:
        """The first answer to a transfer id, for the one who asks now."""
        asking = {"session": c["session"], "correlation_id": c["correlation_id"]}
        self.tell(dict(first) | asking | {"duplicate": True, "sequence": self.sequence})

    def report(self, order: VenueOrder, exec_type: str, **fields: object) -> Report:
        """A report about an order, to the session that entered it."""
        record = EMPTY_REPORT | {
            "exec_type": exec_type,
            "order_status": order.status,
            "side": order.side,
            "instrument_id": order.market.instrument_id,
            "session": order.session,
            "account": order.account,
            "order_id": order.order_id,
            "sequence": self.sequence,
            "client_order_id": order.client_order_id,
            "leaves_qty": order.leaves,
            "cum_qty": order.cum_qty,
            "price": order.price,
            "order_qty": order.order_qty,
            "stop_price": order.stop_price,
            "type": order.type,
            "time_in_force": order.time_in_force,
        }
        record |= fields
        if self.cause is not None and self.cause["session"] == record["session"]:
            record["correlation_id"] = self.cause["correlation_id"]
        return self.tell(record)

    def report_to(self, c: Command, order: VenueOrder, exec_type: str, **fields: object) -> Report:
        """A report that answers a request; the session of the order, if another, gets the same first."""
        if c["session"] != order.session:
            self.report(order, exec_type, **fields)
        asking = {"session": c["session"], "client_order_id": c["client_order_id"]}
        return self.report(order, exec_type, **fields, **asking)

    @property
    def away(self) -> bool:
        """Whether the venue's own engine is."""
        return self.local.away

    # --- look-ups ---------------------------------------------------------------------------------

    def book(self, market: Market) -> Book:
        """The book of an instrument."""
        return self.engine.books[market.instrument_id]

    def stage_of(self, market: Market) -> Stage:
        """Where it is matched."""
        return self.shard_of.get(market.instrument_id, self.local)

    def known(self, market: Market) -> Book | Told:
        """Its prices and phase, as far as they are known here."""
        return self.told.get(market.instrument_id) or self.book(market)

    def reference(self, market: Market) -> int | None:
        """What a price is compared with: the mark, else R."""
        book = self.known(market)
        return book.mark if book.mark is not None else book.r()

    def position(self, account: int, market: Market) -> Position:
        """A position, an empty one where there is none yet."""
        return self.positions.get((account, market.instrument_id), Position())

    def value(self, position: Position, market: Market) -> int:
        """What a position is worth now, with its sign."""
        price = self.reference(market)
        return position.cost if price is None else market.notional(price, position.qty)

    def today(self, position: Position, market: Market) -> tuple[int, int]:
        """Realised result and base of the day, as they are once the position is touched today."""
        if position.day == self.clock // DAY:
            return position.realised, position.base
        return 0, self.value(position, market) - position.cost

    def touch(self, account: int, market: Market) -> Position:
        """A position that stays, on its present day."""
        position = self.positions.setdefault((account, market.instrument_id), Position())
        position.realised, position.base = self.today(position, market)
        position.day = self.clock // DAY
        return position

    def limit(self, account: int, market: Market, name: str) -> int | None:
        """A limit, of the most specific scope that sets it."""
        id_ = market.instrument_id
        for scope in ((account, id_), (account, 0), (0, id_), (0, 0)):
            value = self.limits.get(scope, {}).get(name)
            if value is not None:
                return value
        return None

    def is_killed(self, account: int, market: Market) -> bool:
        """Whether any switch that is on covers orders of this account and instrument."""
        tenant = self.ledger.accounts[account].tenant
        covering = {("venue", 0), ("tenant", tenant), ("account", account)}
        covering.add(("instrument", market.instrument_id))
        return not covering.isdisjoint(self.killed)

    def reserves(self) -> bool:
        """Whether orders and trades touch the ledger."""
        return self.policy != POLICY_NEITHER

    def oldest_first(self, orders: Iterable[VenueOrder]) -> list[VenueOrder]:
        """By order id."""
        return sorted(orders, key=lambda order: order.order_id)

    def drive(self, c: Command) -> list[Event]:
        """A command of the engine, at its own clock."""
        events = self.engine.apply({"timestamp": self.engine.clock} | dict(c))
        self.engine.l2_deltas.clear()
        self.engine.l3_deltas.clear()
        self.engine.trades.clear()
        return events
