"""Commands of orders: what comes before the engine, the engine's answer, and what follows from it."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from tests.oracle import words as matching
from tests.oracle.venue import limits
from tests.oracle.venue.effects import end, ended, fold, let_go, reserve_anew
from tests.oracle.venue.model import Accepted, Market, Position, VenueOrder, need
from tests.oracle.venue.passing import pass_on
from tests.oracle.venue.requests import Request, content_of
from tests.oracle.venue.settlement import is_behind
from tests.oracle.venue.shards import Passed, is_elsewhere
from tests.oracle.venue.spending import about_affordable, affordable
from tests.oracle.venue.state import EMPTY_REPORT
from tests.oracle.venue.words import (
    ALL_ORDER_FIELDS,
    FUTURE,
    MAX_INT64,
    ORDER_ACTIONS,
    PASSING,
    POLICY_ALL,
)

if TYPE_CHECKING:
    from tests.oracle import Event
    from tests.oracle.venue.model import Command, Report
    from tests.oracle.venue.state import VenueState

Checks = Iterator[tuple[str, bool]]

ENGINE_FIELDS = (
    "instrument_id",
    "account",
    "side",
    "type",
    "time_in_force",
    "flags",
    "stp_mode",
    "qty",
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
LIMITED = ("limit", "stop_limit")
SPECIAL = ("stop_price", "trail", "peg", "offset", "min_qty")


def apply_order(venue: "VenueState", c: "Command") -> None:
    """One command of orders: answers it, and tells what follows from it."""
    handling = Handling(venue, c)
    early = next((code for code, failed in handling.shape_checks() if failed), None)
    if early is not None:
        handling.refuse(early)
        return
    requests, name = venue.requests, (c["account"], c["client_order_id"])
    known = requests.known.get(name)
    if known is not None:
        if known.content == content_of(c):
            if not known.undecided:
                handling.answer_again(known)
        else:
            handling.refuse("duplicate_id_different")
        return
    unheard = next((code for code, failed in handling.request_checks() if failed), None)
    if unheard is not None:
        handling.refuse(unheard)
        return
    {
        "new": handling.new,
        "replace": handling.replace,
        "cancel": handling.cancel,
        "mass_cancel": handling.mass_cancel,
    }[c["kind"]]()


def is_id(text: str) -> bool:
    """1 to 40 printable ASCII, no space."""
    return 1 <= len(text) <= 40 and all("!" <= letter <= "~" for letter in text)


def cancel_orders(venue: "VenueState", orders: Iterable[VenueOrder], reason: str) -> None:
    """Cancels each, by order id, with what follows from it; one that ended meanwhile is left out."""
    for order in venue.oldest_first(orders):
        if order.order_id in venue.orders:
            cancel_one(venue, order, reason)


def cancel_one(venue: "VenueState", order: VenueOrder, reason: str) -> None:
    """Cancels an order, wherever it is."""
    queue = venue.stage_of(order.market).queue
    if order in queue:
        queue.remove(order)
        end(venue, order, "canceled", cancel_reason=reason)
    elif is_elsewhere(venue, order.market):
        if not order.canceling:
            order.canceling = True
            pass_on(venue, "venue_cancel", order.market, cancel_command(order), order=order, reason=reason)
    else:
        fold(venue, venue.drive(cancel_command(order)), reason)


def cancel_command(order: VenueOrder) -> dict[str, Any]:
    """The engine's command that cancels an order."""
    return {
        "kind": "cancel",
        "instrument_id": order.market.instrument_id,
        "order_id": order.order_id,
        "account": order.account,
    }


def submit(venue: "VenueState", order: VenueOrder) -> None:
    """Gives a queued order to the engine, or to its shard."""
    if is_elsewhere(venue, order.market):
        pass_on(venue, "queued", order.market, dict(order.command), order=order)
        return
    first, *rest = venue.drive(dict(order.command))
    if first["kind"] == "rejected":
        end(venue, order, "rejected", reject=first["reason"])
    else:
        fold(venue, [first])
    fold(venue, rest)


