"""The supervisor and its children: real processes that fall, hang, refuse, and stop."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from exchange.runtime import log as logs
from exchange.runtime.backoff import Backoff
from exchange.runtime.child import ChildSpec, program
from exchange.runtime.exits import ExitCode, describe, may_restart
from exchange.runtime.supervisor import Plan, Supervisor
from exchange.storage.directory import DataDirectory, DirectoryInUse
from tests.exchange.processes import asynchronous, settle


@pytest.fixture
def lines() -> io.StringIO:
    """The log of this process."""
    stream = io.StringIO()
    logs.configure("test", stream)
    return stream


@pytest.fixture
def directory(tmp_path: Path) -> DataDirectory:
    """A data directory with its private part."""
    made = DataDirectory(tmp_path)
    made.run.mkdir(mode=0o700)
    return made


def child(
    directory: DataDirectory,
    name: str,
    code: str,
    start_timeout_s: float = 120.0,
    stop_timeout_s: float = 120.0,
) -> ChildSpec:
    """A process that runs `code`; healthy once it wrote its id into `run/NAME.up`."""
    sign = directory.run / f"{name}.up"
    beginning = (
        "import os, pathlib, signal, sys, time\n"
        f"sign = pathlib.Path({str(sign)!r})\n"
        "new = sign.with_suffix('.new')\n"
        "def up(): new.write_text(str(os.getpid())); new.rename(sign)\n"
    )

    def healthy(pid: int) -> bool:
        return sign.exists() and sign.read_text() == str(pid)

    arguments = [sys.executable, "-c", beginning + textwrap.dedent(code)]
    launch = partial(program, arguments, {})
    return ChildSpec(name, launch, healthy, start_timeout_s=start_timeout_s, stop_timeout_s=stop_timeout_s)


WAITS = """
def stop(*_):
    pathlib.Path(sign).with_suffix('.stopped').write_text(str(time.monotonic_ns()))
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
up()
while True: signal.pause()
"""


def announced(directory: DataDirectory) -> dict[str, dict[str, object]]:
    """What the supervisor says of itself."""
    content: dict[str, dict[str, object]] = json.loads(directory.announcement.read_bytes())
    return content


@asynchronous
async def test_up_starts_in_order_announces_and_stops_in_order(
    directory: DataDirectory, lines: io.StringIO
) -> None:
    """The second child starts when the first is healthy; both stop in the order in which they started."""
    served: list[str] = []

    @contextmanager
    def server() -> Iterator[None]:
        served.append("open")
        yield
        served.append("closed")

    second = WAITS.replace("up()", f"assert pathlib.Path({str(directory.run / 'first.up')!r}).exists(); up()")
    ready: list[bool] = []
    plan = Plan(
        directory,
        [child(directory, "first", WAITS), child(directory, "second", second)],
        {"orders": "ipc:///x"},
        servers=[server],
        on_ready=lambda: ready.append(True),
    )
    supervisor = Supervisor(plan)
    task = asyncio.create_task(supervisor.run())
    await settle(directory.announcement.exists)
    content = announced(directory)
    assert content["endpoints"] == {"orders": "ipc:///x"}
    assert set(content["processes"]) == {"first", "second"}
    assert (ready, served) == ([True], ["open"])
    os.kill(os.getpid(), signal.SIGTERM)
    assert await task == ExitCode.STOPPED
    assert served == ["open", "closed"]
    times = [int((directory.run / f"{name}.stopped").read_text()) for name in ("first", "second")]
    assert times == sorted(times)
    assert not directory.announcement.exists()
    events = [line.split("event=")[1].split(" name=")[0] for line in lines.getvalue().splitlines()]
    assert events[0] == '"child started"'
    assert 'event="signal received" signal=SIGTERM' in lines.getvalue()


@asynchronous
async def test_children_that_are_not_essential_start_together(
    directory: DataDirectory, lines: io.StringIO
) -> None:
    """Each is up only once the other was started, and both only once the core is up."""
    meets = WAITS.replace(
        "up()",
        f"""
