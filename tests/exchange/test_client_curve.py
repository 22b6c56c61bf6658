"""Clients of the real processes over TCP: who shows a key is let in as whom it says, and nobody else."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exchange.bus.curve import KeyPair, Principal, let_in, make_keys
from exchange.client import Client, LogonRefused
from exchange.config.private import private_directory
from exchange.domain.enums import OrderStatus
from exchange.errors import RpcError, RpcStatus, SecurityError, ServiceUnavailableError
from tests.exchange.ports import free_ports
from tests.exchange.worlds import SMALL, STAGE_THERE, STAGES, core_values


class KeyedExchange:
    """`exchange up` on TCP, with keys for an operator, a trader of tenant 5 and one of tenant 6."""

    def __init__(self, directory: Path) -> None:
        orders, queries = free_ports(2)
        self.orders, self.queries = f"tcp://127.0.0.1:{orders}", f"tcp://127.0.0.1:{queries}"
        keys = self.directory = private_directory(directory / "keys")
        self.server = KeyPair.generate()
        self.server.write(keys / "server.key")
        self.keys = {
            "operator": make_keys(keys, "operator", tenant="0", roles=["admin", "trade"]),
            "trader": make_keys(keys, "trader", tenant="5", roles=["trade"]),
            "stranger": make_keys(keys, "stranger", tenant="6", roles=["trade"]),
            "shard-1": make_keys(keys, "shard-1", tenant="0", roles=["shard"]),
            "accounts": make_keys(keys, "accounts", tenant="0", roles=["stage"]),
            "risk": make_keys(keys, "risk", tenant="0", roles=["stage"]),
            "reader": make_keys(keys, "reader", tenant="5", roles=["read"]),
            "unknown": KeyPair.generate(),
        }
        self._log = (directory / "log").open("wb")
        settings = [
            f"endpoints.orders={self.orders}",
            f"endpoints.queries={self.queries}",
            "endpoints.metrics=",
            f"security.keys_directory={keys}",
            "matching.shards=1",
            "limits.queue_ttl_ms=600000",
        ]
        arguments = [part for setting in (*SMALL, *STAGES, *settings) for part in ("--set", setting)]
        command = [sys.executable, "-m", "exchange.cli", "up", "--data", str(directory / "data"), *arguments]
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log)
        try:
            deadline = time.monotonic() + 300
            while not (directory / "data" / "run" / "exchange.json").exists():
                assert time.monotonic() < deadline, (directory / "log").read_text()
                assert self._process.poll() is None, (directory / "log").read_text()
                time.sleep(0.01)
            while core_values(directory / "data").get("risk_stage") != STAGE_THERE:
                assert time.monotonic() < deadline, (directory / "log").read_text()
                time.sleep(0.01)
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise

    def client(self, who: str, tenant: int, **options: Any) -> Client:
        """A client with the key of `who`."""
        return Client.connect(
            self.orders,
            tenant=tenant,
            name=who,
            user=who,
            queries=self.queries,
            keys=self.keys[who],
            server_key=self.server.public,
            **({"connect_ms": 60_000, "timeout_ms": 60_000, "heartbeat_ms": 30_000} | options),
        )

    def until(self, who: str, outcome: str) -> None:
        """Wait for what comes of a new session of `who` that asks one question."""
        deadline, patience_ms = time.monotonic() + 120, 1_000
        while (found := self._try(who, patience_ms)) != outcome:
            assert time.monotonic() < deadline, (who, found)
            if found == "not answered":  # one of both does not know the key yet, or has no time
                patience_ms *= 2
            time.sleep(0.1)

    def _try(self, who: str, patience_ms: int) -> str:
        try:
            with self.client(who, 5, connect_ms=patience_ms, timeout_ms=patience_ms) as client:
                client.query.status()
        except (SecurityError, LogonRefused):
            return "refused"
        except RpcError as refused:  # the core has let it in, and the replica knows better already
            if refused.code is not RpcStatus.UNAUTHENTICATED:
                raise
            return "refused"
        except ServiceUnavailableError:
            return "not answered"
        return "answered"

    def close(self) -> None:
        """Stop in an orderly way."""
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(120) == 0, "it had to be killed"
        self._log.close()


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyedExchange]:
    """Give an exchange with keys, and account 1 of tenant 5 with money."""
    made = KeyedExchange(tmp_path_factory.mktemp("keyed"))
    with made.client("operator", 0) as operator:
        answers = [
            operator.admin.define_asset(1, "A", 0),
            operator.admin.define_asset(2, "B", 0),
            operator.admin.define_instrument(
                1, "A-B", base="A", quote="B", price_scale=0, qty_scale=0, max_price=1_000
            ),
            operator.admin.open_account(1, tenant=5),
            operator.admin.deposit("A", 100, account=1),
        ]
        assert [answer for answer in answers if not answer.ok] == []
    yield made
    made.close()


def test_shard_with_a_key_of_its_role_matches(keyed: KeyedExchange) -> None:
    """Its process is let in as a client that sends what its engine made."""
    with keyed.client("operator", 0) as operator:
        operator.load_instruments()
        admin = operator.admin
        assert admin.define_instrument(
            2, "A-B-2", base="A", quote="B", price_scale=0, qty_scale=0, max_price=1_000
        ).ok
        assert admin.assign_shard("A-B-2", 1).ok
        deadline = time.monotonic() + 120
        while not (report := operator.limit("A-B-2", "sell", 1, 10, account=1)).ok:
            # A machine that is busy enough has a stage away for a moment, and the answer says so.
            assert report.reject is not None
            assert report.reject.transient, report
            assert time.monotonic() < deadline, report
        while [row.order_status for row in operator.query.open_orders(account=1)] != [OrderStatus.OPEN]:
            assert time.monotonic() < deadline, report  # it waits where the shard is not there yet
            time.sleep(0.05)
        assert operator.cancel(report).ok


def test_key_of_a_trader_trades_and_asks_for_its_tenant(keyed: KeyedExchange) -> None:
    """Orders and questions of a known key are answered, over CURVE."""
    with keyed.client("trader", 5, account=1) as trader:
        trader.load_instruments()
        report = trader.limit("A-B", "sell", 10, 100)
        assert report.ok
        assert [row.order_id for row in trader.query.open_orders()] == [report.order_id]
        assert trader.cancel(report).ok


def test_key_of_a_trader_administers_nothing(keyed: KeyedExchange) -> None:
    """What a key's roles do not say it may not do: an answer, and no change."""
    with keyed.client("trader", 5, account=1) as trader:
        for answer in (
            trader.admin.deposit(1, 5),
            trader.admin.kill("venue"),
            trader.admin.open_account(2, tenant=5),
            trader.admin.set_mark(1, 5),
        ):
            assert answer.reject is not None
            assert (answer.reject.name, answer.sequence) == ("not_permitted", 0)
        assert trader.balance(1).total == 100


