"""The trading screen of a running exchange: a person who signs in and trades, in a real browser."""

from __future__ import annotations

import gzip
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from exchange.client import Client
from exchange.runtime.registry import Registry
from tests.exchange.ports import free_ports
from tests.exchange.running import settings, until
from tests.web.browser import PHONE, clipped, opened, violations
from tests.web.wire import Wire

WAIT_MS = 60_000
NONE = "\N{EN DASH}"
PASSWORD = "correct horse battery"  # noqa: S105 (of a user of these tests)


@dataclass
class Market:
    """An exchange with a screen, and somebody else who trades there."""

    data: Path
    wire: Wire
    other: Client

    @property
    def address(self) -> str:
        """Of the screen."""
        return f"http://127.0.0.1:{self.wire.port}/"

    def place(self, side: str, qty: str, price: str, **more: Any) -> Any:
        """An order of the other one."""
        return self.other.new_order("BTC-USD", side, qty, price, account=12, **more)


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """All of an exchange in one process, with history and market data, and a user with money."""
    (port,) = free_ports(1)
    data = tmp_path_factory.mktemp("trading") / "data"
    words = settings(
        "gateway.enabled=true", f"gateway.port={port}", "gateway.answer_timeout_ms=60000",
        "gateway.operator_tenant=1", "gateway.demo_user=ann", "admin.enabled=true", "history.enabled=true",
        "market_data.enabled=true", "endpoints.metrics=",
    )  # fmt: skip
    command = [sys.executable, "-m", "exchange.cli"]
    with data.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "up", "--all-in-one", "--data", str(data), *words], stdout=log, stderr=log
        )
    try:
        registry = Registry({}, data / "run" / "instances")
        until(lambda: [each.ready for each in registry.instances("gateway")] == [True], "it did not start")
        for name in ("ann", "zoe"):  # who comes by one click makes no keys
            user = ["users", "create", name, "--tenant", "1", "--role", "trader", "--account", "11"]
            made = subprocess.run(
                [*command, *user, "--data", str(data), *words],
                input=PASSWORD, text=True, capture_output=True, check=False,
            )  # fmt: skip
            assert made.returncode == 0, made.stderr
        endpoint = f"ipc://{data}/run/orders.sock"
        with Client.connect(
            endpoint, tenant=0, name="maker", user="maker", timeout_ms=WAIT_MS, connect_ms=WAIT_MS
        ) as client:
            open_market(client)
        wire = Wire(port)
        with Client.connect(
            endpoint, tenant=1, name="bob", user="bob", timeout_ms=WAIT_MS, connect_ms=WAIT_MS
        ) as other:
            other.load_instruments()
            yield Market(data, wire, other)
        wire.close()
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(120)
    assert code == 0, data.with_suffix(".log").read_text()[-3000:]


def open_market(client: Client) -> None:
    """Two instruments, and money for both."""
    client.admin.define_asset(1, "BTC", 8)
    client.admin.define_asset(2, "USD", 6)
    client.admin.define_asset(3, "ETH", 8)
    for number, base in ((7, "BTC"), (8, "ETH")):
        client.admin.define_instrument(
            number, f"{base}-USD", base=base, quote="USD", price_scale=2, qty_scale=4, taker_rate=1_000_000,
            max_price=100_000_00, max_qty=1_000_0000,
        )  # fmt: skip
    for account in (11, 12):
        client.admin.open_account(account, tenant=1)
        for asset in ("BTC", "ETH"):
            client.admin.deposit(asset, "1000", account=account)
        client.admin.deposit("USD", "100000000", account=account)


def asked(market: Market, path: str, **headers: str) -> tuple[int, HTTPMessage, bytes]:
    """What the gateway answers: status, headers, content."""
    with closing(HTTPConnection("127.0.0.1", market.wire.port, timeout=60)) as connection:
        said = {name.replace("_", "-"): each for name, each in headers.items()}
        connection.request("GET", path, headers=said)
        answer = connection.getresponse()
        return answer.status, answer.msg, answer.read()


def sign_in(page: Page, market: Market) -> None:
    """By one click."""
    page.goto(f"{market.address}#BTC-USD")
    page.get_by_role("button", name="Sign in", exact=True).first.click()
    page.get_by_role("button", name="Use the demo account").click()
    expect(page.locator("#blotter .strip")).to_have_count(1)
    expect(page.locator(".state.live")).to_be_visible()


