"""A segment that grows is synced piece by piece beside the appends; what is durable only the writer says."""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from exchange.bus.log.embedded import EmbeddedLog
from exchange.bus.log.embedded.ahead import AHEAD_BYTES
from exchange.bus.log.interface import Batch
from exchange.errors import LogUnavailable
from tests.event_log.backends import COLD, HOT, TOPICS, batch
from tests.event_log.conformance import batches_of

PIECE = AHEAD_BYTES // 4
SEGMENT = 3 * AHEAD_BYTES
PATIENCE_S = 120


class Synced(NamedTuple):
    """One call of fdatasync: of which file, how long it was, by which thread."""

    name: str
    size: int
    thread: str


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EmbeddedLog]:
    """Empty, of segments that take three pieces."""
    with EmbeddedLog(tmp_path / "log", tmp_path / "run", TOPICS, segment_bytes=SEGMENT) as made:
        yield made


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> list[Synced]:
    """What is synced from now on."""
    made: list[Synced] = []
    real = os.fdatasync

    def noted(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        real(descriptor)
        made.append(Synced(path.name, os.fstat(descriptor).st_size, threading.current_thread().name))

    monkeypatch.setattr(os, "fdatasync", noted)
    return made


def until(seen: Callable[[], bool]) -> None:
    """Waits for it."""
    deadline = time.monotonic() + PATIENCE_S
    while not seen():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.005)


def pieces(first: int, last: int) -> list[Batch]:
    """Batches of a quarter of a piece each."""
    return [batch(seq, size=PIECE) for seq in range(first, last + 1)]


def threads() -> list[str]:
    """Those that sync."""
    return [each.name for each in threading.enumerate() if each.name == "sync-ahead"]


def test_segment_that_grows_is_synced_beside_the_appends(log: EmbeddedLog, syncs: list[Synced]) -> None:
    """A piece at a time, by another thread; the writer's own sync comes once, before the next segment."""
    me, first = threading.current_thread().name, f"{0:020d}.log"
    with log.writer(HOT) as writer:
        syncs.clear()
        for count, each in enumerate(pieces(1, 11), 1):
            writer.append([each])
            until(lambda count=count: len(syncs) == count // 4)  # type: ignore[misc]
        assert {(each.name, each.thread) for each in syncs} == {(first, "sync-ahead")}
        assert [each.size // AHEAD_BYTES for each in syncs] == [1, 2]
        writer.append(pieces(12, 12))  # with what a record has around it, more than a segment
        assert [(each.name, each.thread) for each in syncs[2:]] == [(first, me)]
        writer.append(pieces(13, 16))
        until(lambda: len(syncs) == 4)
        assert syncs[3] == (f"{11:020d}.log", syncs[3].size, "sync-ahead")
    assert threads() == []
    assert batches_of(log, HOT) == pieces(1, 16)


def test_topic_that_is_synced_at_each_append_has_no_other_sync(log: EmbeddedLog, syncs: list[Synced]) -> None:
    """Nothing would be left for it."""
    with log.writer(COLD) as writer:
        syncs.clear()
        for each in pieces(1, 6):
            writer.append([each])
        assert [each.thread for each in syncs] == [threading.current_thread().name] * 6
        assert threads() == []


def test_sync_beside_that_failed_leaves_the_word_to_the_writers_own(
    log: EmbeddedLog, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Appends go on, and the log says it; no segment is begun before the last one was synced."""

    def failing(_: int) -> None:
        raise OSError(errno.EIO, "input/output error")

    with (
        log.writer(HOT) as writer,
        monkeypatch.context() as patch,
        caplog.at_level(logging.ERROR, "exchange"),
    ):
        patch.setattr(os, "fdatasync", failing)
        writer.append(pieces(1, 11))
        until(lambda: len(caplog.records) == 2)
        assert {each.getMessage() for each in caplog.records} == {"sync ahead of a segment failed"}
        with pytest.raises(LogUnavailable, match="cannot be synced"):
            writer.append(pieces(12, 12))
        with pytest.raises(LogUnavailable, match="closed"):
            writer.append(pieces(12, 12))
    assert log.topics() == [HOT]
    assert log.extent(HOT).end == 11
    assert threads() == []
    with log.writer(HOT) as writer:
        assert writer.append(pieces(1, 12)) == 1
    assert batches_of(log, HOT) == pieces(1, 12)


def test_close_waits_for_the_sync_under_way(log: EmbeddedLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of a writer is left behind it."""
    began, go_on, ended = threading.Event(), threading.Event(), threading.Event()
    real = os.fdatasync

    def slow(descriptor: int) -> None:
        began.set()
        assert go_on.wait(PATIENCE_S)
        real(descriptor)
        ended.set()

    writer = log.writer(HOT)
    monkeypatch.setattr(os, "fdatasync", slow)
    writer.append(pieces(1, 5))
    assert began.wait(PATIENCE_S)
    threading.Timer(0.05, go_on.set).start()
    writer.close()
    assert ended.is_set()
    assert threads() == []
