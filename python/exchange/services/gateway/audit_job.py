"""An audit that an operator has made: a process of its own, one at a time, bounded in time and processor."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from exchange.errors import StorageError
from exchange.runtime.last_audit import KeptAudit, is_running
from exchange.runtime.log import log
from exchange.storage.directory import DataDirectory

SECONDS_MAX: Final = 1_800
"""So long it may take, and so much of a processor: a longer one is for the command line."""
_NICE: Final = 19


@dataclass(frozen=True, slots=True)
class AuditCommand:
    """How an audit of this exchange is run.

    Args:
        arguments: The command, the program first.
        environment: Variables set beside those of this process: its settings.
    """

    arguments: Sequence[str]
    environment: Mapping[str, str]


class AuditJob:
    """The one that a gateway may run. Belongs to one event loop.

    Args:
        directory: What is audited.
        command: By what.
    """

    def __init__(self, directory: DataDirectory, command: AuditCommand) -> None:
        self._directory = directory
        self._command = command
        self._running: asyncio.Task[None] | None = None

    async def look(self) -> tuple[bool, KeptAudit | None]:
        """Whether one runs, of whomever, and what the last one found.

        Raises:
            StorageError: What is kept cannot be read.
        """
        running = self._is_ours() or await asyncio.to_thread(is_running, self._directory.root)
        return running, await asyncio.to_thread(KeptAudit.read, self._directory)

    async def start(self, who: str) -> bool:
        """Begins one, unless one runs; whether it did.

        Args:
            who: Has it made.

        Raises:
            StorageError: The data directory cannot be read.
        """
        if self._is_ours() or await asyncio.to_thread(is_running, self._directory.root):
            return False
        if self._is_ours():  # another request, while it was looked
            return False
        self._running = asyncio.create_task(self._run(who))
        return True

    async def close(self) -> None:
        """Ends what runs; it leaves the last result."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    def _is_ours(self) -> bool:
        return self._running is not None and not self._running.done()

    async def _run(self, who: str) -> None:
        began = time.time_ns()
        process = await asyncio.create_subprocess_exec(
            *self._command.arguments, f"--by={who}",
            env={**os.environ, **self._command.environment},
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        error = ""
        try:
            # The kernel sees to the bound, whatever becomes of this gateway.
            resource.prlimit(process.pid, resource.RLIMIT_CPU, (SECONDS_MAX, SECONDS_MAX))
            os.setpriority(os.PRIO_PROCESS, process.pid, _NICE)
            log("audit began", pid=process.pid, who=who)
            async with asyncio.timeout(SECONDS_MAX):
                await process.wait()
        except TimeoutError:
            error = f"it took longer than {SECONDS_MAX:,} s"
        except ProcessLookupError:
            pass  # it ended before it could be bound
        finally:
            with contextlib.suppress(ProcessLookupError):
                if process.returncode is None:
                    process.kill()
        code = await process.wait()
        log("audit ended", level=logging.WARNING if code else logging.INFO, pid=process.pid, code=code)
        await asyncio.to_thread(self._keep_failure, began, who, error or f"it ended with code {code}")

    def _keep_failure(self, began: int, who: str, error: str) -> None:
        """That one had no result, unless it says so itself."""
        with contextlib.suppress(StorageError):
            last = KeptAudit.read(self._directory)
            if last is None or last.began_ns < began:
                seconds = round((time.time_ns() - began) / 1e9, 3)
                KeptAudit(began, seconds, who, error, {}).keep(self._directory)
