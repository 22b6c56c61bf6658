"""An exchange to test clients against: in this program, or as the real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from cmatch.frames import ReportList, decode_reports
from exchange.client import Client
from exchange.embedded import Exchange
from exchange.observability import StatsReader, StatsUnavailable, stats_path
from tests.exchange.clients import Connector
from tests.exchange.commands import exchange
from tests.exchange.proxy import Proxy

WAIT_S = 120.0
PRICE = "64000.00"


@dataclass(frozen=True)
class Market:
    """What one test has for itself: an instrument, and two accounts of a tenant with money."""

    number: int

    @property
    def instrument_id(self) -> int:
        """Of the instrument."""
        return self.number

    @property
    def symbol(self) -> str:
        """Of the instrument."""
        return f"{self.base}-{self.quote}"

    @property
    def base(self) -> str:
        """Of 8 decimals."""
        return f"BTC{self.number}"

    @property
    def quote(self) -> str:
        """Of 6 decimals."""
        return f"USD{self.number}"

    @property
    def tenant(self) -> int:
        """Of the two accounts; the next number is nobody's."""
        return 2 * self.number

    @property
    def first(self) -> int:
        """An account."""
        return 2 * self.number

    @property
    def second(self) -> int:
        """The other."""
        return 2 * self.number + 1


class World(Protocol):
    """An exchange, and the means to hurt it."""

    @property
    def shard(self) -> int:
        """What matches the instruments; 0: the core itself."""
        ...

    def client(self, name: str, **options: Any) -> Any:
        """A client; options as of `Client.connect`."""
        ...

    def until(self, happened: Callable[[], bool]) -> None:
        """Wait until something has happened."""
        ...

    def kill_core(self) -> None:
        """Kill the core; it comes back from its journal."""
        ...

    def cut(self, name: str) -> None:
        """Break the connection of a client, which may come back."""
        ...

    def swallow(self, name: str, on: bool) -> None:
        """Lose all answers to orders on their way to a client, from now on or no more."""
        ...

    def done(self) -> None:
        """Close the clients of one test, and see that all is well."""
        ...

    def close(self) -> None:
        """End it."""
        ...


class EmbeddedWorld:
    """`Exchange.embedded`."""

    shard = 0

    def __init__(self, kind: str) -> None:
        self.exchange = Exchange.embedded()
        self._connector = Connector(kind)

    def client(self, name: str, **options: Any) -> Any:
        """A client of either kind."""

        async def make() -> Any:
            return self.exchange.async_client(name, **options)

        return self._connector.adopt(lambda: self.exchange.client(name, **options), make)

    def until(self, happened: Callable[[], bool]) -> None:
        """Let time pass until it has."""
        for _ in range(2_000):
            if happened():
                return
            self.exchange.clock.advance(seconds=0.01)
        raise AssertionError("it did not happen within 20 s")

    def kill_core(self) -> None:
        """Kill and restart."""
        self.exchange.crash()
        self.exchange.restart()

    def cut(self, name: str) -> None:
        """Break a connection."""
        self.exchange.link(name).cut()

    def swallow(self, name: str, on: bool) -> None:
        """Lose answers to orders."""

        def lose(frame: bytes) -> list[bytes]:
            return [] if decode_reports(frame)[1] is ReportList.REPORTS else [frame]

        self.exchange.link(name).network = lose if on else None

    def done(self) -> None:
        """See that a replay gives what the live exchange is."""
        self._connector.close()
        self.exchange.venue.check_invariants()
        assert self.exchange.replay().commands == self.exchange.venue.sequence

    def close(self) -> None:
        """End it."""
        self.exchange.close()


# An exchange whose memory is touched in an instant.
SMALL = (
    "limits.accounts=1024",
    "limits.orders=65536",
    "limits.client_order_ids=131072",
    "limits.segment_bytes=16777216",
    "security.audit=false",
)


STAGE_THERE, STAGE_AWAY = 1, 2


def core_values(data: Path) -> dict[str, int]:
    """The core's statistics; empty where there are none."""
    try:
        with StatsReader(stats_path(data)) as reader:
            return dict(reader.read_values())
    except StatsUnavailable:
        return {}


# Accounts and risk in processes of their own, patient with a machine that has much to do.
STAGES = (
    "accounts.process=true",
    "risk.process=true",
    "stages.heartbeat_timeout_ms=20000",
    "stages.proposal_timeout_ms=20000",
)


