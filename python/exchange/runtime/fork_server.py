"""Starts processes by forking one that has loaded their modules: the program, and the end that asks it.

Each process of an exchange would spend most of its start on importing what the others import, too. The
program reads requests from its standard input, a line of JSON each. It answers on the file descriptor that it
is told: the ids of the processes that it forked, in the order of the requests, and how each of them ended. It
has one thread and opens nothing, so that nothing but code and constants is shared. It ends with who asked it,
and its children end with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import selectors
import signal
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from types import TracebackType
from typing import Any, Final, NoReturn, Self, cast

from setproctitle import setproctitle

from exchange.runtime.exits import ExitCode
from exchange.runtime.parent import die_with_parent

_LINE_BYTES_MAX: Final = 1 << 20
_END_TIMEOUT_S: Final = 10.0
_HELD: Final = (signal.SIGINT, signal.SIGTERM)


class Forked:
    """A process that was forked, as seen by who asked for it. Used by one event loop."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._descriptor = -1
        with contextlib.suppress(ProcessLookupError):  # it may have ended: that is told next
            self._descriptor = os.pidfd_open(pid)
        self._code: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def returncode(self) -> int | None:
        """How it ended, as `wait` tells it; None: it has not."""
        return self._code.result() if self._code.done() else None

    async def wait(self) -> int:
        """Its exit code, or the negative number of the signal that ended it, once it has ended."""
        return await asyncio.shield(self._code)

    def terminate(self) -> None:
        """Asks it to stop.

        Raises:
            ProcessLookupError: It has ended.
        """
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it.

        Raises:
            ProcessLookupError: It has ended.
        """
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self._code.done() or self._descriptor < 0:
            raise ProcessLookupError(self.pid)
        signal.pidfd_send_signal(self._descriptor, number)

    def ended(self, code: int) -> None:
        """Whoever waits is told so."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._code.set_result(code)

    def orphaned(self) -> None:
        """Ends it, for nobody will say how it ends; it counts as fallen once it is gone."""
        loop = asyncio.get_running_loop()

        def gone() -> None:
            loop.remove_reader(self._descriptor)
            self.ended(ExitCode.FAILED)

        try:
            self.kill()
            loop.add_reader(self._descriptor, gone)
        except ProcessLookupError:
            self.ended(ExitCode.FAILED)


@dataclass(frozen=True, slots=True)
class _Program:
    process: asyncio.subprocess.Process
    requests: asyncio.StreamWriter
    answers: asyncio.Task[None]


