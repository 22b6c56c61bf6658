"""The client of the gateway that is awaited."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Self, TypeVar

import httpx

from exchange.client.rest.asks import Ask, P, after
from exchange.client.rest.budgets import Budgets
from exchange.client.rest.calls import RestCall
from exchange.client.rest.connecting import LIMITS, Options, checked_url, policy_of
from exchange.client.rest.requests import RestRequests
from exchange.client.rest.table import RestTable
from exchange.client.twins import Awaited
from exchange.errors import RpcError, ServiceUnavailableError
from exchange.observability.tracing import Kind, span
from exchange.resilience import Try

T = TypeVar("T")
R = TypeVar("R")


class AsyncRestClient(RestTable, Awaited):
    """Asks one gateway. Of the event loop that it is used in; any number of tasks may share it.

    Each call signs and sends. Reads, and writes by their names, are tried again where that may help,
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
        transport: httpx.AsyncBaseTransport | None = None,
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
        self._http = httpx.AsyncClient(
            base_url=url, verify=options.verify, limits=LIMITS, transport=transport, trust_env=False
        )

    async def ask(self, ask: Ask[T]) -> T:
        """The answer to a request.

        Raises:
            RestError: The gateway or the exchange refuses it; OutcomeUnknown: a write that may be done.
            ServiceUnavailableError: There is no answer, and nothing was done.
            WireError: The answer cannot be read.
        """
        call = RestCall(ask, self.budgets)
        try:
            with span(f"http {ask.route}", Kind.CLIENT):
                return await self._policy.call(
                    functools.partial(self._try, call),
                    timeout_s=self.timeout_s,
                    repeatable=ask.again,
                    minds_deadline=True,
                )
        except (RpcError, ServiceUnavailableError) as error:
            raise call.ended(error) from error.__cause__

    async def pages(self, ask: Ask[P]) -> AsyncIterator[P]:
        """The pages of a list, each asked for when it is needed."""
        while True:
            page = await self.ask(ask)
            yield page
            if page.next_cursor is None:
                return
            ask = after(ask, page.next_cursor)

    def rows(self, ask: Ask[P], of: Callable[[P], list[R]]) -> AsyncIterator[R]:
        """The rows of the pages of a list, which it asks for as they are needed."""
        return (row async for page in self.pages(ask) for row in of(page))

    async def close(self) -> None:
        """Lets the connections go."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _try(self, call: RestCall[T], this: Try) -> T:
        request = call.request(self._http, this.remaining_s)
        try:
            async with asyncio.timeout(this.remaining_s):
                response = await self._http.send(request, auth=None if call.ask.public else self._auth)
        except (httpx.HTTPError, TimeoutError) as error:
            raise call.lost(error) from error
        return call.answer(response)
