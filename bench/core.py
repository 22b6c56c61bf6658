"""Builds the C++ benchmark and turns the tables that it prints into Markdown."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from bench.measure import ROOT, table

_BOOKS = ("core, ns", "batch, ns", "std::map, ns", "map / core", "map / batch")
_FLOW = ("case", "resting", "instruments", *_BOOKS)
_HEADINGS = {
    "mixed": _FLOW,
    "shapes": _FLOW,
    "scales": _FLOW,
    "linear": ("case", "orders", "us", "ns an order"),
    "latency": ("operation", "count", "p50, ns", "p99, ns", "p99.9, ns", "p99.99, ns", "max, ns"),
    "memory": ("resting orders", "resident MB", "bytes an order"),
}
PARTS = tuple(_HEADINGS)


def build(program: str = "bench_core") -> Path:
    """Configures the release preset and builds one of its benchmarks; returns the program.

    Raises:
        SystemExit: CMake is missing, or the build failed; its output has been shown.
    """
    beside = Path(sys.executable).parent
    cmake = shutil.which("cmake", path=str(beside)) or shutil.which("cmake")
    if cmake is None:
        raise SystemExit("cmake is neither beside this Python nor on PATH: run .ci/setup dev first")
    arguments = ["--preset", "release", "-DCMATCH_BENCH=ON"]
    ninja = shutil.which("ninja", path=str(beside))
    if ninja is not None:
        arguments.append(f"-DCMAKE_MAKE_PROGRAM={ninja}")
    _quietly(cmake, *arguments)
    _quietly(cmake, "--build", "--preset", "release", "--target", program)
    return ROOT / "build" / "release" / program


def tables(program: Path, part: str, repeats: int) -> str:
    """Runs one of PARTS and returns its table.

    Raises:
        SystemExit: The program failed: the books did not agree, or time did not grow as the orders did.
    """
    command = [str(program), part, "--repeats", str(repeats)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise SystemExit(f"bench_core {part} failed")
    heading = _HEADINGS[part]
    rows = [re.split(r"\s{2,}", line.strip()) for line in done.stdout.splitlines()[1:] if line.strip()]
    for row in rows:
        if len(row) != len(heading):
            raise SystemExit(f"bench_core {part} printed other columns than bench/core.py knows: {row}")
    return table(heading, [[_grouped(cell) for cell in row] for row in rows])


def _grouped(cell: str) -> str:
    return f"{int(cell):,}" if cell.isdigit() else cell


def _quietly(*command: str) -> None:
    done = subprocess.run(  # noqa: S603
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        sys.stderr.write(done.stdout)
        raise SystemExit(f"{' '.join(command)} failed")
