"""A port that somebody else has, before anything of an exchange is started on it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.cli.up import check_ports
from exchange.config import load
from tests.exchange.commands import exchange


@pytest.fixture
def taken() -> Iterator[int]:
    """A port of this machine that is in use."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("command", [("up",), ("up", "--all-in-one"), ("standby", "--of", "ipc:///x.sock")])
def test_up_on_a_taken_port_of_the_metrics_names_the_setting(
    tmp_path: Path, taken: int, command: tuple[str, ...]
) -> None:
    """And starts nothing, and makes nothing."""
    words = (*command, "--data", str(tmp_path / "data"), "--set", f"endpoints.metrics=127.0.0.1:{taken}")
    done = exchange(*words, check=78)
    assert done.stdout == ""
    assert done.stderr == (
        f"exchange: port {taken} of 127.0.0.1 is taken (another exchange?):"
        " choose one with --set endpoints.metrics=127.0.0.1:0\n"
    )
    assert not (tmp_path / "data").exists()


def test_up_on_a_taken_port_of_the_gateway_names_the_setting(tmp_path: Path, taken: int) -> None:
    """The gateway's own."""
    settings = ("--set", "endpoints.metrics=", "--set", f"gateway.port={taken}", "--with", "gateway")
    done = exchange("up", "--data", str(tmp_path / "data"), *settings, check=78)
    assert done.stderr.endswith("is taken (another exchange?): choose one with --set gateway.port=8090\n")


def test_port_of_what_is_not_served_may_be_taken(taken: int) -> None:
    """Nothing is opened of a gateway that is off, nor of metrics that are on no port."""
    check_ports(load(environment={}, endpoints={"metrics": ""}, gateway={"port": taken}))
    check_ports(load(environment={}, endpoints={"metrics": "127.0.0.1:0"}))
