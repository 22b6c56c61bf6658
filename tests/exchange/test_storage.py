"""What lies in a data directory: the lock, files replaced whole, digests, snapshots, and what is kept."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from exchange.errors import ConfigError, StorageError
from exchange.storage import snapshots
from exchange.storage.digests import Digest, append_digest, first_parting, read_digests
from exchange.storage.directory import (
    DataDirectory,
    DirectoryInUse,
    DirectoryLock,
    remove_drafts,
    write_whole,
)
from exchange.storage.fold import Fold, starting_venue
from exchange.storage.retention import Segment, first_needed, list_segments, make_room, starting_point
from exchange.storage.snapshots import list_snapshots, read_snapshot, restore, write_snapshot
from exchange.storage.venue_limits import fix_limits, read_limits
from tests.exchange.journals import ALICE, BOB, MARKET, Writer

LOCK_IT = (
    "import sys, pathlib; from exchange.storage.directory import DirectoryLock as Lock;"
    " Lock.take(pathlib.Path(sys.argv[1]))"
)


@dataclass
class Counted:
    """Stands for a venue: its content is its state."""

    content: bytes

    @classmethod
    def of(cls, content: memoryview) -> Counted:
        """As it was read."""
        return cls(bytes(content))

    @property
    def sequence(self) -> int:
        """The number before the colon."""
        return int(self.content.partition(b":")[0])

    @property
    def event_digest(self) -> int:
        """Of the events."""
        return len(self.content)

    def state_hash(self) -> int:
        """Of the content."""
        return sum(self.content)


def digest_of(content: bytes) -> Digest:
    """The digest of a venue with this content."""
    venue = Counted(content)
    return Digest(venue.sequence, venue.event_digest, venue.state_hash())


def test_directory_lock_held_elsewhere_names_the_process(tmp_path: Path) -> None:
    """The second one is told who has it; when that is gone it is free."""
    path = tmp_path / "run" / "supervisor.lock"
    path.parent.mkdir()
    lock = DirectoryLock.take(path)
    ours = subprocess.run(
        [sys.executable, "-c", LOCK_IT, str(path)], capture_output=True, text=True, check=False
    )
    assert f"an exchange runs on {tmp_path} already (process {os.getpid()})" in ours.stderr
    with pytest.raises(DirectoryInUse, match="stop it, or choose another directory"):
        DirectoryLock.take(path)
    lock.release()
    lock.release()
    subprocess.run([sys.executable, "-c", LOCK_IT, str(path)], check=True)
    DirectoryLock.take(path).release()


def test_write_whole_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    """A draft that cannot take the name is removed."""
    path = tmp_path / "file"
    write_whole(path, b"old")
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    (tmp_path / "taken").mkdir()
    with pytest.raises(StorageError, match="taken cannot be written"):
        write_whole(tmp_path / "taken", b"x")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "taken"]


def test_digests_written_are_read_in_order_and_a_torn_line_is_left_out(tmp_path: Path) -> None:
    """Lines come back as they were; what a crash left of the last one does not count."""
    path = tmp_path / "live.digest"
    assert read_digests(path) == []
    late, early = Digest(20, 2**64 - 1, 7), Digest(10, 5, 6, "core")
    append_digest(path, late)
    append_digest(path, early)
    with path.open("a") as file:
        file.write("30 00")
    assert read_digests(path) == [early, late]
    path.write_text("10 5 6 core\nrubbish\n")
    with pytest.raises(StorageError, match="line 2 is no digest: 'rubbish'"):
        read_digests(path)


def test_digest_behind_a_torn_line_takes_its_place(tmp_path: Path) -> None:
    """A power cut left a part of one: another one behind it would make a line of both that is none."""
    path = tmp_path / "live.digest"
    first, last = Digest(3, 4, 5), Digest(6, 7, 8, "core")
    append_digest(path, first)
    with path.open("a") as torn:
        torn.write("238 f0869bf3")
    append_digest(path, last)
    assert read_digests(path) == [first, last]


def test_digest_that_does_not_fit_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    """A disk that takes a part of the line: the next one is whole again."""
    path = tmp_path / "live.digest"
    append_digest(path, Digest(3, 4, 5))
    whole, limit = path.stat().st_size, resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (whole + 12, limit[1]))
        with pytest.raises(StorageError, match="cannot be written"):
            append_digest(path, Digest(6, 7, 8))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, ignored)
    assert path.stat().st_size == whole
    append_digest(path, Digest(9, 7, 8))
    assert [each.sequence for each in read_digests(path)] == [3, 9]


def test_first_parting_names_the_first_sequence_at_which_they_differ() -> None:
    """Events are named before the state; unknown sequences are passed over."""
    live = [Digest(5, 1, 1), Digest(10, 1, 2), Digest(20, 9, 9), Digest(30, 8, 8)]
    replayed = [Digest(10, 1, 2, "replay"), Digest(20, 9, 7, "replay"), Digest(30, 1, 8, "replay")]
    found = first_parting(live, replayed)
    assert str(found) == (
        "state part at or before sequence 20: 0000000000000009 live (replica), 0000000000000007 replayed"
    )
    assert "events part at or before sequence 30" in str(first_parting(live[3:], replayed))
    assert first_parting(live[:2], replayed) is None


def test_snapshot_written_is_restored_as_it_was(tmp_path: Path) -> None:
    """Name, digest and content come back; drafts are not left behind."""
    file = write_snapshot(tmp_path, digest_of(b"42:state"), b"42:state")
    assert file.path.name == "00000000000000000042.snapshot"
    assert list_snapshots(tmp_path) == [file]
    digest, content = read_snapshot(file)
    assert (digest, bytes(content)) == (digest_of(b"42:state"), b"42:state")
    assert restore(file, Counted.of) == Counted(b"42:state")
    assert list_snapshots(tmp_path / "none") == []


def test_draft_of_a_writer_that_was_killed_is_removed(tmp_path: Path) -> None:
    """It may be as large as the state; drafts of those who still write, and what is no draft, stay."""
    code = (
        "import pathlib, sys; from exchange.storage.directory import write_whole;"
        "path = pathlib.Path(sys.argv[1])\nwhile True: write_whole(path, bytes(50_000_000))"
    )
    wanted = tmp_path / "00000000000000000042.snapshot"
    writer = subprocess.Popen([sys.executable, "-c", code, str(wanted)])
    draft = tmp_path / f".{wanted.name}.{writer.pid}"
    deadline = time.monotonic() + 120
    while True:  # until it is stopped where there is one
        assert time.monotonic() < deadline
        os.kill(writer.pid, signal.SIGSTOP)
        os.waitpid(writer.pid, os.WUNTRACED)
        if draft.exists():
            break
        os.kill(writer.pid, signal.SIGCONT)
        time.sleep(0.001)
    others = {tmp_path / ".keep", tmp_path / "live.digest"}
    for path in others:
        path.write_bytes(b"")
    assert remove_drafts(tmp_path) == []
    writer.kill()
    writer.wait()
    own = tmp_path / f".{wanted.name}.{os.getpid()}"  # of one whose number this process has now
    own.write_bytes(b"")
    assert {*remove_drafts(tmp_path)} == {draft, own}
    assert {*tmp_path.iterdir()} - {wanted} == others


@pytest.mark.parametrize("place", [0, 30, 300, -1])
def test_snapshot_with_a_flipped_bit_is_refused(tmp_path: Path, place: int) -> None:
    """In the magic, the checksum or the content."""
    content = b"42:" + bytes(200)
    file = write_snapshot(tmp_path, digest_of(content), content)
    raw = bytearray(file.path.read_bytes())
    raw[place] ^= 1
    file.path.write_bytes(raw)
    with pytest.raises(StorageError):
        restore(file, Counted.of)


def test_snapshot_is_read_where_the_kernel_cannot_say_that_it_could_not_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before Linux 5.14: its content is copied. One without content, or of a folder's name, is none."""
    content = b"42:" + bytes(5_000)
    file = write_snapshot(tmp_path, digest_of(content), content)
    assert read_snapshot(file)[1] == content
    monkeypatch.setattr(snapshots, "_POPULATE_READ", 1 << 20)
    assert read_snapshot(file)[1] == content
    file.path.write_bytes(b"")
    with pytest.raises(StorageError, match="is no snapshot of a venue"):
        read_snapshot(file)
    file.path.unlink()
    file.path.mkdir()
    with pytest.raises(StorageError, match="cannot be read: Is a directory"):
        read_snapshot(file)


