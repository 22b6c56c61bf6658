"""Engines to look at."""

import pytest

import cmatch


@pytest.fixture
def engine() -> cmatch.Engine:
    """Give an engine in which instrument 1 trades continuously."""
    made = cmatch.Engine(max_orders=1 << 12, max_order_ids=1 << 14)
    assert made.define_instrument(1)
    return made


@pytest.fixture
def keeping() -> cmatch.Engine:
    """Give one that keeps up to 8 events."""
    made = cmatch.Engine(max_orders=1 << 12, max_order_ids=1 << 14, keep_events=True, max_events=8)
    assert made.define_instrument(1)
    made.drain_events()
    return made
