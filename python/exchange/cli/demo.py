"""`exchange demo`."""

from __future__ import annotations

import argparse
import contextlib
import os
import threading
import time

from exchange.cli.common import add_settings, settings_of
from exchange.cli.launch import data_directory, running
from exchange.client import Client, Reject
from exchange.config import Settings
from exchange.demo.flow import Flow
from exchange.demo.market import TENANT, Plan, Traders, set_up
from exchange.demo.sample import load
from exchange.demo.session import ArraySession
from exchange.demo.view import Camera, open_view, show_while
from exchange.errors import ConfigError
from exchange.observability import stats_path
from exchange.runtime.audit import audit
from exchange.storage.directory import DataDirectory

DESCRIPTION = """Run a market: starts an exchange, defines ten instruments, funds 1,000 accounts, and
streams the order flow of a Coinbase capture as those accounts until Ctrl-C: orders that rest, cross, are
replaced and cancelled, lap after lap with other prices, sizes and ids. A terminal shows it live. At the end
the exchange is stopped and audited: the whole journal is replayed in a venue of its own, and the last line
says whether all money and every hash agree. Exit code 1 where they do not."""

_PATIENCE_MS = 60_000
_RETRY_MS = 10_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    add_settings(parser)
    parser.add_argument("--seconds", type=float, metavar="N", help="end after so long (default: at Ctrl-C)")
    parser.add_argument("--rate", type=int, default=20_000, metavar="N", help="commands a second (20,000)")
    parser.add_argument(
        "--accounts", type=int, default=1_000, metavar="N", help="accounts that trade (1,000)"
    )
    parser.add_argument("--sessions", type=int, default=16, metavar="N", help="sessions that they share (16)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of all choices (1)")
    parser.add_argument("--keep", action="store_true", help="keep the temporary data directory")


def run(options: argparse.Namespace) -> int:
    """Runs, stops and audits; returns 0, or 1 where the audit found something."""
    for name, least in (("rate", 1), ("accounts", 2), ("sessions", 1)):
        if getattr(options, name) < least:
            raise ConfigError(f"--{name} is {getattr(options, name)}: expected {least} or more")
    with data_directory(options, "demo") as data:
        options.data = data
        settings = settings_of(options, endpoints={"metrics": ""})
        if any((data / "journal").glob("*.journal")):
            raise ConfigError(f"{data} has a journal already: the demo wants a new data directory")
        plan = Plan.of(load(), options.accounts)
        with running(options, settings, ["endpoints.metrics="]):
            _trade(options, settings, plan)
            _say("stopping the exchange")
        _say("auditing: replaying the whole journal")
        expected = {plan.assets[symbol]: amount for symbol, amount in plan.total.items()}
        found = audit(data, paid_in=expected, stopped=True)
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
        view = open_view()
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
        _say(f"{tally.sent:,} commands sent in {flow.laps + 1} laps, {tally.reports:,} reports seen")
        for code, count in tally.rejects.most_common():
            _say(f"  {count:,} refused: {Reject(code).name}")


def _say(words: str) -> None:
    print(f"demo: {words}", flush=True)
