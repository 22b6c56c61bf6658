"""Services' queries as methods of the RPC: decode, wait for what the caller has written, ask, encode."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from exchange.bus.rpc import Call, Handler, Method, eager
from exchange.domain.queries import Request
from exchange.runtime.caller import Caller
from exchange.runtime.follow import JournalFollower
from exchange.runtime.spec import Query, ServiceSpec
from exchange.schema.codec import decode_message, encode_message


def handlers_of(
    specs: Sequence[ServiceSpec], ports: Any, follower: JournalFollower
) -> dict[str, Handler | Method]:
    """The methods `service.RequestType` of all services; each is eager, as it seldom has to wait.

    Args:
        specs: the services.
        ports: what their queries look at.
        follower: brings it forward; a query runs between two of its slices.
    """
    return {
        f"{spec.name}.{kind.__name__}": eager(_handler(kind, query, ports, follower))
        for spec in specs
        for kind, query in spec.queries.items()
    }


def _handler(
    kind: type[Request], query: Query, ports: Any, follower: JournalFollower
) -> Callable[[Call], Awaitable[bytes]]:
    async def handle(call: Call) -> bytes:
        request = decode_message(kind, call.payload)
        accounts = call.principal.accounts if call.principal else frozenset()
        caller = Caller.of_tenant(call.metadata.tenant_id, accounts)
        await follower.reached(request.min_seq)
        async with follower.alone():
            reply = query(ports, request, caller)
        return encode_message(reply)

    return handle
