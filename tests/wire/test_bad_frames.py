"""What is no frame: both readers refuse it, with the same number, and live on."""

import dataclasses
import struct
from collections.abc import Callable

import pytest

from cmatch import frames
from cmatch.frames import BadFrame, FrameFault
from exchange.domain import messages, queries
from exchange.domain.enums import OrderAction
from exchange.domain.messages import CommandFrame, OrderCommand
from exchange.errors import WireError
from exchange.schema import codec
from exchange.schema.frames import FrameError, decode_commands, decode_reports

ORDER = OrderCommand(kind=OrderAction.NEW_ORDER, account=7, qty=3, price=101, client_order_id="one")
GOOD = codec.encode_command_frame(CommandFrame(records=(ORDER,)))
ROOT, HEADER, LIST_KIND, LIST, TAG = 1, 2, 3, 8, 9  # words of GOOD


def words(*values: int) -> bytes:
    """Words as bytes."""
    return struct.pack(f"<{len(values)}Q", *(value % (1 << 64) for value in values))


def with_word(at: int, change: Callable[[int], int]) -> bytes:
    """The good frame with one word changed."""
    value = int.from_bytes(GOOD[8 * at : 8 * at + 8], "little")
    return GOOD[: 8 * at] + words(change(value)) + GOOD[8 * at + 8 :]


FAR = 2 | 1 << 35
CLASSICS = {
    "seven bytes": (GOOD[:7], FrameFault.LENGTH),
    "a header of 0xFFFFFFFF": (b"\xff" * 4 + GOOD[4:], FrameFault.SEGMENTS),
    "a segment of 2^31 words": (GOOD[:4] + struct.pack("<I", 1 << 31) + GOOD[8:], FrameFault.SEGMENTS),
    "511 segments": (struct.pack("<512I", 510, *[0] * 511) + GOOD[8:], FrameFault.SEGMENTS),
    "a far pointer to nowhere": (words(1 << 32, FAR), FrameFault.FAR_POINTER),
    "another struct": (
        codec.encode_message(queries.BalancesReply(balances=(queries.BalanceRow(symbol="USD"),))),
        FrameFault.VERSION,
    ),
    "another struct that says our version": (
        codec.encode_message(queries.BalancesReply(sequence=1, balances=(queries.BalanceRow(symbol="USD"),))),
        FrameFault.LIST_KIND,
    ),
    "amplification": (with_word(TAG, lambda _: 0x3FFFFFFF << 2), FrameFault.ELEMENTS),
}


def fault_of(frame: bytes) -> FrameFault:
    """What the compiled codec says, after codec.py has said the same."""
    with pytest.raises(BadFrame) as compiled:
        frames.decode_commands(frame)
    with pytest.raises(FrameError) as plain:
        codec.decode_command_frame(frame)
    assert (plain.value.fault, plain.value.code) == (compiled.value.fault, compiled.value.code)
    return compiled.value.fault


@pytest.mark.req("A008", "E010")
@pytest.mark.parametrize(("frame", "fault"), CLASSICS.values(), ids=CLASSICS)
def test_classic_that_is_no_frame_is_refused_by_number(frame: bytes, fault: FrameFault) -> None:
    """Row 40 of the faults. A struct of another kind says another version, or is none of ours."""
    assert fault_of(frame) == fault
    assert codec.decode_command_frame(GOOD).records == (ORDER,)


@pytest.mark.parametrize(
    "kind", [*queries.QUERIES, *queries.QUERIES.values()], ids=lambda kind: str(kind.__name__)
)
def test_classics_are_refused_as_messages_too(kind: type[object]) -> None:
    """By the reader of everything that is no hot frame, whatever it expects."""
    for name in ("seven bytes", "a header of 0xFFFFFFFF", "a segment of 2^31 words", "511 segments"):
        with pytest.raises(WireError):
            codec.decode_message(kind, CLASSICS[name][0])
    with pytest.raises(WireError, match=f"no {kind.__name__}"):
        codec.decode_message(kind, CLASSICS["a far pointer to nowhere"][0])


