"""The journal's Python face: values, errors, disks, and that two threads are not inside at once."""

from __future__ import annotations

import errno
import pickle
import sys
import threading
from pathlib import Path

import pytest

from cmatch import errors
from cmatch._core import (
    CrashKind,
    DiskOperation,
    Journal,
    JournalReader,
    JournalRecord,
    JournalState,
    MemoryDisk,
    PosixDisk,
    list_segments,
    prepare_spare,
    remove_segments_before,
    sync_segments,
)
from tests.journal.records import HEADER_BYTES, SEGMENT_BYTES, read_all, row_at, rows_from, small_journal

DIRECTORY = "data/journal"
FIRST_SEGMENT = f"{DIRECTORY}/00000000000000000001.journal"


def test_journal_new_says_where_it_stands() -> None:
    """All of its values, before the first record and after three."""
    disk = MemoryDisk()
    with Journal(
        DIRECTORY, disk=disk, segment_bytes=1 << 16, write_bytes=1 << 12, epoch=4, journal_id=9
    ) as journal:
        assert (journal.next_sequence, journal.written_sequence, journal.durable_sequence) == (1, 0, 0)
        assert (journal.epoch, journal.journal_id, journal.last_ts_ns) == (4, 9, 0)
        assert (journal.directory, journal.segment, journal.tail_offset) == (DIRECTORY, 1, HEADER_BYTES)
        assert (journal.state, journal.reason) == (JournalState.open, "")
        assert journal.recovery == {
            "created": True,
            "segments": 0,
            "records": 0,
            "last_sequence": 0,
            "durable_sequence": 0,
            "rewritten_bytes": 0,
            "cut": None,
        }
        journal.append(1, 2, 50, b"abc")
        journal.raise_epoch(5)
        journal.append_many([(3, 1, 51, bytearray(b"d")), (4, 1, 51, memoryview(b""))])
        assert (journal.next_sequence, journal.durable_sequence, journal.last_ts_ns) == (5, 0, 51)
        journal.sync()
        assert journal.durable_sequence == 4
        assert journal.tail_offset == HEADER_BYTES + 72 + 72 + 64
        assert journal.counters == {
            "records": 3,
            "writes": 2,
            "bytes": 208,
            "syncs": 1,
            "rotations": 0,
            "segments_made_late": 0,
            "refusals": 0,
        }
    assert list(JournalReader(DIRECTORY, disk=disk)) == [
        JournalRecord(first_sequence=1, commands=2, ts_ns=50, epoch=4, payload=b"abc"),
        JournalRecord(first_sequence=3, commands=1, ts_ns=51, epoch=5, payload=b"d"),
        JournalRecord(first_sequence=4, commands=1, ts_ns=51, epoch=5, payload=b""),
    ]


def test_reader_iterated_again_goes_on_where_it_stopped() -> None:
    """Nothing yet ends the iteration, not the reader."""
    disk = MemoryDisk()
    reader = JournalReader(DIRECTORY, disk=disk)
    assert (reader.next(), reader.segment, reader.offset) == (None, "", 0)
    with small_journal(DIRECTORY, disk) as journal:
        journal.append(*row_at(1))
        assert [record.first_sequence for record in reader] == [1]
        assert list(reader) == []
        journal.append(*row_at(journal.next_sequence))
        assert len(list(reader)) == 1
        assert (reader.next_sequence, reader.segment) == (journal.next_sequence, FIRST_SEGMENT)
        assert reader.offset == journal.tail_offset
        reader.check_tail()


@pytest.mark.parametrize(
    ("first_sequence", "count", "ts_ns", "size"),
    [(1, 1, 9, 0), (4, 1, 9, 0), (3, 0, 9, 0), (3, 1, 8, 0), (3, 1, 9, 1 << 20)],
    ids=["again", "gap", "no commands", "back in time", "too large"],
)
def test_append_that_does_not_fit_is_refused(first_sequence: int, count: int, ts_ns: int, size: int) -> None:
    """A ValueError, and the journal as before."""
    disk = MemoryDisk()
    with small_journal(DIRECTORY, disk) as journal:
        journal.append(1, 2, 9, b"x")
        with pytest.raises(ValueError, match=r"first_sequence|at least one|steps back|larger than"):
            journal.append(first_sequence, count, ts_ns, bytes(size))
        with pytest.raises(ValueError, match=r"first_sequence|at least one|steps back|larger than"):
            journal.append_many(
                [(3, 1, 9, b""), (first_sequence + 1, count, ts_ns, bytes(size + 1)), (9, 1, 9, b"")]
            )
        assert (journal.state, journal.next_sequence) == (JournalState.open, 3)
    assert read_all(DIRECTORY, disk) == [(1, 2, 9, b"x")]


