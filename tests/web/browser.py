"""A real browser: Chromium without a window, and what is asked of every page in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any, Final

from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

WAIT_MS: Final = 60_000
DESKTOP: Final = (1440, 900)
PHONE: Final = (390, 844)
expect.set_options(timeout=WAIT_MS)
_AXE: Final = files("axe_playwright_python") / "axe.min.js"
_FLAGS: Final = (
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
)  # fmt: skip


def chromium() -> str:
    """The browser's program: `CMATCH_CHROMIUM`, or the one in the path."""
    named = os.environ.get("CMATCH_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    assert named, "no Chromium: apt-get install chromium, or say where it is by CMATCH_CHROMIUM"
    return named


@contextmanager
def launched() -> Iterator[Browser]:
    """One, for many pages."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(_FLAGS), timeout=WAIT_MS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(
    browser: Browser, size: tuple[int, int] = DESKTOP, theme: str = "dark", *, refusals: bool = False
) -> Iterator[Page]:
    """A page of a browser that knows nothing yet; whatever it says to the console fails the test.

    Args:
        browser: Where.
        size: Of the window.
        theme: What the user prefers.
        refusals: The test has requests refused, which Chromium itself writes to the console.
    """
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="light" if theme == "light" else "dark",
        has_touch=size == PHONE,
        locale="en-GB",
        timezone_id="UTC",
    )
    context.set_default_timeout(WAIT_MS)
    context.set_default_navigation_timeout(WAIT_MS)
    said: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not (
            refusals and "Failed to load resource" in message.text
        ):
            said.append(message.text)

    try:
        page = context.new_page()
        page.on("console", hear)
        page.on("pageerror", lambda error: said.append(str(error)))
        yield page
    finally:
        context.close()
    assert said == [], said


def violations(page: Page) -> list[dict[str, Any]]:
    """What axe finds, in short."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_AXE.read_text("utf-8"))
    found: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        {
            "rule": each["id"],
            "at": [(node["target"], node.get("failureSummary", "")) for node in each["nodes"]],
        }
        for each in found["violations"]
    ]


def clipped(page: Page) -> list[str]:
    """Texts that do not fit what they are in, and parts that are beyond the window."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("button, dd, dt, td, th, .ladder span, strong, label, h2")]
          .filter((each) => each.checkVisibility() && each.clientWidth && !each.closest(".hidden, .tabs"))
          .filter((each) => {
            const box = each.getBoundingClientRect();
            const scrolls = each.closest(".scroll, #entry, .symbols");
            const beyond = !scrolls && (box.right > innerWidth + 1 || box.left < -1);
            return each.scrollWidth > each.clientWidth + 1 || beyond;
          })
          .map((each) => `${each.tagName}.${each.className}: ${each.textContent}`)"""
    )
    return found