def balance(page: Page, asset: str) -> tuple[Decimal, Decimal]:
    """Available and reserved."""
    page.get_by_role("tab", name="Balances").click()
    row = page.locator("#blotter tr").filter(has=page.get_by_role("rowheader", name=asset, exact=True))
    available, reserved = (
        Decimal(row.locator("td").nth(place).inner_text().replace(",", "")) for place in (0, 1)
    )
    page.get_by_role("tab", name="Open orders").click()
    return available, reserved


def enter(page: Page, side: str, kind: str, **fields: str) -> Locator:
    """An order, sent by its button; the toast that answers."""
    page.locator(f"#entry .sides .{side}").click()
    page.locator("#ticket-type").select_option(kind)
    for name, text in fields.items():
        if name == "time":
            page.locator("#ticket-time").select_option(text)
        else:
            page.locator(f"#ticket-{name}").fill(text)
    page.locator("#entry .send").click()
    return page.locator(".toast").last


def rows(page: Page) -> list[list[str]]:
    """Open orders: side, type, price, stop price, quantity."""
    return [
        [row.locator("td").nth(place).inner_text() for place in (2, 3, 4, 5, 6)]
        for row in page.locator("#blotter tbody tr").all()
    ]


def cancel_all(page: Page) -> None:
    """After the question."""
    page.locator("#blotter").get_by_role("button", name="Cancel all").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel all").click()
    expect(page.locator("#blotter")).to_contain_text("No open orders")


def test_gateway_serves_the_page_and_its_files(market: Market) -> None:
    """Over its socket: compressed, with their headers once, and 304 for what the browser has."""
    status, headers, page = asked(market, "/")
    assert status == 200
    assert headers.get_all("cache-control") == ["no-cache"]
    assert headers.get_all("x-content-type-options") == ["nosniff"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert asked(market, "/trade", if_none_match=headers["etag"])[0] == 304
    (script,) = re.findall(r'src="(/assets/\w+/screen/main.js)"', page.decode())
    _, headers, packed = asked(market, script.replace("main.js", "app.js"), accept_encoding="gzip")
    assert headers.get_all("cache-control") == ["public, max-age=31536000, immutable"]
    assert headers["content-encoding"] == "gzip"
    assert b"class App" in gzip.decompress(packed)
    assert asked(market, script.replace("screen/main.js", "package.json"))[0] == 404
    assert asked(market, "/assets/../index.html")[0] == 404
    assert asked(market, "/v1/time")[1].get_all("cache-control") == ["no-store"]


def test_person_signs_in_and_a_wrong_password_is_refused(browser: Browser, market: Market) -> None:
    """By name and password; what is wrong is told in words, and the session outlives the page."""
    with opened(browser, refusals=True) as page:
        page.goto(market.address)
        page.get_by_role("button", name="Sign in", exact=True).first.click()
        page.get_by_label("User name").fill("ann")
        page.get_by_label("Password").fill("not the password")
        page.get_by_role("dialog").get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("dialog").get_by_role("alert")).not_to_be_empty()
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("dialog").get_by_role("button", name="Sign in").click()
        expect(page.locator(".user")).to_have_text("ann")
        page.reload()
        expect(page.locator(".user")).to_have_text("ann")
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("button", name="Sign in", exact=True).first).to_be_visible()
        page.reload()
        expect(page.get_by_role("button", name="Sign in", exact=True).first).to_be_enabled()


@pytest.mark.req("E001")
def test_order_trades_and_the_balance_moves(browser: Browser, market: Market) -> None:
    """What order entry says that is reserved is reserved; the fill, its fee and the balance are shown."""
    with opened(browser) as page:
        sign_in(page, market)
        dollars, coins = balance(page, "USD"), balance(page, "BTC")
        market.place("sell", "0.5", "64000.00")
        expect(page.locator("#book .ask .price")).to_have_text(["64,000.00"])
        page.locator("#book .ask").click()
        expect(page.locator("#ticket-price")).to_have_value("64000.00")
        page.locator("#ticket-qty").fill("0.8")
        after = page.locator("#entry .cost div").last.locator("dd")
        expect(after).to_contain_text(f"{dollars[0] - 51_200:,.2f}")
        page.locator("#entry .send").click()
        expect(page.locator(".toast.fill")).to_contain_text("Bought 0.5000 BTC-USD")
        expect(page.locator(".toast.fill")).to_contain_text("at 64000.00, fee 0.00050000 BTC")
        expect(page.locator("#blotter tbody tr")).to_have_count(1)
        expect(page.locator("#book .mine .price")).to_have_text("64,000.00")
        expect(page.locator("#tape .bid .price").first).to_have_text("64,000.00")
        expect(page.locator(".last strong")).to_have_text("64,000.00")
        spent = (dollars[0] - 51_200, Decimal(19200))
        until(lambda: balance(page, "USD") == spent, "the balance did not move")
        until(lambda: balance(page, "BTC")[0] == coins[0] + Decimal("0.4995"), "nor the other one")
        page.get_by_role("tab", name="Trades").click()
        expect(page.locator("#blotter tbody tr").first).to_contain_text("Taker")
        page.get_by_role("tab", name="Open orders").click()

        page.get_by_role("button", name=re.compile("^Edit")).click()
        page.locator("#edit-price").fill("63990.00")
        page.locator("#edit-qty").fill("0.7")
        page.get_by_role("button", name="Save").click()
        until(lambda: [row[2:] for row in rows(page)] == [["63,990.00", NONE, "0.7000"]], "it did not change")
        market.place("sell", "0.2", "63990.00", time_in_force="ioc")
        expect(page.locator("#blotter tbody tr")).to_have_count(0)
        until(lambda: balance(page, "USD")[1] == 0, "it is still reserved")
        page.get_by_role("tab", name="Order history").click()
        expect(page.locator("#blotter tbody tr").first).to_contain_text("Filled")


