"""What commands say of themselves, of words that they do not know, and of how many they found."""

from __future__ import annotations

import argparse
import contextlib
import io
from importlib import import_module
from typing import Any

import pytest

from cmatch.cli import main as cmatch
from cmatch.cli.words import counted
from exchange.cli import admin_records
from exchange.client.instruments import Asset, Directory, Instrument
from exchange.config import load
from exchange.domain.contracts.admin import InstrumentRecord
from exchange.errors import ConfigError
from tests.exchange.commands import exchange


def page(*words: str) -> str:
    """The help of a command, its lines joined."""
    return " ".join(exchange(*words, "--help").stdout.split())


def test_help_of_every_administrative_command_begins_with_a_sentence() -> None:
    """Below its usage, before its words and options."""
    parser = argparse.ArgumentParser()
    import_module("exchange.cli.admin").add_arguments(parser)
    (chosen,) = (each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
    assert {"history", "instruments", "fees", "deposit"} <= set(chosen.choices)
    for name, command in chosen.choices.items():
        said = command.description or ""
        assert said[:1].isupper(), name
        assert said.endswith("."), name


def test_help_of_define_instrument_tells_meaning_and_default_of_each_option() -> None:
    """No bare "as a price"."""
    told = page("admin", "define-instrument")
    for words in (
        "prices are multiples of it (one tick)",
        "the largest quantity of an order (1,000,000,000 lots)",
        "how far from the reference a market order may trade, as a price (no bound)",
        "how far from the last price anything may trade",
        "(continuous)",
        "(default: received)",
        "negative is a rebate (0)",
    ):
        assert words in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("admin", "define-asset"), "NUMBER SYMBOL DECIMALS"),
        (("admin", "transfer"), "FROM ASSET AMOUNT TO"),
        (("admin", "shard"), "INSTRUMENT SHARD"),
        (("admin", "provider"), "--inactive it is kept, and not active"),
        (("dlq",), "so many of a service (100)"),
        (("dlq",), "so many seconds at most (default: not at all)"),
        (("dlq",), "(default: who is logged on)"),
        (("log",), "with tail: begin so many records back (10)"),
        (("keys",), "what it may do, of read, trade, admin, follow, shard, stage, door; repeatable"),
        (("keys",), "after so many days (default: never)"),
        (("apikeys",), "after so many days (default: never)"),
        (("book",), "who, for the records (default: who is logged on)"),
    ],
)
def test_help_tells_words_units_and_defaults(words: tuple[str, ...], told: str) -> None:
    """As they are."""
    assert told in page(*words)


def test_unknown_option_is_told_with_the_usage_of_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Not with that of the program."""
    done = exchange("admin", "deposit", "11", "USD", "1", "--loud", check=2)
    assert done.stderr.startswith("usage: exchange admin deposit ")
    assert "exchange admin deposit: error: unrecognized arguments: --loud" in done.stderr
    assert exchange("status", "--loud", check=2).stderr.startswith("usage: exchange status ")
    with pytest.raises(SystemExit):
        cmatch(["replay", "x", "--loud"])
    assert capsys.readouterr().err.startswith("usage: cmatch replay ")


def test_one_of_a_thing_is_told_in_the_singular() -> None:
    """And thousands with commas."""
    assert [counted(number, "laps") for number in (0, 1, 2, 1_000)] == [
        "0 laps",
        "1 lap",
        "2 laps",
        "1,000 laps",
    ]


def test_amount_of_too_many_places_is_told_as_an_amount() -> None:
    """It is no quantity of an instrument."""
    with pytest.raises(ValueError, match=r"^amount 0.0000001 is no multiple of 0.000001$"):
        Asset(2, "USD", 6).units("0.0000001")
    wrong: Any = 0.5
    with pytest.raises(TypeError, match=r"^amount must be a str"):
        Asset(2, "USD", 6).units(wrong)


def test_password_that_is_not_there_is_told_with_how_it_is_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """Nothing is made."""
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    words = ("users", "create", "ann", "--tenant", "1", "--role", "trader", "--data", str(tmp_path / "data"))
    done = exchange(*words, check=78)
    assert done.stderr == (
        "exchange: there is no password on standard input: echo PASSWORD | exchange users create ann ...\n"
    )
    assert not (tmp_path / "data").exists()


def test_data_directory_that_is_too_long_is_told_what_to_do(tmp_path: Any) -> None:
    """The option that chooses another."""
    with pytest.raises(ConfigError, match=r"choose a shorter one with --data$"):
        load(environment={}, data_directory=tmp_path / ("x" * 100))


def test_instruments_are_shown_with_quantities_as_decimals(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As their steps are; JSON has the lots of the record."""

    class Admin:
        def instruments(self) -> tuple[InstrumentRecord, ...]:
            return (InstrumentRecord(symbol="BTC-USD", instrument_id=7, min_qty=1, max_qty=20_000),)

    class Client:
        admin, instruments = Admin(), Directory()

    Client.instruments.add(Instrument(7, "BTC-USD", 1, 2, 2, 4))
    monkeypatch.setattr(admin_records, "connect", lambda _: contextlib.nullcontext(Client()))
    monkeypatch.setattr(admin_records, "_check_there", lambda _: None)
    admin_records.run_records(argparse.Namespace(what="instruments", json=False, arrow=None))
    out = capsys.readouterr().out
    assert out.splitlines()[1].split()[-3:-1] == ["0.0001", "2.0000"]
    assert out.endswith("1 instrument\n")
