"""The trading screen in a real browser, before an exchange that says what a test wants."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.browser import DESKTOP, PHONE, clipped, opened, violations
from tests.web.scripted import ORIGIN, Scripted, decimal, order_of, problem

_FRAMES = 300
BUY: dict[str, Any] = {
    "symbol": "BTC-USD", "side": "buy", "type": "limit", "timeInForce": "gtc", "qty": "0.5000",
    "price": "63999.95",
}  # fmt: skip


def show(page: Page, script: Scripted) -> None:
    """The screen, when the book is there."""
    script.stand_before(page)
    page.goto(ORIGIN)
    expect(page.locator(".last strong")).to_have_text("64,000.01")
    if script.bids and page.locator("#book").is_visible():
        page.locator("#book .bid").nth(2).wait_for()


def level(page: Page, price: str) -> str:
    """The size that the ladder shows at a price."""
    row = page.locator("#book [role=row]").filter(has=page.get_by_text(price, exact=True))
    return row.locator(".size").inner_text()


def until(page: Page, holds: Callable[[], bool]) -> None:
    """Waits while the page works."""
    for _ in range(900):
        if holds():
            return
        page.wait_for_timeout(100)
    raise AssertionError(holds)


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", [DESKTOP, (1100, 760), PHONE], ids=["desktop", "small", "phone"])
def test_every_panel_is_accessible_and_nothing_is_clipped(
    browser: Browser, size: tuple[int, int], theme: str
) -> None:
    """Each panel, tab and dialog: no finding of axe, no text cut, nothing on the console."""
    script = Scripted(orders=[order_of(BUY, "90")])
    script.fill(200)
    with opened(browser, size, theme) as page:
        show(page, script)
        found: dict[str, Any] = {}

        def look(name: str) -> None:
            page.wait_for_timeout(200)
            if bad := [*violations(page), *clipped(page)]:
                found[name] = bad

        if size == PHONE:
            for tab in ("Chart", "Book", "Trade", "Account"):
                page.get_by_role("navigation").get_by_role("button", name=tab).click()
                look(tab)
        else:
            look("all")
            page.keyboard.press("d")
            look("depth")
            page.keyboard.press("?")
            look("keys")
            page.keyboard.press("Escape")
            page.keyboard.press("/")
            look("instruments")
            page.keyboard.press("Escape")
        for tab in ("Order history", "Trades", "Balances", "Positions", "API keys"):
            page.get_by_role("tab", name=tab).click()
            look(tab)
        page.get_by_role("button", name="New key").click()
        look("new key")
        assert found == {}


def test_nobody_is_signed_in_until_they_sign_in(browser: Browser) -> None:
    """The market is there for all, over the public stream; orders are for who signs in by one click."""
    script = Scripted(signed_in=False)
    script.fill(50)
    with opened(browser) as page:
        show(page, script)
        assert [socket.url for socket in script.sockets] == ["ws://exchange.test/stream/market"]
        expect(page.locator("#entry .send")).to_have_text("Sign in to trade")
        assert violations(page) == []
        page.locator("#entry .send").click()
        page.get_by_role("button", name="Use the demo account").click()
        expect(page.locator(".user")).to_have_text("ann")
        until(page, lambda: len(script.sockets) == 2)
        assert script.socket.url == "ws://exchange.test/v1/stream"
        page.get_by_role("tab", name="Balances").click()
        expect(page.locator("#blotter tbody tr")).to_have_count(2)
        page.get_by_role("button", name="Sign out").click()
        expect(page.locator("#entry .send")).to_have_text("Sign in to trade")
        expect(page.locator("#blotter")).to_contain_text("Sign in to see orders")


def test_book_follows_and_a_gap_is_mended(browser: Browser) -> None:
    """Updates fold; one that does not join, or whose checksum is another, is answered by a new snapshot."""
    script = Scripted()
    script.fill(30)
    with opened(browser) as page:
        show(page, script)
        script.tell("book", script.change({6_399_999: 25_000}, {6_400_001: 0}))
        until(page, lambda: level(page, "63,999.99") == "2.5000")
        expect(page.locator("#book .spread .total")).to_have_text("0.03")
        script.change({6_399_998: 1}, {})  # nobody is told
        script.tell("book", script.change({6_399_999: 30_000}, {}))
        until(page, lambda: level(page, "63,999.99") == "3.0000")
        expect(page.locator("#connection")).to_contain_text(re.compile(r"Gaps mended\s*1"))
        assert level(page, "63,999.98") == "0.0001"
        script.tell("book", script.change({6_399_999: 40_000}, {}) | {"checksum": 1})
        until(page, lambda: level(page, "63,999.99") == "4.0000")
        expect(page.locator("#connection")).to_contain_text(re.compile(r"Gaps mended\s*2"))


def test_channel_that_is_refused_for_now_is_asked_for_again(browser: Browser) -> None:
    """A service that is away leaves its panel waiting; what will never be is told."""
    script = Scripted()
    script.fill(30)
    script.unavailable = {"trades"}
    script.unknown = {"candles"}
    with opened(browser) as page:
        show(page, script)
        expect(page.locator("#tape .note")).to_have_text("Loading trades")
        expect(page.locator(".toast.bad")).to_contain_text("No candles")
        script.unavailable.clear()
        page.locator("#tape .bid").first.wait_for()
        assert page.locator(".toast").count() == 1


def test_connection_that_is_lost_comes_back(browser: Browser) -> None:
    """It says so, tries again by itself, subscribes again, and tells of what was filled meanwhile."""
    script = Scripted()
    script.fill(30)
    with opened(browser) as page:
        show(page, script)
        until(page, lambda: page.locator(".state.live").count() == 1)
        missed = {
            "execId": "7", "tradeId": "3", "orderId": "90", "symbol": "BTC-USD", "side": "buy",
            "lastQty": "0.5000", "lastPrice": "63999.95", "leavesQty": "0.0000", "fee": "0.00050000",
            "feeAsset": "BTC", "liquidity": "maker", "timestamp": "2026-05-01T12:00:00.000000000Z",
        }  # fmt: skip
        script.executions = [missed]
        before = len(script.said)
        script.change({6_399_999: 77_000}, {})
        script.socket.close(code=1001)
        until(page, lambda: level(page, "63,999.99") == "7.7000")
        expect(page.locator("#connection")).to_contain_text(re.compile(r"Reconnects\s*1"))
        asked = [
            each for frame in script.said[before:] if frame["op"] == "SUBSCRIBE" for each in frame["channels"]
        ]
        assert sorted(asked) == sorted(
            ["book", "ticker", "trades", "candles", "mark", "orders", "executions", "balances", "positions"]
        )
        expect(page.locator(".toast.fill")).to_contain_text("Bought 0.5000 BTC-USD")
        script.socket.close(code=4009)
        expect(page.locator(".state")).to_contain_text("Open in another tab")
        page.get_by_role("button", name="Use here").click()
        until(page, lambda: page.locator(".state.live").count() == 1)


def test_all_that_was_missed_is_told_once_however_much_it_is(browser: Browser) -> None:
    """From the history, page by page; what was told before, or comes again, is not told anew."""

    def fill(number: int) -> dict[str, Any]:
        return {
            "execId": str(number), "tradeId": str(number), "orderId": str(90 + number % 40), "side": "buy",
            "symbol": "BTC-USD", "lastQty": "0.0001", "lastPrice": "63999.95", "leavesQty": "0.0000",
            "fee": "0.00000001", "feeAsset": "BTC", "liquidity": "maker",
            "timestamp": "2026-05-01T12:00:00.000000000Z",
        }  # fmt: skip

    script = Scripted()
    script.fill(30)
    with opened(browser) as page:
        show(page, script)
        until(page, lambda: page.locator(".state.live").count() == 1)
        script.tell("executions", [fill(number) for number in range(5)])
        expect(page.locator(".toast.fill")).to_contain_text("5 fills of 5 orders")
        script.executions = [fill(number) for number in range(1_105)]
        asked = len(script.asked)
        script.socket.close(code=1001)
        expect(page.locator(".toast.fill").last).to_contain_text("1100 fills of 40 orders")
        script.tell("executions", [fill(1_100), fill(1_105)])
        expect(page.locator(".toast.fill").last).to_contain_text("Bought 0.0001 BTC-USD")
        pages = [path for _, path, _ in script.asked[asked:] if path.startswith("/v1/executions")]
        assert [re.findall("cursor=([0-9]+)", path) for path in pages] == [[], ["500"], ["1000"]]
        assert all("minSequence=77" in path and "oldestFirst=true" in path for path in pages)
        page.get_by_role("tab", name="Trades").click()
        newest = page.locator("#blotter tbody tr td:nth-child(8)")
        expect(newest.first).to_have_text("1105")
        assert newest.all_inner_texts()[:500] == [str(1_105 - place) for place in range(500)]


def test_fills_that_cannot_be_asked_for_are_said_to_be_missing(browser: Browser) -> None:
    """An exchange that keeps no history: it is told, and nothing is made up."""
    script = Scripted()
    script.fill(30)
    away = problem(9301, "NOT_ENABLED", "this exchange keeps no history: history.enabled")
    script.refuse["GET /v1/executions"] = (501, away)
    with opened(browser, refusals=True) as page:
        show(page, script)
        until(page, lambda: page.locator(".state.live").count() == 1)
        script.socket.close(code=1001)
        expect(page.locator(".toast.bad")).to_contain_text("Fills may be missing here")
        expect(page.locator(".toast.fill")).to_have_count(0)


def test_order_is_entered_by_keys_and_its_cost_is_shown_before(browser: Browser) -> None:
    """Price from the ladder, quantity, cost, fee, balance after; then the order, in row and ladder."""
    script = Scripted()
    script.fill(30)
    with opened(browser) as page:
        show(page, script)
        page.keyboard.press("l")
        for key in ("ArrowDown", "ArrowDown", "Enter"):
            page.keyboard.press(key)
        expect(page.locator("#ticket-price")).to_have_value("63999.98")
        expect(page.locator("#ticket-qty")).to_be_focused()
        page.keyboard.type("0.5")
        shown = page.locator("#entry .cost")
        expect(shown).to_contain_text("31,999.99 USD")
        expect(shown).to_contain_text("0.0005 BTC")
        expect(shown).to_contain_text("68,000.01 USD")
        page.keyboard.press("Enter")
        expect(page.locator("#blotter tbody tr")).to_have_count(1)
        (body,) = [body for method, path, body in script.asked if (method, path) == ("POST", "/v1/orders")]
        assert body.pop("clientOrderId").startswith("web-")
        assert body == {
            "symbol": "BTC-USD", "side": "buy", "type": "limit", "timeInForce": "gtc", "qty": "0.5000",
            "price": "63999.98", "stpMode": "cancel_newest", "account": 11, "respType": "RESULT",
        }  # fmt: skip
        expect(page.locator("#book .mine .price")).to_have_text("63,999.98")
        page.locator("#ticket-qty").fill("5")
        expect(page.locator("#entry .warning")).to_have_text("More USD than is available.")
        page.locator("#ticket-price").fill("")
        page.locator("#entry .send").click()
        expect(page.locator("#fault-price")).to_have_text("Needed")
        page.locator("#ticket-qty").fill("0.00001")
        expect(page.locator("#fault-qty")).to_have_text("A number with at most 4 places")


def test_refusal_is_told_in_words_and_nothing_is_lost(browser: Browser) -> None:
    """What was typed stays; the reason stands beside it."""
    script = Scripted()
    script.fill(30)
    script.refuse["POST /v1/orders"] = (
        422,
        problem(
            3002, "MAX_ORDER_QTY", "The order is larger than the limit, in lots.", limit="10", asked="20"
        ),
    )
    with opened(browser, refusals=True) as page:
        show(page, script)
        page.locator("#ticket-qty").fill("2")
        page.locator("#entry .send").click()
        expect(page.locator("#entry [role=alert]")).to_have_text(
            "The order is larger than the limit, in lots. The limit is 10, asked was 20. (3002)"
        )
        expect(page.locator("#ticket-qty")).to_have_value("2")
        script.refuse["POST /v1/orders"] = (
            504,
            problem(9303, "OUTCOME_UNKNOWN", "No answer in time."),
        )
        page.locator("#entry .send").click()
        expect(page.locator("#entry [role=alert]")).to_contain_text("(9303)")
        sent = [body["clientOrderId"] for method, path, body in script.asked if method == "POST"]
        assert len(sent) == 4
        assert len(set(sent[1:])) == 1


def test_orders_are_changed_in_their_row_and_cancelled(browser: Browser) -> None:
    """Only what differs is sent; all orders are cancelled after a question."""
    script = Scripted(
        orders=[order_of(BUY, "90"), order_of(BUY | {"side": "sell", "price": "64000.50"}, "91")]
    )
    script.fill(30)
    with opened(browser) as page:
        show(page, script)
        page.get_by_role("button", name="Edit Buy 0.5000 BTC-USD at 63999.95").click()
        expect(page.locator("#edit-price")).to_be_focused()
        page.keyboard.type("63999.90")
        page.keyboard.press("Enter")
        until(page, lambda: any(method == "PATCH" for method, _, _ in script.asked))
        (change,) = [(path, body) for method, path, body in script.asked if method == "PATCH"]
        assert change[1].pop("clientOrderId").startswith("web-")
        assert change == ("/v1/orders/90", {"account": 11, "price": "63999.90"})
        page.get_by_role("button", name="Cancel Sell 0.5000 BTC-USD at 64000.50").click()
        until(page, lambda: any(path.startswith("/v1/orders/91") for _, path, _ in script.asked))
        page.keyboard.press("Escape")
        page.locator("body").press("x")
        page.get_by_role("dialog").get_by_role("button", name="Keep").click()
        assert not any(
            path.startswith("/v1/orders?") and method == "DELETE" for method, path, _ in script.asked
        )
        page.locator("body").press("x")
        page.get_by_role("dialog").get_by_role("button", name="Cancel all").click()
        expect(page.locator(".toast").last).to_contain_text("2 orders cancelled")


def test_ladder_of_five_thousand_levels_takes_less_than_a_thirtieth_of_a_second(browser: Browser) -> None:
    """Each side has 5,000 levels; 50 change with each of 300 frames, told 30 times a second.

    What the page's thread takes for all of it is its own processor time, so that other work on the machine
    does not count.
    """
    script = Scripted()
    script.fill(5_000)
    with opened(browser) as page:
        show(page, script)
        page.wait_for_timeout(1_000)
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})

        def spent_s() -> float:
            metrics = session.send("Performance.getMetrics")["metrics"]
            return float(next(each["value"] for each in metrics if each["name"] == "TaskDuration"))

        before, drawn = spent_s(), int(page.locator("#book .ladder").get_attribute("data-frames") or 0)
        for turn in range(_FRAMES):
            script.tell(
                "book",
                script.change(
                    {6_399_999 - (turn * 7 + each * 97) % 5_000: 1 + turn + each for each in range(25)},
                    {6_400_001 + (turn * 11 + each * 89) % 5_000: 1 + turn + each for each in range(25)},
                ),
            )
            page.wait_for_timeout(1_000 / 30)
        until(page, lambda: level(page, "63,999.99") == decimal(script.bids[6_399_999], 4))
        drawn = int(page.locator("#book .ladder").get_attribute("data-frames") or 0) - drawn
        took_ms = (spent_s() - before) * 1_000 / _FRAMES
        assert 0.5 < took_ms < 1_000 / 30
        assert drawn > 0
        print(f"{took_ms:.1f} ms a frame, {drawn} drawn")
        expect(page.locator("#connection")).to_contain_text(re.compile(r"Gaps mended\s*0"))
        assert page.locator("#book [role=row]").count() < 60
