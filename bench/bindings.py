"""What one call costs through each binding: pybind11 as it ships, and its nanobind and Cython twins.

    python bench/bindings.py [--markdown]

All three translate the same arguments with the same code to the same engine and make the same results: what
differs is how the binding takes the call apart. The calls are rejects and views, so that the engine does as
little as it can. An ordinary pybind11 method stands beside them: what the vectorcall methods of the shipped
module replace. Pinned to one core, by turns in one run; median of 5 rounds, less the empty loop.
"""

import argparse
import importlib
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

CALLS = 200_000
ROUNDS = 5
MODULES = {"pybind11, vectorcall": "cmatch", "nanobind": "_nanobind", "Cython": "_cython"}


def positional(engine: Any) -> None:
    """Submit with four arguments by place."""
    submit = engine.submit
    for _ in range(CALLS):
        submit(1, "buy", 1, 0)


def keywords(engine: Any) -> None:
    """Submit with four more by name."""
    submit = engine.submit
    for _ in range(CALLS):
        submit(1, "buy", 1, 0, account=7, order_id=9, type="limit", time_in_force="gtc")


def cancel(engine: Any) -> None:
    """Cancel an order that is not there."""
    call = engine.cancel
    for _ in range(CALLS):
        call(1, 5, account=7)


def replace(engine: Any) -> None:
    """Replace an order that is not there."""
    call = engine.replace
    for _ in range(CALLS):
        call(1, 5, qty=3, account=7)


def best(engine: Any) -> None:
    """Read the top of an empty book."""
    call = engine.best
    for _ in range(CALLS):
        call(1)


def ordinary(engine: Any) -> None:
    """Call an ordinary pybind11 method by place: set_mark, of an instrument that is not there."""
    call = engine.set_mark
    for _ in range(CALLS):
        call(2, 3)


def ordinary_keywords(engine: Any) -> None:
    """Call an ordinary pybind11 method by name."""
    call = engine.set_mark
    for _ in range(CALLS):
        call(instrument_id=2, price=3, timestamp=None)


def empty(engine: Any) -> None:
    """Loop only."""
    for _ in range(CALLS):
        pass


HOT: dict[str, Callable[[Any], None]] = {
    "submit, 4 by place": positional,
    "submit, 4 more by name": keywords,
    "cancel": cancel,
    "replace": replace,
    "best": best,
}
ORDINARY: dict[str, Callable[[Any], None]] = {
    "ordinary pybind11 method, by place": ordinary,
    "ordinary pybind11 method, by name": ordinary_keywords,
}


def engines() -> dict[str, Any]:
    """One engine of each implementation that is built, with instrument 1 defined."""
    import cmatch

    made = {}
    for name, module in MODULES.items():
        try:
            made[name] = importlib.import_module(module).Engine(max_orders=1 << 10, max_order_ids=1 << 10)
        except ModuleNotFoundError:
            sys.stderr.write(f"{name} is not built\n")
            continue
        made[name].submit_batch(cmatch.definitions(1, instrument_id=1))
    return made


def nanoseconds(call: Callable[[Any], None], engine: Any) -> float:
    """One round of one kind of call, a call."""
    start = time.perf_counter_ns()
    call(engine)
    return (time.perf_counter_ns() - start) / CALLS


def measure(made: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Kind of call -> implementation -> ns a call."""
    shipped = next(iter(made))
    plan = [(kind, name) for kind in HOT for name in made] + [(kind, shipped) for kind in ORDINARY]
    rounds: dict[tuple[str, str], list[float]] = {pair: [] for pair in plan}
    for _ in range(ROUNDS):
        for kind, name in plan:
            loop = nanoseconds(empty, made[name])
            rounds[kind, name].append(nanoseconds((HOT | ORDINARY)[kind], made[name]) - loop)
    table: dict[str, dict[str, float]] = {}
    for (kind, name), times in rounds.items():
        table.setdefault(kind, {})[name] = statistics.median(times)
    return table


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--markdown", action="store_true", help="as docs/bindings.md has it")
    markdown = parser.parse_args().markdown
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    made = engines()
    heading = ["ns a call", *made]
    rows = [
        [kind, *(f"{times[name]:.0f}" if name in times else "" for name in made)]
        for kind, times in measure(made).items()
    ]
    for number, row in enumerate([heading, *rows]):
        if markdown:
            sys.stdout.write("| " + " | ".join(row) + " |\n")
            if number == 0:
                sys.stdout.write("| --- |" + " ---: |" * len(made) + "\n")
        else:
            sys.stdout.write(f"{row[0]:36}" + "".join(f"{cell:>22}" for cell in row[1:]) + "\n")


if __name__ == "__main__":
    main()
