"""The event log over RPC: `EventLogService.TailEvents`, for those who cannot read the data directory."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final

from exchange.bus.log.interface import Batch, EventLog, Record
from exchange.bus.rpc import Call, serve_server_stream
from exchange.bus.rpc.stubs import Handlers
from exchange.domain.contracts import TAIL_EVENTS
from exchange.domain.contracts.event_log import EventHeader, LoggedBatch, TailEventsRequest
from exchange.domain.enums import TailStart
from exchange.errors import RpcError, RpcStatus
from exchange.runtime.caller import OPERATOR, Caller
from exchange.runtime.reader_threads import ReaderThreads

TAILS_MAX: Final = 16
_RECORDS: Final = 16
_BYTES: Final = 1 << 20
_LOOK_S: Final = 0.25


class Tails:
    """Serves the tails of one event log. Each has a thread while it reads or waits, so they are few.

    Args:
        log: Whose; used, not closed.
    """

    def __init__(self, log: EventLog) -> None:
        self.running = 0
        self._log = log
        self._threads = ReaderThreads("tail", TAILS_MAX)

    @property
    def handlers(self) -> Handlers:
        """By name of the method."""
        return serve_server_stream(TAIL_EVENTS, self._tail)

    def close(self) -> None:
        """Let the threads go; to be called when no call is under way."""
        self._threads.close()

    async def _tail(self, request: TailEventsRequest, call: Call) -> AsyncGenerator[LoggedBatch, None]:
        if Caller.of_tenant(call.metadata.tenant_id).tenant != OPERATOR:
            raise RpcError(RpcStatus.PERMISSION_DENIED, "only the operator may read the event log")
        if self.running >= TAILS_MAX:
            raise RpcError(RpcStatus.RESOURCE_EXHAUSTED, f"{TAILS_MAX} tails are under way")
        self.running += 1
        try:
            start = await self._threads.run(lambda: _offset(self._log, request))
            with self._log.reader(request.topic, start) as reader:
                while True:
                    records = await self._threads.run(lambda: reader.read(_RECORDS, _BYTES))
                    for record in records:
                        yield _message(record)
                    if not records:
                        await self._threads.run(lambda: reader.wait(_LOOK_S))
        finally:
            self.running -= 1


def _offset(log: EventLog, request: TailEventsRequest) -> int:
    """Where a tail begins."""
    if request.start is TailStart.OFFSET:
        return request.offset
    if request.start is TailStart.TIME:
        return log.offset_at(request.topic, request.ts_ns)
    extent = log.extent(request.topic)
    return max(extent.begin, extent.end - request.back) if request.start is TailStart.NEWEST else extent.begin


def _message(record: Record) -> LoggedBatch:
    batch = record.batch
    return LoggedBatch(
        offset=record.offset,
        epoch=batch.epoch,
        first_seq=batch.first_seq,
        count=batch.count,
        stream=batch.stream,
        schema_version=batch.schema_version,
        ts_ns=batch.ts_ns,
        key=batch.key,
        headers=tuple(EventHeader(name=name, value=value) for name, value in batch.headers.items()),
        payload=batch.payload,
    )


def record_of(message: LoggedBatch) -> Record:
    """The record, as the event log has it."""
    batch = Batch(
        stream=message.stream,
        epoch=message.epoch,
        first_seq=message.first_seq,
        count=message.count,
        ts_ns=message.ts_ns,
        payload=message.payload,
        schema_version=message.schema_version,
        key=message.key,
        headers={header.name: header.value for header in message.headers},
    )
    return Record(message.offset, batch)
