"""What is not well now, in words, and since when. A function of what was seen, but for `Since`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from exchange.client.rest.operator import Alert
from exchange.observability.health import MAX_AGE_NS, Health
from exchange.observability.stats import StatsSnapshot
from exchange.runtime.last_audit import KeptAudit
from exchange.runtime.overview import CORE
from exchange.runtime.processes import ProcessRow
from exchange.services.gateway.known import instant

LAG_MAX: Final = 10_000
"""Of commands or events: more is told."""
_DIGITS: Final = re.compile(r"[0-9][0-9,]*")
_STATES: Final = {
    "unhealthy": "says that it is unhealthy",
    "degraded": "lacks something that it needs",
    "silent": "runs and says nothing",
    "starting": "has not done anything yet",
    "stopped": "is stopped by a signal",
    "gone": "is not there",
}
_CORE: Final = (
    ("read_only", "critical", "The journal cannot be written: every command is refused."),
    ("disk_nearly_full", "critical", "The disk is nearly full: new orders are refused, cancels pass."),
    ("standing_by", "warning", "This core follows another one: it takes no orders."),
    ("solo", "warning", "Answers do not wait for a standby, by an operator's will."),
)


UNSETTLED_NS_MAX: Final = 60 * 1_000_000_000
"""So long a trade may wait for its settlement before that is told."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What there is to see.

    Args:
        processes: Those that run, or should.
        core: How the core is.
        stats: What it tells; None: nothing.
        letters: When each event became a dead letter that is open, ns.
        audit: The last one; None: there was none.
        unsettled_since: Of the oldest trade that waits for its settlement, ns; None: none does.
        now_ns: Of all of it, Unix time.
    """

    processes: Sequence[ProcessRow]
    core: Health
    stats: StatsSnapshot | None
    letters: Sequence[int] = ()
    audit: KeptAudit | None = None
    unsettled_since: int | None = None
    now_ns: int = 0


def alerts_of(seen: Seen) -> list[Alert]:
    """All alerts, the worst first; with when each began, where that is written down somewhere."""
    found = [*_of_core(seen.core, seen.stats), *(each for row in seen.processes for each in _of_process(row))]
    if seen.audit is not None and not seen.audit.good:
        found.append(_of_audit(seen.audit))
    waits = seen.unsettled_since
    if waits is not None and seen.now_ns - waits > UNSETTLED_NS_MAX:
        seconds = (seen.now_ns - waits) // 1_000_000_000
        says = f"The oldest trade that is not settled has waited for {seconds:,} s."
        found.append(Alert(severity="warning", about="settlement", says=says, since=instant(waits)))
    if letters := len(seen.letters):
        says = "1 event waits for a decision." if letters == 1 else f"{letters:,} events wait for a decision."
        since = instant(min(seen.letters))
        found.append(Alert(severity="warning", about="dead letters", says=says, since=since))
    return sorted(found, key=lambda each: each.severity != "critical")


class Since:
    """When what is not well was first seen: while it stays its words may change, as of a lag that grows."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, str, str], str] = {}

    def told(self, alerts: Sequence[Alert], now_ns: int) -> list[Alert]:
        """The alerts, each with when it began, or else was first seen.

        Args:
            alerts: All there are now: what is not among them is over.
            now_ns: Unix time.
        """
        now = instant(now_ns)
        keys = [(each.severity, each.about, _DIGITS.sub("0", each.says)) for each in alerts]
        self._first = {key: self._first.get(key, now) for key in keys}
        pairs = zip(keys, alerts, strict=True)
        return [replace(each, since=each.since or self._first[key]) for key, each in pairs]


def _of_audit(audit: KeptAudit) -> Alert:
    if audit.error:
        says = f"The last one had no result: {audit.error}."
    else:
        wrong = [each["name"] for each in audit.body["checks"] if not each["good"]]
        says = f"The last one found what is wrong: {', '.join(wrong)}."
    return Alert(severity="critical", about="audit", says=says, since=instant(audit.began_ns))


def _of_core(core: Health, stats: StatsSnapshot | None) -> Iterator[Alert]:
    if stats is None:
        yield Alert(severity="critical", about=CORE, says="No core runs here.")
        return
    values = stats.values
    if not core.live:
        seconds = max(stats.heartbeat_age_ns, MAX_AGE_NS) // 1_000_000_000
        yield Alert(severity="critical", about=CORE, says=f"Its loop has not turned for {seconds:,} s.")
    elif not values["ready"]:
        yield Alert(severity="critical", about=CORE, says="It recovers, and takes no orders yet.")
    for name, severity, says in _CORE:
        if values[name]:
            yield Alert(severity=severity, about=CORE, says=says)  # type: ignore[arg-type]  # a word of the table
    for name, status in core.dependencies.items():
        if name not in (CORE, "journal") and status != "healthy":
            yield Alert(
                severity="warning", about=name, says="The core waits for this stage, or does without."
            )
    if values["followers"] and not values["standby_in_sync"] and not values["solo"]:
        behind = max(0, values["journal_sequence_written"] - values["journal_sequence_replicated"])
        yield Alert(severity="warning", about="standby", says=f"Not in sync: {behind:,} commands behind.")


def _of_process(row: ProcessRow) -> Iterator[Alert]:
    if row.state in _STATES and not (row.name == CORE and row.state == "unhealthy"):
        severe = row.state in {"unhealthy", "gone", "stopped"}
        unwell = [f"{name} ({status})" for name, status in row.needs.items() if status != "healthy"]
        needs = f": {', '.join(unwell)}" if unwell else ""
        yield Alert(
            severity="critical" if severe else "warning",
            about=row.name,
            says=f"{row.name} {_STATES[row.state]}{needs}.",
        )
    if row.lag is not None and row.lag > LAG_MAX:
        yield Alert(severity="warning", about=row.name, says=f"{row.name} is {row.lag:,} records behind.")