@pytest.mark.parametrize("value", [1.0, "1", None, -1, 1 << 64], ids=repr)
def test_append_sequence_that_is_no_u64_is_a_type_error(value: object) -> None:
    """Floats above all."""
    with small_journal(DIRECTORY, MemoryDisk()) as journal, pytest.raises(TypeError):
        journal.append(value, 1, 0, b"")  # type: ignore[arg-type]


def test_append_payload_without_a_buffer_is_a_type_error() -> None:
    """Text is no payload."""
    with small_journal(DIRECTORY, MemoryDisk()) as journal, pytest.raises(TypeError, match="bytes-like"):
        journal.append(1, 1, 0, "text")  # type: ignore[arg-type]


def test_disk_full_is_read_only_until_there_is_room() -> None:
    """The batch that was refused is nowhere; asked again it is there once."""
    disk = MemoryDisk(capacity_bytes=2 * SEGMENT_BYTES)
    with small_journal(DIRECTORY, disk) as journal:
        with pytest.raises(errors.JournalReadOnly, match="No space left on device"):  # noqa: PT012  # some append
            while True:
                journal.append(*row_at(journal.next_sequence))
        refused = row_at(journal.next_sequence)
        before = read_all(DIRECTORY, disk)
        assert journal.state is JournalState.read_only
        assert "No space left" in journal.reason
        with pytest.raises(errors.JournalReadOnly):
            journal.append(*refused)
        assert not journal.try_resume()
        disk.set_capacity(None)
        assert journal.try_resume()
        journal.append(*refused)
        assert journal.counters["refusals"] == 2
    assert read_all(DIRECTORY, disk) == [*before, refused]


def test_short_writes_go_on_where_they_stopped() -> None:
    """No error, no refusal."""
    disk = MemoryDisk()
    with small_journal(DIRECTORY, disk) as journal:
        disk.fail(DiskOperation.write, 1, after_bytes=1, times=20)
        journal.append(*row_at(1))
        assert journal.counters["refusals"] == 0
    assert read_all(DIRECTORY, disk) == [row_at(1)]


def test_failed_sync_ends_the_journal() -> None:
    """JournalFailed now and for ever; the next writer has what was written."""
    disk = MemoryDisk()
    journal = small_journal(DIRECTORY, disk)
    journal.append(*row_at(1))
    disk.fail(DiskOperation.sync, 1, error=errno.EIO)
    for act in (journal.sync, journal.sync, journal.try_resume):
        with pytest.raises(errors.JournalFailed, match="Input/output error"):
            act()
    with pytest.raises(errors.JournalFailed):
        journal.append(*row_at(journal.next_sequence))
    assert journal.state is JournalState.failed
    journal.close()
    with small_journal(DIRECTORY, disk) as after:
        assert after.durable_sequence == journal_end([row_at(1)])
    disk.crash(CrashKind.lost)
    assert read_all(DIRECTORY, disk) == [row_at(1)]


def journal_end(rows: list[tuple[int, int, int, bytes]]) -> int:
    """The last sequence of rows."""
    return rows[-1][0] + rows[-1][1] - 1


def test_corrupt_journal_names_file_offset_and_reason() -> None:
    """As attributes, in its text, and after pickling."""
    disk = MemoryDisk()
    with small_journal(DIRECTORY, disk) as journal:
        journal.append(1, 1, 0, b"first")
        journal.sync()
        journal.append(2, 1, 0, b"second")
    damaged = bytearray(disk.contents(FIRST_SEGMENT))
    damaged[HEADER_BYTES + 64] ^= 1
    disk.set_contents(FIRST_SEGMENT, damaged)
    with pytest.raises(errors.JournalCorrupt) as caught:
        small_journal(DIRECTORY, disk)
    error = caught.value
    assert (error.file, error.offset) == (FIRST_SEGMENT, HEADER_BYTES)
    assert error.reason == (
        f"the record's checksum is wrong, but what {FIRST_SEGMENT} has at offset {HEADER_BYTES + 72} knew "
        "sequence 1 to be durable"
    )
    assert str(error) == f"{FIRST_SEGMENT} at offset {HEADER_BYTES}: {error.reason}"
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own bytes
    assert (str(again), again.offset) == (str(error), error.offset)
    reader = JournalReader(DIRECTORY, disk=disk)
    assert reader.next() is None
    with pytest.raises(errors.JournalCorrupt, match="whole records lie behind"):
        reader.check_tail()


