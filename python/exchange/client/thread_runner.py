"""Drives a session by one thread that reads; any thread may send.

The thread that asks writes to the socket itself, under a lock, so that a request never waits for another
thread to wake; answers and reports are taken in and handed on by the reading thread alone, in order.
"""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, TypeVar

from exchange.client.drive import Drive
from exchange.client.errors import ClientClosed
from exchange.client.handles import Handle
from exchange.client.links import SocketLink
from exchange.client.requests import Request
from exchange.client.session import Session, State
from exchange.client.streams import Hub
from exchange.errors import ExchangeError

T = TypeVar("T")

_log: Final = logging.getLogger("exchange.client")
_IDLE_MS_MAX: Final = 1_000
_BLOCKED_MS: Final = 20


class ThreadRunner:
    """Runs one session over a socket. `close` ends its thread.

    Args:
        session: The session, not yet opened.
        link: Its link.
        hub: Who gets what happens; its callbacks run on the reading thread.
        lock: Held whenever session or link are used.
    """

    def __init__(self, session: Session, link: SocketLink, hub: Hub, lock: threading.RLock) -> None:
        self.lock = lock
        self.session = session
        self.hub = hub
        self.changed = threading.Condition()
        self._link = link
        self._drive = Drive(session, link)
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._wakes_at = 0
        # A descriptor that is closed may be anybody's a moment later: nobody may write to it.
        self._waking = threading.Lock()
        self._woken_for_good = False
        self._thread = threading.Thread(
            target=self._run, name=f"exchange-client-{session.settings.name}", daemon=True
        )

    def start(self) -> None:
        """Connect and begin.

        Raises:
            ConfigError: The endpoint is none.
        """
        with self.lock:
            self._drive.open(self.now())
        self._thread.start()

    def now(self) -> int:
        """The session's clock, ns."""
        return time.monotonic_ns()

    def submit(self, request: Request[T], timeout_ms: int | None = None) -> Handle[T]:
        """Ask.

        Raises:
            ClientClosed, LogonRefused, TooManyRequests: It was not sent.
        """
        handle = Handle(request, self)
        with self.lock:
            now = self.now()
            self.session.submit(request, handle.settle, now, timeout_ms)
            self._send(now)
        return handle

    def wait(self, handle: Handle[Any], timeout: float | None) -> bool:
        """Wait for the reading thread to settle a handle."""
        if threading.current_thread() is self._thread:
            raise RuntimeError("a callback must not wait for an answer: it runs on the thread that reads it")
        return handle.acquire(timeout)

    def wait_for(self, ready: Callable[[], bool], timeout: float | None) -> bool:
        """Wait until something that the reading thread changes is so."""
        with self.changed:
            return self.changed.wait_for(ready, timeout)

    def close(self) -> None:
        """Log off, close the connection, end the thread."""
        with self.lock:
            self._drive.close(self.now())
            if self._thread.ident is None:  # it was never started
                self._link.close()
                self._close_wake()
                return
        self._wake_up()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _send(self, now: int) -> None:
        due = self.session.next_timer
        # The descriptor tells of what came in only once, and sending may have used that up.
        if not self._drive.flush() or self._link.readable or (due is not None and due < self._wakes_at):
            self._wake_up()

    def _wake_up(self) -> None:
        with self._waking:
            if not self._woken_for_good:
                os.eventfd_write(self._wake, 1)

    def _close_wake(self) -> None:
        with self._waking:
            if not self._woken_for_good:
                self._woken_for_good = True
                os.close(self._wake)

    def _run(self) -> None:
        try:
            self._loop()
        except BaseException as error:  # noqa: BLE001  # SystemExit too: whoever waits has to hear of it
            _log.exception("client %s failed", self.session.settings.name)
            failure = (
                error if isinstance(error, ExchangeError) else ClientClosed(f"the client failed: {error!r}")
            )
            with self.lock:
                self.session.close(self.now(), failure)
                self._link.close()
                events = self.session.take()
            with suppress(SystemExit):  # of a callback, once more: nothing is left to end
                self._dispatch(events)
        finally:
            self._close_wake()

    def _loop(self) -> None:
        poller = select.poll()
        watched: tuple[int, ...] = ()
        while True:
            with self.lock:
                events, more = self._drive.turn(self.now())
                closed = self.session.state is State.CLOSED
                descriptors = () if closed else self._link.filenos()
                timeout_ms = 0 if more else self._idle_ms()
            self._dispatch(events)
            if closed:
                return
            if descriptors != watched:
                poller = select.poll()
                for descriptor in (*descriptors, self._wake):
                    poller.register(descriptor, select.POLLIN)
                watched = descriptors
                continue
            if more:
                continue
            for descriptor, _ in poller.poll(timeout_ms):
                if descriptor == self._wake:
                    os.eventfd_read(self._wake)

    def _idle_ms(self) -> int:
        if self.session.outbox and self.session.state is not State.DISCONNECTED:
            timeout_ms = _BLOCKED_MS
        else:
            now, due = self.now(), self.session.next_timer
            timeout_ms = (
                _IDLE_MS_MAX if due is None else min(_IDLE_MS_MAX, max(0, -((now - due) // 1_000_000)))
            )
        self._wakes_at = self.now() + timeout_ms * 1_000_000
        return timeout_ms

    def _dispatch(self, events: list[Any]) -> None:
        if events:
            try:
                self.hub.dispatch(events, self.session.refusal)
            finally:
                with self.changed:
                    self.changed.notify_all()
