"""`exchange demo`."""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import socket
import threading
import time
from importlib import import_module
from importlib.util import find_spec
from typing import Final

from cmatch.cli.words import UINT32_MAX, counted, decimal, whole
from exchange.cli.audit import kept_audit
from exchange.cli.auditing import local_user
from exchange.cli.common import add_settings, settings_of
from exchange.cli.launch import data_directory, running
from exchange.cli.users import users_of
from exchange.client import Client, Reject
from exchange.config import Settings
from exchange.demo.flow import Flow
from exchange.demo.market import TENANT, Plan, Traders, set_up
from exchange.demo.sample import load
from exchange.demo.session import ArraySession
from exchange.demo.view import Camera, open_view, show_while
from exchange.errors import ConfigError, StorageError
from exchange.observability import stats_path
from exchange.services.orders.disk_watch import used_percent
from exchange.storage.directory import DataDirectory

DESCRIPTION = """Run a market: starts an exchange, defines ten instruments, funds 1,000 accounts, and
streams the order flow of a Coinbase capture as those accounts until Ctrl-C: orders that rest, cross, are
replaced and cancelled, lap after lap with other prices, sizes and ids. A terminal shows it live, and so does
a page of the browser: one click signs you in there, with an account and money of your own. At the end the
exchange is stopped and audited: the whole journal is replayed in a venue of its own, and the last line says
whether all money and every hash agree. Exit code 1 where they do not."""

VISITOR: Final = "visitor"
_RATE: Final = 20_000
_RATE_WITH_SCREEN: Final = 1_000
_SCREEN: Final = (
    "gateway.enabled=true",
    "admin.enabled=true",
    "history.enabled=true",
    "market_data.enabled=true",
    f"gateway.demo_user={VISITOR}",
)
_PATIENCE_MS = 60_000
_RETRY_MS = 10_000
_SECONDS_MAX: Final = 1e9
_ROOMY_PERCENT: Final = 95  # of a disk that is as full as many are


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    add_settings(parser)
    parser.add_argument(
        "--seconds",
        type=decimal(0, _SECONDS_MAX, above=True),
        metavar="N",
        help="end after so long (default: at Ctrl-C)",
    )
    parser.add_argument(
        "--no-screen", action="store_true", help="the market and its core alone, without a page to trade on"
    )
    parser.add_argument(
        "--rate",
        type=whole(1, UINT32_MAX),
        metavar="N",
        help="commands a second (1,000; without a screen 20,000)",
    )
    parser.add_argument(
        "--accounts",
        type=whole(2, UINT32_MAX),
        default=1_000,
        metavar="N",
        help="accounts that trade (1,000)",
    )
    parser.add_argument(
        "--sessions", type=whole(1, UINT32_MAX), default=16, metavar="N", help="sessions that they share (16)"
    )
    parser.add_argument("--seed", type=whole(), default=1, metavar="N", help="of all choices (1)")
    parser.add_argument("--keep", action="store_true", help="keep the temporary data directory")


def run(options: argparse.Namespace) -> int:
    """Runs, stops and audits; returns 0, or 1 where the audit found something."""
    screen = not options.no_screen
    if options.rate is None:
        options.rate = _RATE_WITH_SCREEN if screen else _RATE
    with data_directory(options, "demo") as data:
        options.data = data
        if screen:
            options.set = [*_screen_words(options), *options.set]  # what --set says counts
        settings = settings_of(options, endpoints={"metrics": ""})
        if any((data / "journal").glob("*.journal")):
            raise ConfigError(f"{data} has a journal already: the demo wants a new data directory")
        check_disk(settings)
        plan = Plan.of(load(), options.accounts, visitor=screen)
        if plan.visitor is not None:
            _make_visitor(settings, plan.visitor)
        _say("starting the exchange, some seconds")
        with running(options, settings, ["endpoints.metrics="]):
            _trade(options, settings, plan)
            _say("stopping the exchange")
        _say("auditing: replaying the whole journal")
        expected = {plan.assets[symbol]: amount for symbol, amount in plan.total.items()}
        found = kept_audit(settings, who=local_user(), paid_in=expected, stopped=True)
        _say(f"replayed {found.commands:,} commands in {found.seconds:.2f} s")
        print(*found.lines(), sep="\n", flush=True)
    return int(not found.good)