def test_lost_tail_is_reported() -> None:
    """What recovery cut, as values and as a sentence."""
    disk = MemoryDisk()
    with small_journal(DIRECTORY, disk) as journal:
        journal.append_many(rows_from(1, 2))
        journal.sync()
        end = journal.tail_offset
        lost = journal.next_sequence
        journal.append(*row_at(lost))
        journal.append(*row_at(journal.next_sequence))
        last = journal.written_sequence
    damaged = bytearray(disk.contents(FIRST_SEGMENT))
    damaged[end + 64] ^= 1
    disk.set_contents(FIRST_SEGMENT, damaged)
    with small_journal(DIRECTORY, disk) as journal:
        cut = journal.recovery["cut"]
        assert cut is not None
        assert (cut["file"], cut["offset"]) == (FIRST_SEGMENT, end)
        assert cut["reason"] == "the record's checksum is wrong"
        assert (cut["lost_first"], cut["lost_last"]) == (lost, last)
        assert cut["message"].endswith("none of them known to have been durable")
        assert f"sequences {lost} to {last}, " in cut["message"]
        assert journal.written_sequence == lost - 1
    assert read_all(DIRECTORY, disk) == rows_from(1, 2)


def test_gaps_are_lookups_that_fail_loudly() -> None:
    """What was removed cannot be read, what is not there cannot be recovered from."""
    disk = MemoryDisk()
    with pytest.raises(errors.JournalGap):
        small_journal(DIRECTORY, disk, recover_from=2)
    with small_journal(DIRECTORY, disk) as journal:
        while journal.counters["rotations"] < 3:
            journal.append_many(rows_from(journal.next_sequence, 3))
        last = journal.written_sequence
    segments = list_segments(DIRECTORY, disk=disk)
    assert len(segments) == 4
    assert remove_segments_before(DIRECTORY, segments[2], disk=disk) == 2
    with pytest.raises(errors.JournalGap, match=f"sequence 1 is no longer in {DIRECTORY}"):
        JournalReader(DIRECTORY, 1, disk=disk).next()
    for recover_from in (1, last + 2):
        with pytest.raises(errors.JournalGap):
            small_journal(DIRECTORY, disk, recover_from=recover_from)
    with small_journal(DIRECTORY, disk, recover_from=last + 1) as journal:
        assert journal.next_sequence == last + 1


def test_epoch_behind_the_journal_is_refused() -> None:
    """Another writer has taken over."""
    disk = MemoryDisk()
    with small_journal(DIRECTORY, disk, epoch=3) as journal:
        journal.append(*row_at(1))
    with pytest.raises(errors.JournalError, match="epoch 2 is behind 3"):
        small_journal(DIRECTORY, disk, epoch=2)


def test_closed_journal_is_a_value_error_and_free_for_another() -> None:
    """Closing twice is fine."""
    disk = MemoryDisk()
    journal = small_journal(DIRECTORY, disk)
    with pytest.raises(errors.JournalLocked, match="is written by process "):
        small_journal(DIRECTORY, disk)
    journal.close()
    journal.close()
    for act in (journal.sync, journal.try_resume, journal.prepare_spare, lambda: journal.next_sequence):
        with pytest.raises(ValueError, match="the journal is closed"):
            act()
    small_journal(DIRECTORY, disk).close()


def test_beside_the_writer_spares_are_made_and_segments_synced() -> None:
    """What another process does for the writer."""
    disk = MemoryDisk()
    with small_journal(DIRECTORY, disk) as journal:
        while journal.counters["rotations"] < 5:
            assert prepare_spare(DIRECTORY, SEGMENT_BYTES, disk=disk)
            journal.append_many(rows_from(journal.next_sequence, 3))
        assert journal.counters["segments_made_late"] == 0
        written = journal.written_sequence
        sync_segments(DIRECTORY, disk=disk)
        journal.note_durable(written)
        assert journal.durable_sequence == written
        with pytest.raises(ValueError, match="not yet written"):
            journal.note_durable(written + 1)
    disk.crash(CrashKind.lost)
    with small_journal(DIRECTORY, disk) as journal:
        assert journal.written_sequence == written


