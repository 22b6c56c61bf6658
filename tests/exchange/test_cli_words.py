"""Every option of every command with words that it does not expect, beside an exchange of all services."""

from __future__ import annotations

import argparse
import json
from argparse import ArgumentTypeError
from collections.abc import Iterator
from importlib import import_module
from itertools import cycle
from pathlib import Path

import pytest

from cmatch.cli.words import decimal, whole
from exchange.cli import COMMANDS
from exchange.cli.common import name_of
from exchange.domain.enums import OrderStatus
from tests.exchange.commands import exchange
from tests.exchange.running import Up, until

WORDS = ("-1", "18446744073709551616", "nan", "", "1e400", "x", "9" * 30, "é", "a b", "1.5", "0")
RUNNERS = {"up", "standby", "promote", "solo", "demo", "bench", "run", "doctor", "replay", "verify"}
PLACES = {"data", "config", "set", "orders", "arrow"}
SOUND = {
    "SYMBOL": "BTC-USD",
    "INSTRUMENT": "BTC-USD",
    "ASSET": "BTC",
    "QTY": "1",
    "PRICE": "1",
    "AMOUNT": "1",
}
SERVICES = ("market_data", "history", "settlement", "admin")


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """An exchange with a market of two accounts, and everything that can be asked."""
    enabled = [f"{name}.enabled=true" for name in SERVICES]
    made = Up.start(tmp_path_factory.mktemp("up") / "data", *enabled)
    try:
        until(made.announcement, "it did not start")
        made.say("admin", "define-asset", "1", "BTC", "8")
        made.say("admin", "define-asset", "2", "USD", "6")
        market = ["define-instrument", "7", "BTC-USD", "--base", "BTC", "--quote", "USD"]
        made.say("admin", *market, "--price-scale", "2", "--qty-scale", "4")
        for account in ("11", "12"):
            made.say("admin", "open-account", account, "--of", "1")
            made.say("admin", "deposit", account, "USD", "1000000")
        yield made
    finally:
        made.end()


Leaf = tuple[list[str], argparse.ArgumentParser]


def leaves(parser: argparse.ArgumentParser, path: list[str]) -> Iterator[Leaf]:
    """Every command that takes no further one."""
    further = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    if not further:
        yield path, parser
    for each in further:
        for name, below in each.choices.items():
            yield from leaves(below, [*path, name])


def commands() -> Iterator[Leaf]:
    """All that ask or tell an exchange something."""
    for name, _ in COMMANDS:
        if name not in RUNNERS:
            parser = argparse.ArgumentParser(prog=name)
            import_module(f"exchange.cli.{name}").add_arguments(parser)
            yield from leaves(parser, [name])


def sound(action: argparse.Action) -> str:
    """A word that an argument takes."""
    if action.choices:
        return str(next(iter(action.choices)))
    name = action.metavar if isinstance(action.metavar, str) else action.dest
    return SOUND.get(name.upper(), "x" if action.type is None else "1")


def lines_of(path: list[str], parser: argparse.ArgumentParser, words: Iterator[str]) -> Iterator[list[str]]:
    """A command line for each argument, in which that one has a word of these."""
    taking = [each for each in parser._actions if each.nargs != 0]
    needed = [each for each in taking if each.required]
    for odd in taking:
        if odd.dest in PLACES:
            continue
        named, placed = [], []
        for each in [*needed, *([] if odd in needed else [odd])]:
            word = next(words) if each is odd else sound(each)
            if each.option_strings:
                named.append(f"{each.option_strings[-1]}={word}")
            else:
                placed.append(word)
        yield [*path, *named, *(["--", *placed] if placed else [])]


