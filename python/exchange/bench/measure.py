"""One run of a load against a market: what was sent, what was answered, and how long each answer took."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from cmatch._core import LoadGenerator, ReportReader
from exchange.bench.flow import Load, plan_load
from exchange.bench.market import Market
from exchange.runtime.priority import in_realtime

PERCENTILES: Final = (50.0, 90.0, 99.0, 99.9, 99.99)


@dataclass(frozen=True)
class Measured:
    """What one run came to; times in ns.

    Args:
        load: what was asked for.
        in_flight: so many requests at most waited for an answer; 0: an open loop.
        warmup_s: of it, not counted below.
        requests: that were measured.
        percentiles: of the latency, from the time at which a request was due, by percent.
        worst: the longest latency.
        mean: the mean one.
        lateness: percentiles of how late the generator itself was.
        lost: requests without an answer.
        duplicates: answers to a request that had one.
        rate: requests answered a second, over the whole run; of a closed loop, after the warm-up.
        counts: what became of the requests.
        rejects: how often each code came.
        buckets: (highest latency, how many) of the histogram.
    """

    load: Load
    in_flight: int
    warmup_s: float
    requests: int
    percentiles: dict[float, int]
    worst: int
    mean: int
    lateness: dict[float, int]
    lost: int
    duplicates: int
    rate: float
    counts: dict[str, int]
    rejects: dict[int, int]
    buckets: list[tuple[int, int]]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def measure(
    market: Market, load: Load, warmup_s: float, realtime_priority: int = 0, in_flight: int = 0
) -> Measured:
    """Sends a load as it was planned and listens until all is answered.

    With `in_flight` no more requests than that wait for an answer, and what was not sent when the load's
    seconds are over is left out: nothing piles up, and the rate that is found is what the exchange answers,
    at most that of the load.

    With a priority this thread has it meanwhile, by SCHED_FIFO: it stands for clients on other machines, who
    wait for nobody here.
    """
    planned, warmup_ns = plan_load(load), int(warmup_s * 1e9)
    reader = ReportReader()
    generator = LoadGenerator([socket.underlying for socket in market.sockets], owner=market.sockets)
    with in_realtime(realtime_priority):
        generator.run(
            planned.plan,
            planned.arena,
            reader,
            measure_from_ns=warmup_ns,
            linger_ns=5_000_000_000,
            in_flight=in_flight,
            stop_ns=int(load.seconds * 1e9) if in_flight else 0,
        )
    counts = generator.counts
    latency, lateness = generator.latency, generator.lateness
    answered, spent_ns = counts["answered"], counts["elapsed_ns"]
    if in_flight:
        answered, spent_ns = latency.count, spent_ns - warmup_ns
    return Measured(
        load=load,
        in_flight=in_flight,
        warmup_s=warmup_s,
        requests=latency.count,
        percentiles={p: latency.percentile(int(p * 10_000)) for p in PERCENTILES},
        worst=latency.max,
        mean=latency.sum // max(1, latency.count),
        lateness={p: lateness.percentile(int(p * 10_000)) for p in PERCENTILES},
        lost=counts["lost"],
        duplicates=counts["duplicates"],
        rate=answered / max(1, spent_ns) * 1e9,
        counts={name: int(str(count)) for name, count in reader.counts.items()},
        rejects=dict(reader.rejects),
        buckets=list(latency.buckets()),
    )
