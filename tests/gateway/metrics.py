"""What the processes of an exchange say of themselves, as numbers."""

from __future__ import annotations

import re

from tests.exchange.running import Up, fetch


def lines(up: Up, part: str) -> list[str]:
    """Samples of metrics whose name has this in it, as they are told, of all processes."""
    page = fetch(up.announcement()["endpoints"]["metrics"]).decode()
    return [line for line in page.splitlines() if part in line and not line.startswith("#")]


def sample(up: Up, metric: str, /, **labels: str) -> float:
    """The sum of a metric's samples that have these labels, of all processes; 0 where there are none."""
    total = 0.0
    for line in fetch(up.announcement()["endpoints"]["metrics"]).decode().splitlines():
        found = re.fullmatch(rf"{metric}(?:_total)?(?:\{{(.*)\}})? ([0-9.e+-]+)", line)
        if found and all(f'{key}="{value}"' in (found[1] or "") for key, value in labels.items()):
            total += float(found[2])
    return total
