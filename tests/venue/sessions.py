"""Sessions: one seed gives the sizes of two venues, their flow of batches, and where they start anew."""

import random
from collections.abc import Iterator, Sequence

from tests.oracle.venue.model import Sizes
from tests.venue.compare import Batch, Pair
from tests.venue.flow import Flow

CHECK_EVERY = 8
RESTART_CHANCE = 0.02

SMALL = {
    "max_accounts": (4, 5),
    "max_assets": (3, 4),
    "max_balances": (12, 13, 14, 16),
    "max_holds": (1, 3),
    "max_transfers": (20, 60),
    "max_instruments": (1, 2),
    "max_orders": (2, 6, 12),
    "max_positions": (2, 4, 6),
    "max_client_ids": (3, 12, 40),
    "max_sessions": (1,),
    "queue_capacity": (1, 3),
    "queue_ttl": (1, 20, 500),
}


class Session:
    """A pair of venues and the flow that feeds them."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        narrow = self.rng.random() < 0.4
        small = {name: self.rng.choice(sizes) for name, sizes in SMALL.items() if self.rng.random() < 0.25}
        if random.Random(f"unposted {seed}").random() < 0.15:  # of its own: other sessions stay as they are
            small["max_unposted_trades"], narrow = 2, True
        self.sizes = Sizes(**(small if narrow else {}))
        self.pair = Pair(self.sizes)
        self.flow = Flow(seed, self.pair.oracle)

    def run(self, batches: int) -> Pair:
        """Applies so many batches, comparing all the way; some of the time on a restored core."""
        for i in range(batches):
            self.pair.apply(*self.flow.next())
            if i % CHECK_EVERY == 0:
                self.pair.check()
            if self.rng.random() < RESTART_CHANCE:
                self.pair.restart()
        self.pair.check()
        return self.pair


def shrink(sizes: Sizes, history: Sequence[Batch]) -> list[Batch]:
    """The fewest commands found that still make the venues differ: whole batches first, then single ones."""
    found = fewer(sizes, list(history))
    singles: list[Batch] = [
        (family, timestamp, [command]) for family, timestamp, commands in found for command in commands
    ]
    return fewer(sizes, singles) if fails(sizes, singles) else found


def fewer(sizes: Sizes, history: list[Batch]) -> list[Batch]:
    """Without every batch that is not needed."""
    chunk = max(len(history) // 2, 1)
    while True:
        for shorter in without_each(history, chunk):
            if fails(sizes, shorter):
                history = shorter
                break
        else:
            if chunk == 1:
                return history
            chunk //= 2


def without_each(history: list[Batch], chunk: int) -> Iterator[list[Batch]]:
    """The history without each of its chunks, the last first."""
    for start in reversed(range(0, len(history), chunk)):
        yield history[:start] + history[start + chunk :]


def fails(sizes: Sizes, history: Sequence[Batch]) -> bool:
    """Whether the venues differ somewhere in these batches."""
    pair = Pair(sizes)
    try:
        for batch in history:
            pair.apply(*batch)
            pair.check()
    except Exception:  # noqa: BLE001 - whatever it is, it is the failure that is looked for
        return True
    return False
