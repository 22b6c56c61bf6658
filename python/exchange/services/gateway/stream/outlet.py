"""What goes out of one stream: updates of a beat in one frame, within a bound of bytes.

A reader that is too slow is first *behind*: what may be conflated is let go and told anew, as snapshots, when
it has read what it has. Where that bound is reached again, or nothing is read, it is closed; nobody else
waits for it meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final, Protocol

import msgspec

from exchange.client.rest import streams as s
from exchange.client.rest.closing import Close
from exchange.services.gateway.known import instant
from exchange.services.gateway.stream.feed import Feed
from exchange.services.gateway.stream.tally import Tally

HEARTBEAT_S: Final = 5.0
_FRAME_BYTES: Final = 262_144
_BEHIND_S: Final = 10.0
_AGAIN_S: Final = 60.0
_encode: Final = msgspec.json.Encoder().encode


class Wire(Protocol):
    """The connection: takes whole frames."""

    @property
    def buffered(self) -> int:
        """Bytes that wait for the other side to read."""
        ...

    def write(self, frame: bytes) -> None:
        """One frame; nothing waits. One that is closed lets it go."""
        ...

    def end(self, code: int, reason: str) -> None:
        """Close it."""
        ...


def text_frame(payload: bytes) -> bytes:
    """A text message as one frame of a server (RFC 6455, 5.2)."""
    size = len(payload)
    if size < 126:
        return b"\x81%c" % size + payload
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


class Frames:
    """Frames of one beat: those of the same updates are made once.

    Args:
        at: The time that they say.
    """

    def __init__(self, at: str) -> None:
        self.at = at
        self._head = b'{"type":"UPDATES","at":"%b","updates":[' % at.encode("ascii")
        self._made: dict[
            tuple[int, ...], tuple[list[bytes], bytes]
        ] = {}  # with what their keys are the ids of
        self._heartbeat: bytes | None = None

    def of(self, updates: list[bytes]) -> bytes:
        """A frame of updates."""
        key = tuple(map(id, updates))
        found = self._made.get(key)
        if found is None:
            frame = text_frame(self._head + b",".join(updates) + b"]}")
            found = self._made[key] = updates, frame
        return found[1]

    @property
    def heartbeat(self) -> bytes:
        """That nothing is told."""
        if self._heartbeat is None:
            self._heartbeat = text_frame(_encode(s.Heartbeat(server_time=self.at)))
        return self._heartbeat


class Outlet:
    """Belongs to one event loop.

    Args:
        wire: The connection.
        bytes_max: What may wait for its reader.
        tally: Counts.
    """

    def __init__(self, wire: Wire, bytes_max: int, tally: Tally) -> None:
        self._wire = wire
        self._bytes_max = bytes_max
        self._tally = tally
        self.feeds: dict[Feed, bool] = {}
        """What it is told of, and whether raw."""
        self._waiting: list[tuple[Feed, bytes]] = []
        self._bytes = 0
        self._missed: list[Feed] = []
        self._behind_at: float | None = None
        self._was_behind_at = float("-inf")
        self._told_at = asyncio.get_running_loop().time()
        self._said_bytes = 0  # of answers since its reader had read what was before them
        self._soon = False
        self.closed = False

    @property
    def has_room(self) -> bool:
        """Whether it may be given a snapshot now."""
        return self._behind_at is None and self._wire.buffered + self._bytes < self._bytes_max // 2

    def join(self, feed: Feed, *, raw: bool) -> None:
        """Be told of a feed."""
        self._let_go(feed)
        self.feeds[feed] = raw
        if self._behind_at is not None and feed.conflates:
            self._missed.append(feed)
        else:
            feed.join(self, raw=raw)

    def resume(self, feed: Feed, updates: list[bytes], *, raw: bool) -> None:
        """Be told what leads to a feed's state now, then of the feed."""
        self.feeds[feed] = raw
        feed.admit(self, updates, raw=raw)

    def leave(self, feed: Feed) -> None:
        """Be told of it no more, not even of what waits."""
        self.feeds.pop(feed, None)
        self._let_go(feed)
        feed.leave(self)

    def say(self, frame: s.Told) -> None:
        """An answer, at once. Updates that wait go before it. Who asks and does not read is closed."""
        self._flush(Frames(instant(time.time_ns())))
        if not self._has_read() and self._said_bytes > self._bytes_max:
            self.end(Close.TOO_SLOW)
        answer = text_frame(_encode(frame))
        self._said_bytes += len(answer)
        self._write(answer)

    def offer(self, feed: Feed, update: bytes, *, soon: bool = False) -> None:
        """See `Reader`."""
        self._waiting.append((feed, update))
        self._bytes += len(update)
        if soon and not self._soon:
            self._soon = True
            asyncio.get_running_loop().call_soon(self._flush_soon)

    def beat(self, frames: Frames, now: float) -> None:
        """What waits goes out as one frame; or that nothing is told; or it is found too slow."""
        self._has_read()
        if self._behind_at is not None and not self._catch_up(now):
            return
        self._flush(frames)
        if now - self._told_at >= HEARTBEAT_S:
            self._write(frames.heartbeat)

    def end(self, close: Close) -> None:
        """Close the connection; nothing more is told."""
        if not self.closed:
            self.closed = True
            self._tally.closed(close)
            self.forget()
            self._wire.end(int(close), close.name)

    def forget(self) -> None:
        """Leave all feeds: nobody reads any more."""
        for feed in self.feeds:
            feed.leave(self)
        self.feeds.clear()
        self._missed.clear()
        self._waiting.clear()
        self._bytes = 0

    def _has_read(self) -> bool:
        """Whether its reader has read most of what was written, so that answers are counted anew."""
        if self._wire.buffered > self._bytes_max // 4:
            return False
        self._said_bytes = 0
        return True

    def _flush_soon(self) -> None:
        self._soon = False
        if self._behind_at is None:
            self._flush(Frames(instant(time.time_ns())))

    def _flush(self, frames: Frames) -> None:
        if not self._waiting or self._behind_at is not None:
            return
        if self._wire.buffered and self._wire.buffered + self._bytes > self._bytes_max:
            self._fall_behind(asyncio.get_running_loop().time())
            return
        part: list[bytes] = []
        size = 0
        for _, update in self._waiting:
            if part and size + len(update) > _FRAME_BYTES:
                self._write(frames.of(part))
                part, size = [], 0
            part.append(update)
            size += len(update)
        self._write(frames.of(part))
        self._tally.updates += len(self._waiting)
        self._waiting.clear()
        self._bytes = 0

    def _write(self, frame: bytes) -> None:
        if not self.closed:
            self._wire.write(frame)
            self._tally.wrote(len(frame))
            self._told_at = asyncio.get_running_loop().time()

    def _fall_behind(self, now: float) -> None:
        self._tally.conflated += 1
        if now - self._was_behind_at < _AGAIN_S:
            self.end(Close.TOO_SLOW)
            return
        self._behind_at = self._was_behind_at = now
        self._missed = [feed for feed in self.feeds if feed.conflates]
        for feed in self._missed:
            feed.leave(self)
        self._tally.dropped += len(self._waiting)
        self._waiting = [(feed, update) for feed, update in self._waiting if not feed.conflates]
        self._tally.dropped -= len(self._waiting)
        self._bytes = sum(len(update) for _, update in self._waiting)

    def _catch_up(self, now: float) -> bool:
        """Whether its reader has read what it had, so that it is told of everything again."""
        if self._wire.buffered > self._bytes_max // 4:
            if self._bytes > self._bytes_max or now - (self._behind_at or now) >= _BEHIND_S:
                self.end(Close.TOO_SLOW)
            return False
        self._behind_at = None
        missed, self._missed = self._missed, []
        for feed in missed:
            if feed in self.feeds:
                feed.join(self, raw=self.feeds[feed])
        return True

    def _let_go(self, feed: Feed) -> None:
        self._missed = [each for each in self._missed if each is not feed]
        if any(each is feed for each, _ in self._waiting):
            self._waiting = [(each, update) for each, update in self._waiting if each is not feed]
            self._bytes = sum(len(update) for _, update in self._waiting)
