"""``python -m bench.gateway_path``: processor time of a request within a gateway, without sockets and core.

The gateway's server, application, identity and client session work in one thread, as in its process. In the
place of a socket is a transport that keeps what is written; in that of the core a link that has the answer to
an order at once. So all is measured that is Python of ours or of the server, and nothing of the kernel, of
ZeroMQ or of the core: what a change of that code saves is seen on a machine that does other work, too. Each
figure is the least of the rounds, by the clock of the thread's processor time; answers are checked.

`--profile` prints by function where the time of an order goes (cProfile, which makes small functions dearer).
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import logging
import pstats
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

import numpy as np
import uvloop
from uvicorn.server import ServerState

from bench.gateway import order_maker, plain_maker
from bench.measure import machine, table
from exchange.bus.topics import TopicTable
from exchange.client import AsyncClient
from exchange.client.connecting import parts
from exchange.client.inquiring import TaskInquirer
from exchange.client.instruments import Asset, Directory, Instrument
from exchange.client.links import SocketLink
from exchange.client.loop_runner import LoopRunner
from exchange.client.place import Place
from exchange.client.session import Settings as SessionSettings
from exchange.config import Settings, load
from exchange.domain.enums import CommandList, ExecType, OrderStatus, ReportList, SessionOutcome
from exchange.schema.frames import REPORT_DTYPES, ReportHeader, decode_commands, encode_reports
from exchange.security.sealing import Sealer
from exchange.security.signing import hmac_signer
from exchange.services.gateway.app import GatewayApp
from exchange.services.gateway.authentication import Authenticator
from exchange.services.gateway.browsers import Browsers
from exchange.services.gateway.calls import Exchange
from exchange.services.gateway.counting import Counted
from exchange.services.gateway.identity_link import IdentityLink
from exchange.services.gateway.known import Known
from exchange.services.gateway.limits import Limits
from exchange.services.gateway.routes import ROUTES, Routing
from exchange.services.gateway.server import BoundedProtocol, Connections, http_server
from exchange.services.gateway.standing import Standing
from exchange.services.gateway.upstream import Trader
from exchange.services.identity.api_keys import ApiKeys, Wanted
from exchange.services.identity.store import IdentityStore
from exchange.services.identity.tables import MIGRATIONS
from exchange.storage.sql import open_store
from exchange.topology.gateway import plan_of

_BATCH: Final = 50
_LARGE: Final = {f"{of}_{what}": 1_000_000 for of in ("key", "tenant", "ip") for what in ("per_s", "burst")}
_SAME: Final = tuple(
    f"{name}_{part}" for name in ("correlation_id", "client_order_id") for part in ("head", "tail")
)
_TAKEN: Final = np.zeros(1, REPORT_DTYPES[ReportList.REPORTS])
_TAKEN["exec_type"], _TAKEN["order_status"] = ExecType.ACCEPTED, OrderStatus.OPEN
_TAKEN["account"], _TAKEN["instrument_id"] = 11, 1


class Link:
    """In the place of a core: it lets the session in, and takes every order."""

    refused = broken = False
    opened = 1

    def __init__(self) -> None:
        self._frames: list[bytes] = []
        self._sequence = 0

    def open(self) -> None:
        """Nothing is connected."""

    def close(self) -> None:
        """Nothing is."""

    def filenos(self) -> tuple[int, ...]:
        """Nothing to wait for: an answer is there when its order is sent."""
        return ()

    def send(self, frame: bytes) -> bool:
        """Answers it."""
        _, kind, rows = decode_commands(frame)
        if kind is CommandList.SESSIONS:
            answer = np.zeros(1, REPORT_DTYPES[ReportList.SESSIONS])
            answer["kind"], answer["session"] = SessionOutcome.WELCOME, 1
            self._put(ReportList.SESSIONS, answer)
        else:
            answer = _TAKEN.copy()
            for name in _SAME:
                answer[name] = rows[name]
            answer["order_id"] = answer["event_sequence"] = answer["sequence"] = self._sequence + 1
            self._put(ReportList.REPORTS, answer)
        return True

    @property
    def readable(self) -> bool:
        """Whether there is an answer."""
        return bool(self._frames)

    def receive(self, _: int = 0) -> list[bytes]:
        """Those that are there."""
        frames, self._frames = self._frames, []
        return frames

    def _put(self, kind: ReportList, rows: Any) -> None:
        self._sequence += 1
        self._frames.append(encode_reports(kind, rows, ReportHeader(1, 1, *[self._sequence] * 3)))


class Wire(asyncio.Transport):
    """In the place of a socket."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.written: list[bytes] = []

    def write(self, data: Any) -> None:
        """Keeps it."""
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        """Never."""
        return False

    def close(self) -> None:
        """Nothing to close."""

    def pause_reading(self) -> None:
        """There is nothing to pause."""

    resume_reading = pause_reading


