"""What a program wants to be told, so that a new connection is told it, too."""

from __future__ import annotations

from typing import NamedTuple

from exchange.client.rest import streams as s


class Wanted(NamedTuple):
    """One thing. `of` is a symbol, or an account."""

    channel: str
    of: str | int
    interval: str


class Subscriptions:
    """All of one stream, each whether raw."""

    def __init__(self) -> None:
        self._wanted: dict[Wanted, bool] = {}

    def __len__(self) -> int:
        return len(self._wanted)

    def add(self, frame: s.Subscribe, told: s.Subscribed) -> None:
        """They are told from now on."""
        self._wanted |= dict.fromkeys(_named(frame, told), frame.raw)

    def remove(self, frame: s.Subscribe, told: s.Subscribed) -> None:
        """They are not told any more."""
        for each in _named(frame, told):
            self._wanted.pop(each, None)

    def drop(self, frame: s.Subscribe) -> None:
        """The gateway does not tell what a frame of `frames` asks for."""
        for each in _members(frame):
            self._wanted.pop(each, None)

    def trim(self, frame: s.Subscribe) -> bool:
        """Leaves out of such a frame what is not wanted any more; whether anything is left."""
        left = {each.of for each in _members(frame) if each in self._wanted}
        frame.instrument_ids = [each for each in frame.instrument_ids if each in left]
        frame.accounts = [each for each in frame.accounts if each in left]
        return bool(left)

    def is_raw(self, channel: str, of: str) -> bool:
        """Whether something is wanted raw."""
        return self._wanted.get(Wanted(channel, of, ""), False)

    def frames(self) -> list[s.Subscribe]:
        """What asks for all of it."""
        groups: dict[tuple[str, str, bool], list[str | int]] = {}
        for (channel, of, interval), raw in self._wanted.items():
            groups.setdefault((channel, interval, raw), []).append(of)
        return [
            s.Subscribe(
                channels=[channel],
                instrument_ids=[each for each in members if isinstance(each, str)],
                accounts=[each for each in members if isinstance(each, int)],
                interval=interval or "1m",  # type: ignore[arg-type]  # as it was asked for
                raw=raw,
            )
            for (channel, interval, raw), members in groups.items()
        ]


def _named(frame: s.Subscribe, told: s.Subscribed) -> list[Wanted]:
    found = []
    for channel in told.channels:
        members: list[str] | list[int] = (
            told.instrument_ids if channel in s.PUBLIC_CHANNELS else told.accounts
        )
        interval = frame.interval if channel == "candles" else ""
        found += [Wanted(channel, each, interval) for each in members]
    return found


def _members(frame: s.Subscribe) -> list[Wanted]:
    told = s.Subscribed(
        channels=frame.channels,
        instrument_ids=frame.instrument_ids,
        accounts=frame.accounts,
        subscriptions=0,
    )
    return _named(frame, told)
