"""A wire between browser and gateway that a test can cut."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Final

_BYTES: Final = 1 << 16


class Wire:
    """Carries TCP connections to a port of this machine.

    Args:
        port: Behind it.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._ends: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._is_cut = False
        self._over = False
        threading.Thread(target=self._run, daemon=True).start()

    def cut(self) -> None:
        """Every connection breaks, and new ones do, too."""
        with self._lock:
            self._is_cut = True
            ends, self._ends = self._ends, set()
        for each in ends:
            _break(each)

    def mend(self) -> None:
        """New connections are carried again."""
        self._is_cut = False

    def close(self) -> None:
        """Break everything, and end."""
        self._over = True
        self.cut()
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
        self._listener.close()

    def _run(self) -> None:
        while not self._over:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self._is_cut:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self._target), timeout=60)
            far.settimeout(None)
            with self._lock:
                self._ends |= {near, far}
            for ends in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(_BYTES):
                target.sendall(data)
        for each in (source, target):
            _break(each)
            with self._lock:
                self._ends.discard(each)
        source.close()


def _break(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