def test_every_type_of_order_is_entered(browser: Browser, market: Market) -> None:
    """Each with the fields of its type; those that wait are listed, those that trade at once are told."""
    with opened(browser) as page:
        sign_in(page, market)
        market.place("buy", "5", "60000.00")
        market.place("sell", "5", "61000.00")
        expect(page.locator("#book .ask .price")).to_have_text(["61,000.00"])
        enter(page, "buy", "limit", price="59000", qty="0.1", time="gtc")
        enter(page, "buy", "stop", stopPrice="70000", qty="0.1", time="gtc")
        enter(page, "sell", "stop_limit", stopPrice="50000", price="49000", qty="0.1", time="day")
        enter(page, "sell", "trailing_stop", trail="20000", qty="0.1")
        enter(page, "sell", "trailing_stop_limit", trail="20000", offset="-50", qty="0.1")
        enter(page, "buy", "pegged", offset="-10", qty="0.1", price="60500")
        expect(page.locator("#blotter tbody tr")).to_have_count(6)
        waiting = {(row[0], row[1].split(" GT")[0].split(" DAY")[0]): row[2:] for row in rows(page)}
        assert waiting == {
            ("Buy", "Limit"): ["59,000.00", NONE, "0.1000"],
            ("Buy", "Stop"): [NONE, "70,000.00", "0.1000"],
            ("Sell", "Stop limit"): ["49,000.00", "50,000.00", "0.1000"],
            ("Sell", "Trailing stop"): [NONE, waiting["Sell", "Trailing stop"][1], "0.1000"],
            ("Sell", "Trailing stop limit"): [*waiting["Sell", "Trailing stop limit"][:2], "0.1000"],
            ("Buy", "Pegged"): ["59,990.00", NONE, "0.1000"],
        }
        expect(enter(page, "buy", "market", qty="0.1", time="ioc")).to_contain_text("Bought 0.1000")
        expect(enter(page, "buy", "limit", price="61000", qty="0.2", time="fok")).to_contain_text(
            "Bought 0.2000"
        )
        expect(enter(page, "sell", "market_to_limit", qty="0.3")).to_contain_text("Sold 0.3000")
        page.locator("#ticket-type").select_option("market")
        page.locator("#entry .sides .buy").click()
        page.get_by_label("Spend an amount of USD").check()
        page.locator("#ticket-quoteQty").fill("6100")
        page.locator("#entry .send").click()
        expect(page.locator(".toast").last).to_contain_text("Bought 0.1000")
        page.get_by_text("More", exact=True).click()
        enter(page, "sell", "limit", price="62000", qty="1", time="gtc", displayQty="0.25")
        expect(page.locator("#book .mine .size").first).to_have_text("0.2500")
        cancel_all(page)
        market.other.mass_cancel(account=12)


def test_refusal_of_the_exchange_is_told_in_words(browser: Browser, market: Market) -> None:
    """Post only where it would trade, and more than there is."""
    with opened(browser, refusals=True) as page:
        sign_in(page, market)
        market.place("sell", "1", "65000.00")
        expect(page.locator("#book .ask .price")).to_have_text(["65,000.00"])
        page.get_by_label("Post only").check()
        enter(page, "buy", "limit", price="65000", qty="0.1", time="gtc")
        expect(page.locator("#entry [role=alert]")).to_have_text(
            "A post-only order would take. The same may succeed later. (4027)"
        )
        page.get_by_label("Post only").uncheck()
        enter(page, "sell", "limit", price="90000", qty="999", time="gtc")
        page.locator("#ticket-qty").fill("1000")
        expect(page.locator("#entry .warning")).to_have_text("More BTC than is available.")
        page.locator("#entry .send").click()
        expect(page.locator("#entry [role=alert]")).to_contain_text("(2002)")
        cancel_all(page)
        market.other.mass_cancel(account=12)


