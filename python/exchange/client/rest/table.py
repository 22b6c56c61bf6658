"""The calls of the clients of the gateway: one table for the one that waits and the one that is awaited."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

from exchange.client.rest.asks import Ask, P
from exchange.client.rest.requests import RestRequests
from exchange.client.twins import Call, Rows

T = TypeVar("T")
R = TypeVar("R")
A = ParamSpec("A")


class _Client(Protocol):
    make: RestRequests

    def ask(self, ask: Ask[Any], /) -> Any: ...
    def rows(self, ask: Ask[Any], of: Callable[[Any], list[Any]], /) -> Any: ...


def _call(make: Callable[Concatenate[RestRequests, A], Ask[T]]) -> Call[A, T]:
    """The call that sends a request and gives its answer."""

    @functools.wraps(make)
    def call(self: _Client, /, *args: A.args, **kwargs: A.kwargs) -> Any:
        return self.ask(make(self.make, *args, **kwargs))

    return cast(Call[A, T], call)


def _rows(make: Callable[Concatenate[RestRequests, A], Ask[P]], rows: Callable[[P], list[R]]) -> Rows[A, R]:
    """The call that gives the rows of all pages, which it asks for as they are needed."""

    @functools.wraps(make)
    def call(self: _Client, /, *args: A.args, **kwargs: A.kwargs) -> Any:
        return self.rows(make(self.make, *args, **kwargs), rows)

    return cast(Rows[A, R], call)


class RestTable:
    """Every call by its name; both clients are made of it."""

    new_order = _call(RestRequests.new_order)
    limit = _call(RestRequests.limit)
    market = _call(RestRequests.market)
    new_orders = _call(RestRequests.new_orders)
    order = _call(RestRequests.order)
    order_named = _call(RestRequests.order_named)
    replace = _call(RestRequests.replace)
    replace_named = _call(RestRequests.replace_named)
    cancel = _call(RestRequests.cancel)
    cancel_named = _call(RestRequests.cancel_named)
    mass_cancel = _call(RestRequests.mass_cancel)
    orders = _call(RestRequests.orders)
    open_orders = _call(RestRequests.open_orders)
    executions = _call(RestRequests.executions)
    balances = _call(RestRequests.balances)
    positions = _call(RestRequests.positions)
    limits = _call(RestRequests.limits)
    kill_switch = _call(RestRequests.kill_switch)
    stop_account = _call(RestRequests.stop_account)
    release_account = _call(RestRequests.release_account)
    transfer = _call(RestRequests.transfer)
    instruments = _call(RestRequests.instruments)
    book = _call(RestRequests.book)
    book_by_order = _call(RestRequests.book_by_order)
    trades = _call(RestRequests.trades)
    candles = _call(RestRequests.candles)
    ticker = _call(RestRequests.ticker)
    tickers = _call(RestRequests.tickers)
    quote = _call(RestRequests.quote)
    orderbook = _call(RestRequests.orderbook)
    server_time = _call(RestRequests.server_time)
    status = _call(RestRequests.status)
    open_session = _call(RestRequests.open_session)
    open_demo_session = _call(RestRequests.open_demo_session)
    sessions = _call(RestRequests.sessions)
    current_session = _call(RestRequests.current_session)
    end_session = _call(RestRequests.end_session)
    change_password = _call(RestRequests.change_password)
    issue_token = _call(RestRequests.issue_token)
    token_keys = _call(RestRequests.token_keys)
    api_keys = _call(RestRequests.api_keys)
    new_api_key = _call(RestRequests.new_api_key)
    rotate_api_key = _call(RestRequests.rotate_api_key)
    revoke_api_key = _call(RestRequests.revoke_api_key)
    users = _call(RestRequests.users)
    new_user = _call(RestRequests.new_user)
    operator_services = _call(RestRequests.operator_services)
    operator_followers = _call(RestRequests.operator_followers)
    operator_metrics = _call(RestRequests.operator_metrics)
    operator_alerts = _call(RestRequests.operator_alerts)
    operator_dead_letters = _call(RestRequests.operator_dead_letters)
    operator_audit = _call(RestRequests.operator_audit)
    start_audit = _call(RestRequests.start_audit)
    operator_limits = _call(RestRequests.operator_limits)
    operator_kill_switches = _call(RestRequests.operator_kill_switches)
    throw_kill_switch = _call(RestRequests.throw_kill_switch)

    each_order = _rows(RestRequests.orders, lambda page: page.orders)
    each_open_order = _rows(RestRequests.open_orders, lambda page: page.orders)
    each_execution = _rows(RestRequests.executions, lambda page: page.executions)
    each_trade = _rows(RestRequests.trades, lambda page: page.trades)
    each_ticker = _rows(RestRequests.tickers, lambda page: page.tickers)
    each_user = _rows(RestRequests.users, lambda page: page.users)
