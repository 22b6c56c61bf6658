"""What a leader's replica gives a standby of its files: records in order, snapshots whole, and who asked."""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cmatch._core import JournalReader, Venue
from exchange.bus.rpc import Call, Metadata
from exchange.bus.rpc.calls import deadline_after
from exchange.config import load
from exchange.domain.replication import JournalReply, JournalRequest, SnapshotReply, SnapshotRequest
from exchange.errors import RpcError, RpcStatus, StorageError
from exchange.runtime.history import JOURNAL_METHOD, SNAPSHOT_FILE_METHOD, history_handlers
from exchange.schema.codec import decode_message, encode_message
from exchange.storage.digests import Digest, append_digest
from exchange.storage.directory import DataDirectory
from exchange.storage.fold import Fold
from exchange.storage.followers import FollowerRegistry, Registration, read_followers
from exchange.storage.journal import remove_segments_before
from exchange.storage.snapshots import read_snapshot, write_snapshot
from exchange.storage.venue_limits import limits_of
from tests.exchange.journals import Writer

_TENANT_OF_OPERATOR = "0"


class Replica:
    """The handlers of one data directory."""

    def __init__(self, root: Path) -> None:
        self.directory = DataDirectory(root)
        self.registry = FollowerRegistry(self.directory.followers)
        self.handlers = history_handlers(self.directory, self.registry)

    def ask(self, method: str, payload: bytes, tenant: str = _TENANT_OF_OPERATOR) -> bytes:
        """What it answers."""
        call = Call(method, payload, Metadata("c", tenant, "u", "e30="), deadline_after(10_000))

        async def answer() -> bytes:
            return await self.handlers[method](call)

        return asyncio.run(answer())

    def journal(self, after: int, epoch: int, name: str = "") -> JournalReply:
        """Records after a sequence."""
        request = JournalRequest(after_sequence=after, epoch=epoch, name=name)
        return decode_message(JournalReply, self.ask(JOURNAL_METHOD, encode_message(request)))


@pytest.fixture
def written(tmp_path: Path) -> tuple[Replica, Writer]:
    """A data directory whose journal has a market and some trades."""
    replica = Replica(tmp_path)
    replica.directory.snapshots.mkdir()
    writer = Writer(replica.directory.journal, (1 << 20) + 4_096)
    writer.open_market()
    writer.trade(50)
    return replica, writer


def payloads(batches: bytes) -> list[bytes]:
    """The frames in a reply."""
    found, at = [], 0
    while at < len(batches):
        length = int.from_bytes(batches[at : at + 8], "little")
        found.append(batches[at + 8 : at + 8 + length])
        at += 8 + length
    return found