def decide_new(venue: "VenueState", passed: Passed, events: list["Event"]) -> None:
    """A shard has taken a new order, or not."""
    order, (first, *rest) = passed.order, events
    assert order is not None
    if first["kind"] == "rejected" and passed.kind == "queued":
        end(venue, order, "rejected", reject=first["reason"])
        return
    request = venue.requests.known[order.account, order.client_order_id]
    if first["kind"] == "rejected":
        let_go(venue, order, "rejected")
        request.end = {}
        Handling(venue, passed.c).refuse_late(first["reason"], request)
        return
    if order.spends:
        position = venue.positions[order.account, order.market.instrument_id]
        position.count(order, -1)
        order.order_qty = first["qty"]
        position.count(order, 1)
    order.status = "suspended" if order.type in matching.STOPS else "open"
    order.price, order.stop_price = first["price"], first["stop_price"]
    if order.type == "market_to_limit" and order.price is not None:
        position = venue.positions[order.account, order.market.instrument_id]
        position.count(order, -1)
        order.worst = min(order.worst, order.price) if order.side == "buy" else order.price
        position.count(order, 1)
        if venue.reserves():
            reserve_anew(venue, order)
    report = venue.report(order, "accepted")
    if passed.kind == "new":
        request.answer = report
    fold(venue, rest)


def decide_replace(venue: "VenueState", passed: Passed, events: list["Event"]) -> None:
    """A shard has changed an order, or not."""
    order, c, (first, *rest) = passed.order, passed.c, events
    assert order is not None
    request = undecided(venue, passed)
    lives = order.order_id in venue.orders
    if first["kind"] == "rejected":
        if lives:
            let_replace_go(venue, order)
        Handling(venue, c).refuse_late(first["reason"], request)
        return
    assert lives
    if first["kind"] != "replaced":
        Handling(venue, c).take_off(order, first["reason"], request)
        fold(venue, rest)
        return
    position = venue.positions[order.account, order.market.instrument_id]
    position.count(order, -1)
    order.order_qty = first["qty"]
    order.worst = c.get("price", order.worst)
    order.price, order.stop_price = first["price"], first["stop_price"]
    position.count(order, 1)
    let_replace_go(venue, order)
    report = venue.report_to(c, order, "replaced", kept=first["kept"])
    decide(request, report)
    fold(venue, rest)


def let_replace_go(venue: "VenueState", order: VenueOrder) -> None:
    """One replace less is on its way; without any the order counts as it is."""
    position = venue.positions[order.account, order.market.instrument_id]
    position.count(order, -1)
    order.replaces -= 1
    position.count(order, 1)
    if venue.reserves() and not order.spends:
        reserve_anew(venue, order)


def decide_cancel(venue: "VenueState", passed: Passed, events: list["Event"]) -> None:
    """A shard has cancelled an order, or it was gone."""
    first, *rest = events
    assert passed.order is not None
    request = undecided(venue, passed)
    if first["kind"] == "rejected":
        Handling(venue, passed.c).refuse_late(first["reason"], request)
        return
    Handling(venue, passed.c).take_off(passed.order, "requested", request)
    fold(venue, rest)


def undecided(venue: "VenueState", passed: Passed) -> Request | None:
    """What is remembered of a request, unless it was forgotten before it was decided."""
    name = (passed.c["account"], passed.c["client_order_id"])
    return passed.request if venue.requests.known.get(name) is passed.request else None


def decide(request: Request | None, report: "Report") -> None:
    """From now on a retry hears this."""
    if request is not None:
        request.answer, request.undecided = report, False


