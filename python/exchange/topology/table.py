"""The processes of an exchange, one row each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

from exchange.config import Settings
from exchange.runtime.process_status import is_healthy
from exchange.storage.directory import DataDirectory
from exchange.topology import mains

KERNELS: Final = ("orders", "accounts", "risk", "matching")
"""What the core process is made of, and the replica answers for."""
# The first use of a store, and of the core's arrays, would import these in each process by itself.
_STORE: Final = ("sqlalchemy.dialects.sqlite", "cmatch.arrays")
_HOSTED: Final = ("exchange.topology.hosted", *_STORE)
SQL_SERVICES: Final = ("history", "marketdata", "admin", "settlement")
"""Those with a store."""


@dataclass(frozen=True)
class Process:
    """One process of the table; a shard is one of each number.

    Args:
        name: As in `exchange run NAME`.
        hosts: The services whose part it plays, by name.
        does: What, in a few words.
        main: Runs it until it is told to stop, with the number of its shard or 0; its exit code.
        healthy: Whether the process with that number and this id answers for itself.
        essential: Whether the exchange stops where it cannot be kept running.
        awaited: Whether the exchange is ready only when it is.
        numbers: Those that run beside each other, by the settings.
        several: Whether further instances may run, numbered from 2; one does what only one may.
        also: What else `exchange run` calls it: the service that it is, where its name is another one.
        loads: Its modules, where it is forked from a process that has loaded them. Empty: it begins anew, for
            its first writes to what it would share take time that it does not have.
    """

    name: str
    hosts: tuple[str, ...]
    does: str
    main: Callable[[Settings, int], int]
    healthy: Callable[[Settings, int, int], bool]
    essential: bool = True
    awaited: bool = True
    numbers: Callable[[Settings], Iterable[int]] = lambda _settings: (0,)
    several: bool = False
    also: tuple[str, ...] = ()
    loads: tuple[str, ...] = ()


def called(name: str, number: int) -> str:
    """A process of a table's row, by its number."""
    return f"{name}-{number}" if number else name


def endpoint_of(service: str, settings: Settings, number: int) -> str:
    """Where an instance of a service with a store answers: a further one on an `ipc` socket beside the first.

    By TCP each needs an address of its own: its settings have it.
    """
    endpoint: str = getattr(settings.endpoints, service)
    if number and endpoint.startswith("ipc://"):
        return f"{endpoint.removesuffix('.sock')}-{number}.sock"
    return endpoint


def _gateways(settings: Settings) -> tuple[int, ...]:
    return (0, *range(2, settings.gateway.instances + 1)) if settings.gateway.enabled else ()


def _core_well(settings: Settings, _number: int, pid: int) -> bool:
    statistics = mains.statistics_of(settings)
    try:
        return statistics.healthy(pid, time.monotonic_ns())
    finally:
        statistics.close()


def _well(name: str, settings: Settings, number: int, pid: int) -> bool:
    return is_healthy(DataDirectory(settings.data_directory), called(name, number), pid)


