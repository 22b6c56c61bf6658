"""Puts a client together: session, socket, runner, and the way to a replica."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from exchange.bus.curve import KeyPair
from exchange.bus.dealer import Dealer
from exchange.client.asking import ReplicaAsker
from exchange.client.face import Makers, OrdersView, log_error
from exchange.client.ids import Names
from exchange.client.session import Session, Settings, State
from exchange.client.streams import Hub
from exchange.errors import DeadlineExceeded

_OWN_SOCKET = "/orders.sock"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an exchange is, and how one proves who one is.

    Args:
        endpoints: Of the core, and of those that may take its place; tried in turn.
        queries: Of the replica; None: the `queries.sock` beside the first ipc `orders.sock`, else none.
        history: Of the history; None: the `history.sock` there.
        marketdata: Of market data; None: the `marketdata.sock` there.
        keys: This client's CURVE keys, with the exchange's public key `server_key`.
        security_context: For the header of questions.
    """

    endpoints: tuple[str, ...]
    queries: str | None = None
    history: str | None = None
    marketdata: str | None = None
    keys: KeyPair | None = None
    server_key: str | None = None
    security_context: str | None = None

    @property
    def replica(self) -> str | None:
        """The endpoint of the replica; None where none is known."""
        return self.queries or self._beside("queries")

    @property
    def orders_kept(self) -> str | None:
        """The endpoint of the history; None where none is known."""
        return self.history or self._beside("history")

    @property
    def market(self) -> str | None:
        """The endpoint of market data; None where none is known."""
        return self.marketdata or self._beside("marketdata")

    def _beside(self, name: str) -> str | None:
        own = (each for each in self.endpoints if each.startswith("ipc://") and each.endswith(_OWN_SOCKET))
        first = next(own, None)
        return None if first is None else f"{first.removesuffix(_OWN_SOCKET)}/{name}.sock"

    def dealer(self) -> Dealer:
        """A connection to the core, not yet opened.

        Raises:
            ConfigError, SecurityError: See `Dealer`.
        """
        return Dealer(self.endpoints, self.keys, self.server_key)


def endpoints_of(endpoint: str | Sequence[str]) -> tuple[str, ...]:
    """One endpoint or several, as a client is given them."""
    return (endpoint,) if isinstance(endpoint, str) else tuple(endpoint)


@dataclass(frozen=True, slots=True)
class Parts:
    """What every client over a socket is made of."""

    session: Session
    lock: threading.RLock
    dealer: Dealer
    hub: Hub
    makers: Makers
    make_asker: Callable[[], ReplicaAsker] | None


def parts(settings: Settings, place: Place, account: int | None, after: int) -> Parts:
    """Make them; nothing is opened."""
    dealer = place.dealer()
    session = Session(settings, time.time_ns, after, len(place.endpoints))
    names = Names(settings.name, time.time_ns)
    make_asker = None
    if place.replica is not None:
        make_asker = functools.partial(
            ReplicaAsker,
            place.replica,
            place.orders_kept,
            place.market,
            place.keys,
            place.server_key,
            names,
            settings.tenant,
            settings.user,
            lambda: session.sequence,
            place.security_context,
        )
    lock = threading.RLock()
    makers = Makers(names, settings.user, account, OrdersView(session, lock).find)
    return Parts(session, lock, dealer, Hub(log_error), makers, make_asker)


def check_let_in(session: Session, endpoints: Sequence[str], connect_ms: int) -> None:
    """See that the session is active.

    Raises:
        DeadlineExceeded: Nobody let it in, in time.
        LogonRefused, SecurityError, WireError: It never will be.
    """
    if session.state is State.ACTIVE:
        return
    if session.refusal is not None:
        raise session.refusal
    why = "is the exchange up, and are this client's keys known to it?"
    if session.turned_away is not None:
        why = f"refused for now, the last time with {session.turned_away}"
    raise DeadlineExceeded(
        f"nobody let session {session.settings.name!r} in at {' or '.join(endpoints)}"
        f" within {connect_ms} ms: {why}"
    )
