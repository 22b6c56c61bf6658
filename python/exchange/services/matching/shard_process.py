"""The process of a shard: follows the journal, matches what is passed on to it, sends the core the events.

It begins with a snapshot that the replica took, which has the books of all shards, folds what came since, and
sends what the journal lacks.
"""

from __future__ import annotations

import time
from typing import Final

from exchange.bus.dealer import Dealer
from exchange.config.settings import Settings
from exchange.errors import ConfigError
from exchange.runtime.beside_core import keys_beside_core, work_beside_core
from exchange.runtime.follower_metrics import tell_progress
from exchange.runtime.log import log
from exchange.runtime.vitals import Vitals, telling
from exchange.services.matching.shard_link import Records, ShardLink
from exchange.storage.directory import DataDirectory
from exchange.storage.fold import Fold, starting_venue
from exchange.storage.venue_limits import limits_of

_MS: Final = 1_000_000
_SLICE_COMMANDS: Final = 1_024  # between two looks at the connection
_HISTORY_BYTES: Final = 16 << 20


class ShardFold(Fold):
    """The fold of the journal with the engine of one shard.

    Args:
        directory: The data directory.
        settings: Of the exchange.
        shard: Whose engine runs here.
    """

    def __init__(self, directory: DataDirectory, settings: Settings, shard: int) -> None:
        venue = starting_venue(directory, limits_of(settings), _HISTORY_BYTES, shard=shard)
        # Nobody asks it what has become of orders.
        super().__init__(
            directory.journal, venue, orders_per_account=1, max_orders=1, max_accounts=1, max_instruments=1
        )
        self._shard = shard

    def shard_expected(self) -> int:
        """The number of the event that the journal has next."""
        known = self.venue.shards()
        mine = known[known["shard"] == self._shard]
        return int(mine["expected"][0]) if mine.size else 1

    def shard_events(self, first: int, most: int) -> Records:
        """(n,) of SHARD_EVENT: made and not in the journal, from that number on."""
        return self.venue.shard_events(self._shard, first, most)


class ShardWork:
    """What the process of a shard does, in one thread.

    Args:
        fold: Its fold.
        link: Its way to the core.
    """

    def __init__(self, fold: ShardFold, link: ShardLink) -> None:
        self._fold = fold
        self._link = link

    @property
    def sequence(self) -> int:
        """Of the last command that was applied."""
        return self._fold.sequence

    @property
    def logged_on(self) -> bool:
        """Whether the core takes events."""
        return self._link.logged_on

    def turn(self, now_ns: int) -> int:
        """Follows and sends; how many commands and events.

        Raises:
            JournalCorrupt: The journal cannot be followed.
            CoreRefusedError: The core does not take what it sends.
        """
        return self._fold.advance(_SLICE_COMMANDS) + self._link.turn(now_ns)


def main(settings: Settings, shard: int) -> int:
    """Runs a shard until it is told to stop; its exit code.

    Raises:
        ConfigError: There is no such shard.
        ExchangeError: It cannot begin, or cannot go on.
    """
    if not 1 <= shard <= settings.matching.shards:
        raise ConfigError(
            f"there is no shard {shard}: expected 1 to matching.shards, {settings.matching.shards}"
        )
    with telling(settings, f"shard-{shard}", ["matching"]) as vitals:
        return _run(settings, shard, vitals)


def _run(settings: Settings, shard: int, vitals: Vitals) -> int:
    directory = DataDirectory(settings.data_directory)
    start = time.monotonic()
    fold = ShardFold(directory, settings, shard)
    commands = fold.advance_to_end()
    log(
        "shard caught up",
        commands=commands,
        sequence=fold.sequence,
        seconds=f"{time.monotonic() - start:.3f}",
    )
    timeout_ns = settings.matching.heartbeat_timeout_ms * _MS
    dealer = Dealer(settings.endpoints.orders, *keys_beside_core(settings, vitals.name))
    try:
        link = ShardLink(shard, fold, dealer, timeout_ns // 10, 5 * timeout_ns)
        tell_progress(vitals, settings, lambda: fold.sequence, lambda: link.logged_on)
        return work_beside_core(ShardWork(fold, link), vitals)
    finally:
        dealer.close()
