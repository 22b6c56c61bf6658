"""Records of any bytes: the core answers each with exactly one event, and stays sound."""

from collections import Counter

import numpy as np
import pytest

from tests.matching.adapter import event, rows
from tests.matching.core_engine import CoreEngine
from tests.matching.desk import rules
from tests.oracle import Event

RECORDS = 4_000


def is_answer(answered: Event) -> bool:
    """Whether an event answers its command, rather than following from it."""
    kind, reason = answered["kind"], answered.get("reason")
    return kind in ("accepted", "rejected", "replaced") or (
        kind == "canceled" and reason in ("requested", "replaced")
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_records_of_random_bytes_are_answered_once_each(seed: int) -> None:
    """No field values crash, hang or are silently ignored."""
    random = np.random.default_rng(seed)
    records = rows([rules()] * RECORDS)
    noise = random.integers(0, 256, (RECORDS, records.itemsize), np.uint8)
    kept = random.random((RECORDS, records.itemsize)) < random.choice((0.0, 0.5, 0.9), RECORDS)[:, None]
    raw = records.view(np.uint8).reshape(RECORDS, -1)
    np.copyto(raw, noise, where=~kept)
    records["kind"] = random.integers(0, 12, RECORDS)
    records["instrument_id"] = random.integers(0, 3, RECORDS)
    core = CoreEngine.create(8, 1_000, 10_000)
    core.apply(rules())
    events = [event(row) for row in core.engine.submit_batch(records)]
    answers = Counter(each["command_sequence"] for each in events if is_answer(each))
    assert answers == Counter(range(2, RECORDS + 2))
    assert [each["sequence"] for each in events] == list(range(2, len(events) + 2))
    core.check_invariants()
    assert CoreEngine.restore(core.snapshot()).state_hash() == core.state_hash()
