"""``python -m bench``: every table of docs/benchmarks.md, side by side in one run, pinned to one core."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from bench import bindings, core, exchange, operations, peers
from bench.flows import WAYS, Flow, interleaved, mixed, nanoseconds, shaped, shapes, sized
from bench.measure import Spread, machine, quiet_core, ratio, table, take_turns

Sections = Iterator[tuple[str, str]]  # marker in the document, Markdown

_NAMES = {"plain": "plain Python book", "call": "cmatch, one call an operation", "batch": "cmatch, batches"}
_CALLS = 20_000


def core_sections(repeats: int) -> Sections:
    """The C++ tables."""
    program = core.build()
    yield (
        "core",
        "\n\n".join(core.tables(program, part, repeats) for part in ("mixed", "shapes", "scales", "linear")),
    )
    yield "latency", core.tables(program, "latency", repeats)
    yield "memory", core.tables(program, "memory", repeats)


def python_sections(repeats: int) -> Sections:
    """The engine from Python beside the plain Python book."""
    flow = mixed(300_000)
    figures = _figures(flow, repeats)
    rows = [
        [
            name,
            Spread.of(figures[way]).show(),
            f"{1e3 / Spread.of(figures[way]).middle:.1f}",
            ratio(figures["plain"], figures[way]).show(1),
        ]
        for way, name in _NAMES.items()
    ]
    yield "python", table(["mixed flow", "ns an operation", "million a second", "times plain"], rows)
    yield "python-operations", _operations(repeats)
    kinds = [shaped(shape, 100_000) for shape in shapes(deep=100_000)]
    yield "python-shapes", _flows(kinds, repeats)
    sizes = [shaped(sized(resting), 100_000) for resting in (10, 100, 1_000, 10_000, 100_000)]
    sizes += [interleaved(100_000, instruments) for instruments in (1, 10, 100, 1_000)]
    yield "python-scales", _flows(sizes, repeats)


def _figures(flow: Flow, repeats: int) -> dict[str, list[float]]:
    return take_turns(repeats, {name: partial(nanoseconds, way, flow) for name, way in WAYS.items()})


def _flows(flows: list[Flow], repeats: int) -> str:
    rows = []
    for flow in flows:
        figures = _figures(flow, repeats)
        middles = [f"{Spread.of(figures[way]).middle:,.0f}" for way in WAYS]
        ratios = [ratio(figures["plain"], figures[way]).show(1) for way in ("call", "batch")]
        rows.append([flow.name, f"{len(flow.answer.trades):,}", *middles, *ratios])
    heading = [
        "flow",
        "trades",
        "plain, ns",
        "call, ns",
        "batch, ns",
        "call: times plain",
        "batch: times plain",
    ]
    return table(heading, rows)


def _operations(repeats: int) -> str:
    rows = []
    for operation in operations.operations(_CALLS):
        expected = operation.expected()
        plain, single, batch = [], [], []
        with quiet_core():
            for _ in range(repeats):
                engine = operation.ready_engine()
                single.append(operations.latencies(operation.engine(engine), operation.calls))
                assert operations.outcome_of_engine(engine) == expected, operation.name
                if operation.plain is not None:
                    call = operation.plain(operation.ready_plain())
                    plain.append(operations.latencies(call, operation.plain_calls))
                if operation.rows is not None:
                    engine = operation.ready_engine()
                    batch.append(operations.time_batch(engine, operation.rows))
                    assert operations.outcome_of_engine(engine) == expected, operation.name
        cells = [f"{Spread.of(batch).middle:,.0f}" if batch else "-"]
        for latencies in (single, plain):
            columns = zip(*(operations.percentiles(spent) for spent in latencies), strict=True)
            found = [f"{Spread.of(column).middle:,.0f}" for column in columns]
            cells += found or ["-"] * 3
        rows.append([operation.name, *cells])
    heading = ["ns a call", "batch, mean", "p50", "p99", "p99.9", "plain p50", "plain p99", "plain p99.9"]
    return table(heading, rows)


def bindings_sections(_: int) -> Sections:
    """One call through each binding."""
    with quiet_core():
        made = bindings.engines()
        times = bindings.measure(made)
    rows = [
        [kind, *(f"{of[name]:.0f}" if name in of else "-" for name in made)] for kind, of in times.items()
    ]
    yield "bindings", table(["ns a call", *made], rows)


def peers_sections(repeats: int) -> Sections:
    """The books that pip installs, as far as they are here."""
    flow = mixed(50_000)
    reduced = peers.without_cancels(flow)
    plan: list[tuple[str, str, type[peers.Peer], Flow]] = []  # name, remark, peer, flow that it does right
    left_out: list[list[str]] = []
    for peer in peers.MATCHERS:
        release = peers.installed(peer.package)
        if release is None:
            left_out.append([peer.package, "not installed: pip install -r bench/peers.txt", "", ""])
            continue
        name = f"{peer.package} {release}"
        wrong = peers.verdict(peer, flow)
        if wrong is None:
            plan.append((name, peer.remark, peer, flow))
            continue
        again = peers.verdict(peer, reduced)
        if again is None:
            plan.append(
                (name, f"timed without the cancels; with them: {wrong}; {peer.remark}", peer, reduced)
            )
        else:
            left_out.append([name, f"not timed: {wrong}; without the cancels: {again}", "", ""])
    ways: dict[str, Callable[[], float]] = {
        name: partial(peers.nanoseconds, peer, of) for name, _, peer, of in plan
    }
    for of in (flow, reduced):
        ways |= {f"{way}: {of.name}": partial(nanoseconds, run, of) for way, run in WAYS.items()}
    figures = take_turns(repeats, ways)
    rows = [
        _peer_row(name, f"flow: {of.name}", figures[f"{way}: {of.name}"], figures[f"call: {of.name}"])
        for of in (flow, reduced)
        for way, name in _NAMES.items()
    ]
    rows += [
        _peer_row(name, remark, figures[name], figures[f"call: {of.name}"]) for name, remark, _, of in plan
    ]
    yield (
        "peers",
        table(
            ["book", "what to know", "ns an operation", "times one call of cmatch"],
            [*rows, _levels_row(flow, repeats), *left_out],
        ),
    )


def _levels_row(flow: Flow, repeats: int) -> list[str]:
    release = peers.installed("order-book")
    if release is None:
        return ["order-book", "not installed: pip install -r bench/peers.txt", "", ""]
    updates = take_turns(repeats, {"updates": peers.level_updates(flow)})["updates"]
    remark = "matches nothing, a sorted dict of levels: ns a level update, the trades being given"
    return [f"order-book {release}", remark, Spread.of(updates).show(), ""]


def _peer_row(name: str, remark: str, times: list[float], call: list[float]) -> list[str]:
    return [name, remark, Spread.of(times).show(), ratio(times, call).show(1)]


def exchange_sections(repeats: int) -> Sections:
    """A whole exchange, on all processors: latency, throughput, recovery."""
    yield "exchange-latency", exchange.latencies(10, repeats)
    yield "exchange-most", exchange.most(repeats)
    yield "exchange-recovery", exchange.recovery(core.build("bench_venue"), repeats)


SECTIONS: dict[str, Callable[[int], Sections]] = {
    "core": core_sections,
    "python": python_sections,
    "bindings": bindings_sections,
    "peers": peers_sections,
    "exchange": exchange_sections,
}


def put(document: Path, marker: str, text: str) -> None:
    """Replaces what lies between ``<!-- bench:marker -->`` and ``<!-- end -->`` in a document.

    Raises:
        SystemExit: The document has no such marks.
    """
    begin, end = f"<!-- bench:{marker} -->", "<!-- end -->"
    old = document.read_text()
    found = re.search(re.escape(begin) + ".*?" + re.escape(end), old, re.DOTALL)
    if found is None:
        raise SystemExit(f"{document} has no {begin} ... {end}")
    document.write_text(old[: found.start()] + f"{begin}\n{text}\n{end}" + old[found.end() :])


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "part", nargs="?", choices=[*SECTIONS, "all"], default="all", help="which tables (all)"
    )
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="rounds; the median counts (5)")
    parser.add_argument(
        "--markdown",
        type=Path,
        metavar="FILE",
        help="also put the tables between their marks in this document",
    )
    options = parser.parse_args()
    if options.repeats < 1:
        parser.error("--repeats must be at least 1")
    for name in SECTIONS if options.part == "all" else [options.part]:
        for marker, text in SECTIONS[name](options.repeats):
            block = f"{machine()}; {options.repeats} rounds\n\n{text}"
            sys.stdout.write(f"\n{marker}: {block}\n")
            sys.stdout.flush()
            if options.markdown:
                put(options.markdown, marker, block)


if __name__ == "__main__":
    main()
