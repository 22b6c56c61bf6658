"""Runs the processes of an exchange on one data directory, until it is told to stop or one cannot be helped.

Owns the lock of the directory, the children, and the file that says where they are. Everything happens in one
event loop; what may block (preparing a segment of the journal) happens in a thread of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field

from exchange.errors import ExchangeError
from exchange.runtime.backoff import Backoff
from exchange.runtime.child import Child, ChildFailedError, ChildSpec
from exchange.runtime.exits import ExitCode
from exchange.runtime.log import log
from exchange.storage.directory import DataDirectory, DirectoryLock, write_whole

_CHORE_INTERVAL_S = 0.25


@dataclass(frozen=True)
class Plan:
    """What a supervisor runs.

    Args:
        directory: the data directory; its `run` exists and is private.
        children: in the order in which they start and stop. What comes after an essential one starts when
            that is healthy; the others start together.
        endpoints: what the announcement says of where to connect, by name.
        servers: what is opened once all are healthy, and closed before they stop: metrics, health.
        chore: called four times a second in a thread; what it raises is logged, not fatal.
        on_ready: called once all are healthy.
        backoff: makes what decides how soon and how often a child is started again.
    """

    directory: DataDirectory
    children: Sequence[ChildSpec]
    endpoints: Mapping[str, str] = field(default_factory=dict)
    servers: Sequence[Callable[[], AbstractContextManager[object]]] = ()
    chore: Callable[[], object] | None = None
    on_ready: Callable[[], None] | None = None
    backoff: Callable[[], Backoff] = Backoff


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a supervisor says of its processes, for others to read.

    Args:
        supervisor: Its own process id.
        processes: Those of its children by name; None: it has none at the moment.
        restarts: How often it started each again.
        endpoints: Where to connect, by name.
    """

    supervisor: int
    processes: Mapping[str, int | None]
    restarts: Mapping[str, int]
    endpoints: Mapping[str, str]


