"""The one table of routes: what there is, what its caller needs, what it takes of budgets, what answers it.

What is not here is answered 404, and a row without a scope cannot be written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final
from urllib.parse import unquote

from exchange.client.rest import models as m
from exchange.services.gateway import (
    accounts,
    credentials,
    market,
    operator,
    orders,
    own_switch,
    past,
    sessions,
)
from exchange.services.gateway.calls import Route, Scope, Sunset

ROUTES: Final[tuple[Route, ...]] = (
    Route(
        method="POST", path="/v1/orders", also=("/api/v1/orders",), handler=orders.new_order,
        scope=Scope.TRADE,
        does="Enter an order", body=m.NewOrder, answers=m.OrderAnswer, status=201, tag="Orders",
    ),
    Route(
        method="POST", path="/v1/orders/batch", handler=orders.new_orders, scope=Scope.TRADE, weight=10,
        does="Enter up to 20 orders", body=m.Batch, answers=m.BatchAnswer, tag="Orders",
    ),
    Route(
        method="GET", path="/v1/orders", also=("/api/v1/orders",), handler=past.orders,
        scope=Scope.READ, weight=5,
        does="Search orders", query=m.OrderHistoryQuery, answers=m.Orders, tag="Orders",
    ),
    Route(
        method="DELETE", path="/v1/orders", handler=orders.mass_cancel, scope=Scope.TRADE, cancels=True,
        does="Cancel all orders of an account, a symbol or a side", query=m.MassCancelQuery,
        answers=m.MassCancelAnswer, tag="Orders",
    ),
    Route(
        method="GET", path="/v1/orders/open", handler=past.open_orders, scope=Scope.READ, weight=2,
        does="List live orders", query=m.OpenOrdersQuery, answers=m.Orders, tag="Orders",
    ),
    *(
        route
        for name, words in (("{orderId}", "by its id"), ("client/{clientOrderId}", "by the client's id"))
        for route in (
            Route(
                method="GET", path=f"/v1/orders/{name}", handler=orders.one_order, scope=Scope.READ,
                does=f"Look at an order {words}", query=m.OfAccount, answers=m.Order, tag="Orders",
            ),
            Route(
                method="DELETE", path=f"/v1/orders/{name}", handler=orders.cancel_order, scope=Scope.TRADE,
                does=f"Cancel an order {words}", cancels=True, query=m.CancelQuery, answers=m.OrderAnswer,
                tag="Orders",
            ),
            Route(
                method="PATCH", path=f"/v1/orders/{name}", handler=orders.replace_order, scope=Scope.TRADE,
                does=f"Change an order {words}", body=m.ReplaceOrder, answers=m.OrderAnswer, tag="Orders",
            ),
            Route(
                method="PUT", path=f"/v1/orders/{name}", handler=orders.replace_order, scope=Scope.TRADE,
                does=f"The same as PATCH, {words}", body=m.ReplaceOrder, answers=m.OrderAnswer, tag="Orders",
            ),
        )
    ),
    Route(
        method="GET", path="/v1/executions", handler=past.executions, scope=Scope.READ, weight=5,
        does="Search executions; needs a history", query=m.HistoryQuery, answers=m.Executions, tag="Orders",
    ),
    Route(
        method="GET", path="/v1/balances", handler=accounts.balances, scope=Scope.READ, weight=2,
        does="Balances of an account", query=m.OfAccount, answers=m.Balances, tag="Accounts",
    ),
    Route(
        method="GET", path="/v1/positions", handler=accounts.positions, scope=Scope.READ, weight=2,
        does="Positions of an account", query=m.OfAccount, answers=m.Positions, tag="Accounts",
    ),
    Route(
        method="GET", path="/v1/limits", handler=accounts.limits, scope=Scope.READ, weight=2,
        does="Limits that bind an account", query=m.SymbolQuery, answers=m.Limits, tag="Accounts",
    ),
    Route(
        method="POST", path="/v1/transfers", handler=accounts.transfer, scope=Scope.TRANSFER, keyed=True,
        does="Move money to another account of the tenant; needs Idempotency-Key", body=m.TransferMoney,
        answers=m.TransferAnswer, status=201, tag="Accounts",
    ),
    Route(
        method="GET", path="/v1/instruments", handler=market.instruments, scope=Scope.PUBLIC, weight=5,
        does="Instruments and assets", answers=m.Instruments, tag="Market data",
    ),
    Route(
        method="GET", path="/v1/instruments/{symbol}/book", handler=market.book, scope=Scope.PUBLIC, weight=2,
        does="A book by price (L2)", query=m.BookQuery, answers=m.Book, tag="Market data",
    ),
    Route(
        method="GET", path="/v1/instruments/{symbol}/book/orders", handler=market.book_by_order,
        scope=Scope.PUBLIC, weight=5, does="A book by order (L3)", query=m.BookQuery, answers=m.BookOfOrders,
        tag="Market data",
    ),
    Route(
        method="GET", path="/v1/instruments/{symbol}/trades", handler=market.trades,
        scope=Scope.PUBLIC, weight=2,
        does="Trades; needs market data", query=m.TradesQuery, answers=m.Trades, tag="Market data",
    ),
    Route(
        method="GET", path="/v1/instruments/{symbol}/candles", handler=market.candles,
        scope=Scope.PUBLIC, weight=2,
        does="Candles; needs market data", query=m.CandlesQuery, answers=m.Candles, tag="Market data",
    ),
    Route(
        method="GET", path="/v1/instruments/{symbol}/ticker", handler=market.ticker,
        scope=Scope.PUBLIC, weight=2,
        does="24 hours of a market; needs market data", answers=m.Ticker, tag="Market data",
    ),
    Route(
        method="GET", path="/v1/tickers", handler=market.tickers, scope=Scope.PUBLIC, weight=10,
        does="24 hours of all markets; needs market data", answers=m.Tickers, tag="Market data",
        sunset=Sunset(deprecated=date(2026, 11, 22), gone=date(2027, 6, 1), successor="/v2/tickers"),
    ),
    Route(
        method="GET", path="/v2/tickers", handler=market.tickers_page, scope=Scope.PUBLIC, weight=5,
        does="24 hours of markets, a page of them; needs market data", query=m.TickersQuery,
        answers=m.TickersPage, tag="Market data",
    ),
    Route(
        method="GET", path="/api/v1/market-data/quotes", handler=market.quote, scope=Scope.PUBLIC, weight=2,
        does="The best of both sides", query=m.OneSymbol, answers=m.Quote, tag="Market data",
    ),
    Route(
        method="GET", path="/api/v1/market-data/orderbooks", handler=market.orderbook,
        scope=Scope.PUBLIC, weight=2,
        does="A book by price", query=m.OneSymbolBook, answers=m.Book, tag="Market data",
    ),
    Route(
        method="GET", path="/v1/time", handler=market.server_time, scope=Scope.PUBLIC,
        does="The gateway's time", answers=m.ServerTime, tag="Exchange",
    ),
    Route(
        method="GET", path="/v1/status", handler=market.status, scope=Scope.PUBLIC, weight=2,
        does="How the exchange is", answers=m.Status, tag="Exchange",
    ),
    *own_switch.ROUTES,
    *sessions.ROUTES,
    *credentials.ROUTES,
    *operator.ROUTES,
)  # fmt: skip
"""Every route there is, beside the pages of `exchange.services.gateway.pages`."""


class Routing:
    """Finds routes. An exact path is one look; of those with names the literal segment goes first.

    Args:
        routes: The table.

    Raises:
        ValueError: A method of a path is there twice.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._exact: dict[str, dict[str, Route]] = {}
        self._named: dict[tuple[str, ...], dict[str, Route]] = {}
        for route in routes:
            for path in (route.path, *route.also):
                found = self._named.setdefault(tuple(path.split("/")[1:]), {}) if "{" in path else None
                methods = self._exact.setdefault(path, {}) if found is None else found
                if route.method in methods:
                    raise ValueError(f"{route.method} {path} is in the table twice")
                methods[route.method] = route

    def find(self, path: str) -> tuple[Mapping[str, Route], Mapping[str, str]]:
        """The methods of a raw path, and what it names; no methods where there is no such path."""
        methods = self._exact.get(path)
        if methods is not None:
            return methods, {}
        parts = path.split("/")[1:]
        for pattern, named in self._named.items():
            if len(pattern) == len(parts) and all(
                want == got if want[0] != "{" else got for want, got in zip(pattern, parts, strict=True)
            ):
                said = {
                    want[1:-1]: unquote(got)
                    for want, got in zip(pattern, parts, strict=True)
                    if want[0] == "{"
                }
                return named, said
        return {}, {}
