"""What goes out of a stream: one frame a beat, a bound of bytes, and nobody else who waits."""

from __future__ import annotations

import asyncio
import itertools
import json
import selectors
from collections.abc import Callable
from typing import Any

import pytest

from exchange.client.rest.closing import Close
from exchange.services.gateway.stream.feed import Feed, Key
from exchange.services.gateway.stream.hub import Hub
from exchange.services.gateway.stream.outlet import Frames, Outlet, text_frame
from exchange.services.gateway.stream.tally import Tally

BOUND = 65_536


class Wire:
    """A connection whose other side reads when it is told to."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.buffered = 0
        self.ended: int | None = None
        self.reads = True

    def write(self, frame: bytes) -> None:
        """Takes it."""
        self.sent.append(frame)
        if not self.reads:
            self.buffered += len(frame)

    def end(self, code: int, _: str) -> None:
        """Closes it."""
        self.ended = code

    def read(self) -> None:
        """The other side reads everything."""
        self.buffered = 0


class Numbers(Feed):
    """A feed whose state is a number."""

    def __init__(self, key: Key, due: Callable[[Feed], None], *, conflates: bool = True) -> None:
        super().__init__(key, due)
        self.conflates = conflates  # type: ignore[misc]  # of this one alone
        self.number = 0
        self.pending: list[int] = []
        self.size = 10

    async def follow(self) -> None:
        """Never."""

    def snapshot(self) -> bytes:
        """The number."""
        return self.encoded("snapshot", self.number, self.number)

    def take(self) -> bytes | None:
        """Those that came."""
        taken, self.pending = self.pending, []
        return self.encoded("update", self.number, [taken, "x" * self.size]) if taken else None

    def count(self) -> None:
        """One more."""
        self.number += 1
        self.pending.append(self.number)
        self.changed(lambda: self.encoded("update", self.number, self.number))


class Scene:
    """Feeds and outlets, whose beats come when they are told to."""

    def __init__(self, outlets: int, *, conflates: bool = True) -> None:
        self.due: set[Feed] = set()
        self.feed = Numbers(Key("ticker", "A"), self.due.add, conflates=conflates)
        self.tally = Tally()
        self.wires = [Wire() for _ in range(outlets)]
        self.outlets = [Outlet(wire, BOUND, self.tally) for wire in self.wires]
        self.now = asyncio.get_running_loop().time()

    def beat(self, seconds: float = 0.1) -> None:
        """A tenth of a second goes by."""
        self.now += seconds
        due = set(self.due)
        self.due.clear()
        for feed in due:
            feed.beat()
        frames = Frames("now")
        for outlet in self.outlets:
            outlet.beat(frames, self.now)


def told(wire: Wire) -> list[Any]:
    """Updates that were sent, as channels have them: kind and data."""
    found = []
    for frame in wire.sent:
        content = json.loads(frame[frame.index(b'{"type"') :])
        found += [(each["kind"], each["data"]) for each in content.get("updates", ())]
    return found


def run(scene: Callable[[], Any]) -> None:
    """In an event loop."""

    async def within() -> None:
        done = scene()
        if asyncio.iscoroutine(done):
            await done

    asyncio.run(within())


class Passing(asyncio.SelectorEventLoop):
    """A loop whose time passes while all of it waits, and when a test lets it."""

    def __init__(self) -> None:
        self.now = 100.0
        super().__init__(Waiting(self))

    def time(self) -> float:
        """Now."""
        return self.now


class Waiting(selectors.SelectSelector):
    """Waits for nobody: the time has passed."""

    def __init__(self, loop: Passing) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is there."""
        self._loop.now += timeout or 0.0
        return super().select(0)


class Timed(Wire):
    """A connection that knows when what was sent."""

    def __init__(self, loop: Passing) -> None:
        super().__init__()
        self.loop = loop
        self.times: list[float] = []

    def write(self, frame: bytes) -> None:
        """Takes it."""
        super().write(frame)
        self.times.append(self.loop.now)


