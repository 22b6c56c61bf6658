"""What older releases sent is read as they meant it; releases next to each other understand each other."""

import json
from pathlib import Path
from typing import Any

import capnp
import numpy as np
import pytest

import cmatch
from exchange.domain import messages, queries
from exchange.domain.enums import CommandList, OrderAction, Side
from exchange.domain.messages import CommandFrame, OrderCommand
from exchange.schema import codec
from exchange.schema.frames import decode_commands, decode_reports, encode_commands, encode_reports
from tests.wire import old_wire

RELEASES = sorted(old_wire.FOLDER.glob("*.json"))
QUERIES = {message.__name__: message for message in [*queries.QUERIES, *queries.QUERIES.values()]}
COMMANDS = {message.__name__ for message in messages.COMMANDS.values()}


def test_first_release_is_kept() -> None:
    """A release without a file would be forgotten."""
    assert [path.stem for path in RELEASES][:1] == ["0.1.0"]


def read(name: str, data: bytes) -> Any:
    """What this release reads in the bytes of a message of that name."""
    if name in QUERIES:
        return codec.decode_message(QUERIES[name], data)
    if name in COMMANDS:
        return codec.decode_command_frame(data)
    return codec.decode_report_frame(data)


def says(known: Any, found: Any) -> None:
    """Asserts that all that an old release said is there; what it did not know yet is nothing."""
    if isinstance(known, dict):
        for name, value in known.items():
            says(value, found[name])
        assert not any(found[name] for name in found.keys() - known.keys())
    elif isinstance(known, list):
        assert len(known) == len(found)
        for one, other in zip(known, found, strict=True):
            says(one, other)
    else:
        assert known == found


@pytest.mark.req("E010")
@pytest.mark.parametrize("path", RELEASES, ids=lambda path: path.stem)
def test_bytes_of_a_release_say_what_it_meant(path: Path) -> None:
    """Every message of every release."""
    sent = json.loads(path.read_text(encoding="utf-8"))
    assert sent.keys() >= {*QUERIES, *COMMANDS, *(message.__name__ for message in messages.REPORTS.values())}
    for name, entry in sent.items():
        says(entry["says"], old_wire.plain(read(name, bytes.fromhex(entry["bytes"]))))


@pytest.mark.req("E010")
@pytest.mark.parametrize("path", RELEASES, ids=lambda path: path.stem)
def test_frames_of_a_release_are_read_alike_by_the_compiled_codec(path: Path) -> None:
    """Both readers make the same of them: what the compiled one read, written again, says the same."""
    sent = json.loads(path.read_text(encoding="utf-8"))
    for name in sent.keys() - QUERIES.keys():
        data = bytes.fromhex(sent[name]["bytes"])
        if name in COMMANDS:
            header, kind, records = decode_commands(data)
            again = encode_commands(kind, records, header)
        else:
            report_header, report_kind, reports = decode_reports(data)
            again = encode_reports(report_kind, reports, report_header)
        says(sent[name]["says"], old_wire.plain(read(name, again)))


def test_this_release_still_sends_what_its_file_says() -> None:
    """Until the version changes, so does nothing on the wire."""
    current = old_wire.FOLDER / f"{cmatch.__version__}.json"
    assert json.loads(current.read_text(encoding="utf-8")) == old_wire.release()


NEWER = """
@0xe5b0c2f4a1e6f7c9;
struct CommandFrame @0xe5b0c2f4a1e6f7ca {
  schemaVersion @0 :UInt16;
  stream @1 :UInt16;
  count @2 :UInt32;
  union {
    unset @3 :Void;
    orders @4 :List(OrderCommand);
    more @15 :List(OrderCommand);
  }
  epoch @5 :UInt64;
  firstSeq @6 :UInt64;
  tsNs @7 :Int64;
  eventDigest @8 :UInt64;
  a @9 :UInt64; b @10 :UInt64; c @11 :UInt64; d @12 :UInt16; e @13 :UInt16; f @14 :Bool;
}
"""


def other_release(path: Path, *, words: int) -> Any:
    """The frames of a release whose orders have that many words, all called w0, w1 and so on."""
    fields = " ".join(f"w{at} @{at} :UInt64;" for at in range(words))
    text = NEWER + f"struct OrderCommand @0xe5b0c2f4a1e6f7cb {{ {fields} }}\n"
    path.write_text(text, encoding="utf-8")
    return capnp.SchemaParser().load(str(path))  # of its own: the ids are used again


@pytest.mark.req("E010")
@pytest.mark.parametrize("words", [1, 12, 31, 33, 40])
def test_orders_of_another_release_are_read_by_this_one(words: int, tmp_path: Path) -> None:
    """Fewer words: the rest is nothing. More: what is ours is ours, the rest is left out. By both readers."""
    module = other_release(tmp_path / "other.capnp", words=words)
    frame = module.CommandFrame.new_message(num_first_segment_words=200)
    frame.schemaVersion, frame.epoch, frame.a, frame.f = 1, 5, 6, True
    (row,) = frame.init("orders", 1)
    row.w0 = 1 | 2 << 16  # new order, sell
    for at in (2, 11, 33, 39):
        if at < words:
            setattr(row, f"w{at}", 0x41)
    data = frame.to_bytes()
    header, kind, records = decode_commands(data)
    expected = np.zeros(1, records.dtype)
    expected["kind"], expected["side"] = 1, 2
    if words > 2:
        expected["account"] = 0x41
    if words > 11:
        expected["session"] = 0x41
    assert (header.epoch, kind) == (5, CommandList.ORDERS)
    assert records.tobytes() == expected.tobytes()
    order = OrderCommand(
        kind=OrderAction.NEW_ORDER,
        side=Side.SELL,
        account=0x41 if words > 2 else 0,
        session=0x41 if words > 11 else 0,
    )
    assert codec.decode_command_frame(data) == CommandFrame(records=(order,), epoch=5)


@pytest.mark.req("E010", "C092")
@pytest.mark.parametrize("words", [1, 12, 40])
def test_orders_of_this_release_are_read_by_another(words: int, tmp_path: Path) -> None:
    """By its words: what it does not know it does not see, what it added is nothing."""
    module = other_release(tmp_path / "other.capnp", words=words)
    order = OrderCommand(kind=OrderAction.CANCEL, account=9, quote_qty=77)
    frame = codec.encode_command_frame(CommandFrame(records=(order,), epoch=5))
    known = {"w0": 3, "w2": 9, "w31": 77}
    for data in (frame, encode_commands(CommandList.ORDERS, decode_commands(frame)[2])):
        with module.CommandFrame.from_bytes(data) as root:
            (row,) = root.orders
            assert [getattr(row, f"w{at}") for at in range(words)] == [
                known.get(f"w{at}", 0) for at in range(words)
            ]
            assert (root.count, root.a, root.f) == (1, 0, False)
