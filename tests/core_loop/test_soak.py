"""The matching engine executes without a pause; `python -m tests.core_loop.soak` does so for longer."""

from __future__ import annotations

import pytest

from tests.core_loop.soak import soak


@pytest.mark.req("A020")
def test_what_comes_within_a_turn_is_executed_and_answered_in_it() -> None:
    """Turn after turn, while timers come due: nothing is left for the next one."""
    verdict = soak(turns=500, seed=3)
    assert (verdict.turns, verdict.left) == (500, ())
    assert verdict.orders > 500 * 3
    assert verdict.trades > 500
