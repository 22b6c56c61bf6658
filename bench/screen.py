"""``python -m bench.screen``: frames that the trading screen draws, of a ladder with 5,000 levels a side.

Chromium without a window opens the page; its WebSocket is answered by this program, which tells 50 changed
levels with each update, so many a second. What is drawn is counted by the browser itself, not by the page:
the trace of its compositor has an event for each frame. The page counts how often it drew the ladder, and the
processor time of its thread is the browser's own figure.
"""

from __future__ import annotations

import argparse
import time
from statistics import median
from typing import Any, Final

import numpy as np
from playwright.sync_api import CDPSession, Page

from bench.measure import machine, table
from tests.web.browser import launched, opened
from tests.web.scripted import ORIGIN, Scripted

_LEVELS: Final = 5_000
_CHANGED: Final = 25
_BID, _ASK = 6_399_999, 6_400_001
_WARM_S: Final = 2.0
_WAIT_S: Final = 60.0
_LOADS: Final = 5
_PAINT: Final = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
_CATEGORIES: Final = ("devtools.timeline.frame", "disabled-by-default-devtools.timeline.frame")


def main(words: list[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.screen", description=__doc__)
    parser.add_argument("--rates", type=int, nargs="+", default=[10, 30, 60], help="updates a second")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each rate")
    options = parser.parse_args(words)
    rows = [_measured(rate, options.seconds) for rate in options.rates]
    head = (
        "updates/s", "told/s", "ladder drawn/s", "frames of the browser/s", "between two ms p50", "p99",
        "processor ms an update",
    )  # fmt: skip
    print(f"{_LEVELS:,} levels a side, {2 * _CHANGED} change with an update, {options.seconds:g} s each\n")
    print(table(head, rows))
    print(f"\nfirst contentful paint: {_first_paint_ms():,.0f} ms, median of {_LOADS} loads\n\n{machine()}")


def _first_paint_ms() -> float:
    """Of a page that nobody has opened before; this program answers, with a book of 5,000 levels a side."""
    found: list[float] = []
    with launched() as browser:
        for _ in range(_LOADS):
            script = Scripted()
            script.fill(_LEVELS)
            with opened(browser) as page:
                script.stand_before(page)
                page.goto(ORIGIN)
                page.locator("#book .bid").nth(2).wait_for()
                found.append(page.evaluate(_PAINT))
    return float(median(found))


def _measured(rate: int, seconds: float) -> list[str]:
    script = Scripted()
    script.fill(_LEVELS)
    with launched() as browser, opened(browser) as page:
        script.stand_before(page)
        page.goto(ORIGIN)
        page.locator("#book .bid").nth(2).wait_for()
        _tell(page, script, rate, _WARM_S)
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        tracing = browser.new_browser_cdp_session()
        events: list[dict[str, Any]] = []
        ended: list[object] = []
        tracing.on("Tracing.dataCollected", lambda said: events.extend(said["value"]))
        tracing.on("Tracing.tracingComplete", lambda said: ended.extend([said]))
        tracing.send("Tracing.start", {"traceConfig": {"includedCategories": list(_CATEGORIES)}})
        before, spent, began = _drawn(page), _spent_s(session), time.monotonic()
        told = _tell(page, script, rate, seconds)
        took = time.monotonic() - began
        spent, drawn = _spent_s(session) - spent, _drawn(page) - before
        tracing.send("Tracing.end")
        while not ended and time.monotonic() - began - took < _WAIT_S:
            page.wait_for_timeout(50)
        assert ended, "the browser did not end its trace"
    frames = np.sort([each["ts"] for each in events if each["name"] == "DrawFrame"]) / 1_000
    between = np.diff(frames)
    p50, p99 = np.percentile(between, (50, 99))
    return [
        str(rate), f"{told / took:.1f}", f"{drawn / took:.1f}", f"{len(frames) / took:.1f}", f"{p50:.1f}",
        f"{p99:.1f}", f"{spent * 1_000 / told:.2f}",
    ]  # fmt: skip


def _tell(page: Page, script: Scripted, rate: int, seconds: float) -> int:
    """So many updates a second; how many there were."""
    began, turn = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        bids = {_BID - (turn * 7 + each * 97) % _LEVELS: 1 + turn + each for each in range(_CHANGED)}
        asks = {_ASK + (turn * 11 + each * 89) % _LEVELS: 1 + turn + each for each in range(_CHANGED)}
        # The best of both change each time, so that there is something to draw.
        script.tell("book", script.change(bids | {_BID: 2 + turn}, asks | {_ASK: 3 + turn}))
        turn += 1
        wait_ms = (turn / rate - (time.monotonic() - began)) * 1_000
        page.wait_for_timeout(max(0.0, wait_ms))
    return turn


def _drawn(page: Page) -> int:
    return int(page.locator("#book .ladder").get_attribute("data-frames") or 0)


def _spent_s(session: CDPSession) -> float:
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(each["value"] for each in metrics if each["name"] == "TaskDuration"))


if __name__ == "__main__":
    main()