def test_snapshot_that_restores_to_another_state_is_refused(tmp_path: Path) -> None:
    """The hash of what was restored has to be the one that was live."""
    file = write_snapshot(tmp_path, Digest(42, 3, 4), b"42:state")
    with pytest.raises(StorageError, match=r"restores to 42 0{15}8"):
        restore(file, Counted.of)
    broken = write_snapshot(tmp_path, digest_of(b"43:x"), b"43:x")
    broken.path.rename(tmp_path / "00000000000000000044.snapshot")
    with pytest.raises(StorageError, match="snapshot of sequence 43, under another name"):
        restore(list_snapshots(tmp_path)[-1], Counted.of)


def make_segments(directory: DataDirectory, firsts: list[int], size: int = 100) -> None:
    """Files that look like segments."""
    directory.journal.mkdir(parents=True, exist_ok=True)
    for first in firsts:
        (directory.journal / f"{first:020d}.journal").write_bytes(bytes(size))


def take_snapshots(directory: DataDirectory, sequences: list[int], *, verified: bool = True) -> None:
    """Files that look like snapshots."""
    directory.snapshots.mkdir(parents=True, exist_ok=True)
    for sequence in sequences:
        content = f"{sequence}:state".encode("ascii")
        write_snapshot(directory.snapshots, digest_of(content), content)
        if verified:
            append_digest(directory.digests, digest_of(content))


