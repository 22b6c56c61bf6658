"""Real files: full disks, killed writers, other processes."""

from __future__ import annotations

import random
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cmatch import errors
from cmatch._core import (
    Journal,
    JournalReader,
    JournalState,
    list_segments,
    prepare_spare,
    remove_segments_before,
)
from tests.journal.records import (
    SEGMENT_BYTES,
    WRITE_BYTES,
    Row,
    read_all,
    row_at,
    row_of,
    rows_from,
    small_journal,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own that is soon full."""
    place = tmp_path / "disk"
    place.mkdir()
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    size = f"size={6 * SEGMENT_BYTES // 1024}k"
    if (
        mount is None
        or unmount is None
        or subprocess.run(
            [mount, "-t", "tmpfs", "-o", size, "journal-test", place], check=False, capture_output=True
        ).returncode
    ):
        pytest.skip("no file system may be mounted here")
    yield place
    subprocess.run([unmount, "-l", place], check=True)  # a test that failed may hold files of it


def fill(journal: Journal) -> list[Row]:
    """Appends until the disk refuses; what was written."""
    rows: list[Row] = []
    with pytest.raises(errors.JournalReadOnly):  # noqa: PT012  # the one that does not fit is not known before
        while True:
            group = rows_from(journal.next_sequence, 2)
            journal.append_many(group)
            rows += group
    return rows


def test_full_file_system_refuses_and_goes_on_when_segments_are_removed(small_disk: Path) -> None:
    """ENOSPC of a real file system: what was refused is nowhere, what was accepted is there once."""
    directory = small_disk / "journal"
    with small_journal(directory) as journal:
        rows = fill(journal)
        assert "No space left on device" in journal.reason
        assert read_all(directory) == rows
        journal.sync()
        assert journal.durable_sequence == journal.written_sequence == rows[-1][0] + rows[-1][1] - 1
        with pytest.raises(OSError, match="No space left"):
            prepare_spare(directory, SEGMENT_BYTES)
        assert not journal.try_resume()
        segments = list_segments(directory)
        assert remove_segments_before(directory, segments[-1]) == len(segments) - 1
        assert journal.try_resume()
        assert journal.state is JournalState.open
        rows += fill(journal)
    kept = [row for row in rows if row[0] >= segments[-1]]
    assert read_all(directory) == kept
    with small_journal(directory) as journal:
        assert (journal.recovery["cut"], journal.recovery["records"]) == (None, len(kept))


def test_no_room_to_begin_is_read_only(small_disk: Path) -> None:
    """A journal that cannot have its first segment is none."""
    (small_disk / "ballast").write_bytes(bytes(5 * SEGMENT_BYTES + 1_000))
    with pytest.raises(errors.JournalReadOnly, match="No space left"):
        small_journal(small_disk / "journal")
    (small_disk / "ballast").unlink()
    with small_journal(small_disk / "journal") as journal:
        assert journal.recovery["created"]


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """No file of this process grows beyond: a write is short and then EFBIG. Python ignores the signal."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_file_size_limit_refuses_and_goes_on_when_it_is_lifted(tmp_path: Path) -> None:
    """Another way for a real system to refuse a segment, which needs no rights."""
    with small_journal(tmp_path) as journal:
        with file_size_limit(SEGMENT_BYTES - 1):
            rows = fill(journal)
            assert "File too large" in journal.reason
            assert not journal.try_resume()
        assert journal.try_resume()
        more = rows_from(journal.next_sequence, 3)
        journal.append_many(more)
    assert read_all(tmp_path) == rows + more


def test_short_write_of_a_real_file_is_undone(tmp_path: Path) -> None:
    """A limit inside the segment: the write is short, the batch refused, its bytes taken back."""
    with small_journal(tmp_path) as journal:
        journal.append(*row_at(1))
        before = read_all(tmp_path)
        group = rows_from(journal.next_sequence, 3)
        for limit in range(journal.tail_offset, journal.tail_offset + 300, 7):
            with file_size_limit(limit), pytest.raises(errors.JournalReadOnly, match="File too large"):
                journal.append_many(group)
            assert read_all(tmp_path) == before
            assert journal.try_resume()
        journal.append_many(group)
    assert read_all(tmp_path) == before + group


def start_appender(directory: Path) -> subprocess.Popen[str]:
    """A process that appends until it is killed."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.journal.appender", str(directory)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_killed_writer_loses_nothing_it_was_promised(tmp_path: Path) -> None:
    """Killed with -9 at random moments, life after life in one journal: what was written is there, once."""
    numbers = random.Random(11)
    for life in range(12):
        with start_appender(tmp_path) as appender:
            assert appender.stdout is not None
            promised = 0
            for _ in range(1 + numbers.randrange(120)):
                word, sequence = appender.stdout.readline().split()
                assert word in {"found", "written", "durable"}
                promised = max(promised, int(sequence))
            if life % 2:
                prepare_spare(tmp_path, SEGMENT_BYTES)
            appender.kill()
            rest, _ = appender.communicate()
            # What it said before it died counts, but for a line that it could not finish.
            promised = max(
                [promised, *(int(line.split()[1]) for line in rest.splitlines(keepends=True)[:-1])]
            )
        assert appender.returncode == -signal.SIGKILL
        with small_journal(tmp_path) as journal:
            written = journal.written_sequence
            assert written >= promised
        rows = read_all(tmp_path)
        assert rows == rows_from(1, len(rows))
        assert rows[-1][0] + rows[-1][1] - 1 == written
    assert len(list_segments(tmp_path)) > 2


@pytest.mark.req("B043")
def test_second_process_is_told_who_writes(tmp_path: Path) -> None:
    """The lock is the process's, and ends with it."""
    with start_appender(tmp_path) as appender:
        assert appender.stdout is not None
        assert appender.stdout.readline().split()[0] == "found"
        with pytest.raises(errors.JournalLocked, match=f"is written by process {appender.pid}$"):
            small_journal(tmp_path)
        appender.kill()
        appender.communicate()
    small_journal(tmp_path).close()


def test_follower_of_another_process_sees_what_it_writes(tmp_path: Path) -> None:
    """Record by record, across segments, while it is written."""
    reader = JournalReader(tmp_path, 1)
    rows: list[Row] = []
    with start_appender(tmp_path) as appender:
        while len(rows) < 400:
            record = reader.next()
            if record is not None:
                rows.append(row_of(record))
        reader.check_tail()
        appender.kill()
        appender.communicate()
    rows += [row_of(record) for record in reader]
    with small_journal(tmp_path):
        assert read_all(tmp_path) == rows
    assert len(list_segments(tmp_path)) > 2
    assert rows == rows_from(1, len(rows))


def test_directory_and_files_are_their_owners_alone(tmp_path: Path) -> None:
    """Orders are nobody else's business."""
    directory = tmp_path / "new" / "journal"
    with Journal(directory, segment_bytes=SEGMENT_BYTES, write_bytes=WRITE_BYTES) as journal:
        journal.prepare_spare()
        assert directory.stat().st_mode & 0o777 == 0o700
        assert {path.name: path.stat().st_mode & 0o777 for path in directory.iterdir()} == {
            "00000000000000000001.journal": 0o600,
            "lock": 0o600,
            "spare": 0o600,
            "spare.lock": 0o600,
        }
