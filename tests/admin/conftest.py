"""A journal with a market and a log, of the event log's tests."""

from tests.event_log.conftest import exchange, memory

__all__ = ["exchange", "memory"]
