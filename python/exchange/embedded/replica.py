"""What answers queries about an embedded exchange."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from exchange.client.questions import SERVICES as SERVICE_OF
from exchange.client.session import Session
from exchange.domain import queries as q
from exchange.domain.method import Unary
from exchange.errors import RpcError, RpcStatus
from exchange.runtime.caller import Caller
from exchange.runtime.core_status import CoreStatus
from exchange.storage.fold import Fold
from exchange.topology.services import SERVICES

if TYPE_CHECKING:
    from exchange.embedded.exchange import Exchange


class Ports(Fold):
    """What queries look at: a second fold of the journal, as the replica's."""

    status_of_core: Callable[[], CoreStatus]

    def core_status(self) -> CoreStatus:
        """What the core says of itself."""
        return self.status_of_core()


class Replica:
    """Answers queries about an embedded exchange, for one tenant.

    Args:
        exchange: Which.
        tenant: Whose.
        session: Of the client who asks.
    """

    def __init__(self, exchange: Exchange, tenant: int, session: Session) -> None:
        self._exchange = exchange
        self._caller = Caller(tenant)
        self._session = session

    @property
    def seen(self) -> int:
        """The last journal sequence of which the client saw an answer."""
        return self._session.sequence

    async def ask(self, request: q.Request, timeout_ms: int | None) -> q.Reply:
        """The reply to one request; there at once.

        Raises:
            RpcError: It was refused.
        """
        kind = type(request)
        service = next((spec for spec in SERVICES if spec.name == SERVICE_OF[kind]), None)
        if service is None:
            raise RpcError(RpcStatus.UNIMPLEMENTED, f"an embedded exchange has no {SERVICE_OF[kind]}")
        reply: q.Reply = service.queries[kind](self._exchange.ports, request, self._caller)
        return reply

    async def call(self, method: Unary[Any, Any], request: object, timeout_ms: int | None) -> NoReturn:
        """None: services of contracts are processes.

        Raises:
            RpcError: UNIMPLEMENTED.
        """
        raise RpcError(RpcStatus.UNIMPLEMENTED, f"an embedded exchange has no {method.service}")