@pytest.mark.parametrize(
    ("frame", "fault"),
    [
        (b"", FrameFault.LENGTH),
        (GOOD[:-1], FrameFault.LENGTH),
        (GOOD[:-8], FrameFault.SEGMENTS),
        (bytes(frames.CLIENT_FRAME_BYTES + 8), FrameFault.TOO_LARGE),
        (with_word(ROOT, lambda word: word | 1), FrameFault.ROOT),
        (with_word(ROOT, lambda word: word | 4), FrameFault.ROOT),
        (with_word(ROOT, lambda word: word & 0xFFFFFFFF), FrameFault.ROOT),
        (with_word(ROOT, lambda word: word | 0xFFFF << 32), FrameFault.ROOT),
        (with_word(ROOT, lambda word: word & ~(0xFFFF << 48)), FrameFault.ROOT),
        (with_word(HEADER, lambda word: word & ~0xFFFF), FrameFault.VERSION),
        (with_word(HEADER, lambda word: word + 1), FrameFault.VERSION),
        (with_word(HEADER, lambda word: word + (1 << 32)), FrameFault.COUNT),
        (with_word(LIST_KIND, lambda _: 0), FrameFault.LIST_KIND),
        (with_word(LIST_KIND, lambda _: 99), FrameFault.LIST_KIND),
        (with_word(LIST, lambda _: 0), FrameFault.LIST),
        (with_word(LIST, lambda _: FAR), FrameFault.FAR_POINTER),
        (with_word(LIST, lambda word: word | 4), FrameFault.LIST),
        (with_word(LIST, lambda word: word - (1 << 32)), FrameFault.LIST),
        (with_word(LIST, lambda word: word + (1 << 35)), FrameFault.LIST),
        (with_word(LIST, lambda word: word - (1 << 35)), FrameFault.ELEMENTS),
        (with_word(TAG, lambda word: word | 1), FrameFault.ELEMENTS),
        (with_word(TAG, lambda word: word | 1 << 48), FrameFault.ELEMENTS),
        (with_word(TAG, lambda word: word & 0xFFFFFFFF), FrameFault.ELEMENTS),
        (words(7 << 32, 2 << 48 | 2 << 32, 1, 1, 1 << 35 | 7 << 32 | 1, 0, 1 << 32 | 4, 1), FrameFault.LIST),
        (words(5 << 32, 1 << 48 | 2 << 32, 1, 1, 7 << 32 | 1, 8 << 32), FrameFault.ELEMENTS),
        (words((len(GOOD) // 8) << 32) + GOOD[8:] + words(0), FrameFault.TRAILING),
    ],
)
def test_frame_with_one_thing_wrong_is_refused_for_it(frame: bytes, fault: FrameFault) -> None:
    """By both readers, with the same number."""
    assert fault_of(frame) == fault


@pytest.mark.parametrize(
    ("fault", "code"),
    [(fault, {"too_large": 1002, "version": 1003}.get(str(fault), 1001)) for fault in FrameFault],
)
def test_fault_has_the_reject_code_of_its_class(fault: FrameFault, code: int) -> None:
    """BAD_FRAME, FRAME_TOO_LARGE or UNSUPPORTED_VERSION."""
    assert fault.code == code


def test_frame_of_the_other_direction_is_refused() -> None:
    """Commands are no reports: a list of the same number has another meaning there."""
    with pytest.raises(FrameError) as of_queries:
        decode_reports(codec.encode_command_frame(CommandFrame(records=(messages.BalanceQuery(),))))
    assert of_queries.value.fault == FrameFault.LIST_KIND
    assert decode_commands(GOOD)[2]["account"].tolist() == [7]


def test_journal_record_may_be_larger_than_a_frame_of_a_client() -> None:
    """The limit is the reader's choice, in both."""
    frame = CommandFrame(records=(ORDER,) * 300, epoch=1, first_seq=5, ts_ns=6)
    with pytest.raises(WireError, match="more than 65536"):
        codec.encode_command_frame(frame)
    data = codec.encode_command_frame(frame, limit=frames.RECORD_BYTES)
    assert fault_of(data) == FrameFault.TOO_LARGE
    assert codec.decode_command_frame(data, limit=frames.RECORD_BYTES) == frame
    header, _, records = decode_commands(data, limit=frames.RECORD_BYTES)
    assert (header.first_seq, len(records)) == (5, 300)


def test_refused_value_names_its_field_and_no_reader_is_shown() -> None:
    """What is printed of a message comes from us, not from the bytes of a stranger."""
    bad = dataclasses.replace(ORDER, client_order_id="")
    frame = bytearray(codec.encode_command_frame(CommandFrame(records=(bad,))))
    frame[8 * (TAG + 1)] = 99  # its kind
    with pytest.raises(WireError) as error:
        codec.decode_command_frame(bytes(frame))
    assert str(error.value) == "OrderCommand.kind is 99, which is no OrderAction that is known here"
