"""What a session names its requests by: client order ids, correlation ids, the time they were sent."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

ID_BYTES_MAX: Final = 40
# What is left of an id for the session's name, beside the incarnation, a counter and two hyphens.
NAME_BYTES_MAX: Final = 16
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


def base36(number: int) -> str:
    """A number above or equal to 0 in the digits 0-9 and a-z."""
    digits = ""
    while True:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
        if number == 0:
            return digits


def is_id(text: str) -> bool:
    """Whether a text may be a client order id or correlation id: 1 to 40 printable ASCII, no space."""
    return 0 < len(text) <= ID_BYTES_MAX and text.isascii() and text.isprintable() and " " not in text


class Names:
    """Makes the ids of one session; may be used by many threads.

    A client order id is `NAME-INCARNATION-COUNTER`. The incarnation keeps apart the ids of a session that was
    started again under the same name; by default it is the millisecond in which the session was made.

    Args:
        name: Of the session.
        wall_ns: The time of day, in ns since 1970; what it gives may fall, what `sent_at` gives never does.
        incarnation: Letters and digits, different each time a session of this name is made.
    """

    def __init__(self, name: str, wall_ns: Callable[[], int], incarnation: str | None = None) -> None:
        self._wall_ns = wall_ns
        self._incarnation = base36(wall_ns() // 1_000_000) if incarnation is None else incarnation
        self.prefix = f"{name[:NAME_BYTES_MAX]}-{self._incarnation}-"
        self._lock = threading.Lock()
        self._requests = 0
        self._correlations = 0
        self._transfers = 0
        self._sent_at = 0
        if not is_id(self.prefix + "0") or len(self.prefix) > ID_BYTES_MAX - 10:
            raise ValueError(f"no ids can be made of the name {name!r} and incarnation {self._incarnation!r}")

    def client_order_id(self) -> str:
        """A new one."""
        with self._lock:
            self._requests += 1
            return self.prefix + base36(self._requests)

    def client_order_ids(self, count: int) -> list[str]:
        """`count` new ones."""
        with self._lock:
            first = self._requests + 1
            self._requests += count
            return [self.prefix + base36(number) for number in range(first, first + count)]

    def correlation_ids(self, count: int) -> list[str]:
        """`count` new ones; short, as most frames carry them."""
        with self._lock:
            first = self._correlations + 1
            self._correlations += count
            return [f"{self._incarnation}.{base36(number)}" for number in range(first, first + count)]

    def correlation_id(self) -> str:
        """A new one."""
        return self.correlation_ids(1)[0]

    def transfer_id(self) -> int:
        """A new 128-bit one: 64 bits of this session's name and incarnation, 64 of a counter."""
        with self._lock:
            self._transfers += 1
            return (_digest(self.prefix) << 64) | self._transfers

    def sent_at(self) -> int:
        """The time of day in ns, and later than any given before."""
        with self._lock:
            self._sent_at = max(self._wall_ns(), self._sent_at + 1)
            return self._sent_at

    def owns(self, client_order_id: str) -> bool:
        """Whether this session made the id."""
        return client_order_id.startswith(self.prefix)


def _digest(text: str) -> int:
    """FNV-1a over the bytes: names differ, so these do as well as 64 bits can."""
    digest = 0xCBF29CE484222325
    for byte in text.encode("ascii"):
        digest = ((digest ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return digest
