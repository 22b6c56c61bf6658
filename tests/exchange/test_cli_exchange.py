"""The command line with an exchange behind it: real processes, as a user runs them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from exchange.client import Client
from exchange.domain.enums import OrderStatus
from tests.exchange.commands import exchange
from tests.exchange.journals import Writer
from tests.exchange.running import Up, fetch, settings, until


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """An exchange with a market of two accounts."""
    made = Up.start(tmp_path_factory.mktemp("up") / "data", "endpoints.metrics=127.0.0.1:0")
    try:
        until(made.announcement, "it did not start")
        made.say("admin", "define-asset", "1", "BTC", "8")
        made.say("admin", "define-asset", "2", "USD", "6")
        market = ["define-instrument", "7", "BTC-USD", "--base", "BTC", "--quote", "USD"]
        made.say("admin", *market, "--price-scale", "2", "--qty-scale", "4", "--taker-rate", "1000000")
        for account in ("11", "12"):
            made.say("admin", "open-account", account, "--of", "1")
            made.say("admin", "deposit", account, "BTC", "10")
            made.say("admin", "deposit", account, "USD", "1000000")
        yield made
    finally:
        made.end()


def test_up_announces_endpoints_and_processes(up: Up) -> None:
    """The file names what runs; the log has a line an event."""
    content = up.announcement()
    assert content["supervisor"] == up.process.pid
    assert set(content["processes"]) == {"core", "replica", "publisher", "audit"}
    assert content["endpoints"]["orders"] == f"ipc://{up.data}/run/orders.sock"
    for line in up.log.splitlines():
        assert re.match(r"(ts=\S+ level=\w+ process=\S+ event=|orders |queries |metrics |ready )", line), line


def test_audit_log_has_what_administrators_did_and_no_command_line_has_a_setting(up: Up) -> None:
    """The market that was made, a refused withdrawal, a snapshot; settings are not for all to read."""
    up.say("admin", "withdraw", "11", "USD", "9000000", check=1)
    up.say("snapshot")
    until(lambda: len(shown(up, "core")) == 10, "the records of the core did not come")
    core = shown(up, "core")
    assert [(each["action"], each["outcome"]) for each in core[-2:]] == [
        ("ledger.deposit", "done"),
        ("ledger.withdraw", "refused"),
    ]
    assert core[-1]["details"]["reject"] == "2002 INSUFFICIENT_FUNDS"
    until(lambda: len(shown(up, "replica")) == 2, "the records of the replica did not come")
    assert [(each["action"], each["outcome"]) for each in shown(up, "replica")] == [
        ("replica.snapshot", "requested"),
        ("replica.snapshot", "done"),
    ]
    assert up.ask("audit", "--log")["ok"]
    for pid in up.announcement()["processes"].values():
        assert b"data_directory" not in Path(f"/proc/{pid}/cmdline").read_bytes()


def shown(up: Up, chain: str) -> list[dict[str, Any]]:
    """The records of one chain."""
    return [each for each in up.ask("audit", "--show") if each["chain"] == chain]


def test_history_that_is_not_kept_is_told_with_the_setting_that_keeps_it(up: Up) -> None:
    """And what that implies."""
    done = exchange("history", "orders", "--data", str(up.data), *settings(), check=1)
    assert done.stdout == ""
    assert done.stderr == (
        f"exchange: the exchange on {up.data} keeps no history:"
        " start it with --set history.enabled=true (which publishes events, too)\n"
    )


def test_second_up_on_the_same_directory_is_refused_with_a_sentence(up: Up) -> None:
    """And the first one does not notice."""
    words = [sys.executable, "-m", "exchange.cli", "up", "--data", str(up.data), *settings()]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout) == (73, "")
    assert f"an exchange runs on {up.data} already (process {up.process.pid})" in done.stderr
    assert "Traceback" not in done.stderr


def test_order_through_its_life_by_command(up: Up) -> None:
    """Entered, changed, traded, cancelled; each answer and query tells of it."""
    report = up.ask(
        "order", "new", "BTC-USD", "sell", "0.5", "64000", "--account", "11", "--client-order-id", "s1"
    )
    assert (report["exec_type"], report["order_status"], report["leaves_qty"]) == ("accepted", "open", 5000)
    order = str(report["order_id"])
    changed = up.ask(
        "order", "replace", order, "--instrument", "BTC-USD", "--price", "63000", "--account", "11"
    )
    assert changed["exec_type"] == "replaced"
    up.say("order", "new", "BTC-USD", "buy", "0.2", "63500", "--account", "12")
    [live] = up.ask("order", "list", "--account", "11")
    assert (live["order_id"], live["cum_qty"], live["price"]) == (int(order), 2000, 6300000)
    [past] = up.ask("order", "list", "--history", "--status", "filled", "--account", "12")
    assert (past["cum_qty"], past["average_price"]) == (2000, 6300000)
    book = up.ask("book", "BTC-USD")
    assert (book["bids"], book["asks"]) == ([], [{"price": 6300000, "qty": 3000, "count": 1}])
    money = {row["symbol"]: row for row in up.ask("balances", "--account", "12")}
    assert money["USD"]["total"] == (1_000_000 - 12_600) * 10**6
    assert money["BTC"]["total"] == 10 * 10**8 + 20_000_000 - 20_000  # less 0.1 %
    held = up.say("balances", "--account", "11", "--reservations")
    assert f"order {order}  BTC    0.30000000" in held
    refused = exchange(
        "order",
        "new",
        "BTC-USD",
        "buy",
        "100",
        "64000",
        "--account",
        "12",
        "--data",
        str(up.data),
        *settings(),
        check=1,
    )
    assert "refused: insufficient_funds" in refused.stderr
    done = up.say("order", "cancel", "--all", "--account", "11")
    assert "1 orders cancelled" in done
    assert up.ask("order", "list", "--account", "11") == []


def test_orders_endpoints_are_tried_in_turn(up: Up) -> None:
    """Nobody listens at the first one; where nobody does at any, a sentence says so."""
    places = [f"ipc://{up.data}/run/{name}.sock" for name in ("nobody", "orders")]
    rows = up.ask("balances", "--account", "12", "--orders", places[0], "--orders", places[1])
    assert {row["symbol"] for row in rows} == {"BTC", "USD"}
    done = exchange("book", "BTC-USD", "--orders", places[0], "--data", str(up.data), check=None)
    assert done.returncode != 0
    assert "no exchange runs" in done.stderr


def test_admin_refusal_names_the_code_and_ends_with_1(up: Up) -> None:
    """Other wrong words end with a sentence and 78."""
    done = exchange("admin", "define-asset", "1", "ABC", "8", "--data", str(up.data), *settings(), check=1)
    assert done.stderr.startswith("exchange: refused: asset_exists: ")
    wrong = exchange("admin", "deposit", "11", "DOGE", "1", "--data", str(up.data), *settings(), check=78)
    assert wrong.stderr.startswith("exchange: admin deposit: ")
    assert wrong.stderr.count("\n") == 1


def test_limits_of_a_whole_account_are_whole_numbers(up: Up) -> None:
    """Lots of whichever instrument; a decimal is refused with a sentence that says what would do."""
    wrong = exchange(
        *("admin", "set-limits", "--account", "12", "--max-order-qty", "0.5"),
        *("--data", str(up.data), *settings()), check=78,
    )  # fmt: skip
    assert wrong.stderr == (
        "exchange: admin set-limits: max_order_qty '0.5' needs an instrument: of every one it is an int, in"
        " lots, as each has lots of its own size\n"
    )
    up.say("admin", "set-limits", "--account", "12", "--max-order-qty", "20", "--price-collar", "100000000")
    order = ("order", "new", "BTC-USD", "buy", "0.0021", "100", "--account", "12")
    refused = exchange(*order, "--data", str(up.data), *settings(), check=1)
    assert "refused: max_order_qty (21 asked, 20 allowed)" in refused.stderr
    up.say("admin", "set-limits", "--account", "12")


def test_kill_switch_by_command_blocks_and_is_lifted(up: Up) -> None:
    """What rests is cancelled at once."""
    order = ("order", "new", "BTC-USD", "buy", "0.1", "100", "--account", "12")
    up.say(*order)
    up.say("admin", "kill", "account", "12")
    assert up.ask("order", "list", "--account", "12") == []
    blocked = exchange(*order, "--data", str(up.data), *settings(), check=1)
    assert "refused: killed" in blocked.stderr
    up.say("admin", "unkill", "account", "12")
    up.say(*order)
    up.say("order", "cancel", "--all", "--account", "12")


def test_status_tells_health_rates_and_latencies(up: Up) -> None:
    """As text and as data."""
    text = until(lambda: healthy(up), "it is not well")
    assert "replica   process" in text
    content = up.ask("status", "--seconds", "0.1")
    assert content["values"]["accounts"] == 2
    assert content["replica"]["pid"] == up.announcement()["processes"]["replica"]
    assert set(content["latency_ns"]["batch_service"]) == {"p50", "p90", "p99", "p99.9", "max"}


def healthy(up: Up) -> str:
    """What `exchange status` says, when it says that all is well."""
    text = up.say("status", "--seconds", "0.1")
    return text if "health    healthy" in text else ""


def test_log_has_what_became_of_orders(up: Up) -> None:
    """Topics, events of one from an offset on, and wrong uses."""
    up.say("order", "new", "BTC-USD", "buy", "0.1", "1", "--account", "12")

    def placed() -> list[dict[str, Any]]:
        """The events, when the order is among them."""
        shown = exchange("log", "show", "orders.lifecycle", "--data", str(up.data), *settings()).stdout
        events = [json.loads(line) for line in shown.splitlines()]
        mine = [each for each in events if each["payload"]["account"] == "12"]
        return events if any(each["eventType"] == "OrderPlaced" for each in mine) else []

    events = until(placed, "the order is not in the log")
    assert [each["entity"]["sequence"] for each in events] == list(range(1, len(events) + 1))
    text = exchange("log", "topics", "--data", str(up.data), *settings()).stdout
    assert "dev.orders.lifecycle.v1" in text
    some = ("log", "show", "dev.orders.lifecycle.v1", "--from", "3", "--count", "1", "--data", str(up.data))
    assert json.loads(exchange(*some, *settings()).stdout) in events
    assert "7101" in exchange("log", "show", "no.topic", "--data", str(up.data), check=1).stderr
    tail = ["log", "tail", "orders.lifecycle", "--remote", "--data", str(up.data), *settings()]
    words = [sys.executable, "-m", "exchange.cli", *tail, "--count", "1"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:  # over RPC, from the replica
        try:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["entity"]["entityType"] == "Order"
        finally:
            process.kill()
    up.say("order", "cancel", "--all", "--account", "12")


@pytest.mark.req("B006")
def test_snapshot_by_command_is_what_verify_compares(up: Up) -> None:
    """While the exchange runs."""
    line = up.say("snapshot").strip()
    sequence, digest, state, writer = line.split()
    assert writer == "replica"
    found = exchange("verify", str(up.data))
    assert f"same   {line}" in found.stdout
    outcome = json.loads(exchange("replay", str(up.data), "--json").stdout)
    assert (outcome["trades"], outcome["accounts"]) == (1, 2)
    assert outcome["sequence"] >= int(sequence)  # sessions of later commands are in it
    assert len(digest) == len(state) == 16


@pytest.mark.req("B033")
def test_exchange_through_a_crash_and_a_stop_loses_nothing(tmp_path: Path) -> None:
    """The core is killed and comes back; metrics and health are served; a stop is in order; verify agrees."""
    with_port = Up.start(tmp_path / "data", "endpoints.metrics=127.0.0.1:0")
    try:
        until(with_port.announcement, "it did not start")
        with_port.say("admin", "define-asset", "1", "BTC", "8")
        with_port.say("admin", "open-account", "11", "--of", "1")
        with_port.say("admin", "deposit", "11", "BTC", "1.5")
        url = with_port.announcement()["endpoints"]["metrics"]
        until(lambda: b'exchange_core_up{process="core"} 1' in fetch(url), "the core is not up")
        page = url.replace("/metrics", "/health")
        until(lambda: json.loads(fetch(page))["status"] == "healthy", "it is not well")
        core = with_port.announcement()["processes"]["core"]
        os.kill(core, signal.SIGKILL)
        until(
            lambda: with_port.announcement()["processes"]["core"] not in (core, None), "it did not come back"
        )
        until(
            lambda: (
                exchange("status", "--seconds", "0", "--data", str(with_port.data), check=None).returncode
                == 0
            ),
            "the core does not answer",
        )
        with_port.say("admin", "deposit", "11", "BTC", "0.5")
        [balance] = with_port.ask("balances", "--account", "11")
        assert balance["total"] == 2 * 10**8
        assert with_port.stop() == 0
        assert not (with_port.data / "run" / "exchange.json").exists()
    finally:
        with_port.end()
    assert 'event="child fell" name=core reason="killed by SIGKILL"' in with_port.log
    found = exchange("verify", str(with_port.data)).stdout
    assert "the same, up to sequence" in found


def test_replica_that_begins_with_a_snapshot_tells_of_orders_that_ended_before_it(tmp_path: Path) -> None:
    """It folds only what came after, and has its history from beside the snapshot."""

    def open_market(ann: Client) -> None:
        assert ann.admin.define_asset(1, "A", 0).ok
        assert ann.admin.define_asset(2, "B", 0).ok
        assert ann.admin.define_instrument(
            7, "A-B", base=1, quote=2, price_scale=0, qty_scale=0, max_price=99
        ).ok
        assert ann.admin.open_account(11, tenant=1).ok
        assert ann.admin.deposit(1, 9, account=11).ok

    def ended(ann: Client) -> list[int]:
        rows = ann.query.order_history(account=11)
        return [row.order_id for row in rows if row.order_status is OrderStatus.CANCELED]

    orders: list[int] = []
    for begin in (open_market, lambda _: None):
        made = Up.start(tmp_path / "data")
        try:
            until(made.announcement, "it did not start")
            endpoint = made.announcement()["endpoints"]["orders"]
            with Client.connect(endpoint, tenant=0, name="ann", user="ann", timeout_ms=60_000) as ann:
                begin(ann)
                ann.load_instruments()
                report = ann.limit("A-B", "sell", 1, 50, account=11)
                assert ann.cancel(report).ok
                orders.insert(0, report.order_id)
                until(partial(_is, partial(ended, ann), [*orders]), "the replica does not tell of it")
            made.say("snapshot")
            assert made.stop() == 0
        finally:
            made.end()
    log = (tmp_path / "data.log").read_text()
    starts = re.findall(r'event="replica caught up" commands=(\d+) .* sequence=(\d+)', log)
    assert len(starts) == 2
    folded, sequence = map(int, starts[1])
    assert folded < sequence


def _is(told: Callable[[], Any], wanted: Any) -> bool:
    return bool(told() == wanted)


def test_verify_of_a_tampered_digest_says_where_it_parts(tmp_path: Path) -> None:
    """Exit code 1, with the sequence; and without any digest it says that there is nothing to compare."""
    writer = Writer(tmp_path / "journal")
    writer.open_market()
    sequence = writer.trade(3)
    writer.close()
    nothing = exchange("verify", str(tmp_path), check=1)
    assert "nothing was recorded to compare with" in nothing.stdout
    (tmp_path / "snapshots").mkdir()
    (tmp_path / "snapshots" / "live.digest").write_text(f"{sequence} {7:016x} {8:016x} core\n")
    parted = exchange("verify", str(tmp_path), check=1)
    assert f"events part at or before sequence {sequence}: 0000000000000007 live (core)" in parted.stdout
    outcome = json.loads(exchange("verify", str(tmp_path), "--json", check=1).stdout)
    assert (outcome["same"], outcome["replay"]["trades"]) == (False, 3)
