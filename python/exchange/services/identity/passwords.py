"""Passwords: which are taken, and their Argon2id hashes, in workers whose number bounds memory and time.

Parameters are the least that OWASP names for Argon2id: 19 MiB, two passes, one lane. Rules are those of NIST
SP 800-63B: length counts, no rule of composition, what is tried first is refused.
"""

from __future__ import annotations

import asyncio
import functools
import time
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from itertools import pairwise
from typing import Final, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from exchange.errors import GatewayFault
from exchange.observability.durations import Durations
from exchange.services.identity.refused import Refused

T = TypeVar("T")
CHARACTERS_MIN: Final = 12
CHARACTERS_MAX: Final = 128
MEMORY_KIB: Final = 19 * 1024
_PASSES: Final = 2
_LANES: Final = 1
_WAITING_MAX: Final = 32
_DIFFERENT_MIN: Final = 5

HASHER: Final = PasswordHasher(
    time_cost=_PASSES, memory_cost=MEMORY_KIB, parallelism=_LANES, hash_len=32, salt_len=16, type=Type.ID
)


@functools.cache
def _common() -> frozenset[str]:
    listed = files(__package__).joinpath("common_passwords.txt").read_text(encoding="utf-8")
    return frozenset(listed.split())


def normal(password: str) -> str:
    """The form in which a password is hashed (NFKC): the same from every keyboard."""
    return unicodedata.normalize("NFKC", password)


def checked_password(password: str, user_name: str) -> str:
    """A password in the form in which it is hashed.

    Raises:
        Refused: WEAK_PASSWORD, with what is wrong.
    """
    taken = normal(password)
    plain = "".join(taken.split()).casefold()
    if not CHARACTERS_MIN <= len(taken) <= CHARACTERS_MAX:
        why = f"a password has {CHARACTERS_MIN} to {CHARACTERS_MAX} characters"
    elif plain in _common() or len(set(plain)) < _DIFFERENT_MIN or _is_run(plain):
        why = "the password is one that is tried first"
    elif user_name.casefold() in plain and len(plain) < len(user_name) + CHARACTERS_MIN:
        why = "the password is little more than the user's name"
    else:
        return taken
    raise Refused(GatewayFault.WEAK_PASSWORD, why)


def hashed(password: str) -> str:
    """The Argon2id hash of a password that was checked, with salt and parameters. Tens of ms, 19 MiB."""
    return HASHER.hash(password)


def is_password(encoded: str, password: str) -> bool:
    """Whether a hash is that of a password. Takes as long either way."""
    try:
        return HASHER.verify(encoded, normal(password))
    except (VerificationError, InvalidHashError):
        return False


def is_outgrown(encoded: str) -> bool:
    """Whether a hash was made with other parameters than those of today."""
    return HASHER.check_needs_rehash(encoded)


class HashWorkers:
    """Hashes beside the event loop: so many at once, and so many that wait; one more is refused.

    Args:
        workers: How many at once; each has `MEMORY_KIB` while it works.
    """

    def __init__(self, workers: int) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="hash")
        self._most = workers + _WAITING_MAX
        self.under_way = 0
        """Those at work and those that wait."""
        self.durations = Durations()

    async def do(self, work: Callable[[], T]) -> T:
        """The result of work that hashes.

        Raises:
            Refused: OVERLOADED: too many wait already; it was not begun.
        """
        if self.under_way >= self._most:
            raise Refused(GatewayFault.OVERLOADED, retry_after_ms=1_000)
        self.under_way += 1
        done = self._pool.submit(self._timed, work)
        # Who gave up waiting leaves work behind that still takes its place.
        done.add_done_callback(functools.partial(_soon, asyncio.get_running_loop(), self._leave))
        made, seconds = await asyncio.wrap_future(done)
        self.durations.add(seconds)
        return made

    @staticmethod
    def _timed(work: Callable[[], T]) -> tuple[T, float]:
        began = time.perf_counter()
        return work(), time.perf_counter() - began

    def close(self) -> None:
        """Ends it; what waits is given up."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _leave(self) -> None:
        self.under_way -= 1


def _soon(loop: asyncio.AbstractEventLoop, leave: Callable[[], None], _: object) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(leave)


def _is_run(text: str) -> bool:
    """Whether each character is the next, or the previous, of the one before: 123456789abc is two of them."""
    steps = [ord(after) - ord(before) for before, after in pairwise(text)]
    return sum(abs(step) <= 1 for step in steps) >= len(steps) - 1
