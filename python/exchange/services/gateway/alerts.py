"""What is not well now, in words. A function of what was seen: no clock, no state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from exchange.client.rest.operator import Alert
from exchange.observability.health import MAX_AGE_NS, Health
from exchange.observability.stats import StatsSnapshot
from exchange.runtime.overview import CORE
from exchange.runtime.processes import ProcessRow

LAG_MAX: Final = 10_000
"""Of commands or events: more is told."""
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


def alerts_of(
    processes: Sequence[ProcessRow], core: Health, stats: StatsSnapshot | None, letters: int
) -> list[Alert]:
    """All alerts, the worst first.

    Args:
        processes: Those that run, or should.
        core: How the core is.
        stats: What it tells; None: nothing.
        letters: Open dead letters.
    """
    found = [*_of_core(core, stats), *(each for row in processes for each in _of_process(row))]
    if letters:
        says = "1 event waits for a decision." if letters == 1 else f"{letters:,} events wait for a decision."
        found.append(Alert(severity="warning", about="dead letters", says=says))
    return sorted(found, key=lambda each: each.severity != "critical")


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