class Handling:
    """One command of orders on its way."""

    def __init__(self, venue: "VenueState", c: "Command") -> None:
        self.venue, self.c = venue, c
        self.detail: tuple[int, int] | None = None
        self.target: VenueOrder | None = None

    # --- checks of all requests -------------------------------------------------------------------

    def shape_checks(self) -> Checks:
        """What is looked at before the client order id."""
        c = self.c
        kind = c["kind"]
        yield "unknown_command", kind not in ORDER_ACTIONS
        yield "invalid_field", bool(c.get("extra_present", 0) & ~ALL_ORDER_FIELDS)
        if kind == "new":
            yield "invalid_field", c["side"] not in matching.SIDES or c["type"] not in matching.TYPES
            yield "invalid_field", c["time_in_force"] not in matching.TIMES_IN_FORCE
            yield "invalid_field", c["stp_mode"] not in matching.STP_MODES
            yield "invalid_field", bool(c["flags"] & ~matching.ALL_FLAGS)
            yield "invalid_field", "peg" in c and c["type"] == "pegged" and c["peg"] not in matching.PEGS
        if kind == "mass_cancel":
            yield "invalid_field", "scope_side" in c and c["side"] not in matching.SIDES
        spending = (kind, c["side"], c["type"], c["time_in_force"]) == ("new", "buy", "market", "ioc")
        yield "invalid_field", "quote_qty" in c and not spending
        yield "invalid_field", "quote_qty" in c and c["stp_mode"] == "cancel_oldest"
        yield "bad_client_order_id", not is_id(c["client_order_id"])
        yield "bad_correlation_id", c["correlation_id"] != "" and not is_id(c["correlation_id"])
        yield "unknown_account", not self.venue.ledger.knows(c["account"], c["tenant"])

    def request_checks(self) -> Checks:
        """Of an id that is not known."""
        c, venue = self.c, self.venue
        yield "too_old", c["sent_at"] <= venue.requests.watermark(c["account"])
        yield "timestamp_out_of_window", c["sent_at"] > venue.clock + FUTURE
        yield "capacity_client_ids", not venue.requests.has_room()

    # --- answers ----------------------------------------------------------------------------------

    def refuse(self, code: str, *, remember: bool = False, judged: bool = False) -> None:
        """Refuses the command; `judged` by the engine, whose InvalidField says something of the request."""
        c, venue = self.c, self.venue
        exec_type = "rejected" if c["kind"] == "new" else "cancel_rejected"
        fields: dict[str, Any] = {"reject": code, "limit": self.detail}
        report = venue.tell(self.blank(exec_type) | fields)
        if remember and (judged or code not in PASSING):
            self.remember(report)

    def refuse_late(self, code: str, request: Request | None) -> None:
        """A shard refuses what was passed on: that was known before, and is remembered whatever the code."""
        exec_type = "rejected" if self.c["kind"] == "new" else "cancel_rejected"
        decide(request, self.venue.tell(self.blank(exec_type) | {"reject": code}))

    def blank(self, exec_type: str) -> "Report":
        """A report about what the command asks for, where there is no order to speak of."""
        c = self.c
        fields: dict[str, Any] = {
            "exec_type": exec_type,
            "order_status": "rejected" if exec_type == "rejected" else None,
            "type": c["type"] or None,
            "time_in_force": c["time_in_force"] or None,
            "instrument_id": c["instrument_id"],
            "session": c["session"],
            "account": c["account"],
            "sequence": self.venue.sequence,
            "client_order_id": c["client_order_id"],
            "correlation_id": c["correlation_id"],
            "side": c["side"] or None,
        }
        if exec_type == "rejected":
            fields["order_qty"] = c.get("qty", 0)
        if exec_type == "cancel_rejected":
            fields["order_id"] = c["order_id"]
        return EMPTY_REPORT | fields

    def remember(self, report: "Report", order: VenueOrder | None = None) -> Request:
        """Keeps the answer of this request."""
        c = self.c
        request = Request((c["account"], c["client_order_id"]), content_of(c), c["sent_at"], report, order)
        self.venue.requests.remember(request, self.venue.clock, live=order is not None)
        return request

    def answer_again(self, known: Request) -> None:
        """The first answer; of an order that was accepted with what became of it."""
        c, order = self.c, known.order
        fields: dict[str, Any] = dict(known.end)
        if order is not None:
            fields = {
                "order_status": order.status,
                "order_qty": order.order_qty,
                "cum_qty": order.cum_qty,
                "leaves_qty": order.leaves,
                "price": order.price,
                "stop_price": order.stop_price,
            }
        asking = {"session": c["session"], "correlation_id": c["correlation_id"], "duplicate": True}
        self.venue.tell(dict(known.answer) | fields | asking | {"sequence": self.venue.sequence})

    # --- new --------------------------------------------------------------------------------------

    def new(self) -> None:
        """A new order."""
        c, venue = self.c, self.venue
        checks = NewOrder(venue, c)
        code = next((code for code, failed in checks.all() if failed), None)
        if code is not None:
            self.detail = checks.detail
            self.refuse(code, remember=True)
            return
        command: dict[str, Any] = {name: c[name] for name in ENGINE_FIELDS if name in c}
        command |= {"kind": "new", "order_id": venue.sequence, "qty": checks.qty}
        stage = venue.stage_of(checks.market)
        if stage.away:
            order = self.accept(checks, command, "pending_new", c.get("price"), None)
            stage.queue.append(order)
            return
        if is_elsewhere(venue, checks.market):
            prices = c.get("price"), c.get("stop_price")
            order = self.accept(checks, command, "pending_new", *prices, told=False)
            pass_on(venue, "new", checks.market, command, c=c, order=order)
            return
        first, *rest = venue.drive(command)
        if first["kind"] == "rejected":
            self.refuse(first["reason"], remember=True, judged=first["reason"] == "invalid_field")
            return
        status = "suspended" if c["type"] in matching.STOPS else "open"
        order = self.accept(checks, command, status, first["price"], first["stop_price"])
        fold(venue, rest)

    def accept(
        self,
        checks: "NewOrder",
        command: dict[str, Any],
        status: str,
        price: int | None,
        stop_price: int | None,
        *,
        told: bool = True,
    ) -> VenueOrder:
        """The order lives: it reserves, counts, and is told of, now or when its shard has taken it."""
        c, venue, market = self.c, self.venue, checks.market
        order = VenueOrder(
            order_id=venue.sequence,
            account=c["account"],
            session=c["session"],
            market=market,
            client_order_id=c["client_order_id"],
            side=c["side"],
            type=c["type"],
            time_in_force=c["time_in_force"],
            flags=c["flags"],
            order_qty=checks.qty,
            price=price,
            stop_price=stop_price,
            worst=checks.worst,
            reserved=0,
            status=status,
            command=command,
            entered=venue.clock,
            spends="quote_qty" in c,
            reserved_for=c.get("quote_qty", 0),
        )
        venue.orders[order.order_id] = order
        if venue.reserves():
            for account, asset in checks.balances():
                venue.ledger.make(account, asset)
            order.reserved = checks.need
            venue.ledger.make(order.account, market.pays(order.side)).change(0, order.reserved)
        if told and c["type"] == "market_to_limit" and price is not None:
            order.worst = min(checks.worst, price) if c["side"] == "buy" else price
            if venue.reserves():
                reserve_anew(venue, order)
        position = venue.touch(order.account, market)
        position.count(order, 1)
        position.live_orders += 1
        if venue.policy == POLICY_ALL and venue.limit(c["account"], market, "duplicate_window") is not None:
            position.accepted.append(
                Accepted(venue.clock, order.side, order.type, limit_price(c), order.order_qty)
            )
        if told:
            self.remember(venue.report(order, "accepted"), order)
        else:
            self.remember(self.blank("accepted") | {"order_id": order.order_id}, order)
        return order

    # --- replace and cancel -----------------------------------------------------------------------

    def find(self) -> VenueOrder | None:
        """The live order of the account that the command names."""
        c, venue = self.c, self.venue
        if c["order_id"] != 0:
            order = venue.orders.get(c["order_id"])
        else:
            known = venue.requests.known.get((c["account"], c["orig_client_order_id"]))
            order = None if known is None else known.order
        if order is None or order.account != c["account"] or order.canceling:
            return None
        return order if order.market.instrument_id == c["instrument_id"] else None

    def replace(self) -> None:
        """Changes a live order."""
        c, venue = self.c, self.venue
        checks = Replacing(self)
        code = next((code for code, failed in checks.all() if failed), None)
        order = self.target
        if code is not None:
            self.detail = checks.detail
            self.refuse(code, remember=True)
            return
        assert order is not None
        command = cancel_command(order) | {"kind": "replace"}
        command |= {name: c[name] for name in ("qty", "price", "stop_price") if name in c}
        if is_elsewhere(venue, order.market):
            self.pass_replace(order, checks, command)
            return
        first, *rest = venue.drive(command)
        if first["kind"] == "rejected":
            self.refuse(first["reason"], remember=True, judged=first["reason"] == "invalid_field")
            return
        if first["kind"] == "replaced":
            position = venue.touch(order.account, order.market)
            position.count(order, -1)
            order.order_qty, order.worst = first["qty"], checks.worst
            order.price, order.stop_price = first["price"], first["stop_price"]
            position.count(order, 1)
            if venue.reserves():
                reserve_anew(venue, order)
            self.remember(venue.report_to(c, order, "replaced", kept=first["kept"]))
        else:
            self.take_off(order, first["reason"], self.remember({}))
        fold(venue, rest)

    def pass_replace(self, order: VenueOrder, checks: "Replacing", command: dict[str, Any]) -> None:
        """Until its shard has decided the order counts with the most that it may be."""
        venue = self.venue
        request = self.remember({})
        request.undecided = True
        position = venue.positions[order.account, order.market.instrument_id]
        position.count(order, -1)
        if not order.replaces:
            order.most_qty, order.most_worst = order.order_qty, order.worst
        order.replaces += 1
        order.most_qty = max(order.most_qty, order.cum_qty + max(checks.leaves, 0))
        order.most_worst = max(order.most_worst, checks.worst)
        position.count(order, 1)
        if venue.reserves() and not order.spends:
            reserve_anew(venue, order)
        pass_on(venue, "replace", order.market, command, c=self.c, order=order, request=request)

    def cancel(self) -> None:
        """Takes a live order off."""
        venue = self.venue
        self.target = order = self.find()
        if order is None:
            self.refuse("unknown_order", remember=True)
            return
        queue = venue.stage_of(order.market).queue
        if order in queue:
            queue.remove(order)
            self.take_off(order, "requested", self.remember({}))
            return
        if is_elsewhere(venue, order.market):
            order.canceling = True
            request = self.remember({})
            request.undecided = True
            wanted = cancel_command(order)
            pass_on(venue, "cancel", order.market, wanted, c=self.c, order=order, request=request)
            return
        first, *rest = venue.drive(cancel_command(order))
        assert first["kind"] == "canceled"
        self.take_off(order, "requested", self.remember({}))
        fold(venue, rest)

    def take_off(self, order: VenueOrder, reason: str, request: Request | None) -> None:
        """The order is canceled, and that is the answer to the request, if it is remembered."""
        let_go(self.venue, order, "canceled", reason)
        fields = ended(order) | {"cancel_reason": reason}
        decide(request, self.venue.report_to(self.c, order, "canceled", **fields))

    def mass_cancel(self) -> None:
        """Takes off all orders of the account, of an instrument and a side where they are given."""
        c, venue = self.c, self.venue
        if "scope_instrument" in c and c["instrument_id"] not in venue.markets:
            self.refuse("unknown_instrument", remember=True)
            return
        orders = [
            order
            for order in venue.orders.values()
            if order.account == c["account"]
            and ("scope_instrument" not in c or order.market.instrument_id == c["instrument_id"])
            and ("scope_side" not in c or order.side == c["side"])
            and not order.canceling
        ]
        report = venue.tell(self.blank("done") | {"last_qty": len(orders), "order_qty": len(orders)})
        self.remember(report)
        cancel_orders(venue, orders, "mass")


