"""Two instances of the history: a second one joins, the first one dies, and nobody who asks notices."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from time import monotonic

import pytest

from exchange.client import Client, Reader
from exchange.errors import RpcError, RpcStatus
from exchange.observability.server import ask
from exchange.runtime.exits import ExitCode
from exchange.runtime.registry import Registry
from tests.cache.redis_server import running
from tests.exchange.running import Up, settings, until

WAIT_MS = 60_000
MARKET, ACCOUNT, TENANT = 7, 11, 1
SERVED = 'exchange_rpc_server_calls_total{process="%s",method="history.HistoryOrdersRequest",status="OK"} '


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """An exchange that keeps a history, with a market, and a cache in Redis."""
    with running() as redis:
        said = ("history.enabled=true", f"cache.url={redis.url}", "endpoints.metrics=")
        made = Up.start(tmp_path_factory.mktemp("instances") / "data", *said)
        try:
            until(made.announcement, "it did not start")
            with connect(made, 0) as client:
                client.admin.define_asset(1, "BTC", 8)
                client.admin.define_asset(2, "USD", 6)
                define(client, MARKET, "BTC-USD")
                client.admin.open_account(ACCOUNT, tenant=TENANT)
                client.admin.deposit("BTC", "1000", account=ACCOUNT)
            yield made
        finally:
            made.process.kill()
            made.process.wait()


def define(client: Client, number: int, symbol: str) -> None:
    """One more instrument."""
    client.admin.define_instrument(number, symbol, base="BTC", quote="USD", price_scale=2, qty_scale=4)


def connect(up: Up, tenant: int) -> Client:
    """A session."""
    endpoint = f"ipc://{up.data}/run/orders.sock"
    client = Client.connect(
        endpoint, tenant=tenant, name=f"t{tenant}", user="t", connect_ms=WAIT_MS, timeout_ms=WAIT_MS
    )
    client.load_instruments()
    return client


def reader(up: Up) -> Reader:
    """Who asks, without a session."""
    return Reader(f"ipc://{up.data}/run/orders.sock", tenant=TENANT, name="r", user="r")


def history(up: Up, instance: int, log: Path) -> subprocess.Popen[bytes]:
    """`exchange run history`, beside the exchange."""
    words = [sys.executable, "-m", "exchange.cli", "run", "history", "--data", str(up.data), *settings()]
    words += ["--set", "history.enabled=true", "--instance", str(instance)]
    with log.open("wb") as file:
        return subprocess.Popen(words, stdout=file, stderr=file)


def ready(up: Up, *names: str) -> bool:
    """Whether these instances say so."""
    there = Registry({}, up.data / "run" / "instances").instances("history")
    return {each.name for each in there if each.ready} == set(names)


def served(up: Up, name: str) -> int:
    """Questions that an instance answered."""
    page = ask(up.data / "run" / f"{name}.http", "/metrics")
    lines = [] if page is None else page.text.splitlines()
    return sum(int(line.rpartition(" ")[2]) for line in lines if line.startswith(SERVED % name))


def needs(up: Up, name: str) -> dict[str, str]:
    """What an instance says of what it depends on; waits for one that has just begun."""
    page = until(lambda: ask(up.data / "run" / f"{name}.http", "/health"), "it does not answer")
    found: dict[str, str] = json.loads(page.text)["dependencies"]
    return found


def restarted(up: Up, before: int) -> bool:
    """Whether the supervisor runs another one."""
    return up.announcement()["processes"]["history"] not in {None, before}


@dataclass
class Askers:
    """Threads that ask all the time, one question after the other."""

    up: Up
    answers: int = 0
    errors: list[Exception] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def ask(self) -> None:
        """Until told to stop; an error is kept."""
        with closing(reader(self.up)) as asking:
            while not self.stop.is_set():
                try:
                    asking.ask(asking.make.query.past_orders(instrument="BTC-USD", most=5), WAIT_MS)
                except Exception as error:  # noqa: BLE001
                    self.errors.append(error)
                    return
                self.answers += 1
                self.stop.wait(0.005)

    def more(self, number: int) -> None:
        """Waits for so many more answers, or an error."""
        wanted = self.answers + number
        until(lambda: self.answers >= wanted or self.errors, "no answers came")


@contextmanager
def asking(up: Up, count: int) -> Iterator[Askers]:
    """So many, meanwhile."""
    made = Askers(up)
    threads = [threading.Thread(target=made.ask) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield made
    finally:
        made.stop.set()
        for thread in threads:
            thread.join()


@pytest.mark.req("C096", "E005", "E013", "D055")
def test_second_instance_joins_the_first_dies_and_nobody_who_asks_sees_an_error(
    up: Up, tmp_path: Path
) -> None:
    """Both answer; of one that is killed the other takes questions and events; it leaves in order."""
    second = history(up, 2, tmp_path / "log")
    try:
        until(lambda: ready(up, "history", "history-2"), "the second did not join")
        with asking(up, 3) as askers, connect(up, TENANT) as trader, closing(reader(up)) as own:
            until(lambda: served(up, "history") and served(up, "history-2"), "questions were not spread")
            for _ in range(2):
                first = up.announcement()["processes"]["history"]
                os.kill(first, signal.SIGKILL)
                askers.more(30)
                report = trader.limit("BTC-USD", "sell", "0.5", "200.25", account=ACCOUNT)
                query = own.make.query.past_orders(order_id=report.order_id, min_seq=report.sequence)
                [row] = own.ask(query, WAIT_MS)  # somebody takes events
                assert row.order_id == report.order_id
                until(partial(restarted, up, first), "it was not started again")
                assert own.instruments.instrument("BTC-USD").price(row.price or 0) == "200.25"
            until(lambda: ready(up, "history", "history-2"), "the first did not come back")
            assert askers.errors == []
        assert needs(up, "history-2") == {}  # its own settings name no Redis
        assert needs(up, "history") == {"redis": "healthy"}
        assert [row for row in up.say("services").splitlines() if "history-2.sock" in row]
    finally:
        second.send_signal(signal.SIGTERM)
    assert second.wait(120) == 0, (tmp_path / "log").read_text()[-3000:]
    until(lambda: ready(up, "history"), "the second did not leave")


def test_command_asks_without_a_session(up: Up) -> None:
    """Nothing of it is journaled; symbols and decimals are there."""
    with connect(up, TENANT) as trader:
        report = trader.limit("BTC-USD", "sell", "0.25", "300", account=ACCOUNT, client_order_id="mine")
        with closing(reader(up)) as own:
            own.ask(own.make.query.past_orders(min_seq=report.sequence, most=1), WAIT_MS)
    written = up.ask("status", "--seconds", "0")["values"]["journal_sequence_written"]
    [order] = up.ask("history", "orders", "--order", "mine", "--instrument", "BTC-USD")
    assert (order["symbol"], order["order_qty"], order["price"]) == ("BTC-USD", "0.2500", "300.00")
    up.say("history", "executions", "--instrument", "NO-SUCH", check=1)
    assert up.ask("status", "--seconds", "0")["values"]["journal_sequence_written"] == written


def is_known(own: Reader, symbol: str) -> bool:
    """Whether the history knows an instrument."""
    try:
        own.ask(own.make.query.past_orders(instrument=symbol), WAIT_MS)
    except RpcError as error:
        if error.code is RpcStatus.NOT_FOUND:
            return False
        raise
    return True


@pytest.mark.req("E006")
def test_instrument_of_an_administrator_is_known_long_before_its_entry_is_old(up: Up) -> None:
    """That there was none is in the cache, for a minute; the event makes it old at once, each time."""
    took: list[float] = []
    with connect(up, 0) as operator, closing(reader(up)) as own:
        for number in range(20, 27):
            symbol = f"X{number}-USD"
            assert not is_known(own, symbol)
            define(operator, number, symbol)
            start = monotonic()
            while not is_known(own, symbol):
                assert monotonic() - start < 20, "it is not heard of"
            took.append(monotonic() - start)
    assert median(took) < 1


def looked_up(up: Up) -> dict[str, float]:
    """What the history's cache counted: hits, misses, and how often it was emptied."""
    page = ask(up.data / "run" / "history.http", "/metrics")
    counted = {"hit": 0.0, "miss": 0.0, "invalidations": 0.0}
    for line in page.text.splitlines() if page else ():
        if found := re.match(r'exchange_cache_lookups_total\{.*outcome="(\w+)"\} (\d+)', line):
            counted[found[1]] += int(found[2])
        if found := re.match(r"exchange_cache_invalidations_total\{.*\} (\d+)", line):
            counted["invalidations"] += int(found[1])
    return counted


