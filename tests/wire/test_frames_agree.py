"""The compiled codec, codec.py and pycapnp itself read the same in the same bytes, whoever wrote them."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmatch import frames
from cmatch.frames import CommandHeader, CommandList, Records, ReportHeader
from exchange.domain import messages
from exchange.domain.enums import OrderAction
from exchange.domain.messages import CommandFrame, ReportFrame
from exchange.errors import WireError
from exchange.schema import codec
from exchange.schema.description import snake
from tests.wire import oracle, strategies
from tests.wire.oracle import LISTS, List, Row

each_list = pytest.mark.parametrize("kind", LISTS, ids=lambda kind: f"{type(kind).__name__}-{kind}")
quick = settings(max_examples=25)


def encode(kind: List, records: Records, header: Row) -> bytes:
    """By the compiled codec."""
    fields = {snake(name): value for name, value in header.items()}
    if isinstance(kind, CommandList):
        return frames.encode_commands(kind, records, CommandHeader(**fields))
    return frames.encode_reports(kind, records, ReportHeader(**fields))


def decode(kind: List, frame: bytes) -> tuple[Row, List, Records]:
    """By the compiled codec."""
    header, found, records = (
        frames.decode_commands(frame) if isinstance(kind, CommandList) else frames.decode_reports(frame)
    )
    return header._asdict(), found, records


def array(kind: List, rows: list[Row]) -> Records:
    """Rows as records."""
    return np.frombuffer(oracle.record_bytes(kind, rows), oracle.DTYPES[type(kind), int(kind)])


def full(kind: List, header: Row) -> Row:
    """The header with what was left out."""
    return dict.fromkeys(oracle.HEADERS[type(kind)], 0) | header


@pytest.mark.req("E010", "A008")
@each_list
@quick
@given(data=st.data())
def test_frame_written_by_the_compiled_codec_is_read_by_pycapnp(kind: List, data: st.DataObject) -> None:
    """Header and every field of every row are what was written."""
    header, rows = data.draw(strategies.headers(kind)), data.draw(strategies.rows(kind))
    found_header, found = oracle.read(encode(kind, array(kind, rows), header), kind)
    assert found_header == full(kind, header)
    names = [field.name for field in oracle.record_of(kind).fields]
    assert found == [dict.fromkeys(names, 0) | row for row in rows]


@pytest.mark.req("E010", "A008")
@each_list
@quick
@given(data=st.data())
def test_frame_written_by_pycapnp_is_read_by_the_compiled_codec(kind: List, data: st.DataObject) -> None:
    """Byte for byte the records that the schema lays out, and the same header."""
    header, rows = data.draw(strategies.headers(kind)), data.draw(strategies.rows(kind))
    found_header, found, records = decode(kind, oracle.build(kind, header, rows))
    assert found_header == {snake(name): value for name, value in full(kind, header).items()}
    assert found == kind
    assert records.tobytes() == oracle.record_bytes(kind, rows)


@each_list
@quick
@given(data=st.data())
def test_messages_survive_both_codecs_in_turn(kind: List, data: st.DataObject) -> None:
    """Messages to bytes by codec.py, to records and bytes by the compiled codec, and back to messages."""
    is_command = isinstance(kind, CommandList)
    message = (messages.COMMANDS if is_command else messages.REPORTS)[kind]  # type: ignore[index]
    records = tuple(data.draw(st.lists(strategies.messages(message), min_size=1, max_size=4)))
    read: Any = codec.decode_command_frame if is_command else codec.decode_report_frame
    write: Any = codec.encode_command_frame if is_command else codec.encode_report_frame
    frame: Any = (
        CommandFrame(records=records, stream=1, epoch=2, first_seq=3, ts_ns=-4)
        if is_command
        else ReportFrame(records=records, epoch=2, sequence=3, durable_sequence=2, ts_ns=4)
    )
    header, found, rows = decode(kind, write(frame))
    again = encode(kind, rows, {snake(name): value for name, value in header.items()})
    assert found == kind
    assert read(again) == frame


def test_enum_that_is_not_known_is_refused_by_codec_py_alone() -> None:
    """The compiled codec hands the number on: whoever applies the command refuses it."""
    records = np.zeros(1, frames.ORDER_COMMAND_DTYPE)
    records["kind"], records["side"] = 1, 3
    frame = frames.encode_commands(CommandList.ORDERS, records)
    assert frames.decode_commands(frame)[2]["side"].tolist() == [3]
    with pytest.raises(WireError, match=r"OrderCommand\.side is 3, which is no Side"):
        codec.decode_command_frame(frame)


@pytest.mark.parametrize("text", [b"a b", b"\x80", b"a\0b", b"\x01"])
def test_text_that_is_not_printable_is_refused_by_codec_py(text: bytes) -> None:
    """Nothing else may come out of a field that people read."""
    records = np.zeros(1, frames.ORDER_COMMAND_DTYPE)
    records["kind"], records["client_order_id_head"] = 1, text
    with pytest.raises(WireError, match=r"OrderCommand\.client_order_id is not printable ASCII"):
        codec.decode_command_frame(frames.encode_commands(CommandList.ORDERS, records))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"qty": 1 << 63}, "OrderCommand.qty does not fit its field"),
        ({"instrument_id": -1}, "OrderCommand.instrument_id does not fit its field"),
        ({"qty": 1.0}, "OrderCommand.qty must be an int, not float"),
        ({"qty": True}, "OrderCommand.qty must be an int, not bool"),
        ({"client_order_id": "x" * 41}, "OrderCommand.client_order_id must be a text of at most 40"),
        ({"client_order_id": "x y"}, "OrderCommand.client_order_id must be printable ASCII"),
    ],
)
def test_value_that_does_not_fit_its_field_is_refused_when_written(
    fields: dict[str, Any], message: str
) -> None:
    """Nothing is cut or wrapped around."""
    order = dataclasses.replace(messages.OrderCommand(kind=OrderAction.NEW_ORDER), **fields)
    with pytest.raises(WireError, match=message):
        codec.encode_command_frame(CommandFrame(records=(order,)))


def test_frame_of_nothing_of_two_kinds_or_too_large_is_refused_when_written() -> None:
    """By both codecs."""
    order = messages.OrderCommand(kind=OrderAction.CANCEL)
    query = messages.BalanceQuery(account=1)
    with pytest.raises(WireError, match="at least one record"):
        codec.encode_command_frame(CommandFrame(records=()))
    with pytest.raises(WireError, match="of one kind"):
        codec.encode_command_frame(CommandFrame(records=(order, query)))
    with pytest.raises(WireError, match="more than 65536"):
        codec.encode_command_frame(CommandFrame(records=(order,) * 256))
    with pytest.raises(ValueError, match="at least one record"):
        frames.encode_commands(CommandList.ORDERS, np.zeros(0, frames.ORDER_COMMAND_DTYPE))
    with pytest.raises(ValueError, match="one frame holds 8186 of the 9000 records"):
        frames.encode_commands(CommandList.ORDERS, np.zeros(9000, frames.ORDER_COMMAND_DTYPE))
    with pytest.raises(TypeError, match="have the wrong dtype"):
        frames.encode_commands(CommandList.ORDERS, np.zeros(1, frames.BALANCE_QUERY_DTYPE))


def test_records_beyond_one_frame_go_into_several_in_order() -> None:
    """None lost, none twice, each frame within the limit."""
    records = np.zeros(9000, frames.ORDER_COMMAND_DTYPE)
    records["account"] = np.arange(9000)
    made = list(frames.command_frames(CommandList.ORDERS, records))
    assert [len(frame) <= frames.CLIENT_FRAME_BYTES for frame in made] == [True] * 4
    read = np.concatenate([frames.decode_commands(frame)[2] for frame in made])
    assert read.tobytes() == records.tobytes()


@given(
    values=st.lists(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=40), max_size=5)
)
def test_text_of_records_is_what_was_set(values: list[str]) -> None:
    """In a field of two parts and in one of one."""
    for dtype, name in [
        (frames.ORDER_COMMAND_DTYPE, "client_order_id"),
        (frames.ANSWER_DTYPE, "correlation_id"),
    ]:
        records = np.zeros(len(values), dtype)
        frames.set_text(records, name, values)
        assert frames.text(records, name) == values
