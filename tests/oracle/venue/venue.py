"""The venue: takes batches of commands of one family and answers each command."""

from collections.abc import Callable, Sequence
from typing import Any

from tests.oracle.venue.admin_commands import advance_engine, apply_admin
from tests.oracle.venue.effects import end
from tests.oracle.venue.instrument_commands import apply_instrument
from tests.oracle.venue.invariants import check_venue
from tests.oracle.venue.ledger_commands import apply_ledger
from tests.oracle.venue.model import Command, Report
from tests.oracle.venue.order_commands import apply_order, cancel_orders
from tests.oracle.venue.passing import advance
from tests.oracle.venue.shard_events import apply_shard_event
from tests.oracle.venue.shards import NOTHING
from tests.oracle.venue.state import Header, VenueState

Apply = Callable[[VenueState, Command], None]

APPLY: dict[str, Apply] = {
    "orders": apply_order,
    "ledger": apply_ledger,
    "instruments": apply_instrument,
    "administration": apply_admin,
    "shard_events": apply_shard_event,
}
DEFAULTS: dict[str, dict[str, Any]] = {
    "orders": {
        "side": None,
        "type": None,
        "time_in_force": None,
        "instrument_id": 0,
        "stp_mode": "none",
        "flags": 0,
        "account": 0,
        "sent_at": 1,
        "order_id": 0,
        "client_order_id": "",
        "verdict": None,
        "orig_client_order_id": "",
    },
    "ledger": {
        "asset": 0,
        "account": 0,
        "counter_account": 0,
        "amount": 0,
        "transfer_id": 0,
        "reservation_id": 0,
        "sent_at": 0,
        "trade_id": 0,
        "buyer_fee": 0,
        "seller_fee": 0,
    },
    "instruments": {"instrument_id": 0, "asset": 0, "shard": 0},
    "shard_events": NOTHING | {"shard": 0, "number": 0},
    "administration": {
        "account": 0,
        "instrument_id": 0,
        "scope": None,
        "flag": 0,
        "parent": 0,
        "asset": 0,
        "timeout": 0,
        "rate_interval": 0,
        "haircut": 0,
        "mark": 0,
        "collateral_asset": 0,
        "shard": 0,
    },
}
COMMON: dict[str, Any] = {"session": 0, "tenant": 0, "correlation_id": ""}


def filled(family: str, command: Command) -> Command:
    """A command with all its fields; those of a mass_cancel that are not given count as nothing."""
    result = COMMON | DEFAULTS[family] | ({"qty": 0} if command["kind"] == "new" else {}) | dict(command)
    if family == "orders" and command["kind"] == "mass_cancel":
        result |= {} if "scope_instrument" in command else {"instrument_id": 0}
        result |= {} if "scope_side" in command else {"side": None}
    return result


class Venue(VenueState):
    """A whole venue: `apply` a batch, get the list of its reports and answers."""

    def apply(self, family: str, header: Header, commands: Sequence[Command]) -> list[Report]:
        """Does first what is due, then each command. Returns all that is told.

        Raises AssertionError where the sequence is not the next one.
        """
        assert header.first_sequence == self.sequence + 1
        assert commands
        self.output = []
        self.family = family
        self.cause = None
        self.sequence = header.first_sequence
        if header.timestamp > self.clock:
            self.clock = header.timestamp
            self.requests.forget_due(self.clock)
            self.do_what_is_due()
        for i, command in enumerate(commands):
            self.sequence = header.first_sequence + i
            self.cause = filled(family, command)
            APPLY[family](self, self.cause)
        return self.output

    def do_what_is_due(self) -> None:
        """All that waited for this time."""
        self.ledger.expire(self.clock)
        self.in_timers = True
        due = [(deadline, account) for account, deadline in self.countdowns.items() if deadline <= self.clock]
        for _, account in sorted(due):
            del self.countdowns[account]
            of_account = [order for order in self.orders.values() if order.account == account]
            cancel_orders(self, of_account, "countdown")
        for stage in (self.local, *(self.shards[number] for number in sorted(self.shards))):
            for order in list(stage.queue):
                if self.clock - order.entered > self.sizes.queue_ttl:
                    stage.queue.remove(order)
                    end(self, order, "expired", cancel_reason="queue_ttl")
        self.in_timers = False
        if not self.local.away:
            advance_engine(self)
        for number in sorted(self.shards):
            advance(self, self.shards[number])

    def check_invariants(self) -> None:
        """Raises AssertionError if the state is one that no sequence of batches may reach."""
        check_venue(self)
