"""The reader of the shared statistics, against what the core's own class writes."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmatch._core import Histogram, SharedStats, Stat, Timing
from exchange.observability import StatKind, StatsReader, StatsUnavailable, StatUnit, stats_path
from exchange.observability import stats as stats_module
from exchange.observability.health import Status, health_of
from exchange.observability.stats import bucket_limits


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the statistics lie."""
    return tmp_path / "stats"


@pytest.fixture
def stats(path: Path) -> SharedStats:
    """The writer's side."""
    return SharedStats(str(path))


@pytest.fixture
def reader(path: Path, stats: SharedStats) -> Iterator[StatsReader]:
    """The other side, of the same file."""
    assert stats.get(Stat.orders) == 0
    with StatsReader(path) as reader:
        yield reader


def test_reader_values_and_histograms_are_those_of_the_writer(
    stats: SharedStats, reader: StatsReader
) -> None:
    """Every counter and gauge by its name, every histogram bucket by bucket."""
    for number, stat in enumerate(Stat):
        stats.set(stat, number * 10**15 + 1)
    for number, timing in enumerate(Timing):
        for value in range(0, 40_000_000, 99_991 + number):
            stats.histogram(timing).record(value)
    snapshot = reader.read()
    assert snapshot.consistent
    assert snapshot.values == {stat.name: number * 10**15 + 1 for number, stat in enumerate(Stat)}
    assert reader.read_values() == snapshot.values
    assert list(snapshot.histograms) == [timing.name for timing in Timing]
    for timing in Timing:
        written, read = stats.histogram(timing), snapshot.histograms[timing.name]
        assert (read.count, read.sum, read.max) == (written.count, written.sum, written.max)
        assert [
            (int(read.limits[bucket]), int(read.counts[bucket])) for bucket in np.flatnonzero(read.counts)
        ] == written.buckets()


def test_reader_table_names_each_value_once_with_unit_and_help(reader: StatsReader) -> None:
    """Names end with their unit, as the metrics made from them need; each has a sentence."""
    names = [row.name for row in reader.rows]
    assert names == [stat.name for stat in Stat] + [timing.name for timing in Timing]
    assert len(set(names)) == len(names)
    for row in reader.rows:
        assert row.help
        assert not row.help.endswith(".")
        if row.kind is not StatKind.HISTOGRAM:
            timed = row.unit in (StatUnit.NANOSECONDS, StatUnit.UNIX_NANOSECONDS)
            assert row.name.endswith("_ns") == timed
        assert row.name.endswith("_bytes") == (row.unit is StatUnit.BYTES)


def test_reader_memory_of_the_same_process_is_read_alike() -> None:
    """The embedded exchange has no file."""
    stats = SharedStats()
    stats.add(Stat.trades, 5)
    stats.histogram(Timing.batch_size).record(3)
    with StatsReader(memoryview(stats)) as reader:
        snapshot = reader.read()
        assert snapshot.values["trades"] == 5
        assert snapshot.histograms["batch_size"].percentile(500_000) == 3
        with pytest.raises(TypeError, match="read-only"):
            memoryview(stats)[0] = 0


WRITER = """
import sys
from cmatch._core import SharedStats, Stat, Timing
stats = SharedStats(sys.argv[1])
print("ready", flush=True)
number = 0
while True:
    number += 1
    stats.begin()
    stats.set(Stat.orders, number)
    stats.set(Stat.epoch, number)
    stats.end()
    stats.histogram(Timing.batch_size).record(number % 128)
"""


def test_reader_beside_a_writing_process_sees_one_moment_and_survives_its_death(path: Path) -> None:
    """Another process writes as fast as it can; what is read agrees, also after a kill -9."""
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE) as writer:
        try:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"ready\n"
            with StatsReader(path) as reader:
                snapshots = [reader.read() for _ in range(2000)]
                writer.kill()
                writer.wait()
                last = reader.read()
        finally:
            writer.kill()
    sound = [snapshot.values for snapshot in snapshots if snapshot.consistent]
    assert len(sound) > 100
    assert [values["epoch"] for values in sound] == [values["orders"] for values in sound]
    orders = [snapshot.values["orders"] for snapshot in snapshots]
    assert orders == sorted(orders)
    assert orders[-1] > orders[0]
    assert last.histograms["batch_size"].count in (last.values["orders"], last.values["orders"] - 1)


def test_reader_of_a_writer_that_died_in_between_says_so(stats: SharedStats, reader: StatsReader) -> None:
    """What it left is shown, but not as one moment."""
    stats.set(Stat.orders, 7)
    stats.begin()
    snapshot = reader.read()
    assert (snapshot.consistent, snapshot.values["orders"]) == (False, 7)
    stats.end()
    assert reader.read().consistent


def test_reader_follows_the_file_of_a_new_process(
    path: Path, stats: SharedStats, reader: StatsReader
) -> None:
    """After a restart the next read is of the new core."""
    stats.set(Stat.epoch, 1)
    assert reader.read().values["epoch"] == 1
    second = SharedStats(str(path))
    second.set(Stat.epoch, 2)
    assert reader.read().values["epoch"] == 2
    path.unlink()
    with pytest.raises(StatsUnavailable, match="are gone"):
        reader.read()
    third = SharedStats(str(path))
    third.set(Stat.epoch, 3)
    assert reader.read_values()["epoch"] == 3


