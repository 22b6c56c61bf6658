"""The implementations of the five hot calls: the one that ships, and the twins that are built beside it."""

import importlib
import importlib.util
from typing import Any

import pytest

import cmatch

MODULES = [name for name in ("cmatch", "_nanobind", "_cython") if importlib.util.find_spec(name) is not None]


@pytest.fixture(params=MODULES)
def engine_type(request: pytest.FixtureRequest) -> Any:
    """Give the Engine class of one implementation."""
    return importlib.import_module(request.param).Engine


@pytest.fixture
def engine(engine_type: Any) -> Any:
    """Give an engine in which instrument 1 trades continuously."""
    made = engine_type(max_orders=64, max_order_ids=1 << 12)
    made.submit_batch(cmatch.definitions(1, instrument_id=1))
    return made
