"""What the journal costs on this disk: appends, group commits, rotations, recovery.

``python -m bench.journal [--directory DIR]`` prints tables and judges nothing. Disks differ more than
the code over them: the bare fdatasync of the same run stands beside the figure of a sync.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.measure import machine, table
from cmatch._core import Journal, JournalReader, prepare_spare, sync_segments

BLOCK_BYTES = 4_096
SYNCS = 2_000
SEGMENT_BYTES = 64 << 20


def percentiles(nanoseconds: list[int]) -> list[str]:
    """p50, p99 and the worst, in microseconds."""
    ordered = sorted(nanoseconds)
    places = (len(ordered) // 2, len(ordered) * 99 // 100, len(ordered) - 1)
    return [f"{ordered[place] / 1e3:,.1f}" for place in places]


def timed(act: Callable[[], object], times: int) -> list[int]:
    """How long each call took, ns."""
    spent = []
    for _ in range(times):
        start = time.perf_counter_ns()
        act()
        spent.append(time.perf_counter_ns() - start)
    return spent


@contextmanager
def scratch(directory: Path) -> Iterator[Path]:
    """A directory on the disk that is measured."""
    with tempfile.TemporaryDirectory(dir=directory, prefix="bench-journal-") as made:
        yield Path(made)


def bare_syncs(path: Path, prepare: Callable[[int], None]) -> list[int]:
    """Blocks written one behind the other, each with its fdatasync."""
    block = os.urandom(BLOCK_BYTES)
    number = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        prepare(number)
        os.fsync(number)
        place = 0

        def write() -> None:
            nonlocal place
            os.pwrite(number, block, place)
            os.fdatasync(number)
            place += BLOCK_BYTES

        return timed(write, SYNCS)
    finally:
        os.close(number)
        path.unlink()


def write_zeros(number: int) -> None:
    """As the journal's segments are made."""
    for place in range(0, SYNCS * BLOCK_BYTES, 1 << 20):
        os.pwrite(number, bytes(1 << 20), place)


def sync_rows(directory: Path) -> Iterator[list[str]]:
    """A block of 4 KiB and its fdatasync, in three kinds of file and in the journal."""
    ways: dict[str, Callable[[int], None]] = {
        "fdatasync, file that grows": lambda number: None,
        "fdatasync, file allocated but not written": lambda number: os.posix_fallocate(
            number, 0, SYNCS * BLOCK_BYTES
        ),
        "fdatasync, file of written zeros": write_zeros,
    }
    with scratch(directory) as place:
        for name, prepare in ways.items():
            yield [name, *percentiles(bare_syncs(place / "file", prepare))]
        with Journal(place / "journal", segment_bytes=SEGMENT_BYTES) as journal:
            payload = os.urandom(BLOCK_BYTES - 64)

            def commit() -> None:
                journal.append(journal.next_sequence, 1, 0, payload)
                journal.sync()

            yield ["journal, append and sync", *percentiles(timed(commit, SYNCS))]


def append_rows(directory: Path) -> Iterator[list[str]]:
    """One write a record, no sync."""
    for size in (256, 2_560, 25_600, 256_000):
        times = min(100_000, (48 << 20) // size)
        with scratch(directory) as place, Journal(place, segment_bytes=SEGMENT_BYTES) as journal:
            payload = os.urandom(size)
            sequence = 0

            def append(journal: Journal = journal, payload: bytes = payload) -> None:
                nonlocal sequence
                sequence += 1
                journal.append(sequence, 1, 0, payload)

            spent = timed(append, times)
            yield [f"{size:,} bytes", *percentiles(spent), f"{size * times / sum(spent) * 1e3:,.0f}"]


def rotation_rows(directory: Path) -> Iterator[list[str]]:
    """Writes across eight rotations, 250 MB a second: alone, with spares made beside, and with syncs, too."""
    ways: dict[str, tuple[Callable[[Path], object], ...]] = {
        "alone": (),
        "spares made beside": (lambda place: prepare_spare(place, SEGMENT_BYTES // 4),),
        "and segments synced": (lambda place: prepare_spare(place, SEGMENT_BYTES // 4), sync_segments),
    }
    for name, chores in ways.items():
        with (
            scratch(directory) as place,
            Journal(place, segment_bytes=SEGMENT_BYTES // 4) as journal,
            helped(place, chores),
        ):
            payload = os.urandom(25_600)

            def append(journal: Journal = journal, payload: bytes = payload) -> None:
                journal.append(journal.next_sequence, 1, 0, payload)

            spent = []
            while journal.counters["rotations"] < 8:
                spent += timed(append, 100)
                time.sleep(0.01)
            yield [name, *percentiles(spent), str(journal.counters["segments_made_late"])]


@contextmanager
def helped(place: Path, chores: tuple[Callable[[Path], object], ...]) -> Iterator[None]:
    """Another thread does these, again and again, as the supervisor does from its own process."""
    done = threading.Event()

    def work() -> None:
        while not done.wait(0.01):
            for chore in chores:
                chore(place)

    helper = threading.Thread(target=work)
    helper.start()
    try:
        yield
    finally:
        done.set()
        helper.join()


def recovery_rows(directory: Path) -> Iterator[list[str]]:
    """Records of 25,600 bytes, 100 commands each, from the page cache."""
    with scratch(directory) as place:
        with Journal(place, segment_bytes=SEGMENT_BYTES) as journal:
            payload = os.urandom(25_600)
            while journal.counters["rotations"] < 4:
                journal.append(journal.next_sequence, 100, 0, payload)
            journal.sync()

        def read() -> None:
            reader = JournalReader(place)
            while reader.next() is not None:
                pass

        ways: dict[str, Callable[[], object]] = {
            "recovery": lambda: Journal(place, segment_bytes=SEGMENT_BYTES).close(),
            "reader, payloads copied to Python": read,
        }
        with Journal(place, segment_bytes=SEGMENT_BYTES) as journal:
            commands = journal.written_sequence
        for name, act in ways.items():
            seconds = min(timed(act, 3)) / 1e9
            yield [name, f"{commands / seconds / 1e6:,.1f}", f"{commands * 256 / seconds / 1e6:,.0f}"]


def main() -> None:
    """Prints all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()))
    directory = parser.parse_args().directory
    print(machine(), end="\n\n")
    spread = ["p50 us", "p99 us", "max us"]
    print(table(["4 KiB", *spread], sync_rows(directory)), end="\n\n")
    print(table(["append", *spread, "MB/s"], append_rows(directory)), end="\n\n")
    print(table(["append across rotations", *spread, "made late"], rotation_rows(directory)), end="\n\n")
    print(table(["from the page cache", "million commands/s", "MB/s"], recovery_rows(directory)))


if __name__ == "__main__":
    main()
