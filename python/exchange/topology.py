"""What runs where: the table of services and of processes. Composition happens here and nowhere else."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Final

from cmatch._core import ALL_SHARDS
from exchange.bus.context import Context
from exchange.bus.curve import Authenticator, KeyPair, Keyring, KeyringWatch
from exchange.bus.rpc import Dispatcher, RpcServer
from exchange.bus.topics import TopicTable
from exchange.config import Settings, load
from exchange.config.private import private_directory
from exchange.errors import ConfigError, ExchangeError, SecurityError, StorageError
from exchange.observability import PageServer, StatsReader, stats_path
from exchange.observability.tracing import start_tracing
from exchange.runtime import audit_follower, publisher
from exchange.runtime.auditing import ProcessAudit, Refusal, key_store
from exchange.runtime.beside_core import is_healthy
from exchange.runtime.child import ChildSpec, die_with_parent
from exchange.runtime.core_status import CoreStatistics
from exchange.runtime.exits import ExitCode
from exchange.runtime.log import configure, log, log_crash
from exchange.runtime.log_metrics import log_extent_families
from exchange.runtime.overview import CORE, SUPERVISOR, Overview
from exchange.runtime.priority import keep_off, rank
from exchange.runtime.publisher import open_log
from exchange.runtime.registry import Membership, instances_directory
from exchange.runtime.replica import Replica, ReplicaPlan, ReplicaPorts
from exchange.runtime.replica import is_healthy as replica_is_healthy
from exchange.runtime.spec import ServiceSpec, check_table
from exchange.runtime.supervisor import Plan, Supervisor
from exchange.runtime.vitals import Vitals, serving, telling
from exchange.security import StoredContexts
from exchange.services.accounts.service import SPEC as ACCOUNTS
from exchange.services.matching.service import SPEC as MATCHING
from exchange.services.orders.service import SPEC as ORDERS
from exchange.services.risk.approval import approval_of
from exchange.services.risk.service import SPEC as RISK
from exchange.storage.directory import DataDirectory
from exchange.storage.fold import starting_venue
from exchange.storage.journal import JournalCorrupt, prepare_spare, remove_segments_before
from exchange.storage.retention import make_room
from exchange.storage.venue_limits import fix_limits, limits_of

SERVICES: Final[tuple[ServiceSpec, ...]] = (ORDERS, ACCOUNTS, RISK, MATCHING)
"""The kernels: what the core process is made of, and the replica answers for."""
SQL_SERVICES: Final = ("history",)
"""Those with a store. Who hosts one imports it: the others do without SQLAlchemy."""

# Journal that a replica folds again when it starts, so that it can tell of the orders in it.
_HISTORY_BYTES: Final = 2 << 30
_KEYS_INTERVAL_S: Final = 1.0
_NICE_REPLICA: Final = 15
_NICE_PUBLISHER: Final = 10
_NICE_AUDIT: Final = 15
_NICE_SERVICE: Final = 10

SETTINGS_VARIABLE: Final = "EXCHANGE_RUN_SETTINGS"
"""Where a supervisor gives a process all settings at once."""


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
    """

    name: str
    hosts: tuple[str, ...]
    does: str
    main: Callable[[Settings, int], int]
    healthy: Callable[[Settings, int, int], bool]
    essential: bool = True
    awaited: bool = True
    numbers: Callable[[Settings], Iterable[int]] = lambda _settings: (0,)


def _core_main(settings: Settings, _number: int = 0) -> int:
    # Imported by who runs it alone: its modules prepare a process that does nothing else.
    module = import_module("exchange.services.orders.core_process")
    code: int = module.main(settings)
    return code


def _shard_main(settings: Settings, number: int) -> int:
    keep_off(settings.core.cpu)
    code: int = import_module("exchange.services.matching.shard_process").main(settings, number)
    return code


def _judge_main(name: str, settings: Settings, _number: int = 0) -> int:
    keep_off(settings.core.cpu)
    code: int = import_module(f"exchange.services.{name}.stage_process").main(settings)
    return code


def _well_beside_core(name: str, settings: Settings, number: int, pid: int) -> bool:
    return is_healthy(DataDirectory(settings.data_directory), _called(name, number), pid)


def _core_healthy(settings: Settings, _number: int, pid: int) -> bool:
    statistics = statistics_of(settings)
    try:
        return statistics.healthy(pid, time.monotonic_ns())
    finally:
        statistics.close()


def _replica_main(settings: Settings, _number: int = 0) -> int:
    rank(_NICE_REPLICA)
    return asyncio.run(_run_replica(settings))