def test_records_come_as_they_lie_in_the_journal(written: tuple[Replica, Writer]) -> None:
    """All of them from the start; from any other sequence what comes after it."""
    replica, writer = written
    records = list(JournalReader(str(replica.directory.journal), 1))
    reply = replica.journal(0, 0)
    assert payloads(reply.batches) == [bytes(record.payload) for record in records]
    assert (reply.sequence, reply.more) == (writer.sequence, False)
    middle = records[len(records) // 2]
    after = middle.first_sequence + middle.commands - 1
    rest = replica.journal(after, middle.epoch)
    assert payloads(rest.batches) == [bytes(r.payload) for r in records if r.first_sequence > after]
    assert replica.journal(writer.sequence, 1).batches == b""


def test_record_of_another_epoch_is_another_record(written: tuple[Replica, Writer]) -> None:
    """FAILED_PRECONDITION: the asker's journal is not this one's."""
    replica, writer = written
    with pytest.raises(RpcError) as refused:
        replica.journal(writer.sequence, 9)
    assert refused.value.code is RpcStatus.FAILED_PRECONDITION


def test_records_that_were_removed_are_out_of_range(written: tuple[Replica, Writer]) -> None:
    """OUT_OF_RANGE says to begin with a snapshot; who was registered behind that is lost."""
    replica, writer = written
    replica.journal(3, 1, name="far")
    writer.trade(4_000)
    removed = remove_segments_before(replica.directory.journal, writer.sequence)
    assert removed > 0
    with pytest.raises(RpcError) as refused:
        replica.journal(3, 1, name="far")
    assert refused.value.code is RpcStatus.OUT_OF_RANGE
    first = min(int(path.stem) for path in replica.directory.journal.glob("*.journal"))
    assert replica.registry.lose_before(first) == [Registration("far", 3, lost=True)]
    assert replica.registry.lose_before(first) == []
    assert read_followers(replica.directory.followers) == [Registration("far", 3, lost=True)]


def test_snapshot_comes_whole_and_only_a_verified_one(written: tuple[Replica, Writer]) -> None:
    """Part after part the file itself; NOT_FOUND before one was read back."""
    replica, _ = written
    with pytest.raises(RpcError) as refused:
        replica.ask(SNAPSHOT_FILE_METHOD, encode_message(SnapshotRequest()))
    assert refused.value.code is RpcStatus.NOT_FOUND
    limits = {"accounts": 100, "orders": 10_000, "client_order_ids": 20_000}
    venue = Venue(**limits_of(load(data_directory=replica.directory.root, limits=limits)))
    fold = Fold(replica.directory.journal, venue)
    fold.advance_to_end()
    digest: Digest = fold.digest("replica")
    file = write_snapshot(replica.directory.snapshots, digest, venue.snapshot())
    append_digest(replica.directory.digests, digest)
    content, size = b"", -1
    while len(content) != size:
        request = SnapshotRequest(offset=len(content))
        reply = decode_message(SnapshotReply, replica.ask(SNAPSHOT_FILE_METHOD, encode_message(request)))
        content, size = content + reply.content, reply.size
    assert content == file.path.read_bytes()
    assert read_snapshot(file)[0] == digest
    request = SnapshotRequest(sequence=file.sequence, history=True)
    with pytest.raises(RpcError) as absent:
        replica.ask(SNAPSHOT_FILE_METHOD, encode_message(request))
    assert absent.value.code is RpcStatus.NOT_FOUND
    file.history.write_bytes(fold.history())
    reply = decode_message(SnapshotReply, replica.ask(SNAPSHOT_FILE_METHOD, encode_message(request)))
    assert reply.content == fold.history()


@pytest.mark.parametrize("method", [JOURNAL_METHOD, SNAPSHOT_FILE_METHOD])
def test_only_the_operator_reads_files(written: tuple[Replica, Writer], method: str) -> None:
    """PERMISSION_DENIED for a tenant."""
    with pytest.raises(RpcError) as refused:
        written[0].ask(method, encode_message(JournalRequest()), tenant="5")
    assert refused.value.code is RpcStatus.PERMISSION_DENIED


def test_registry_is_written_by_several_threads(tmp_path: Path) -> None:
    """Standbys that ask, the one that answers wait for, and whoever tidies up: nobody's place is lost."""
    registry = FollowerRegistry(tmp_path / "followers.json")
    for number in range(200):
        registry.note(f"old-{number}", 1)
    begin = threading.Barrier(4)

    def note(thread: int) -> None:
        begin.wait(60)
        for number in range(50):
            registry.note(f"new-{thread}-{number}", 100 + number)

    def lose(_: int) -> None:
        begin.wait(60)
        for number in range(50):
            registry.lose_before(number)

    with ThreadPoolExecutor(4) as threads:
        for ended in [threads.submit(work, number) for number, work in enumerate((note, note, note, lose))]:
            ended.result(120)
    new = {
        Registration(f"new-{thread}-{number}", 100 + number) for thread in range(3) for number in range(50)
    }
    old = {Registration(f"old-{number}", 1, lost=True) for number in range(200)}
    assert set(read_followers(tmp_path / "followers.json")) == new | old
    assert [each.name for each in tmp_path.iterdir()] == ["followers.json"]


def test_registry_survives_and_refuses_what_is_none(tmp_path: Path) -> None:
    """The last place of each follower; a damaged file is an error that names it."""
    path = tmp_path / "followers.json"
    registry = FollowerRegistry(path)
    registry.note("a", 5)
    registry.note("b", 7)
    registry.note("a", 9)
    assert read_followers(path) == [Registration("a", 9), Registration("b", 7)]
    FollowerRegistry(path).note("b", 8)
    assert [row["sequence"] for row in json.loads(path.read_text())] == [9, 8]
    path.write_text("{}garbage")
    with pytest.raises(StorageError, match=r"followers\.json is no list of followers"):
        FollowerRegistry(path)
