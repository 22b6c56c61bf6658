"""Files asked for a symbol that they lack, and files of no known format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cmatch.cli import main

SNAPSHOT = '{"type": "snapshot", "product_id": "%s", "bids": [["1.0", "2"]], "asks": [["1.2", "3"]]}\n'


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What a command says that cannot read its file."""
    assert main(["replay", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    return err


def test_symbol_that_a_coinbase_capture_lacks_is_told_with_those_that_it_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Eight of them at most."""
    path = tmp_path / "capture"
    path.write_text(SNAPSHOT % "C-D" + SNAPSHOT % "A-B")
    assert refused(capsys, str(path), "--symbol", "FOO") == (
        f"cmatch: {path}: there is no FOO in it: it has A-B, C-D\n"
    )
    path.write_text("".join(SNAPSHOT % f"P{k}" for k in range(9)))
    assert refused(capsys, str(path), "--symbol", "FOO").endswith("P6, P7, ...\n")


def test_symbol_that_a_bitstamp_capture_lacks_is_told_with_those_that_it_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the channels call them."""
    order = {
        "id": 7,
        "order_type": 0,
        "price_str": "1",
        "amount_str": "2",
        "microtimestamp": "1600000000000000",
    }
    path = tmp_path / "capture"
    path.write_text(
        json.dumps({"event": "order_created", "channel": "live_orders_btcusd", "data": order}) + "\n"
    )
    err = refused(capsys, str(path), "--format", "bitstamp", "--symbol", "ethusd")
    assert err == f"cmatch: {path}: there is no ethusd in it: it has btcusd\n"


def test_file_of_no_known_format_is_told_the_option(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And its words."""
    path = tmp_path / "README.md"
    path.write_text("# cmatch\n")
    assert "its format is not recognized: give --format, one of ops, dbn, " in refused(capsys, str(path))