class NewOrder:
    """What a new order has to pass before the engine sees it."""

    def __init__(self, venue: "VenueState", c: "Command") -> None:
        self.venue, self.c = venue, c
        self.detail: tuple[int, int] | None = None
        self.qty: int = c["qty"]
        self.worst = 0
        self.need = 0

    def all(self) -> Checks:
        """Every check, in order."""
        c, venue = self.c, self.venue
        yield "unknown_instrument", c["instrument_id"] not in venue.markets
        self.market = venue.markets[c["instrument_id"]]
        yield "killed", venue.is_killed(c["account"], self.market)
        stage = venue.stage_of(self.market)
        if stage.away:
            special = c["type"] != "limit" or c["time_in_force"] not in matching.RESTING_TIMES
            special = special or bool(c["flags"] & matching.POST_ONLY) or any(name in c for name in SPECIAL)
            yield "engine_unavailable", special
            yield "queue_full", len(stage.queue) >= venue.sizes.queue_capacity
        yield "queue_full", not stage.away and is_busy(venue, self.market)
        yield "settlement_behind", is_behind(venue)
        yield from self.bounds()
        yield from self.room()
        yield from self.funds()
        venue.touch(c["account"], self.market)
        if venue.policy == POLICY_ALL:
            yield from self.limit_checks()
        if c["flags"] & matching.REDUCE_ONLY:
            left = limits.reducible(venue, self.market, c["account"], c["side"])
            self.detail = (left[0], self.qty)
            yield "reduce_only", self.qty > left[1]
            self.detail = None
        yield from verdict_on(c)

    def bounds(self) -> Checks:
        """What money depends on."""
        c, market = self.c, self.market
        definition = self.venue.book(market).definition
        if "quote_qty" in c:
            yield "invalid_qty", c["quote_qty"] < 1
            told = self.venue.told.get(market.instrument_id)
            if told is None:
                self.qty = affordable(self.venue.book(market), market, c["quote_qty"])
            else:
                self.qty = about_affordable(told, market, c["quote_qty"])
            yield "invalid_qty", self.qty < 1
        yield "invalid_qty", not 1 <= self.qty <= definition.max_qty
        yield "price_missing", c["type"] in LIMITED and "price" not in c
        yield (
            "invalid_price",
            "price" in c and not definition.min_price <= c["price"] <= definition.max_price,
        )
        self.worst = worst_price(self.venue, market, c)
        yield "notional_overflow", self.worst * self.qty > definition.max_notional

    def room(self) -> Checks:
        """Whether the order, and what its trades may need, can be kept."""
        venue, c = self.venue, self.c
        yield "capacity_orders", len(venue.orders) >= venue.sizes.max_orders
        yield "capacity_balances", not venue.ledger.has_room(*self.balances())
        position = (c["account"], c["instrument_id"])
        full = len(venue.positions) >= venue.sizes.max_positions
        yield "capacity_positions", full and position not in venue.positions
        venue.positions.setdefault(position, Position())
        yield (
            "side_overflow",
            limits.worst_lots(venue, self.market, c["account"], c["side"], self.qty) > MAX_INT64,
        )

    def funds(self) -> Checks:
        """Whether the account can pay for the worst."""
        c, venue, market = self.c, self.venue, self.market
        if "quote_qty" in c:
            self.need = c["quote_qty"]
        else:
            self.need = need(market, c["side"], self.qty, self.worst)
        if venue.reserves():
            yield "notional_overflow", self.need > MAX_INT64
            available = venue.ledger.balance(c["account"], market.pays(c["side"])).available
            self.detail = (available, self.need)
            yield "insufficient_funds", self.need > available
            self.detail = None

    def balances(self) -> list[tuple[int, int]]:
        """All balances that its trades may touch."""
        market, account = self.market, self.c["account"]
        return [(account, market.base), (account, market.quote)]

    def limit_checks(self) -> Checks:
        """The limits, with their numbers."""
        asked = limits.Asked(
            account=self.c["account"],
            market=self.market,
            side=self.c["side"],
            type=self.c["type"],
            price=limit_price(self.c),
            qty=self.qty,
            notional=self.market.notional(self.worst, self.qty),
        )
        found = next(limits.breaches(self.venue, asked), None)
        if found is not None:
            code, self.detail = found
            yield code, True


