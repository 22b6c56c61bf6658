"""Why identity does not do what it is asked: a number, a sentence, and when to ask again."""

from __future__ import annotations

from exchange.domain.contracts.identity import IdentityRefusal
from exchange.errors import ExchangeError, GatewayFault, RpcStatus, SecurityFault


class Refused(ExchangeError):
    """Something is not done.

    Args:
        fault: Its number.
        message: One sentence without any secret; where it is empty, what the number means.
        retry_after_ms: When it may be tried again; 0: nothing is known of that.
    """

    status = RpcStatus.FAILED_PRECONDITION

    def __init__(
        self, fault: GatewayFault | SecurityFault, message: str = "", *, retry_after_ms: int = 0
    ) -> None:
        super().__init__(message or fault.meaning)
        self.fault = fault
        self.message = message
        self.retry_after_ms = retry_after_ms

    @property
    def record(self) -> IdentityRefusal:
        """As a reply has it."""
        return IdentityRefusal(code=int(self.fault), message=self.message, retry_after_ms=self.retry_after_ms)
