"""What was missed, read from a real event log: searched by the sequence of events."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchange.bus.log.embedded import EmbeddedLog
from exchange.bus.log.events import batch_of_rows
from exchange.bus.topics import TopicTable
from exchange.domain.enums import ExecType, OrderStatus
from exchange.schema.event_rows import ROW_DTYPES, EventList
from exchange.services.gateway.stream.feed import Key
from exchange.services.gateway.stream.missed import EVENTS_MAX, reports_between
from exchange.services.gateway.stream.tail import ORDERS_TOPIC

TOPICS = TopicTable("dev")
TOPIC = TOPICS.full_name(ORDERS_TOPIC)
ROWS = st.lists(
    st.lists(
        st.tuples(st.sampled_from([1, 2]), st.sampled_from([11, 12]), st.sampled_from(list(ExecType))),
        min_size=1,
        max_size=6,
    ),
    min_size=1,
    max_size=12,
)
NO_CHANGES = {ExecType.CANCEL_REJECTED, ExecType.DONE}


def written(directory: Path, batches: list[list[tuple[int, int, ExecType]]], first: int) -> EmbeddedLog:
    """A log with these reports: tenant, account, what happened."""
    (directory / "run").mkdir(mode=0o700, parents=True)
    log = EmbeddedLog(directory / "log", directory / "run", TOPICS)
    seq = first
    with log.writer(TOPIC) as writer:
        for at, batch in enumerate(batches, 1):
            rows = np.zeros(len(batch), ROW_DTYPES[EventList.REPORTS])
            for row, (_, account, kind) in zip(rows, batch, strict=True):
                row["account"], row["exec_type"], row["order_status"] = (
                    account,
                    int(kind),
                    int(OrderStatus.OPEN),
                )
                row["sequence"], row["event_sequence"], row["order_id"] = at, seq, seq
                seq += 1
            tenants = np.array([tenant for tenant, _, _ in batch], np.uint32)
            made = batch_of_rows(
                TOPICS.find(TOPIC), EventList.REPORTS, rows, seq - len(batch),
                epoch=1, tenants=tenants,
            )  # fmt: skip
            writer.append([made])
    return log


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(ROWS, st.integers(0, 80), st.integers(0, 80))
def test_missed_are_those_of_the_account_between_two_events(
    tmp_path_factory: pytest.TempPathFactory,
    batches: list[list[tuple[int, int, ExecType]]],
    after: int,
    more: int,
) -> None:
    """Each once, in order, of one tenant's account alone; whatever else is in the log."""
    total = sum(map(len, batches))
    after = min(after, total)
    upto = min(after + more, total)
    with written(tmp_path_factory.mktemp("log"), batches, 1) as log:
        found = reports_between(log, TOPIC, Key("orders", tenant=1, account=11), after, upto)
    every = [each for batch in batches for each in batch]
    wanted = [
        seq
        for seq, (tenant, account, kind) in enumerate(every, 1)
        if after < seq <= upto and (tenant, account) == (1, 11) and kind not in NO_CHANGES
    ]
    assert found is not None
    assert [report.event_sequence for report in found] == wanted


def test_missed_is_unknown_where_the_log_begins_later_or_it_is_too_much(tmp_path: Path) -> None:
    """Then channels begin with snapshots."""
    key = Key("orders", tenant=1, account=11)
    with written(tmp_path, [[(1, 11, ExecType.ACCEPTED)]] * 5, 1_001) as log:
        assert reports_between(log, TOPIC, key, 5, 1_003) is None
        assert reports_between(log, TOPIC, key, 1_003, 1_002) is None
        assert reports_between(log, TOPIC, key, 1_003, 1_003 + EVENTS_MAX + 1) is None
        some = reports_between(log, TOPIC, key, 1_000, 1_005)
        assert some is not None
        assert len(some) == 5
