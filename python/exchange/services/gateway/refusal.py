"""How a request is refused: one number, one body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cmatch.rejects import RejectCode
from exchange.client.rest.models import Problem
from exchange.client.results import Reject
from exchange.errors import ExchangeError, GatewayFault, RpcStatus, SecurityFault

_RETRY_S: Final = 1
_UNKNOWN_STATUS: Final = 400


class Refusal(ExchangeError):
    """A request is answered with an error.

    Args:
        code: Its number in the table of rejects, of keys or of the gateway.
        message: One sentence for a person; where it is empty, what the number means.
        details: What else is known, for programs.
        retry_after_s: When the same may be tried again.
        headers: Further ones of the answer.
    """

    status = RpcStatus.FAILED_PRECONDITION

    def __init__(
        self,
        code: RejectCode | SecurityFault | GatewayFault,
        message: str = "",
        details: Mapping[str, Any] | None = None,
        *,
        retry_after_s: int | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(message or code.meaning)
        self.code = int(code)
        self.name = code.name
        self.message = message or code.meaning
        self.details = dict(details or {})
        if isinstance(code, SecurityFault):
            self.http_status, self.transient = 401, False
        else:
            self.http_status, self.transient = code.http_status, code.transient
        if retry_after_s is None and self.http_status in {429, 503}:
            retry_after_s = _RETRY_S
        self.retry_after_s = retry_after_s
        self.headers = headers

    def problem(self, correlation_id: str) -> Problem:
        """The body of the answer."""
        return Problem(
            code=self.code,
            name=self.name,
            message=self.message,
            transient=self.transient,
            details=self.details,
            correlation_id=correlation_id,
        )


def refusal_of(reject: Reject, details: Mapping[str, Any] | None = None) -> Refusal:
    """What the exchange refused, as the gateway answers it."""
    said = dict(details or {})
    if reject.value is not None:
        said |= {"limit": str(reject.value), "asked": str(reject.asked)}
    if reject.code is None:  # newer than this gateway
        return Refusal(GatewayFault.UNAVAILABLE, f"the exchange refused it: {reject}", said)
    return Refusal(reject.code, "", said)