def _publisher_main(settings: Settings, _number: int = 0) -> int:
    rank(_NICE_PUBLISHER)
    keep_off(settings.core.cpu)
    statistics = statistics_of(settings)
    try:
        return publisher.main(settings, publisher.limit_of(settings, statistics))
    finally:
        statistics.close()


def _audit_main(settings: Settings, _number: int = 0) -> int:
    rank(_NICE_AUDIT)
    keep_off(settings.core.cpu)
    statistics = statistics_of(settings)
    try:
        return audit_follower.main(settings, publisher.limit_of(settings, statistics))
    finally:
        statistics.close()


def _service_main(name: str, settings: Settings, _number: int = 0) -> int:
    rank(_NICE_SERVICE)
    keep_off(settings.core.cpu)
    host, sql = import_module("exchange.runtime.service_host"), import_module("exchange.storage.sql")
    spec, keys = spec_of(name), key_store(settings)
    audit = ProcessAudit(DataDirectory(settings.data_directory).audit, name, keys.head_signer)
    with (
        publisher.open_log(settings) as events,
        sql.open_store(host.store_url(settings), name, spec.tables) as store,
        telling(settings, name, [name], getattr(settings.endpoints, name)) as vitals,
    ):
        plan = host.HostPlan(
            spec=spec,
            store=store,
            event_log=events,
            topics=TopicTable(settings.events.environment),
            directory=DataDirectory(settings.data_directory),
            endpoint=getattr(settings.endpoints, name),
            serve=partial(_serve, settings, audit),
            vitals=vitals,
            contexts=StoredContexts(keys),
            audit=audit,
        )
        asyncio.run(host.host_until_told(plan))
    return ExitCode.STOPPED


_KERNELS: Final = tuple(spec.name for spec in SERVICES)
PROCESSES: Final[tuple[Process, ...]] = (
    Process("core", _KERNELS, "sequences, journals, matches and answers", _core_main, _core_healthy),
    Process(
        "shard",
        ("matching",),
        "matches the instruments that are assigned to it",
        _shard_main,
        partial(_well_beside_core, "shard"),
        essential=False,
        numbers=lambda settings: range(1, settings.matching.shards + 1),
    ),
    Process(
        "accounts",
        ("accounts",),
        "judges orders by the money of their accounts",
        partial(_judge_main, "accounts"),
        partial(_well_beside_core, "accounts"),
        essential=False,
        numbers=lambda settings: (0,) * settings.accounts.process,
    ),
    Process(
        "risk",
        ("risk",),
        "judges orders by limits, and by what `risk.approval` names",
        partial(_judge_main, "risk"),
        partial(_well_beside_core, "risk"),
        essential=False,
        numbers=lambda settings: (0,) * settings.risk.process,
    ),
    Process(
        "replica",
        _KERNELS,
        "follows the journal, answers queries, takes snapshots",
        _replica_main,
        lambda settings, _number, pid: replica_is_healthy(DataDirectory(settings.data_directory), pid),
        essential=False,
    ),
    Process(
        "publisher",
        ("orders", "matching"),
        "follows the journal, publishes executions and trades to the event log",
        _publisher_main,
        lambda settings, _number, pid: is_healthy(
            DataDirectory(settings.data_directory), publisher.NAME, pid
        ),
        essential=False,
        numbers=lambda settings: (0,) if settings.events.publish else (),
    ),
    Process(
        "audit",
        ("orders",),
        "follows the journal, records what administrators did in the audit log",
        _audit_main,
        lambda settings, _number, pid: is_healthy(
            DataDirectory(settings.data_directory), audit_follower.NAME, pid
        ),
        essential=False,
        awaited=False,
        numbers=lambda settings: (0,) if settings.security.audit else (),
    ),
    Process(
        "history",
        ("history",),
        "keeps every order and every execution in a store, answers for them",
        partial(_service_main, "history"),
        partial(_well_beside_core, "history"),
        essential=False,
        numbers=lambda settings: (0,) if settings.history.enabled else (),
    ),
)

check_table(SERVICES, outside=("core.commands",))


def spec_of(name: str) -> ServiceSpec:
    """A service of the table, which is imported for it."""
    spec: ServiceSpec = import_module(f"exchange.services.{name}.service").SPEC
    return spec


def prepare(settings: Settings) -> DataDirectory:
    """Makes the directories of an exchange, or checks them.

    Raises:
        SecurityError: `run` is open to others.
        ConfigError: the data directory was made with other limits.
        StorageError: it cannot be made.
    """
    directory = DataDirectory(settings.data_directory)
    try:
        for path in (directory.root, directory.journal, directory.snapshots):
            path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{settings.data_directory} cannot be made: {error.strerror}") from error
    private_directory(directory.run)
    fix_limits(directory.root, limits_of(settings))
    return directory


