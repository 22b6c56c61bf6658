"""What the gateway refuses, as exceptions; each has the body of the answer.

RpcError
  RestError               any answer that is no success
    InvalidRequest        400, 405, 413, 415: it can never succeed like this
    NotAuthenticated      401: who asks is not said, not true, or no longer true
    NotPermitted          403: the key may not, or a switch is off
    NotFound              404: there is no such thing for this key
    Conflict              409: the same id with other content, or what is no longer so
    Rejected              422: the exchange refuses it
    RateLimited           429: a budget is used up; `retry_after_ms`
    NotEnabled            501: this exchange does not keep that
    GatewayUnavailable    408, 503: not now; nothing was done
    OutcomeUnknown        502, 504, or no answer to a write: it may have been done; `client_order_id`
    GatewayFailed         500 and all others: an accident of the gateway

Where nothing was sent at all, or a read has no answer, it is `ServiceUnavailableError`, or its subclass
`DeadlineExceeded`.
"""

from __future__ import annotations

from typing import Any

from cmatch.rejects import RejectCode
from exchange.client.rest.models import Problem
from exchange.errors import GatewayFault, RpcError, RpcStatus, SecurityFault


class RestError(RpcError):
    """An answer of the gateway that is no success. Programs look at `code` or `name`, never at the text.

    Args:
        problem: The body of the answer.
        http_status: Of the answer; 0 where there was none.
        retry_after_ms: When a retry may make sense, in milliseconds from now; None where nothing is said.
    """

    rpc_status = RpcStatus.INTERNAL

    def __init__(self, problem: Problem, http_status: int, retry_after_ms: int | None = None) -> None:
        transient = problem.transient and problem.code in _TRIED_AGAIN
        status = RpcStatus.UNAVAILABLE if transient else self.rpc_status
        super().__init__(status, f"{problem.code} {problem.name}: {problem.message}", retry_after_ms)
        self.problem = problem
        self.http_status = http_status

    @property
    def number(self) -> int:
        """Of the tables of the documentation: 1xxx to 4xxx rejects, 8xxx of keys, 9xxx of the gateway."""
        return self.problem.code

    @property
    def name(self) -> str:
        """Of that number."""
        return self.problem.name

    @property
    def transient(self) -> bool:
        """Whether the same, signed anew, may succeed later."""
        return self.problem.transient

    @property
    def details(self) -> dict[str, Any]:
        """What else is known."""
        return self.problem.details

    @property
    def correlation_id(self) -> str:
        """Of the request, as in the logs, the journal and the history of the exchange."""
        return self.problem.correlation_id

    @property
    def of_exchange(self) -> bool:
        """Whether the exchange itself said so, rather than the gateway before it was asked."""
        return self.problem.code < _KEYS_BEGIN


class InvalidRequest(RestError):
    """The request can never succeed like this."""

    rpc_status = RpcStatus.INVALID_ARGUMENT


class NotAuthenticated(RestError):
    """Who asks is not said, not true, or no longer true."""

    rpc_status = RpcStatus.UNAUTHENTICATED


class NotPermitted(RestError):
    """The key may not do this, or a switch is off."""

    rpc_status = RpcStatus.PERMISSION_DENIED


class NotFound(RestError):
    """There is no such thing for this key."""

    rpc_status = RpcStatus.NOT_FOUND


class Conflict(RestError):
    """It contradicts what is there: the same id with other content."""

    rpc_status = RpcStatus.ABORTED


class Rejected(RestError):
    """The exchange refuses it; see rejects.md for the number."""

    rpc_status = RpcStatus.FAILED_PRECONDITION


class RateLimited(RestError):
    """A budget is used up; `retry_after_ms` says for how long."""

    rpc_status = RpcStatus.RESOURCE_EXHAUSTED


class NotEnabled(RestError):
    """This exchange does not keep that."""

    rpc_status = RpcStatus.UNIMPLEMENTED


class GatewayUnavailable(RestError):
    """The gateway cannot do it now; nothing was done."""

    rpc_status = RpcStatus.UNAVAILABLE


class GatewayFailed(RestError):
    """An accident of the gateway, which is in its log under the correlation id."""


class OutcomeUnknown(RestError):
    """No answer in time to a write: it may have been done.

    The same call with the same ``client_order_id`` is safe: what was done is not done twice, and its first
    answer is given again.
    """

    rpc_status = RpcStatus.DEADLINE_EXCEEDED

    @property
    def client_order_id(self) -> str:
        """What names the write: of a transfer its Idempotency-Key, of a batch nothing."""
        return str(self.details.get("clientOrderId", ""))


def outcome_unknown(own: str, correlation_id: str, why: str) -> OutcomeUnknown:
    """For a write that may have been done and that nobody answered."""
    fault = GatewayFault.OUTCOME_UNKNOWN
    problem = Problem(
        code=int(fault),
        name=fault.name,
        message=why,
        transient=True,
        details={"clientOrderId": own} if own else {},
        correlation_id=correlation_id,
    )
    return OutcomeUnknown(problem, 0)


def error_of(http_status: int, problem: Problem, retry_after_ms: int | None = None) -> RestError:
    """The exception of an answer."""
    return _KINDS.get(http_status, GatewayFailed)(problem, http_status, retry_after_ms)


def error_of_problem(problem: Problem) -> RestError:
    """The exception of a refusal that came without a status, as on a stream: its number has one."""
    return error_of(_STATUSES.get(problem.code, 500), problem, retry_after_ms_of(problem))


def retry_after_ms_of(problem: Problem) -> int | None:
    """When a retry may make sense, where the body says so."""
    after_ms = problem.details.get("retryAfterMs")
    return after_ms if isinstance(after_ms, int) and after_ms >= 0 else None


_STATUSES = {
    **{int(fault): 401 for fault in SecurityFault},
    **{int(code): code.http_status for code in (*GatewayFault, *RejectCode)},
}
_KEYS_BEGIN = 8_000
# These the gateway says before anything was done, and a moment later it may say something else.
_TRIED_AGAIN = frozenset({GatewayFault.CLOCK_OUT_OF_WINDOW, GatewayFault.REQUEST_TOO_SLOW})
_KINDS = {
    400: InvalidRequest,
    401: NotAuthenticated,
    403: NotPermitted,
    404: NotFound,
    405: InvalidRequest,
    408: GatewayUnavailable,
    409: Conflict,
    413: InvalidRequest,
    415: InvalidRequest,
    422: Rejected,
    429: RateLimited,
    501: NotEnabled,
    502: OutcomeUnknown,
    503: GatewayUnavailable,
    504: OutcomeUnknown,
}