def test_empty_words_name_nothing(up: Up) -> None:
    """A variable of the shell that is not set selects neither everything nor another kind of order."""
    order = up.ask("order", "new", "BTC-USD", "buy", "1", "100", "--account", "11")
    assert order["order_status"] == str(OrderStatus.OPEN)
    refused = {
        ("order", "new", "BTC-USD", "buy", "1", "", "--account", "11"): "price is no plain decimal",
        ("order", "cancel", "--all", "--instrument=", "--account", "11"): "an empty word names nothing",
        ("order", "cancel", "", "--account", "11"): "an empty word names nothing",
        ("order", "list", "--instrument=", "--account", "11"): "an empty word names nothing",
        ("admin", "set-limits", "--instrument=", "--max-open-orders", "1"): "an empty word names nothing",
        ("admin", "set-limits", "--rate-interval", "1"): "rate_interval is of an order_rate",
        ("admin", "kill", "venue", "7"): "kill of venue takes no number",
        ("book", "ETH-USD"): "book: there is no instrument 'ETH-USD'",
        ("admin", "mark", "ETH-USD", "1"): "admin mark: there is no instrument 'ETH-USD'",
    }
    for line, sentence in refused.items():
        done = exchange(*line, "--data", str(up.data), check=78)
        assert (done.stdout, done.stderr.count("\n")) == ("", 1)
        assert sentence in done.stderr, done
    (row,) = up.ask("order", "list", "--account", "11")
    assert row["order_id"] == order["order_id"]


def test_no_word_of_any_option_ends_in_a_traceback(up: Up) -> None:
    """A refused one is a sentence; whoever could not be asked, or refused, has its own exit code."""
    words = cycle(WORDS)
    tried = 0
    for path, parser in commands():
        for line in lines_of(path, parser, words):
            at = line.index("--") if "--" in line else len(line)
            done = exchange(*line[:at], "--data", str(up.data), *line[at:], check=None)
            assert done.returncode in (0, 1, 2, 78), (line, done)
            assert done.returncode == 0 or done.stderr.strip() or done.stdout.strip(), line
            assert "Traceback" not in done.stderr, line
            tried += 1
    assert tried > 250


@pytest.mark.parametrize("word", ["", "-", "--1", "1 ", "٣", "1_0", "0x1", "1.0", "8", "-4", "9" * 5000])
def test_word_that_is_no_whole_number_within_bounds_is_refused(word: str) -> None:
    """Neither digits of another script nor what Python alone reads."""
    with pytest.raises(ArgumentTypeError, match="expected a whole number from -3 to 7, not"):
        whole(-3, 7)(word)


def test_bounds_are_within() -> None:
    """Of decimals the least may be left out."""
    assert [whole(-3, 7)(word) for word in ("-3", "0", "007", "7")] == [-3, 0, 7, 7]
    assert [decimal(0, 2)(word) for word in ("0", "1e-3", "2")] == [0.0, 0.001, 2.0]
    for word in ("0", "-1", "nan", "inf", "2.1", "x", ""):
        with pytest.raises(ArgumentTypeError, match="expected a number above 0, at most 2, not"):
            decimal(0, 2, above=True)(word)
    assert [name_of(word) for word in ("BTC", "7", "٣")] == ["BTC", 7, "٣"]


@pytest.mark.parametrize(
    ("closed", "asked", "in_flight"),
    [
        ((), ["2,000/s in messages of 4", "3,000/s in messages of 4"], 0),
        (("--in-flight", "8"), ["8 in flight in messages of 4"] * 2, 8),
        (("--one-by-one",), ["1 in flight in messages of 1"] * 2, 1),
    ],
)
def test_bench_measures_what_its_options_say(
    tmp_path: Path, closed: tuple[str, ...], asked: list[str], in_flight: int
) -> None:
    """All requests are answered once, and the file has what was printed."""
    rates = ("--rate", "2000", "--rate", "3000", "--batch", "4", "--accounts", "20", "--sockets", "3")
    spans = ("--seconds", "0.5", "--warmup", "0.25", "--runs", "1", "--alone", "--generator-priority", "0")
    file = tmp_path / "found.json"
    printed = exchange("bench", *rates, *closed, *spans, "--json", str(file)).stdout
    found = json.loads(file.read_text())
    assert found["beside"] == []
    assert len(found["measured"]) == len(asked)
    for each, words in zip(found["measured"], asked, strict=True):
        assert (each["in_flight"], each["lost"], each["duplicates"]) == (in_flight, 0, 0)
        assert each["requests"] == sum(count for _, count in each["buckets"]) > 0
        assert f"{words}, 0.5 s: {each['requests']:,} requests" in printed
