"""Asks an HTTP server over kept connections, as cheaply as Python can: sockets and epoll, no event loop.

Requests are made before the clock runs. Either each connection asks again as soon as it is answered, or
requests fall due at a steady rate, whoever is slow; then a request's time is from when it was due to when
its answer was there, so that a server that stops for a while is not measured by fewer requests.
"""

from __future__ import annotations

import ctypes
import gc
import os
import select
import socket
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Self

from exchange.runtime.priority import LOAD_PRIORITY, as_allowed, in_realtime

_CHUNK: Final = 65_536
_STUCK_S: Final = 30.0
_END_OF_HEAD: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length: "


@dataclass(slots=True)
class Round:
    """What one round took.

    Args:
        took: Of each request, ns.
        elapsed_s: The round.
        cpu_s: Processor time of this process.
    """

    took: list[int] = field(default_factory=list)
    elapsed_s: float = 0.0
    cpu_s: float = 0.0


class Load:
    """Connections to one server; a context manager.

    Args:
        port: Where it listens.
        connections: How many.
        wanted: What every answer begins with.
    """

    def __init__(self, port: int, connections: int, wanted: bytes) -> None:
        self._wanted = wanted
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._parts: dict[int, bytes] = {}
        for _ in range(connections):
            made = socket.create_connection(("127.0.0.1", port))
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            made.setblocking(False)
            self._sockets[made.fileno()] = made
            self._poll.register(made.fileno(), select.EPOLLIN)

    def at_once(self, requests: Sequence[bytes], seconds: float) -> Round:
        """Each connection has one request under way all the time.

        Args:
            requests: One a connection at least; where they are used up, no more are sent.
            seconds: After which no more are sent.
        """
        waiting = iter(requests)
        began_ns = dict.fromkeys(self._sockets, 0)
        with _clocked() as done:
            until_ns = time.perf_counter_ns() + round(seconds * 1e9)
            for descriptor, each in self._sockets.items():
                began_ns[descriptor] = time.perf_counter_ns()
                each.send(next(waiting))
            under_way = len(began_ns)
            while under_way:
                for descriptor in self._answered():
                    now_ns = time.perf_counter_ns()
                    done.took.append(now_ns - began_ns[descriptor])
                    request = next(waiting, b"") if now_ns < until_ns else b""
                    if request:
                        began_ns[descriptor] = now_ns
                        self._sockets[descriptor].send(request)
                    else:
                        under_way -= 1
        return done

    def at_rate(self, requests: Sequence[bytes], per_s: int) -> Round:
        """One request every 1/per_s seconds, over whichever connection is free; it waits where none is."""
        free, due_ns = deque(self._sockets), dict[int, int]()
        due, sent, left = 0, 0, len(requests)
        interval_ns = 1_000_000_000 // per_s
        with _clocked() as done, _ticking(interval_ns) as ticks:
            self._poll.register(ticks, select.EPOLLIN)
            first_ns = time.perf_counter_ns() + interval_ns
            while left:
                for descriptor in self._answered(ticks):
                    if descriptor == ticks:
                        due = min(due + _expired(ticks), len(requests))
                    else:
                        done.took.append(time.perf_counter_ns() - due_ns[descriptor])
                        free.append(descriptor)
                        left -= 1
                while sent < due and free:
                    descriptor = free.popleft()
                    due_ns[descriptor] = first_ns + sent * interval_ns
                    self._sockets[descriptor].send(requests[sent])
                    sent += 1
            self._poll.unregister(ticks)
        return done

    def _answered(self, other: int = -1) -> Iterator[int]:
        """Descriptors of connections whose answer is there, and the other one."""
        events = self._poll.poll(_STUCK_S)
        if not events:
            raise SystemExit(f"no answer for {_STUCK_S:.0f} s")
        for descriptor, _ in events:
            if descriptor == other or self._whole(descriptor):
                yield descriptor

    def _whole(self, descriptor: int) -> bool:
        """Read; whether that was all of an answer."""
        answer = self._parts.pop(descriptor, b"") + self._sockets[descriptor].recv(_CHUNK)
        at = answer.find(_END_OF_HEAD)
        length = answer.find(_LENGTH, 0, at)
        if at < 0 or len(answer) - at - 4 < int(answer[length + 16 : answer.index(b"\r", length)]):
            if not answer:
                raise SystemExit("the server closed a connection")
            self._parts[descriptor] = answer
            return False
        if not answer.startswith(self._wanted):
            raise SystemExit(f"expected {self._wanted!r}, got {answer!r}")
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._poll.close()
        for each in self._sockets.values():
            each.close()


@contextmanager
def _clocked() -> Iterator[Round]:
    """A round without collections of garbage, before everybody else on this machine."""
    done = Round()
    gc.collect()
    gc.disable()
    began, cpu = time.perf_counter(), time.process_time()
    try:
        with in_realtime(as_allowed(LOAD_PRIORITY)):
            yield done
    finally:
        done.elapsed_s, done.cpu_s = time.perf_counter() - began, time.process_time() - cpu
        gc.enable()


class _Interval(ctypes.Structure):
    """`struct itimerspec`."""

    _fields_ = [(name, ctypes.c_long) for name in ("every_s", "every_ns", "first_s", "first_ns")]


@contextmanager
def _ticking(interval_ns: int) -> Iterator[int]:
    """A descriptor that becomes readable once an interval (timerfd_create(2), which Python has from 3.13)."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_CLOEXEC)
    every = divmod(interval_ns, 1_000_000_000)
    if descriptor < 0 or libc.timerfd_settime(descriptor, 0, ctypes.byref(_Interval(*every, *every)), None):
        raise OSError(ctypes.get_errno(), "timerfd")
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _expired(descriptor: int) -> int:
    """How many intervals passed since the last look."""
    return int.from_bytes(os.read(descriptor, 8), "little")