def remover(directory: DataDirectory, calls: list[int]) -> object:
    """Removes segments as the journal does."""

    def remove_before(sequence: int) -> int:
        calls.append(sequence)
        segments = list_segments(directory.journal)
        gone = [one for one, following in pairwise(segments) if following.first_sequence <= sequence]
        for segment in gone:
            (directory.journal / f"{segment.first_sequence:020d}.journal").unlink()
        return len(gone)

    return remove_before


@pytest.mark.parametrize(
    ("covered", "most", "cut"),
    [
        (0, 100, 0),  # no snapshot: all stays
        (250, 10_000, 0),  # small enough
        (250, 100, 201),  # the segment that holds 250 and later ones stay
        (250, 250, 201),
        (250, 300, 101),
        (200, 100, 201),  # all of the second one is covered
        (199, 100, 101),
        (10_000, 0, 301),  # the last one always stays
    ],
)
def test_first_needed_cuts_only_what_is_covered_and_beyond_the_limit(
    covered: int, most: int, cut: int
) -> None:
    """Four segments of 100 bytes and 100 sequences each."""
    segments = [Segment(first, 100) for first in (1, 101, 201, 301)]
    assert first_needed(segments, covered, most) == cut


def test_make_room_without_a_verified_snapshot_removes_nothing(tmp_path: Path) -> None:
    """A snapshot that was not read back covers nothing."""
    directory, calls = DataDirectory(tmp_path), list[int]()
    make_segments(directory, [1, 101, 201])
    take_snapshots(directory, [250], verified=False)
    assert make_room(directory, 100, remover(directory, calls)) == 0  # type: ignore[arg-type]
    assert calls == []
    assert len(list_segments(directory.journal)) == 3


def test_make_room_keeps_the_newest_snapshots_and_one_that_the_journal_joins(tmp_path: Path) -> None:
    """Old segments go, and with them the snapshots that nothing follows."""
    directory, calls = DataDirectory(tmp_path), list[int]()
    make_segments(directory, [1, 101, 201, 301])
    take_snapshots(directory, [50, 150, 220, 260, 310, 320, 330])
    assert make_room(directory, 250, remover(directory, calls)) == 2  # type: ignore[arg-type]
    assert calls == [201]
    assert [one.first_sequence for one in list_segments(directory.journal)] == [201, 301]
    assert [one.sequence for one in list_snapshots(directory.snapshots)] == [220, 310, 320, 330]


def test_starting_point_is_as_far_back_as_the_limit_allows(tmp_path: Path) -> None:
    """A small journal is folded whole; of a large one what lies behind a snapshot has to be small."""
    directory = DataDirectory(tmp_path)
    assert starting_point(directory, 100) == []
    make_segments(directory, [1, 101, 201, 301])
    assert starting_point(directory, 100) == []
    take_snapshots(directory, [150, 250, 350])
    assert starting_point(directory, 400) == []
    assert [one.sequence for one in starting_point(directory, 399)] == [150, 350, 250]
    assert [one.sequence for one in starting_point(directory, 200)] == [250, 350, 150]
    assert [one.sequence for one in starting_point(directory, 10)] == [350, 250, 150]
    (directory.journal / f"{1:020d}.journal").unlink()
    (directory.journal / f"{101:020d}.journal").unlink()
    assert [one.sequence for one in starting_point(directory, 10_000)] == [250, 350]


