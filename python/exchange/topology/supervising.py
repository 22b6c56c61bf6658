"""All processes of the table under a supervisor, which speaks for them."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import Final

from exchange.config import Settings
from exchange.runtime.child import ChildSpec, Launched, program
from exchange.runtime.fork_server import ForkServer
from exchange.runtime.log import configure
from exchange.runtime.loop import run as run_loop
from exchange.runtime.overview import SUPERVISOR
from exchange.runtime.priority import keep_off
from exchange.runtime.supervisor import Plan, Supervisor
from exchange.runtime.vitals import Vitals
from exchange.services.risk.approval import approval_of
from exchange.storage.journal import prepare_spare
from exchange.topology.handover import SETTINGS_VARIABLE, endpoints_of, settings_as_json
from exchange.topology.running import prepare
from exchange.topology.table import KERNELS, PROCESSES, Process, called

_OBSERVING: Final = "exchange.topology.observing"
"""Loaded while the core starts, for whose processes it speaks only once they are there."""


def supervise(settings: Settings, on_ready: Callable[[Mapping[str, str]], None] | None = None) -> int:
    """Runs the processes of the table under this one until it is told to stop; its exit code.

    Args:
        settings: Of all of them.
        on_ready: Called with where to connect, by name, once all are healthy.

    Raises:
        ExchangeError: it cannot start: the directory is in use, open to others, or of other limits.
        ConfigError: `risk.approval` names nothing.
    """
    configure(SUPERVISOR, settings=settings.log)
    approval_of(settings.risk.approval)
    keep_off(settings.core.cpu)
    directory = prepare(settings)
    vitals = Vitals(SUPERVISOR)
    endpoints = endpoints_of(settings)

    wanted = [(process, number) for process in PROCESSES for number in process.numbers(settings)]
    names = [called(process.name, number) for process, number in wanted]

    def chore() -> None:
        vitals.beat()
        prepare_spare(directory.journal, settings.limits.segment_bytes)

    def overview() -> AbstractContextManager[None]:
        opened: AbstractContextManager[None] = import_module(_OBSERVING).overview(
            settings, vitals, names, KERNELS, endpoints
        )
        return opened

    async def run() -> int:
        modules = dict.fromkeys(module for process, _ in wanted for module in process.loads)
        async with ForkServer(list(modules)) as forks:
            observing = asyncio.create_task(asyncio.to_thread(import_module, _OBSERVING))
            plan = Plan(
                directory=directory,
                children=[_child(process, settings, number, forks) for process, number in wanted],
                endpoints=endpoints,
                servers=[overview],
                chore=chore,
                on_ready=partial(on_ready, endpoints) if on_ready else None,
            )
            try:
                return await Supervisor(plan).run()
            finally:
                await observing

    return run_loop(run())


def _child(process: Process, settings: Settings, number: int, forks: ForkServer) -> ChildSpec:
    words = ["run", process.name, "--shard", str(number), "--supervisor", str(os.getpid())]
    # Under a supervisor a process has its socket alone.
    own = replace(settings, endpoints=replace(settings.endpoints, process_metrics=""))
    # Every user of the machine can read a command line: a setting may hold a password.
    given = settings_as_json(own)
    launch: Callable[[], Awaitable[Launched]]
    if process.loads:
        title, target = " ".join(["exchange", *words]), "exchange.topology.running:run_forked"
        launch = partial(forks.fork, title, target, process.name, number, given)
    else:
        launch = partial(program, [sys.executable, "-m", "exchange.cli", *words], {SETTINGS_VARIABLE: given})
    return ChildSpec(
        called(process.name, number),
        launch,
        partial(process.healthy, settings, number),
        essential=process.essential,
        awaited=process.awaited,
    )
