"""What words of a command line stand for. Of one that does not fit, argparse says which option it was for."""

from __future__ import annotations

import math
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

INT32_MAX: Final = (1 << 31) - 1
INT64_MAX: Final = (1 << 63) - 1
UINT32_MAX: Final = (1 << 32) - 1
UINT64_MAX: Final = (1 << 64) - 1
DAY_S: Final = 86_400.0
DAYS_MAX: Final = 36_500.0
_DIGITS: Final = 40


class Parser(ArgumentParser):
    """Of an unknown option it tells the usage of the command that was named, not of the one above it."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Of argparse, and of each command below in its turn."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found, unknown


def counted(number: int, things: str) -> str:
    """So many of what a plural names: "1 candle", "2 candles"."""
    return f"{number:,} {things.removesuffix('s') if number == 1 else things}"


def whole(least: int = 0, most: int = UINT64_MAX) -> Callable[[str], int]:
    """A whole number within bounds, as a type of argparse."""

    def read(word: str) -> int:
        digits = word.removeprefix("-")
        if digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS and least <= int(word) <= most:
            return int(word)
        raise ArgumentTypeError(f"expected a whole number from {least:,} to {most:,}, not {word!r}")

    return read


def decimal(least: float, most: float, *, above: bool = False) -> Callable[[str], float]:
    """A number within bounds, or above the least, as a type of argparse."""

    def read(word: str) -> float:
        try:
            value = float(word)
        except ValueError:
            value = math.nan
        if least <= value <= most and (value > least or not above):
            return value
        begin = f"above {least:,.12g}, at most" if above else f"from {least:,.12g} to"
        raise ArgumentTypeError(f"expected a number {begin} {most:,.12g}, not {word!r}")

    return read


def given(word: str) -> str:
    """Any word, as a type of argparse, but that of a variable of the shell that is not set."""
    if not word:
        raise ArgumentTypeError("the word is empty")
    return word


def place(word: str) -> Path:
    """A file or directory, as a type of argparse."""
    return Path(given(word))


def new_file(word: str) -> Path:
    """A file that can be written, as a type of argparse: looked at before there is something to write."""
    path = place(word)
    if path.is_dir() or not path.parent.is_dir():
        raise ArgumentTypeError(f"{word} cannot be written: expected a file in a directory that is there")
    return path
