"""What the synchronous and the asynchronous client have in common: everything but waiting."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from cmatch.frames import ORDER_COMMAND_DTYPE
from exchange.client.administering import Administering
from exchange.client.administration import AdminRequests
from exchange.client.batches import combine, of_array
from exchange.client.book import Order
from exchange.client.core_queries import CoreQueries
from exchange.client.ids import Names
from exchange.client.instruments import Directory
from exchange.client.market import MarketRequests
from exchange.client.ordering import OrderRequests
from exchange.client.queries import QueryRequests
from exchange.client.records import Records
from exchange.client.requests import Request
from exchange.client.results import Reports
from exchange.client.session import Resync, Session, State
from exchange.client.streams import Hub, Shelf

T = TypeVar("T")
_log = logging.getLogger("exchange.client")


def log_error(error: BaseException) -> None:
    """A callback raised."""
    _log.error("a callback of the client raised %r", error, exc_info=error)


class Makers:
    """Everything that makes requests and questions of one session.

    Args:
        names: Makes ids.
        user: Who asks.
        account: Used where a request names none.
        find: Finds an order of the session's own by either id.
    """

    def __init__(
        self,
        names: Names,
        user: str,
        account: int | None,
        find: Callable[[int | str], Order | None] = lambda _: None,
    ) -> None:
        self.names = names
        self.account = account
        self.instruments = Directory()
        self.orders = OrderRequests(names, self.instruments, account, find)
        self.admin = AdminRequests(names, self.instruments, user, account)
        self.core = CoreQueries(self.instruments, account)
        self.query = QueryRequests(self.instruments, account)
        self.market_data = MarketRequests(self.instruments)
        self.administering = Administering()

    def batch(self, requests: Sequence[Request[T]]) -> Request[list[T]]:
        """One request of several: see `combine`."""
        return combine(requests)

    def array(self, rows: Records) -> Request[Reports]:
        """A request of an array of order commands: see `of_array`."""
        return of_array(rows, self.names, self.account)


class OrdersView:
    """The session's own orders: live ones, and the last 1,000 that ended. May be asked by any thread."""

    def __init__(self, session: Session, lock: Any) -> None:
        self._session = session
        self._lock = lock

    def find(self, order: int | str) -> Order | None:
        """The order of this order_id or client order id, live or ended not long ago."""
        with self._lock:
            return self._session.orders.find(order)

    def live(self) -> list[Order]:
        """The live ones, by order_id."""
        with self._lock:
            return self._session.orders.live()

    def ended(self) -> list[Order]:
        """Those that ended, the last one last."""
        with self._lock:
            return self._session.orders.ended()

    def __len__(self) -> int:
        with self._lock:
            return len(self._session.orders)


class Face:
    """The state of a client, and who is told of it.

    Args:
        session: Its session.
        hub: Hands on what happens.
        makers: Makes its requests.
        lock: Held while the session is looked at.
    """

    def __init__(self, session: Session, hub: Hub, makers: Makers, lock: Any) -> None:
        self._session = session
        self._hub = hub
        self._lock = lock
        self.make = makers
        self.orders = OrdersView(session, lock)

    @property
    def instruments(self) -> Directory:
        """The instruments and assets that this client has heard of."""
        return self.make.instruments

    @property
    def state(self) -> State:
        """Whether the session is active."""
        return self._session.state

    @property
    def session(self) -> int:
        """The number that the core gave the session; 0 before it is active."""
        return self._session.session

    @property
    def epoch(self) -> int:
        """Of the core that answered last: grows each time one takes over."""
        return self._session.epoch

    @property
    def sequence(self) -> int:
        """The last journal sequence that this client has seen an answer of."""
        return self._session.sequence

    @property
    def durable_sequence(self) -> int:
        """Up to which the core has said that its journal is durable."""
        return self._session.durable_sequence

    @property
    def event_sequence(self) -> int:
        """Of the last report: what a client that comes back gives as `after`."""
        return self._session.event_sequence

    @property
    def waiting(self) -> int:
        """Commands that wait for their answers."""
        return self._session.waiting

    @property
    def reconnects(self) -> int:
        """How often the connection broke."""
        return self._session.reconnects

    @property
    def retries(self) -> int:
        """How often a request was sent again."""
        return self._session.retries

    def on_reports(self, callback: Callable[[Reports], None]) -> Callable[[], None]:
        """Call back with the reports of each frame, in order; gives what ends that. Must not wait."""
        return _enlist(self._hub.report_callbacks, callback)

    def on_state(self, callback: Callable[[State], None]) -> Callable[[], None]:
        """Call back when the session's state changes; gives what ends that."""
        return _enlist(self._hub.state_callbacks, callback)

    def on_resync(self, callback: Callable[[Resync], None]) -> Callable[[], None]:
        """Call back when reports were lost and own orders are asked for anew; gives what ends that."""
        return _enlist(self._hub.resync_callbacks, callback)

    def _shelf(self, rows_max: int) -> tuple[Shelf, Callable[[], None]]:
        shelf = Shelf(rows_max)
        if self._session.refusal is not None:
            shelf.end(self._session.refusal)
        return shelf, _enlist(self._hub.shelves, shelf)


def _enlist(members: list[T], member: T) -> Callable[[], None]:
    members.append(member)

    def leave() -> None:
        if member in members:
            members.remove(member)

    return leave


def empty_commands(n: int) -> Records:
    """An array of n order commands, all zero, to be filled in for `submit_array`."""
    return np.zeros(n, ORDER_COMMAND_DTYPE)