def _trade(options: argparse.Namespace, settings: Settings, plan: Plan) -> None:
    """Sets up, trades until it is time or Ctrl-C, and waits for the last answers."""
    user = os.environ.get("USER", "demo")
    endpoints = settings.endpoints
    with contextlib.ExitStack() as opened:
        operator = opened.enter_context(
            Client.connect(
                endpoints.orders,
                tenant=0,
                name="demo-operator",
                user=user,
                queries=endpoints.queries,
                timeout_ms=_PATIENCE_MS,
                retry_ms=_RETRY_MS,
                connect_ms=_PATIENCE_MS,
            )
        )
        _say(f"opening {len(plan.accounts):,} accounts in {len(plan.assets)} assets")
        set_up(operator, plan)
        if not options.no_screen:
            _say(f"trade at {address_of(settings)}: one click signs you in")
        flow = Flow(
            plan.sample,
            list(plan.accounts),
            plan.instruments,
            seed=options.seed,
            first_id=time.time_ns() // 1_000,
        )
        sessions = []
        for number in range(options.sessions):
            session = ArraySession(endpoints.orders, f"demo-{number}", user, TENANT)
            session.open()
            opened.callback(session.close)
            sessions.append(session)
        traders = Traders(sessions, flow, options.rate)
        stop = threading.Event()
        thread = threading.Thread(target=traders.run, args=(stop.is_set,), name="traders")
        camera = Camera(
            stats_path(settings.data_directory),
            operator,
            plan,
            DataDirectory(settings.data_directory).journal,
            traders.tally,
        )
        view = open_view(None if options.no_screen else address_of(settings))
        ends = time.monotonic() + (options.seconds if options.seconds is not None else float("inf"))
        thread.start()
        try:
            show_while(camera, view, lambda: time.monotonic() < ends and thread.is_alive())
        except KeyboardInterrupt:
            pass
        finally:
            stop.set()
            thread.join()
            view.close()
            camera.close()
        if traders.error:
            raise traders.error
        tally = traders.tally
        laps = counted(flow.laps + 1, "laps")
        _say(f"{tally.sent:,} commands sent in {laps}, {tally.reports:,} reports seen")
        for code, count in tally.rejects.most_common():
            _say(f"  {count:,} refused: {Reject(code).name}")


def address_of(settings: Settings) -> str:
    """Of the page."""
    return f"http://{settings.gateway.host}:{settings.gateway.port}/"


def check_disk(settings: Settings) -> None:
    """Looks whether orders would be taken: a market without any would end as one where all is right.

    Raises:
        StorageError: The disk is too full for that.
    """
    data, limit = settings.data_directory, settings.limits.disk_used_percent
    used = used_percent(next(each for each in (data, *data.absolute().parents) if each.exists()))
    if used > limit:
        enough = _ROOMY_PERCENT if used < _ROOMY_PERCENT else 100
        raise StorageError(
            f"the disk of {data} is {used:.0f} % full, orders are refused from {limit} % on:"
            f" free some, or --set limits.disk_used_percent={enough}"
        )


def _screen_words(options: argparse.Namespace) -> list[str]:
    """Settings of an exchange with a page, on a port that can be had.

    Raises:
        ConfigError: What serves it is not installed.
    """
    if find_spec("uvicorn") is None:
        raise ConfigError("the screen needs more packages: pip install 'cmatch[gateway]', or use --no-screen")
    bound = settings_of(options).gateway
    return [*_SCREEN, f"gateway.port={_free_port(bound.host, bound.port)}"]


def _free_port(host: str, wanted: int) -> int:
    for port in (wanted, 0):
        with contextlib.suppress(OSError), socket.create_server((host, port)) as server:
            return int(server.getsockname()[1])
    raise ConfigError(f"{host} is no address of this machine")


def _make_visitor(settings: Settings, account: int) -> None:
    """A user with an account, whom the page signs in without a password: nobody knows it."""
    passwords = import_module("exchange.services.identity.passwords")
    with users_of(settings) as users:
        users.create(VISITOR, TENANT, passwords.hashed(secrets.token_hex(16)), ["trader"], [account])


def _say(words: str) -> None:
    print(f"demo: {words}", flush=True)