class ProcessWorld:
    """`exchange up`: a supervisor with a core and a replica; each client goes through a proxy.

    Args:
        kind: Of its first clients.
        directory: For all its files.
        shard: What matches the instruments; 0: the core itself.
        settings: Further ones, as `--set` takes them.
    """

    def __init__(self, kind: str, directory: Path, shard: int = 0, *settings: str) -> None:
        self.shard = shard
        self._remote = [name for name in ("accounts", "risk") if f"{name}.process=true" in settings]
        self._directory = directory
        self._data = directory / "data"
        self._run = self._data / "run"
        self._connector = Connector(kind)
        self._proxies: dict[str, Proxy] = {}
        self._log = (directory / "log").open("wb")
        command = [sys.executable, "-m", "exchange.cli", "up", "--data", str(self._data)]
        patient = "matching.heartbeat_timeout_ms=20000"  # of a shard on a machine that has much to do
        all_settings = (*SMALL, "endpoints.metrics=", f"matching.shards={shard}", patient, *settings)
        command += [word for pair in all_settings for word in ("--set", pair)]
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log)
        try:
            self.until((self._run / "exchange.json").exists)
            endpoint = f"ipc://{self._run}/orders.sock"
            with Client.connect(
                endpoint, tenant=0, name="probe", user="probe", connect_ms=60_000, timeout_ms=60_000
            ) as probe:
                probe.query.status()
            self.until(self._has_stages)
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise

    def have_clients(self, kind: str) -> None:
        """From now on clients are of this kind."""
        if self._connector.kind != kind:
            self._connector.close()
            self._connector = Connector(kind)

    def client(self, name: str, **options: Any) -> Any:
        """A client, over a socket."""
        if name not in self._proxies:
            path = self._directory / f"p{len(self._proxies)}.sock"
            self._proxies[name] = Proxy(path, self._run / "orders.sock")
        settings = {"user": "user", "tenant": 0} | options
        return self._connector.connect(
            f"ipc://{self._proxies[name].path}",
            name=name,
            queries=f"ipc://{self._run}/queries.sock",
            **settings,
        )

    def until(self, happened: Callable[[], bool]) -> None:
        """Wait until it has."""
        deadline = time.monotonic() + WAIT_S
        while not happened():
            if time.monotonic() > deadline or self._process.poll() is not None:
                log = (self._directory / "log").read_text()
                raise AssertionError(f"it did not happen within {WAIT_S} s:\n{log}")
            time.sleep(0.002)

    def kill_core(self) -> None:
        """Kill the core process; the supervisor starts another, which has its stages when this returns."""
        killed = self.process_id("core")
        os.kill(killed, signal.SIGKILL)
        self.until(lambda: core_values(self._data).get("pid", killed) != killed and self._has_stages())

    def _has_stages(self) -> bool:
        values = core_values(self._data)
        return all(values.get(f"{name}_stage") == STAGE_THERE for name in self._remote)

    @property
    def data(self) -> Path:
        """Its data directory."""
        return self._data

    def process_id(self, name: str) -> int:
        """Of one of its processes; one that has just come back is announced a moment later."""
        found: dict[str, int | None] = {}

        def announced() -> bool:
            found.update(json.loads((self._run / "exchange.json").read_text())["processes"])
            return bool(found[name])

        self.until(announced)
        return int(found[name] or 0)

    def cut(self, name: str) -> None:
        """Break a connection."""
        self._proxies[name].cut()

    def swallow(self, name: str, on: bool) -> None:
        """Lose all bytes to the client; then break the connection, as half of a frame may be lost."""
        self._proxies[name].swallow = on
        if not on:
            self._proxies[name].cut()

    def done(self) -> None:
        """Close the clients of one test."""
        self._connector.close()
        self._connector = Connector(self._connector.kind)

    def close(self) -> None:
        """Stop in an orderly way, and see that a replay gives what was live."""
        self._connector.close()
        for proxy in self._proxies.values():
            proxy.close()
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(120)
        self._log.close()
        assert code == 0, (self._directory / "log").read_text()
        exchange("verify", str(self._data))


def set_up(world: World, market: Market) -> Any:
    """Set a market up; gives the operator's client."""
    client = world.client(f"operator{market.number}")
    admin = client.admin
    assert admin.define_asset(2 * market.number, market.base, 8).ok
    assert admin.define_asset(2 * market.number + 1, market.quote, 6).ok
    assert admin.define_instrument(
        market.instrument_id,
        market.symbol,
        base=market.base,
        quote=market.quote,
        price_scale=2,
        qty_scale=4,
        max_price="100000.00",
        max_qty="1000",
        maker_rate=-100_000,
        taker_rate=500_000,
        fee_mode="quote",
    ).ok
    if world.shard:
        assert admin.assign_shard(market.instrument_id, world.shard).ok
    for account in (market.first, market.second):
        assert admin.open_account(account, tenant=market.tenant).ok
        assert admin.deposit(market.quote, "1000000", account=account).ok
        assert admin.deposit(market.base, "10", account=account).ok
    return client


def trader(world: World, market: Market, account: int, name: str = "trader", **options: Any) -> Any:
    """A client of an account that knows the market."""
    client = world.client(f"{name}{account}", tenant=market.tenant, account=account, **options)
    client.load_instruments()
    return client