@pytest.mark.parametrize("resumes", [True, False], ids=["resumed", "from the history"])
def test_connection_is_lost_and_comes_back_with_what_was_missed(
    browser: Browser, market: Market, resumes: bool
) -> None:
    """The wire is cut after a fill; meanwhile others come, and the book becomes another one.

    Each fill is told once: from where the connection was, or where that cannot be, from the history.
    """
    with opened(browser, refusals=True) as page:
        said: list[str] = []
        page.on("websocket", lambda socket: socket.on("framesent", lambda frame: said.append(str(frame))))
        sign_in(page, market)
        enter(page, "buy", "limit", price="58000", qty="0.3", time="gtc")
        enter(page, "buy", "limit", price="57500", qty="0.3", time="gtc")
        expect(page.locator("#blotter tbody tr")).to_have_count(2)
        market.place("sell", "0.1", "58000.00", time_in_force="ioc")
        expect(page.locator(".toast.fill")).to_have_count(1)
        page.get_by_role("tab", name="Trades").click()
        expect(page.locator("#blotter tbody tr").first).to_contain_text("58,000.00")
        last = max(trades_of(page))
        note(page)
        market.wire.cut()
        expect(page.locator(".state")).to_contain_text("Connection lost")
        if not resumes:  # what is subscribed is other than what the token says
            page.keyboard.press("3")
        market.place("sell", "0.2", "58000.00", time_in_force="ioc")
        market.place("sell", "0.2", "57500.00", time_in_force="ioc")
        market.place("buy", "0.3", "57000.00")
        market.wire.mend()
        expect(page.locator(".state.live")).to_be_visible()
        until(lambda: trades_of(page)[2:3] == [last], "what was missed did not come")
        market.place("sell", "0.1", "57500.00", time_in_force="ioc")
        until(lambda: trades_of(page)[3:4] == [last], "what came next did not")
        assert trades_of(page) == sorted(set(trades_of(page)), reverse=True)
        until(lambda: noted(page) >= Decimal("0.5"), "a fill was not told")
        page.wait_for_timeout(1_000)
        assert noted(page) == Decimal("0.5")
        page.get_by_role("tab", name="Open orders").click()
        expect(page.locator("#blotter")).to_contain_text("No open orders")
        expect(page.locator("#book .bid .price")).to_have_text(["57,000.00"])
        expect(page.locator("#connection")).to_contain_text(re.compile(r"Reconnects\s*[1-9]"))
        assert any('"op":"LOGON"' in each for each in said) is resumes
        market.other.mass_cancel(account=12)


def trades_of(page: Page) -> list[int]:
    """The ids of those that are listed, as they are."""
    return [int(each) for each in page.locator("#blotter tbody tr td:nth-child(8)").all_inner_texts()]


def note(page: Page) -> None:
    """Every fill that is told from now on is kept, however soon its note goes."""
    page.evaluate(
        """() => {
          window.notes = [];
          new MutationObserver((seen) => {
            for (const { addedNodes } of seen) for (const each of addedNodes) {
              if (each.matches?.(".fill")) window.notes.push(each.querySelector("strong").textContent);
            }
          }).observe(document.getElementById("toasts"), { childList: true });
        }"""
    )


def noted(page: Page) -> Decimal:
    """How much was told to be bought; fills of one order that come together are one note."""
    return sum((Decimal(each.split()[1]) for each in page.evaluate("window.notes")), Decimal(0))


