"""What a request that is under way looks like to whoever asked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar, cast

from exchange.client.requests import Request
from exchange.client.streams import Hub
from exchange.client.underway import Pending

T = TypeVar("T")


class Waiter(Protocol):
    """Brings a handle's answer about: a thread elsewhere does, or this call."""

    @property
    def hub(self) -> Hub:
        """Calls back."""
        ...

    def wait(self, handle: Handle[T], timeout: float | None) -> bool:
        """Wait until the handle is done, at most `timeout` seconds; whether it is."""
        ...


class Handle(Generic[T]):
    """The answer to a request that was sent, when it is there. May be asked by any thread.

    Args:
        request: What was asked.
        waiter: Who brings the answer.
    """

    __slots__ = ("_callbacks", "_done", "_error", "_lock", "_value", "_waiter", "request")

    def __init__(self, request: Request[T], waiter: Waiter) -> None:
        self.request = request
        self._waiter = waiter
        self._done = False
        self._value: T | None = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[Handle[T]], None]] = []
        # Held until the answer is there: waiting for it is one acquire.
        self._lock = threading.Lock()
        self._lock.acquire()

    @property
    def done(self) -> bool:
        """Whether the answer is there, or will never be."""
        return self._done

    def result(self, timeout: float | None = None) -> T:
        """The answer, rejects included, waiting for it where it is not there.

        Args:
            timeout: Seconds to wait here; by default until the request's own deadline.

        Raises:
            RequestTimeout: No answer came before the request's deadline; it may have taken effect.
            ClientClosed, LogonRefused, WireError: The session ended before.
            TimeoutError: `timeout` is over; the request goes on.
        """
        if not self._done and not self._waiter.wait(self, timeout):
            raise TimeoutError(f"no answer to {self.request} within {timeout} s; it is still under way")
        if self._error is not None:
            raise self._error
        return cast("T", self._value)

    def add_done_callback(self, callback: Callable[[Handle[T]], None]) -> None:
        """Call back when it is done; at once where it is. Called by the thread that reads; must be quick.

        What it raises is logged.
        """
        self._callbacks.append(callback)
        if self._done:
            self._call_back()

    def acquire(self, timeout: float | None) -> bool:
        """Wait until another thread has settled it, at most `timeout` seconds; whether it is."""
        if not self._lock.acquire(timeout=-1 if timeout is None else timeout):
            return False
        self._lock.release()
        return True

    def settle(self, pending: Pending) -> None:
        """The session has done with it."""
        try:
            self._value = outcome(self.request, pending)
        except Exception as error:  # noqa: BLE001  # it belongs to whoever asked, not to the thread that reads
            self._error = error
        self._done = True
        self._lock.release()
        self._call_back()

    def _call_back(self) -> None:
        callbacks = []
        while self._callbacks:
            try:
                callbacks.append(self._callbacks.pop())
            except IndexError:  # the other thread, which settles it or adds one, was first
                break
        self._waiter.hub.call(callbacks, self)


def outcome(request: Request[T], pending: Pending) -> T:
    """The answer of a request that its session has done with; or raises why there is none."""
    if pending.failure is not None:
        raise pending.failure
    value = request.read(pending.answers, pending.durability)
    if request.done is not None:
        request.done(value)
    return value
