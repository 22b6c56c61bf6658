"""A connection that a test can break: bytes from one unix socket to another, both ways, in a thread."""

from __future__ import annotations

import selectors
import socket
import threading
from contextlib import suppress
from pathlib import Path

_BYTES = 1 << 16


class Proxy:
    """Carries connections to a target.

    Args:
        path: Where it listens.
        target: The unix socket behind it.
    """

    def __init__(self, path: Path, target: Path) -> None:
        self.path = path
        # While set, what the target says goes nowhere.
        self.swallow = False
        self._target = target
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._told, self._tell = socket.socketpair()
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._answers: set[socket.socket] = set()
        self._cut = threading.Event()
        self._over = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """Break every connection; new ones can be made at once."""
        self._cut.clear()
        self._tell.send(b"x")
        assert self._cut.wait(60)

    def close(self) -> None:
        """Break everything, and end."""
        self._over = True
        self._tell.send(b"x")
        self._thread.join()
        for each in (self._listener, self._told, self._tell):
            each.close()

    def _run(self) -> None:
        selector = selectors.DefaultSelector()
        selector.register(self._listener, selectors.EVENT_READ)
        selector.register(self._told, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                ready = key.fileobj
                assert isinstance(ready, socket.socket)
                if ready is self._told:
                    self._told.recv(_BYTES)
                    for each in tuple(self._pairs):
                        self._drop(selector, each)
                    self._cut.set()
                    if self._over:
                        return
                elif ready is self._listener:
                    self._accept(selector)
                elif ready in self._pairs:
                    self._carry(selector, ready)

    def _accept(self, selector: selectors.BaseSelector) -> None:
        client, _ = self._listener.accept()
        target = socket.socket(socket.AF_UNIX)
        try:
            target.connect(str(self._target))
        except OSError:
            client.close()
            target.close()
            return
        self._pairs[client], self._pairs[target] = target, client
        self._answers.add(target)
        for each in (client, target):
            selector.register(each, selectors.EVENT_READ)

    def _carry(self, selector: selectors.BaseSelector, ready: socket.socket) -> None:
        try:
            data = ready.recv(_BYTES)
            if data and not (self.swallow and ready in self._answers):
                self._pairs[ready].sendall(data)
        except OSError:
            data = b""
        if not data:
            self._drop(selector, ready)

    def _drop(self, selector: selectors.BaseSelector, one: socket.socket) -> None:
        if one not in self._pairs:
            return
        other = self._pairs.pop(one)
        del self._pairs[other]
        for each in (one, other):
            self._answers.discard(each)
            with suppress(KeyError):
                selector.unregister(each)
            each.close()
