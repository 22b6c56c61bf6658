"""What became of the orders that our queue named instead of the venue's maker."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cmatch.replay.effects import EffectKind, Records
from cmatch.replay.flow import Miss
from cmatch.replay.times import duration

_WORDS = {
    EffectKind.ADD: "came again",
    EffectKind.SET: "was changed",
    EffectKind.REDUCE: "was reduced",
    EffectKind.DELETE: "was canceled",
    EffectKind.FILL: "was executed",
    EffectKind.CONFIRM: "was executed",
}


def tell_sequels(misses: list[Miss], effects: Records) -> list[Miss]:
    """The same list, with the next thing that the tape says of each `front`."""
    fronts = np.array(sorted({miss.front for miss in misses if miss.front}), np.uint64)
    places = np.flatnonzero(np.isin(effects["order_id"], fronts))
    told: dict[int, list[int]] = {}
    for place in places.tolist():
        told.setdefault(int(effects["order_id"][place]), []).append(place)
    return [replace(miss, sequel=_sequel(miss, told.get(miss.front, []), effects)) for miss in misses]


def _sequel(miss: Miss, places: list[int], effects: Records) -> str:
    if not miss.front:
        return ""
    for place in places:
        if effects["position"][place] > miss.position:
            kind = EffectKind(int(effects["kind"][place]))
            gone = kind is EffectKind.SET and effects["qty"][place] <= 0
            words = "was canceled" if gone else _WORDS[kind]
            later = int(effects["timestamp"][place]) - miss.timestamp
            return f"{words} {duration(later)} later" if later else f"{words} at the same time"
    return "is not heard of again"
