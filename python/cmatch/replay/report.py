"""The report of a replay, as text for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from cmatch.arrays import Records
from cmatch.enums import CommandKind, TimeInForce
from cmatch.rejects import RejectCode
from cmatch.replay import times
from cmatch.replay.checks import Check
from cmatch.replay.flow import Agreement, Auction, Flow, Miss, Why
from cmatch.replay.play import BATCH, Latency, Outcome

_MOST_LADDERS = 2  # of instruments that are drawn
_DEPTH = 5  # levels of a side
_REJECTS = {code.value: code.name for code in RejectCode}


@dataclass
class Replay:
    """Everything that a replay found out."""

    flow: Flow
    outcome: Outcome
    batch_times: list[int]  # ns of each run
    read_ns: int  # from the file to the commands
    total_ns: int  # from the file to the last event
    latency: Latency | None = None
    checks: list[Check] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether every strict check holds."""
        return all(check.good for check in self.checks if check.strict)

    @property
    def rate(self) -> float:
        """Commands a second of the matcher alone: the median run."""
        return self.flow.commands.size / max(median(self.batch_times), 1) * 1e9


@dataclass(frozen=True)
class Volume:
    """What one instrument traded."""

    number: int  # its id
    trades: int
    lots: int
    last: int  # ticks


def command_counts(flow: Flow) -> dict[str, int]:
    """Commands by kind, most first; immediate-or-cancel orders apart."""
    kinds = flow.commands["kind"]
    words = {int(kind): str(kind).replace("_", " ") for kind in CommandKind}
    counts = Counter({words.get(kind, f"kind {kind}"): n for kind, n in Counter(kinds.tolist()).items()})
    incoming = (kinds == CommandKind.NEW_ORDER) & (flow.commands["time_in_force"] == TimeInForce.IOC)
    counts["incoming (ioc)"] = int(incoming.sum())
    counts["new order"] -= counts["incoming (ioc)"]
    return {name: n for name, n in counts.most_common() if n}


def volumes(outcome: Outcome) -> list[Volume]:
    """What each instrument traded, most trades first; none that did not."""
    out = []
    for number in np.unique(outcome.trades["instrument_id"]).tolist():
        mine = outcome.trades[outcome.trades["instrument_id"] == number]
        out.append(Volume(number, int(mine.size), int(mine["qty"].sum()), int(mine["price"][-1])))
    return sorted(out, key=lambda volume: -volume.trades)


def level_rows(levels: Records) -> list[tuple[int, int, int]]:
    """Price, quantity and count of levels, as ints."""
    columns = (levels[name].tolist() for name in ("price", "qty", "count"))
    return list(zip(*columns, strict=True))


def reject_name(code: int) -> str:
    """The name of a reject code."""
    return _REJECTS.get(code, str(code))


def text(replay: Replay, most_misses: int) -> str:
    """The report; at most so many trades are listed that our queue differs on."""
    lines: list[str] = []
    for title, rows in (
        (f"{replay.flow.path.name}: {replay.flow.format}", _file(replay.flow)),
        ("matching", _matching(replay)),
        ("checks", _checks(replay.checks)),
        ("our queue and the venue's makers", _agreement(replay.flow, most_misses)),
        ("final book", _books(replay)),
    ):
        told = list(rows)
        if told:
            lines += [title, *(f"  {row}" for row in told), ""]
    return "\n".join(lines).rstrip() + "\n"


def _row(name: str, words: str) -> str:
    return f"{name:<14}{words}"


def _listed(counts: dict[str, int], most: int = 8) -> str:
    shown = [f"{n:,} {name}" for name, n in list(counts.items())[:most]]
    return ", ".join(shown + (["..."] if len(counts) > most else []))


def _file(flow: Flow) -> Iterator[str]:
    yield _row("events", f"{flow.rows:,}" + (f": {_listed(flow.counts)}" if flow.counts else ""))
    shown = ", ".join(f"{i.symbol} (tick {i.tick_text}, lot {i.lot_text})" for i in flow.instruments[:3])
    more = f" and {len(flow.instruments) - 3} more" if len(flow.instruments) > 3 else ""
    yield _row("instruments", f"{len(flow.instruments)}: {shown}{more}")
    first, last = flow.span
    yield _row("span", f"{times.moment(first)} to {times.moment(last)} ({times.duration(last - first)})")
    yield _row("commands", f"{flow.commands.size:,}: {_listed(command_counts(flow))}")
    for note in flow.notes:
        yield _row("note", note)


def _matching(replay: Replay) -> Iterator[str]:
    flow, outcome = replay.flow, replay.outcome
    runs = len(replay.batch_times)
    how = f"the matcher alone (median of {runs} runs, batches of {BATCH:,})"
    yield _row("rate", f"{replay.rate / 1e6:.2f} million commands/s, {how}")
    rate = flow.rows / max(replay.total_ns, 1) * 1e9
    spent = f"{times.duration(replay.read_ns)} of {times.duration(replay.total_ns)} to read and translate"
    yield _row("end to end", f"{rate:,.0f} events/s, {spent}")
    if replay.latency is not None:
        told = replay.latency.percentiles()
        yield _row("latency", "  ".join(f"{name} {value:,} ns" for name, value in told.items()))
        calls = f"one command a call from Python, {replay.latency.samples.size:,} calls"
        yield _row("", f"{calls}; an empty call takes {replay.latency.empty_call:,} ns of it")
    yield _row("trades", f"{outcome.trades.size:,}")
    for volume in volumes(outcome)[:5]:
        instrument = flow.instruments[volume.number - 1]
        told_volume = f"volume {instrument.qty(volume.lots)}, last {instrument.price(volume.last)}"
        yield _row("", f"{instrument.symbol}: {volume.trades:,}, {told_volume}")
    rejects = ", ".join(f"{n:,} {reject_name(code)}" for code, n in outcome.rejects.most_common())
    yield _row("rejects", f"{outcome.rejects.total():,}" + (f": {rejects}" if rejects else ""))
    yield _row("events out", f"{outcome.events:,}, digest {outcome.digest}")
    yield _row("state hash", f"{outcome.state_hash:016x}")


