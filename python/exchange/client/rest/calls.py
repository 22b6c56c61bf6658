"""One call of the gateway: its tries, what each came to, and what is known of it in the end."""

from __future__ import annotations

import uuid
from typing import Final, Generic, TypeVar

import httpx
import msgspec

from exchange.client.rest.asks import Ask
from exchange.client.rest.budgets import Budgets
from exchange.client.rest.errors import RestError, error_of, outcome_unknown
from exchange.client.rest.models import Problem
from exchange.errors import DeadlineExceeded, ExchangeError, GatewayFault, ServiceUnavailableError, WireError
from exchange.observability.correlation import current_correlation
from exchange.observability.tracing import TRACEPARENT, traceparent

T = TypeVar("T")
CORRELATION_HEADER: Final = "x-correlation-id"
# Nothing was sent: there was no connection to send it over.
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
# Whoever stands before the gateway says these of a request that may have got through.
_LOST_BEHIND: Final = frozenset({502, 504})
_problem: Final = msgspec.json.Decoder(Problem).decode


class RestCall(Generic[T]):
    """From its first try to its end; sent under one correlation id and, where it writes, one name.

    Args:
        ask: What is asked.
        budgets: Told of what is left.
    """

    def __init__(self, ask: Ask[T], budgets: Budgets) -> None:
        self.ask = ask
        self._budgets = budgets
        current = current_correlation()
        self.correlation_id = uuid.uuid4().hex if current is None else current.correlation_id
        self._may_be_done = False

    def request(self, http: httpx.Client | httpx.AsyncClient, timeout_s: float) -> httpx.Request:
        """What a try sends, not yet signed."""
        ask = self.ask
        headers = {CORRELATION_HEADER: self.correlation_id, **ask.headers}
        content = ask.content
        if content:
            headers["content-type"] = "application/json"
        if span := traceparent():
            headers[TRACEPARENT] = span
        return http.build_request(
            ask.method, ask.target, content=content or None, headers=headers, timeout=timeout_s
        )

    def answer(self, response: httpx.Response) -> T:
        """What a try was answered.

        Raises:
            RestError: No success.
            WireError: It cannot be read.
        """
        self._budgets.note(response.headers, signed=not self.ask.public, cancels=self.ask.cancels)
        if response.is_success:
            try:
                return msgspec.json.decode(response.content, type=self.ask.answers)
            except msgspec.DecodeError as error:
                raise WireError(f"{self.ask.route}: the answer cannot be read: {error}") from None
        if response.status_code in _LOST_BEHIND and self.ask.writes:
            self._may_be_done = True
        raise self._refusal(response)

    def lost(self, error: Exception) -> ExchangeError:
        """What a try without an answer came to."""
        if isinstance(error, _NOT_SENT):
            return ServiceUnavailableError(f"the gateway cannot be reached: {error!r}")
        if self.ask.writes:
            self._may_be_done = True
            return outcome_unknown(self.ask.own, self.correlation_id, f"no answer: {error!r}")
        if isinstance(error, httpx.TimeoutException | TimeoutError):
            return DeadlineExceeded(f"the gateway did not answer {self.ask.route} in time")
        return ServiceUnavailableError(f"the gateway does not answer: {error!r}")

    def ended(self, error: ExchangeError) -> ExchangeError:
        """What the caller is told after the last try.

        Once a try may have been done, only the exchange's own word says that it was not: a gateway that
        refused a later one knows nothing of the first.
        """
        if not self._may_be_done or (isinstance(error, RestError) and error.of_exchange):
            return error
        if isinstance(error, RestError) and error.number == GatewayFault.OUTCOME_UNKNOWN:
            return error
        return outcome_unknown(self.ask.own, self.correlation_id, f"no answer; then: {error}")

    def _refusal(self, response: httpx.Response) -> RestError:
        status = response.status_code
        try:
            problem = _problem(response.content)
        except msgspec.DecodeError:  # not the gateway's: of a proxy before it
            fault = _FAULTS.get(status, GatewayFault.INTERNAL)
            problem = Problem(
                code=int(fault),
                name=fault.name,
                message=f"an answer {status} that is not the gateway's",
                transient=fault.transient,
                details={"clientOrderId": self.ask.own} if self.ask.own else {},
                correlation_id=self.correlation_id,
            )
        after = response.headers.get("retry-after", "")
        return error_of(status, problem, int(after) * 1_000 if after.isdecimal() else None)


_FAULTS: Final = {
    429: GatewayFault.RATE_LIMITED,
    502: GatewayFault.OUTCOME_UNKNOWN,
    503: GatewayFault.UNAVAILABLE,
    504: GatewayFault.OUTCOME_UNKNOWN,
}
