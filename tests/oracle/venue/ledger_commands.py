"""Commands of the ledger: each checked in the order of the page, then posted whole."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.oracle.venue.model import Command
from tests.oracle.venue.money import Hold, Outcome
from tests.oracle.venue.settlement import apply_post
from tests.oracle.venue.words import (
    ALL_LEDGER_FIELDS,
    HOUSE_EXTERNAL,
    LEDGER_ACTIONS,
    MAX_SUPPLY,
    PASSING,
)

if TYPE_CHECKING:
    from tests.oracle.venue.state import VenueState

Checks = Iterator[tuple[str, bool]]
ENDED = {"posted": "already_posted", "voided": "already_voided", "expired": "reservation_expired"}
NOT_CONTENT = ("correlation_id", "session", "sent_at", "trade_id", "buyer_fee", "seller_fee")


def content_of(c: Command) -> tuple[tuple[str, object], ...]:
    """What must be equal in a repeated request."""
    return tuple(sorted((name, value) for name, value in c.items() if name not in NOT_CONTENT))


def apply_ledger(venue: "VenueState", c: Command) -> None:
    """One command of the ledger: answers it."""
    if c["kind"] == "post_trade":
        apply_post(venue, c)
        return
    ledger, id_ = venue.ledger, c["transfer_id"]
    early = next((code for code, failed in shape_checks(c) if failed), None)
    if early is not None:
        venue.answer(c, reject=early)
        return
    known = ledger.transfers.get(id_)
    if known is not None:
        if known.content == content_of(c):
            venue.answer_again(c, known.answer)
        else:
            venue.answer(c, reject="transfer_id_different")
        return
    checks = Ledgering(venue, c)
    reject = next((code for code, failed in checks.all() if failed), None)
    if reject is None:
        post(venue, c)
        answer = venue.answer(c, balance=True)
    else:
        answer = venue.answer(c, reject=reject, detail=checks.detail)
    full = len(ledger.transfers) >= venue.sizes.max_transfers
    if reject not in PASSING and not full:
        ledger.transfers[id_] = Outcome(content_of(c), answer)


def shape_checks(c: Command) -> Checks:
    """What is looked at before the transfer id is looked up."""
    yield "unknown_command", c["kind"] not in LEDGER_ACTIONS
    yield "invalid_field", bool(c.get("extra_present", 0) & ~ALL_LEDGER_FIELDS)
    yield "invalid_transfer_id", c["transfer_id"] == 0


def parties(c: Command, ledger_hold: Hold | None) -> tuple[int, int]:
    """Who pays and who receives."""
    match c["kind"]:
        case "deposit":
            return HOUSE_EXTERNAL, c["account"]
        case "withdraw":
            return c["account"], HOUSE_EXTERNAL
        case "transfer":
            return c["account"], c["counter_account"]
        case "post":
            assert ledger_hold is not None
            return c["account"], c["counter_account"] or HOUSE_EXTERNAL
    raise AssertionError(c["kind"])


class Ledgering:
    """The checks of one ledger command, and the numbers that go with a refusal."""

    def __init__(self, venue: "VenueState", c: Command) -> None:
        self.venue, self.c = venue, c
        self.detail: tuple[int, int] | None = None

    def all(self) -> Checks:
        """Every check, in order."""
        c, ledger = self.c, self.venue.ledger
        account, asset, kind = c["account"], c["asset"], c["kind"]
        yield "unknown_account", not ledger.knows(account, c["tenant"])
        yield "unknown_asset", asset not in ledger.assets
        yield from self.counter_checks()
        yield "invalid_amount", kind != "void_hold" and c["amount"] < 1
        hold = ledger.holds.get(c["reservation_id"])
        if kind in ("post", "void_hold"):
            yield "unknown_reservation", hold is None
            assert hold is not None
            yield "unknown_reservation", (hold.account, hold.asset) != (account, asset)
            for state, code in ENDED.items():
                yield code, hold.state == state
        if kind == "reserve":
            yield "invalid_expiry", "expire_at" in c and c["expire_at"] <= self.venue.clock
        version = ledger.balance(account, asset).version
        yield "version_conflict", "expected_version" in c and c["expected_version"] != version
        yield from self.funds_checks(hold)
        yield from self.room_checks(hold)

    def counter_checks(self) -> Checks:
        """Who receives a transfer or a post."""
        c, ledger = self.c, self.venue.ledger
        counter = c["counter_account"]
        if c["kind"] == "transfer" or (c["kind"] == "post" and counter != 0):
            tenant = ledger.accounts[c["account"]].tenant
            yield "unknown_account", not ledger.knows(counter, tenant)
            yield "same_account", counter == c["account"]

    def funds_checks(self, hold: Hold | None) -> Checks:
        """Whether there is as much as is asked for."""
        c = self.c
        if c["kind"] in ("withdraw", "transfer", "reserve"):
            available = self.venue.ledger.balance(c["account"], c["asset"]).available
            self.detail = (available, c["amount"])
            yield "insufficient_funds", c["amount"] > available
        if c["kind"] == "post":
            assert hold is not None
            self.detail = (hold.amount, c["amount"])
            yield "post_exceeds_reserved", c["amount"] > hold.amount
        self.detail = None

    def room_checks(self, hold: Hold | None) -> Checks:
        """Whether the sums, and all that would be remembered, fit."""
        c, ledger, sizes = self.c, self.venue.ledger, self.venue.sizes
        names: list[tuple[int, int]] = []
        if c["kind"] not in ("reserve", "void_hold"):
            payer, receiver = parties(c, hold)
            names = [(payer, c["asset"]), (receiver, c["asset"])]
            supply = -ledger.balance(HOUSE_EXTERNAL, c["asset"]).total
            yield "balance_overflow", c["kind"] == "deposit" and supply + c["amount"] > MAX_SUPPLY
            yield "balance_overflow", not ledger.fits(receiver, c["asset"], c["amount"])
        full = len(ledger.pending()) >= sizes.max_holds
        yield "capacity_reservations", c["kind"] == "reserve" and full
        yield "capacity_balances", not ledger.has_room(*names)
        yield "capacity_transfers", len(ledger.transfers) >= sizes.max_transfers


def post(venue: "VenueState", c: Command) -> None:
    """Carries out a command that is in order."""
    ledger, account, asset = venue.ledger, c["account"], c["asset"]
    match c["kind"]:
        case "reserve":
            ledger.make(account, asset).change(0, c["amount"])
            ledger.holds[c["transfer_id"]] = Hold(account, asset, c["amount"], c.get("expire_at"))
        case "void_hold":
            ledger.free(c["reservation_id"], "voided")
        case "post":
            hold = ledger.holds[c["reservation_id"]]
            hold.state = "posted"
            payer, receiver = parties(c, hold)
            ledger.move(payer, receiver, asset, c["amount"], hold.amount)
        case _:
            payer, receiver = parties(c, None)
            ledger.move(payer, receiver, asset, c["amount"])
