"""A child that is not essential and falls too often: it is started again for ever, with long pauses."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from functools import partial
from pathlib import Path

from exchange.runtime import log as logs
from exchange.runtime.backoff import Backoff
from exchange.runtime.child import ChildSpec, program
from exchange.runtime.exits import ExitCode
from exchange.runtime.supervisor import Plan, Supervisor
from exchange.storage.directory import DataDirectory
from tests.exchange.processes import asynchronous, settle

NEEDY = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
if not pathlib.Path(sys.argv[1]).exists():
    sys.exit(1)
pathlib.Path(sys.argv[2]).touch()
time.sleep(600)
"""


@asynchronous
async def test_child_whose_store_comes_late_is_started_again_when_it_has_come(tmp_path: Path) -> None:
    """The exchange is ready without it; each pause behind the last quick one is the long one."""
    lines = io.StringIO()
    logs.configure("test", lines)
    directory = DataDirectory(tmp_path)
    directory.run.mkdir(mode=0o700)
    store, there = tmp_path / "store", tmp_path / "there"
    child = ChildSpec(
        "settlement",
        partial(program, [sys.executable, "-S", "-c", NEEDY, str(store), str(there)], dict(os.environ)),
        lambda _: there.exists(),
        essential=False,
    )
    backoff = partial(Backoff, first_s=0.001, most=2, rest_s=0.25)
    supervisor = Supervisor(Plan(directory, [child], backoff=backoff))
    task = asyncio.create_task(supervisor.run())
    await settle(lambda: lines.getvalue().count("again_in_s=0.25") >= 2)
    said = lines.getvalue()
    assert said.count('event="going on without it for now" name=settlement') == 1
    assert "exchange ready" in said
    store.touch()
    await settle(lambda: "child healthy" in lines.getvalue())
    assert not task.done()
    supervisor.stop()
    assert await task == ExitCode.STOPPED