@pytest.mark.req("E085", "E087")
@pytest.mark.parametrize("late_s", [0.0, 0.03, 0.25])
def test_changes_of_an_instrument_are_told_ten_times_a_second_and_end_with_the_last(late_s: float) -> None:
    """A thousand changes a second for ten seconds, on a machine that is late now and then."""
    with asyncio.Runner(loop_factory=Passing) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, Passing)
        wire = Timed(loop)

        async def scene() -> int:
            hub = Hub(Numbers)
            feed = hub.feed(Key("ticker", "A"))
            assert isinstance(feed, Numbers)
            outlet = Outlet(wire, 1 << 30, Tally())
            hub.outlets.add(outlet)
            feed.begin()
            outlet.join(feed, raw=False)
            beats = asyncio.create_task(hub.run())
            end = loop.now + 10
            while loop.now < end:
                feed.count()
                loop.now += late_s * (feed.number % 97 == 0)
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.2)
            beats.cancel()
            await hub.close()
            return feed.number

        last = runner.run(scene())
    (_, first), *updates = told(wire)
    assert [number for _, (numbers, _) in updates for number in numbers] == list(range(first + 1, last + 1))
    apart = [after - before for before, after in zip(wire.times, wire.times[11:], strict=False)]
    assert min(apart) > 0.999  # of twelve frames one may be late, and the next in its own time
    assert len(wire.times) <= 103
    assert late_s or (min(_pauses(wire.times)) > 0.099 and len(wire.times) >= 100)


def _pauses(times: list[float]) -> list[float]:
    return [after - before for before, after in itertools.pairwise(times)]


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536, 70_000])
def test_frame_is_that_of_the_standard(size: int) -> None:
    """Lengths of 7, 16 and 64 bits, as another implementation reads them."""
    from websockets.frames import Frame, Opcode

    payload = b"x" * size
    assert text_frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)


def test_equal_subscriptions_share_a_frame_and_others_do_not() -> None:
    """Ten changes of a beat are one frame; those who are told the same have the same bytes."""

    def scene() -> None:
        it = Scene(3)
        it.feed.begin()
        for outlet in it.outlets[:2]:
            outlet.join(it.feed, raw=False)
        it.beat()
        for _ in range(10):
            it.feed.count()
        it.beat()
        first, second, third = it.wires
        assert [kind for kind, _ in told(first)] == ["snapshot", "update"]
        assert told(first)[1][1][0] == list(range(1, 11))
        assert first.sent[-1] is second.sent[-1]
        assert third.sent == []
        assert it.tally.frames == 4

    run(scene)


def test_newcomer_of_a_beat_has_nothing_twice() -> None:
    """What waits when somebody joins is in the snapshot, and not told again."""

    def scene() -> None:
        it = Scene(2)
        it.feed.begin()
        it.outlets[0].join(it.feed, raw=False)
        it.beat()
        it.feed.count()
        it.outlets[1].join(it.feed, raw=False)
        it.feed.count()
        it.beat()
        it.feed.count()
        it.beat()
        assert [(kind, data if kind == "snapshot" else data[0]) for kind, data in told(it.wires[1])] == [
            ("snapshot", 2), ("update", [3]),
        ]  # fmt: skip
        assert [data[0] for kind, data in told(it.wires[0]) if kind == "update"] == [[1, 2], [3]]

    run(scene)


def test_newcomer_of_what_is_told_from_now_on_misses_nothing_of_its_first_beat() -> None:
    """There is no state that would have it: what was before is for the others, what follows for both."""

    def scene() -> None:
        it = Scene(2)
        it.feed.is_from_now_on = True  # type: ignore[misc]  # of this one alone
        it.feed.begin()
        it.outlets[0].join(it.feed, raw=False)
        it.beat()
        it.feed.count()
        it.outlets[1].join(it.feed, raw=False)
        it.feed.count()
        it.beat()
        assert [data if kind == "snapshot" else data[0] for kind, data in told(it.wires[1])] == [1, [2]]
        assert [data[0] for kind, data in told(it.wires[0]) if kind == "update"] == [[1], [2]]

    run(scene)


