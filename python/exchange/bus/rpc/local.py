"""The way to a service in the same process: no socket, no frames, and all else as over one."""

from __future__ import annotations

import asyncio

from exchange.bus.curve import Principal
from exchange.bus.rpc.calls import NO_DEADLINE_NS, Call, Reply
from exchange.bus.rpc.dispatch import Dispatcher
from exchange.bus.rpc.eager import Deadline
from exchange.bus.rpc.streams import Incoming, Outgoing, Stream
from exchange.bus.rpc.wire import check_payload
from exchange.errors import RpcStatus, ServiceUnavailableError
from exchange.schema.bus_frames import check_texts


class LocalChannel:
    """The same within one process: bounds, deadlines, headers and statuses are those of the socket.

    Args:
        dispatcher: What answers.
        principal: Who the caller is.
    """

    in_process = True

    def __init__(self, dispatcher: Dispatcher, principal: Principal) -> None:
        self._dispatcher = dispatcher
        self._principal = principal
        self._asking: set[Deadline] = set()
        self._tasks: set[asyncio.Task[Reply]] = set()
        self._closed = False

    @property
    def standing(self) -> bool:
        """See `Channel`."""
        return not self._closed

    async def ask(self, call: Call, deadline_ns: int) -> Reply:
        """See `Channel`."""
        self._check(call)
        if (refusal := self._dispatcher.admit(self)) is not None:
            return refusal
        deadline_ns = min(deadline_ns, self._dispatcher.deadline_within(NO_DEADLINE_NS))
        there = Call(call.method, call.payload, call.metadata, deadline_ns, self._principal)
        deadline = Deadline(deadline_ns)
        self._asking.add(deadline)
        try:
            reply = await self._dispatcher.answer(there, deadline)
        finally:
            self._asking.discard(deadline)
            self._dispatcher.release(self)
        if self._closed and reply.status is RpcStatus.DEADLINE_EXCEEDED:
            raise ServiceUnavailableError("the call was given up with its channel")
        return reply

    async def open(self, call: Call, window: int, opening_ns: int) -> Stream:
        """See `Channel`."""
        self._check(call)
        here, there = _joined(window, self._dispatcher.limits.window_bytes if call.streaming.client else 0)
        if (refusal := self._dispatcher.admit(self)) is not None:
            here.finish(refusal)
            return here
        deadline_ns = self._dispatcher.deadline_within(call.remaining_ns, call.streaming)
        served = call._replace(deadline_ns=deadline_ns, principal=self._principal, stream=there)
        task = asyncio.get_running_loop().create_task(self._dispatcher.answer(served), name=call.method)
        self._tasks.add(task)

        def ended(task: asyncio.Task[Reply]) -> None:
            self._tasks.discard(task)
            self._dispatcher.release(self)
            over = ServiceUnavailableError("the call has ended")
            there.incoming.fail(over)
            there.outgoing.fail(over)
            if task.cancelled():
                here.finish(Reply(RpcStatus.UNAVAILABLE, b"", "the call was given up with its channel"))
            else:
                here.finish(task.result(), there.outgoing.sent)

        task.add_done_callback(ended)
        here.ended.add_done_callback(lambda _: task.cancel())
        return here

    async def close(self) -> None:
        """See `Channel`."""
        self._closed = True
        for asking in self._asking:
            asking.bring_forward()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _check(self, call: Call) -> None:
        """Refuse what the wire would."""
        if self._closed:
            raise ServiceUnavailableError("the channel is closed")
        check_payload(call)
        metadata = call.metadata
        check_texts(
            call.method,
            metadata.correlation_id,
            metadata.tenant_id,
            metadata.user_id,
            metadata.security_context,
            metadata.traceparent,
        )


def _joined(client_window: int, server_window: int) -> tuple[Stream, Stream]:
    """Both sides of a call within one process: what one sends the other has."""

    async def grant_server(credit: int) -> None:
        there.outgoing.granted(credit)

    async def grant_client(credit: int) -> None:
        here.outgoing.granted(credit)

    async def put_client(sequence: int, payload: bytes) -> None:
        here.incoming.put(sequence, payload)

    async def put_server(sequence: int, payload: bytes) -> None:
        there.incoming.put(sequence, payload)

    async def half_close() -> None:
        there.incoming.end()

    async def closed() -> None:
        """A server closes its side with its reply."""

    here = Stream(
        Incoming(client_window, grant_server), Outgoing(server_window, put_server), half_close, lambda: None
    )
    there = Stream(
        Incoming(server_window, grant_client), Outgoing(client_window, put_client), closed, lambda: None
    )
    return here, there