def test_power_cut_keeps_what_was_synced() -> None:
    """At every operation from Python, too."""
    for operations in range(0, 60, 3):
        disk = MemoryDisk()
        durable = 0
        disk.cut_power_after(operations)
        with (  # noqa: PT012  # wherever it comes
            pytest.raises(RuntimeError, match="no power"),
            small_journal(DIRECTORY, disk) as journal,
        ):
            while True:
                journal.append_many(rows_from(journal.next_sequence, 4))
                journal.sync()
                durable = journal.durable_sequence
        disk.crash(CrashKind.reordered, operations)
        with small_journal(DIRECTORY, disk) as journal:
            assert journal.written_sequence >= durable
        rows = read_all(DIRECTORY, disk)
        assert rows == rows_from(1, len(rows))


def test_disks_say_what_they_have(tmp_path: Path) -> None:
    """Lists and free space, and the system's errors with their path."""
    real = PosixDisk()
    (tmp_path / "b").touch()
    (tmp_path / "a").touch()
    assert real.list(tmp_path) == ["a", "b"]
    assert real.free_bytes(tmp_path) > 0
    with pytest.raises(FileNotFoundError) as caught:
        real.free_bytes(tmp_path / "none")
    assert caught.value.filename == str(tmp_path / "none")
    with pytest.raises(NotADirectoryError):
        real.list(tmp_path / "a")
    memory = MemoryDisk(capacity_bytes=100)
    memory.set_contents("d/f", b"12345")
    assert (memory.list("d"), memory.contents("d/f"), memory.free_bytes("d")) == (["f"], b"12345", 95)
    assert memory.operations() == memory.operations(DiskOperation.list) + memory.operations(
        DiskOperation.free_bytes
    )
    with pytest.raises(FileNotFoundError):
        memory.contents("d/none")
    memory.fail(DiskOperation.list, 1, error=errno.EACCES)
    memory.clear_faults()
    assert memory.list("d") == ["f"]


@pytest.fixture
def quick_switches() -> object:
    """Let threads take turns often."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("quick_switches")
def test_second_thread_is_refused_and_nothing_is_torn() -> None:
    """Whoever comes while another is inside gets EngineBusy; every record is there once."""
    disk = MemoryDisk(tracks_crashes=False)
    journal = Journal(DIRECTORY, disk=disk, segment_bytes=64 << 20, write_bytes=8 << 20)
    payload = bytes(4 << 20)
    started = threading.Event()
    done = threading.Event()

    def write() -> None:
        started.set()
        while not done.is_set():
            try:
                journal.append(journal.next_sequence, 1, 0, payload)
            except errors.EngineBusy:
                continue

    worker = threading.Thread(target=write)
    worker.start()
    assert started.wait()
    refused = 0
    try:
        while not refused:
            try:
                assert journal.state is JournalState.open
            except errors.EngineBusy:
                refused += 1
    finally:
        done.set()
        worker.join()
    reader = JournalReader(DIRECTORY, disk=disk)
    assert [record.first_sequence for record in reader] == list(range(1, journal.next_sequence))
    reader.check_tail()


@pytest.mark.parametrize("damage", ["bit", "end"])
def test_journal_that_does_not_reach_what_was_synced_is_damaged(damage: str) -> None:
    """No record knows any to be durable: by themselves both would be a torn tail, and a short journal."""
    disk = MemoryDisk()
    with Journal(DIRECTORY, disk=disk, segment_bytes=1 << 16, write_bytes=1 << 12) as journal:
        ends = []
        for sequence in range(1, 6):
            journal.append(sequence, 1, 50, b"abc")
            ends.append(journal.tail_offset)
    content = bytearray(disk.contents(FIRST_SEGMENT))
    if damage == "bit":
        content[ends[1] + 66] ^= 1
    else:
        content[ends[1] :] = bytes(len(content) - ends[1])
    disk.set_contents(FIRST_SEGMENT, bytes(content))
    with pytest.raises(errors.JournalCorrupt) as caught:
        Journal(DIRECTORY, disk=disk, known_durable=3)
    assert (caught.value.offset, "sequence 3 was synced" in str(caught.value)) == (ends[1], True)
    assert disk.contents(FIRST_SEGMENT) == content
    with Journal(DIRECTORY, disk=disk, known_durable=2) as journal:
        assert journal.written_sequence == 2


def test_journal_that_is_gone_is_not_made_anew_behind_what_was_synced() -> None:
    """Where nothing was, one begins."""
    with pytest.raises(errors.JournalGap, match="sequence 4 is to be its next"):
        Journal(DIRECTORY, disk=MemoryDisk(), known_durable=3)
    with Journal(DIRECTORY, disk=MemoryDisk(), known_durable=3, first_sequence=4) as journal:
        assert journal.next_sequence == 4