def read_announcement(directory: DataDirectory) -> Announcement | None:
    """What the supervisor of a data directory said last; None where none runs.

    One that was killed leaves what it said behind: the lock is the one thing that ends with the process.
    """
    if not DirectoryLock.is_held(directory.lock):
        return None
    try:
        return Announcement(**json.loads(directory.announcement.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


class Supervisor:
    """One run of a plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._children = [Child(spec, plan.backoff()) for spec in plan.children]
        self._stop = asyncio.Event()
        self._pids: dict[str, int | None] = {}
        self._unwell: set[str] = set()

    def stop(self) -> None:
        """Asks for an orderly stop; may be called from a signal handler of the loop."""
        self._stop.set()

    async def run(self) -> int:
        """Runs until stopped.

        Returns:
            The exit code: `STOPPED`, or that of the child that could not be helped.

        Raises:
            StorageError: another supervisor has the directory.
        """
        lock = DirectoryLock.take(self._plan.directory.lock)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._signalled, number)
        try:
            return await self._supervise()
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
            self._plan.directory.announcement.unlink(missing_ok=True)
            lock.release()

    async def _supervise(self) -> int:
        tasks: list[asyncio.Task[None]] = []
        started = time.monotonic()
        code = int(ExitCode.STOPPED)
        with contextlib.ExitStack() as servers:
            try:
                if await self._start(tasks):
                    for server in self._plan.servers:
                        servers.enter_context(server())
                    self._announce()
                    log("exchange ready", after_s=f"{time.monotonic() - started:.3f}")
                    if self._plan.on_ready:
                        self._plan.on_ready()
                    tasks.append(asyncio.create_task(self._chores()))
                    await self._until_stopped(tasks)
            finally:
                code = await self._wind_up(tasks)
        return code

    async def _start(self, tasks: list[asyncio.Task[None]]) -> bool:
        """Starts the children; whether those that are awaited are healthy, or given up as may be."""
        waiting: list[Child] = []
        for child in self._children:
            tasks.append(asyncio.create_task(_keep(child)))
            if child.spec.awaited:
                waiting.append(child)
            if child.spec.essential and not await self._until_all_healthy(waiting, tasks):
                return False
        return await self._until_all_healthy(waiting, tasks)

    async def _until_all_healthy(self, waiting: list[Child], tasks: Sequence[asyncio.Task[None]]) -> bool:
        while waiting:
            if not await self._until_healthy(waiting.pop(), tasks):
                return False
        return True

    async def _until_healthy(self, child: Child, tasks: Sequence[asyncio.Task[None]]) -> bool:
        healthy = asyncio.create_task(child.settled.wait())
        try:
            await self._until_stopped([*tasks, healthy])
        finally:
            healthy.cancel()
        over = self._stop.is_set() or any(task.done() for task in tasks)
        return child.settled.is_set() and not over

    async def _until_stopped(self, tasks: Sequence[asyncio.Task[object] | asyncio.Task[None]]) -> None:
        """Until someone asked us to stop, or one of the tasks is over."""
        stop = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({stop, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.cancel()

    async def _wind_up(self, tasks: Sequence[asyncio.Task[None]]) -> int:
        """Stops the children in order; the exit code is that of the first task that failed."""
        code = int(ExitCode.STOPPED)
        for task in tasks:
            error = task.exception() if task.done() and not task.cancelled() else None
            if isinstance(error, ChildFailedError):
                log("giving up", level=logging.ERROR, name=error.name, reason=str(error))
                code = code or (error.code if error.code in set(ExitCode) else ExitCode.FAILED)
            elif error is not None:
                log("supervisor failed", level=logging.ERROR, error=error)
                code = code or ExitCode.FAILED
        log("exchange stopping")
        for child in self._children:
            if not await child.stop():
                code = code or ExitCode.FAILED
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        log("exchange stopped", code=code)
        return code

    async def _chores(self) -> None:
        complaint = ""
        while True:
            if self._pids != {child.spec.name: child.pid for child in self._children}:
                self._announce()
            self._look_at_children()
            if self._plan.chore:
                try:
                    await asyncio.to_thread(self._plan.chore)
                    complaint = ""
                except (ExchangeError, OSError) as error:
                    if complaint != str(error):
                        log("chore failed", level=logging.WARNING, reason=error)
                    complaint = str(error)
            await asyncio.sleep(_CHORE_INTERVAL_S)

    def _look_at_children(self) -> None:
        """Says of a child that runs whether it answers for itself, when that changes."""
        for child in self._children:
            name, pid = child.spec.name, child.pid
            if pid is None or not child.healthy.is_set():
                continue
            well = child.spec.healthy(pid)
            if well and name in self._unwell:
                self._unwell.discard(name)
                log("child answers again", name=name, pid=pid)
            elif not well and name not in self._unwell:
                self._unwell.add(name)
                log("child does not answer", level=logging.WARNING, name=name, pid=pid)

    def _announce(self) -> None:
        self._pids = {child.spec.name: child.pid for child in self._children}
        content = Announcement(
            supervisor=os.getpid(),
            processes=self._pids,
            restarts={child.spec.name: child.restarts for child in self._children},
            endpoints=dict(self._plan.endpoints),
        )
        write_whole(self._plan.directory.announcement, json.dumps(asdict(content), indent=2).encode())

    def _signalled(self, number: signal.Signals) -> None:
        log("signal received", signal=number.name)
        self.stop()


async def _keep(child: Child) -> None:
    """Keeps a child running; one that is not essential may refuse, but for a setting as it starts."""
    try:
        await child.run()
    except ChildFailedError as error:
        if child.spec.essential or (error.code == ExitCode.CONFIG and not child.was_healthy):
            raise
        log("going on without it", level=logging.ERROR, name=error.name, reason=error)
        child.settled.set()
        await asyncio.Event().wait()  # until all stop
