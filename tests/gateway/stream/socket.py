"""A program on a stream: what it says and is told, over a real WebSocket."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from exchange.security.signing import KEY_HEADER, NONCE_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER
from tests.gateway.signed import Program, signature

WAIT_S = 60.0
Frame = dict[str, Any]


class Stream:
    """One connection. What is told is kept, in its order."""

    def __init__(self, port: int, path: str = "/v1/stream", **options: Any) -> None:
        self.socket = connect(
            f"ws://127.0.0.1:{port}{path}", open_timeout=WAIT_S, compression=None, max_size=None, **options
        )
        self.frames: list[Frame] = []
        self.closed: int | None = None
        self._ids = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def say(self, op: str, **fields: Any) -> str:
        """One frame; its id."""
        self._ids += 1
        frame = {"op": op, "id": str(self._ids)} | fields
        self.socket.send(json.dumps(frame))
        return str(frame["id"])

    def ask(self, op: str, **fields: Any) -> Frame:
        """The answer to a frame; what is told meanwhile is kept."""
        wanted = self.say(op, **fields)
        return self.until(lambda frame: frame.get("id") == wanted)

    def hear(self, timeout_s: float = WAIT_S) -> Frame | None:
        """The next frame; None where none comes, or it was closed."""
        try:
            frame: Frame = json.loads(self.socket.recv(timeout_s))
        except TimeoutError:
            return None
        except ConnectionClosed:
            self.closed = self.socket.close_code
            return None
        self.frames.append(frame)
        return frame

    def until(self, wanted: Callable[[Frame], bool], timeout_s: float = WAIT_S) -> Frame:
        """The first frame from now on that is wanted."""
        end = time.monotonic() + timeout_s
        while (left := end - time.monotonic()) > 0:
            frame = self.hear(left)
            if frame is None:
                break
            if wanted(frame):
                return frame
        raise AssertionError(f"it was not told; closed: {self.closed}; the last frames: {self.frames[-5:]}")

    def update(self, wanted: Callable[[Frame], bool], timeout_s: float = WAIT_S) -> Frame:
        """The first update that is wanted, from those that come."""
        found: list[Frame] = []

        def has(frame: Frame) -> bool:
            found.extend(each for each in frame.get("updates", ()) if wanted(each))
            return bool(found)

        self.until(has, timeout_s)
        return found[0]

    def updates(self, channel: str = "") -> list[Frame]:
        """All updates until now."""
        found = [each for frame in self.frames for each in frame.get("updates", ())]
        return [each for each in found if not channel or each["channel"] == channel]

    def listen(self, seconds: float) -> None:
        """Hears what comes in so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and self.closed is None:
            self.hear(left)

    def wait_closed(self, timeout_s: float = WAIT_S) -> int:
        """The close code."""
        end = time.monotonic() + timeout_s
        while self.closed is None and time.monotonic() < end:
            self.hear(1.0)
        assert self.closed is not None, "it was not closed"
        return self.closed

    def log_on(self, program: Program, **more: Any) -> Frame:
        """By the program's key."""
        return self.ask("LOGON", **logon_of(program), **more)


def logon_of(program: Program) -> Frame:
    """The fields of a logon."""
    key = program.key
    said = signature(key["algorithm"], key["key_id"], key["secret"], "GET", "/v1/stream", b"")
    return {
        "apiKey": said[KEY_HEADER],
        "timestamp": said[TIMESTAMP_HEADER],
        "nonce": said[NONCE_HEADER],
        "signature": said[SIGNATURE_HEADER],
    }