def statistics_of(settings: Settings) -> CoreStatistics:
    """The core's statistics, as any process can read them."""
    path = stats_path(settings.data_directory)
    return CoreStatistics(lambda: StatsReader(path), settings.durability)


def run_process(name: str, settings: Settings, supervisor: int | None = None, number: int = 0) -> int:
    """Runs one process of the table in this one; its exit code.

    Args:
        name: which.
        settings: of the exchange.
        supervisor: process id of who started us, with whom we end.
        number: of the shard.
    """
    process = next(each for each in PROCESSES if each.name == name)
    configure(_called(name, number), settings=settings.log)
    sys.excepthook = log_crash
    if supervisor is not None:
        die_with_parent(supervisor)
    try:
        prepare(settings)
        with _tracing(settings, _called(name, number)):
            return process.main(settings, number)
    except (ConfigError, SecurityError) as error:
        log("refused to start", reason=error)
        return ExitCode.CONFIG
    except JournalCorrupt as error:
        log("refused to start", reason=error)
        return ExitCode.JOURNAL_CORRUPT
    except ExchangeError as error:
        log("failed", reason=error)
        return ExitCode.FAILED


def run_all(settings: Settings) -> int:
    """Runs core and replica in this one process, for tests: the replica in a thread; the core's exit code.

    Raises:
        ConfigError: a stage has processes of its own.
    """
    if settings.matching.shards:
        raise ConfigError(f"matching.shards is {settings.matching.shards}: expected 0 for all in one process")
    for name in ("accounts", "risk"):
        if getattr(settings, name).process:
            raise ConfigError(f"{name}.process is true: expected false for all in one process")
    configure("all-in-one", settings=settings.log)
    prepare(settings)
    started: list[tuple[asyncio.AbstractEventLoop, Replica]] = []

    async def replica() -> None:
        made = _make_replica(settings, Vitals("replica"))
        started.append((asyncio.get_running_loop(), made))
        await made.run()

    thread = threading.Thread(target=lambda: asyncio.run(replica()), name="replica")
    thread.start()
    try:
        return _core_main(settings)
    finally:
        while not started and thread.is_alive():
            thread.join(0.01)
        for loop, made in started:
            loop.call_soon_threadsafe(made.stop)
        thread.join()


def supervise(settings: Settings, on_ready: Callable[[], None] | None = None) -> int:
    """Runs the processes of the table under this one until it is told to stop; its exit code.

    Raises:
        ExchangeError: it cannot start: the directory is in use, open to others, or of other limits.
        ConfigError: `risk.approval` names nothing.
    """
    configure(SUPERVISOR, settings=settings.log)
    approval_of(settings.risk.approval)
    keep_off(settings.core.cpu)
    directory = prepare(settings)
    vitals = Vitals(SUPERVISOR)

    def chore() -> None:
        vitals.beat()
        prepare_spare(directory.journal, settings.limits.segment_bytes)

    supervisor = Supervisor(
        Plan(
            directory=directory,
            children=[
                _child(process, settings, number)
                for process in PROCESSES
                for number in process.numbers(settings)
            ],
            endpoints=endpoints_of(settings),
            servers=[partial(_overview, settings, vitals)],
            chore=chore,
            on_ready=on_ready,
        )
    )
    return asyncio.run(supervisor.run())


def endpoints_of(settings: Settings) -> dict[str, str]:
    """Where to connect, by name."""
    endpoints = {"orders": settings.endpoints.orders, "queries": settings.endpoints.queries}
    if settings.history.enabled:
        endpoints["history"] = settings.endpoints.history
    if settings.endpoints.metrics:
        endpoints["metrics"] = f"http://{settings.endpoints.metrics}/metrics"
    return endpoints


def settings_as_json(settings: Settings) -> str:
    """Settings as text that `settings_of_json` reads back."""
    return json.dumps(asdict(settings), default=str)


def settings_of_json(text: str) -> Settings:
    """Settings that another process has loaded, without this one's environment and files.

    Raises:
        ConfigError: they are none.
    """
    try:
        values = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"settings of another process are no JSON: {error}") from None
    return load(environment={}, **values)


def _called(name: str, number: int) -> str:
    return f"{name}-{number}" if number else name


def _child(process: Process, settings: Settings, number: int) -> ChildSpec:
    arguments = [sys.executable, "-m", "exchange.cli", "run", process.name, "--shard", str(number)]
    arguments += ["--supervisor", str(os.getpid())]
    healthy = partial(process.healthy, settings, number)
    # Under a supervisor a process has its socket alone.
    own = replace(settings, endpoints=replace(settings.endpoints, process_metrics=""))
    return ChildSpec(
        _called(process.name, number),
        arguments,
        healthy,
        # Every user of the machine can read a command line: a setting may hold a password.
        environment={SETTINGS_VARIABLE: settings_as_json(own)},
        essential=process.essential,
        awaited=process.awaited,
    )


