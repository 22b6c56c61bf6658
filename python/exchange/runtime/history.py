"""The journal's files and snapshots of a leader, for a standby that is too far behind for the stream.

The leader's replica answers; the standby asks. A part at a time, so that nobody waits long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from cmatch._core import JournalReader
from cmatch.errors import JournalGap
from exchange.bus.context import new_context
from exchange.bus.curve import KeyPair
from exchange.bus.rpc import NO_CONTEXT, BlockingChannel, BlockingClient, Call, Handler, Metadata
from exchange.domain.replication import JournalReply, JournalRequest, SnapshotReply, SnapshotRequest
from exchange.errors import RpcError, RpcStatus, StorageError
from exchange.resilience import Policies
from exchange.runtime.caller import OPERATOR, Caller
from exchange.schema.codec import decode_message, encode_message
from exchange.storage.directory import DataDirectory, write_whole
from exchange.storage.followers import FollowerRegistry
from exchange.storage.retention import verified_snapshots
from exchange.storage.snapshots import SnapshotFile

JOURNAL_METHOD: Final = "replica.journal"
SNAPSHOT_FILE_METHOD: Final = "replica.snapshot_file"
_PART_BYTES: Final = 2 << 20
_LENGTH_BYTES: Final = 8


def history_handlers(directory: DataDirectory, registry: FollowerRegistry) -> dict[str, Handler]:
    """The methods by which a standby reads what is in a data directory; who asks is registered."""

    async def journal(call: Call) -> bytes:
        _check_operator(call)
        request = decode_message(JournalRequest, call.payload)
        if request.name:
            await asyncio.to_thread(registry.note, request.name, request.after_sequence)
        return encode_message(await asyncio.to_thread(_read_journal, directory, request))

    async def snapshot(call: Call) -> bytes:
        _check_operator(call)
        request = decode_message(SnapshotRequest, call.payload)
        return encode_message(await asyncio.to_thread(_read_snapshot, directory, request))

    return {JOURNAL_METHOD: journal, SNAPSHOT_FILE_METHOD: snapshot}


def _check_operator(call: Call) -> None:
    if Caller.of_tenant(call.metadata.tenant_id).tenant != OPERATOR:
        raise RpcError(RpcStatus.PERMISSION_DENIED, "only the operator's may read the journal")


def _read_journal(directory: DataDirectory, request: JournalRequest) -> JournalReply:
    after = request.after_sequence
    reader = JournalReader(str(directory.journal), max(after, 1))
    parts: list[bytes] = []
    size, last, more = 0, after, False
    try:
        for record in reader:
            end = record.first_sequence + record.commands - 1
            if end <= after:
                if end == after and record.epoch != request.epoch:
                    raise RpcError(
                        RpcStatus.FAILED_PRECONDITION,
                        f"sequence {after} was written in epoch {record.epoch} here, not {request.epoch}",
                    )
                continue
            payload = bytes(record.payload)
            if size and size + len(payload) > _PART_BYTES:
                more = True
                break
            parts += [len(payload).to_bytes(_LENGTH_BYTES, "little"), payload]
            size += len(payload) + _LENGTH_BYTES
            last = end
    except JournalGap as error:
        raise RpcError(RpcStatus.OUT_OF_RANGE, f"{error}: begin with a snapshot") from None
    return JournalReply(sequence=last, more=more, batches=b"".join(parts))


def _read_snapshot(directory: DataDirectory, request: SnapshotRequest) -> SnapshotReply:
    verified = verified_snapshots(directory)
    wanted = [each for each in verified if request.sequence in (0, each.sequence)]
    if not wanted:
        raise RpcError(RpcStatus.NOT_FOUND, "there is no such snapshot")
    file = wanted[-1]
    path = file.history if request.history else file.path
    try:
        with path.open("rb") as content:
            size = content.seek(0, 2)
            content.seek(request.offset)
            part = content.read(_PART_BYTES)
    except FileNotFoundError:
        raise RpcError(RpcStatus.NOT_FOUND, f"there is no {path.name}") from None
    except OSError as error:
        raise RpcError(RpcStatus.UNAVAILABLE, f"{path.name} cannot be read: {error.strerror}") from None
    return SnapshotReply(sequence=file.sequence, size=size, content=part)


class LeaderHistory:
    """A leader's history over its replica's socket. One thread; a call waits for its answer.

    Args:
        endpoint: Of the replica.
        name: Of the standby.
        keys: Of the standby, for TCP.
        server_key: Public key of the leader, for TCP.
    """

    def __init__(
        self, endpoint: str, name: str, keys: KeyPair | None = None, server_key: str | None = None
    ) -> None:
        self._name = name
        self._context = new_context()
        self._metadata = Metadata(f"standby-{name}"[:40], str(OPERATOR), name, NO_CONTEXT)
        channel = BlockingChannel(self._context, endpoint, keys=keys, server_public=server_key)
        self._client = BlockingClient(channel, Policies().of("standby", "replica"))

    def batches_after(self, sequence: int, epoch: int) -> tuple[list[bytes], bool]:
        """Some payloads of records after a sequence, and whether there are more.

        Raises:
            RpcError: OUT_OF_RANGE: they were removed, begin with a snapshot; FAILED_PRECONDITION: the record
                with that sequence is another one there.
            ExchangeError: they cannot be had now.
        """
        request = JournalRequest(after_sequence=sequence, epoch=epoch, name=self._name)
        reply = decode_message(JournalReply, self._call(JOURNAL_METHOD, encode_message(request)))
        return list(_split(reply.batches)), reply.more

    def fetch_snapshot(self, directory: Path) -> int:
        """Copies the leader's newest snapshot into a directory, and the history beside it; its sequence.

        Raises:
            ExchangeError: there is none, or it cannot be had now.
        """
        sequence, content = self._fetch(SnapshotRequest())
        file = SnapshotFile.of(directory, sequence)
        try:
            write_whole(file.history, self._fetch(SnapshotRequest(sequence=sequence, history=True))[1])
        except RpcError as error:
            if error.code is not RpcStatus.NOT_FOUND:  # the leader itself began without one
                raise
        write_whole(file.path, content)
        return sequence

    def _fetch(self, request: SnapshotRequest) -> tuple[int, bytes]:
        content, size = bytearray(), -1
        while len(content) != size:
            request = replace(request, offset=len(content))
            reply = decode_message(SnapshotReply, self._call(SNAPSHOT_FILE_METHOD, encode_message(request)))
            if not reply.content:
                raise StorageError("the leader's snapshot became shorter while it was read")
            content += reply.content
            size, request = reply.size, replace(request, sequence=reply.sequence)
        return request.sequence, bytes(content)

    def _call(self, method: str, payload: bytes) -> bytes:
        return self._client.call(method, payload, metadata=self._metadata)

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()
        self._context.destroy(linger=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _split(batches: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(batches):
        length = int.from_bytes(batches[at : at + _LENGTH_BYTES], "little")
        yield batches[at + _LENGTH_BYTES : at + _LENGTH_BYTES + length]
        at += _LENGTH_BYTES + length
