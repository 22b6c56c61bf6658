"""A disk that fails once, or is full for a while, under a publisher that goes on."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from exchange.bus.log.embedded import disk
from exchange.bus.log.embedded import writer as writers
from exchange.runtime import publisher
from exchange.runtime.publisher import EXECUTIONS, TRADES, publish
from tests.event_log.published import EVERYTHING, Exchange, busy, load_settings


class Disk:
    """The system's calls, some of which fail for want of room while `fails` says so."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.failures = 0
        self.left = 0

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        return real if name not in self.names else lambda *given: self._call(real, *given)

    def _call(self, real: Callable[..., Any], *given: Any) -> Any:
        if self.left > 0:
            self.left -= 1
            self.failures += 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*given)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short pauses."""
    for name in ("_PAUSE_WITHOUT_ROOM_S", "_PAUSE_ANEW_S"):
        monkeypatch.setattr(publisher, name, 0.02)


@contextmanager
def publishing(exchange: Exchange) -> Iterator[None]:
    """A publisher of small segments beside the block; it has to end in order."""
    settings = load_settings(exchange.root)
    small = replace(settings, events=replace(settings.events, segment_bytes=4_096))
    exchange.directory.run.mkdir(mode=0o700, exist_ok=True)
    stop, errors = threading.Event(), list[BaseException]()

    def run() -> None:
        try:
            publish(small, lambda: EVERYTHING, stop)
        except BaseException as error:  # noqa: BLE001  # told by the test
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert not errors


def until(met: Callable[[], bool]) -> None:
    """Waits for it."""
    end = time.monotonic() + 60
    while not met():
        assert time.monotonic() < end, "it never comes"
        time.sleep(0.01)


def published(exchange: Exchange) -> int:
    """The last sequence that the log knows of."""
    return max((event.payload.sequence for event in exchange.events(EXECUTIONS)), default=0)


@pytest.mark.parametrize("call", ["fdatasync", "open"])
def test_publisher_whose_segment_cannot_be_finished_goes_on_when_the_disk_is_well(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Its writer has closed itself: it takes another one, and nothing is missing or there twice."""
    faulty = Disk(call)
    monkeypatch.setattr(writers, "os", faulty)
    with publishing(exchange):
        busy(exchange.writer)
        until(lambda: published(exchange) >= 40)
        faulty.left = 1
        busy(exchange.writer, seed=2, count=200)
        until(lambda: faulty.failures == 1)
        last = exchange.writer.sequence
        until(lambda: published(exchange) >= last)
    for topic in (EXECUTIONS, TRADES):
        numbers = [event.entity.sequence for event in exchange.events(topic)]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) > 10


def test_publisher_that_starts_on_a_full_disk_waits_for_room(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it finds in the journal is published when there is some."""
    busy(exchange.writer)
    full = Disk("pwritev")
    full.left = 20
    monkeypatch.setattr(disk, "os", full)
    with publishing(exchange):
        last = exchange.writer.sequence
        until(lambda: published(exchange) >= last)
    assert full.failures == 20


def test_publisher_that_is_told_to_stop_while_the_disk_fails_stops_in_order(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it could not publish it publishes with the next start."""
    busy(exchange.writer)
    faulty = Disk("fdatasync")
    with publishing(exchange):
        until(lambda: published(exchange) >= 40)
        monkeypatch.setattr(writers, "os", faulty)
        faulty.left = 10**9
    assert faulty.failures
    monkeypatch.undo()
    exchange.publish()
    assert published(exchange) >= exchange.writer.sequence
