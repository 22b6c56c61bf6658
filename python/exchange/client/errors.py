"""Accidents of a client; what the exchange answers, rejects included, is data and never raised.

ExchangeError
  TransportError
    ClientClosed            the client was closed, by its user or because its session was taken over
    LogonRefused            the exchange does not let this session in
    TooManyRequests         more requests wait for their answers than the client was made for
    ReportsLost             executions were missed that the core no longer has, or that nobody took in time
    BookParted              a mirror of a book is not what the book is at the exchange
    DeadlineExceeded
      RequestTimeout        no answer came in time: whether the request took effect is not known
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exchange.errors import DeadlineExceeded, TransportError

if TYPE_CHECKING:
    from exchange.client.requests import Request
    from exchange.client.results import Reject


class ClientClosed(TransportError):
    """The client was closed; requests that were under way may or may not have taken effect."""


class LogonRefused(TransportError):
    """The exchange does not let this session in.

    Args:
        reject: Why.
    """

    def __init__(self, reject: Reject) -> None:
        super().__init__(f"the exchange refused the session: {reject} ({reject.meaning})")
        self.reject = reject


class TooManyRequests(TransportError):
    """More requests wait for their answers than the client was made for; nothing was sent.

    Args:
        waiting: How many commands wait.
        most: How many may.
    """

    def __init__(self, waiting: int, most: int) -> None:
        super().__init__(f"{waiting} commands wait for their answers and at most {most} may")
        self.waiting = waiting
        self.most = most


class ReportsLost(TransportError):
    """Executions were missed. Own orders were asked for anew where the core had dropped them.

    Args:
        after: The event sequence of the last report that was seen.
        upto: The event sequence up to which reports may be missing.
    """

    def __init__(self, after: int, upto: int, why: str) -> None:
        super().__init__(f"reports after event {after} up to event {upto} may be missing: {why}")
        self.after = after
        self.upto = upto


class BookParted(TransportError):
    """A mirror of a book has a gap, or another checksum than the book: it begins anew from a snapshot."""


class RequestTimeout(DeadlineExceeded):
    """No answer came in time: whether the request took effect is not known.

    ``client.submit(timeout.request)`` asks again with the same bytes and is safe: what was executed is not
    executed twice, and its first answer is given again.

    Args:
        request: What was asked, as it was sent.
    """

    def __init__(self, request: Request[Any], waited_ns: int) -> None:
        super().__init__(f"no answer to {request} within {waited_ns / 1e6:.0f} ms; it may have taken effect")
        self.request = request