def test_history_that_begins_with_a_snapshot_tells_all_that_one_of_the_whole_journal_tells(
    tmp_path: Path,
) -> None:
    """Orders that ended before it, fills and trades; and it goes on. One that is damaged changes nothing."""

    def told(fold: Fold) -> list[bytes]:
        found = [fold.trades(MARKET, limit=1000, before=0)]
        for account in (ALICE, BOB):
            found.append(fold.order_history(account, limit=1000))
            found.append(fold.fills(account, limit=1000, before=0, instrument_id=0))
        assert all(each.size for each in found)
        return [each.tobytes() for each in found]

    directory = DataDirectory(tmp_path)
    writer = Writer(directory.journal)
    writer.open_market()
    writer.trade(20)
    whole = Fold(directory.journal, starting_venue(directory, {}, 0))
    whole.advance_to_end()
    directory.snapshots.mkdir()
    digest = whole.digest("replica")
    file = write_snapshot(directory.snapshots, digest, whole.venue.snapshot(), whole.history())
    append_digest(directory.digests, digest)
    begun = Fold(directory.journal, starting_venue(directory, {}, 0))
    assert begun.sequence == whole.sequence
    begun.remember(file.history)
    assert told(begun) == told(whole)
    writer.trade(20)
    assert begun.advance_to_end() == whole.advance_to_end() > 0
    assert told(begun) == told(whole)
    with pytest.raises(StorageError, match="of another sequence"):
        begun.remember(file.history)
    file.history.write_bytes(file.history.read_bytes()[:-1])
    with pytest.raises(StorageError, match="cut short"):
        begun.remember(file.history)
    file.remove()
    assert list_snapshots(directory.snapshots) == []
    with pytest.raises(StorageError, match="cannot be read"):
        begun.remember(file.history)
    assert told(begun) == told(whole)


def test_venue_limits_once_fixed_are_the_same_for_ever(tmp_path: Path) -> None:
    """Another number is refused, with both of them."""
    assert read_limits(tmp_path) is None
    assert fix_limits(tmp_path, {"max_orders": 10}) == {"max_orders": 10}
    assert fix_limits(tmp_path, {"max_orders": 10}) == {"max_orders": 10} == read_limits(tmp_path)
    with pytest.raises(ConfigError, match="was made with max_orders = 10, not 11"):
        fix_limits(tmp_path, {"max_orders": 11})
    (tmp_path / "venue.json").write_text("rubbish")
    with pytest.raises(StorageError, match=r"venue\.json cannot be read"):
        read_limits(tmp_path)


def test_starting_venue_passes_over_a_damaged_snapshot_and_takes_the_next(tmp_path: Path) -> None:
    """Where the journal begins later and no snapshot is left, it refuses and says why."""
    directory = DataDirectory(tmp_path)
    writer = Writer(directory.journal)
    writer.open_market()
    fold = Fold(directory.journal, starting_venue(directory, {}, 1 << 40))
    fold.advance_to_end()
    directory.snapshots.mkdir()
    for _ in range(2):
        writer.trade(5)
        fold.advance_to_end()
        digest = fold.digest("replica")
        write_snapshot(directory.snapshots, digest, fold.venue.snapshot())
        append_digest(directory.digests, digest)
    older, newer = list_snapshots(directory.snapshots)
    assert starting_venue(directory, {}, 0).sequence == newer.sequence
    newer.path.write_bytes(newer.path.read_bytes()[:-1])
    assert starting_venue(directory, {}, 0).sequence == older.sequence
    assert starting_venue(directory, {}, 1 << 40).sequence == 0
    older.path.unlink()
    assert starting_venue(directory, {}, 0).sequence == 0
    writer.close()
    first = next(iter(directory.journal.glob("*.journal")))
    first.rename(first.with_name(f"{100:020d}.journal"))
    with pytest.raises(StorageError, match="has lost its beginning, and no snapshot stands in for it"):
        starting_venue(directory, {}, 0)
