"""A core that was started alone: `exchange run observe` speaks for it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError

import pytest

from tests.exchange.ports import free_ports
from tests.exchange.running import settings, until


@contextmanager
def running(name: str, words: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the table, by itself; ended in order."""
    process = subprocess.Popen([sys.executable, "-m", "exchange.cli", "run", name, *words])
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.mark.req("C098", "D074")
def test_core_that_was_started_alone_is_seen_and_one_that_is_gone_too(tmp_path: Path) -> None:
    """Its health, readiness and metrics from shared memory; unhealthy within seconds of its end."""
    [port] = free_ports(1)
    words = ["--data", str(tmp_path / "data"), *settings(f"endpoints.metrics=127.0.0.1:{port}")]

    def get(page: str) -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{page}", timeout=30) as answer:
                return str(answer.read().decode())
        except HTTPError as refused:
            with refused:
                return str(refused.read().decode())
        except URLError:
            return ""

    def core() -> dict[str, object]:
        said: dict[str, object] = json.loads(get("/health/core") or "{}")
        return said

    with ExitStack() as stack:
        observer = stack.enter_context(running("observe", words))
        with running("core", words) as process:
            until(lambda: core().get("ready") is True, "the core is not seen")
            assert core()["status"] == "healthy"
            assert json.loads(get("/health/ready")) == {"ready": True}
            whole = json.loads(get("/health"))
            assert (whole["status"], whole["dependencies"]["replica"]) == ("degraded", "unhealthy")
            page = get("/metrics")
            for line in ('up{process="core"} 1', 'up{process="observe"} 1', 'up{process="replica"} 0'):
                assert f"exchange_process_{line}\n" in page
            assert "exchange_core_" in page
            elsewhere = ["--data", str(tmp_path / "other"), *words[2:]]
            taken = f"127.0.0.1:{port} cannot be served on: Address already in use"
            for what, why in (
                (("run", "observe", *words), f"observe runs already, as process {observer.pid}"),
                (("run", "observe", *elsewhere), taken),
                (("up", *elsewhere), f"port {port} of 127.0.0.1 is taken (another exchange?)"),
            ):
                refused = subprocess.run(
                    [sys.executable, "-m", "exchange.cli", *what],
                    capture_output=True,
                    check=False,
                    timeout=240,
                    text=True,
                )
                assert (refused.returncode, why in refused.stderr) == (78, True)
                assert "Traceback" not in refused.stderr
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        until(lambda: core()["status"] == "unhealthy", "its end is not seen")
        observer.send_signal(signal.SIGTERM)
        assert observer.wait(60) == 0
