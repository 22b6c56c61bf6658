"""The core's socket: a ROUTER, behind keys where there are any. C++ reads and writes it (ZmqTransport)."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Final, Self

import zmq

from exchange.bus.context import new_context
from exchange.bus.curve import Authenticator, KeyPair, Keyring, KeyringWatch
from exchange.bus.endpoints import check_reach
from exchange.bus.options import SocketOptions, configure

_FRAME_BYTES_MAX: Final = 128 << 10
_QUEUE_MESSAGES_MAX: Final = 20_000


class Router:
    """Owns a context, a ROUTER socket in it, and the authenticator of both. One thread.

    Args:
        keys: A directory with `server.key` and `clients/*.toml`; None: whoever reaches the socket is let in.
        realtime_priority: Of the thread that moves the bytes; 0: none.

    Raises:
        SecurityError: The keys are missing, malformed, or open to others.
    """

    def __init__(self, keys: Path | None, realtime_priority: int = 0) -> None:
        self._context = new_context(realtime_priority)
        self._authenticator: Authenticator | None = None
        self._watch: KeyringWatch | None = None
        self._last_refused = ""
        self.socket: zmq.Socket[bytes] = self._context.socket(zmq.ROUTER)
        configure(
            self.socket,
            SocketOptions(message_bytes_max=_FRAME_BYTES_MAX, queue_messages_max=_QUEUE_MESSAGES_MAX),
        )
        if keys is not None:
            self._authenticator = Authenticator(self._context, Keyring.read(keys / "clients"))
            self._authenticator.protect(self.socket, KeyPair.read(keys / "server.key"))
            self._authenticator.on_refused = self._note_refused
            self._watch = KeyringWatch(keys / "clients")

    @property
    def keyring(self) -> Keyring | None:
        """Whose keys are let in; None where nobody is asked for one."""
        return None if self._authenticator is None else self._authenticator.keyring

    @property
    def refused(self) -> tuple[int, str]:
        """How many keys were refused, and the last one."""
        return (0 if self._authenticator is None else self._authenticator.refused), self._last_refused

    def _note_refused(self, key: str) -> None:
        self._last_refused = key

    def keys_changed(self) -> Keyring | None:
        """The keys, where their files were changed: looked at once a second; None: they were not.

        Raises:
            SecurityError: They cannot be read.
        """
        return None if self._watch is None else self._watch.changed()

    def take_keys(self, keyring: Keyring) -> None:
        """Has these keys, and no others, let in from now on."""
        if self._authenticator is not None:
            self._authenticator.keyring = keyring

    def bind(self, endpoint: str) -> None:
        """Opens the door.

        Raises:
            SecurityError: Others can reach the endpoint, and no keys protect it.
        """
        check_reach(endpoint, protected=self._authenticator is not None)
        self.socket.bind(endpoint)

    def answer(self) -> None:
        """Lets in, or does not, who knocked since; never waits."""
        if self._authenticator is not None:
            self._authenticator.answer()

    def close(self) -> None:
        """Closes all of it; what was not sent is lost."""
        if self._authenticator is not None:
            self._authenticator.close()
        self.socket.close(linger=0)
        self._context.term()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
