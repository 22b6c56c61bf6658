"""Services' queries as methods of the RPC: decode, wait for what the caller has written, ask, encode."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from exchange.bus.rpc import Call, Handler, Method, eager
from exchange.domain.queries import Request
from exchange.runtime.caller import Caller
from exchange.runtime.follow import JournalFollower
from exchange.runtime.spec import Query, ServiceSpec
from exchange.schema.codec import decode_message, encode_message

if TYPE_CHECKING:  # SQLAlchemy is for those who have a store
    from exchange.runtime.reference import Reference
    from exchange.storage.sql import Store

_LOOK_S: Final = 0.02


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


def handlers_of_store(spec: ServiceSpec, store: Store, reference: Reference) -> dict[str, Handler]:
    """The methods `service.RequestType` of a service with a store.

    Args:
        spec: The service; its queries are called with a transaction that reads, in a thread.
        store: Of the service.
        reference: What stands around its queries looks instruments up with it.
    """
    return {
        f"{spec.name}.{kind.__name__}": _store_handler(kind, query, spec, store, reference)
        for kind, query in spec.queries.items()
    }


def _store_handler(
    kind: type[Request], query: Query, spec: ServiceSpec, store: Store, reference: Reference
) -> Handler:
    def answer(request: Request, caller: Caller) -> Any:
        def ask(asked: Request) -> Any:
            with store.read() as tx:
                return query(tx, asked, caller)

        return ask(request) if spec.around is None else spec.around(reference, request, ask)

    return answering(kind, answer)


def answering(
    kind: type[Request],
    answer: Callable[[Any, Caller], Any],
    finish: Callable[[Any], Awaitable[Any]] | None = None,
) -> Handler:
    """What answers one kind of request, once the store has what the request wants to see.

    Args:
        kind: Of request.
        answer: The reply, by the request and its caller; called in a thread.
        finish: Adds to a reply what the store does not have.
    """

    async def handle(call: Call) -> bytes:
        request = decode_message(kind, call.payload)
        accounts = call.principal.accounts if call.principal else frozenset()
        caller = Caller.of_tenant(call.metadata.tenant_id, accounts)
        while True:
            reply = await asyncio.to_thread(answer, request, caller)
            if reply.sequence >= request.min_seq:
                return encode_message(reply if finish is None else await finish(reply))
            await asyncio.sleep(_LOOK_S)  # until the call's deadline

    return handle
