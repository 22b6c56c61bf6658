"""A child process: started, watched until it is healthy, started again after an accident, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from exchange.runtime.backoff import Backoff
from exchange.runtime.exits import ExitCode, describe, may_restart
from exchange.runtime.log import log

_POLL_S = 0.02


class Launched(Protocol):
    """A process that was started, as `asyncio.subprocess.Process` is one."""

    @property
    def pid(self) -> int:
        """Its process id."""

    @property
    def returncode(self) -> int | None:
        """How it ended, as `wait` tells it; None: it has not."""

    async def wait(self) -> int:
        """Its exit code, or the negative number of the signal that ended it, once it has ended."""

    def terminate(self) -> None:
        """Asks it to stop; ProcessLookupError: it has ended."""

    def kill(self) -> None:
        """Ends it; ProcessLookupError: it has ended."""


async def program(arguments: Sequence[str], environment: Mapping[str, str]) -> Launched:
    """A process that begins anew.

    Args:
        arguments: Its command line, the program first.
        environment: Variables set beside those of this process.
    """
    return await asyncio.create_subprocess_exec(
        *arguments,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        start_new_session=True,  # a Ctrl-C reaches the supervisor alone, who stops in order
    )


@dataclass(frozen=True)
class ChildSpec:
    """How one process is run.

    Args:
        name: What it is called in lines of the log.
        launch: Starts it.
        healthy: Whether the process with this id answers for itself. Called often: it must be quick.
        start_timeout_s: A child that is not healthy by then is killed and counts as fallen.
        stop_timeout_s: A child that does not stop by then is killed.
        essential: Without it the exchange stops; else it goes on without, and tries again for ever.
        awaited: The exchange is ready when it is, too; else it may take its time.
    """

    name: str
    launch: Callable[[], Awaitable[Launched]]
    healthy: Callable[[int], bool]
    start_timeout_s: float = 180.0
    stop_timeout_s: float = 90.0
    essential: bool = True
    awaited: bool = True


class ChildFailedError(Exception):
    """A child ended in a way that starting it again cannot mend, or fell too often."""

    def __init__(self, name: str, code: int, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.code = code


class Child:
    """One process of the table under a supervisor. Used by one event loop."""

    def __init__(self, spec: ChildSpec, backoff: Backoff) -> None:
        self.spec = spec
        self.restarts = 0
        self.last_code: int = ExitCode.STOPPED
        self.healthy = asyncio.Event()
        self.was_healthy = False
        self.settled = asyncio.Event()  # it was healthy once, or all goes on without it
        self._backoff = backoff
        self._process: Launched | None = None
        self._stopping = False
        self._resting = False  # it fell too often since it was healthy: there are long pauses between two
        self._told = asyncio.Event()  # how the process ended

    @property
    def pid(self) -> int | None:
        """Of the running process; None between two."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def run(self) -> None:
        """Keeps the process running until `stop` is called.

        Raises:
            ChildFailedError: it must not be started again; or it is essential, and fell too often.
        """
        while not self._stopped():
            code = await self._once()
            self.healthy.clear()
            if self._stopped():
                return
            if not may_restart(code):
                reason = f"{describe(code)}; it is not started again"
                raise ChildFailedError(self.spec.name, code, reason)
            pause = None if self._resting else self._backoff.next_pause(time.monotonic())
            if pause is None:
                pause = self._rest(code)
            self.restarts += 1
            log(
                "child fell",
                level=logging.ERROR,
                name=self.spec.name,
                reason=describe(code),
                again_in_s=f"{pause:g}",
            )
            await asyncio.sleep(pause)

    def _rest(self, code: int) -> float:
        """The pause of a child that fell too often: what it lacks, as a store, may come back at any time.

        Raises:
            ChildFailedError: It is essential.
        """
        if not self._resting:
            reason = f"{describe(code)}; it fell {self._backoff.failures} times within a minute"
            if self.spec.essential:
                raise ChildFailedError(self.spec.name, code, reason)
            log("going on without it for now", level=logging.ERROR, name=self.spec.name, reason=reason)
            self._resting = True
            self.settled.set()
        return self._backoff.rest_s

    async def stop(self) -> bool:
        """Asks the process to stop in order, waits for it, and kills it where it does not; whether it did."""
        self._stopping = True
        process = self._process
        if process is None or process.returncode is not None:
            return self.last_code == ExitCode.STOPPED
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), self.spec.stop_timeout_s)
        except TimeoutError:
            log("child does not stop: killed", level=logging.ERROR, name=self.spec.name, pid=process.pid)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await self._told.wait()
        return self._in_order(self.last_code)

    def _in_order(self, code: int) -> bool:
        """Whether it ended as it should; told to stop as it starts, it may not have heard us yet."""
        deaf = self._stopping and not self.healthy.is_set() and code == -signal.SIGTERM
        return code == ExitCode.STOPPED or deaf

    def _stopped(self) -> bool:
        return self._stopping

    async def _once(self) -> int:
        spec = self.spec
        self._told.clear()
        try:
            self._process = process = await spec.launch()
        except OSError as error:
            log("child cannot be started", level=logging.ERROR, name=spec.name, reason=error)
            return ExitCode.FAILED
        log("child started", name=spec.name, pid=process.pid)
        if self._stopping:  # while it was being made
            process.terminate()
        watch = asyncio.create_task(self._watch(process))
        try:
            code = await process.wait()
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
        self.last_code = code
        level = logging.INFO if self._in_order(code) else logging.ERROR
        log("child ended", level=level, name=spec.name, pid=process.pid, code=code, meaning=describe(code))
        self._told.set()
        return code

    async def _watch(self, process: Launched) -> None:
        start = time.monotonic()
        while not self.spec.healthy(process.pid):
            if time.monotonic() - start > self.spec.start_timeout_s:
                log("child does not become healthy: killed", level=logging.ERROR, name=self.spec.name)
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                return
            await asyncio.sleep(_POLL_S)
        self.healthy.set()
        self._resting = False
        self.was_healthy = True
        self.settled.set()
        seconds = f"{time.monotonic() - start:.3f}"
        log("child healthy", name=self.spec.name, pid=process.pid, after_s=seconds)
