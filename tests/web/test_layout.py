"""Where things are on the trading screen while its data moves: facts of its layout, at many sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.browser import DESKTOP, PHONE, clipped, opened
from tests.web.scripted import Scripted, decimal, order_of
from tests.web.test_screen import BUY, level, show, until

SIZES = {
    "wide": (1920, 1080), "desktop": DESKTOP, "tablet": (1024, 768), "tablet upright": (820, 1180),
    "phone": PHONE, "small phone": (360, 640),
}  # fmt: skip
_TABS = {
    "Chart": ("#chart",), "Book": ("#book", "#tape"), "Trade": ("#entry",), "Account": ("#account",),
}  # fmt: skip
_MOVES = 40
_FACTS = Path(__file__).with_name("layout.js").read_text("utf-8").strip()


def moved(page: Page, script: Scripted) -> None:
    """Levels come and go, with more and fewer digits; trades, last price, balances and an order move, too."""
    for turn in range(_MOVES):
        best = 6_399_999 - turn % 3
        script.tell(
            "book",
            script.change(
                {best: 7 + turn * 9_999, 6_399_990 - turn: 1}, {6_400_001 + turn % 5: 90_000 * (turn + 1)}
            ),
        )
        trade = {
            "tradeId": str(1_000 + turn), "symbol": "BTC-USD", "price": decimal(best, 2), "takerSide": "sell",
            "qty": decimal(1 + turn * 77_777, 4), "auction": False, "sequence": str(turn),
            "timestamp": f"2026-05-01T12:30:{turn:02}.000000000Z",
        }  # fmt: skip
        script.tell("trades", [trade])
        ticker = {
            "symbol": "BTC-USD", "lastPrice": decimal(best - 10_000 * turn, 2), "status": "live",
            "changePercent": decimal(turn * 333, 4), "change": decimal(turn * 4_111, 2), "trades": turn,
            "highPrice": "64410.55", "lowPrice": "62890.10", "volume": decimal(turn**5, 4),
            "quoteVolume": "1.0", "bidPrice": decimal(best, 2),
        }  # fmt: skip
        script.tell("ticker", ticker)
        balance = {
            "asset": "USD",
            "total": decimal(10**11 - turn * 10**9, 6),
            "reserved": "0.000000",
            "version": "2",
        }
        script.tell("balances", [balance | {"available": balance["total"]}])
        page.wait_for_timeout(20)


def facts(page: Page, name: str) -> Any:
    """What a function of `layout.js` finds."""
    return page.evaluate(f"{_FACTS}.{name}()")


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_layout_stands_still_while_data_moves(browser: Browser, size: tuple[int, int], theme: str) -> None:
    """No panel over another, none beyond the window, nothing cut; numbers end on one line; nothing moves."""
    script = Scripted(orders=[order_of(BUY, "90"), order_of(BUY | {"price": "1.05", "qty": "0.0001"}, "91")])
    script.fill(300)
    found: dict[str, Any] = {}
    with opened(browser, size, theme) as page:
        show(page, script)
        by_tabs = page.locator("#tabs").is_visible()
        for tab, panels in _TABS.items() if by_tabs else {"": tuple(sum(_TABS.values(), ()))}.items():
            if tab:
                page.get_by_role("navigation").get_by_role("button", name=tab).click()
            for panel in panels:
                expect(page.locator(panel)).to_be_visible()
            expect(page.locator("#connection")).to_contain_text("Live")
            if page.locator("#ticket-qty").is_visible():
                page.locator("#ticket-qty").fill("0.5")
            page.wait_for_timeout(300)
            before = facts(page, "boxes")
            assert len(before) > 10
            moved(page, script)
            if "#book" in panels:
                until(page, lambda: level(page, "63,999.99") == decimal(script.bids[6_399_999], 4))
            page.wait_for_timeout(300)
            after = facts(page, "boxes")
            shifted = {name: (box, after.get(name)) for name, box in before.items() if after.get(name) != box}
            if wrong := [*facts(page, "overlaps"), *clipped(page), *facts(page, "ragged"), *shifted.items()]:
                found[tab] = wrong
        assert found == {}
