"""Messages of the read replica's RPC: what is written is read, by bounds, whatever version wrote it."""

from typing import Any

import capnp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.domain import queries
from exchange.domain.enums import OrderStatus, Side
from exchange.domain.queries import LevelRow, OrderRow
from exchange.errors import WireError
from exchange.schema import codec, description
from tests.wire import strategies

MESSAGES = [*queries.QUERIES, *queries.QUERIES.values()]
each_message = pytest.mark.parametrize("message", MESSAGES, ids=lambda message: str(message.__name__))
quick = settings(max_examples=25)


@pytest.mark.req("E010")
@each_message
@quick
@given(data=st.data())
def test_message_is_read_as_it_was_written(message: type[Any], data: st.DataObject) -> None:
    """Every field of every message, rows and what may be absent included."""
    original = data.draw(strategies.messages(message))
    assert codec.decode_message(message, codec.encode_message(original)) == original


@each_message
@quick
@given(data=st.data())
def test_message_that_is_damaged_is_read_or_refused(message: type[Any], data: st.DataObject) -> None:
    """Nothing but WireError comes out, and what is read can be written again."""
    encoded = bytearray(codec.encode_message(data.draw(strategies.messages(message))))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(encoded) - 1))
        encoded[at] ^= data.draw(st.integers(1, 255))
    try:
        read = codec.decode_message(message, bytes(encoded))
    except WireError:
        return
    assert codec.decode_message(message, codec.encode_message(read)) == read


@each_message
def test_message_that_is_cut_is_refused(message: type[Any]) -> None:
    """At every byte."""
    whole = codec.encode_message(message())
    for size in range(len(whole)):
        with pytest.raises(WireError):
            codec.decode_message(message, whole[:size])
    with pytest.raises(WireError, match="not as long as it says"):
        codec.decode_message(message, whole + bytes(8))


NEWER = """
@0xd5b0c2f4a1e6f7c9;
struct BookTopReply @0xd5b0c2f4a1e6f7ca {
  sequence @0 :UInt64;
  tsNs @1 :Int64;
  phase @2 :UInt16;
  bid @3 :LevelRow;
  ask @4 :LevelRow;
  last :union { unset @5 :Void; ticks @6 :Int64; far @7 :Text; }
  more @8 :UInt64;
  text @9 :Text;
}
struct LevelRow @0xd5b0c2f4a1e6f7cb { price @0 :Int64; qty @1 :Int64; count @2 :UInt32; added @3 :UInt64; }
struct Older @0xd5b0c2f4a1e6f7cc { sequence @0 :UInt64; }
"""


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Schemas of another release."""
    path = tmp_path_factory.mktemp("newer") / "newer.capnp"
    path.write_text(NEWER, encoding="utf-8")
    return capnp.SchemaParser().load(str(path))


def test_message_of_a_newer_writer_is_read_without_what_it_added(newer: Any) -> None:
    """Fields beyond ours are ignored, in rows too."""
    message = newer.BookTopReply.new_message(sequence=7, phase=3, more=9, text="more")
    message.bid.price, message.bid.added = 101, 5
    message.last.ticks = 100
    read = codec.decode_message(queries.BookTopReply, message.to_bytes())
    assert (read.sequence, read.bid, read.ask, read.last) == (7, LevelRow(price=101), None, 100)


def test_message_of_an_older_writer_is_read_with_nothing_where_it_said_nothing(newer: Any) -> None:
    """A struct that ends early is zero from there on."""
    message = newer.Older.new_message(sequence=7)
    assert codec.decode_message(queries.BookTopReply, message.to_bytes()) == queries.BookTopReply(sequence=7)


def test_union_member_that_is_not_known_is_refused(newer: Any) -> None:
    """It is something that this reader cannot say: an error, never a guess."""
    message = newer.BookTopReply.new_message()
    message.last.far = "away"
    with pytest.raises(WireError, match=r"BookTopReply\.last is of a kind that is not known here"):
        codec.decode_message(queries.BookTopReply, message.to_bytes())


def test_enum_that_is_not_known_is_refused(newer: Any) -> None:
    """By its number: its name would abort nothing, but says nothing either."""
    message = newer.BookTopReply.new_message(phase=99)
    with pytest.raises(WireError, match=r"BookTopReply\.phase is 99, which is no Phase"):
        codec.decode_message(queries.BookTopReply, message.to_bytes())


def test_page_of_many_orders_is_written_in_several_segments_and_read() -> None:
    """A message may be larger than pycapnp's first segment."""
    rows = tuple(
        OrderRow(order_id=at, client_order_id=f"order-{at}", side=Side.BUY, order_status=OrderStatus.OPEN)
        for at in range(5000)
    )
    page = queries.OrderHistoryReply(sequence=1, orders=rows, more=True)
    encoded = codec.encode_message(page)
    assert int.from_bytes(encoded[:4], "little") > 0
    assert codec.decode_message(queries.OrderHistoryReply, encoded) == page


def test_message_beyond_the_bound_is_refused_both_ways() -> None:
    """Before anything is read."""
    rows = tuple(OrderRow(client_order_id="x" * 1000) for _ in range(5000))
    with pytest.raises(WireError, match="more than 4194304"):
        codec.encode_message(queries.OrderHistoryReply(orders=rows))
    with pytest.raises(WireError, match="more than 4194304"):
        codec.decode_message(queries.OrderHistoryReply, bytes(codec.MESSAGE_BYTES_MAX + 8))


def test_pointers_to_one_row_from_many_places_are_refused() -> None:
    """Amplification: reading costs what the bytes are, not what they pretend to be."""
    module = capnp.load(str(description.ROOT / "queries" / "queries.capnp"))
    reply = module.OrderHistoryReply.new_message(num_first_segment_words=20_000)
    rows = reply.init("orders", 100)
    rows[0].clientOrderId = "x" * 8000
    encoded = bytearray(reply.to_bytes())
    struct = 8 * (1 + module.OrderRow.schema.node.struct.dataWordCount)
    first = next(at for at in range(16, len(encoded), 8) if _is_text(encoded, at))
    for row in range(1, 100):
        at = first + row * struct
        offset = (int.from_bytes(encoded[first : first + 4], "little") >> 2) - row * struct // 8
        encoded[at : at + 4] = (offset << 2 | 1).to_bytes(4, "little")
        encoded[at + 4 : at + 8] = encoded[first + 4 : first + 8]
    with pytest.raises(WireError, match="no OrderHistoryReply"):
        codec.decode_message(queries.OrderHistoryReply, bytes(encoded))


def _is_text(encoded: bytearray, at: int) -> bool:
    word = int.from_bytes(encoded[at : at + 8], "little")
    return word & 3 == 1 and word >> 32 & 7 == 2 and word >> 35 == 8001
