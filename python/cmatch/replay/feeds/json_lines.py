"""Captures of JSON messages, one a line: plain, or as cryptofeed's raw collector writes them.

That collector puts the time of receipt before each message (`1618677817.061845: {...}`) and notes
connections and what was sent in lines of their own (`wss://... <- 1618677817.02: {...}`), which are passed
over.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from cmatch.replay.decimals import places, scaled
from cmatch.replay.effects import EffectFlag, EffectKind, Records, effects_of
from cmatch.replay.errors import FeedError, line

_RECEIVED = re.compile(rb"(\d+)(?:\.(\d+))?: (?=[{\[])")
_NOTED = re.compile(rb"(?:wss|https?)://\S+ (?:<->|<-|->) ")
_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|\+00:00)?\Z")
_DAYS_BEFORE_MONTH = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)

Message = dict[str, Any]
# As EFFECT_DTYPE, but price and qty still are texts.
TextRow = tuple[int, int, str, str, int, int, int, int, int, int, int]


def messages(path: Path, data: bytes) -> Iterator[tuple[int, int | None, Message]]:
    """All messages: line number, time of receipt in ns where the line has one, message.

    Raises:
        FeedError: a line is no message.
    """
    for number, raw in enumerate(data.split(b"\n"), 1):
        text = raw.strip()
        if not text or _NOTED.match(text):
            continue
        received = _RECEIVED.match(text)
        body = text[received.end() :] if received else text
        try:
            message = json.loads(body, parse_float=str)
        except (ValueError, RecursionError) as error:
            raise FeedError(path, line(number), f"it is not a JSON message ({error})") from None
        if not isinstance(message, dict):
            raise FeedError(path, line(number), "a message is a JSON object")
        time = None
        if received:
            time = int(received[1]) * 10**9 + int((received[2] or b"").ljust(9, b"0")[:9])
        yield number, time, message


def first_message(head: bytes) -> Message | None:
    """The first whole message of a file's beginning, or None."""
    for raw in head.split(b"\n"):
        text = raw.strip()
        if not text or _NOTED.match(text):
            continue
        received = _RECEIVED.match(text)
        try:
            message = json.loads(text[received.end() :] if received else text)
        except (ValueError, RecursionError):
            return None
        return message if isinstance(message, dict) else None
    return None


def time_of(text: str) -> int:
    """An ISO 8601 time in UTC as ns since the Unix epoch.

    Raises:
        ValueError: it is not one.
    """
    match = _TIME.match(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a time like 2021-04-17T16:43:37.067586Z")
    year, month, day, hour, minute, second = (int(match[k]) for k in range(1, 7))
    if not 1 <= month <= 12:
        raise ValueError(f"{text[:40]!r} has no month {month}")
    leap = month > 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    past = year - 1
    days = past * 365 + past // 4 - past // 100 + past // 400 + _DAYS_BEFORE_MONTH[month - 1] + leap + day
    seconds = (days - 719_163) * 86_400 + hour * 3600 + minute * 60 + second
    return seconds * 10**9 + int((match[7] or "").ljust(9, "0"))


class Numbering:
    """Gives the numbers 1, 2, 3, ... to names in order of first appearance."""

    def __init__(self) -> None:
        self._numbers: dict[object, int] = {}

    def __call__(self, name: object) -> int:
        """The number of a name."""
        return self._numbers.setdefault(name, len(self._numbers) + 1)

    def names(self) -> list[str]:
        """All names in order."""
        return [str(name) for name in self._numbers]


def scale(
    path: Path, rows: Sequence[TextRow], instruments: int, extra: Iterable[tuple[int, str]] = ()
) -> tuple[Records, list[int], list[int]]:
    """Effects from rows with texts, each instrument at the decimals that its texts need.

    Args:
        path: the file, for errors.
        rows: the rows.
        instruments: how many instruments there are.
        extra: further prices, as (instrument, text), that must fit in.

    Returns:
        The effects with raw integers; the decimals of prices and those of quantities of each instrument.
    """
    prices: list[dict[str, int]] = [{} for _ in range(instruments)]
    sizes: list[dict[str, int]] = [{} for _ in range(instruments)]
    try:
        for row in rows:
            prices[row[7]][row[2]] = sizes[row[7]][row[3]] = row[6]
        price_decimals = [
            max((_places(path, t, at) for t, at in texts.items()), default=0) for texts in prices
        ]
        qty_decimals = [max((_places(path, t, at) for t, at in texts.items()), default=0) for texts in sizes]
        for instrument, text in extra:
            price_decimals[instrument] = max(price_decimals[instrument], places(text))
    except ValueError as error:
        raise FeedError(path, "", str(error)) from None
    for tables, decimals in ((prices, price_decimals), (sizes, qty_decimals)):
        for texts, wanted in zip(tables, decimals, strict=True):
            for text, at in texts.items():
                try:
                    texts[text] = scaled(text, wanted)
                except ValueError as error:
                    raise FeedError(path, line(at), str(error)) from None
    whole = [(row[0], row[1], prices[row[7]][row[2]], sizes[row[7]][row[3]], *row[4:]) for row in rows]
    return effects_of(whole), price_decimals, qty_decimals


def _places(path: Path, text: str, at: int) -> int:
    try:
        return places(text)
    except ValueError as error:
        raise FeedError(path, line(at), str(error)) from None


def clear_row(time: int, position: int, instrument: int) -> TextRow:
    """All orders of an instrument are gone."""
    return (time, 0, "0", "0", -1, -1, position, instrument, EffectKind.CLEAR, 0, EffectFlag.LAST)
