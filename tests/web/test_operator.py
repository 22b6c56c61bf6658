"""The operator page in a real browser: before an exchange that says what a test wants, and a real one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from playwright.sync_api import Route as Request

from exchange.bus.topics import TopicTable
from exchange.security.sealing import Sealer
from exchange.services.identity.passwords import hashed
from exchange.services.identity.store import IdentityStore
from exchange.services.identity.tables import MIGRATIONS
from exchange.services.identity.users import Users
from exchange.storage.sql import open_store
from tests.exchange.running import until
from tests.gateway.door import ANN, Open
from tests.gateway.running import LARGE, running
from tests.web.browser import DESKTOP, PHONE, clipped, opened, violations
from tests.web.scripted import ORIGIN, Scripted, problem

PASSWORD = "correct horse battery"  # noqa: S105 (of a user of these tests)
ALL = ["read", "operate", "admin"]
_AT = "2026-05-01T12:00:00.000000000Z"
AUDIT = {
    "beganAt": _AT, "seconds": 4.21, "who": "otto", "good": False, "error": "", "commands": 48_120_012,
    "trades": 9_321_004, "stateHash": "308a79289fa2eb69",
    "checks": [
        {"name": "replay", "good": True, "says": "48,120,012 commands, hash 308a79289fa2eb69",
         "wrong": [], "count": 0},
        {"name": "money", "good": False, "says": "balances = deposits - withdrawals in 3 assets",
         "wrong": ["asset 2: accounts hold 99,999,999, 100,000,000 was paid in"], "count": 3},
    ],
}  # fmt: skip


def process(name: str, state: str = "healthy", **more: Any) -> dict[str, Any]:
    """One, as the gateway tells it."""
    return {
        "name": name, "services": [name], "pid": 13_823, "state": state, "uptimeS": 93_784,
        "cpuPercent": 18.3, "memoryBytes": 262_400_000, "restarts": 0, "lag": 0, "needs": {},
    } | more  # fmt: skip


def timing(name: str, count: int) -> dict[str, Any]:
    """Of a stage."""
    buckets = [{"upToNs": str((1 << (17 + place)) - 1), "count": count >> place} for place in range(4)]
    return {
        "name": name, "count": count, "p50Ns": "106000", "p90Ns": "230000", "p99Ns": "1080000",
        "p999Ns": "2490000", "maxNs": "12490000", "buckets": buckets if count else [],
    }  # fmt: skip


def scripted(**more: Any) -> Scripted:
    """An exchange with something in every panel."""
    script = Scripted(scopes=ALL, **more)
    letter = {
        "letter": "settlement-17", "service": "settlement", "status": "dead", "reason": "exhausted",
        "error": "account 987654321 is not open: its trades cannot be posted", "eventType": "TradesExecuted",
        "entity": "Instrument 7", "tenant": "1", "attempts": 5, "failedAt": _AT,
    }  # fmt: skip
    switch = {"scope": "account/11", "symbol": None, "values": {"on": True}, "who": "zoe", "why": "a loop"}
    limit = {"scope": "account/11 instrument/7", "symbol": "BTC-USD", "who": "zoe", "why": "", "setAt": _AT}
    script.told = {
        "/v1/status": {"status": "up", "killed": False},
        "/v1/operator/services": {
            "processes": [
                process("supervisor", restarts=None, lag=None),
                process("core", needs={"journal": "healthy", "matching": "degraded"}),
                process("history", "degraded", restarts=3, needs={"store": "unhealthy"}),
                process("gateway", "gone", pid=None, uptimeS=None, cpuPercent=None, memoryBytes=None),
            ]
        },
        "/v1/operator/followers": {
            "followers": [
                {"name": "history", "lag": 1_234_567, "state": "degraded"},
                {"name": "replica", "lag": 0, "state": "healthy"},
            ],
            "written": "48120012", "durable": "48119990",
        },
        "/v1/operator/metrics": {
            "seconds": 5.02,
            "perSecond": {"orders": 48_120.2, "trades": 9_321.0, "commands": 51_002.5},
            "now": {"liveOrders": 120_431, "sessions": 42},
            "timings": [timing("batch_service", 4_000), timing("stage_apply", 4_000), timing("verdicts", 0)],
        },
        "/v1/operator/alerts": {
            "alerts": [
                {"severity": "critical", "about": "gateway", "says": "gateway is not there.", "since": _AT},
                {"severity": "warning", "about": "history", "says": "history is 1,234,567 records behind."},
            ]
        },
        "/v1/operator/audit": {"running": False, "last": AUDIT},
        "/v1/operator/dead-letters": {"letters": [letter]},
        "/v1/operator/limits": {"rows": [limit | {"values": {"max_open_orders": 1_000}}]},
        "/v1/operator/kill-switches": {"rows": [switch | {"setAt": _AT}]},
        "/v1/operator/kill-switch": {"scope": "instrument", "target": "BTC-USD", "on": True, "sequence": "9",
                                     "timestamp": _AT},
    }  # fmt: skip
    return script


def show(page: Page, script: Scripted) -> None:
    """The page, when its services are there."""
    script.stand_before(page)
    page.goto(f"{ORIGIN}/operator")
    if script.signed_in and "operate" in script.scopes:
        expect(page.locator("#services tbody tr").first).to_be_visible()


def cells(page: Page, panel: str) -> list[list[str]]:
    """What a table of a panel shows."""
    return [
        [" ".join(each.split()) for each in row.locator("th, td").all_inner_texts()]
        for row in page.locator(f"#{panel} tbody tr").all()
    ]


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", [DESKTOP, (1100, 760), PHONE], ids=["desktop", "small", "phone"])
def test_page_is_accessible_and_nothing_is_clipped(
    browser: Browser, size: tuple[int, int], theme: str
) -> None:
    """With all panels full, with its dialog, and with its door: no finding of axe, no text cut."""
    script = scripted()
    found: dict[str, Any] = {}
    with opened(browser, size, theme) as page:

        def look(name: str) -> None:
            page.wait_for_timeout(200)
            if bad := [*violations(page), *clipped(page)]:
                found[name] = bad

        show(page, script)
        expect(page.locator("#letters tbody tr")).to_have_count(1)
        expect(page.locator("#switches tbody tr")).to_have_count(1)
        expect(page.locator("canvas[data-bars='4']")).to_be_visible()
        look("all")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.locator("header").get_by_role("button", name="Kill switch").click()
        page.locator("#switch-scope").select_option("account")
        look("kill switch")
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Sign out").click()
        expect(page.locator("#door")).to_contain_text("Operators sign in")
        look("door")
        assert found == {}


def test_every_panel_shows_what_is_told(browser: Browser) -> None:
    """States, rates, percentiles of the stage that is chosen, followers, limits and letters."""
    with opened(browser) as page:
        show(page, scripted())
        assert cells(page, "services")[1:3] == [
            ["core 13823", "healthy", "1 d 2 h", "18.3 %", "262 MB", "0", "journal, matching (degraded)"],
            ["history 13823", "degraded", "1 d 2 h", "18.3 %", "262 MB", "3", "store (unhealthy)"],
        ]
        assert cells(page, "followers")[0] == ["history", "degraded", "1,234,567"]
        expect(page.locator("#followers")).to_contain_text("48,120,012 written, 48,119,990 on disk")
        expect(page.locator(".figures")).to_contain_text(re.compile(r"Orders/s\s*48,120\s*Trades/s\s*9,321"))
        expect(page.locator(".percentiles")).to_contain_text(re.compile(r"p50\s*106 µs[\s\S]*p99\s*1\.08 ms"))
        expect(page.locator("#alerts li")).to_have_text(
            [
                re.compile(r"gateway\s+critical, since 01 May 12:00:00\s*gateway is not there\."),
                re.compile(r"history\s+warning\s*history is 1,234,567 records behind\."),
            ]
        )
        assert cells(page, "markets")[-1] == ["account/11 BTC-USD", "max open orders", "1,000", "zoe"]
        assert cells(page, "switches")[0][:2] == ["account/11", "zoe: a loop"]
        assert cells(page, "letters")[0][:4] == [
            "settlement-17", "TradesExecuted", "Instrument 7", "dead, exhausted",
        ]  # fmt: skip
        expect(page.locator("#audit .strip")).to_contain_text("Something is wrong")
        expect(page.locator("#audit .strip")).to_contain_text(
            "by otto; took 4.2 s, 48,120,012 commands, 9,321,004 trades"
        )
        assert cells(page, "audit")[0][0] == "replay"
        assert cells(page, "audit")[1] == [
            "money", "asset 2: accounts hold 99,999,999, 100,000,000 was paid in and 2 more",
        ]  # fmt: skip
        page.get_by_role("combobox", name="Stage").select_option("verdicts")
        expect(page.locator("#latency .note")).to_have_text("None in the last seconds")
        expect(page.locator("canvas[data-bars='0']")).to_be_visible()


def test_page_follows_and_says_when_it_cannot(browser: Browser) -> None:
    """A service that falls is seen by itself; what is refused or empty is said in its own panel."""
    script = scripted()
    with opened(browser, refusals=True) as page:
        show(page, script)
        gone = process("core", "gone", pid=None)
        script.told["/v1/operator/services"] = {"processes": [gone]}
        script.told["/v1/operator/alerts"] = {"alerts": []}
        expect(page.locator("#services tbody tr")).to_have_count(1)
        expect(page.locator("#services .state.gone")).to_be_visible()
        expect(page.locator("#alerts")).to_contain_text("All is well.")
        away = problem(9302, "UNAVAILABLE", "No core runs on this machine's data directory.")
        script.refuse["GET /v1/operator/metrics"] = (503, away)
        expect(page.locator("#latency .warning")).to_contain_text("Not up to date: No core runs")
        assert violations(page) == []
    script = scripted()
    kept_not = (501, problem(9301, "NOT_ENABLED", "This is kept by administration: set admin.enabled."))
    for name in ("limits", "kill-switches"):
        script.refuse[f"GET /v1/operator/{name}"] = kept_not
    script.told["/v1/operator/dead-letters"] = {"letters": []}
    with opened(browser, refusals=True) as page:
        show(page, script)
        for panel in ("markets", "switches"):
            expect(page.locator(f"#{panel}")).to_contain_text("set admin.enabled")
        expect(page.locator("#letters")).to_be_hidden()


def test_door_is_open_for_operators_alone(browser: Browser) -> None:
    """Who is nobody signs in; a trader is told; so is who the gateway refuses; an operator throws nothing."""
    script = scripted(signed_in=False)
    with opened(browser) as page:
        show(page, script)
        expect(page.locator("#door")).to_contain_text("Operators sign in")
        expect(page.locator("#services")).to_be_hidden()
        page.locator("#door").get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("button", name="Use the demo account")).to_have_count(0)
        page.locator("#user-name").fill("zoe")
        page.locator("#password").fill(PASSWORD)
        page.get_by_role("dialog").get_by_role("button", name="Sign in").click()
        expect(page.locator("#services tbody tr")).to_have_count(4)
        expect(page.locator("#door")).to_be_hidden()
    trader = scripted()
    trader.scopes = ["read", "trade"]
    with opened(browser) as page:
        show(page, trader)
        expect(page.locator("#door")).to_contain_text("ann may not operate this exchange")
        assert [path for _, path, _ in trader.asked if "operator" in path] == []
    foreign = scripted()
    refusal = problem(9107, "SCOPE_MISSING", "The venue is run by users of another tenant.")
    foreign.refuse = {f"GET {path}": (403, refusal) for path in foreign.told if "operator" in path}
    with opened(browser, refusals=True) as page:
        foreign.stand_before(page)
        page.goto(f"{ORIGIN}/operator")
        expect(page.locator("#door")).to_contain_text("run by users of another tenant")
    looks = scripted()
    looks.scopes = ["read", "operate"]
    with opened(browser) as page:
        show(page, looks)
        expect(page.get_by_role("button", name="Kill switch")).to_be_disabled()
        page.keyboard.press("k")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.get_by_role("button", name=re.compile("Kill switch of"))).to_have_count(0)


def test_switch_is_thrown_when_its_name_is_typed(browser: Browser) -> None:
    """Not before; what is sent is what was chosen; a refusal stays in the dialog."""
    script = scripted()
    with opened(browser, refusals=True) as page:
        show(page, script)
        page.keyboard.press("k")
        dialog = page.get_by_role("dialog")
        stop = dialog.locator("button[type=submit]")
        expect(stop).to_be_disabled()
        page.locator("#switch-scope").select_option("account")
        page.locator("#switch-number").fill("12")
        page.locator("#switch-why").fill("a loop")
        page.locator("#switch-name").fill("account 1")
        expect(stop).to_be_disabled()
        page.keyboard.press("Enter")
        assert [each for each in script.asked if each[0] == "POST"] == []
        script.refuse["POST /v1/operator/kill-switch"] = (
            404,
            problem(2001, "UNKNOWN_ACCOUNT", "No account."),
        )
        page.locator("#switch-name").fill("account 12")
        stop.click()
        expect(dialog.get_by_role("alert")).to_contain_text("No account. (2001)")
        script.refuse.clear()
        page.locator("#switch-scope").select_option("instrument")
        page.locator("#switch-symbol").select_option("ETH-USD")
        expect(stop).to_be_disabled()
        page.locator("#switch-name").fill("ETH-USD")
        page.keyboard.press("Enter")
        expect(dialog).to_have_count(0)
        expect(page.locator(".toast")).to_contain_text("Stopped: ETH-USD")
        page.get_by_role("button", name="Let orders of account/11 in again").click()
        page.locator("#switch-why").fill("mended")
        page.locator("#switch-name").fill("account 11")
        dialog.get_by_role("button", name="Let in again").last.click()
        expect(dialog).to_have_count(0)
    assert [body for method, _, body in script.asked if method == "POST"] == [
        {"scope": "account", "on": True, "why": "a loop", "account": 12},
        {"scope": "instrument", "on": True, "why": "a loop", "symbol": "ETH-USD"},
        {"scope": "account", "on": False, "why": "mended", "account": 11},
    ]
    assert any(path.endswith("minSequence=9") for _, path, _ in script.asked)


def test_switch_that_is_asked_for_before_the_instruments_are_told_learns_them(browser: Browser) -> None:
    """What was typed stays; what may be stopped comes when it is known."""
    script = scripted()
    late: list[Request] = []
    with opened(browser) as page:
        script.stand_before(page)
        page.route("**/v1/instruments", lambda request: late.append(request))  # noqa: PLW0108 (no builtin is taken)
        with page.expect_request("**/v1/instruments"):
            page.goto(f"{ORIGIN}/operator")
        expect(page.locator("#services tbody tr").first).to_be_visible()
        page.keyboard.press("k")
        page.locator("#switch-scope").select_option("instrument")
        page.locator("#switch-why").fill("a loop")
        expect(page.locator("#switch-symbol option")).to_have_count(0)
        late[0].fulfill(json={"instruments": script.instruments, "assets": [], "sequence": "1"})
        expect(page.locator("#switch-symbol option")).to_have_text(["BTC-USD", "ETH-USD"])
        expect(page.locator("#switch-why")).to_have_value("a loop")
        page.locator("#switch-name").fill("BTC-USD")
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_have_count(0)
    assert [body for method, _, body in script.asked if method == "POST"] == [
        {"scope": "instrument", "on": True, "why": "a loop", "symbol": "BTC-USD"}
    ]


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """An exchange with administration, somebody who trades and somebody who runs it."""
    with running(tmp_path_factory.mktemp("operator") / "data", "admin.enabled=true", *LARGE) as made:
        made.add(ANN)
        with open_store(made.data / "stores", "identity", MIGRATIONS) as store:
            users = Users(IdentityStore(store, Sealer(made.data / "keys"), TopicTable("dev")))
            users.create("zoe", 1, hashed(PASSWORD), ["admin"])
        yield made


def test_operator_of_a_real_exchange_sees_it_and_stops_a_market(browser: Browser, door: Open) -> None:
    """Processes, rates and latencies while orders come; then a switch, its record, and the way back."""
    order = {
        "symbol": "BTC-USD", "side": "sell", "type": "limit", "timeInForce": "gtc", "qty": "0.0100",
        "price": "900.00",
    }  # fmt: skip
    with opened(browser) as page:
        page.goto(f"http://127.0.0.1:{door.port}/operator")
        page.locator("#door").get_by_role("button", name="Sign in").click()
        page.locator("#user-name").fill("zoe")
        page.locator("#password").fill(PASSWORD)
        page.get_by_role("dialog").get_by_role("button", name="Sign in").click()
        expect(page.locator("#services tbody th").filter(has_text="gateway")).to_be_visible()
        expect(page.locator("#markets tbody th").filter(has_text="BTC-USD")).to_be_visible()
        expect(page.locator("#switches")).to_contain_text("None is thrown.")
        expect(page.locator("#letters")).to_be_hidden()
        expect(page.locator("#audit")).to_contain_text("None was made yet.")
        page.get_by_role("button", name="Audit now").click()
        expect(page.locator("#audit")).to_contain_text("All is right", timeout=240_000)
        expect(page.get_by_role("button", name="Audit now")).to_be_enabled()
        assert {"replay", "money", "history"} <= {row[0] for row in cells(page, "audit")}

        def latency_is_shown() -> bool:
            door.ann.ask("POST", "/v1/orders", order | {"timeInForce": "ioc"})
            page.wait_for_timeout(200)
            return page.locator("#latency canvas").get_attribute("data-bars") not in {None, "0"}

        until(latency_is_shown, "no histogram")
        expect(page.locator(".percentiles dd").first).to_have_text(re.compile(r"\d (ns|µs|ms|s)$"))
        assert violations(page) == []

        resting = door.ann.ask("POST", "/v1/orders", order).body["orderId"]
        page.get_by_role("button", name="Kill switch of BTC-USD").click()
        page.locator("#switch-why").fill("a wrong tick")
        page.locator("#switch-name").fill("BTC-USD")
        page.get_by_role("dialog").locator("button[type=submit]").click()
        expect(page.locator("#switches tbody th")).to_have_text("BTC-USD")
        expect(page.locator("#switches")).to_contain_text("zoe: a wrong tick")
        assert door.ann.ask("POST", "/v1/orders", order).name == "KILLED"
        assert door.ann.ask("GET", f"/v1/orders/{resting}").body["orderStatus"] == "canceled"

        page.get_by_role("button", name="Let orders of BTC-USD in again").click()
        page.locator("#switch-why").fill("mended")
        page.locator("#switch-name").fill("BTC-USD")
        page.get_by_role("dialog").locator("button[type=submit]").click()
        expect(page.locator("#switches")).to_contain_text("None is thrown.")
        assert door.ann.ask("POST", "/v1/orders", order).status == 201
