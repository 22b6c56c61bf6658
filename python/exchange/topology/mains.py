"""What each process runs. Each imports its own parts alone: a process starts as fast as these load."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from exchange.config import Settings
from exchange.observability.stats import StatsReader, stats_path
from exchange.runtime.core_status import CoreStatistics
from exchange.runtime.exits import ExitCode
from exchange.runtime.priority import keep_off, rank

_NICE_REPLICA: Final = 5  # clients wait for what it answers: behind the core, before what only follows
_NICE_PUBLISHER: Final = 10
_NICE_AUDIT: Final = 15
_NICE_SERVICE: Final = 10
_NICE_ANSWERS: Final = 5  # likewise


def statistics_of(settings: Settings) -> CoreStatistics:
    """The core's statistics, as any process can read them."""
    path = stats_path(settings.data_directory)
    return CoreStatistics(lambda: StatsReader(path), settings.durability)


def core(settings: Settings, _number: int = 0) -> int:
    """Prepares a process that does nothing else."""
    code: int = import_module("exchange.services.orders.core_process").main(settings)
    return code


def shard(settings: Settings, number: int) -> int:
    """One of the shards."""
    keep_off(settings.core.cpu)
    code: int = import_module("exchange.services.matching.shard_process").main(settings, number)
    return code


def judge(name: str, settings: Settings, _number: int = 0) -> int:
    """Accounts or risk."""
    keep_off(settings.core.cpu)
    code: int = import_module(f"exchange.services.{name}.stage_process").main(settings)
    return code


def replica(settings: Settings, _number: int = 0) -> int:
    """The replica."""
    rank(_NICE_REPLICA)
    code: int = import_module("exchange.topology.replica").main(settings)
    return code


def publisher(settings: Settings, _number: int = 0) -> int:
    """The publisher."""
    return _behind_core("exchange.runtime.publisher", _NICE_PUBLISHER, settings)


def audit(settings: Settings, _number: int = 0) -> int:
    """The writer of the audit log."""
    return _behind_core("exchange.runtime.audit_follower", _NICE_AUDIT, settings)


def service(name: str, settings: Settings, number: int = 0) -> int:
    """An instance of a service with a store."""
    return _hosted(name, settings, number)


def market_data(settings: Settings, number: int = 0) -> int:
    """Keeps trades and candles; answers for them where no other process does."""
    return _hosted("marketdata", settings, number, answers=not settings.market_data.query_process)


def market_query(settings: Settings, number: int = 0) -> int:
    """Answers for market data, and does nothing else."""
    return _hosted("marketdata", settings, number, "marketquery", takes=False)


def marks(settings: Settings, _number: int = 0) -> int:
    """Tells the core mark prices."""
    rank(_NICE_SERVICE)
    keep_off(settings.core.cpu)
    code: int = import_module("exchange.services.risk.marks_process").main(settings)
    return code


def _hosted(
    name: str,
    settings: Settings,
    number: int,
    process: str | None = None,
    *,
    takes: bool = True,
    answers: bool = True,
) -> int:
    rank(_NICE_SERVICE if takes else _NICE_ANSWERS, patient=takes)
    keep_off(settings.core.cpu)
    main = import_module("exchange.topology.hosted").main
    main(name, settings, number, process, takes=takes, answers=answers)
    return ExitCode.STOPPED


def identity(settings: Settings, number: int = 0) -> int:
    """Says to several gateways who asks; they wait for it, so it has no lower rank than they."""
    keep_off(settings.core.cpu)
    import_module("exchange.topology.hosted").main("identity", settings, number)
    return ExitCode.STOPPED


def gateway(settings: Settings, number: int = 0) -> int:
    """A door for programs."""
    keep_off(settings.core.cpu)
    code: int = import_module("exchange.topology.gateway").main(settings, number)
    return code


def observe(settings: Settings, _number: int = 0) -> int:
    """Speaks for the processes that no supervisor has started."""
    keep_off(settings.core.cpu)
    table = import_module("exchange.topology.table")
    names = [table.called(each.name, n) for each in table.PROCESSES for n in each.numbers(settings)]
    code: int = import_module("exchange.topology.observing").main(settings, names, table.KERNELS)
    return code


def _behind_core(module: str, nice: int, settings: Settings) -> int:
    """A follower that goes as far as the core says that nothing will be undone."""
    rank(nice, patient=True)
    keep_off(settings.core.cpu)
    statistics = statistics_of(settings)
    try:
        limit = import_module("exchange.runtime.publisher").limit_of(settings, statistics)
        code: int = import_module(module).main(settings, limit)
    finally:
        statistics.close()
    return code
