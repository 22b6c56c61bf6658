"""A bad line or a torn file: always its position and the reason."""

import bz2
import gzip
import json
import lzma
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from cmatch.replay import FeedError, find_format, open_flow
from cmatch.replay.files import read_bytes
from tests.encoders import dbn
from tests.encoders.itch import Itch, framed
from tests.replay.test_databento import HEADER, SWEEP, as_csv

LOBSTER = "34200.1,1,11,100,5850000,-1\n34200.2,1,12,50,5850000,-1\n"
CSV = as_csv(SWEEP)
T = Itch()
ITCH = framed(T.system_event(1), T.add(2, 1, "B", 10, 100), T.add(3, 2, "S", 10, 200))
DBN = dbn.file(3, {1: "X"}, [dbn.mbo("A", "B", 10**9, 5, k + 1) for k in range(3)])


def complaint(path: Path, content: str | bytes, format_name: str | None = None) -> str:
    """What is said of the file, without its path."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(FeedError) as caught:
        open_flow(path, format_name=format_name)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (LOBSTER + "34200.3,1,13,50,5850000\n", "line 3: 6 fields are expected here, but there are 5"),
        (LOBSTER + "\n34200.3,1,13,50,5850000,1\n", "line 3: 6 fields are expected here, but there are 0"),
        (LOBSTER + "34200.3,1,x3,50,5850000,1\n", "line 3: order id: 'x3' is not a whole number"),
        (LOBSTER + "34200.3,8,13,50,5850000,1\n", "line 3: type: it is one of 1 to 7"),
        (LOBSTER + "34200.3,1,13,50,5850000,2\n", "line 3: direction: it is 1 or -1"),
        (LOBSTER + "34200.3,1,13,0,5850000,1\n", "line 3: size: it is greater than 0"),
        (LOBSTER + "34200.3,1,0,5,5850000,1\n", "line 3: order id: it is greater than 0"),
        (LOBSTER + "3e4,1,13,5,5850000,1\n", "line 3: time: '3e4' is not a decimal of at most 9 decimals"),
        (LOBSTER + "1.,1,13,5,5850000,1\n", "line 3: time: '1.' is not a decimal of at most 9 decimals"),
        (LOBSTER + f"1,1,{10**20},5,5850000,1\n", f"line 3: order id: '{10**20}' is not a whole number"),
        (LOBSTER + f"1,1,{1 << 63},5,5850000,1\n", f"line 3: order id: '{1 << 63}' is not a whole number"),
        ("1,1\n", "line 1: a LOBSTER message has 6 fields, not 2"),
    ],
)
def test_lobster_bad_line_is_named(tmp_path: Path, content: str, said: str) -> None:
    """Every field, and a line that is cut off."""
    assert complaint(tmp_path / "x_message_1.csv", content, "lobster") == said


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("ts_event", "time", "line 1: the header lacks ts_event"),
        ("T08:05:03.003000000Z", "T08:05:03.003Z", "is not a time like 2025-07-17T08:05:03.360677248Z"),
        ("T08:05:03.003000000Z", "T08:65:03.003000000Z", "is not a time like 2025-07-17T08:05:03.360677248Z"),
        ("A,A,10.010000000", "A,A,10.0100000001", "price: '10.0100000001' is not a decimal of at most 9"),
        ("A,A,10.010000000", "AA,A,10.010000000", "action: 'AA' is not one letter"),
        ("A,A,10.010000000", "X,A,10.010000000", "the action is none of A, C, M, T, F, R, N"),
        ("A,A,10.010000000", "A,S,10.010000000", "the side is none of A, B, N"),
        ("A,A,10.010000000", "A,N,10.010000000", "an order needs a side"),
        ("A,A,10.010000000,4", "A,A,10.010000000,0", "an order needs a size"),
        ("A,A,10.010000000,4,0,13", "A,A,10.010000000,4,0,0", "an order needs an id"),
        ("A,A,10.010000000", "A,A,", "an order needs a price"),
    ],
)
def test_databento_csv_bad_line_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    """The fourth record is on line 5."""
    assert old in CSV
    told = complaint(tmp_path / "x_mbo.csv", CSV.replace(old, new), "databento-csv")
    assert said in told
    assert told.startswith(("line 5: ", "line 1: "))


def test_databento_csv_torn_in_a_line_is_named(tmp_path: Path) -> None:
    """The last line has too few fields."""
    torn = CSV[: CSV.rindex(",0,")]
    assert complaint(tmp_path / "x.csv", torn).startswith(
        f"line {len(SWEEP) + 1}: 15 fields are expected here"
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (DBN[:-10], f"byte {len(DBN) - 56:,}: the file is cut short: a record of 56 bytes has only 46"),
        (DBN[:50], "byte 50: the file is cut short in its metadata of"),
        (DBN[:3] + b"\x09" + DBN[4:], "byte 3: DBN version 9 is not known, only 1 to 3"),
        (DBN[:112] + b"\xff\xff\xff\x7f" + DBN[116:], "byte 8: the metadata is damaged"),
        (DBN + b"\x01" + bytes(3), f"byte {len(DBN):,}: a record of 4 bytes: the least is 16"),
        (DBN + b"\x05\xa0" + bytes(18), f"byte {len(DBN):,}: a market-by-order record of 20 bytes, not 56"),
        (
            dbn.file(2, {}, [dbn.other_record()]),
            "there are no market-by-order records in it, but those of type 23",
        ),
    ],
)
def test_dbn_torn_or_damaged_is_named_with_its_byte(tmp_path: Path, content: bytes, said: str) -> None:
    """Header and records."""
    assert complaint(tmp_path / "x.dbn", content).startswith(said)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (ITCH[:-5], f"byte {len(ITCH) - 38:,}: the file is cut short within this message"),
        (ITCH + b"\x00", f"byte {len(ITCH):,}: the file is cut short within this message"),
        (ITCH + b"\x00\x0cZ" + bytes(11), f"byte {len(ITCH):,}: 'Z' is not a message type of ITCH 5.0"),
        (
            ITCH + b"\x00\x0dS" + bytes(12),
            f"byte {len(ITCH):,}: a message 'S' (system event) of 13 bytes, not 12",
        ),
        (framed(T.add(1, 1, "X", 10, 100)), "byte 0: the side is neither B nor S"),
        (framed(T.add(1, 0, "B", 10, 100)), "byte 0: an order needs a reference number"),
        (framed(T.system_event(1), T.directory(2)), "no order events in it (read as Nasdaq ITCH 5.0)"),
    ],
)
def test_itch_torn_or_damaged_is_named_with_its_byte(tmp_path: Path, content: bytes, said: str) -> None:
    """Frames and fields."""
    assert complaint(tmp_path / "x", content, "itch") == said


UPDATE = {
    "type": "l2update",
    "product_id": "A-B",
    "time": "2021-04-17T16:43:37Z",
    "changes": [["buy", "1", "1"]],
}


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ('{"type": "l2up', "line 2: it is not a JSON message"),
        ("[1, 2]", "line 2: a message is a JSON object"),
        ("[" * 100_000, "line 2: it is not a JSON message"),
        (json.dumps({**UPDATE, "changes": [["buy", "1e3", "1"]]}), "line 2: '1e3' is not a plain decimal"),
        (json.dumps({**UPDATE, "changes": [["buy", "1", "NaN"]]}), "line 2: 'NaN' is not a plain decimal"),
        (json.dumps({**UPDATE, "changes": [["buy", "໘", "1"]]}), "line 2: '໘' is not a plain decimal"),
        (json.dumps({**UPDATE, "changes": [["buy", "1"]]}), "line 2: not enough values to unpack"),
        (json.dumps({**UPDATE, "changes": [["hold", "1", "1"]]}), "line 2: a l2update lacks 'hold'"),
        (json.dumps({"type": "l2update", "changes": []}), "line 2: a l2update lacks 'product_id'"),
        (json.dumps({**UPDATE, "time": "noon"}), "line 2: 'noon' is not a time like"),
    ],
)
def test_coinbase_bad_message_is_named_with_its_line(tmp_path: Path, message: str, said: str) -> None:
    """Bad JSON, and fields that are not right."""
    assert complaint(tmp_path / "x", json.dumps(UPDATE) + "\n" + message + "\n", "coinbase").startswith(said)


def test_bitstamp_bad_message_is_named_with_its_line(tmp_path: Path) -> None:
    """A field that is missing, and a side that there is not."""
    start = {"event": "order_created", "channel": "live_orders_btcusd"}
    data = {"id": 1, "order_type": 2, "price_str": "1", "amount_str": "1", "microtimestamp": "5"}
    said = complaint(tmp_path / "x", json.dumps({**start, "data": data}))
    assert said == "line 1: order_type 2 is neither 0 (buy) nor 1 (sell)"
    del data["id"]
    assert (
        complaint(tmp_path / "x", json.dumps({**start, "data": data})) == "line 1: a order_created lacks 'id'"
    )


@pytest.mark.parametrize("name", ["gzip", "xz", "bz2", "zstd"])
def test_compressed_file_that_is_torn_or_damaged_is_refused(tmp_path: Path, name: str) -> None:
    """Whole files are read; one cut short is never taken for a shorter one."""
    zstd = zstandard.ZstdCompressor(write_checksum=True).compress  # as its command line does
    packers: dict[str, Callable[[bytes], bytes]] = {
        "gzip": gzip.compress,
        "xz": lzma.compress,
        "bz2": bz2.compress,
        "zstd": zstd,
    }
    pack = packers[name]
    content = bytes(range(256)) * 40
    path = tmp_path / "file"
    path.write_bytes(pack(content) + pack(b"second"))
    assert read_bytes(path) == content + b"second"
    packed = pack(content)
    path.write_bytes(packed[:-6])
    with pytest.raises(FeedError, match=r"the compressed file is (cut short|damaged)"):
        read_bytes(path)
    path.write_bytes(packed[:20] + bytes(10) + packed[30:])
    with pytest.raises(FeedError, match=r"the compressed file is (cut short|damaged)"):
        read_bytes(path)


def test_packages_that_are_not_there_are_named_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The extra that brings them is in it."""
    (tmp_path / "a.dbn.zst").write_bytes(zstandard.compress(DBN))
    (tmp_path / "a.parquet").write_bytes(b"PAR1" + bytes(20))
    monkeypatch.setitem(sys.modules, "zstandard", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(
        FeedError, match=r"a \.zst file needs the package zstandard: pip install 'cmatch\[data\]'$"
    ):
        open_flow(tmp_path / "a.dbn.zst")
    with pytest.raises(
        FeedError, match=r"a Parquet file needs the package pyarrow: pip install 'cmatch\[data\]'$"
    ):
        open_flow(tmp_path / "a.parquet")


def test_files_that_are_no_feed_are_refused(tmp_path: Path) -> None:
    """None there, empty, unknown, and a folder."""
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("hello\n")
    for name, said in (
        ("nothing", "No such file or directory"),
        ("empty", "the file is empty"),
        ("text", "its format is not recognized"),
        (".", "Is a directory"),
    ):
        with pytest.raises(FeedError, match=said):
            find_format(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content", "format_name"),
    [
        ("a.csv", LOBSTER.encode(), "lobster"),
        ("a.csv", CSV.encode(), "databento-csv"),
        ("a", HEADER.encode(), "databento-csv"),
        ("a", DBN, "dbn"),
        ("a", ITCH, "itch"),
        ("S071725-v50.NASDAQ_ITCH50", framed(T.system_event(1)), "itch"),
        ("a", b'{"type":"subscriptions","channels":[]}\n', "coinbase"),
        ("a", b'wss://ws-feed.pro.coinbase.com <-> 1.0\n1.5: {"type":"snapshot"}\n', "coinbase"),
        ("a", b'{"event":"order_created","channel":"live_orders_btcusd","data":{}}\n', "bitstamp"),
    ],
)
def test_format_is_found_by_content_and_name(
    tmp_path: Path, name: str, content: bytes, format_name: str
) -> None:
    """Compressed or not."""
    (tmp_path / name).write_bytes(content)
    assert find_format(tmp_path / name).name == format_name
    (tmp_path / name).write_bytes(gzip.compress(content))
    assert find_format(tmp_path / name).name == format_name
