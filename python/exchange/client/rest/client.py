"""The client of the gateway that waits for its answers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
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


def _waits(
    make: Callable[Concatenate[RestRequests, A], Ask[T]],
) -> Callable[Concatenate[RestClient, A], T]:
    """The call that sends a request and waits for its answer."""

    @functools.wraps(make)
    def call(self: RestClient, /, *args: A.args, **kwargs: A.kwargs) -> T:
        return self.ask(make(self.make, *args, **kwargs))

    return call


def _each(
    make: Callable[Concatenate[RestRequests, A], Ask[P]], rows: Callable[[P], list[R]]
) -> Callable[Concatenate[RestClient, A], Iterator[R]]:
    """The call that gives the rows of all pages, which it asks for as they are needed."""

    @functools.wraps(make)
    def call(self: RestClient, /, *args: A.args, **kwargs: A.kwargs) -> Iterator[R]:
        return (row for page in self.pages(make(self.make, *args, **kwargs)) for row in rows(page))

    return call


class RestClient:
    """Asks one gateway; any number of threads may share it.

    Each call signs, sends and waits. Reads, and writes by their names, are tried again where that may help,
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
        self._policy = policy_of(options, url)
        self._http = httpx.Client(
            base_url=url, verify=options.verify, limits=LIMITS, transport=transport, trust_env=False
        )

    new_order = _waits(RestRequests.new_order)
    limit = _waits(RestRequests.limit)
    market = _waits(RestRequests.market)
    new_orders = _waits(RestRequests.new_orders)
    order = _waits(RestRequests.order)
    order_named = _waits(RestRequests.order_named)
    replace = _waits(RestRequests.replace)
    replace_named = _waits(RestRequests.replace_named)
    cancel = _waits(RestRequests.cancel)
    cancel_named = _waits(RestRequests.cancel_named)
    mass_cancel = _waits(RestRequests.mass_cancel)
    orders = _waits(RestRequests.orders)
    open_orders = _waits(RestRequests.open_orders)
    executions = _waits(RestRequests.executions)
    balances = _waits(RestRequests.balances)
    positions = _waits(RestRequests.positions)
    limits = _waits(RestRequests.limits)
    kill_switch = _waits(RestRequests.kill_switch)
    stop_account = _waits(RestRequests.stop_account)
    release_account = _waits(RestRequests.release_account)
    transfer = _waits(RestRequests.transfer)
    instruments = _waits(RestRequests.instruments)
    book = _waits(RestRequests.book)
    book_by_order = _waits(RestRequests.book_by_order)
    trades = _waits(RestRequests.trades)
    candles = _waits(RestRequests.candles)
    ticker = _waits(RestRequests.ticker)
    tickers = _waits(RestRequests.tickers)
    quote = _waits(RestRequests.quote)
    orderbook = _waits(RestRequests.orderbook)
    server_time = _waits(RestRequests.server_time)
    status = _waits(RestRequests.status)
    open_session = _waits(RestRequests.open_session)
    open_demo_session = _waits(RestRequests.open_demo_session)
    sessions = _waits(RestRequests.sessions)
    current_session = _waits(RestRequests.current_session)
    end_session = _waits(RestRequests.end_session)
    change_password = _waits(RestRequests.change_password)
    issue_token = _waits(RestRequests.issue_token)
    token_keys = _waits(RestRequests.token_keys)
    api_keys = _waits(RestRequests.api_keys)
    new_api_key = _waits(RestRequests.new_api_key)
    rotate_api_key = _waits(RestRequests.rotate_api_key)
    revoke_api_key = _waits(RestRequests.revoke_api_key)
    users = _waits(RestRequests.users)
    new_user = _waits(RestRequests.new_user)
    operator_services = _waits(RestRequests.operator_services)
    operator_followers = _waits(RestRequests.operator_followers)
    operator_metrics = _waits(RestRequests.operator_metrics)
    operator_alerts = _waits(RestRequests.operator_alerts)
    operator_dead_letters = _waits(RestRequests.operator_dead_letters)
    operator_audit = _waits(RestRequests.operator_audit)
    start_audit = _waits(RestRequests.start_audit)
    operator_limits = _waits(RestRequests.operator_limits)
    operator_kill_switches = _waits(RestRequests.operator_kill_switches)
    throw_kill_switch = _waits(RestRequests.throw_kill_switch)

    each_order = _each(RestRequests.orders, lambda page: page.orders)
    each_open_order = _each(RestRequests.open_orders, lambda page: page.orders)
    each_execution = _each(RestRequests.executions, lambda page: page.executions)
    each_trade = _each(RestRequests.trades, lambda page: page.trades)
    each_ticker = _each(RestRequests.tickers, lambda page: page.tickers)
    each_user = _each(RestRequests.users, lambda page: page.users)

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
