"""Snapshots of a venue whose bytes were changed, digests and all: refused, or taken for what they say."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

from cmatch._core import Venue
from cmatch.errors import SnapshotError
from tests.venue.compare import Pair
from tests.venue.desk import Desk, sizes_of
from tests.venue.screen import parts, settings_of

_PREFIX = 24
_DIGEST = 8
_FIXED = _PREFIX + 6 * 8 + 12 * 8  # what comes before the engine's: clock, counters, limits


def desk(text: str) -> Venue:
    """A venue to which that was said."""
    pair = Pair(sizes_of(settings_of("")))
    made = Desk("", pair)
    for line in parts(text):
        made.expect_done(line)
    return pair.core.venue


def _mix(a: int, b: int) -> int:
    product = a * b
    return (product ^ product >> 64) & (1 << 64) - 1


def digest(content: bytes) -> int:
    """As `cmatch/state_hash.hpp` has it."""
    every = (1 << 64) - 1
    state = 0x243F6A8885A308D3 ^ len(content)
    padded = content + bytes(-len(content) % 8)
    for (word,) in struct.iter_unpack("<Q", padded):
        rolled = (state << 23 | state >> 41) & every
        state = _mix(state ^ word ^ 0xA4093822299F31D0, 0x9E3779B97F4A7C15) ^ rolled
    return _mix(state ^ 0x082EFA98EC4E6C89, 0xD6E8FEB86659FD93)


def signed(content: bytes) -> bytes:
    """With the digest that belongs to it at its end."""
    return content + struct.pack("<Q", digest(content))


def parts_of(snapshot: bytes) -> tuple[bytes, bytes, bytes]:
    """What comes before its engine, that, and the state behind it."""
    (size,) = struct.unpack_from("<Q", snapshot, _FIXED)
    begin = _FIXED + 8
    return snapshot[:begin], snapshot[begin : begin + size], snapshot[begin + size : -_DIGEST]


SAID = (
    "deposit ann 100000 usd; deposit bob 100 btc; new o1 ann buy 100 x 3; new o2 ann buy 99 x 2;"
    " new o3 bob sell 105 x 4; new o4 bob sell 100 x 1; cancel o2 ann"
)


def test_digest_is_that_of_the_venue() -> None:
    """Of the whole, and of the engine within it; else what follows would be refused for that alone."""
    snapshot = desk(SAID).snapshot()
    before, engine, state = parts_of(snapshot)
    assert signed(before + engine + state) == snapshot
    assert signed(engine[:-_DIGEST]) == engine


def test_changed_byte_of_the_state_is_refused_or_taken_for_what_it_says() -> None:
    """Each byte, by a digest that fits: nothing of it is passed over, and nothing is made up."""
    snapshot = desk(SAID).snapshot()
    before, engine, state = parts_of(snapshot)
    random_bits = random.Random(7)
    refused = 0
    for place in range(len(state)):
        changed = bytearray(state)
        changed[place] ^= random_bits.randrange(1, 256)
        bytes_ = signed(before + engine + bytes(changed))
        try:
            venue = Venue.restore(bytes_)
        except SnapshotError:
            refused += 1
            continue
        assert venue.snapshot() == bytes_, place
    assert refused > len(state) // 4


def test_cut_state_is_refused() -> None:
    """Wherever it ends, in what is read beside the rest, too."""
    before, engine, state = parts_of(desk(SAID).snapshot())
    for end in range(len(state)):
        content = before + engine + state[:end]
        length = struct.pack("<Q", len(content) + _DIGEST)
        with pytest.raises(SnapshotError):
            Venue.restore(signed(content[: _PREFIX - 8] + length + content[_PREFIX:]))


def test_huge_pages_change_nothing_but_where_memory_comes_from() -> None:
    """The kernel is told of them, as it says itself; what is restored is the same."""

    def advised() -> int:
        lines = Path("/proc/self/smaps").read_text(encoding="ascii").splitlines()
        return sum(line.startswith("VmFlags") and " hg" in line for line in lines)

    snapshot = desk(SAID).snapshot()
    plain = Venue.restore(snapshot)
    before = advised()
    huge = Venue.restore(snapshot, huge_pages=True)
    assert advised() > before
    assert huge.snapshot() == plain.snapshot() == snapshot
