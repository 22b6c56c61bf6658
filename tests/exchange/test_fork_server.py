"""Processes that are forked from one that has loaded their modules."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from exchange.runtime.exits import ExitCode
from exchange.runtime.fork_server import Forked, ForkServer
from tests.exchange.processes import asynchronous, parent_of, settle

HERE: Final = "tests.exchange.test_fork_server"


def leave(code: int) -> int:
    """A process that ends at once."""
    return code


def ignored() -> list[str]:
    """Signals that this process does not hear: Python's own, and those that its parent did not."""
    return sorted(each.name for each in signal.Signals if signal.getsignal(each) == signal.SIG_IGN)


def tell(path: str) -> int:
    """What a process finds as it begins."""
    found = {
        "session": os.getsid(0) == os.getpid(),
        "input": str(Path("/proc/self/fd/0").readlink()),
        "descriptors": sorted(int(each.name) for each in Path("/proc/self/fd").iterdir()),
        "held": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "ignored": ignored(),
        "loaded": "colorsys" in sys.modules,
        "random": os.urandom(8).hex(),
    }
    Path(path).write_text(json.dumps(found))
    return 0


def linger(path: str) -> int:
    """A process that waits, ended by SIGTERM as one that does not know of it."""
    Path(path).write_text(str(os.getpid()))
    while True:
        time.sleep(60)


def is_there(pid: int) -> bool:
    """Whether a process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def children_of(pid: int) -> list[int]:
    """That a process of one thread has."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def command_of(pid: int) -> str:
    """What a list of processes calls it."""
    return Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0")


@asynccontextmanager
async def lingering(path: Path) -> AsyncIterator[tuple[ForkServer, Forked]]:
    """One that waits."""
    async with ForkServer([]) as forks:
        forked = await forks.fork("waits", f"{HERE}:linger", str(path))
        await settle(lambda: path.exists() and path.read_text() == str(forked.pid))
        yield forks, forked


@asynchronous
async def test_forked_process_ends_with_what_its_function_returns() -> None:
    """Several at once; each with a title of its own; the exit code is as of any program."""
    async with ForkServer([]) as forks:
        several = await asyncio.gather(*(forks.fork("one", f"{HERE}:leave", code) for code in range(20)))
        assert [await each.wait() for each in several] == list(range(20))
        assert [each.returncode for each in several] == list(range(20))
        for act in (several[0].terminate, several[0].kill):
            with pytest.raises(ProcessLookupError):
                act()


@asynchronous
async def test_target_that_is_not_there_fails_as_any_program_does(capfd: pytest.CaptureFixture[str]) -> None:
    """With a traceback; the next one is forked."""
    async with ForkServer(["no.such.module"]) as forks:
        assert await (await forks.fork("none", "no.such.module:main")).wait() == 1
        assert await (await forks.fork("none", f"{HERE}:none")).wait() == 1
        assert await (await forks.fork("one", f"{HERE}:leave", 3)).wait() == 3
    printed = capfd.readouterr().err
    assert "ModuleNotFoundError: No module named 'no'" in printed
    assert "AttributeError" in printed


@asynchronous
async def test_forked_process_begins_as_if_it_were_started_alone(tmp_path: Path) -> None:
    """A session of its own, no input, nothing open, no signal held back, other random numbers."""
    async with ForkServer(["colorsys"]) as forks:
        for name in ("a", "b"):
            assert await (await forks.fork(name, f"{HERE}:tell", str(tmp_path / name))).wait() == 0
    first, second = (json.loads((tmp_path / name).read_text()) for name in ("a", "b"))
    assert first.pop("random") != second.pop("random")
    assert first == second
    assert first == {
        "session": True,
        "input": os.devnull,
        "descriptors": [0, 1, 2, 3],  # the fourth reads the directory
        "held": [],
        "ignored": ignored(),
        "loaded": True,
    }


@asynchronous
async def test_title_is_in_the_list_of_processes_and_settings_are_not(tmp_path: Path) -> None:
    """An argument may hold a password."""
    async with lingering(tmp_path / "up") as (_, forked):
        assert command_of(forked.pid) == "waits"
        forked.terminate()
        assert await forked.wait() == -signal.SIGTERM