def _replaced(at: int, value: bytes) -> Callable[[bytes], bytes]:
    return lambda content: content[:at] + value + content[at + len(value) :]


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (_replaced(0, b"X"), "no file of statistics"),
        (_replaced(8, struct.pack("<I", 2)), "version 2, and this reader knows 1"),
        (lambda content: b"", "too short"),
        (lambda content: content[:71], "too short"),
        (lambda content: content[:-1], "contradicts itself"),
        (_replaced(12, struct.pack("<I", 1)), "contradicts itself"),
        (_replaced(16, struct.pack("<I", 1 << 31)), "contradicts itself"),
        (_replaced(24, struct.pack("<I", 0xFFFFFFFF)), "contradicts itself"),
        (_replaced(32, struct.pack("<I", 3)), "contradicts itself"),
        (_replaced(36, struct.pack("<I", 8)), "contradicts itself"),
        (_replaced(40, struct.pack("<I", 40)), "contradicts itself"),
        (_replaced(44, struct.pack("<I", 99)), "contradicts itself"),
    ],
)
def test_reader_other_version_or_damaged_head_is_refused(
    path: Path, stats: SharedStats, spoil: Callable[[bytes], bytes], why: str
) -> None:
    """A file that this reader cannot vouch for is not read."""
    assert stats.get(Stat.orders) == 0
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(StatsUnavailable, match=why):
        StatsReader(path)


def test_row_that_an_older_core_did_not_have_is_zero(path: Path, stats: SharedStats) -> None:
    """What it left behind is read, and its health is told."""
    stats.set(Stat.disk_nearly_full, 1)
    stats.set(Stat.orders, 7)
    path.write_bytes(path.read_bytes().replace(b"disk_nearly_full\0", b"of_old_was_other\0"))
    with StatsReader(path) as reader:
        snapshot, values = reader.read(), reader.read_values()
    for found in (snapshot.values, values):
        assert (found["disk_nearly_full"], found["of_old_was_other"], found["orders"]) == (0, 1, 7)
    assert health_of(snapshot, 0).dependencies["journal"] is Status.HEALTHY


def test_reader_without_a_file_asks_whether_the_core_runs(tmp_path: Path) -> None:
    """The most common reason is in the message."""
    with pytest.raises(StatsUnavailable, match="Does the core run"):
        StatsReader(tmp_path / "none")


def test_stats_file_that_cannot_be_made_is_an_os_error(tmp_path: Path) -> None:
    """With its number, as Python's own files."""
    with pytest.raises(FileNotFoundError):
        SharedStats(str(tmp_path / "none" / "stats"))


def test_bucket_limits_are_those_of_the_core() -> None:
    """The largest value of a bucket is in it, and the next is not."""
    limits = [int(limit) for limit in bucket_limits(7, 36)]
    histogram = Histogram()
    for limit in limits:
        histogram.record(limit)
        histogram.record(limit + 1)
    assert histogram.buckets() == [
        (limit, 1 if number == 0 else 3 if number == len(limits) - 1 else 2)
        for number, limit in enumerate(limits)
    ]


@given(
    st.lists(st.integers(0, 2**37), min_size=1, max_size=50),
    st.integers(0, 1_000_000),
)
def test_percentile_is_that_of_the_core(values: list[int], parts: int) -> None:
    """Both sides of the file give the same answer, and a true one."""
    stats = SharedStats()
    for value in values:
        stats.histogram(Timing.stage_apply).record(value)
    with StatsReader(memoryview(stats)) as reader:
        got = reader.read().histograms["stage_apply"].percentile(parts)
    assert got == stats.histogram(Timing.stage_apply).percentile(parts)
    exact = sorted(values)[max(1, -(-len(values) * parts // 1_000_000)) - 1]
    assert exact <= got
    assert got <= exact * 1.01 or exact >= 255 << 28


def test_since_only_what_came_after_is_counted() -> None:
    """Two snapshots give the percentiles of the time between them."""
    stats = SharedStats()
    histogram = stats.histogram(Timing.stage_apply)
    with StatsReader(memoryview(stats)) as reader:
        histogram.record(5_000_000)
        before = reader.read().histograms["stage_apply"]
        for _ in range(99):
            histogram.record(100)
        histogram.record(1_000)
        between = reader.read().histograms["stage_apply"].since(before)
    assert (between.count, between.sum) == (100, 99 * 100 + 1_000)
    assert between.percentile(990_000) == 100
    assert 1_000 <= between.percentile(1_000_000) <= 1_008


def test_percentile_out_of_bounds_is_refused(reader: StatsReader) -> None:
    """Parts per million are 0 to a million; of nothing every percentile is 0."""
    histogram = reader.read().histograms["batch_size"]
    assert histogram.percentile(990_000) == 0
    for parts in (-1, 1_000_001):
        with pytest.raises(ValueError, match="parts per million"):
            histogram.percentile(parts)


def test_stats_path_is_private_and_the_same_for_every_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By data directory, in a folder that nobody else may enter; else in the data directory."""
    shared, one, other = tmp_path / "shared", tmp_path / "one", tmp_path / "other"
    for folder in (shared, one, other):
        folder.mkdir()
    monkeypatch.setattr(stats_module, "SHARED_MEMORY", shared)
    path = stats_path(one)
    assert path == stats_path(one) != stats_path(other)
    assert path.parent == shared / f"exchange-{os.getuid()}"
    assert path.parent.stat().st_mode & 0o777 == 0o700
    path.parent.chmod(0o750)
    assert stats_path(one) == one / "stats"
    path.parent.rmdir()
    path.parent.symlink_to(other)
    assert stats_path(one) == one / "stats"
    monkeypatch.setattr(stats_module, "SHARED_MEMORY", tmp_path / "none")
    assert stats_path(one) == one / "stats"