def test_key_without_the_role_does_not_trade(keyed: KeyedExchange) -> None:
    """A key that may only read gets its orders back."""
    with keyed.client("reader", 5, account=1) as reader:
        refused = reader.limit(1, "sell", 1, 100)
        assert refused.reject is not None
        assert refused.reject.name == "not_permitted"


def test_key_of_one_tenant_is_no_other_tenant(keyed: KeyedExchange) -> None:
    """Who logs on as another tenant than the key's is not let in, nor answered."""
    with pytest.raises(LogonRefused) as caught:
        keyed.client("stranger", 5, account=1)
    assert caught.value.reject.name == "not_permitted"
    with keyed.client("stranger", 6, account=1) as stranger:
        refused = stranger.limit(1, "sell", 1, 100)
        assert refused.reject is not None
        assert refused.reject.name == "unknown_account"
        with pytest.raises(RpcError):
            stranger.query.balances()


@pytest.mark.req("C082")
def test_key_that_is_not_known_is_refused_at_once(keyed: KeyedExchange) -> None:
    """A stranger's key ends the attempt with a sentence."""
    with pytest.raises(SecurityError, match="refused this client's CURVE keys"):
        keyed.client("unknown", 5)


def test_no_key_at_all_is_refused_before_anything_is_sent(keyed: KeyedExchange) -> None:
    """Over TCP there is no client without keys."""
    with pytest.raises(SecurityError, match="can be reached by other users"):
        Client.connect(keyed.orders, tenant=5, name="bare", user="bare")


def test_key_that_is_let_in_and_revoked_while_the_exchange_runs(keyed: KeyedExchange) -> None:
    """A new key trades within seconds, without a restart; a revoked one is refused by core and replica."""
    keyed.keys["late"] = KeyPair.generate()
    late = Principal("late", "5", frozenset({"trade"}))
    let_in(keyed.directory, late, [keyed.keys["late"].public])
    keyed.until("late", "answered")
    with keyed.client("late", 5) as client:
        assert client.query.status().sequence > 0
        let_in(keyed.directory, late, [])
        keyed.until("late", "refused")
        deadline = time.monotonic() + 120
        while (outcome := asked(client)) is RpcStatus.OK:
            assert time.monotonic() < deadline
        assert outcome is RpcStatus.UNAUTHENTICATED


def asked(client: Client) -> RpcStatus:
    """What comes of a question over a connection that there is."""
    time.sleep(0.05)  # keys are looked at once a second
    try:
        client.query.status()
    except RpcError as refused:
        return refused.code
    return RpcStatus.OK
