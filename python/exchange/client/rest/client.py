"""The client of the gateway that waits for its answers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self, TypeVar

import httpx

from exchange.client.rest.asks import Ask, P, after
from exchange.client.rest.budgets import Budgets
from exchange.client.rest.calls import RestCall
from exchange.client.rest.connecting import LIMITS, Options, checked_url, policy_of
from exchange.client.rest.requests import RestRequests
from exchange.client.rest.table import RestTable
from exchange.client.twins import Waits
from exchange.errors import RpcError, ServiceUnavailableError
from exchange.observability.tracing import Kind, span
from exchange.resilience import Try

T = TypeVar("T")
R = TypeVar("R")


class RestClient(RestTable, Waits):
    """Asks one gateway; any number of threads may share it.

    Each call signs, sends and waits. Reads, and writes by their names, are tried again where that may help,
    within the client's timeout; 429 as late as `Retry-After` says.

    Args:
        url: Of the gateway: `http://127.0.0.1:8080`.
        auth: Who asks: `hmac_key`, `ed25519_key` or `BearerAuth`; None: public routes alone.
        transport: Of httpx, where it is not the network.
        options: See `Options`.

    Raises:
        ConfigError: The address is none.
    """

    def __init__(
        self,
        url: str,
        auth: httpx.Auth | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
        options: Options | None = None,
    ) -> None:
        options = options or Options()
        self.make = RestRequests(options.name, options.account)
        """Makes requests without sending them."""
        self.budgets = Budgets()
        """What answers said is left."""
        self.timeout_s = options.timeout_s
        self._auth = auth
        self._policy = policy_of(options, checked_url(url))
        self._http = httpx.Client(
            base_url=url, verify=options.verify, limits=LIMITS, transport=transport, trust_env=False
        )

    def ask(self, ask: Ask[T]) -> T:
        """The answer to a request.

        Raises:
            RestError: The gateway or the exchange refuses it; OutcomeUnknown: a write that may be done.
            ServiceUnavailableError: There is no answer, and nothing was done.
            WireError: The answer cannot be read.
        """
        call = RestCall(ask, self.budgets)
        try:
            with span(f"http {ask.route}", Kind.CLIENT):
                return self._policy.call_sync(
                    functools.partial(self._try, call), timeout_s=self.timeout_s, repeatable=ask.again
                )
        except (RpcError, ServiceUnavailableError) as error:
            raise call.ended(error) from error.__cause__

    def pages(self, ask: Ask[P]) -> Iterator[P]:
        """The pages of a list, each asked for when it is needed."""
        while True:
            page = self.ask(ask)
            yield page
            if page.next_cursor is None:
                return
            ask = after(ask, page.next_cursor)

    def rows(self, ask: Ask[P], of: Callable[[P], list[R]]) -> Iterator[R]:
        """The rows of the pages of a list, which it asks for as they are needed."""
        return (row for page in self.pages(ask) for row in of(page))

    def close(self) -> None:
        """Lets the connections go."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _try(self, call: RestCall[T], this: Try) -> T:
        request = call.request(self._http, this.remaining_s)
        try:
            response = self._http.send(request, auth=None if call.ask.public else self._auth)
        except httpx.HTTPError as error:
            raise call.lost(error) from error
        return call.answer(response)
