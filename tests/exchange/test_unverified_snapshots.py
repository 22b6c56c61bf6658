"""Snapshots that nobody read back, as their writer was killed: they are taken again, and do not pile up."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from exchange.domain import queries as q
from exchange.errors import StorageError
from exchange.runtime import snapshotter
from exchange.runtime.follow import JournalFollower
from exchange.runtime.snapshotter import Snapshotter
from exchange.storage.digests import Digest, append_digest, read_digests
from exchange.storage.directory import DataDirectory
from exchange.storage.fold import Fold, starting_venue
from exchange.storage.retention import remove_unverified, verified_snapshots
from exchange.storage.snapshots import SnapshotFile, list_snapshots, write_snapshot
from tests.exchange.journals import Writer
from tests.exchange.test_replica import asynchronous, running


def _left(directory: DataDirectory, sequence: int, *, verified: bool = False) -> SnapshotFile:
    """A snapshot as a writer that was killed left it."""
    digest = Digest(sequence, 1, 2)
    file = write_snapshot(directory.snapshots, digest, b"state", b"history")
    if verified:
        append_digest(directory.digests, digest)
    return file


def _names(directory: DataDirectory) -> set[str]:
    return {path.name for path in directory.snapshots.iterdir()}


def test_only_what_was_never_read_back_and_is_behind_the_fold_is_removed(tmp_path: Path) -> None:
    """With its history, also where that is alone; a later one is on its way to a standby."""
    directory = DataDirectory(tmp_path)
    directory.snapshots.mkdir()
    kept = [_left(directory, 10, verified=True), _left(directory, 40)]
    left, alone = _left(directory, 20), _left(directory, 30)
    alone.path.unlink()
    assert remove_unverified(directory, 30) == [left.path, alone.path]
    wanted = {path.name for each in kept for path in (each.path, each.history)}
    assert _names(directory) == wanted | {"live.digest"}
    assert remove_unverified(DataDirectory(tmp_path / "none"), 30) == []


@asynchronous
async def test_replica_removes_when_it_starts_what_was_never_read_back(tmp_path: Path) -> None:
    """Once it has caught up without it."""
    writer = Writer(tmp_path / "journal")
    writer.open_market()
    directory = DataDirectory(tmp_path)
    directory.snapshots.mkdir()
    left = _left(directory, writer.sequence - 1)
    async with running(tmp_path) as world:
        await world.ask(q.StatusRequest(min_seq=writer.sequence), q.StatusReply)
        assert not left.path.exists()
        assert not left.history.exists()
    writer.close()


@pytest.fixture
def taker(tmp_path: Path) -> Snapshotter:
    """Of a small market."""
    directory = DataDirectory(tmp_path)
    directory.snapshots.mkdir()
    writer = Writer(directory.journal)
    writer.open_market()
    writer.close()
    fold = Fold(directory.journal, starting_venue(directory, {}, 0))
    fold.advance_to_end()
    return Snapshotter(directory, fold, JournalFollower(fold, directory.journal), lambda: None)


def test_snapshot_that_is_there_and_was_never_read_back_is_taken_again(
    taker: Snapshotter, tmp_path: Path
) -> None:
    """A file of the same sequence is not enough: nothing would ever begin with it."""
    directory = DataDirectory(tmp_path)
    digest = asyncio.run(taker.take())
    directory.digests.unlink()  # as if it had been killed before that
    assert verified_snapshots(directory) == []
    assert asyncio.run(taker.take()) == digest
    assert [each.sequence for each in verified_snapshots(directory)] == [digest.sequence]
    assert asyncio.run(taker.take()) == digest
    assert (taker.taken, len(read_digests(directory.digests))) == (2, 1)


def test_snapshot_whose_digest_cannot_be_written_is_not_left_behind(
    taker: Snapshotter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk would only become fuller."""

    def fails(*_: object) -> None:
        raise StorageError("no room")

    monkeypatch.setattr(snapshotter, "append_digest", fails)
    with pytest.raises(StorageError, match="no room"):
        asyncio.run(taker.take())
    assert list_snapshots(tmp_path / "snapshots") == []
    assert _names(DataDirectory(tmp_path)) == set()