class ForkServer:
    """The program, started when it is first needed and again where it is gone. Used by one event loop.

    Args:
        modules: What it loads.
    """

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = modules
        self._program: _Program | None = None
        self._starting = asyncio.Lock()
        self._asked: deque[asyncio.Future[Forked]] = deque()
        self._running: dict[int, Forked] = {}

    async def __aenter__(self) -> Self:
        """Has it load meanwhile."""
        await self._started()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends it, and with it whatever of its processes still runs."""
        if self._program is None:
            return
        self._program.requests.close()
        try:
            await asyncio.wait_for(self._program.process.wait(), _END_TIMEOUT_S)
        except TimeoutError:
            self._program.process.kill()
        await self._program.answers

    async def fork(self, title: str, target: str, *arguments: str | int) -> Forked:
        """A new process.

        Args:
            title: What it is called in a list of processes.
            target: What it runs, `module:function`; what that returns is its exit code.
            arguments: Of the function.

        Raises:
            OSError: It cannot be had, for the program ended.
        """
        program = await self._started()
        asked: asyncio.Future[Forked] = asyncio.get_running_loop().create_future()
        self._asked.append(asked)
        request = {"title": title, "target": target, "arguments": arguments}
        program.requests.write(json.dumps(request).encode() + b"\n")
        return await asked

    async def _started(self) -> _Program:
        async with self._starting:
            if self._program is None or self._program.answers.done():
                self._program = await self._start()
            return self._program

    async def _start(self) -> _Program:
        told, tells = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "exchange.runtime.fork_server", str(tells), *self._modules),
                stdin=asyncio.subprocess.PIPE,
                pass_fds=[tells],
                start_new_session=True,  # a Ctrl-C reaches the supervisor alone
            )
        except BaseException:
            os.close(told)
            raise
        finally:
            os.close(tells)
        requests = cast(asyncio.StreamWriter, process.stdin)
        return _Program(process, requests, asyncio.create_task(self._read(told)))

    async def _read(self, told: int) -> None:
        reader = asyncio.StreamReader(limit=_LINE_BYTES_MAX)
        protocol = asyncio.StreamReaderProtocol(reader)
        connect = asyncio.get_running_loop().connect_read_pipe
        transport, _ = await connect(lambda: protocol, os.fdopen(told, "rb", 0))
        try:
            while line := await reader.readline():
                answer: dict[str, int] = json.loads(line)
                if "code" in answer:
                    self._running.pop(answer["pid"]).ended(answer["code"])
                else:
                    self._running[answer["pid"]] = forked = Forked(answer["pid"])
                    asked = self._asked.popleft()
                    if asked.cancelled():  # who wanted it has gone meanwhile
                        with contextlib.suppress(ProcessLookupError):
                            forked.kill()
                    else:
                        asked.set_result(forked)
        finally:
            transport.close()
            for each in self._running.values():
                each.orphaned()
            self._running.clear()
            for asked in self._asked:
                if not asked.cancelled():
                    asked.set_exception(ChildProcessError("what forks processes has ended"))
            self._asked.clear()


class _Server:
    """The program's part."""

    def __init__(self, tells: int) -> None:
        self._tells = tells
        self._wake_read, self._wake_write = os.pipe()
        self._selector = selectors.DefaultSelector()
        self._children: set[int] = set()

    def serve(self) -> None:
        """Until who asks is gone."""
        for descriptor in (self._wake_read, self._wake_write):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(self._wake_write)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        # Who wants it to end closes its input: one signal to a whole group would leave nobody to say how the
        # others end. Held back and not ignored: a new process gets what was sent to it from its first moment.
        signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)
        self._selector.register(0, selectors.EVENT_READ)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        rest = b""
        while True:
            ready = {key.fd for key, _ in self._selector.select()}
            if self._wake_read in ready:
                os.read(self._wake_read, 4096)
                self._reap()
            if 0 in ready:
                if not (read := os.read(0, _LINE_BYTES_MAX)):
                    return
                *lines, rest = (rest + read).split(b"\n")
                for line in lines:
                    self._fork(json.loads(line))

    def _fork(self, request: dict[str, Any]) -> None:
        server = os.getpid()
        if (pid := os.fork()) == 0:
            self._become(request, server)
        self._children.add(pid)
        self._tell({"pid": pid})

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            self._children.discard(pid)
            self._tell({"pid": pid, "code": os.waitstatus_to_exitcode(status)})

    def _tell(self, answer: dict[str, int]) -> None:
        os.write(self._tells, json.dumps(answer).encode() + b"\n")  # less than PIPE_BUF: whole or not at all

    def _become(self, request: dict[str, Any], server: int) -> NoReturn:
        """Of the new process: what it was asked for, as if it had been started so."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD)
        self._selector.close()
        for descriptor in (self._tells, self._wake_read, self._wake_write):
            os.close(descriptor)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.setsid()
        die_with_parent(server)
        setproctitle(request["title"])
        module, _, function = request["target"].partition(":")
        raise SystemExit(getattr(import_module(module), function)(*request["arguments"]))


def main(words: Sequence[str]) -> None:
    """Loads modules, then forks what it is asked for.

    Args:
        words: The file descriptor to answer on, and the modules.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a thread of its would not be in what is forked
    gc.disable()  # what is loaded stays: looking through it again and again takes a sixth of the time
    for module in words[1:]:
        # What cannot be loaded says so itself, in the process that needs it.
        with contextlib.suppress(Exception):
            import_module(module)
    gc.collect()
    gc.freeze()  # and stays shared: no collection of a child writes to it
    gc.enable()
    _Server(int(words[0])).serve()


if __name__ == "__main__":
    setproctitle("exchange fork-server")
    main(sys.argv[1:])
