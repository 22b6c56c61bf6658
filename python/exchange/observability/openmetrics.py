"""Metrics as text: OpenMetrics 1.0, and Prometheus 0.0.4 for who does not ask for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

PROMETHEUS: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_LABEL_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_HEADS: Final = ("# HELP ", "# TYPE ", "# UNIT ")
_EOF: Final = "# EOF"

Labels = tuple[tuple[str, str], ...]
Sample = tuple[str, Labels, str]
"""Suffix of the name, labels, value."""


@dataclass(frozen=True, slots=True)
class Family:
    """A metric and its samples.

    Args:
        name: Without the suffixes of its samples.
        kind: `counter`, `gauge` or `histogram`.
        unit: `seconds`, `bytes` or nothing; the name ends with it.
        help: What it says, without a full stop.
        samples: In the order of the text.
    """

    name: str
    kind: str
    unit: str
    help: str
    samples: list[Sample] = field(default_factory=list)


def seconds(ns: int) -> str:
    """Nanoseconds as seconds, exactly."""
    whole, rest = divmod(ns, 10**9)
    return f"{whole}.{rest:09}".rstrip("0").rstrip(".") if rest else str(whole)


def families_text(families: Iterable[Family], *, openmetrics: bool = False, **common: str) -> str:
    """Metrics as text.

    Args:
        families: What there is; one without samples is left out.
        openmetrics: OpenMetrics 1.0 instead of Prometheus 0.0.4.
        common: Labels that every sample gets in front of its own.
    """
    lines: list[str] = []
    front = tuple(common.items())
    for family in families:
        if not family.samples:
            continue
        # Prometheus takes a counter's name with its suffix, OpenMetrics without it.
        name = family.name + ("_total" if family.kind == "counter" and not openmetrics else "")
        words = family.help.replace("\\", r"\\").replace("\n", r"\n")
        words = words.replace('"', r"\"") if openmetrics else words
        lines.append(f"# HELP {name} {words}.")
        lines.append(f"# TYPE {name} {family.kind}")
        if openmetrics and family.unit:
            lines.append(f"# UNIT {name} {family.unit}")
        lines += [
            f"{family.name}{suffix}{_shown(front + labels)} {value}"
            for suffix, labels, value in family.samples
        ]
    if openmetrics:
        lines.append(_EOF)
    return "\n".join(lines) + "\n"


def merged(texts: Iterable[str], *, openmetrics: bool = False) -> str:
    """Several texts that `families_text` made as one: a family of several of them stands together.

    Args:
        texts: Their samples differ by a common label.
        openmetrics: The format of all of them.
    """
    heads: dict[str, list[str]] = {}
    samples: dict[str, list[str]] = {}
    for text in texts:
        name = ""
        for line in text.splitlines():
            if line.startswith(_HEADS):
                name = line.split(" ", 3)[2]
                head = heads.setdefault(name, [])
                if not samples.setdefault(name, []) and line not in head:
                    head.append(line)
            elif line != _EOF:
                samples[name].append(line)
    lines = [line for name, head in heads.items() for line in (*head, *samples[name])]
    if openmetrics:
        lines.append(_EOF)
    return "\n".join(lines) + "\n"


def _shown(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{value.translate(_LABEL_ESCAPES)}"' for name, value in labels) + "}"