@contextmanager
def _overview(settings: Settings, vitals: Vitals) -> Iterator[None]:
    """What the supervisor serves of all processes, and the heartbeat of the core."""
    directory = DataDirectory(settings.data_directory)
    names = [_called(each.name, number) for each in PROCESSES for number in each.numbers(settings)]
    hosted = {each.name: each.hosts for each in PROCESSES}
    with ExitStack() as opened:
        opened.enter_context(serving(settings, vitals))
        overview = Overview(directory, stats_path(settings.data_directory), names, vitals)
        opened.callback(overview.close)
        events = open_log(settings)
        opened.callback(events.close)
        vitals.tells(families=partial(log_extent_families, events))
        if settings.registry.heartbeats:
            membership = Membership(instances_directory(directory), CORE)
            opened.callback(membership.leave)
            vitals.beats(
                partial(overview.speak_for_core, membership, hosted[CORE], settings.endpoints.orders)
            )
        if settings.endpoints.metrics:
            host, _, port = settings.endpoints.metrics.rpartition(":")
            opened.enter_context(PageServer(overview.pages, (host, int(port))))
        yield


@contextmanager
def _tracing(settings: Settings, process: str) -> Iterator[None]:
    """Spans of this process, where they are asked for; the core has no time for them."""
    tracing = settings.tracing
    if not tracing.endpoint or process == CORE:
        yield
        return
    end = start_tracing(process, tracing.endpoint, tracing.sample_percent)
    try:
        yield
    finally:
        end()


def _make_replica(settings: Settings, vitals: Vitals) -> Replica:
    directory = DataDirectory(settings.data_directory)
    limits = settings.limits
    ports = ReplicaPorts(
        directory.journal,
        starting_venue(directory, limits_of(settings), _HISTORY_BYTES, shard=ALL_SHARDS),
        max_accounts=limits.accounts,
        max_instruments=limits.instruments,
    )
    ports.statistics = statistics_of(settings)
    remove_before = partial(remove_segments_before, directory.journal)
    keys = key_store(settings)
    audit = ProcessAudit(directory.audit, "replica", keys.head_signer)
    return Replica(
        ReplicaPlan(
            directory=directory,
            ports=ports,
            services=SERVICES,
            endpoint=settings.endpoints.queries,
            serve=partial(_serve, settings, audit),
            contexts=StoredContexts(keys),
            audit=audit,
            standby=settings.replication.standby,
            snapshot_interval_s=settings.core.snapshot_interval_s,
            tidy=lambda: make_room(directory, limits.journal_bytes, remove_before),
            events=publisher.open_log(settings),
            vitals=vitals,
        )
    )


@asynccontextmanager
async def _serve(
    settings: Settings, audit: ProcessAudit, context: Context, endpoint: str, dispatcher: Dispatcher
) -> AsyncIterator[RpcServer]:
    keys = settings.security.keys_directory
    if endpoint.startswith("ipc://") or keys is None:
        async with RpcServer(context, endpoint, dispatcher) as server:
            yield server
        return
    with Authenticator(context, Keyring.read(keys / "clients")) as authenticator:
        authenticator.on_refused = lambda key: audit.refuse(Refusal(action="logon", target=key or "no key"))
        server_keys = KeyPair.read(keys / "server.key")
        watching = asyncio.create_task(_watch_keys(keys / "clients", authenticator))
        try:
            async with RpcServer(
                context, endpoint, dispatcher, authenticator=authenticator, keys=server_keys
            ) as server:
                yield server
        finally:
            watching.cancel()


async def _watch_keys(directory: Path, authenticator: Authenticator) -> None:
    """Has revoked keys no longer recognised, and new ones let in, within a second or two."""
    watch = KeyringWatch(directory)
    while True:
        await asyncio.sleep(_KEYS_INTERVAL_S)
        try:
            keyring = watch.changed()
        except SecurityError as error:
            log("keys cannot be read", level=logging.ERROR, reason=error)
            continue
        if keyring is not None:
            authenticator.keyring = keyring
            log("keys were changed", principals=len(keyring))


async def _run_replica(settings: Settings) -> int:
    with telling(settings, "replica", _KERNELS, settings.endpoints.queries) as vitals:
        return await _follow(_make_replica(settings, vitals))


async def _follow(replica: Replica) -> int:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, replica.stop)
    await replica.run()
    return ExitCode.STOPPED