class Replacing:
    """What a replace has to pass before the engine sees it."""

    def __init__(self, handling: Handling) -> None:
        self.handling = handling
        self.venue, self.c = handling.venue, handling.c
        self.detail: tuple[int, int] | None = None
        self.worst = 0
        self.leaves = 0

    def all(self) -> Checks:
        """Every check, in order."""
        venue, c = self.venue, self.c
        order = self.handling.find()
        self.handling.target = order
        yield "unknown_order", order is None
        assert order is not None
        market = order.market
        yield "killed", venue.is_killed(order.account, market)
        yield "engine_unavailable", venue.stage_of(market).away
        yield "queue_full", is_busy(venue, market)
        yield "settlement_behind", is_behind(venue)
        leaves = self.leaves = c.get("qty", order.order_qty) - order.cum_qty
        self.worst = order.worst
        if leaves > 0:
            yield from self.bounds(order, leaves)
        yield from verdict_on(c)

    def bounds(self, order: VenueOrder, leaves: int) -> Checks:
        """What money depends on, and the limits, where something is left of the order."""
        venue, c, market = self.venue, self.c, order.market
        definition = venue.book(market).definition
        yield "invalid_qty", "qty" in c and c["qty"] > definition.max_qty
        if "price" in c:
            self.worst = c["price"]
            yield "invalid_price", not definition.min_price <= c["price"] <= definition.max_price
        yield "notional_overflow", self.worst * (order.cum_qty + leaves) > definition.max_notional
        more = leaves - order.leaves
        yield "side_overflow", limits.worst_lots(venue, market, order.account, order.side, more) > MAX_INT64
        if venue.reserves():
            most, highest = leaves, self.worst
            if is_elsewhere(venue, market):
                most, highest = max(leaves, order.counted), max(self.worst, order.counts_at)
            needed = need(market, order.side, most, highest, order.fee_due)
            yield "notional_overflow", needed > MAX_INT64
            available = venue.ledger.balance(order.account, market.pays(order.side)).available
            self.detail = (available, needed - order.reserved)
            yield "insufficient_funds", needed - order.reserved > max(available, 0)
            self.detail = None
        if leaves > order.leaves or self.worst != order.worst:
            yield from self.limit_checks(order, leaves)

    def limit_checks(self, order: VenueOrder, leaves: int) -> Checks:
        """The limits of a new order in the old one's place."""
        venue, market = self.venue, order.market
        position = venue.touch(order.account, market)
        if venue.policy == POLICY_ALL:
            asked = limits.Asked(
                account=order.account,
                market=market,
                side=order.side,
                type=order.type,
                price=self.c.get("price", order.price),
                qty=leaves,
                notional=market.notional(self.worst, leaves),
                replaced=order,
            )
            position.count(order, -1)
            found = next(limits.breaches(venue, asked), None)
            position.count(order, 1)
            if found is not None:
                code, self.detail = found
                yield code, True
        if order.flags & matching.REDUCE_ONLY:
            left = limits.reducible(venue, market, order.account, order.side, order)
            self.detail = (left[0], leaves)
            yield "reduce_only", leaves > left[1]
            self.detail = None


def verdict_on(c: "Command") -> Checks:
    """What a stage elsewhere said of it, when nothing here was against it."""
    if c["verdict"] is not None:
        yield c["verdict"], True


def limit_price(c: "Command") -> int | None:
    """The limit that a new order gives itself."""
    return c["price"] if c["type"] in LIMITED else None


def is_busy(venue: "VenueState", market: Market) -> bool:
    """Whether its shard has as much to answer as may wait."""
    shard = venue.shard_of.get(market.instrument_id)
    return shard is not None and len(shard.passed) >= venue.sizes.queue_capacity


def worst_price(venue: "VenueState", market: Market, c: "Command") -> int:
    """The price at which an order counts."""
    if c["type"] in LIMITED or (c["type"] == "pegged" and "price" in c):
        return int(c["price"])
    book = venue.known(market)
    if c["side"] == "sell":
        reference = venue.reference(market)
        return market.max_price if reference is None else reference
    r, collar = book.r(), venue.book(market).definition.collar
    bounded = c["type"] == "market_to_limit" or (
        c["type"] == "market" and c["time_in_force"] in ("ioc", "fok")
    )
    if bounded and r is not None and collar is not None:
        return min(market.max_price, r + collar)
    return market.max_price
