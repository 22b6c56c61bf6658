"""Sessions: one seed gives the limits of two engines, their flow of commands, and where they start anew."""

import random
from collections.abc import Iterator

from tests.matching.compare import Pair
from tests.matching.flow import Flow
from tests.oracle.words import Command

CHECK_EVERY = 16
RESTART_CHANCE = 0.02


class Session:
    """A pair of engines and the flow that feeds them."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.limits = {
            "max_instruments": self.rng.choice((1, 2, 3)),
            "max_orders": self.rng.choice((5, 60, 200, 200)),
            "max_order_ids": self.rng.choice((30, 10_000, 10_000)),
        }
        self.pair = Pair(**self.limits)
        instruments = self.rng.randint(1, self.limits["max_instruments"])
        self.flow = Flow(seed, self.pair.oracle, instruments=instruments)

    def run(self, commands: int) -> Pair:
        """Applies so many commands, comparing all the way; some of the time on a restored core."""
        for i in range(commands):
            self.pair.apply(self.flow.next())
            if i % CHECK_EVERY == 0:
                self.pair.check()
            if self.rng.random() < RESTART_CHANCE:
                self.pair.restart()
        self.pair.check()
        return self.pair


def shrink(limits: dict[str, int], history: list[Command]) -> list[Command]:
    """The fewest commands found that still make the two engines differ."""
    chunk = len(history) // 2
    while chunk >= 1:
        for shorter in without_each(history, chunk):
            if fails(limits, shorter):
                history = shorter
                break
        else:
            chunk //= 2
    return history


def without_each(history: list[Command], chunk: int) -> Iterator[list[Command]]:
    """The history without each of its chunks, the last first."""
    for start in reversed(range(0, len(history), chunk)):
        yield history[:start] + history[start + chunk :]


def fails(limits: dict[str, int], history: list[Command]) -> bool:
    """Whether the engines differ somewhere in these commands."""
    pair = Pair(**limits)
    try:
        for command in history:
            pair.apply(command)
            pair.check()
    except Exception:  # noqa: BLE001 - whatever it is, it is the failure that is looked for
        return True
    return False