@asynchronous
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_process_is_ended_from_its_first_moment(number: signal.Signals) -> None:
    """A signal that comes before it is itself is not lost, whenever it comes."""
    async with ForkServer([]) as forks:
        for _ in range(100):
            forked = await forks.fork("waits", f"{HERE}:linger", os.devnull)
            os.kill(forked.pid, number)
            assert await forked.wait() == -number


@asynchronous
async def test_processes_end_with_who_asked_for_them(tmp_path: Path) -> None:
    """In order, as the block is left."""
    async with lingering(tmp_path / "up") as (_, forked):
        server = parent_of(forked.pid)
    assert not is_there(server)
    await settle(lambda: not is_there(forked.pid))
    assert await forked.wait() != 0


@asynchronous
@pytest.mark.parametrize("stopped", [False, True])
async def test_processes_of_a_server_that_is_killed_are_gone_and_new_ones_are_had(
    tmp_path: Path, stopped: bool
) -> None:
    """Nobody could say how they end: none is left to run beside its successor, even if it is stopped."""
    async with lingering(tmp_path / "up") as (forks, forked):
        if stopped:
            os.kill(forked.pid, signal.SIGSTOP)
        os.kill(parent_of(forked.pid), signal.SIGKILL)
        assert await forked.wait() == ExitCode.FAILED
        assert not is_there(forked.pid)
        assert await (await forks.fork("one", f"{HERE}:leave", 5)).wait() == 5


@asynchronous
async def test_one_that_was_asked_for_as_the_server_died_is_refused(tmp_path: Path) -> None:
    """And not waited for; the next is had."""
    async with lingering(tmp_path / "up") as (forks, forked):
        server = parent_of(forked.pid)
        os.kill(server, signal.SIGSTOP)
        asked = asyncio.create_task(forks.fork("one", f"{HERE}:leave", 0))
        await asyncio.sleep(0.1)
        assert not asked.done()
        os.kill(server, signal.SIGKILL)
        with pytest.raises(ChildProcessError):
            await asked
        assert await (await forks.fork("one", f"{HERE}:leave", 6)).wait() == 6


@asynchronous
@pytest.mark.parametrize("dies", [False, True])
async def test_one_that_nobody_wants_any_more_is_ended(tmp_path: Path, dies: bool) -> None:
    """Who asked for it was told to stop before it was there: it does not stay, the others do."""
    async with lingering(tmp_path / "up") as (forks, forked):
        server = parent_of(forked.pid)
        os.kill(server, signal.SIGSTOP)
        asked = asyncio.create_task(forks.fork("one", f"{HERE}:linger", str(tmp_path / "unwanted")))
        await asyncio.sleep(0.1)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        os.kill(server, signal.SIGKILL if dies else signal.SIGCONT)
        if dies:
            assert await forked.wait() == ExitCode.FAILED
        assert await (await forks.fork("one", f"{HERE}:leave", 7)).wait() == 7
        await settle(lambda: dies or children_of(server) == [forked.pid])


@asynchronous
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_server_does_not_end_by_what_is_told_to_a_whole_group(
    tmp_path: Path, number: signal.Signals
) -> None:
    """A service manager tells all processes to stop: somebody has to say how they do."""
    async with lingering(tmp_path / "up") as (_, forked):
        os.kill(parent_of(forked.pid), number)
        await asyncio.sleep(0.1)
        assert is_there(parent_of(forked.pid))
        forked.terminate()
        assert await forked.wait() == -signal.SIGTERM


@asynchronous
async def test_processes_of_one_who_is_killed_end_too(tmp_path: Path) -> None:
    """Who asked for them cannot end them any more."""
    program = (
        "import asyncio, sys\n"
        "from exchange.runtime.fork_server import ForkServer\n"
        "async def main():\n"
        "    async with ForkServer([]) as forks:\n"
        f"        await (await forks.fork('waits', '{HERE}:linger', sys.argv[1])).wait()\n"
        "asyncio.run(main())\n"
    )
    path = tmp_path / "up"
    asker = await asyncio.create_subprocess_exec(sys.executable, "-c", program, str(path))
    await settle(lambda: path.exists() and path.read_text() != "")
    pid = int(path.read_text())
    server = parent_of(pid)
    asker.kill()
    await asker.wait()
    await settle(lambda: not is_there(pid) and not is_there(server))
