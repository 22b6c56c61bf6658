"""Puts a client together: session, socket, runner, and the way to a replica."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from exchange.bus.dealer import Dealer
from exchange.client.asking import WayToReplica
from exchange.client.face import Makers, OrdersView, log_error
from exchange.client.ids import Names
from exchange.client.place import Place
from exchange.client.session import Session, Settings, State
from exchange.client.streams import Hub
from exchange.errors import DeadlineExceeded


@dataclass(frozen=True, slots=True)
class Parts:
    """What every client over a socket is made of."""

    session: Session
    lock: threading.RLock
    dealer: Dealer
    hub: Hub
    makers: Makers
    way: WayToReplica | None


def parts(settings: Settings, place: Place, account: int | None, after: int) -> Parts:
    """Make them; nothing is opened."""
    dealer = place.dealer()
    session = Session(settings, time.time_ns, after, len(place.endpoints))
    names = Names(settings.name, time.time_ns)
    way = None
    if place.replicas or place.histories or place.markets:
        way = WayToReplica(
            place,
            names,
            settings.tenant,
            settings.user,
            lambda: session.sequence,
            settings.timeout_ms,
        )
    lock = threading.RLock()
    makers = Makers(names, settings.user, account, OrdersView(session, lock).find)
    return Parts(session, lock, dealer, Hub(log_error), makers, way)


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
