"""What the event log holds, and how far its groups are, as metrics."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from exchange.bus.log.interface import EventLog, Extent, GroupStatus
from exchange.errors import ExchangeError
from exchange.observability.catalogue import METRICS
from exchange.observability.openmetrics import Family


def log_extent_families(events: EventLog) -> Iterator[Family]:
    """Of every topic that there is; none of one that cannot be looked at now."""
    extents: dict[str, Extent] = {}
    groups: dict[tuple[str, str], GroupStatus] = {}
    with suppress(ExchangeError, OSError):
        for topic in events.topics():
            extents[topic] = events.extent(topic)
            groups |= {(topic, group.name): group for group in events.groups(topic)}
    yield METRICS["exchange_event_log_begin_offset"].family(
        ((topic,), of.begin) for topic, of in extents.items()
    )
    yield METRICS["exchange_event_log_end_offset"].family(((topic,), of.end) for topic, of in extents.items())
    yield METRICS["exchange_event_log_size_bytes"].family(
        ((topic,), of.size) for topic, of in extents.items()
    )
    yield METRICS["exchange_event_log_group_lag_records"].family((key, of.lag) for key, of in groups.items())
    yield METRICS["exchange_event_log_group_lost"].family((key, int(of.lost)) for key, of in groups.items())
