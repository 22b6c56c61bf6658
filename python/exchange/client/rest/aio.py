"""The client of the gateway that is awaited."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar

import httpx

from exchange.client.rest.asks import Ask, P, after
from exchange.client.rest.budgets import Budgets
from exchange.client.rest.calls import RestCall
from exchange.client.rest.connecting import LIMITS, Options, policy_of
from exchange.client.rest.requests import RestRequests
from exchange.errors import RpcError, ServiceUnavailableError
from exchange.observability.tracing import Kind, span
from exchange.resilience import Try

T = TypeVar("T")
R = TypeVar("R")
A = ParamSpec("A")


def _asks(
    make: Callable[Concatenate[RestRequests, A], Ask[T]],
) -> Callable[Concatenate[AsyncRestClient, A], Awaitable[T]]:
    """The call that sends a request and gives its answer."""

    @functools.wraps(make)
    async def call(self: AsyncRestClient, /, *args: A.args, **kwargs: A.kwargs) -> T:
        return await self.ask(make(self.make, *args, **kwargs))

    return call


def _each(
    make: Callable[Concatenate[RestRequests, A], Ask[P]], rows: Callable[[P], list[R]]
) -> Callable[Concatenate[AsyncRestClient, A], AsyncIterator[R]]:
    """The call that gives the rows of all pages, which it asks for as they are needed."""

    @functools.wraps(make)
    def call(self: AsyncRestClient, /, *args: A.args, **kwargs: A.kwargs) -> AsyncIterator[R]:
        return (row async for page in self.pages(make(self.make, *args, **kwargs)) for row in rows(page))

    return call


class AsyncRestClient:
    """Asks one gateway. Of the event loop that it is used in; any number of tasks may share it.

    Each call signs and sends. Reads, and writes by their names, are tried again where that may help,
    within the client's timeout; 429 as late as `Retry-After` says.

    Args:
        url: Of the gateway: `http://127.0.0.1:8080`.
        auth: Who asks: `hmac_key`, `ed25519_key` or `BearerAuth`; None: public routes alone.
        transport: Of httpx, where it is not the network.
        options: See `Options`.
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
        self._policy = policy_of(options, url)
        self._http = httpx.AsyncClient(
            base_url=url, verify=options.verify, limits=LIMITS, transport=transport, trust_env=False
        )

    new_order = _asks(RestRequests.new_order)
    limit = _asks(RestRequests.limit)
    market = _asks(RestRequests.market)
    new_orders = _asks(RestRequests.new_orders)
    order = _asks(RestRequests.order)
    order_named = _asks(RestRequests.order_named)
    replace = _asks(RestRequests.replace)
    replace_named = _asks(RestRequests.replace_named)
    cancel = _asks(RestRequests.cancel)
    cancel_named = _asks(RestRequests.cancel_named)
    mass_cancel = _asks(RestRequests.mass_cancel)
    orders = _asks(RestRequests.orders)
    open_orders = _asks(RestRequests.open_orders)
    executions = _asks(RestRequests.executions)
    balances = _asks(RestRequests.balances)
    positions = _asks(RestRequests.positions)
    limits = _asks(RestRequests.limits)
    kill_switch = _asks(RestRequests.kill_switch)
    stop_account = _asks(RestRequests.stop_account)
    release_account = _asks(RestRequests.release_account)
    transfer = _asks(RestRequests.transfer)
    instruments = _asks(RestRequests.instruments)
    book = _asks(RestRequests.book)
    book_by_order = _asks(RestRequests.book_by_order)
    trades = _asks(RestRequests.trades)
    candles = _asks(RestRequests.candles)
    ticker = _asks(RestRequests.ticker)
    tickers = _asks(RestRequests.tickers)
    quote = _asks(RestRequests.quote)
    orderbook = _asks(RestRequests.orderbook)
    server_time = _asks(RestRequests.server_time)
    status = _asks(RestRequests.status)
    open_session = _asks(RestRequests.open_session)
    open_demo_session = _asks(RestRequests.open_demo_session)
    sessions = _asks(RestRequests.sessions)
    current_session = _asks(RestRequests.current_session)
    end_session = _asks(RestRequests.end_session)
    change_password = _asks(RestRequests.change_password)
    issue_token = _asks(RestRequests.issue_token)
    token_keys = _asks(RestRequests.token_keys)
    api_keys = _asks(RestRequests.api_keys)
    new_api_key = _asks(RestRequests.new_api_key)
    rotate_api_key = _asks(RestRequests.rotate_api_key)
    revoke_api_key = _asks(RestRequests.revoke_api_key)
    users = _asks(RestRequests.users)
    new_user = _asks(RestRequests.new_user)
    operator_services = _asks(RestRequests.operator_services)
    operator_followers = _asks(RestRequests.operator_followers)
    operator_metrics = _asks(RestRequests.operator_metrics)
    operator_alerts = _asks(RestRequests.operator_alerts)
    operator_dead_letters = _asks(RestRequests.operator_dead_letters)
    operator_audit = _asks(RestRequests.operator_audit)
    start_audit = _asks(RestRequests.start_audit)
    operator_limits = _asks(RestRequests.operator_limits)
    operator_kill_switches = _asks(RestRequests.operator_kill_switches)
    throw_kill_switch = _asks(RestRequests.throw_kill_switch)

    each_order = _each(RestRequests.orders, lambda page: page.orders)
    each_open_order = _each(RestRequests.open_orders, lambda page: page.orders)
    each_execution = _each(RestRequests.executions, lambda page: page.executions)
    each_trade = _each(RestRequests.trades, lambda page: page.trades)
    each_ticker = _each(RestRequests.tickers, lambda page: page.tickers)
    each_user = _each(RestRequests.users, lambda page: page.users)

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
