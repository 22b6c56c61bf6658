"""Hot frames beside JSON as pytest cases, each of which checks its answer: see also bench/wire.py."""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench import wire

each_subject = pytest.mark.parametrize("what", wire.subjects(10), ids=lambda what: str(what.name))


@pytest.mark.req("E008")
@each_subject
@pytest.mark.benchmark(group="wire")
def test_bench_wire__json(benchmark: BenchmarkFixture, what: wire.Subject) -> None:
    """What does a message of 10 cost as JSON?"""
    assert benchmark(wire.as_json, what) == what.dicts


@pytest.mark.req("E008")
@each_subject
@pytest.mark.benchmark(group="wire")
def test_bench_wire__tuples(benchmark: BenchmarkFixture, what: wire.Subject) -> None:
    """And as a frame, from tuples to tuples?"""
    rows = what.rows()
    assert benchmark(wire.as_tuples, what, rows) == rows


@pytest.mark.req("E008")
@each_subject
@pytest.mark.benchmark(group="wire")
def test_bench_wire__arrays(benchmark: BenchmarkFixture, what: wire.Subject) -> None:
    """And as a frame, from an array to an array?"""
    assert benchmark(wire.as_arrays, what).tobytes() == what.records.tobytes()


@pytest.mark.req("E008")
@each_subject
def test_frame_is_less_than_half_of_the_json(what: wire.Subject) -> None:
    """Bytes are no matter of the machine."""
    text, binary = wire.sizes(what)
    assert 2 * binary < text
