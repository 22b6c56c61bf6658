"""What streams did, as numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from exchange.observability.catalogue import METRICS
from exchange.observability.openmetrics import Family
from exchange.services.gateway.stream.closing import Close


class Tally:
    """One loop writes, any thread reads."""

    def __init__(self) -> None:
        self.streams = 0
        self.frames = 0
        self.bytes = 0
        self.updates = 0
        self.conflated = 0
        self.dropped = 0
        self.upstreams: Callable[[], dict[str, tuple[int, int, int]]] = dict
        """By channel the feeds that are open, their readers, and how many were ever opened."""
        self._closed: Counter[Close] = Counter()

    def wrote(self, size: int) -> None:
        """One frame of so many bytes."""
        self.frames += 1
        self.bytes += size

    def closed(self, close: Close) -> None:
        """The gateway closed one."""
        self._closed[close] += 1

    def families(self) -> Iterator[Family]:
        """As metrics."""
        yield METRICS["exchange_gateway_streams"].one(self.streams)
        found = self.upstreams()
        for place, name in enumerate(("feeds", "subscriptions", "feeds_opened")):
            yield METRICS[f"exchange_gateway_stream_{name}"].family(
                ((channel,), numbers[place]) for channel, numbers in found.items()
            )
        yield METRICS["exchange_gateway_stream_frames"].one(self.frames)
        yield METRICS["exchange_gateway_stream_bytes"].one(self.bytes)
        yield METRICS["exchange_gateway_stream_updates"].one(self.updates)
        yield METRICS["exchange_gateway_stream_conflations"].one(self.conflated)
        yield METRICS["exchange_gateway_stream_updates_dropped"].one(self.dropped)
        yield METRICS["exchange_gateway_stream_closes"].family(
            ((close.name,), count) for close, count in list(self._closed.items())
        )
