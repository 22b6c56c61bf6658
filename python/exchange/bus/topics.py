"""Every topic of the event log, in one table: who writes, its key, how long it is kept, who reads.

A topic's name is `<env>.<domain>.<stream>.v<major>`. A writer's number is its stream within event ids: it is
never given again. Services that write the same topic run in one process, for a topic has one writer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from exchange.domain.events.catalogue import DEAD_LETTERS, TRADES_STREAM
from exchange.errors import LogFault, LogRefused

_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,31}\.([a-z]+\.[a-z]+)\.v([1-9][0-9]?)")
_DAY_NS: Final = 86_400_000_000_000
_GIB: Final = 1 << 30

# Who may have dead letters: their number is 2,048 and their place here. Append only.
SERVICES: Final = (
    "gateway", "orders", "accounts", "risk", "matching", "settlement", "liquidation", "marketdata", "wallet",
    "execution", "rfq", "posttrade", "identity", "admin", "analysis", "regime", "pipeline", "inference",
    "workbench", "monitoring", "notifications", "history",
)  # fmt: skip
_DEAD_LETTER_STREAMS: Final = 1 << 11


@dataclass(frozen=True, slots=True)
class Retention:
    """How long records are kept.

    Args:
        age_ns: Older ones go when every group has them; None: they stay.
        size_max: Bytes; beyond it the oldest go, and a group that has not had them is lost.
    """

    age_ns: int | None
    size_max: int


@dataclass(frozen=True, slots=True)
class Topic:
    """One row.

    Args:
        name: `domain.stream`.
        key: What its events are keyed by.
        writers: Services that write it, each with its stream's number.
        consumers: Services that read it.
        retention: How long it is kept.
        synced: Whether an append outlives the machine when it returns. What follows from the journal need
            not: it is published again.
        major: Of its name.
    """

    name: str
    key: str
    writers: Mapping[str, int]
    consumers: tuple[str, ...]
    retention: Retention
    synced: bool = True
    major: int = 1

    def full_name(self, environment: str) -> str:
        """As the log knows it."""
        return f"{environment}.{self.name}.v{self.major}"


_WEEK: Final = Retention(7 * _DAY_NS, 4 * _GIB)
_TICKS: Final = Retention(_DAY_NS, 4 * _GIB)
_QUARTER: Final = Retention(90 * _DAY_NS, 16 * _GIB)
_FOREVER: Final = Retention(None, 4 * _GIB)


def _dead_letters(number: int, service: str) -> Topic:
    return Topic(
        f"{DEAD_LETTERS}.{service}",
        "as the original",
        {service: _DEAD_LETTER_STREAMS + number},
        ("monitoring",),
        _FOREVER,
    )


TOPICS: Final[tuple[Topic, ...]] = (
    Topic(
        "orders.lifecycle",
        "orderId",
        {"orders": 1},
        ("history", "pipeline", "notifications", "analysis"),
        _WEEK,
        synced=False,
    ),
    Topic(
        "execution.trades",
        "tradeId",
        {"matching": TRADES_STREAM, "execution": 3},
        ("settlement", "posttrade", "analysis", "marketdata", "pipeline"),
        _QUARTER,
        synced=False,
    ),
    Topic(
        "posttrade.settlement",
        "tradeId",
        {"settlement": 4, "posttrade": 5},
        ("posttrade", "marketdata", "notifications", "analysis"),
        _QUARTER,
    ),
    Topic(
        "marketdata.ticks", "instrumentId", {"marketdata": 6}, ("marketdata", "analysis", "pipeline"), _TICKS
    ),
    Topic("marketdata.books", "instrumentId", {"marketdata": 7}, ("pipeline",), _TICKS),
    Topic("marketdata.bars", "instrumentId", {"marketdata": 8}, ("analysis", "pipeline"), _WEEK),
    Topic("analytics.signals", "instrumentId", {"analysis": 9, "regime": 10}, ("pipeline",), _WEEK),
    Topic("data.pipelines", "pipelineId", {"pipeline": 11}, ("monitoring",), _WEEK),
    Topic("ml.predictions", "modelName", {"inference": 12}, ("monitoring",), _WEEK),
    Topic("ml.models", "modelName", {"workbench": 13, "inference": 14}, ("monitoring",), _WEEK),
    Topic("rfq.lifecycle", "rfqId", {"rfq": 15}, ("execution", "notifications", "analysis"), _QUARTER),
    Topic("rfq.quotes", "rfqId", {"rfq": 16}, ("rfq", "analysis"), _WEEK),
    Topic("risk.alerts", "tenantId", {"risk": 17, "liquidation": 18}, ("notifications", "admin"), _QUARTER),
    Topic("admin.changes", "entityId", {"admin": 19}, SERVICES, _FOREVER),
    Topic("admin.records", "entityId", {"admin": 20}, SERVICES, _FOREVER),
    Topic(
        "identity.changes",
        "entityId",
        {"identity": 21},
        ("notifications", "monitoring"),
        _QUARTER,
    ),
    *(_dead_letters(number, service) for number, service in enumerate(SERVICES)),
)


class TopicTable:
    """The topics of one environment.

    Args:
        environment: The first part of their names: `dev`, `staging`, `prod`.
        topics: The table.
    """

    def __init__(self, environment: str, topics: tuple[Topic, ...] = TOPICS) -> None:
        self.environment = environment
        self._topics = {topic.full_name(environment): topic for topic in topics}

    def __iter__(self) -> Iterator[str]:
        return iter(self._topics)

    def find(self, full_name: str) -> Topic:
        """The row of a topic.

        Raises:
            LogRefused: UNKNOWN_TOPIC.
        """
        topic = self._topics.get(full_name)
        if topic is None:
            form = "" if _NAME.fullmatch(full_name) else ": expected <env>.<domain>.<stream>.v<major>"
            raise LogRefused(LogFault.UNKNOWN_TOPIC, f"there is no topic {full_name!r}{form}")
        return topic

    def full_name(self, name: str) -> str:
        """What the log calls the topic `domain.stream`, in its newest major version.

        Raises:
            LogRefused: UNKNOWN_TOPIC.
        """
        found = [(topic.major, full) for full, topic in self._topics.items() if topic.name == name]
        if not found:
            raise LogRefused(LogFault.UNKNOWN_TOPIC, f"there is no topic {name!r} in the table")
        return max(found)[1]