@pytest.mark.req("C100")
def test_cache_tells_its_hits_and_is_emptied_by_an_administrators_change(up: Up) -> None:
    """What is asked for again is there, by the counters; after a change it is looked for anew."""
    with connect(up, 0) as operator, closing(reader(up)) as own:

        def grows(name: str, than: dict[str, float]) -> bool:
            """Whether a counter does, with a question more."""
            own.ask(own.make.query.past_orders(instrument="BTC-USD", most=1), WAIT_MS)
            return looked_up(up)[name] > than[name]

        start = looked_up(up)
        until(lambda: grows("hit", start), "nothing was found in the cache")
        warm = looked_up(up)
        for _ in range(20):
            grows("hit", warm)
        since = {name: number - warm[name] for name, number in looked_up(up).items()}
        assert since["hit"] / (since["hit"] + since["miss"]) > 0.5
        before = looked_up(up)
        define(operator, 30, "X30-USD")
        until(lambda: grows("invalidations", before), "no change emptied it")
        until(lambda: grows("miss", before), "nothing was looked for anew")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("history",), "run another one beside it with --instance 2"),
        (("history", "--instance", "1"), "expected 2 or more, of history"),
        (("replica", "--instance", "2"), "expected 2 or more, of history"),
    ],
)
def test_process_that_there_is_or_that_cannot_be_twice_is_refused(
    up: Up, words: tuple[str, ...], why: str
) -> None:
    """Exit code 78, and a sentence; those that run are not disturbed."""
    done = subprocess.run(
        [sys.executable, "-m", "exchange.cli", "run", *words, "--data", str(up.data), *settings()],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == ExitCode.CONFIG
    assert why in done.stderr