async def _trader() -> Trader:
    made = parts(SessionSettings("bench", "bench", 1), Place(("inproc://nobody",)), None, 0)
    runner = LoopRunner(made.session, cast(SocketLink, Link()), made.hub)
    client = AsyncClient(runner, TaskInquirer(None, made.makers.query), made.makers)
    runner.start()
    await runner.wait_for(lambda: made.session.session > 0, 10)
    return Trader(client)


def _directory() -> Directory:
    made = Directory()
    made.add(Asset(1, "BTC", 8))
    made.add(Asset(2, "USD", 6))
    made.add(Instrument(1, "BTC-USD", 1, 2, 2, 4))
    return made


async def _measure(settings: Settings, plan: Any, rounds: int, profiled: int) -> list[tuple[str, float]]:
    with open_store(str(plan.settings.data_directory / "stores"), "identity", MIGRATIONS) as store:
        sealer = Sealer(plan.settings.data_directory / "keys")
        keys = ApiKeys(IdentityStore(store, sealer, TopicTable("dev")))
        key, secret = keys.create(Wanted(name="bench", tenant=1, scopes=("trade",), accounts=(11,)))
    trader = await _trader()

    async def of_tenant(_: int) -> Trader:
        return trader

    async with plan.identity() as way:
        bound = settings.gateway
        upstream = SimpleNamespace(trader=of_tenant)
        known = Known(_directory(), cast(Any, None))
        exchange = Exchange(*cast(Any, (upstream, known, None, None, None)))
        authenticator = Authenticator(IdentityLink(way), Browsers(bound), Standing())
        connections = Connections(bound)
        counted = Counted(lambda: (0, 0), lambda: 0)
        limits = Limits(bound, time.monotonic_ns)
        app = GatewayApp(exchange, bound, Routing(ROUTES), authenticator, limits, counted)
        config = http_server(app, connections).config
        config.load()
        protocol = BoundedProtocol(config=config, server_state=ServerState(), app_state={})
        wire = Wire()
        protocol.connection_made(wire)
        await asyncio.sleep(1.5)  # identity takes nothing that was signed before it began

        async def ask(make: Callable[[int], bytes], first: int, wanted: bytes, profile: Any = None) -> float:
            """Processor time of each of a batch, us."""
            requests = [make(first + at) for at in range(_BATCH)]
            if profile is not None:
                profile.enable()
            began = time.thread_time_ns()
            for at, request in enumerate(requests):
                protocol.data_received(request)
                while not protocol.cycle.response_complete:  # noqa: ASYNC110  # its server has no event for that
                    await asyncio.sleep(0)  # a turn of the loop: the answer is made by it
                if not wire.written[0].startswith(wanted):
                    raise SystemExit(f"request {at}: {wire.written!r}")
                wire.written.clear()
            took = time.thread_time_ns() - began
            if profile is not None:
                profile.disable()
            return took / _BATCH / 1e3

        make = order_maker(key.key_id, hmac_signer(secret))
        unknown = order_maker("gk-0000000000000000", hmac_signer(secret))
        ways = {
            "GET /v1/time": (plain_maker(b"GET", b"/v1/time"), b"HTTP/1.1 200"),
            "POST /v1/orders by a key that is not known": (unknown, b"HTTP/1.1 401"),
            "POST /v1/orders, signed": (make, b"HTTP/1.1 201"),
        }
        least = dict.fromkeys(ways, float("inf"))
        for number in range(rounds):
            for name, (each, wanted) in ways.items():
                least[name] = min(least[name], await ask(each, number * _BATCH, wanted))
        if profiled:
            profile = cProfile.Profile()
            for number in range(4):
                await ask(make, (rounds + number) * _BATCH, b"HTTP/1.1 201", profile)
            pstats.Stats(profile).sort_stats("tottime").print_stats(profiled)
        protocol.connection_lost(None)
        await trader.client.close()
    return list(least.items())


@contextmanager
def _settings() -> Iterator[Settings]:
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory) / "data"
        for name in ("keys", "stores", "run"):
            (data / name).mkdir(parents=True, mode=0o700)
        yield load(
            environment={}, data_directory=str(data), gateway={"enabled": True, **_LARGE},
            registry={"heartbeats": False}, security={"audit": False},
        )  # fmt: skip


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=100, help=f"of {_BATCH} requests each")
    parser.add_argument("--profile", type=int, default=0, metavar="N", help="print the N dearest functions")
    options = parser.parse_args()
    logging.getLogger("exchange").setLevel(logging.ERROR)
    with (
        _settings() as settings,
        plan_of(settings) as plan,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        rows = runner.run(_measure(settings, plan, options.rounds, options.profile))
    print(machine())
    print(table(("request", "processor us"), [(name, f"{took:,.0f}") for name, took in rows]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
