"""What requests are made of, and what reports say, where only the wire's numbers are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cmatch.frames import EXECUTION_REPORT_DTYPE, ORDER_COMMAND_DTYPE
from exchange.client.batches import combine, of_array
from exchange.client.ids import Names
from exchange.client.instruments import Directory
from exchange.client.ordering import OrderRequests
from exchange.client.requests import number_of
from exchange.client.results import report
from exchange.domain.enums import ExecType, Side
from exchange.errors import WireError

NAMES = Names("bot", lambda: 0)


@pytest.mark.parametrize("wrong", [True, 1.0])
def test_what_equals_a_number_that_was_taken_is_no_number_for_that(wrong: Any) -> None:
    """A member, its number and its word are one; True and 1.0 equal it, and are refused each time."""
    assert [number_of(Side, each, "side") for each in (Side.BUY, 1, "buy")] == [1, 1, 1]
    for _ in range(2):
        with pytest.raises(TypeError, match="side must be a Side or its word"):
            number_of(Side, wrong, "side")


def test_requests_about_orders_say_whose_each_is() -> None:
    """Made singly, in a batch, and of an array, in which 0 stands for the client's own account."""
    orders = OrderRequests(NAMES, Directory(), 11, lambda _: None)
    requests = [orders.new_order(1, "buy", 1, 100), orders.mass_cancel(account=12)]
    rows = np.zeros(2, ORDER_COMMAND_DTYPE)
    rows["account"] = 0, 13
    assert [each.accounts for each in requests] == [[11], [12]]
    assert combine(requests).accounts == [11, 12]
    assert of_array(rows, NAMES, 11).accounts == [11, 13]


@pytest.mark.parametrize(("field", "number"), [("exec_type", 0), ("side", 250)])
def test_word_of_a_newer_core_is_named_as_unknown(field: str, number: int) -> None:
    """0 stands for none where there may be none; what happened is always something."""
    row: Any = np.zeros(1, EXECUTION_REPORT_DTYPE)
    row["exec_type"] = ExecType.ACCEPTED
    assert report(row.item(), 0).side is None
    row[field] = number
    with pytest.raises(WireError, match=rf" {number}, which this client does not know"):
        report(row.item(), 0)
