"""How a core process stands by: where it begins, whom it follows, and what it leaves behind when it leads."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cmatch._core import Clock, Sequencer, Standby, Venue
from exchange.bus.curve import KeyPair
from exchange.bus.dealer import JOURNAL_OPTIONS, Dealer
from exchange.config.durable import sync_directory
from exchange.config.settings import Replication
from exchange.errors import ConfigError, RpcError, RpcStatus
from exchange.runtime.log import log
from exchange.services.orders.life import Life
from exchange.services.orders.standby import Fencer, StandbyLoop
from exchange.storage.digests import append_digest
from exchange.storage.directory import DataDirectory, write_whole
from exchange.storage.retention import list_segments
from exchange.storage.snapshots import SnapshotFile, read_snapshot, restore

if TYPE_CHECKING:
    from exchange.runtime.history import LeaderHistory

_ORDERS = "/orders.sock"


def begin_standby(directory: DataDirectory, replication: Replication) -> None:
    """Gives a new standby what it begins with: a snapshot, where the leader's first record is gone.

    Raises:
        ExchangeError: the leader's replica does not answer, or has nothing to begin with.
    """
    if list_segments(directory.journal) or any(directory.snapshots.glob("*.snapshot")):
        return
    with _history(replication) as history:
        try:
            history.batches_after(0, 0)
        except RpcError as error:
            if error.code is not RpcStatus.OUT_OF_RANGE:
                raise
        else:
            return
        sequence = history.fetch_snapshot(directory.snapshots)
    file = SnapshotFile.of(directory.snapshots, sequence)
    restore(file, Venue.restore)
    append_digest(directory.digests, read_snapshot(file)[0])
    log("begins with a snapshot of the leader", sequence=sequence)


def doubt(directory: DataDirectory) -> None:
    """Recovery cut something off: it may have been acknowledged, and be no torn tail but damage."""
    if directory.in_sync.exists():
        _tell(directory, in_sync=False)
        log("may lack what it acknowledged: not in sync until the leader says so")


def stand_by(
    life: Life,
    core: Sequencer,
    clock: Clock,
    directory: DataDirectory,
    replication: Replication,
    doorkeeper: Callable[[], object],
) -> Fencer | None:
    """Follows until stopped (None), or until this core leads: then what keeps its old leader away."""
    link = _link(replication)

    with _history(replication) as history:
        standby = Standby(
            core,
            name=replication.standby,
            timeout_ns=replication.timeout_ms * 1_000_000,
            in_sync=directory.in_sync.exists(),
        )
        loop = StandbyLoop(
            core,
            standby,
            link,
            history,
            clock,
            keepers=[doorkeeper],
            tell=lambda in_sync: _tell(directory, in_sync=in_sync),
        )
        promotion = life.runs(loop).run()
    if promotion is None:
        return None
    write_whole(directory.leads, f"{promotion.epoch}\n".encode("ascii"))
    return Fencer(link, clock, promotion.epoch)


def _tell(directory: DataDirectory, *, in_sync: bool) -> None:
    if in_sync:
        write_whole(directory.in_sync, b"")
    else:
        directory.in_sync.unlink(missing_ok=True)
        sync_directory(directory.root)


def _link(replication: Replication) -> Dealer:
    return Dealer(replication.leader, _keys(replication), replication.leader_key or None, JOURNAL_OPTIONS)


def _keys(replication: Replication) -> KeyPair | None:
    return KeyPair.read(replication.key) if replication.key else None


def _history(replication: Replication) -> LeaderHistory:
    endpoint = replication.leader_queries
    if not endpoint and replication.leader.startswith("ipc://") and replication.leader.endswith(_ORDERS):
        endpoint = replication.leader.removesuffix(_ORDERS) + "/queries.sock"
    if not endpoint:
        raise ConfigError("replication.leader_queries is needed where the leader is not on this machine")
    from exchange.runtime.history import LeaderHistory  # with RPC, which a core that leads has no use for

    return LeaderHistory(endpoint, replication.standby, _keys(replication), replication.leader_key or None)
