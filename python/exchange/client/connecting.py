"""Puts a client together: session, socket, runner, and the way to a replica."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
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
        endpoint: Of the core.
        queries: Of the replica; None: the socket `queries.sock` beside an ipc `orders.sock`, else none.
        keys: This client's CURVE keys, with the exchange's public key `server_key`.
        security_context: For the header of questions.
    """

    endpoint: str
    queries: str | None = None
    keys: KeyPair | None = None
    server_key: str | None = None
    security_context: str | None = None

    @property
    def replica(self) -> str | None:
        """The endpoint of the replica; None where none is known."""
        if (
            self.queries is None
            and self.endpoint.startswith("ipc://")
            and self.endpoint.endswith(_OWN_SOCKET)
        ):
            return self.endpoint.removesuffix(_OWN_SOCKET) + "/queries.sock"
        return self.queries

    def dealer(self) -> Dealer:
        """A connection to the core, not yet opened."""
        return Dealer(self.endpoint, self.keys, self.server_key)


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
    session = Session(settings, time.time_ns, after)
    names = Names(settings.name, time.time_ns)
    make_asker = None
    if place.replica is not None:
        make_asker = functools.partial(
            ReplicaAsker,
            place.replica,
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
    return Parts(session, lock, place.dealer(), Hub(log_error), makers, make_asker)


def check_let_in(session: Session, endpoint: str, connect_ms: int) -> None:
    """See that the session is active.

    Raises:
        DeadlineExceeded: Nobody let it in, in time.
        LogonRefused, SecurityError, WireError: It never will be.
    """
    if session.state is State.ACTIVE:
        return
    if session.refusal is not None:
        raise session.refusal
    raise DeadlineExceeded(
        f"nobody let session {session.settings.name!r} in at {endpoint} within {connect_ms} ms:"
        " is the exchange up, and are this client's keys known to it?"
    )
