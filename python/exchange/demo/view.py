"""What is shown while the demo runs: a live picture on a terminal, else a line a second."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Protocol

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from exchange.client import Client
from exchange.demo.market import Plan, Tally
from exchange.demo.sample import Product
from exchange.domain.queries import BookLevelsReply, LevelRow
from exchange.errors import ExchangeError
from exchange.observability import HistogramSnapshot, StatsReader, StatsSnapshot, StatsUnavailable

_DEPTH = 10
_QUANTILES = ((500_000, "p50"), (900_000, "p90"), (990_000, "p99"), (999_000, "p99.9"))
_STAGES = (
    ("batch_service", "whole batch"),
    ("stage_decode", "decode"),
    ("stage_journal", "journal"),
    ("stage_apply", "apply"),
    ("stage_send", "answer"),
)
_NS_A_S = 1_000_000_000
_BAR = "▁▂▃▄▅▆▇█"
_HISTORY = 60


@dataclass(frozen=True)
class Picture:
    """The exchange at one moment."""

    seconds: float  # since the market opened
    now: StatsSnapshot
    before: StatsSnapshot
    tally: Tally
    book: BookLevelsReply | None
    product: Product
    journal_bytes: int

    def rate(self, name: str) -> float:
        """Of a counter, a second."""
        passed = max(self.now.read_ns - self.before.read_ns, 1) / _NS_A_S
        return (self.now.values[name] - self.before.values[name]) / passed

    def timing(self, name: str) -> HistogramSnapshot:
        """Of a stage, since the moment before."""
        return self.now.histograms[name].since(self.before.histograms[name])


class Shows(Protocol):
    """A way to show pictures."""

    def show(self, picture: Picture) -> None:
        """Shows one."""
        ...

    def close(self) -> None:
        """Shows no more."""
        ...


class Camera:
    """Takes pictures of a running exchange.

    Args:
        stats: statistics of its core.
        client: asks for the book.
        plan: what was set up.
        journal: directory of the journal.
        tally: what the traders have seen; changes as they trade.
    """

    def __init__(self, stats: Path, client: Client, plan: Plan, journal: Path, tally: Tally) -> None:
        self._reader = StatsReader(stats)
        self._client = client
        self._plan = plan
        self._journal = journal
        self._tally = tally
        self._began = time.monotonic()
        self._last = self._reader.read()
        busiest = [int((plan.sample.rows["symbol"] == k).sum()) for k in range(len(plan.sample.products))]
        self._busiest = busiest.index(max(busiest))

    def take(self) -> Picture | None:
        """One picture; None where the core is away for a moment."""
        try:
            now = self._reader.read()
        except StatsUnavailable:
            return None
        before, self._last = self._last, now
        if before.values["started_at_ns"] != now.values["started_at_ns"]:
            before = now  # the core was started again: its counters begin anew
        return Picture(
            seconds=time.monotonic() - self._began,
            now=now,
            before=before,
            tally=self._tally,
            book=self._book(),
            product=self._plan.sample.products[self._busiest],
            journal_bytes=sum(entry.stat().st_size for entry in os.scandir(self._journal)),
        )

    def close(self) -> None:
        """Takes no more."""
        self._reader.close()

    def _book(self) -> BookLevelsReply | None:
        try:
            return self._client.query.book(self._plan.instruments[self._busiest], _DEPTH, min_seq=0)
        except ExchangeError:
            return None  # the replica is away for a moment


class Lines:
    """A line a picture, for what is no terminal."""

    def __init__(self) -> None:
        self._next_s = 0.0

    def show(self, picture: Picture) -> None:
        """Prints a line, at most one a second."""
        if picture.seconds < self._next_s:
            return
        self._next_s = picture.seconds + 1.0
        service = picture.timing("batch_service")
        print(
            f"{picture.seconds:6.1f} s  {picture.rate('commands'):>9,.0f} commands/s"
            f"  {picture.rate('trades'):>8,.0f} trades/s  {picture.now.values['live_orders']:>8,} live orders"
            f"  batch p50 {_time(service.percentile(500_000))} p99 {_time(service.percentile(990_000))}"
            f"  journal {picture.now.values['journal_bytes'] / 1e6:,.1f} MB",
            flush=True,
        )

    def close(self) -> None:
        """Nothing is left to be done."""


class Screen:
    """A picture that is drawn over again on a terminal."""

    def __init__(self, console: Console, address: str | None = None) -> None:
        self._address = address
        self._rates: list[float] = []
        self._live = Live(console=console, refresh_per_second=8, transient=True)
        self._live.start()

    def show(self, picture: Picture) -> None:
        """Draws one."""
        self._rates = [*self._rates[-_HISTORY + 1 :], picture.rate("commands")]
        self._live.update(draw(picture, self._rates, self._address))

    def close(self) -> None:
        """Gives the terminal back."""
        self._live.stop()


def open_view(address: str | None = None) -> Shows:
    """A screen where standard output is a terminal, else lines.

    Args:
        address: Of the page to trade on, which a screen names.
    """
    console = Console()
    return Screen(console, address) if console.is_terminal and sys.stdout.isatty() else Lines()


def show_while(camera: Camera, view: Shows, going: Callable[[], bool], interval_s: float = 0.25) -> None:
    """Shows pictures until it is told to end."""
    while going():
        picture = camera.take()
        if picture:
            view.show(picture)
        time.sleep(interval_s)


def draw(picture: Picture, rates: list[float], address: str | None = None) -> RenderableType:
    """The picture for a terminal."""
    values = picture.now.values
    segments = picture.journal_bytes / 2**20
    head = Text.assemble(
        ("exchange demo ", "bold"),
        f" {picture.seconds:,.0f} s   {values['sessions']} sessions   {values['live_orders']:,} live orders",
        f"   journal {values['journal_bytes'] / 1e6:,.1f} MB in {segments:,.0f} MiB of segments",
    )
    if picture.tally.late_s > 1.0:
        head.append(f"   {picture.tally.late_s:.1f} s behind its rate", "bold red")
    page = Text.assemble("trade at ", (address, "bold cyan")) if address else Text()
    foot = Text("Ctrl-C ends the market; then the whole journal is replayed and audited", "dim")
    left = Group(_rates(picture, rates), _latencies(picture), _traders(picture.tally))
    return Group(head, page, Columns([left, _book(picture)], padding=(0, 2)), foot)


def spark(numbers: list[float]) -> str:
    """Numbers as bars, the largest at full height."""
    most = max(numbers, default=0.0)
    if most <= 0:
        return ""
    return "".join(_BAR[min(int(number / most * len(_BAR)), len(_BAR) - 1)] for number in numbers)


def _rates(picture: Picture, rates: list[float]) -> Panel:
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="left")
    table.add_column(justify="right")
    table.add_column(justify="right")
    for name in ("commands", "orders", "replaces", "cancels", "trades", "reports"):
        table.add_row(name, f"{picture.rate(name):,.0f}/s", f"{picture.now.values[name]:,}")
    return Panel(Group(table, Text(spark(rates), "cyan")), title="core", title_align="left", width=46)


def _latencies(picture: Picture) -> Panel:
    table = Table.grid(padding=(0, 2))
    for k in range(len(_QUANTILES) + 1):
        table.add_column(justify="right" if k else "left")
    table.add_row("", *(Text(name, "dim") for _, name in _QUANTILES))
    for name, words in _STAGES:
        timing = picture.timing(name)
        table.add_row(words, *(_time(timing.percentile(parts)) for parts, _ in _QUANTILES))
    return Panel(table, title="latency of the last moment", title_align="left", width=46)


def _traders(tally: Tally) -> Panel:
    refused = sum(tally.rejects.values())
    text = f"{tally.sent:,} sent, {tally.reports:,} reports, {tally.trades:,} fills, {refused:,} refused"
    return Panel(Text(text), title="traders", title_align="left", width=46)


def _book(picture: Picture) -> Panel:
    product, book = picture.product, picture.book
    table = Table.grid(padding=(0, 1))
    for justify in ("right", "right", "left", "left"):
        table.add_column(justify=justify, min_width=9)
    table.add_row(*(Text(word, "dim") for word in ("qty", "bid", "ask", "qty")))

    def words(level: LevelRow | None, style: str) -> tuple[Text, Text]:
        if level is None:
            return Text(), Text()
        price = f"{level.price / 10**product.price_scale:.{product.price_scale}f}"
        return Text(f"{level.qty / 10**product.qty_scale:,.{product.qty_scale}f}"), Text(price, style)

    for bid, ask in zip_longest(book.bids if book else (), book.asks if book else ()):
        (bid_qty, bid_price), (ask_qty, ask_price) = words(bid, "green"), words(ask, "red")
        table.add_row(bid_qty, bid_price, ask_price, ask_qty)
    return Panel(table, title=product.symbol, title_align="left")


def _time(ns: int) -> str:
    return f"{ns / 1_000:,.0f} us" if ns < 10_000_000 else f"{ns / 1_000_000:,.0f} ms"
