"""Every test of the rows runs on both databases."""

from __future__ import annotations

from tests.event_log.conftest import memory
from tests.marketdata.conftest import exchange

__all__ = ["exchange", "memory"]
