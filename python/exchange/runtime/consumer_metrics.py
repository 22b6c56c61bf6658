"""What a consumer took of the event log, and how far behind it is, as metrics.

vitals.tells(families=lambda: consumer_families(consumer, events, time.time_ns))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from exchange.bus.log.interface import EventLog
from exchange.errors import ExchangeError
from exchange.observability.catalogue import METRICS
from exchange.observability.openmetrics import Family
from exchange.runtime.consumer import Consumer


def consumer_families(consumer: Consumer, events: EventLog, now_ns: Callable[[], int]) -> Iterator[Family]:
    """What a consumer took, and how far behind it is; for the thread that serves.

    Args:
        consumer: Of a service.
        events: The log, not closed before.
        now_ns: The time, ns since 1970.
    """
    service = consumer.service
    counts = {(service, intake.topic): dict(intake.counts) for intake in consumer.intakes}
    outcomes = (("taken", "taken"), ("duplicate", "duplicates"), ("behind", "behind"), ("dead", "dead"))
    yield METRICS["exchange_consumer_events"].family(
        ((*key, outcome), of.get(name, 0)) for key, of in counts.items() for outcome, name in outcomes
    )
    yield METRICS["exchange_consumer_retries"].family(
        (key, of.get("retries", 0)) for key, of in counts.items()
    )
    held = consumer.held
    yield METRICS["exchange_consumer_held"].family((key, int(key[1] in held)) for key in counts)
    lags = {}
    with suppress(ExchangeError, OSError):
        lags = {
            (service, intake.topic): lag_of(events, intake.topic, intake.done, now_ns())
            for intake in consumer.intakes
        }
    yield METRICS["exchange_consumer_lag_records"].family((key, of.records) for key, of in lags.items())
    yield METRICS["exchange_consumer_lag_events"].family((key, of.events) for key, of in lags.items())
    yield METRICS["exchange_consumer_lag_seconds"].family((key, of.seconds) for key, of in lags.items())
    yield METRICS["exchange_outbox_published"].family([((service,), consumer.publisher.published)])
    yield METRICS["exchange_outbox_held"].family([((service,), int("outbox" in held))])


@dataclass(frozen=True, slots=True)
class Lag:
    """What a consumer has not taken: records, the events in them, and the age of the oldest in seconds."""

    records: int = 0
    events: int = 0
    seconds: float = 0.0


def lag_of(events: EventLog, topic: str, offset: int, now_ns: int) -> Lag:
    """How far the end of a topic is from an offset.

    Events are counted by the numbers of the first and the last record between, where one stream has both;
    of a topic with several streams there are at least as many as are said.
    """
    end = events.extent(topic).end
    if end <= offset:
        return Lag()
    with events.reader(topic, offset) as reader:
        first = reader.read(records_max=1)
        reader.seek(end - 1)
        last = reader.read(records_max=1)
    if not first or not last:
        return Lag()
    oldest, newest = first[0].batch, last[0].batch
    count = newest.last_seq - oldest.first_seq + 1 if oldest.stream == newest.stream else end - offset
    return Lag(end - offset, max(count, 1), max(now_ns - oldest.ts_ns, 0) / 1e9)
