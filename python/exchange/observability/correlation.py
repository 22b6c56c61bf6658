"""On whose behalf work is done: carried by a context variable from the request to every line of the log.

Who takes requests enters it: the server of the RPC by the headers of the call, a consumer by the envelope, a
gateway by HTTP headers. Tasks and threads that are started with a copy of the context keep it.

    with correlated("c-81", tenant="7"):
        log("order history asked")          # ... correlation_id=c-81 tenant=7
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Correlation:
    """What all that one request causes has in common.

    Args:
        correlation_id: As in `x-correlation-id` and the envelope.
        tenant: On whose behalf.
    """

    correlation_id: str
    tenant: str = ""


_current: ContextVar[Correlation | None] = ContextVar("exchange_correlation", default=None)


def current_correlation() -> Correlation | None:
    """Of the work that runs; None outside of any request."""
    return _current.get()


@contextmanager
def correlated(correlation_id: str, tenant: str = "") -> Iterator[Correlation]:
    """What the block does is for this request."""
    correlation = Correlation(correlation_id, tenant)
    token = _current.set(correlation)
    try:
        yield correlation
    finally:
        _current.reset(token)
