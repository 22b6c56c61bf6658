"""An exchange that a command starts for itself, as `exchange up` does, and stops again."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from exchange.config import Settings
from exchange.errors import ExchangeError, ServiceUnavailableError
from exchange.storage.directory import DataDirectory

_START_S = 120.0
_STOP_S = 120.0


@contextlib.contextmanager
def data_directory(options: argparse.Namespace, name: str) -> Iterator[Path]:
    """The data directory that was given, else a temporary one that is removed afterwards unless `--keep`."""
    if options.data is not None:
        yield options.data.absolute()
        return
    place = Path(tempfile.mkdtemp(prefix=f"exchange-{name}-"))
    try:
        yield place
    finally:
        if options.keep:
            print(f"data kept in {place}")
        else:
            shutil.rmtree(place)


@contextlib.contextmanager
def running(
    options: argparse.Namespace,
    settings: Settings,
    changes: Sequence[str] = (),
    command: Sequence[str] = ("up",),
) -> Iterator[None]:
    """A running exchange; its log goes to `exchange.log` of the data directory.

    Args:
        options: of the command, with those of `add_settings`.
        settings: what they mean, changes included.
        changes: settings as KEY=VALUE, for the exchange that is started, too.
        command: what starts it.

    Raises:
        ServiceUnavailableError: it did not start.
        ExchangeError: it did not stop in order.
    """
    data = settings.data_directory
    data.mkdir(parents=True, exist_ok=True)
    arguments = [sys.executable, "-m", "exchange.cli", *command, "--data", str(data)]
    arguments += ["--parent", str(os.getpid())]
    arguments += ["--config", str(options.config)] if options.config else []
    arguments += [word for pair in [*options.set, *changes] for word in ("--set", pair)]
    with (data / "exchange.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 (our own program)
            arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _await_start(process, data)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
    if code != 0:
        raise ExchangeError(f"the exchange ended with exit code {code}: {_reason(data)}")


def _await_start(process: subprocess.Popen[bytes], data: Path) -> None:
    announcement = DataDirectory(data).announcement
    deadline = time.monotonic() + _START_S
    while not announcement.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise ServiceUnavailableError(f"the exchange did not start: {_reason(data)}")
        time.sleep(0.02)


def _reason(data: Path) -> str:
    return reason_in((data / "exchange.log").read_text(encoding="utf-8", errors="replace"))


def reason_in(log: str) -> str:
    """Why an exchange ended, by its log: what a process says that it lacked, or else the last line."""
    lines = log.splitlines()
    refused = next((line for line in lines if 'event="refused to start"' in line), None)
    if refused is None:
        return lines[-1] if lines else "its log is empty"
    return refused.partition('reason="')[2].rpartition('"')[0] or refused
