"""Limits that are merged: what somebody else sets in between is not lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from exchange.bus.rpc import NO_CONTEXT, Call, Metadata
from exchange.domain.contracts.admin import LimitSet, SetLimitsRequest
from exchange.services.admin.changing import Body
from exchange.services.admin.limits import keywords_of, limits_of
from exchange.services.admin.parties import Parties
from exchange.services.admin.store import Entity

CALL = Call("AdminService.SetLimits", b"", Metadata("corr-1", "0", "ann", NO_CONTEXT), 1 << 62)
RATE = {"order_rate": 300, "rate_interval": 60_000_000_000}


class Desk:
    """The venue's limits of one scope, which others may set before a command arrives.

    Args:
        there: What is set.
        between: What somebody else sets before the first, the second, … command arrives; None: nothing.
    """

    def __init__(self, there: Body, between: list[Body | None]) -> None:
        self.there = there
        self.seen = dict(there)  # as far as the log is
        self.between = between
        self.before: Body = {}
        self.sent: list[Body] = []
        self.turn = asyncio.Lock()

    async def patiently(self, look: Callable[[], Any]) -> None:
        """Every account is known."""

    async def see(self, look: Callable[[Any], Any]) -> Any:
        """What was there before the last command, or what is there."""
        if "sequence" in getattr(look, "keywords", {}):
            return self.before
        return Entity("account/11", 1, dict(self.seen))

    async def command(self, call: Call, reason: str, make: Any) -> int:
        """Replaces all."""
        other = self.between.pop(0) if self.between else None
        self.before = self.there if other is None else other
        self.there = self.seen = make.args[1]
        self.sent.append(self.there)
        return len(self.sent)


@pytest.mark.parametrize(
    ("between", "sent"),
    [
        ([], [{"max_order_qty": 5}]),
        ([{"max_open_orders": 7}], [{"max_order_qty": 5}, {"max_open_orders": 7, "max_order_qty": 5}]),
    ],
)
def test_limits_are_set_again_where_others_were_lifted(between: list[Body | None], sent: list[Body]) -> None:
    """At most three times; the others as they were, the four as they are wanted."""
    desk = Desk({}, between)
    request = SetLimitsRequest(limits=LimitSet(account=11, order_qty_max=5))
    answer = asyncio.run(Parties(desk).set_limits(request, CALL))  # type: ignore[arg-type]
    assert desk.sent == sent
    assert answer.order_qty_max == 5


def test_rate_over_another_interval_stays_unless_another_is_wanted() -> None:
    """300 a minute are 5 a second: who says 5 again changes nothing."""
    there = Entity("venue", 9, {**RATE, "max_position": 8, "price_collar": 3})
    told = limits_of(LimitSet(), there)
    assert (told.orders_per_second_max, told.position_max, told.version) == (5, 8, 9)
    assert keywords_of(told, there.body) == there.body
    other = LimitSet(orders_per_second_max=6)
    assert keywords_of(other, there.body) == {
        "price_collar": 3, "order_rate": 6, "rate_interval": 1_000_000_000
    }  # fmt: skip
    assert keywords_of(LimitSet(), there.body) == {"price_collar": 3}
