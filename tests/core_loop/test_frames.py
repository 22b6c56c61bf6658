"""Frames that try to make more of themselves than they are."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from cmatch import RejectCode, frames
from cmatch.frames import CommandList, ReportList
from tests.core_loop.bench_table import Bench, order


def _tiny(count: int) -> bytes:
    """A frame of `count` instrument commands of one word each, all else left out as evolution allows."""
    row = np.zeros(1, frames.INSTRUMENT_COMMAND_DTYPE)
    row["kind"] = 1
    frame = bytearray(frames.encode_commands(CommandList.INSTRUMENTS, row))
    words = len(frame) // 8
    body = frame[-8:] * count
    head = bytearray(frame[:-8])
    struct.pack_into("<I", head, 4, words - 2 + count)  # words of the segment
    pointer = len(head) - 16
    struct.pack_into("<I", head, pointer + 4, count << 3 | 7)  # words of the list
    struct.pack_into("<I", head, pointer + 8, count << 2)  # the tag: how many
    struct.pack_into("<I", head, 20, count)  # the header's count
    return bytes(head + body)


def test_many_tiny_commands_in_one_turn_are_bounded_and_the_core_lives_on() -> None:
    """Three frames of nearly 64 KiB, each of 8,000 commands: what does not fit one write comes again."""
    bench = Bench()
    me = bench.connect()
    bench.market(me)
    _, kind, rows = frames.decode_commands(_tiny(5))
    assert (kind, rows.size) == (CommandList.INSTRUMENTS, 5)
    for _ in range(3):
        bench.transport.push(me, _tiny(8_000))
    bench.turn()
    answers = bench.took(me, ReportList.ANSWERS)
    assert answers.size == 8_000
    assert set(answers["reject"].tolist()) == {RejectCode.INVALID_ASSET}
    refusals = bench.took(me, ReportList.REFUSALS)
    assert refusals["reject"].tolist() == [RejectCode.QUEUE_FULL] * 2
    bench.send(me, CommandList.ORDERS, order("a"))
    assert bench.took(me, ReportList.REPORTS)["reject"].tolist() == [0]


BAD_TEXTS = (b"a b", b"a\x01", b"\x7f", b"\xff" * 40, b"a\0b", b"\0a")
ID, ACTOR = ("correlation_id", RejectCode.BAD_CORRELATION_ID), ("actor", RejectCode.INVALID_FIELD)


@pytest.mark.parametrize("text", BAD_TEXTS)
@pytest.mark.parametrize(
    ("kind", "field"),
    [
        (CommandList.LEDGER, ID),
        (CommandList.INSTRUMENTS, ID),
        (CommandList.INSTRUMENTS, ACTOR),
        (CommandList.ADMINISTRATION, ID),
        (CommandList.ADMINISTRATION, ACTOR),
    ],
)
def test_text_that_nobody_could_read_back_is_refused_before_it_is_journaled(
    kind: CommandList, field: tuple[str, RejectCode], text: bytes
) -> None:
    """Whoever follows the journal reads texts as such: one that is none would stop them all."""
    name, code = field
    bench = Bench()
    me = bench.connect()
    bench.market(me)
    before = bench.venue.sequence
    row = np.zeros(1, frames.COMMAND_DTYPES[kind])
    row["kind"] = 6 if kind is CommandList.ADMINISTRATION else 1  # a countdown, which any client may set
    bytes_of = row[name].view(np.uint8)
    bytes_of[: len(text)] = np.frombuffer(text, np.uint8)
    bench.send(me, kind, row)
    assert bench.took(me, ReportList.ANSWERS)["reject"].tolist() == [code]
    assert bench.venue.sequence == before
    row[name] = b"a" * 40
    bench.send(me, kind, row)
    assert bench.venue.sequence == before + 1
