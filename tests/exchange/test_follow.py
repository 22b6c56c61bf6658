"""Following in an event loop: slices, those who wait, what is written, and standing still."""

from __future__ import annotations

import asyncio
import errno
import select
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from exchange.runtime.follow import JournalFollower
from exchange.runtime.journal_watch import JournalWatch, watch_of


class Counter:
    """A fold that has so much to do."""

    def __init__(self, left: int) -> None:
        self.sequence, self.left, self.slices = 0, left, 0
        self.error: Exception | None = None

    def advance(self, most_commands: int) -> int:
        """One slice."""
        if self.error:
            raise self.error
        done = min(most_commands, self.left)
        self.sequence += done
        self.left -= done
        self.slices += done > 0
        return done


@asynccontextmanager
async def following(follower: JournalFollower) -> AsyncIterator[None]:
    """It runs while the block does, and to the end of what there is."""
    async with asyncio.timeout(30):
        run = asyncio.create_task(follower.run())
        yield
        follower.stop()
        await run


async def found(follower: JournalFollower, sequence: int) -> None:
    """Waits until it has applied that; it does not know that anybody waits."""
    while follower.sequence < sequence:  # noqa: ASYNC110 (see above)
        await asyncio.sleep(0.001)


def test_follower_that_is_told_to_stop_applies_what_there_is_first() -> None:
    """Nothing is left behind."""
    fold = Counter(100_000)

    async def scene() -> None:
        follower = JournalFollower(fold)
        follower.stop()
        await follower.run()

    asyncio.run(scene())
    assert (fold.sequence, fold.left) == (100_000, 0)
    assert fold.slices > 10


def test_reached_wakes_in_order_of_sequence_and_not_before() -> None:
    """Whoever waits for less is told first; one that gave up holds up nobody."""
    fold, told = Counter(0), list[int]()

    async def scene() -> None:
        follower = JournalFollower(fold)
        async with following(follower):

            async def wait(sequence: int) -> None:
                await follower.reached(sequence)
                told.append(sequence)

            waiters = [asyncio.create_task(wait(sequence)) for sequence in (30, 10, 20, 10_000)]
            impatient = asyncio.create_task(wait(5))
            await asyncio.sleep(0)
            impatient.cancel()
            assert told == []
            fold.left = 20
            await asyncio.gather(waiters[1], waiters[2])
            assert told == [10, 20]
            fold.left = 10
            await waiters[0]
            await follower.reached(30)
        with pytest.raises(asyncio.CancelledError):
            await waiters[3]

    asyncio.run(scene())
    assert told == [10, 20, 30]


def test_alone_keeps_the_fold_where_it_is() -> None:
    """However long the block takes."""
    fold = Counter(0)

    async def scene() -> None:
        follower = JournalFollower(fold)
        async with following(follower):
            async with follower.alone():
                fold.left = 1_000
                for _ in range(50):
                    await asyncio.sleep(0)
                assert fold.sequence == 0
            await follower.reached(1_000)

    asyncio.run(scene())


def test_fold_that_fails_ends_the_follower_and_those_who_wait() -> None:
    """Nobody waits for ever for what will not come."""
    fold = Counter(0)
    fold.error = ValueError("damaged")

    async def scene() -> None:
        follower = JournalFollower(fold)
        waiter = asyncio.create_task(follower.reached(1))
        await asyncio.sleep(0)
        with pytest.raises(ValueError, match="damaged"):
            await follower.run()
        with pytest.raises(asyncio.CancelledError):
            await waiter

    asyncio.run(scene())


def test_rest_ends_as_soon_as_somebody_waits_or_it_is_to_stop() -> None:
    """However long it would have been."""
    fold = Counter(0)

    async def scene() -> None:
        follower = JournalFollower(fold, gather_s=3_600.0, longest_s=3_600.0)
        async with following(follower):
            for sequence in (10, 20):
                await asyncio.sleep(0.01)
                assert follower.sequence == sequence - 10
                fold.left = 10
                await follower.reached(sequence)
            await asyncio.sleep(0.01)
            fold.left = 10

    asyncio.run(scene())
    assert fold.sequence == 30


def test_rest_ends_as_soon_as_something_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a file that is there or in a new one, and nobody has to wait for it."""
    fold, file, gather_s = Counter(0), tmp_path / "one", 0.001
    file.write_bytes(bytes(16))

    async def scene() -> None:
        follower = JournalFollower(fold, tmp_path, gather_s=gather_s, longest_s=3_600.0)
        loop = asyncio.get_running_loop()
        soon = loop.call_later

        def call_later(delay: float, *words: Any, **more: Any) -> asyncio.TimerHandle:
            longer = delay > gather_s and words[0] == follower._end_rest
            return soon(3_600.0 if longer else delay, *words, **more)

        monkeypatch.setattr(loop, "call_later", call_later)  # no rest but the shortest ends by itself
        async with following(follower):
            for number in range(1, 5):
                await asyncio.sleep(0.05)
                assert follower.sequence == 10 * (number - 1)
                fold.left = 10
                (file if number % 2 else tmp_path / f"{number}").write_bytes(b"x")
                await found(follower, 10 * number)

    asyncio.run(scene())
    assert fold.sequence == 40


def test_writes_while_somebody_is_in_the_fold_wake_nobody(tmp_path: Path) -> None:
    """One ends the rest, and those behind it find nobody who rests."""
    heard = 0

    class Listening(JournalFollower):
        def _written(self) -> None:
            nonlocal heard
            heard += 1
            super()._written()

    fold, file = Counter(0), tmp_path / "one"
    file.write_bytes(bytes(16))

    async def scene() -> None:
        follower = Listening(fold, tmp_path, gather_s=0.001, longest_s=0.01)
        async with following(follower):
            await asyncio.sleep(0.05)
            async with follower.alone():
                fold.left = 10
                for _ in range(100):
                    with file.open("r+b") as out:
                        out.write(b"x")
                    await asyncio.sleep(0.001)
                assert (heard, fold.sequence) == (1, 0)
            await follower.reached(10)

    asyncio.run(scene())
    assert fold.sequence == 10


def test_watch_hears_what_is_written_once_however_often(tmp_path: Path) -> None:
    """And nothing of what is read, or was written before."""
    file = tmp_path / "one"
    file.write_bytes(bytes(16))
    watch = JournalWatch(tmp_path)
    try:
        assert file.read_bytes() == bytes(16)
        assert not watch.clear()
        for _ in range(2):
            with file.open("r+b", buffering=0) as out:
                for _ in range(1_000):
                    out.write(b"x")
            assert select.select([watch], [], [], 0)[0] == [watch]
            assert watch.clear()
            assert not watch.clear()
            assert select.select([watch], [], [], 0)[0] == []
    finally:
        watch.close()


def test_journal_that_cannot_be_watched_is_followed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the user has no watch left, and where the system has none."""
    monkeypatch.setattr(sys, "platform", "other")
    assert watch_of(tmp_path) is None
    monkeypatch.undo()
    with pytest.raises(FileNotFoundError) as refused:
        JournalWatch(tmp_path / "nowhere")
    assert refused.value.errno == errno.ENOENT
    fold = Counter(0)

    async def scene() -> None:
        follower = JournalFollower(fold, tmp_path / "nowhere", gather_s=0.001, longest_s=0.01)
        async with following(follower):
            await asyncio.sleep(0.05)
            fold.left = 10
            await found(follower, 10)

    asyncio.run(scene())
    assert [each.getMessage() for each in caplog.records] == ["writes of the journal are not heard"] * 2
