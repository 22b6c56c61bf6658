"""The engine from Python, beside a plain Python book: pytest cases, each of which checks its answer.

    pytest bench                      measures; --benchmark-json FILE keeps machine, commit and every figure
    pytest bench --benchmark-disable  runs each case once, to see that its answer is right

Compare figures of one run only, or better read ``python -m bench python``, which takes turns.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench import operations as single
from bench.flows import WAYS, Flow, interleaved, mixed, shaped, shapes, sized
from bench.operations import Operation

OPS = 20_000
CALLS = 2_000
ROUNDS = 5

Ready = TypeVar("Ready")

OPERATIONS = {operation.name: operation for operation in single.operations(CALLS)}
SHAPES = {shape.name: shape for shape in shapes(deep=20_000)}

each_way = pytest.mark.parametrize("way", WAYS)
each_book = pytest.mark.parametrize("way", ["plain", "call"])


def measure(benchmark: BenchmarkFixture, ready: Callable[[], Ready], act: Callable[[Ready], object]) -> Ready:
    """Times ``act`` on something freshly made each round; returns the last of them, acted upon."""
    made: list[Ready] = []

    def setup() -> tuple[tuple[Ready], dict[str, Any]]:
        made[:] = [ready()]
        return (made[0],), {}

    benchmark.pedantic(act, setup=setup, rounds=ROUNDS)
    return made[0]


def run_flow(benchmark: BenchmarkFixture, way: str, flow: Flow) -> None:
    """Times one way to run a flow, and holds its trades to the plain book's."""
    benchmark.extra_info.update(way=way, ops=len(flow.ops), trades=len(flow.answer.trades))
    done = measure(benchmark, lambda: WAYS[way](flow), lambda run: run.run())
    assert flow.answer.trades
    assert done.answer() == flow.answer


def run_operation(benchmark: BenchmarkFixture, way: str, operation: Operation) -> None:
    """Times n calls of one operation, compares the books, and notes the percentiles of a call."""
    benchmark.extra_info.update(way=way, calls=len(operation.calls), question=operation.question)
    if way == "plain":
        assert operation.plain is not None
        plain, calls = operation.plain, operation.plain_calls
        book = measure(benchmark, operation.ready_plain, lambda book: single.run(plain(book), calls))
        assert single.outcome_of_plain(book) == operation.expected()
        spent = single.latencies(plain(operation.ready_plain()), calls)
    elif way == "batch":
        rows = operation.rows
        assert rows is not None
        engine = measure(benchmark, operation.ready_engine, lambda engine: engine.submit_batch(rows))
        assert single.outcome_of_engine(engine) == operation.expected()
        return
    else:
        calls = operation.calls
        engine = measure(
            benchmark, operation.ready_engine, lambda engine: single.run(operation.engine(engine), calls)
        )
        assert single.outcome_of_engine(engine) == operation.expected()
        spent = single.latencies(operation.engine(operation.ready_engine()), calls)
    benchmark.extra_info.update(zip(("p50_ns", "p99_ns", "p999_ns"), single.percentiles(spent), strict=True))


@lru_cache(maxsize=1)
def flow_of(make: Callable[..., Flow], *arguments: Any) -> Flow:
    """Makes a flow; the ways that come one after the other share it."""
    return make(*arguments)


@pytest.mark.benchmark(group="operation")
@each_way
def test_bench_operation__submit_that_rests(benchmark: BenchmarkFixture, way: str) -> None:
    """What does an order cost that joins a queue?"""
    run_operation(benchmark, way, OPERATIONS["submit that rests"])


@pytest.mark.benchmark(group="operation")
@each_way
def test_bench_operation__submit_that_trades(benchmark: BenchmarkFixture, way: str) -> None:
    """What does an order cost that takes another out of the book?"""
    run_operation(benchmark, way, OPERATIONS["submit that trades"])


@pytest.mark.benchmark(group="operation")
@each_way
def test_bench_operation__cancel(benchmark: BenchmarkFixture, way: str) -> None:
    """What does it cost to take out an order from anywhere in a queue?"""
    run_operation(benchmark, way, OPERATIONS["cancel"])


@pytest.mark.benchmark(group="operation")
@each_way
def test_bench_operation__replace(benchmark: BenchmarkFixture, way: str) -> None:
    """What does it cost to move an order to another price?"""
    run_operation(benchmark, way, OPERATIONS["replace"])


@pytest.mark.benchmark(group="operation")
@each_book
def test_bench_operation__best(benchmark: BenchmarkFixture, way: str) -> None:
    """What does it cost to read the best prices?"""
    run_operation(benchmark, way, OPERATIONS["best"])


@pytest.mark.benchmark(group="operation")
def test_bench_operation__l2_depth_10(benchmark: BenchmarkFixture) -> None:
    """What do ten levels of both sides cost as arrays?"""
    operation = OPERATIONS["l2, depth 10"]
    run_operation(benchmark, "call", operation)
    bids, asks = operation.ready_engine().l2(1, 10)
    best = operation.expected()
    assert best.bid is not None
    assert best.ask is not None
    assert bids["price"].tolist() == list(range(best.bid, best.bid - 10, -1))
    assert asks["price"].tolist() == list(range(best.ask, best.ask + 10))


@pytest.mark.benchmark(group="mixed")
@each_way
def test_bench_mixed__resting_2000(benchmark: BenchmarkFixture, way: str) -> None:
    """What does an operation cost in the flow of 58 % limits, 8 % IOC and 34 % cancels?"""
    run_flow(benchmark, way, flow_of(mixed, OPS, 2_000))


@pytest.mark.benchmark(group="shape")
@each_way
@pytest.mark.parametrize("shape", SHAPES)
def test_bench_shape__kinds_of_flow(benchmark: BenchmarkFixture, shape: str, way: str) -> None:
    """Does another kind of flow change the picture?"""
    run_flow(benchmark, way, flow_of(shaped, SHAPES[shape], OPS))


@pytest.mark.benchmark(group="scale")
@each_way
@pytest.mark.parametrize("resting", [10, 100, 1_000, 10_000, 100_000])
def test_bench_scale__resting_orders(benchmark: BenchmarkFixture, resting: int, way: str) -> None:
    """What does a large book cost?"""
    run_flow(benchmark, way, flow_of(shaped, sized(resting), OPS))


@pytest.mark.benchmark(group="scale")
@each_way
@pytest.mark.parametrize("instruments", [1, 10, 100, 1_000])
def test_bench_scale__instruments(benchmark: BenchmarkFixture, instruments: int, way: str) -> None:
    """What do many books in one engine cost?"""
    run_flow(benchmark, way, flow_of(interleaved, OPS, instruments))
