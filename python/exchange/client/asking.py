"""The way to a replica and to the history over RPC: for an event loop, and for threads that wait."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from exchange.bus.context import new_context
from exchange.bus.curve import KeyPair
from exchange.bus.rpc import (
    NO_CONTEXT,
    BlockingChannel,
    BlockingClient,
    Metadata,
    RpcClient,
    SocketChannel,
)
from exchange.client.ids import Names
from exchange.client.queries import method_of
from exchange.domain import queries as q
from exchange.errors import ServiceUnavailableError
from exchange.resilience import Policies
from exchange.schema.codec import decode_message, encode_message

_HISTORY = "history."


@dataclass(frozen=True, slots=True)
class WayToReplica:
    """Where questions go, and what all of them carry.

    Args:
        endpoint: Of the replica.
        history: Of the history; None where none is known.
        keys: This client's CURVE keys, with the exchange's public key `server_key`.
        names: Makes correlation ids.
        tenant: On whose behalf; `user` who.
        seen: The last journal sequence of which the client saw an answer.
        security_context: For `x-security-context`; by default an empty one.
        timeout_ms: How long a question waits for its answer where it says nothing of it.
    """

    endpoint: str
    history: str | None
    keys: KeyPair | None
    server_key: str | None
    names: Names
    tenant: int
    user: str
    seen: Callable[[], int]
    security_context: str | None
    timeout_ms: int

    def metadata(self) -> Metadata:
        """The four headers of one question."""
        context = self.security_context or NO_CONTEXT
        return Metadata(self.names.correlation_id(), str(self.tenant), self.user, context)


class ReplicaAsker:
    """Asks a replica, and the history. Belongs to the asyncio loop in which it is made."""

    def __init__(self, way: WayToReplica) -> None:
        self._way = way
        self._context = new_context()
        policies = Policies()
        channel = SocketChannel(self._context, way.endpoint, keys=way.keys, server_public=way.server_key)
        self._replica = RpcClient(channel, policies.of("client", "replica"))
        self._history: RpcClient | None = None
        if way.history is not None:
            channel = SocketChannel(self._context, way.history, keys=way.keys, server_public=way.server_key)
            self._history = RpcClient(channel, policies.of("client", "history"))

    @property
    def seen(self) -> int:
        """The last journal sequence of which the client saw an answer."""
        return self._way.seen()

    async def ask(self, request: q.Request, timeout_ms: int | None) -> q.Reply:
        """The reply to one request; it is asked again where nobody answered, as questions change nothing."""
        method = method_of(request)
        client = self._history if method.startswith(_HISTORY) else self._replica
        if client is None:
            raise _no_history()
        payload = await client.call(
            method,
            encode_message(request),
            metadata=self._way.metadata(),
            timeout_ms=timeout_ms or self._way.timeout_ms,
            repeatable=True,
        )
        return decode_message(q.QUERIES[type(request)], payload)

    async def close(self) -> None:
        """Give up what is under way."""
        for client in (self._replica, self._history):
            if client is not None:
                await client.close()
        self._context.destroy(linger=0)


class BlockingAsker:
    """`ReplicaAsker` for threads that wait; any number of them. To be run by `run_now`: it never suspends."""

    def __init__(self, way: WayToReplica) -> None:
        self._way = way
        self._context = new_context()
        policies = Policies()
        channel = BlockingChannel(self._context, way.endpoint, keys=way.keys, server_public=way.server_key)
        self._replica = BlockingClient(channel, policies.of("client", "replica"))
        self._history: BlockingClient | None = None
        if way.history is not None:
            channel = BlockingChannel(self._context, way.history, keys=way.keys, server_public=way.server_key)
            self._history = BlockingClient(channel, policies.of("client", "history"))

    @property
    def seen(self) -> int:
        """The last journal sequence of which the client saw an answer."""
        return self._way.seen()

    async def ask(self, request: q.Request, timeout_ms: int | None) -> q.Reply:
        """See `ReplicaAsker.ask`."""
        method = method_of(request)
        client = self._history if method.startswith(_HISTORY) else self._replica
        if client is None:
            raise _no_history()
        payload = client.call(
            method,
            encode_message(request),
            metadata=self._way.metadata(),
            timeout_ms=timeout_ms or self._way.timeout_ms,
            repeatable=True,
        )
        return decode_message(q.QUERIES[type(request)], payload)

    def close(self) -> None:
        """Give up what is under way."""
        for client in (self._replica, self._history):
            if client is not None:
                client.close()
        self._context.destroy(linger=0)


def _no_history() -> ServiceUnavailableError:
    return ServiceUnavailableError(
        "no history is known: give its endpoint to connect(..., history=...);"
        " an exchange keeps one where history.enabled is true"
    )
