"""Frames that try to make more of themselves than they are."""

from __future__ import annotations

import struct

import numpy as np

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
    """Three frames of nearly 64 KiB, each of 8,000 commands: what does not fit one write is refused whole."""
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
    assert refusals["reject"].tolist() == [RejectCode.FRAME_TOO_LARGE] * 2
    bench.send(me, CommandList.ORDERS, order("a"))
    assert bench.took(me, ReportList.REPORTS)["reject"].tolist() == [0]
