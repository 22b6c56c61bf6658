"""Who serves what: the table, heartbeats, and processes that come and go."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from exchange.config import load
from exchange.errors import ConfigError
from exchange.observability import Status
from exchange.runtime.registry import (
    MAX_AGE_NS,
    Instance,
    Membership,
    Registry,
    instances_directory,
    registry_of,
)
from exchange.storage.directory import DataDirectory

DEADLINE_S = 60.0
_LIVES = """
import sys, threading
from exchange.config import load
from exchange.runtime.vitals import telling
settings = load(environment={}, data_directory=sys.argv[1])
with telling(settings, sys.argv[2], ["quotes"], sys.argv[3]) as vitals:
    while True:
        vitals.beat()
        threading.Event().wait(0.1)
"""


def instance(name: str, beat_ns: int, **fields: object) -> Instance:
    """One of the service `quotes`."""
    given = {"endpoint": f"ipc:///{name}", "ready": True} | fields
    return Instance(name, 1, ("quotes",), version="1", started_ns=0, beat_ns=beat_ns, **given)  # type: ignore[arg-type]


@pytest.mark.req("D013", "D014", "D015", "D016", "D017")
def test_table_of_the_settings_says_where_services_are(tmp_path: Path) -> None:
    """The four of document 003 by default; others by settings; none of that name is an error."""
    registry = registry_of(load(environment={}, data_directory=tmp_path))
    assert {name: registry.endpoints(name) for name in registry.services()} == {
        "execution": ["http://localhost:8004"],
        "market_data": ["http://localhost:8001"],
        "regime_detection": ["http://localhost:8002"],
        "risk_management": ["http://localhost:8003"],
    }
    changed = load(
        environment={"EXCHANGE_REGISTRY_MARKET_DATA": "http://md:1"},
        data_directory=tmp_path,
        registry={"execution": "", "heartbeats": False},
    )
    assert registry_of(changed).endpoints("market_data") == ["http://md:1"]
    with pytest.raises(ConfigError, match="there is no service execution: expected one of market_data"):
        registry_of(changed).endpoints("execution")


@pytest.mark.req("C095")
def test_registration_lookup_and_leaving(tmp_path: Path) -> None:
    """The ready ones, healthy first; the old ones are forgotten; files of others are passed over."""
    now = [1_000 * MAX_AGE_NS]
    registry = Registry({"quotes": ["tcp://far:1"]}, tmp_path, lambda: now[0])
    assert registry.endpoints("quotes") == ["tcp://far:1"]
    members = {name: Membership(tmp_path, name) for name in "abcde"}
    members["a"].beat(instance("a", now[0], status=Status.DEGRADED))
    members["b"].beat(instance("b", now[0]))
    members["c"].beat(instance("c", now[0], ready=False))
    members["d"].beat(instance("d", now[0] - MAX_AGE_NS - 1))
    members["e"].beat(instance("e", now[0] + 1))  # of before the machine started anew
    (tmp_path / "f.json").write_text('{"name": "f"}')
    assert [each.name for each in registry.instances("quotes")] == ["a", "b", "c"]
    assert registry.instances("other") == []
    assert registry.endpoints("quotes") == ["ipc:///b", "ipc:///a"]
    found = registry.instance("a")
    assert found == instance("a", now[0], status=Status.DEGRADED)
    members["b"].leave()
    members["b"].leave()
    assert registry.endpoints("quotes") == ["ipc:///a"]
    now[0] += MAX_AGE_NS + 2
    assert registry.endpoints("quotes") == ["tcp://far:1"]
    assert Registry({"quotes": ["tcp://far:1"]}).instances() == []


@contextmanager
def living(root: Path, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that hosts the service."""
    words = [sys.executable, "-c", _LIVES, str(root), name, f"ipc://{root}/{name}.sock"]
    process = subprocess.Popen(words)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def until_endpoints(registry: Registry, names: list[str], root: Path) -> None:
    """Waits until the service is there and nowhere else."""
    wanted = [f"ipc://{root}/{name}.sock" for name in names]
    deadline = time.monotonic() + DEADLINE_S
    while (found := registry.endpoints("quotes")) != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


@pytest.mark.req("C095")
def test_second_instance_joins_and_the_first_one_dies(tmp_path: Path) -> None:
    """Readers see both come and each go: killed, stopped by SIGSTOP, and back again."""
    directory = DataDirectory(tmp_path)
    directory.run.mkdir(mode=0o700)
    registry = Registry({"quotes": []}, instances_directory(directory))
    with ExitStack() as opened:
        first = opened.enter_context(living(tmp_path, "quotes-1"))
        until_endpoints(registry, ["quotes-1"], tmp_path)
        second = opened.enter_context(living(tmp_path, "quotes-2"))
        until_endpoints(registry, ["quotes-1", "quotes-2"], tmp_path)
        first.kill()
        os.kill(second.pid, signal.SIGSTOP)
        until_endpoints(registry, [], tmp_path)
        os.kill(second.pid, signal.SIGCONT)
        until_endpoints(registry, ["quotes-2"], tmp_path)
        content = json.loads((instances_directory(directory) / "quotes-2.json").read_bytes())
        assert content["pid"] == second.pid
