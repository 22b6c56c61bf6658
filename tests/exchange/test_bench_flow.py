"""The flow of benchmarks and campaigns: which client order ids its runs have."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from cmatch.enums import TimeInForce
from cmatch.frames import CommandList, decode_commands
from exchange.bench.flow import RUN_DIGITS, Load, plan_load
from exchange.domain.enums import OrderAction


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


def test_every_order_that_rests_is_cancelled_once_by_who_placed_it() -> None:
    """Across the parts in which a plan is made: half a second later, on the same socket."""
    load = Load(150_000, 1.0, batch=10, accounts=160)
    planned = plan_load(load)
    resting: dict[bytes, tuple[int, int]] = {}
    ages: set[int] = set()
    for row in planned.plan:
        frame = planned.arena[row["offset"] : row["offset"] + row["length"]].tobytes()
        for number, command in enumerate(decode_commands(frame)[2], int(row["first_request"])):
            if command["kind"] == OrderAction.CANCEL:
                account, placed = resting.pop(bytes(command["orig_client_order_id_head"]))
                assert account == command["account"]
                ages.add(number - placed)
            elif command["time_in_force"] == TimeInForce.GTC:
                resting[bytes(command["client_order_id_head"])] = (int(command["account"]), number)
            assert (command["account"] - 1) % load.sockets == row["socket"]
    lag = load.rate // 4 // 160 * 160  # a run this short cancels after a quarter of it
    assert ages == {lag}
    assert all(placed >= planned.requests - 2 * lag for _, placed in resting.values())


def test_runs_against_one_exchange_have_ids_of_their_own() -> None:
    """Hundreds of them: an id that comes again is a retry, which changes nothing."""
    runs = [ids_of(run) for run in (0, 1, 255, 256, 300, 16**RUN_DIGITS - 1)]
    assert [len(ids) for ids in runs] == [100] * len(runs)
    assert len(set().union(*runs)) == 100 * len(runs)
    for run in (-1, 16**RUN_DIGITS):
        with pytest.raises(ValueError, match=f"there is no run {run}"):
            ids_of(run)
