"""Sockets of an exchange in a data directory as deep as may be."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.bus.endpoints import ipc_endpoint
from exchange.bus.log.embedded.wakeup import wake_endpoint
from exchange.bus.topics import TopicTable
from exchange.config.load import load
from exchange.errors import ConfigError
from exchange.runtime.vitals import socket_path
from exchange.storage.directory import DataDirectory
from exchange.topology.table import PROCESSES, SQL_SERVICES, called, endpoint_of
from tests.exchange.running import Up, until

DEEPEST = 82
FURTHER = 99  # more instances than anybody has on a machine


@pytest.fixture
def deep() -> Iterator[Path]:
    """A path for a data directory, of as many bytes as may be."""
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        yield Path(directory) / ("d" * (DEEPEST - len(directory) - 1))


def test_every_socket_of_every_process_fits_in_the_deepest_data_directory(deep: Path) -> None:
    """Whatever the environment is called; no two topics share one."""
    settings = load(environment={}, data_directory=deep, events={"environment": "e" * 32})
    directory = DataDirectory(deep)
    names = [socket_path(directory, called(each.name, FURTHER)).name for each in PROCESSES]
    names += [Path(endpoint_of(each, settings, FURTHER)).name for each in SQL_SERVICES]
    assert all(ipc_endpoint(directory.run, name) == f"ipc://{deep}/run/{name}" for name in names)
    topics = list(TopicTable(settings.events.environment))
    assert len({wake_endpoint(directory.run, topic) for topic in topics}) == len(topics) > 0
    with pytest.raises(ConfigError, match=f"data_directory has a path of {DEEPEST + 1} bytes"):
        load(environment={}, data_directory=f"{deep}x")


def test_exchange_starts_in_the_deepest_data_directory(deep: Path) -> None:
    """All of its processes do; one level deeper it says what is expected."""
    up = Up.start(deep, "history.enabled=true", "endpoints.metrics=127.0.0.1:0")
    try:
        processes = until(up.announcement, "it did not start")["processes"]
        assert set(processes) == {"core", "replica", "publisher", "audit", "history"}
        assert None not in processes.values()
        assert up.stop() == 0, up.log
    finally:
        up.end()
