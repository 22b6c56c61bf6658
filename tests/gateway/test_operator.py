"""What operators ask of the gateway: how the exchange is, and that orders stop."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from exchange.bus.topics import TopicTable
from exchange.client.rest.errors import RestError
from exchange.client.rest.operator import Alert
from exchange.observability.health import Status, health_of
from exchange.observability.rates import LastSeconds
from exchange.observability.stats import StatsSnapshot, stats_path
from exchange.runtime.audit import Audit, Check
from exchange.runtime.last_audit import KeptAudit, auditing
from exchange.runtime.processes import ProcessRow
from exchange.security.sealing import Sealer
from exchange.services.gateway.alerts import LAG_MAX, UNSETTLED_NS_MAX, Seen, Since, alerts_of
from exchange.services.gateway.audit_job import AuditCommand, AuditJob
from exchange.services.identity.passwords import hashed
from exchange.services.identity.store import IdentityStore
from exchange.services.identity.tables import MIGRATIONS
from exchange.services.identity.users import Users
from exchange.storage.directory import DataDirectory
from exchange.storage.sql import open_store
from tests.exchange.running import until
from tests.gateway.door import ANN, Open
from tests.gateway.rest import PASSWORD, signed_in
from tests.gateway.running import LARGE, running

USERS = (("zoe", 1, "admin"), ("otto", 1, "operator"), ("ann", 1, "trader"), ("eva", 2, "admin"))
WELL = StatsSnapshot({"ready": 1, "heartbeat_ns": 1_000}, {}, consistent=True, read_ns=1_000)
CORE = ProcessRow("core", 7, "healthy", 9, 0.1, 10**6, 0, 0)


class _Zeros(dict[str, int]):
    def __missing__(self, _name: str) -> int:
        return 0


def seen(rows: list[ProcessRow], **values: int) -> Seen:
    """Of a core with these values in its statistics."""
    stats = replace(WELL, values=_Zeros({**WELL.values, **values}))
    return Seen(rows, health_of(stats, 0), stats)


def told(what: Seen) -> list[tuple[str, str, str]]:
    """Alerts as tuples: severity, about, in words."""
    return [(each.severity, each.about, each.says) for each in alerts_of(what)]


def test_exchange_that_is_well_has_no_alerts() -> None:
    """Nor one whose followers are a little behind."""
    behind = seen([CORE, replace(CORE, name="history", lag=LAG_MAX)])
    now = UNSETTLED_NS_MAX + 1
    good = KeptAudit(1, 0.1, "otto", "", {"good": True, "checks": []})
    assert told(replace(behind, audit=good, unsettled_since=1, now_ns=now)) == []


def test_alerts_say_what_is_not_well_the_worst_first() -> None:
    """Of processes by their state and what they need, of the core by its statistics, and of letters."""
    rows = [
        CORE,
        replace(CORE, name="history", lag=LAG_MAX + 1),
        replace(
            CORE, name="admin", state="degraded", needs={"store": Status.UNHEALTHY, "log": Status.HEALTHY}
        ),
        replace(CORE, name="gateway", pid=None, state="gone"),
    ]
    checks = [{"name": "money", "good": False}, {"name": "trades", "good": True}]
    wrong = {"good": False, "checks": checks}
    found = replace(
        seen(rows, disk_nearly_full=1, followers=1, journal_sequence_written=9),
        letters=[5, 3],
        audit=KeptAudit(7, 0.1, "otto", "", wrong),
        unsettled_since=1,
        now_ns=2 + UNSETTLED_NS_MAX,
    )
    assert told(found) == [
        ("critical", "core", "The disk is nearly full: new orders are refused, cancels pass."),
        ("critical", "gateway", "gateway is not there."),
        ("critical", "audit", "The last one found what is wrong: money."),
        ("warning", "standby", "Not in sync: 9 commands behind."),
        ("warning", "history", "history is 10,001 records behind."),
        ("warning", "admin", "admin lacks something that it needs: store (unhealthy)."),
        ("warning", "settlement", "The oldest trade that is not settled has waited for 60 s."),
        ("warning", "dead letters", "2 events wait for a decision."),
    ]
    since = {each.about: each.since[-11:] for each in alerts_of(found) if each.since}
    assert since == {"audit": ".000000007Z", "settlement": ".000000001Z", "dead letters": ".000000003Z"}
    none = KeptAudit(7, 0.1, "otto", "it is damaged", {})
    assert told(replace(seen([CORE]), audit=none)) == [
        ("critical", "audit", "The last one had no result: it is damaged.")
    ]
    assert alerts_of(Seen([], health_of(None, 0), None)) == [
        Alert(severity="critical", about="core", says="No core runs here.")
    ]


def test_core_that_hangs_or_recovers_is_said_once() -> None:
    """Its process says the same, in other words."""
    hung = replace(CORE, state="unhealthy")
    assert told(seen([hung], heartbeat_ns=-5_000_000_000)) == [
        ("critical", "core", "Its loop has not turned for 5 s.")
    ]
    assert told(seen([CORE], ready=0)) == [("critical", "core", "It recovers, and takes no orders yet.")]
    assert told(seen([CORE], risk_stage=2, solo=1)) == [
        ("warning", "core", "Answers do not wait for a standby, by an operator's will."),
        ("warning", "risk", "The core waits for this stage, or does without."),
    ]


def test_alert_is_since_it_was_first_seen_until_it_is_over() -> None:
    """A lag that grows is one alert; what came back is another one; what is written down somewhere counts."""
    since = Since()

    def at(second: int, *lags: int) -> list[str]:
        rows = [replace(CORE, name=f"follower-{place}", lag=lag) for place, lag in enumerate(lags)]
        what = replace(seen(rows), letters=[4_000_000_000])
        return [each.since[17:20] for each in since.told(alerts_of(what), second * 10**9)]

    large = LAG_MAX + 1
    assert at(5, large) == ["05.", "04."]
    assert at(6, large + 500, large) == ["05.", "06.", "04."]
    assert at(7) == ["04."]
    assert at(8, large) == ["08.", "04."]


def test_audit_is_made_once_at_a_time_and_its_result_is_kept(door: Open) -> None:
    """An operator has it made; meanwhile another is refused, also to the command line, which shows it."""
    command = [sys.executable, "-m", "exchange.cli", "audit", "--data", str(door.data)]

    def line(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *words], capture_output=True, text=True, check=False)

    with signed_in(door, "otto") as otto:
        state = otto.operator_audit()
        assert (state.running, state.last) == (False, None)
        assert "no audit of" in line("--last").stderr
        with auditing(door.data):
            assert otto.operator_audit().running
            assert otto.start_audit().started is False
            refused = line()
            assert (refused.returncode, "runs already" in refused.stderr) == (1, True)
        assert otto.operator_audit().last is None
        assert otto.start_audit().started is True
        assert otto.start_audit().started is False
        last = until(lambda: otto.operator_audit().last, "no audit ended")
        until(lambda: not otto.operator_audit().running, "it does not end")
        assert (last.who, last.good, last.error) == ("otto", True, "")
        assert {"replay", "money", "orders", "trades", "history", "marketdata"} <= {
            each.name for each in last.checks
        }
        assert all(each.good and each.says and not each.wrong for each in last.checks)
        assert otto.operator_alerts().alerts == []
        shown = line("--last", "--json")
        assert shown.returncode == 0
        assert json.loads(shown.stdout)["state_hash"] == last.state_hash
        assert line("--last").stdout.splitlines()[-1].startswith("audit: all is right")

        bad = Check("money")
        bad.find("asset 2: accounts hold 5, 6 was paid in")
        found = Audit((bad,), 1, 0, 0, 0.1)
        KeptAudit(time.time_ns(), 0.5, "root", "", found.body()).keep(DataDirectory(door.data))
        (alert,) = otto.operator_alerts().alerts
        assert (alert.severity, alert.about) == ("critical", "audit")
        assert line("--last").returncode == 1
        assert otto.start_audit().started is True
        until(lambda: otto.operator_alerts().alerts == [], "the alert stays")


def test_audit_that_ends_without_a_result_says_so(tmp_path: Path) -> None:
    """One that fails before it can say anything; the gateway that had it made keeps why."""

    def job_of(program: str) -> AuditJob:
        return AuditJob(DataDirectory(tmp_path), AuditCommand([sys.executable, "-c", program], {}))

    async def run() -> KeptAudit | None:
        job = job_of("raise SystemExit(7)")
        assert await job.start("otto")
        last = None
        for _ in range(1_200):
            running, last = await job.look()
            if not running:
                break
            await asyncio.sleep(0.05)
        other = job_of("import time; time.sleep(600)")
        assert await other.start("zoe")
        await other.close()
        assert (await other.look())[0] is False
        return last

    last = asyncio.run(run())
    assert last is not None
    assert (last.who, last.good, last.error) == ("otto", False, "it ended with code 7")


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """With administration, and a user of each kind."""
    data = tmp_path_factory.mktemp("operator") / "data"
    with running(data, "admin.enabled=true", *LARGE) as made:
        made.add(ANN)
        with open_store(made.data / "stores", "identity", MIGRATIONS) as store:
            users = Users(IdentityStore(store, Sealer(made.data / "keys"), TopicTable("dev")))
            for name, tenant, role in USERS:
                users.create(name, tenant, hashed(PASSWORD), [role])
        yield made


def test_operator_sees_processes_followers_rates_and_latencies(door: Open) -> None:
    """All of it of this very exchange, while it works."""
    with signed_in(door, "otto") as otto:
        processes = {each.name: each for each in otto.operator_services().processes}
        assert "gateway" in {service for each in processes.values() for service in each.services}
        assert all(each.pid for each in processes.values())
        otto.operator_metrics()
        before = int(otto.operator_followers().written)
        for _ in range(20):
            answer = door.ann.ask(
                "POST", "/v1/orders",
                {"symbol": "BTC-USD", "side": "sell", "type": "limit", "timeInForce": "ioc",
                 "qty": "0.0100", "price": "900.00"},
            )  # fmt: skip
            assert answer.status == 201
        metrics = otto.operator_metrics()
        assert metrics.per_second["orders"] > 0
        assert metrics.seconds > 0
        whole = next(each for each in metrics.timings if each.name == "batch_service")
        assert 1 <= whole.count <= 20 * 3
        assert sum(each.count for each in whole.buckets) == whole.count
        assert 0 < int(whole.p50_ns) <= int(whole.p99_ns) <= int(whole.p999_ns)
        assert int(whole.p99_ns) <= int(whole.buckets[-1].up_to_ns) + 1
        assert metrics.now["accounts"] >= 1
        followers = otto.operator_followers()
        assert int(followers.written) >= before + 20
        names = {each.name for each in followers.followers}
        assert names
        until(lambda: all(not each.lag for each in otto.operator_followers().followers), "they stay behind")
        assert otto.operator_dead_letters().letters == []
        assert all(each.about != "dead letters" for each in otto.operator_alerts().alerts)


def test_switch_of_an_instrument_stops_its_orders_until_it_is_taken_back(door: Open) -> None:
    """Row 52 of the faults: what rests is cancelled, new orders refused; the records say who and why."""
    order = {
        "symbol": "BTC-USD", "side": "sell", "type": "limit", "timeInForce": "gtc", "qty": "0.0100",
        "price": "900.00",
    }  # fmt: skip
    with signed_in(door, "zoe") as zoe:
        resting = door.ann.ask("POST", "/v1/orders", order).body
        thrown = zoe.throw_kill_switch("instrument", symbol="BTC-USD", on=True, why="a wrong tick")
        assert (thrown.scope, thrown.target, thrown.on) == ("instrument", "BTC-USD", True)
        assert door.ann.ask("GET", f"/v1/orders/{resting['orderId']}").body["orderStatus"] == "canceled"
        refused = door.ann.ask("POST", "/v1/orders", order)
        assert (refused.status, refused.name) == (403, "KILLED")
        (row,) = zoe.operator_kill_switches(min_sequence=int(thrown.sequence)).rows
        assert (row.scope, row.symbol, row.who, row.why) == ("instrument/7", "BTC-USD", "zoe", "a wrong tick")
        assert row.values == {"on": True}
        lifted = zoe.throw_kill_switch("instrument", symbol="BTC-USD", on=False, why="mended")
        (row,) = zoe.operator_kill_switches(min_sequence=int(lifted.sequence)).rows
        assert (row.values, row.why) == ({"on": False}, "mended")
        assert door.ann.ask("POST", "/v1/orders", order).status == 201
        venue = zoe.throw_kill_switch("venue", on=True, why="all of it")
        assert door.ann.ask("POST", "/v1/orders", order).status >= 400
        zoe.throw_kill_switch("venue", on=False, why="and back")
        assert int(venue.sequence) > int(lifted.sequence)
        assert door.ann.ask("POST", "/v1/orders", order).status == 201


@pytest.mark.parametrize(
    ("user", "refusal"),
    [("otto", "SCOPE_MISSING"), ("ann", "SCOPE_MISSING"), ("eva", "SCOPE_MISSING")],
)
def test_switch_is_for_administrators_of_the_venue_alone(door: Open, user: str, refusal: str) -> None:
    """Not for operators, who look, nor for traders, nor for administrators of another tenant."""
    with signed_in(door, user) as client:
        before = door.ann.ask("GET", "/v1/status").body["killed"]
        with pytest.raises(RestError) as raised:
            client.throw_kill_switch("venue", on=True, why="for fun")
        assert (raised.value.http_status, raised.value.name) == (403, refusal)
        assert door.ann.ask("GET", "/v1/status").body["killed"] is before is False


@pytest.mark.parametrize("user", ["ann", "eva"])
def test_nobody_else_sees_the_venue(door: Open, user: str) -> None:
    """Traders, and administrators of another tenant: it has all tenants' events."""
    with signed_in(door, user) as client:
        for ask in (
            client.operator_services, client.operator_followers, client.operator_metrics,
            client.operator_alerts, client.operator_dead_letters, client.operator_limits,
            client.operator_kill_switches, client.operator_audit, client.start_audit,
        ):  # fmt: skip
            with pytest.raises(RestError) as raised:
                ask()
            assert (raised.value.http_status, raised.value.name) == (403, "SCOPE_MISSING")


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ({"scope": "venue", "symbol": "BTC-USD"}, "INVALID_PARAMETER"),
        ({"scope": "account"}, "INVALID_PARAMETER"),
        ({"scope": "account", "tenant": 1}, "INVALID_PARAMETER"),
        ({"scope": "account", "account": 987_654}, "UNKNOWN_ACCOUNT"),
        ({"scope": "instrument", "symbol": "NONE"}, "UNKNOWN_INSTRUMENT"),
        ({"scope": "venue", "why": ""}, "INVALID_BODY"),
        ({"scope": "planet"}, "INVALID_BODY"),
    ],
)
def test_switch_without_its_target_changes_nothing(door: Open, said: dict[str, object], name: str) -> None:
    """One numbered refusal, and nothing is journaled that was thrown."""
    words: dict[str, object] = {"on": True, "why": "a test"} | said
    with signed_in(door, "zoe") as zoe:
        before = [each.values for each in zoe.operator_kill_switches().rows]
        with pytest.raises(RestError) as raised:
            zoe.throw_kill_switch(**words)  # type: ignore[arg-type]  # that is the point
        assert raised.value.name == name
        assert [each.values for each in zoe.operator_kill_switches().rows] == before


def test_last_seconds_begin_anew_with_another_core(door: Open) -> None:
    """The first reading waits for a second one; later ones look back as far as was asked."""
    waited: list[float] = []
    last = LastSeconds(stats_path(Path(door.data)), 5.0, waited.append)
    first = last.read()
    assert waited == [0.5]
    second = last.read()
    assert waited == [0.5]
    assert second.before.read_ns == first.before.read_ns
    assert second.seconds > first.seconds
    last.close()
    last.read()
    assert waited == [0.5, 0.5]
    last.close()