def test_raw_reader_is_told_each_change_at_once() -> None:
    """Without a beat."""

    async def scene() -> None:
        it = Scene(1)
        it.feed.begin()
        it.outlets[0].join(it.feed, raw=True)
        it.feed.count()
        it.feed.count()
        await asyncio.sleep(0)
        assert told(it.wires[0]) == [("snapshot", 0), ("update", 1), ("update", 2)]

    run(scene)


@pytest.mark.req("E090")
def test_slow_reader_is_conflated_then_told_the_last_value_and_nobody_waits() -> None:
    """One of three stops reading: it holds no more than its bound, and catches up with one snapshot."""

    def scene() -> None:
        it = Scene(3)
        it.feed.begin()
        for outlet in it.outlets:
            outlet.join(it.feed, raw=False)
        it.beat()
        slow = it.wires[1]
        slow.reads = False
        it.feed.size = 5_000
        for _ in range(60):
            it.feed.count()
            it.beat()
            assert slow.buffered <= BOUND
        assert it.tally.conflated == 1
        for wire in (it.wires[0], it.wires[2]):
            assert [data[0] for kind, data in told(wire) if kind == "update"] == [[n] for n in range(1, 61)]
        slow.read()
        slow.reads = True
        before = len(told(slow))
        it.beat()
        it.beat()
        assert told(slow)[before:] == [("snapshot", 60)]
        it.feed.count()
        it.beat()
        assert told(slow)[-1][1][0] == [61]
        assert slow.ended is None

    run(scene)


def test_slow_reader_is_closed_the_second_time_or_when_it_reads_nothing() -> None:
    """Twice within a minute, or ten seconds without reading."""

    def twice() -> None:
        it = Scene(2)
        it.feed.begin()
        for outlet in it.outlets:
            outlet.join(it.feed, raw=False)
        slow = it.wires[0]
        it.feed.size = 5_000
        slow.reads = False
        for at in range(80):
            it.feed.count()
            it.beat()
            if at == 40:
                slow.read()
        assert (slow.ended, it.wires[1].ended) == (int(Close.TOO_SLOW), None)
        assert it.feed.readers == 1

    def never() -> None:
        it = Scene(1)
        it.feed.begin()
        it.outlets[0].join(it.feed, raw=False)
        it.feed.size = 5_000
        it.wires[0].reads = False
        for _ in range(20):
            it.feed.count()
            it.beat()
        for _ in range(11):
            it.beat(1.0)
        assert it.wires[0].ended == int(Close.TOO_SLOW)

    run(twice)
    run(never)


def test_what_may_not_be_left_out_is_kept_within_the_bound() -> None:
    """Orders wait for a reader that is behind; where they are too many it is closed, not robbed of one."""

    def scene() -> None:
        it = Scene(1, conflates=False)
        it.feed.begin()
        it.outlets[0].join(it.feed, raw=False)
        wire = it.wires[0]
        it.feed.size = 5_000
        it.beat()
        wire.reads = False
        for _ in range(18):
            it.feed.count()
            it.beat()
        wire.read()
        wire.reads = True
        it.beat()
        numbers = [n for kind, data in told(wire) if kind == "update" for n in data[0]]
        assert numbers == list(range(1, 19))
        wire.reads = False
        for _ in range(60):
            it.feed.count()
            it.beat()
        assert wire.ended == int(Close.TOO_SLOW)

    run(scene)


def test_nothing_of_it_comes_after_unsubscribing() -> None:
    """Not even what waits for the beat; and where nothing is told a heartbeat is."""

    def scene() -> None:
        it = Scene(1)
        it.feed.begin()
        it.outlets[0].join(it.feed, raw=False)
        it.beat()
        it.feed.count()
        it.feed.beat()
        it.outlets[0].leave(it.feed)
        it.beat()
        assert len(it.wires[0].sent) == 1
        it.beat(5.0)
        assert json.loads(it.wires[0].sent[-1][2:]) == {"type": "HEARTBEAT", "serverTime": "now"}

    run(scene)