def _checks(checks: list[Check]) -> Iterator[str]:
    for check in checks:
        mark = "ok" if check.good else ("FAILED" if check.strict else "differs")
        remark = f" ({check.remark})" if check.remark else ""
        yield f"{mark:<8}{check.name}: {check.right:,} of {check.total:,}{remark}"
        for difference in check.differences[:5]:
            yield f"{'':<10}{difference}"


def _agreement(flow: Flow, most: int) -> Iterator[str]:
    agreement = flow.agreement
    if agreement is None:
        return
    if agreement.events:
        share = 100 * agreement.named / agreement.events
        subject = "the level at its best price" if flow.level_orders else "the venue's own makers"
        yield f"{agreement.named:,} of {agreement.events:,} {agreement.words} name {subject} ({share:.2f} %)"
        if agreement.plain < agreement.named:
            yield f"{agreement.plain:,} of these as the queue stood"
        if agreement.withdrawn:
            yield f"{agreement.withdrawn:,} of these once orders canceled in the same packet were taken out"
        if agreement.late:
            yield f"{agreement.late:,} of these tell an order that stood in front at a later place (icebergs)"
        if agreement.reserve:
            yield f"{agreement.reserve:,} of these executed more than was shown (icebergs)"
    for auction in agreement.auctions:
        yield _auction(flow, auction)
    yield from _misses(flow, agreement, most)


def _auction(flow: Flow, auction: Auction) -> str:
    instrument = flow.instruments[auction.instrument]
    ours = "nothing" if auction.price is None else instrument.level(auction.price, auction.qty)
    venue = instrument.level(auction.venue_price, auction.venue_qty)
    unseen = f" ({auction.unseen_orders} never shown before)" if auction.unseen_orders else ""
    return (
        f"auction at {times.moment(auction.timestamp)}: ours {ours}, the venue's {venue}; "
        f"{auction.same_orders} of its {auction.venue_orders} orders alike{unseen}"
    )


def _misses(flow: Flow, agreement: Agreement, most: int) -> Iterator[str]:
    """The trade events that are not ours, each by its first fill."""
    events: dict[int, list[Miss]] = {}
    for miss in agreement.misses:
        if miss.why is not Why.RESERVE:
            events.setdefault(miss.event, []).append(miss)
    for why, count in Counter(misses[0].why for misses in events.values()).most_common():
        yield f"{count:,} are not: {why.value}"
    for misses in list(events.values())[:most]:
        first, others = misses[0], len(misses) - 1
        more = f" ({others} more of its fills)" if others else ""
        place = f"{flow.unit} {first.position:,}, {times.clock(first.timestamp)}"
        yield f"{place}: {miss_text(flow, first)}{more}"
    if len(events) > most:
        yield f"... {len(events) - most:,} more (--misses N lists N, --json all)"


def miss_text(flow: Flow, miss: Miss) -> str:
    """One fill that our queue does not give, in words."""
    instrument = flow.instruments[miss.instrument]
    fill = f"order {miss.order_id} {instrument.qty(miss.qty)}"
    if miss.price:
        fill += f" at {instrument.price(miss.price)}"
    if miss.why is Why.UNKNOWN:
        return f"{fill}: it never came into the book"
    if miss.why is Why.RESERVE:
        return f"{fill}: more than was shown"
    sequel = f", which {miss.sequel}" if miss.sequel else ""
    if miss.why is Why.WORSE:
        return f"{fill}: order {miss.front} stood at a better price{sequel}"
    orders = "1 order" if miss.ahead_orders == 1 else f"{miss.ahead_orders} orders"
    return f"{fill}: {orders} with {instrument.qty(miss.ahead_qty)} before it, first {miss.front}{sequel}"


def _books(replay: Replay) -> Iterator[str]:
    """Ladders of the instruments that traded most, else of the first ones."""
    flow, engine = replay.flow, replay.outcome.engine
    busy = [volume.number for volume in volumes(replay.outcome)]
    known = [number for number in engine.instruments if number <= len(flow.instruments)]
    drawn = [*busy, *(number for number in known if number not in busy)][:_MOST_LADDERS]
    for number in drawn:
        instrument = flow.instruments[number - 1]
        bids, asks = engine.l2(number, None)
        levels = f"{len(bids):,} bid and {len(asks):,} ask levels"
        yield f"{instrument.symbol}, {engine.instrument(number).phase}: {levels}"
        yield f"{'orders':>8}{'bid':>16}{'price':>14}{'ask':>16}{'orders':>8}"
        for price, qty, count in level_rows(asks[:_DEPTH])[::-1]:
            yield f"{'':>24}{instrument.price(price):>14}{instrument.qty(qty):>16}{count:>8,}"
        for price, qty, count in level_rows(bids[:_DEPTH]):
            yield f"{count:>8,}{instrument.qty(qty):>16}{instrument.price(price):>14}"
    if len(known) > len(drawn):
        yield f"... {len(known) - len(drawn)} more instruments, {engine.live_orders:,} orders rest in all"
