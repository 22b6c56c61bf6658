"""The process of a shard: follows the journal, matches what is passed on to it, sends the core the events.

It owns no truth: whatever it has follows from the journal. Killed, it begins with a snapshot that the replica
took, which has the books of all shards, folds what came since, and sends what the journal lacks.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import time
from pathlib import Path
from typing import Final

from exchange.bus.curve import KeyPair
from exchange.bus.dealer import Dealer
from exchange.config.settings import Settings
from exchange.errors import ConfigError
from exchange.runtime.exits import ExitCode
from exchange.runtime.log import log
from exchange.services.matching.shard_link import Records, ShardLink, ShardRefusedError
from exchange.storage.directory import DataDirectory, replace_file
from exchange.storage.fold import Fold, starting_venue
from exchange.storage.venue_limits import limits_of

_MS: Final = 1_000_000
_SLICE_COMMANDS: Final = 1_024  # between two looks at the connection
_SHORTEST_PAUSE_S: Final = 0.00005
_LONGEST_PAUSE_S: Final = 0.002
_STATUS_NS: Final = 250 * _MS
_MAX_STATUS_AGE_NS: Final = 3_000 * _MS
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


class ShardProcess:
    """One run of a shard, in one thread.

    Args:
        directory: The data directory.
        fold: Its fold.
        link: Its way to the core.
        shard: Its number.
    """

    def __init__(self, directory: DataDirectory, fold: ShardFold, link: ShardLink, shard: int) -> None:
        self._fold = fold
        self._link = link
        self._path = status_path(directory, shard)
        self._next_status_ns = 0
        self.stopping = False

    def run(self) -> None:
        """Follows and sends until `stopping` is set.

        Raises:
            JournalCorrupt: The journal cannot be followed.
            ShardRefusedError: The core does not take what it sends.
        """
        pause = _SHORTEST_PAUSE_S
        while not self.stopping:
            done = self._fold.advance(_SLICE_COMMANDS)
            now_ns = time.monotonic_ns()
            done += self._link.turn(now_ns)
            if now_ns >= self._next_status_ns:
                self._next_status_ns = now_ns + _STATUS_NS
                self._write_status(now_ns)
            if done:
                pause = _SHORTEST_PAUSE_S
                continue
            time.sleep(pause)
            pause = min(pause * 1.3, _LONGEST_PAUSE_S)

    def _write_status(self, now_ns: int) -> None:
        content = {"pid": os.getpid(), "sequence": self._fold.sequence, "heartbeat_ns": now_ns}
        with contextlib.suppress(OSError):  # a full disk is the core's to report
            replace_file(self._path, json.dumps(content).encode("ascii"))


def main(settings: Settings, shard: int) -> int:
    """Runs a shard until it is told to stop; its exit code.

    Raises:
        ConfigError: There is no such shard.
        ExchangeError: It cannot begin.
    """
    if not 1 <= shard <= settings.matching.shards:
        raise ConfigError(
            f"there is no shard {shard}: expected 1 to matching.shards, {settings.matching.shards}"
        )
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
    dealer = Dealer(settings.endpoints.orders, *_keys(settings, shard))
    link = ShardLink(shard, fold, dealer, timeout_ns // 10, 5 * timeout_ns)
    process = ShardProcess(directory, fold, link, shard)

    def stop(*_: object) -> None:
        process.stopping = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    gc.collect()
    gc.freeze()
    try:
        process.run()
    except ShardRefusedError as error:
        log("refused by the core", reason=error)
        return ExitCode.FAILED
    finally:
        dealer.close()
    log("shard stopped", sequence=fold.sequence)
    return ExitCode.STOPPED


def _keys(settings: Settings, shard: int) -> tuple[KeyPair | None, str | None]:
    """What protects the way to the core: `shard-N.key`, of a client with the role shard."""
    directory = settings.security.keys_directory
    if directory is None:
        return None, None
    return KeyPair.read(directory / f"shard-{shard}.key"), KeyPair.read(directory / "server.key").public


def status_path(directory: DataDirectory, shard: int) -> Path:
    """Where a shard says how far it is, as JSON."""
    return directory.run / f"shard-{shard}.json"


def is_healthy(directory: DataDirectory, shard: int, pid: int) -> bool:
    """Whether the shard's process with this id said a moment ago that it follows."""
    try:
        status = json.loads(status_path(directory, shard).read_bytes())
    except (OSError, ValueError):
        return False
    fresh = time.monotonic_ns() - int(status["heartbeat_ns"]) <= _MAX_STATUS_AGE_NS
    return fresh and int(status["pid"]) == pid