assert pathlib.Path({str(directory.run / "core.up")!r}).exists()
sign.with_suffix(".here").touch()
while len(list(sign.parent.glob("*.here"))) < 2: time.sleep(0.01)
up()""",
    )
    beside = [replace(child(directory, name, meets), essential=False) for name in ("history", "gateway")]
    supervisor = Supervisor(Plan(directory, [child(directory, "core", WAITS), *beside]))
    task = asyncio.create_task(supervisor.run())
    await settle(directory.announcement.exists)
    assert set(announced(directory)["processes"]) == {"core", "history", "gateway"}
    supervisor.stop()
    assert await task == ExitCode.STOPPED


@asynchronous
async def test_second_up_on_the_same_directory_is_refused(
    directory: DataDirectory, lines: io.StringIO
) -> None:
    """With who has it; the first one goes on."""
    first = Supervisor(Plan(directory, [child(directory, "only", WAITS)]))
    task = asyncio.create_task(first.run())
    await settle(directory.announcement.exists)
    with pytest.raises(DirectoryInUse, match=f"already \\(process {os.getpid()}\\)"):
        await Supervisor(Plan(directory, [child(directory, "only", WAITS)])).run()
    first.stop()
    assert await task == ExitCode.STOPPED


@asynchronous
async def test_child_that_is_killed_is_started_again(directory: DataDirectory, lines: io.StringIO) -> None:
    """With a new process id, which the announcement follows."""
    supervisor = Supervisor(Plan(directory, [child(directory, "core", WAITS)]))
    task = asyncio.create_task(supervisor.run())
    await settle(directory.announcement.exists)
    first = announced(directory)["processes"]["core"]
    assert isinstance(first, int)
    os.kill(first, signal.SIGKILL)
    await settle(lambda: announced(directory)["processes"]["core"] not in (first, None))
    assert announced(directory)["restarts"] == {"core": 1}
    supervisor.stop()
    assert await task == ExitCode.STOPPED
    assert 'reason="killed by SIGKILL"' in lines.getvalue()


@pytest.mark.parametrize("code", [ExitCode.JOURNAL_FAILED, ExitCode.JOURNAL_CORRUPT, ExitCode.CONFIG])
@asynchronous
async def test_child_that_must_not_be_started_again_ends_the_exchange(
    directory: DataDirectory, lines: io.StringIO, code: ExitCode
) -> None:
    """A failed sync, a damaged journal, a wrong setting: the others are stopped and the code is handed on."""
    plan = Plan(
        directory, [child(directory, "replica", WAITS), child(directory, "core", f"up(); sys.exit({code})")]
    )
    assert await Supervisor(plan).run() == code
    assert "giving up" in lines.getvalue()
    assert describe(code) in lines.getvalue()
    assert lines.getvalue().count('event="child started" name=core') == 1
    assert (directory.run / "replica.stopped").exists()


@asynchronous
async def test_child_that_keeps_falling_is_given_up(directory: DataDirectory, lines: io.StringIO) -> None:
    """After the bound of its backoff, with the exit code of an accident."""
    quick = partial(Backoff, first_s=0.01, most=3)
    plan = Plan(directory, [child(directory, "core", "sys.exit(7)")], backoff=quick)
    assert await Supervisor(plan).run() == ExitCode.FAILED
    assert lines.getvalue().count('event="child started"') == 4
    assert "exit code 7; it fell 3 times within a minute" in lines.getvalue()


@asynchronous
async def test_child_that_is_not_essential_may_be_given_up(
    directory: DataDirectory, lines: io.StringIO
) -> None:
    """The exchange is announced and goes on without it."""
    lame = replace(child(directory, "replica", "sys.exit(65)"), essential=False)
    supervisor = Supervisor(Plan(directory, [child(directory, "core", WAITS), lame]))
    task = asyncio.create_task(supervisor.run())
    await settle(directory.announcement.exists)
    assert announced(directory)["processes"]["replica"] is None
    assert "going on without it" in lines.getvalue()
    assert not task.done()
    supervisor.stop()
    assert await task == ExitCode.FAILED  # it did not end in order


@asynchronous
async def test_setting_that_a_process_cannot_have_ends_the_start(
    directory: DataDirectory, lines: io.StringIO
) -> None:
    """As a port that another has: to go on without would be a surprise later."""
    lame = replace(child(directory, "gateway", "sys.exit(78)"), essential=False)
    supervisor = Supervisor(Plan(directory, [child(directory, "core", WAITS), lame]))
    assert await supervisor.run() == ExitCode.CONFIG
    assert 'event="giving up" name=gateway' in lines.getvalue()
    assert "exchange ready" not in lines.getvalue()
    assert not directory.announcement.exists()


@asynchronous
async def test_child_that_never_becomes_healthy_is_killed(
    directory: DataDirectory, lines: io.StringIO
) -> None:
    """And counts as fallen."""
    once = partial(Backoff, first_s=0.01, most=1)
    sleeper = child(directory, "core", "time.sleep(600)", start_timeout_s=0.2)
    assert await Supervisor(Plan(directory, [sleeper], backoff=once)).run() == ExitCode.FAILED
    assert lines.getvalue().count("does not become healthy: killed") == 2


@asynchronous
async def test_child_that_does_not_stop_is_killed(directory: DataDirectory, lines: io.StringIO) -> None:
    """After its time."""
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN); up(); time.sleep(600)"
    supervisor = Supervisor(Plan(directory, [child(directory, "core", deaf, stop_timeout_s=0.2)]))
    task = asyncio.create_task(supervisor.run())
    await settle(directory.announcement.exists)
    supervisor.stop()
    assert await task == ExitCode.FAILED
    assert "child does not stop: killed" in lines.getvalue()


@asynchronous
async def test_child_that_is_told_to_stop_while_it_starts_stops_in_order(
    directory: DataDirectory, lines: io.StringIO
) -> None:
    """It may not hear us yet: SIGTERM ends it, and loses nothing."""
    beginner = replace(child(directory, "replica", "time.sleep(600)"), essential=False)
    supervisor = Supervisor(Plan(directory, [child(directory, "core", WAITS), beginner]))
    task = asyncio.create_task(supervisor.run())
    await settle(lambda: 'event="child started" name=replica' in lines.getvalue())
    supervisor.stop()
    assert await task == ExitCode.STOPPED
    assert 'level=info process=test event="child ended" name=replica' in lines.getvalue()


@asynchronous
async def test_child_that_hangs_is_told_of_and_left_alone(
    directory: DataDirectory, lines: io.StringIO
) -> None:
    """A slow disk is no reason to kill it; both changes are logged once."""
    supervisor = Supervisor(Plan(directory, [child(directory, "core", WAITS)]))
    task = asyncio.create_task(supervisor.run())
    await settle(directory.announcement.exists)
    sign = directory.run / "core.up"
    pid = sign.read_text()
    sign.write_text("0")
    await settle(lambda: 'event="child does not answer" name=core' in lines.getvalue())
    sign.write_text(pid)
    await settle(lambda: 'event="child answers again" name=core' in lines.getvalue())
    supervisor.stop()
    assert await task == ExitCode.STOPPED
    assert lines.getvalue().count("child started") == 1


@asynchronous
async def test_chore_that_fails_is_logged_once_and_goes_on(
    directory: DataDirectory, lines: io.StringIO
) -> None:
    """A full disk is no reason to stop."""
    calls: list[int] = []

    def chore() -> None:
        calls.append(1)
        raise OSError(28, "No space left on device")

    supervisor = Supervisor(Plan(directory, [child(directory, "core", WAITS)], chore=chore))
    task = asyncio.create_task(supervisor.run())
    await settle(lambda: len(calls) >= 3)
    supervisor.stop()
    assert await task == ExitCode.STOPPED
    assert lines.getvalue().count("chore failed") == 1


def test_child_whose_supervisor_is_killed_stops(tmp_path: Path) -> None:
    """SIGTERM comes from the kernel when the parent is gone, however that went."""
    inner = (
        "import sys, signal, pathlib, os\n"
        "from exchange.runtime.parent import die_with_parent\n"
        "def stop(*_): pathlib.Path(sys.argv[2]).write_text('stopped'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "die_with_parent(int(sys.argv[1]))\n"
        "print(os.getpid(), flush=True)\n"
        "while True: signal.pause()\n"
    )
    outer = (
        "import subprocess, sys, os, signal\n"
        f"child = subprocess.Popen([sys.executable, '-c', {inner!r}, str(os.getpid()), sys.argv[1]])\n"
        "signal.pause()\n"
    )
    sign = tmp_path / "sign"
    with subprocess.Popen(
        [sys.executable, "-c", outer, str(sign)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert int(parent.stdout.readline()) > 0
        parent.kill()
        parent.wait()
        assert parent.stdout.read() == ""  # the pipe ends with the child
    assert sign.read_text() == "stopped"


def test_backoff_doubles_up_to_its_longest_and_forgets_what_is_old() -> None:
    """Pauses in the window of a minute; then it begins anew."""
    backoff = Backoff(first_s=0.1, longest_s=0.5, most=5, window_s=60)
    assert [backoff.next_pause(now) for now in range(5)] == [0.0, 0.1, 0.2, 0.4, 0.5]
    assert backoff.next_pause(5.0) is None
    assert backoff.next_pause(100.0) == 0.0


@pytest.mark.parametrize(
    ("code", "again"),
    [
        (0, False),
        (1, True),
        (2, False),
        (65, False),
        (73, False),
        (74, False),
        (78, False),
        (7, True),
        (-9, True),
    ],
)
def test_may_restart_by_exit_code_knows_what_is_an_accident(code: int, again: bool) -> None:
    """Signals and unknown codes are; refusals and failed syncs are not."""
    assert may_restart(code) is again


def test_log_line_quotes_what_has_to_be_quoted() -> None:
    """A line an event, whatever is in it."""
    stream = io.StringIO()
    logs.configure("core", stream)
    logs.log('a "quoted" event', plain=1, spaced="a b", empty="", broken="x\ny")
    line = stream.getvalue()
    assert line.count("\n") == 1
    assert line.endswith(
        'level=info process=core event="a \\"quoted\\" event" plain=1 spaced="a b" empty="" broken="x\\ny"\n'
    )
