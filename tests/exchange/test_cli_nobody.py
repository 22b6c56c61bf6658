"""Commands on a directory where no exchange runs, or where none ever was."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from exchange.cli.common import may_be_there
from exchange.observability import stats_path
from exchange.storage.directory import DataDirectory, DirectoryLock
from tests.exchange.commands import exchange

ASKING = (
    ("book", "BTC-USD"),
    ("status",),
    ("snapshot",),
    ("history", "orders"),
    ("market", "ticker"),
    ("settlement", "status"),
    ("admin", "instruments"),
    ("admin", "deposit", "11", "USD", "1"),
    ("order", "list", "--account", "11"),
    ("solo",),
)
LOOKING = (
    ("apikeys", "list"),
    ("apikeys", "show", "gk-1"),
    ("users", "list"),
    ("users", "show", "ann"),
    ("keys", "list"),
    ("keys", "show", "api-1"),
    ("identity", "signing"),
    ("dlq", "list"),
    ("log", "topics"),
    ("log", "show", "execution.trades"),
)


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """A data directory as an exchange that was stopped leaves it: sockets of nobody, its lock free."""
    directory = DataDirectory(tmp_path / "data")
    directory.journal.mkdir(parents=True)
    directory.run.mkdir(mode=0o700)
    (directory.journal / "0.journal").touch()
    stats_path(directory.root).write_bytes(b"\0" * 4096)
    for name in ("orders", "queries", "history", "marketdata", "settlement", "admin"):
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(directory.run / f"{name}.sock"))
    DirectoryLock.take(directory.lock).release()
    return directory.root


@pytest.mark.parametrize("words", ASKING, ids=" ".join)
def test_command_to_a_stopped_exchange_says_at_once_that_none_runs(
    stopped: Path, words: tuple[str, ...]
) -> None:
    """Whatever its sockets look like; with what starts one."""
    began = time.monotonic()
    done = exchange(*words, "--data", str(stopped), check=1)
    assert done.stdout == ""
    assert done.stderr == (
        f"exchange: no exchange runs on {stopped}: start one with `exchange up --data {stopped}`\n"
    )
    assert time.monotonic() - began < 5


def test_core_that_its_supervisor_starts_again_is_waited_for(stopped: Path) -> None:
    """Nobody listens at the moment, and somebody will; a socket that never was is nobody's."""
    sockets = DataDirectory(stopped).run
    assert not may_be_there(f"ipc://{sockets}/orders.sock")
    lock = DirectoryLock.take(DataDirectory(stopped).lock)
    try:
        assert may_be_there(f"ipc://{sockets}/orders.sock")
        assert not may_be_there(f"ipc://{sockets}/nobody.sock")
    finally:
        lock.release()
    assert may_be_there("tcp://127.0.0.1:1")


def test_promote_of_a_stopped_standby_says_at_once_that_none_runs(stopped: Path) -> None:
    """And records nothing: nothing was asked."""
    done = exchange("promote", str(stopped), check=1)
    assert done.stderr == "exchange: no standby answers: `exchange standby` starts one\n"
    assert not DataDirectory(stopped).audit.exists()


@pytest.mark.parametrize("words", LOOKING, ids=" ".join)
def test_command_that_looks_makes_nothing_where_no_exchange_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """As in a wrong directory."""
    monkeypatch.chdir(tmp_path)
    done = exchange(*words, check=1)
    assert done.stdout == ""
    assert done.stderr == (
        f"exchange: there is no exchange in {tmp_path / 'exchange-data'} (no journal):"
        " cd to where it was started, or --data DIR\n"
    )
    assert not any(tmp_path.iterdir())


def test_keys_made_before_the_first_up_are_listed(tmp_path: Path) -> None:
    """For those there need be no journal yet."""
    exchange("keys", "create", "server", "--data", str(tmp_path / "data"))
    assert "server" in exchange("keys", "list", "--data", str(tmp_path / "data")).stdout


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (
            ("show", "execution.trades", "--from", "yesterday"),
            "argument --from: 'yesterday' is no offset and no time: expected 1200 or 2026-02-12T12:34:56Z",
        ),
        (("show", "execution.trades", "--from", "9" * 5000), "argument --from: expected a whole number"),
        (("tail", "execution.trades", "--from", "0"), "argument --from: is for show; tail begins --count"),
    ],
)
def test_log_refuses_a_beginning_that_is_none(words: tuple[str, ...], complaint: str) -> None:
    """Before anything is read."""
    done = exchange("log", *words, check=2)
    assert complaint in " ".join(done.stderr.split())
