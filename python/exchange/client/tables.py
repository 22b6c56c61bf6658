"""The calls of `Client` and `AsyncClient`: one table for the one that waits and the one that is awaited."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

from exchange.client.administering import Administering, because
from exchange.client.administration import AdminRequests
from exchange.client.core_queries import CoreQueries
from exchange.client.face import Makers
from exchange.client.market import MarketRequests
from exchange.client.ordering import OrderRequests
from exchange.client.queries import QueryRequests
from exchange.client.questions import Query
from exchange.client.requests import Request
from exchange.client.twins import Call

A = ParamSpec("A")
T = TypeVar("T")


class _Client(Protocol):
    make: Makers

    def ask(self, query: Query[Any], /) -> Any: ...
    def _send(self, request: Request[Any], /) -> Any: ...


class _OfClient(Protocol):
    client: Any


class _Operator(_OfClient, Protocol):
    def _send(self, request: Request[Any], /) -> Any: ...


def _orders(make: Callable[Concatenate[OrderRequests, A], Request[T]]) -> Call[A, T]:
    @functools.wraps(make)
    def call(self: _Client, /, *args: A.args, **kwargs: A.kwargs) -> Any:
        return self._send(make(self.make.orders, *args, **kwargs))

    return cast(Call[A, T], call)


def _core(make: Callable[Concatenate[CoreQueries, A], Request[T]]) -> Call[A, T]:
    @functools.wraps(make)
    def call(self: _Client, /, *args: A.args, **kwargs: A.kwargs) -> Any:
        return self._send(make(self.make.core, *args, **kwargs))

    return cast(Call[A, T], call)


def _admin(make: Callable[Concatenate[AdminRequests, A], Request[T]]) -> Call[A, T]:
    @functools.wraps(make)
    def call(self: _Operator, /, *args: A.args, **kwargs: A.kwargs) -> Any:
        return self._send(make(self.client.make.admin, *args, **kwargs))

    return cast(Call[A, T], call)


def _desk(make: Callable[Concatenate[Administering, A], Query[T]]) -> Call[A, T]:
    @functools.wraps(make)
    def call(self: _OfClient, /, *args: A.args, **kwargs: A.kwargs) -> Any:
        return self.client.ask(make(self.client.make.administering, *args, **kwargs))

    return cast(Call[A, T], call)


def _query(make: Callable[Concatenate[QueryRequests, A], Query[T]]) -> Call[A, T]:
    @functools.wraps(make)
    def call(self: _OfClient, /, *args: A.args, **kwargs: A.kwargs) -> Any:
        return self.client.ask(make(self.client.make.query, *args, **kwargs))

    return cast(Call[A, T], call)


def _market(make: Callable[Concatenate[MarketRequests, A], Query[T]]) -> Call[A, T]:
    @functools.wraps(make)
    def call(self: _OfClient, /, *args: A.args, **kwargs: A.kwargs) -> Any:
        return self.client.ask(make(self.client.make.market_data, *args, **kwargs))

    return cast(Call[A, T], call)


class OrderTable:
    """What is asked of the core."""

    new_order = _orders(OrderRequests.new_order)
    limit = _orders(OrderRequests.limit)
    market = _orders(OrderRequests.market)
    stop = _orders(OrderRequests.stop)
    replace = _orders(OrderRequests.replace)
    cancel = _orders(OrderRequests.cancel)
    mass_cancel = _orders(OrderRequests.mass_cancel)
    order = _core(CoreQueries.order)
    balance = _core(CoreQueries.balance)


class AdminTable:
    """Commands of operators, and what the admin service knows of them."""

    define_asset = _admin(AdminRequests.define_asset)
    define_instrument = _admin(AdminRequests.define_instrument)
    set_phase = _admin(AdminRequests.set_phase)
    assign_shard = _admin(AdminRequests.assign_shard)
    set_mark = _admin(AdminRequests.set_mark)
    set_reference = _admin(AdminRequests.set_reference)
    open_account = _admin(AdminRequests.open_account)
    deposit = _admin(AdminRequests.deposit)
    withdraw = _admin(AdminRequests.withdraw)
    transfer = _admin(AdminRequests.transfer)
    reserve = _admin(AdminRequests.reserve)
    post = _admin(AdminRequests.post)
    void = _admin(AdminRequests.void)
    set_limits = _admin(AdminRequests.set_limits)
    kill = _admin(AdminRequests.kill)
    set_countdown = _admin(AdminRequests.set_countdown)
    set_stage = _admin(AdminRequests.set_stage)
    set_collateral = _admin(AdminRequests.set_collateral)
    set_policy = _admin(AdminRequests.set_policy)
    set_solo = _admin(AdminRequests.set_solo)
    set_settlement = _admin(AdminRequests.set_settlement)
    post_trades = _admin(AdminRequests.post_trades)
    changes = _desk(Administering.changes)
    instruments = _desk(Administering.instruments)
    tenants = _desk(Administering.tenants)
    providers = _desk(Administering.providers)
    fee_schedules = _desk(Administering.fee_schedules)
    limits = _desk(Administering.limits)
    upsert_instrument = _desk(Administering.upsert_instrument)
    upsert_tenant = _desk(Administering.upsert_tenant)
    upsert_provider = _desk(Administering.upsert_provider)
    upsert_fee_schedule = _desk(Administering.upsert_fee_schedule)
    set_fees = _desk(Administering.set_fees)
    explain = _desk(Administering.explain)
    because = staticmethod(because)


class QuestionTable:
    """Questions to the read replica and the history."""

    open_orders = _query(QueryRequests.open_orders)
    order_history = _query(QueryRequests.order_history)
    order = _query(QueryRequests.order)
    balances = _query(QueryRequests.balances)
    reservations = _query(QueryRequests.reservations)
    positions = _query(QueryRequests.positions)
    limits = _query(QueryRequests.limits)
    top = _query(QueryRequests.top)
    book = _query(QueryRequests.book)
    book_orders = _query(QueryRequests.book_orders)
    trades = _query(QueryRequests.trades)
    instruments = _query(QueryRequests.instruments)
    accounts = _query(QueryRequests.accounts)
    status = _query(QueryRequests.status)
    past_orders = _query(QueryRequests.past_orders)
    past_executions = _query(QueryRequests.past_executions)
    settlements = _query(QueryRequests.settlements)
    settlement_progress = _query(QueryRequests.settlement_progress)


class MarketTable:
    """Questions to market data."""

    candles = _market(MarketRequests.candles)
    ticker = _market(MarketRequests.ticker)
    tickers = _market(MarketRequests.tickers)
    trades = _market(MarketRequests.trades)
    mark_price = _market(MarketRequests.mark_price)