def test_kill_switch_stops_the_account_until_it_is_taken_back(browser: Browser, market: Market) -> None:
    """Asked first; what rests is cancelled, new orders are refused, and it says so until it is taken back."""
    with opened(browser, refusals=True) as page:
        sign_in(page, market)
        for price in ("58000", "57000"):
            enter(page, "buy", "limit", price=price, qty="0.1", time="gtc")
        expect(page.locator("#blotter tbody tr")).to_have_count(2)
        page.locator("body").press("k")
        page.get_by_role("dialog").get_by_role("button", name="Keep").click()
        expect(page.locator("#blotter tbody tr")).to_have_count(2)
        page.get_by_role("button", name="Kill switch").click()
        expect(page.get_by_role("dialog")).to_contain_text("its 2 open orders are cancelled")
        page.get_by_role("dialog").get_by_role("button", name="Stop and cancel all").click()
        stopped = page.locator("#stopped")
        expect(stopped).to_contain_text("Account 11 is stopped.")
        expect(stopped).to_contain_text(re.compile(r"By ann at \d\d:\d\d:\d\d\."))
        expect(page.locator("#blotter")).to_contain_text("No open orders")
        expect(page.locator("#entry .send")).to_have_text("Account is stopped")
        expect(page.locator("#entry .send")).to_be_disabled()
        expect(page.get_by_role("button", name="Kill switch")).to_be_disabled()
        assert (violations(page), clipped(page)) == ([], [])
        page.reload()
        expect(stopped).to_contain_text("Account 11 is stopped.")
        stopped.get_by_role("button", name="Let orders in again").click()
        page.get_by_role("dialog").get_by_role("button", name="Let in again").click()
        expect(page.locator(".toast").last).to_contain_text("Orders of account 11 are let in again")
        expect(stopped).to_be_hidden()
        told = enter(page, "buy", "limit", price="57000", qty="0.1", time="gtc")
        expect(told).to_contain_text("Order open")
        # By whoever runs the venue: the page hears of it by the order that is cancelled, and lets nothing in.
        with Client.connect(
            f"ipc://{market.data}/run/orders.sock", tenant=0, name="op", user="zoe", timeout_ms=WAIT_MS,
            connect_ms=WAIT_MS,
        ) as operator:  # fmt: skip
            operator.admin.kill("account", account=11)
            expect(stopped).to_contain_text("An administrator lets orders in again.")
            expect(stopped.get_by_role("button")).to_have_count(0)
            operator.admin.kill("account", account=11, on=False)
            expect(stopped).to_be_hidden()
        told = enter(page, "buy", "limit", price="57000", qty="0.1", time="gtc")
        expect(told).to_contain_text("Order open")
        cancel_all(page)


def test_key_is_made_shown_once_and_revoked(browser: Browser, market: Market) -> None:
    """Its secret is told once. Who came by one click is told that it makes none."""
    with opened(browser, refusals=True) as page:
        sign_in(page, market)
        page.get_by_role("tab", name="API keys").click()
        expect(page.locator("#blotter")).to_contain_text("makes no keys")
        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("button", name="Sign in", exact=True).first.click()
        page.get_by_label("User name").fill("zoe")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("dialog").get_by_role("button", name="Sign in").click()
        expect(page.locator(".state.live")).to_be_visible()
        page.get_by_role("tab", name="Balances").click()
        page.get_by_role("tab", name="API keys").click()
        page.get_by_role("button", name="New key").click()
        page.get_by_label("Name").fill("bot")
        page.get_by_role("checkbox", name="trade").check()
        page.get_by_role("button", name="Make key").click()
        assert re.fullmatch("[0-9a-f]{32,}", page.get_by_label("Secret", exact=True).input_value())
        page.get_by_role("button", name="I have kept it").click()
        row = page.locator("#blotter tbody tr").filter(has_text="bot")
        expect(row).to_contain_text("read, trade")
        row.get_by_role("button", name="Revoke bot").click()
        page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
        expect(row).to_contain_text("revoked")


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_person_trades_on_a_phone(browser: Browser, market: Market, theme: str) -> None:
    """By touch, in both themes."""
    with opened(browser, PHONE, theme) as page:
        sign_in(page, market)
        market.place("sell", "1", "66000.00")
        tabs = page.get_by_role("navigation")
        tabs.get_by_role("button", name="Book").click()
        page.locator("#book [role=row]").nth(8).wait_for()  # as many as fit, now that it is shown
        expect(page.locator("#book .ask .price")).to_have_text(["66,000.00"])
        page.locator("#book .ask").tap()
        expect(page.locator("#ticket-price")).to_have_value("66000.00")
        page.locator("#ticket-qty").fill("0.1")
        page.locator("#entry .send").tap()
        expect(page.locator(".toast.fill")).to_contain_text("Bought 0.1000 BTC-USD")
        tabs.get_by_role("button", name="Account").click()
        page.get_by_role("tab", name="Trades").tap()
        expect(page.locator("#blotter tbody tr").first).to_contain_text("66,000.00")
        assert (violations(page), clipped(page)) == ([], [])
        market.other.mass_cancel(account=12)