PROCESSES: Final[tuple[Process, ...]] = (
    Process(
        "core",
        KERNELS,
        "sequences, journals, matches and answers",
        mains.core,
        _core_well,
        also=("orders",),
    ),
    Process(
        "shard",
        ("matching",),
        "matches the instruments that are assigned to it",
        mains.shard,
        partial(_well, "shard"),
        essential=False,
        numbers=lambda settings: range(1, settings.matching.shards + 1),
        also=("matching",),
    ),
    Process(
        "accounts",
        ("accounts",),
        "judges orders by the money of their accounts",
        partial(mains.judge, "accounts"),
        partial(_well, "accounts"),
        essential=False,
        numbers=lambda settings: (0,) * settings.accounts.process,
    ),
    Process(
        "risk",
        ("risk",),
        "judges orders by limits, and by what `risk.approval` names",
        partial(mains.judge, "risk"),
        partial(_well, "risk"),
        essential=False,
        numbers=lambda settings: (0,) * settings.risk.process,
    ),
    Process(
        "replica",
        KERNELS,
        "follows the journal, answers queries, takes snapshots",
        mains.replica,
        partial(_well, "replica"),
        essential=False,
        loads=("exchange.topology.replica",),
    ),
    Process(
        "publisher",
        ("orders", "matching", "admin"),
        "follows the journal, publishes executions, trades and administrators' changes to the event log",
        mains.publisher,
        partial(_well, "publisher"),
        essential=False,
        numbers=lambda settings: (0,) if settings.events.publish else (),
        loads=("exchange.runtime.publisher",),
    ),
    Process(
        "audit",
        ("orders",),
        "follows the journal, records what administrators did in the audit log",
        mains.audit,
        partial(_well, "audit"),
        essential=False,
        awaited=False,
        numbers=lambda settings: (0,) if settings.security.audit else (),
        loads=("exchange.runtime.audit_follower",),
    ),
    Process(
        "history",
        ("history",),
        "keeps every order and every execution in a store, answers for them",
        partial(mains.service, "history"),
        partial(_well, "history"),
        essential=False,
        numbers=lambda settings: (0,) if settings.history.enabled else (),
        several=True,
        loads=(*_HOSTED, "exchange.services.history.service"),
    ),
    Process(
        "marketdata",
        ("marketdata",),
        "keeps every trade and candles of them in a store, answers for them unless `marketquery` does",
        mains.market_data,
        partial(_well, "marketdata"),
        essential=False,
        numbers=lambda settings: (0,) if settings.market_data.enabled else (),
        also=("market-data",),
        loads=(*_HOSTED, "exchange.services.marketdata.service"),
    ),
    Process(
        "marketquery",
        ("marketdata",),
        "answers for market data from its store, beside the process that keeps it",
        mains.market_query,
        partial(_well, "marketquery"),
        essential=False,
        numbers=lambda settings: (0,) * (settings.market_data.enabled and settings.market_data.query_process),
        loads=(*_HOSTED, "exchange.services.marketdata.service"),
    ),
    Process(
        "marks",
        ("risk",),
        "tells the core the mark prices of market data",
        mains.marks,
        partial(_well, "marks"),
        essential=False,
        awaited=False,
        numbers=lambda settings: (0,) if settings.risk.marks_ms else (),
        loads=("exchange.services.risk.marks_process",),
    ),
    Process(
        "admin",
        ("admin",),
        "administers: instruments, tenants, accounts, limits, fees; keeps who changed what, and why",
        partial(mains.service, "admin"),
        partial(_well, "admin"),
        essential=False,
        numbers=lambda settings: (0,) if settings.admin.enabled else (),
        loads=(*_HOSTED, "exchange.services.admin.service"),
    ),
    Process(
        "settlement",
        ("settlement",),
        "settles trades: their fees, and that both sides are paid; keeps a row of each",
        partial(mains.service, "settlement"),
        partial(_well, "settlement"),
        essential=False,
        numbers=lambda settings: (0,) if settings.settlement.enabled else (),
        loads=(*_HOSTED, "exchange.services.settlement.service"),
    ),
    Process(
        "identity",
        ("identity",),
        "says to several gateways who asks, keeps users, sessions and keys; of one gateway a part",
        mains.identity,
        partial(_well, "identity"),
        essential=False,
        numbers=lambda settings: (0,) * (settings.gateway.enabled and settings.gateway.instances > 1),
        loads=(*_HOSTED, "exchange.services.identity.service"),
    ),
    Process(
        "gateway",
        ("gateway", "identity"),
        "serves programs over HTTP",
        mains.gateway,
        partial(_well, "gateway"),
        essential=False,
        numbers=_gateways,
        several=True,
        also=("trading-gateway",),
        loads=("exchange.topology.gateway", *_STORE),
    ),
    Process(
        "observe",
        (),
        "serves health and metrics of processes that no supervisor has started",
        mains.observe,
        partial(_well, "observe"),
        essential=False,
        numbers=lambda _settings: (),  # a supervisor does it by itself
    ),
)
