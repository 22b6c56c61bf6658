"""The flow of benchmarks and campaigns: which client order ids its runs have."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from cmatch.frames import CommandList, decode_commands
from exchange.bench.flow import RUN_DIGITS, Load, plan_load


def ids_of(run: int) -> set[bytes]:
    """Client order ids of a run's requests."""
    planned = plan_load(Load(1_000, 0.1, batch=10, accounts=16, run=run))
    found: set[bytes] = set()
    for row in planned.plan:
        frame = planned.arena[row["offset"] : row["offset"] + row["length"]].tobytes()
        _, kind, commands = decode_commands(frame)
        assert kind is CommandList.ORDERS
        found |= {bytes(each) for each in np.asarray(commands["client_order_id_head"])}
    return found


def test_each_request_is_sent_after_the_one_before() -> None:
    """A core that has no room for more client order ids refuses what is as old as those that it forgot."""
    planned = plan_load(Load(1_000, 0.1, batch=10, accounts=16))
    sent = []
    for row in planned.plan:
        frame = planned.arena[row["offset"] : row["offset"] + row["length"]].tobytes()
        sent += decode_commands(frame)[2]["sent_at"].tolist()
    assert len(sent) == 100
    assert all(after > before for before, after in pairwise(sent))


def test_runs_against_one_exchange_have_ids_of_their_own() -> None:
    """Hundreds of them: an id that comes again is a retry, which changes nothing."""
    runs = [ids_of(run) for run in (0, 1, 255, 256, 300, 16**RUN_DIGITS - 1)]
    assert [len(ids) for ids in runs] == [100] * len(runs)
    assert len(set().union(*runs)) == 100 * len(runs)
    for run in (-1, 16**RUN_DIGITS):
        with pytest.raises(ValueError, match=f"there is no run {run}"):
            ids_of(run)
